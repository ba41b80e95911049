//! Lower bound from the spectra of the second moments, O(n d² + d³).

use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;

/// Σ_i (λ_i(Σ_μ) − λ_i(Σ_ν))² ≤ IGW², eigenvalues sorted and padded with zeros; scales as length⁴.
/// Equality for centred Gaussians, and whenever an optimal plan aligns the principal axes.
///
/// ```
/// use gromov::{Measure, igw::bound};
/// let mu = Measure::uniform(vec![1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0], 2)?;   // Σ = I
/// let nu = Measure::uniform(vec![2.0, -2.0], 1)?;                                     // Σ = 4
/// assert!((bound::spectral(&mu, &nu)? - (9.0 + 1.0)).abs() < 1e-13);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn spectral(mu: &Measure, nu: &Measure) -> Result<f64> {
    let unit = linalg::power_of_two_scale(mu.scale().max(nu.scale()));
    let (x, y) = (mu.divided_by(unit), nu.divided_by(unit));
    let bound = spectral_of_moments(&x.second_moment(), x.dim(), &y.second_moment(), y.dim())?;
    Ok(bound * unit * unit * unit * unit)
}

pub(crate) fn spectral_of_moments(sigma: &[f64], p: usize, other: &[f64], q: usize) -> Result<f64> {
    let a = linalg::symmetric_eigen(sigma, p)?.values;
    Ok(of_spectra(&a, &linalg::symmetric_eigen(other, q)?.values))
}

/// The bound from sorted eigenvalues.
pub(crate) fn of_spectra(a: &[f64], b: &[f64]) -> f64 {
    let at = |values: &[f64], k: usize| values.get(k).copied().unwrap_or(0.0);
    (0..a.len().max(b.len())).map(|k| (at(a, k) - at(b, k)).powi(2)).sum()
}
