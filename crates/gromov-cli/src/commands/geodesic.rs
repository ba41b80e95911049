//! `gromov geodesic`: a path between two clouds along a plan.

use std::path::Path;
use std::time::Instant;

use gromov::error::printable;
use gromov::geodesic::along::displacement_plan;
use gromov::geodesic::{Frame, Kind, Method};
use gromov::igw::{self, Solution};
use gromov::memory::Need;
use gromov::ot::Plan;
use gromov::report::geodesic::{Shown, page, turn};
use gromov::{Status, io};
use serde::Serialize;

use crate::args::{self, Pairing};
use crate::failure::Failure;
use crate::frames::{self, Moving, Written};
use crate::reading::{self, Input, Sampled};
use crate::watch::Watch;
use crate::{job, output};

use super::forecast;

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    squared: f64,
    /// Intrinsic length for the plan used; `None` for other kinds.
    d_igw: Option<f64>,
    kind: Kind,
    plan: Pairing,
    frame: Frame,
    frames: usize,
    status: Status,
    length: f64,
    action: f64,
    method: Method,
    /// R, (d, d_y): in the frame of A the path ends at R y.
    rotation: Vec<&'a [f64]>,
    reflected: Option<bool>,
    residual: f64,
    uncertainty: f64,
    /// Unit of length, where `squared` is outside the range of doubles.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    iterations: usize,
    lost: f64,
    n: usize,
    m: usize,
    d_x: usize,
    d_y: usize,
    d: usize,
    particles: usize,
    /// How the IGW plan was found; `None` where none was sought.
    search: Option<SearchObject>,
    out: Option<String>,
    report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_ply: Option<Written>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sampled: &'a [Sampled],
    seconds: f64,
}

/// The search of the plan.
#[derive(Serialize)]
struct SearchObject {
    lower_bound: f64,
    gap: f64,
    certified: bool,
    status: Status,
    method: igw::Method,
    starts: usize,
    hits: usize,
}

/// The text `meta` of the frames. No clock time, no number of threads.
#[derive(Serialize)]
struct Meta<'a> {
    version: &'static str,
    command: &'static str,
    a: &'a str,
    b: &'a str,
    kind: Kind,
    plan: Pairing,
    frame: Frame,
    dim: Option<usize>,
    starts: Option<u32>,
    tol: Option<f64>,
    time_limit: Option<f64>,
    seed: u64,
    #[serde(flatten)]
    reading: reading::Options<'a>,
    status: Status,
    squared: f64,
    length: f64,
    action: f64,
    rotation: Vec<&'a [f64]>,
}

/// The plans of a job, and the paths along them.
struct Found {
    path: gromov::Path,
    /// The other kinds, for the page.
    others: Vec<gromov::Path>,
    search: Option<Solution>,
    /// How the search of a W2 plan ended.
    w2: Option<Status>,
    status: Status,
}

/// What to do about a path that is too large.
const ADVICE: &str =
    "--frames K keeps fewer frames, --points N takes a sample of each cloud, --max-memory raises the limit";

/// What the search for the plan and the path along it take in memory.
fn need(job: &job::Geodesic) -> Need {
    let size = |input: &Input| (input.cloud.len(), input.cloud.dim());
    let (x, y) = (size(&job.a), size(&job.b));
    let search = job
        .solver
        .as_ref()
        .map_or_else(Need::default, |s| s.searches().need(x, y, rayon::current_num_threads()));
    let path = job.options.need(x, y, job.times.len());
    path.parts.into_iter().fold(search, |need, (part, bytes)| need.and(part, bytes))
}

/// Runs the command.
pub fn run(args: &args::Geodesic, common: &args::Common) -> Result<u8, Failure> {
    let mut job = job::geodesic(args, common)?;
    if forecast::memory("geodesic", &need(&job), &args.memory, common.json, ADVICE)?.is_break() {
        return Ok(0);
    }
    let mut watch = Watch::start(common.quiet, job.solver.as_ref().map_or("plan", job::Solver::unit))?;
    if let Some(solver) = job.solver.as_ref().filter(|_| job.forecast) {
        let clouds = (&job.a.cloud, &job.b.cloud);
        if forecast::first(solver, clouds, (args.large, common.quiet), &mut watch)?.is_break() {
            return Ok(output::exit_code(Status::Interrupted));
        }
    }
    let clock = Instant::now();
    let found = find(&job, &mut watch);
    watch.end();
    let found = found?;
    let seconds = clock.elapsed().as_secs_f64();
    let wanted = job.out.is_some() || job.frames.is_some();
    let points = if wanted { found.path.frames(&job.times)? } else { Vec::new() };
    write_out(args, common, &job, (&found, &points))?;
    if let Some(path) = &job.report {
        write_page(path, args, common, &job, &found)?;
    }
    let written = job.frames.take().map(|frames| write_frames(frames, &found.path, &points));
    let written = written.transpose()?;
    if common.json && !common.quiet {
        notes(&job, &found.path).iter().for_each(|text| output::note(text));
    }
    let text = match common.json {
        true => output::json(&object(args, &job, &found, (written, seconds)))?,
        false => table(args, common, &job, &found, (written.as_ref(), seconds))?,
    };
    output::print(&text)?;
    Ok(output::exit_code(found.status))
}

