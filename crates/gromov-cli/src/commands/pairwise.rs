//! `gromov pairwise`: all distances of a list of clouds.

use std::path::{Path, PathBuf};
use std::time::Instant;

use gromov::Status;
use gromov::error::printable;
use gromov::io;
use gromov::pairwise::{Method, Record, STARTS, Solution};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::reading::{self, Sampled};
use crate::watch::Watch;
use crate::{job, output};

use super::forecast;

/// Pairs without a distance that a table lists.
const LISTED: usize = 20;

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    /// Number of clouds.
    k: usize,
    pairs: usize,
    /// Pairs with a distance.
    solved: usize,
    /// Pairs found in the checkpoint.
    resumed: usize,
    /// Pairs passed over.
    pruned: usize,
    failed: Vec<Failed<'a>>,
    certified: usize,
    status: Status,
    method: Method,
    starts: Option<usize>,
    /// Smallest, median and largest distance of the pairs solved.
    smallest: Option<f64>,
    median: Option<f64>,
    largest: Option<f64>,
    /// The clouds of the smallest.
    nearest: Option<[&'a str; 2]>,
    clouds: &'a [String],
    out: Option<String>,
    checkpoint: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sampled: &'a [Sampled],
    seconds: f64,
}

/// A pair without a distance.
#[derive(Serialize)]
struct Failed<'a> {
    a: &'a str,
    b: &'a str,
    reason: &'a str,
}

/// Runs the command.
pub fn run(args: &args::Pairwise, common: &args::Common) -> Result<u8, Failure> {
    let mut job = job::pairwise(args, common)?;
    let advice = "give fewer clouds, --max-memory raises the limit";
    if forecast::memory("pairwise", &job.options.need(&job.clouds), &args.memory, common.json, advice)?
        .is_break()
    {
        return Ok(0);
    }
    job.open_journal(args)?;
    let mut watch = Watch::start(common.quiet, "pairs")?;
    watch.stage("pairs");
    watch.resumed_at(job.known.len());
    let clock = Instant::now();
    let known = std::mem::take(&mut job.known);
    let solved = match &mut job.journal {
        None => job.options.solve_from(&job.clouds, known, &mut watch, None),
        Some(journal) => {
            let mut keep = |records: &[Record]| journal.append(records);
            job.options.solve_from(&job.clouds, known, &mut watch, Some(&mut keep))
        }
    };
    watch.end();
    let sol = solved?;
    let seconds = clock.elapsed().as_secs_f64();
    if let Some((path, text)) = &job.out {
        write(path, *text, &job.names, &sol)?;
    }
    let summary = Summary::new(&sol);
    let text = match common.json {
        true => output::json(&object(&job, &sol, &summary, seconds))?,
        false => table(args, &job, &sol, &summary, seconds),
    };
    output::print(&text)?;
    if let Some(error) = sol.unkept {
        return Err(error.into());
    }
    let failed = u8::from(!sol.failed.is_empty());
    Ok(output::exit_code(sol.status).max(failed))
}

/// Distances of pairs that were solved.
struct Summary {
    /// Smallest, median, largest.
    values: Option<[f64; 3]>,
    nearest: Option<(usize, usize)>,
}

impl Summary {
    fn new(sol: &Solution) -> Self {
        let pairs = (0..sol.k).flat_map(|i| (i + 1..sol.k).map(move |j| (i, j)));
        let mut all: Vec<(f64, (usize, usize))> =
            pairs.filter_map(|(i, j)| Some((sol.found(i, j)?.distance, (i, j)))).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let middle = all.len() / 2;
        let values = all.first().zip(all.last()).map(|(first, last)| {
            let median = match all.len() % 2 {
                0 => 0.5 * all[middle - 1].0 + 0.5 * all[middle].0,
                _ => all[middle].0,
            };
            [first.0, median, last.0]
        });
        Summary { values, nearest: all.first().map(|f| f.1) }
    }
}

