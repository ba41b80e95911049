//! Limited-memory BFGS with a preconditioner, in an inner product of the objective's choice.
//!
//! The line search works on derivatives (approximate Wolfe conditions of Hager and Zhang, 2005): near
//! the minimum, values differ by less than their rounding while derivatives keep their digits.

use crate::error::Result;

/// Pairs kept: 2 · MEMORY vectors of the size of the cloud.
const MEMORY: usize = 6;
const LINE_SEARCH_CAP: usize = 20;
/// Trials in a bracket in which values can fall by rounding alone: where F is smooth two or three are enough, and at a
/// kink (points that meet) the derivative leaps however near the trials are.
const LEVEL_CAP: usize = 5;
const SUFFICIENT: f64 = 0.1;
const CURVATURE: f64 = 0.9;

/// What is minimised.
pub(crate) trait Objective {
    /// The inner product of two vectors, in which gradients are taken.
    fn inner(&self, a: &[f64], b: &[f64]) -> f64;
    /// Value, and gradient in the inner product; not finite outside the domain.
    fn evaluate(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<f64>;
    /// An approximation of the inverse Hessian, self-adjoint and not negative.
    fn precondition(&self, gradient: &[f64], out: &mut [f64]) -> Result<()>;
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Preconditioned gradient relative to that of the start.
    pub(crate) relative: f64,
    /// Absolute: the level of rounding. A search that fails within 100 times of it has converged.
    pub(crate) floor: f64,
    /// Cap on iterations.
    pub(crate) iterations: usize,
    /// Size of the terms that make up a value, whose rounding its differences carry.
    pub(crate) value_scale: f64,
}

/// How it went. Residuals are √⟨g, H g⟩ with the preconditioner H.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) start_residual: f64,
    pub(crate) residual: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
}

impl Outcome {
    /// The residual left, relative to its start.
    pub(crate) fn relative(&self) -> f64 {
        if self.start_residual > 0.0 { self.residual / self.start_residual } else { 0.0 }
    }
}

