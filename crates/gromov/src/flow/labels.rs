//! Is the identity labelling of two consecutive clouds the best one? One alternation from it tells.

use super::Metric;
use crate::error::Result;
use crate::igw::align;
use crate::linalg;
use crate::measure::Measure;
use crate::ot::{Basis, Exact, LowRankCost};

/// Clouds above this size are not checked (one transport problem between n and n points a step).
pub(super) const LIMIT: usize = 2000;

/// What the check found.
pub(super) struct Labels {
    /// New order of the points of y, when equal weights allow to take it.
    pub(super) order: Option<Vec<usize>>,
    /// D² of the labelling before over D² after, minus one; 0 when the identity is best.
    pub(super) loss: f64,
    pub(super) basis: Basis,
}

/// Compares the identity with the optimal plan of one linear transport problem: cost −xᵀ A y with
/// A = M / |M| of the identity (IGW), or |x − y|² (W2).
pub(super) fn check(x: &Measure, y: &Measure, metric: Metric, basis: Option<Basis>) -> Result<Labels> {
    let (d, w) = (x.dim(), x.weights());
    let unit = linalg::power_of_two_scale(x.scale().max(y.scale()));
    let (x, y) = (x.divided_by(unit), y.divided_by(unit));
    // W2 does not see a common shift; rounding does
    let (x, y) = match metric {
        Metric::Igw => (x, y),
        Metric::W2 => {
            let mean = x.mean();
            (x.shifted_by(&mean), y.shifted_by(&mean))
        }
    };
    let cross = linalg::moment(w, x.points(), d, y.points(), d);
    let size = linalg::norm(&cross).max(f64::MIN_POSITIVE);
    let a: Vec<f64> = match metric {
        Metric::Igw => cross.iter().map(|m| m / size).collect(),
        Metric::W2 => linalg::identity(d),
    };
    let cost = LowRankCost::inner_product(x.points(), &a, y.points(), d, d)?;
    let sol = Exact::default().solve(&cost, w, w, basis)?;
    let kept = -linalg::dot(&a, &cross);
    let terms = linalg::norm(&x.second_moment()) + linalg::norm(&y.second_moment());
    // a better plan must win by more than the rounding of both values
    if kept - sol.value <= 64.0 * f64::EPSILON * terms {
        return Ok(Labels { order: None, loss: 0.0, basis: sol.basis });
    }
    let (before, after) = match metric {
        Metric::Igw => {
            (align::labelled(w, x.points(), y.points(), d)?, align::plan(&x, &y, &sol.plan)?.squared)
        }
        Metric::W2 => {
            let before = super::implicit::displacement(w, x.points(), y.points(), d);
            (before, before - 2.0 * (kept - sol.value))
        }
    };
    if after >= before {
        return Ok(Labels { order: None, loss: 0.0, basis: sol.basis });
    }
    let permutation = x.has_uniform_weights() && sol.plan.len() == x.len();
    let loss = if after > 0.0 { before / after - 1.0 } else { f64::INFINITY };
    Ok(Labels { order: permutation.then(|| sol.plan.columns.clone()), loss, basis: sol.basis })
}
