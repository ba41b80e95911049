//! Barycentres of weighted clouds in the IGW geometry.
//!
//! Given clouds X_k (any sizes, weights, dimensions) and λ_k ≥ 0 with Σ λ_k = 1, the barycentre minimises
//! Σ_k λ_k IGW²(·, X_k). Like IGW it is blind to rotations and mirror images of each cloud, and it is found up to one
//! of its own.
//!
//! - [`Barycenter`] finds n points with given weights in R^d ([`free`]), with a lower bound from the spectra.
//! - [`IntrinsicMean`] minimises Σ_k λ_k d_IGW² instead, the squared lengths of geodesics, for labelled clouds.
//! - [`gaussian`] has the closed form for Gaussians: the mean of the sorted eigenvalues.
//!
//! ```
//! use gromov::{Barycenter, Measure};
//! let square = |r: f64| Measure::uniform(vec![r, r, -r, r, -r, -r, r, -r], 2);
//! // squares with Σ = 1 and Σ = 9: the barycentre has Σ = 5, at IGW² = 2 (5 − 1)² from each
//! let sol = Barycenter::default().solve(&[square(1.0)?, square(3.0)?], &mut ())?;
//! assert!((sol.objective - 32.0).abs() < 1e-12 && (sol.lower_bound - 32.0).abs() < 1e-12);
//! assert!((sol.points[0].powi(2) - 5.0).abs() < 1e-12);
//! # Ok::<(), gromov::Error>(())
//! ```
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the alternation was
//! derived here.

mod forecast;
pub mod free;
pub mod gaussian;
pub mod intrinsic;
mod problem;
mod start;
mod state;
#[cfg(test)]
mod tests;

pub use free::{Barycenter, Solution};
pub use intrinsic::{IntrinsicMean, Mean};

use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::WEIGHT_SUM_TOLERANCE;

/// λ of `count` members, divided by their sum; equal without any. Errors: a wrong number, a negative or not finite
/// one, a sum other than one (within 1e-9).
fn check_lambdas(lambdas: Option<&[f64]>, count: usize) -> Result<Vec<f64>> {
    let Some(lambdas) = lambdas else {
        return Ok(vec![1.0 / count as f64; count]);
    };
    if lambdas.len() != count {
        return Err(Error::shape("lambdas", format!("{count} numbers"), lambdas.len()));
    }
    if let Some(bad) = lambdas.iter().find(|l| !(**l >= 0.0 && l.is_finite())) {
        return Err(Error::option("lambdas", bad, "numbers >= 0"));
    }
    let sum = linalg::compensated(lambdas.iter().copied());
    if (sum - 1.0).abs() > WEIGHT_SUM_TOLERANCE {
        return Err(Error::option("lambdas", format!("a sum of {sum}"), "numbers of sum 1 (within 1e-9)"));
    }
    Ok(lambdas.iter().map(|l| l / sum).collect())
}

/// The mean of spectra, (largest length), and Σ_k λ_k |l_k − μ|², with μ the mean cut to `rank` values. Spectra are
/// decreasing and padded with zeros.
fn mean_of_spectra(spectra: &[Vec<f64>], lambdas: &[f64], rank: usize) -> (Vec<f64>, f64) {
    let d = spectra.iter().map(Vec::len).max().unwrap_or(0);
    let at = |l: &Vec<f64>, i: usize| l.get(i).copied().unwrap_or(0.0);
    let weighted = |f: &dyn Fn(&Vec<f64>) -> f64| -> f64 {
        spectra.iter().zip(lambdas).filter(|(_, w)| **w > 0.0).map(|(l, w)| w * f(l)).sum()
    };
    let mean: Vec<f64> = (0..d).map(|i| if i < rank { weighted(&|l| at(l, i)) } else { 0.0 }).collect();
    let value = (0..d).map(|i| weighted(&|l| (at(l, i) - mean[i]).powi(2))).sum();
    (mean, value)
}
