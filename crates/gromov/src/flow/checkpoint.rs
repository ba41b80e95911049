//! Checkpoints: all that a flow needs to go on with the bytes of a run that was never stopped.
//!
//! A [`Checkpoint`] is taken between two steps ([`State::checkpoint`]) and holds the cloud, the trajectory so far,
//! what the schemes carry from step to step, and the memory of the energy ([`Energy::memory`]). The searches before
//! the first step are not done again. It is plain data for `serde`; [`io::write_checkpoint`](crate::io::write_checkpoint)
//! makes a file of it. Size and time are O(n d frames): [`Flow::every`] thins the frames out.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::units::Units;
use super::{FirstTurn, Flow, State, StepLog, Trajectory};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::ot::Basis;
use crate::solve::{Observer, Status};

/// A flow between two steps, as plain data: what a run from the start would go on with, to the bit.
///
/// ```
/// use gromov::{Flow, Measure, energy::Quadratic, flow::Keeper};
/// let rho = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
/// let flow = Flow { step: Some(0.1), steps: Some(6), ..Flow::default() };
/// let energy = || Quadratic::new(None, None);
/// // every second step, and at the end
/// let mut kept = Vec::new();
/// let mut keeper = Keeper::new(2, None, |checkpoint| {
///     kept.push(checkpoint.clone());
///     Ok(())
/// });
/// let whole = flow.solve_from(None, &rho, &mut energy()?, &mut (), Some(&mut keeper))?;
/// drop(keeper);
/// let resumed = flow.solve_from(Some(kept[1].clone()), &rho, &mut energy()?, &mut (), None)?;
/// assert_eq!((kept[1].steps(), &resumed.points), (2, &whole.points));
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Names and values of the options, but for the end.
    pub(super) options: Vec<(String, String)>,
    /// Neither steps nor time were given.
    pub(super) open_end: bool,
    /// The end time.
    pub(super) end: Option<f64>,
    pub(super) energy: String,
    pub(super) memory: Vec<u8>,
    pub(super) weights: Vec<f64>,
    /// Cloud, value and gradient in these units.
    pub(super) units: Units,
    pub(super) x: Vec<f64>,
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// Not in units.
    pub(super) time: f64,
    pub(super) tau: f64,
    pub(super) speed_squared: f64,
    pub(super) skew: f64,
    pub(super) first_speed: f64,
    pub(super) first_residual: f64,
    pub(super) first_eigenvalue: f64,
    pub(super) least_eigenvalue: f64,
    // what else a scheme carries from step to step comes here, and into `State::checkpoint` and `State::resume`
    /// Ratio of the step before, where steps are controlled.
    pub(super) control: Option<f64>,
    /// The curvature along rotations and its age in steps.
    pub(super) curvature: Option<(Vec<f64>, usize)>,
    /// Of the check of labels.
    pub(super) basis: Option<Basis>,
    /// How the flow ended; `None` where it goes on.
    pub(super) status: Option<Status>,
    /// The frames so far, without that of an end between two of them.
    pub(super) times: Vec<f64>,
    pub(super) points: Vec<f64>,
    pub(super) energies: Vec<f64>,
    pub(super) second_moments: Vec<f64>,
    pub(super) beyond_step: Vec<f64>,
    pub(super) regular: Vec<f64>,
    pub(super) regular_errors: Vec<f64>,
    /// Steps done at the last frame.
    pub(super) framed: usize,
    /// The first step.
    pub(super) step: f64,
    pub(super) rejected: usize,
    pub(super) log: Vec<StepLog>,
    pub(super) first_turn: Option<FirstTurn>,
    pub(super) mirror_gain: f64,
}

impl Checkpoint {
    /// Steps done.
    pub fn steps(&self) -> usize {
        self.log.len()
    }

    /// Time reached; scales as that of the flow.
    pub fn time(&self) -> f64 {
        self.time
    }

    /// How the flow ended; `None` if there are steps left, also where it was interrupted.
    pub fn status(&self) -> Option<Status> {
        self.status
    }
}

