//! `gromov barycenter`: barycentre of clouds.

use std::time::Instant;

use gromov::barycenter::Solution;
use gromov::error::printable;
use gromov::report::barycenter::page;
use gromov::{Status, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::reading::{self, Sampled};
use crate::watch::Watch;
use crate::{job, output};

use super::forecast;

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    objective: f64,
    lower_bound: f64,
    rounding: f64,
    status: Status,
    iterations: usize,
    starts: usize,
    hits: usize,
    n: usize,
    d: usize,
    clouds: Vec<CloudObject<'a>>,
    /// λ of each cloud.
    lambdas: &'a [f64],
    /// IGW² to each cloud.
    squared: &'a [f64],
    /// R of each cloud: rows x times Rᵀ lie in the frame of the barycentre.
    rotations: Vec<Vec<&'a [f64]>>,
    /// The objective of the best start after each iteration.
    trace: &'a [f64],
    /// Unit of length, where `objective` leaves the range of doubles.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    out: Option<String>,
    report: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sampled: &'a [Sampled],
    seconds: f64,
}

/// A cloud as it was read.
#[derive(Serialize)]
struct CloudObject<'a> {
    file: std::borrow::Cow<'a, str>,
    n: usize,
    d: usize,
    mean_share: f64,
}

/// What to do about a barycentre that is too large.
const ADVICE: &str = "--points N takes a sample of each cloud, --n-points N makes the barycentre smaller, --max-memory raises the limit";

/// Runs the command.
pub fn run(args: &args::Barycenter, common: &args::Common) -> Result<u8, Failure> {
    let job = job::barycenter(args, common)?;
    let sizes: Vec<_> = job.clouds.iter().map(|c| (c.len(), c.dim())).collect();
    let need = job.options.need(&sizes);
    if forecast::memory("barycenter", &need, &args.memory, common.json, ADVICE)?.is_break() {
        return Ok(0);
    }
    let mut watch = Watch::start(common.quiet, "iterations")?;
    watch.stage("iterations");
    let clock = Instant::now();
    let solved = job.options.solve(&job.clouds, &mut watch);
    watch.end();
    let sol = solved?;
    let seconds = clock.elapsed().as_secs_f64();
    // before anything is written: the points may lie beyond doubles
    let cloud = sol.cloud()?;
    if let Some(path) = &job.out {
        io::write_cloud(path, &cloud)?;
    }
    if let Some(path) = &job.report {
        let names: Vec<String> = args.clouds.iter().map(|p| p.to_string_lossy().into_owned()).collect();
        let title = match &names[..] {
            [first] => format!("Barycentre of {first}"),
            [first, second] => format!("Barycentre of {first} and {second}"),
            _ => format!("Barycentre of {} clouds", names.len()),
        };
        let mut page = page(&title, &names, &job.clouds, &sol)?;
        page.lead.extend(reading::sentence(&job.sampled));
        output::page(path, &page)?;
    }
    let text = match common.json {
        true => output::json(&object(args, &job, &sol, seconds))?,
        false => table(args, &job, &sol, seconds),
    };
    output::print(&text)?;
    Ok(output::exit_code(sol.status))
}

/// True if the objective has lost its value to the range of doubles.
fn out_of_range(sol: &Solution) -> bool {
    !sol.objective.is_finite()
        || (sol.objective.abs() < f64::MIN_POSITIVE && sol.objective_in_units > f64::MIN_POSITIVE)
}

fn object<'a>(
    args: &'a args::Barycenter,
    job: &'a job::Barycenter,
    sol: &'a Solution,
    seconds: f64,
) -> Object<'a> {
    let clouds = args.clouds.iter().zip(&job.clouds).map(|(path, cloud)| CloudObject {
        file: path.to_string_lossy(),
        n: cloud.len(),
        d: cloud.dim(),
        mean_share: cloud.mean_share(),
    });
    let rotations = sol.rotations.iter().zip(&job.clouds).map(|(r, c)| output::rows(r, c.dim()));
    Object {
        schema: "gromov/barycenter/1",
        objective: sol.objective,
        lower_bound: sol.lower_bound,
        rounding: sol.rounding,
        status: sol.status,
        iterations: sol.iterations,
        starts: sol.starts,
        hits: sol.hits,
        n: sol.weights.len(),
        d: sol.dim,
        clouds: clouds.collect(),
        lambdas: &sol.lambdas,
        squared: &sol.squared,
        rotations: rotations.collect(),
        trace: &sol.trace,
        scale: out_of_range(sol).then_some(sol.unit),
        out: job.out.as_ref().map(|p| p.to_string_lossy().into_owned()),
        report: job.report.as_ref().map(|p| p.to_string_lossy().into_owned()),
        sampled: &job.sampled,
        seconds,
    }
}

fn table(args: &args::Barycenter, job: &job::Barycenter, sol: &Solution, seconds: f64) -> String {
    let number = |x| output::number(x, 10);
    let rounding = output::number(sol.rounding, 2);
    let slack = sol.objective - sol.lower_bound;
    let (objective, lower) = match sol.objective <= sol.rounding {
        _ if out_of_range(sol) => ("out of range".into(), "out of range".into()),
        true => (format!("0 within {rounding}"), format!("0 within {rounding}")),
        false if slack <= sol.rounding => {
            let text = "met within rounding: this is the optimum";
            let lower = number(sol.lower_bound.min(sol.objective));
            (format!("{} +- {rounding}", number(sol.objective)), format!("{lower}, {text}"))
        }
        false => {
            let part = output::number(slack / sol.objective, 3);
            let lower =
                format!("{}, relative gap {part}: a better one may exist within it", number(sol.lower_bound));
            (format!("{} +- {rounding}", number(sol.objective)), lower)
        }
    };
    let (starts, iterations) =
        (output::count(sol.starts, "start"), output::count(sol.iterations, "iteration"));
    let mut pairs = vec![
        ("objective", objective),
        ("lower bound", lower),
        ("status", format!("{}{}", sol.status, output::advice(sol.status))),
        ("barycentre", format!("{} in R^{}", output::count(sol.weights.len(), "point"), sol.dim)),
        ("search", format!("{starts}, {iterations}, best value reached by {}", sol.hits)),
    ];
    for (k, (path, input)) in args.clouds.iter().zip(&job.inputs).enumerate() {
        let (lambda, squared) = (output::number(sol.lambdas[k], 4), output::number(sol.squared[k], 7));
        let name = printable(&path.to_string_lossy());
        pairs.push(("cloud", format!("lambda {lambda}, squared {squared}, {}, {name}", input.size())));
    }
    for (label, path) in [("out", &job.out), ("report", &job.report)] {
        pairs.extend(path.as_ref().map(|p| (label, printable(&p.to_string_lossy()))));
    }
    if job.out.is_none() {
        pairs.push(("out", "none (--out FILE.npz keeps the points)".into()));
    }
    if out_of_range(sol) {
        let unit = output::number(sol.unit, 3);
        let text = format!("the objective leaves the range of doubles at lengths of about {unit}; rescale");
        pairs.push(("note", text));
    }
    pairs.extend(reading::lines(&job.sampled));
    if !args.reading.center {
        for (path, cloud) in args.clouds.iter().zip(&job.clouds) {
            pairs.extend(output::off_centre(&printable(&path.to_string_lossy()), cloud));
        }
    }
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}
