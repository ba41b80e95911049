//! The inner-product Gromov-Wasserstein distance between weighted clouds of any sizes and dimensions.
//!
//! IGW(μ, ν)² = inf_π ∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ(x, y) dπ(x', y')
//!            = |Σ_μ|² + |Σ_ν|² − 2 max_π |M_π|²,  M_π = ∫ x yᵀ dπ,
//!
//! with uncentred second moments Σ and Frobenius norms. It is invariant under rotations and
//! reflections of either cloud, not under translations (`center: true` removes the means first).
//! `squared` scales as length⁴, `distance` as length².
//!
//! - [`Alternating`] finds local optima by alternating exact linear transport and A = M / |M|, from
//!   many starts; on the line the two monotone couplings give the optimum ([`mod@line`]).
//! - [`Global`] finds the global optimum by branch and bound and proves it; [`Auto`] tries that where it is cheap.
//! - [`bound`] is a lower bound from the spectra of the second moments; every solution carries it.
//! - [`gaussian`] has the closed form for Gaussians.
//! - [`forecast`] says what a search on large clouds will cost.
//! - [`align`] evaluates a given plan without cancellation and finds its rotation.
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800.

pub mod align;
pub mod alternating;
pub mod auto;
pub mod bound;
pub mod forecast;
pub mod gaussian;
pub mod global;
pub mod line;
mod optima;
mod small;
mod starts;

pub use alternating::Alternating;
pub use auto::Auto;
pub use forecast::Forecast;
pub use global::Global;

use crate::certificate::Certificate;
use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{self, Plan};
use crate::solve::Status;
use align::Aligned;

/// IGW distance with the default options of [`Alternating`].
///
/// ```
/// use gromov::{Measure, igw};
/// let square = Measure::uniform(vec![1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0], 2)?;
/// let twice = Measure::uniform(square.points().iter().map(|x| 2.0 * x).collect(), 2)?;
/// let sol = igw::distance(&square, &twice)?;
/// // |Σ_μ|² + |Σ_ν|² − 2 |M|² = 2 + 32 − 16
/// assert!((sol.squared - 18.0).abs() < 1e-12 && sol.certified);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn distance(mu: &Measure, nu: &Measure) -> Result<Solution> {
    Alternating::default().solve(mu, nu, &mut ())
}

/// Which method answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Both clouds on the line: the better of the monotone and the antitone coupling, exact.
    Line,
    /// Alternation from several starts.
    Local,
    /// Branch and bound over the cross moment.
    Global,
}

/// Another local optimum close to the best.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Alternative {
    /// Its value.
    pub squared: f64,
    /// Whether its orthogonal map is a reflection; `None` when the dimensions differ.
    pub reflected: Option<bool>,
}

/// Both bounds at a moment of a global search.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Bounds {
    /// Transport problems solved so far.
    pub solves: usize,
    /// Lower bound of IGW².
    pub lower: f64,
    /// Best value.
    pub squared: f64,
}

