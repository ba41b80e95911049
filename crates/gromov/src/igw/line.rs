//! The exact distance on the line: IGW² = s² + r² − 2 max(C_up², C_down²) with s = E x², r = E y² and
//! C = E[x y] under the monotone and the antitone coupling. O(n log n).

use super::{Alternative, Found, Method, Pair, Solution, align};
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::ot::line::coupling;
use crate::solve::Status;

/// Solves the one-dimensional problem. Errors: a cloud of another dimension.
///
/// ```
/// use gromov::{Measure, igw::line};
/// let mu = Measure::uniform(vec![0.0, 1.0], 1)?;
/// let nu = Measure::uniform(vec![0.0, -2.0], 1)?;   // E x² = 1/2, E y² = 2, best C = −1
/// let sol = line::solve(&mu, &nu, false, 1e-9)?;
/// assert!((sol.squared - 2.25).abs() < 1e-15 && sol.certified && sol.reflected == Some(true));
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn solve(mu: &Measure, nu: &Measure, center: bool, tol: f64) -> Result<Solution> {
    if (mu.dim(), nu.dim()) != (1, 1) {
        return Err(Error::shape("clouds", "dimension 1", format!("{} and {}", mu.dim(), nu.dim())));
    }
    let pair = Pair::new(mu, nu, center);
    let mut found = Vec::new();
    for increasing in [true, false] {
        let plan =
            coupling(pair.x.points(), pair.x.weights(), pair.y.points(), pair.y.weights(), increasing)?;
        let aligned = align::plan(&pair.x, &pair.y, &plan)?;
        found.push((plan, aligned));
    }
    found.sort_by(|a, b| a.1.squared.total_cmp(&b.1.squared));
    let (best, other) = (found[0].1.squared, &found[1].1);
    let rounding = pair.rounding();
    let hits = 1 + usize::from(other.squared - best <= 1e-9 * best + rounding);
    let distinct =
        (found[0].1.cross_moment[0] - other.cross_moment[0]).abs() > 1e-6 * found[0].1.cross_moment[0].abs();
    let mut alternatives = Vec::new();
    if distinct && other.squared <= 1.05 * best + rounding {
        alternatives.push(Alternative { squared: other.squared, reflected: other.reflected });
    }
    let (plan, aligned) = found.swap_remove(0);
    let lower = aligned.squared;
    pair.solution(
        Found {
            plan,
            aligned,
            lower,
            status: Status::Converged,
            method: Method::Line,
            iterations: 2,
            starts: 2,
            continued: 2,
            hits,
            alternatives,
            nodes: 0,
            trace: Vec::new(),
        },
        tol,
    )
}
