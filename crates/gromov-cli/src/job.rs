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

/// How clouds are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Limits, and whether weights are rescaled.
    pub options: io::ReadOptions,
    center: bool,
}

impl Reading {
    fn new(common: &args::Common) -> Self {
        let mut options = io::ReadOptions { normalize: common.normalize, ..Default::default() };
        if let Some(bytes) = common.max_bytes {
            options.limits.bytes = bytes;
        }
        Reading { options, center: common.center }
    }

    /// The cloud of a file, centred if asked for.
    pub fn cloud(&self, path: &Path) -> Result<Measure, Failure> {
        let cloud = self.raw(path)?;
        Ok(if self.center { cloud.centred() } else { cloud })
    }

    fn raw(&self, path: &Path) -> Result<Measure, Failure> {
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
    let reading = Reading::new(common);
    Ok(Distance { a: reading.raw(&args.a)?, b: reading.raw(&args.b)?, options, plan: args.plan.clone() })
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
    /// Where the frames go.
    pub out: Option<Output>,
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
        scheme: match args.scheme {
            args::Scheme::Implicit => flow::Scheme::Implicit,
            args::Scheme::Rk4 => flow::Scheme::Rk4,
        },
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
    let reading = Reading::new(common);
    let cloud = reading.cloud(&args.cloud)?;
    let mut energy = Sum::default();
    for spec in &specs {
        energy.add(spec.weight, spec.build(&reading, &args.cloud, cloud.dim(), common.seed)?);
    }
    Ok(Flow { cloud, energy, options, out })
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

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_lowercase())
}

/// Reads the cloud of `info`.
pub fn info(args: &args::Info, common: &args::Common) -> Result<Measure, Failure> {
    Reading::new(common).cloud(&args.cloud)
}
