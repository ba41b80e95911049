//! The geodesic equation and its derivative, in coordinates of a [`Span`].
//!
//! **x'' = −4 L⁻¹[K v]**, v = x', K = ∫ v xᵀ dρ symmetric. With coordinates c and v (p, d), S = ∫ x xᵀ:
//!
//! v' = −2 (v K − 2 c N) S⁻¹,  S N + N S = ½ K²,
//!
//! which keeps K symmetric (K' = ∫ v vᵀ − 4 N) and ⟨v, L v⟩ constant. Re-derived here from L⁻¹ of
//! [`crate::mobility`]; source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800.

use super::span::Span;
use crate::error::Result;
use crate::linalg::{self, Eigen};

/// Position, velocity and acceleration, with what their derivatives need.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
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
        let n = linalg::lyapunov(&eigen, &half);
        let mut force = vec![0.0; p * d];
        linalg::add_product(-2.0, &v, &k, d, d, &mut force);
        linalg::add_product(4.0, &c, &n, d, d, &mut force);
        let acceleration = span.times(&force, &inverse);
        Ok(Some(Stage { c, v, acceleration, eigen, inverse, k, n }))
    }

    /// The derivative of the acceleration along (δc, δv).
    pub(super) fn tangent(&self, span: &Span, dc: &[f64], dv: &[f64]) -> Vec<f64> {
        let (p, d) = (span.p, span.d);
        let ds = doubled(&span.cross(dc, &self.c), d);
        let mut dk = span.cross(dv, &self.c);
        dk.iter_mut().zip(&span.cross(dc, &self.v)).for_each(|(a, b)| *a += b);
        let dk = symmetric(&dk, d);
        // S δN + δN S = ½ (δK K + K δK) − δS N − N δS
        let mut right = vec![0.0; d * d];
        linalg::add_product(0.5, &dk, &self.k, d, d, &mut right);
        linalg::add_product(-1.0, &ds, &self.n, d, d, &mut right);
        let dn = linalg::lyapunov(&self.eigen, &doubled(&right, d));
        let mut out = vec![0.0; p * d];
        linalg::add_product(-2.0, dv, &self.k, d, d, &mut out);
        linalg::add_product(-2.0, &self.v, &dk, d, d, &mut out);
        linalg::add_product(4.0, dc, &self.n, d, d, &mut out);
        linalg::add_product(4.0, &self.c, &dn, d, d, &mut out);
        linalg::add_product(-1.0, &self.acceleration, &ds, d, d, &mut out);
        span.times(&out, &self.inverse)
    }
}

/// (A + Aᵀ) / 2.
fn symmetric(a: &[f64], d: usize) -> Vec<f64> {
    let mut out = doubled(a, d);
    out.iter_mut().for_each(|x| *x *= 0.5);
    out
}

/// A + Aᵀ.
fn doubled(a: &[f64], d: usize) -> Vec<f64> {
    (0..d * d).map(|k| a[k] + a[k % d * d + k / d]).collect()
}
