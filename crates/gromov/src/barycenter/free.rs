//! Barycentre of clouds on n free points.
//!
//! For plans P_k (n × m_k) from Y (n × d, weights a) to X_k, with G = a^½ Y Yᵀ a^½ and the n × Σ d_k matrix
//! Z = [ √λ_k a^{−½} P_k X_k ]_k,
//!
//! Σ_k λ_k IGW²(Y, X_k; P_k) = |G|² − 2 ⟨G, Z Zᵀ⟩ + Σ_k λ_k |Σ_k|² = |G − Z Zᵀ|² + constant:
//!
//! the best Y is a principal component analysis, a^½ Y = Z V with the first d eigenvectors V of Zᵀ Z. The solver
//! alternates: exact transport for each P_k in the direction A = M_k (warm starts), then Y. Neither increases the
//! objective. First plans come from a search for each cloud ([`Alternating`]), because the rotation in which the
//! alternation starts matters, and searches follow where it ends; it goes on while they find better plans. An iteration
//! costs K transport problems and O(n (Σ d_k)²).
//!
//! IGW²(Y, X_k) ≥ Σ_i (μ_i − λ_i(Σ_k))² for every Y with the spectrum μ, and the sum over k is least at the mean of the
//! spectra, cut to d values: the lower bound of the solution.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::{check_lambdas, mean_of_spectra, start};
use crate::error::{Error, Result};
use crate::igw::{Alternating, align};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{Basis, Exact, LowRankCost, Plan};
use crate::solve::{Event, Observer, Status, Stop};

/// Most points of a barycentre whose number is not given.
pub const MOST_POINTS: usize = 2000;

/// Largest dimension of a barycentre.
pub const MOST_DIMENSIONS: usize = 4096;

/// Options of the barycentre.
#[derive(Debug, Clone)]
pub struct Barycenter {
    /// Number of points n. `None`: as many as there are `weights`; without these the points *and weights* are those of
    /// the largest cloud with λ > 0 (the first of equals), or, if it has more than [`MOST_POINTS`], that many of equal
    /// weights.
    pub n_points: Option<usize>,
    /// Weights of the points, (n), of sum one; `None` with `n_points`: equal. A point without weight is at the origin.
    pub weights: Option<Vec<f64>>,
    /// Dimension d; `None`: the largest of the clouds with λ > 0. Up to Σ d_k dimensions can lower the objective.
    pub dim: Option<usize>,
    /// λ (K), not negative and of sum one; `None`: equal.
    pub lambdas: Option<Vec<f64>>,
    /// Starts: first near each cloud (a sample of it), then from independent draws of them; `None`: as many as clouds
    /// with λ > 0, at least 2 and at most 8.
    pub starts: Option<usize>,
    /// Starts of each search for plans.
    pub search_starts: usize,
    /// Seed of samples and searches.
    pub seed: u64,
    /// A start has converged when a search for plans lowers the objective by at most this part of it.
    pub tol: f64,
    /// Cap on the iterations (plans, then points) of a start.
    pub max_iter: usize,
    /// Cap on the time of the whole run.
    pub time_limit: Option<Duration>,
    /// Remove the means first.
    pub center: bool,
}

impl Default for Barycenter {
    fn default() -> Self {
        Barycenter {
            n_points: None,
            weights: None,
            dim: None,
            lambdas: None,
            starts: None,
            search_starts: 16,
            seed: 0,
            tol: 1e-9,
            max_iter: 500,
            time_limit: None,
            center: false,
        }
    }
}

/// A barycentre and what is known of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Solution {
    /// Its points, (n, d) row-major: in the frame of the first cloud with λ > 0, turned as close as it can be, where d
    /// is at least the dimension of that cloud; else along the principal axes.
    pub points: Vec<f64>,
    /// Its weights, (n).
    pub weights: Vec<f64>,
    /// Its dimension d.
    pub dim: usize,
    /// Σ_k λ_k IGW² of the plans found, without cancellation; scales as length⁴.
    pub objective: f64,
    /// A lower bound of the objective of any n points in R^d.
    pub lower_bound: f64,
    /// Bound on the rounding of both.
    pub rounding: f64,
    /// How the run stopped.
    pub status: Status,
    /// Iterations of all starts.
    pub iterations: usize,
    /// Starts done.
    pub starts: usize,
    /// Starts that reached the best objective (equal within 1e-9).
    pub hits: usize,
    /// The objective of the best start: of the first plans, then after each iteration. Never increasing.
    pub trace: Vec<f64>,
    /// λ, (K).
    pub lambdas: Vec<f64>,
    /// Plans from the barycentre to each cloud. A cloud with λ = 0 has that of one search at the end.
    pub plans: Vec<Plan>,
    /// IGW² of these plans, (K).
    pub squared: Vec<f64>,
    /// Partial isometries R, (d, d_k), that bring each cloud into the frame of the barycentre: y ≈ R x.
    pub rotations: Vec<Vec<f64>>,
    /// Means that were removed (zero without `center`), (K) of (d_k).
    pub means: Vec<Vec<f64>>,
    /// Unit of length the problem was solved in.
    pub unit: f64,
    /// objective / unit⁴: in range where `objective` is not.
    pub objective_in_units: f64,
}

