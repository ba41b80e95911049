//! One box, and the boxes into which it is cut: bounded, trimmed, cut again, for a while.
//!
//! A search sees the cuts and the best value as they were when its round began, and adds its own; what it found is
//! taken over between rounds. So the result does not depend on the number of threads.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::pool::{Cut, Pool};
use super::problem::{Probe, Problem, direction};
use super::program::{Cell, Outcome, Proof, Rows, Vertex, solve};
use super::record::Record;
use crate::certificate::Multiplier;
use crate::ot::Plan;
use crate::ot::support::Basis;
use crate::solve::Stop;

/// Programmes of one box before it is cut: after new cuts, and after trims.
const PROGRAMMES: usize = 8;
/// A trim by this part of a side is worth another programme.
const TRIM: f64 = 0.2;
/// Numbers of cuts that are not in the pool yet.
const NEW: u32 = 1 << 31;

/// A box in the queue.
#[derive(Debug, Clone)]
pub(super) struct Node<const D: usize> {
    pub(super) cell: Cell<D>,
    /// Upper bound of |M|² in the box.
    pub(super) bound: f64,
    /// Its cuts, and how many there were in all when they were chosen.
    pub(super) list: Box<[u32]>,
    pub(super) seen: u32,
    /// Those of the search that it comes from, of which the list has what it needs.
    pub(super) own: Range<u32>,
    /// Its item in the record.
    pub(super) item: u32,
}

/// A plan better than the best.
pub(super) struct Better<const D: usize> {
    pub(super) cross_moment: [f64; D],
    pub(super) squared: f64,
    pub(super) plan: Plan,
}

/// What a search found.
pub(super) struct Findings<const D: usize> {
    pub(super) open: Vec<Node<D>>,
    /// Cuts and bases, to be numbered from [`Pool::len`] on.
    pub(super) cuts: Vec<(Cut<D>, Option<Basis>)>,
    /// Local optima, each better than the last.
    pub(super) better: Vec<Better<D>>,
    /// Largest bound of a closed box.
    pub(super) closed: f64,
    pub(super) record: Option<Record>,
    pub(super) nodes: usize,
}

/// How much is done between two rounds; the same for any number of threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Searches of a round.
    pub(super) searches: usize,
    /// Boxes bounded in one search.
    pub(super) boxes: usize,
    /// A direction is solved for when none of the box's cuts is within this part of its angular radius.
    pub(super) spacing: f64,
    /// Cuts that a box in the queue keeps.
    pub(super) list: usize,
    /// Directions are estimated first, and solved for where the estimate does not close the box.
    pub(super) estimates: bool,
}

impl Pace {
    /// Transport problems take about as long as a few boxes.
    pub(super) const CHEAP: Pace =
        Pace { searches: 16, boxes: 32, spacing: 0.5, list: 100, estimates: false };
    /// Transport problems take most of the time.
    pub(super) const DEAR: Pace = Pace { searches: 8, boxes: 16, spacing: 1.2, list: 150, estimates: false };
    /// Boxes of at most four dimensions: few, so that transport problems take nearly all of the time.
    pub(super) const PLANE: Pace = Pace { searches: 8, boxes: 16, spacing: 1.2, list: 150, estimates: true };
}

/// Rules of a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Best |M|² known.
    pub(super) best: f64,
    /// Relative tolerance of IGW², and |Σ_x|² + |Σ_y|².
    pub(super) tol: f64,
    pub(super) size: f64,
    /// Gaps of |M|² below this are left to rounding.
    pub(super) floor: f64,
    pub(super) pace: Pace,
    /// Go down to the leaves, leaving few boxes open.
    pub(super) dive: bool,
    pub(super) record: bool,
}

/// Boxes of a search that goes down to the leaves.
const DIVE: usize = 4096;
/// At an optimum of a programme whose secant is off by less than this part of what is to be gained, a direction is
/// solved for.
const SLACK: f64 = 0.2;
/// Directions of an estimate, for each dimension.
const AROUND: usize = 3;

