//! The logarithm: which geodesic joins two labelled clouds.
//!
//! First Newton's method from the straight line between the aligned clouds; where it fails, continuation (the end is
//! moved from the start to its place, each geodesic the guess for the next); where that fails, the chain of least
//! action, whose first velocity is one more guess. Where no geodesic meets the end, because it would have to pass where
//! Σ has no inverse, the chain itself is the answer. A geodesic that is longer than the straight line is not accepted.

use super::Method;
use super::chain::{self, Chain};
use super::integrate::Accuracy;
use super::shoot::{Ends, Shot};
use super::span::Span;
use crate::error::Result;
use crate::solve::{Status, Stop};

/// Relative residual at which a geodesic counts as one to this end.
pub(super) const MET: f64 = 1e-11;
/// First step of the continuation, and the least before it is given up.
const FIRST: f64 = 1.0 / 6.0;
const LEAST: f64 = 1.0 / 200.0;
/// Steps of the first chain, and how often they are doubled.
const CHAIN: usize = 16;
const DOUBLINGS: usize = 3;
const CHAIN_ITERATIONS: usize = 1000;

/// What joins the ends.
#[derive(Debug, Clone)]
pub(super) enum Joined {
    Geodesic(Box<Shot>),
    /// The finest chain.
    Chain(Chain),
}

/// The answer and how it was found.
pub(super) struct Log {
    pub(super) joined: Joined,
    pub(super) method: Method,
    pub(super) status: Status,
    /// Newton steps, and iterations of chains.
    pub(super) iterations: usize,
    /// Difference of the lengths of the two finest chains, of the length; 0 for a geodesic.
    pub(super) uncertainty: f64,
}

/// Joins the cloud (I, 0) of a span to (I, I).
pub(super) fn join(span: &Span, accuracy: Accuracy, stop: &Stop) -> Result<Log> {
    let ends = Ends::new(span, accuracy)?;
    let target = span.straight(1.0);
    let straight: Vec<f64> = target.iter().zip(&ends.start).map(|(y, x)| y - x).collect();
    let longest = straight_cost(span).1 * (1.0 + 1e-9);
    let mut iterations = 0;
    let mut accepted = |shot: Option<Shot>| {
        let shot = shot?;
        iterations += shot.iterations;
        (shot.residual <= MET && span.speed_squared(&ends.start, &shot.velocity) <= longest).then_some(shot)
    };
    let found = |shot: Shot, method: Method, iterations: usize| Log {
        joined: Joined::Geodesic(Box::new(shot)),
        method,
        status: Status::Converged,
        iterations,
        uncertainty: 0.0,
    };
    if let Some(shot) = accepted(ends.solve(&target, &straight)?) {
        return Ok(found(shot, Method::Shooting, iterations));
    }
    if let Some(shot) = accepted(continuation(&ends, &straight, stop)?) {
        return Ok(found(shot, Method::Continuation, iterations));
    }
    let mut guess: Vec<Vec<f64>> = (0..=CHAIN).map(|k| span.straight(k as f64 / CHAIN as f64)).collect();
    let mut lengths = Vec::new();
    let mut total = 0;
    loop {
        let chain = chain::shorten(span, &guess, CHAIN_ITERATIONS)?;
        total += chain.outcome.iterations;
        let velocity = first_velocity(&chain.nodes);
        if let Some(shot) = accepted(ends.solve(&target, &velocity)?) {
            return Ok(found(shot, Method::Minimisation, iterations + total));
        }
        lengths.push(chain.action.sqrt());
        let stopped = stop.requested();
        if lengths.len() > DOUBLINGS || stopped.is_some() {
            let k = lengths.len() - 1;
            let uncertainty = if k > 0 { (lengths[k] - lengths[k - 1]).abs() / lengths[k] } else { 1.0 };
            let status = match stopped {
                Some(status) => status,
                None if !chain.outcome.converged => Status::IterationCap,
                None => Status::Singular,
            };
            return Ok(Log {
                joined: Joined::Chain(chain),
                method: Method::Chain,
                status,
                iterations: iterations + total,
                uncertainty,
            });
        }
        guess = chain::refined(&chain.nodes);
    }
}

/// Length and action of x + t D. Gram' is linear in t, so that |Gram'|² = a t² + b t + c.
pub(super) fn straight_cost(span: &Span) -> (f64, f64) {
    let (start, end) = (span.straight(0.0), span.straight(1.0));
    let v: Vec<f64> = end.iter().zip(&start).map(|(y, x)| y - x).collect();
    let [first, middle, last] = [0.0, 0.5, 1.0].map(|t| span.speed_squared(&span.straight(t), &v).max(0.0));
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

/// Geodesics to x + s D for s from 0 to 1, with steps as long as Newton's method bears.
fn continuation(ends: &Ends<'_>, straight: &[f64], stop: &Stop) -> Result<Option<Shot>> {
    let (mut done, mut step) = (0.0, FIRST);
    let mut velocity = vec![0.0; straight.len()];
    let mut slope = straight.to_vec();
    let mut iterations = 0;
    loop {
        let s = f64::min(done + step, 1.0);
        let guess: Vec<f64> = velocity.iter().zip(&slope).map(|(v, d)| v + (s - done) * d).collect();
        let shot = ends.solve(&ends.span.straight(s), &guess)?.filter(|shot| shot.residual <= MET);
        if let Some(shot) = shot {
            iterations += shot.iterations;
            if s == 1.0 {
                let mut shot = shot;
                shot.iterations = iterations;
                return Ok(Some(shot));
            }
            slope = shot.velocity.iter().zip(&velocity).map(|(v, old)| (v - old) / (s - done)).collect();
            velocity = shot.velocity;
            (done, step) = (s, 1.5 * step);
        } else {
            step *= 0.5;
        }
        if step < LEAST || stop.requested().is_some() {
            return Ok(None);
        }
    }
}

/// The derivative at 0 of the parabola through the first three nodes.
fn first_velocity(nodes: &[Vec<f64>]) -> Vec<f64> {
    let n = (nodes.len() - 1) as f64;
    let [a, b, c] = [&nodes[0], &nodes[1], &nodes[2]];
    (0..a.len()).map(|i| 0.5 * n * (4.0 * b[i] - 3.0 * a[i] - c[i])).collect()
}
