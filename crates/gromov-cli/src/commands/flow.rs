//! `gromov flow`: gradient flow of energies on a cloud.

use std::path::Path;
use std::time::Instant;

use gromov::error::printable;
use gromov::flow::statistics::Statistics;
use gromov::flow::{Checkpoint, FirstTurn, Keeper, Metric, Rotation, Scheme};
use gromov::report::flow::page;
use gromov::{Measure, Status, Trajectory, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::frames::{self, Moving, Written};
use crate::reading::{self, Sampled};
use crate::watch::Watch;
use crate::{job, output, target, trajectory};

use super::forecast;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    stiff: Option<usize>,
    skew: f64,
    turned: f64,
    first_turn: &'a Option<FirstTurn>,
    mirror_gain: f64,
    relabelled: Option<usize>,
    unsolved: usize,
    /// Standard error of the energy in the last step, where it is sampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
    /// Eigenvalues of the second moment at the end in the exact flow, where F is a quadratic form and an entropy.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_spectrum: Option<Vec<f64>>,
    rejected: usize,
    frames: usize,
    frames_missed: usize,
    out: Option<String>,
    report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_ply: Option<Written>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sampled: &'a [Sampled],
    #[serde(flatten)]
    long: &'a Long,
    seconds: f64,
}

/// Checkpoints of this run.
#[derive(Serialize)]
struct Long {
    /// The file, if one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    /// Steps in it.
    #[serde(skip)]
    kept: usize,
    /// Steps done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_at: Option<usize>,
}

/// Options as given; `None` where the program chose.
#[derive(Serialize)]
struct Options<'a> {
    cloud: String,
    energy: Vec<String>,
    metric: Metric,
    scheme: Scheme,
    step: Option<f64>,
    steps: Option<usize>,
    time: Option<f64>,
    rtol: Option<f64>,
    atol: Option<f64>,
    every: usize,
    frame_times: &'a Option<Vec<f64>>,
    rotation: Option<Rotation>,
    tol: f64,
    energy_tol: Option<f64>,
    #[serde(flatten)]
    reading: reading::Options<'a>,
}

/// What to do about a flow that is too large.
const ADVICE: &str =
    "--every K keeps fewer frames, --points N takes a sample of each cloud, --max-memory raises the limit";

/// Runs the command.
pub fn run(args: &args::Flow, common: &args::Common) -> Result<u8, Failure> {
    let mut job = job::flow(args, common)?;
    let cloud = &job.start.cloud;
    let need = job.options.need(cloud.len(), cloud.dim(), &job.energy);
    if forecast::memory("flow", &need, &args.memory, common.json, ADVICE)?.is_break() {
        return Ok(0);
    }
    let mut watch = Watch::start(common.quiet, "steps")?;
    let clock = Instant::now();
    let solved = solve(&mut job, &mut watch);
    watch.end();
    let (run, long, unkept) = solved?;
    let seconds = clock.elapsed().as_secs_f64();
    if let Some(out) = &job.out {
        match out.format {
            job::Format::Npz => io::write_trajectory(&out.path, &run, &meta(args, common, &job, &run)?)?,
            job::Format::Csv => {
                io::write_frames_csv(&out.path, &run.times, &run.points, &run.weights, run.d)?;
            }
        }
    }
    if let Some(path) = &job.report {
        let title = format!("Flow of {}", args.cloud.to_string_lossy());
        let mut page = page(&title, &target::picture(&run, &job.targets)?, common.seed)?;
        page.lead.extend(reading::sentence(&job.sampled));
        output::page(path, &page)?;
    }
    let frames = match job.frames.take() {
        None => None,
        Some(f) => {
            let moving = Moving { start: run.start()?, points: &run.points };
            Some(frames::write(&f.folder, &moving, f.mesh, f.lost)?)
        }
    };
    let text = if common.json {
        output::json(&object(&job, &run, frames, &long, seconds)?)?
    } else {
        let summary = summary(args, common, &job, &run, (frames.as_ref(), &long, seconds))?;
        table(args, &job, &run)? + &summary
    };
    output::print(&text)?;
    match unkept {
        None => Ok(output::exit_code(run.status)),
        Some(e) => {
            let told = output::count(run.steps(), "step");
            Err(Failure::new(format!(
                "{e}; the flow ended after {told}, and a checkpoint written before is as it was"
            )))
        }
    }
}

