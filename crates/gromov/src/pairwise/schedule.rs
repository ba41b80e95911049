//! Which blocks come next, and what came back: the state of a run over all pairs.

use std::collections::HashSet;

use super::nearest::Nearest;
use super::{Cloud, Found, Pairwise, Record};
use crate::error::{Error, Result};
use crate::solve::Status;

/// A run over all pairs, between blocks.
///
/// [`Schedule::next_blocks`] hands pairs out, [`Schedule::take`] takes their records, in any order; when nothing is
/// under way and there are no more blocks, [`Schedule::finish`] has the matrix. With `prune` blocks come in rounds: the
/// next round begins when all records of the last one are there, so that no result depends on the order of records.
///
/// ```
/// use gromov::{Pairwise, measure::sample, pairwise::Schedule};
/// let clouds: Vec<_> = (1..=4).map(|seed| Ok(sample::ball(20, 2, seed).unwrap())).collect();
/// let options = Pairwise { block: 2, ..Pairwise::default() };
/// let mut schedule = Schedule::new(&options, &clouds, Vec::new())?;
/// // two blocks in flight; the last one comes back first
/// loop {
///     let blocks = schedule.next_blocks(2);
///     if blocks.is_empty() {
///         break;
///     }
///     for pairs in blocks.iter().rev() {
///         schedule.take(&options.block(&clouds, pairs))?;
///     }
/// }
/// let by_hand = schedule.finish();
/// assert_eq!(by_hand.distances, options.solve(&clouds, &mut ())?.distances);
/// # Ok::<(), gromov::Error>(())
/// ```
pub struct Schedule {
    k: usize,
    block: usize,
    /// Of each pair i < j, in the order of [`place`].
    found: Vec<Option<Found>>,
    failed: Vec<Failed>,
    /// Pairs that failed.
    without: HashSet<usize>,
    /// Clouds that are none.
    no_cloud: Vec<bool>,
    order: Order,
    /// Pairs handed out and not back.
    out: HashSet<usize>,
    solved: usize,
    resumed: usize,
    certified: usize,
}

/// Where pairs come from.
enum Order {
    /// All of them, row by row; the next one.
    Rows(usize, usize),
    /// The nearest.
    Nearest {
        nearest: Box<Nearest>,
        /// Pairs of this round and all before.
        asked: Vec<bool>,
        round: Vec<(usize, usize)>,
        /// Pairs of the round handed out.
        at: usize,
    },
}

/// A pair without a distance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// First cloud.
    pub i: usize,
    /// Second cloud, above the first.
    pub j: usize,
    /// Why, in one line.
    pub reason: String,
}

/// All distances.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Solution {
    /// Number of clouds k.
    pub k: usize,
    /// Distances, symmetric (k, k) row-major; scale as length². 0 on the diagonal; not a number for pairs that failed
    /// or were not reached, and on the diagonal of what is no cloud. A pair passed over has the root of its lower
    /// bound, which is above the K-th smallest distance of both clouds: the K nearest of every row are exact.
    pub distances: Vec<f64>,
    /// Which pairs were passed over (`prune`), (k, k).
    pub pruned: Vec<bool>,
    /// What is known of each pair i < j: see [`Solution::found`].
    found: Vec<Option<Found>>,
    /// Pairs without a distance, in their order.
    pub failed: Vec<Failed>,
    /// Pairs that have a distance.
    pub solved: usize,
    /// Pairs, solved or failed, that came from an earlier run.
    pub resumed: usize,
    /// Pairs passed over.
    pub skipped: usize,
    /// Pairs whose value is proved to be the optimum.
    pub certified: usize,
    /// `interrupted` if pairs were not reached; else the most serious status of a pair: `time_cap`, `iteration_cap`,
    /// `stalled`; else `completed`.
    pub status: Status,
    /// Why records could not be kept ([`Keep`](super::Keep)), which interrupted the run.
    pub unkept: Option<Error>,
}

