//! A flow into a checkpoint and out of one.

use super::State;
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::control::Control;
use crate::flow::units::Scaled;
use crate::flow::{Flow, Scheme, Turning};
use crate::measure::Measure;
use crate::solve::Status;

/// Names and values of all options but the end of the flow.
fn options(flow: &Flow) -> Vec<(String, String)> {
    // every field is named: a new one is compared too, or said to be of no account
    let Flow {
        metric,
        scheme,
        step,
        steps: _,
        time: _,
        every,
        rotation,
        tol,
        inner_tol,
        max_inner,
        floor,
        seed,
        rtol,
        atol,
        energy_tol,
        frame_times,
    } = flow;
    let number = |x: &Option<f64>| x.map_or("none".into(), |x| format!("{x:?}"));
    let named = [
        ("metric", format!("{metric:?}").to_lowercase()),
        ("scheme", scheme.name().into()),
        ("step", number(step)),
        ("every", every.to_string()),
        ("rotation", format!("{rotation:?}").to_lowercase()),
        ("tol", format!("{tol:?}")),
        ("inner_tol", format!("{inner_tol:?}")),
        ("max_inner", max_inner.to_string()),
        ("floor", format!("{floor:?}")),
        ("seed", seed.to_string()),
        ("rtol", number(rtol)),
        ("atol", number(atol)),
        ("energy_tol", number(energy_tol)),
        ("frame_times", frame_times.as_ref().map_or("none".into(), |times| format!("{times:?}"))),
    ];
    named.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn differs(what: &str, then: impl ToString, now: impl ToString) -> Error {
    Error::Resumed { what: what.into(), then: then.to_string(), now: now.to_string() }
}

impl<'a> State<'a> {
    /// Steps done.
    pub fn steps(&self) -> usize {
        self.out.log.len()
    }

    /// All that is needed to go on from here; a copy, O(n d frames). `None` where the flow was interrupted before its
    /// first step: a search was cut short, and is to be done again.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let status = self.status.filter(|status| *status != Status::Interrupted);
        if self.out.log.is_empty() && self.status == Some(Status::Interrupted) {
            return None;
        }
        let out = &self.out;
        Some(Checkpoint {
            options: options(self.flow),
            open_end: self.flow.steps.is_none() && self.flow.time.is_none(),
            end: self.flow.time,
            energy: out.energy.clone(),
            memory: self.energy.energy.memory(),
            weights: out.weights.clone(),
            units: self.units,
            x: self.x.points().to_vec(),
            value: self.value,
            gradient: self.gradient.clone(),
            time: self.time,
            tau: self.tau,
            speed_squared: self.speed_squared,
            skew: self.skew,
            first_speed: self.first_speed,
            first_residual: self.first_residual,
            first_eigenvalue: self.first_eigenvalue,
            least_eigenvalue: self.least_eigenvalue,
            control: self.control.map(|control| control.before()),
            curvature: self.curvature.clone(),
            basis: self.basis.clone(),
            status,
            times: out.times.clone(),
            points: out.points.clone(),
            energies: out.energies.clone(),
            second_moments: out.second_moments.clone(),
            beyond_step: out.beyond_step.clone(),
            regular: out.regular.clone(),
            regular_errors: out.regular_errors.clone(),
            framed: self.framed,
            step: out.step,
            rejected: out.rejected,
            log: out.log.clone(),
            first_turn: out.first_turn.clone(),
            mirror_gain: out.mirror_gain,
        })
    }

    /// Goes on from a checkpoint of a run from `rho` with this flow and this energy, of which the name alone is compared:
    /// its parameters and targets are the caller's to keep. The end alone may be another one
    /// (`steps`, `time`): any with which the steps done would have been the same, so that the trajectory is that of a
    /// run with that end from the start. Errors: [`Error::Resumed`] with what is different; data that fit no flow.
    pub fn resume(
        flow: &'a Flow,
        checkpoint: Checkpoint,
        rho: &Measure,
        energy: &'a mut dyn Energy,
    ) -> Result<Self> {
        flow.check()?;
        crate::energy::check_dim(energy, rho)?;
        let diffusion = super::check_diffusion(energy, flow)?;
        let turning = Turning::of(flow, energy);
        same_start(flow, &checkpoint, rho, energy)?;
        sound(flow, &checkpoint, rho, diffusion)?;
        same_steps(flow, &checkpoint)?;
        energy.remember(&checkpoint.memory)?;
        let c = checkpoint;
        let x = rho.with_points(c.x)?;
        let mut out = Self::nothing_yet(flow, rho, energy, turning);
        (out.times, out.points, out.energies) = (c.times, c.points, c.energies);
        (out.second_moments, out.log, out.step) = (c.second_moments, c.log, c.step);
        (out.beyond_step, out.rejected) = (c.beyond_step, c.rejected);
        (out.regular, out.regular_errors) = (c.regular, c.regular_errors);
        (out.first_turn, out.mirror_gain) = (c.first_turn, c.mirror_gain);
        let done = out.log.len();
        let ended = matches!(c.status, Some(Status::Completed | Status::Converged));
        let mut state = State {
            flow,
            energy: Scaled::new(energy, c.units, x.clone()),
            units: c.units,
            turning,
            x,
            value: c.value,
            gradient: c.gradient,
            time: c.time,
            tau: c.tau,
            speed_squared: c.speed_squared,
            skew: c.skew,
            first_speed: c.first_speed,
            first_residual: c.first_residual,
            first_eigenvalue: c.first_eigenvalue,
            least_eigenvalue: c.least_eigenvalue,
            control: Control::of(flow, c.units.length).map(|control| control.after(c.control)),
            curvature: c.curvature,
            basis: c.basis,
            framed: c.framed.min(done),
            out,
            status: c.status,
        };
        if ended && !(done == 0 && c.status == Some(Status::Converged)) {
            // by the rule of this flow, whose end may be another one
            state.status = None;
            state.after_step();
        }
        Ok(state)
    }
}

