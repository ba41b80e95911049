//! Alternation from many starts: P ← optimal plan for the cost −xᵀ A y, A ← M_P / |M_P|.
//!
//! |M| never decreases, and the plan stops changing after finitely many steps at a local optimum of
//! |M| (each step is an exact linear transport problem, warm-started from the last). Starts are, in
//! this order: the principal axes of both clouds matched in order with every choice of signs, then
//! matrices A with independent Gaussian entries, and after the first sixteen starts every second pair of them
//! near one of the three best optima so far, whose neighbours are better than most. The product coupling is never
//! used: for centred clouds it has M = 0, an exact critical point at which several packages stop.
//!
//! Clouds of more than 512 points are first seen as the means of 256 cells: a start alternates on these, and goes
//! on from what it finds with the clouds themselves. It ends when it comes upon a plan from which another one went
//! on to an optimum. The search ends early when the best value meets the spectral bound. Starts run in parallel in
//! rounds of fixed size; what they learn from each other is decided between rounds, so that a result depends on the
//! seed alone unless time runs out.
//! Observers are heard between rounds, a deadline and a flag ([`Stop`]) within a transport problem too.

use std::collections::HashMap;
use std::time::Duration;

use rayon::prelude::*;

use super::align::Aligned;
use super::optima::{Optima, Print, print};
use super::starts::Axes;
use super::{Found, Method, Pair, Solution, align, bound, line, small};
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{Basis, Exact, LowRankCost, Plan, cells};
use crate::solve::{Event, Observer, Status, Stop};

/// Starts of one parallel round; fewer for large clouds, whose rounds are long.
pub(super) const ROUND: usize = 8;
const LARGE_ROUND: usize = 2;
/// n · m up to which clouds count as small, and above which as large: fewer starts are tried, and of large clouds
/// fewer at once.
const SMALL: usize = 40_000;
const LARGE: usize = 4_000_000;
/// Cells on which a start alternates first, where a cloud has more than twice as many points.
const CELLS: usize = 256;
/// Starts near optima found: near how many of the best ones, and how far, |A − M/|M||.
pub(super) const NEAR_OPTIMA: usize = 3;
pub(super) const NEAR_SIZES: [f64; 2] = [0.1, 0.3];

/// Options of the local solver.
#[derive(Debug, Clone)]
pub struct Alternating {
    /// Number of starts; `None`: 128 for n · m up to 40,000, 64 up to 4,000,000, else 16. (On 30 pairs of outlines
    /// of 100 points in the plane, where a Gaussian start reaches the best value known once in 6 to 500, 128 starts
    /// reach it on all pairs, 64 on 29 or 30.)
    pub starts: Option<usize>,
    /// Seed of the Gaussian starts.
    pub seed: u64,
    /// Relative tolerance of `certified`.
    pub tol: f64,
    /// Cap on the alternations of one start.
    pub max_iter: usize,
    /// Cap on the time of the whole run.
    pub time_limit: Option<Duration>,
    /// Remove the means first.
    pub center: bool,
    /// Use the closed form when both clouds lie on the line.
    pub closed_forms: bool,
}

impl Default for Alternating {
    fn default() -> Self {
        Alternating {
            starts: None,
            seed: 0,
            tol: 1e-9,
            max_iter: 1000,
            time_limit: None,
            center: false,
            closed_forms: true,
        }
    }
}

/// A local optimum.
#[derive(Clone)]
struct Local {
    plan: Plan,
    cross_moment: Vec<f64>,
    norm: f64,
    status: Status,
}

