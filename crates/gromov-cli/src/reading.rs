//! Clouds as the commands get them: read, centred, sampled.

use std::path::Path;

use gromov::certificate::Certificate;
use gromov::error::printable;
use gromov::flow::{Checkpoint, fingerprint};
use gromov::measure::sample;
use gromov::{Measure, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::output;
use crate::outputs::Outputs;

/// How clouds are read.
#[derive(Debug)]
pub struct Reading {
    /// Limits, and how weights are found and rescaled.
    options: io::ReadOptions,
    center: bool,
    points: Option<usize>,
    seed: u64,
    /// Files that will be written: none may be read.
    outputs: Outputs,
    /// Clouds of which a sample was taken, in the order of reading.
    pub sampled: Vec<Sampled>,
    /// Files of clouds and matrices in the order of reading, and the SHA-256 of their numbers.
    pub read: Vec<(String, String)>,
}

/// A cloud of which a sample was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sampled {
    /// The file.
    pub file: String,
    /// Points in it.
    pub points: usize,
    /// Points of the sample.
    pub kept: usize,
}

/// How clouds were read, for the text `meta` of an output file.
#[derive(Serialize)]
pub struct Options<'a> {
    center: bool,
    normalize: bool,
    weights_column: Option<&'a str>,
    invert: bool,
    points: Option<u64>,
    sampled: &'a [Sampled],
}

impl<'a> Options<'a> {
    /// The options as typed, and what was sampled.
    pub fn new(args: &'a args::Reading, sampled: &'a [Sampled]) -> Self {
        Options {
            center: args.center,
            normalize: args.normalize,
            weights_column: args.weights_column.as_deref(),
            invert: args.invert,
            points: args.points,
            sampled,
        }
    }
}

/// A cloud, centred and sampled if asked for.
#[derive(Debug, Clone)]
pub struct Input {
    /// The cloud.
    pub cloud: Measure,
    /// Points in the file.
    pub whole: usize,
    /// Of a sample: the row in the file of each point, from 0.
    rows: Option<Vec<usize>>,
    /// What was subtracted from each point: the mean of the whole cloud with `--center`, else zero.
    pub shift: Vec<f64>,
}

impl Input {
    /// Rows in the file, from 0, of points of the cloud. In a picture: the pixel points in the order of
    /// reading, as `info` counts them.
    pub fn rows(&self, points: &[usize]) -> Vec<usize> {
        let row = |i: &usize| self.rows.as_ref().and_then(|rows| rows.get(*i)).copied().unwrap_or(*i);
        points.iter().map(row).collect()
    }

    /// "1000 of 43412 points in R^2".
    pub fn size(&self) -> String {
        let (n, d) = (self.cloud.len(), self.cloud.dim());
        if n < self.whole {
            format!("{n} of {} points in R^{d}", self.whole)
        } else {
            format!("{} in R^{d}", output::count(n, "point"))
        }
    }
}

impl Reading {
    /// Reading with the options as typed and the seed of samples; none of `outputs` may be read.
    pub fn new(args: &args::Reading, seed: u64, outputs: Outputs) -> Self {
        let mut options = io::ReadOptions {
            normalize: args.normalize,
            weights_column: args.weights_column.clone(),
            invert: args.invert,
            ..Default::default()
        };
        if let Some(bytes) = args.max_bytes {
            options.limits.bytes = bytes;
        }
        let points = args.points.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        Reading { options, center: args.center, points, seed, outputs, sampled: Vec::new(), read: Vec::new() }
    }

    /// The cloud of a file, centred and then sampled if asked for.
    pub fn cloud(&mut self, path: &Path) -> Result<Input, Failure> {
        self.outputs.check_input(path)?;
        let cloud = io::read(path, &self.options)?;
        self.prepare(path, cloud)
    }

    /// The same, with the names of its coordinates.
    pub fn named(&mut self, path: &Path) -> Result<(Input, Vec<String>), Failure> {
        self.outputs.check_input(path)?;
        let (cloud, names) = io::read_named(path, &self.options)?;
        Ok((self.prepare(path, cloud)?, names))
    }

