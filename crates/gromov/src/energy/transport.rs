//! Half the squared distance to a target, in the W2 and in the IGW sense.
//!
//! The plan is kept from call to call: its basis starts the next transport problem, and the duals say
//! in one pricing of all pairs whether it is still optimal. The gradient is that of the value with
//! the plan held fixed, which is the gradient of F wherever the optimal plan is unique.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Energy, in_doubles, memory};
use crate::error::{Error, Result};
use crate::igw::{Alternating, Solution, align, alternating::Tracked, forecast::bytes};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{Basis, Exact, LowRankCost, Plan};
use crate::solve::{Event, Observer, Status};

/// F(ρ) = ½ W2²(ρ, ν); scales as length². One exact transport problem a call, O(n + m) memory.
#[derive(Debug, Clone)]
pub struct Wasserstein {
    target: Measure,
    basis: Option<Basis>,
}

impl Wasserstein {
    /// The target ν.
    pub fn new(target: Measure) -> Self {
        Wasserstein { target, basis: None }
    }

    /// The optimal plan from ρ to the target. Errors: another dimension.
    pub fn plan(&mut self, rho: &Measure) -> Result<Plan> {
        super::check_dim(self, rho)?;
        let unit = linalg::power_of_two_scale(rho.scale().max(self.target.scale()));
        let (x, y) = (rho.divided_by(unit), self.target.divided_by(unit));
        let cost = LowRankCost::squared_euclidean(x.points(), y.points(), rho.dim())?;
        let sol = Exact::default().solve(&cost, x.weights(), y.weights(), self.basis.take())?;
        converged(sol.status, "optimal transport")?;
        self.basis = Some(sol.basis);
        Ok(sol.plan)
    }
}

impl Energy for Wasserstein {
    fn name(&self) -> String {
        "wasserstein".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        let plan = self.plan(rho)?;
        let (d, y) = (rho.dim(), self.target.points());
        let means = barycentric(&plan, rho, &self.target);
        for (g, (x, m)) in gradient.iter_mut().zip(rho.points().iter().zip(&means)) {
            *g = x - m;
        }
        let value: f64 = plan
            .entries()
            .map(|(i, j, w)| {
                let squared = rho.point(i).iter().zip(&y[j * d..(j + 1) * d]).map(|(a, b)| (a - b).powi(2));
                w * squared.sum::<f64>()
            })
            .sum();
        let scale = rho.scale().max(self.target.scale());
        in_doubles(0.5 * value, scale, "in which squared lengths are doubles")
    }

    fn need(&self, n: usize, dim: usize) -> f64 {
        bytes((n, dim), (self.target.len(), self.target.dim()), 1)
    }

    fn dim(&self) -> Option<usize> {
        Some(self.target.dim())
    }

    fn memory(&self) -> Vec<u8> {
        memory::pack(&self.basis)
    }

    fn remember(&mut self, bytes: &[u8]) -> Result<()> {
        self.basis = memory::unpack("wasserstein", bytes)?;
        Ok(())
    }
}

/// F(ρ) = ½ IGW²(ρ, ν); scales as length⁴; rotation invariant; the target may have another dimension.
///
/// The first call searches from many starts ([`Alternating`]); later calls follow that local optimum
/// by alternation. F is therefore ½ IGW² of the optimum followed: an upper bound of the global one.
#[derive(Debug, Clone)]
pub struct Igw {
    target: Measure,
    search: Alternating,
    /// Set and forgotten together: what is followed, and the search it came from.
    tracked: Option<Tracked>,
    first: Option<Solution>,
    /// The plan of a search that was interrupted, and its cloud, for the one evaluation that follows it.
    interrupted: Option<(Measure, Plan)>,
}

impl Igw {
    /// The target ν, and how the first plan is searched.
    pub fn new(target: Measure, search: Alternating) -> Self {
        Igw { target, search, tracked: None, first: None, interrupted: None }
    }

    /// The solution of the first search; `None` before the first call.
    pub fn first(&self) -> Option<&Solution> {
        self.first.as_ref()
    }

    /// Forgets the optimum followed: the next call searches again.
    pub fn reset(&mut self) {
        self.tracked = None;
        self.first = None;
        self.interrupted = None;
    }

    /// The plan followed, at ρ. A cloud of another size or dimension starts a new search.
    pub fn plan(&mut self, rho: &Measure) -> Result<Plan> {
        if self.first.as_ref().is_some_and(|f| f.plan.n != rho.len() || f.means.0.len() != rho.dim()) {
            self.reset();
        }
        if let Some((cloud, plan)) = self.interrupted.take()
            && cloud == *rho
        {
            return Ok(plan);
        }
        if let Some(tracked) = &mut self.tracked {
            let (plan, status) = tracked.follow(rho, &self.target)?;
            converged(status, "IGW alternation")?;
            return Ok(plan);
        }
        Ok(self.search(rho, &mut ())?.plan)
    }

