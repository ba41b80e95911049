//! A flow between two steps.

use super::explicit::Method;
use super::implicit::{self, Setting};
use super::units::{Scaled, Units, check_scale};
use super::{DEFAULT_STEPS, FirstTurn, Flow, Metric, Rotation, SCALES, StepLog, Trajectory, Turning};
use super::{explicit, labels, rotation};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::minimise::Stop;
use crate::mobility::Mobility;
use crate::ot::Basis;
use crate::solve::{Event, Observer, Status};

/// The curvature along rotations is renewed after this many steps, or after a slow one.
const CURVATURE_STEPS: usize = 10;
const SLOW_STEP: usize = 10;

/// Errors: an energy or a gradient that is not a number, or beyond the range of doubles.
fn check_finite(value: f64, gradient: &[f64]) -> Result<()> {
    let bad = |argument: &str, index: usize, value: f64| match value.is_nan() {
        true => Error::NotFinite { argument: argument.into(), index: index.to_string(), value },
        false => Error::Scale { argument: argument.into(), scale: value, range: "of doubles" },
    };
    if !value.is_finite() {
        return Err(bad("energy", 0, value));
    }
    match gradient.iter().position(|g| !g.is_finite()) {
        Some(k) => Err(bad("gradient of the energy", k, gradient[k])),
        None => Ok(()),
    }
}

/// A flow under way; [`Flow::solve`] is the loop around it.
pub struct State<'a> {
    flow: &'a Flow,
    energy: Scaled<'a>,
    units: Units,
    turning: Turning,
    /// Cloud, energy and gradient in units.
    x: Measure,
    value: f64,
    gradient: Vec<f64>,
    /// Not in units.
    time: f64,
    tau: f64,
    /// Speed, torque and first-step residual of the current point.
    speed_squared: f64,
    skew: f64,
    first_speed: f64,
    first_residual: f64,
    /// Largest eigenvalue of Σ at the start.
    first_eigenvalue: f64,
    curvature: Option<(Vec<f64>, usize)>,
    basis: Option<Basis>,
    out: Trajectory,
    status: Option<Status>,
    framed: usize,
}

impl<'a> State<'a> {
    /// Turns the cloud first where the orientation is free. Errors: as [`Flow::solve`].
    pub fn new(
        flow: &'a Flow,
        rho: &Measure,
        energy: &'a mut dyn Energy,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        flow.check()?;
        crate::energy::check_dim(energy, rho)?;
        check_scale(rho, 1.0, SCALES.0)?;
        let turning = match (flow.metric, energy.rotation_invariant(), flow.rotation) {
            (Metric::W2, ..) | (_, true, _) => Turning::Invariant,
            (_, false, Rotation::Free) => Turning::Free,
            (_, false, Rotation::Fixed) => Turning::Fixed,
        };
        let (n, d) = (rho.len(), rho.dim());
        let mut gradient = vec![0.0; n * d];
        let prepared = energy.prepare(rho, observer)?;
        let value = energy.value_and_gradient(rho, &mut gradient)?;
        check_finite(value, &gradient)?;
        let units = Units::new(rho, &gradient, flow.metric)?;
        units.reduce_gradient(&mut gradient);
        let x = units.reduce(rho);
        let out = Trajectory {
            n,
            d,
            times: Vec::new(),
            points: Vec::new(),
            weights: rho.weights().to_vec(),
            energies: Vec::new(),
            second_moments: Vec::new(),
            status: Status::Completed,
            log: Vec::new(),
            first_turn: None,
            mirror_gain: 0.0,
            step: flow.step.unwrap_or(0.0),
            metric: flow.metric,
            scheme: flow.scheme,
            rotation: (flow.metric == Metric::Igw && turning != Turning::Invariant).then_some(flow.rotation),
            energy: energy.name(),
        };
        let mut state = State {
            flow,
            energy: Scaled::new(energy, units, x.clone()),
            units,
            turning,
            x,
            value: value / units.energy,
            gradient,
            time: 0.0,
            tau: 0.0,
            speed_squared: 0.0,
            skew: 0.0,
            first_speed: 0.0,
            first_residual: 0.0,
            first_eigenvalue: 0.0,
            curvature: None,
            basis: None,
            out,
            status: prepared.is_break().then_some(Status::Interrupted),
            framed: 0,
        };
        state.frame();
        // the first frame is the cloud given, to the bit
        state.out.points.copy_from_slice(rho.points());
        if turning == Turning::Free && state.status.is_none() {
            state.first_turn(observer)?;
        }
        state.measure_speed()?;
        state.choose_step()?;
        state.energy.evaluations = 0;
        Ok(state)
    }

    /// How the flow stopped; `None` while it runs.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// The cloud now; a copy, O(n d).
    pub fn cloud(&self) -> Measure {
        self.x.moved(self.restored_points().collect())
    }

    fn restored_points(&self) -> impl Iterator<Item = f64> {
        self.x.points().iter().map(|x| x * self.units.length)
    }

