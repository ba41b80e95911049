//! Half way between two samples of a horse, one of them turned by 110 degrees: on the IGW geodesic, and on the straight
//! lines of W2.
//!
//! `cargo run -p gromov --example turning_horse [POINTS [SEEDS]]`
//!
//! The samples are independent, so that a point of one has no partner in the other. What is left of a horse at t = 1/2
//! is its Chamfer distance to the full silhouette at the best angle; a fresh sample says what the number of points alone
//! makes of it.

use gromov::demo::{ANGLE, best_chamfer};
use gromov::geodesic::{Kind, along::displacement_plan};
use gromov::igw::Alternating;
use gromov::measure::sample;
use gromov::{Geodesic, Path, Result};

/// What one pair of samples gives.
#[derive(Debug)]
pub struct Half {
    /// Turn of the geodesic in degrees.
    pub angle: f64,
    /// Chamfer distance to the silhouette half way on the geodesic.
    pub igw: f64,
    /// The same on the straight lines.
    pub w2: f64,
    /// The same of a fresh sample.
    pub fresh: f64,
    /// Errors of inner products half way: the geodesic, the straight lines.
    pub gram: (f64, f64),
    /// Errors of pair distances half way.
    pub distances: (f64, f64),
    /// d_IGW over IGW, for the plan found.
    pub longer: f64,
}

/// Two samples of `n` points.
pub fn half_way(n: usize, seed: u64) -> Result<Half> {
    let sample = |k: u64| Ok(sample::horse(n, 3 * seed + k)?.centred());
    let (sine, cosine) = ANGLE.to_radians().sin_cos();
    let (x, y) = (sample(1)?, sample(2)?.linear_image(&[cosine, -sine, sine, cosine], 2)?);
    let plan = Alternating { seed, ..Alternating::default() }.solve(&x, &y, &mut ())?.plan;
    let geodesic = Geodesic::default().solve(&x, &y, &plan, &mut ())?;
    let straight = Geodesic { kind: Kind::Mccann, ..Geodesic::default() };
    let straight = straight.solve(&x, &y, &displacement_plan(&x, &y, &mut ())?.0, &mut ())?;
    let silhouette = sample::horse_silhouette()?;
    let chamfer = |path: &Path| best_chamfer(&path.at(0.5)?, &silhouette);
    let errors = [geodesic.errors(&[0.5])?, straight.errors(&[0.5])?];
    Ok(Half {
        // y ≈ Rᵀ x
        angle: geodesic.rotation[1].atan2(geodesic.rotation[0]).to_degrees(),
        igw: chamfer(&geodesic)?,
        w2: chamfer(&straight)?,
        fresh: best_chamfer(sample(3)?.points(), &silhouette)?,
        gram: (errors[0].gram[0], errors[1].gram[0]),
        distances: (errors[0].distances[0], errors[1].distances[0]),
        longer: geodesic.length / geodesic.squared.sqrt(),
    })
}

#[allow(dead_code)]
fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<usize>().ok());
    let (n, seeds) = (numbers.next().unwrap_or(600), numbers.next().unwrap_or(5));
    println!("{n} points, given turn {ANGLE:.1} degrees; half way, errors in percent");
    println!(
        "seed   turn  Chamfer: IGW      W2   fresh  inner products: IGW    W2  distances: IGW    W2  d_IGW/IGW"
    );
    let mut all = Vec::new();
    for seed in 0..seeds as u64 {
        let h = half_way(n, seed)?;
        println!(
            "{seed:4} {:6.2}       {:.4}  {:.4}  {:.4}               {:6.2} {:5.2}          {:6.2} {:5.2}    {:.5}",
            h.angle,
            h.igw,
            h.w2,
            h.fresh,
            100.0 * h.gram.0,
            100.0 * h.gram.1,
            100.0 * h.distances.0,
            100.0 * h.distances.1,
            h.longer
        );
        all.push(h);
    }
    let mean = |f: fn(&Half) -> f64| all.iter().map(f).sum::<f64>() / all.len().max(1) as f64;
    println!(
        "mean: turn {:.2} degrees, Chamfer IGW {:.4}, W2 {:.4} ({:.2} of it), fresh sample {:.4}",
        mean(|h| h.angle),
        mean(|h| h.igw),
        mean(|h| h.w2),
        mean(|h| h.igw) / mean(|h| h.w2),
        mean(|h| h.fresh)
    );
    assert!(all.iter().all(|h| h.igw < 0.5 * h.w2 && (h.angle - ANGLE).abs() < 5.0), "{all:?}");
    Ok(())
}
