//! What a flow takes in memory.

use super::{DEFAULT_STEPS, Flow, Scheme};
use crate::energy::Energy;
use crate::memory::{Need, WORD};

/// Clouds that a step has at a time: history, directions, trial points and gradients of an implicit step; stages of
/// an explicit one.
const IMPLICIT: usize = 26;
const EXPLICIT: usize = 14;

impl Flow {
    /// What [`Flow::solve`] takes in memory for a cloud of n points in R^d: its frames and a step. With an end time and
    /// no number of steps the number of frames is not known before; the default number of steps is then taken.
    pub fn need(&self, n: usize, dim: usize, energy: &dyn Energy) -> Need {
        let cloud = (WORD * n * dim) as f64;
        let clouds = if self.scheme == Scheme::Implicit { IMPLICIT } else { EXPLICIT };
        Need::default()
            .and("frames", self.frames_expected() as f64 * cloud)
            .and("step", clouds as f64 * cloud)
            .and("energy", energy.need(n, dim))
    }

    /// Frames there will be, at most, where the number of steps is known.
    pub(super) fn frames_expected(&self) -> usize {
        match &self.frame_times {
            Some(times) => times.len().saturating_add(2),
            None => (self.steps.unwrap_or(DEFAULT_STEPS) / self.every).saturating_add(2),
        }
    }
}