/// The plan asked for and its path; with a page the other kinds too.
fn find(job: &job::Geodesic, watch: &mut Watch) -> Result<Found, Failure> {
    let (a, b) = (&job.a.cloud, &job.b.cloud);
    let (same, kind) = (a.dim() == b.dim(), job.options.kind);
    let search = job.solver.as_ref().map(|solver| solver.solve(a, b, watch)).transpose()?;
    let straight = same && job.plan == Pairing::Optimal && (kind == Kind::Mccann || job.report.is_some());
    if straight {
        watch.stage("W2 plan");
    }
    let w2 = straight.then(|| displacement_plan(a, b, watch)).transpose()?;
    let solve = |kind: Kind, watch: &mut Watch| -> Result<gromov::Path, Failure> {
        let dim = job.options.dim.filter(|_| kind == Kind::Lifted);
        let options = gromov::Geodesic { kind, dim, ..job.options.clone() };
        let identity = Plan::identity(a.weights());
        let found = match (&search, &w2) {
            (_, Some((plan, _))) if kind == Kind::Mccann => options.solve(a, b, plan, watch),
            (Some(sol), _) => options.solve(a, b, &sol.plan, watch),
            _ if same => options.labelled(a, b.points(), watch),
            _ => options.solve(a, b, &identity, watch),
        };
        Ok(found?)
    };
    watch.stage("paths");
    let path = solve(kind, watch)?;
    let mut others = Vec::new();
    if job.report.is_some() {
        // between different dimensions the lifted path alone is what it is meant to be
        let all = if same { &[Kind::Intrinsic, Kind::Lifted, Kind::Mccann][..] } else { &[Kind::Lifted] };
        for other in all.iter().filter(|k| **k != kind) {
            others.push(solve(*other, watch)?);
        }
    }
    let plan = match (&search, &w2) {
        (_, Some((_, status))) if kind == Kind::Mccann => Some(*status),
        (sol, _) => sol.as_ref().filter(|_| kind != Kind::Mccann).map(|sol| sol.status),
    };
    let status = match plan {
        _ if path.status == Status::Interrupted => Status::Interrupted,
        Some(Status::Interrupted) => Status::Interrupted,
        _ if !path.status.is_success() => path.status,
        Some(status) if !status.is_success() => status,
        _ => path.status,
    };
    let w2 = w2.map(|(_, status)| status);
    Ok(Found { path, others, search, w2, status })
}

fn write_out(
    args: &args::Geodesic,
    common: &args::Common,
    job: &job::Geodesic,
    (found, points): (&Found, &[f64]),
) -> Result<(), Failure> {
    let Some(out) = &job.out else {
        return Ok(());
    };
    let path = &found.path;
    match out.format {
        job::Format::Csv => io::write_frames_csv(&out.path, &job.times, points, &path.weights, path.dim)?,
        job::Format::Npz => {
            let (rows, columns) = (job.a.rows(&path.plan.rows), job.b.rows(&path.plan.columns));
            let meta = Meta {
                version: env!("CARGO_PKG_VERSION"),
                command: "geodesic",
                a: &args.a.to_string_lossy(),
                b: &args.b.to_string_lossy(),
                kind: path.kind,
                plan: job.plan,
                frame: path.frame,
                dim: job.options.dim,
                starts: args.starts,
                tol: args.tol,
                time_limit: args.time_limit,
                seed: common.seed,
                reading: reading::Options::new(&args.reading, &job.sampled),
                status: found.status,
                squared: path.squared,
                length: path.length,
                action: path.action,
                rotation: output::rows(&path.rotation, job.b.cloud.dim()),
            };
            let meta = output::json(&meta)?;
            let frames = (&job.times[..], points);
            io::write_path(&out.path, path, frames, (&rows, &columns), meta.trim_end())?;
        }
    }
    Ok(())
}

fn write_page(
    file: &Path,
    args: &args::Geodesic,
    common: &args::Common,
    job: &job::Geodesic,
    found: &Found,
) -> Result<(), Failure> {
    let shown: Vec<Shown<'_>> = std::iter::once(&found.path)
        .chain(&found.others)
        .map(|path| Shown { path, plan: plan_words(job.plan, found.search.as_ref(), found.w2, path.kind) })
        .collect();
    let (a, b) = (args.a.to_string_lossy(), args.b.to_string_lossy());
    let title = format!("From {a} to {b}");
    let mut page = page(&title, (&a, &b), (&job.a.cloud, &job.b.cloud), &shown, common.seed)?;
    page.lead.extend(reading::sentence(&job.sampled));
    output::page(file, &page)
}

