//! Reduced costs of rows, vectorised for the processor at hand (same bits on all of them: products
//! and sums are done in one order and no fused operations are used).
//!
//! Columns stand in blocks, each with its part of the factor together: a row is priced against all
//! blocks or against a few chosen ones.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

/// Columns of a block, a multiple of the width of any vector; padding is never best.
pub(crate) const BLOCK: usize = 32;

/// The factor of the columns by blocks (blocks, r, BLOCK), and the dual potentials of the columns.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    rank: usize,
    m: usize,
    /// Shared by problems with the same right factor.
    factor: Arc<Vec<f64>>,
    /// Potentials (m), then −∞ for the padding.
    potential: Vec<f64>,
    arch: Arch,
}

/// Smallest entry of a row of c − v, and the first block that has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) value: f64,
    block: usize,
}

impl Columns {
    /// From the row-major factor (m, r); potentials zero.
    pub(crate) fn new(right: &[f64], rank: usize) -> Self {
        let m = right.len() / rank;
        let blocks = m.div_ceil(BLOCK);
        let mut factor = vec![0.0; blocks * rank * BLOCK];
        for (j, row) in right.chunks_exact(rank).enumerate() {
            let block = &mut factor[j / BLOCK * rank * BLOCK..];
            row.iter().enumerate().for_each(|(k, x)| block[k * BLOCK + j % BLOCK] = *x);
        }
        let mut potential = vec![f64::NEG_INFINITY; blocks * BLOCK];
        potential[..m].fill(0.0);
        Columns { rank, m, factor: Arc::new(factor), potential, arch: Arch::new() }
    }

    /// Dual potentials of the columns, (m).
    pub(crate) fn potential(&self) -> &[f64] {
        &self.potential[..self.m]
    }

    /// Dual potentials of the columns, (m), to be changed.
    pub(crate) fn potential_mut(&mut self) -> &mut [f64] {
        &mut self.potential[..self.m]
    }

    /// Sets the potentials of the columns by means of their costs.
    pub(crate) fn set_potential(&mut self, f: impl FnOnce(&Self, &mut [f64])) {
        let mut potential = std::mem::take(&mut self.potential);
        f(self, &mut potential[..self.m]);
        self.potential = potential;
    }

    /// Number of columns.
    pub(crate) fn len(&self) -> usize {
        self.m
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.potential.len() / BLOCK
    }

    /// min over j of u · v_j − potential_j.
    pub(crate) fn best(&self, u: &[f64]) -> Best {
        self.arch.dispatch(Row { columns: self, u, blocks: 0..self.blocks() as u32, visit: |_, _| () })
    }

    /// The same over the columns of some blocks.
    pub(crate) fn best_in(&self, u: &[f64], blocks: &[u32]) -> Best {
        self.arch.dispatch(Row { columns: self, u, blocks: blocks.iter().copied(), visit: |_, _| () })
    }

    /// As [`Columns::best`]; `near` gets the blocks with the smallest entries, fewer if there are not so many.
    pub(crate) fn best_and_near<const K: usize>(&self, u: &[f64], near: &mut [u32; K]) -> Best {
        let mut values = [f64::INFINITY; K];
        let visit = |block: u32, low: f64| {
            if low < values[K - 1] {
                let mut k = K - 1;
                while k > 0 && low < values[k - 1] {
                    (values[k], near[k]) = (values[k - 1], near[k - 1]);
                    k -= 1;
                }
                (values[k], near[k]) = (low, block);
            }
        };
        self.arch.dispatch(Row { columns: self, u, blocks: 0..self.blocks() as u32, visit })
    }

    /// u · v_j, by the same operations in the same order as in the vectors.
    #[inline]
    pub(crate) fn cost(&self, u: &[f64], j: usize) -> f64 {
        let factor = &self.factor[j / BLOCK * BLOCK * self.rank + j % BLOCK..];
        let mut sum = u[0] * factor[0];
        for k in 1..self.rank {
            sum += u[k] * factor[k * BLOCK];
        }
        sum
    }

    /// The first column of the block found that has its value.
    pub(crate) fn column(&self, u: &[f64], best: Best) -> usize {
        self.arch.dispatch(Find { columns: self, u, best })
    }
}

/// The column of a block that has a value.
struct Find<'a> {
    columns: &'a Columns,
    u: &'a [f64],
    best: Best,
}