/// Runs the flow, from a checkpoint if there is one; what it kept, and why it could not keep the last one.
fn solve(
    job: &mut job::Flow,
    watch: &mut Watch,
) -> Result<(Trajectory, Long, Option<gromov::Error>), Failure> {
    let from = job.from.take();
    let resumed_at = from.as_ref().map(Checkpoint::steps);
    if let Some(steps) = resumed_at {
        watch.resumed_at(steps);
    }
    let mut kept = None;
    let mut keeper = job.keep.as_ref().map(|keep| {
        Keeper::new(keep.every, keep.after, |checkpoint| {
            io::write_checkpoint(&keep.path, checkpoint, &job.texts)?;
            kept = Some(checkpoint.steps());
            Ok(())
        })
    });
    let solved = job.options.solve_from(from, &job.start.cloud, &mut job.energy, watch, keeper.as_mut());
    let unkept = keeper.and_then(|keeper| keeper.failed);
    let file = kept.and(job.keep.as_ref()).map(|keep| keep.path.to_string_lossy().into_owned());
    Ok((solved?, Long { checkpoint: file, kept: kept.unwrap_or(0), resumed_at }, unkept))
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
        rtol: args.rtol,
        atol: args.atol,
        every: args.every,
        frame_times: &args.frame_times,
        rotation: (job.options.metric == Metric::Igw).then_some(job.options.rotation),
        tol: args.tol,
        energy_tol: args.energy_tol,
        reading: reading::Options::new(&args.reading, &job.sampled),
    };
    trajectory::meta("flow", options, common.seed, run)
}

fn object<'a>(
    job: &'a job::Flow,
    run: &'a Trajectory,
    frames_ply: Option<Written>,
    long: &'a Long,
    seconds: f64,
) -> Result<Object<'a>, Failure> {
    let last = run.frames() - 1;
    Ok(Object {
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
        stiff: (run.diffusion > 0.0).then(|| run.stiff()),
        skew: run.skew(),
        turned: run.turned(),
        first_turn: &run.first_turn,
        mirror_gain: run.mirror_gain,
        relabelled: run.relabelled(),
        unsolved: run.unsolved(),
        sampling_error: run.log.last().and_then(|s| s.sampling_error),
        statistics: (run.diffusion > 0.0).then(|| run.statistics(last)).transpose()?,
        exact_spectrum: exact_spectrum(run)?,
        rejected: run.rejected,
        frames: run.frames(),
        frames_missed: run.frames_missed,
        out: job.out.as_ref().map(|o| o.path.to_string_lossy().into_owned()),
        report: job.report.as_ref().map(|p| p.to_string_lossy().into_owned()),
        frames_ply,
        sampled: &job.sampled,
        long,
        seconds,
    })
}

/// Eigenvalues at the end of the exact flow; `None` where there is none, or at its extinction.
fn exact_spectrum(run: &Trajectory) -> Result<Option<Vec<f64>>, Failure> {
    let end = run.times[run.frames() - 1];
    Ok(run.law()?.and_then(|law| law.at(end).ok()).map(|gaussian| gaussian.spectrum))
}

fn table(args: &args::Flow, job: &job::Flow, run: &Trajectory) -> Result<String, Failure> {
    let name = printable(&args.cloud.to_string_lossy());
    let mut top = format!("{name}: {}, energy {}\n", job.start.size(), run.energy);
    if !args.reading.center {
        // IGW targets, and the cloud where the geometry or a target is IGW
        let mut clouds: Vec<(String, &Measure)> = Vec::new();
        let targets = job.targets.iter().filter(|target| target.aligned.is_some());
        clouds.extend(targets.map(|target| (printable(&target.file), &target.cloud)));
        if run.metric == Metric::Igw || !clouds.is_empty() {
            clouds.insert(0, ("the cloud".into(), &job.start.cloud));
        }
        let notes = clouds.iter().filter_map(|(name, cloud)| output::off_centre(name, cloud));
        top.extend(notes.map(|(label, text)| format!("{label}: {text}\n")));
    }
    Ok(format!("{top}\n{}\n", trajectory::table(run, ROWS)?))
}

