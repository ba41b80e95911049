//! The local search, and the proof where it is cheap.

use std::time::Instant;

use super::{Alternating, Global, Method, Pair, Solution};
use crate::error::Result;
use crate::measure::Measure;
use crate::solve::{Observer, Status};

/// d_x d_y up to which, points of the larger cloud up to which, and boxes within which a proof is tried: a second or
/// two at most. Measured on balls, Gaussians and shapes: 2-D clouds of some hundreds of points and anisotropic 3-D
/// clouds of about a hundred are certified within these boxes.
const CHEAP: [(usize, usize, usize); 2] = [(4, 400, 20_000), (9, 120, 40_000)];

/// Options of `auto`: [`Alternating`], then [`Global`] for small clouds, in at most some ten thousand boxes.
///
/// `method` of the solution is `global` if the value was certified that way, else `local` (or `line`); `nodes` says
/// how many boxes were tried, and the better lower bound is kept either way.
#[derive(Debug, Clone, Default)]
pub struct Auto {
    /// The local search. Its seed, tolerance, time limit and centring are those of the proof too.
    pub local: Alternating,
}

impl Auto {
    /// Solves for two clouds. Errors: options out of range.
    ///
    /// ```
    /// use gromov::igw::{Auto, Method};
    /// use gromov::measure::sample;
    /// let (mu, nu) = (sample::ball(30, 2, 1)?.centred(), sample::ball(40, 2, 2)?.centred());
    /// let sol = Auto::default().solve(&mu, &nu, &mut ())?;
    /// assert!(sol.certified && sol.method == Method::Global);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn solve(&self, mu: &Measure, nu: &Measure, observer: &mut dyn Observer) -> Result<Solution> {
        let clock = Instant::now();
        let mut sol = self.local.solve(mu, nu, observer)?;
        let (dim, points) = (mu.dim() * nu.dim(), mu.len().max(nu.len()));
        let cheap = CHEAP.into_iter().find(|c| dim <= c.0 && points <= c.1);
        let Some((_, _, boxes)) = cheap.filter(|_| !sol.certified && sol.status == Status::Converged) else {
            return Ok(sol);
        };
        let global = Global {
            tol: self.local.tol,
            starts: Some(1),
            seed: self.local.seed,
            max_nodes: Some(boxes),
            time_limit: self.local.time_limit.map(|limit| limit.saturating_sub(clock.elapsed())),
            center: self.local.center,
            certificate: false,
        };
        let mut proof = global.solve_from(mu, nu, Some(&sol.cross_moment), observer)?;
        proof.iterations += sol.iterations;
        proof.starts = sol.starts;
        if proof.squared.is_nan() || proof.squared > sol.squared + sol.rounding {
            // ended before it came to the plan it was given: its bound is all there is
            let pair = Pair::new(mu, nu, self.local.center);
            return Ok(with_bound(sol, &proof, &pair, self.local.tol));
        }
        if proof.squared <= sol.squared - sol.rounding {
            // the boxes led to a better plan: one search in all the starts has reached it
            proof.hits = 1;
            proof.alternatives.retain(|other| other.squared > proof.squared + proof.rounding);
        } else {
            (proof.hits, proof.alternatives) = (sol.hits, std::mem::take(&mut sol.alternatives));
        }
        if !proof.certified {
            proof.method = Method::Local;
            // a local optimum, as good as it is known; a budget that is used up is no failure of `auto`
            if matches!(proof.status, Status::IterationCap | Status::Stalled) {
                proof.status = sol.status;
            }
        }
        Ok(proof)
    }
}

/// A solution with the better of two lower bounds, and the status of the run that gave the other one.
fn with_bound(mut sol: Solution, proof: &Solution, pair: &Pair, tol: f64) -> Solution {
    sol.lower_bound = sol.lower_bound.max(proof.lower_bound);
    let lower = sol.lower_bound / sol.unit / sol.unit / sol.unit / sol.unit;
    (sol.gap, sol.certified) = pair.verdict(sol.squared_in_units, lower, tol);
    sol.nodes = proof.nodes;
    sol.iterations = proof.iterations;
    if matches!(proof.status, Status::TimeCap | Status::Interrupted) {
        sol.status = proof.status;
    }
    sol
}
