//! Gradient flows of a functional F in the IGW and in the W2 geometry, on particles.
//!
//! Continuous flow: ∂ρ/∂t + div(ρ v) = 0 with **v = −L⁻¹ ∇δF(ρ)** (IGW, [`mobility`](crate::mobility))
//! or v = −∇δF(ρ) (W2). Implicit scheme (minimizing movement): ρ_{k+1} minimises
//! F(ρ) + D(ρ, ρ_k)² / (2 τ), D the distance of the geometry, and is then turned so that ∫ x_k x_{k+1}ᵀ
//! is symmetric positive semidefinite: close in IGW and aligned in the W2 sense.
//!
//! **Orientation.** IGW does not see rotations. When F does not either
//! ([`Energy::rotation_invariant`]) the alignment fixes the orientation. When it does, the scheme
//! minimises over orientations too ([`Rotation::Free`], the default): the first step turns the cloud to
//! where F is smallest among all rotations, which costs nothing for any τ, and later steps turn by
//! O(τ). [`Rotation::Fixed`] forbids net rotation: the torque of ∇δF is projected away.
//!
//! **Length of steps.** [`Scheme::Adaptive`] estimates the error of each step and chooses the next one by it;
//! the implicit scheme does so where [`Flow::rtol`] is given. The error is a length: the L²(ρ) norm √(Σ wᵢ |eᵢ|²)
//! of a difference of two clouds, which no common rotation changes, and is held against
//! atol + rtol · (rms radius about the origin, the larger of both ends of the step).
//!
//! Labels: each step is solved with the identity labelling; one alternation afterwards tells whether
//! another is better ([`StepLog::relabelled`]).
//!
//! ```
//! use gromov::{Flow, Measure, energy::Quadratic};
//! // F = ½ ∫ |x|²: Σ(t) = Σ(0) − t/2, exactly, for every step size of the implicit scheme
//! let rho = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
//! let flow = Flow { step: Some(0.1), steps: Some(2), ..Flow::default() };
//! let run = flow.solve(&rho, &mut Quadratic::new(None, None)?, &mut ())?;
//! assert!((run.second_moments[4 * 2] - (2.0 - 0.1)).abs() < 1e-9);
//! # Ok::<(), gromov::Error>(())
//! ```
//!
//! Long runs are kept in a [`Checkpoint`] by a [`Keeper`], and go on from it ([`Flow::solve_from`]).
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800. The
//! treatment of orientation, labels and the preconditioner is our own.

mod checkpoint;
mod control;
mod explicit;
mod forecast;
pub mod gaussian;
mod implicit;
mod labels;
mod langevin;
mod pair;
mod rotation;
mod state;
pub mod statistics;
mod units;

pub use crate::change;
pub use checkpoint::{Checkpoint, Keeper, fingerprint};
pub use state::State;

use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::solve::{Observer, Status};

/// Lengths a flow can be run in: energies of degree 4 and squared distances (length⁴) stay within doubles.
pub const SCALES: (f64, f64) = (1e-60, 1e60);
/// Steps taken when neither steps nor time are given and the flow has not converged before.
pub const DEFAULT_STEPS: usize = 200;

/// The geometry of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Inner-product Gromov-Wasserstein.
    Igw,
    /// Wasserstein of order 2.
    W2,
}

