//! The alternation of [`super::alternating`] for one pair of small clouds in one thread.
//!
//! A start is a walk in the simplex method ([`Walk`]): it costs about as much as one transport problem. Starts along the
//! principal axes come first and are solved for on the clouds. The Gaussian ones walk on 8 cells of each cloud, where a
//! walk takes a few microseconds, and the best of the optima found there, eight or a sixth of the number of these starts
//! and not close to each other, go on with the clouds. Last come the starts near the best optima of the clouds. Walks on
//! from optima take one round of pivots towards their direction and follow the cross moment from there: it serves as
//! well as the best plan in that direction, and is half the work.
//!
//! A walk begins at the plan of the nearest direction solved for, and ends at a plan from which an earlier one went on to
//! an optimum. [`super::Solution::continued`] counts the walks on the clouds. Each of these ends at a fixed point of the
//! alternation: the value is that of a local optimum of the clouds.

use std::collections::HashMap;

use super::alternating::{Alternating, NEAR_OPTIMA, NEAR_SIZES, ROUND};
use super::optima::Optima;
use super::starts::Axes;
use super::{Found, Method, Pair, Solution, align};
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::support::Support;
use crate::ot::walk::{Place, Walk};
use crate::ot::{Plan, cells};
use crate::solve::{Event, Observer, Status, Stop};

/// Cells on which starts walk first, where both clouds have more than twice as many points.
const CELLS: usize = 8;
/// Optima of cells from which a search goes on with the clouds: at least so many, one for so many starts that are not near
/// optima, and so far apart, |A − B|.
const LEAST: usize = 8;
const PART: usize = 6;
const APART: f64 = 0.05;
/// Rounds of pivots towards a start on the cells, and towards one that goes on from an optimum.
const ROUNDS_OF_CELLS: usize = 2;
const ROUNDS: usize = 1;
/// From the second sixteen on, two of so many starts are near optima.
const NEAR_EACH: usize = 8;
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
    let mut state = State::new(options, &pair, starts, stop)?;
    let mut stopped = None;
    while !state.done() && stopped.is_none() {
        state.start()?;
        stopped = state.cut.or(state.stop.requested());
        let event = Event::new(state.tried, Some(starts), 0.0, f64::NAN);
        if observer.event(&event).is_break() {
            stopped = stopped.or(Some(Status::Interrupted));
        }
    }
    // nothing was left to do, and nothing was cut short
    let finished = state.done() && state.cut.is_none();
    state.finish(stopped.filter(|_| !finished))
}

/// The plans of two clouds found so far.
struct Plans {
    walk: Walk,
    /// Directions solved for and those of optima, one after the other, and their plans.
    directions: Vec<f64>,
    places: Vec<Place>,
    /// Optima to which plans lead, by their prints.
    passed: HashMap<u64, usize>,
    iterations: usize,
}

/// How a start ended.
struct End {
    moment: Vec<f64>,
    norm: f64,
    place: Option<Place>,
    status: Status,
    /// Number of the optimum to which another start came from here.
    seen: Option<usize>,
    prints: Vec<u64>,
}

impl End {
    fn direction(&self) -> Option<Vec<f64>> {
        (self.norm > 0.0).then(|| self.moment.iter().map(|m| m / self.norm).collect())
    }
}

impl Plans {
    fn new(x: &Measure, y: &Measure) -> Result<Self> {
        let support = Support::new(x.points(), x.dim(), x.weights(), y.points(), y.dim(), y.weights())?;
        Ok(Plans {
            walk: Walk::new(support),
            directions: Vec::new(),
            places: Vec::new(),
            passed: HashMap::new(),
            iterations: 0,
        })
    }

    /// Takes `rounds` towards the best plan in the direction A, from the plan of the nearest direction, and walks on until
    /// |M| stays the same or a plan is met that was passed before.
    fn climb(&mut self, a: &[f64], rounds: usize, max_iter: usize, stop: &Stop) -> End {
        let near = self.directions.chunks_exact(a.len()).map(|b| linalg::dot(a, b)).enumerate();
        let nearest =
            near.fold((0, f64::NEG_INFINITY), |best, (k, dot)| if dot > best.1 { (k, dot) } else { best });
        let first = self.walk.go(a, self.places.get(nearest.0), rounds, stop);
        let mut status = first.unwrap_or(Status::Converged);
        self.iterations += 1;
        let (mut prints, mut seen) = (Vec::new(), None);
        if status == Status::Converged {
            if first.is_some() {
                self.keep(a);
            }
            let passed = &self.passed;
            let walked =
                self.walk.climb(max_iter - 1, |print| passed.get(&print).copied(), &mut prints, stop);
            (status, seen) = (walked.status, walked.known);
            self.iterations += walked.turns;
        }
        if status != Status::Converged {
            prints.clear();
        }
        let (moment, norm, place) = (self.walk.moment().to_vec(), self.walk.norm(), self.walk.place());
        let end = End { moment, norm, place, status, seen, prints };
        if let Some(a) = end.direction().filter(|_| seen.is_none() && status == Status::Converged) {
            self.keep(&a);
        }
        end
    }