impl Rules {
    /// Boxes whose bound is at most this are closed.
    pub(super) fn cutoff(&self) -> f64 {
        let value = (self.size - 2.0 * self.best).max(0.0);
        self.best + (0.5 * self.tol * value).max(self.floor)
    }

    fn tolerance(&self) -> f64 {
        (0.02 * (self.cutoff() - self.best)).clamp(1e-14, 1e-9)
    }
}

/// A box within a search.
struct Local<const D: usize> {
    cell: Cell<D>,
    bound: f64,
    /// Where the programme that it came from ended.
    vertex: Option<Vertex<D>>,
    item: u32,
}

pub(super) struct Search<'a, const D: usize> {
    problem: &'a Problem,
    pool: &'a Pool<D>,
    rules: Rules,
    stop: &'a Stop,
    rows: Rows<D>,
    /// Number of the cut of each row.
    ids: Vec<u32>,
    stack: Vec<Local<D>>,
    out: Findings<D>,
}

/// A search compiled for the processor at hand.
struct Vectorised<'a, 'b, const D: usize>(&'b mut Search<'a, D>, &'b Node<D>);

impl<const D: usize> WithSimd for Vectorised<'_, '_, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.load(self.1);
        self.0.run()
    }
}

impl<'a, const D: usize> Search<'a, D> {
    /// Works on a box of the queue.
    pub(super) fn of(
        problem: &'a Problem,
        pool: &'a Pool<D>,
        node: &Node<D>,
        rules: Rules,
        stop: &'a Stop,
    ) -> Findings<D> {
        let out = Findings {
            open: Vec::new(),
            cuts: Vec::new(),
            better: Vec::new(),
            closed: f64::NEG_INFINITY,
            record: rules.record.then(Record::new),
            nodes: 0,
        };
        let stack = vec![Local { cell: node.cell, bound: node.bound, vertex: None, item: 0 }];
        let mut search =
            Search { problem, pool, rules, stop, rows: Rows::new(), ids: Vec::new(), stack, out };
        Arch::new().dispatch(Vectorised(&mut search, node));
        search.out
    }

    /// The cuts of a box: its own, and those found since.
    #[inline(always)]
    fn load(&mut self, node: &Node<D>) {
        self.ids = node.list.to_vec();
        self.ids.extend(self.pool.since(node.seen, &node.own, &node.cell));
        for id in &self.ids {
            let cut = self.pool.cut(*id);
            self.rows.push(&cut.a, cut.h);
        }
    }

    #[inline(always)]
    fn run(&mut self) {
        let boxes = if self.rules.dive { DIVE } else { self.rules.pace.boxes };
        // bases of a round, that are not in the pool yet
        let cuts = self.pool.most_bases() / self.rules.pace.searches;
        while let Some(k) = self.next() {
            let local = self.stack.swap_remove(k);
            if self.out.nodes >= boxes || self.out.cuts.len() >= cuts || self.stop.requested().is_some() {
                let node = self.queued(&local);
                self.out.open.push(node);
            } else {
                self.out.nodes += 1;
                self.expand(local);
            }
        }
    }

    /// The box with the largest bound, or the latest on the way to the leaves.
    fn next(&self) -> Option<usize> {
        if self.rules.dive {
            return self.stack.len().checked_sub(1);
        }
        (0..self.stack.len()).max_by(|&i, &j| self.stack[i].bound.total_cmp(&self.stack[j].bound))
    }