impl Alternating {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        if self.starts == Some(0) {
            return Err(Error::option("starts", 0, "at least 1"));
        }
        if self.max_iter == 0 {
            return Err(Error::option("max_iter", 0, "at least 1"));
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::option("tol", self.tol, "a number >= 0"));
        }
        Ok(())
    }

    /// Starts there will be for clouds of n and m points, and how many of them at once.
    pub(super) fn plan_of_starts(&self, n: usize, m: usize) -> (usize, usize) {
        let (starts, round) = match n.saturating_mul(m) {
            pairs if pairs <= SMALL => (128, ROUND),
            pairs if pairs <= LARGE => (64, ROUND),
            _ => (16, LARGE_ROUND),
        };
        let starts = self.starts.unwrap_or(starts);
        (starts, round.min(starts))
    }

    /// One round of `count` starts, the first along the axes, the others Gaussian. Nothing is kept.
    pub(super) fn trial_round(&self, mu: &Measure, nu: &Measure, count: usize) -> Result<()> {
        let pair = Pair::new(mu, nu, self.center);
        let axes = Axes::new(&pair)?;
        let (gaussian, cells) = (1 << axes.signed_axes(), coarse(&pair)?);
        (0..count).into_par_iter().try_for_each(|k| {
            let start = axes.start(if k == 0 { 0 } else { gaussian + k }, self.seed);
            let start = on_cells(&cells, start, self.max_iter, &Stop::never())?;
            alternate(&pair, &start, None, self.max_iter, &Stop::never(), &HashMap::new()).map(|_| ())
        })
    }

    /// Solves for two clouds. Errors: options out of range. Memory O((n + m) d) a start under way.
    pub fn solve(&self, mu: &Measure, nu: &Measure, observer: &mut dyn Observer) -> Result<Solution> {
        self.run(mu, nu, observer, true)
    }

    /// The same search, one start after the other in this thread: for those who solve many pairs at once. Small clouds
    /// have one of their own, which learns after each start, and names no alternatives.
    pub(crate) fn solve_alone(
        &self,
        mu: &Measure,
        nu: &Measure,
        observer: &mut dyn Observer,
    ) -> Result<Solution> {
        let on_line = self.closed_forms && (mu.dim(), nu.dim()) == (1, 1);
        if !on_line && mu.len().saturating_mul(nu.len()) <= SMALL {
            self.check()?;
            return small::solve(self, mu, nu, observer);
        }
        self.run(mu, nu, observer, false)
    }

    fn run(
        &self,
        mu: &Measure,
        nu: &Measure,
        observer: &mut dyn Observer,
        parallel: bool,
    ) -> Result<Solution> {
        self.check()?;
        if self.closed_forms && (mu.dim(), nu.dim()) == (1, 1) {
            return line::solve(mu, nu, self.center, self.tol);
        }
        let mut state = State::new(self, mu, nu, observer)?;
        state.parallel = parallel;
        while !state.done() {
            state.step()?;
            let event = Event::new(state.tried, Some(state.starts), 0.0, state.best_squared());
            if observer.event(&event).is_break() && !state.done() {
                state.stopped = Some(Status::Interrupted);
            }
        }
        state.finish()
    }
}

/// A multistart run between rounds.
struct State<'a> {
    options: &'a Alternating,
    pair: Pair,
    cells: Option<Pair>,
    starts: usize,
    /// Starts of one round.
    round: usize,
    /// Are they run at once?
    parallel: bool,
    axes: Axes,
    optima: Optima,
    /// The best optimum, and its plan seen through its rotation.
    best: Option<(Local, Aligned)>,
    tried: usize,
    iterations: usize,
    /// Spectral bound, and whether the best value meets it: then no start can be better.
    lower: f64,
    certified: bool,
    stop: Stop,
    stopped: Option<Status>,
}

impl<'a> State<'a> {
    fn new(options: &'a Alternating, mu: &Measure, nu: &Measure, observer: &dyn Observer) -> Result<Self> {
        let pair = Pair::new(mu, nu, options.center);
        let (starts, round) = options.plan_of_starts(mu.len(), nu.len());
        let axes = Axes::new(&pair)?;
        let stop = Stop::after(options.time_limit).or_flag(observer.flag());
        let lower = bound::spectral_of_moments(&pair.sigma_x, mu.dim(), &pair.sigma_y, nu.dim())?;
        Ok(State {
            options,
            cells: coarse(&pair)?,
            pair,
            starts,
            round,
            parallel: true,
            axes,
            optima: Optima::default(),
            best: None,
            tried: 0,
            iterations: 0,
            lower,
            certified: false,
            stop,
            stopped: None,
        })
    }

    fn done(&self) -> bool {
        self.stopped.is_some() || self.tried == self.starts || self.certified
    }

