//! `gromov flow`: gradient flow of energies on a cloud.

use std::path::Path;
use std::time::Instant;

use gromov::error::printable;
use gromov::flow::{FirstTurn, Metric, Rotation, Scheme, StepLog, change};
use gromov::{Status, Trajectory, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::watch::Watch;
use crate::{job, output};

/// Rows of the table.
const ROWS: usize = 20;

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    metric: Metric,
    scheme: Scheme,
    rotation: Option<Rotation>,
    energy: &'a str,
    status: Status,
    step: f64,
    steps: usize,
    time: f64,
    energy_start: f64,
    energy_end: f64,
    energy_rises: usize,
    skew: f64,
    turned: f64,
    first_turn: &'a Option<FirstTurn>,
    mirror_gain: f64,
    relabelled: Option<usize>,
    frames: usize,
    out: Option<String>,
    seconds: f64,
}

/// The text `meta` of an output file: what was asked for and what happened. No clock time, no number
/// of threads: they do not change the result.
#[derive(Serialize)]
struct Meta<'a> {
    version: &'static str,
    command: &'static str,
    options: Options,
    seed: u64,
    status: Status,
    step: f64,
    energy: &'a str,
    rotation: Option<Rotation>,
    first_turn: &'a Option<FirstTurn>,
    mirror_gain: f64,
    log: &'a [StepLog],
}

/// Options as given; `None` where the program chose.
#[derive(Serialize)]
struct Options {
    cloud: String,
    energy: Vec<String>,
    metric: Metric,
    scheme: Scheme,
    step: Option<f64>,
    steps: Option<usize>,
    time: Option<f64>,
    every: usize,
    rotation: Option<Rotation>,
    tol: f64,
    center: bool,
    normalize: bool,
}

/// Runs the command.
pub fn run(args: &args::Flow, common: &args::Common) -> Result<u8, Failure> {
    let mut job = job::flow(args, common)?;
    let mut watch = Watch::start(common.quiet, "steps")?;
    let clock = Instant::now();
    let solved = job.options.solve(&job.cloud, &mut job.energy, &mut watch);
    watch.end();
    let run = solved?;
    let seconds = clock.elapsed().as_secs_f64();
    if let Some(out) = &job.out {
        match out.format {
            job::Format::Npz => io::write_trajectory(&out.path, &run, &meta(args, common, &job, &run)?)?,
            job::Format::Csv => {
                io::write_frames_csv(&out.path, &run.times, &run.points, &run.weights, run.d)?;
            }
        }
    }
    let text = if common.json {
        output::json(&object(&job, &run, seconds))?
    } else {
        table(args, common, &job, &run)? + &summary(args, common, &job, &run, seconds)
    };
    output::print(&text)?;
    Ok(output::exit_code(run.status))
}

fn meta(
    args: &args::Flow,
    common: &args::Common,
    job: &job::Flow,
    run: &Trajectory,
) -> Result<String, Failure> {
    let text = |s: &std::ffi::OsStr| s.to_string_lossy().into_owned();
    let options = Options {
        cloud: text(args.cloud.as_os_str()),
        energy: args.energy.iter().map(|s| text(s)).collect(),
        metric: job.options.metric,
        scheme: job.options.scheme,
        step: args.step,
        steps: args.steps,
        time: args.time,
        every: args.every,
        rotation: (job.options.metric == Metric::Igw).then_some(job.options.rotation),
        tol: args.tol,
        center: common.center,
        normalize: common.normalize,
    };
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION"),
        command: "flow",
        options,
        seed: common.seed,
        status: run.status,
        step: run.step,
        energy: &run.energy,
        rotation: run.rotation,
        first_turn: &run.first_turn,
        mirror_gain: run.mirror_gain,
        log: &run.log,
    };
    Ok(output::json(&meta)?.trim_end().to_string())
}

fn object<'a>(job: &job::Flow, run: &'a Trajectory, seconds: f64) -> Object<'a> {
    let last = run.frames() - 1;
    Object {
        schema: "gromov/flow/1",
        metric: run.metric,
        scheme: run.scheme,
        rotation: run.rotation,
        energy: &run.energy,
        status: run.status,
        step: run.step,
        steps: run.steps(),
        time: run.times[last],
        energy_start: run.energies[0],
        energy_end: run.energies[last],
        energy_rises: run.energy_rises(),
        skew: run.skew(),
        turned: run.turned(),
        first_turn: &run.first_turn,
        mirror_gain: run.mirror_gain,
        relabelled: run.relabelled(),
        frames: run.frames(),
        out: job.out.as_ref().map(|o| o.path.to_string_lossy().into_owned()),
        seconds,
    }
}

/// Names of the columns of eigenvalues, and which they are: all up to four, else the ends.
fn eigenvalue_columns(d: usize) -> Vec<usize> {
    if d <= 4 { (0..d).collect() } else { vec![0, 1, d - 1] }
}

