//! Directions A from which alternations start: along the principal axes, and Gaussian.

use super::{Pair, bound};
use crate::error::Result;
use crate::linalg;
use crate::measure::sample::Source;

/// Axis sign choices are listed for at most this many axes.
const SIGNED_AXES: usize = 5;

/// The starts: principal axes matched in order with every choice of signs, then Gaussian matrices.
pub(super) struct Axes {
    p: usize,
    q: usize,
    x: linalg::Eigen,
    y: linalg::Eigen,
}

impl Axes {
    pub(super) fn new(pair: &Pair) -> Result<Self> {
        let (p, q) = (pair.x.dim(), pair.y.dim());
        let x = linalg::symmetric_eigen(&pair.sigma_x, p)?;
        Ok(Axes { p, q, x, y: linalg::symmetric_eigen(&pair.sigma_y, q)? })
    }

    /// The spectral bound of both clouds.
    pub(super) fn bound(&self) -> f64 {
        bound::of_spectra(&self.x.values, &self.y.values)
    }

    /// Axes whose signs are chosen.
    pub(super) fn signed_axes(&self) -> usize {
        self.p.min(self.q).min(SIGNED_AXES)
    }

    /// Start number `k`, (p, q), of norm one.
    pub(super) fn start(&self, k: usize, seed: u64) -> Vec<f64> {
        let signed = self.signed_axes();
        let mut a = if k < 1 << signed {
            self.signed(k, signed)
        } else {
            let mut s = Source::new(seed, k as u64);
            (0..self.p * self.q).map(|_| s.normal()).collect()
        };
        // entries may be so small that their squares are 0
        for size in [linalg::max_abs, linalg::norm] {
            let size = size(&a);
            a.iter_mut().for_each(|x| *x /= size);
        }
        a
    }

    fn signed(&self, choice: usize, signed: usize) -> Vec<f64> {
        let (p, q) = (self.p, self.q);
        let mut a = vec![0.0; p * q];
        for axis in 0..p.min(q) {
            let sign = if axis < signed && choice >> axis & 1 == 1 { -1.0 } else { 1.0 };
            // weights as in the optimum of Gaussians: |M| has the roots of products of eigenvalues
            let size = sign * (self.x.values[axis].max(0.0) * self.y.values[axis].max(0.0)).sqrt();
            for i in 0..p {
                for j in 0..q {
                    a[i * q + j] += size * self.x.vectors[i * p + axis] * self.y.vectors[j * q + axis];
                }
            }
        }
        // clouds without extent: any direction will do
        if linalg::max_abs(&a) == 0.0 {
            a[0] = 1.0;
        }
        a
    }
}
