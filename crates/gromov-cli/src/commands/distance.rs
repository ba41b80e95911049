//! `gromov distance`: IGW distance of two clouds, with its certificate.

use std::time::Instant;

use gromov::error::printable;
use gromov::igw::{Alternative, Method, Solution};
use gromov::{Status, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::watch::Watch;
use crate::{job, output};

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    squared: f64,
    distance: f64,
    lower_bound: f64,
    rounding: f64,
    gap: f64,
    certified: bool,
    status: Status,
    method: Method,
    iterations: usize,
    starts: usize,
    n: usize,
    m: usize,
    d_x: usize,
    d_y: usize,
    cross_moment: Vec<&'a [f64]>,
    /// R with y ≈ Rᵀ x: rows of A times R lie in the frame of B.
    rotation: Vec<&'a [f64]>,
    reflected: Option<bool>,
    hits: usize,
    alternatives: &'a [Alternative],
    /// Unit of length, where `squared` leaves the range of doubles.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    seconds: f64,
}

/// Runs the command.
pub fn run(args: &args::Distance, common: &args::Common) -> Result<u8, Failure> {
    let job = job::distance(args, common)?;
    let mut watch = Watch::start(common.quiet, "starts")?;
    let clock = Instant::now();
    let solved = job.options.solve(&job.a, &job.b, &mut watch);
    watch.end();
    let sol = solved?;
    let seconds = clock.elapsed().as_secs_f64();
    if let Some(path) = &job.plan {
        io::write_plan_csv(path, &sol.plan.rows, &sol.plan.columns, &sol.plan.mass)?;
    }
    if let Some(path) = &job.report {
        let (a, b) = (args.a.to_string_lossy(), args.b.to_string_lossy());
        let page = gromov::report::distance::page(&format!("{a} and {b}"), (&a, &b), &job.a, &job.b, &sol)?;
        output::page(path, &page)?;
    }
    let text = if common.json {
        output::json(&object(&job, &sol, seconds))?
    } else {
        table(args, &job, &sol, seconds)
    };
    output::print(&text)?;
    Ok(output::exit_code(sol.status))
}

/// True if `squared` has lost its value to the range of doubles.
fn out_of_range(sol: &Solution) -> bool {
    !sol.squared.is_finite() || (sol.squared.abs() < f64::MIN_POSITIVE && sol.distance > 0.0)
}

fn object<'a>(job: &job::Distance, sol: &'a Solution, seconds: f64) -> Object<'a> {
    Object {
        schema: "gromov/distance/1",
        squared: sol.squared,
        distance: sol.distance,
        lower_bound: sol.lower_bound,
        rounding: sol.rounding,
        gap: sol.gap,
        certified: sol.certified,
        status: sol.status,
        method: sol.method,
        iterations: sol.iterations,
        starts: sol.starts,
        n: job.a.len(),
        m: job.b.len(),
        d_x: job.a.dim(),
        d_y: job.b.dim(),
        cross_moment: output::rows(&sol.cross_moment, job.b.dim()),
        rotation: output::rows(&sol.rotation, job.b.dim()),
        reflected: sol.reflected,
        hits: sol.hits,
        alternatives: &sol.alternatives,
        scale: out_of_range(sol).then_some(sol.unit),
        seconds,
    }
}

fn table(args: &args::Distance, job: &job::Distance, sol: &Solution, seconds: f64) -> String {
    let number = |x| output::number(x, 10);
    let cloud = |path: &std::path::Path, m: &gromov::Measure| {
        format!("{} points in R^{}, {}", m.len(), m.dim(), printable(&path.to_string_lossy()))
    };
    let certified = match sol.certified {
        true if sol.squared <= sol.rounding => "certified: zero within rounding, as far as doubles can tell",
        true => "certified: this is the optimum",
        false => "not certified: a better plan may exist within the gap",
    };
    let method = match sol.method {
        Method::Line => "line (exact)".to_string(),
        _ => format!(
            "local: {} starts, {} iterations, best value reached by {}",
            sol.starts, sol.iterations, sol.hits
        ),
    };
    let map = match sol.reflected {
        Some(mirrored) if job.a.dim() == 1 => if mirrored { "sign change" } else { "identity" }.into(),
        Some(false) if job.a.dim() == 2 => {
            format!("rotation by {:.2} degrees", sol.rotation[1].atan2(sol.rotation[0]).to_degrees())
        }
        Some(true) => "rotation and mirror image".to_string(),
        Some(false) => "rotation".into(),
        None => "partial isometry (the dimensions differ)".into(),
    };
    let mut pairs = vec![
        ("distance", number(sol.distance)),
        ("squared", format!("{} +- {}", number(sol.squared), output::number(sol.rounding, 2))),
        ("lower bound", format!("{} of squared", number(sol.lower_bound))),
        ("gap", format!("{}, {certified}", output::number(sol.gap, 3))),
        ("status", format!("{}{}", sol.status, output::advice(sol.status))),
        ("method", method),
        ("A", cloud(&args.a, &job.a)),
        ("B", cloud(&args.b, &job.b)),
        ("map A to B", map),
    ];
    let others: Vec<String> = sol.alternatives.iter().take(5).map(alternative).collect();
    let count = sol.alternatives.len();
    let others =
        if count == 0 { "none within 5 %".into() } else { format!("{count}: {}", others.join(", ")) };
    pairs.push(("alternatives", others));
    if let Some(path) = &job.plan {
        let path = printable(&path.to_string_lossy());
        pairs.push(("plan", format!("{} entries in {path}", sol.plan.len())));
    }
    if let Some(path) = &job.report {
        pairs.push(("report", printable(&path.to_string_lossy())));
    }
    if out_of_range(sol) {
        let unit = output::number(sol.unit, 3);
        pairs.push((
            "note",
            format!("squared leaves the range of doubles at lengths of about {unit}; rescale"),
        ));
    }
    if !job.options.center {
        pairs.extend(output::off_centre("A", &job.a));
        pairs.extend(output::off_centre("B", &job.b));
    }
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}

fn alternative(a: &Alternative) -> String {
    let mirrored = if a.reflected == Some(true) { " (mirrored)" } else { "" };
    format!("{}{mirrored}", output::number(a.squared, 8))
}
