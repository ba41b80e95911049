//! Inner-product Gromov-Wasserstein (IGW) geometry of point clouds.

pub mod demo;
pub mod energy;
pub mod error;
pub mod flow;
pub mod igw;
pub mod io;
mod linalg;
pub mod measure;
pub mod mobility;
pub mod ot;
pub mod report;
pub mod solve;

pub use energy::Energy;
pub use error::{Error, Result};
pub use flow::{Flow, Trajectory};
pub use measure::Measure;
pub use solve::Status;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