fn object<'a>(job: &'a job::Pairwise, sol: &'a Solution, summary: &Summary, seconds: f64) -> Object<'a> {
    let name = |k: usize| job.names[k].as_str();
    let shown = |path: &PathBuf| path.to_string_lossy().into_owned();
    let value = |k: usize| summary.values.map(|v| v[k]);
    let local = job.options.method == Method::Local;
    Object {
        schema: "gromov/pairwise/1",
        k: sol.k,
        pairs: sol.pairs(),
        solved: sol.solved,
        resumed: sol.resumed,
        pruned: sol.skipped,
        failed: sol.failed.iter().map(|f| Failed { a: name(f.i), b: name(f.j), reason: &f.reason }).collect(),
        certified: sol.certified,
        status: sol.status,
        method: job.options.method,
        starts: job.options.starts.or(local.then_some(STARTS)),
        smallest: value(0),
        median: value(1),
        largest: value(2),
        nearest: summary.nearest.map(|(i, j)| [name(i), name(j)]),
        clouds: &job.names,
        out: job.out.as_ref().map(|(path, _)| shown(path)),
        checkpoint: job.checkpoint.as_ref().map(shown),
        sampled: &job.sampled,
        seconds,
    }
}

fn table(
    args: &args::Pairwise,
    job: &job::Pairwise,
    sol: &Solution,
    summary: &Summary,
    seconds: f64,
) -> String {
    let number = |x| output::number(x, 10);
    let name = |k: usize| printable(&job.names[k]);
    let all = sol.pairs();
    let mut solved = format!("{} of {}", sol.solved, output::count(all, "pair"));
    if sol.resumed > 0 {
        solved += &format!(", {} found in the checkpoint", sol.resumed);
    }
    let mut pairs = vec![("clouds", sol.k.to_string()), ("solved", solved)];
    if let Some(k) = args.prune {
        pairs.push(("pruned", format!("{} passed over: not among the {k} nearest of either", sol.skipped)));
    }
    if let (Some(values), Some((i, j))) = (summary.values, summary.nearest) {
        pairs.push(("smallest", format!("{} ({} and {})", number(values[0]), name(i), name(j))));
        pairs.push(("median", number(values[1])));
        pairs.push(("largest", number(values[2])));
    }
    pairs.push(("certified", format!("{} of {}", sol.certified, sol.solved)));
    pairs.push(("method", job.options.method.as_str().into()));
    pairs.push(("status", format!("{}{}", sol.status, output::advice(sol.status))));
    for failed in sol.failed.iter().take(LISTED) {
        let text = format!("{} and {}: {}", name(failed.i), name(failed.j), printable(&failed.reason));
        pairs.push(("failed", text));
    }
    if sol.failed.len() > LISTED {
        pairs.push(("failed", format!("{} more (--json lists all)", sol.failed.len() - LISTED)));
    }
    match &job.out {
        Some((path, _)) => pairs.push(("out", printable(&path.to_string_lossy()))),
        None => pairs.push(("out", "none (--out FILE.npy keeps the matrix)".into())),
    }
    pairs.extend(job.checkpoint.as_ref().map(|p| ("checkpoint", printable(&p.to_string_lossy()))));
    pairs.extend(reading::lines(&job.sampled));
    if !args.reading.center {
        let off = job
            .clouds
            .iter()
            .zip(0..)
            .filter_map(|(cloud, k)| output::off_centre(&name(k), cloud.as_ref().ok()?));
        let off: Vec<_> = off.collect();
        let more = off.len().saturating_sub(1);
        pairs.extend(off.into_iter().take(1));
        if more > 0 {
            pairs.push(("note", format!("so are {more} more")));
        }
    }
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}

/// Writes the matrix.
fn write(path: &Path, text: bool, names: &[String], sol: &Solution) -> Result<(), Failure> {
    let k = sol.k;
    if !text {
        return Ok(io::write_npy(path, &[k, k], &sol.distances)?);
    }
    let quoted = |name: &String| match name.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.clone(),
    };
    let header: Vec<String> = names.iter().map(quoted).collect();
    let number = |x: &f64| if x.is_nan() { "nan".into() } else { format!("{x:?}") };
    io::write_atomic(path, |out| {
        writeln!(out, "{}", header.join(","))?;
        for row in sol.distances.chunks_exact(k) {
            writeln!(out, "{}", row.iter().map(number).collect::<Vec<String>>().join(","))?;
        }
        Ok(())
    })?;
    Ok(())
}
