//! The distance between centred Gaussians, from the spectra of their covariances.

use super::bound::of_spectra;
use crate::error::{Error, Result};
use crate::linalg::{self, Eigen};

/// IGW²(N(0, C), N(0, D)) = Σ_i (λ_i(C) − λ_i(D))², eigenvalues sorted and the shorter spectrum padded with zeros;
/// scales as length⁴. `cov` (p, p) and `other` (q, q), row-major, symmetric and positive semi-definite, p and q
/// from their sizes. For Gaussians the spectral bound ([`super::bound::spectral`]) is attained, by the linear map
/// that matches the principal axes in order (Delon, Desolneux, Salmona 2022 for the case of inner products).
/// O(p³ + q³). Errors: a size that is no square, an entry that is not finite, a matrix that is not symmetric or
/// has a negative eigenvalue beyond rounding.
///
/// ```
/// use gromov::igw::gaussian;
/// // variances (4, 1) against (3) on the line: (4 − 3)² + (1 − 0)²
/// assert!((gaussian::squared(&[4.0, 0.0, 0.0, 1.0], &[3.0])? - 2.0).abs() < 1e-14);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn squared(cov: &[f64], other: &[f64]) -> Result<f64> {
    Ok(of_spectra(&spectrum("cov", cov)?, &spectrum("other", other)?))
}

/// Eigenvalues of a covariance, decreasing.
pub(crate) fn spectrum(name: &'static str, cov: &[f64]) -> Result<Vec<f64>> {
    Ok(covariance_eigen(name, cov)?.values)
}

/// Eigenvalues, decreasing, and eigenvectors of a covariance (d, d); what is below zero by rounding alone is zero.
/// Errors: those of [`symmetric`], a negative eigenvalue beyond rounding.
pub(crate) fn covariance_eigen(name: &'static str, cov: &[f64]) -> Result<Eigen> {
    let (mut eigen, d) = symmetric(name, cov)?;
    let (largest, smallest) = (linalg::max_abs(&eigen.values), eigen.values[d - 1]);
    if smallest < -rounding(d) * linalg::power_of_two_scale(largest) {
        return Err(Error::option(name, smallest, "a matrix without negative eigenvalues"));
    }
    eigen.values.iter_mut().for_each(|x| *x = x.max(0.0));
    Ok(eigen)
}

/// Eigenvalues and eigenvectors of a positive definite covariance. Errors: those of [`covariance_eigen`], an eigenvalue
/// within rounding of zero.
pub(crate) fn positive_eigen(name: &'static str, cov: &[f64]) -> Result<Eigen> {
    let eigen = covariance_eigen(name, cov)?;
    let d = eigen.values.len();
    let (largest, smallest, floor) = (eigen.values[0], eigen.values[d - 1], rounding(d));
    if smallest <= floor * largest {
        return Err(Error::Singular { smallest, largest, floor });
    }
    Ok(eigen)
}

/// Eigenvalues and eigenvectors of a covariance (p, p) padded with zeros to (d, d): the added coordinates come last.
pub(crate) fn padded_eigen(mut eigen: Eigen, d: usize) -> Eigen {
    let p = eigen.values.len();
    let mut vectors = linalg::identity(d);
    for i in 0..p {
        vectors[i * d..i * d + p].copy_from_slice(&eigen.vectors[i * p..(i + 1) * p]);
    }
    eigen.values.resize(d, 0.0);
    Eigen { values: eigen.values, vectors }
}

/// Eigenvalues, decreasing, and eigenvectors of a symmetric matrix (d, d), and d. Errors: a size that is no square,
/// an entry that is not finite, entries (i, j) and (j, i) that differ.
pub(crate) fn symmetric(name: &'static str, matrix: &[f64]) -> Result<(Eigen, usize)> {
    let d = matrix.len().isqrt();
    if d == 0 || d * d != matrix.len() {
        return Err(Error::shape(name, "(d, d)", format!("{} numbers", matrix.len())));
    }
    if let Some(k) = matrix.iter().position(|x| !x.is_finite()) {
        let index = format!("({}, {})", k / d, k % d);
        return Err(Error::NotFinite { argument: name.into(), index, value: matrix[k] });
    }
    let unit = linalg::power_of_two_scale(linalg::max_abs(matrix));
    for i in 0..d {
        for j in 0..i {
            let (lower, upper) = (matrix[i * d + j], matrix[j * d + i]);
            if (lower / unit - upper / unit).abs() > rounding(d) {
                let found = format!("{lower} at ({i}, {j}) and {upper} at ({j}, {i})");
                return Err(Error::shape(name, "a symmetric matrix", found));
            }
        }
    }
    Ok((linalg::symmetric_eigen(matrix, d)?, d))
}

/// Rounding of eigenvalues, of the size of the matrix.
fn rounding(d: usize) -> f64 {
    16.0 * d as f64 * f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::igw::Alternating;
    use crate::measure::{Measure, sample::Source};

    /// Points ± √d σ_i e_i with covariance diag(σ²), turned: their distance is that of the Gaussians, because the
    /// plan that matches the axes in order attains the spectral bound.
    #[test]
    fn symmetric_clouds_have_the_distance_of_their_gaussians() {
        let cross = |std: &[f64]| {
            let d = std.len();
            let mut points = vec![0.0; 2 * d * d];
            for i in 0..d {
                points[2 * i * d + i] = (d as f64).sqrt() * std[i];
                points[(2 * i + 1) * d + i] = -(d as f64).sqrt() * std[i];
            }
            Measure::uniform(points, d).unwrap()
        };
        let (mu, nu) = (cross(&[2.0, 1.0, 0.5]), cross(&[1.5, 1.2, 0.3]));
        let exact = squared(&mu.second_moment(), &nu.second_moment()).unwrap();
        let want = (4.0f64 - 2.25).powi(2) + (1.0f64 - 1.44).powi(2) + (0.25f64 - 0.09).powi(2);
        assert!((exact - want).abs() < 1e-14);
        let sol = Alternating::default().solve(&mu, &nu, &mut ()).unwrap();
        assert!((sol.squared - exact).abs() < 1e-13 && sol.certified);
    }

    #[test]
    fn samples_tend_to_the_closed_form() {
        let mut s = Source::new(31, 0);
        let mut sample = |std: [f64; 2]| {
            let points = (0..2000).flat_map(|_| std.map(|std| std * s.normal())).collect();
            Measure::uniform(points, 2).unwrap().centred()
        };
        let (mu, nu) = (sample([2.0, 1.0]), sample([1.0, 0.5]));
        let exact = squared(&[4.0, 0.0, 0.0, 1.0], &[1.0, 0.0, 0.0, 0.25]).unwrap();
        let sol = Alternating { starts: Some(4), ..Default::default() }.solve(&mu, &nu, &mut ()).unwrap();
        // variances have relative deviation √(2 / n) = .03
        assert!((sol.squared / exact - 1.0).abs() < 0.2, "{} {exact}", sol.squared);
    }

    #[test]
    fn what_is_no_covariance_is_refused() {
        for (cov, word) in [
            (vec![1.0, 2.0], "(d, d)"),
            (vec![], "(d, d)"),
            (vec![1.0, 0.5, 0.0, 1.0], "symmetric"),
            (vec![1.0, 2.0, 2.0, 1.0], "negative"),
            (vec![1.0, f64::NAN, f64::NAN, 1.0], "(0, 1)"),
        ] {
            let error = squared(&cov, &[1.0]).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        // any size that doubles hold
        assert!((squared(&[1e150], &[0.0]).unwrap() / 1e300 - 1.0).abs() < 1e-14);
    }
}