impl Solution {
    /// The barycentre as a measure.
    pub fn cloud(&self) -> Result<Measure> {
        Measure::weighted(self.points.clone(), self.dim, self.weights.clone())
    }
}

impl Barycenter {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [
            ("n_points", self.n_points),
            ("dim", self.dim),
            ("starts", self.starts),
            ("search_starts", Some(self.search_starts)),
            ("max_iter", Some(self.max_iter)),
        ] {
            if value == Some(0) {
                return Err(Error::option(name, 0, "at least 1"));
            }
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::option("tol", self.tol, "a number >= 0"));
        }
        if let Some(dim) = self.dim.filter(|dim| *dim > MOST_DIMENSIONS) {
            return Err(Error::option("dim", dim, format!("at most {MOST_DIMENSIONS}")));
        }
        if let Some(lambdas) = &self.lambdas {
            check_lambdas(Some(lambdas), lambdas.len())?;
        }
        match (&self.weights, self.n_points) {
            (Some(w), Some(n)) if w.len() != n => Err(Error::shape("weights", format!("({n})"), w.len())),
            _ => Ok(()),
        }
    }

    /// The weights (n) and the dimension that the barycentre of these clouds will have. Errors: as
    /// [`Barycenter::solve`].
    ///
    /// ```
    /// let clouds = [gromov::measure::sample::ball(30, 2, 1)?, gromov::measure::sample::ball(20, 3, 2)?];
    /// let (weights, dim) = gromov::Barycenter::default().support(&clouds)?;
    /// assert_eq!((weights.len(), dim), (30, 3));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn support(&self, clouds: &[Measure]) -> Result<(Vec<f64>, usize)> {
        self.check()?;
        let lambdas = check_lambdas(self.lambdas.as_deref(), clouds.len())?;
        let used = clouds.iter().zip(&lambdas).filter(|(_, l)| **l > 0.0).map(|(c, _)| c);
        let dim = used.clone().map(Measure::dim).max().unwrap_or(1);
        Ok((support(self, used)?.weights().to_vec(), self.dim.unwrap_or(dim)))
    }

    /// The barycentre of clouds. Observers are heard between iterations, a flag and the time limit within transport
    /// problems too. Errors: options out of range, no cloud.
    pub fn solve(&self, clouds: &[Measure], observer: &mut dyn Observer) -> Result<Solution> {
        self.check()?;
        let problem = Problem::new(self, clouds, observer)?;
        let starts = self.starts.unwrap_or(problem.clouds.len().clamp(2, 8));
        let (mut ends, mut iterations, mut stopped) = (Vec::<State>::new(), 0, None);
        while ends.len() < starts && stopped.is_none() {
            let mut state = State::new(&problem, ends.len())?;
            iterations += 1;
            loop {
                let best = ends.iter().map(State::objective).fold(state.objective(), f64::min);
                let event = Event::new(iterations, None, 0.0, problem.scaled(best));
                stopped = match observer.event(&event).is_break() {
                    true => Some(Status::Interrupted),
                    false => problem.stop.requested(),
                };
                if stopped.is_some() || !state.step(&problem)? {
                    break;
                }
                iterations += 1;
            }
            ends.push(state);
        }
        problem.finish(clouds, ends, iterations, stopped)
    }
}

