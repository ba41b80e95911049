//! Geodesics against closed forms, against the problem without the reduction, and against each other.

use super::*;
use crate::linalg;
use crate::measure::sample::Source;

/// Two independent labelled clouds with common random weights.
fn independent(n: usize, d: usize, seed: u64) -> (Measure, Vec<f64>) {
    let mut s = Source::new(seed, 0);
    let x: Vec<f64> = (0..n * d).map(|_| s.normal()).collect();
    let y: Vec<f64> = (0..n * d).map(|_| s.normal()).collect();
    let w: Vec<f64> = (0..n).map(|_| 0.1 + s.unit()).collect();
    (Measure::normalized(x, d, w).unwrap(), y)
}

/// |Gram(a) − Gram(b)| / |Gram(b)|.
fn gram_error(w: &[f64], a: &[f64], b: &[f64], d: usize) -> f64 {
    let squared = crate::igw::align::labelled(w, a, b, d).unwrap().max(0.0);
    squared.sqrt() / linalg::norm(&linalg::moment(w, b, d, b, d))
}

#[test]
fn log_and_exp_meet_the_other_end() {
    let mut methods = std::collections::BTreeMap::new();
    let started = std::time::Instant::now();
    for d in 1..=5 {
        for seed in 0..20 {
            let n = 2 * d + 3 + seed as usize;
            let (x, y) = independent(n, d, 1000 * d as u64 + seed);
            let path = Geodesic::default().labelled(&x, &y, &mut ()).unwrap();
            *methods.entry((d, format!("{:?} {:?}", path.method, path.status))).or_insert(0) += 1;
            if path.status != crate::Status::Converged {
                println!(
                    "d {d} seed {seed} {:?} {} {} {}",
                    path.status,
                    path.length,
                    path.squared.sqrt(),
                    path.uncertainty
                );
                continue;
            }
            let arrival = Exp::default().solve(&x, &path.velocity().unwrap(), 1.0).unwrap();
            let miss = gram_error(x.weights(), &arrival.points, &y, d);
            if miss > 1e-11 || path.speed_error > 1e-9 {
                println!(
                    "d {d} seed {seed} miss {miss:e} speed {:e} res {:e}",
                    path.speed_error, path.residual
                );
            }
            assert!(path.length >= path.squared.sqrt() * (1.0 - 1e-12));
        }
        println!("{d} {:?}", started.elapsed());
    }
    println!("{methods:#?}");
}
