//! The alternation of [`super::alternating`] for one pair of small clouds in one thread.
//!
//! One transport engine serves all starts ([`Support`]), each plan begins from the basis of the nearest direction solved
//! for, and each start ends at a plan from which an earlier one went on to an optimum. Starts off the principal axes
//! alternate first on 16 cells of each cloud, where a plan costs a few microseconds, and go on with the clouds only
//! from an optimum of cells that no start has had before. The other rules, and the numbering of starts, are those there.

use std::collections::HashMap;

use super::alternating::{Alternating, NEAR_OPTIMA, NEAR_SIZES, ROUND};
use super::optima::Optima;
use super::starts::Axes;
use super::{Found, Method, Pair, Solution, align};
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::cells;
use crate::ot::support::{Basis, Support};
use crate::solve::{Event, Observer, Status, Stop};

/// Cells on which starts alternate first, where both clouds have more than twice as many points.
const CELLS: usize = 16;
/// A bound that the value meets to this part of |Σ_x|² + |Σ_y|² is looked at without cancellation.
const CLOSE: f64 = 1e-7;

/// Local search of clouds that are small.
pub(super) fn solve(
    options: &Alternating,
    mu: &Measure,
    nu: &Measure,
    observer: &mut dyn Observer,
) -> Result<Solution> {
    let pair = Pair::new(mu, nu, options.center);
    let starts = options.plan_of_starts(mu.len(), nu.len()).0;
    let stop = Stop::after(options.time_limit).or_flag(observer.flag());
    let mut state = State::new(options, &pair, stop)?;
    let mut stopped = None;
    while state.tried < starts && !state.certified && stopped.is_none() {
        state.start()?;
        stopped = state.stop.requested();
        let event = Event::new(state.tried, Some(starts), 0.0, f64::NAN);
        if observer.event(&event).is_break() {
            stopped = stopped.or(Some(Status::Interrupted));
        }
    }
    let unfinished = state.tried < starts && !state.certified;
    state.finish(stopped.filter(|_| unfinished))
}

/// A plan, as far as the search needs it.
struct Vertex {
    cross_moment: Vec<f64>,
    norm: f64,
    basis: Basis,
    status: Status,
}

/// The plans of two clouds found so far.
struct Plans {
    support: Support,
    /// Directions solved for, one after the other, and their bases.
    directions: Vec<f64>,
    bases: Vec<Basis>,
    /// Optima to which plans lead, by their prints.
    passed: HashMap<u64, usize>,
    iterations: usize,
}

/// How a start ended.
struct End {
    vertex: Vertex,
    /// Number of the optimum to which another start came from here.
    seen: Option<usize>,
    prints: Vec<u64>,
}

impl Plans {
    fn new(x: &Measure, y: &Measure) -> Result<Self> {
        let support = Support::new(x.points(), x.dim(), x.weights(), y.points(), y.dim(), y.weights())?;
        Ok(Plans {
            support,
            directions: Vec::new(),
            bases: Vec::new(),
            passed: HashMap::new(),
            iterations: 0,
        })
    }

    /// The best plan in a direction, started from the basis given or from that of the nearest direction.
    fn vertex(&mut self, a: &[f64], basis: Option<&Basis>, stop: &Stop) -> Vertex {
        let basis = basis.or_else(|| {
            let near = self.directions.chunks_exact(a.len()).map(|b| linalg::dot(a, b)).enumerate();
            let nearest = near
                .fold((0, f64::NEG_INFINITY), |best, (k, dot)| if dot > best.1 { (k, dot) } else { best });
            self.bases.get(nearest.0)
        });
        let solved = self.support.solve(a, basis, stop);
        self.iterations += 1;
        let norm = linalg::norm(&solved.cross_moment);
        Vertex { cross_moment: solved.cross_moment, norm, basis: solved.basis, status: solved.status }
    }