impl Solution {
    /// What was found for a pair, in either order; `None` on the diagonal and for pairs without a distance.
    pub fn found(&self, i: usize, j: usize) -> Option<&Found> {
        let inside = i != j && i.max(j) < self.k;
        self.found.get(place(self.k, i.min(j), i.max(j)).filter(|_| inside)?)?.as_ref()
    }

    /// All pairs k (k − 1) / 2.
    pub fn pairs(&self) -> usize {
        self.found.len()
    }
}

/// Place of a pair i < j among all; `None` where i is no row.
fn place(k: usize, i: usize, j: usize) -> Option<usize> {
    (i < j && j < k).then(|| i * (2 * k - i - 1) / 2 + j - i - 1)
}

impl Schedule {
    /// A run of these clouds, of which `known` is there from an earlier run with the same options and clouds. Errors:
    /// options out of range, no clouds, records of pairs that there are not.
    pub fn new(options: &Pairwise, clouds: &[Cloud], known: Vec<Record>) -> Result<Self> {
        options.check()?;
        let k = clouds.len();
        if k == 0 || k > u32::MAX as usize {
            return Err(Error::shape("clouds", "at least one", k));
        }
        let pairs = k * (k - 1) / 2;
        let order = match options.prune {
            None => Order::Rows(0, 1),
            Some(most) => Order::Nearest {
                nearest: Box::new(Nearest::new(most, clouds, options.center)?),
                asked: vec![false; pairs],
                round: Vec::new(),
                at: 0,
            },
        };
        let mut schedule = Schedule {
            k,
            block: options.block,
            found: vec![None; pairs],
            failed: Vec::new(),
            without: HashSet::new(),
            no_cloud: clouds.iter().map(|cloud| cloud.is_err()).collect(),
            order,
            out: HashSet::new(),
            solved: 0,
            resumed: 0,
            certified: 0,
        };
        for record in known {
            let at = place(k, record.i.min(record.j), record.i.max(record.j));
            let Some(at) = at.filter(|at| !schedule.is_known(*at)) else {
                let pair = format!("({}, {}), or it twice", record.i, record.j);
                return Err(Error::shape("known", format!("pairs of {k} clouds"), pair));
            };
            schedule.enter(at, record)?;
            schedule.resumed += 1;
        }
        Ok(schedule)
    }

    /// All pairs.
    pub fn pairs(&self) -> usize {
        self.found.len()
    }

    /// Pairs that are known.
    pub fn done(&self) -> usize {
        self.solved + self.failed.len()
    }

    /// Pairs that were known before the run.
    pub fn resumed(&self) -> usize {
        self.resumed
    }

    fn is_known(&self, at: usize) -> bool {
        self.found[at].is_some() || self.without.contains(&at)
    }

    /// Up to `most` blocks of pairs i < j to be solved next. None: the run is over, or (with `prune`) waits for the
    /// records of those handed out.
    pub fn next_blocks(&mut self, most: usize) -> Vec<Vec<(usize, usize)>> {
        let mut blocks = Vec::new();
        while blocks.len() < most {
            let mut block = Vec::new();
            while block.len() < self.block
                && let Some((i, j)) = self.next_pair()
            {
                block.push((i, j));
            }
            if block.is_empty() {
                break;
            }
            blocks.push(block);
        }
        blocks
    }

    /// The next pair that is not known.
    fn next_pair(&mut self) -> Option<(usize, usize)> {
        loop {
            let (i, j) = self.order.next(self.k, &self.found, &self.out)?;
            let at = place(self.k, i, j)?;
            if !self.is_known(at) {
                self.out.insert(at);
                return Some((i, j));
            }
        }
    }

    /// Takes records of pairs handed out, of one block or of a part of one. Errors: other records, values that are no
    /// finite numbers.
    pub fn take(&mut self, records: &[Record]) -> Result<()> {
        for record in records {
            let at = place(self.k, record.i, record.j).filter(|at| self.out.contains(at));
            let Some(at) = at else {
                let pair = format!("({}, {})", record.i, record.j);
                return Err(Error::shape("records", "pairs that were handed out", pair));
            };
            self.enter(at, record.clone())?;
            self.out.remove(&at);
        }
        Ok(())
    }

