//! The page of a distance: both clouds, the lines of the plan, the value and its bound.

use super::{Chart, Cloud, Matching, Page, Section, Series, Table, number};
use crate::error::Result;
use crate::igw::{Alternative, Bounds, Method, Solution};
use crate::linalg;
use crate::measure::Measure;

/// A page for a solution between two clouds (as they were given to the solver). The second cloud is
/// turned (mirrored, where that is the map found) into the frame of the first and set beside it. Dimensions are padded
/// with zeros to the larger one; above three, the first principal axes of the first cloud are drawn.
/// `centred` says that the clouds had their means removed before they were given. Errors: clouds that are not those of
/// the solution.
pub fn page(
    title: &str,
    names: (&str, &str),
    (mu, nu): (&Measure, &Measure),
    sol: &Solution,
    centred: bool,
) -> Result<Page> {
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
    let centred = centred || [&sol.means.0, &sol.means.1].into_iter().flatten().any(|m| *m != 0.0);
    for (name, cloud) in [(names.0, mu), (names.1, nu)] {
        let share = cloud.mean_share();
        if !centred && share > 0.1 {
            let share = number(100.0 * share, 3);
            notes.push(format!(
                "{name} is far from centred: its mean carries {share} % of the second moment. IGW depends on the \
                 origin."
            ));
        }
    }
    let section = Section {
        title: format!("IGW distance {}", number(sol.distance, 7)),
        text: vec![verdict(sol)],
        matching: Some(matching),
        charts: charts(sol),
        table: Some(table(names, (mu, nu), sol, centred)),
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
    let lower = if met(sol) { sol.lower_bound.min(sol.squared) } else { sol.lower_bound };
    let value = format!("IGW² = {}, lower bound {}", number(sol.squared, 7), number(lower, 7));
    if sol.certified && sol.squared <= sol.rounding {
        format!("IGW² is zero within rounding ({:.1e}), as far as doubles can tell.", sol.rounding)
    } else if sol.certified {
        format!("{value}: the gap is closed to rounding or tolerance, so this is the global optimum.")
    } else if sol.method == Method::Global {
        format!(
            "{value}: relative gap {:.2e}. The search was ended early; the optimum lies between the two numbers.",
            sol.gap
        )
    } else {
        format!(
            "{value}: relative gap {:.2e}. The value is the best of {} starts ({} reached it), a local optimum; \
             the global one lies between the two numbers.",
            sol.gap, sol.starts, sol.hits
        )
    }
}

/// True if value and lower bound meet within rounding.
fn met(sol: &Solution) -> bool {
    sol.squared - sol.lower_bound <= sol.rounding
}

/// Another local optimum as text, with as many digits as tell it from the best, and whether it is one of the mirror
/// image of the first cloud, which has this name.
pub fn alternative(sol: &Solution, other: &Alternative, first: &str) -> String {
    let texts = (8..=17).map(|digits| (number(other.squared, digits), number(sol.squared, digits)));
    let value = match other.squared <= sol.rounding {
        true => "0 within rounding".into(),
        false => {
            texts.filter(|(a, b)| a != b).map(|t| t.0).next().unwrap_or_else(|| number(other.squared, 17))
        }
    };
    match other.reflected {
        Some(true) => format!("{value} (mirror image of {first})"),
        _ => value,
    }
}

/// How the bounds closed in: both of them, and the gap between them. Each holds until the next is noted.
fn charts(sol: &Solution) -> Vec<Chart> {
    let [first, .., last] = &sol.trace[..] else {
        return Vec::new();
    };
    let curve = |f: fn(&Bounds) -> f64| -> Vec<(f64, f64)> {
        let noted = || sol.trace.iter().map(|b| (b.solves as f64, f(b)));
        let corners = noted().zip(noted().skip(1)).map(|(last, next)| (next.0, last.1));
        let mut points: Vec<(f64, f64)> = noted().take(1).collect();
        points.extend(corners.zip(noted().skip(1)).flat_map(|(corner, next)| [corner, next]));
        points.retain(|p| p.1.is_finite());
        points
    };
    let chart = Chart {
        x_label: "transport problems solved".into(),
        log_x: last.solves > 20 * first.solves.max(1),
        ..Chart::default()
    };
    let series = |name: &str, color, points| Series { name: name.into(), color, points, ..Series::default() };
    // below rounding a gap has no meaning, nor a place on a logarithmic axis
    let mut gap = curve(|b| (b.squared - b.lower) / b.squared);
    gap.retain(|p| p.1 > sol.rounding / sol.squared);
    let bounds = vec![
        series("best value found", 0, curve(|b| b.squared)),
        series("lower bound", 1, curve(|b| b.lower)),
    ];
    vec![
        Chart { title: "Bounds of IGW²".into(), y_label: "IGW²".into(), series: bounds, ..chart.clone() },
        Chart {
            title: "Relative gap".into(),
            y_label: "(value − bound) / value".into(),
            log_y: true,
            series: vec![series("gap", 0, gap)],
            ..chart
        },
    ]
}

/// The matrix of the map as text, in up to three dimensions.
fn matrix(sol: &Solution, q: usize) -> String {
    let row = |row: &[f64]| row.iter().map(|x| number(x + 0.0, 6)).collect::<Vec<_>>().join(", ");
    sol.rotation.chunks_exact(q).map(row).collect::<Vec<_>>().join("; ")
}

/// What the map found does to the second cloud.
fn map(sol: &Solution) -> &'static str {
    match sol.reflected {
        Some(true) => "turned and mirrored by the map found",
        Some(false) => "turned by the rotation found",
        None => "carried over by the map found",
    }
}