    /// Alternates from A until |M| stays the same or a plan is met that was passed before.
    fn climb(&mut self, a: Vec<f64>, max_iter: usize, stop: &Stop) -> End {
        let mut a = a;
        let mut prints = Vec::new();
        let mut last: Option<Vertex> = None;
        for iteration in 1.. {
            let vertex = self.vertex(&a, last.as_ref().map(|l| &l.basis), stop);
            if vertex.status == Status::Converged {
                let print = vertex.basis.print();
                prints.push(print);
                if let Some(&number) = self.passed.get(&print) {
                    return End { vertex, seen: Some(number), prints };
                }
                if iteration == 1 {
                    self.directions.extend_from_slice(&a);
                    self.bases.push(vertex.basis.clone());
                }
            }
            let before = last.as_ref().map_or(f64::NEG_INFINITY, |l| l.norm);
            let fixed = vertex.norm <= before * (1.0 + 4.0 * f64::EPSILON) || vertex.norm == 0.0;
            let status = match (vertex.status, stop.requested()) {
                (Status::Converged, _) if fixed => Some(Status::Converged),
                (Status::Converged, Some(status)) => Some(status),
                (Status::Converged, None) => (iteration == max_iter).then_some(Status::IterationCap),
                (status, _) => Some(status),
            };
            // the better of the last two: equal up to rounding
            let vertex = match last.take() {
                Some(l) if vertex.norm <= before => l,
                _ => vertex,
            };
            if let Some(status) = status {
                if status != Status::Converged {
                    prints.clear();
                }
                return End { vertex: Vertex { status, ..vertex }, seen: None, prints };
            }
            a = vertex.cross_moment.iter().map(|m| m / vertex.norm).collect();
            last = Some(vertex);
        }
        unreachable!("max_iter is at least 1")
    }

    /// Remembers where the plans of a start led.
    fn remember(&mut self, prints: &[u64], number: usize) {
        self.passed.extend(prints.iter().map(|print| (*print, number)));
    }
}

struct State<'a> {
    options: &'a Alternating,
    pair: &'a Pair,
    axes: Axes,
    lower: f64,
    plans: Plans,
    cells: Option<Plans>,
    /// Of the cells: where each optimum led.
    led: Vec<usize>,
    optima: Optima,
    best: Option<Vertex>,
    certified: bool,
    tried: usize,
    stop: Stop,
}

impl<'a> State<'a> {
    fn new(options: &'a Alternating, pair: &'a Pair, stop: Stop) -> Result<Self> {
        let axes = Axes::new(pair)?;
        Ok(State {
            options,
            lower: axes.bound(),
            axes,
            plans: Plans::new(&pair.x, &pair.y)?,
            cells: coarse(pair)?,
            led: Vec::new(),
            optima: Optima::default(),
            best: None,
            certified: false,
            tried: 0,
            stop,
            pair,
        })
    }

    /// Does the next start.
    fn start(&mut self) -> Result<()> {
        let k = self.tried;
        self.tried += 1;
        let mut a = self.axes.start(k, self.options.seed);
        if k >= 2 * ROUND && k % 4 < 2 {
            let near = self.optima.best(k / 4 % NEAR_OPTIMA);
            let (size, norm) = (NEAR_SIZES[k % 2], near.norm.max(f64::MIN_POSITIVE));
            a.iter_mut().zip(&near.cross_moment).for_each(|(a, m)| *a = size * *a + m / norm);
            return self.climb(a).map(drop);
        }
        let Some(cells) = self.cells.as_mut().filter(|_| k >= 1 << self.axes.signed_axes()) else {
            return self.climb(a).map(drop);
        };
        let end = cells.climb(a.clone(), self.options.max_iter, &self.stop);
        if let Some(at) = end.seen {
            self.optima.count(self.led[at], &[]);
            return Ok(());
        }
        let vertex = end.vertex;
        if vertex.norm > 0.0 {
            a = vertex.cross_moment.iter().map(|m| m / vertex.norm).collect();
        }
        let at = self.led.len();
        cells.remember(&end.prints, at);
        let number = self.climb(a)?;
        self.led.push(number);
        Ok(())
    }

