//! What a search on large clouds will cost, measured on subsamples before it begins.
//!
//! A round of as many starts as the search will run at once is run on seeded subsamples of at most 1,000 and 2,000 points of each cloud. Its time
//! grows like (n m)^α; α is fitted to the two and carried on to the whole clouds. It is an estimate:
//! expect a factor of two or three either way, more on a machine that is busy with something else.

use std::time::Instant;

use super::Alternating;
use crate::error::Result;
use crate::measure::{Measure, sample};
use crate::memory::{Need, WORD};
use crate::solve::{Event, Observer};

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
    /// The observer is heard after each of the four rounds; `None` if it ends them. Errors: those of `solve`.
    ///
    /// ```
    /// use gromov::{igw::Alternating, measure::sample};
    /// let (mu, nu) = (sample::gaussian(5000, 2, 1)?, sample::gaussian(30, 2, 2)?);
    /// let forecast = Alternating::default().forecast(&mu, &nu, &mut ())?.unwrap();
    /// assert!(forecast.seconds > 0.0 && forecast.bytes < 1e8 && forecast.starts == 64);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn forecast(
        &self,
        mu: &Measure,
        nu: &Measure,
        observer: &mut dyn Observer,
    ) -> Result<Option<Forecast>> {
        self.check()?;
        let (n, m) = (mu.len(), nu.len());
        let (starts, at_once) = self.plan_of_starts(n, m);
        let mut rounds = [(0.0, 0.0); 2];
        for (k, size) in [PROBE / 2, PROBE].into_iter().enumerate() {
            let cut = |cloud: &Measure| match cloud.len() {
                n if n > size => sample::subsample(cloud, size, self.seed),
                _ => Ok(cloud.clone()),
            };
            let (x, y) = (cut(mu)?, cut(nu)?);
            let mut best = f64::INFINITY;
            for again in 0..2 {
                let clock = Instant::now();
                self.trial_round(&x, &y, at_once)?;
                best = best.min(clock.elapsed().as_secs_f64());
                let event = Event::new(2 * k + again + 1, Some(4), 0.0, f64::NAN);
                if observer.event(&event).is_break() {
                    return Ok(None);
                }
            }
            rounds[k] = (x.len() as f64 * y.len() as f64, best);
        }
        let [small, large] = rounds;
        let growth = |from: f64, to: f64| (to / from).ln();
        let exponent = match growth(small.0, large.0) {
            pairs if pairs > 0.0 => (growth(small.1, large.1) / pairs).max(1.0),
            _ => 1.0,
        };
        let pairs = n as f64 * m as f64;
        Ok(Some(Forecast {
            seconds: starts.div_ceil(at_once) as f64 * large.1 * (pairs / large.0).powf(exponent),
            bytes: self.need((n, mu.dim()), (m, nu.dim()), rayon::current_num_threads()).bytes(),
            exponent,
            starts,
        }))
    }
}

impl Alternating {
    /// What [`Alternating::solve`] takes in memory for clouds of (points, dimension): O(n + m), never n m, counted from the
    /// arrays of the solver for each start under way in so many threads.
    pub fn need(&self, x: (usize, usize), y: (usize, usize), threads: usize) -> Need {
        Need::default().and("search", bytes(x, y, self.starts_at_once(x.0, y.0).min(threads)))
    }

    /// Starts that run at once, where there are threads for them.
    pub(crate) fn starts_at_once(&self, n: usize, m: usize) -> usize {
        self.plan_of_starts(n, m).1
    }
}

/// Memory of a search with clouds of (points, dimension) and `at_once` starts under way.
pub(crate) fn bytes((n, p): (usize, usize), (m, q): (usize, usize), at_once: usize) -> f64 {
    // a cloud: its coordinates and weights, as centred and as scaled
    let clouds = 2 * WORD * (n * (p + 1) + m * (q + 1));
    // factors of the cost of rank q, given, centred, as the finest cells, and those of the columns once more by
    // blocks; near blocks of the rows, old and new (4 words each)
    let factors = WORD * q * (3 * (n + m) + m) + 8 * WORD * n;
    // a node: separable terms, masses twice, potentials twice, position, weights, a slack (8 words); links,
    // depth and stack of the tree (6 half words) and its flow; entries of this plan, of the last plan and of
    // the list they come from (3 words each)
    let node = 8 * WORD + 6 * WORD / 2 + WORD + 9 * WORD;
    // the best plan is kept, once more to be handed over
    let kept = 6 * WORD * (n + m);
    (clouds + kept + at_once * (factors + node * (n + m))) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    #[test]
    fn an_observer_ends_a_forecast_between_its_rounds() {
        let (mu, nu) = (sample::gaussian(60, 2, 1).unwrap(), sample::gaussian(50, 2, 2).unwrap());
        for last in 1..=4 {
            let mut heard = Vec::new();
            let mut observer = |event: &Event| {
                heard.push((event.done, event.total));
                if event.done == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            assert_eq!(Alternating::default().forecast(&mu, &nu, &mut observer).unwrap(), None);
            assert_eq!(heard, (1..=last).map(|k| (k, Some(4))).collect::<Vec<_>>());
        }
    }
}
