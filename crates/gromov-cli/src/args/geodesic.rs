//! Raw arguments of `geodesic`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Memory, Method, Reading};

const GEODESIC: &str = "\
A path between two weighted clouds along a plan: one particle an entry of the plan, which moves from a point of A to \
a point of B. Kinds:

  intrinsic  the shortest path where moving costs what inner products change, among clouds of this dimension; its length
             is d_IGW of the plan, at least IGW of the plan. It ends at B up to one rotation or mirror image
  lifted     inner products go straight: (1-t) <x, x'> + t <y, y'>, of length IGW; this takes d_x + d_y dimensions and
             is shown by its principal axes. For clouds of any two dimensions
  mccann     every particle goes straight, (1-t) x + t y, with the clouds as they stand (W2)

The optimal plan is that of `gromov distance`, for mccann that of W2. `squared` is IGW^2 of the plan used and scales as \
length^4, `d_igw` and `length` as length^2. Of clouds of different dimensions an intrinsic geodesic has one end of lower \
rank: the answer is then the shortest chain of frames found, with the status singular.";

const EXAMPLES: &str = "\
Examples:
  gromov geodesic a.csv b.csv --center --report ab.html
  gromov geodesic a.csv b.csv --kind lifted --frames 21 --out ab.npz
  gromov geodesic a.ply b.ply --plan identity --frames-ply frames

Files: .npz holds times (k,), points (k,n,d), weights (n,), second_moments (k,d,d), rows (n,) and columns (n,) (rows of A
and of B, from 0, of each particle) and meta (JSON text); .csv rows time,i,x1..xd,w.";

/// Arguments of `geodesic`.
#[derive(Debug, Args)]
#[command(long_about = GEODESIC, after_help = EXAMPLES)]
pub struct Geodesic {
    /// First cloud
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// Second cloud
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Which path
    #[arg(long, value_enum, default_value_t = Kind::Intrinsic)]
    pub kind: Kind,
    /// Number of frames, at times from 0 to 1 evenly
    #[arg(long, allow_negative_numbers = true, value_name = "K", default_value_t = 11, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub frames: u32,
    /// optimal: the plan of `gromov distance` (for mccann that of W2, of the clouds as they stand); identity: row i of A
    /// goes to row i of B, for clouds of as many points with the same weights
    #[arg(long, value_enum, default_value_t = Pairing::Optimal)]
    pub plan: Pairing,
    /// In whose coordinates the path is: it starts at A, or it ends at B (mccann does both)
    #[arg(long, value_enum, default_value_t = Frame::First)]
    pub frame: Frame,
    /// Dimension of a lifted path: the larger of d_x and d_y (by its principal axes), or d_x + d_y (all of it)
    /// [default: the larger]
    #[arg(long, allow_negative_numbers = true, value_name = "D")]
    pub dim: Option<usize>,
    /// How the plan is sought, as in `gromov distance` [default: auto]
    #[arg(long, value_enum)]
    pub method: Option<Method>,
    /// Starts of the search, at most 1000000 [default: as in `gromov distance`]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub starts: Option<u32>,
    /// The plan is certified when squared - lower bound <= X squared + rounding [default: 1e-9]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub tol: Option<f64>,
    /// Stop the search of the plan after S seconds with the best found (status time_cap) [default: no limit]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub time_limit: Option<f64>,
    /// Write the frames, in the format of the ending: .npz or .csv
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write a page that plays the path beside the other kinds, with what inner products and distances do; it works
    /// offline
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write the frames as DIR/frame_0000.ply, frame_0001.ply, ... with the colours of A (.ply or .obj), and its faces
    /// where each of its points is one particle, for frames with d = 2 (z = 0 is added) and 3. The folder is created if
    /// missing; frames of an earlier run are replaced or removed
    #[arg(long, value_name = "DIR")]
    pub frames_ply: Option<PathBuf>,
    /// Search with clouds of any size; the forecast goes to stderr
    #[arg(long)]
    pub large: bool,
    /// What is said before the run.
    #[command(flatten)]
    pub memory: Memory,
    /// How clouds are read.
    #[command(flatten)]
    pub reading: Reading,
}

/// Which path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The geodesic of the IGW geometry.
    Intrinsic,
    /// Inner products in straight lines.
    Lifted,
    /// Points in straight lines.
    Mccann,
}

/// Which plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pairing {
    /// The best one.
    Optimal,
    /// Row i to row i.
    Identity,
}

/// In whose coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Frame {
    /// Those of A.
    First,
    /// Those of B.
    Second,
}
