//! `gromov distance`: IGW distance of two clouds, with its lower bound.

use std::path::Path;
use std::time::Instant;

use gromov::error::printable;
use gromov::igw::{Alternative, Method, Solution};
use gromov::report::distance::{alternative, page};
use gromov::{Measure, Status, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::reading::{self, Input, Sampled};
use crate::watch::Watch;
use crate::{job, output};

use super::forecast;

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    squared: f64,
    distance: f64,
    lower_bound: f64,
    rounding: f64,
    gap: f64,
    gap_absolute: f64,
    certified: bool,
    status: Status,
    method: Method,
    iterations: usize,
    nodes: usize,
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
    /// |mean|² / ∫ |x|² of A and B, as read.
    mean_share: [f64; 2],
    /// Unit of length, where `squared` leaves the range of doubles.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<MovedObject>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sampled: &'a [Sampled],
    seconds: f64,
}

/// The text `meta` of a certificate: what was asked for. No clock time, no number of threads.
#[derive(Serialize)]
struct Meta<'a> {
    version: &'static str,
    command: &'static str,
    a: &'a str,
    b: &'a str,
    tol: f64,
    starts: Option<u32>,
    time_limit: Option<f64>,
    seed: u64,
    #[serde(flatten)]
    reading: reading::Options<'a>,
    status: Status,
}

/// What was written by `--transform`.
#[derive(Serialize)]
struct MovedObject {
    file: String,
    out: String,
    points: usize,
    /// Faces written.
    faces: usize,
    /// Colours written.
    colors: bool,
    /// Faces or colours of the file that the format of `out` cannot hold.
    lost: bool,
}

/// What to do about a search that is too large.
const ADVICE: &str = "--points N takes a sample of each cloud, --max-memory raises the limit";

/// Runs the command.
pub fn run(args: &args::Distance, common: &args::Common) -> Result<u8, Failure> {
    let job = job::distance(args, common)?;
    let size = |input: &Input| (input.cloud.len(), input.cloud.dim());
    let need = job.solver.searches().need(size(&job.a), size(&job.b), rayon::current_num_threads());
    if forecast::memory("distance", &need, &args.memory, common.json, ADVICE)?.is_break() {
        return Ok(0);
    }
    let mut watch = Watch::start(common.quiet, job.solver.unit())?;
    let clouds = (&job.a.cloud, &job.b.cloud);
    if job.forecast
        && forecast::first(&job.solver, clouds, (args.large, common.quiet), &mut watch)?.is_break()
    {
        return Ok(output::exit_code(Status::Interrupted));
    }
    let clock = Instant::now();
    watch.stage(job.solver.unit());
    let solved = job.solver.solve(&job.a.cloud, &job.b.cloud, &mut watch);
    watch.end();
    let mut sol = solved?;
    let seconds = clock.elapsed().as_secs_f64();
    // before anything is written: a map may lead beyond doubles
    let mesh = moved_mesh(args, &job, &sol)?;
    if let Some(path) = &job.plan {
        let (rows, columns) = (job.a.rows(&sol.plan.rows), job.b.rows(&sol.plan.columns));
        io::write_plan_csv(path, &rows, &columns, &sol.plan.mass)?;
    }
    if let (Some(path), Some(certificate)) = (&job.certificate, &mut sol.certificate) {
        // so that it can be checked with the files as they are; a sample is centred with its whole cloud
        certificate.center = args.reading.center && job.sampled.is_empty();
        io::write_certificate(path, certificate, &meta(args, common, &job, sol.status)?)?;
    }
    if let Some(path) = &job.report {
        let (a, b) = (args.a.to_string_lossy(), args.b.to_string_lossy());
        let (title, clouds) = (format!("{a} and {b}"), (&job.a.cloud, &job.b.cloud));
        let mut page = page(&title, (&a, &b), clouds, &sol, args.reading.center)?;
        page.lead.extend(reading::sentence(&job.sampled));
        output::page(path, &page)?;
    }
    let moved = mesh.map(|(moved, file, mesh)| write_moved(moved, file, &mesh)).transpose()?;
    let text = if common.json {
        output::json(&object(&job, &sol, moved, seconds))?
    } else {
        table(args, &job, &sol, (moved.as_ref(), seconds))
    };
    output::print(&text)?;
    Ok(output::exit_code(sol.status))
}

fn meta(
    args: &args::Distance,
    common: &args::Common,
    job: &job::Distance,
    status: Status,
) -> Result<String, Failure> {
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION"),
        command: "distance",
        a: &args.a.to_string_lossy(),
        b: &args.b.to_string_lossy(),
        tol: args.tol,
        starts: args.starts,
        time_limit: args.time_limit,
        seed: common.seed,
        reading: reading::Options::new(&args.reading, &job.sampled),
        status,
    };
    output::json(&meta)
}

