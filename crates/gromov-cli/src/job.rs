//! Checked jobs: what the raw arguments mean. Usage is checked first, then that the outputs can be
//! written, then the inputs are read; nothing has been computed when a job exists.

mod geodesic;
mod pairwise;
pub mod resume;

pub use geodesic::{Geodesic, geodesic};
pub use pairwise::{Pairwise, pairwise};

use std::path::{Path, PathBuf};
use std::time::Duration;

use gromov::certificate::Certificate;
use gromov::energy::Sum;
use gromov::flow;
use gromov::igw::{Alternating, Auto, Global, Solution, global};
use gromov::solve::Observer;
use gromov::{Measure, io};

use crate::args;
use crate::failure::{self, Failure};
use crate::outputs::Outputs;
use crate::reading::{Input, Reading, Sampled, check_formats};
use crate::spec::Spec;
use crate::target::Target;

/// Points of the larger cloud above which a distance is forecast and waits for `--large`.
const LARGE: usize = 20_000;

/// How a distance is found. Clouds are centred when they are read.
pub enum Solver {
    /// From many starts, or exactly on the line, with a proof where it is cheap.
    Auto(Auto),
    /// From many starts.
    Local(Alternating),
    /// By branch and bound.
    Global(Global),
}

/// How a plan is sought, as typed.
struct Search {
    method: args::Method,
    starts: Option<u32>,
    tol: f64,
    time_limit: Option<f64>,
    certificate: bool,
}

impl Solver {
    fn new(search: &Search, common: &args::Common) -> Result<Self, Failure> {
        let (starts, tol) = (search.starts.map(|s| s as usize), search.tol);
        let (seed, time_limit) = (common.seed, time_limit(search.time_limit)?);
        let certificate = search.certificate;
        match search.method {
            args::Method::Local if certificate => {
                Err(Failure::new("--certificate needs --method global or auto, not --method local"))
            }
            args::Method::Auto | args::Method::Local if !certificate => {
                let closed_forms = search.method == args::Method::Auto;
                let local =
                    Alternating { starts, seed, tol, time_limit, closed_forms, ..Alternating::default() };
                local.check()?;
                Ok(if closed_forms { Solver::Auto(Auto { local }) } else { Solver::Local(local) })
            }
            _ => {
                let options = Global { starts, seed, tol, time_limit, certificate, ..Global::default() };
                options.check()?;
                Ok(Solver::Global(options))
            }
        }
    }

    /// Solves for two clouds.
    pub fn solve(&self, a: &Measure, b: &Measure, observer: &mut dyn Observer) -> gromov::Result<Solution> {
        match self {
            Solver::Auto(options) => options.solve(a, b, observer),
            Solver::Local(options) => options.solve(a, b, observer),
            Solver::Global(options) => options.solve(a, b, observer),
        }
    }

    /// The local searches: all of the work, or what comes before the branch and bound.
    pub fn searches(&self) -> Alternating {
        match self {
            Solver::Auto(Auto { local }) | Solver::Local(local) => local.clone(),
            Solver::Global(g) => Alternating { starts: g.starts, seed: g.seed, ..Alternating::default() },
        }
    }

    /// What an observer counts.
    pub fn unit(&self) -> &'static str {
        match self {
            Solver::Auto(_) | Solver::Local(_) => "starts",
            Solver::Global(_) => "boxes",
        }
    }

    /// Refuses dimensions that the method does not take.
    fn check_dimensions(&self, p: usize, q: usize) -> Result<(), Failure> {
        if matches!(self, Solver::Global(_)) && p.saturating_mul(q) > global::LARGEST {
            let most = global::LARGEST;
            let problem = format!("d_x d_y = {p} * {q} is more than the {most} of the global method");
            return Err(Failure::new(format!("{problem}; use --method local, without --certificate")));
        }
        Ok(())
    }
}