fn table(names: (&str, &str), (mu, nu): (&Measure, &Measure), sol: &Solution, centred: bool) -> Table {
    let size = |m: &Measure| {
        let points = if m.len() == 1 { "point" } else { "points" };
        format!("{} {points} in dimension {}", m.len(), m.dim())
    };
    let reflected = match (sol.reflected, &sol.rotation[..]) {
        (Some(true), _) => "a mirror image".into(),
        // y ≈ Rᵀ x
        (Some(false), [a, b, _, _]) => {
            format!("a rotation, by {:.2}° from the first to the second", b.atan2(*a).to_degrees() + 0.0)
        }
        (Some(false), _) => "a rotation".into(),
        (None, _) => "a partial isometry".into(),
    };
    let zero = sol.squared <= sol.rounding;
    let value = |value: f64, rounding: f64| match zero {
        true => format!("0 within {rounding:.1e}"),
        false => number(value, 10),
    };
    let squared = match zero {
        true => value(sol.squared, sol.rounding),
        false => format!("{} ± {:.1e}", number(sol.squared, 10), sol.rounding),
    };
    let (lower, gap) = match met(sol) {
        true => (value(sol.lower_bound.min(sol.squared), sol.rounding), "0 within rounding".into()),
        false => {
            (number(sol.lower_bound, 10), format!("{:.3e}, {:.3e}", sol.gap, sol.squared - sol.lower_bound))
        }
    };
    let mut rows = vec![
        (names.0, size(mu)),
        (names.1, size(nu)),
        ("centred", if centred { "yes, both means were removed" } else { "no" }.into()),
        ("squared", squared),
        ("distance", value(sol.distance, sol.rounding.sqrt())),
        ("lower bound of squared", lower),
        ("gap, relative and absolute", gap),
        ("certified", sol.certified.to_string()),
        ("status", sol.status.to_string()),
    ];
    match sol.method {
        Method::Line => rows.push(("method", "closed form on the line".into())),
        Method::Global => {
            rows.push(("boxes", sol.nodes.to_string()));
            rows.push(("transport problems", sol.iterations.to_string()));
        }
        _ => rows.push(("starts, of which reached the value", format!("{}, {}", sol.starts, sol.hits))),
    }
    rows.push(("orthogonal map", reflected));
    if mu.dim().max(nu.dim()) <= 3 {
        rows.push(("its matrix R (y ≈ Rᵀ x), row by row", matrix(sol, nu.dim())));
    }
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_string(), value]).collect();
    for (k, other) in sol.alternatives.iter().enumerate() {
        rows.push(vec![format!("other local optimum {}", k + 1), alternative(sol, other, names.0)]);
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