    /// Bounds a box; closes it or cuts it in two.
    #[inline(always)]
    fn expand(&mut self, mut local: Local<D>) {
        let mut centre_known = false;
        let mut estimated = None;
        for round in 0..PROGRAMMES {
            let cutoff = self.rules.cutoff();
            let outcome =
                solve(&self.rows, &local.cell, cutoff, self.rules.tolerance(), local.vertex.as_ref());
            local.bound = local.bound.min(outcome.bound);
            let x = outcome.vertex.x;
            if outcome.bound <= cutoff {
                self.close(local.item, &outcome.proof, outcome.bound);
                return;
            }
            // an estimate was not enough
            if let Some(row) = estimated.take() {
                let a = self.rows.row(row).0;
                if self.probe(&a, &x, Some(row)) {
                    local.vertex = Some(outcome.vertex);
                    continue;
                }
            }
            if !centre_known {
                centre_known = true;
                if self.centre_is_far(&local.cell)
                    && let Some(a) = direction(&local.cell.twice_centre())
                    && self.cut(&a, &x, &mut estimated)
                {
                    local.vertex = Some(outcome.vertex);
                    continue;
                }
            }
            let slack: f64 = (0..D).map(|j| (local.cell.hi[j] - x[j]) * (x[j] - local.cell.lo[j])).sum();
            if slack < SLACK * (outcome.bound - cutoff)
                && let Some(a) = direction(&x)
                && self.cut(&a, &x, &mut estimated)
            {
                local.vertex = Some(outcome.vertex);
                continue;
            }
            let shrunk = self.trim(&mut local, &outcome, cutoff);
            if shrunk < TRIM || round + 1 == PROGRAMMES {
                self.branch(local, outcome, cutoff);
                return;
            }
            local.vertex = Some(outcome.vertex);
        }
        self.stack.push(local);
    }

    /// Is no cut near the direction of the centre of the box?
    #[inline(always)]
    fn centre_is_far(&self, cell: &Cell<D>) -> bool {
        let centre = cell.twice_centre();
        let (size, width) =
            (0..D).fold((0.0, 0.0), |(s, w), j| (s + centre[j].powi(2), w + cell.width(j).powi(2)));
        if size == 0.0 {
            return false;
        }
        let radius: f64 = (width / size).sqrt();
        let nearest = self.rows.nearest(&centre).0 / size.sqrt();
        nearest.clamp(-1.0, 1.0).acos() > self.rules.pace.spacing * radius
    }

    /// Estimates or solves for a direction; true if the new cut cuts off `x`.
    fn cut(&mut self, a: &[f64; D], x: &[f64; D], estimated: &mut Option<usize>) -> bool {
        if self.rules.pace.estimates {
            *estimated = self.estimate(a, x);
        }
        estimated.is_some() || self.probe(a, x, None)
    }

    /// Bounds h in a direction by potentials made of those of the directions around it, which costs some sweeps and no
    /// pivots; the row of the new cut if it cuts off `x`.
    fn estimate(&mut self, a: &[f64; D], x: &[f64; D]) -> Option<usize> {
        let dim = self.problem.dim();
        let known = (0..self.rows.len()).filter_map(|k| {
            let basis = self.basis(k)?;
            let b = self.rows.row(k).0;
            Some((dot(a, &b), b, basis))
        });
        let mut near: Vec<([f64; D], f64, &Basis)> = known.map(|(c, b, basis)| (b, c, basis)).collect();
        if near.len() < dim {
            return None;
        }
        let most = AROUND * dim;
        if near.len() > most {
            near.select_nth_unstable_by(most, |s, t| t.1.total_cmp(&s.1));
            near.truncate(most);
        }
        // potentials are nearly linear in A: the weights w with Σ w_k a_k = a and the smallest Σ w_k² |a_k − a|²
        let distance = |cosine: f64| (2.0 - 2.0 * cosine).max(1e-12);
        let mut gram = [[0.0; D]; D];
        for (b, c, _) in &near {
            let weight = 1.0 / distance(*c);
            for i in 0..dim {
                for j in 0..dim {
                    gram[i][j] += weight * b[i] * b[j];
                }
            }
        }
        let trace: f64 = (0..dim).map(|i| gram[i][i]).sum();
        (0..dim).for_each(|i| gram[i][i] += 1e-9 * trace);
        let mut mu = *a;
        solve_positive(&mut gram, &mut mu, dim);
        let mut potential = vec![0.0; self.problem.support.columns()];
        for (b, c, basis) in &near {
            basis.add_potential(dot(b, &mu) / distance(*c), &mut potential);
        }
        let (h, potential) = self.problem.bound(a, potential, self.rules.record);
        // also where weights are no numbers
        let cuts = dot(a, x) > h + self.rules.tolerance();
        cuts.then(|| self.push(Cut { a: *a, h, potential }, None))
    }

