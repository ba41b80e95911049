//! Arguments of `pairwise`.

use std::path::PathBuf;

use clap::Args;

use super::{Memory, Method, Reading};

const ABOUT: &str = "\
The IGW distances of all pairs of clouds, as a symmetric matrix for clustering, neighbours or scaling. Clouds may have any \
sizes and dimensions. A pair is solved by one thread; its value depends on the two clouds, the options and --seed, and \
not on the order of the files or on threads.

With --prune knn:K pairs are passed over whose lower bound (from the spectra of the second moments) proves that neither \
cloud is among the K nearest of the other; the matrix then holds the root of that bound, which is beyond the K nearest of \
both. The K nearest of each row are those of the whole matrix.

With --checkpoint the distances found are kept in a file as the run goes on. The same command goes on from there after \
Ctrl-C, a kill or a power cut, to the bytes of a run without a stop. It must have the same clouds and options; --threads, \
--out and the names of the files may be others.";

const EXAMPLES: &str = "\
Examples:
  gromov pairwise a.csv b.csv c.csv --center
  gromov pairwise shapes/ --center --out distances.npy --checkpoint run.jsonl
  gromov pairwise shapes/ --center --starts 64 --prune knn:5 --out distances.csv

A pair without a distance is listed with its reason, is nan in the matrix, and makes the exit code 1. After Ctrl-C pairs \
that were not reached are nan too.";

/// Arguments of `pairwise`.
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct Pairwise {
    /// Clouds, two or more in all; a folder stands for all files in it that can be read, by name
    #[arg(value_name = "CLOUD", required = true)]
    pub clouds: Vec<PathBuf>,
    /// Write the matrix of distances (length^2): .npy (k, k), or .csv with the names of the files as header
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Keep what is found in FILE, and go on from it if it exists; at most four blocks of 64 pairs a thread are lost by a kill
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// local: the search, exact on the line; auto: also a proof where it is cheap; global: the optimum with a proof
    #[arg(long, value_enum, default_value_t = Method::Local)]
    pub method: Method,
    /// Starts of the search of a pair, at most 1000000 [default: 16; with auto and global those of distance]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub starts: Option<u32>,
    /// certified means squared - lower bound <= X squared + rounding
    #[arg(long, value_name = "X", default_value_t = 1e-9, allow_negative_numbers = true)]
    pub tol: f64,
    /// Stop a pair after S seconds with the best found (status time_cap); such values depend on the clock [default: no limit]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub time_limit: Option<f64>,
    /// Solve only what the K nearest of each cloud need
    #[arg(long, value_name = "knn:K", value_parser = nearest)]
    pub prune: Option<u32>,
    /// What is said before the run.
    #[command(flatten)]
    pub memory: Memory,
    /// How clouds are read.
    #[command(flatten)]
    pub reading: Reading,
}

fn nearest(text: &str) -> Result<u32, String> {
    let count = text.strip_prefix("knn:").and_then(|k| k.parse().ok()).filter(|k| *k > 0);
    count.ok_or_else(|| "write knn:K with K at least 1, such as knn:5".into())
}
