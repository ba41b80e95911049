//! The geodesic equation and its derivative, in coefficients of a [`Span`].
//!
//! **x'' = −4 L⁻¹[K v]**, v = x', K = ∫ v xᵀ dρ symmetric. With coefficients c and v (p, d), S = ∫ x xᵀ:
//!
//! v' = −2 (v K − 2 c N) S⁻¹,  S N + N S = ½ K²,
//!
//! which keeps K symmetric (K' = ∫ v vᵀ − 4 N) and ⟨v, L v⟩ constant. Re-derived here from L⁻¹ of
//! [`crate::mobility`]; source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800.

use super::span::{Span, lyapunov};
use crate::error::Result;
use crate::linalg::{self, Eigen};

/// Position, velocity and acceleration, with what their derivatives need.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) c: Vec<f64>,
    pub(super) v: Vec<f64>,
    pub(super) acceleration: Vec<f64>,
    eigen: Eigen,
    inverse: Vec<f64>,
    k: Vec<f64>,
    n: Vec<f64>,
}

impl Stage {
    /// `None` where an eigenvalue of S is at or below `floor` times the largest: L has no inverse there.
    pub(super) fn new(span: &Span, c: Vec<f64>, v: Vec<f64>, floor: f64) -> Result<Option<Self>> {
        let (p, d) = (span.p, span.d);
        let s = span.cross(&c, &c);
        if !s.iter().all(|x| x.is_finite()) {
            return Ok(None);
        }
        let eigen = linalg::symmetric_eigen(&s, d)?;
        let (largest, smallest) = (eigen.values[0], eigen.values[d - 1]);
        if !(smallest > floor * largest && smallest > f64::MIN_POSITIVE) {
            return Ok(None);
        }
        let mut inverse = vec![0.0; d * d];
        (0..d).for_each(|i| inverse[i * d + i] = 1.0 / eigen.values[i]);
        let inverse = linalg::conjugate_back(&eigen.vectors, &inverse, d);
        let k = symmetric(&span.cross(&v, &c), d);
        let half: Vec<f64> = linalg::matmul(&k, &k, d, d, d).iter().map(|x| 0.5 * x).collect();
        let n = lyapunov(&eigen, &half);
        let (vk, cn) = (linalg::matmul(&v, &k, p, d, d), linalg::matmul(&c, &n, p, d, d));
        let force: Vec<f64> = vk.iter().zip(&cn).map(|(a, b)| -2.0 * (a - 2.0 * b)).collect();
        let acceleration = linalg::matmul(&force, &inverse, p, d, d);
        Ok(Some(Stage { c, v, acceleration, eigen, inverse, k, n }))
    }

    /// The derivative of the acceleration along (δc, δv).
    pub(super) fn tangent(&self, span: &Span, dc: &[f64], dv: &[f64]) -> Vec<f64> {
        let (p, d) = (span.p, span.d);
        let ds = doubled(&span.cross(dc, &self.c), d);
        let mut dk = span.cross(dv, &self.c);
        dk.iter_mut().zip(&span.cross(&self.v, dc)).for_each(|(a, b)| *a += b);
        let dk = symmetric(&dk, d);
        // S δN + δN S = ½ (δK K + K δK) − δS N − N δS
        let kk = doubled(&linalg::matmul(&dk, &self.k, d, d, d), d);
        let sn = doubled(&linalg::matmul(&ds, &self.n, d, d, d), d);
        let right: Vec<f64> = kk.iter().zip(&sn).map(|(a, b)| 0.5 * a - b).collect();
        let dn = lyapunov(&self.eigen, &right);
        let mut out = linalg::matmul(dv, &self.k, p, d, d);
        let terms = [(1.0, &self.v, &dk), (-2.0, &dc.to_vec(), &self.n), (-2.0, &self.c, &dn)];
        for (factor, a, b) in terms {
            let product = linalg::matmul(a, b, p, d, d);
            out.iter_mut().zip(&product).for_each(|(o, x)| *o += factor * x);
        }
        let by_s = linalg::matmul(&self.acceleration, &ds, p, d, d);
        out.iter_mut().zip(&by_s).for_each(|(o, x)| *o = -2.0 * *o - x);
        linalg::matmul(&out, &self.inverse, p, d, d)
    }
}

/// (A + Aᵀ) / 2.
fn symmetric(a: &[f64], d: usize) -> Vec<f64> {
    doubled(a, d).iter().map(|x| 0.5 * x).collect()
}

/// A + Aᵀ.
fn doubled(a: &[f64], d: usize) -> Vec<f64> {
    a.iter().zip(&linalg::transpose(a, d, d)).map(|(a, t)| a + t).collect()
}
