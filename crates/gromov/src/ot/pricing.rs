//! Reduced costs of whole rows, vectorised for the processor at hand (same bits on all of them: products
//! and sums are done in one order and no fused operations are used).

use pulp::{Arch, Simd, WithSimd};

/// Columns between two looks at the smallest value so far.
const BLOCK: usize = 256;
/// Columns are padded to a multiple of this, at least the width of any vector; padding is never best.
const PADDING: usize = 16;

/// The factor of the columns in columns (r, m), and the dual potentials of the columns.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    rank: usize,
    m: usize,
    stride: usize,
    factor: Vec<f64>,
    /// Potentials (m), then −∞ for the padding.
    potential: Vec<f64>,
    arch: Arch,
}

/// Smallest entry of a row of c − v, and where the first block that has it starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) value: f64,
    start: usize,
}

impl Columns {
    /// From the row-major factor (m, r); potentials zero.
    pub(crate) fn new(right: &[f64], rank: usize) -> Self {
        let m = right.len() / rank;
        let stride = m.next_multiple_of(PADDING);
        let mut factor = vec![0.0; rank * stride];
        for (j, row) in right.chunks_exact(rank).enumerate() {
            row.iter().enumerate().for_each(|(k, x)| factor[k * stride + j] = *x);
        }
        let mut potential = vec![f64::NEG_INFINITY; stride];
        potential[..m].fill(0.0);
        Columns { rank, m, stride, factor, potential, arch: Arch::new() }
    }

    /// Dual potentials of the columns, (m).
    pub(crate) fn potential(&self) -> &[f64] {
        &self.potential[..self.m]
    }

    /// Dual potentials of the columns, (m), to be changed.
    pub(crate) fn potential_mut(&mut self) -> &mut [f64] {
        &mut self.potential[..self.m]
    }

    /// min over j of u · v_j − potential_j.
    pub(crate) fn best(&self, u: &[f64]) -> Best {
        debug_assert_eq!(u.len(), self.rank);
        self.arch.dispatch(Row { columns: self, u })
    }

    /// The first column of the block found by [`Columns::best`] that has its value.
    pub(crate) fn column(&self, u: &[f64], best: Best) -> usize {
        let end = (best.start + BLOCK).min(self.m);
        let factor = |k: usize| &self.factor[k * self.stride + best.start..k * self.stride + end];
        // the same operations in the same order as in the vectors
        let mut sums: Vec<f64> = factor(0).iter().map(|x| u[0] * x).collect();
        for (k, u) in u.iter().enumerate().skip(1) {
            sums.iter_mut().zip(factor(k)).for_each(|(s, x)| *s += u * x);
        }
        let potentials = &self.potential[best.start..end];
        sums.iter_mut().zip(potentials).for_each(|(s, v)| *s -= v);
        let least = (0..sums.len()).min_by(|&i, &j| sums[i].total_cmp(&sums[j])).unwrap_or(0);
        debug_assert_eq!(sums[least], best.value);
        best.start + least
    }
}

/// One row to price; a type rather than a closure, because only an inlined method is compiled for the
/// processor at hand.
struct Row<'a> {
    columns: &'a Columns,
    u: &'a [f64],
}

impl WithSimd for Row<'_> {
    type Output = Best;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Best {
        match *self.u {
            [a] => self.all(simd, [a]),
            [a, b] => self.all(simd, [a, b]),
            [a, b, c] => self.all(simd, [a, b, c]),
            _ => self.any(simd),
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn all<S: Simd, const R: usize>(&self, simd: S, u: [f64; R]) -> Best {
        let Columns { stride, factor, potential, .. } = self.columns;
        let mut splat = [simd.splat_f64s(0.0); R];
        for k in 0..R {
            splat[k] = simd.splat_f64s(u[k]);
        }
        let columns: [&[S::f64s]; R] =
            std::array::from_fn(|k| S::as_simd_f64s(&factor[k * stride..(k + 1) * stride]).0);
        let v = S::as_simd_f64s(potential).0;
        let width = BLOCK / S::F64_LANES;
        let mut best = Best { value: f64::INFINITY, start: 0 };
        for start in (0..v.len()).step_by(width) {
            let end = (start + width).min(v.len());
            let mut low = [simd.splat_f64s(f64::INFINITY); 2];
            for j in start..end {
                let mut sum = simd.mul_f64s(splat[0], columns[0][j]);
                for k in 1..R {
                    sum = simd.add_f64s(sum, simd.mul_f64s(splat[k], columns[k][j]));
                }
                low[j & 1] = simd.min_f64s(low[j & 1], simd.sub_f64s(sum, v[j]));
            }
            let low = simd.reduce_min_f64s(simd.min_f64s(low[0], low[1]));
            if low < best.value {
                best = Best { value: low, start: start * S::F64_LANES };
            }
        }
        best
    }

    #[inline(always)]
    fn any<S: Simd>(&self, simd: S) -> Best {
        let Columns { stride, factor, potential, rank, .. } = self.columns;
        let v = S::as_simd_f64s(potential).0;
        let width = BLOCK / S::F64_LANES;
        let mut best = Best { value: f64::INFINITY, start: 0 };
        for start in (0..v.len()).step_by(width) {
            let mut low = simd.splat_f64s(f64::INFINITY);
            for j in start..(start + width).min(v.len()) {
                let column = |k: usize| S::as_simd_f64s(&factor[k * stride..(k + 1) * stride]).0[j];
                let mut sum = simd.mul_f64s(simd.splat_f64s(self.u[0]), column(0));
                for k in 1..*rank {
                    sum = simd.add_f64s(sum, simd.mul_f64s(simd.splat_f64s(self.u[k]), column(k)));
                }
                low = simd.min_f64s(low, simd.sub_f64s(sum, v[j]));
            }
            let low = simd.reduce_min_f64s(low);
            if low < best.value {
                best = Best { value: low, start: start * S::F64_LANES };
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    #[test]
    fn finds_the_first_smallest_entry_of_every_rank_and_length() {
        let mut s = Source::new(3, 0);
        for rank in 1..6 {
            for m in [1usize, 7, 8, 255, 256, 257, 700] {
                let right: Vec<f64> = (0..m * rank).map(|_| s.normal()).collect();
                let mut columns = Columns::new(&right, rank);
                columns.potential_mut().iter_mut().for_each(|v| *v = s.normal());
                let u: Vec<f64> = (0..rank).map(|_| s.normal()).collect();
                let dense: Vec<f64> = (0..m)
                    .map(|j| crate::linalg::dot(&u, &right[j * rank..][..rank]) - columns.potential()[j])
                    .collect();
                let best = columns.best(&u);
                let (value, at) = (best.value, columns.column(&u, best));
                let want = dense.iter().copied().fold(f64::INFINITY, f64::min);
                assert!((value - want).abs() < 1e-14 && (dense[at] - want).abs() < 1e-14);
            }
        }
    }
}
