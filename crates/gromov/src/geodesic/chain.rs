//! Discrete geodesics: clouds x_0, ..., x_N of least action N Σ_k |Gram(x_{k+1}) − Gram(x_k)|², ends given.
//!
//! The chain with the least action tends to the geodesic with order 2 in 1/N, from below (chords). It asks nothing of
//! Σ, so that it stands where L has no inverse, and gives a start where the straight line is a bad one. The action is
//! minimised by preconditioned L-BFGS: near a chain its Hessian is 2 N T ⊗ L with T = tridiag(−1, 2, −1); the
//! preconditioner replaces L v by 2 Σ_k v, between one and two times too small on velocities without net rotation.

use super::span::Span;
use crate::error::Result;
use crate::linalg;
use crate::minimise::{self, Objective, Outcome, Point};
use crate::solve::Stop;

/// Eigenvalues of Σ below this part of the largest count as this in the preconditioner.
const LEAST: f64 = 1e-4;
/// Predicted fall of the action, relative to it, at which it counts as least.
const FALL: f64 = 1e-14;
/// Iterations after which the preconditioner is made anew.
const ROUND: usize = 50;

/// A chain and its action.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// x_0, ..., x_N, (p, d) each, each turned onto the one before: the last is the given end but for a rotation.
    pub(super) nodes: Vec<Vec<f64>>,
    /// N Σ_k |Gram(x_{k+1}) − Gram(x_k)|², at most d_igw² in the limit.
    pub(super) action: f64,
    pub(super) outcome: Outcome,
}

struct Interior<'a> {
    span: &'a Span,
    start: &'a [f64],
    end: &'a [f64],
    /// Σ_k^(−1/2) of the first chain.
    roots: Vec<Vec<f64>>,
    stop: &'a Stop,
}

impl Interior<'_> {
    fn size(&self) -> usize {
        self.start.len()
    }

    fn node<'b>(&'b self, y: &'b [f64], k: usize) -> &'b [f64] {
        let m = self.size();
        match k {
            0 => self.start,
            k if k <= self.roots.len() => &y[(k - 1) * m..k * m],
            _ => self.end,
        }
    }

    fn steps(&self) -> f64 {
        (self.roots.len() + 1) as f64
    }
}

impl Objective for Interior<'_> {
    fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
        let m = self.size();
        a.chunks_exact(m).zip(b.chunks_exact(m)).map(|(a, b)| self.span.inner(a, b)).sum()
    }

    /// ∂/∂x_k = 4 N [ (G_k − G_{k−1}) − (G_{k+1} − G_k) ] x_k, with (G_b − G_a) x = D bᵀx + a Dᵀx, D = b − a.
    fn evaluate(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let (m, n) = (self.size(), self.steps());
        gradient.fill(0.0);
        if self.stop.requested().is_some() {
            // nowhere is lower: the line search gives up, and the chain is not converged
            return Ok(f64::INFINITY);
        }
        let mut value = 0.0;
        for k in 0..=self.roots.len() {
            let (a, b) = (self.node(y, k), self.node(y, k + 1));
            value += n * self.span.gram_difference(a, b);
            let d: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
            for (at, sign) in [(k, -1.0), (k + 1, 1.0)] {
                if at == 0 || at > self.roots.len() {
                    continue;
                }
                let x = self.node(y, at);
                let first = self.span.times(&d, &self.span.cross(b, x));
                let second = self.span.times(a, &self.span.cross(&d, x));
                let out = &mut gradient[(at - 1) * m..at * m];
                out.iter_mut().zip(first.iter().zip(&second)).for_each(|(g, (f, s))| {
                    *g += 4.0 * n * sign * (f + s);
                });
            }
        }
        Ok(value)
    }

    fn precondition(&self, gradient: &[f64], out: &mut [f64]) -> Result<()> {
        let m = self.size();
        let by_roots = |v: &mut [f64]| {
            for (v, root) in v.chunks_exact_mut(m).zip(&self.roots) {
                let product = self.span.times(v, root);
                v.copy_from_slice(&product);
            }
        };
        out.copy_from_slice(gradient);
        by_roots(out);
        solve_second_difference(out, m);
        by_roots(out);
        out.iter_mut().for_each(|o| *o /= 4.0 * self.steps());
        Ok(())
    }
}

