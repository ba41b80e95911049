//! What a path takes in memory.

use super::{Geodesic, Kind};
use crate::memory::{Need, WORD};

impl Geodesic {
    /// What [`Geodesic::solve`] and `frames` of the path take in memory, for clouds of (points, dimension): a basic plan has
    /// at most n + m − 1 entries, each a particle with coordinates in the span of both ends. The search for the plan comes
    /// before ([`Alternating::need`](crate::igw::Alternating::need)).
    pub fn need(&self, (n, p): (usize, usize), (m, q): (usize, usize), frames: usize) -> Need {
        let dim = match self.kind {
            Kind::Lifted => self.dim.unwrap_or(p.max(q)),
            _ => p.max(q),
        };
        let particles = WORD * (n + m - 1);
        Need::default()
            .and("frames", (frames * particles * dim) as f64)
            // both ends, their difference, the orthonormal coordinates (2 d of them, twice while they are made); the plan
            .and("path", (particles * (10 * dim + 6)) as f64)
    }
}
