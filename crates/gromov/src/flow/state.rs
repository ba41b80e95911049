//! A flow between two steps.

mod controlled;
mod resume;
mod start;
mod step;

use super::control::Control;
use super::units::{Scaled, Units, check_scale};
use super::{Flow, SCALES, Scheme, Trajectory, Turning, statistics};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::ot::Basis;
use crate::solve::{Event, Observer, Status};

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

/// The coefficient of the entropy. Errors: a negative one, one that a scheme without noise is asked to follow.
fn check_diffusion(energy: &dyn Energy, flow: &Flow) -> Result<f64> {
    let (a, scheme) = (energy.diffusion(), flow.scheme);
    if !(a >= 0.0 && a.is_finite()) {
        return Err(Error::option("entropy", a, "a sum of its weights >= 0: less is no diffusion"));
    }
    if a > 0.0 && scheme != Scheme::Langevin {
        let problem = "langevin: the energy has an entropy part, which a cloud of particles has no value of";
        return Err(Error::option("scheme", scheme.name(), problem));
    }
    if let Some(part) = flow.energy_tol.filter(|_| a > 0.0) {
        return Err(Error::option("energy_tol", part, "none: particles have no value of an entropy"));
    }
    Ok(a)
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
    /// What chooses the steps; `None` for fixed ones.
    control: Option<Control>,
    /// Speed, torque and first-step residual of the current point.
    speed_squared: f64,
    skew: f64,
    first_speed: f64,
    first_residual: f64,
    /// Largest eigenvalue of Σ at the start, and the least one now (IGW).
    first_eigenvalue: f64,
    least_eigenvalue: f64,
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
        let turning = Turning::of(flow, energy);
        let mut gradient = vec![0.0; rho.points().len()];
        let diffusion = check_diffusion(energy, flow)?;
        let prepared = energy.prepare(rho, observer)?;
        let value = energy.regular_part(rho, &mut gradient)?;
        check_finite(value, &gradient)?;
        let units = Units::new(rho, &gradient, diffusion, flow.metric)?;
        units.reduce_gradient(&mut gradient);
        let x = units.reduce(rho);
        let out = Self::nothing_yet(flow, rho, energy, turning);
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
            control: Control::of(flow, units.length),
            speed_squared: 0.0,
            skew: 0.0,
            first_speed: 0.0,
            first_residual: 0.0,
            first_eigenvalue: 0.0,
            least_eigenvalue: 0.0,
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
            (_, Some(time)) => {
                let left = ((time - self.time) / self.tau).ceil() as usize;
                Some(self.out.log.len().saturating_add(left))
            }
            _ => None,
        };
        Event::new(self.out.log.len(), total, self.time, self.value * self.units.energy)
    }

    /// Ends the flow with [`Status::Interrupted`].
    pub fn interrupt(&mut self) {
        self.status = self.status.or(Some(Status::Interrupted));
    }

    fn frame(&mut self) {
        self.units.push_frame(&mut self.out, self.time, &self.x, 0.0);
        let regular = self.value * self.units.energy;
        if self.out.diffusion > 0.0 {
            self.out.energies.push(f64::NAN);
            self.out.regular.push(regular);
            // what it could fail of would have failed the evaluation before
            let known = self.energy.energy.first_variation(&self.cloud()).ok().flatten();
            let error = known.map_or(f64::NAN, |f| statistics::mean_error(self.x.weights(), &f).1);
            self.out.regular_errors.push(error);
        } else {
            self.out.energies.push(regular);
        }
        self.framed = self.out.log.len();
    }

    /// The trajectory up to here.
    pub fn finish(mut self) -> Trajectory {
        let turned_only = self.out.log.is_empty() && self.out.first_turn.is_some();
        if self.framed < self.out.log.len() || turned_only {
            self.frame();
        }
        let asked = self.flow.frame_times.as_deref().unwrap_or_default();
        self.out.frames_missed = asked.iter().filter(|t| **t > self.time).count();
        self.out.status = self.status.unwrap_or(Status::Interrupted);
        self.out
    }
}
