//! The global optimum, with a proof: branch and bound over the cross moment.
//!
//! IGW² = |Σ_x|² + |Σ_y|² − 2 max |M|² over the convex hull K of the cross moments M_π of plans, in d_x d_y
//! dimensions. K is known through its support function: h(A) = max_π ⟨A, M_π⟩ is one linear transport problem, whose
//! dual potentials prove the *cut* ⟨A, M⟩ ≤ h(A). Boxes of M are bounded by linear programmes over such cuts, cut in
//! two where the bound is worst, trimmed where it closes a part, and closed when no point of them can be better than
//! the best plan by more than the tolerance. Boxes with the largest bounds come first, so that a lower bound of IGW²
//! is there, and grows, at any time.
//!
//! Searches run in parallel in rounds; what they learn from each other is decided between rounds, so that a result
//! depends on the seed alone unless time runs out. Gaps below some 1e-13 (|Σ_x|² + |Σ_y|²) are left to rounding: a
//! run that cannot meet a smaller tolerance is `stalled`.

mod pool;
mod problem;
mod program;
mod prove;
mod record;
mod search;

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use rayon::prelude::*;

use self::pool::{Cut, Pool};
use self::problem::{Probe, Problem, direction};
use self::program::Cell;
use self::record::Record;
use self::search::{Better, Findings, Node, Pace, Rules, Search, numbered};
use super::optima::Optima;
use super::starts::Axes;
use super::{Alternating, Bounds, Found, Method, Pair, Solution, align, bound};
use crate::certificate::Multiplier;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::Plan;
use crate::solve::{Event, Observer, Status, Stop};

/// Largest d_x d_y.
pub const LARGEST: usize = 36;
/// n m above which a transport problem is dear.
const DEAR: usize = 22_500;
/// Memory for boxes in the queue: above it searches go down to the leaves and leave few boxes open.
const QUEUE: usize = 400 << 20;
/// Cuts after which a run ends: their memory is not bounded otherwise.
const MOST_CUTS: usize = 4_000_000;
/// Starts of a round.
const STARTS: usize = 8;

/// Options of the global solver.
#[derive(Debug, Clone)]
pub struct Global {
    /// Relative tolerance: certified when squared − lower bound ≤ tol squared + rounding.
    pub tol: f64,
    /// Local searches before the branch and bound; `None`: 8 for d_x d_y up to 4, else 64, or 32 above 100 points.
    pub starts: Option<usize>,
    /// Seed of the starts.
    pub seed: u64,
    /// Cap on the boxes bounded; a run also ends at four million cuts. Both are `iteration_cap`.
    pub max_nodes: Option<usize>,
    /// Cap on the time of the whole run.
    pub time_limit: Option<Duration>,
    /// Remove the means first.
    pub center: bool,
    /// Keep what proves the result: [`Solution::certificate`]. Memory grows with the number of boxes.
    pub certificate: bool,
}

impl Default for Global {
    fn default() -> Self {
        Global {
            tol: 1e-9,
            starts: None,
            seed: 0,
            max_nodes: None,
            time_limit: None,
            center: false,
            certificate: false,
        }
    }
}

