//! Reduced costs of whole rows, vectorised for the processor at hand (same bits on all of them: no
//! fused operations are used).

use pulp::Arch;

/// Columns of a block of partial results on the stack.
const BLOCK: usize = 256;
const LANES: usize = 8;

/// The factor of the columns in columns (r, m), and the dual potentials of the columns.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    rank: usize,
    m: usize,
    factor: Vec<f64>,
    pub(crate) potential: Vec<f64>,
    arch: Arch,
}

/// Smallest entry of a row of c − v: (value, column); the first of equal ones.
pub(crate) type Best = (f64, usize);

impl Columns {
    /// From the row-major factor (m, r); potentials zero.
    pub(crate) fn new(right: &[f64], rank: usize) -> Self {
        let m = right.len() / rank;
        Columns {
            rank,
            m,
            factor: crate::linalg::transpose(right, m, rank),
            potential: vec![0.0; m],
            arch: Arch::new(),
        }
    }

    /// min over j of u · v_j − potential_j.
    pub(crate) fn best(&self, u: &[f64]) -> Best {
        debug_assert_eq!(u.len(), self.rank);
        self.arch.dispatch(
            #[inline(always)]
            || self.best_of_all(u),
        )
    }

    #[inline(always)]
    fn best_of_all(&self, u: &[f64]) -> Best {
        let mut best = (f64::INFINITY, 0);
        let mut buffer = [0.0; BLOCK];
        let mut start = 0;
        while start < self.m {
            let len = BLOCK.min(self.m - start);
            self.block(u, start, &mut buffer[..len]);
            let low = minimum(&buffer[..len]);
            if low < best.0 {
                let at = buffer[..len].iter().position(|x| *x == low).unwrap_or(0);
                best = (low, start + at);
            }
            start += len;
        }
        best
    }

    #[inline(always)]
    fn block(&self, u: &[f64], start: usize, out: &mut [f64]) {
        let end = start + out.len();
        let column = |k: usize| &self.factor[k * self.m + start..k * self.m + end];
        let v = &self.potential[start..end];
        match *u {
            [a] => {
                for ((o, x), v) in out.iter_mut().zip(column(0)).zip(v) {
                    *o = a * x - v;
                }
            }
            [a, b] => {
                for (((o, x), y), v) in out.iter_mut().zip(column(0)).zip(column(1)).zip(v) {
                    *o = a * x + b * y - v;
                }
            }
            [a, b, c] => {
                let columns = out.iter_mut().zip(column(0)).zip(column(1)).zip(column(2)).zip(v);
                for ((((o, x), y), z), v) in columns {
                    *o = a * x + b * y + c * z - v;
                }
            }
            _ => {
                for ((o, x), v) in out.iter_mut().zip(column(0)).zip(v) {
                    *o = u[0] * x - v;
                }
                for (k, a) in u.iter().enumerate().skip(1) {
                    for (o, x) in out.iter_mut().zip(column(k)) {
                        *o += a * x;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn minimum(a: &[f64]) -> f64 {
    let lower = |x: f64, y: f64| if x < y { x } else { y };
    let (lanes, rest) = a.as_chunks::<LANES>();
    let mut low = [f64::INFINITY; LANES];
    for chunk in lanes {
        for k in 0..LANES {
            low[k] = lower(chunk[k], low[k]);
        }
    }
    rest.iter().chain(&low).fold(f64::INFINITY, |m, x| lower(*x, m))
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
                columns.potential.iter_mut().for_each(|v| *v = s.normal());
                let u: Vec<f64> = (0..rank).map(|_| s.normal()).collect();
                let dense: Vec<f64> = (0..m)
                    .map(|j| crate::linalg::dot(&u, &right[j * rank..][..rank]) - columns.potential[j])
                    .collect();
                let (value, at) = columns.best(&u);
                let want = dense.iter().copied().fold(f64::INFINITY, f64::min);
                assert!((value - want).abs() < 1e-14 && (dense[at] - want).abs() < 1e-14);
            }
        }
    }
}
