//! Passes over the rows of a cloud, in parallel in chunks of [`CHUNK`] rows whose partial sums are added in
//! order: the result does not depend on the number of threads, and the error of a sum over n rows grows
//! like CHUNK + n / CHUNK, not like n. In one, two and three dimensions blocks of rows are turned into
//! columns on the stack, so that every loop is one over vectors.

use rayon::prelude::*;

use super::dot;

/// Rows of one unit of parallel work.
pub(crate) const CHUNK: usize = 4096;

/// Σ_i w_i a_i b_i^T, (p, q), for the rows a_i of `a` (n, p) and b_i of `b` (n, q).
pub(crate) fn moment(w: &[f64], a: &[f64], p: usize, b: &[f64], q: usize) -> Vec<f64> {
    debug_assert!(a.len() == w.len() * p && b.len() == w.len() * q);
    sum_chunks(w.len(), p * q, |rows, out| {
        let (w, a, b) =
            (&w[rows.clone()], &a[rows.start * p..rows.end * p], &b[rows.start * q..rows.end * q]);
        match (p, q) {
            (1, 1) => moment_fixed::<1, 1>(w, a, 1.0, b, 1.0, out),
            (2, 2) => moment_fixed::<2, 2>(w, a, 1.0, b, 1.0, out),
            (3, 3) => moment_fixed::<3, 4>(w, a, 1.0, b, 1.0, out),
            _ => moment_any(w, a, p, 1.0, b, q, 1.0, out),
        }
    })
}

/// Σ_i w_i (s a_i) (t b_i)^T, (d, d): scales applied to each entry, before any product.
pub(crate) fn moment_scaled(w: &[f64], a: &[f64], s: f64, b: &[f64], t: f64, d: usize) -> Vec<f64> {
    sum_chunks(w.len(), d * d, |rows, out| {
        let (w, a, b) =
            (&w[rows.clone()], &a[rows.start * d..rows.end * d], &b[rows.start * d..rows.end * d]);
        moment_square(w, a, s, b, t, d, out);
    })
}

/// Σ_i w_i (t x_i) (t x_i)^T and Σ_i w_i f_i (t x_i)^T in one pass; `equal` says that all weights are the
/// same, which are then not read.
pub(crate) fn two_moments(
    w: &[f64],
    equal: bool,
    x: &[f64],
    f: &[f64],
    d: usize,
    t: f64,
) -> (Vec<f64>, Vec<f64>) {
    let mut both = sum_chunks(w.len(), 2 * d * d, |rows, out| {
        let (w, x, f) =
            (&w[rows.clone()], &x[rows.start * d..rows.end * d], &f[rows.start * d..rows.end * d]);
        match d {
            1 => pulp::Arch::new().dispatch(TwoMoments::<1> { w, equal, x, f, t, out }),
            2 => pulp::Arch::new().dispatch(TwoMoments::<2> { w, equal, x, f, t, out }),
            3 => pulp::Arch::new().dispatch(TwoMoments::<3> { w, equal, x, f, t, out }),
            _ => {
                let (first, second) = out.split_at_mut(d * d);
                moment_any(w, x, d, t, x, d, t, first);
                moment_any(w, f, d, 1.0, x, d, t, second);
            }
        }
    });
    let second = both.split_off(d * d);
    (both, second)
}

/// The upper triangular R (2d, 2d), up to signs of its rows, with RᵀR = ∫ z zᵀ for the rows z = √w_i (x_i, f_i), by
/// Householder reflections: chunks of rows, then their factors one upon the other.
pub(crate) fn triangular_factor(w: &[f64], x: &[f64], f: &[f64], d: usize) -> Vec<f64> {
    let k = 2 * d;
    let one = |c: usize| -> Vec<f64> {
        let rows = c * CHUNK..((c + 1) * CHUNK).min(w.len());
        let count = rows.len().max(k);
        // columns, with rows of zeros where there are too few
        let mut columns = vec![0.0; count * k];
        for (at, i) in rows.enumerate() {
            let root = w[i].sqrt();
            for j in 0..d {
                columns[j * count + at] = root * x[i * d + j];
                columns[(d + j) * count + at] = root * f[i * d + j];
            }
        }
        triangularised(&mut columns, count, k)
    };
    let parts: Vec<Vec<f64>> = (0..w.len().div_ceil(CHUNK)).into_par_iter().map(one).collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_else(|| vec![0.0; k * k]);
    for part in parts {
        let mut columns = vec![0.0; 2 * k * k];
        for j in 0..k {
            for i in 0..k {
                columns[j * 2 * k + i] = total[i * k + j];
                columns[j * 2 * k + k + i] = part[i * k + j];
            }
        }
        total = triangularised(&mut columns, 2 * k, k);
    }
    total
}

