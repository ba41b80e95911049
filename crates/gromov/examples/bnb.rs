use gromov::{Measure, igw::Global, measure::sample};
use std::time::{Duration, Instant};
fn gauss(n: usize, s: &[f64], seed: u64) -> Measure {
    let m = sample::gaussian(n, s.len(), seed).unwrap();
    Measure::uniform(m.points().chunks(s.len()).flat_map(|p| p.iter().zip(s).map(|(a, b)| a * b).collect::<Vec<_>>()).collect(), s.len()).unwrap().centred()
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: usize = a[2].parse().unwrap();
    let tol: f64 = a[3].parse().unwrap();
    let lim: u64 = a[4].parse().unwrap();
    let threads: usize = a.get(5).map_or(1, |s| s.parse().unwrap());
    let ball = |d: usize, s: u64| sample::ball(n, d, s).unwrap().centred();
    let (x, y) = match a[1].as_str() {
        "b22" => (ball(2, 1), ball(2, 2)),
        "b23" => (ball(2, 1), ball(3, 2)),
        "b33" => (ball(3, 1), ball(3, 2)),
        "g33" => (gauss(n, &[2.0, 1.0, 0.5], 1), gauss(n, &[1.5, 1.0, 0.7], 2)),
        _ => panic!(),
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let t = Instant::now();
    let s = Global { tol, time_limit: Some(Duration::from_secs(lim)), ..Default::default() }.solve(&x, &y, &mut ()).unwrap();
    println!("{} {} {:.3}s sq {:.10} lower {:.10} gap {:.2e} cert {} {} iters {} starts {}", a[1], n, t.elapsed().as_secs_f64(), s.squared, s.lower_bound, s.gap, s.certified, s.status, s.iterations, s.starts);
}
