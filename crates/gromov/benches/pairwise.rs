//! Pairs a second, and how good the values are. `cargo bench -p gromov --bench pairwise`.
//!
//! 200 planar clouds of 30 to 60 points: 19,900 pairs with one, 16 and 64 starts, and on some of the pairs a plain
//! alternation from ten random starts without anything learnt between them. Then one pair of 100 points in one thread.

use std::time::Instant;

use gromov::igw::align;
use gromov::measure::sample::Source;
use gromov::ot::{Exact, LowRankCost};
use gromov::pairwise::{Cloud, Pairwise, Solution};
use gromov::solve::Status;
use gromov::{Measure, Result};

/// Pairs that the plain alternation solves.
const PLAIN: usize = 300;

fn main() -> Result<()> {
    let clouds = clouds(200)?;
    let mut rates = Vec::new();
    for starts in [1, 16, 64] {
        let options = Pairwise { starts: Some(starts), ..Pairwise::default() };
        let clock = Instant::now();
        let all = options.solve(&clouds, &mut ())?;
        let rate = all.pairs() as f64 / clock.elapsed().as_secs_f64();
        assert_eq!((all.solved, all.status), (all.pairs(), Status::Completed));
        rates.push((starts, rate, all));
    }
    let (plain, plain_rate) = plain(&clouds)?;
    for (starts, rate, all) in &rates {
        let (reached, worse) = compare(all, &plain);
        println!(
            "pairwise 200 clouds of 30-60 points in the plane, {starts} starts: {rate:.0} pairs/s, {:.1} times ten plain starts; at their \
             value or below on {reached:.1} % of {PLAIN} pairs, at worst {worse:.1e} above; {} of {} certified",
            rate / plain_rate,
            all.certified,
            all.pairs()
        );
    }
    for most in [1, 5] {
        let options = Pairwise { prune: Some(most), ..Pairwise::default() };
        let clock = Instant::now();
        let all = options.solve(&clouds, &mut ())?;
        println!(
            "pairwise, the {most} nearest alone: {} of {} pairs passed over, {:.2} of the time of all pairs",
            all.skipped,
            all.pairs(),
            clock.elapsed().as_secs_f64() * rates[1].1 / all.pairs() as f64
        );
    }
    let mut s = Source::new(9, 0);
    let pair: Vec<Cloud> = vec![Ok(cloud(&mut s, 100)?), Ok(cloud(&mut s, 100)?)];
    let clock = Instant::now();
    let repeats = 20u64;
    for seed in 0..repeats {
        Pairwise { seed, ..Pairwise::default() }.block(&pair, &[(0, 1)]);
    }
    let ms = 1e3 * clock.elapsed().as_secs_f64() / repeats as f64;
    println!("pairwise n=100 in the plane, 16 starts, one thread: {ms:.2} ms a pair");
    Ok(())
}

fn clouds(count: usize) -> Result<Vec<Cloud>> {
    let mut s = Source::new(1, 0);
    (0..count).map(|k| Ok(Ok(cloud(&mut s, 30 + 7 * k % 31)?))).collect()
}

/// A closed curve with a few waves, and noise: anisotropic, centred, without symmetry.
fn cloud(s: &mut Source, n: usize) -> Result<Measure> {
    let waves: Vec<f64> = (0..8).map(|k| s.normal() / (1.0 + (k / 2) as f64)).collect();
    let points = (0..n).flat_map(|i| {
        let t = std::f64::consts::TAU * i as f64 / n as f64;
        let radius = |from: usize| -> f64 {
            (0..2)
                .map(|k| {
                    waves[from + 2 * k] * (t * (1 + k) as f64).cos()
                        + waves[from + 2 * k + 1] * (t * (1 + k) as f64).sin()
                })
                .sum()
        };
        [radius(0) + 0.1 * s.normal(), radius(4) + 0.1 * s.normal()]
    });
    Ok(Measure::uniform(points.collect(), 2)?.centred())
}

/// Two clouds and their value.
type Pair = (usize, usize, f64);

/// Squared distances of some pairs by ten separate random starts each, and pairs a second in one thread.
fn plain(clouds: &[Cloud]) -> Result<(Vec<Pair>, f64)> {
    let clock = Instant::now();
    let mut out = Vec::new();
    let mut s = Source::new(2, 0);
    while out.len() < PLAIN {
        let (i, j) = (s.below(clouds.len()), s.below(clouds.len()));
        let (Ok(x), Ok(y)) = (&clouds[i], &clouds[j]) else { continue };
        if i < j {
            let mut best = f64::INFINITY;
            for _ in 0..10 {
                best = best.min(alternation(&mut s, x, y)?);
            }
            out.push((i, j, best));
        }
    }
    let rate = PLAIN as f64 / clock.elapsed().as_secs_f64();
    Ok((out, rate))
}

/// P <- transport of -x' A y, A <- M, from a Gaussian matrix until |M| stays the same.
fn alternation(s: &mut Source, x: &Measure, y: &Measure) -> Result<f64> {
    let mut a: Vec<f64> = (0..4).map(|_| s.normal()).collect();
    let (mut size, mut basis) = (0.0, None);
    loop {
        let cost = LowRankCost::inner_product(x.points(), &a, y.points(), 2, 2)?;
        let solved = Exact::default().solve(&cost, x.weights(), y.weights(), basis.take())?;
        a = solved.plan.cross_moment(x.points(), 2, y.points(), 2);
        let norm: f64 = a.iter().map(|m| m * m).sum();
        if norm <= size * (1.0 + 1e-14) {
            return Ok(align::plan(x, y, &solved.plan)?.squared);
        }
        (size, basis) = (norm, Some(solved.basis));
    }
}

/// Share of pairs at the plain value or below, in percent, and the largest excess.
fn compare(all: &Solution, plain: &[(usize, usize, f64)]) -> (f64, f64) {
    let excess = plain.iter().filter_map(|&(i, j, value)| {
        let found = all.found(i, j)?;
        Some((found.squared - value) / value)
    });
    let excess: Vec<f64> = excess.collect();
    let reached = excess.iter().filter(|e| **e <= 1e-9).count();
    (100.0 * reached as f64 / excess.len() as f64, excess.iter().copied().fold(0.0, f64::max))
}