impl Global {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        if self.starts == Some(0) {
            return Err(Error::option("starts", 0, "at least 1"));
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::option("tol", self.tol, "a number >= 0"));
        }
        Ok(())
    }

    /// Solves for two clouds; `squared` scales as length⁴. Errors: options out of range, d_x d_y above [`LARGEST`].
    ///
    /// Cost: in the plane some hundred transport problems; the number of boxes grows fast with d_x d_y, and where the
    /// clouds are nearly isotropic. Memory: about 400 MiB of boxes, 64 MiB of bases, and up to 700 bytes a transport
    /// problem (with a certificate also its potentials, and some 100 bytes a box).
    ///
    /// ```
    /// use gromov::{Measure, igw::Global, verify::verify};
    /// // a square and a rectangle on the same axes: Σ = I and diag(4, 1), IGW² = (4 − 1)²
    /// let square = Measure::uniform(vec![1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0], 2)?;
    /// let wide = Measure::uniform(vec![2.0, 1.0, -2.0, 1.0, -2.0, -1.0, 2.0, -1.0], 2)?;
    /// let sol = Global { certificate: true, ..Global::default() }.solve(&square, &wide, &mut ())?;
    /// assert!(sol.certified && (sol.squared - 9.0).abs() < 1e-12);
    /// let proof = sol.certificate.ok_or(gromov::Error::User("asked for".into()))?;
    /// assert!(verify(&proof, &square, &wide)?.accepted());
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn solve(&self, mu: &Measure, nu: &Measure, observer: &mut dyn Observer) -> Result<Solution> {
        self.solve_from(mu, nu, None, observer)
    }

    /// As [`Global::solve`]; `from` is the cross moment of a plan that is known.
    pub(super) fn solve_from(
        &self,
        mu: &Measure,
        nu: &Measure,
        from: Option<&[f64]>,
        observer: &mut dyn Observer,
    ) -> Result<Solution> {
        self.check()?;
        let pair = Pair::new(mu, nu, self.center);
        if pair.size() == 0.0 {
            let local = Alternating { starts: Some(1), center: self.center, ..Default::default() };
            let mut sol = local.solve(mu, nu, observer)?;
            sol.method = Method::Global;
            if self.certificate {
                sol.certificate = Some(prove::of_points(&pair, &sol, (self.center, self.tol)));
            }
            return Ok(sol);
        }
        match mu.dim() * nu.dim() {
            0..=2 => State::<2>::run(self, pair, from, observer),
            3..=4 => State::<4>::run(self, pair, from, observer),
            5..=6 => State::<6>::run(self, pair, from, observer),
            7..=9 => State::<9>::run(self, pair, from, observer),
            10..=16 => State::<16>::run(self, pair, from, observer),
            17..=36 => State::<36>::run(self, pair, from, observer),
            d => Err(Error::option("d_x d_y", d, format!("at most {LARGEST} for the global method"))),
        }
    }
}

/// A box in the queue: those with the largest bounds first.
struct Queued<const D: usize> {
    node: Node<D>,
    number: u64,
}

impl<const D: usize> Ord for Queued<D> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.node.bound.total_cmp(&other.node.bound).then(other.number.cmp(&self.number))
    }
}

impl<const D: usize> PartialOrd for Queued<D> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const D: usize> PartialEq for Queued<D> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<const D: usize> Eq for Queued<D> {}

/// A run between rounds.
struct State<'a, const D: usize> {
    options: &'a Global,
    pair: Pair,
    problem: Problem,
    pool: Pool<D>,
    queue: BinaryHeap<Queued<D>>,
    numbers: u64,
    optima: Optima,
    best: Better<D>,
    closed: f64,
    record: Option<Record>,
    spectral: f64,
    /// The best value meets the spectral bound.
    certified: bool,
    nodes: usize,
    starts: usize,
    stop: Stop,
    stopped: Option<Status>,
    trace: Vec<Bounds>,
}

impl<'a, const D: usize> State<'a, D> {
    fn run(
        options: &'a Global,
        pair: Pair,
        from: Option<&[f64]>,
        observer: &mut dyn Observer,
    ) -> Result<Solution> {
        let stop = Stop::after(options.time_limit).or_flag(observer.flag());
        let problem = Problem::new(&pair)?;
        let spectral = bound::of_spectra(&problem.spectra.0, &problem.spectra.1);
        let points = problem.a.len() + problem.b.len();
        let mut state = State {
            options,
            pool: Pool::new(points),
            problem,
            queue: BinaryHeap::new(),
            numbers: 0,
            optima: Optima::default(),
            best: Better {
                cross_moment: [0.0; D],
                squared: f64::NEG_INFINITY,
                plan: Plan::from_entries(0, 0, Vec::new()),
            },
            closed: f64::NEG_INFINITY,
            record: options.certificate.then(Record::new),
            spectral,
            certified: false,
            nodes: 0,
            starts: 0,
            stop,
            stopped: None,
            trace: Vec::new(),
            pair,
        };
        let root = state.root()?;
        state.local_searches(from)?;
        state.enqueue_root(root);
        while !state.done() {
            state.step()?;
            let event = Event::new(state.nodes, None, 0.0, state.scaled(state.value()));
            let event = Event { lower: state.scaled(state.lower()), ..event };
            if observer.event(&event).is_break() && !state.done() {
                state.stopped = Some(Status::Interrupted);
            }
        }
        state.finish()
    }

