//! What a barycentre takes in memory.

use super::Barycenter;
use crate::igw;
use crate::memory::{Need, WORD};

impl Barycenter {
    /// What [`Barycenter::solve`] takes in memory for clouds of (points, dimension): copies of the clouds, and for each start the
    /// plans to all clouds with their bases of transport problems.
    pub fn need(&self, clouds: &[(usize, usize)]) -> Need {
        let largest = clouds.iter().map(|c| c.0).max().unwrap_or(1);
        let n = self
            .n_points
            .or(self.weights.as_ref().map(Vec::len))
            .unwrap_or(largest.min(super::free::MOST_POINTS));
        let dim = self.dim.unwrap_or(clouds.iter().map(|c| c.1).max().unwrap_or(1));
        let copies: usize = clouds.iter().map(|(m, q)| 3 * WORD * m * (q + 1)).sum();
        let plans: f64 = clouds.iter().map(|cloud| igw::forecast::bytes((n, dim), *cloud, 1)).sum();
        Need::default().and("clouds", copies as f64).and("plans", plans)
    }
}