impl WithSimd for Find<'_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        let Find { columns: Columns { rank, factor, potential, .. }, u, best } = self;
        let from = best.block * BLOCK;
        let factor = &factor[from * rank..][..rank * BLOCK];
        // all of them, without a branch in between
        let mut values = [0.0; BLOCK];
        values.iter_mut().zip(factor).for_each(|(value, f)| *value = u[0] * f);
        for (u, factor) in u.iter().zip(factor.chunks_exact(BLOCK)).skip(1) {
            values.iter_mut().zip(factor).for_each(|(value, f)| *value += u * f);
        }
        values.iter_mut().zip(&potential[from..]).for_each(|(value, v)| *value -= v);
        from + values.iter().position(|value| *value == best.value).unwrap_or(0)
    }
}

/// One row to price; a type rather than a closure, because only an inlined method is compiled for the
/// processor at hand.
struct Row<'a, B, F> {
    columns: &'a Columns,
    u: &'a [f64],
    blocks: B,
    visit: F,
}

impl<B: Iterator<Item = u32>, F: FnMut(u32, f64)> WithSimd for Row<'_, B, F> {
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

impl<B: Iterator<Item = u32>, F: FnMut(u32, f64)> Row<'_, B, F> {
    #[inline(always)]
    fn all<S: Simd, const R: usize>(mut self, simd: S, u: [f64; R]) -> Best {
        let Columns { potential, .. } = self.columns;
        let factor = self.columns.factor.as_slice();
        let mut splat = [simd.splat_f64s(0.0); R];
        for k in 0..R {
            splat[k] = simd.splat_f64s(u[k]);
        }
        let mut best = Best { value: f64::INFINITY, block: 0 };
        for block in self.blocks {
            let at = block as usize;
            let (v, _) = S::as_simd_f64s(&potential[at * BLOCK..(at + 1) * BLOCK]);
            let part = &factor[at * R * BLOCK..(at + 1) * R * BLOCK];
            let columns: [&[S::f64s]; R] =
                std::array::from_fn(|k| S::as_simd_f64s(&part[k * BLOCK..(k + 1) * BLOCK]).0);
            let mut low = [simd.splat_f64s(f64::INFINITY); 2];
            for j in 0..BLOCK / S::F64_LANES {
                let mut sum = simd.mul_f64s(splat[0], columns[0][j]);
                for k in 1..R {
                    sum = simd.add_f64s(sum, simd.mul_f64s(splat[k], columns[k][j]));
                }
                low[j & 1] = simd.min_f64s(low[j & 1], simd.sub_f64s(sum, v[j]));
            }
            let low = simd.reduce_min_f64s(simd.min_f64s(low[0], low[1]));
            (self.visit)(block, low);
            if low < best.value {
                best = Best { value: low, block: at };
            }
        }
        best
    }

    #[inline(always)]
    fn any<S: Simd>(mut self, simd: S) -> Best {
        let Columns { potential, rank, .. } = self.columns;
        let factor = self.columns.factor.as_slice();
        let mut best = Best { value: f64::INFINITY, block: 0 };
        for block in self.blocks {
            let at = block as usize;
            let (v, _) = S::as_simd_f64s(&potential[at * BLOCK..(at + 1) * BLOCK]);
            let part = S::as_simd_f64s(&factor[at * rank * BLOCK..(at + 1) * rank * BLOCK]).0;
            let width = BLOCK / S::F64_LANES;
            let mut low = simd.splat_f64s(f64::INFINITY);
            for j in 0..width {
                let mut sum = simd.mul_f64s(simd.splat_f64s(self.u[0]), part[j]);
                for k in 1..*rank {
                    sum = simd.add_f64s(sum, simd.mul_f64s(simd.splat_f64s(self.u[k]), part[k * width + j]));
                }
                low = simd.min_f64s(low, simd.sub_f64s(sum, v[j]));
            }
            let low = simd.reduce_min_f64s(low);
            (self.visit)(block, low);
            if low < best.value {
                best = Best { value: low, block: at };
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
                assert_eq!(columns.cost(&u, at) - columns.potential()[at], value);
                // the blocks with the smallest entries, in order; among them the best one again
                let mut near = [0u32; 3];
                assert_eq!(columns.best_and_near(&u, &mut near).value, value);
                let near = &near[..columns.blocks().min(3)];
                let mut lows: Vec<f64> =
                    dense.chunks(BLOCK).map(|b| b.iter().copied().fold(f64::INFINITY, f64::min)).collect();
                let kept: Vec<f64> = near.iter().map(|b| lows[*b as usize]).collect();
                lows.sort_by(f64::total_cmp);
                assert!(kept.iter().zip(&lows).all(|(a, b)| (a - b).abs() < 1e-14));
                assert_eq!(columns.best_in(&u, near).value, value);
                assert!(columns.best_in(&u, &near[near.len() - 1..]).value >= value);
                let want = dense.iter().copied().fold(f64::INFINITY, f64::min);
                assert!((value - want).abs() < 1e-14 && (dense[at] - want).abs() < 1e-14);
            }
        }
    }
}