/// How a flow is discretised in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scheme {
    /// Minimizing movement: order 1, stable for every step, energy never increases.
    Implicit,
    /// Euler's method on v = −L⁻¹ ∇δF: order 1, one velocity a step.
    Euler,
    /// Heun's method (the trapezoidal rule with a predictor): order 2, two velocities a step.
    Heun,
    /// The classical Runge-Kutta method: order 4, four velocities a step.
    Rk4,
    /// The pair of Dormand and Prince: order 5, with an error estimate that chooses the steps, six velocities
    /// a trial; frames at any time ([`Flow::frame_times`]).
    Adaptive,
    /// A stochastic differential equation of particles, for energies with an entropy ([`Energy::diffusion`]): weak
    /// order 2, two velocities a step. Without entropy it is Heun's method.
    Langevin,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: &[Scheme] =
        &[Scheme::Implicit, Scheme::Euler, Scheme::Heun, Scheme::Rk4, Scheme::Adaptive, Scheme::Langevin];

    /// Name on the command line, in tables and in files.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Implicit => "implicit",
            Scheme::Euler => "euler",
            Scheme::Heun => "heun",
            Scheme::Rk4 => "rk4",
            Scheme::Langevin => "langevin",
            Scheme::Adaptive => "adaptive",
        }
    }

    /// Error at a fixed time is O(τ^order): of the moments, for the diffusion.
    pub fn order(self) -> u32 {
        match self {
            Scheme::Implicit | Scheme::Euler => 1,
            Scheme::Heun | Scheme::Langevin => 2,
            Scheme::Rk4 => 4,
            Scheme::Adaptive => 5,
        }
    }
}

/// What happens to the orientation under the IGW metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rotation {
    /// F chooses it, at no cost: the scheme as defined on clouds modulo rotations.
    Free,
    /// No net rotation.
    Fixed,
}

/// The three ways of treating rotations in the solvers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turning {
    /// F does not see rotations.
    Invariant,
    Free,
    Fixed,
}

/// Options of a flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Geometry.
    pub metric: Metric,
    /// Time discretisation.
    pub scheme: Scheme,
    /// Step τ, where steps are controlled the first one tried; `None`: the first step's metric length is 0.05 |Σ| (IGW) or 0.05 of the rms radius (W2).
    /// τ scales as length⁴ / F under IGW, length² / F under W2.
    pub step: Option<f64>,
    /// Number of steps.
    pub steps: Option<usize>,
    /// End time; the last step is shortened to meet it. With neither `steps` nor `time` the flow runs to
    /// convergence or 200 steps.
    pub time: Option<f64>,
    /// Relative tolerance of a step. `None`: 1e-6 for the adaptive scheme, fixed steps for the
    /// implicit one. Some: both control their steps by it; the others, whose steps are fixed, refuse it. The error at
    /// a fixed time is O(rtol) for the adaptive scheme and O(√rtol) for the implicit one. Infinity: every step
    /// is `step` long.
    pub rtol: Option<f64>,
    /// Absolute tolerance of a step, a length; `None`: 0, the size of the cloud alone decides.
    pub atol: Option<f64>,
    /// Frames kept: the first, every `every`-th step, the last.
    pub every: usize,
    /// Times to keep frames at instead of `every`, increasing; the first and the last frame are kept too. Frames
    /// inside a step are interpolated to order 4, with the labels of its start, so that no step is shortened. Adaptive scheme alone.
    pub frame_times: Option<Vec<f64>>,
    /// Orientation under the IGW metric.
    pub rotation: Rotation,
    /// Converged when the metric speed √⟨v, L v⟩ is at most `tol` times its first value (used when neither
    /// `steps` nor `time` is given).
    pub tol: f64,
    /// Converged, whatever else ends the flow, after a step that lowers F at no more than this part of the mean
    /// rate since the start: F(before) − F(after) ≤ energy_tol · (F(first) − F(after)) · τ / t, and F did not
    /// rise. Rates, so that short steps do not end it.
    pub energy_tol: Option<f64>,
    /// An implicit step is solved when its preconditioned gradient has fallen to this part of its start.
    pub inner_tol: f64,
    /// Cap on the iterations of an implicit step.
    pub max_inner: usize,
    /// Floor of the eigenvalues of Σ relative to the largest, now and at the start; at or below it the flow
    /// is `singular`.
    pub floor: f64,
    /// Seed of the orientation search and of the noise.
    pub seed: u64,
}

impl Default for Flow {
    fn default() -> Self {
        Flow {
            metric: Metric::Igw,
            scheme: Scheme::Implicit,
            step: None,
            steps: None,
            time: None,
            rtol: None,
            atol: None,
            every: 1,
            frame_times: None,
            rotation: Rotation::Free,
            tol: 1e-6,
            energy_tol: None,
            inner_tol: 1e-8,
            max_inner: 200,
            floor: crate::mobility::FLOOR,
            seed: 0,
        }
    }
}

