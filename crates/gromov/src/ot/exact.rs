//! Network simplex for the transportation problem with low-rank costs.
//!
//! A cold start goes from coarse to fine: cells of both clouds are transported first, and the basis of
//! each level starts the next (64 cells, 128, ..., all atoms). A warm start takes the basis of an earlier
//! solution. Reduced costs are computed as they are needed, vectorised; a row is priced against the few blocks
//! of columns that are near in reduced cost, and all n × m arcs two or three times in all, the last time as
//! the proof. Memory is O((n + m) r); no n × m array is formed. Cost in practice: 5 to 15 pivots a point
//! from a cold start in up to three dimensions, more in higher ones, each some 0.3 µs and the smaller part of the tree that a pivot cuts; a warm
//! start that is still optimal costs one pricing of all pairs, in parallel.

use super::mass::Masses;
use super::pricing::Columns;
use super::saved::Saved;
use super::simplex::{Near, Simplex, over_rows};
use super::tree::Tree;
use super::{LowRankCost, Plan, cells, levels};
use crate::error::{Error, Result};
use crate::linalg;
use crate::solve::{Status, Stop};

/// Options of the exact solver.
#[derive(Debug, Clone, Default)]
pub struct Exact {
    /// Cap on pivots; `None` is 10,000 + 1,000 (n + m), far above what is seen.
    pub max_pivots: Option<usize>,
}

/// A plan, potentials and what they prove.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Solution {
    /// Optimal plan, at most n + m − 1 entries. Masses resolve to 2⁻⁶⁰ of the total (exact for equal
    /// weights on both sides).
    pub plan: Plan,
    /// Dual potentials of the rows, (n).
    pub row_potential: Vec<f64>,
    /// Dual potentials of the columns, (m): u_i + v_j ≤ c_ij for every pair, to rounding. An atom without weight
    /// whose costs leave the range of doubles has −∞.
    pub column_potential: Vec<f64>,
    /// Σ c_ij π_ij.
    pub value: f64,
    /// Σ a_i u_i + Σ b_j v_j: a lower bound of the optimum.
    pub dual_value: f64,
    /// (value − dual_value) / max(|value|, largest |u_i| |v_j| of the centred factors of atoms with weight).
    pub gap: f64,
    /// Pivots done.
    pub pivots: usize,
    /// True if the basis given was used (not when the weights differ, nor when it was given up).
    pub warm: bool,
    /// `converged`, or `iteration_cap`, or why a [`Stop`] ended it (the plan is feasible and the bound valid
    /// all the same).
    pub status: Status,
    /// For a warm start.
    pub basis: Basis,
}

/// The basis of a solution, to start the next one from. It fits problems with the same weights, and is worth it when
/// the cost has changed a little: after four pivots a point it is given up for a cold start.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(into = "Saved", try_from = "Saved")]
pub struct Basis {
    pub(super) masses: Masses,
    /// Atoms with mass, in the order of cells: the numbers of the tree count these.
    pub(super) rows: Vec<usize>,
    pub(super) columns: Vec<usize>,
    pub(super) tree: Tree,
    pub(super) near: Vec<Near>,
}

impl Exact {
    /// Solves min Σ c_ij π_ij over couplings of the weights `a` (n) and `b` (m), each summing to one.
    /// Errors: shapes, weights.
    pub fn solve(&self, cost: &LowRankCost, a: &[f64], b: &[f64], warm: Option<Basis>) -> Result<Solution> {
        self.solve_until(cost, a, b, warm, &Stop::never())
    }