    /// Alternates with the clouds; the number of the optimum.
    fn climb(&mut self, a: Vec<f64>) -> Result<usize> {
        let End { vertex, seen, prints } = self.plans.climb(a, self.options.max_iter, &self.stop);
        let number = seen.unwrap_or_else(|| self.optima.number(&vertex.cross_moment, vertex.norm));
        self.optima.count(number, &[]);
        self.plans.remember(&prints, number);
        if seen.is_none() && self.best.as_ref().is_none_or(|best| vertex.norm > best.norm) {
            let rough = self.pair.size() - 2.0 * vertex.norm * vertex.norm;
            if rough - self.lower <= self.options.tol * rough + CLOSE * self.pair.size() {
                let aligned = self.aligned(&vertex)?.1;
                self.certified = self.pair.certifies(aligned.squared, self.lower, self.options.tol);
            }
            self.best = Some(vertex);
        }
        Ok(number)
    }

    fn aligned(&self, vertex: &Vertex) -> Result<(crate::ot::Plan, align::Aligned)> {
        let plan = self.plans.support.plan(&vertex.basis);
        let aligned = align::plan(&self.pair.x, &self.pair.y, &plan)?;
        Ok((plan, aligned))
    }

    fn finish(self, stopped: Option<Status>) -> Result<Solution> {
        let best = self.best.as_ref().ok_or_else(|| Error::option("starts", 0, "at least 1"))?;
        let (plan, aligned) = self.aligned(best)?;
        let hits = self.optima.hits(self.pair, best.norm, &aligned);
        let found = Found {
            aligned,
            plan,
            lower: self.lower,
            status: if self.certified { Status::Converged } else { stopped.unwrap_or(best.status) },
            method: Method::Local,
            iterations: self.plans.iterations + self.cells.as_ref().map_or(0, |cells| cells.iterations),
            starts: self.tried,
            hits,
            alternatives: Vec::new(),
            nodes: 0,
            trace: Vec::new(),
        };
        self.pair.solution(found, self.options.tol)
    }
}