    /// Steps, time and energy, for observers.
    pub fn event(&self) -> Event {
        let total = match (self.flow.steps, self.flow.time) {
            (Some(steps), _) => Some(steps),
            (_, Some(time)) => Some((time / self.tau).ceil() as usize),
            _ => None,
        };
        Event::new(self.out.log.len(), total, self.time, self.value * self.units.energy)
    }

    /// Ends the flow with [`Status::Interrupted`].
    pub fn interrupt(&mut self) {
        self.status = self.status.or(Some(Status::Interrupted));
    }

    fn first_turn(&mut self, observer: &mut dyn Observer) -> Result<()> {
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
    fn measure_speed(&mut self) -> Result<()> {
        let (w, d) = (self.x.weights(), self.x.dim());
        if self.flow.metric == Metric::W2 {
            self.speed_squared = linalg::weighted_dot(w, &self.gradient, &self.gradient, d);
        } else {
            let mobility = Mobility::new(&self.x, self.flow.floor)?;
            let spectrum = mobility.spectrum();
            let (largest, smallest) = (spectrum[0], spectrum[spectrum.len() - 1]);
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

    fn choose_step(&mut self) -> Result<()> {
        let length = match self.flow.metric {
            Metric::Igw => 0.05 * linalg::norm(&self.x.second_moment()),
            Metric::W2 => 0.05 * self.x.rms_radius(),
        };
        if self.status.is_none() && self.is_critical(length)? {
            self.status = Some(Status::Converged);
        }
        self.tau = match self.flow.step {
            Some(tau) => tau,
            None if self.first_speed > 0.0 => length / self.first_speed * self.units.time,
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

    /// One step, if the flow still runs.
    pub fn step(&mut self) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let tau = match self.flow.time {
            Some(end) if end - self.time < self.tau * (1.0 + 1e-9) => end - self.time,
            _ => self.tau,
        };
        let in_units = tau / self.units.time;
        let log = match Method::of(self.flow.scheme) {
            None => self.implicit(in_units),
            Some(method) => self.explicit(&method, in_units).map(Some),
        };
        if let Some(status) = log.as_ref().err().and_then(|e| explicit::stopped(e, self.flow.scheme)) {
            self.status = Some(status);
            return Ok(());
        }
        let Some(log) = log? else {
            // nothing was gained: the step is not taken, and time does not advance
            self.status = Some(Status::Stalled);
            return Ok(());
        };
        self.time = match self.flow.time {
            Some(end) if tau < self.tau || end - self.time <= tau => end,
            _ => self.time + tau,
        };
        let evaluations = std::mem::take(&mut self.energy.evaluations);
        let log = self.units.restore_log(log);
        self.out.log.push(StepLog { time: self.time, tau, evaluations, ..log });
        match self.measure_speed() {
            // the cloud and its energy are in range, and the way on from there is not
            Err(Error::NotFinite { .. } | Error::Scale { .. } | Error::LinearAlgebra { .. }) => {
                self.status = Some(Status::Stalled);
            }
            other => other?,
        }
        self.after_step();
        let done = self.out.log.len();
        if done.is_multiple_of(self.flow.every) {
            self.frame();
        }
        Ok(())
    }

    fn after_step(&mut self) {
        if self.status.is_some() {
            return;
        }
        let done = self.out.log.len();
        let open_end = self.flow.steps.is_none() && self.flow.time.is_none();
        if open_end && self.speed_squared.max(0.0).sqrt() <= self.flow.tol * self.first_speed {
            self.status = Some(Status::Converged);
        } else if self.flow.steps.is_some_and(|s| done >= s)
            || self.flow.time.is_some_and(|t| self.time >= t)
            || (open_end && done >= DEFAULT_STEPS)
        {
            self.status = Some(Status::Completed);
        }
    }

    /// `None` when nothing was gained: no iteration succeeded, or F + D² / (2 τ) came out above F (an
    /// energy that follows a local optimum may lose it in a long step).
    fn implicit(&mut self, tau: f64) -> Result<Option<StepLog>> {
        self.renew_curvature()?;
        let (w, d) = (self.x.weights(), self.x.dim());
        let reach = linalg::weighted_dot(w, &self.gradient, &self.gradient, d).sqrt() * self.x.rms_radius();
        let setting = Setting {
            metric: self.flow.metric,
            turning: self.turning,
            tau,
            floor: self.flow.floor,
            stop: Stop {
                relative: self.flow.inner_tol,
                floor: 64.0 * f64::EPSILON * self.first_residual,
                iterations: self.flow.max_inner,
                value_scale: self.value.abs() + reach,
            },
            curvature: self.curvature.as_ref().map(|c| c.0.as_slice()),
        };
        let moved = implicit::step(&mut self.energy, &self.x, self.value, &self.gradient, &setting)?;
        let outcome = moved.outcome;
        if self.out.log.is_empty() {
            self.first_residual = outcome.start_residual;
        }
        let log = StepLog {
            iterations: outcome.iterations,
            residual: if outcome.start_residual > 0.0 {
                outcome.residual / outcome.start_residual
            } else {
                0.0
            },
            converged: outcome.converged,
            angle: moved.angle,
            ..self.entry(tau, moved.value, moved.penalty)
        };
        let nothing = !log.converged && log.iterations == 0;
        if nothing || log.inequality < -1e-10 * (self.value.abs() + reach) {
            return Ok(None);
        }
        self.advance(moved.points, moved.value, moved.gradient, log).map(Some)
    }

    fn renew_curvature(&mut self) -> Result<()> {
        if self.turning != Turning::Free || self.x.dim() == 1 {
            return Ok(());
        }
        let slow = self.out.log.last().is_some_and(|s| s.iterations > SLOW_STEP);
        let stale = self.curvature.as_ref().is_none_or(|c| c.1 >= CURVATURE_STEPS || (slow && c.1 > 0));
        if stale {
            self.curvature = Some((rotation::curvature(&mut self.energy, &self.x, &self.gradient)?, 0));
        }
        if let Some(c) = &mut self.curvature {
            c.1 += 1;
        }
        Ok(())
    }

    fn explicit(&mut self, method: &Method, tau: f64) -> Result<StepLog> {
        let d = self.x.dim();
        let mut field = explicit::Field {
            energy: &mut self.energy,
            metric: self.flow.metric,
            turning: self.turning,
            floor: self.flow.floor,
            orientation: linalg::identity(d),
            oriented: true,
        };
        let first =
            explicit::Stage { cloud: self.x.clone(), value: self.value, gradient: self.gradient.clone() };
        let velocity = field.velocity(&self.x, &first)?;
        let z = method.step(&mut field, &self.x, velocity, tau)?;
        let end = field.stage(&z)?;
        end.check(self.units.length)?;
        let oriented = field.oriented;
        let angle = linalg::rotation_angle(&field.orientation, d)?;
        let moved_squared = self.moved_squared(end.cloud.points())?;
        let log = StepLog { converged: oriented, angle, ..self.entry(tau, end.value, moved_squared) };
        self.advance(end.cloud.points().to_vec(), end.value, end.gradient, log)
    }

    /// The log of a step from the current point to energy `energy`, without what a solver adds; time and
    /// evaluations are filled in when it is taken.
    fn entry(&self, tau: f64, energy: f64, moved_squared: f64) -> StepLog {
        StepLog {
            time: 0.0,
            tau,
            energy,
            speed_squared: self.speed_squared,
            rate: (energy - self.value) / tau,
            moved_squared,
            inequality: self.value - energy - moved_squared / (2.0 * tau),
            iterations: 0,
            evaluations: 0,
            residual: 0.0,
            converged: true,
            skew: self.skew,
            angle: 0.0,
            relabelled: None,
            label_loss: 0.0,
        }
    }

    fn moved_squared(&self, y: &[f64]) -> Result<f64> {
        let (w, d) = (self.x.weights(), self.x.dim());
        match self.flow.metric {
            Metric::Igw => crate::igw::align::labelled(w, self.x.points(), y, d),
            Metric::W2 => Ok(implicit::displacement(w, self.x.points(), y, d)),
        }
    }

    /// Takes the new point, after a look at its labels.
    fn advance(
        &mut self,
        points: Vec<f64>,
        value: f64,
        gradient: Vec<f64>,
        mut log: StepLog,
    ) -> Result<StepLog> {
        let d = self.x.dim();
        let y = self.x.with_points(points)?;
        let (mut y, mut gradient) = (y, gradient);
        if self.x.len() <= labels::LIMIT {
            let found = labels::check(&self.x, &y, self.flow.metric, self.basis.take())?;
            self.basis = Some(found.basis);
            log.relabelled = Some(0);
            log.label_loss = found.loss;
            if let Some(order) = found.order {
                log.relabelled = Some(order.iter().enumerate().filter(|(i, j)| i != *j).count());
                log.label_loss = 0.0;
                let pick = |a: &[f64]| -> Vec<f64> {
                    order.iter().flat_map(|&j| a[j * d..(j + 1) * d].iter().copied()).collect()
                };
                gradient = pick(&gradient);
                y = y.moved(pick(y.points()));
                log.moved_squared = self.moved_squared(y.points())?;
                log.inequality = self.value - value - log.moved_squared / (2.0 * log.tau);
            }
        }
        self.x = y;
        self.value = value;
        self.gradient = gradient;
        Ok(log)
    }

    fn frame(&mut self) {
        let Units { length, energy, .. } = self.units;
        self.out.times.push(self.time);
        self.out.points.extend(self.x.points().iter().map(|x| x * length));
        self.out.energies.push(self.value * energy);
        self.out.second_moments.extend(self.x.second_moment().iter().map(|m| m * length * length));
        self.framed = self.out.log.len();
    }

    /// The trajectory up to here.
    pub fn finish(mut self) -> Trajectory {
        let turned_only = self.out.log.is_empty() && self.out.first_turn.is_some();
        if self.framed < self.out.log.len() || turned_only {
            self.frame();
        }
        self.out.status = self.status.unwrap_or(Status::Interrupted);
        self.out
    }
}
