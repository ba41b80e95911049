//! Geodesics of the IGW geometry (the Benamou-Brenier formula), exponential and logarithm, and two other paths.
//!
//! d_IGW(ρ₀, ρ₁)² = inf ∫₀¹ ⟨v_t, L v_t⟩ dt over curves of velocity v from ρ₀ to ρ₁ (L of [`crate::mobility`]). For a
//! fixed plan, one particle an entry, the Gram matrix √(w_i w_j) ⟨x_i, x_j⟩ moves in the matrices of rank d, and
//! ⟨v, L v⟩ is its squared speed: d_IGW ≥ IGW of the same plan, the straight distance. Shortest curves follow
//!
//! **x'' = −4 L⁻¹[K v],  v = x',  K = ∫ v xᵀ dρ**,
//!
//! stay in the span of both ends, and are therefore problems in 2 d × d unknowns, whatever the number of points
//! ([`exp()`], [`Geodesic`]). The kinds of path between two clouds:
//!
//! - [`Kind::Intrinsic`]: this geodesic. It ends at y up to one rotation, [`Path::rotation`].
//! - [`Kind::Lifted`]: z_t = (√(1−t) x, √t y), whose inner products are (1−t) ⟨x, x'⟩ + t ⟨y, y'⟩: the geodesic of the
//!   space of all dimensions, at the constant speed IGW; shown by its principal axes. For any two dimensions.
//! - [`Kind::Mccann`]: (1−t) x + t y, the displacement interpolation of W2 for its optimal plan.
//!
//! [`curve`] has the length and the action of any discrete curve, [`gaussian`] the closed form for Gaussians.
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800. The equation and the
//! reduction were re-derived here.

pub mod along;
mod chain;
pub mod curve;
mod equation;
mod exp;
mod forecast;
pub mod gaussian;
mod integrate;
mod log;
mod path;
mod shoot;
mod span;
#[cfg(test)]
mod tests;

pub use exp::{Arrival, Exp, exp};
pub use path::Path;

use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::mobility;
use crate::ot::Plan;
use crate::solve::Observer;

/// Which path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The geodesic of the IGW geometry of clouds in R^d.
    #[default]
    Intrinsic,
    /// Inner products interpolated linearly, in principal axes.
    Lifted,
    /// Straight lines.
    Mccann,
}

/// How a path was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A closed form.
    Closed,
    /// Newton's method on the first velocity, from that of the discrete curve of least action.
    Shooting,
    /// The discrete curve of least action itself: no geodesic along which L has an inverse was found.
    Chain,
}

/// In which coordinates a path is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frame {
    /// Those of the first cloud: the path starts at x and ends at R y.
    #[default]
    First,
    /// Those of the second: it starts at Rᵀ x and ends at y.
    Second,
}

/// Options of a path between two clouds.
///
/// ```
/// use gromov::{Geodesic, Measure, ot::Plan};
/// // on the line clouds form a cone: d² = s² + r² − 2 s r cos(√2 θ), with s, r the moments ∫ x², ∫ y² and
/// // θ = arccos(|⟨x, y⟩| / (|x| |y|)) the angle in L²; the sign of ⟨x, y⟩ is the reflection
/// let (x, y) = (Measure::uniform(vec![1.0, -1.0], 1)?, Measure::uniform(vec![2.0, 0.0], 1)?);
/// let path = Geodesic::default().solve(&x, &y, &Plan::identity(x.weights()), &mut ())?;
/// let angle = std::f64::consts::SQRT_2 * std::f64::consts::FRAC_PI_4;
/// let exact = (1.0f64 + 4.0 - 4.0 * angle.cos()).sqrt();
/// assert!((path.length - exact).abs() < 1e-12);
/// assert!(path.length >= path.squared.sqrt());       // d_IGW ≥ IGW
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Geodesic {
    /// Which path.
    pub kind: Kind,
    /// In which coordinates.
    pub frame: Frame,
    /// Dimension of a lifted path: max(d_x, d_y), the default, by its principal axes, or d_x + d_y, all of it.
    pub dim: Option<usize>,
    /// Error of a step of the integration, relative to the lengths of the cloud and of its velocity.
    pub tol: f64,
    /// Eigenvalues of Σ at or below this part of the largest count as zero: L has no inverse there.
    pub floor: f64,
}

impl Default for Geodesic {
    fn default() -> Self {
        Geodesic { kind: Kind::Intrinsic, frame: Frame::First, dim: None, tol: 1e-13, floor: mobility::FLOOR }
    }
}

impl Geodesic {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        check_tol(self.tol)?;
        if let Some(dim) = self.dim.filter(|_| self.kind != Kind::Lifted) {
            return Err(Error::option("dim", dim, "none but for a lifted path"));
        }
        mobility::check_floor(self.floor)
    }

    /// The path from μ to ν along a plan, one particle an entry of it ([`crate::igw`] finds plans).
    ///
    /// Cost: O(entries · d²) once, the geodesic in 2 d × d unknowns, then O(entries · d²) a frame. A geodesic of dimension d
    /// between clouds of different dimensions has one end of lower rank, where L has no inverse: it is answered by a
    /// chain, as the status tells. The observer is told of each chain, and its flag is heard within one. Errors: a plan of
    /// another size, [`Kind::Mccann`] between different dimensions, a `dim` other than the two allowed.
    pub fn solve(
        &self,
        mu: &Measure,
        nu: &Measure,
        plan: &Plan,
        observer: &mut dyn Observer,
    ) -> Result<Path> {
        self.check()?;
        path::between(self, mu, nu, plan, observer)
    }

    /// The path between two clouds of the same points' labels: row i of `to`, (n, d), is where row i of μ goes. Atoms
    /// without weight move too. Errors: another number of points.
    pub fn labelled(&self, mu: &Measure, to: &[f64], observer: &mut dyn Observer) -> Result<Path> {
        self.check()?;
        path::labelled(self, mu, to, observer)
    }
}

/// log_x(y): the velocity v at x, (n, d), whose geodesic [`exp()`] reaches the Gram matrix of y at t = 1, for labelled
/// clouds: row i of `y` belongs to row i of `x`. It scales as length, and ⟨v, L v⟩ = d_IGW² for this labelling. The
/// path with its status is [`Geodesic::labelled`]; where that is a chain, this is [`Error::NoGeodesic`].
///
/// ```
/// use gromov::{Measure, geodesic};
/// let x = Measure::uniform(vec![2.0, 0.0, 0.0, 1.0], 2)?;
/// let y: Vec<f64> = x.points().iter().map(|x| 2.0 * x).collect();
/// // the Gram matrix goes straight from G to 4 G: x_t = √(1 + 3 t) x
/// let v = geodesic::log(&x, &y)?;
/// assert!((v[0] - 1.5 * 2.0).abs() < 1e-12);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn log(x: &Measure, y: &[f64]) -> Result<Vec<f64>> {
    Geodesic::default().labelled(x, y, &mut ())?.velocity(0.0)
}

/// Errors: a tolerance below what doubles can meet, or not below one.
fn check_tol(tol: f64) -> Result<()> {
    if (1e-15..1.0).contains(&tol) {
        Ok(())
    } else {
        Err(Error::option("tol", tol, "a number in [1e-15, 1)"))
    }
}