/// The clouds with λ > 0 in units, and the support.
pub(super) struct Problem<'a> {
    pub(super) options: &'a Barycenter,
    pub(super) clouds: Vec<Measure>,
    /// Their places among all clouds, and λ of all.
    places: Vec<usize>,
    lambdas: Vec<f64>,
    means: Vec<Vec<f64>>,
    unit: f64,
    pub(super) weights: Measure,
    dim: usize,
    /// Σ_k λ_k |Σ_k|², and the lower bound.
    size: f64,
    lower: f64,
    clock: Instant,
    stop: Stop,
    flag: Flag,
}

/// An observer that only hands a flag on.
#[derive(Clone)]
struct Flag(Option<std::sync::Arc<std::sync::atomic::AtomicBool>>);

impl Observer for Flag {
    fn event(&mut self, _: &Event) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }

    fn flag(&self) -> Option<std::sync::Arc<std::sync::atomic::AtomicBool>> {
        self.0.clone()
    }
}

impl<'a> Problem<'a> {
    fn new(options: &'a Barycenter, clouds: &[Measure], observer: &dyn Observer) -> Result<Self> {
        if clouds.is_empty() {
            return Err(Error::shape("clouds", "at least one", "none"));
        }
        let lambdas = check_lambdas(options.lambdas.as_deref(), clouds.len())?;
        let places: Vec<usize> = (0..clouds.len()).filter(|&k| lambdas[k] > 0.0).collect();
        let mean = |c: &Measure| if options.center { c.mean() } else { vec![0.0; c.dim()] };
        let means: Vec<Vec<f64>> = clouds.iter().map(mean).collect();
        let shifted: Vec<Measure> = places.iter().map(|&k| clouds[k].shifted_by(&means[k])).collect();
        let scale = shifted.iter().map(Measure::scale).fold(0.0, f64::max);
        let unit = linalg::power_of_two_scale(scale.min(f64::MAX));
        let clouds: Vec<Measure> = shifted.iter().map(|c| c.divided_by(unit)).collect();
        let weights = support(options, clouds.iter())?;
        let dim = options.dim.unwrap_or(clouds.iter().map(Measure::dim).max().unwrap_or(1));
        let spectra = clouds.iter().map(Measure::spectrum).collect::<Result<Vec<_>>>()?;
        let used: Vec<f64> = places.iter().map(|&k| lambdas[k]).collect();
        let rank = dim.min(weights.weights().iter().filter(|w| **w > 0.0).count());
        let lower = mean_of_spectra(&spectra, &used, rank).1;
        let size = spectra.iter().zip(&used).map(|(l, w)| w * linalg::dot(l, l)).sum();
        let flag = Flag(observer.flag());
        let stop = Stop::after(options.time_limit).or_flag(observer.flag());
        let clock = Instant::now();
        Ok(Problem {
            options,
            clouds,
            places,
            lambdas,
            means,
            unit,
            weights,
            dim,
            size,
            lower,
            clock,
            stop,
            flag,
        })
    }

    fn lambda(&self, k: usize) -> f64 {
        self.lambdas[self.places[k]]
    }

    fn scaled(&self, squared: f64) -> f64 {
        squared * self.unit * self.unit * self.unit * self.unit
    }

    /// |Σ_Y| is at most the root mean square of |Σ_k|.
    fn rounding(&self) -> f64 {
        32.0 * f64::EPSILON * self.size
    }

    /// Plans to every cloud from a search for each.
    fn search(&self, y: &Measure, round: u64) -> Result<Vec<Plan>> {
        let search = |x: &Measure| -> Result<Plan> {
            let options = Alternating {
                starts: Some(self.options.search_starts),
                seed: self.options.seed.wrapping_add(round),
                time_limit: self.options.time_limit.map(|limit| limit.saturating_sub(self.clock.elapsed())),
                ..Alternating::default()
            };
            Ok(options.solve(y, x, &mut self.flag.clone())?.plan)
        };
        self.clouds.par_iter().map(search).collect()
    }

