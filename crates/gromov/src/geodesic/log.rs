//! The logarithm: which geodesic joins two labelled clouds.
//!
//! First the chain of least action ([`super::chain`]) between the ends, from two guesses: it finds the short way round
//! where several geodesics join the ends, and costs little. Then Newton's method on the first velocity of the better
//! chain ([`super::shoot`]), which needs three or four steps from there. Where that fails the chain is refined and the
//! velocity tried again. Where no geodesic meets the end, because Σ has no inverse at an end or on the way, the finest
//! chain is the answer, and the status says so.

use super::Method;
use super::chain::{self, Chain};
use super::integrate::Accuracy;
use super::shoot::{Ends, Shot};
use super::span::Span;
use crate::error::Result;
use crate::linalg;
use crate::solve::{Event, Observer, Status, Stop};

/// Relative residual at which a geodesic counts as one to this end.
const MET: f64 = 1e-11;
/// Steps of the first chain, half of them in the second guess, and how often they are doubled.
const CHAIN: usize = 16;
const DOUBLINGS: usize = 3;
const CHAIN_ITERATIONS: usize = 1000;
/// A geodesic whose action is this much above that of the chain (itself .1 % below in common cases) has gone another way
/// round.
const ANOTHER: f64 = 1.02;

/// Rounding of actions, relative, in comparisons: none is below IGW² of the plan, none that is accepted above that of the
/// straight line.
const SLACK: f64 = 1e-9;
/// Differences of actions below this part of |Σ|² are rounding.
const ROUNDING: f64 = 1e-26;

/// What joins the ends.
#[derive(Debug, Clone)]
pub(super) enum Joined {
    Geodesic(Box<Shot>),
    /// The finest chain, and O that turns its end onto y.
    Chain {
        chain: Chain,
        turn: Vec<f64>,
    },
}

/// The answer and how it was found.
pub(super) struct Log {
    pub(super) joined: Joined,
    pub(super) method: Method,
    pub(super) status: Status,
    /// Iterations of chains and Newton steps.
    pub(super) iterations: usize,
    /// Difference of the lengths of the two finest chains, of the length; 0 for a geodesic.
    pub(super) uncertainty: f64,
    /// Eigenvalues of Σ where their ratio is least along a chain: smallest, largest.
    pub(super) spectrum: (f64, f64),
}

/// True if the Gram matrices of both ends are the same to rounding.
pub(super) fn at_rest(span: &Span, squared: f64) -> bool {
    let start = span.straight(0.0);
    let sigma = span.cross(&start, &start);
    squared <= ROUNDING * linalg::dot(&sigma, &sigma)
}

/// Joins x to x + D. The observer is told of each chain.
pub(super) fn join(span: &Span, accuracy: Accuracy, observer: &mut dyn Observer) -> Result<Log> {
    let stop = Stop::never().or_flag(observer.flag());
    let ends = Ends::new(span, accuracy, &stop)?;
    let target = span.straight(1.0);
    let (straight, squared) = (straight_cost(span).1, span.gram_difference(&ends.start, &target));
    let values = linalg::symmetric_eigen(&span.cross(&target, &target), span.d)?.values;
    let regular = values[span.d - 1] > accuracy.floor * values[0];
    let mut chain = first_chain(span, &stop)?;
    let mut iterations = chain.outcome.iterations;
    let mut lengths = vec![chain.action.sqrt()];
    let status = loop {
        // no geodesic with an inverse of L ends at the floor
        let shot = match regular {
            true => ends.solve(&target, &first_velocity(&chain.nodes))?,
            false => None,
        };
        if let Some(shot) = shot {
            iterations += shot.iterations;
            let action = span.speed_squared(&ends.start, &shot.velocity);
            let range = squared * (1.0 - SLACK)..=(ANOTHER * chain.action).min(straight * (1.0 + SLACK));
            if shot.residual <= MET && range.contains(&action) {
                return Ok(Log {
                    joined: Joined::Geodesic(Box::new(shot)),
                    method: Method::Shooting,
                    status: Status::Converged,
                    iterations,
                    uncertainty: 0.0,
                    spectrum: (0.0, 0.0),
                });
            }
        }
        let event = Event::new(iterations, None, 0.0, chain.action);
        if observer.event(&event).is_break() {
            break Status::Interrupted;
        }
        if let Some(status) = stop.requested() {
            break status;
        }
        if lengths.len() > DOUBLINGS {
            let (smallest, largest) = least_spectrum(span, &chain)?;
            break match (chain.outcome.converged, smallest <= accuracy.floor * largest) {
                (false, _) => Status::IterationCap,
                (true, true) => Status::Singular,
                (true, false) => Status::Stalled,
            };
        }
        chain = chain::shorten(span, &chain::refined(&chain.nodes), CHAIN_ITERATIONS, &stop)?;
        iterations += chain.outcome.iterations;
        lengths.push(chain.action.sqrt());
    };
    let uncertainty = match lengths[..] {
        [.., before, last] if last > 0.0 => (last - before).abs() / last,
        _ => 1.0,
    };
    let turn = linalg::polar(&span.cross(&chain.nodes[chain.nodes.len() - 1], &target), span.d)?;
    let spectrum = least_spectrum(span, &chain)?;
    let joined = Joined::Chain { chain, turn };
    Ok(Log { joined, method: Method::Chain, status, iterations, uncertainty, spectrum })
}