/// SHA-256 of the bits of arrays, as 64 hexadecimal digits: tells whether a run is resumed with the same clouds.
/// Lengths count: moving a number from one array to the next changes it.
pub fn fingerprint(arrays: &[&[f64]]) -> String {
    let mut hash = Sha256::new();
    for array in arrays {
        hash.update((array.len() as u64).to_le_bytes());
        array.iter().for_each(|x| hash.update(x.to_bits().to_le_bytes()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the checkpoint away.
type Keep<'a> = Box<dyn FnMut(&Checkpoint) -> Result<()> + 'a>;

/// When checkpoints are taken, and where they go.
pub struct Keeper<'a> {
    /// Steps between two of them.
    every: usize,
    /// Time after which one is taken all the same.
    after: Option<Duration>,
    keep: Keep<'a>,
    last: Instant,
    /// The error of the last one, which ended the flow as `interrupted` (or came at its end).
    pub failed: Option<Error>,
}

impl<'a> Keeper<'a> {
    /// One before the first step, one after every `every` steps (0 counts as 1) or `after` this time, whichever is
    /// first, and one at the end, whatever its status; none after an error.
    pub fn new(
        every: usize,
        after: Option<Duration>,
        keep: impl FnMut(&Checkpoint) -> Result<()> + 'a,
    ) -> Self {
        Keeper { every: every.max(1), after, keep: Box::new(keep), last: Instant::now(), failed: None }
    }

    fn is_due(&self, steps: usize) -> bool {
        steps.is_multiple_of(self.every) || self.after.is_some_and(|after| self.last.elapsed() >= after)
    }

    /// Hands the checkpoint on; true if that went well.
    fn take(&mut self, state: &State<'_>) -> bool {
        if let Some(checkpoint) = state.checkpoint() {
            self.failed = (self.keep)(&checkpoint).err();
            self.last = Instant::now();
        }
        self.failed.is_none()
    }
}

impl Flow {
    /// As [`Flow::solve`], from a checkpoint if there is one, with checkpoints on the way if there is a keeper. The
    /// trajectory is that of a run without interruption, to the bit. A checkpoint that cannot be kept interrupts the
    /// flow, and [`Keeper::failed`] says why. Errors: those of [`Flow::solve`] and of [`State::resume`].
    pub fn solve_from(
        &self,
        from: Option<Checkpoint>,
        rho: &Measure,
        energy: &mut dyn Energy,
        observer: &mut dyn Observer,
        keeper: Option<&mut Keeper<'_>>,
    ) -> Result<Trajectory> {
        self.solve_watched(from, rho, energy, observer, keeper, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`Flow::solve_from`], with a look at the state ([`State::cloud`], [`State::event`]) after each step, which may
    /// end the flow as the observer may.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use gromov::{Flow, Measure, energy::Quadratic, solve::Status};
    /// let rho = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
    /// let flow = Flow { step: Some(0.1), steps: Some(6), ..Flow::default() };
    /// let mut seen = Vec::new();
    /// let run = flow.solve_watched(None, &rho, &mut Quadratic::new(None, None)?, &mut (), None, &mut |state| {
    ///     seen.extend_from_slice(state.cloud().points());
    ///     if state.steps() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// })?;
    /// assert_eq!((run.status, run.steps(), &seen[..]), (Status::Interrupted, 2, &run.points[8..]));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn solve_watched(
        &self,
        from: Option<Checkpoint>,
        rho: &Measure,
        energy: &mut dyn Energy,
        observer: &mut dyn Observer,
        mut keeper: Option<&mut Keeper<'_>>,
        watch: &mut dyn FnMut(&State<'_>) -> ControlFlow<()>,
    ) -> Result<Trajectory> {
        let fresh = from.is_none();
        let mut state = match from {
            Some(checkpoint) => State::resume(self, checkpoint, rho, energy)?,
            None => State::new(self, rho, energy, observer)?,
        };
        let mut kept = |state: &State<'_>, now: bool| match &mut keeper {
            Some(keeper) if now || keeper.is_due(state.steps()) => keeper.take(state),
            _ => true,
        };
        if fresh && state.status().is_none() && !kept(&state, true) {
            state.interrupt();
        }
        while state.status().is_none() {
            state.step()?;
            if observer.event(&state.event()).is_break() || watch(&state).is_break() {
                state.interrupt();
            }
            if state.status().is_none() && !kept(&state, false) {
                state.interrupt();
                return Ok(state.finish());
            }
        }
        kept(&state, true);
        Ok(state.finish())
    }
}