fn summary(
    args: &args::Flow,
    common: &args::Common,
    job: &job::Flow,
    run: &Trajectory,
    (frames, long, seconds): (Option<&Written>, &Long, f64),
) -> Result<String, Failure> {
    let short = |x: f64| output::number(x, 6);
    let igw = run.metric == Metric::Igw;
    let step = match (args.step, igw) {
        (Some(_), _) => "as asked for",
        (None, true) if run.diffusion > 0.0 => {
            "chosen: the first step moves by 0.05 |Sigma|, at most 0.03 of the least eigenvalue squared / a"
        }
        (None, false) if run.diffusion > 0.0 => {
            "chosen: the first step or its noise moves by 0.05 of the rms radius"
        }
        (None, true) => "chosen: the first step moves by 0.05 |Sigma|",
        (None, false) => "chosen: the first step moves by 0.05 of the rms radius",
    };
    let end = match (args.steps, args.time) {
        (Some(n), _) => format!("{} asked for", output::count(n, "step")),
        (_, Some(t)) => format!("time {} asked for", short(t)),
        _ if run.diffusion > 0.0 => "chosen: 200 steps".into(),
        _ => format!("chosen: to convergence (tol {:e}) or 200 steps", args.tol),
    };
    let last = run.frames() - 1;
    let (steps, time) = (run.steps(), short(run.times[last]));
    let mut pairs = vec![
        (
            "status",
            format!(
                "{}{} after {}, time {time}",
                run.status,
                output::advice(run.status),
                output::count(steps, "step")
            ),
        ),
        ("end", end),
        ("tau", format!("{} ({step})", short(run.step))),
        ("metric", format!("{}, {} scheme", trajectory::metric_name(run.metric), run.scheme.name())),
    ];
    pairs.extend(control(&job.options, run));
    pairs.extend(notes(run).into_iter().map(|text| ("note", text)));
    if igw {
        pairs.push(("turned", turned(run)));
        pairs.push(("mirror_gain", mirror_gain(run)));
        pairs
            .push(("skew", format!("{} (largest torque after the first turn, relative)", short(run.skew()))));
    }
    pairs.extend(estimates(run)?);
    let relabelled = match run.relabelled() {
        Some(count) => output::count(count, "point"),
        None => "not checked".into(),
    };
    pairs.push(("relabelled", relabelled));
    pairs.push(("unsolved", trajectory::unsolved(run)));
    pairs.push(("seed", common.seed.to_string()));
    let out = job.out.as_ref().map(|o| output_line(&o.path, run.frames()));
    pairs.push(("out", out.unwrap_or_else(|| "none (--out FILE.npz keeps the frames)".into())));
    if let Some(path) = &job.report {
        pairs.push(("report", printable(&path.to_string_lossy())));
    }
    if let Some(frames) = frames {
        pairs.push(("frames", frames.text()));
    }
    pairs.extend(reading::lines(&job.sampled));
    if let Some(steps) = long.resumed_at {
        pairs.push(("resumed", format!("after {}", output::count(steps, "step"))));
    }
    pairs.extend(checkpoint(job, long).map(|text| ("checkpoint", text)));
    pairs.push(("seconds", format!("{seconds:.3}")));
    Ok(output::lines(&pairs))
}

/// What a user should know of the steps.
fn notes(run: &Trajectory) -> Vec<String> {
    let mut out = Vec::new();
    if run.stiff() > 0 {
        let steps = output::count(run.stiff(), "step");
        out.push(format!(
            "{steps} above 0.2 of the least eigenvalue squared / a: too long; try a smaller --step"
        ));
    }
    let rises = run.energy_rises();
    if rises > 0 {
        let steps = output::count(rises, "step");
        out.push(format!("the energy rose in {steps}: too long; try a smaller --step"));
    }
    if run.frames_missed > 0 {
        let missed = output::count(run.frames_missed, "time");
        out.push(format!("no frame at {missed} of --frame-times: the flow ended before"));
    }
    out
}

/// What is estimated, and what is known exactly beside it.
fn estimates(run: &Trajectory) -> Result<Vec<(&'static str, String)>, Failure> {
    let short = |x: f64| output::number(x, 6);
    let mut pairs = Vec::new();
    if let Some(error) = run.log.last().and_then(|s| s.sampling_error) {
        let error = if error.is_nan() { "unknown".into() } else { short(error) };
        pairs.push((
            "sampled",
            format!("the energy is from batches: standard error {error} in the last step"),
        ));
    }
    if let Some(exact) = exact_spectrum(run)? {
        let list: Vec<String> = exact.iter().map(|l| short(*l)).collect();
        pairs.push(("exact", format!("Sigma {} at the end, by the flow of Gaussians", list.join(", "))));
    }
    Ok(pairs)
}

/// What there is to go on from.
fn checkpoint(job: &job::Flow, long: &Long) -> Option<String> {
    if let Some(file) = &long.checkpoint {
        let (file, steps) = (printable(file), output::count(long.kept, "step"));
        return Some(format!("{file} ({steps}; --resume {file} goes on from there)"));
    }
    job.keep.as_ref().map(|_| "none (the flow was stopped before its first step)".into())
}

/// Tolerances and rejected trials, where steps are controlled.
fn control(options: &gromov::Flow, run: &Trajectory) -> Vec<(&'static str, String)> {
    let Some(rtol) = options.relative_tolerance() else { return Vec::new() };
    let atol = options.atol.map_or(String::new(), |a| format!(", atol {a:e}"));
    let longest = run.log.iter().map(|s| s.tau).fold(0.0, f64::max);
    let last = run.log.last().map_or(run.step, |s| s.tau);
    let (longest, last) = (output::number(longest, 3), output::number(last, 3));
    vec![
        ("rtol", format!("{rtol:e}{atol}; longest step {longest}, last {last}")),
        ("rejected", output::count(run.rejected, "trial step")),
    ]
}

fn output_line(path: &Path, frames: usize) -> String {
    format!("{} ({})", printable(&path.to_string_lossy()), output::count(frames, "frame"))
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
