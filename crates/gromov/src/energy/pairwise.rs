//! Sums over all pairs of two clouds: O(n m d) time, O(n + m) memory, compiled for the processor at hand.
//!
//! Eight columns are worked on together and added in one order, whatever the width of the processor's
//! vectors and the number of threads: the same bits everywhere.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::elementary::BLOCK;
use crate::linalg;
use crate::measure::Measure;

/// A function k(r) of the distance.
pub(super) trait Kernel: Copy + Send + Sync {
    /// w k(r) and w k'(r) / r from r² and w.
    fn weigh<S: Simd>(self, simd: S, squared: S::f64s, weight: S::f64s) -> (S::f64s, S::f64s);
}

/// One cloud in columns (d, m), in units of length, padded with points of zero weight.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    dim: usize,
    stride: usize,
    pub(super) unit: f64,
    points: Vec<f64>,
    weights: Vec<f64>,
    arch: Arch,
}

/// What a thread needs for its rows.
struct Scratch {
    x: Vec<f64>,
    field: Vec<f64>,
    slopes: Vec<f64>,
}

/// One row of the sums; a type rather than a closure, because only an inlined method is compiled for
/// the processor at hand.
struct Row<'a, K> {
    kernel: K,
    columns: &'a Columns,
    x: &'a [f64],
    out: &'a mut [f64],
    /// Slopes of all columns, above three dimensions.
    slopes: &'a mut [f64],
}

impl<K: Kernel> WithSimd for Row<'_, K> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        match self.columns.dim {
            1 => self.fixed::<S, 1>(simd),
            2 => self.fixed::<S, 2>(simd),
            3 => self.fixed::<S, 3>(simd),
            _ => self.any(simd),
        }
    }
}

impl<K: Kernel> Row<'_, K> {
    /// Σ_j w_j k(|x − y_j|), and Σ_j w_j k'(|x − y_j|) (x − y_j) / |x − y_j| into `out`.
    #[inline(always)]
    fn fixed<S: Simd, const D: usize>(self, simd: S) -> f64 {
        let Columns { stride, points, weights, .. } = self.columns;
        let columns: [&[S::f64s]; D] =
            std::array::from_fn(|k| S::as_simd_f64s(&points[k * stride..(k + 1) * stride]).0);
        let x: [S::f64s; D] = std::array::from_fn(|k| simd.splat_f64s(self.x[k]));
        let (zero, sets) = (simd.splat_f64s(0.0), BLOCK / S::F64_LANES);
        let mut value = [zero; BLOCK];
        let mut field = [[zero; BLOCK]; D];
        for (block, w) in S::as_simd_f64s(weights).0.chunks_exact(sets).enumerate() {
            for set in 0..sets {
                let j = block * sets + set;
                let difference: [S::f64s; D] = std::array::from_fn(|k| simd.sub_f64s(x[k], columns[k][j]));
                let mut squared = simd.mul_f64s(difference[0], difference[0]);
                for e in &difference[1..] {
                    squared = simd.add_f64s(squared, simd.mul_f64s(*e, *e));
                }
                let (part, slope) = self.kernel.weigh(simd, squared, w[set]);
                value[set] = simd.add_f64s(value[set], part);
                for k in 0..D {
                    field[k][set] = simd.add_f64s(field[k][set], simd.mul_f64s(slope, difference[k]));
                }
            }
        }
        for k in 0..D {
            self.out[k] = sum(simd, field[k]);
        }
        sum(simd, value)
    }

    /// The same in any dimension.
    #[inline(always)]
    fn any<S: Simd>(self, simd: S) -> f64 {
        let Columns { stride, points, weights, dim, .. } = self.columns;
        let column = |k: usize| S::as_simd_f64s(&points[k * stride..(k + 1) * stride]).0;
        let sets = BLOCK / S::F64_LANES;
        let mut value = [simd.splat_f64s(0.0); BLOCK];
        let lanes = S::as_mut_simd_f64s(self.slopes).0;
        for (j, w) in S::as_simd_f64s(weights).0.iter().enumerate() {
            let mut squared = simd.splat_f64s(0.0);
            for k in 0..*dim {
                let e = simd.sub_f64s(simd.splat_f64s(self.x[k]), column(k)[j]);
                squared = simd.add_f64s(squared, simd.mul_f64s(e, e));
            }
            let (part, slope) = self.kernel.weigh(simd, squared, *w);
            value[j % sets] = simd.add_f64s(value[j % sets], part);
            lanes[j] = slope;
        }
        for (k, out) in self.out.iter_mut().enumerate().take(*dim) {
            let x = simd.splat_f64s(self.x[k]);
            let mut field = [simd.splat_f64s(0.0); BLOCK];
            for (j, (slope, y)) in lanes.iter().zip(column(k)).enumerate() {
                let part = simd.mul_f64s(*slope, simd.sub_f64s(x, *y));
                field[j % sets] = simd.add_f64s(field[j % sets], part);
            }
            *out = sum(simd, field);
        }
        sum(simd, value)
    }
}