/// The turn before the first step of a flow with free orientation.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct FirstTurn {
    /// Radians, |log O|_F / √2.
    pub angle: f64,
    /// F before and after.
    pub energy_before: f64,
    /// F after the turn.
    pub energy_after: f64,
    /// O, (d, d).
    pub rotation: Vec<f64>,
    /// The torque vanished there, with no falling direction; false at a kink of F.
    pub converged: bool,
}

/// One step of a flow. For a diffusion `energy`, `speed_squared`, `rate`, `moved_squared` and `inequality` are not
/// numbers: particles have no value of F.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StepLog {
    /// Time at its end.
    pub time: f64,
    /// Its length τ.
    pub tau: f64,
    /// F at its end.
    pub energy: f64,
    /// ⟨v, L v⟩ (IGW) or ⟨v, v⟩ (W2) at its start: −dF/dt there. This and `rate` may leave the range of
    /// doubles (infinite or 0) for extreme lengths and times; the flow does not.
    pub speed_squared: f64,
    /// (F(end) − F(start)) / τ, the other side of the energy identity.
    pub rate: f64,
    /// Squared distance moved, D², for the identity labelling.
    pub moved_squared: f64,
    /// F(start) − F(end) − D² / (2 τ): not negative in the implicit scheme, up to rounding.
    pub inequality: f64,
    /// Standard error of `energy` where it is sampled.
    pub sampling_error: Option<f64>,
    /// Inner iterations (0 for explicit schemes).
    pub iterations: usize,
    /// Evaluations of F and its gradient, those for curvature along rotations, for trials rejected and for
    /// frames inside the step included.
    pub evaluations: usize,
    /// Longer trials before it that were rejected: their error was too large, or they left the domain.
    pub rejected: usize,
    /// Estimated error, a length, L²(ρ); `None` for steps of fixed length.
    pub error: Option<f64>,
    /// Preconditioned gradient left, relative to its start.
    pub residual: f64,
    /// A step of an IGW diffusion longer than 0.2 λ_min² / a, with the Σ of its start.
    pub stiff: bool,
    /// The inner solver met its tolerance. A step that did not is kept: its energy inequality says what
    /// it is worth. Energies with kinks (distances, where points meet) are the usual cause.
    pub converged: bool,
    /// Torque of ∇δF at the start: |G − Gᵀ| / (2 |G|).
    pub skew: f64,
    /// Radians turned.
    pub angle: f64,
    /// Points that got another label; `None` when not checked (n above 2,000).
    pub relabelled: Option<usize>,
    /// Relative excess of D² under the labelling kept over the best one found (unequal weights cannot
    /// be relabelled).
    pub label_loss: f64,
}

/// A flow on particles.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Trajectory {
    /// Number of points.
    pub n: usize,
    /// Dimension.
    pub d: usize,
    /// Times of the frames, (k).
    pub times: Vec<f64>,
    /// Frames, (k, n, d). The first is the cloud given, before any turn.
    pub points: Vec<f64>,
    /// Weights, (n).
    pub weights: Vec<f64>,
    /// F at the frames, (k); not a number for a diffusion: see [`Trajectory::statistics`].
    pub energies: Vec<f64>,
    /// Σ at the frames, (k, d, d).
    pub second_moments: Vec<f64>,
    /// Distance D of the frames from the end of the last whole step before them, (k): 0 but for frames inside a
    /// step.
    pub beyond_step: Vec<f64>,
    /// How it stopped.
    pub status: Status,
    /// One entry a step.
    pub log: Vec<StepLog>,
    /// Trials rejected in all, those after the last step included.
    pub rejected: usize,
    /// Times of [`Flow::frame_times`] that lie after the end of the flow, without a frame.
    pub frames_missed: usize,
    /// The turn before the first step, where there was one.
    pub first_turn: Option<FirstTurn>,
    /// F(best rotation) − F(best mirror image) at the start if positive (free orientation).
    pub mirror_gain: f64,
    /// The step τ used, where steps are controlled the first one tried.
    pub step: f64,
    /// Geometry.
    pub metric: Metric,
    /// Scheme.
    pub scheme: Scheme,
    /// Orientation under IGW; `None` when F is rotation invariant or under W2.
    pub rotation: Option<Rotation>,
    /// Name of the energy.
    pub energy: String,
    /// The coefficient a of the entropy in F = R + a ∫ ρ log ρ; 0 for no diffusion.
    pub diffusion: f64,
    /// Q (d, d) where F = ½ ∫ xᵀ Q x dρ + a ∫ ρ log ρ + a constant ([`Trajectory::law`]).
    pub quadratic_form: Option<Vec<f64>>,
    /// R at the frames of a diffusion, (k), else empty.
    pub regular: Vec<f64>,
    /// Their standard errors; not a number where the energy does not give its first variation.
    pub regular_errors: Vec<f64>,
}