/// Where the plan of a kind comes from.
fn plan_words(plan: Pairing, search: Option<&Solution>, w2: Option<Status>, kind: Kind) -> String {
    match (plan, kind, search) {
        (Pairing::Identity, ..) => "row i to row i".into(),
        (_, Kind::Mccann, _) => match w2.filter(|status| !status.is_success()) {
            None => "optimal for W2".into(),
            Some(status) => format!("one for W2, not the best ({status})"),
        },
        (_, _, Some(sol)) if sol.certified => "optimal for IGW, certified".into(),
        _ => "the best found for IGW, not certified".into(),
    }
}

/// The frames, with the colours of A by particle, and its faces where particle i is point i.
fn write_frames(frames: job::Frames, path: &gromov::Path, points: &[f64]) -> Result<Written, Failure> {
    let job::Frames { folder, mut mesh, mut lost } = frames;
    let rows = &path.plan.rows;
    if !mesh.faces.is_empty() && !rows.iter().copied().eq(0..mesh.cloud.len()) {
        let mut counts = vec![0_usize; mesh.cloud.len()];
        rows.iter().for_each(|i| counts[*i] += 1);
        let split = output::count(counts.iter().filter(|c| **c > 1).count(), "point");
        let reason = match counts.iter().all(|c| *c < 2) {
            true => "points of it have no weight, and no particle".to_string(),
            false => format!("the plan splits {split} of it over several particles"),
        };
        lost = Some(format!("the faces of A are lost: {reason}"));
        mesh.faces = io::Faces::default();
    }
    mesh.colors = mesh.colors.map(|colors| rows.iter().map(|i| colors[*i]).collect());
    let start = path.cloud(&points[..path.len() * path.dim])?;
    frames::write(&folder, &Moving { start, points }, mesh, lost)
}

/// What must be said of a path.
fn notes(job: &job::Geodesic, path: &gromov::Path) -> Vec<String> {
    // an interrupted search says so by its status
    if path.method != Method::Chain || path.status == Status::Interrupted {
        return Vec::new();
    }
    let (p, q) = (job.a.cloud.dim(), job.b.cloud.dim());
    let within = output::number(path.uncertainty, 2);
    let curve = format!("this is a discrete curve of least action; length within {within}, relative");
    vec![match path.status {
        _ if p != q => format!(
            "d_x = {p} and d_y = {q} differ: an intrinsic geodesic has an end at which Sigma has no inverse, so {curve}; \
             --kind lifted is made for such clouds"
        ),
        Status::Singular => format!(
            "no geodesic along which Sigma has an inverse was found: {curve}, and --kind lifted has no such end"
        ),
        status => format!("no geodesic was found to meet the end ({status}): {curve}"),
    }]
}

fn object<'a>(
    args: &args::Geodesic,
    job: &'a job::Geodesic,
    found: &'a Found,
    (frames_ply, seconds): (Option<Written>, f64),
) -> Object<'a> {
    let (a, b, path) = (&job.a.cloud, &job.b.cloud, &found.path);
    let name = |path: &Path| path.to_string_lossy().into_owned();
    Object {
        schema: "gromov/geodesic/1",
        squared: path.squared,
        d_igw: (path.kind == Kind::Intrinsic).then_some(path.length),
        kind: path.kind,
        plan: job.plan,
        frame: path.frame,
        frames: job.times.len(),
        status: found.status,
        length: path.length,
        action: path.action,
        method: path.method,
        rotation: output::rows(&path.rotation, b.dim()),
        reflected: path.reflected,
        residual: path.residual,
        uncertainty: path.uncertainty,
        scale: out_of_range(path).then_some(path.unit),
        iterations: path.iterations,
        lost: path.lost,
        n: a.len(),
        m: b.len(),
        d_x: a.dim(),
        d_y: b.dim(),
        d: path.dim,
        particles: path.len(),
        search: found.search.as_ref().map(|sol| SearchObject {
            lower_bound: sol.lower_bound,
            gap: sol.gap,
            certified: sol.certified,
            status: sol.status,
            method: sol.method,
            starts: sol.starts,
            hits: sol.hits,
        }),
        out: job.out.as_ref().map(|o| name(&o.path)),
        report: args.report.as_deref().map(name),
        frames_ply,
        sampled: &job.sampled,
        seconds,
    }
}

