//! Small dense linear algebra and the O(n d²) passes over a cloud.
//!
//! Matrices are row-major `&[f64]`. [`decompose`] has faer behind it; [`rows`] runs over the points of a
//! cloud in parallel.

mod decompose;
mod rows;

pub(crate) use decompose::{Eigen, determinant, exp_skew, polar, rotation_angle, svd, symmetric_eigen};
pub(crate) use rows::{
    CHUNK, combine_rows, gather_rows, map_rows, moment, moment_scaled, sum_chunks, triangular_factor,
    two_moments, weighted_dot,
};

/// Largest absolute entry; 0 for an empty slice.
pub(crate) fn max_abs(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |m, x| x.abs().max(m))
}

/// The power of two in (m/2, m] for the largest entry m, so that dividing by it is exact; 1 for zero,
/// the smallest normal number for subnormal m.
pub(crate) fn power_of_two_scale(m: f64) -> f64 {
    if m == 0.0 || !m.is_finite() {
        return 1.0;
    }
    if m < f64::MIN_POSITIVE {
        return f64::MIN_POSITIVE;
    }
    f64::from_bits(m.to_bits() & 0x7ff0_0000_0000_0000)
}

/// The sum with its rounding errors summed too (Neumaier).
pub(crate) fn compensated(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    for x in terms {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    if lost.is_finite() { sum + lost } else { sum }
}

/// Frobenius norm.
pub(crate) fn norm(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Frobenius inner product.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The identity of size d.
pub(crate) fn identity(d: usize) -> Vec<f64> {
    let mut e = vec![0.0; d * d];
    for i in 0..d {
        e[i * d + i] = 1.0;
    }
    e
}

/// A B for A (n, k) and B (k, m).
pub(crate) fn matmul(a: &[f64], b: &[f64], n: usize, k: usize, m: usize) -> Vec<f64> {
    debug_assert!(a.len() == n * k);
    let mut c = vec![0.0; n * m];
    add_product(1.0, a, b, k, m, &mut c);
    c
}

/// C += f A B for A (n, k), B (k, m) and C (n, m).
pub(crate) fn add_product(f: f64, a: &[f64], b: &[f64], k: usize, m: usize, c: &mut [f64]) {
    debug_assert!(b.len() == k * m && a.len() * m == c.len() * k);
    match m {
        1 => add_product_fixed::<1>(f, a, b, k, c),
        2 => add_product_fixed::<2>(f, a, b, k, c),
        3 => add_product_fixed::<3>(f, a, b, k, c),
        4 => add_product_fixed::<4>(f, a, b, k, c),
        5 => add_product_fixed::<5>(f, a, b, k, c),
        _ => {
            for (c, a) in c.chunks_exact_mut(m.max(1)).zip(a.chunks_exact(k.max(1))) {
                for (a, b) in a.iter().zip(b.chunks_exact(m.max(1))) {
                    c.iter_mut().zip(b).for_each(|(c, b)| *c += f * a * b);
                }
            }
        }
    }
}

/// [`add_product`] for rows of known length.
fn add_product_fixed<const M: usize>(f: f64, a: &[f64], b: &[f64], k: usize, c: &mut [f64]) {
    let b = b.as_chunks::<M>().0;
    for (c, a) in c.as_chunks_mut::<M>().0.iter_mut().zip(a.chunks_exact(k.max(1))) {
        for (a, b) in a.iter().zip(b) {
            let a = f * a;
            for j in 0..M {
                c[j] += a * b[j];
            }
        }
    }
}

/// Aᵀ B for A (k, n) and B (k, m).
pub(crate) fn transposed_product(a: &[f64], b: &[f64], n: usize, m: usize) -> Vec<f64> {
    debug_assert!(a.len() * m == b.len() * n);
    let mut c = vec![0.0; n * m];
    for (a, b) in a.chunks_exact(n.max(1)).zip(b.chunks_exact(m.max(1))) {
        for (c, a) in c.chunks_exact_mut(m.max(1)).zip(a) {
            for (c, b) in c.iter_mut().zip(b) {
                *c += a * b;
            }
        }
    }
    c
}

/// Transpose of A (n, m).
pub(crate) fn transpose(a: &[f64], n: usize, m: usize) -> Vec<f64> {
    let mut t = vec![0.0; n * m];
    for i in 0..n {
        for j in 0..m {
            t[j * n + i] = a[i * m + j];
        }
    }
    t
}

/// Q^T A Q for square A, Q of size d.
pub(crate) fn conjugate(q: &[f64], a: &[f64], d: usize) -> Vec<f64> {
    matmul(&transposed_product(q, a, d, d), q, d, d, d)
}

/// W with W S + S W = R for symmetric S; zero on pairs of directions where S vanishes.
pub(crate) fn lyapunov(s: &Eigen, r: &[f64]) -> Vec<f64> {
    let d = s.values.len();
    conjugate_back(&s.vectors, &lyapunov_in_eigenbasis(&s.values, &conjugate(&s.vectors, r, d)), d)
}

/// [`lyapunov`] for diagonal S.
pub(crate) fn lyapunov_in_eigenbasis(s: &[f64], r: &[f64]) -> Vec<f64> {
    let d = s.len();
    let tiny = f64::EPSILON * s.first().map_or(0.0, |s| s.abs());
    let entry = |k: usize| {
        let sum = s[k / d] + s[k % d];
        if sum > tiny { r[k] / sum } else { 0.0 }
    };
    (0..d * d).map(entry).collect()
}

/// A − Aᵀ.
pub(crate) fn skew_part(a: &[f64], d: usize) -> Vec<f64> {
    (0..d * d).map(|k| a[k] - a[k % d * d + k / d]).collect()
}

/// Q A Q^T for square A, Q of size d.
pub(crate) fn conjugate_back(q: &[f64], a: &[f64], d: usize) -> Vec<f64> {
    matmul(&matmul(q, a, d, d, d), &transpose(q, d, d), d, d, d)
}

/// U diag(values) U^T, (d, d), for U of size d.
pub(crate) fn from_eigen(u: &[f64], values: &[f64]) -> Vec<f64> {
    let d = values.len();
    let scaled: Vec<f64> = u.iter().zip(values.iter().cycle()).map(|(u, l)| u * l).collect();
    matmul(&scaled, &transpose(u, d, d), d, d, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_angle_agree_in_three_and_four_dimensions() {
        let w = [0.0, -0.3, 0.2, 0.3, 0.0, -1.1, -0.2, 1.1, 0.0];
        let o = exp_skew(&w, 3).unwrap();
        let angle = (0.3f64.powi(2) + 0.2f64.powi(2) + 1.1f64.powi(2)).sqrt();
        assert!((rotation_angle(&o, 3).unwrap() - angle).abs() < 1e-13);
        assert!((determinant(&o, 3) - 1.0).abs() < 1e-14);
        let mut w4 = vec![0.0; 16];
        (w4[1], w4[4], w4[11], w4[14]) = (-1e-9, 1e-9, -2.5, 2.5);
        let o4 = exp_skew(&w4, 4).unwrap();
        assert!((rotation_angle(&o4, 4).unwrap() - 2.5).abs() < 1e-13);
        let small = exp_skew(&[0.0, -1e-9, 1e-9, 0.0], 2).unwrap();
        assert!((rotation_angle(&small, 2).unwrap() / 1e-9 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scale_is_a_power_of_two_below() {
        for m in [1.0, 1.5, 3.7e-300, 1e300, 5e-324] {
            let s = power_of_two_scale(m);
            assert!(s.log2().fract() == 0.0 && s <= m.max(f64::MIN_POSITIVE) && m < 2.0 * s, "{m} {s}");
        }
        assert_eq!(power_of_two_scale(0.0), 1.0);
    }

    #[test]
    fn polar_makes_the_product_symmetric() {
        let a = [0.3, -1.2, 0.7, 2.0, 0.1, -0.4, 0.9, 0.8, 1.7];
        let o = polar(&a, 3).unwrap();
        let s = matmul(&a, &transpose(&o, 3, 3), 3, 3, 3);
        assert!((s[1] - s[3]).abs() + (s[2] - s[6]).abs() + (s[5] - s[7]).abs() < 1e-14);
        assert!(symmetric_eigen(&s, 3).unwrap().values.iter().all(|&l| l >= 0.0));
    }
}