/// The clouds as the means of a few cells each; `None` where one is about as small.
fn coarse(pair: &Pair) -> Result<Option<Plans>> {
    if pair.x.len().min(pair.y.len()) <= 2 * CELLS {
        return Ok(None);
    }
    let of = |cloud: &Measure| {
        let (means, weights) = cells::means(cloud.points(), cloud.weights(), cloud.dim(), CELLS);
        Measure::normalized(means, cloud.dim(), weights)
    };
    Plans::new(&of(&pair.x)?, &of(&pair.y)?).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;
    use crate::ot::Plan;

    fn cloud(s: &mut Source, n: usize, d: usize, weighted: bool) -> Measure {
        let points = (0..n * d).map(|_| s.normal()).collect();
        let w = (0..n).map(|_| if weighted { 0.1 + s.unit() } else { 1.0 }).collect();
        Measure::normalized(points, d, w).unwrap()
    }

    fn search(starts: usize) -> Alternating {
        Alternating { starts: Some(starts), ..Alternating::default() }
    }

    #[test]
    fn brute_force_is_reached() {
        let mut s = Source::new(52, 0);
        for trial in 0..40 {
            let (n, p, q) = (3 + trial % 5, 1 + trial % 3, 1 + (trial / 3) % 3);
            let (mu, nu) = (cloud(&mut s, n, p, false), cloud(&mut s, n, q, false));
            let options = Alternating { closed_forms: false, ..search(256) };
            let sol = solve(&options, &mu, &nu, &mut ()).unwrap();
            let mut best = f64::INFINITY;
            crate::ot::exact::tests::permutations(n, &mut |order| {
                let mass = vec![1.0 / n as f64; n];
                let plan = Plan { n, m: n, rows: (0..n).collect(), columns: order.to_vec(), mass };
                best = best.min(align::plan(&mu, &nu, &plan).unwrap().squared);
            });
            let gap = sol.squared - best;
            assert!(gap.abs() <= 1e-10 * best + sol.rounding, "{trial}: {} and {best}", sol.squared);
            assert!(sol.lower_bound <= sol.squared + sol.rounding && sol.hits >= 1);
        }
    }

    /// Clouds with more than two points a cell: values are local optima of the clouds, as good as those of the other search.
    #[test]
    fn optima_are_those_of_the_clouds() {
        let mut s = Source::new(53, 0);
        let (mut better, mut worse) = (0, 0);
        for trial in 0..30 {
            let (p, q) = (2 + trial % 2, 2 + trial / 2 % 2);
            let (mu, nu) =
                (cloud(&mut s, 40 + trial, p, trial % 3 == 0), cloud(&mut s, 65, q, trial % 5 == 0));
            let sol = solve(&search(64), &mu, &nu, &mut ()).unwrap();
            let other = search(64).solve(&mu, &nu, &mut ()).unwrap();
            assert_eq!((sol.lower_bound, sol.rounding), (other.lower_bound, other.rounding));
            assert!(sol.status == Status::Converged && sol.starts == 64 && sol.hits >= 1 && sol.hits <= 64);
            // the value is that of the plan, and alternation goes no further from it
            let aligned = align::plan(&mu, &nu, &sol.plan).unwrap();
            assert!((aligned.squared - sol.squared).abs() <= sol.rounding);
            let norm = linalg::norm(&sol.cross_moment);
            let a: Vec<f64> = sol.cross_moment.iter().map(|m| m / norm).collect();
            let cost = crate::ot::LowRankCost::inner_product(mu.points(), &a, nu.points(), p, q).unwrap();
            let best = crate::ot::Exact::default().solve(&cost, mu.weights(), nu.weights(), None).unwrap();
            assert!(-best.value <= norm * (1.0 + 1e-9), "{} above {norm}", -best.value);
            better += usize::from(sol.squared < other.squared * (1.0 - 1e-9));
            worse += usize::from(sol.squared > other.squared * (1.0 + 1e-9));
        }
        println!("{better} better, {worse} worse of 30");
        assert!(worse <= 3 + better, "{better} better, {worse} worse");
    }

    #[test]
    fn copies_points_and_stops() {
        let mut s = Source::new(54, 0);
        let mu = cloud(&mut s, 50, 2, false);
        let turned = mu.linear_image(&s.rotation(2), 2).unwrap();
        let sol = solve(&search(16), &mu, &turned, &mut ()).unwrap();
        assert!(sol.squared <= sol.rounding && sol.certified && sol.starts < 16, "{}", sol.squared);
        let origin = Measure::uniform(vec![0.0; 80], 2).unwrap();
        let sol = solve(&search(16), &origin, &origin, &mut ()).unwrap();
        assert_eq!((sol.squared, sol.certified), (0.0, true));
        let sol = solve(&search(16), &origin, &mu, &mut ()).unwrap();
        assert!(
            (sol.squared - linalg::norm(&mu.second_moment()).powi(2)).abs() <= sol.rounding && sol.certified
        );
        let nu = cloud(&mut s, 60, 3, true);
        let capped = Alternating { time_limit: Some(std::time::Duration::ZERO), ..search(16) };
        let sol = solve(&capped, &mu, &nu, &mut ()).unwrap();
        assert_eq!((sol.status, sol.starts), (Status::TimeCap, 1));
        assert!(sol.lower_bound <= sol.squared + sol.rounding);
        for scale in [1e-70, 1e70] {
            let scaled = |m: &Measure| m.moved(m.points().iter().map(|x| x * scale).collect());
            let far = solve(&search(16), &scaled(&mu), &scaled(&nu), &mut ()).unwrap();
            let near = solve(&search(16), &mu, &nu, &mut ()).unwrap();
            assert!((far.distance / scale / scale / near.distance - 1.0).abs() < 1e-9);
        }
    }
}