    fn step(&mut self) -> Result<()> {
        let round = self.tried..(self.tried + self.round).min(self.starts);
        let run = |k: usize| {
            let start = self.start(k)?;
            alternate(&self.pair, &start, None, self.options.max_iter, &self.stop, &self.optima.passed)
                .map(|found| found.0)
        };
        let results: Vec<Result<End>> = match self.parallel && round.len() > 1 {
            false => round.clone().map(run).collect(),
            true => round.clone().into_par_iter().map(run).collect(),
        };
        self.tried = round.end;
        for result in results {
            let end = result?;
            self.iterations += end.iterations;
            let number =
                end.seen.unwrap_or_else(|| self.optima.number(&end.local.cross_moment, end.local.norm));
            self.optima.count(number, &end.passed);
            if end.seen.is_none() && self.best.as_ref().is_none_or(|best| end.local.norm > best.0.norm) {
                let aligned = align::plan(&self.pair.x, &self.pair.y, &end.local.plan)?;
                self.best = Some((end.local, aligned));
            }
        }
        if let Some((_, aligned)) = &self.best {
            self.certified = self.pair.certifies(aligned.squared, self.lower, self.options.tol);
        }
        if !self.done() {
            self.stopped = self.stop.requested();
        }
        Ok(())
    }

    /// Start number `k`: along the axes first, then Gaussian, both improved on the cells; after two rounds two of
    /// four near the best optima.
    fn start(&self, k: usize) -> Result<Vec<f64>> {
        let mut start = self.axes.start(k, self.options.seed);
        if k < 2 * ROUND || k % 4 >= 2 {
            return on_cells(&self.cells, start, self.options.max_iter, &self.stop);
        }
        let near = self.optima.best(k / 4 % NEAR_OPTIMA);
        let size = NEAR_SIZES[k % 2];
        start
            .iter_mut()
            .zip(&near.cross_moment)
            .for_each(|(a, m)| *a = size * *a + m / near.norm.max(f64::MIN_POSITIVE));
        Ok(start)
    }

    /// The best value so far, scaled back; not a number before the first round.
    fn best_squared(&self) -> f64 {
        self.best.as_ref().map_or(f64::NAN, |best| self.pair.scaled(best.1.squared))
    }

    fn finish(self) -> Result<Solution> {
        let (best, aligned) = self.best.ok_or_else(|| Error::option("starts", 0, "at least 1"))?;
        let (hits, alternatives) = self.optima.summary(&self.pair, best.norm, &aligned)?;
        let found = Found {
            aligned,
            plan: best.plan,
            lower: self.lower,
            // an optimum is an optimum, however the search ended
            status: if self.certified { Status::Converged } else { self.stopped.unwrap_or(best.status) },
            method: Method::Local,
            iterations: self.iterations,
            starts: self.tried,
            continued: self.tried,
            hits,
            alternatives,
            nodes: 0,
            trace: Vec::new(),
        };
        self.pair.solution(found, self.options.tol)
    }
}

/// The clouds as the means of a few cells each; `None` where both are small.
fn coarse(pair: &Pair) -> Result<Option<Pair>> {
    let small = |cloud: &Measure| cloud.len() <= 2 * CELLS;
    if small(&pair.x) && small(&pair.y) {
        return Ok(None);
    }
    let of = |cloud: &Measure| match small(cloud) {
        true => Ok(cloud.clone()),
        false => {
            let (means, weights) = cells::means(cloud.points(), cloud.weights(), cloud.dim(), CELLS);
            Measure::normalized(means, cloud.dim(), weights)
        }
    };
    Ok(Some(Pair::new(&of(&pair.x)?, &of(&pair.y)?, false)))
}

/// A start improved by alternation on the cells, where there are any.
fn on_cells(cells: &Option<Pair>, start: Vec<f64>, max_iter: usize, stop: &Stop) -> Result<Vec<f64>> {
    let Some(pair) = cells else { return Ok(start) };
    let local = alternate(pair, &start, None, max_iter, stop, &HashMap::new())?.0.local;
    if local.norm == 0.0 {
        return Ok(start);
    }
    Ok(local.cross_moment.iter().map(|m| m / local.norm).collect())
}

/// How a start ended.
struct End {
    /// The last plan.
    local: Local,
    /// Number of the optimum to which another start came from this plan: then the search ended there.
    seen: Option<usize>,
    /// Plans passed, if they lead to an optimum.
    passed: Vec<Print>,
    iterations: usize,
}

