//! What is known of a pair, as plain data for files and for other processes.

use serde::{Deserialize, Serialize};

use crate::igw::{self, Method};
use crate::solve::Status;

/// One pair: its distance, or the reason why it has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// First cloud.
    pub i: usize,
    /// Second cloud.
    pub j: usize,
    /// What was found; the reason is one line of text.
    pub outcome: Result<Found, String>,
}

/// The distance of a pair; the names are those of [`igw::Solution`]. All numbers are finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// IGW² of the plan found; scales as length⁴.
    pub squared: f64,
    /// Its root; scales as length².
    pub distance: f64,
    /// A lower bound of IGW².
    pub lower_bound: f64,
    /// Bound on the rounding error of `squared`.
    pub rounding: f64,
    /// True where `squared` is proved to be the global optimum, to the tolerance.
    pub certified: bool,
    /// How the search stopped.
    pub status: Status,
    /// Which method answered.
    pub method: Method,
    /// Starts that reached the best value.
    pub hits: u32,
    /// Starts tried.
    pub starts: u32,
    /// Those of them that went on with the clouds themselves ([`igw::Solution::continued`]).
    pub continued: u32,
}

impl Found {
    /// The numbers of a solution. Errors: one that has no double, as text.
    pub(super) fn of(sol: &igw::Solution) -> Result<Self, String> {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let found = Found {
            squared: sol.squared,
            distance: sol.distance,
            lower_bound: sol.lower_bound,
            rounding: sol.rounding,
            certified: sol.certified,
            status: sol.status,
            method: sol.method,
            hits: count(sol.hits),
            starts: count(sol.starts),
            continued: count(sol.continued),
        };
        if found.is_finite() {
            return Ok(found);
        }
        let unit = sol.unit;
        Err(format!(
            "the squared distance leaves the range of doubles: {:e} in units of {unit:e} to the fourth; rescale the data",
            sol.squared_in_units
        ))
    }

    /// Are all numbers finite, as they are in every sound record?
    pub fn is_finite(&self) -> bool {
        [self.squared, self.distance, self.lower_bound, self.rounding].iter().all(|x| x.is_finite())
    }
}
