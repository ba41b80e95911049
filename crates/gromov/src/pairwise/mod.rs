//! All distances of a list of clouds, in blocks that may be solved anywhere.
//!
//! [`Pairwise`] holds the options. [`Pairwise::solve`] runs all pairs in the current `rayon` pool, one thread a pair;
//! [`Pairwise::block`] solves some pairs and is all that another process needs; [`Schedule`] says which blocks come
//! next and takes their records in any order, so that other engines can drive a run. The records of an earlier run
//! ([`io::Journal`](crate::io::Journal) keeps them in a file) are not computed again.
//!
//! A record depends on both clouds and on the options alone: not on the place in the list, on which cloud comes first,
//! on threads or processes. Only a `time_limit` makes it depend on the clock.
//!
//! With `prune: Some(K)` pairs are passed over that are not among the K nearest of either of their clouds: the spectral
//! bound Σ (λ_i(Σ_μ) − λ_i(Σ_ν))² ≤ IGW² ([`igw::bound`](crate::igw::bound)) is above the K-th smallest squared distance
//! found of both. See [`Schedule`].
//!
//! For k clouds the matrix and the records take some 33 k² bytes ([`Pairwise::need`]).

mod block;
mod nearest;
mod record;
mod run;
mod schedule;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::memory::{Need, WORD};

pub use block::STARTS;
pub use record::{Found, Record};
pub use run::Keep;
pub use schedule::{Failed, Schedule, Solution};

/// A cloud, or the reason why there is none: its pairs then fail with this reason.
pub type Cloud = std::result::Result<Measure, String>;

/// How the distance of a pair is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By [`Alternating`](crate::igw::Alternating), with closed forms on the line.
    #[default]
    Local,
    /// By [`Auto`](crate::igw::Auto): a proof where it is cheap.
    Auto,
    /// By [`Global`](crate::igw::Global).
    Global,
}

impl Method {
    /// The name: `local`, `auto`, `global`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Local => "local",
            Method::Auto => "auto",
            Method::Global => "global",
        }
    }
}

/// Options of all distances of a list of clouds.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairwise {
    /// How the distance of a pair is found.
    pub method: Method,
    /// Starts of the local search of a pair; `None`: 16 for `local`, else what the method has by itself.
    pub starts: Option<usize>,
    /// The seed, from which each pair gets its own.
    pub seed: u64,
    /// Relative tolerance of `certified`.
    pub tol: f64,
    /// Cap on the alternations of one start.
    pub max_iter: usize,
    /// Cap on the time of one pair. What such a pair gives depends on the clock.
    pub time_limit: Option<Duration>,
    /// Remove the mean of each cloud first.
    pub center: bool,
    /// Pass over pairs that are proved not to be among so many nearest of either cloud.
    pub prune: Option<usize>,
    /// Pairs of a block. No distance depends on it.
    pub block: usize,
}

impl Default for Pairwise {
    fn default() -> Self {
        Pairwise {
            method: Method::Local,
            starts: None,
            seed: 0,
            tol: 1e-9,
            max_iter: 1000,
            time_limit: None,
            center: false,
            prune: None,
            block: 64,
        }
    }
}

impl Pairwise {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("starts", self.starts),
            ("max_iter", Some(self.max_iter)),
            ("prune", self.prune),
            ("block", Some(self.block)),
        ];
        for (name, count) in counts {
            if count == Some(0) {
                return Err(Error::option(name, 0, "at least 1"));
            }
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::option("tol", self.tol, "a number >= 0"));
        }
        Ok(())
    }

    /// Names and values of the options that change a result: what a run must have in common with the one that it
    /// goes on from.
    pub fn texts(&self) -> Vec<(String, String)> {
        let none = || "none".to_string();
        let count = |n: Option<usize>| n.map_or_else(none, |n| n.to_string());
        let limit = self.time_limit.map_or_else(none, |t| format!("{} s", t.as_secs_f64()));
        [
            ("method", self.method.as_str().to_string()),
            ("starts", count(self.starts)),
            ("seed", self.seed.to_string()),
            ("tol", format!("{:?}", self.tol)),
            ("max_iter", self.max_iter.to_string()),
            ("time_limit", limit),
            ("center", self.center.to_string()),
            ("prune", count(self.prune)),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .to_vec()
    }

    /// What [`Pairwise::solve`] takes in memory: the clouds, the matrix, the records of all pairs.
    ///
    /// ```
    /// use gromov::{Pairwise, measure::sample};
    /// let clouds = vec![Ok(sample::ball(50, 2, 1)?); 1000];
    /// let bytes = Pairwise::default().need(&clouds).bytes();
    /// assert!((34e6..36e6).contains(&bytes));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn need(&self, clouds: &[Cloud]) -> Need {
        let numbers = |cloud: &Cloud| match cloud {
            Ok(cloud) => (WORD * cloud.len()) as f64 * (cloud.dim() + 1) as f64,
            Err(reason) => reason.len() as f64,
        };
        let k = clouds.len() as f64;
        // distances and the mask of pairs passed over; half as many records; neighbours of each cloud
        let record = size_of::<Option<Found>>() as f64;
        let nearest = if self.prune.is_some() { 5.0 } else { 0.0 };
        Need::default()
            .and("clouds", clouds.iter().map(|c| numbers(c) + 32.0).sum())
            .and("matrix", k * k * (9.0 + nearest))
            .and("records", k * k * record / 2.0)
    }
}

/// SHA-256 of the numbers of a cloud, as 64 hexadecimal digits: tells whether a run goes on with the same clouds.
pub fn fingerprint(cloud: &Cloud) -> String {
    block::sum(cloud).iter().map(|byte| format!("{byte:02x}")).collect()
}
