//! Alternation from many starts: P ← optimal plan for the cost −xᵀ A y, A ← M_P / |M_P|.
//!
//! |M| never decreases, and the plan stops changing after finitely many steps at a local optimum of
//! |M| (each step is an exact linear transport problem, warm-started from the last). Starts are, in
//! this order: the principal axes of both clouds matched in order with every choice of signs, then
//! matrices A with independent Gaussian entries. The product coupling is never used: for centred
//! clouds it has M = 0, an exact critical point at which several packages stop.
//!
//! The search ends early when the best value meets the spectral bound. Starts run in parallel in rounds of
//! fixed size; deadlines and observers are heard between rounds
//! (a deadline also between the alternations of a start), so that a result depends on the seed alone
//! unless time runs out.

use std::time::Duration;

use rayon::prelude::*;

use super::align::Aligned;
use super::{Alternative, Found, Method, Pair, Solution, align, bound, line};
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::{Measure, sample::Source};
use crate::ot::{Basis, Exact, LowRankCost, Plan};
use crate::solve::{Event, Observer, Status, Stop};

/// Starts of one parallel round; fewer for large clouds, whose rounds are long.
const ROUND: usize = 8;
const LARGE_ROUND: usize = 2;
/// n · m above which clouds count as large: fewer starts are tried, and fewer of them at once.
const LARGE: usize = 250_000;
/// Alternatives kept.
const ALTERNATIVES: usize = 64;
/// Axis sign choices are listed for at most this many axes.
const SIGNED_AXES: usize = 5;

/// Options of the local solver.
#[derive(Debug, Clone)]
pub struct Alternating {
    /// Number of starts; `None`: 64, or 16 when n · m > 250,000.
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
    iterations: usize,
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
        let (starts, round) = if n * m > LARGE { (16, LARGE_ROUND) } else { (64, ROUND) };
        let starts = self.starts.unwrap_or(starts);
        (starts, round.min(starts))
    }

    /// One round of `count` starts, the first along the axes, the others Gaussian. Nothing is kept.
    pub(super) fn trial_round(&self, mu: &Measure, nu: &Measure, count: usize) -> Result<()> {
        let pair = Pair::new(mu, nu, self.center);
        let axes = Axes::new(&pair)?;
        let gaussian = 1 << axes.signed_axes();
        (0..count).into_par_iter().try_for_each(|k| {
            let start = axes.start(if k == 0 { 0 } else { gaussian + k }, self.seed);
            alternate(&pair, &start, None, self.max_iter, &Stop::never()).map(|_| ())
        })
    }

    /// Solves for two clouds. Errors: options out of range. Memory O((n + m) d) a start under way.
    pub fn solve(&self, mu: &Measure, nu: &Measure, observer: &mut dyn Observer) -> Result<Solution> {
        self.check()?;
        if self.closed_forms && (mu.dim(), nu.dim()) == (1, 1) {
            return line::solve(mu, nu, self.center, self.tol);
        }
        let mut state = State::new(self, mu, nu, observer)?;
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
    starts: usize,
    /// Starts of one round.
    round: usize,
    axes: Axes,
    found: Vec<Local>,
    /// The best plan seen through its rotation.
    aligned: Option<Aligned>,
    tried: usize,
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
            pair,
            starts,
            round,
            axes,
            found: Vec::new(),
            aligned: None,
            tried: 0,
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
            let start = self.axes.start(k, self.options.seed);
            alternate(&self.pair, &start, None, self.options.max_iter, &self.stop).map(|l| l.0)
        };
        let results: Vec<Result<Local>> = match round.len() {
            1 => round.clone().map(run).collect(),
            _ => round.clone().into_par_iter().map(run).collect(),
        };
        self.tried = round.end;
        for result in results {
            self.keep(result?);
        }
        let aligned = align::plan(&self.pair.x, &self.pair.y, &self.found[0].plan)?;
        self.certified = self.pair.certifies(aligned.squared, self.lower, self.options.tol);
        self.aligned = Some(aligned);
        if !self.done() {
            self.stopped = self.stop.requested();
        }
        Ok(())
    }

    /// Best first; only the best keeps its plan.
    fn keep(&mut self, mut local: Local) {
        let better = self.found.first().is_none_or(|best| local.norm > best.norm);
        if better {
            if let Some(old) = self.found.first_mut() {
                old.plan = Plan::from_entries(0, 0, Vec::new());
            }
            self.found.insert(0, local);
        } else {
            local.plan = Plan::from_entries(0, 0, Vec::new());
            self.found.push(local);
        }
    }

    /// The best value so far, scaled back; not a number before the first round.
    fn best_squared(&self) -> f64 {
        self.aligned.as_ref().map_or(f64::NAN, |a| self.pair.scaled(a.squared))
    }

    fn finish(self) -> Result<Solution> {
        let best = &self.found[0];
        let aligned = match self.aligned {
            Some(aligned) => aligned,
            None => align::plan(&self.pair.x, &self.pair.y, &best.plan)?,
        };
        let rounding = self.pair.rounding();
        // values of the others from |M|: differences matter here, not digits of tiny values
        let squared = |l: &Local| aligned.squared + 2.0 * (best.norm - l.norm) * (best.norm + l.norm);
        let same = |l: &&Local| squared(l) - aligned.squared <= 1e-9 * aligned.squared + rounding;
        let hits = self.found.iter().filter(same).count();
        let mut others: Vec<&Local> = self.found.iter().skip(1).collect();
        others.retain(|l| squared(l) <= 1.05 * aligned.squared + rounding);
        others.sort_by(|a, b| b.norm.total_cmp(&a.norm));
        let mut distinct: Vec<&Local> = vec![best];
        for l in others {
            let far = |o: &&Local| {
                let gap: f64 = o.cross_moment.iter().zip(&l.cross_moment).map(|(a, b)| (a - b).powi(2)).sum();
                gap.sqrt() > 1e-6 * best.norm
            };
            if distinct.len() <= ALTERNATIVES && distinct.iter().all(far) {
                distinct.push(l);
            }
        }
        let (p, q) = (self.pair.x.dim(), self.pair.y.dim());
        let alternatives = distinct[1..]
            .iter()
            .map(|l| {
                Ok(Alternative { squared: squared(l), reflected: align::reflected(&l.cross_moment, p, q)? })
            })
            .collect::<Result<Vec<_>>>()?;
        let found = Found {
            aligned,
            plan: best.plan.clone(),
            lower: self.lower,
            // an optimum is an optimum, however the search ended
            status: if self.certified { Status::Converged } else { self.stopped.unwrap_or(best.status) },
            method: Method::Local,
            iterations: self.found.iter().map(|l| l.iterations).sum(),
            starts: self.tried,
            hits,
            alternatives,
        };
        self.pair.solution(found, self.options.tol)
    }
}