    /// As [`Exact::solve`], ended early when `stop` says so; the plan is then carried through
    /// the finer levels as it is, and the bound takes one pricing of all pairs. The status tells.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gromov::{ot::{Exact, LowRankCost}, solve::{Status, Stop}};
    /// let cost = LowRankCost::squared_euclidean(&[0.0, 1.0], &[1.0, 2.0], 1)?;
    /// let now = Stop::after(Some(Duration::ZERO));
    /// let sol = Exact::default().solve_until(&cost, &[0.5; 2], &[0.5; 2], None, &now)?;
    /// assert!(sol.status == Status::TimeCap && sol.dual_value <= 1.0 && sol.value >= 1.0);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn solve_until(
        &self,
        cost: &LowRankCost,
        a: &[f64],
        b: &[f64],
        warm: Option<Basis>,
        stop: &Stop,
    ) -> Result<Solution> {
        let solved = self.run(cost, a, b, warm, stop)?;
        // plans have total mass one
        let unit_sum = |w: &[f64]| -> Vec<f64> {
            let sum = linalg::compensated(w.iter().copied());
            w.iter().map(|w| w / sum).collect()
        };
        let (a, b) = (unit_sum(a), unit_sum(b));
        if !solved.turned {
            return Ok(solved.finish(cost, &a, &b));
        }
        let mut sol = solved.finish(&cost.transposed(), &b, &a);
        sol.plan = sol.plan.transposed();
        std::mem::swap(&mut sol.row_potential, &mut sol.column_potential);
        Ok(sol)
    }

    /// The plan alone is asked for: no potentials, no bound.
    pub(crate) fn run(
        &self,
        cost: &LowRankCost,
        a: &[f64],
        b: &[f64],
        warm: Option<Basis>,
        stop: &Stop,
    ) -> Result<Solved> {
        if a.len() != cost.rows() || b.len() != cost.columns() {
            let got = format!("{} and {} weights", a.len(), b.len());
            return Err(Error::shape("weights", format!("{} and {}", cost.rows(), cost.columns()), got));
        }
        let masses = Masses::new(a, b)?;
        // rows are the longer side: each is priced against the others
        if a.len() < b.len() {
            let Masses { rows, columns, total } = masses;
            let masses = Masses { rows: columns, columns: rows, total };
            return Ok(Solved::new(self, &cost.transposed(), masses, warm, stop, true));
        }
        Ok(Solved::new(self, cost, masses, warm, stop, false))
    }
}

/// Pivots a point after which a warm start is given up: a basis that fits another cost takes more of them than a
/// cold start.
const WARM_PIVOTS: usize = 4;

/// How a problem is put to the simplex: atoms with mass, in the order of cells, factors centred and of size one.
struct Frame {
    rank: usize,
    /// Numbers of rows and columns in all.
    size: (usize, usize),
    /// Positions of the rows and columns kept.
    rows: Vec<usize>,
    columns: Vec<usize>,
    left_mean: Vec<f64>,
    right_mean: Vec<f64>,
    /// Powers of two by which the centred factors were divided.
    units: (f64, f64),
}

impl Frame {
    /// The frame, and the factors in it.
    fn new(cost: &LowRankCost, rows: Vec<usize>, columns: Vec<usize>) -> (Self, Vec<f64>, Vec<f64>) {
        let r = cost.rank;
        // (u − ū)(v − v̄) differs from u v by terms of rows and of columns alone
        let (mut left, left_mean) = centred(&cost.left, r, &rows);
        let (mut right, right_mean) = centred(&cost.right, r, &columns);
        let units = (divide_by_scale(&mut left), divide_by_scale(&mut right));
        let size = (cost.rows(), cost.columns());
        (Frame { rank: r, size, rows, columns, left_mean, right_mean, units }, left, right)
    }

    /// Row i of the left factor, centred, in its unit.
    fn left_row(&self, cost: &LowRankCost, i: usize) -> Vec<f64> {
        centred_row(&cost.left[i * self.rank..][..self.rank], &self.left_mean, self.units.0)
    }

    /// Row j of the right factor, centred, in its unit.
    fn right_row(&self, cost: &LowRankCost, j: usize) -> Vec<f64> {
        centred_row(&cost.right[j * self.rank..][..self.rank], &self.right_mean, self.units.1)
    }
}

/// A run that has ended.
pub(crate) struct Solved {
    frame: Frame,
    masses: Masses,
    pub(crate) warm: bool,
    pub(crate) pivots: usize,
    /// Rows and columns have changed places.
    turned: bool,
    simplex: Simplex,
}

