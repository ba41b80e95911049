//! Raw arguments, as typed. What they mean is decided in [`crate::job`].

mod barycenter;
mod geodesic;
mod memory;
mod pairwise;
mod resume;

pub use barycenter::Barycenter;
pub use geodesic::{Frame, Geodesic, Kind, Pairing};
pub use memory::Memory;
pub use pairwise::Pairwise;
pub use resume::Resume;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use gromov::flow::Scheme;

use crate::failure::Failure;
use crate::output;

const ABOUT: &str = "The inner-product Gromov-Wasserstein (IGW) geometry of point clouds";

const FILES: &str = "\
Clouds are files with one point a row: .csv and .tsv (header optional; a column named w, weight or \
weights holds weights), .npy (n, d), .npz (points, optional weights; of a trajectory the last frame), \
.ply and .obj (vertices), .xyz (atoms, or rows of numbers), .png (pixels, weighted by darkness; lengths in \
pixels, the origin in the lower left corner: use --center). Weights sum to 1; without weights every point \
has 1/n.";

const CODES: &str = "\
Exit codes: 0 done; 1 answered, but the status is singular, iteration_cap, time_cap or stalled, a pair has no distance, or a \
certificate is rejected; 2 wrong input or usage, nothing written; 130 interrupted, the output up to there is written (also a checkpoint).";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "gromov", version, about = ABOUT, after_help = format!("{FILES}\n\n{CODES}"))]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = false)]
pub struct Raw {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// IGW distance of two clouds, with a lower bound and the gap
    Distance(Distance),
    /// Check of a certificate that a distance wrote, by formulas alone
    Verify(Verify),
    /// Gradient flow of energies on a cloud, in the IGW or in the W2 geometry
    Flow(Flow),
    /// Barycentre of clouds: the least weighted mean of squared IGW distances
    Barycenter(Barycenter),
    /// Path between two clouds: the geodesic of the IGW geometry, the lifted path, or straight lines
    Geodesic(Geodesic),
    /// IGW distances of all pairs of clouds, as a matrix
    Pairwise(Pairwise),
    /// Size, weights, moments and spectrum of a cloud
    Info(Info),
    /// The horse that turns and one energy in two geometries, on built-in clouds: a page and numbers
    Demo(Demo),
    /// Completions of the command line for a shell, to stdout
    Completions(Completions),
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Seed of everything random. The same seed gives the same results, for any number of threads
    #[arg(long, allow_negative_numbers = true, global = true, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads to use [default: all cores]
    #[arg(long, allow_negative_numbers = true, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print one JSON object instead of a table. Numbers that are not finite are null
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress line and no notes on stderr (there is no such line when stderr is not a terminal)
    #[arg(long, global = true)]
    pub quiet: bool,
}

/// How clouds are read, in the commands that read some.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Reading {
    /// Shift every cloud read (targets too) so that its mean is zero. IGW is invariant under rotations
    /// about the origin, not under shifts. With --points: the mean of the whole cloud
    #[arg(long)]
    pub center: bool,
    /// Divide weights by their sum; otherwise a sum other than 1 (within 1e-9) is an error
    #[arg(long)]
    pub normalize: bool,
    /// Weights are in the column (.csv, .tsv), array (.npz) or vertex property (.ply) of this name; files of other
    /// formats have no names
    #[arg(long, value_name = "NAME")]
    pub weights_column: Option<String>,
    /// In a .png, light pixels on a dark ground are the cloud; an error if no input is a .png
    #[arg(long)]
    pub invert: bool,
    /// Replace every cloud of more than N points (targets too) by a seeded sample of N, or of fewer
    /// where weights are unequal: a point drawn k times is one point of weight k/N. The output says so
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub points: Option<u64>,
    /// The most bytes any input file may have [default: 1073741824, 1 GiB]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_bytes: Option<u64>,
}

const DISTANCE: &str = "\
The IGW distance of two weighted clouds of any sizes and dimensions:

  IGW(A, B)^2 = min over plans of the double integral of (<x, x'> - <y, y'>)^2

It is 0 exactly when one cloud is a rotation or a mirror image of the other. `squared` scales as \
length^4, `distance` as length^2. Local optima are searched from many starts; the lower bound says how far \
the best one can be from the optimum, and `certified` that it is the optimum. On the line (d = 1) the \
answer is exact. --method global goes on until the bound meets the value, for clouds with d_x d_y up to 36: \
seconds in the plane, and far longer for each dimension more. A search with a cloud of more than 20000 points begins with a forecast of its time and \
memory, measured on samples, and goes on with --large alone.