    fn value(&self) -> f64 {
        self.problem.size - 2.0 * self.best.squared
    }

    fn scaled(&self, squared: f64) -> f64 {
        self.pair.scaled(squared * self.problem.unit.powi(4))
    }

    /// Upper bound of |M|².
    fn upper(&self) -> f64 {
        self.queue.peek().map_or(self.closed, |q| q.node.bound.max(self.closed))
    }

    /// Lower bound of IGW².
    fn lower(&self) -> f64 {
        (self.problem.size - 2.0 * self.upper().max(self.best.squared)).max(self.spectral)
    }

    /// Notes the bounds when the gap has become smaller by a twentieth.
    fn note(&mut self) {
        let now = Bounds { solves: self.pool.solved(), lower: self.lower(), squared: self.value() };
        let gap = |b: &Bounds| b.squared - b.lower;
        if self.trace.last().is_none_or(|last| gap(&now) <= 0.95 * gap(last)) {
            self.trace.push(now);
        }
    }

    fn rules(&self) -> Rules {
        let points = self.problem.a.len() * self.problem.b.len();
        // where transport problems are dear, boxes wait for each other's cuts
        let pace = match self.problem.dim() {
            0..=4 => Pace::PLANE,
            _ if points > DEAR => Pace::DEAR,
            _ => Pace::CHEAP,
        };
        let dive = self.queue.len() * (size_of::<Queued<D>>() + 4 * pace.list) > QUEUE;
        Rules {
            best: self.best.squared,
            tol: self.options.tol,
            size: self.problem.size,
            floor: self.problem.floor(),
            pace,
            dive,
            record: self.record.is_some(),
        }
    }

    fn done(&self) -> bool {
        self.stopped.is_some()
            || self.certified
            || self.queue.peek().is_none_or(|q| q.node.bound <= self.rules().cutoff())
    }

    /// Takes over a better plan, and looks whether it meets the spectral bound.
    fn improve(&mut self, better: Better<D>) -> Result<()> {
        self.best = better;
        // |M|² has lost the digits of a small value, the plan has not
        if self.value() - self.spectral <= (self.options.tol + 1e-12) * self.problem.size {
            let four = self.problem.unit.powi(4);
            let squared = align::plan(&self.pair.x, &self.pair.y, &self.best.plan)?.squared;
            self.certified = self.pair.certifies(squared, self.spectral * four, self.options.tol);
        }
        Ok(())
    }

    /// The box of M from one transport problem in each direction of each axis.
    fn root(&mut self) -> Result<Cell<D>> {
        let mut cell = Cell { lo: [0.0; D], hi: [0.0; D] };
        for j in 0..self.problem.dim() {
            for sign in [1.0, -1.0] {
                let mut a = [0.0; D];
                a[j] = sign;
                let probe = self.problem.probe(&a, None, self.record.is_some(), &self.stop);
                if sign > 0.0 {
                    cell.hi[j] = probe.h;
                } else {
                    cell.lo[j] = -probe.h;
                }
                self.keep(a, probe)?;
            }
        }
        Ok(cell)
    }

    /// Keeps a cut, and its plan if it is the best.
    fn keep(&mut self, a: [f64; D], probe: Probe<D>) -> Result<()> {
        if probe.squared > self.best.squared {
            let plan = self.problem.support.plan(&probe.basis);
            self.improve(Better { cross_moment: probe.cross_moment, squared: probe.squared, plan })?;
        }
        self.pool.push(Cut { a, h: probe.h, potential: probe.potential }, Some(probe.basis));
        Ok(())
    }

