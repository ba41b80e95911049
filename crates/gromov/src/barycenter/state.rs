//! One start under way: plans and points in turns, then searches for better plans.

use rayon::prelude::*;

use super::problem::Problem;
use super::start;
use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{Basis, Exact, LowRankCost, Plan};
use crate::solve::Status;

/// One start under way: points, plans and their values in units.
pub(super) struct State {
    pub(super) y: Measure,
    pub(super) plans: Vec<Plan>,
    bases: Vec<Option<Basis>>,
    pub(super) squared: Vec<f64>,
    pub(super) trace: Vec<f64>,
    pub(super) status: Status,
    /// The number of the start, and its searches so far.
    number: usize,
    searches: usize,
}

impl State {
    pub(super) fn new(problem: &Problem<'_>, number: usize) -> Result<Self> {
        let first = start::cloud(problem, number)?;
        let near = (number >= problem.clouds.len()).then_some(problem.options.search_starts);
        let plans = problem.search(&first, near, (number, 0))?;
        let y = problem.points(&plans)?;
        let squared = problem.squared(&y, &plans)?;
        let trace = vec![problem.objective(&squared)];
        let bases = vec![None; plans.len()];
        Ok(State { y, plans, bases, squared, trace, status: Status::IterationCap, number, searches: 0 })
    }

    pub(super) fn objective(&self) -> f64 {
        self.trace.last().copied().unwrap_or(f64::INFINITY)
    }

    /// Plans in the directions of their cross moments, then points; where that gains nothing, a search for plans. False
    /// when the start has ended.
    pub(super) fn step(&mut self, problem: &Problem<'_>) -> Result<bool> {
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
        self.searches += 1;
        let starts = Some(problem.options.search_starts);
        let found = problem.search(&self.y, starts, (self.number, self.searches))?;
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
