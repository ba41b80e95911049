//! Linear optimal transport between weighted clouds: min over couplings of Σ c_ij π_ij, exactly.
//!
//! Costs are given in factors, c_ij = α_i + β_j + u_i · v_j with u_i, v_j in R^r
//! ([`LowRankCost`]): inner products xᵀ A y and squared Euclidean distances are of this form, and no
//! n × m matrix is ever formed. The answer ([`Solution`]) is a sparse plan with at most n + m − 1
//! entries *and* dual potentials that are feasible for every pair, so that
//! [`Solution::dual_value`] ≤ optimum ≤ [`Solution::value`] with the gap reported.
//!
//! [`exact`] holds the network simplex, which restarts warm from an earlier [`Basis`]; [`mod@line`] the
//! one-dimensional couplings by sorting.
//!
//! ```
//! use gromov::ot::{Exact, LowRankCost};
//! // two points each, half their mass crossing: the optimal squared distance is 1
//! let cost = LowRankCost::squared_euclidean(&[0.0, 1.0], &[1.0, 2.0], 1)?;
//! let sol = Exact::default().solve(&cost, &[0.5, 0.5], &[0.5, 0.5], None)?;
//! assert_eq!(sol.value, 1.0);
//! assert!(sol.gap.abs() < 1e-15);
//! # Ok::<(), gromov::Error>(())
//! ```

pub(crate) mod cells;
pub mod exact;
mod levels;
pub mod line;
mod mass;
mod pricing;
mod refine;
mod saved;
mod simplex;
pub(crate) mod support;
mod tree;
pub(crate) mod walk;

pub use exact::{Basis, Exact, Solution};
pub(crate) use mass::RESOLUTION;

use crate::error::{Error, Result};
use crate::linalg;

/// c_ij = α_i + β_j + u_i · v_j for i < n, j < m.
#[derive(Debug, Clone)]
pub struct LowRankCost {
    pub(crate) rank: usize,
    pub(crate) left: Vec<f64>,
    pub(crate) right: Vec<f64>,
    pub(crate) row: Vec<f64>,
    pub(crate) column: Vec<f64>,
}

impl LowRankCost {
    /// u_i · v_j with `left` (n, r) and `right` (m, r), row-major. Errors: a size that is no multiple
    /// of `rank`, an empty side, an entry that is not finite or above 4.4e307.
    pub fn new(left: Vec<f64>, right: Vec<f64>, rank: usize) -> Result<Self> {
        let zeros = |a: &[f64]| vec![0.0; a.len() / rank.max(1)];
        let (row, column) = (zeros(&left), zeros(&right));
        LowRankCost::with_terms(left, right, rank, row, column)
    }

    /// α_i + β_j + u_i · v_j with `row` (n) and `column` (m). Errors: as [`LowRankCost::new`].
    pub fn with_terms(
        left: Vec<f64>,
        right: Vec<f64>,
        rank: usize,
        row: Vec<f64>,
        column: Vec<f64>,
    ) -> Result<Self> {
        for (name, factor, term) in [("left", &left, &row), ("right", &right, &column)] {
            if rank == 0 || factor.is_empty() || factor.len() != term.len() * rank {
                let expected = format!("({}, {rank}), at least one row and column", term.len());
                return Err(Error::shape(name, expected, format!("{} numbers", factor.len())));
            }
            if let Some(&scale) = factor.iter().find(|x| x.is_finite() && x.abs() > f64::MAX / 4.0) {
                let range = "whose differences are doubles: at most 4.4e307";
                return Err(Error::Scale { argument: name.into(), scale, range });
            }
            for (what, a) in [(name, factor), ("separable term", term)] {
                if let Some(k) = a.iter().position(|x| !x.is_finite()) {
                    return Err(Error::NotFinite {
                        argument: what.into(),
                        index: k.to_string(),
                        value: a[k],
                    });
                }
            }
        }
        Ok(LowRankCost { rank, left, right, row, column })
    }

    /// −x_iᵀ A y_j for `x` (n, p), A (p, q), `y` (m, q): rank q. Errors: wrong shapes.
    pub fn inner_product(x: &[f64], a: &[f64], y: &[f64], p: usize, q: usize) -> Result<Self> {
        if a.len() != p * q {
            return Err(Error::shape("a", format!("({p}, {q})"), format!("{} numbers", a.len())));
        }
        for (name, side, width) in [("x", x, p), ("y", y, q)] {
            if width == 0 || side.is_empty() || !side.len().is_multiple_of(width) {
                return Err(Error::shape(name, format!("(n, {width})"), format!("{} numbers", side.len())));
            }
        }
        let minus: Vec<f64> = linalg::transpose(a, p, q).iter().map(|v| -v).collect();
        LowRankCost::new(linalg::map_rows(x, p, &minus, q), y.to_vec(), q)
    }