    /// Keeps the plan there is for starts in directions near `a`.
    fn keep(&mut self, a: &[f64]) {
        self.directions.extend_from_slice(a);
        self.places.extend(self.walk.place());
    }

    /// Remembers where the plans of a start led.
    fn remember(&mut self, prints: &[u64], number: usize) {
        self.passed.extend(prints.iter().map(|print| (*print, number)));
    }
}

/// An optimum of cells.
struct Sketch {
    direction: Vec<f64>,
    norm: f64,
    /// Starts that came to it.
    hits: usize,
}

struct State<'a> {
    options: &'a Alternating,
    pair: &'a Pair,
    axes: Axes,
    lower: f64,
    plans: Plans,
    cells: Option<Plans>,
    sketches: Vec<Sketch>,
    optima: Optima,
    best: Option<End>,
    certified: bool,
    /// Numbers of starts in the order in which they are tried: those near optima come last.
    order: Vec<usize>,
    /// How many of them are not near optima.
    wide: usize,
    tried: usize,
    continued: usize,
    stop: Stop,
    /// Why a walk was ended before its end, if one was.
    cut: Option<Status>,
}

impl<'a> State<'a> {
    fn new(options: &'a Alternating, pair: &'a Pair, starts: usize, stop: Stop) -> Result<Self> {
        let axes = Axes::new(pair)?;
        let near = |k: &usize| *k >= 2 * ROUND && k % NEAR_EACH < 2;
        let mut order: Vec<usize> = (0..starts).filter(|k| !near(k)).collect();
        let wide = order.len();
        order.extend((0..starts).filter(near));
        Ok(State {
            options,
            lower: axes.bound(),
            axes,
            plans: Plans::new(&pair.x, &pair.y)?,
            cells: if starts > 1 { coarse(pair)? } else { None },
            sketches: Vec::new(),
            optima: Optima::default(),
            best: None,
            certified: false,
            order,
            wide,
            tried: 0,
            continued: 0,
            stop,
            cut: None,
            pair,
        })
    }

    fn done(&self) -> bool {
        self.tried == self.order.len() || self.certified
    }

    /// Does the next start.
    fn start(&mut self) -> Result<()> {
        let k = self.order[self.tried];
        let mut a = self.axes.start(k, self.options.seed);
        let near_optimum = self.tried >= self.wide;
        if near_optimum {
            let near = self.optima.best(k / NEAR_EACH % NEAR_OPTIMA);
            let (size, norm) = (NEAR_SIZES[k % 2], near.norm.max(f64::MIN_POSITIVE));
            a.iter_mut().zip(&near.cross_moment).for_each(|(a, m)| *a = size * *a + m / norm);
        }
        self.tried += 1;
        match self.cells.is_some() && k >= 1 << self.axes.signed_axes() && !near_optimum {
            true => self.sketch(&a),
            false => self.climb(&a, if near_optimum { ROUNDS } else { usize::MAX }, 1)?,
        }
        if self.tried == self.wide { self.go_on() } else { Ok(()) }
    }

    /// Alternates with the cells.
    fn sketch(&mut self, a: &[f64]) {
        let Some(cells) = self.cells.as_mut() else { return };
        let end = cells.climb(a, ROUNDS_OF_CELLS, self.options.max_iter, &self.stop);
        let at = end.seen.unwrap_or(self.sketches.len());
        cells.remember(&end.prints, at);
        self.note(end.status);
        match self.sketches.get_mut(at) {
            Some(sketch) => sketch.hits += 1,
            None => {
                let direction = end.direction().unwrap_or_else(|| a.to_vec());
                self.sketches.push(Sketch { direction, norm: end.norm, hits: 1 });
            }
        }
    }