    /// Solves for a direction; true if the new cut cuts off `x`.
    fn probe(&mut self, a: &[f64; D], x: &[f64; D], row: Option<usize>) -> bool {
        let mut found = self.solve_for(a, row);
        let cuts = dot(a, x) > found.h + self.rules.tolerance();
        // from a plan above the best, alternate to a local optimum
        let mut risen = None;
        while found.squared > self.rules.best * (1.0 + 4.0 * f64::EPSILON) {
            self.rules.best = found.squared;
            let Some(a) = direction(&found.cross_moment) else { break };
            risen = Some((found.cross_moment, found.squared, found.row));
            found = self.solve_for(&a, None);
        }
        if let Some((cross_moment, squared, row)) = risen
            && let Some(basis) = self.basis(row)
        {
            let plan = self.problem.support.plan(basis);
            self.out.better.push(Better { cross_moment, squared, plan });
        }
        cuts
    }

    /// Solves for a direction and keeps the cut, in the place of an estimate if there is one.
    fn solve_for(&mut self, a: &[f64; D], row: Option<usize>) -> Solved<D> {
        let Probe { h, cross_moment, squared, potential, basis } =
            self.problem.probe(a, self.basis_near(a), self.rules.record, self.stop);
        let (cut, basis) = (Cut { a: *a, h, potential }, Some(basis));
        let row = match row {
            // proofs may stand on it: a problem stopped before its end may be worse than the estimate
            Some(row) if h <= self.rows.row(row).1 => {
                self.rows.set(row, h);
                self.out.cuts[(self.ids[row] & !NEW) as usize] = (cut, basis);
                row
            }
            _ => self.push(cut, basis),
        };
        Solved { h, cross_moment, squared, row }
    }

    /// Adds a cut; returns its row.
    fn push(&mut self, cut: Cut<D>, basis: Option<Basis>) -> usize {
        self.ids.push(NEW | self.out.cuts.len() as u32);
        self.rows.push(&cut.a, cut.h);
        self.out.cuts.push((cut, basis));
        self.rows.len() - 1
    }

    /// The basis of the nearest cut that has one.
    fn basis_near(&self, a: &[f64; D]) -> Option<&Basis> {
        if self.rows.len() == 0 {
            return None;
        }
        self.basis(self.rows.nearest(a).1).or_else(|| {
            let known =
                (0..self.rows.len()).filter_map(|k| Some((dot(a, &self.rows.row(k).0), self.basis(k)?)));
            known.max_by(|s, t| s.0.total_cmp(&t.0)).map(|s| s.1)
        })
    }

    /// The basis of a row, where it is known.
    fn basis(&self, row: usize) -> Option<&Basis> {
        match self.ids[row] {
            id if id & NEW != 0 => self.out.cuts.get((id & !NEW) as usize).and_then(|c| c.1.as_ref()),
            id => self.pool.basis(id),
        }
    }