impl Solved {
    fn new(
        options: &Exact,
        cost: &LowRankCost,
        masses: Masses,
        warm: Option<Basis>,
        stop: &Stop,
        turned: bool,
    ) -> Self {
        let atoms = masses.rows.len() + masses.columns.len();
        let max_pivots = options.max_pivots.unwrap_or(10_000 + 1000 * atoms);
        let mut pivots = 0;
        if let Some(basis) = warm.filter(|basis| basis.masses == masses) {
            let (frame, left, right) = Frame::new(cost, basis.rows, basis.columns);
            let mut simplex = Simplex::new(left, &right, cost.rank, basis.tree, basis.near);
            simplex.run(max_pivots.min(WARM_PIVOTS * atoms), stop);
            pivots = simplex.pivots;
            if simplex.status != Some(Status::IterationCap) || pivots == max_pivots {
                return Solved { frame, masses, warm: true, pivots, turned, simplex };
            }
        }
        let rows = ordered(&masses.rows, &cost.left, cost.rank);
        let columns = ordered(&masses.columns, &cost.right, cost.rank);
        let (frame, left, right) = Frame::new(cost, rows, columns);
        let kept = Masses {
            rows: frame.rows.iter().map(|&i| masses.rows[i]).collect(),
            columns: frame.columns.iter().map(|&j| masses.columns[j]).collect(),
            total: masses.total,
        };
        let start = levels::start(&kept, &left, &right, cost.rank, max_pivots - pivots, stop);
        pivots += start.pivots;
        let mut simplex = Simplex::new(left, &right, cost.rank, start.tree, Vec::new());
        simplex.status = start.status;
        simplex.run(max_pivots - pivots, stop);
        pivots += simplex.pivots;
        Solved { frame, masses, warm: false, pivots, turned, simplex }
    }

    /// How the run ended.
    pub(crate) fn status(&self) -> Status {
        self.simplex.status.unwrap_or(Status::Converged)
    }

    /// The plan of the problem that was asked for.
    pub(crate) fn plan(&self) -> Plan {
        let plan = self.plan_in_frame();
        if self.turned { plan.transposed() } else { plan }
    }

    fn plan_in_frame(&self) -> Plan {
        let (total, frame) = (self.masses.total as f64, &self.frame);
        let entries = self.simplex.tree.arcs().filter(|arc| arc.flow > 0).map(|arc| {
            (frame.rows[arc.row as usize], frame.columns[arc.column as usize], arc.flow as f64 / total)
        });
        Plan::from_entries(frame.size.0, frame.size.1, entries.collect())
    }

    /// For a warm start.
    pub(crate) fn into_basis(self) -> Basis {
        let Simplex { tree, near, .. } = self.simplex;
        Basis { masses: self.masses, rows: self.frame.rows, columns: self.frame.columns, tree, near }
    }

    fn finish(mut self, cost: &LowRankCost, a: &[f64], b: &[f64]) -> Solution {
        self.simplex.refresh();
        let plan = self.plan_in_frame();
        let frame = &self.frame;
        let (u, v) = self.potentials(cost, a);
        // in centred costs and units, where small gaps keep their digits
        let unit = frame.units.0 * frame.units.1;
        let centred = |i: usize, j: usize| linalg::dot(&frame.left_row(cost, i), &frame.right_row(cost, j));
        let primal = linalg::compensated(plan.entries().map(|(i, j, w)| w * centred(i, j)));
        // an atom without weight has a potential, which may leave the range of doubles, and no part in this
        let sum = |w: &[f64], f: &dyn Fn(usize) -> f64| -> f64 {
            linalg::compensated((0..w.len()).filter(|&i| w[i] > 0.0).map(|i| w[i] * f(i)))
        };
        let dual = sum(a, &|i| u[i]) + sum(b, &|j| v[j]);
        let shift_row = |i: usize| {
            cost.row[i] + linalg::dot(&cost.left[i * frame.rank..][..frame.rank], &frame.right_mean)
                - linalg::dot(&frame.left_mean, &frame.right_mean)
        };
        let shift_column = |j: usize| {
            cost.column[j] + linalg::dot(&cost.right[j * frame.rank..][..frame.rank], &frame.left_mean)
        };
        let restored = |u: f64, shift: f64| if u.is_finite() { u * unit + shift } else { u };
        let row_potential = u.iter().enumerate().map(|(i, u)| restored(*u, shift_row(i))).collect();
        let column_potential = v.iter().enumerate().map(|(j, v)| restored(*v, shift_column(j))).collect();
        let shift = sum(a, &shift_row) + sum(b, &shift_column);
        let value = primal * unit + shift;
        // masses below the resolution are not in the plan, and are in the bound
        let rows = (0..a.len()).filter(|&i| a[i] > 0.0).map(|i| length(&frame.left_row(cost, i)));
        let columns = (0..b.len()).filter(|&j| b[j] > 0.0).map(|j| length(&frame.right_row(cost, j)));
        let size = (value.abs() / unit).max(rows.fold(0.0, f64::max) * columns.fold(0.0, f64::max));
        Solution {
            plan,
            row_potential,
            column_potential,
            value,
            dual_value: dual * unit + shift,
            gap: if size > 0.0 { (primal - dual) / size } else { 0.0 },
            pivots: self.pivots,
            warm: self.warm,
            status: self.status(),
            basis: self.into_basis(),
        }
    }

