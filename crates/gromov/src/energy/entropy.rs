//! Energies with a density: the entropy and the divergence from a Gaussian.
//!
//! Their diffusion part a ∫ ρ log ρ has no value on particles: flows of them are diffusions
//! ([`Scheme::Langevin`](crate::flow::Scheme::Langevin)), exact for Gaussians in [`flow::gaussian`](crate::flow::gaussian).

use std::f64::consts::PI;

use super::{Energy, Quadratic};
use crate::error::{Error, Result};
use crate::igw::gaussian::positive_eigen;
use crate::linalg;
use crate::measure::Measure;

fn no_value(name: &str) -> Error {
    Error::option(
        "energy",
        name,
        "an energy with a value on particles: this one needs a density (scheme langevin)",
    )
}

/// F(ρ) = ∫ ρ log ρ, the negative of Boltzmann's entropy; has no unit. Rotation invariant. Particles have no density: a
/// value asked for is an error, and the regular part is 0.
///
/// ```
/// use gromov::{Energy, Measure, energy::Entropy};
/// assert_eq!(Entropy.diffusion(), 1.0);
/// assert!(Entropy.value(&Measure::uniform(vec![0.0, 1.0], 1)?).is_err());
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Entropy;

impl Energy for Entropy {
    fn name(&self) -> String {
        "entropy".into()
    }

    fn value_and_gradient(&mut self, _rho: &Measure, _gradient: &mut [f64]) -> Result<f64> {
        Err(no_value("entropy"))
    }

    fn diffusion(&self) -> f64 {
        1.0
    }

    fn regular_part(&mut self, _rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        gradient.fill(0.0);
        Ok(0.0)
    }

    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        Ok(Some(vec![0.0; rho.len()]))
    }

    fn quadratic_form(&self, dim: usize) -> Option<Vec<f64>> {
        Some(vec![0.0; dim * dim])
    }

    fn rotation_invariant(&self) -> bool {
        true
    }
}

/// F(ρ) = KL(ρ, N(m, C)) = ∫ ρ log ρ + ½ ∫ (x − m)ᵀ C⁻¹ (x − m) dρ + ½ log det 2πC; has no unit. The regular part is all
/// but the first term.
///
/// ```
/// use gromov::{Energy, Measure, energy::KlGaussian};
/// let mut kl = KlGaussian::new(None, &[4.0])?;
/// let rho = Measure::uniform(vec![2.0], 1)?;
/// let mut gradient = [0.0];
/// // ½ · 4 / 4 + ½ log 8π, with gradient x / 4
/// let value = kl.regular_part(&rho, &mut gradient)?;
/// assert!((value - 0.5 - 0.5 * (8.0 * std::f64::consts::PI).ln()).abs() < 1e-15);
/// assert_eq!(gradient, [0.5]);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KlGaussian {
    quadratic: Quadratic,
    /// ½ log det 2πC.
    constant: f64,
}

impl KlGaussian {
    /// The Gaussian with mean m (d), 0 by default, and covariance C (d, d), positive definite. Errors: what is no such
    /// matrix (an eigenvalue below rounding of the largest counts as zero), sizes that do not fit, an inverse that
    /// leaves the range of doubles.
    pub fn new(mean: Option<Vec<f64>>, cov: &[f64]) -> Result<Self> {
        let eigen = positive_eigen("cov", cov)?;
        let d = eigen.values.len();
        if let Some(given) = mean.as_ref().map(Vec::len).filter(|n| *n != d) {
            return Err(Error::shape("mean", format!("({d},), as cov is ({d}, {d})"), format!("({given},)")));
        }
        let inverse: Vec<f64> = eigen.values.iter().map(|c| 1.0 / c).collect();
        if let Some(scale) = inverse.iter().copied().find(|c| !c.is_finite()) {
            return Err(Error::Scale {
                argument: "cov".into(),
                scale,
                range: "in which its inverse is a double",
            });
        }
        // a multiple of the identity stays one to the bit, so that F is known to be rotation invariant
        let isotropic =
            cov.iter().enumerate().all(|(k, c)| *c == if k % (d + 1) == 0 { cov[0] } else { 0.0 });
        let matrix = match isotropic {
            true => linalg::identity(d).iter().map(|e| e / cov[0]).collect(),
            false => linalg::from_eigen(&eigen.vectors, &inverse),
        };
        let constant = 0.5 * eigen.values.iter().map(|c| (2.0 * PI).ln() + c.ln()).sum::<f64>();
        let mean = mean.filter(|m| m.iter().any(|x| *x != 0.0));
        Ok(KlGaussian { quadratic: Quadratic::new(mean, Some(matrix))?, constant })
    }
}

impl Energy for KlGaussian {
    fn name(&self) -> String {
        "kl-gaussian".into()
    }

    fn value_and_gradient(&mut self, _rho: &Measure, _gradient: &mut [f64]) -> Result<f64> {
        Err(no_value("kl-gaussian"))
    }

    fn diffusion(&self) -> f64 {
        1.0
    }

    fn regular_part(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        Ok(self.quadratic.value_and_gradient(rho, gradient)? + self.constant)
    }

    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        self.quadratic.first_variation(rho)
    }

    fn quadratic_form(&self, dim: usize) -> Option<Vec<f64>> {
        self.quadratic.quadratic_form(dim)
    }

    fn rotation_invariant(&self) -> bool {
        self.quadratic.rotation_invariant()
    }

    fn dim(&self) -> Option<usize> {
        self.quadratic.dim()
    }
}