/// The cloud of `--transform`, moved, with its faces and colours; what it came from.
fn moved_mesh<'a>(
    args: &'a args::Distance,
    job: &'a job::Distance,
    sol: &Solution,
) -> Result<Option<(&'a job::Moved, &'a Path, io::Mesh)>, Failure> {
    let (Some(moved), Some(file)) = (&job.moved, &args.transform) else {
        return Ok(None);
    };
    // the clouds were centred when they were read
    let mut map = sol.clone();
    map.means = (job.a.shift.clone(), job.b.shift.clone());
    let old = &moved.mesh;
    let cloud = map
        .transform(old.cloud.points())
        .and_then(|points| Measure::weighted(points, job.b.cloud.dim(), old.cloud.weights().to_vec()))
        .map_err(|e| Failure::file(file, format!("cannot be moved: {e}")))?;
    let mesh = io::Mesh { cloud, faces: old.faces.clone(), colors: old.colors.clone() };
    Ok(Some((moved, file, mesh)))
}

/// Writes a moved cloud.
fn write_moved(moved: &job::Moved, file: &Path, mesh: &io::Mesh) -> Result<MovedObject, Failure> {
    if moved.ply {
        io::write_ply(&moved.out, mesh)?;
    } else {
        io::write_cloud(&moved.out, &mesh.cloud)?;
    }
    Ok(MovedObject {
        file: file.to_string_lossy().into_owned(),
        out: moved.out.to_string_lossy().into_owned(),
        points: mesh.cloud.len(),
        faces: if moved.ply { mesh.faces.len() } else { 0 },
        colors: moved.ply && mesh.colors.is_some(),
        lost: !moved.ply && (mesh.colors.is_some() || !mesh.faces.is_empty()),
    })
}

impl MovedObject {
    /// A line of the table.
    fn text(&self) -> String {
        let (file, out) = (printable(&self.file), printable(&self.out));
        let mut text = format!("{} of {file} to {out}", output::count(self.points, "point"));
        if self.faces > 0 {
            text += &format!(", with {}", output::count(self.faces, "face"));
        }
        if self.colors {
            text += ", with colours";
        }
        if self.lost {
            text += "; its faces and colours are lost (write .ply to keep them)";
        }
        text
    }
}

/// True if `squared` has lost its value to the range of doubles.
fn out_of_range(sol: &Solution) -> bool {
    !sol.squared.is_finite() || (sol.squared.abs() < f64::MIN_POSITIVE && sol.distance > 0.0)
}

fn object<'a>(
    job: &'a job::Distance,
    sol: &'a Solution,
    moved: Option<MovedObject>,
    seconds: f64,
) -> Object<'a> {
    let (a, b) = (&job.a.cloud, &job.b.cloud);
    Object {
        schema: "gromov/distance/1",
        squared: sol.squared,
        distance: sol.distance,
        lower_bound: sol.lower_bound,
        rounding: sol.rounding,
        gap: sol.gap,
        gap_absolute: sol.squared - sol.lower_bound,
        certified: sol.certified,
        status: sol.status,
        method: sol.method,
        iterations: sol.iterations,
        nodes: sol.nodes,
        starts: sol.starts,
        n: a.len(),
        m: b.len(),
        d_x: a.dim(),
        d_y: b.dim(),
        cross_moment: output::rows(&sol.cross_moment, b.dim()),
        rotation: output::rows(&sol.rotation, b.dim()),
        reflected: sol.reflected,
        hits: sol.hits,
        alternatives: &sol.alternatives,
        mean_share: [a.mean_share(), b.mean_share()],
        scale: out_of_range(sol).then_some(sol.unit),
        certificate: job.certificate.as_ref().map(|p| p.to_string_lossy().into_owned()),
        moved,
        sampled: &job.sampled,
        seconds,
    }
}