fn table(
    args: &args::Flow,
    common: &args::Common,
    job: &job::Flow,
    run: &Trajectory,
) -> Result<String, Failure> {
    let short = |x: f64| output::number(x, 6);
    let columns = eigenvalue_columns(run.d);
    let mut header: Vec<String> = vec!["time".into(), "energy".into()];
    header.extend(columns.iter().map(|k| format!("Sigma_{}", k + 1)));
    header.extend(["moved", "inner", "gram change"].map(String::from));
    let start = run.start()?;
    let shown = ROWS.min(run.frames());
    let mut body = Vec::with_capacity(shown);
    let mut before = 0;
    for row in 0..shown {
        let f = if shown == 1 { 0 } else { row * (run.frames() - 1) / (shown - 1) };
        let spectrum = start.with_points(run.frame(f).to_vec())?.spectrum()?;
        let iterations = run.iterations_at(f);
        let mut cells = vec![short(run.times[f]), short(run.energies[f])];
        cells.extend(columns.iter().map(|k| short(spectrum[*k])));
        cells.push(short(run.length_at(f)));
        cells.push((iterations - before).to_string());
        cells.push(output::number(change::gram_change(&start, run.frame(f))?, 3));
        before = iterations;
        body.push(cells);
    }
    let name = printable(&args.cloud.to_string_lossy());
    let mut top = format!("{name}: {} points in R^{}, energy {}\n", run.n, run.d, run.energy);
    if !common.center
        && run.metric == Metric::Igw
        && let Some((label, text)) = output::off_centre("the cloud", &job.cloud)
    {
        top += &format!("{label}: {text}\n");
    }
    Ok(format!("{top}\n{}\n", output::table(&header, &body)))
}

fn summary(
    args: &args::Flow,
    common: &args::Common,
    job: &job::Flow,
    run: &Trajectory,
    seconds: f64,
) -> String {
    let short = |x: f64| output::number(x, 6);
    let igw = run.metric == Metric::Igw;
    let step = match (args.step, igw) {
        (Some(_), _) => "as asked for",
        (None, true) => "chosen: the first step moves by 0.05 |Sigma|",
        (None, false) => "chosen: the first step moves by 0.05 of the rms radius",
    };
    let end = match (args.steps, args.time) {
        (Some(n), _) => format!("{n} steps asked for"),
        (_, Some(t)) => format!("time {} asked for", short(t)),
        _ => format!("chosen: to convergence (tol {:e}) or 200 steps", args.tol),
    };
    let last = run.frames() - 1;
    let (steps, time) = (run.steps(), short(run.times[last]));
    let mut pairs = vec![
        ("status", format!("{}{} after {steps} steps, time {time}", run.status, output::advice(run.status))),
        ("end", end),
        ("tau", format!("{} ({step})", short(run.step))),
        ("metric", format!("{}, {} scheme", metric_name(run.metric), scheme_name(run.scheme))),
    ];
    let rises = run.energy_rises();
    if rises > 0 {
        pairs.push((
            "note",
            format!("the energy rose in {rises} steps: they are too long; try a smaller --step"),
        ));
    }
    if igw {
        pairs.push(("turned", turned(run)));
        pairs.push(("mirror_gain", mirror_gain(run)));
        pairs
            .push(("skew", format!("{} (largest torque after the first turn, relative)", short(run.skew()))));
    }
    let relabelled = match run.relabelled() {
        Some(count) => format!("{count} points"),
        None => "not checked".into(),
    };
    pairs.push(("relabelled", relabelled));
    pairs.push(("seed", common.seed.to_string()));
    let out = job.out.as_ref().map(|o| output_line(&o.path, run.frames()));
    pairs.push(("out", out.unwrap_or_else(|| "none (--out FILE.npz keeps the frames)".into())));
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}

fn output_line(path: &Path, frames: usize) -> String {
    format!("{} ({frames} frames)", printable(&path.to_string_lossy()))
}

fn turned(run: &Trajectory) -> String {
    let short = |x: f64| output::number(x, 6);
    match (run.rotation, &run.first_turn) {
        (None, _) => "nothing to turn: the energy does not see rotations".into(),
        (_, Some(first)) => format!(
            "{} rad in all; first turn {} rad, energy {} -> {} (drop {})",
            short(run.turned()),
            short(first.angle),
            short(first.energy_before),
            short(first.energy_after),
            short(first.energy_before - first.energy_after)
        ),
        (_, None) => format!("{} rad in all (rotation fixed)", short(run.turned())),
    }
}

fn mirror_gain(run: &Trajectory) -> String {
    let gain = output::number(run.mirror_gain, 6);
    match run.mirror_gain > 0.0 {
        true => format!("{gain} (a mirror image of the cloud would have had less energy)"),
        false => "0".into(),
    }
}

fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::W2 => "w2",
        _ => "igw",
    }
}

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Rk4 => "rk4",
        _ => "implicit",
    }
}