    /// |x_i − y_j|² for `x` (n, d), `y` (m, d): rank d and two separable terms. Errors: wrong shapes.
    pub fn squared_euclidean(x: &[f64], y: &[f64], d: usize) -> Result<Self> {
        let square = |a: &[f64]| a.chunks_exact(d.max(1)).map(|r| linalg::dot(r, r)).collect();
        let (row, column) = (square(x), square(y));
        LowRankCost::with_terms(x.iter().map(|v| -2.0 * v).collect(), y.to_vec(), d, row, column)
    }

    /// c_ji.
    pub(crate) fn transposed(&self) -> Self {
        let LowRankCost { rank, left, right, row, column } = self.clone();
        LowRankCost { rank, left: right, right: left, row: column, column: row }
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.row.len()
    }

    /// Number of columns m.
    pub fn columns(&self) -> usize {
        self.column.len()
    }

    /// c_ij.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        let r = self.rank;
        self.row[i] + self.column[j] + linalg::dot(&self.left[i * r..(i + 1) * r], &self.right[j * r..][..r])
    }
}

/// A sparse coupling: entry k moves `mass[k]` from row `rows[k]` to column `columns[k]`.
///
/// Entries are ordered by row, then column; masses are positive and sum to one.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Number of rows of the coupling.
    pub n: usize,
    /// Number of columns.
    pub m: usize,
    /// Row of each entry.
    pub rows: Vec<usize>,
    /// Column of each entry.
    pub columns: Vec<usize>,
    /// Mass of each entry.
    pub mass: Vec<f64>,
}

impl Plan {
    /// The plan that leaves every atom where it is.
    pub fn identity(weights: &[f64]) -> Self {
        let keep: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
        Plan {
            n: weights.len(),
            m: weights.len(),
            mass: keep.iter().map(|&i| weights[i]).collect(),
            rows: keep.clone(),
            columns: keep,
        }
    }

    pub(crate) fn from_entries(n: usize, m: usize, mut entries: Vec<(usize, usize, f64)>) -> Self {
        entries.sort_unstable_by_key(|e| (e.0, e.1));
        Plan {
            n,
            m,
            rows: entries.iter().map(|e| e.0).collect(),
            columns: entries.iter().map(|e| e.1).collect(),
            mass: entries.iter().map(|e| e.2).collect(),
        }
    }

    /// The plan from columns to rows.
    pub(crate) fn transposed(&self) -> Self {
        Plan::from_entries(self.m, self.n, self.entries().map(|(i, j, w)| (j, i, w)).collect())
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.mass.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.mass.is_empty()
    }

    /// (row, column, mass) of each entry.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.rows.iter().zip(&self.columns).zip(&self.mass).map(|((&i, &j), &w)| (i, j, w))
    }

    /// ∫ x yᵀ dπ, (p, q), for `x` (n, p) and `y` (m, q). O(entries · p q).
    pub fn cross_moment(&self, x: &[f64], p: usize, y: &[f64], q: usize) -> Vec<f64> {
        linalg::sum_chunks(self.len(), p * q, |entries, out| {
            for e in entries {
                let (xi, yj) = (&x[self.rows[e] * p..][..p], &y[self.columns[e] * q..][..q]);
                for a in 0..p {
                    let wx = self.mass[e] * xi[a];
                    for b in 0..q {
                        out[a * q + b] += wx * yj[b];
                    }
                }
            }
        })
    }

    /// Σ_j π_ij y_j, (n, q): the barycentric map times the weights.
    pub fn push(&self, y: &[f64], q: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.n * q];
        for (i, j, w) in self.entries() {
            for k in 0..q {
                out[i * q + k] += w * y[j * q + k];
            }
        }
        out
    }

    /// Row and column sums.
    pub fn marginals(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut a, mut b) = (vec![0.0; self.n], vec![0.0; self.m]);
        for (i, j, w) in self.entries() {
            a[i] += w;
            b[j] += w;
        }
        (a, b)
    }
}