/// Value, bound, plan and rotation.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Solution {
    /// IGW² of the plan found, evaluated without cancellation; scales as length⁴.
    pub squared: f64,
    /// Its root; scales as length².
    pub distance: f64,
    /// A lower bound of IGW².
    pub lower_bound: f64,
    /// Bound on the rounding error of `squared`: 16 ε (|Σ_μ|² + |Σ_ν|²), and what masses rounded to 2⁻⁶⁰ of the whole
    /// can change where weights are not all equal (much only for tiny masses far out).
    pub rounding: f64,
    /// (squared − lower_bound) / max(squared, rounding); may be negative by rounding.
    pub gap: f64,
    /// True if squared − lower_bound ≤ tol · squared + rounding: the global optimum. False where the masses of plans are
    /// too coarse for these weights to tell.
    pub certified: bool,
    /// How the run stopped.
    pub status: Status,
    /// Which method answered.
    pub method: Method,
    /// Linear transport problems solved (alternations of all starts; with `global` also cuts).
    pub iterations: usize,
    /// Boxes bounded by the global method.
    pub nodes: usize,
    /// Starts tried (fewer than asked for when the value is certified before).
    pub starts: usize,
    /// Alternations that went on with the clouds themselves: as many as starts, but for small clouds in
    /// [`crate::pairwise`], where only the best and distinct optima of coarse clouds are taken further.
    pub continued: usize,
    /// Starts that reached the best value (equal within 1e-9).
    pub hits: usize,
    /// Distinct other local optima within 5 % of the best, best first, at most 64.
    pub alternatives: Vec<Alternative>,
    /// The plan.
    pub plan: Plan,
    /// M = ∫ x yᵀ dπ, (d_x, d_y); centred when the clouds were.
    pub cross_moment: Vec<f64>,
    /// Partial isometry R, (d_x, d_y), from the polar decomposition of M: y ≈ Rᵀ x.
    pub rotation: Vec<f64>,
    /// True if the orthogonal map has determinant −1; `None` when d_x ≠ d_y.
    pub reflected: Option<bool>,
    /// Means that were removed (zero without `center`): x-space, y-space.
    pub means: (Vec<f64>, Vec<f64>),
    /// Unit of length the problem was solved in.
    pub unit: f64,
    /// squared / unit⁴: in range where `squared` and `distance` are not.
    pub squared_in_units: f64,
    /// How the bounds closed in, with the global method.
    pub trace: Vec<Bounds>,
    /// What proves value and bound, where [`Global::certificate`] asks for it.
    pub certificate: Option<Certificate>,
}

impl Solution {
    /// Maps rows of x-space to y-space: (x − mean_x) R + mean_y. Errors: a wrong number of columns.
    pub fn transform(&self, points: &[f64]) -> Result<Vec<f64>> {
        self.transform_by(&self.rotation, points)
    }

    /// [`Solution::transform`] with another R (d_x, d_y), as [`Solution::proper_rotation`]. Errors: a wrong number of
    /// columns.
    pub fn transform_by(&self, rotation: &[f64], points: &[f64]) -> Result<Vec<f64>> {
        let (dx, dy) = (self.means.0.len(), self.means.1.len());
        if !points.len().is_multiple_of(dx) {
            return Err(crate::Error::shape("points", format!("(n, {dx})"), points.len()));
        }
        if rotation.len() != dx * dy {
            return Err(crate::Error::shape("rotation", format!("({dx}, {dy})"), rotation.len()));
        }
        let shifted: Vec<f64> =
            points.chunks_exact(dx).flat_map(|p| p.iter().zip(&self.means.0).map(|(a, b)| a - b)).collect();
        let mut out = linalg::map_rows(&shifted, dx, &linalg::transpose(rotation, dx, dy), dy);
        out.chunks_exact_mut(dy).for_each(|p| p.iter_mut().zip(&self.means.1).for_each(|(a, b)| *a += b));
        Ok(out)
    }

    /// The rotation without mirror image that is the best for the plan: R maximises tr(Rᵀ M) among those of determinant
    /// +1, which is the polar factor of M with its least singular direction turned round where that is a mirror image.
    /// For d_x ≠ d_y it is `rotation` (there the larger space has a rotation for either). A mirror image costs
    /// 4 · (least singular value of M) in the mean of |Rᵀ x − y|², where it is the better one.
    /// Errors: those of the decomposition.
    pub fn proper_rotation(&self) -> Result<Vec<f64>> {
        if self.reflected != Some(true) {
            return Ok(self.rotation.clone());
        }
        let d = self.means.0.len();
        let mut f = linalg::svd(&self.cross_moment, d, d)?;
        (0..d).for_each(|i| f.u[i * d + d - 1] *= -1.0);
        Ok(linalg::matmul(&f.u, &linalg::transpose(&f.v, d, d), d, d, d))
    }
}