    /// The best points for given plans, along their principal axes.
    fn points(&self, plans: &[Plan]) -> Result<Measure> {
        let (n, d) = (self.weights.len(), self.dim);
        let widths: Vec<usize> = self.clouds.iter().map(Measure::dim).collect();
        let width: usize = widths.iter().sum();
        // rows √λ_k (a⁻¹ P_k X_k)_i side by side
        let (mut z, mut from) = (vec![0.0; n * width], 0);
        for (k, plan) in plans.iter().enumerate() {
            let (p, root) = (widths[k], self.lambda(k).sqrt());
            let (pushed, mass) = (plan.push(self.clouds[k].points(), p), plan.marginals().0);
            for i in (0..n).filter(|&i| mass[i] > 0.0) {
                for c in 0..p {
                    z[i * width + from + c] = root * pushed[i * p + c] / mass[i];
                }
            }
            from += p;
        }
        let moment = linalg::moment(self.weights.weights(), &z, width, &z, width);
        let eigen = linalg::symmetric_eigen(&moment, width)?;
        let mut axes = vec![0.0; d * width];
        for k in 0..d.min(width) {
            for c in 0..width {
                axes[k * width + c] = eigen.vectors[c * width + k];
            }
        }
        let points = linalg::map_rows(&z, width, &axes, d);
        Measure::weighted(points, d, self.weights.weights().to_vec())
    }

    /// IGW² of each plan.
    fn squared(&self, y: &Measure, plans: &[Plan]) -> Result<Vec<f64>> {
        let of = |(x, plan): (&Measure, &Plan)| Ok(align::plan(y, x, plan)?.squared);
        self.clouds.par_iter().zip(plans).map(of).collect()
    }

    fn objective(&self, squared: &[f64]) -> f64 {
        squared.iter().enumerate().map(|(k, s)| self.lambda(k) * s).sum()
    }
}

/// Weights of the points, as a cloud on the line.
fn support<'c>(options: &Barycenter, clouds: impl Iterator<Item = &'c Measure> + Clone) -> Result<Measure> {
    let equal = |n: usize| Measure::uniform(vec![0.0; n], 1);
    if let Some(weights) = &options.weights {
        return Measure::weighted(vec![0.0; weights.len()], 1, weights.clone());
    }
    if let Some(n) = options.n_points {
        return equal(n);
    }
    let most = clouds.clone().map(Measure::len).max().unwrap_or(1);
    match clouds.into_iter().find(|c| c.len() == most) {
        Some(largest) if most <= MOST_POINTS => {
            Measure::weighted(vec![0.0; most], 1, largest.weights().to_vec())
        }
        _ => equal(MOST_POINTS),
    }
}

/// One start under way: points, plans and their values in units.
struct State {
    y: Measure,
    plans: Vec<Plan>,
    bases: Vec<Option<Basis>>,
    squared: Vec<f64>,
    trace: Vec<f64>,
    status: Status,
    searches: u64,
}

impl State {
    fn new(problem: &Problem<'_>, number: usize) -> Result<Self> {
        let first = start::cloud(problem, number)?;
        let plans = problem.search(&first, number as u64)?;
        let y = problem.points(&plans)?;
        let squared = problem.squared(&y, &plans)?;
        let trace = vec![problem.objective(&squared)];
        let bases = vec![None; plans.len()];
        Ok(State { y, plans, bases, squared, trace, status: Status::IterationCap, searches: number as u64 })
    }

    fn objective(&self) -> f64 {
        self.trace.last().copied().unwrap_or(f64::INFINITY)
    }

    /// Plans in the directions of their cross moments, then points; where that gains nothing, a search for plans. False
    /// when the start has ended.
    fn step(&mut self, problem: &Problem<'_>) -> Result<bool> {
        if self.trace.len() > problem.options.max_iter {
            return Ok(false);
        }
        let plans = self.transported(problem)?;
        if self.take(problem, plans, 0.0)? {
            return Ok(true);
        }
        if problem.stop.requested().is_some() {
            return Ok(false);
        }
        self.searches += 1000;
        let found = problem.search(&self.y, self.searches)?;
        let values = problem.squared(&self.y, &found)?;
        let plans: Vec<Plan> = (0..found.len())
            .map(|k| if values[k] < self.squared[k] { found[k].clone() } else { self.plans[k].clone() })
            .collect();
        let gain = problem.options.tol * self.objective();
        let better = self.take(problem, plans, gain)?;
        if better {
            self.bases.iter_mut().for_each(|b| *b = None);
        } else if problem.stop.requested().is_none() {
            self.status = Status::Converged;
        }
        Ok(better)
    }