impl Trajectory {
    /// Number of frames k.
    pub fn frames(&self) -> usize {
        self.times.len()
    }

    /// Frame f, (n, d).
    pub fn frame(&self, f: usize) -> &[f64] {
        &self.points[f * self.n * self.d..(f + 1) * self.n * self.d]
    }

    /// Where F is a quadratic form and an entropy: the flow of the Gaussian with the second moment of the first frame,
    /// which has the second moments of this one (whatever its law: all equations are linear). `None` else, and with a
    /// fixed orientation. Errors: those of [`gaussian::Flow::new`].
    pub fn law(&self) -> Result<Option<gaussian::Flow>> {
        let Some(q) = self.quadratic_form.as_ref().filter(|_| self.rotation != Some(Rotation::Fixed)) else {
            return Ok(None);
        };
        let functional = gaussian::Functional::new(self.diffusion, q)?;
        let first = &self.second_moments[..self.d * self.d];
        gaussian::Flow::new(&functional, first, self.metric).map(Some)
    }

    /// Moments and energy at frame f, with the standard errors of an independent sample (under IGW runs vary more: see
    /// [`statistics`]). Errors: those of [`statistics::Statistics::new`].
    pub fn statistics(&self, f: usize) -> Result<statistics::Statistics> {
        let cloud = Measure::weighted(self.frame(f).to_vec(), self.d, self.weights.clone())?;
        let regular = self.regular.get(f).zip(self.regular_errors.get(f)).map(|(r, e)| (*r, *e));
        statistics::Statistics::new(&cloud, regular, self.diffusion)
    }

    /// The first frame as a measure.
    pub fn start(&self) -> Result<Measure> {
        Measure::weighted(self.frame(0).to_vec(), self.d, self.weights.clone())
    }

    /// Whole steps done at frame f.
    pub fn steps_at(&self, f: usize) -> usize {
        self.log.partition_point(|s| s.time <= self.times[f])
    }

    /// Length of the path up to frame f in the metric of the flow: Σ of the distances moved, step by
    /// step (turns are free under IGW), and from the last of them to a frame inside a step; scales as length² (IGW) or
    /// length (W2). Not a number for a diffusion, whose paths have no length.
    pub fn length_at(&self, f: usize) -> f64 {
        // not a number stays one
        let moved = |s: &StepLog| if s.moved_squared < 0.0 { 0.0 } else { s.moved_squared.sqrt() };
        self.log[..self.steps_at(f)].iter().map(moved).fold(0.0, |a, b| a + b) + self.beyond_step[f]
    }

    /// Inner iterations up to frame f.
    pub fn iterations_at(&self, f: usize) -> usize {
        self.log[..self.steps_at(f)].iter().map(|s| s.iterations).sum()
    }

    /// Steps at the end of which F was larger than at their start, beyond rounding: none in the implicit scheme; with an
    /// explicit one they say that the step is too long. A sampled energy is compared within one draw.
    pub fn energy_rises(&self) -> usize {
        let rises = |k: &usize| {
            let (start, end) = (self.energy_before(*k), self.log[*k].energy);
            end - start > 1e-12 * start.abs().max(end.abs())
        };
        (0..self.log.len()).filter(rises).count()
    }