/// Two clouds as the solvers see them: centred on request, in a common unit of length.
pub(crate) struct Pair {
    pub(crate) x: Measure,
    pub(crate) y: Measure,
    pub(crate) unit: f64,
    pub(crate) means: (Vec<f64>, Vec<f64>),
    pub(crate) sigma_x: Vec<f64>,
    pub(crate) sigma_y: Vec<f64>,
    /// What the resolution of masses can change in a squared distance, in units.
    resolution: f64,
}

/// What the resolution of masses may change in a certified value, of |Σ_x|² + |Σ_y|²; `verify` allows as much.
const RESOLVED: f64 = 1e-12;

impl Pair {
    pub(crate) fn new(mu: &Measure, nu: &Measure, center: bool) -> Self {
        let means = if center { (mu.mean(), nu.mean()) } else { (vec![0.0; mu.dim()], vec![0.0; nu.dim()]) };
        let of = |scale: f64| linalg::power_of_two_scale(scale.min(f64::MAX));
        let (x, y, unit) = if center {
            // each in its own unit: a point without weight at the end of the doubles would leave them with the mean
            // removed
            let (u, v) = (of(mu.scale()), of(nu.scale()));
            let (x, y) = (mu.divided_by(u).centred(), nu.divided_by(v).centred());
            let unit = of((x.scale() * u).max(y.scale() * v));
            // below the smallest normal number the cloud is a point
            let ratio = |u: f64| (unit / u).max(f64::MIN_POSITIVE);
            (x.divided_by(ratio(u)), y.divided_by(ratio(v)), unit)
        } else {
            let unit = of(mu.scale().max(nu.scale()));
            (mu.divided_by(unit), nu.divided_by(unit), unit)
        };
        let (sigma_x, sigma_y) = (x.second_moment(), y.second_moment());
        let mut pair = Pair { x, y, unit, means, sigma_x, sigma_y, resolution: 0.0 };
        pair.resolution = pair.of_masses();
        pair
    }

    /// |Σ_x|² + |Σ_y|², in units.
    pub(crate) fn size(&self) -> f64 {
        linalg::dot(&self.sigma_x, &self.sigma_x) + linalg::dot(&self.sigma_y, &self.sigma_y)
    }

    /// Bound on the rounding of a squared distance, in units.
    pub(crate) fn rounding(&self) -> f64 {
        self.of_doubles() + self.resolution
    }

    fn of_doubles(&self) -> f64 {
        16.0 * f64::EPSILON * self.size()
    }

    /// With δ_x = Σ min(w, 2⁻⁶⁰) |x|², and δ_M = Σ min(w, 2⁻⁶⁰) |x| max |y| of both sides: |Σ_x|² changes by at most
    /// 2 |Σ_x| δ_x, and 2 |M|² by 4 |M| δ_M.
    fn of_masses(&self) -> f64 {
        let equal = |cloud: &Measure| cloud.weights().iter().all(|w| *w == cloud.weights()[0]);
        if equal(&self.x) && equal(&self.y) {
            return 0.0;
        }
        // mass × length and mass × length² that may be missing, and the longest atom with mass
        let lost = |cloud: &Measure| {
            let atoms = cloud.points().chunks_exact(cloud.dim()).zip(cloud.weights());
            atoms.filter(|(_, w)| **w > 0.0).fold((0.0, 0.0, 0.0f64), |(first, second, longest), (x, w)| {
                let (length, mass) = (linalg::norm(x), w.min(ot::RESOLUTION));
                (first + mass * length, second + mass * length * length, longest.max(length))
            })
        };
        let (x, y) = (lost(&self.x), lost(&self.y));
        let size = self.size().sqrt();
        2.0 * size * (x.1 + y.1) + 4.0 * size * (x.0 * y.2 + y.0 * x.2)
    }

    /// A squared distance in units as it is: 0 stays 0 where powers of the unit overflow.
    pub(crate) fn scaled(&self, squared: f64) -> f64 {
        squared * self.unit * self.unit * self.unit * self.unit
    }

    /// Does a value meet a lower bound?
    pub(crate) fn certifies(&self, squared: f64, lower: f64, tol: f64) -> bool {
        let known = self.resolution <= tol * squared + RESOLVED * self.size();
        known && squared - lower <= tol * squared + self.rounding()
    }