In the answer: `distance` is the square root of `squared`, in units of length squared; `rounding` is how far \
`squared` may be off by the rounding of doubles; `gap` is (squared - lower bound) / max(squared, rounding); `hits` are the \
starts that reached the best value; `alternatives` are other local optima within 5 %.";

const DISTANCE_EXAMPLES: &str = "\
Examples:
  gromov distance a.csv b.csv
  gromov distance a.ply b.ply --center --starts 200 --json
  gromov distance a.npz b.npz --plan plan.csv --time-limit 60
  gromov distance a.png b.png --center --points 1000 --report ab.html
  gromov distance a.ply b.ply --center --points 2000 --transform a.ply --out moved.ply
  gromov distance a.csv b.csv --method global --time-limit 60
  gromov distance a.csv b.csv --certificate ab.npz && gromov verify ab.npz a.csv b.csv";

/// Arguments of `distance`.
#[derive(Debug, Args)]
#[command(long_about = DISTANCE, after_help = DISTANCE_EXAMPLES)]
pub struct Distance {
    /// First cloud
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// Second cloud
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// auto: the exact formula when both clouds are on the line, else local and, for clouds of at most 400 points in
    /// the plane or 120 in d_x d_y <= 9 dimensions, a proof where a second or two is enough; global with
    /// --certificate; local: the search alone; global: the optimum with a proof, by branch and bound; --time-limit and Ctrl-C end it
    /// with both bounds
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub method: Method,
    /// Starts of the search, at most 1000000 [default: 128; 64 when n m is above 40000, 16 above 4000000; with
    /// the global method 8 to 64]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub starts: Option<u32>,
    /// certified means squared - lower bound <= X squared + rounding
    #[arg(long, value_name = "X", default_value_t = 1e-9, allow_negative_numbers = true)]
    pub tol: f64,
    /// Stop after S seconds with the best found (status time_cap) [default: no limit]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub time_limit: Option<f64>,
    /// Write the plan as rows i,j,mass: i and j are rows of the files, from 0, also with --points (of a .png: its
    /// points in the order of reading, row by row)
    #[arg(long, value_name = "FILE.csv")]
    pub plan: Option<PathBuf>,
    /// Write a page with both clouds, the lines of the plan and the numbers; it works offline
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write what proves value and bound, for gromov verify; needs --method global or auto. With --center the proof
    /// is of the clouds as they are in the files, with --points of the samples
    #[arg(long, value_name = "FILE.npz")]
    pub certificate: Option<PathBuf>,
    /// Move the cloud of this file by the map found, from the frame of A to that of B: each row x becomes
    /// (x - mean of A) R + mean of B, with means that are zero without --center. All its points are moved,
    /// also with --points
    #[arg(long, value_name = "FILE", requires = "out")]
    pub transform: Option<PathBuf>,
    /// Where the moved cloud goes: .csv, .tsv, .npy, .npz or .ply, which keeps the faces and colours of a
    /// .ply or .obj (in .ply a cloud of the plane gets z = 0)
    #[arg(long, value_name = "FILE", requires = "transform")]
    pub out: Option<PathBuf>,
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

/// How a distance is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The exact formula where there is one.
    Auto,
    /// Always the search.
    Local,
    /// Branch and bound.
    Global,
}

const VERIFY: &str = "\
Checks a certificate of `gromov distance --certificate` against the two clouds: that the plan has the value, and \
that cuts, boxes and multipliers prove the lower bound. The check uses none of the code that solved the problem; \
examples/check_certificate.py is the same in NumPy. Give the reading options of the run, such as --normalize, \
--weights-column, --points and --seed; --center is in the certificate, and needed only with --points.

Accepted means that value and bound are right as claimed; `optimal` that they meet within the tolerance of the run. \
A run that was ended early has a certificate too, of a wider gap. Exit codes: 0 accepted, 1 rejected, 2 wrong input.";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(long_about = VERIFY, after_help = "\
Examples:
  gromov verify ab.npz a.csv b.csv
  gromov verify ab.npz a.png b.png --center --points 300 --seed 7 --json")]
pub struct Verify {
    /// The certificate
    #[arg(value_name = "CERTIFICATE")]
    pub certificate: PathBuf,
    /// First cloud of the run
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// Second cloud of the run
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// How clouds are read.
    #[command(flatten)]
    pub reading: Reading,
}

