//! What a search on large clouds will cost, measured on subsamples before it begins.
//!
//! A round of starts is run on seeded subsamples of at most 1,000 and 2,000 points of each cloud. Its time
//! grows like (n m)^α; α is fitted to the two and carried on to the whole clouds. It is an estimate:
//! expect a factor of two or three either way, more on a machine that is busy with something else.

use std::time::Instant;

use super::Alternating;
use crate::error::Result;
use crate::measure::{Measure, sample};

/// Points of each cloud in the larger of the two rounds that are measured.
pub const PROBE: usize = 2000;

/// Time and memory that a search is expected to take.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// Time of all starts, in seconds, when none is spared by a certificate and no time limit ends them.
    pub seconds: f64,
    /// Memory of the solver and its copies of the clouds, in bytes; O(n + m), never n m.
    pub bytes: f64,
    /// α: time grows like (n m)^α. At least 1, because every problem prices all pairs.
    pub exponent: f64,
    /// Starts there will be.
    pub starts: usize,
}

impl Alternating {
    /// Forecasts [`Alternating::solve`] for two clouds (not for the closed form on the line, which is
    /// fast). Takes a few seconds on 2,000 points. Memory is counted from the arrays of the solver.
    /// Errors: those of `solve`.
    ///
    /// ```
    /// use gromov::{igw::Alternating, measure::sample};
    /// let (mu, nu) = (sample::gaussian(5000, 2, 1)?, sample::gaussian(30, 2, 2)?);
    /// let forecast = Alternating::default().forecast(&mu, &nu)?;
    /// assert!(forecast.seconds > 0.0 && forecast.bytes < 1e8 && forecast.starts == 64);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn forecast(&self, mu: &Measure, nu: &Measure) -> Result<Forecast> {
        self.check()?;
        let (n, m) = (mu.len(), nu.len());
        let (starts, at_once) = self.plan_of_starts(n, m);
        let (small, large) = (self.probe(mu, nu, PROBE / 2)?, self.probe(mu, nu, PROBE)?);
        let growth = |from: f64, to: f64| (to / from).ln();
        let exponent = match growth(small.0, large.0) {
            pairs if pairs > 0.0 => (growth(small.1, large.1) / pairs).max(1.0),
            _ => 1.0,
        };
        let rounds = starts.div_ceil(self.probes(starts)) as f64;
        let pairs = n as f64 * m as f64;
        Ok(Forecast {
            seconds: rounds * large.1 * (pairs / large.0).powf(exponent),
            bytes: bytes((n, mu.dim()), (m, nu.dim()), at_once.min(rayon::current_num_threads())),
            exponent,
            starts,
        })
    }

    /// Starts of the rounds that are measured.
    fn probes(&self, starts: usize) -> usize {
        starts.min(2)
    }

    /// Pairs of points and the time of a round on subsamples of at most `size` points, the better of two.
    fn probe(&self, mu: &Measure, nu: &Measure, size: usize) -> Result<(f64, f64)> {
        let cut = |cloud: &Measure| match cloud.len() {
            n if n > size => sample::subsample(cloud, size, self.seed),
            _ => Ok(cloud.clone()),
        };
        let (x, y) = (cut(mu)?, cut(nu)?);
        let mut best = f64::INFINITY;
        for _ in 0..2 {
            let clock = Instant::now();
            self.trial_round(&x, &y, self.probes(self.plan_of_starts(mu.len(), nu.len()).0))?;
            best = best.min(clock.elapsed().as_secs_f64());
        }
        Ok((x.len() as f64 * y.len() as f64, best))
    }
}

/// Memory of a search with clouds of (points, dimension) and `at_once` starts under way.
fn bytes((n, p): (usize, usize), (m, q): (usize, usize), at_once: usize) -> f64 {
    const WORD: usize = 8;
    // a cloud: its coordinates and weights, as centred and as scaled
    let clouds = 2 * WORD * (n * (p + 1) + m * (q + 1));
    // factors of the cost of rank q, given, centred, and those of the columns once more by columns
    let factors = WORD * q * (2 * (n + m) + m);
    // a node: separable terms, masses twice, potentials twice, position, weights, a slack (8 words); links,
    // depth and stack of the tree (6 half words) and its flow; entries of this plan, of the last plan and of
    // the list they come from (3 words each)
    let node = 8 * WORD + 6 * WORD / 2 + WORD + 9 * WORD;
    // the best plan is kept, once more to be handed over
    let kept = 6 * WORD * (n + m);
    (clouds + kept + at_once * (factors + node * (n + m))) as f64
}
