//! The network simplex on one problem: pivots from a given tree until no arc pays.
//!
//! A *sweep* prices all n × m arcs, keeps for every row the blocks of columns where it has its smallest
//! reduced costs, and ends the run when nothing pays. Between sweeps, *rounds* price every row against its
//! own few blocks only, O(n) arcs in all, and pivot the best arc of a row as long as it pays. Columns next to
//! each other in space stand in one block, and the arcs that pay are short, so that a run mostly has two or three
//! sweeps, and the last of them is the proof of optimality. Where few rows pay in a sweep, which happens when one row
//! serves very many columns, these are priced against all columns as they pivot.

use rayon::prelude::*;

use super::pricing::Columns;
use super::tree::Tree;
use crate::linalg;
use crate::solve::{Status, Stop};

/// Blocks kept for a row.
const NEAR: usize = 8;
/// When less than this part of the rows pays in a sweep, these are priced against all columns as they pivot.
const FEW: usize = 8;
/// Rows, or pivots, between two looks at the clock.
const LOOK: usize = 256;
/// Arcs of a sweep between two looks at the clock.
const SLAB: usize = 1 << 26;
/// Arcs of a sweep worth a second thread.
const SHARED: usize = 1 << 16;

/// The blocks in which a row has its smallest reduced costs.
pub(crate) type Near = [u32; NEAR];

/// A problem with positive masses and factors of size one, and its tree.
#[derive(Debug)]
pub(crate) struct Simplex {
    rank: usize,
    pub(crate) left: Vec<f64>,
    pub(crate) columns: Columns,
    pub(crate) tree: Tree,
    /// Of every row; empty before the first sweep.
    pub(crate) near: Vec<Near>,
    tolerance: f64,
    pub(crate) pivots: usize,
    max_pivots: usize,
    /// Smallest c_ij − v_j of every row in the sweep that ended the run, if one did.
    pub(crate) slack: Option<Vec<f64>>,
    pub(crate) status: Option<Status>,
}

impl Simplex {
    /// `near` is empty or that of an earlier run on the same rows and columns.
    pub(crate) fn new(left: Vec<f64>, right: &[f64], rank: usize, tree: Tree, near: Vec<Near>) -> Self {
        Simplex::with_columns(left, (Columns::new(right, rank), largest_row(right, rank)), rank, tree, near)
    }

    /// With columns that are there, and the length of the longest.
    pub(crate) fn with_columns(
        left: Vec<f64>,
        (columns, longest): (Columns, f64),
        rank: usize,
        tree: Tree,
        near: Vec<Near>,
    ) -> Self {
        Simplex {
            tolerance: tolerance(&left, rank, longest),
            rank,
            columns,
            left,
            tree,
            near,
            pivots: 0,
            max_pivots: usize::MAX,
            slack: None,
            status: None,
        }
    }

    /// Pivots until no arc pays, `max_pivots` are done or `stop` says so; the status tells which.
    pub(crate) fn run(&mut self, max_pivots: usize, stop: &Stop) {
        self.max_pivots = max_pivots;
        if !self.near.is_empty() {
            self.refresh();
            self.rounds((0..self.rows()).collect(), stop);
        }
        while self.status.is_none() {
            self.sweep(stop);
        }
    }

    /// Takes other rows, as many as before, for the same columns, the longest of which is given.
    pub(crate) fn turn(&mut self, longest: f64, write: impl FnOnce(&mut [f64])) {
        write(&mut self.left);
        self.tolerance = tolerance(&self.left, self.rank, longest);
    }

    /// Prices every row against all columns once, with fresh potentials, and pivots what pays. The number of pivots: if it
    /// is 0, that is the proof of optimality.
    pub(crate) fn round(&mut self) -> usize {
        self.refresh();
        let before = self.pivots;
        (0..self.rows()).for_each(|i| self.pivot_row(i, None));
        self.pivots - before
    }

    /// Number of rows.
    fn rows(&self) -> usize {
        self.left.len() / self.rank
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.left[i * self.rank..(i + 1) * self.rank]
    }

    fn row_potential(&self, i: usize) -> f64 {
        let j = self.tree.column_above(i);
        self.columns.cost(self.row(i), j) - self.columns.potential()[j]
    }

    /// Computes the potentials of the columns from the tree.
    pub(crate) fn refresh(&mut self) {
        let (r, left, tree) = (self.rank, &self.left, &mut self.tree);
        self.columns.set_potential(|columns, v| {
            tree.potentials(v, |i, j| columns.cost(&left[i * r..(i + 1) * r], j));
        });
    }