/// A distance to compute.
pub struct Distance {
    /// First cloud.
    pub a: Input,
    /// Second cloud.
    pub b: Input,
    /// The solver and its options.
    pub solver: Solver,
    /// A long search without a limit on its time: a forecast comes first.
    pub forecast: bool,
    /// Where the plan goes.
    pub plan: Option<PathBuf>,
    /// Where the page goes.
    pub report: Option<PathBuf>,
    /// Where the certificate goes.
    pub certificate: Option<PathBuf>,
    /// The cloud to be moved by the map found.
    pub moved: Option<Moved>,
    /// Clouds of which a sample was taken.
    pub sampled: Vec<Sampled>,
}

/// A cloud to be moved, and where it goes.
pub struct Moved {
    /// The cloud with its faces and colours.
    pub mesh: io::Mesh,
    /// The file to be written.
    pub out: PathBuf,
    /// True if it can hold faces and colours.
    pub ply: bool,
}

/// Checks the arguments of `distance` and reads its clouds.
pub fn distance(args: &args::Distance, common: &args::Common) -> Result<Distance, Failure> {
    let search = Search {
        method: args.method,
        starts: args.starts,
        tol: args.tol,
        time_limit: args.time_limit,
        certificate: args.certificate.is_some(),
    };
    let solver = Solver::new(&search, common)?;
    let inputs = [Some(&args.a), Some(&args.b), args.transform.as_ref()];
    check_formats(&args.reading, inputs.into_iter().flatten().map(PathBuf::as_path))?;
    let mut outputs = Outputs::default();
    if let Some(path) = &args.plan {
        if ending(path).as_deref() != Some("csv") {
            return Err(Failure::file(path, "a plan is written as .csv; give --plan a name that ends so"));
        }
        outputs.add(path, "--plan")?;
    }
    if let Some(path) = &args.report {
        page(path, &mut outputs)?;
    }
    if let Some(path) = &args.certificate {
        if ending(path).as_deref() != Some("npz") {
            let problem = "a certificate is written as .npz; give --certificate a name that ends so";
            return Err(Failure::file(path, problem));
        }
        outputs.add(path, "--certificate")?;
    }
    if let Some(path) = &args.out {
        io::check_cloud_writable(path)?;
        outputs.add(path, "--out")?;
    }
    let mut reading = Reading::new(&args.reading, common.seed, outputs);
    let (a, b) = (reading.cloud(&args.a)?, reading.cloud(&args.b)?);
    solver.check_dimensions(a.cloud.dim(), b.cloud.dim())?;
    let moved = match (&args.transform, &args.out) {
        (Some(file), Some(out)) => Some(moved(&reading, file, out, (args, a.cloud.dim()), b.cloud.dim())?),
        _ => None,
    };
    let line = matches!(solver, Solver::Auto(_)) && (a.cloud.dim(), b.cloud.dim()) == (1, 1);
    let (n, m) = (a.cloud.len(), b.cloud.len());
    let forecast = n.max(m) > LARGE && !line;
    let (plan, report, certificate) = (args.plan.clone(), args.report.clone(), args.certificate.clone());
    let sampled = reading.sampled;
    Ok(Distance { a, b, solver, forecast, plan, report, certificate, moved, sampled })
}

/// The cloud of `--transform`, which must have the dimension of A; what is written must fit its format.
fn moved(
    reading: &Reading,
    file: &Path,
    out: &Path,
    (args, from): (&args::Distance, usize),
    to: usize,
) -> Result<Moved, Failure> {
    let mesh = reading.whole_mesh(file)?;
    if mesh.cloud.dim() != from {
        let a = gromov::error::printable(&args.a.to_string_lossy());
        let d = mesh.cloud.dim();
        let problem =
            format!("its points have {d} coordinates, those of {a} have {from}; give one of {from}");
        return Err(Failure::file(file, problem));
    }
    io::check_cloud_fits(out, to, !mesh.cloud.has_uniform_weights())?;
    Ok(Moved { mesh, out: out.to_path_buf(), ply: ending(out).as_deref() == Some("ply") })
}