/// The same options, cloud and energy.
fn same_start(flow: &Flow, c: &Checkpoint, rho: &Measure, energy: &dyn Energy) -> Result<()> {
    for ((name, then), (_, now)) in c.options.iter().zip(options(flow)) {
        if *then != now {
            return Err(differs(name, then, now));
        }
    }
    if c.energy != energy.name() {
        return Err(differs("energy", &c.energy, energy.name()));
    }
    let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    if c.weights.len() != rho.len() {
        return Err(differs("cloud", format!("{} points", c.weights.len()), rho.len()));
    }
    if !same(&c.weights, rho.weights()) {
        return Err(differs("cloud", "other weights", "these"));
    }
    match c.points.get(..rho.points().len()) {
        Some(first) if same(first, rho.points()) => Ok(()),
        _ => Err(differs("cloud", "other points", "these")),
    }
}

/// Data that a flow can hold: sizes, finite numbers.
fn sound(flow: &Flow, c: &Checkpoint, rho: &Measure, diffusion: f64) -> Result<()> {
    let (n, d, k) = (rho.len(), rho.dim(), c.times.len());
    let axes = d * (d - 1) / 2;
    let diffusions = if diffusion > 0.0 { k } else { 0 };
    let frames = if flow.frame_times.is_some() { k } else { 1 + c.log.len() / flow.every };
    let sizes = [
        ("options", c.options.len(), options(flow).len()),
        ("frames", k, frames),
        ("cloud", c.x.len(), n * d),
        ("gradient", c.gradient.len(), n * d),
        ("points", c.points.len(), k * n * d),
        ("energies", c.energies.len(), k),
        ("frames beyond a step", c.beyond_step.len(), k),
        ("regular parts", c.regular.len(), diffusions),
        ("their errors", c.regular_errors.len(), diffusions),
        ("second moments", c.second_moments.len(), k * d * d),
        ("curvature", c.curvature.as_ref().map_or(axes * axes, |c| c.0.len()), axes * axes),
        ("first turn", c.first_turn.as_ref().map_or(d * d, |t| t.rotation.len()), d * d),
    ];
    for (name, size, expected) in sizes {
        if size != expected {
            return Err(Error::shape(&format!("{name} of the checkpoint"), expected, size));
        }
    }
    let curvature = c.curvature.iter().flat_map(|c| &c.0);
    let numbers = [
        c.control.unwrap_or(1.0),
        c.step,
        c.value,
        c.time,
        c.tau,
        c.first_speed,
        c.first_residual,
        c.first_eigenvalue,
    ];
    let all = numbers.iter().chain(&c.x).chain(&c.gradient).chain(curvature);
    if let Some((place, value)) = all.enumerate().find(|(_, x)| !x.is_finite()) {
        let argument = "checkpoint".into();
        return Err(Error::NotFinite { argument, index: place.to_string(), value: *value });
    }
    match c.units.are_normal() && c.tau >= 0.0 && c.time >= 0.0 && c.step >= 0.0 {
        true => Ok(()),
        false => Err(Error::shape("units of the checkpoint", "normal numbers", format!("{:?}", c.units))),
    }
}

/// Would the steps done have been the same with the end of this flow?
fn same_steps(flow: &Flow, c: &Checkpoint) -> Result<()> {
    let done = c.log.len();
    // controlled, or shortened where the cloud is
    let varying =
        flow.relative_tolerance().is_some() || flow.scheme == Scheme::Langevin && flow.step.is_none();
    let failed = c.status.is_some_and(|s| !s.is_success());
    let other_end = |why: &str| {
        let shown = |end: Option<f64>| end.map_or("none".into(), |t| format!("{t:?}"));
        Err(differs(&format!("time ({why})"), shown(c.end), shown(flow.time)))
    };
    if failed && c.end != flow.time {
        return other_end("the flow has ended, and its last try may have been shortened");
    }
    match (flow.steps, flow.time) {
        (Some(steps), _) if steps < done => Err(differs("steps", format!("{done} steps done"), steps)),
        _ if varying && c.end != flow.time => other_end("an end may shorten any step of controlled length"),
        (_, Some(_)) if varying => Ok(()),
        (_, Some(end)) if end < c.time => Err(differs("time", format!("reached {:?}", c.time), end)),
        (_, Some(end)) if c.tau <= f64::EPSILON * end => {
            let most = c.tau / f64::EPSILON;
            Err(Error::option(
                "time",
                format!("{end:e}"),
                format!("at most {most:e} for the step {:e}", c.tau),
            ))
        }
        (_, Some(end)) => {
            let mut time = 0.0;
            for step in &c.log {
                let (tau, next) = super::step::length_and_end(time, c.tau, Some(end));
                if (tau, next) != (step.tau, step.time) {
                    let then = format!("a step shortened to end at {:?}", step.time);
                    return Err(differs("time", then, format!("{end:?}")));
                }
                time = next;
            }
            Ok(())
        }
        (None, None) if !c.open_end => Err(differs("steps", "an end of its own", "none")),
        _ => Ok(()),
    }
}
