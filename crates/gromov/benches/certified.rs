//! Certified distances: seconds, transport problems, boxes and memory. `cargo bench -p gromov --bench certified`.
//!
//! Filters by the start of a row's name: `cargo bench -p gromov --bench certified -- "2x3 balls"`. LIMIT=300 are the
//! seconds that a row may take; the gap reached by then is printed.

use std::time::{Duration, Instant};

use gromov::igw::{Global, Solution};
use gromov::measure::{Measure, sample};
use gromov::{Error, Result};
use peak_alloc::PeakAlloc;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Points of both clouds, tolerance, limit in seconds, aim in seconds.
type Row = (usize, f64, f64, Option<f64>);
/// A cloud of n points from a seed.
type Draw = fn(usize, u64) -> Result<Measure>;

fn main() -> Result<()> {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    let text = std::env::var("LIMIT").unwrap_or_else(|_| "300".into());
    let limit: u32 = text.parse().map_err(|_| Error::User(format!("LIMIT is {text}, not whole seconds")))?;
    let grid =
        |tol: f64| -> Vec<Row> { [10, 20, 50, 100, 200].map(|n| (n, tol, f64::INFINITY, None)).to_vec() };
    let balls: [Draw; 2] = [ball::<2>, ball::<3>];
    let normals: [Draw; 2] = [gaussian::<2>, gaussian::<3>];
    let (plane, space) = ([balls[0]; 2], [balls[1]; 2]);
    let tables: [(&str, [Draw; 2], Vec<Row>); 10] = [
        ("2x2 balls", plane, rows([100, 500, 1000], [1e-9; 3], [0.05, 0.8, 4.0])),
        ("2x3 balls", balls, rows([50, 100, 200], [1e-6; 3], [0.3, 1.5, 6.0])),
        ("3x3 normal", [normal, wide], rows([50, 200, 500], [1e-2; 3], [0.1, 2.0, 8.0])),
        (
            "3x3 balls",
            space,
            vec![(20, 1e-6, 60.0, None), (50, 1e-3, 120.0, Some(30.0)), (100, 1e-3, 300.0, Some(300.0))],
        ),
        ("grid 2x2 balls", plane, grid(1e-6)),
        ("grid 2x2 normal", [normals[0]; 2], grid(1e-6)),
        ("grid 2x3 balls", balls, grid(1e-6)),
        ("grid 2x3 normal", normals, grid(1e-6)),
        ("grid 3x3 balls", space, grid(1e-6)),
        ("grid 3x3 normal", [normals[1]; 2], grid(1e-6)),
    ];
    println!(
        "{:<16} {:>5} {:>6} {:>9} {:>9} {:>7} {:>10} {:>9} {:>9} {:>6}",
        "clouds", "n", "tol", "1 thread", "2 threads", "aim", "gap", "solves", "boxes", "MiB"
    );
    for (name, draws, rows) in tables.into_iter().filter(|t| t.0.starts_with(&filter)) {
        for (n, tol, most, aim) in rows {
            let (x, y) = (draws[0](n, 1)?, draws[1](n, 2)?);
            let time_limit = Some(Duration::from_secs_f64(most.min(limit.into())));
            let options = Global { tol, time_limit, ..Global::default() };
            let two = run(2, &options, &x, &y)?;
            // rows that may take minutes: once
            let one = if most.is_finite() || aim.is_none() { None } else { Some(run(1, &options, &x, &y)?) };
            let gap = if two.0.certified { "certified".into() } else { format!("{:.1e}", two.0.gap) };
            let aim = aim.map_or(String::new(), |aim| format!("{aim}"));
            println!(
                "{name:<16} {n:>5} {tol:>6.0e} {:>9} {:>9.3} {aim:>7} {gap:>10} {:>9} {:>9} {:>6.0}",
                one.map_or(String::new(), |one| format!("{:.3}", one.1)),
                two.1,
                two.0.iterations,
                two.0.nodes,
                two.2
            );
        }
    }
    Ok(())
}

fn rows<const K: usize>(sizes: [usize; K], tols: [f64; K], aims: [f64; K]) -> Vec<Row> {
    (0..K).map(|k| (sizes[k], tols[k], f64::INFINITY, Some(aims[k]))).collect()
}

/// Solution, seconds, MiB at most.
fn run(threads: usize, options: &Global, x: &Measure, y: &Measure) -> Result<(Solution, f64, f64)> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Error::User(e.to_string()))?;
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let clock = Instant::now();
    let sol = pool.install(|| options.solve(x, y, &mut ()))?;
    let seconds = clock.elapsed().as_secs_f64();
    Ok((sol, seconds, PEAK.peak_usage().saturating_sub(before) as f64 / f64::from(1 << 20)))
}

fn ball<const D: usize>(n: usize, seed: u64) -> Result<Measure> {
    Ok(sample::ball(n, D, seed)?.centred())
}

fn gaussian<const D: usize>(n: usize, seed: u64) -> Result<Measure> {
    Ok(sample::gaussian(n, D, seed)?.centred())
}

fn stretched(n: usize, seed: u64, std: [f64; 3]) -> Result<Measure> {
    let cloud = sample::gaussian(n, 3, seed)?;
    let points = cloud.points().iter().enumerate().map(|(k, x)| x * std[k % 3]).collect();
    Ok(cloud.with_points(points)?.centred())
}

fn normal(n: usize, seed: u64) -> Result<Measure> {
    stretched(n, seed, [2.0, 1.0, 0.5])
}

fn wide(n: usize, seed: u64) -> Result<Measure> {
    stretched(n, seed, [1.5, 1.0, 0.7])
}
