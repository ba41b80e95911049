//! Barycentre of clouds on n free points.
//!
//! For plans P_k (n × m_k) from Y (n × d, weights a) to X_k, with G = a^½ Y Yᵀ a^½ and the n × Σ d_k matrix
//! Z = [ √λ_k a^{−½} P_k X_k ]_k,
//!
//! Σ_k λ_k IGW²(Y, X_k; P_k) = |G|² − 2 ⟨G, Z Zᵀ⟩ + Σ_k λ_k |Σ_k|² = |G − Z Zᵀ|² + constant:
//!
//! the best Y is a principal component analysis, a^½ Y = Z V with the first d eigenvectors V of Zᵀ Z. The solver
//! alternates: exact transport for each P_k in the direction A = M_k (warm starts), then Y. Neither increases the
//! objective. First plans come from a search for each cloud ([`crate::igw::Alternating`]), because the rotation in which the
//! alternation starts matters, and searches follow where it ends; it goes on while they find better plans. An iteration
//! costs K transport problems and O(n (Σ d_k)²).
//!
//! IGW²(Y, X_k) ≥ Σ_i (μ_i − λ_i(Σ_k))² for every Y with the spectrum μ, and the sum over k is least at the mean of the
//! spectra, cut to d values: the lower bound of the solution.

use std::time::Duration;

use super::check_lambdas;
use super::problem::{Problem, support};
use super::state::State;
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::ot::Plan;
use crate::solve::{Event, Observer, Status};

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
    /// Starts: first near each cloud (its points, a sample of them, or draws where n is larger), then from independent
    /// draws of them. `None`, for K clouds with
    /// λ > 0: K, at least 8 and at most 16, or 2 to 8 where n times the points of the largest is above 40,000.
    pub starts: Option<usize>,
    /// Starts of each search for plans, but for the first ones near each cloud: these take as many as a distance does
    /// ([`crate::igw::Alternating::starts`]).
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
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
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
    /// Starts done: fewer than asked for where one meets the lower bound.
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
    /// The barycentre as a measure. O(n d). Errors: points out of the range of doubles.
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
        let starts = self.starts.unwrap_or_else(|| problem.starts());
        let (mut ends, mut iterations, mut stopped) = (Vec::<State>::new(), 0, None);
        // no start is better than one that meets the bound
        let met = |ends: &[State]| ends.iter().any(|end| problem.met(end.objective()));
        while ends.len() < starts && stopped.is_none() && !met(&ends) {
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
            // heard within the step that ended the start
            if state.status != Status::Converged {
                stopped = stopped.or(problem.stop.requested());
            }
            ends.push(state);
        }
        problem.finish(clouds, ends, iterations, stopped)
    }
}