fn seconds(option: &str, given: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(given).map_err(|_| {
        let given = failure::short(&given.to_string());
        Failure::new(format!("{option}: {given} is not allowed; give seconds, 0 or more"))
    })
}

fn time_limit(given: Option<f64>) -> Result<Option<Duration>, Failure> {
    given.map(|limit| seconds("--time-limit", limit)).transpose()
}

/// A flow to run.
pub struct Flow {
    /// The cloud to start from.
    pub start: Input,
    /// The sum of the energies.
    pub energy: Sum,
    /// Options of the flow.
    pub options: gromov::Flow,
    /// Targets of the energies.
    pub targets: Vec<Target>,
    /// Where the frames go.
    pub out: Option<Output>,
    /// Where the page goes.
    pub report: Option<PathBuf>,
    /// Frames as PLY files.
    pub frames: Option<Frames>,
    /// Where checkpoints go.
    pub keep: Option<resume::Keep>,
    /// What a resumed run must have in common with this one.
    pub texts: io::Texts,
    /// The checkpoint to go on from.
    pub from: Option<flow::Checkpoint>,
    /// Clouds of which a sample was taken.
    pub sampled: Vec<Sampled>,
}

/// Frames as PLY files.
pub struct Frames {
    /// Their folder.
    pub folder: PathBuf,
    /// The cloud with its faces and colours, none if it is a sample.
    pub mesh: io::Mesh,
    /// Why faces or colours of the file are not in the frames.
    pub lost: Option<String>,
}

/// An output file of frames.
#[derive(Debug, Clone)]
pub struct Output {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
}

/// Format of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An archive of arrays.
    Npz,
    /// Rows of numbers.
    Csv,
}

/// Checks the arguments of `flow` and reads its clouds.
pub fn flow(args: &args::Flow, common: &args::Common) -> Result<Flow, Failure> {
    let metric = match args.metric {
        args::Metric::Igw => flow::Metric::Igw,
        args::Metric::W2 => flow::Metric::W2,
    };
    if args.metric == args::Metric::W2 && args.rotation.is_some() {
        return Err(Failure::new("--rotation has no meaning with --metric w2; leave it out"));
    }
    let options = gromov::Flow {
        metric,
        scheme: args.scheme,
        step: args.step,
        steps: args.steps,
        time: args.time,
        rtol: args.rtol,
        atol: args.atol,
        every: args.every,
        frame_times: args.frame_times.clone(),
        rotation: match args.rotation {
            Some(args::Rotation::Fixed) => flow::Rotation::Fixed,
            Some(args::Rotation::Free) | None => flow::Rotation::Free,
        },
        tol: args.tol,
        energy_tol: args.energy_tol,
        seed: common.seed,
        ..gromov::Flow::default()
    };
    options.check()?;
    let specs = args.energy.iter().map(|s| Spec::parse(s)).collect::<Result<Vec<_>, _>>()?;
    check_formats(&args.reading, specs.iter().filter_map(Spec::target_file).chain([args.cloud.as_path()]))?;
    let (mut outputs, out) =
        run_outputs(args.out.as_deref(), args.report.as_deref(), args.frames_ply.as_deref())?;
    let keep = resume::Keep::new(&args.resume, &mut outputs)?;
    let mut reading = Reading::new(&args.reading, common.seed, outputs);
    let (start, frames) = match &args.frames_ply {
        None => (reading.cloud(&args.cloud)?, None),
        Some(folder) => {
            let (start, frames) = frames(&mut reading, &args.cloud, folder)?;
            (start, Some(frames))
        }
    };
    let mut energy = Sum::default();
    let mut targets = Vec::new();
    for spec in &specs {
        let (term, target) = spec.build(&mut reading, &args.cloud, start.cloud.dim(), common.seed)?;
        energy.add(spec.weight, term);
        targets.extend(target);
    }
    let texts = resume::texts(args, &reading);
    let from = args.resume.resume.as_ref().map(|path| resume::read(path, &texts, &reading)).transpose()?;
    let (report, sampled) = (args.report.clone(), reading.sampled);
    Ok(Flow { start, energy, options, targets, out, report, frames, keep, texts, from, sampled })
}

