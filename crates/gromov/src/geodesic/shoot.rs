//! The boundary value problem: a velocity whose geodesic ends on a given Gram matrix.
//!
//! Newton's method on the velocity. The residual is z O − y, where z is the end of the geodesic and O turns it onto y
//! (∫ (z O) yᵀ symmetric and not negative). Each step solves J δv = −residual by GMRES; J δv is one integration of the
//! linearised equation, so that no matrix of the size of the problem is formed. Derivatives are always those of a coarse
//! integration, and so are residuals until they are small: a fine geodesic is integrated two or three times at the end.

use super::integrate::{Accuracy, Course, End, integrate};
use super::span::Span;
use crate::error::Result;
use crate::linalg::{self, Eigen};
use crate::solve::Stop;

/// Newton steps before a start is given up.
const NEWTON: usize = 25;
/// Halvings of a Newton step.
const HALVINGS: usize = 5;
/// Error of a step of coarse integrations, cap on their steps (smooth ones take ten), and the residual up to which they
/// are used.
const COARSE: f64 = 1e-7;
const COARSE_STEPS: usize = 2_000;
const ROUGHLY: f64 = 1e-5;
/// Relative size of the residual at which the end is met, and at which it counts as met when it falls no further.
const MET: f64 = 1e-14;
const NEARLY: f64 = 1e-12;
/// Vectors of GMRES.
const KRYLOV: usize = 80;

/// A geodesic and how well it meets its end.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) velocity: Vec<f64>,
    pub(super) course: Course,
    /// O with ∫ (z O) yᵀ symmetric, (d, d).
    pub(super) turn: Vec<f64>,
    /// |z O − y| / |y|.
    pub(super) residual: f64,
    /// z O − y.
    difference: Vec<f64>,
    pub(super) iterations: usize,
}

/// Both ends.
pub(super) struct Ends<'a> {
    pub(super) span: &'a Span,
    pub(super) start: Vec<f64>,
    /// Second moment of the start.
    sigma: Eigen,
    pub(super) accuracy: Accuracy,
    stop: &'a Stop,
}

impl<'a> Ends<'a> {
    pub(super) fn new(span: &'a Span, accuracy: Accuracy, stop: &'a Stop) -> Result<Self> {
        let start = span.straight(0.0);
        let sigma = linalg::symmetric_eigen(&span.cross(&start, &start), span.d)?;
        Ok(Ends { span, start, sigma, accuracy, stop })
    }

    /// v − x W, the part of v without net rotation (∫ v xᵀ symmetric), and the skew W.
    pub(super) fn horizontal(&self, v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let f = linalg::skew_part(&self.span.cross(v, &self.start), self.span.d);
        let w: Vec<f64> = linalg::lyapunov(&self.sigma, &f).iter().map(|x| -x).collect();
        let turned = self.span.times(&self.start, &w);
        (v.iter().zip(&turned).map(|(v, t)| v - t).collect(), w)
    }

    /// Newton's method towards `target` from `guess`; the shot with the least residual, met or not; `None` where the
    /// first geodesic does not last until t = 1.
    pub(super) fn solve(&self, target: &[f64], guess: &[f64]) -> Result<Option<Shot>> {
        let coarse = self.coarse();
        let Some(first) = self.shot(target, &self.horizontal(guess).0, coarse)? else { return Ok(None) };
        let rough = self.newton(target, first, coarse, ROUGHLY)?;
        if rough.residual > ROUGHLY {
            return Ok(Some(rough));
        }
        let Some(fine) = self.shot(target, &rough.velocity, self.accuracy)? else { return Ok(None) };
        let iterations = rough.iterations;
        let mut shot = self.newton(target, fine, self.accuracy, MET)?;
        shot.iterations += iterations;
        Ok(Some(shot))
    }

    fn coarse(&self) -> Accuracy {
        let max_steps = self.accuracy.max_steps.min(COARSE_STEPS);
        Accuracy { tol: self.accuracy.tol.max(COARSE), max_steps, ..self.accuracy }
    }

    fn newton(&self, target: &[f64], mut shot: Shot, accuracy: Accuracy, met: f64) -> Result<Shot> {
        for iteration in 1..=NEWTON {
            if shot.residual <= met || self.stop.requested().is_some() {
                break;
            }
            let step = self.newton_step(target, &shot)?;
            let mut better = None;
            for halving in 0..=HALVINGS {
                let length = f64::from(halving as u32).exp2().recip();
                let v: Vec<f64> = shot.velocity.iter().zip(&step).map(|(v, s)| v + length * s).collect();
                let trial = self.shot(target, &v, accuracy)?;
                if let Some(trial) = trial.filter(|t| t.residual < (1.0 - 0.1 * length) * shot.residual) {
                    better = Some(trial);
                    break;
                }
                if shot.residual <= NEARLY {
                    break;
                }
            }
            let Some(better) = better else { break };
            shot = Shot { iterations: iteration, ..better };
        }
        Ok(shot)
    }