const FLOW: &str = "\
The gradient flow of a sum of energies F from a cloud: d(rho)/dt = -grad F in the IGW geometry (moving \
costs what inner products change) or in the W2 geometry (moving costs the way each particle goes). \
The implicit scheme minimises F + D^2 / (2 tau) in each step: F never increases, for any step.";

const FLOW_EXAMPLES: &str = "\
Energies (--energy, given once or more and summed):
  quadratic                half the mean of (x - c)^T Q (x - c)
      center=1;0.5         c, its numbers separated by ';' [default: 0]
      matrix=FILE          Q, a .csv, .tsv or .npy file [default: 1]
  double-well              a quarter of the mean of (|x|^2 - 1)^2
  interaction              half the mean over pairs of |z|^p/p - |z|^q/q, z = x - x'
      p=4,q=2              exponents, p > 0, q >= 0 [default: q=0, no second term]
  energy-distance          energy distance to a cloud of the same dimension
      target=FILE
      batch=B              from random batches of B points, drawn anew each
                           step [default: all pairs; above a thousand million
                           of them batch=256 is some 100 times faster]. The
                           energy is then an estimate and may be negative;
                           for schemes with fixed steps
  mmd                      half the squared MMD to a cloud of the same dimension
      target=FILE,bandwidth=0.5   kernel exp(-|x - y|^2 / (2 bandwidth^2))
  wasserstein              W2^2 / 2 to a cloud of the same dimension
      target=FILE
  igw                      IGW^2 / 2 to a cloud of any dimension. Its first search is as
                           long as that of distance, without a forecast
      target=FILE
  entropy                  the mean of log rho; with --scheme langevin
  kl-gaussian              KL(rho, N(m, C)); with --scheme langevin
      mean=1;0.5           m [default: 0]
      cov=FILE             C, a .csv, .tsv or .npy file [default: 1]
  Every one takes weight=NUMBER [default: 1]. Write a SPEC as
  name:key=value,key=value and quote it where it holds a ';'. A comma inside
  a file name is written twice: target=a,,b.csv.

Examples:
  gromov flow horse.csv --energy quadratic --time 0.5 --out shrink.npz
  gromov flow a.npy --energy energy-distance:target=b.npy --steps 50 --out a.csv
  gromov flow a.csv --energy igw:target=b.csv --report a.html
  gromov flow a.csv --energy kl-gaussian --scheme langevin --time 0.5
  gromov flow a.csv --energy 'quadratic:center=1;0,weight=0.1' \\
      --energy wasserstein:target=b.csv --metric w2
  gromov flow a.csv --energy igw:target=b.csv --out a.npz --checkpoint a.ck
  gromov flow a.csv --energy igw:target=b.csv --out a.npz --checkpoint a.ck \\
      --resume a.ck

Units: tau and time scale as length^4 / F with igw, as length^2 / F with w2.

Table: Sigma_k are the eigenvalues of the second moment (length^2); moved is
the length of the path so far (length^2 with igw, length with w2); inner are
the inner iterations since the row above; gram change is the relative change
of inner products since the start, blind to rotations. Of a diffusion
(--scheme langevin): estimates from the particles, each +- the standard error
of an independent sample: energy = regular + a entropy, a the weight of the
entropy, and regular all other energies; the entropy from distances to near
neighbours (not with unequal weights or coinciding points). exact: Sigma of the
exact flow, where the energies are quadratic without center, entropy,
kl-gaussian without mean. JSON: statistics, exact_spectrum; energies are null.

Files: .npz holds times (k,), points (k,n,d), weights (n,), energies (k,),
second_moments (k,d,d) and meta (JSON text); .csv rows time,i,x1..xd,w. With
--points, points and i are those of the sample.

Page (--report): a target of the same dimension is drawn behind the cloud, an
igw target turned into the frame of the cloud by the rotation found.";

