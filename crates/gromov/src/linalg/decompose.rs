//! Decompositions of small matrices and what follows from them; matrices are scaled by a power of two
//! before they go to faer, whose singular values fail near the ends of the range of doubles.

use faer::linalg::solvers::{SelfAdjointEigen, Svd};
use faer::{Mat, MatRef, Side};

use super::{identity, matmul, max_abs, norm, power_of_two_scale, transpose};
use crate::error::{Error, Result};

/// A = U diag(values) U^T of a symmetric matrix, values decreasing, U in columns.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Vec<f64>,
}

/// Eigendecomposition of a symmetric matrix (the lower triangle is read), scaled inside.
pub(crate) fn symmetric_eigen(a: &[f64], d: usize) -> Result<Eigen> {
    let scale = power_of_two_scale(max_abs(a));
    let m = Mat::from_fn(d, d, |i, j| a[i * d + j] / scale);
    let e = SelfAdjointEigen::new(m.as_ref(), Side::Lower)
        .map_err(|_| Error::LinearAlgebra { kernel: "symmetric eigenvalues", scale: max_abs(a) })?;
    let (s, u) = (e.S().column_vector(), e.U());
    let mut values = Vec::with_capacity(d);
    let mut vectors = vec![0.0; d * d];
    for k in 0..d {
        let source = d - 1 - k;
        values.push(s[source] * scale);
        for i in 0..d {
            vectors[i * d + k] = u[(i, source)];
        }
    }
    Ok(Eigen { values, vectors })
}

/// A = U diag(s) V^T with U (n, k), V (m, k), k = min(n, m), s decreasing.
#[derive(Debug, Clone)]
pub(crate) struct ThinSvd {
    pub(crate) u: Vec<f64>,
    pub(crate) s: Vec<f64>,
    pub(crate) v: Vec<f64>,
}

/// Thin singular value decomposition, scaled inside.
pub(crate) fn svd(a: &[f64], n: usize, m: usize) -> Result<ThinSvd> {
    let scale = power_of_two_scale(max_abs(a));
    let mat = Mat::from_fn(n, m, |i, j| a[i * m + j] / scale);
    let f = Svd::new_thin(mat.as_ref())
        .map_err(|_| Error::LinearAlgebra { kernel: "singular values", scale: max_abs(a) })?;
    let k = n.min(m);
    let copy = |x: MatRef<'_, f64>, rows: usize| {
        let mut out = vec![0.0; rows * k];
        for i in 0..rows {
            for j in 0..k {
                out[i * k + j] = x[(i, j)];
            }
        }
        out
    };
    let s = f.S().column_vector();
    Ok(ThinSvd { u: copy(f.U(), n), s: (0..k).map(|i| s[i] * scale).collect(), v: copy(f.V(), m) })
}

/// The orthogonal O that makes A O^T symmetric positive semidefinite: O = U V^T for A = U S V^T, A square
/// of size d. Where the smallest singular value is zero to rounding both signs of its direction will do,
/// and the proper rotation is taken.
pub(crate) fn polar(a: &[f64], d: usize) -> Result<Vec<f64>> {
    let mut f = svd(a, d, d)?;
    let product = |f: &ThinSvd| matmul(&f.u, &transpose(&f.v, d, d), d, d, d);
    let o = product(&f);
    if f.s[d - 1] <= 16.0 * d as f64 * f64::EPSILON * f.s[0] && determinant(&o, d) < 0.0 {
        (0..d).for_each(|i| f.u[i * d + d - 1] *= -1.0);
        return Ok(product(&f));
    }
    Ok(o)
}

/// Determinant of a square matrix by elimination with partial pivoting.
pub(crate) fn determinant(a: &[f64], d: usize) -> f64 {
    let mut m = a.to_vec();
    let mut det = 1.0;
    for k in 0..d {
        let p = (k..d).max_by(|&i, &j| m[i * d + k].abs().total_cmp(&m[j * d + k].abs())).unwrap_or(k);
        if m[p * d + k] == 0.0 {
            return 0.0;
        }
        if p != k {
            for j in 0..d {
                m.swap(p * d + j, k * d + j);
            }
            det = -det;
        }
        det *= m[k * d + k];
        for i in k + 1..d {
            let f = m[i * d + k] / m[k * d + k];
            for j in k..d {
                m[i * d + j] -= f * m[k * d + j];
            }
        }
    }
    det
}

/// exp(W) of a skew matrix: scaling and squaring of the Taylor series, then the polar factor.
pub(crate) fn exp_skew(w: &[f64], d: usize) -> Result<Vec<f64>> {
    let size = norm(w);
    let squarings = if size > 0.25 { (size / 0.25).log2().ceil() as i32 } else { 0 };
    let a: Vec<f64> = w.iter().map(|x| x / f64::from(squarings).exp2()).collect();
    let mut term = identity(d);
    let mut sum = identity(d);
    for k in 1..=14 {
        term = matmul(&term, &a, d, d, d);
        for (s, t) in sum.iter_mut().zip(term.iter_mut()) {
            *t /= f64::from(k);
            *s += *t;
        }
    }
    for _ in 0..squarings {
        sum = matmul(&sum, &sum, d, d, d);
    }
    if d == 1 { Ok(sum) } else { polar(&sum, d) }
}

/// |log O|_F / sqrt 2 of a rotation: the angle in two and three dimensions, in radians.
pub(crate) fn rotation_angle(o: &[f64], d: usize) -> Result<f64> {
    let mut even = vec![0.0; d * d];
    let mut odd = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..d {
            even[i * d + j] = 0.5 * (o[i * d + j] + o[j * d + i]);
            odd[i * d + j] = 0.5 * (o[i * d + j] - o[j * d + i]);
        }
    }
    let e = symmetric_eigen(&even, d)?;
    let turned = matmul(&odd, &e.vectors, d, d, d);
    let sum: f64 = (0..d)
        .map(|k| {
            let sine = (0..d).map(|i| turned[i * d + k].powi(2)).sum::<f64>().sqrt();
            sine.atan2(e.values[k]).powi(2)
        })
        .sum();
    Ok((0.5 * sum).sqrt())
}
