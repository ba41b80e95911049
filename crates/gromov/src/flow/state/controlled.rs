//! A step of controlled length: trials until the estimated error of one is within the tolerance.
//!
//! Adaptive: the pair of Dormand and Prince. Implicit: a step τ against two of τ / 2, of which the two are taken,
//! as one entry of the log; their L²(ρ) difference, after the best rotation where the orientation is free, is the
//! estimate: O(τ²) each, and that of the two halves together to leading order. Each half satisfies the energy inequality, and
//! so does their sum: D(0, 2)² ≤ 2 D(0, 1)² + 2 D(1, 2)². All three are solved with one labelling; labels are
//! checked where the step is taken.

use super::State;
use crate::error::{Error, Result};
use crate::flow::control::Control;
use crate::flow::{Metric, Scheme, StepLog, Turning, explicit, implicit, pair};
use crate::linalg;
use crate::mobility::Mobility;
use crate::solve::Status;

/// A step that may be taken, in units.
struct Trial {
    points: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    angle: f64,
    iterations: usize,
    residual: f64,
    converged: bool,
    error: f64,
    /// What frames inside the step are made of.
    dense: Option<pair::Taken>,
}

impl State<'_> {
    /// `singular` or `stalled` when no step that advances time is short enough.
    pub(super) fn controlled(&mut self, mut control: Control) -> Result<()> {
        let (mut rejected, mut singular) = (0, false);
        // a trial that is rejected leaves no trace in what the energy follows
        let memory = self.energy.energy.memory();
        loop {
            let tau = self.length();
            if tau <= self.shortest() {
                self.status = Some(if singular { Status::Singular } else { Status::Stalled });
                return Ok(());
            }
            let trial = match self.flow.scheme {
                Scheme::Adaptive => self.pair_trial(tau).map(Some),
                _ => self.halves_trial(tau / self.units.time),
            };
            singular = matches!(trial, Err(Error::Singular { .. }));
            let ratio = match trial {
                Ok(Some(trial)) => {
                    let ratio = control.ratio(trial.error, self.size(&trial)?);
                    if ratio <= 1.0 {
                        let factor = control.after_taken(ratio, rejected > 0);
                        self.control = Some(control);
                        self.accept(trial, tau, rejected)?;
                        self.tau = tau * factor;
                        return Ok(());
                    }
                    ratio
                }
                // nothing was gained
                Ok(None) => f64::INFINITY,
                Err(e) => match explicit::stopped(&e, self.flow.scheme) {
                    Some(Status::Singular | Status::Stalled) => f64::INFINITY,
                    Some(other) => {
                        self.status = Some(other);
                        return Ok(());
                    }
                    None => return Err(e),
                },
            };
            self.energy.energy.remember(&memory)?;
            rejected += 1;
            self.out.rejected += 1;
            self.tau = tau * control.after_rejected(ratio);
        }
    }

    /// Steps up to this length do not advance time.
    fn shortest(&self) -> f64 {
        if self.time > 0.0 {
            return f64::EPSILON * self.time;
        }
        // a first step may be asked for that is far too long
        let chosen = match self.first_speed > 0.0 {
            true => self.typical_length() / self.first_speed * self.units.time,
            false => f64::INFINITY,
        };
        f64::EPSILON.powi(2) * self.out.step.min(chosen)
    }

    /// The larger rms radius of both ends.
    fn size(&self, trial: &Trial) -> Result<f64> {
        Ok(self.x.rms_radius().max(self.x.with_points(trial.points.clone())?.rms_radius()))
    }

    fn accept(&mut self, trial: Trial, tau: f64, rejected: usize) -> Result<()> {
        if let Some(taken) = &trial.dense {
            self.frames_inside(taken, tau / self.units.time)?;
        }
        let moved_squared = self.moved_squared(&trial.points)?;
        let log = StepLog {
            iterations: trial.iterations,
            residual: trial.residual,
            converged: trial.converged,
            angle: trial.angle,
            rejected,
            error: Some(trial.error * self.units.length),
            ..self.entry(tau / self.units.time, trial.value, moved_squared)
        };
        let log = self.advance(trial.points, trial.value, trial.gradient, log)?;
        self.take(log, tau)
    }

    /// The frames asked for inside a step that is taken; they leave no trace in what the energy follows.
    fn frames_inside(&mut self, taken: &pair::Taken, tau: f64) -> Result<()> {
        let (start, end) = (self.time, self.time_after());
        let asked = self.flow.frame_times.as_deref().unwrap_or_default();
        let inside: Vec<f64> = asked.iter().copied().filter(|t| *t > start && *t < end).collect();
        if inside.is_empty() {
            return Ok(());
        }
        let memory = self.energy.energy.memory();
        for time in inside {
            let z = taken.inside(&self.x, tau, (time - start) / (end - start))?;
            let stage = self.field().stage(&z)?;
            let beyond = self.moved_squared(stage.cloud.points())?.max(0.0).sqrt();
            self.units.push_frame(&mut self.out, time, &stage.cloud, beyond);
            self.out.energies.push(stage.value * self.units.energy);
        }
        self.energy.energy.remember(&memory)
    }

    /// A step of the pair. `tau` is not in units.
    fn pair_trial(&mut self, tau: f64) -> Result<Trial> {
        let (d, unit, tau) = (self.x.dim(), self.units.length, tau / self.units.time);
        let first = self.stage();
        let mut field = self.field();
        let velocity = field.velocity(&first.cloud, &first)?;
        let taken = pair::step(&mut field, &first.cloud, velocity, tau, unit)?;
        let (converged, angle) = (field.oriented, linalg::rotation_angle(&field.orientation, d)?);
        Ok(Trial {
            points: taken.end.cloud.points().to_vec(),
            value: taken.end.value,
            gradient: taken.end.gradient.clone(),
            angle,
            iterations: 0,
            residual: 0.0,
            converged,
            error: taken.error,
            dense: Some(taken),
        })
    }

    /// Two implicit steps of half the length and their difference from one; `None` where one gains nothing.
    fn halves_trial(&mut self, tau: f64) -> Result<Option<Trial>> {
        self.renew_curvature()?;
        let (x, value, gradient) = (self.x.clone(), self.value, self.gradient.clone());
        let Some(whole) = self.proximal(&x, value, &gradient, tau)? else { return Ok(None) };
        let Some(first) = self.proximal(&x, value, &gradient, 0.5 * tau)? else { return Ok(None) };
        let y = x.with_points(first.points)?;
        let Some(second) = self.proximal(&y, first.value, &first.gradient, 0.5 * tau)? else {
            return Ok(None);
        };
        if self.flow.metric == Metric::Igw {
            // the way on from there must exist: else a long step ends beyond extinction
            let end = x.with_points(second.points.clone())?;
            let mobility = Mobility::new(&end, self.flow.floor)?;
            mobility.check_regular()?;
            let spectrum = mobility.spectrum();
            let (largest, smallest) = (self.first_eigenvalue, spectrum[spectrum.len() - 1]);
            if smallest <= self.flow.floor * largest {
                return Err(Error::Singular { smallest, largest, floor: self.flow.floor });
            }
        }
        let (w, d) = (x.weights(), x.dim());
        let mut other = whole.points;
        if self.flow.metric == Metric::Igw && self.turning != Turning::Fixed {
            let turn = linalg::polar(&linalg::moment(w, &second.points, d, &other, d), d)?;
            other = linalg::map_rows(&other, d, &turn, d);
        }
        Ok(Some(Trial {
            error: implicit::displacement(w, &other, &second.points, d).sqrt(),
            points: second.points,
            value: second.value,
            gradient: second.gradient,
            angle: first.angle + second.angle,
            iterations: whole.outcome.iterations + first.outcome.iterations + second.outcome.iterations,
            residual: first.outcome.relative().max(second.outcome.relative()),
            converged: first.outcome.converged && second.outcome.converged,
            dense: None,
        }))
    }
}
