//! The problem in units: clouds, support, the best points for given plans, and the solution out of units.

use std::time::Instant;

use rayon::prelude::*;

use super::free::{Barycenter, MOST_POINTS, Solution};
use super::state::State;
use super::{check_lambdas, mean_of_spectra};
use crate::error::{Error, Result};
use crate::igw::{self, Alternating, align};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::Plan;
use crate::solve::{Observer, Quiet, Status, Stop};

/// Pairs of points up to which clouds count as small.
const SMALL: usize = 40_000;

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
    pub(super) stop: Stop,
    flag: Quiet,
}

impl<'a> Problem<'a> {
    pub(super) fn new(options: &'a Barycenter, clouds: &[Measure], observer: &dyn Observer) -> Result<Self> {
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
        let flag = Quiet::of(observer);
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

    pub(super) fn scaled(&self, squared: f64) -> f64 {
        squared * self.unit * self.unit * self.unit * self.unit
    }

    /// |Σ_Y| is at most the root mean square of |Σ_k|.
    pub(super) fn rounding(&self) -> f64 {
        32.0 * f64::EPSILON * self.size
    }

    /// True where an objective is the lower bound, to rounding.
    pub(super) fn met(&self, objective: f64) -> bool {
        objective - self.lower <= self.options.tol * objective + self.rounding()
    }

    /// Starts where none are asked for.
    pub(super) fn starts(&self) -> usize {
        let (count, n) = (self.clouds.len(), self.weights.len());
        let most = self.clouds.iter().map(Measure::len).max().unwrap_or(1);
        if n.saturating_mul(most) <= SMALL { count.clamp(8, 16) } else { count.clamp(2, 8) }
    }

    /// Plans to every cloud from a search for each, of so many starts (`None`: as many as a distance takes). Every
    /// start and search of it, `round`, has a seed of its own.
    pub(super) fn search(
        &self,
        y: &Measure,
        starts: Option<usize>,
        round: (usize, usize),
    ) -> Result<Vec<Plan>> {
        let seed = self.options.seed.wrapping_add(round.0 as u64 + ((round.1 as u64) << 32));
        self.clouds.par_iter().map(|x| Ok(self.searched(y, x, starts, seed)?.plan)).collect()
    }

    /// A search within the time that is left.
    fn searched(&self, y: &Measure, x: &Measure, starts: Option<usize>, seed: u64) -> Result<igw::Solution> {
        let time_limit = self.options.time_limit.map(|limit| limit.saturating_sub(self.clock.elapsed()));
        let options = Alternating { starts, seed, time_limit, ..Alternating::default() };
        options.solve(y, x, &mut self.flag.clone())
    }

    /// The best points for given plans, along their principal axes.
    pub(super) fn points(&self, plans: &[Plan]) -> Result<Measure> {
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
        let points = principal(self.weights.weights(), &z, width, d)?;
        Measure::weighted(points, d, self.weights.weights().to_vec())
    }

    /// IGW² of each plan.
    pub(super) fn squared(&self, y: &Measure, plans: &[Plan]) -> Result<Vec<f64>> {
        let of = |(x, plan): (&Measure, &Plan)| Ok(align::plan(y, x, plan)?.squared);
        self.clouds.par_iter().zip(plans).map(of).collect()
    }

    pub(super) fn objective(&self, squared: &[f64]) -> f64 {
        squared.iter().enumerate().map(|(k, s)| self.lambda(k) * s).sum()
    }
}

/// Rows `z` (n, width) along their first d principal axes, (n, d): of all points in R^d those whose Gram matrix is
/// nearest to that of the rows.
pub(super) fn principal(weights: &[f64], z: &[f64], width: usize, d: usize) -> Result<Vec<f64>> {
    let eigen = linalg::symmetric_eigen(&linalg::moment(weights, z, width, z, width), width)?;
    let mut axes = vec![0.0; d * width];
    for k in 0..d.min(width) {
        for c in 0..width {
            axes[k * width + c] = eigen.vectors[c * width + k];
        }
    }
    Ok(linalg::map_rows(z, width, &axes, d))
}

/// Weights of the points, as a cloud on the line.
pub(super) fn support<'c>(
    options: &Barycenter,
    clouds: impl Iterator<Item = &'c Measure> + Clone,
) -> Result<Measure> {
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

impl Problem<'_> {
    pub(super) fn finish(
        &self,
        clouds: &[Measure],
        ends: Vec<State>,
        iterations: usize,
        stopped: Option<Status>,
    ) -> Result<Solution> {
        let (starts, rounding) = (ends.len(), self.rounding());
        let best = ends.iter().map(State::objective).fold(f64::INFINITY, f64::min);
        debug_assert!(best.is_finite(), "objectives of {starts} starts in units: {best}");
        let hits = ends.iter().filter(|e| e.objective() - best <= 1e-9 * best + rounding).count();
        let Some(end) = ends.into_iter().find(|e| e.objective() <= best) else {
            return Err(Error::option("starts", starts, "starts whose objective is a number"));
        };
        let y = self.framed(&end)?;
        let scaled = y.moved(y.points().iter().map(|v| v * self.unit).collect());
        let (mut plans, mut squared, mut rotations) = (Vec::new(), Vec::new(), Vec::new());
        let mut status = stopped.unwrap_or(end.status);
        for (k, cloud) in clouds.iter().enumerate() {
            if let Some(place) = self.places.iter().position(|&p| p == k) {
                rotations.push(align::plan(&y, &self.clouds[place], &end.plans[place])?.rotation);
                plans.push(end.plans[place].clone());
                squared.push(self.scaled(end.squared[place]));
            } else {
                let cloud = cloud.shifted_by(&self.means[k]);
                let starts = Some(self.options.search_starts);
                let sol = self.searched(&scaled, &cloud, starts, self.options.seed)?;
                // a plan that was not sought to the end
                if status.is_success() {
                    status = sol.status;
                }
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
            status,
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
        let padded = align::padded_matrix(&moment, d, p, d);
        // y ≈ O x, so that Oᵀ y lies in the frame of x
        let turn = linalg::transpose(&linalg::polar(&padded, d)?, d, d);
        Ok(end.y.moved(linalg::map_rows(end.y.points(), d, &turn, d)))
    }
}
