//! Clouds as combinations of a few basis clouds: X = Σ_b c_b Z_b, so that a cloud of n points is a small matrix.
//!
//! A geodesic stays in the span of its two ends (the reflection about that span is an isometry that keeps both), so
//! that X_t = c_t [x, D] with c_t (2d, d), whatever n is. All that the geometry needs is ∫ u vᵀ dρ = uᵀ Γ v with the
//! Gram matrix Γ (2d, 2d) of the basis: one pass over the points, and no factorisation that could lose digits.

use crate::linalg::{self, Eigen};

/// The inner product of coefficients.
#[derive(Debug, Clone)]
enum Gram {
    /// Of basis clouds, (p, p).
    Dense(Vec<f64>),
    /// Of single points: their weights.
    #[cfg(test)]
    Diagonal(Vec<f64>),
}

/// Coefficients (p, d) with the inner product of the clouds they stand for.
#[derive(Debug, Clone)]
pub(super) struct Span {
    gram: Gram,
    pub(super) p: usize,
    pub(super) d: usize,
}

impl Span {
    /// Of basis clouds x and D, (n, d) both, with weights w: Γ = [∫ x xᵀ, ∫ x Dᵀ; ∫ D xᵀ, ∫ D Dᵀ]. One pass, O(n d²).
    pub(super) fn of_two(w: &[f64], x: &[f64], difference: &[f64], d: usize) -> Self {
        let p = 2 * d;
        let sums = linalg::three_moments(w, x, difference, d);
        let mut gram = vec![0.0; p * p];
        for i in 0..d {
            for j in 0..d {
                gram[i * p + j] = sums[0][i * d + j];
                gram[(d + i) * p + j] = sums[1][i * d + j];
                gram[j * p + d + i] = sums[1][i * d + j];
                gram[(d + i) * p + d + j] = sums[2][i * d + j];
            }
        }
        Span { gram: Gram::Dense(gram), p, d }
    }

    /// Every point its own basis cloud: the geometry of labelled clouds without the reduction.
    #[cfg(test)]
    pub(super) fn of_points(w: &[f64], d: usize) -> Self {
        Span { gram: Gram::Diagonal(w.to_vec()), p: w.len(), d }
    }

    /// The coefficients (I, t I): the cloud x + t D.
    pub(super) fn straight(&self, t: f64) -> Vec<f64> {
        let d = self.d;
        let mut c = vec![0.0; self.p * d];
        for i in 0..d {
            c[i * d + i] = 1.0;
            c[(d + i) * d + i] = t;
        }
        c
    }

    /// Γ v, (p, d).
    pub(super) fn image(&self, v: &[f64]) -> Vec<f64> {
        let (p, d) = (self.p, self.d);
        match &self.gram {
            Gram::Dense(gram) => linalg::matmul(gram, v, p, p, d),
            #[cfg(test)]
            Gram::Diagonal(w) => (0..p * d).map(|i| w[i / d] * v[i]).collect(),
        }
    }

    /// ∫ u vᵀ dρ = uᵀ Γ v, (d, d).
    pub(super) fn cross(&self, u: &[f64], v: &[f64]) -> Vec<f64> {
        self.with_image(u, &self.image(v))
    }

    /// The same, from Γ v.
    pub(super) fn with_image(&self, u: &[f64], image: &[f64]) -> Vec<f64> {
        linalg::transposed_product(u, image, self.d, self.d)
    }

    /// ⟨u, v⟩ = tr ∫ u vᵀ dρ.
    pub(super) fn inner(&self, u: &[f64], v: &[f64]) -> f64 {
        linalg::dot(u, &self.image(v))
    }

    /// √⟨u, u⟩.
    pub(super) fn norm(&self, u: &[f64]) -> f64 {
        self.inner(u, u).max(0.0).sqrt()
    }

    /// c A, (p, d), for A (d, d).
    pub(super) fn times(&self, c: &[f64], a: &[f64]) -> Vec<f64> {
        linalg::matmul(c, a, self.p, self.d, self.d)
    }

    /// ⟨v, L v⟩ = 2 (tr(Σ ∫ v vᵀ) + tr(C C)), C = ∫ v xᵀ: the squared speed of the Gram matrix at c.
    pub(super) fn speed_squared(&self, c: &[f64], v: &[f64]) -> f64 {
        let d = self.d;
        let (s, vv, k) = (self.cross(c, c), self.cross(v, v), self.cross(v, c));
        2.0 * (linalg::dot(&s, &vv) + linalg::dot(&k, &linalg::transpose(&k, d, d)))
    }

    /// |Gram(b) − Gram(a)|², without cancellation for b near a.
    pub(super) fn gram_difference(&self, a: &[f64], b: &[f64]) -> f64 {
        let difference: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
        let (aa, bb, dd) = (self.cross(a, a), self.cross(b, b), self.cross(&difference, &difference));
        let (on_a, b_on) = (self.cross(&difference, a), self.cross(b, &difference));
        linalg::dot(&aa, &dd) + linalg::dot(&bb, &dd) + 2.0 * linalg::dot(&on_a, &b_on)
    }
}

/// W with W S + S W = R for symmetric S; zero on pairs of directions where S vanishes.
pub(super) fn lyapunov(s: &Eigen, r: &[f64]) -> Vec<f64> {
    let d = s.values.len();
    let tiny = f64::EPSILON * s.values[0].abs();
    let mut out = linalg::conjugate(&s.vectors, r, d);
    for i in 0..d {
        for j in 0..d {
            let sum = s.values[i] + s.values[j];
            out[i * d + j] = if sum > tiny { out[i * d + j] / sum } else { 0.0 };
        }
    }
    linalg::conjugate_back(&s.vectors, &out, d)
}

/// A − Aᵀ.
pub(super) fn skew_part(a: &[f64], d: usize) -> Vec<f64> {
    a.iter().zip(&linalg::transpose(a, d, d)).map(|(a, t)| a - t).collect()
}