    /// Potentials of the centred problem, in its units, for all atoms, feasible by construction: of the kept
    /// columns from the tree; of rows with weight as smallest slack over these; then of the other columns and
    /// of rows without weight as smallest slack: however large their costs, they do not touch the bound.
    fn potentials(&self, cost: &LowRankCost, a: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let kept = self.simplex.slack.clone().unwrap_or_else(|| self.simplex.price_all());
        let frame = &self.frame;
        if (frame.rows.len(), frame.columns.len()) == frame.size {
            let (mut u, mut v) = (vec![0.0; cost.rows()], vec![0.0; cost.columns()]);
            frame.rows.iter().zip(&kept).for_each(|(i, known)| u[*i] = *known);
            frame.columns.iter().zip(self.simplex.columns.potential()).for_each(|(j, known)| v[*j] = *known);
            return (u, v);
        }
        let mut u = vec![None; cost.rows()];
        frame.rows.iter().zip(&kept).for_each(|(i, known)| u[*i] = Some(*known));
        let (mut left, mut known) = (Vec::new(), Vec::new());
        for i in (0..a.len()).filter(|&i| a[i] > 0.0) {
            let row = frame.left_row(cost, i);
            let slack = u[i].unwrap_or_else(|| self.simplex.columns.best(&row).value);
            u[i] = Some(slack);
            known.push(slack);
            left.extend(row);
        }
        let mut rows = Columns::new(&left, frame.rank);
        rows.potential_mut().copy_from_slice(&known);
        let mut v = vec![None; cost.columns()];
        frame
            .columns
            .iter()
            .zip(self.simplex.columns.potential())
            .for_each(|(j, known)| v[*j] = Some(*known));
        let v: Vec<f64> = (0..v.len())
            .map(|j| v[j].unwrap_or_else(|| smallest(&rows, &frame.right_row(cost, j))))
            .collect();
        let every: Vec<f64> = (0..cost.columns()).flat_map(|j| frame.right_row(cost, j)).collect();
        let mut all = Columns::new(&every, frame.rank);
        all.potential_mut().copy_from_slice(&v);
        let slack = |i: usize| u[i].unwrap_or_else(|| smallest(&all, &frame.left_row(cost, i)));
        (over_rows(cost.rows(), cost.columns(), slack), v)
    }
}

/// The smallest slack of a row or column, −∞ where its costs leave the range of doubles.
fn smallest(others: &Columns, factors: &[f64]) -> f64 {
    let value = if factors.iter().all(|x| x.is_finite()) { others.best(factors).value } else { f64::NAN };
    if value.is_nan() { f64::NEG_INFINITY } else { value }
}

/// |a|, where squares leave the range of doubles too.
fn length(a: &[f64]) -> f64 {
    let unit = linalg::power_of_two_scale(linalg::max_abs(a));
    linalg::norm(&a.iter().map(|x| x / unit).collect::<Vec<f64>>()) * unit
}

fn centred_row(row: &[f64], mean: &[f64], unit: f64) -> Vec<f64> {
    row.iter().zip(mean).map(|(x, m)| (x - m) / unit).collect()
}

fn centred_by(a: &[f64], r: usize, mean: &[f64]) -> Vec<f64> {
    a.chunks_exact(r).flat_map(|row| row.iter().zip(mean).map(|(x, m)| x - m)).collect()
}

/// The chosen rows minus their mean, and the mean.
fn centred(a: &[f64], r: usize, rows: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let mut mean = vec![0.0; r];
    for &i in rows {
        for k in 0..r {
            mean[k] += a[i * r + k] / rows.len() as f64;
        }
    }
    let chosen: Vec<f64> = rows.iter().flat_map(|&i| a[i * r..(i + 1) * r].iter().copied()).collect();
    (centred_by(&chosen, r, &mean), mean)
}

/// Divides by the power of two below the largest entry, and returns it.
fn divide_by_scale(a: &mut [f64]) -> f64 {
    let unit = linalg::power_of_two_scale(linalg::max_abs(a));
    a.iter_mut().for_each(|x| *x /= unit);
    unit
}