/// The cloud of a flow whose frames become PLY files.
fn frames(reading: &mut Reading, cloud: &Path, folder: &Path) -> Result<(Input, Frames), Failure> {
    let (start, mut mesh) = reading.mesh(cloud)?;
    let d = start.cloud.dim();
    if !(2..=3).contains(&d) {
        let problem =
            format!("its points have d = {d} coordinates, and --frames-ply needs 2 or 3; use --out");
        return Err(Failure::file(cloud, problem));
    }
    let lost = whole_only(&start, &mut mesh);
    Ok((start, Frames { folder: folder.to_path_buf(), mesh, lost }))
}

/// Takes faces and colours from the mesh of a sample; says that they are lost, if there were some.
fn whole_only(input: &Input, mesh: &mut io::Mesh) -> Option<String> {
    if input.cloud.len() == input.whole {
        return None;
    }
    let (faces, colors) = (std::mem::take(&mut mesh.faces), mesh.colors.take());
    (colors.is_some() || !faces.is_empty())
        .then(|| "the faces and colours of the file are lost in a sample (--points)".into())
}

/// An output of frames that can be written.
/// What a run of frames writes, found writable, and where its frames go.
fn run_outputs(
    out: Option<&Path>,
    report: Option<&Path>,
    frames_ply: Option<&Path>,
) -> Result<(Outputs, Option<Output>), Failure> {
    let mut outputs = Outputs::default();
    let out = out.map(|path| output(path, &mut outputs)).transpose()?;
    if let Some(path) = report {
        page(path, &mut outputs)?;
    }
    if let Some(folder) = frames_ply {
        outputs.add_frames(folder)?;
    }
    Ok((outputs, out))
}

fn output(path: &Path, outputs: &mut Outputs) -> Result<Output, Failure> {
    let format = match ending(path).as_deref() {
        Some("npz") => Format::Npz,
        Some("csv") => Format::Csv,
        _ => {
            let problem = "frames are written as .npz or .csv; give --out a name that ends so";
            return Err(Failure::file(path, problem));
        }
    };
    outputs.add(path, "--out")?;
    Ok(Output { path: path.to_path_buf(), format })
}

/// A barycentre to find.
pub struct Barycenter {
    /// The clouds.
    pub inputs: Vec<Input>,
    /// The same for the solver.
    pub clouds: Vec<Measure>,
    /// Options; clouds are centred when they are read.
    pub options: gromov::Barycenter,
    /// Where the points go.
    pub out: Option<PathBuf>,
    /// Where the page goes.
    pub report: Option<PathBuf>,
    /// Clouds of which a sample was taken.
    pub sampled: Vec<Sampled>,
}

/// Checks the arguments of `barycenter` and reads its clouds.
pub fn barycenter(args: &args::Barycenter, common: &args::Common) -> Result<Barycenter, Failure> {
    let options = gromov::Barycenter {
        n_points: args.n_points.map(|n| n as usize),
        dim: args.dim.map(|d| d as usize),
        lambdas: args.lambdas.clone(),
        starts: args.starts.map(|s| s as usize),
        seed: common.seed,
        tol: args.tol,
        time_limit: time_limit(args.time_limit)?,
        ..gromov::Barycenter::default()
    };
    if let Some(given) = args.lambdas.as_ref().map(Vec::len).filter(|n| *n != args.clouds.len()) {
        let problem = format!("{given} given for {} clouds; give one each", args.clouds.len());
        return Err(Failure::new(format!("--lambdas: {problem}")));
    }
    options.check()?;
    check_formats(&args.reading, args.clouds.iter().map(PathBuf::as_path))?;
    let mut outputs = Outputs::default();
    if let Some(path) = &args.report {
        page(path, &mut outputs)?;
    }
    if let Some(path) = &args.out {
        io::check_cloud_writable(path)?;
        outputs.add(path, "--out")?;
    }
    let mut reading = Reading::new(&args.reading, common.seed, outputs);
    let inputs = args.clouds.iter().map(|path| reading.cloud(path)).collect::<Result<Vec<_>, _>>()?;
    let clouds: Vec<Measure> = inputs.iter().map(|input| input.cloud.clone()).collect();
    if let Some(path) = &args.out {
        let (weights, dim) = options.support(&clouds)?;
        io::check_cloud_fits(path, dim, weights.iter().any(|w| *w != weights[0]))?;
    }
    let (out, report) = (args.out.clone(), args.report.clone());
    Ok(Barycenter { inputs, clouds, options, out, report, sampled: reading.sampled })
}

