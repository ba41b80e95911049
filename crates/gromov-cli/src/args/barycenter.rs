//! Raw arguments of `barycenter`.

use std::path::PathBuf;

use clap::Args;

use super::{Memory, Reading};

const ABOUT: &str = "\
The barycentre of weighted clouds of any sizes and dimensions: n points in R^d with the least

  objective = sum over k of lambda_k IGW(Y, X_k)^2

It is blind to rotations and mirror images of each cloud. Plans (exact transport) and points (a principal component \
analysis) are found in turns, from several starts; the objective never increases. The lower bound comes from the \
spectra; the objective is a local optimum unless the two meet. The barycentre lies in the frame of the first cloud \
with lambda > 0, where it has at least its dimension, else along its principal axes.";

const EXAMPLES: &str = "\
Examples:
  gromov barycenter a.csv b.csv c.csv --center --out mean.csv
  gromov barycenter a.ply b.ply --center --points 500 --lambdas 0.3,0.7 --report mean.html
  gromov barycenter a.npz b.npz --n-points 200 --dim 2 --out mean.npz --json";

/// Arguments of `barycenter`.
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct Barycenter {
    /// The clouds
    #[arg(value_name = "CLOUD", required = true)]
    pub clouds: Vec<PathBuf>,
    /// Weights of the clouds, one each, of sum 1, separated by commas [default: equal]
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub lambdas: Option<Vec<f64>>,
    /// Points of the barycentre, of equal weights [default: as many as the largest cloud with lambda > 0 has, with
    /// its weights; 2000 of equal weights where it has more]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub n_points: Option<u32>,
    /// Dimension of the barycentre [default: the largest of the clouds with lambda > 0]
    #[arg(long, allow_negative_numbers = true, value_name = "D", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub dim: Option<u32>,
    /// Starts, the first near each of the clouds [default: as many as clouds with lambda > 0, at least 8 and at most 16; 2
    /// to 8 when n times the points of the largest cloud is above 40000]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub starts: Option<u32>,
    /// A start has converged when a search for plans lowers the objective by at most X of it
    #[arg(long, value_name = "X", default_value_t = 1e-9, allow_negative_numbers = true)]
    pub tol: f64,
    /// Stop after S seconds with the best found (status time_cap) [default: no limit]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub time_limit: Option<f64>,
    /// Write the points and weights, in the format of the ending: .csv, .tsv, .npy, .npz or .ply
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write a page with every cloud in the frame of the barycentre, and the numbers; it works offline
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// What is said before the run.
    #[command(flatten)]
    pub memory: Memory,
    /// How clouds are read.
    #[command(flatten)]
    pub reading: Reading,
}