    /// The same, with the faces and colours of the whole file.
    pub fn mesh(&mut self, path: &Path) -> Result<(Input, io::Mesh), Failure> {
        let mut mesh = self.whole_mesh(path)?;
        let input = self.prepare(path, mesh.cloud)?;
        mesh.cloud = input.cloud.clone();
        Ok((input, mesh))
    }

    /// A whole mesh as it is in the file, neither centred nor sampled.
    pub fn whole_mesh(&self, path: &Path) -> Result<io::Mesh, Failure> {
        self.outputs.check_input(path)?;
        Ok(io::read_mesh(path, &self.options)?)
    }

    /// A certificate as it is in the file.
    pub fn certificate(&self, path: &Path) -> Result<Certificate, Failure> {
        Ok(io::read_certificate(path, &self.options)?)
    }

    /// A matrix as it is in the file.
    pub fn matrix(&mut self, path: &Path) -> Result<io::Matrix, Failure> {
        self.outputs.check_input(path)?;
        let matrix = io::read_matrix(path, &self.options)?;
        self.note(path, &[&matrix.data]);
        Ok(matrix)
    }

    /// A checkpoint of a flow. It may be replaced by the next one.
    pub fn checkpoint(&self, path: &Path) -> Result<(Checkpoint, io::Texts), Failure> {
        Ok(io::read_checkpoint(path, &self.options)?)
    }

    fn note(&mut self, path: &Path, arrays: &[&[f64]]) {
        self.read.push((path.to_string_lossy().into_owned(), fingerprint(arrays)));
    }

    fn prepare(&mut self, path: &Path, cloud: Measure) -> Result<Input, Failure> {
        let whole = cloud.len();
        let shift = if self.center { cloud.mean() } else { vec![0.0; cloud.dim()] };
        let mut cloud = if self.center { cloud.centred() } else { cloud };
        if !cloud.scale().is_finite() || cloud.points().iter().any(|x| x.is_nan()) {
            return Err(Failure::file(
                path,
                "its coordinates minus their mean leave the range of doubles; rescale it",
            ));
        }
        let mut rows = None;
        if let Some(n) = self.points.filter(|n| *n < whole) {
            let drawn = sample::subsample_rows(&cloud, n, self.seed)?;
            (cloud, rows) = (drawn.0, Some(drawn.1));
            let file = path.to_string_lossy().into_owned();
            let sampled = Sampled { file, points: whole, kept: cloud.len() };
            if !self.sampled.contains(&sampled) {
                self.sampled.push(sampled);
            }
        }
        self.note(path, &[cloud.points(), cloud.weights()]);
        Ok(Input { cloud, whole, rows, shift })
    }
}

/// Refuses `--invert` where none of the inputs is a picture, and `--weights-column` where none has names.
pub fn check_formats<'p>(
    args: &args::Reading,
    inputs: impl IntoIterator<Item = &'p Path>,
) -> Result<(), Failure> {
    let ending = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let endings: Vec<String> = inputs.into_iter().filter_map(ending).collect();
    let any = |known: &[&str]| endings.iter().any(|e| known.contains(&e.as_str()));
    if args.invert && !any(&["png"]) {
        return Err(Failure::new("--invert concerns pictures, but no input is a .png; leave it out"));
    }
    if args.weights_column.is_some() && !any(&["csv", "tsv", "npz", "ply"]) {
        let problem = "--weights-column concerns files with names (.csv .tsv .npz .ply), but no input is one";
        return Err(Failure::new(format!("{problem}; leave it out")));
    }
    Ok(())
}

/// Lines of a table that name the samples.
pub fn lines(sampled: &[Sampled]) -> impl Iterator<Item = (&'static str, String)> {
    let text = |s: &Sampled| format!("{} of {} points of {}", s.kept, s.points, printable(&s.file));
    sampled.iter().map(move |s| ("sampled", text(s)))
}

/// A sentence for a page, if there are samples.
pub fn sentence(sampled: &[Sampled]) -> Option<String> {
    let text = |s: &Sampled| format!("{} of the {} points of {}", s.kept, s.points, s.file);
    let list: Vec<String> = sampled.iter().map(text).collect();
    (!list.is_empty()).then(|| {
        format!("Computed on seeded samples, another seed gives other numbers: {}.", list.join("; "))
    })
}