/// Adds a page to the outputs.
fn page(path: &Path, outputs: &mut Outputs) -> Result<(), Failure> {
    if ending(path).as_deref() != Some("html") {
        return Err(Failure::file(path, "a report is written as .html; give --report a name that ends so"));
    }
    outputs.add(path, "--report")
}

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_lowercase())
}

/// A certificate to check.
pub struct Verify {
    /// The certificate.
    pub certificate: Certificate,
    /// First cloud.
    pub a: Input,
    /// Second cloud.
    pub b: Input,
    /// Clouds of which a sample was taken.
    pub sampled: Vec<Sampled>,
}

/// Reads the inputs of `verify`.
pub fn verify(args: &args::Verify, common: &args::Common) -> Result<Verify, Failure> {
    check_formats(&args.reading, [args.a.as_path(), args.b.as_path()])?;
    if ending(&args.certificate).as_deref() != Some("npz") {
        let problem = "a certificate is the .npz of gromov distance --certificate; name it before the clouds";
        return Err(Failure::file(&args.certificate, problem));
    }
    let mut reading = Reading::new(&args.reading, common.seed, Outputs::default());
    let certificate = reading.certificate(&args.certificate)?;
    let (a, b) = (reading.cloud(&args.a)?, reading.cloud(&args.b)?);
    Ok(Verify { certificate, a, b, sampled: reading.sampled })
}

/// The cloud of `info`.
pub struct Info {
    /// The cloud.
    pub input: Input,
    /// Names of its coordinates, where the file has them.
    pub columns: Vec<String>,
    /// What was sampled.
    pub sampled: Vec<Sampled>,
}

/// Reads the cloud of `info`.
pub fn info(args: &args::Info, common: &args::Common) -> Result<Info, Failure> {
    check_formats(&args.reading, [args.cloud.as_path()])?;
    let mut reading = Reading::new(&args.reading, common.seed, Outputs::default());
    let (input, columns) = reading.named(&args.cloud)?;
    Ok(Info { input, columns, sampled: reading.sampled })
}

/// The demonstration and where it goes.
pub struct Demo {
    /// Sizes and seed.
    pub demo: gromov::demo::Demo,
    /// The page.
    pub html: PathBuf,
    /// The flow of the horse under IGW.
    pub igw: PathBuf,
    /// The flow of the horse under W2.
    pub w2: PathBuf,
}

/// Creates the folder of `demo` if it is missing, and checks that all three files can be written.
pub fn demo(args: &args::Demo, common: &args::Common) -> Result<Demo, Failure> {
    let sizes = if args.quick { gromov::demo::Demo::quick() } else { gromov::demo::Demo::full() };
    std::fs::create_dir_all(&args.out).map_err(|e| {
        Failure::file(&args.out, format!("the folder cannot be created: {e}; choose another one with --out"))
    })?;
    let file = |name: &str| -> Result<PathBuf, Failure> {
        let path = args.out.join(name);
        io::check_writable(&path)?;
        Ok(path)
    };
    Ok(Demo {
        demo: gromov::demo::Demo { seed: common.seed, ..sizes },
        html: file("demo.html")?,
        igw: file("igw.npz")?,
        w2: file("w2.npz")?,
    })
}
