//! The geodesic between centred Gaussians: eigenvalues of the covariance are linear in time.
//!
//! l_i(t) = (1 − t) λ_i(C₀) + t λ_i(C₁), both spectra sorted: the *variance* is linear (under W2 the standard
//! deviation is, where the covariances commute). |dΣ/dt| is constant and ∫ |dΣ/dt|² dt = Σ_i (λ_i(C₀) − λ_i(C₁))²,
//! which is IGW²: no path is shorter, so that the length of the geodesic is the distance.
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the closed form was
//! derived here.

use crate::error::{Error, Result};
use crate::igw::bound::of_spectra;
use crate::igw::gaussian::{covariance_eigen, padded_eigen, spectrum};
use crate::linalg;

/// A geodesic from N(0, C₀) to N(0, C₁), in the eigenbasis of C₀.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Geodesic {
    /// The larger of the two dimensions. A covariance of fewer dimensions is padded with zeros: that Gaussian lies in
    /// the space of the first coordinates.
    pub d: usize,
    /// Orthonormal columns, (d, d): eigenvectors of C₀, then the added coordinates. Every covariance of the path is
    /// diagonal in it; the path ends at a rotated copy of C₁.
    pub basis: Vec<f64>,
    /// Eigenvalues at t = 0, (d), decreasing; scale as length².
    pub start: Vec<f64>,
    /// Eigenvalues at t = 1, (d), decreasing.
    pub end: Vec<f64>,
}

impl Geodesic {
    /// The geodesic between the Gaussians of covariances `cov` (p, p) and `other` (q, q), row-major. O(p³ + q³).
    /// Errors: those of [`crate::igw::gaussian::squared`].
    ///
    /// ```
    /// use gromov::geodesic::gaussian::Geodesic;
    /// // variances (4, 1) to (2) on the line: half way (3, 1/2)
    /// let path = Geodesic::new(&[4.0, 0.0, 0.0, 1.0], &[2.0])?;
    /// assert_eq!(path.spectrum(0.5)?, [3.0, 0.5]);
    /// assert_eq!(path.squared(), 4.0 + 1.0);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn new(cov: &[f64], other: &[f64]) -> Result<Self> {
        let (first, mut end) = (covariance_eigen("cov", cov)?, spectrum("other", other)?);
        let d = first.values.len().max(end.len());
        end.resize(d, 0.0);
        let first = padded_eigen(first, d);
        Ok(Geodesic { d, basis: first.vectors, start: first.values, end })
    }

    /// Eigenvalues at `t` in [0, 1], decreasing, (d). Errors: another t.
    pub fn spectrum(&self, t: f64) -> Result<Vec<f64>> {
        if !(0.0..=1.0).contains(&t) {
            return Err(Error::option("t", t, "a number between 0 and 1"));
        }
        Ok(self.start.iter().zip(&self.end).map(|(a, b)| (1.0 - t) * a + t * b).collect())
    }

    /// The covariance at `t` in [0, 1], (d, d) row-major. O(d³). Errors: another t.
    pub fn covariance(&self, t: f64) -> Result<Vec<f64>> {
        Ok(linalg::from_eigen(&self.basis, &self.spectrum(t)?))
    }

    /// Σ_i (λ_i(C₀) − λ_i(C₁))²: IGW², and the squared length of the path; scales as length⁴.
    pub fn squared(&self) -> f64 {
        of_spectra(&self.start, &self.end)
    }

    /// IGW, the length and the constant speed of the path; scales as length², safe at any scale.
    pub fn distance(&self) -> f64 {
        let difference: Vec<f64> = self.start.iter().zip(&self.end).map(|(a, b)| a - b).collect();
        let unit = linalg::power_of_two_scale(linalg::max_abs(&difference));
        unit * linalg::norm(&difference.iter().map(|x| x / unit).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::igw::gaussian::squared;
    use crate::measure::{Measure, sample::Source};
    use crate::mobility::Mobility;

    fn covariance(s: &mut Source, d: usize) -> Vec<f64> {
        let a: Vec<f64> = (0..d * d).map(|_| s.normal()).collect();
        linalg::matmul(&a, &linalg::transpose(&a, d, d), d, d, d)
    }

    #[test]
    fn parts_of_the_path_have_their_share_of_the_distance() {
        let mut s = Source::new(201, 0);
        for (p, q) in [(1, 1), (2, 2), (3, 2), (2, 4), (4, 4)] {
            let (a, b) = (covariance(&mut s, p), covariance(&mut s, q));
            let path = Geodesic::new(&a, &b).unwrap();
            let whole = squared(&a, &b).unwrap();
            assert!((path.squared() - whole).abs() <= 1e-13 * whole);
            assert!((path.distance() - whole.sqrt()).abs() <= 1e-13 * whole.sqrt());
            for (t, r) in [(0.0, 1.0), (0.0, 0.3), (0.25, 0.75), (0.9, 1.0)] {
                let part = squared(&path.covariance(t).unwrap(), &path.covariance(r).unwrap()).unwrap();
                let size = linalg::dot(&a, &a) + linalg::dot(&b, &b);
                assert!((part - (r - t).powi(2) * whole).abs() <= 1e-13 * size, "{p} {q}: {part} {whole}");
            }
            // it starts at C₀ itself, padded, and ends at the spectrum of C₁
            let start = path.covariance(0.0).unwrap();
            for i in 0..p {
                for j in 0..p {
                    assert!((start[i * path.d + j] - a[i * p + j]).abs() <= 1e-13 * linalg::norm(&a));
                }
            }
            assert!(squared(&path.covariance(1.0).unwrap(), &b).unwrap() <= 1e-26 * whole);
        }
    }

    #[test]
    fn the_speed_is_that_of_the_mobility() {
        // points ± √d x_i with x_i the columns of Σ^½, moved by v = ½ Σ' Σ⁻¹ x: ⟨v, L v⟩ = |Σ'|²
        let path = Geodesic::new(&[4.0, 0.0, 0.0, 1.0], &[1.0, 0.0, 0.0, 0.5]).unwrap();
        for t in [0.0, 0.4, 1.0] {
            let l = path.spectrum(t).unwrap();
            let points: Vec<f64> = (0..4)
                .flat_map(|k| {
                    let x = [-1.0, 1.0][k % 2] * (2.0 * l[k / 2]).sqrt();
                    if k / 2 == 0 { [x, 0.0] } else { [0.0, x] }
                })
                .collect();
            let mu = Measure::uniform(points, 2).unwrap();
            let v: Vec<f64> = (0..8)
                .map(|k| 0.5 * (path.end[k % 2] - path.start[k % 2]) / l[k % 2] * mu.points()[k])
                .collect();
            let speed = Mobility::new(&mu, 1e-12).unwrap().inner(&v, &v).unwrap();
            assert!((speed - path.squared()).abs() < 1e-13, "{speed}");
        }
    }

    #[test]
    fn times_outside_the_path_and_what_is_no_covariance_are_refused() {
        let path = Geodesic::new(&[1e150], &[0.0]).unwrap();
        assert!((path.distance() / 1e150 - 1.0).abs() < 1e-15);
        for t in [-0.1, 1.1, f64::NAN] {
            assert!(path.covariance(t).unwrap_err().to_string().contains("between 0 and 1"));
        }
        assert!(Geodesic::new(&[1.0], &[-1.0]).unwrap_err().to_string().contains("other: -1"));
        assert!(Geodesic::new(&[1.0, 2.0], &[1.0]).unwrap_err().to_string().contains("cov"));
    }
}