fn table(
    args: &args::Geodesic,
    common: &args::Common,
    job: &job::Geodesic,
    found: &Found,
    (frames, seconds): (Option<&Written>, f64),
) -> Result<String, Failure> {
    let path = &found.path;
    let number = |x: f64| output::number(x, 9);
    let file = |path: &Path| printable(&path.to_string_lossy());
    let kind = match path.kind {
        Kind::Lifted => format!("lifted, in {} dimensions", path.dim),
        Kind::Mccann => "mccann (straight lines)".into(),
        _ => "intrinsic".into(),
    };
    let mut pairs = vec![
        ("squared", format!("{} (IGW^2 of the plan)", number(path.squared))),
        ("d_igw", d_igw(path)),
        ("length", format!("{}, action {}", number(path.length), number(path.action))),
        ("kind", kind),
        ("status", format!("{}{}", found.status, advice(found, path))),
        ("plan", plan_line(job, found)),
        ("method", method(path)),
        ("A", format!("{}, {}", job.a.size(), file(&args.a))),
        ("B", format!("{}, {}", job.b.size(), file(&args.b))),
        ("map A to B", turn(path)?.replace('°', " degrees")),
    ];
    if path.kind == Kind::Lifted {
        let lost = output::number(100.0 * path.lost, 3);
        pairs.push((
            "lost",
            format!("{lost} % of the second moment at most, outside the {} dimensions shown", path.dim),
        ));
    }
    pairs.extend(notes(job, path).into_iter().map(|text| ("note", text)));
    if out_of_range(path) {
        let unit = number(path.unit);
        let text =
            format!("squared and action leave the range of doubles at lengths of about {unit}; rescale");
        pairs.push(("note", text));
    }
    if !args.reading.center && path.kind != Kind::Mccann {
        pairs.extend(output::off_centre("A", &job.a.cloud));
        pairs.extend(output::off_centre("B", &job.b.cloud));
    }
    let out =
        job.out.as_ref().map(|o| format!("{} ({})", file(&o.path), output::count(job.times.len(), "frame")));
    pairs.push(("out", out.unwrap_or_else(|| "none (--out FILE.npz keeps the frames)".into())));
    if let Some(path) = &job.report {
        pairs.push(("report", file(path)));
    }
    pairs.extend(frames.map(|frames| ("frames", frames.text())));
    pairs.extend(reading::lines(&job.sampled));
    pairs.push(("seed", common.seed.to_string()));
    pairs.push(("seconds", format!("{seconds:.3}")));
    Ok(output::lines(&pairs))
}

/// True if IGW² is no normal double and not zero.
fn out_of_range(path: &gromov::Path) -> bool {
    !path.squared.is_finite()
        || (path.squared.abs() < f64::MIN_POSITIVE && path.squared_in_units > f64::MIN_POSITIVE)
}

fn d_igw(path: &gromov::Path) -> String {
    match (path.kind, path.method) {
        (Kind::Intrinsic, Method::Chain) => {
            let off = output::number(path.uncertainty, 2);
            format!(
                "{} (length of a chain, relative change at its last doubling {off})",
                output::number(path.length, 9)
            )
        }
        (Kind::Intrinsic, _) => {
            format!("{} (intrinsic length for this plan)", output::number(path.length, 9))
        }
        _ => "none: it is the length of --kind intrinsic".into(),
    }
}

fn advice(found: &Found, path: &gromov::Path) -> &'static str {
    match found.status {
        Status::Singular if path.status == Status::Singular => " (a chain of frames: see the note)",
        other => output::advice(other),
    }
}

fn plan_line(job: &job::Geodesic, found: &Found) -> String {
    let path = &found.path;
    let words = plan_words(job.plan, found.search.as_ref(), found.w2, path.kind);
    let particles = output::count(path.len(), "particle");
    match found.search.as_ref().filter(|_| path.kind != Kind::Mccann) {
        Some(sol) if !sol.certified => {
            let (gap, hits) = (output::number(sol.gap, 4), sol.hits);
            let starts = output::count(sol.starts, "start");
            format!("{words} (relative gap {gap}, reached by {hits} of {starts}); {particles}")
        }
        _ => format!("{words}; {particles}"),
    }
}

fn method(path: &gromov::Path) -> String {
    let work = output::count(path.iterations, "iteration");
    match path.method {
        Method::Closed => "closed form".into(),
        Method::Shooting => format!("shooting, {work}, end met within {:.1e}", path.residual),
        _ => format!("a chain of least action, {work}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_w2_plan_is_called_optimal_only_where_it_is() {
        let words = |status| plan_words(Pairing::Optimal, None, Some(status), Kind::Mccann);
        assert_eq!(words(Status::Converged), "optimal for W2");
        assert_eq!(words(Status::Interrupted), "one for W2, not the best (interrupted)");
    }
}
