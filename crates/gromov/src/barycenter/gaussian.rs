//! The barycentre of centred Gaussians: the mean of their sorted eigenvalues.
//!
//! Σ_k λ_k IGW²(N(0, Σ), N(0, C_k)) = Σ_i Σ_k λ_k (λ_i(Σ) − λ_i(C_k))² is least where λ_i(Σ) = Σ_k λ_k λ_i(C_k), which is
//! sorted again. The variance is averaged (under W2 and for commuting covariances the standard deviation is).

use super::{check_lambdas, mean_of_spectra};
use crate::error::{Error, Result};
use crate::igw::gaussian::{covariance_eigen, padded_eigen};
use crate::linalg;

/// The barycentre N(0, Σ) of Gaussians.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Solution {
    /// The largest of the dimensions. A covariance of fewer dimensions is padded with zeros.
    pub d: usize,
    /// Σ, (d, d) row-major, in the eigenbasis of the first covariance (then the coordinates it does not have).
    pub covariance: Vec<f64>,
    /// Its eigenvalues, decreasing.
    pub spectrum: Vec<f64>,
    /// Σ_k λ_k IGW² of the barycentre; scales as length⁴.
    pub objective: f64,
}

/// The barycentre of N(0, C_k), each of `covs` (d_k, d_k) row-major, with `lambdas` (K) ≥ 0 of sum one, equal without
/// any. O(Σ d_k³). Errors: no covariance, what is none, λ that are negative or of another sum.
///
/// ```
/// use gromov::barycenter::gaussian;
/// // variances (4, 1) and (2) on the line, equal weights: (3, 1/2), at distances² 1 + 1/4 of each
/// let mean = gaussian::barycenter(&[&[4.0, 0.0, 0.0, 1.0], &[2.0]], None)?;
/// assert_eq!((mean.covariance, mean.objective), (vec![3.0, 0.0, 0.0, 0.5], 1.25));
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn barycenter(covs: &[&[f64]], lambdas: Option<&[f64]>) -> Result<Solution> {
    if covs.is_empty() {
        return Err(Error::shape("covs", "at least one", "none"));
    }
    let lambdas = check_lambdas(lambdas, covs.len())?;
    let mut eigen = covs.iter().map(|c| covariance_eigen("covs", c)).collect::<Result<Vec<_>>>()?;
    let spectra: Vec<Vec<f64>> = eigen.iter().map(|e| e.values.clone()).collect();
    let (spectrum, objective) = mean_of_spectra(&spectra, &lambdas, usize::MAX);
    let d = spectrum.len();
    let basis = padded_eigen(eigen.swap_remove(0), d).vectors;
    Ok(Solution { d, covariance: linalg::from_eigen(&basis, &spectrum), spectrum, objective })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geodesic::gaussian::Geodesic;
    use crate::igw::gaussian::squared;

    #[test]
    fn two_gaussians_meet_on_their_geodesic() {
        let (a, b) = ([2.0, 0.7, 0.7, 1.0], [1.0, -0.2, 0.0, -0.2, 3.0, 0.1, 0.0, 0.1, 0.5]);
        for t in [0.0, 0.3, 1.0] {
            let mean = barycenter(&[&a, &b], Some(&[1.0 - t, t])).unwrap();
            let path = Geodesic::new(&a, &b).unwrap();
            let on_path = path.covariance(t).unwrap();
            assert!(mean.covariance.iter().zip(&on_path).all(|(x, y)| (x - y).abs() < 1e-14));
            assert!((mean.objective - t * (1.0 - t) * path.squared()).abs() < 1e-13);
            // the objective is what the distances say, and no covariance beside it is better
            let value = |c: &[f64]| (1.0 - t) * squared(&a, c).unwrap() + t * squared(&b, c).unwrap();
            assert!((value(&mean.covariance) - mean.objective).abs() < 1e-13);
            for i in 0..3 {
                let mut beside = mean.covariance.clone();
                beside[4 * i] += 1e-3;
                assert!(value(&beside) > mean.objective);
            }
        }
    }

    #[test]
    fn wrong_lambdas_are_refused() {
        let one: &[f64] = &[1.0];
        for (lambdas, word) in [
            (vec![1.0], "lambdas: expected 2 numbers, got 1"),
            (vec![1.5, -0.5], "lambdas: -0.5"),
            (vec![0.5, 0.6], "a sum of 1.1"),
            (vec![f64::NAN, 1.0], "lambdas: NaN"),
        ] {
            let error = barycenter(&[one, one], Some(&lambdas)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(barycenter(&[], None).is_err() && barycenter(&[&[-1.0]], None).is_err());
    }
}