/// Arguments of `flow`.
#[derive(Debug, Args)]
#[command(long_about = FLOW, after_help = FLOW_EXAMPLES)]
pub struct Flow {
    /// The cloud to start from
    #[arg(value_name = "CLOUD")]
    pub cloud: PathBuf,
    /// Energy to decrease: name[:key=value,...]; repeat to sum (list below)
    #[arg(long, value_name = "SPEC", required = true)]
    pub energy: Vec<OsString>,
    /// Geometry
    #[arg(long, value_enum, default_value_t = Metric::Igw)]
    pub metric: Metric,
    /// Time discretisation
    ///
    /// implicit (order 1, stable for any step), or for short steps euler (order 1), heun (2), rk4 (4), or adaptive
    /// (5), which chooses its steps by --rtol; langevin (2): particles with noise, for energies with entropy or
    /// kl-gaussian
    #[arg(long, value_parser = scheme(), default_value = "implicit")]
    pub scheme: Scheme,
    /// Step tau; with adaptive or --rtol the first one tried [default: the first step moves by 0.05 |Sigma| (igw) or
    /// 0.05 of the rms radius (w2); langevin: at most 0.03 of the least eigenvalue squared / a in each step (igw), or
    /// with noise of that size (w2)]
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    pub step: Option<f64>,
    /// Number of steps [default, without --time: to convergence, at most 200]
    #[arg(long, allow_negative_numbers = true, value_name = "N", conflicts_with = "time")]
    pub steps: Option<usize>,
    /// End time; the last step is shortened to meet it
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub time: Option<f64>,
    /// Estimated error of a step over the rms radius, by which steps are chosen: of adaptive, and of implicit where
    /// it is given (two half steps are taken and compared with a whole one). inf: steps of equal length
    /// [default: 1e-6 for adaptive; implicit has fixed steps]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub rtol: Option<f64>,
    /// The error a step may have besides, a length [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub atol: Option<f64>,
    /// Keep every K-th step as a frame (the first and the last are always kept)
    #[arg(long, allow_negative_numbers = true, value_name = "K", default_value_t = 1)]
    pub every: usize,
    /// Keep frames at these times instead, increasing and separated by commas (the first and the last frame too),
    /// interpolated inside steps; adaptive only
    #[arg(
        long,
        value_name = "T1,T2,...",
        value_delimiter = ',',
        conflicts_with = "every",
        allow_negative_numbers = true
    )]
    pub frame_times: Option<Vec<f64>>,
    /// free: the energy chooses the orientation, which costs no distance (its search takes d(d-1)/2 gradients at
    /// a time: in many dimensions it is long); fixed: no net rotation (igw only) [default: free]
    #[arg(long, value_enum)]
    pub rotation: Option<Rotation>,
    /// Without --steps and --time: converged when the speed is at most X times its first value
    #[arg(long, value_name = "X", default_value_t = 1e-6, allow_negative_numbers = true)]
    pub tol: f64,
    /// Converged, whatever else ends the flow, after a step in which the energy falls at no more than X of its mean
    /// rate since the start
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub energy_tol: Option<f64>,
    /// Write the frames, in the format of the ending: .npz or .csv
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write a page that plays the flow, with its curves and numbers; it works offline
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write the frames as DIR/frame_0000.ply, frame_0001.ply, ... with the faces and colours of a .ply or
    /// .obj, for d = 2 (z = 0 is added) and 3. The folder is created if missing; frames of an earlier run
    /// are replaced or removed
    #[arg(long, value_name = "DIR")]
    pub frames_ply: Option<PathBuf>,
    /// Checkpoints.
    #[command(flatten)]
    pub resume: Resume,
    /// What is said before the run.
    #[command(flatten)]
    pub memory: Memory,
    /// How clouds are read.
    #[command(flatten)]
    pub reading: Reading,
}

/// Geometry of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    /// Inner-product Gromov-Wasserstein.
    Igw,
    /// Wasserstein of order 2.
    W2,
}

/// One of the schemes of the library, by name.
fn scheme() -> impl TypedValueParser<Value = Scheme> {
    PossibleValuesParser::new(Scheme::ALL.iter().map(|s| s.name()))
        .try_map(|name| Scheme::ALL.iter().copied().find(|s| s.name() == name).ok_or("not a scheme"))
}

/// Orientation under the IGW metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rotation {
    /// The energy chooses it.
    Free,
    /// No net rotation.
    Fixed,
}

const INFO: &str = "\
What a cloud file holds: number of points and dimension, weights, mean, the uncentred second moment \
Sigma = mean of x x^T (length^2), its eigenvalues, its rank (eigenvalues above 1e-12 of the largest: below \
it flows are singular), and how many points repeat an earlier one.";

/// Arguments of `info`.
#[derive(Debug, Args)]
#[command(long_about = INFO, after_help = "Examples:\n  gromov info a.csv\n  gromov info a.npz --center --json")]
pub struct Info {
    /// The cloud
    #[arg(value_name = "CLOUD")]
    pub cloud: PathBuf,
    /// How clouds are read.
    #[command(flatten)]
    pub reading: Reading,
}

