//! Potential energies ∫ V dρ.

use super::Energy;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;

/// F(ρ) = ½ ∫ (x − c)ᵀ Q (x − c) dρ; scales as length² |Q|. Only the symmetric part of Q counts.
#[derive(Debug, Clone)]
pub struct Quadratic {
    dim: Option<usize>,
    center: Option<Vec<f64>>,
    /// Symmetric; `None` is the identity.
    matrix: Option<Vec<f64>>,
}

impl Quadratic {
    /// c = 0 and Q = I by default. Errors: entries not finite, sizes that do not fit.
    ///
    /// ```
    /// use gromov::{Energy, Measure, energy::Quadratic};
    /// let rho = Measure::uniform(vec![3.0, 4.0], 2)?;
    /// assert_eq!(Quadratic::new(None, None)?.value(&rho)?, 12.5);
    /// assert_eq!(Quadratic::new(Some(vec![3.0, 0.0]), Some(vec![1.0, 0.0, 0.0, 2.0]))?.value(&rho)?, 16.0);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn new(center: Option<Vec<f64>>, matrix: Option<Vec<f64>>) -> Result<Self> {
        for (name, values) in [("center", &center), ("matrix", &matrix)] {
            if let Some((k, v)) = values.iter().flatten().enumerate().find(|(_, v)| !v.is_finite()) {
                return Err(Error::NotFinite { argument: name.into(), index: k.to_string(), value: *v });
            }
        }
        let square = match &matrix {
            None => None,
            Some(m) => {
                let d = m.len().isqrt();
                if d == 0 || d * d != m.len() {
                    return Err(Error::shape("matrix", "a square matrix", format!("{} numbers", m.len())));
                }
                Some(d)
            }
        };
        let dim = match (&center, square) {
            (Some(c), Some(d)) if c.len() != d => {
                return Err(Error::shape("center", format!("({d})"), format!("({})", c.len())));
            }
            (Some(c), None) => Some(c.len()),
            (_, d) => d,
        };
        let matrix = matrix.zip(square).map(|(m, d)| {
            let t = linalg::transpose(&m, d, d);
            m.iter().zip(&t).map(|(a, b)| 0.5 * (a + b)).collect()
        });
        Ok(Quadratic { dim, center, matrix })
    }
}

impl Energy for Quadratic {
    fn name(&self) -> String {
        "quadratic".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        super::check_dim(self, rho)?;
        let d = rho.dim();
        let shifted;
        let x = match &self.center {
            None => rho.points(),
            Some(c) => {
                shifted = rho.points().iter().zip(c.iter().cycle()).map(|(x, c)| x - c).collect::<Vec<f64>>();
                &shifted
            }
        };
        match &self.matrix {
            None => gradient.copy_from_slice(x),
            Some(q) => linalg::combine_rows(x, d, q, &[], 0, 1.0, &[], gradient, d),
        }
        Ok(0.5 * linalg::weighted_dot(rho.weights(), x, gradient, d))
    }

    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        let mut gradient = vec![0.0; rho.points().len()];
        self.value_and_gradient(rho, &mut gradient)?;
        let c = self.center.clone().unwrap_or_else(|| vec![0.0; rho.dim()]);
        let rows = rho.points().chunks_exact(rho.dim()).zip(gradient.chunks_exact(rho.dim()));
        let value = |(x, g): (&[f64], &[f64])| -> f64 {
            x.iter().zip(&c).zip(g).map(|((x, c), g)| 0.5 * (x - c) * g).sum()
        };
        Ok(Some(rows.map(value).collect()))
    }

    fn quadratic_form(&self, dim: usize) -> Option<Vec<f64>> {
        let centred = self.center.as_ref().is_none_or(|c| c.iter().all(|x| *x == 0.0));
        centred.then(|| self.matrix.clone().unwrap_or_else(|| linalg::identity(dim)))
    }

    fn rotation_invariant(&self) -> bool {
        let isotropic = self.matrix.as_ref().is_none_or(|q| {
            let d = q.len().isqrt();
            q.iter().enumerate().all(|(k, v)| *v == if k % (d + 1) == 0 { q[0] } else { 0.0 })
        });
        isotropic && self.center.as_ref().is_none_or(|c| c.iter().all(|x| *x == 0.0))
    }

    fn dim(&self) -> Option<usize> {
        self.dim
    }
}

/// F(ρ) = ¼ ∫ (|x|² − 1)² dρ: points are drawn to the unit sphere. Rotation invariant; its unit of length
/// is the radius of the sphere. O(n d) time.
///
/// ```
/// use gromov::{Energy, Measure, energy::DoubleWell};
/// let rho = Measure::uniform(vec![2.0, 1.0, 0.0], 1)?;
/// assert_eq!(DoubleWell.value(&rho)?, (9.0 + 0.0 + 1.0) / 12.0);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DoubleWell;

impl Energy for DoubleWell {
    fn name(&self) -> String {
        "double-well".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        let d = rho.dim();
        for (x, g) in rho.points().chunks_exact(d).zip(gradient.chunks_exact_mut(d)) {
            let excess = linalg::dot(x, x) - 1.0;
            x.iter().zip(g).for_each(|(x, g)| *g = excess * x);
        }
        let sum = linalg::sum_chunks(rho.len(), 1, |rows, out| {
            out[0] = rows
                .map(|i| rho.weights()[i] * (linalg::dot(rho.point(i), rho.point(i)) - 1.0).powi(2))
                .sum();
        });
        Ok(0.25 * sum[0])
    }

    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        let well = |x: &[f64]| 0.25 * (linalg::dot(x, x) - 1.0).powi(2);
        Ok(Some(rho.points().chunks_exact(rho.dim()).map(well).collect()))
    }

    fn rotation_invariant(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invariance_is_told_from_the_matrix() {
        assert!(Quadratic::new(None, Some(vec![2.0, 0.0, 0.0, 2.0])).unwrap().rotation_invariant());
        assert!(!Quadratic::new(None, Some(vec![2.0, 0.0, 0.0, 1.0])).unwrap().rotation_invariant());
        assert!(!Quadratic::new(Some(vec![1.0]), None).unwrap().rotation_invariant());
        assert!(Quadratic::new(None, Some(vec![1.0, 2.0, 3.0])).is_err());
        assert!(Quadratic::new(Some(vec![1.0]), Some(vec![1.0, 0.0, 0.0, 1.0])).is_err());
    }
}