    /// The relative gap of a value, in units, to a lower bound, and whether this certifies it.
    pub(crate) fn verdict(&self, squared: f64, lower: f64, tol: f64) -> (f64, bool) {
        let size = squared.max(self.rounding());
        let gap = if size > 0.0 { (squared - lower) / size } else { 0.0 };
        (gap, self.certifies(squared, lower, tol))
    }

    /// Puts a solution together from what a solver found, scaling back.
    pub(crate) fn solution(&self, found: Found, tol: f64) -> Result<Solution> {
        let Found {
            plan,
            aligned,
            lower,
            status,
            method,
            iterations,
            starts,
            continued,
            hits,
            alternatives,
            ..
        } = found;
        let (gap, certified) = self.verdict(aligned.squared, lower, tol);
        let (two, four) = (|v: f64| v * self.unit * self.unit, |v: f64| self.scaled(v));
        Ok(Solution {
            squared: four(aligned.squared),
            distance: two(aligned.squared.max(0.0).sqrt()),
            lower_bound: four(lower),
            rounding: four(self.rounding()),
            gap,
            certified,
            status,
            method,
            iterations,
            starts,
            continued,
            hits,
            alternatives: alternatives
                .into_iter()
                .map(|a| Alternative { squared: four(a.squared), ..a })
                .collect(),
            plan,
            cross_moment: aligned.cross_moment.iter().map(|m| two(*m)).collect(),
            rotation: aligned.rotation,
            reflected: aligned.reflected,
            means: self.means.clone(),
            unit: self.unit,
            squared_in_units: aligned.squared,
            nodes: found.nodes,
            trace: found
                .trace
                .into_iter()
                .map(|b| Bounds { lower: four(b.lower), squared: four(b.squared), ..b })
                .collect(),
            certificate: None,
        })
    }
}

/// What a solver found, in units of the pair.
pub(crate) struct Found {
    pub(crate) plan: Plan,
    pub(crate) aligned: Aligned,
    pub(crate) lower: f64,
    pub(crate) status: Status,
    pub(crate) method: Method,
    pub(crate) iterations: usize,
    pub(crate) starts: usize,
    pub(crate) continued: usize,
    pub(crate) hits: usize,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) nodes: usize,
    pub(crate) trace: Vec<Bounds>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proper_rotation_is_the_best_without_mirror_images() {
        // a mirror image with the least spread along the first axis: the rotation is half a turn about the others
        let x = crate::measure::sample::gaussian(40, 3, 7).unwrap();
        let x = x.linear_image(&[0.2, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0], 3).unwrap();
        let y = x.linear_image(&[-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3).unwrap();
        let sol = distance(&x, &y).unwrap();
        assert!(sol.certified && sol.reflected == Some(true));
        let r = sol.proper_rotation().unwrap();
        assert!((linalg::determinant(&r, 3) - 1.0).abs() < 1e-12);
        let fit = |r: &[f64]| -> f64 { r.iter().zip(&sol.cross_moment).map(|(a, b)| a * b).sum() };
        let least = linalg::svd(&sol.cross_moment, 3, 3).unwrap().s[2];
        assert!((fit(&sol.rotation) - fit(&r) - 2.0 * least).abs() < 1e-12);
        // and no rotation among many fits better
        let mut source = crate::measure::sample::Source::new(3, 0);
        let mut random = || {
            let mut q = source.rotation(3);
            let sign = linalg::determinant(&q, 3).signum();
            q.iter_mut().for_each(|v| *v *= sign);
            q
        };
        assert!((0..500).all(|_| fit(&random()) <= fit(&r) + 1e-12));
        let moved = sol.transform_by(&r, x.points()).unwrap();
        assert!(sol.transform(x.points()).unwrap().iter().zip(y.points()).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(moved.iter().zip(y.points()).any(|(a, b)| (a - b).abs() > 0.1));
    }
}