    fn local_searches(&mut self, from: Option<&[f64]>) -> Result<()> {
        let axes = Axes::new(&self.pair)?;
        let dim = self.problem.dim();
        let n = self.problem.a.len().max(self.problem.b.len());
        let starts = self.options.starts.unwrap_or(if dim <= 4 {
            8
        } else if n <= 100 {
            64
        } else {
            32
        });
        let (p, q) = (self.problem.p, self.problem.q);
        let (ux, uy) = (linalg::transpose(&self.problem.axes.0, p, p), self.problem.axes.1.clone());
        while self.starts < starts && !self.certified && self.stop.requested().is_none() {
            let round = self.starts..(self.starts + STARTS).min(starts);
            let run = |k: usize| {
                let a = match from {
                    Some(a) if k == 0 => a.to_vec(),
                    _ => axes.start(k, self.options.seed),
                };
                let turned = linalg::matmul(&linalg::matmul(&ux, &a, p, p, q), &uy, p, q, q);
                let mut a = [0.0; D];
                a[..dim].copy_from_slice(&turned);
                self.alternate(a)
            };
            let ends: Vec<Chain<D>> = round.clone().into_par_iter().map(run).collect();
            self.starts = round.end;
            for chain in ends {
                if let Some((_, probe)) = chain.last() {
                    let number = self.optima.number(&probe.cross_moment, probe.squared.sqrt());
                    self.optima.count(number, &[]);
                }
                for (a, probe) in chain {
                    self.keep(a, probe)?;
                }
            }
        }
        Ok(())
    }

    /// Probes from a direction until |M| stays.
    fn alternate(&self, a: [f64; D]) -> Chain<D> {
        let mut chain: Chain<D> = Vec::new();
        let mut next = direction(&a);
        while let Some(a) = next {
            let warm = chain.last().map(|c| &c.1.basis);
            let probe = self.problem.probe(&a, warm, self.record.is_some(), &self.stop);
            let last = chain.last().map_or(f64::NEG_INFINITY, |c| c.1.squared);
            let better = probe.squared > last * (1.0 + 4.0 * f64::EPSILON);
            next = if better { direction(&probe.cross_moment) } else { None };
            chain.push((a, probe));
        }
        chain
    }

    fn enqueue_root(&mut self, cell: Cell<D>) {
        let axes = 2 * self.problem.dim() as u32;
        let mut others: Vec<u32> = (axes..self.pool.len() as u32).collect();
        others.sort_by(|&i, &j| self.pool.cut(j).h.total_cmp(&self.pool.cut(i).h).then(i.cmp(&j)));
        let mut list: Vec<u32> = (0..axes).collect();
        for id in others {
            if list.len() >= axes as usize + 150 {
                break;
            }
            let a = &self.pool.cut(id).a;
            if list.iter().all(|&k| linalg::dot(a, &self.pool.cut(k).a) < 1.0 - 1e-4) {
                list.push(id);
            }
        }
        let bound = (0..D).map(|j| cell.lo[j].powi(2).max(cell.hi[j].powi(2))).sum();
        let node = Node { cell, bound, list: list.into(), seen: self.pool.len() as u32, own: 0..0, item: 0 };
        self.enqueue(node);
    }

    fn enqueue(&mut self, node: Node<D>) {
        self.numbers += 1;
        self.queue.push(Queued { node, number: self.numbers });
    }

    fn step(&mut self) -> Result<()> {
        let rules = self.rules();
        let cutoff = rules.cutoff();
        let mut round = Vec::with_capacity(rules.pace.searches);
        while round.len() < rules.pace.searches
            && self.queue.peek().is_some_and(|q| q.node.bound > cutoff)
            && let Some(q) = self.queue.pop()
        {
            round.push(q.node);
        }
        let run = |node: &Node<D>| Search::of(&self.problem, &self.pool, node, rules, &self.stop);
        let found: Vec<Findings<D>> = match round.len() {
            1 => round.iter().map(run).collect(),
            _ => round.par_iter().map(run).collect(),
        };
        for (node, findings) in round.iter().zip(found) {
            self.merge(node, findings)?;
        }
        self.note();
        let full = self.pool.len() >= MOST_CUTS;
        if !self.done() && (full || self.options.max_nodes.is_some_and(|most| self.nodes >= most)) {
            self.stopped = Some(Status::IterationCap);
        }
        if !self.done() {
            self.stopped = self.stop.requested();
        }
        Ok(())
    }