/// The sum over the numbers of a block, in one order for all widths of vectors; the vectors behind it are
/// not used.
#[inline(always)]
fn sum<S: Simd>(_: S, x: [S::f64s; BLOCK]) -> f64 {
    let mut all = [0.0; BLOCK];
    S::as_mut_simd_f64s(&mut all).0.iter_mut().zip(x).for_each(|(to, from)| *to = from);
    let four: [f64; 4] = std::array::from_fn(|l| all[l] + all[l + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

impl Columns {
    /// `unit`: a power of two of at least half the largest coordinate that will be met.
    pub(super) fn new(cloud: &Measure, unit: f64) -> Self {
        let (m, dim) = (cloud.len(), cloud.dim());
        let stride = m.next_multiple_of(BLOCK);
        let mut points = vec![0.0; dim * stride];
        let mut weights = vec![0.0; stride];
        weights[..m].copy_from_slice(cloud.weights());
        for i in 0..m {
            for k in 0..dim {
                points[k * stride + i] = cloud.point(i)[k] / unit;
            }
        }
        Columns { dim, stride, unit, points, weights, arch: Arch::new() }
    }

    /// ∫ k(|x_i − y|) dν at the points of ρ, (n), with lengths in units.
    pub(super) fn potential(&self, kernel: impl Kernel, rho: &Measure) -> Vec<f64> {
        self.rows(kernel, rho, None, 1.0)
    }

    /// ∬ k(|x − y|) dρ dν with lengths in units; adds factor · ∇ ∫ k(|x_i − y|) dν, also in units, to
    /// the rows of `gradient` (0 where x_i = y).
    pub(super) fn sum(
        &self,
        kernel: impl Kernel,
        rho: &Measure,
        gradient: Option<&mut [f64]>,
        factor: f64,
    ) -> f64 {
        let rows = self.rows(kernel, rho, gradient, factor);
        linalg::sum_chunks(rows.len(), 1, |r, out| out[0] = r.map(|i| rho.weights()[i] * rows[i]).sum())[0]
    }

    /// The potential; the gradient is added as in [`Columns::sum`].
    fn rows(
        &self,
        kernel: impl Kernel,
        rho: &Measure,
        gradient: Option<&mut [f64]>,
        factor: f64,
    ) -> Vec<f64> {
        let d = self.dim;
        let scratch = || Scratch {
            x: vec![0.0; d],
            field: vec![0.0; d],
            slopes: vec![0.0; if d <= 3 { 0 } else { self.stride }],
        };
        let row = |i: usize, scratch: &mut Scratch| -> f64 {
            let Scratch { x, field, slopes } = scratch;
            x.iter_mut().zip(rho.point(i)).for_each(|(s, x)| *s = x / self.unit);
            self.arch.dispatch(Row { kernel, columns: self, x, out: field, slopes })
        };
        match gradient {
            None => (0..rho.len())
                .into_par_iter()
                .with_min_len(16)
                .map_init(scratch, |scratch, i| row(i, scratch))
                .collect(),
            Some(gradient) => gradient
                .par_chunks_exact_mut(d)
                .with_min_len(16)
                .enumerate()
                .map_init(scratch, |scratch, (i, out)| {
                    let value = row(i, scratch);
                    out.iter_mut().zip(&scratch.field).for_each(|(o, f)| *o += factor * f);
                    value
                })
                .collect(),
        }
    }
}