    /// min over j of c_ij − v_j for every row.
    pub(crate) fn price_all(&self) -> Vec<f64> {
        over_rows(self.rows(), self.columns.len(), |i| self.columns.best(self.row(i)).value)
    }

    fn sweep(&mut self, stop: &Stop) {
        self.refresh();
        let (n, m) = (self.rows(), self.columns.len());
        let mut near = vec![[0; NEAR]; n];
        let mut slack = vec![0.0; n];
        let slab = (SLAB / m).max(1);
        for (k, (near, slack)) in near.chunks_mut(slab).zip(slack.chunks_mut(slab)).enumerate() {
            self.status = stop.requested();
            if self.status.is_some() {
                return;
            }
            let price = |(i, (near, slack)): (usize, (&mut Near, &mut f64))| {
                *slack = self.columns.best_and_near(self.row(k * slab + i), near).value;
            };
            if near.len() * m < SHARED {
                near.iter_mut().zip(slack).enumerate().for_each(price);
            } else {
                near.par_iter_mut().zip(slack).enumerate().with_min_len(share(m)).for_each(price);
            }
        }
        self.near = near;
        let paying: Vec<usize> =
            (0..n).filter(|&i| slack[i] - self.row_potential(i) < -self.tolerance).collect();
        if paying.is_empty() {
            self.status = Some(Status::Converged);
            self.slack = Some(slack);
        } else if FEW * paying.len() < n {
            // cheaper than another sweep
            for i in paying {
                self.status = self.status.or(stop.requested());
                if self.status.is_none() {
                    self.pivot_row(i, None);
                }
            }
        } else {
            self.rounds(paying, stop);
        }
    }

    /// Rounds over the near blocks until one finds nothing; the first one over `rows` alone.
    fn rounds(&mut self, mut rows: Vec<usize>, stop: &Stop) {
        let near = std::mem::take(&mut self.near);
        let blocks = NEAR.min(self.columns.blocks());
        let (mut refreshed, mut looked) = (self.pivots, self.pivots);
        loop {
            if 4 * (self.pivots - refreshed) > self.rows() + self.columns.len() {
                self.refresh();
                refreshed = self.pivots;
            }
            let before = self.pivots;
            for (k, &i) in rows.iter().enumerate() {
                if k % LOOK == 0 || self.pivots >= looked + LOOK {
                    self.status = self.status.or(stop.requested());
                    looked = self.pivots;
                }
                if self.status.is_some() {
                    break;
                }
                self.pivot_row(i, Some(&near[i][..blocks]));
            }
            if self.pivots == before || self.status.is_some() {
                break;
            }
            rows = (0..self.rows()).collect();
        }
        self.near = near;
    }

    /// Pivots the best arc of a row, to all columns or to those of some blocks, as long as it pays.
    fn pivot_row(&mut self, i: usize, blocks: Option<&[u32]>) {
        loop {
            let row = &self.left[i * self.rank..(i + 1) * self.rank];
            let best = match blocks {
                Some(blocks) => self.columns.best_in(row, blocks),
                None => self.columns.best(row),
            };
            let reduced = best.value - self.row_potential(i);
            if reduced.is_nan() || reduced >= -self.tolerance {
                return;
            }
            if self.pivots >= self.max_pivots {
                self.status = Some(Status::IterationCap);
                return;
            }
            let j = self.columns.column(row, best);
            self.tree.pivot(i, j, reduced, self.columns.potential_mut());
            self.pivots += 1;
        }
    }
}

/// Reduced costs that are taken for 0.
fn tolerance(left: &[f64], rank: usize, longest: f64) -> f64 {
    8.0 * (rank as f64 + 2.0) * f64::EPSILON * (largest_row(left, rank) * longest)
}

/// Rows of m arcs that a thread takes at least.
fn share(m: usize) -> usize {
    (SHARED / m).clamp(1, 16)
}

/// `f(i)` for every row of n × m costs, in parallel when it is worth it.
pub(crate) fn over_rows(n: usize, m: usize, f: impl Fn(usize) -> f64 + Sync + Send) -> Vec<f64> {
    if n * m < SHARED {
        (0..n).map(f).collect()
    } else {
        (0..n).into_par_iter().with_min_len(share(m)).map(f).collect()
    }
}

/// The length of the longest row.
pub(crate) fn largest_row(a: &[f64], r: usize) -> f64 {
    a.chunks_exact(r).map(linalg::norm).fold(0.0, f64::max)
}