/// A point with value and gradient.
pub(crate) struct Point {
    pub(crate) y: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Minimises from `at`, whose value and gradient are given, and leaves the result there.
pub(crate) fn minimise(objective: &mut dyn Objective, at: &mut Point, stop: Stop) -> Result<Outcome> {
    let mut memory: Vec<Pair> = Vec::new();
    let mut retried = false;
    let mut direction = vec![0.0; at.y.len()];
    objective.precondition(&at.gradient, &mut direction)?;
    let start_residual = objective.inner(&at.gradient, &direction).max(0.0).sqrt();
    let mut out = Outcome { start_residual, residual: start_residual, iterations: 0, converged: false };
    let mut trial = Point { y: vec![0.0; at.y.len()], value: 0.0, gradient: vec![0.0; at.y.len()] };
    loop {
        if out.residual <= (stop.relative * start_residual).max(stop.floor) {
            out.converged = true;
            return Ok(out);
        }
        if out.iterations >= stop.iterations {
            return Ok(out);
        }
        two_loop(objective, &memory, &at.gradient, &mut direction)?;
        direction.iter_mut().for_each(|p| *p = -*p);
        let mut slope = objective.inner(&at.gradient, &direction);
        if slope >= 0.0 {
            memory.clear();
            objective.precondition(&at.gradient, &mut direction)?;
            direction.iter_mut().for_each(|p| *p = -*p);
            slope = objective.inner(&at.gradient, &direction);
        }
        let search = Search { slope, noise: 1e-14 * stop.value_scale.max(at.value.abs()) };
        let found = line_search(objective, at, &direction, search, &mut trial)?;
        if found != Found::Point {
            if memory.is_empty() || retried || found == Found::Level {
                // no lower value within rounding of the minimum
                out.converged = out.residual <= 100.0 * stop.floor;
                return Ok(out);
            }
            memory.clear();
            retried = true;
            continue;
        }
        let mut pair = if memory.len() == MEMORY {
            memory.remove(0)
        } else {
            Pair { step: vec![0.0; at.y.len()], change: vec![0.0; at.y.len()], curvature: 0.0 }
        };
        for k in 0..at.y.len() {
            pair.step[k] = trial.y[k] - at.y[k];
            pair.change[k] = trial.gradient[k] - at.gradient[k];
        }
        pair.curvature = objective.inner(&pair.step, &pair.change);
        if pair.curvature > 0.0 {
            memory.push(pair);
        }
        std::mem::swap(at, &mut trial);
        out.iterations += 1;
        objective.precondition(&at.gradient, &mut direction)?;
        out.residual = objective.inner(&at.gradient, &direction).max(0.0).sqrt();
    }
}

/// `out` ← (inverse Hessian estimate) · gradient.
fn two_loop(objective: &dyn Objective, memory: &[Pair], gradient: &[f64], out: &mut [f64]) -> Result<()> {
    let mut q = gradient.to_vec();
    let mut factors = vec![0.0; memory.len()];
    for (factor, pair) in factors.iter_mut().zip(memory).rev() {
        *factor = objective.inner(&pair.step, &q) / pair.curvature;
        q.iter_mut().zip(&pair.change).for_each(|(q, c)| *q -= *factor * c);
    }
    objective.precondition(&q, out)?;
    for (factor, pair) in factors.iter().zip(memory) {
        let back = factor - objective.inner(&pair.change, out) / pair.curvature;
        out.iter_mut().zip(&pair.step).for_each(|(o, s)| *o += back * s);
    }
    Ok(())
}

/// Slope at the start, and the rounding of values.
struct Search {
    slope: f64,
    noise: f64,
}

/// What a line search has found.
#[derive(Debug, PartialEq)]
enum Found {
    /// A point.
    Point,
    /// No point, where values can fall by rounding alone: at a kink another direction does no better.
    Level,
    /// No point.
    Nothing,
}

/// A step length that meets the Wolfe or the approximate Wolfe conditions; leaves the point in `trial`.
fn line_search(
    objective: &mut dyn Objective,
    at: &Point,
    direction: &[f64],
    search: Search,
    trial: &mut Point,
) -> Result<Found> {
    let Search { slope, noise } = search;
    let mut low = (0.0, slope);
    let mut high: Option<(f64, f64)> = None;
    let (mut length, mut level) = (1.0, 0);
    for _ in 0..LINE_SEARCH_CAP {
        for k in 0..trial.y.len() {
            trial.y[k] = at.y[k] + length * direction[k];
        }
        trial.value = objective.evaluate(&trial.y, &mut trial.gradient)?;
        let derivative = objective.inner(&trial.gradient, direction);
        let steep = derivative >= CURVATURE * slope;
        let wolfe = trial.value <= at.value + SUFFICIENT * length * slope && steep;
        let approximate =
            trial.value <= at.value + noise && (2.0 * SUFFICIENT - 1.0) * slope >= derivative && steep;
        if wolfe || approximate {
            return Ok(Found::Point);
        }
        // outside the domain of F (not finite) is too far as well
        let inside = trial.value.is_finite() && derivative.is_finite();
        if !inside || derivative >= 0.0 || trial.value > at.value + noise {
            high = Some((length, if inside { derivative } else { 0.0 }));
        } else {
            low = (length, derivative);
        }
        level += usize::from(high.is_some() && -slope * length <= noise);
        if level == LEVEL_CAP {
            return Ok(Found::Level);
        }
        length = match high {
            None => 2.0 * length,
            Some((far, rising)) => {
                let secant = (low.0 * rising - far * low.1) / (rising - low.1);
                let margin = 0.05 * (far - low.0);
                if rising > 0.0 && secant > low.0 + margin && secant < far - margin {
                    secant
                } else {
                    0.5 * (low.0 + far)
                }
            }
        };
        if !length.is_finite() {
            break;
        }
    }
    Ok(Found::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley, preconditioned by nothing.
    struct Valley;
    impl Objective for Valley {
        // weights 1/4 and 3/4
        fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
            0.25 * a[0] * b[0] + 0.75 * a[1] * b[1]
        }
        fn evaluate(&mut self, y: &[f64], g: &mut [f64]) -> Result<f64> {
            let (a, b) = (1.0 - y[0], y[1] - y[0] * y[0]);
            g[0] = (-2.0 * a - 400.0 * y[0] * b) / 0.25;
            g[1] = 200.0 * b / 0.75;
            Ok(a * a + 100.0 * b * b)
        }
        fn precondition(&self, g: &[f64], out: &mut [f64]) -> Result<()> {
            out.copy_from_slice(g);
            Ok(())
        }
    }

    #[test]
    fn finds_the_bottom_of_the_valley_to_rounding() {
        let mut at = Point { y: vec![-1.2, 1.0], value: 0.0, gradient: vec![0.0; 2] };
        at.value = Valley.evaluate(&at.y, &mut at.gradient).unwrap();
        let stop = Stop { relative: 1e-13, floor: 0.0, iterations: 200, value_scale: 0.0 };
        let out = minimise(&mut Valley, &mut at, stop).unwrap();
        assert!(out.converged && out.iterations < 80, "{out:?}");
        assert!((at.y[0] - 1.0).abs() + (at.y[1] - 1.0).abs() < 1e-11, "{:?}", at.y);
    }
}
