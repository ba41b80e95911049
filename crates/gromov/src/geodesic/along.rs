//! What is measured along a path: second moments, and how far inner products and pair distances are from moving
//! straight between the ends; and the plan of W2 that the displacement interpolation follows.

use super::Path;
use crate::change::Between;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{Exact, LowRankCost, Plan};
use crate::solve::{Observer, Status, Stop};

/// Errors of the frames of a path, one of each a frame; no unit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Errors {
    /// |Gram_t − ((1−t) Gram_0 + t Gram_1)| over (1−t) |Gram_0| + t |Gram_1|: zero on all of a lifted path.
    pub gram: Vec<f64>,
    /// The same of the distances of pairs, in root mean square.
    pub distances: Vec<f64>,
}

impl Path {
    /// How far inner products and distances of pairs at these times are from those that move straight between the ends
    /// of the path ([`Between`]). O(n d²) and O(n²) a frame, n² capped at 4 million pairs. Errors: a time outside [0, 1].
    ///
    /// ```
    /// use gromov::{Geodesic, Measure, geodesic::Kind, ot::Plan};
    /// let x = Measure::uniform(vec![2.0, 0.0, 0.0, 1.0], 2)?;
    /// let y = x.linear_image(&[2.0, 0.0, 0.0, 2.0], 2)?;
    /// let straight = Geodesic { kind: Kind::Mccann, ..Geodesic::default() };
    /// let errors = straight.solve(&x, &y, &Plan::identity(x.weights()), &mut ())?.errors(&[0.5])?;
    /// // 1.5² = 2.25 instead of (1 + 4) / 2; distances are right
    /// assert!((errors.gram[0] - 0.1).abs() < 1e-14 && errors.distances[0] < 1e-14);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn errors(&self, times: &[f64]) -> Result<Errors> {
        let (start, end, d) = (self.at(0.0)?, self.at(1.0)?, self.dim);
        let between = Between::new(&self.weights, (&start, d), (&end, d))?;
        let mut out = Errors { gram: Vec::new(), distances: Vec::new() };
        for t in times {
            let frame = self.at(*t)?;
            out.gram.push(between.gram_error((&frame, d), *t)?);
            out.distances.push(between.distance_error((&frame, d), *t)?);
        }
        Ok(out)
    }

    /// The particles of a frame, (n, d) with d the dimension of the path, as a cloud. Errors: another number of points.
    pub fn cloud(&self, frame: &[f64]) -> Result<Measure> {
        Measure::weighted(frame.to_vec(), self.dim, self.weights.clone())
    }

    /// Second moments of frames (k, n, d): (k, d, d), in units of length². Errors: no whole number of frames.
    pub fn second_moments(&self, frames: &[f64]) -> Result<Vec<f64>> {
        let (d, size) = (self.dim, self.len() * self.dim);
        if !frames.len().is_multiple_of(size) {
            return Err(Error::shape(
                "frames",
                format!("(k, {}, {d})", self.len()),
                format!("{} numbers", frames.len()),
            ));
        }
        Ok(frames.chunks_exact(size).flat_map(|x| linalg::moment(&self.weights, x, d, x, d)).collect())
    }
}

/// The plan of least Σ π_ij |x_i − y_j|² of two clouds of one dimension as they stand, which
/// [`Kind::Mccann`](super::Kind::Mccann) follows, and how the transport problem ended (another status than `converged`
/// has a plan too, not the best). Exact. Errors: clouds of different dimensions.
///
/// ```
/// use gromov::{Measure, geodesic::along::displacement_plan};
/// let (x, y) = (Measure::uniform(vec![0.0, 1.0], 1)?, Measure::uniform(vec![5.0, 3.0], 1)?);
/// assert_eq!(displacement_plan(&x, &y, &mut ())?.0.columns, [1, 0]);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn displacement_plan(mu: &Measure, nu: &Measure, observer: &mut dyn Observer) -> Result<(Plan, Status)> {
    if mu.dim() != nu.dim() {
        return Err(Error::shape("nu", format!("dimension {}", mu.dim()), nu.dim()));
    }
    let unit = linalg::power_of_two_scale(mu.scale().max(nu.scale()));
    let (x, y) = (mu.divided_by(unit), nu.divided_by(unit));
    let cost = LowRankCost::squared_euclidean(x.points(), y.points(), mu.dim())?;
    let stop = Stop::never().or_flag(observer.flag());
    let sol = Exact::default().solve_until(&cost, x.weights(), y.weights(), None, &stop)?;
    Ok((sol.plan, sol.status))
}
