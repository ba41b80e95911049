//! Inner-product Gromov-Wasserstein (IGW) geometry of point clouds.
//!
//! The IGW distance between two measures μ on R^p and ν on R^q compares the inner products inside each,
//!
//! IGW(μ, ν)² = inf_π ∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ(x, y) dπ(x', y'),
//!
//! so that it is blind to rotations and mirror images. To first order in a small move it is a Riemannian
//! metric, given by the mobility operator L, and functionals have gradient flows in it:
//! v = −L⁻¹ ∇δF, or step by step, ρ_{k+1} ∈ argmin F(ρ) + IGW²(ρ, ρ_k) / (2 τ).
//!
//! | module | holds |
//! | --- | --- |
//! | [`measure`] | weighted clouds: validation, moments; built-in clouds and seeded sampling |
//! | [`ot`] | exact linear transport for low-rank costs: sparse plan, dual potentials, gap, warm starts |
//! | [`certificate`] | what proves a distance, as plain data |
//! | [`mobility`] | L, L⁻¹ and the metric in O(n d²) |
//! | [`igw`] | the distance: local search from many starts, branch and bound, closed form on the line, lower bound |
//! | [`verify`](mod@verify) | checks a certificate with code of its own |
//! | [`energy`] | functionals and their gradients; the trait to add your own |
//! | [`flow`] | gradient flows in both geometries |
//! | [`change`] | how far a cloud has changed, in inner products and in pair distances |
//! | [`geodesic`] | [exponential](geodesic::exp()), [logarithm](geodesic::log()), geodesics, lifted paths and straight ones, their length |
//! | [`barycenter`] | barycentres of clouds on free points, and of Gaussians; [`barycenter::IntrinsicMean`] of labelled clouds |
//! | [`pairwise`] | all distances of a list of clouds, in blocks |
//! | [`io`] | readers and writers under limits |
//! | [`report`] | self-contained HTML pages |
//! | [`demo`] | the built-in demonstration |
//! | [`memory`] | what a run will take, before it begins |
//! | [`solve`], [`error`] | how runs stop and are watched; wrong input |
//!
//! Clouds are row-major n × d arrays of `f64`; lengths are normalised inside and scaled back. Parallel
//! parts run in the current `rayon` pool, and results do not depend on its size.
//!
//! ```
//! use gromov::{Flow, Measure, energy::Quadratic, igw};
//! let x = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
//! let turned = x.linear_image(&[0.6, -0.8, 0.8, 0.6], 2)?;
//! let sol = igw::distance(&x, &turned)?;
//! assert!(sol.squared <= sol.rounding && sol.certified);
//!
//! // F = ½ ∫ |x|² shrinks the second moment by t/2, whatever the cloud
//! let flow = Flow { step: Some(0.1), steps: Some(5), ..Flow::default() };
//! let run = flow.solve(&x, &mut Quadratic::new(None, None)?, &mut ())?;
//! let last = run.frames() - 1;
//! assert!((run.second_moments[4 * last] - (2.0 - 0.25)).abs() < 1e-9);
//! # Ok::<(), gromov::Error>(())
//! ```

pub mod barycenter;
pub mod certificate;
pub mod change;
pub mod demo;
pub mod energy;
pub mod error;
pub mod flow;
pub mod geodesic;
pub mod igw;
pub mod io;
mod linalg;
pub mod measure;
pub mod memory;
mod minimise;
pub mod mobility;
pub mod ot;
pub mod pairwise;
pub mod report;
pub mod solve;
pub mod verify;

pub use barycenter::Barycenter;
pub use energy::Energy;
pub use error::{Error, Result};
pub use flow::{Flow, Trajectory};
pub use geodesic::{Geodesic, Path};
pub use measure::Measure;
pub use pairwise::Pairwise;
pub use solve::Status;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
