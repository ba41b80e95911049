//! The page of a distance: both clouds, the lines of the plan, the value and its bound.

use super::{Cloud, Matching, Page, Section, Table, number};
use crate::error::Result;
use crate::igw::Solution;
use crate::linalg;
use crate::measure::Measure;

/// A page for a solution between two clouds (as they were given to the solver). The second cloud is
/// turned (mirrored, where that is the map found) into the frame of the first and set beside it. Dimensions are padded
/// with zeros to the larger one; above three, the first principal axes of the first cloud are drawn.
/// Errors: clouds that are not those of the solution.
pub fn page(title: &str, names: (&str, &str), mu: &Measure, nu: &Measure, sol: &Solution) -> Result<Page> {
    let (p, q) = (mu.dim(), nu.dim());
    let x = shifted(mu.points(), &sol.means.0);
    // y into x's frame: x ≈ R y; where y has more dimensions those beyond R are lost to the picture
    let y = linalg::map_rows(&shifted(nu.points(), &sol.means.1), q, &sol.rotation, p);
    let (x, y, dim) = project(mu, x, y)?;
    let y = beside(&x, y, dim);
    let matching = Matching {
        label: format!("{} lines of the plan", sol.plan.len()),
        dim,
        x: Cloud { points: x, weights: weights(mu) },
        y: Cloud { points: y, weights: weights(nu) },
        x_label: names.0.into(),
        y_label: format!("{}, {} and set beside", names.1, map(sol)),
        lines: sol.plan.entries().collect(),
        seed: 0,
    };
    let mut notes = Vec::new();
    if p.max(q) > dim || p != q {
        notes.push(format!("The clouds have dimensions {p} and {q}; {dim} are drawn."));
    }
    let section = Section {
        title: format!("IGW distance {}", number(sol.distance, 7)),
        text: vec![verdict(sol)],
        matching: Some(matching),
        table: Some(table(names, mu, nu, sol)),
        notes,
        ..Section::default()
    };
    Ok(Page {
        title: title.into(),
        lead: vec![
            "The inner-product Gromov-Wasserstein distance compares the inner products inside each cloud; it \
             does not see rotations or mirror images."
                .into(),
        ],
        sections: vec![section],
        foot: vec![format!("gromov {}", env!("CARGO_PKG_VERSION"))],
    })
}

fn verdict(sol: &Solution) -> String {
    if !sol.squared.is_finite() {
        return format!(
            "IGW² leaves the range of doubles at lengths of about {}; its root, the distance, is {}.",
            number(sol.unit, 3),
            number(sol.distance, 7)
        );
    }
    let value = format!("IGW² = {}, lower bound {}", number(sol.squared, 7), number(sol.lower_bound, 7));
    if sol.certified && sol.squared <= sol.rounding {
        format!("{value}: zero within rounding ({:.1e}), as far as doubles can tell.", sol.rounding)
    } else if sol.certified {
        format!("{value}: the gap is closed to rounding or tolerance, so this is the global optimum.")
    } else {
        format!(
            "{value}: relative gap {:.2e}. The value is the best of {} starts ({} reached it), a local optimum; \
             the global one lies between the two numbers.",
            sol.gap, sol.starts, sol.hits
        )
    }
}

/// What the map found does to the second cloud.
fn map(sol: &Solution) -> &'static str {
    match sol.reflected {
        Some(true) => "turned and mirrored by the map found",
        Some(false) => "turned by the rotation found",
        None => "carried over by the map found",
    }
}

fn table(names: (&str, &str), mu: &Measure, nu: &Measure, sol: &Solution) -> Table {
    let size = |m: &Measure| format!("{} points in dimension {}", m.len(), m.dim());
    let reflected = match (sol.reflected, &sol.rotation[..]) {
        (Some(true), _) => "a mirror image".into(),
        // y ≈ Rᵀ x
        (Some(false), [a, b, _, _]) => {
            format!("a rotation, by {:.2}° from the first to the second", b.atan2(*a).to_degrees() + 0.0)
        }
        (Some(false), _) => "a rotation".into(),
        (None, _) => "a partial isometry".into(),
    };
    let mut rows: Vec<Vec<String>> = [
        (names.0, size(mu)),
        (names.1, size(nu)),
        ("squared", number(sol.squared, 10)),
        ("distance", number(sol.distance, 10)),
        ("lower bound of squared", number(sol.lower_bound, 10)),
        ("gap, relative", format!("{:.3e}", sol.gap)),
        ("certified", sol.certified.to_string()),
        ("status", sol.status.to_string()),
        ("starts, of which reached the value", format!("{}, {}", sol.starts, sol.hits)),
        ("orthogonal map", reflected),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.to_string(), value])
    .collect();
    for (k, other) in sol.alternatives.iter().enumerate() {
        let name = format!("other local optimum {}", k + 1);
        let mirrored = if other.reflected == Some(true) { " (a mirror image)" } else { "" };
        rows.push(vec![name, format!("{}{mirrored}", number(other.squared, 10))]);
    }
    Table { head: vec!["quantity".into(), "value".into()], rows }
}

fn shifted(points: &[f64], mean: &[f64]) -> Vec<f64> {
    points.iter().zip(mean.iter().cycle()).map(|(x, m)| x - m).collect()
}

fn weights(mu: &Measure) -> Vec<f64> {
    if mu.has_uniform_weights() { Vec::new() } else { mu.weights().to_vec() }
}

/// Both clouds on the first three principal axes of the first.
fn project(mu: &Measure, x: Vec<f64>, y: Vec<f64>) -> Result<(Vec<f64>, Vec<f64>, usize)> {
    let d = mu.dim();
    if d <= 3 {
        return Ok((x, y, d));
    }
    let unit = linalg::power_of_two_scale(linalg::max_abs(&x));
    let small: Vec<f64> = x.iter().map(|v| v / unit).collect();
    let e = linalg::symmetric_eigen(&linalg::moment(mu.weights(), &small, d, &small, d), d)?;
    let axes: Vec<f64> =
        (0..3).flat_map(|k| (0..d).map(move |i| (i, k))).map(|(i, k)| e.vectors[i * d + k]).collect();
    Ok((linalg::map_rows(&x, d, &axes, 3), linalg::map_rows(&y, d, &axes, 3), 3))
}

/// Moves y to the right of x.
fn beside(x: &[f64], mut y: Vec<f64>, dim: usize) -> Vec<f64> {
    let range = |a: &[f64]| {
        a.iter().step_by(dim).fold((f64::INFINITY, f64::NEG_INFINITY), |r, v| (r.0.min(*v), r.1.max(*v)))
    };
    let ((from, to), (start, _)) = (range(x), range(&y));
    let shift = to + 0.25 * (to - from) - start;
    y.iter_mut().step_by(dim).for_each(|v| *v += shift);
    y
}