/// T⁻¹ along blocks of m numbers, T = tridiag(−1, 2, −1), by elimination.
fn solve_second_difference(v: &mut [f64], m: usize) {
    let blocks = v.len() / m;
    // pivots 2, 3/2, 4/3, ...
    let pivot = |k: usize| (k + 2) as f64 / (k + 1) as f64;
    for k in 1..blocks {
        for i in 0..m {
            v[k * m + i] += v[(k - 1) * m + i] / pivot(k - 1);
        }
    }
    for k in (0..blocks).rev() {
        for i in 0..m {
            let after = if k + 1 < blocks { v[(k + 1) * m + i] } else { 0.0 };
            v[k * m + i] = (v[k * m + i] + after) / pivot(k);
        }
    }
}

/// The chain of least action near `guess`, which holds N + 1 nodes with the given ends.
pub(super) fn shorten(span: &Span, guess: &[Vec<f64>], iterations: usize, stop: &Stop) -> Result<Chain> {
    let last = guess.len() - 1;
    let (never, size) = (Stop::never(), guess[0].len());
    let roots = inverse_roots(span, guess[1..last].iter().map(Vec::as_slice))?;
    let mut interior = Interior { span, start: &guess[0], end: &guess[last], roots, stop: &never };
    let mut at = Point { y: guess[1..last].concat(), value: 0.0, gradient: Vec::new() };
    at.gradient = vec![0.0; at.y.len()];
    at.value = interior.evaluate(&at.y, &mut at.gradient)?;
    interior.stop = stop;
    let mut done = 0;
    let outcome = loop {
        // the residual is the root of twice the fall that the quadratic model predicts
        let floor = (2.0 * FALL * at.value).sqrt();
        let cap = ROUND.min(iterations - done);
        let until = minimise::Stop { relative: 0.0, floor, iterations: cap, value_scale: at.value };
        let outcome = minimise::minimise(&mut interior, &mut at, until)?;
        done += outcome.iterations;
        if outcome.converged || outcome.iterations < cap || done >= iterations {
            break Outcome { iterations: done, ..outcome };
        }
        // far from the first chain: a preconditioner for where it is now
        interior.roots = inverse_roots(span, at.y.chunks_exact(size))?;
    };
    let mut nodes: Vec<Vec<f64>> = vec![guess[0].clone()];
    for k in 1..=last {
        let node = interior.node(&at.y, k);
        let turn = linalg::polar(&span.cross(node, &nodes[k - 1]), span.d)?;
        nodes.push(span.times(node, &turn));
    }
    Ok(Chain { nodes, action: at.value, outcome })
}

fn inverse_roots<'n>(span: &Span, nodes: impl Iterator<Item = &'n [f64]>) -> Result<Vec<Vec<f64>>> {
    nodes.map(|c| inverse_root(span, c)).collect()
}

/// Σ^(−1/2) of a node, with small eigenvalues raised.
fn inverse_root(span: &Span, c: &[f64]) -> Result<Vec<f64>> {
    let d = span.d;
    let e = linalg::symmetric_eigen(&span.cross(c, c), d)?;
    let least = (LEAST * e.values[0]).max(f64::MIN_POSITIVE);
    let mut root = vec![0.0; d * d];
    (0..d).for_each(|i| root[i * d + i] = e.values[i].max(least).sqrt().recip());
    Ok(linalg::conjugate_back(&e.vectors, &root, d))
}

/// Twice as many steps, with means between.
pub(super) fn refined(nodes: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut out = vec![nodes[0].clone()];
    for pair in nodes.windows(2) {
        out.push(pair[0].iter().zip(&pair[1]).map(|(a, b)| 0.5 * (a + b)).collect());
        out.push(pair[1].clone());
    }
    out
}