/// R (k, k), row-major, of the columns of A (n, k), n ≥ k; A is overwritten.
fn triangularised(columns: &mut [f64], n: usize, k: usize) -> Vec<f64> {
    for j in 0..k {
        let (head, tail) = columns.split_at_mut((j + 1) * n);
        let v = &mut head[j * n + j..];
        let norm = lanes_dot(v, v).sqrt();
        if norm == 0.0 {
            continue;
        }
        // v = a + sign(a_0) |a| e_0, H = 1 − 2 v vᵀ / |v|²
        let diagonal = if v[0] < 0.0 { norm } else { -norm };
        v[0] -= diagonal;
        let size = lanes_dot(v, v);
        for column in tail.chunks_exact_mut(n) {
            let part = 2.0 * lanes_dot(v, &column[j..]) / size;
            column[j..].iter_mut().zip(&*v).for_each(|(c, v)| *c -= part * v);
        }
        v.fill(0.0);
        v[0] = diagonal;
    }
    let mut r = vec![0.0; k * k];
    for j in 0..k {
        (0..=j).for_each(|i| r[i * k + j] = columns[j * n + i]);
    }
    r
}

/// Σ a_i b_i in [`LANES`] independent sums.
fn lanes_dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sums, (first, rest)) = ([0.0; LANES], a.as_chunks::<LANES>());
    let (second, other) = b.as_chunks::<LANES>();
    for (a, b) in first.iter().zip(second) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    sums.iter().sum::<f64>() + dot(rest, &other[..rest.len()])
}

/// Rows turned into columns at a time.
const BLOCK: usize = 64;
/// Independent sums of a block.
const LANES: usize = 8;

/// Columns of up to BLOCK rows of D numbers, the rest zero.
#[inline(always)]
fn fill_columns<const D: usize>(rows: &[f64], factor: f64, out: &mut [[f64; BLOCK]; D]) {
    let rows = rows.as_chunks::<D>().0;
    if let Ok(rows) = <&[[f64; D]; BLOCK]>::try_from(rows) {
        for (l, row) in rows.iter().enumerate() {
            for k in 0..D {
                out[k][l] = factor * row[k];
            }
        }
        return;
    }
    *out = [[0.0; BLOCK]; D];
    for (l, row) in rows.iter().enumerate() {
        for k in 0..D {
            out[k][l] = factor * row[k];
        }
    }
}

#[inline(always)]
fn add_products(a: &[f64; BLOCK], b: &[f64; BLOCK], sums: &mut [f64; LANES]) {
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
}

struct TwoMoments<'a, const D: usize> {
    w: &'a [f64],
    equal: bool,
    x: &'a [f64],
    f: &'a [f64],
    t: f64,
    out: &'a mut [f64],
}

impl<const D: usize> pulp::WithSimd for TwoMoments<'_, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let TwoMoments { w, equal, x, f, t, out } = self;
        let (mut first, mut second) = ([[[0.0; LANES]; D]; D], [[[0.0; LANES]; D]; D]);
        let (mut xs, mut fs) = ([[0.0; BLOCK]; D], [[0.0; BLOCK]; D]);
        let mut weighted = [[0.0; BLOCK]; D];
        let blocks = x.chunks(BLOCK * D).zip(f.chunks(BLOCK * D)).enumerate();
        for (block, (x, f)) in blocks {
            fill_columns(x, t, &mut xs);
            fill_columns(f, 1.0, &mut fs);
            if equal {
                weighted = xs;
            } else {
                let w = &w[block * BLOCK..(block * BLOCK + x.len() / D)];
                for k in 0..D {
                    for ((v, x), w) in weighted[k].iter_mut().zip(&xs[k]).zip(w) {
                        *v = x * w;
                    }
                }
            }
            for i in 0..D {
                for j in 0..D {
                    if j <= i {
                        add_products(&xs[i], &weighted[j], &mut first[i][j]);
                    }
                    add_products(&fs[i], &weighted[j], &mut second[i][j]);
                }
            }
        }
        let weight = if equal { w[0] } else { 1.0 };
        for i in 0..D {
            for j in 0..D {
                out[i * D + j] += weight * first[i.max(j)][i.min(j)].iter().sum::<f64>();
                out[D * D + i * D + j] += weight * second[i][j].iter().sum::<f64>();
            }
        }
    }
}

