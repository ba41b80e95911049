//! The beginning of a flow: the first turn, the speed that others are measured by, the step.

use super::State;
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::flow::{FirstTurn, Flow, Metric, Rotation, Trajectory, Turning, langevin, rotation};
use crate::linalg;
use crate::measure::Measure;
use crate::mobility::Mobility;
use crate::solve::{Observer, Status};

impl Turning {
    pub(super) fn of(flow: &Flow, energy: &dyn Energy) -> Self {
        match (flow.metric, energy.rotation_invariant(), flow.rotation) {
            (Metric::W2, ..) | (_, true, _) => Turning::Invariant,
            (_, false, Rotation::Free) => Turning::Free,
            (_, false, Rotation::Fixed) => Turning::Fixed,
        }
    }
}

impl State<'_> {
    /// The trajectory before its first frame.
    pub(super) fn nothing_yet(
        flow: &Flow,
        rho: &Measure,
        energy: &dyn Energy,
        turning: Turning,
    ) -> Trajectory {
        let mut points = Vec::new();
        if flow.steps.is_some() || flow.frame_times.is_some() {
            // growing would take half as much again; where there is no room for all of them at once it may do without
            let _ = points.try_reserve_exact(flow.frames_expected().saturating_mul(rho.points().len()));
        }
        Trajectory {
            n: rho.len(),
            d: rho.dim(),
            times: Vec::new(),
            points,
            weights: rho.weights().to_vec(),
            energies: Vec::new(),
            second_moments: Vec::new(),
            beyond_step: Vec::new(),
            status: Status::Completed,
            log: Vec::new(),
            rejected: 0,
            frames_missed: 0,
            first_turn: None,
            mirror_gain: 0.0,
            step: flow.step.unwrap_or(0.0),
            metric: flow.metric,
            scheme: flow.scheme,
            rotation: (flow.metric == Metric::Igw && turning != Turning::Invariant).then_some(flow.rotation),
            energy: energy.name(),
            diffusion: energy.diffusion(),
            quadratic_form: energy.quadratic_form(rho.dim()),
            regular: Vec::new(),
            regular_errors: Vec::new(),
        }
    }

    pub(super) fn first_turn(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let Some(found) = rotation::search(&mut self.energy, &self.x, self.flow.seed, observer)? else {
            self.status = Some(Status::Interrupted);
            return Ok(());
        };
        self.out.mirror_gain = found.mirror_gain * self.units.energy;
        self.out.first_turn = Some(self.units.restore_turn(FirstTurn {
            angle: linalg::rotation_angle(&found.rotation, self.x.dim())?,
            energy_before: self.value,
            energy_after: found.value,
            rotation: found.rotation,
            converged: found.converged,
        }));
        self.x = found.cloud;
        self.value = found.value;
        self.gradient = found.gradient;
        Ok(())
    }

    /// ⟨v, L v⟩ = ⟨∇δF, L⁻¹ ∇δF⟩ at the current point; `singular` when there is no L⁻¹.
    pub(super) fn measure_speed(&mut self) -> Result<()> {
        let (w, d) = (self.x.weights(), self.x.dim());
        if self.flow.metric == Metric::W2 {
            self.speed_squared = linalg::weighted_dot(w, &self.gradient, &self.gradient, d);
        } else {
            let mobility = Mobility::new(&self.x, self.flow.floor)?;
            let spectrum = mobility.spectrum();
            let (largest, smallest) = (spectrum[0], spectrum[spectrum.len() - 1]);
            self.least_eigenvalue = smallest;
            if self.out.log.is_empty() {
                self.first_eigenvalue = largest;
            } else if smallest <= self.flow.floor * self.first_eigenvalue {
                // the cloud as a whole has shrunk to nothing
                self.status = Some(Status::Singular);
                return Ok(());
            }
            match mobility.inverse(&self.gradient) {
                Ok(inverse) => {
                    self.speed_squared = linalg::weighted_dot(w, &self.gradient, &inverse.velocity, d);
                    self.skew = if self.turning == Turning::Invariant { 0.0 } else { inverse.skew };
                }
                Err(Error::Singular { .. }) => self.status = Some(Status::Singular),
                Err(other) => return Err(other),
            }
        }
        if !self.speed_squared.is_finite() {
            let index = format!("step {}", self.out.log.len());
            return Err(Error::NotFinite {
                argument: "metric speed".into(),
                index,
                value: self.speed_squared,
            });
        }
        if self.out.log.is_empty() {
            self.first_speed = self.speed_squared.max(0.0).sqrt();
        }
        Ok(())
    }

    /// The metric length of a first step that is chosen: 0.05 |Σ| (IGW), 0.05 of the rms radius (W2).
    pub(super) fn typical_length(&self) -> f64 {
        match self.flow.metric {
            Metric::Igw => 0.05 * linalg::norm(&self.x.second_moment()),
            Metric::W2 => 0.05 * self.x.rms_radius(),
        }
    }

    pub(super) fn choose_step(&mut self) -> Result<()> {
        let length = self.typical_length();
        let diffusive = self.diffusive_step();
        if self.status.is_none() && diffusive.is_infinite() && self.is_critical(length)? {
            self.status = Some(Status::Converged);
        }
        self.tau = match self.flow.step {
            Some(tau) => tau,
            None if self.first_speed > 0.0 => (length / self.first_speed).min(diffusive) * self.units.time,
            None if diffusive.is_finite() => diffusive * self.units.time,
            None => 0.0,
        };
        self.out.step = self.tau;
        let least = self.flow.time.map_or(0.0, |t| f64::EPSILON * t);
        if self.status.is_none() && !(self.tau > least && self.tau.is_finite()) {
            let (tau, end) = (self.tau, self.flow.time.unwrap_or(0.0));
            return Err(match self.flow.step {
                None if self.tau.is_finite() && self.tau > 0.0 => {
                    let most = tau / f64::EPSILON;
                    Error::option(
                        "time",
                        format!("{end:e}"),
                        format!("at most {most:e} for the step chosen, {tau:e}"),
                    )
                }
                _ => Error::option("step", tau, format!("a number above {least:e}, so that time advances")),
            });
        }
        if self.flow.steps == Some(0) {
            self.status = self.status.or(Some(Status::Completed));
        }
        Ok(())
    }

    /// The longest step chosen for a diffusion, in units: 0.03 λ_min² / a (IGW: the noise is stiff where Σ is small), or
    /// that of a kick of 0.05 of the rms radius (W2); infinite without diffusion.
    pub(super) fn diffusive_step(&self) -> f64 {
        let (a, d) = (self.out.diffusion / self.units.energy, self.x.dim());
        if a == 0.0 {
            return f64::INFINITY;
        }
        match self.flow.metric {
            Metric::W2 => (0.05 * self.x.rms_radius()).powi(2) / (2.0 * a * d as f64),
            Metric::Igw => langevin::SHARE * self.least_eigenvalue.powi(2) / a,
        }
    }

    /// Is the gradient zero to rounding? The energy that a move of metric length `length` would gain to
    /// first order is held against what the energy changes by when the cloud grows by a tenth.
    fn is_critical(&mut self, length: f64) -> Result<bool> {
        if self.first_speed == 0.0 {
            return Ok(true);
        }
        if length == 0.0 {
            // a cloud at the origin has no size to measure a move by
            return match self.flow.step {
                Some(_) => Ok(false),
                None => Err(Error::option(
                    "step",
                    "none",
                    "a number: the cloud lies at the origin and sets no step",
                )),
            };
        }
        let grown = self.x.with_points(self.x.points().iter().map(|x| 1.1 * x).collect())?;
        let typical = (self.energy.value(&grown)? - self.value).abs();
        Ok(self.first_speed * length <= 1e-12 * typical)
    }
}