    fn merge(&mut self, node: &Node<D>, found: Findings<D>) -> Result<()> {
        let from = self.pool.len() as u32;
        self.nodes += found.nodes;
        self.closed = self.closed.max(found.closed);
        for (cut, basis) in found.cuts {
            self.pool.push(cut, basis);
        }
        for better in found.better {
            // no start has reached it: it is no hit
            self.optima.number(&better.cross_moment, better.squared.sqrt());
            if better.squared > self.best.squared {
                self.improve(better)?;
            }
        }
        let shift = match (&mut self.record, found.record) {
            (Some(record), Some(tree)) => record.graft(node.item, tree, |id| numbered(id, from)),
            _ => 0,
        };
        for mut open in found.open {
            open.item = if open.item == 0 { node.item } else { open.item + shift };
            open.own = from..self.pool.len() as u32;
            open.list.iter_mut().for_each(|id| *id = numbered(*id, from));
            self.enqueue(open);
        }
        Ok(())
    }

    /// Gives the boxes that are left a proof, the best that their cuts have.
    fn close_open_boxes(&mut self) {
        let rules = self.rules();
        let Some(record) = &mut self.record else { return };
        let nodes: Vec<Node<D>> = std::mem::take(&mut self.queue).into_iter().map(|q| q.node).collect();
        let proofs: Vec<(f64, Vec<Multiplier>)> =
            nodes.par_iter().map(|node| search::proof_of(&self.pool, node, rules)).collect();
        for (node, (bound, multipliers)) in nodes.iter().zip(proofs) {
            self.closed = self.closed.max(bound);
            let proof = record.proof(&multipliers);
            record.close(node.item, proof);
        }
    }

    fn finish(mut self) -> Result<Solution> {
        self.close_open_boxes();
        self.note();
        let lower = self.lower();
        let aligned = align::plan(&self.pair.x, &self.pair.y, &self.best.plan)?;
        let (two, four) = (self.problem.unit.powi(2), self.problem.unit.powi(4));
        let (p, q) = (self.problem.p, self.problem.q);
        let mut optima = Optima::default();
        for o in self.optima.ranked() {
            let turned = linalg::matmul(&self.problem.axes.0, &o.cross_moment[..p * q], p, p, q);
            let back = linalg::transpose(&self.problem.axes.1, q, q);
            let moment: Vec<f64> = linalg::matmul(&turned, &back, p, q, q).iter().map(|m| m * two).collect();
            let number = optima.number(&moment, o.norm * two);
            (0..o.hits).for_each(|_| optima.count(number, &[]));
        }
        let norm = self.best.squared.max(0.0).sqrt() * two;
        let (hits, alternatives) = optima.summary(&self.pair, norm, &aligned)?;
        let trace = std::mem::take(&mut self.trace).into_iter();
        let found = Found {
            lower: lower * four,
            aligned,
            plan: std::mem::replace(&mut self.best.plan, Plan::from_entries(0, 0, Vec::new())),
            status: self.stopped.unwrap_or(Status::Converged),
            method: Method::Global,
            iterations: self.pool.solved(),
            starts: self.starts,
            continued: self.starts,
            hits,
            alternatives,
            nodes: self.nodes,
            trace: trace.map(|b| Bounds { lower: b.lower * four, squared: b.squared * four, ..b }).collect(),
        };
        let mut sol = self.pair.solution(found, self.options.tol)?;
        if self.stopped.is_none() && !sol.certified {
            // every box is closed, and the tolerance is below what doubles can tell
            sol.status = Status::Stalled;
        }
        if let Some(record) = &self.record {
            let parts = (&self.pair, &self.problem, &self.pool);
            sol.certificate =
                Some(prove::certificate(parts, record, &sol, (self.options.center, self.options.tol)));
        }
        Ok(sol)
    }
}

/// Directions and what they gave, in order.
type Chain<const D: usize> = Vec<([f64; D], Probe<D>)>;
