//! Checked jobs: what the raw arguments mean. Usage is checked first, then that the outputs can be
//! written, then the inputs are read; nothing has been computed when a job exists.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gromov::energy::Sum;
use gromov::flow;
use gromov::igw::Alternating;
use gromov::{Measure, io};

use crate::args;
use crate::failure::Failure;
use crate::spec::Spec;
use crate::target::Target;

/// How clouds are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Limits, and whether weights are rescaled.
    pub options: io::ReadOptions,
    center: bool,
    /// Files that will be written: none may be read.
    outputs: Vec<PathBuf>,
}

impl Reading {
    fn new(common: &args::Common, outputs: &[Option<&Path>]) -> Self {
        let outputs = outputs.iter().flatten().filter_map(|p| p.canonicalize().ok()).collect();
        let mut options = io::ReadOptions { normalize: common.normalize, ..Default::default() };
        if let Some(bytes) = common.max_bytes {
            options.limits.bytes = bytes;
        }
        Reading { options, center: common.center, outputs }
    }

    /// The cloud of a file, centred if asked for.
    pub fn cloud(&self, path: &Path) -> Result<Measure, Failure> {
        let cloud = self.raw(path)?;
        Ok(if self.center { cloud.centred() } else { cloud })
    }

    fn raw(&self, path: &Path) -> Result<Measure, Failure> {
        if path.canonicalize().is_ok_and(|p| self.outputs.contains(&p)) {
            return Err(Failure::file(
                path,
                "is read and would be overwritten; give the output another name",
            ));
        }
        Ok(io::read(path, &self.options)?)
    }
}

/// A distance to compute.
pub struct Distance {
    /// First cloud, as read.
    pub a: Measure,
    /// Second cloud, as read.
    pub b: Measure,
    /// Options of the solver, centring included.
    pub options: Alternating,
    /// Where the plan goes.
    pub plan: Option<PathBuf>,
    /// Where the page goes.
    pub report: Option<PathBuf>,
}

/// Checks the arguments of `distance` and reads its clouds.
pub fn distance(args: &args::Distance, common: &args::Common) -> Result<Distance, Failure> {
    let options = Alternating {
        starts: args.starts.map(|s| s as usize),
        seed: common.seed,
        tol: args.tol,
        time_limit: args.time_limit.map(seconds).transpose()?,
        center: common.center,
        closed_forms: args.method == args::Method::Auto,
        ..Alternating::default()
    };
    options.check()?;
    if let Some(path) = &args.plan {
        if ending(path).as_deref() != Some("csv") {
            return Err(Failure::file(path, "a plan is written as .csv; give --plan a name that ends so"));
        }
        io::check_writable(path)?;
    }
    let report = args.report.as_deref().map(page).transpose()?;
    let reading = Reading::new(common, &[args.plan.as_deref(), args.report.as_deref()]);
    let (a, b) = (reading.raw(&args.a)?, reading.raw(&args.b)?);
    Ok(Distance { a, b, options, plan: args.plan.clone(), report })
}

fn seconds(limit: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(limit)
        .map_err(|_| Failure::new(format!("--time-limit: {limit} is not allowed; give seconds, 0 or more")))
}

/// A flow to run.
pub struct Flow {
    /// The cloud, centred if asked for.
    pub cloud: Measure,
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
        every: args.every,
        rotation: match args.rotation {
            Some(args::Rotation::Fixed) => flow::Rotation::Fixed,
            Some(args::Rotation::Free) | None => flow::Rotation::Free,
        },
        tol: args.tol,
        seed: common.seed,
        ..gromov::Flow::default()
    };
    options.check()?;
    let specs = args.energy.iter().map(|s| Spec::parse(s)).collect::<Result<Vec<_>, _>>()?;
    let out = args.out.as_deref().map(output).transpose()?;
    let report = args.report.as_deref().map(page).transpose()?;
    let reading = Reading::new(common, &[args.out.as_deref(), args.report.as_deref()]);
    let cloud = reading.cloud(&args.cloud)?;
    let mut energy = Sum::default();
    let mut targets = Vec::new();
    for spec in &specs {
        let (term, target) = spec.build(&reading, &args.cloud, cloud.dim(), common.seed)?;
        energy.add(spec.weight, term);
        targets.extend(target);
    }
    Ok(Flow { cloud, energy, options, targets, out, report })
}

/// An output of frames that can be written.
fn output(path: &Path) -> Result<Output, Failure> {
    let format = match ending(path).as_deref() {
        Some("npz") => Format::Npz,
        Some("csv") => Format::Csv,
        _ => {
            let problem = "frames are written as .npz or .csv; give --out a name that ends so";
            return Err(Failure::file(path, problem));
        }
    };
    io::check_writable(path)?;
    Ok(Output { path: path.to_path_buf(), format })
}

/// A page that can be written.
fn page(path: &Path) -> Result<PathBuf, Failure> {
    if ending(path).as_deref() != Some("html") {
        return Err(Failure::file(path, "a report is written as .html; give --report a name that ends so"));
    }
    io::check_writable(path)?;
    Ok(path.to_path_buf())
}

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_lowercase())
}

/// Reads the cloud of `info`.
pub fn info(args: &args::Info, common: &args::Common) -> Result<Measure, Failure> {
    Reading::new(common, &[]).cloud(&args.cloud)
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
