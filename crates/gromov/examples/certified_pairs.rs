//! Pairs of clouds with certified IGW distances, for testing other programs: `benches/certified`.
//!
//!     certified_pairs [FOLDER [FOLDER OF CERTIFICATES]]
//!
//! Every cloud is drawn from a seed, centred, rounded to six decimals and then solved.

use std::fmt::Write;
use std::path::PathBuf;

use gromov::certificate::Certificate;
use gromov::igw::{Global, Solution};
use gromov::measure::sample::{self, Source};
use gromov::verify::verify;
use gromov::{Error, Measure, Result, io};

use Shape::{Ball, Bunny, Gaussian, Horse};

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// Uniform in the unit ball of this dimension.
    Ball(usize),
    /// Normal with the first of these standard deviations 2, 1, 0.5 or, for the second cloud, 1.5, 1, 0.7.
    Gaussian(usize),
    /// Silhouette of the horse, unbent.
    Horse,
    /// Vertices of the bunny.
    Bunny,
}

/// Shapes, sizes, unequal weights, tolerance.
type Pair = (Shape, Shape, usize, usize, bool, f64);

const PAIRS: [Pair; 20] = [
    (Ball(1), Ball(1), 100, 100, false, 1e-9),
    (Gaussian(1), Gaussian(1), 40, 30, true, 1e-9),
    (Ball(1), Ball(2), 50, 50, false, 1e-9),
    (Gaussian(2), Gaussian(1), 30, 40, true, 1e-9),
    (Ball(2), Ball(2), 20, 20, false, 1e-9),
    (Ball(2), Ball(2), 100, 100, false, 1e-9),
    (Ball(2), Ball(2), 60, 45, true, 1e-9),
    (Gaussian(2), Gaussian(2), 80, 80, false, 1e-9),
    (Horse, Horse, 100, 100, false, 1e-9),
    (Horse, Horse, 50, 40, true, 1e-9),
    (Horse, Ball(2), 60, 60, false, 1e-9),
    (Ball(2), Ball(3), 12, 12, false, 1e-9),
    (Ball(2), Ball(3), 30, 30, false, 1e-6),
    (Ball(3), Ball(2), 20, 15, true, 1e-6),
    (Gaussian(2), Gaussian(3), 40, 40, false, 1e-6),
    (Horse, Bunny, 30, 30, false, 1e-6),
    (Gaussian(3), Gaussian(3), 20, 20, false, 1e-6),
    (Ball(3), Ball(3), 10, 10, false, 1e-6),
    (Ball(3), Ball(3), 12, 10, true, 1e-6),
    (Bunny, Bunny, 12, 12, false, 1e-6),
];

impl Shape {
    fn name(self) -> String {
        match self {
            Ball(d) => format!("ball{d}"),
            Gaussian(d) => format!("normal{d}"),
            Horse => "horse".into(),
            Bunny => "bunny".into(),
        }
    }

    fn cloud(self, n: usize, seed: u64, weighted: bool, std: [f64; 3]) -> Result<Measure> {
        let cloud = match self {
            Ball(d) => sample::ball(n, d, seed)?,
            Gaussian(d) => {
                let cloud = sample::gaussian(n, d, seed)?;
                cloud.with_points(cloud.points().iter().enumerate().map(|(k, x)| x * std[k % d]).collect())?
            }
            Horse => sample::horse(n, seed)?,
            Bunny => sample::subsample(&sample::bunny()?, n, seed)?,
        };
        let mut s = Source::new(seed, 2);
        let mut weight = || if weighted { 0.1 + s.unit() } else { 1.0 };
        let weights = (0..n).map(|_| weight()).collect();
        let cloud = Measure::normalized(cloud.points().to_vec(), cloud.dim(), weights)?.centred();
        cloud.with_points(cloud.points().iter().map(|x| (1e6 * x).round() / 1e6).collect())
    }
}

fn main() -> Result<()> {
    let mut folders = std::env::args().skip(1).map(PathBuf::from);
    let folder = folders.next().unwrap_or_else(|| "certified".into());
    let proofs = folders.next();
    for new in [Some(&folder), proofs.as_ref()].into_iter().flatten() {
        std::fs::create_dir_all(new).map_err(|e| Error::User(format!("{}: {e}", new.display())))?;
    }
    let mut table = String::from("name,n,m,d_x,d_y,seed,weights,squared,lower_bound,gap,tol\n");
    for (k, &(a, b, n, m, weighted, tol)) in PAIRS.iter().enumerate() {
        let seed = 2 * k as u64;
        let mu = a.cloud(n, seed, weighted, [2.0, 1.0, 0.5])?;
        let nu = b.cloud(m, seed + 1, weighted, [1.5, 1.0, 0.7])?;
        let name = format!("{:02}_{}_{}", k + 1, a.name(), b.name());
        let clock = std::time::Instant::now();
        let (sol, certificate) = certified(&mu, &nu, tol)?;
        let path = |end: &str| folder.join(format!("{name}_{end}.csv"));
        io::write_cloud(&path("a"), &mu)?;
        io::write_cloud(&path("b"), &nu)?;
        let plan = &sol.plan;
        io::write_plan_csv(&path("plan"), &plan.rows, &plan.columns, &plan.mass)?;
        if let Some(folder) = &proofs {
            io::write_certificate(&folder.join(format!("{name}.npz")), &certificate, "certified_pairs")?;
        }
        let weights = if weighted { "unequal" } else { "equal" };
        let (p, q, gap) = (mu.dim(), nu.dim(), (sol.squared - sol.lower_bound) / sol.squared);
        let (squared, lower) = (sol.squared, sol.lower_bound);
        writeln!(table, "{name},{n},{m},{p},{q},{seed},{weights},{squared},{lower},{gap:.1e},{tol:e}")
            .map_err(|e| Error::User(e.to_string()))?;
        let (seconds, boxes) = (clock.elapsed().as_secs_f64(), sol.nodes);
        println!("{name}: {squared:.9}, gap {gap:.1e}, {boxes} boxes, {seconds:.2} s");
    }
    io::write_atomic(&folder.join("pairs.csv"), |out| out.write_all(table.as_bytes()))?;
    println!("{} certified pairs in {}", PAIRS.len(), folder.display());
    Ok(())
}

/// A solution that its proof certifies.
fn certified(mu: &Measure, nu: &Measure, tol: f64) -> Result<(Solution, Certificate)> {
    let mut sol = Global { tol, certificate: true, ..Global::default() }.solve(mu, nu, &mut ())?;
    let certificate = sol.certificate.take().ok_or(Error::User("no certificate".into()))?;
    let verdict = verify(&certificate, mu, nu)?;
    assert!(sol.certified && verdict.accepted() && verdict.certified, "{:?}", verdict.fault);
    Ok((sol, certificate))
}