    /// Takes off parts of the box that the proof closes; returns the largest part of a side taken off.
    #[inline(always)]
    fn trim(&mut self, local: &mut Local<D>, outcome: &Outcome<D>, cutoff: f64) -> f64 {
        let mut shrunk = 0.0f64;
        let mut kept = None;
        for j in 0..D {
            let Some((from, to)) = closed_part(&outcome.proof, &local.cell, cutoff, j) else { continue };
            let (lo, hi) = (local.cell.lo[j], local.cell.hi[j]);
            let width = hi - lo;
            // at one end, and worth an item
            let (value, low) = match (from <= lo, to >= hi) {
                (true, false) if to - lo > 0.02 * width => (to, true),
                (false, true) if hi - from > 0.02 * width => (from, false),
                _ => continue,
            };
            let mut slab = local.cell;
            if low {
                (slab.hi[j], local.cell.lo[j]) = (value, value);
            } else {
                (slab.lo[j], local.cell.hi[j]) = (value, value);
            }
            shrunk = shrunk.max(1.0 - local.cell.width(j) / width);
            self.out.closed = self.out.closed.max(outcome.proof.bound(&slab));
            if let Some(record) = &mut self.out.record {
                let proof = *kept
                    .get_or_insert_with(|| record.proof(&local_ids(&self.ids, &outcome.proof.multipliers)));
                let first = record.split(local.item, j, value);
                let (leaf, rest) = if low { (first, first + 1) } else { (first + 1, first) };
                record.close(leaf, proof);
                local.item = rest;
            }
        }
        if shrunk > 0.0 {
            local.bound = local.bound.min(outcome.proof.bound(&local.cell));
        }
        shrunk
    }

    /// Cuts a box in two where the secant is worst; a part in the middle that the proof closes is left out.
    #[inline(always)]
    fn branch(&mut self, local: Local<D>, outcome: Outcome<D>, cutoff: f64) {
        let Local { cell, item, bound, .. } = local;
        let x = outcome.vertex.x;
        let slack = |j: usize| (cell.hi[j] - x[j]) * (x[j] - cell.lo[j]);
        let j = (0..self.problem.dim())
            .max_by(|&i, &j| slack(i).total_cmp(&slack(j)).then(cell.width(i).total_cmp(&cell.width(j))))
            .unwrap_or(0);
        let (lo, hi) = (cell.lo[j], cell.hi[j]);
        let width = hi - lo;
        // also where x is no number
        let at = x[j].max(lo + 0.3 * width).min(lo + 0.7 * width);
        let (below, above) = match closed_part(&outcome.proof, &cell, cutoff, j) {
            Some((from, to)) if from > lo && to < hi && to - from > 0.05 * width => (from, to),
            _ => (at, at),
        };
        let (mut low, mut high, mut middle) = (cell, cell, cell);
        (low.hi[j], middle.lo[j], middle.hi[j], high.lo[j]) = (below, below, above, above);
        let (mut low_item, mut high_item) = (0, 0);
        if let Some(record) = &mut self.out.record {
            low_item = record.split(item, j, below);
            high_item = low_item + 1;
            if below < above {
                let proof = record.proof(&local_ids(&self.ids, &outcome.proof.multipliers));
                let leaf = record.split(high_item, j, above);
                record.close(leaf, proof);
                high_item = leaf + 1;
            }
        }
        if below < above {
            self.out.closed = self.out.closed.max(outcome.proof.bound(&middle));
        }
        for (cell, item) in [(low, low_item), (high, high_item)] {
            let new = outcome.proof.bound(&cell);
            if new <= cutoff {
                self.close(item, &outcome.proof, new);
            } else {
                let vertex = Some(outcome.vertex.clone());
                self.stack.push(Local { cell, bound: bound.min(new), vertex, item });
            }
        }
    }

    fn close(&mut self, item: u32, proof: &Proof<D>, bound: f64) {
        self.out.closed = self.out.closed.max(bound);
        if let Some(record) = &mut self.out.record {
            let proof = record.proof(&local_ids(&self.ids, &proof.multipliers));
            record.close(item, proof);
        }
    }