/// Alternates from the matrix `a` until the plan stays the same.
fn alternate(
    pair: &Pair,
    a: &[f64],
    mut basis: Option<Basis>,
    max_iter: usize,
    stop: &Stop,
) -> Result<(Local, Basis)> {
    let (x, y) = (&pair.x, &pair.y);
    let (p, q) = (x.dim(), y.dim());
    let mut a = a.to_vec();
    let mut last: Option<(Plan, Vec<f64>, f64)> = None;
    for iteration in 1..=max_iter {
        let cost = LowRankCost::inner_product(x.points(), &a, y.points(), p, q)?;
        let solved = Exact::default().run(&cost, x.weights(), y.weights(), basis.take(), stop)?;
        let plan = solved.plan();
        let cross_moment = plan.cross_moment(x.points(), p, y.points(), q);
        let norm = linalg::norm(&cross_moment);
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
            let local = Local { plan, cross_moment, norm, iterations: iteration, status };
            return Ok((local, solved.into_basis()));
        }
        a = cross_moment.iter().map(|m| m / norm).collect();
        last = Some((plan, cross_moment, norm));
        basis = Some(solved.into_basis());
    }
    Err(Error::option("max_iter", max_iter, "at least 1"))
}

/// A local optimum followed from an earlier one: used where clouds move a little at a time.
#[derive(Debug, Clone)]
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
        let (local, basis) = alternate(&pair, &self.direction, self.basis.take(), 1000, &Stop::never())?;
        if local.norm > 0.0 {
            self.direction = local.cross_moment.iter().map(|m| m / local.norm).collect();
        }
        self.basis = Some(basis);
        Ok((local.plan, local.status))
    }
}

/// The starts: principal axes matched in order with every choice of signs, then Gaussian matrices.
struct Axes {
    p: usize,
    q: usize,
    x: linalg::Eigen,
    y: linalg::Eigen,
}

impl Axes {
    fn new(pair: &Pair) -> Result<Self> {
        let (p, q) = (pair.x.dim(), pair.y.dim());
        let x = linalg::symmetric_eigen(&pair.sigma_x, p)?;
        Ok(Axes { p, q, x, y: linalg::symmetric_eigen(&pair.sigma_y, q)? })
    }

    /// Axes whose signs are chosen.
    fn signed_axes(&self) -> usize {
        self.p.min(self.q).min(SIGNED_AXES)
    }

    /// Start number `k`, (p, q), of norm one.
    fn start(&self, k: usize, seed: u64) -> Vec<f64> {
        let signed = self.signed_axes();
        let mut a = if k < 1 << signed {
            self.signed(k, signed)
        } else {
            let mut s = Source::new(seed, k as u64);
            (0..self.p * self.q).map(|_| s.normal()).collect()
        };
        // entries may be so small that their squares are 0
        for size in [linalg::max_abs, linalg::norm] {
            let size = size(&a);
            a.iter_mut().for_each(|x| *x /= size);
        }
        a
    }

    fn signed(&self, choice: usize, signed: usize) -> Vec<f64> {
        let (p, q) = (self.p, self.q);
        let mut a = vec![0.0; p * q];
        for axis in 0..p.min(q) {
            let sign = if axis < signed && choice >> axis & 1 == 1 { -1.0 } else { 1.0 };
            // weights as in the optimum of Gaussians: |M| has the roots of products of eigenvalues
            let size = sign * (self.x.values[axis].max(0.0) * self.y.values[axis].max(0.0)).sqrt();
            for i in 0..p {
                for j in 0..q {
                    a[i * q + j] += size * self.x.vectors[i * p + axis] * self.y.vectors[j * q + axis];
                }
            }
        }
        // clouds without extent: any direction will do
        if linalg::max_abs(&a) == 0.0 {
            a[0] = 1.0;
        }
        a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