const DEMO: &str = "\
Two experiments on built-in clouds. A horse flows to a bent horse turned by 110 degrees, once in the IGW \
geometry along IGW^2 / 2 and once in the W2 geometry along W2^2 / 2. Then the Stanford bunny flows along one \
energy, the energy distance to two balls, in both geometries. Writes demo.html (a page that plays all four \
flows; it works offline), igw.npz and w2.npz (the horse), and prints what was measured. The whole demo takes \
less than a minute, --quick a few seconds.";

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(long_about = DEMO, after_help = "Examples:\n  gromov demo\n  gromov demo --quick --out demo --json")]
pub struct Demo {
    /// Folder for demo.html, igw.npz and w2.npz; it is created if missing
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Fewer points and steps
    #[arg(long)]
    pub quick: bool,
}

const COMPLETIONS: &str = "\
Install:
  bash        mkdir -p ~/.local/share/bash-completion/completions
              gromov completions bash > ~/.local/share/bash-completion/completions/gromov
  zsh         gromov completions zsh > DIR/_gromov, where DIR is a folder of $fpath
  fish        gromov completions fish > ~/.config/fish/completions/gromov.fish
  elvish      gromov completions elvish >> ~/.config/elvish/rc.elv
  powershell  gromov completions powershell >> $PROFILE";

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS)]
pub struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Reads the command line; of help and version, which are printed, there is nothing to run.
pub fn parse(arguments: &[OsString]) -> Result<Option<Raw>, Failure> {
    let error = match Raw::try_parse_from(arguments) {
        Ok(raw) => return Ok(Some(raw)),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::print(&error.render().to_string())?;
            Ok(None)
        }
        _ => {
            let words = arguments.iter().skip(1).filter_map(|w| w.clone().into_string().ok());
            Err(Failure::new(one_line(&error.render().to_string(), words)))
        }
    }
}

/// The message of a usage error without its usage lines. The command whose help is named is that of the
/// usage lines, else the first among the words typed.
fn one_line(rendered: &str, words: impl IntoIterator<Item = String>) -> String {
    let body = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let mut text = String::new();
    for line in body.lines().map(str::trim).take_while(|l| !l.starts_with("Usage:")) {
        let separator = match line {
            "" => continue,
            _ if line.starts_with("For more information") || line.starts_with("tip: to pass") => continue,
            _ if text.is_empty() => "",
            _ if line.starts_with("tip: ") => "; ",
            _ => " ",
        };
        text.extend([separator, line]);
    }
    let usage = body.lines().find_map(|l| l.trim().strip_prefix("Usage: "));
    let commands = Raw::command();
    let known = |word: &str| commands.get_subcommands().any(|c| c.get_name() == word);
    let used = usage.and_then(|u| u.split(' ').nth(1)).filter(|w| known(w)).map(String::from);
    let command = match used.or_else(|| words.into_iter().find(|w| known(w))) {
        Some(command) => format!("gromov {command}"),
        None => "gromov".into(),
    };
    format!("{text}; try '{command} --help'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Raw::command().debug_assert();
    }

    #[test]
    fn usage_errors_are_one_line() {
        let text = |arguments: &[&str]| {
            let rendered = Raw::try_parse_from(arguments).unwrap_err().render().to_string();
            one_line(&rendered, arguments.iter().skip(1).map(|w| w.to_string()))
        };
        let unknown = text(&["gromov", "info", "a.csv", "--xyzzy"]);
        assert_eq!(unknown, "unexpected argument '--xyzzy' found; try 'gromov info --help'");
        assert!(text(&["gromov", "flow", "a"]).contains("not provided: --energy <SPEC>; try 'gromov flow"));
        assert!(text(&["gromov"]).contains("requires a subcommand"));
        assert!(
            text(&["gromov", "--seed", "1", "flow", "--tol", "x"]).ends_with("; try 'gromov flow --help'")
        );
        assert!(text(&["gromov", "--seed", "x"]).ends_with("; try 'gromov --help'"));
        let similar = text(&["gromov", "flow", "a", "--energy", "x", "--step", "1", "--tim", "2"]);
        assert!(
            similar
                .starts_with("unexpected argument '--tim' found; tip: a similar argument exists: '--time'")
        );
    }
}
