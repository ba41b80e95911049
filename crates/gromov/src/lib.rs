//! Inner-product Gromov-Wasserstein (IGW) geometry of point clouds.

pub mod error;
mod linalg;
pub mod measure;
pub mod report;
pub mod solve;

pub use error::{Error, Result};
pub use measure::Measure;
pub use solve::Status;