    /// Optimal plans for the costs −yᵀ M_k x.
    fn transported(&mut self, problem: &Problem<'_>) -> Result<Vec<Plan>> {
        let (y, d) = (&self.y, self.y.dim());
        let one = |((x, plan), basis): ((&Measure, &Plan), &mut Option<Basis>)| -> Result<Plan> {
            let p = x.dim();
            let mut direction = plan.cross_moment(y.points(), d, x.points(), p);
            let size = linalg::max_abs(&direction);
            if size == 0.0 {
                return Ok(plan.clone());
            }
            direction.iter_mut().for_each(|m| *m /= size);
            let cost = LowRankCost::inner_product(y.points(), &direction, x.points(), d, p)?;
            let solved =
                Exact::default().run(&cost, y.weights(), x.weights(), basis.take(), &problem.stop)?;
            let plan = solved.plan();
            *basis = Some(solved.into_basis());
            Ok(plan)
        };
        problem.clouds.par_iter().zip(&self.plans).zip(&mut self.bases).map(one).collect()
    }

    /// Takes plans with their points if the objective falls, by more than `gain` and its rounding.
    fn take(&mut self, problem: &Problem<'_>, plans: Vec<Plan>, gain: f64) -> Result<bool> {
        let y = problem.points(&plans)?;
        let squared = problem.squared(&y, &plans)?;
        let objective = problem.objective(&squared);
        if objective >= self.objective() - gain.max(1e-3 * problem.rounding()) {
            return Ok(false);
        }
        (self.y, self.plans, self.squared) = (y, plans, squared);
        self.trace.push(objective);
        Ok(true)
    }
}

impl Problem<'_> {
    fn finish(
        &self,
        clouds: &[Measure],
        ends: Vec<State>,
        iterations: usize,
        stopped: Option<Status>,
    ) -> Result<Solution> {
        let (starts, rounding) = (ends.len(), self.rounding());
        let best = ends.iter().map(State::objective).fold(f64::INFINITY, f64::min);
        let hits = ends.iter().filter(|e| e.objective() - best <= 1e-9 * best + rounding).count();
        let Some(end) = ends.into_iter().find(|e| e.objective() <= best) else {
            return Err(Error::option("starts", starts, "starts whose objective is a number"));
        };
        let y = self.framed(&end)?;
        let scaled = y.moved(y.points().iter().map(|v| v * self.unit).collect());
        let (mut plans, mut squared, mut rotations) = (Vec::new(), Vec::new(), Vec::new());
        for (k, cloud) in clouds.iter().enumerate() {
            if let Some(place) = self.places.iter().position(|&p| p == k) {
                rotations.push(align::plan(&y, &self.clouds[place], &end.plans[place])?.rotation);
                plans.push(end.plans[place].clone());
                squared.push(self.scaled(end.squared[place]));
            } else {
                let options = Alternating {
                    starts: Some(self.options.search_starts),
                    seed: self.options.seed,
                    time_limit: self
                        .options
                        .time_limit
                        .map(|limit| limit.saturating_sub(self.clock.elapsed())),
                    ..Alternating::default()
                };
                let cloud = cloud.shifted_by(&self.means[k]);
                let sol = options.solve(&scaled, &cloud, &mut self.flag.clone())?;
                rotations.push(sol.rotation);
                plans.push(sol.plan);
                squared.push(sol.squared);
            }
        }
        Ok(Solution {
            points: scaled.points().to_vec(),
            weights: scaled.weights().to_vec(),
            dim: self.dim,
            objective: self.scaled(best),
            lower_bound: self.scaled(self.lower),
            rounding: self.scaled(rounding),
            status: stopped.unwrap_or(end.status),
            iterations,
            starts,
            hits,
            trace: end.trace.iter().map(|v| self.scaled(*v)).collect(),
            lambdas: self.lambdas.clone(),
            plans,
            squared,
            rotations,
            means: self.means.clone(),
            unit: self.unit,
            objective_in_units: best,
        })
    }

    /// The points turned into the frame of the first cloud, where they have its dimension or more.
    fn framed(&self, end: &State) -> Result<Measure> {
        let (x, d) = (&self.clouds[0], self.dim);
        let p = x.dim();
        if p > d {
            return Ok(end.y.clone());
        }
        let moment = end.plans[0].cross_moment(end.y.points(), d, x.points(), p);
        let mut padded = vec![0.0; d * d];
        for i in 0..d {
            padded[i * d..i * d + p].copy_from_slice(&moment[i * p..(i + 1) * p]);
        }
        // y ≈ O x, so that Oᵀ y lies in the frame of x
        let turn = linalg::transpose(&linalg::polar(&padded, d)?, d, d);
        Ok(end.y.moved(linalg::map_rows(end.y.points(), d, &turn, d)))
    }
}
