//! Functionals F of a measure and the gradient of their first variation at the particles.
//!
//! A functional is anything that implements [`Energy`]: the value F(ρ) and the field
//! ∇ δF(ρ)(x_i) = (1/w_i) ∂F/∂x_i, so that F(ρ + h v) = F(ρ) + h ⟨∇δF, v⟩ + O(h²) with
//! ⟨f, g⟩ = Σ_i w_i f_i · g_i. Sums and multiples are [`Sum`]; [`check::taylor_slope`] tests a
//! gradient against the values.
//!
//! | name | F(ρ) |
//! | --- | --- |
//! | [`Quadratic`] | ½ ∫ (x − c)ᵀ Q (x − c) dρ |
//! | [`DoubleWell`] | ¼ ∫ (\|x\|² − 1)² dρ |
//! | [`Interaction`] | ½ ∬ (\|z\|ᵖ / p − \|z\|^q / q) dρ dρ, z = x − x' |
//! | [`EnergyDistance`] | ∬ \|x − y\| dρ dν − ½ ∬ \|x − x'\| dρ dρ − ½ ∬ \|y − y'\| dν dν |
//! | [`SampledEnergyDistance`] | the same from random batches, for clouds of which all pairs are too many |
//! | [`Mmd`] | ½ ∬ exp(−\|x − y\|² / (2 h²)) d(ρ − ν) d(ρ − ν) |
//! | [`Wasserstein`] | ½ W2²(ρ, ν) |
//! | [`Igw`] | ½ IGW²(ρ, ν) |
//! | [`Entropy`] | ∫ ρ log ρ |
//! | [`KlGaussian`] | KL(ρ, N(m, C)) |
//!
//! The last two have a diffusion part a ∫ ρ log ρ ([`Energy::diffusion`]), which particles have no value of.

pub mod check;
mod elementary;
mod entropy;
mod kernel;
mod line;
mod memory;
mod pairwise;
mod potential;
mod sampled;
mod shared;
mod sum;
mod transport;

pub use entropy::{Entropy, KlGaussian};
pub use kernel::{EnergyDistance, Interaction, Mmd};
pub use potential::{DoubleWell, Quadratic};
pub use sampled::SampledEnergyDistance;
pub use shared::Shared;
pub use sum::Sum;
pub use transport::{Igw, Wasserstein};

use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::memory::WORD;
use crate::solve::Observer;

/// A functional of a measure, for flows.
///
/// The methods take `&mut self` because transport energies keep their last plan to start the next
/// one from; a functional without memory ignores it.
///
/// ```
/// use gromov::{Energy, Measure, Result};
/// /// ∫ cos(x) dρ on the line.
/// struct Cosine;
/// impl Energy for Cosine {
///     fn name(&self) -> String { "cosine".into() }
///     fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
///         for (g, x) in gradient.iter_mut().zip(rho.points()) {
///             *g = -x.sin();
///         }
///         Ok(rho.points().iter().zip(rho.weights()).map(|(x, w)| w * x.cos()).sum())
///     }
/// }
/// let rho = Measure::uniform(vec![0.1, 0.7, 2.0], 1)?;
/// let slope = gromov::energy::check::taylor_slope(&mut Cosine, &rho, 0)?;
/// assert!((slope - 2.0).abs() < 0.2);
/// # Ok::<(), gromov::Error>(())
/// ```
pub trait Energy: Send {
    /// Short name for tables and files.
    fn name(&self) -> String;

    /// F(ρ), and ∇ δF(ρ) at the particles into `gradient` (n, d). Points of zero weight get the
    /// gradient of the first variation there.
    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64>;

    /// F(ρ) alone.
    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.value_and_gradient(rho, &mut vec![0.0; rho.points().len()])
    }

    /// The coefficient a ≥ 0 of a part a ∫ ρ log ρ, which a cloud of particles has no value of: flows of such
    /// energies are diffusions. 0 by default.
    fn diffusion(&self) -> f64 {
        0.0
    }

    /// Value and gradient of F − a ∫ ρ log ρ, a the coefficient of [`Energy::diffusion`]: what drives the drift of a
    /// diffusion. F itself by default, where a = 0.
    fn regular_part(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.value_and_gradient(rho, gradient)
    }

    /// δF(ρ) of the regular part at the particles, (n), up to a constant: its spread is the sampling error of F on
    /// independent particles. For a potential energy ∫ V dρ it is V. `None` by default: not known.
    fn first_variation(&mut self, _rho: &Measure) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    /// Q (d, d), symmetric, where the regular part is ½ ∫ xᵀ Q x dρ and a constant: the second moments of its flows are
    /// those of Gaussians. `None` by default.
    fn quadratic_form(&self, _dim: usize) -> Option<Vec<f64>> {
        None
    }

    /// Called before step number `step` (from 0) of a flow: an energy that samples draws anew here, from a seed and
    /// this number, so that F is one function within a step. True if F has changed.
    fn begin_step(&mut self, _step: usize) -> bool {
        false
    }

    /// Standard error of the last value of an energy that samples; `None` for one that does not, and where it is not
    /// known.
    fn sampling_error(&self) -> Option<f64> {
        None
    }

    /// What the energy has learnt (plans, potentials) and a flow that is resumed must know to go on with the same
    /// bytes. Empty by default: no memory.
    fn memory(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over the memory of another run of the same energy. Errors: bytes that are not those of
    /// [`Energy::memory`].
    fn remember(&mut self, memory: &[u8]) -> Result<()> {
        match memory.len() {
            0 => Ok(()),
            n => Err(Error::shape("memory of the energy", "no bytes", format!("{n} bytes"))),
        }
    }

    /// What an evaluation on a cloud of n points in R^d takes in memory, and what is kept from one to the next, in bytes;
    /// four times the cloud by default.
    fn need(&self, n: usize, dim: usize) -> f64 {
        (4 * WORD * n * dim) as f64
    }

    /// Called once before a flow from ρ: long searches belong here, where the observer can stop them.
    /// `Break` ends the flow as interrupted; F must have an answer all the same.
    fn prepare(&mut self, _rho: &Measure, _observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }

    /// True if F(O#ρ) = F(ρ) for every rotation O: flows then leave the orientation alone.
    fn rotation_invariant(&self) -> bool {
        false
    }

    /// The dimension that clouds must have, if there is one.
    fn dim(&self) -> Option<usize> {
        None
    }
}

/// The value, or [`Error::Scale`] where it has left the range of doubles.
fn in_doubles(value: f64, scale: f64, range: &'static str) -> Result<f64> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::Scale { argument: "cloud and target".into(), scale, range }),
    }
}

/// [`Error::Shape`] when a cloud has another dimension than the energy.
pub(crate) fn check_dim(energy: &dyn Energy, rho: &Measure) -> Result<()> {
    match energy.dim() {
        Some(d) if d != rho.dim() => {
            Err(Error::shape("cloud", format!("dimension {d}, that of {}", energy.name()), rho.dim()))
        }
        _ => Ok(()),
    }
}