    /// The geodesic with this velocity; `None` if it does not last until t = 1.
    fn shot(&self, target: &[f64], velocity: &[f64], accuracy: Accuracy) -> Result<Option<Shot>> {
        let course = integrate(self.span, &self.start, velocity, 1.0, accuracy, false)?;
        if course.end != End::Done {
            return Ok(None);
        }
        let turn = linalg::polar(&self.span.cross(&course.c, target), self.span.d)?;
        let turned = self.span.times(&course.c, &turn);
        let difference: Vec<f64> = turned.iter().zip(target).map(|(z, y)| z - y).collect();
        let residual = self.span.norm(&difference) / self.span.norm(target);
        Ok(Some(Shot { velocity: velocity.to_vec(), course, turn, residual, difference, iterations: 0 }))
    }

    /// δv with J δv = −residual, to a tenth or to the residual itself near the end.
    fn newton_step(&self, target: &[f64], shot: &Shot) -> Result<Vec<f64>> {
        let (span, d) = (self.span, self.span.d);
        let z = span.times(&shot.course.c, &shot.turn);
        let towards = linalg::symmetric_eigen(&span.cross(&z, target), d)?;
        let zero = vec![0.0; z.len()];
        let mut course = integrate(span, &self.start, &shot.velocity, 1.0, self.coarse(), true)?;
        if course.end != End::Done {
            course = integrate(span, &self.start, &shot.velocity, 1.0, self.accuracy, true)?;
        }
        let apply = |v: &[f64]| -> Vec<f64> {
            let (v, w) = self.horizontal(v);
            let mut out = span.times(&course.tangent(span, &zero, &v).0, &shot.turn);
            // the turn follows: out + z W with ∫ (out + z W) yᵀ symmetric
            let follow = linalg::lyapunov(&towards, &linalg::skew_part(&span.cross(&out, target), d));
            // and rotations of the start, which move nothing, are mapped to those of the end: J has an inverse
            for (part, by) in [(z.as_slice(), &follow), (target, &w)] {
                let turned = span.times(part, by);
                out.iter_mut().zip(&turned).for_each(|(o, t)| *o += t);
            }
            out
        };
        let right: Vec<f64> = shot.difference.iter().map(|x| -x).collect();
        let solution = gmres(span, &apply, &right, shot.residual.clamp(1e-8, 0.05), self.stop);
        Ok(self.horizontal(&solution).0)
    }
}

/// x with A x = b to a relative residual of `tol`, or as near as it was when stopped, by GMRES without restarts.
fn gmres(span: &Span, apply: &impl Fn(&[f64]) -> Vec<f64>, b: &[f64], tol: f64, stop: &Stop) -> Vec<f64> {
    let size = span.norm(b);
    let mut x = vec![0.0; b.len()];
    if size == 0.0 {
        return x;
    }
    let mut basis = vec![b.iter().map(|v| v / size).collect::<Vec<f64>>()];
    // columns of R, rotations, right-hand side
    let (mut columns, mut rotations) = (Vec::<Vec<f64>>::new(), Vec::<(f64, f64)>::new());
    let mut right = vec![size];
    let most = KRYLOV.min(span.p * span.d);
    while columns.len() < most && right[columns.len()].abs() > tol * size && stop.requested().is_none() {
        let k = columns.len();
        let mut next = apply(&basis[k]);
        let before = span.norm(&next);
        let mut column = vec![0.0; k + 1];
        // twice is enough
        for _ in 0..2 {
            for (h, q) in column.iter_mut().zip(&basis) {
                let part = span.inner(&next, q);
                *h += part;
                next.iter_mut().zip(q).for_each(|(n, q)| *n -= part * q);
            }
        }
        let after = span.norm(&next);
        for (i, (cos, sin)) in rotations.iter().enumerate() {
            (column[i], column[i + 1]) =
                (cos * column[i] + sin * column[i + 1], cos * column[i + 1] - sin * column[i]);
        }
        let length = column[k].hypot(after);
        if length == 0.0 {
            break;
        }
        let (cos, sin) = (column[k] / length, after / length);
        column[k] = length;
        rotations.push((cos, sin));
        columns.push(column);
        let rest = right[k];
        right[k] = cos * rest;
        right.push(-sin * rest);
        if after <= 1e-14 * before {
            break;
        }
        basis.push(next.iter().map(|n| n / after).collect());
    }
    let mut weights = right[..columns.len()].to_vec();
    for k in (0..columns.len()).rev() {
        weights[k] /= columns[k][k];
        for i in 0..k {
            weights[i] -= columns[k][i] * weights[k];
        }
    }
    for (weight, q) in weights.iter().zip(&basis) {
        x.iter_mut().zip(q).for_each(|(x, q)| *x += weight * q);
    }
    x
}