    /// A box for the queue, with the cuts that can be violated in it, those near the optimum first.
    fn queued(&self, local: &Local<D>) -> Node<D> {
        let x = local.vertex.as_ref().map_or_else(|| local.cell.twice_centre().map(|c| 0.5 * c), |v| v.x);
        let mut list: Vec<(f64, u32)> = Vec::with_capacity(self.rows.len());
        for k in 0..self.rows.len() {
            let (a, h) = self.rows.row(k);
            if local.cell.largest(&a) > h {
                list.push((h - dot(&a, &x), self.ids[k]));
            }
        }
        if list.len() > self.rules.pace.list {
            list.select_nth_unstable_by(self.rules.pace.list, |s, t| s.0.total_cmp(&t.0).then(s.1.cmp(&t.1)));
            list.truncate(self.rules.pace.list);
        }
        let list = list.into_iter().map(|s| s.1).collect();
        Node {
            cell: local.cell,
            bound: local.bound,
            list,
            seen: self.pool.len() as u32,
            own: 0..0,
            item: local.item,
        }
    }
}

/// A solved direction.
struct Solved<const D: usize> {
    h: f64,
    cross_moment: [f64; D],
    squared: f64,
    row: usize,
}

/// Solves a x = b, a positive definite, by Cholesky's factors; x takes the place of b.
fn solve_positive<const D: usize>(a: &mut [[f64; D]; D], b: &mut [f64; D], dim: usize) {
    for j in 0..dim {
        for k in 0..j {
            for i in j..dim {
                a[i][j] -= a[i][k] * a[j][k];
            }
        }
        let root = a[j][j].max(f64::MIN_POSITIVE).sqrt();
        for i in j..dim {
            a[i][j] /= root;
        }
    }
    for i in 0..dim {
        for k in 0..i {
            b[i] -= a[i][k] * b[k];
        }
        b[i] /= a[i][i];
    }
    for i in (0..dim).rev() {
        for k in i + 1..dim {
            b[i] -= a[k][i] * b[k];
        }
        b[i] /= a[i][i];
    }
}

/// Multipliers with numbers of cuts in place of rows.
fn local_ids(ids: &[u32], multipliers: &[Multiplier]) -> Vec<Multiplier> {
    multipliers.iter().map(|m| Multiplier { cut: ids[m.cut as usize], value: m.value }).collect()
}

/// The best proof that the cuts of a box in the queue have, and its bound.
pub(super) fn proof_of<const D: usize>(
    pool: &Pool<D>,
    node: &Node<D>,
    rules: Rules,
) -> (f64, Vec<Multiplier>) {
    let mut rows = Rows::new();
    for id in &node.list {
        let cut = pool.cut(*id);
        rows.push(&cut.a, cut.h);
    }
    let outcome = solve(&rows, &node.cell, rules.cutoff(), rules.tolerance(), None);
    (outcome.bound, local_ids(&node.list, &outcome.proof.multipliers))
}

/// The number of a cut when those of a search stand in the pool from `from` on.
pub(super) fn numbered(id: u32, from: u32) -> u32 {
    if id & NEW != 0 { from + (id & !NEW) } else { id }
}

/// The values of coordinate j for which the proof bounds |M|² by the cutoff: t² − G t ≤ R.
#[inline(always)]
fn closed_part<const D: usize>(
    proof: &Proof<D>,
    cell: &Cell<D>,
    cutoff: f64,
    j: usize,
) -> Option<(f64, f64)> {
    let rest = cutoff - proof.bound(cell) + proof.term(cell, j);
    let half = 0.5 * proof.gradient[j];
    let root = half * half + rest;
    if root <= 0.0 {
        return None;
    }
    // a little inside, against rounding
    let root = root.sqrt() * (1.0 - 1e-12);
    Some((half - root, half + root))
}

#[inline(always)]
fn dot<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    let mut sum = 0.0;
    for j in 0..D {
        sum += a[j] * b[j];
    }
    sum
}