    /// The first search; what it finds is followed from then on, also when it was stopped. The plan of an interrupted
    /// one is first evaluated as it is: who interrupts does not wait for its alternation to end.
    fn search(&mut self, rho: &Measure, observer: &mut dyn Observer) -> Result<Solution> {
        let search = Alternating { center: false, closed_forms: false, ..self.search.clone() };
        let sol = search.solve(rho, &self.target, observer)?;
        let size = linalg::max_abs(&sol.cross_moment);
        let mut direction: Vec<f64> =
            sol.cross_moment.iter().map(|m| if size > 0.0 { m / size } else { 0.0 }).collect();
        let norm = linalg::norm(&direction);
        direction.iter_mut().for_each(|x| *x = if norm > 0.0 { *x / norm } else { 1.0 });
        self.tracked = Some(Tracked { direction, basis: None });
        self.interrupted = (sol.status == Status::Interrupted).then(|| (rho.clone(), sol.plan.clone()));
        self.first = Some(sol.clone());
        Ok(sol)
    }
}

impl Energy for Igw {
    fn name(&self) -> String {
        "igw".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        let plan = self.plan(rho)?;
        let aligned = align::plan(rho, &self.target, &plan)?;
        let (p, q) = (rho.dim(), self.target.dim());
        // ∇ = 2 ( Σ x − M ȳ(x) )
        let means = barycentric(&plan, rho, &self.target);
        let sigma: Vec<f64> = rho.second_moment().iter().map(|s| 2.0 * s).collect();
        let minus: Vec<f64> = aligned.cross_moment.iter().map(|m| -2.0 * m).collect();
        linalg::combine_rows(rho.points(), p, &sigma, &means, q, 1.0, &minus, gradient, p);
        let scale = rho.scale().max(self.target.scale());
        in_doubles(0.5 * aligned.squared, scale, "in which the fourth power of lengths is a double")
    }

    fn prepare(&mut self, rho: &Measure, observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        if self.first.is_some() {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(match self.search(rho, &mut BeforeTheFirstStep(observer))?.status {
            Status::Interrupted => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }

    fn rotation_invariant(&self) -> bool {
        true
    }

    fn need(&self, n: usize, dim: usize) -> f64 {
        let (x, y) = ((n, dim), (self.target.len(), self.target.dim()));
        // the first search, then the transport problem that follows its optimum; threads are not known here
        self.search.need(x, y, self.search.starts_at_once(n, y.0)).bytes().max(bytes(x, y, 1))
    }

    /// What is followed and the first search; not the plan of a search that was interrupted, after which no flow goes
    /// on.
    fn memory(&self) -> Vec<u8> {
        memory::pack(&(&self.tracked, &self.first))
    }

    fn remember(&mut self, bytes: &[u8]) -> Result<()> {
        let (tracked, first): (Option<Tracked>, Option<Solution>) = memory::unpack("igw", bytes)?;
        let (m, q) = (self.target.len(), self.target.dim());
        let fits = |t: &Tracked, f: &Solution| {
            let size = f.means.0.len() * q;
            let lengths = [t.direction.len(), f.cross_moment.len(), f.rotation.len()];
            f.plan.m == m && f.means.1.len() == q && lengths == [size; 3]
        };
        match (&tracked, &first) {
            (None, None) => {}
            (Some(t), Some(f)) if fits(t, f) && t.direction.iter().all(|x| x.is_finite()) => {}
            _ => {
                return Err(Error::shape(
                    "memory of igw",
                    format!("a target of {m} points in R^{q}"),
                    "another",
                ));
            }
        }
        (self.tracked, self.first, self.interrupted) = (tracked, first, None);
        Ok(())
    }
}

/// Hears of a search as of no step of the flow.
struct BeforeTheFirstStep<'a>(&'a mut dyn Observer);

impl Observer for BeforeTheFirstStep<'_> {
    fn event(&mut self, event: &Event) -> ControlFlow<()> {
        self.0.event(&Event { done: 0, total: None, ..*event })
    }

    fn flag(&self) -> Option<Arc<AtomicBool>> {
        self.0.flag()
    }
}

/// ȳ_i = Σ_j π_ij y_j / w_i, (n, q). A point without mass is sent where its nearest point of ρ with
/// mass goes.
fn barycentric(plan: &Plan, rho: &Measure, target: &Measure) -> Vec<f64> {
    let q = target.dim();
    let mut means = plan.push(target.points(), q);
    let (sums, _) = plan.marginals();
    for (mean, sum) in means.chunks_exact_mut(q).zip(&sums).filter(|m| *m.1 > 0.0) {
        mean.iter_mut().for_each(|x| *x /= sum);
    }
    for i in (0..rho.len()).filter(|&i| sums[i] == 0.0) {
        let distance =
            |j: usize| -> f64 { rho.point(i).iter().zip(rho.point(j)).map(|(a, b)| (a - b).powi(2)).sum() };
        let massive = (0..rho.len()).filter(|&j| sums[j] > 0.0);
        if let Some(j) = massive.min_by(|&j, &k| distance(j).total_cmp(&distance(k))) {
            let copy = means[j * q..(j + 1) * q].to_vec();
            means[i * q..(i + 1) * q].copy_from_slice(&copy);
        }
    }
    means
}

fn converged(status: Status, solver: &'static str) -> Result<()> {
    match status {
        Status::Converged => Ok(()),
        _ => Err(Error::IterationCap { solver }),
    }
}