    /// F before the first step, after the first turn.
    fn first_energy(&self) -> f64 {
        self.first_turn.as_ref().map_or(self.energies[0], |t| t.energy_after)
    }

    /// F at the start of step k; where it is sampled, in the draw of this step.
    fn energy_before(&self, k: usize) -> f64 {
        let step = &self.log[k];
        match (step.sampling_error, k) {
            (Some(_), _) => step.energy - step.rate * step.tau,
            (None, 0) => self.first_energy(),
            (None, _) => self.log[k - 1].energy,
        }
    }

    /// Steps of an IGW diffusion that were too long for the least eigenvalue of Σ, above 0.2 λ_min² / a: the moments
    /// are not to be trusted beyond the first.
    pub fn stiff(&self) -> usize {
        self.log.iter().filter(|s| s.stiff).count()
    }

    /// Steps done.
    pub fn steps(&self) -> usize {
        self.log.len()
    }

    /// Radians turned in all, the first turn included.
    pub fn turned(&self) -> f64 {
        let first = self.first_turn.as_ref().map_or(0.0, |t| t.angle);
        first + self.log.iter().map(|s| s.angle).sum::<f64>()
    }

    /// Largest torque after the first turn.
    pub fn skew(&self) -> f64 {
        self.log.iter().map(|s| s.skew).fold(0.0, f64::max)
    }

    /// Steps whose inner solver did not meet its tolerance.
    pub fn unsolved(&self) -> usize {
        self.log.iter().filter(|s| !s.converged).count()
    }

    /// Points relabelled in all; `None` when never checked.
    pub fn relabelled(&self) -> Option<usize> {
        self.log.iter().filter_map(|s| s.relabelled).reduce(|a, b| a + b)
    }
}

impl Flow {
    /// The relative tolerance of steps, given or by default; `None` where steps are fixed.
    pub fn relative_tolerance(&self) -> Option<f64> {
        match self.scheme {
            Scheme::Adaptive => Some(self.rtol.unwrap_or(control::RTOL)),
            _ => self.rtol,
        }
    }

    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        let positive = |name, value: Option<f64>| match value {
            Some(v) if !(v > 0.0 && v.is_finite()) => Err(Error::option(name, v, "a positive number")),
            _ => Ok(()),
        };
        positive("step", self.step)?;
        positive("time", self.time)?;
        positive("inner_tol", Some(self.inner_tol))?;
        if self.every == 0 {
            return Err(Error::option("every", 0, "at least 1"));
        }
        if self.max_inner == 0 {
            return Err(Error::option("max_inner", 0, "at least 1"));
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::option("tol", self.tol, "a number >= 0"));
        }
        if self.steps.is_some() && self.time.is_some() {
            return Err(Error::option("steps", "both steps and time", "one of them"));
        }
        if !(0.0..1.0).contains(&self.floor) {
            return Err(Error::option("floor", self.floor, "a number in [0, 1)"));
        }
        if let Some(part) = self.energy_tol.filter(|e| !(0.0..1.0).contains(e)) {
            return Err(Error::option("energy_tol", part, "a number in [0, 1)"));
        }
        control::check(self)
    }

    /// Runs the flow. Errors: options, a cloud of another dimension than the energy, lengths outside
    /// [1e-60, 1e60], whatever the energy reports. An explicit scheme that leaves this range is `stalled`
    /// at the last cloud inside. Cost of an implicit step: some 5 to 15 evaluations of
    /// F (and d (d − 1) / 2 more every ten steps when F sees rotations) and its gradient, O(n d²) each beside F itself, and one n × n transport problem for the labels up
    /// to n = 2,000. Memory O(n d) and the frames.
    pub fn solve(
        &self,
        rho: &Measure,
        energy: &mut dyn Energy,
        observer: &mut dyn Observer,
    ) -> Result<Trajectory> {
        self.solve_from(None, rho, energy, observer, None)
    }
}