/// Alternates from the matrix `a` until the plan stays the same or is one of `passed`.
fn alternate(
    pair: &Pair,
    a: &[f64],
    mut basis: Option<Basis>,
    max_iter: usize,
    stop: &Stop,
    passed: &HashMap<Print, usize>,
) -> Result<(End, Basis)> {
    let (x, y) = (&pair.x, &pair.y);
    let (p, q) = (x.dim(), y.dim());
    let mut a = a.to_vec();
    let mut last: Option<(Plan, Vec<f64>, f64)> = None;
    let mut prints = Vec::new();
    for iteration in 1..=max_iter {
        let cost = LowRankCost::inner_product(x.points(), &a, y.points(), p, q)?;
        let solved = Exact::default().run(&cost, x.weights(), y.weights(), basis.take(), stop)?;
        let plan = solved.plan();
        let cross_moment = plan.cross_moment(x.points(), p, y.points(), q);
        let norm = linalg::norm(&cross_moment);
        if solved.status() == Status::Converged {
            prints.push(print(&cross_moment, norm));
            if let Some(&number) = prints.last().and_then(|print| passed.get(print)) {
                let local = Local { plan, cross_moment, norm, status: Status::Converged };
                let end = End { local, seen: Some(number), passed: prints, iterations: iteration };
                return Ok((end, solved.into_basis()));
            }
        }
        let before = last.as_ref().map_or(f64::NEG_INFINITY, |l| l.2);
        let unchanged = solved.warm && solved.pivots == 0;
        let fixed = unchanged || norm <= before * (1.0 + 4.0 * f64::EPSILON) || norm == 0.0;
        // the better of the last two: equal up to rounding
        let (plan, cross_moment, norm) = match last.take() {
            Some(l) if norm <= before => l,
            _ => (plan, cross_moment, norm),
        };
        let status = match (solved.status(), fixed, stop.requested()) {
            // not an optimal plan: nothing is fixed
            (status, _, _) if status != Status::Converged => Some(status),
            (_, true, _) => Some(Status::Converged),
            (_, false, Some(status)) => Some(status),
            (_, false, None) if iteration == max_iter => Some(Status::IterationCap),
            _ => None,
        };
        if let Some(status) = status {
            if status != Status::Converged {
                prints.clear();
            }
            let local = Local { plan, cross_moment, norm, status };
            let end = End { local, seen: None, passed: prints, iterations: iteration };
            return Ok((end, solved.into_basis()));
        }
        a = cross_moment.iter().map(|m| m / norm).collect();
        last = Some((plan, cross_moment, norm));
        basis = Some(solved.into_basis());
    }
    Err(Error::option("max_iter", max_iter, "at least 1"))
}

/// A local optimum followed from an earlier one: used where clouds move a little at a time.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tracked {
    /// A = M / |M| of the last plan.
    pub(crate) direction: Vec<f64>,
    /// Basis of the last plan.
    pub(crate) basis: Option<Basis>,
}