/// The atoms with mass, in the order of cells of their factors.
fn ordered(masses: &[i64], factor: &[f64], r: usize) -> Vec<usize> {
    let kept: Vec<usize> = (0..masses.len()).filter(|&i| masses[i] > 0).collect();
    let points: Vec<f64> = kept.iter().flat_map(|&i| &factor[i * r..(i + 1) * r]).copied().collect();
    cells::order(&points, r).into_iter().map(|k| kept[k as usize]).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::measure::sample::Source;

    fn random_cost(s: &mut Source, n: usize, m: usize, r: usize, grid: bool) -> LowRankCost {
        let mut draw = |k: usize| -> Vec<f64> {
            (0..k).map(|_| if grid { s.below(4) as f64 } else { s.normal() + 3.0 }).collect()
        };
        LowRankCost::new(draw(n * r), draw(m * r), r).unwrap()
    }

    fn random_weights(s: &mut Source, n: usize, zeros: bool) -> Vec<f64> {
        let mut w: Vec<f64> =
            (0..n).map(|_| if zeros && s.unit() < 0.3 { 0.0 } else { 0.01 + s.unit() }).collect();
        w[0] += 0.1;
        let sum: f64 = w.iter().sum();
        w.iter_mut().for_each(|x| *x /= sum);
        w
    }

    /// Marginals, feasibility of the potentials for every pair, and the gap.
    fn check(cost: &LowRankCost, a: &[f64], b: &[f64], sol: &Solution) {
        let (rows, columns) = sol.plan.marginals();
        assert!(rows.iter().zip(a).all(|(x, y)| (x - y).abs() < 1e-14));
        assert!(columns.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-14));
        assert!(sol.plan.len() < a.len() + b.len());
        let size = (0..a.len()).map(|i| (0..b.len()).map(|j| cost.at(i, j).abs()).fold(0.0, f64::max));
        let size = size.fold(0.0, f64::max);
        for i in 0..a.len() {
            for j in 0..b.len() {
                let slack = cost.at(i, j) - sol.row_potential[i] - sol.column_potential[j];
                assert!(slack > -64.0 * f64::EPSILON * size, "slack {slack} at {i}, {j}");
            }
        }
        let value: f64 = sol.plan.entries().map(|(i, j, w)| w * cost.at(i, j)).sum();
        assert!((value - sol.value).abs() < 1e-13 * size);
        assert!(sol.value - sol.dual_value < 1e-12 * size, "gap {}", sol.gap);
        assert!(sol.gap.abs() < 1e-12);
        assert_eq!(sol.status, Status::Converged);
    }

    #[test]
    fn optimal_by_duality_on_random_weighted_and_degenerate_problems() {
        let mut s = Source::new(11, 0);
        for trial in 0..300 {
            let (n, m, r) = (1 + s.below(40), 1 + s.below(40), 1 + s.below(4));
            let cost = random_cost(&mut s, n, m, r, trial % 3 == 0);
            let (a, b) = if trial % 2 == 0 {
                (vec![1.0 / n as f64; n], vec![1.0 / m as f64; m])
            } else {
                (random_weights(&mut s, n, trial % 5 == 0), random_weights(&mut s, m, trial % 7 == 0))
            };
            let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
            check(&cost, &a, &b, &sol);
            // the same problem from its own basis: nothing to do
            let again = Exact::default().solve(&cost, &a, &b, Some(sol.basis.clone())).unwrap();
            assert!(again.warm && again.pivots == 0, "{}", again.pivots);
            assert_eq!(again.plan, sol.plan);
            // another cost from the old basis
            let other = random_cost(&mut s, n, m, r, trial % 4 == 0);
            let moved = Exact::default().solve(&other, &a, &b, Some(sol.basis)).unwrap();
            check(&other, &a, &b, &moved);
        }
    }

    #[test]
    fn squared_distances_far_from_the_origin_keep_their_gap() {
        let mut s = Source::new(12, 0);
        let mut far = |n: usize| -> Vec<f64> { (0..2 * n).map(|_| 1e6 + s.unit()).collect() };
        let (x, y) = (far(60), far(45));
        let cost = LowRankCost::squared_euclidean(&x, &y, 2).unwrap();
        let (a, b) = (vec![1.0 / 60.0; 60], vec![1.0 / 45.0; 45]);
        let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
        let near = LowRankCost::squared_euclidean(
            &x.iter().map(|v| v - 1e6).collect::<Vec<_>>(),
            &y.iter().map(|v| v - 1e6).collect::<Vec<_>>(),
            2,
        )
        .unwrap();
        let want = Exact::default().solve(&near, &a, &b, None).unwrap();
        assert_eq!(sol.plan, want.plan);
    }

    #[test]
    fn brute_force_over_permutations() {
        let mut s = Source::new(13, 0);
        for _ in 0..40 {
            let n = 2 + s.below(5);
            let cost = random_cost(&mut s, n, n, 2, false);
            let w = vec![1.0 / n as f64; n];
            let sol = Exact::default().solve(&cost, &w, &w, None).unwrap();
            let mut best = f64::INFINITY;
            permutations(n, &mut |p| {
                best = best.min(p.iter().enumerate().map(|(i, &j)| cost.at(i, j)).sum::<f64>() / n as f64);
            });
            assert!((sol.value - best).abs() < 1e-13 * (1.0 + best.abs()));
        }
    }

    /// Calls `f` with every permutation of 0..n.
    pub(crate) fn permutations(n: usize, f: &mut dyn FnMut(&[usize])) {
        fn go(k: usize, p: &mut Vec<usize>, f: &mut dyn FnMut(&[usize])) {
            if k == p.len() {
                f(p);
                return;
            }
            for i in k..p.len() {
                p.swap(k, i);
                go(k + 1, p, f);
                p.swap(k, i);
            }
        }
        go(0, &mut (0..n).collect(), f);
    }

    #[test]
    fn a_cap_on_pivots_is_a_status_and_the_bound_stays_valid() {
        let mut s = Source::new(14, 0);
        let cost = random_cost(&mut s, 50, 50, 3, false);
        let w = vec![0.02; 50];
        let best = Exact::default().solve(&cost, &w, &w, None).unwrap();
        for cap in [0, 1, 2, 20] {
            let sol = Exact { max_pivots: Some(cap) }.solve(&cost, &w, &w, None).unwrap();
            assert_eq!(sol.status, Status::IterationCap);
            assert!(sol.pivots == cap && sol.dual_value <= best.value + 1e-12 && best.value <= sol.value);
        }
    }

    #[test]
    fn factors_of_any_size_give_the_same_plan() {
        let mut s = Source::new(16, 0);
        let cost = random_cost(&mut s, 30, 20, 2, false);
        let (a, b) = (vec![1.0 / 30.0; 30], vec![0.05; 20]);
        let want = Exact::default().solve(&cost, &a, &b, None).unwrap();
        for e in [-600i32, -300, 300, 600] {
            let scaled = |x: &[f64]| x.iter().map(|v| v * f64::from(e).exp2()).collect::<Vec<f64>>();
            let cost = LowRankCost::new(scaled(&cost.left), scaled(&cost.right), 2).unwrap();
            let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
            assert_eq!(sol.plan, want.plan, "2^{e}");
            assert!(sol.gap.abs() < 1e-15, "2^{e}: {}", sol.gap);
        }
    }

    #[test]
    fn a_large_grid_full_of_ties_ends_soon() {
        let n = 900;
        let grid = |shift: f64| -> Vec<f64> {
            (0..n).flat_map(|k| [f64::from(k % 30) + shift, f64::from(k / 30) - shift]).collect()
        };
        let cost = LowRankCost::squared_euclidean(&grid(0.0), &grid(4.0), 2).unwrap();
        let w = vec![1.0 / f64::from(n); n as usize];
        let sol = Exact::default().solve(&cost, &w, &w, None).unwrap();
        check(&cost, &w, &w, &sol);
        assert!((sol.value - 32.0).abs() < 1e-9 && sol.pivots < 60 * 900, "{} {}", sol.value, sol.pivots);
    }

    #[test]
    fn thread_count_changes_nothing() {
        let mut s = Source::new(15, 0);
        let cost = random_cost(&mut s, 400, 300, 3, false);
        let (a, b) = (random_weights(&mut s, 400, true), random_weights(&mut s, 300, false));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Exact::default().solve(&cost, &a, &b, None).unwrap())
        };
        let (one, three) = (run(1), run(3));
        assert_eq!((&one.plan, one.value, one.pivots), (&three.plan, three.value, three.pivots));
        assert_eq!(one.row_potential, three.row_potential);
    }
}
