//! All pairs of clouds: which files, where the matrix goes, what is known already.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gromov::io::{self, Journal};
use gromov::pairwise::{Cloud, Method, Record};

use super::{ending, time_limit};
use crate::args;
use crate::failure::Failure;
use crate::outputs::Outputs;
use crate::reading::{Reading, Sampled, check_formats};

/// Endings of the files that a folder stands for.
const ENDINGS: [&str; 8] = ["csv", "tsv", "npy", "npz", "ply", "obj", "xyz", "png"];

/// Distances to find.
pub struct Pairwise {
    /// The files.
    pub names: Vec<String>,
    /// Their clouds, centred if asked for.
    pub clouds: Vec<Cloud>,
    /// The options.
    pub options: gromov::Pairwise,
    /// Where the matrix goes, and whether as text.
    pub out: Option<(PathBuf, bool)>,
    /// Keeps what is found.
    pub journal: Option<Journal>,
    /// Its name.
    pub checkpoint: Option<PathBuf>,
    /// What it held.
    pub known: Vec<Record>,
    /// Clouds of which a sample was taken.
    pub sampled: Vec<Sampled>,
}

/// Checks the arguments of `pairwise`, reads its clouds and its checkpoint.
pub fn pairwise(args: &args::Pairwise, common: &args::Common) -> Result<Pairwise, Failure> {
    let options = gromov::Pairwise {
        method: match args.method {
            args::Method::Auto => Method::Auto,
            args::Method::Local => Method::Local,
            args::Method::Global => Method::Global,
        },
        starts: args.starts.map(|s| s as usize),
        seed: common.seed,
        tol: args.tol,
        time_limit: time_limit(args.time_limit)?,
        // they are when they are read, and centred twice is centred: a run that goes on knows
        center: args.reading.center,
        prune: args.prune.map(|k| k as usize),
        ..gromov::Pairwise::default()
    };
    options.check()?;
    let mut outputs = Outputs::default();
    let out = args.out.as_ref().map(|path| matrix(path, &mut outputs)).transpose()?;
    if let Some(path) = &args.checkpoint {
        outputs.add(path, "--checkpoint")?;
    }
    let files = files(&args.clouds)?;
    check_formats(&args.reading, files.iter().map(PathBuf::as_path))?;
    if files.len() < 2 {
        let only = files.first().map(|f| f.display().to_string()).unwrap_or_default();
        return Err(Failure::new(format!("one cloud ({only}) has no distances; give two or more")));
    }
    let mut reading = Reading::new(&args.reading, common.seed, outputs);
    let inputs = files.iter().map(|file| reading.cloud(file)).collect::<Result<Vec<_>, _>>()?;
    let clouds: Vec<Cloud> = inputs.into_iter().map(|input| Ok(input.cloud)).collect();
    let names: Vec<String> = files.iter().map(|f| f.to_string_lossy().into_owned()).collect();
    let (checkpoint, known, sampled) = (args.checkpoint.clone(), Vec::new(), reading.sampled);
    Ok(Pairwise { names, clouds, options, out, journal: None, checkpoint, known, sampled })
}

impl Pairwise {
    /// Opens the journal, if there is one, and takes what it holds. Errors: one of other clouds or options, a damaged one.
    pub fn open_journal(&mut self, args: &args::Pairwise) -> Result<(), Failure> {
        let Some(path) = &self.checkpoint else { return Ok(()) };
        let mut limits = io::ReadOptions::default();
        limits.limits.bytes = args.reading.max_bytes.unwrap_or(limits.limits.bytes);
        let opened = Journal::open(path, &self.options, &self.clouds, &limits);
        let (journal, known) = opened.map_err(|e| named(e, &self.names))?;
        (self.journal, self.known) = (Some(journal), known);
        Ok(())
    }
}

/// The matrix, found writable, and whether it is text.
fn matrix(path: &Path, outputs: &mut Outputs) -> Result<(PathBuf, bool), Failure> {
    let text = match ending(path).as_deref() {
        Some("npy") => false,
        Some("csv") => true,
        _ => {
            let problem = "the matrix is written as .npy or .csv; give --out a name that ends so";
            return Err(Failure::file(path, problem));
        }
    };
    outputs.add(path, "--out")?;
    Ok((path.to_path_buf(), text))
}

/// The files named, a folder for those in it. Errors: a folder that cannot be listed or has none, a file twice.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let problem = |e: std::io::Error| Failure::file(path, format!("the folder cannot be listed: {e}"));
        let entries = std::fs::read_dir(path).map_err(problem)?;
        let mut inside =
            entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(problem)?;
        let hidden = |p: &Path| p.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        inside.retain(|p| {
            ending(p).is_some_and(|e| ENDINGS.contains(&e.as_str())) && !hidden(p) && p.is_file()
        });
        if inside.is_empty() {
            let endings = ENDINGS.map(|e| format!(".{e}")).join(" ");
            return Err(Failure::file(path, format!("the folder has no file ending in {endings}")));
        }
        inside.sort();
        files.extend(inside);
    }
    let mut seen = HashMap::new();
    for file in &files {
        if seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone()), ()).is_some() {
            return Err(Failure::file(file, "is given twice; name each cloud once"));
        }
    }
    Ok(files)
}

/// An error of a journal, with the file in place of the number of a cloud.
fn named(error: gromov::Error, names: &[String]) -> Failure {
    let gromov::Error::Resumed { what, then, now } = &error else { return error.into() };
    let cloud = what.strip_prefix("cloud ").and_then(|k| k.parse::<usize>().ok()).and_then(|k| names.get(k));
    match cloud {
        Some(name) => {
            let problem = "is not what the checkpoint was made with, in this place of the list";
            Failure::file(Path::new(name), format!("{problem} ({then}, now {now}); give the same files"))
        }
        None if what == "clouds" => Failure::new(format!(
            "the checkpoint has {then}, now {now}: give the same clouds in the same order"
        )),
        None => error.into(),
    }
}