fn table(
    args: &args::Distance,
    job: &job::Distance,
    sol: &Solution,
    (moved, seconds): (Option<&MovedObject>, f64),
) -> String {
    let cloud =
        |path: &Path, input: &Input| format!("{}, {}", input.size(), printable(&path.to_string_lossy()));
    let dim = job.a.cloud.dim();
    let problems = output::count(sol.iterations, "transport problem");
    let method = match sol.method {
        Method::Line => "line (exact)".to_string(),
        Method::Global => format!("global: {}, {problems}", output::count(sol.nodes, "box")),
        _ => {
            format!(
                "local: {}, {}, best value reached by {}",
                output::count(sol.starts, "start"),
                output::count(sol.iterations, "iteration"),
                sol.hits
            ) + &match sol.nodes {
                0 => String::new(),
                // auto tried a proof and gave it up
                nodes => format!("; no proof within {}", output::count(nodes, "box")),
            }
        }
    };
    let map = match sol.reflected {
        Some(mirrored) if dim == 1 => if mirrored { "sign change" } else { "identity" }.into(),
        Some(false) if dim == 2 => {
            let degrees = sol.rotation[1].atan2(sol.rotation[0]).to_degrees();
            // rounded first, and no minus before zero
            format!("rotation by {:.2} degrees", (100.0 * degrees).round() / 100.0 + 0.0)
        }
        Some(true) => "rotation and mirror image".to_string(),
        Some(false) => "rotation".into(),
        None => "partial isometry (the dimensions differ)".into(),
    };
    let mut pairs = values(sol);
    pairs.extend([
        ("status", format!("{}{}", sol.status, output::advice(sol.status))),
        ("method", method),
        ("A", cloud(&args.a, &job.a)),
        ("B", cloud(&args.b, &job.b)),
        ("map A to B", map),
        ("alternatives", alternatives(sol)),
    ]);
    if let Some(path) = &job.plan {
        let path = printable(&path.to_string_lossy());
        pairs.push(("plan", format!("{} in {path}", output::count(sol.plan.len(), "entry"))));
    }
    if let (Some(path), Some(certificate)) = (&job.certificate, &sol.certificate) {
        let (boxes, cuts) = (certificate.leaves(), certificate.cuts());
        let path = printable(&path.to_string_lossy());
        let text = format!("{}, {} in {path}", output::count(boxes, "box"), output::count(cuts, "cut"));
        pairs.push(("certificate", text));
    }
    if let Some(path) = &job.report {
        pairs.push(("report", printable(&path.to_string_lossy())));
    }
    if !job.sampled.is_empty() {
        let text = "squared belongs to these samples; another --seed gives others";
        pairs.push(("note", text.into()));
    }
    if out_of_range(sol) {
        let unit = output::number(sol.unit, 3);
        pairs.push((
            "note",
            format!("squared leaves the range of doubles at lengths of about {unit}; rescale"),
        ));
    }
    pairs.extend(moved.map(|m| ("moved", m.text())));
    if !args.reading.center {
        pairs.extend(output::off_centre("A", &job.a.cloud));
        pairs.extend(output::off_centre("B", &job.b.cloud));
    }
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}

/// Relative gaps above it are not called the optimum.
const LOOSE: f64 = 1e-6;

/// Value, bound and gap. What is zero but for rounding has no digits.
fn values(sol: &Solution) -> Vec<(&'static str, String)> {
    let (number, short) = (|x| output::number(x, 10), |x| output::number(x, 3));
    let rounding = output::number(sol.rounding, 2);
    let (slack, zero) =
        (sol.squared - sol.lower_bound, sol.squared <= sol.rounding && sol.squared.is_finite());
    let certified = match sol.certified {
        true if zero => "certified: zero within rounding, as far as doubles can tell",
        true if sol.gap > LOOSE => "certified to the tolerance: the optimum is within the gap",
        true => "certified: this is the optimum",
        false => "not certified: a better plan may exist within the gap",
    };
    let met = slack <= sol.rounding;
    let lower = match met {
        true if zero => format!("0 within {rounding}"),
        true => format!("{} of squared, met within rounding", number(sol.lower_bound.min(sol.squared))),
        false => format!("{} of squared", number(sol.lower_bound)),
    };
    let gap = match met {
        true => "0 within rounding".into(),
        false => format!("{} relative, {} absolute", short(sol.gap), short(slack)),
    };
    let (distance, squared) = match zero {
        true => {
            let root = output::number(sol.rounding.sqrt(), 2);
            (format!("0 within {root}"), format!("0 within {rounding}"))
        }
        false => (number(sol.distance), format!("{} +- {rounding}", number(sol.squared))),
    };
    vec![
        ("distance", distance),
        ("squared", squared),
        ("lower bound", lower),
        ("gap", format!("{gap}, {certified}")),
    ]
}

/// Other local optima, the first of them with digits enough to be told from the best.
fn alternatives(sol: &Solution) -> String {
    const SHOWN: usize = 5;
    let count = sol.alternatives.len();
    let shown: Vec<String> = sol.alternatives.iter().take(SHOWN).map(|a| alternative(sol, a, "A")).collect();
    let more = if count > SHOWN { format!(", ... ({SHOWN} shown)") } else { String::new() };
    match count {
        0 => "none within 5 %".into(),
        _ => format!("{count} within 5 %: {}{more}", shown.join(", ")),
    }
}
