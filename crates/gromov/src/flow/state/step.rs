//! One step of a flow, by its scheme.

use super::State;
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::flow::explicit::Method;
use crate::flow::implicit::{self, Moved, Setting};
use crate::flow::langevin::{self, Diffusion};
use crate::flow::{DEFAULT_STEPS, Metric, Scheme, StepLog, Turning, explicit, labels, rotation};
use crate::linalg;
use crate::measure::Measure;
use crate::minimise::Stop;
use crate::solve::Status;

/// The curvature along rotations is renewed after this many steps, or after a slow one.
const CURVATURE_STEPS: usize = 10;
const SLOW_STEP: usize = 10;

/// Length and end of the step from `time`: τ, but for the last one before the end of the flow.
pub(super) fn length_and_end(time: f64, tau: f64, end: Option<f64>) -> (f64, f64) {
    let length = match end {
        Some(end) if end - time < tau * (1.0 + 1e-9) => end - time,
        _ => tau,
    };
    match end {
        Some(end) if length < tau || end - time <= length => (length, end),
        _ => (length, time + length),
    }
}

impl State<'_> {
    /// One step, if the flow still runs.
    pub fn step(&mut self) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        self.draw_anew()?;
        if self.status.is_some() {
            return Ok(());
        }
        if let Some(control) = self.control {
            return self.controlled(control);
        }
        let tau = self.length();
        let in_units = tau / self.units.time;
        let log = match (self.flow.scheme, Method::of(self.flow.scheme)) {
            (_, Some(method)) => self.explicit(&method, in_units).map(Some),
            (Scheme::Langevin, None) => self.langevin(in_units).map(Some),
            (_, None) => self.implicit(in_units),
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
        self.take(log, tau)
    }

    /// Length of the next step: the last one is shortened to meet the end.
    pub(super) fn length(&self) -> f64 {
        length_and_end(self.time, self.tau, self.flow.time).0
    }

    /// Time after the next step.
    pub(super) fn time_after(&self) -> f64 {
        length_and_end(self.time, self.tau, self.flow.time).1
    }

    /// Counts the step that led to the current point, and looks around there.
    pub(super) fn take(&mut self, log: StepLog, tau: f64) -> Result<()> {
        self.time = self.time_after();
        let evaluations = std::mem::take(&mut self.energy.evaluations);
        let log = self.units.restore_log(log);
        self.out.log.push(StepLog { time: self.time, tau, evaluations, ..log });
        let found = self.measure_speed();
        self.stalled_if_out_of_range(found)?;
        self.shorten_diffusive_step();
        self.after_step();
        let due = match &self.flow.frame_times {
            Some(times) => times.contains(&self.time),
            None => self.out.log.len().is_multiple_of(self.flow.every),
        };
        if due {
            self.frame();
        }
        Ok(())
    }

    /// A sampled energy draws for each step: F and its gradient at the point reached are those of the new draw.
    fn draw_anew(&mut self) -> Result<()> {
        if !self.energy.energy.begin_step(self.out.log.len()) {
            return Ok(());
        }
        let x = self.x.clone();
        let mut gradient = vec![0.0; self.gradient.len()];
        let value = self.energy.value_and_gradient(&x, &mut gradient).and_then(|value| {
            super::check_finite(value, &gradient)?;
            Ok(value)
        });
        let found = value.and_then(|value| {
            (self.value, self.gradient) = (value, gradient);
            self.measure_speed()
        });
        self.stalled_if_out_of_range(found)
    }

    /// The cloud and its energy are in range, and the way on from there is not.
    fn stalled_if_out_of_range(&mut self, found: Result<()>) -> Result<()> {
        match found {
            Err(Error::NotFinite { .. } | Error::Scale { .. } | Error::LinearAlgebra { .. }) => {
                self.status = Some(Status::Stalled);
                Ok(())
            }
            other => other,
        }
    }

    /// The step chosen for an IGW diffusion is never longer than the first, and shortens where Σ does.
    fn shorten_diffusive_step(&mut self) {
        if self.flow.step.is_none() && self.out.diffusion > 0.0 && self.flow.metric == Metric::Igw {
            self.tau = self.out.step.min(self.diffusive_step() * self.units.time);
        }
    }

    pub(super) fn after_step(&mut self) {
        if self.status.is_some() {
            return;
        }
        let done = self.out.log.len();
        let open_end = self.flow.steps.is_none() && self.flow.time.is_none();
        let drifting = self.out.diffusion == 0.0;
        let slow = open_end && self.speed_squared.max(0.0).sqrt() <= self.flow.tol * self.first_speed;
        let still = slow || self.flow.energy_tol.is_some_and(|part| self.hardly_falls(part));
        if drifting && still {
            self.status = Some(Status::Converged);
        } else if self.flow.steps.is_some_and(|s| done >= s)
            || self.flow.time.is_some_and(|t| self.time >= t)
            || (open_end && done >= DEFAULT_STEPS)
        {
            self.status = Some(Status::Completed);
        }
    }

    /// Did the last step lower F at no more than this part of the mean rate since the start?
    fn hardly_falls(&self, part: f64) -> bool {
        let Some(last) = self.out.log.last() else { return false };
        let before = self.out.energy_before(self.out.log.len() - 1);
        let share = last.tau / last.time;
        (0.0..=part * (self.out.first_energy() - last.energy) * share).contains(&(before - last.energy))
    }

    /// `None` when nothing was gained: no iteration succeeded, or F + D² / (2 τ) came out above F (an
    /// energy that follows a local optimum may lose it in a long step).
    fn implicit(&mut self, tau: f64) -> Result<Option<StepLog>> {
        self.renew_curvature()?;
        let (x, gradient) = (self.x.clone(), self.gradient.clone());
        let Some(moved) = self.proximal(&x, self.value, &gradient, tau)? else {
            return Ok(None);
        };
        let log = StepLog {
            iterations: moved.outcome.iterations,
            residual: moved.outcome.relative(),
            converged: moved.outcome.converged,
            angle: moved.angle,
            ..self.entry(tau, moved.value, moved.penalty)
        };
        self.advance(moved.points, moved.value, moved.gradient, log).map(Some)
    }

    /// The minimiser of F + D² / (2 τ) from x, where F and its gradient are known; `None` as for a step.
    pub(super) fn proximal(
        &mut self,
        x: &Measure,
        value: f64,
        gradient: &[f64],
        tau: f64,
    ) -> Result<Option<Moved>> {
        let reach = linalg::weighted_dot(x.weights(), gradient, gradient, x.dim()).sqrt() * x.rms_radius();
        let setting = Setting {
            metric: self.flow.metric,
            turning: self.turning,
            tau,
            floor: self.flow.floor,
            stop: Stop {
                relative: self.flow.inner_tol,
                floor: 64.0 * f64::EPSILON * self.first_residual,
                iterations: self.flow.max_inner,
                value_scale: value.abs() + reach,
            },
            curvature: self.curvature.as_ref().map(|c| c.0.as_slice()),
        };
        let moved = implicit::step(&mut self.energy, x, value, gradient, &setting)?;
        let outcome = moved.outcome;
        if self.first_residual == 0.0 {
            self.first_residual = outcome.start_residual;
        }
        let nothing = !outcome.converged && outcome.iterations == 0;
        let inequality = value - moved.value - moved.penalty / (2.0 * tau);
        Ok((!nothing && inequality >= -1e-10 * (value.abs() + reach)).then_some(moved))
    }

    pub(super) fn renew_curvature(&mut self) -> Result<()> {
        if self.turning != Turning::Free || self.x.dim() == 1 {
            return Ok(());
        }
        // a controlled step solves three times
        let solves = if self.control.is_some() { 3 } else { 1 };
        let slow = self.out.log.last().is_some_and(|s| s.iterations > SLOW_STEP * solves);
        let stale = self.curvature.as_ref().is_none_or(|c| c.1 >= CURVATURE_STEPS || (slow && c.1 > 0));
        if stale {
            self.curvature = Some((rotation::curvature(&mut self.energy, &self.x, &self.gradient)?, 0));
        }
        if let Some(c) = &mut self.curvature {
            c.1 += 1;
        }
        Ok(())
    }

    /// The current point, where every step starts; a copy.
    pub(super) fn stage(&self) -> explicit::Stage {
        explicit::Stage { cloud: self.x.clone(), value: self.value, gradient: self.gradient.clone() }
    }

    /// The field of velocities, from the orientation of the current point.
    pub(super) fn field(&mut self) -> explicit::Field<'_> {
        explicit::Field {
            energy: &mut self.energy,
            metric: self.flow.metric,
            turning: self.turning,
            floor: self.flow.floor,
            orientation: linalg::identity(self.x.dim()),
            oriented: true,
        }
    }

    /// A step of the diffusion. Labels are those of the particles: no other is asked for.
    fn langevin(&mut self, tau: f64) -> Result<StepLog> {
        let (n, d) = (self.x.len(), self.x.dim());
        let coefficient = self.out.diffusion / self.units.energy;
        let diffusion = Diffusion { coefficient, floor: self.flow.floor };
        let xi = match coefficient {
            0.0 => vec![0.0; n * d],
            _ => langevin::noise(self.flow.seed, self.out.log.len(), n, d),
        };
        let (first, length) = (self.stage(), self.units.length);
        let mut field = self.field();
        let velocity = field.velocity(&first.cloud, &first)?;
        let z = diffusion.step(&mut field, &first.cloud, &velocity, tau, &xi)?;
        let end = field.stage(&z)?;
        end.check(length)?;
        let (converged, angle) = (field.oriented, linalg::rotation_angle(&field.orientation, d)?);
        // a path with noise has no length
        let ordinary = coefficient == 0.0;
        let moved_squared = if ordinary { self.moved_squared(end.cloud.points())? } else { f64::NAN };
        let stiff = tau > langevin::STIFF / langevin::SHARE * self.diffusive_step()
            && self.flow.metric == Metric::Igw;
        let log = StepLog { converged, angle, stiff, ..self.entry(tau, end.value, moved_squared) };
        (self.x, self.value, self.gradient) = (end.cloud, end.value, end.gradient);
        if ordinary {
            return Ok(log);
        }
        // particles have no value of F
        let unknown = f64::NAN;
        Ok(StepLog { energy: unknown, speed_squared: unknown, rate: unknown, inequality: unknown, ..log })
    }

    fn explicit(&mut self, method: &Method, tau: f64) -> Result<StepLog> {
        let d = self.x.dim();
        let (first, length) = (self.stage(), self.units.length);
        let mut field = self.field();
        let velocity = field.velocity(&first.cloud, &first)?;
        let z = method.step(&mut field, &first.cloud, velocity, tau)?;
        let end = field.stage(&z)?;
        end.check(length)?;
        let oriented = field.oriented;
        let angle = linalg::rotation_angle(&field.orientation, d)?;
        let moved_squared = self.moved_squared(end.cloud.points())?;
        let log = StepLog { converged: oriented, angle, ..self.entry(tau, end.value, moved_squared) };
        self.advance(end.cloud.points().to_vec(), end.value, end.gradient, log)
    }

    /// The log of a step from the current point to energy `energy`, without what a solver adds; time and
    /// evaluations are filled in when it is taken.
    pub(super) fn entry(&self, tau: f64, energy: f64, moved_squared: f64) -> StepLog {
        StepLog {
            time: 0.0,
            tau,
            energy,
            speed_squared: self.speed_squared,
            rate: (energy - self.value) / tau,
            moved_squared,
            inequality: self.value - energy - moved_squared / (2.0 * tau),
            sampling_error: self.energy.sampled(),
            iterations: 0,
            evaluations: 0,
            rejected: 0,
            error: None,
            residual: 0.0,
            stiff: false,
            converged: true,
            skew: self.skew,
            angle: 0.0,
            relabelled: None,
            label_loss: 0.0,
        }
    }

    pub(super) fn moved_squared(&self, y: &[f64]) -> Result<f64> {
        let (w, d) = (self.x.weights(), self.x.dim());
        match self.flow.metric {
            Metric::Igw => crate::igw::align::labelled(w, self.x.points(), y, d),
            Metric::W2 => Ok(implicit::displacement(w, self.x.points(), y, d)),
        }
    }

    /// Takes the new point, after a look at its labels.
    pub(super) fn advance(
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
}