    /// Goes on with the clouds from the best optima of cells that are apart.
    fn go_on(&mut self) -> Result<()> {
        let mut sketches = std::mem::take(&mut self.sketches);
        let count = LEAST.max(self.wide.div_ceil(PART));
        sketches.sort_by(|a, b| b.norm.total_cmp(&a.norm));
        let mut chosen: Vec<Sketch> = Vec::new();
        for sketch in sketches {
            // |A − B|² = 2 − 2 ⟨A, B⟩
            let angle = |other: &Sketch| linalg::dot(&other.direction, &sketch.direction);
            match chosen.iter().position(|other| 2.0 - 2.0 * angle(other) <= APART * APART) {
                Some(at) => chosen[at].hits += sketch.hits,
                None if chosen.len() < count => chosen.push(sketch),
                None => {}
            }
        }
        chosen.iter().try_for_each(|sketch| self.climb(&sketch.direction, ROUNDS, sketch.hits))
    }

    /// Alternates with the clouds, for a number of starts.
    fn climb(&mut self, a: &[f64], rounds: usize, starts: usize) -> Result<()> {
        if self.certified {
            return Ok(());
        }
        self.continued += 1;
        let end = self.plans.climb(a, rounds, self.options.max_iter, &self.stop);
        self.note(end.status);
        let number = end.seen.unwrap_or_else(|| self.optima.number(&end.moment, end.norm));
        (0..starts).for_each(|_| self.optima.count(number, &[]));
        self.plans.remember(&end.prints, number);
        if end.seen.is_none() && self.best.as_ref().is_none_or(|best| end.norm > best.norm) {
            let rough = self.pair.size() - 2.0 * end.norm * end.norm;
            if rough - self.lower <= self.options.tol * rough + CLOSE * self.pair.size() {
                let aligned = self.aligned(&end)?.1;
                self.certified = self.pair.certifies(aligned.squared, self.lower, self.options.tol);
            }
            self.best = Some(end);
        }
        Ok(())
    }

    /// A walk that was told to stop makes the whole search one that was.
    fn note(&mut self, status: Status) {
        if matches!(status, Status::TimeCap | Status::Interrupted) {
            self.cut.get_or_insert(status);
        }
    }

    fn aligned(&self, end: &End) -> Result<(Plan, align::Aligned)> {
        let missing = || Error::option("starts", 0, "at least 1");
        let plan = self.plans.walk.plan(end.place.as_ref().ok_or_else(missing)?);
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
            status: stopped.unwrap_or(if self.certified { Status::Converged } else { best.status }),
            method: Method::Local,
            iterations: self.plans.iterations + self.cells.as_ref().map_or(0, |cells| cells.iterations),
            starts: self.tried,
            continued: self.continued,
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

    /// Clouds with more than two points a cell: values are local optima of the clouds. These clouds have no axes and many
    /// optima; the 64 starts, of which 29 go on at most, are as good as 16 of the other search.
    #[test]
    fn optima_are_those_of_the_clouds() {
        let mut s = Source::new(53, 0);
        let (mut better, mut worse) = (0, 0);
        for trial in 0..30 {
            let (p, q) = (2 + trial % 2, 2 + trial / 2 % 2);
            let (mu, nu) =
                (cloud(&mut s, 40 + trial, p, trial % 3 == 0), cloud(&mut s, 65, q, trial % 5 == 0));
            let sol = solve(&search(64), &mu, &nu, &mut ()).unwrap();
            let other = search(16).solve(&mu, &nu, &mut ()).unwrap();
            assert_eq!((sol.lower_bound, sol.rounding), (other.lower_bound, other.rounding));
            assert!(
                sol.status == Status::Converged
                    && sol.starts == 64
                    && sol.hits >= 1
                    && sol.hits <= 64
                    && sol.continued <= 29
            );
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
        assert!(worse <= better, "{better} better, {worse} worse");
    }

    /// Whenever time runs out, a search that does not say so has done all of its work.
    #[test]
    fn a_search_that_was_cut_short_says_so() {
        let mut s = Source::new(55, 0);
        let (mu, nu) = (cloud(&mut s, 50, 2, false), cloud(&mut s, 40, 2, true));
        for starts in [2, 16, 64] {
            let whole = solve(&search(starts), &mu, &nu, &mut ()).unwrap();
            let bits = |sol: &Solution| (sol.squared.to_bits(), sol.starts, sol.continued, sol.hits);
            for k in 0..200 {
                let limit = Some(std::time::Duration::from_micros(k * k / 8));
                let sol =
                    solve(&Alternating { time_limit: limit, ..search(starts) }, &mu, &nu, &mut ()).unwrap();
                assert!(sol.status == Status::TimeCap || bits(&sol) == bits(&whole), "{starts} starts, {k}");
                assert!(sol.status == Status::TimeCap || sol.status == whole.status);
            }
        }
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
