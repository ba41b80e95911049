//! Clouds as small matrices: coordinates in an orthonormal basis of the span of two clouds.
//!
//! A geodesic stays in the span of the columns of its two ends (the reflection about that span is an isometry that keeps
//! both). With √w [x, D] = Q R, D = y − x, every cloud of the span is √w X = Q B with B (p, d), p ≤ 2d whatever n is,
//! and ∫ u vᵀ dρ = UᵀV. Of R only the rank counts: where both clouds share columns p is less than 2d.

use crate::error::Result;
use crate::igw::align;
use crate::linalg;

/// Singular values of R, its columns scaled to length one, below this many roundings are zero.
const ROUNDINGS: f64 = 8.0;

/// The span of x and D.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Span {
    pub(super) p: usize,
    pub(super) d: usize,
    /// Coordinates of x and of D, (p, d).
    start: Vec<f64>,
    difference: Vec<f64>,
    /// From coordinates (p, d) to coefficients on [x, D] (2d, d).
    back: Vec<f64>,
}

impl Span {
    /// Of clouds x and D, (n, d) both, with weights w. One pass over the points, O(n d²), by Householder reflections: small
    /// columns keep their digits beside large ones.
    pub(super) fn of_two(w: &[f64], x: &[f64], difference: &[f64], d: usize) -> Result<Self> {
        let k = 2 * d;
        let r = linalg::triangular_factor(w, x, difference, d);
        let length = |c: usize| match (0..k).map(|i| r[i * k + c].powi(2)).sum::<f64>().sqrt() {
            0.0 => 1.0,
            length => length,
        };
        let lengths: Vec<f64> = (0..k).map(length).collect();
        let scaled: Vec<f64> = (0..k * k).map(|e| r[e] / lengths[e % k]).collect();
        let f = linalg::svd(&scaled, k, k)?;
        let least = ROUNDINGS * k as f64 * f64::EPSILON * f.s[0];
        let p = f.s.iter().take_while(|s| **s > least).count().max(1);
        // R diag(1 / lengths) = U S Vᵀ: coordinates are Uᵀ R = S Vᵀ diag(lengths)
        let coordinates = |from: usize| -> Vec<f64> {
            let entry = |i: usize, c: usize| f.s[i] * f.v[c * k + i] * lengths[c];
            (0..p * d).map(|e| entry(e / d, from + e % d)).collect()
        };
        let inverse = |s: f64| if s > 0.0 { 1.0 / s } else { 0.0 };
        let back = (0..k * p).map(|e| f.v[e / p * k + e % p] * inverse(f.s[e % p]) / lengths[e / p]);
        Ok(Span { p, d, start: coordinates(0), difference: coordinates(d), back: back.collect() })
    }

    /// Every point a coordinate: the geometry of labelled clouds without the reduction.
    #[cfg(test)]
    pub(super) fn of_points(w: &[f64], x: &[f64], difference: &[f64], d: usize) -> Self {
        let rows = |x: &[f64]| -> Vec<f64> { (0..x.len()).map(|e| w[e / d].sqrt() * x[e]).collect() };
        Span { p: w.len(), d, start: rows(x), difference: rows(difference), back: Vec::new() }
    }

    /// x + t D.
    pub(super) fn straight(&self, t: f64) -> Vec<f64> {
        self.start.iter().zip(&self.difference).map(|(x, d)| x + t * d).collect()
    }

    /// The velocity of [`Span::straight`].
    pub(super) fn difference(&self) -> &[f64] {
        &self.difference
    }

    /// Coefficients on x and D, (2d, d).
    pub(super) fn coefficients(&self, b: &[f64]) -> Vec<f64> {
        linalg::matmul(&self.back, b, 2 * self.d, self.p, self.d)
    }

    /// ∫ u vᵀ dρ, (d, d).
    pub(super) fn cross(&self, u: &[f64], v: &[f64]) -> Vec<f64> {
        linalg::transposed_product(u, v, self.d, self.d)
    }

    /// ⟨u, v⟩ = tr ∫ u vᵀ dρ.
    pub(super) fn inner(&self, u: &[f64], v: &[f64]) -> f64 {
        linalg::dot(u, v)
    }

    /// √⟨u, u⟩.
    pub(super) fn norm(&self, u: &[f64]) -> f64 {
        linalg::norm(u)
    }

    /// b A, (p, d), for A (d, d).
    pub(super) fn times(&self, b: &[f64], a: &[f64]) -> Vec<f64> {
        linalg::matmul(b, a, self.p, self.d, self.d)
    }

    /// ⟨v, L v⟩ = 2 (tr(Σ ∫ v vᵀ) + tr(C C)), C = ∫ v xᵀ: the squared speed of the Gram matrix at b.
    pub(super) fn speed_squared(&self, b: &[f64], v: &[f64]) -> f64 {
        let d = self.d;
        let (s, vv, k) = (self.cross(b, b), self.cross(v, v), self.cross(v, b));
        2.0 * (linalg::dot(&s, &vv) + linalg::dot(&k, &linalg::transpose(&k, d, d)))
    }

    /// |Gram(b) − Gram(a)|², without cancellation for b near a.
    pub(super) fn gram_difference(&self, a: &[f64], b: &[f64]) -> f64 {
        let difference: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
        let (aa, bb, dd) = (self.cross(a, a), self.cross(b, b), self.cross(&difference, &difference));
        let (on_a, b_on) = (self.cross(&difference, a), self.cross(b, &difference));
        align::squared_of_moments(&aa, &bb, &dd, &on_a, &b_on)
    }
}