/// Adds Σ w (s a) (t b)^T to `out`.
fn moment_square(w: &[f64], a: &[f64], s: f64, b: &[f64], t: f64, d: usize, out: &mut [f64]) {
    match d {
        1 => moment_fixed::<1, 1>(w, a, s, b, t, out),
        2 => moment_fixed::<2, 2>(w, a, s, b, t, out),
        3 => moment_fixed::<3, 4>(w, a, s, b, t, out),
        _ => moment_any(w, a, d, s, b, d, t, out),
    }
}

fn moment_fixed<const D: usize, const P: usize>(
    w: &[f64],
    a: &[f64],
    s: f64,
    b: &[f64],
    t: f64,
    out: &mut [f64],
) {
    pulp::Arch::new().dispatch(Moment::<D, P> { w, a, s, b, t, out });
}

/// Rows of D numbers, padded to P so that a row of the result is one vector.
struct Moment<'a, const D: usize, const P: usize> {
    w: &'a [f64],
    a: &'a [f64],
    s: f64,
    b: &'a [f64],
    t: f64,
    out: &'a mut [f64],
}

impl<const D: usize, const P: usize> pulp::WithSimd for Moment<'_, D, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Moment { w, a, s, b, t, out } = self;
        let mut acc = [[0.0; P]; D];
        for ((w, a), b) in w.iter().zip(a.as_chunks::<D>().0).zip(b.as_chunks::<D>().0) {
            let mut row = [0.0; P];
            for j in 0..D {
                row[j] = t * b[j];
            }
            for i in 0..D {
                let wa = w * (s * a[i]);
                for j in 0..P {
                    acc[i][j] += wa * row[j];
                }
            }
        }
        for i in 0..D {
            for j in 0..D {
                out[i * D + j] += acc[i][j];
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn moment_any(w: &[f64], a: &[f64], p: usize, s: f64, b: &[f64], q: usize, t: f64, out: &mut [f64]) {
    for (r, w) in w.iter().enumerate() {
        for i in 0..p {
            let wa = w * (s * a[r * p + i]);
            for j in 0..q {
                out[i * q + j] += wa * (t * b[r * q + j]);
            }
        }
    }
}

/// Adds up `f(rows, partial)` over chunks of rows, in order; `partial` starts at zero, length `len`.
pub(crate) fn sum_chunks(
    n: usize,
    len: usize,
    f: impl Fn(std::ops::Range<usize>, &mut [f64]) + Sync,
) -> Vec<f64> {
    let one = |c: usize| {
        let mut partial = vec![0.0; len];
        f(c * CHUNK..((c + 1) * CHUNK).min(n), &mut partial);
        partial
    };
    let chunks = n.div_ceil(CHUNK);
    let parts: Vec<Vec<f64>> = if chunks <= 1 {
        (0..chunks).map(one).collect()
    } else {
        (0..chunks).into_par_iter().map(one).collect()
    };
    let mut total = vec![0.0; len];
    for part in &parts {
        for (t, p) in total.iter_mut().zip(part) {
            *t += p;
        }
    }
    total
}

/// The rows x_i for i in `index`, of `x` (n, p).
pub(crate) fn gather_rows(x: &[f64], p: usize, index: &[usize]) -> Vec<f64> {
    let mut out = vec![0.0; index.len() * p];
    let run = |(out, index): (&mut [f64], &[usize])| {
        for (out, i) in out.chunks_exact_mut(p).zip(index) {
            out.copy_from_slice(&x[i * p..(i + 1) * p]);
        }
    };
    out.par_chunks_mut(CHUNK * p.max(1)).zip(index.par_chunks(CHUNK)).for_each(run);
    out
}

/// out_i = A x_i for the rows x_i of `x` (n, p) and A (q, p).
pub(crate) fn map_rows(x: &[f64], p: usize, a: &[f64], q: usize) -> Vec<f64> {
    let n = x.len() / p.max(1);
    let mut out = vec![0.0; n * q];
    combine_rows(x, p, a, &[], 0, 1.0, &[], &mut out, q);
    out
}

/// out_i = A x_i + B (t y_i) for rows of `x` (n, p) and `y` (n, r), A (q, p), B (q, r); r = 0 leaves B out.
#[allow(clippy::too_many_arguments)]
pub(crate) fn combine_rows(
    x: &[f64],
    p: usize,
    a: &[f64],
    y: &[f64],
    r: usize,
    t: f64,
    b: &[f64],
    out: &mut [f64],
    q: usize,
) {
    let run = |c: usize, out: &mut [f64]| {
        let rows = out.len() / q;
        let x = &x[c * CHUNK * p..][..rows * p];
        let y = if r == 0 { y } else { &y[c * CHUNK * r..][..rows * r] };
        match (p, r, q) {
            (1, 1, 1) => combine_fixed::<1>(x, a, y, t, b, out),
            (2, 2, 2) => combine_fixed::<2>(x, a, y, t, b, out),
            (3, 3, 3) => combine_fixed::<3>(x, a, y, t, b, out),
            _ => {
                for (i, out) in out.chunks_exact_mut(q).enumerate() {
                    let (xi, yi) = (&x[i * p..(i + 1) * p], &y[i * r..(i + 1) * r]);
                    for (k, o) in out.iter_mut().enumerate() {
                        *o = dot(&a[k * p..(k + 1) * p], xi) + t * dot(&b[k * r..(k + 1) * r], yi);
                    }
                }
            }
        }
    };
    if q == 0 {
        return;
    }
    if out.len() <= CHUNK * q {
        run(0, out);
    } else {
        out.par_chunks_mut(CHUNK * q).enumerate().for_each(|(c, out)| run(c, out));
    }
}

fn combine_fixed<const D: usize>(x: &[f64], a: &[f64], y: &[f64], t: f64, b: &[f64], out: &mut [f64]) {
    pulp::Arch::new().dispatch(Combine::<D> { x, a, y, t, b, out });
}

struct Combine<'a, const D: usize> {
    x: &'a [f64],
    a: &'a [f64],
    y: &'a [f64],
    t: f64,
    b: &'a [f64],
    out: &'a mut [f64],
}

impl<const D: usize> pulp::WithSimd for Combine<'_, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Combine { x, a, y, t, b, out } = self;
        let (mut on_x, mut on_y) = ([[0.0; D]; D], [[0.0; D]; D]);
        for i in 0..D {
            on_x[i].copy_from_slice(&a[i * D..(i + 1) * D]);
            on_y[i].copy_from_slice(&b[i * D..(i + 1) * D]);
        }
        let blocks = out.chunks_mut(BLOCK * D).zip(x.chunks(BLOCK * D)).zip(y.chunks(BLOCK * D));
        let (mut xs, mut ys, mut sums) = ([[0.0; BLOCK]; D], [[0.0; BLOCK]; D], [[0.0; BLOCK]; D]);
        for ((out, x), y) in blocks {
            fill_columns(x, 1.0, &mut xs);
            fill_columns(y, t, &mut ys);
            for i in 0..D {
                for l in 0..BLOCK {
                    let mut sum = 0.0;
                    for j in 0..D {
                        sum += on_x[i][j] * xs[j][l] + on_y[i][j] * ys[j][l];
                    }
                    sums[i][l] = sum;
                }
            }
            let out = out.as_chunks_mut::<D>().0;
            if let Ok(out) = <&mut [[f64; D]; BLOCK]>::try_from(&mut *out) {
                for (l, out) in out.iter_mut().enumerate() {
                    for i in 0..D {
                        out[i] = sums[i][l];
                    }
                }
            } else {
                for (l, out) in out.iter_mut().enumerate() {
                    for i in 0..D {
                        out[i] = sums[i][l];
                    }
                }
            }
        }
    }
}

/// Σ_i w_i a_i · b_i over rows of length d.
pub(crate) fn weighted_dot(w: &[f64], a: &[f64], b: &[f64], d: usize) -> f64 {
    sum_chunks(w.len(), 1, |rows, out| {
        out[0] = rows.map(|i| w[i] * dot(&a[i * d..(i + 1) * d], &b[i * d..(i + 1) * d])).sum();
    })[0]
}