/// The shorter of two chains: from the straight line at once, and over the chain of half as many steps.
fn first_chain(span: &Span, stop: &Stop) -> Result<Chain> {
    let line = |steps: usize| -> Vec<Vec<f64>> {
        (0..=steps).map(|k| span.straight(k as f64 / steps as f64)).collect()
    };
    let half = chain::shorten(span, &line(CHAIN / 2), CHAIN_ITERATIONS, stop)?;
    let over_half = chain::shorten(span, &chain::refined(&half.nodes), CHAIN_ITERATIONS, stop)?;
    let at_once = chain::shorten(span, &line(CHAIN), CHAIN_ITERATIONS, stop)?;
    let total = half.outcome.iterations + over_half.outcome.iterations + at_once.outcome.iterations;
    let mut best = if over_half.action < at_once.action { over_half } else { at_once };
    best.outcome.iterations = total;
    Ok(best)
}

/// Smallest and largest eigenvalue of Σ where their ratio is least along a chain.
fn least_spectrum(span: &Span, chain: &Chain) -> Result<(f64, f64)> {
    let mut least = (1.0, 1.0);
    for c in &chain.nodes {
        let values = linalg::symmetric_eigen(&span.cross(c, c), span.d)?.values;
        let (smallest, largest) = (values[span.d - 1].max(0.0), values[0]);
        if smallest * least.1 <= least.0 * largest {
            least = (smallest, largest);
        }
    }
    Ok(least)
}

/// Length and action of x + t D. Gram' is linear in t, so that |Gram'|² = a t² + b t + c.
pub(super) fn straight_cost(span: &Span) -> (f64, f64) {
    let [first, middle, last] =
        [0.0, 0.5, 1.0].map(|t| span.speed_squared(&span.straight(t), span.difference()).max(0.0));
    let action = (first + 4.0 * middle + last) / 6.0;
    let a = 2.0 * (first + last) - 4.0 * middle;
    let largest = first.max(last);
    if a <= 1e-4 * largest {
        // nearly constant, as b² ≤ 4 a c: Simpson's rule on 64 parts has the digits of doubles
        let speed = |t: f64| (first + t * (last - first - a * (1.0 - t))).max(0.0).sqrt();
        let part = |k: i32| {
            let t = f64::from(k) / 64.0;
            (speed(t) + 4.0 * speed(t + 1.0 / 128.0) + speed(t + 1.0 / 64.0)) / 384.0
        };
        return ((0..64).map(part).sum(), action);
    }
    // a u² + e with u = t − lowest
    let lowest = 0.5 * (first - last + a) / a;
    let e = (first - a * lowest * lowest).max(0.0);
    let integral = |u: f64| {
        let curved = if e > 0.0 { e / a.sqrt() * (u * (a / e).sqrt()).asinh() } else { 0.0 };
        0.5 * (u * (a * u * u + e).sqrt() + curved)
    };
    (integral(1.0 - lowest) - integral(-lowest), action)
}

/// The derivative at 0 of the parabola through the first three nodes.
fn first_velocity(nodes: &[Vec<f64>]) -> Vec<f64> {
    let n = (nodes.len() - 1) as f64;
    let [a, b, c] = [&nodes[0], &nodes[1], &nodes[2]];
    (0..a.len()).map(|i| 0.5 * n * (4.0 * b[i] - 3.0 * a[i] - c[i])).collect()
}