impl Tracked {
    /// Alternates from the last optimum; returns the plan and whether it converged.
    pub(crate) fn follow(&mut self, mu: &Measure, nu: &Measure) -> Result<(Plan, Status)> {
        let pair = Pair::new(mu, nu, false);
        let (end, basis) =
            alternate(&pair, &self.direction, self.basis.take(), 1000, &Stop::never(), &HashMap::new())?;
        let local = end.local;
        if local.norm > 0.0 {
            self.direction = local.cross_moment.iter().map(|m| m / local.norm).collect();
        }
        self.basis = Some(basis);
        Ok((local.plan, local.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    fn cloud(s: &mut Source, n: usize, d: usize, weighted: bool) -> Measure {
        let points = (0..n * d).map(|_| s.normal()).collect();
        let w = (0..n).map(|_| if weighted { 0.1 + s.unit() } else { 1.0 }).collect();
        Measure::normalized(points, d, w).unwrap()
    }

    #[test]
    fn rotated_and_permuted_copies_have_distance_zero() {
        let mut s = Source::new(31, 0);
        for trial in 0..20 {
            let d = 2 + trial % 3;
            let mu = cloud(&mut s, 40, d, trial % 2 == 0);
            let turn = s.rotation(d);
            let order = s.permutation(40);
            let points = order.iter().flat_map(|&i| mu.point(i).to_vec()).collect();
            let weights = order.iter().map(|&i| mu.weights()[i]).collect();
            let nu = Measure::normalized(points, d, weights).unwrap().linear_image(&turn, d).unwrap();
            let sol = super::super::distance(&mu, &nu).unwrap();
            let size = linalg::norm(&mu.second_moment()).powi(2);
            assert!(sol.squared <= 1e-10 * size, "{trial}: {}", sol.squared);
            assert!(sol.certified && sol.reflected == Some(false) && sol.hits >= 1);
            let back = sol.transform(mu.points()).unwrap();
            // weights that differ in their last bit leave slivers of mass 2⁻⁶⁰
            for (i, j, _) in sol.plan.entries().filter(|e| e.2 > 1e-15) {
                for k in 0..d {
                    assert!((back[i * d + k] - nu.point(j)[k]).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn brute_force_is_reached_from_256_starts() {
        let mut s = Source::new(32, 0);
        let mut reached = 0;
        for trial in 0..50 {
            let (n, p, q) = (3 + trial % 5, 1 + trial % 3, 1 + (trial / 3) % 3);
            let (mu, nu) = (cloud(&mut s, n, p, false), cloud(&mut s, n, q, false));
            let sol =
                Alternating { starts: Some(256), ..Default::default() }.solve(&mu, &nu, &mut ()).unwrap();
            let mut best = f64::INFINITY;
            crate::ot::exact::tests::permutations(n, &mut |order| {
                let mass = vec![1.0 / n as f64; n];
                let plan = Plan { n, m: n, rows: (0..n).collect(), columns: order.to_vec(), mass };
                best = best.min(align::plan(&mu, &nu, &plan).unwrap().squared);
            });
            assert!(sol.squared >= best * (1.0 - 1e-12) - sol.rounding);
            assert!(sol.lower_bound <= sol.squared + sol.rounding);
            reached += usize::from(sol.squared <= best * (1.0 + 1e-10) + sol.rounding);
        }
        assert_eq!(reached, 50);
    }

    #[test]
    fn splitting_an_atom_changes_nothing() {
        let mut s = Source::new(33, 0);
        for _ in 0..10 {
            let (mu, nu) = (cloud(&mut s, 12, 2, true), cloud(&mut s, 9, 3, true));
            let (mut points, mut weights) = (mu.points().to_vec(), mu.weights().to_vec());
            points.extend_from_slice(mu.point(3));
            weights[3] *= 0.25;
            weights.push(mu.weights()[3] * 0.75);
            points.extend([5.0, 5.0]);
            weights.push(0.0);
            let split = Measure::normalized(points, 2, weights).unwrap();
            let options = Alternating { starts: Some(64), ..Default::default() };
            let a = options.solve(&mu, &nu, &mut ()).unwrap();
            let b = options.solve(&split, &nu, &mut ()).unwrap();
            assert!((a.squared - b.squared).abs() <= a.rounding, "{} {}", a.squared, b.squared);
        }
    }

    #[test]
    fn degenerate_clouds_have_an_answer() {
        let point = Measure::uniform(vec![0.0, 0.0], 2).unwrap();
        let other = Measure::uniform(vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0], 2).unwrap();
        let sol = super::super::distance(&point, &other).unwrap();
        assert!((sol.squared - 25.0).abs() < 1e-13 && sol.certified);
        let same = super::super::distance(&other, &other).unwrap();
        assert!(same.squared.abs() <= same.rounding && same.certified);
        for scale in [1e-150, 1e-70, 1e70] {
            let scaled = |m: &Measure| m.moved(m.points().iter().map(|x| x * scale).collect());
            let sol = super::super::distance(&scaled(&point), &scaled(&other)).unwrap();
            assert!((sol.distance / scale / scale - 5.0).abs() < 1e-12);
        }
    }

    #[test]
    fn same_seed_same_solution_for_any_thread_count_and_time_cap_is_a_status() {
        let mut s = Source::new(34, 0);
        let (mu, nu) = (cloud(&mut s, 90, 3, true), cloud(&mut s, 70, 2, false));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| super::super::distance(&mu, &nu).unwrap())
        };
        let (one, two) = (run(1), run(3));
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
        let capped = Alternating { time_limit: Some(Duration::ZERO), ..Default::default() };
        let sol = capped.solve(&mu, &nu, &mut ()).unwrap();
        assert_eq!((sol.status, sol.starts), (Status::TimeCap, ROUND));
        assert!(sol.lower_bound <= sol.squared + sol.rounding);
    }
}
