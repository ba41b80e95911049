//! Fuzz targets: each takes any bytes and panics where a promise of the library is broken.
//!
//! The fuzzer runs them with coverage (`make fuzz`); `tests/corpus.rs` runs each over its files in
//! `corpus/` as an ordinary test.

#![forbid(unsafe_code)]

mod readers;
mod solve;

use peak_alloc::PeakAlloc;

/// Counts the memory that readers take.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What is fuzzed: a name, which is also the folder of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 11] = [
    ("checkpoint", readers::checkpoint),
    ("csv", readers::csv),
    ("journal", readers::journal),
    ("matrix", readers::matrix),
    ("npy", readers::npy),
    ("npz", readers::npz),
    ("obj", readers::obj),
    ("ply", readers::ply),
    ("png", readers::png),
    ("solve", solve::solve),
    ("xyz", readers::xyz),
];

/// The target of this name.
pub fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|t| t.0 == name)
}