    fn enter(&mut self, at: usize, record: Record) -> Result<()> {
        let (i, j) = (record.i.min(record.j), record.i.max(record.j));
        match record.outcome {
            Ok(found) if found.is_finite() => {
                self.solved += 1;
                self.certified += usize::from(found.certified);
                self.found[at] = Some(found);
            }
            Ok(found) => {
                return Err(Error::NotFinite {
                    argument: "records".into(),
                    index: format!("({i}, {j})"),
                    value: found.squared,
                });
            }
            Err(reason) => {
                self.without.insert(at);
                self.failed.push(Failed { i, j, reason });
            }
        }
        Ok(())
    }

    /// The matrix of what is known.
    pub fn finish(mut self) -> Solution {
        let k = self.k;
        let mut distances = vec![f64::NAN; k * k];
        let mut pruned = vec![false; k * k];
        let (mut skipped, mut missing) = (0, 0);
        let mut worst = None;
        for i in 0..k {
            distances[i * k + i] = if self.no_cloud[i] { f64::NAN } else { 0.0 };
            for j in i + 1..k {
                let Some(at) = place(k, i, j) else { continue };
                let value = match (&self.found[at], &self.order) {
                    (Some(found), _) => {
                        worst = worst.max(seriousness(found.status));
                        found.distance
                    }
                    _ if self.without.contains(&at) => f64::NAN,
                    (None, Order::Nearest { nearest, .. }) if nearest.is_pruned(i, j) => {
                        (pruned[i * k + j], pruned[j * k + i]) = (true, true);
                        skipped += 1;
                        nearest.distance_bound(i, j)
                    }
                    _ => {
                        missing += 1;
                        f64::NAN
                    }
                };
                (distances[i * k + j], distances[j * k + i]) = (value, value);
            }
        }
        self.failed.sort_by_key(|f| (f.i, f.j));
        let status = match missing {
            0 => worst.map_or(Status::Completed, |w| SERIOUS[w]),
            _ => Status::Interrupted,
        };
        Solution {
            k,
            distances,
            pruned,
            solved: self.solved,
            failed: self.failed,
            resumed: self.resumed,
            skipped,
            certified: self.certified,
            status,
            unkept: None,
            found: self.found,
        }
    }
}

/// Statuses of pairs that are told, the most serious last.
const SERIOUS: [Status; 3] = [Status::Stalled, Status::IterationCap, Status::TimeCap];

fn seriousness(status: Status) -> Option<usize> {
    SERIOUS.iter().position(|s| *s == status)
}

impl Order {
    /// The next pair, known or not; `None` at the end, or while a round waits for its records.
    fn next(&mut self, k: usize, found: &[Option<Found>], out: &HashSet<usize>) -> Option<(usize, usize)> {
        match self {
            Order::Rows(i, j) => {
                if *j >= k {
                    (*i, *j) = (*i + 1, *i + 2);
                }
                let pair = (*i, *j);
                *j += 1;
                (pair.1 < k).then_some(pair)
            }
            Order::Nearest { nearest, asked, round, at } => {
                if *at == round.len() {
                    if !out.is_empty() {
                        return None;
                    }
                    for &(i, j) in round.iter() {
                        if let Some(found) = place(k, i, j).and_then(|at| found[at]) {
                            nearest.learn(i, j, found.squared);
                        }
                    }
                    let known = |i: usize, j: usize| place(k, i.min(j), i.max(j)).is_some_and(|at| asked[at]);
                    *round = nearest.round(known);
                    *at = 0;
                    round.iter().filter_map(|&(i, j)| place(k, i, j)).for_each(|at| asked[at] = true);
                }
                let pair = round.get(*at).copied();
                *at += usize::from(pair.is_some());
                pair
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
