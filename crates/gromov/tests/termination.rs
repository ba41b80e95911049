//! Every loop ends: transport with ties, constants and adversarial costs, caps of 0, 1 and 2, and what a
//! capped answer still proves. Bounds are on pivots and iterations, never on the clock.

use gromov::energy::{EnergyDistance, Igw, Quadratic};
use gromov::flow::{Flow, Metric, Scheme};
use gromov::igw::Alternating;
use gromov::measure::sample::Source;
use gromov::ot::{Exact, LowRankCost, Solution};
use gromov::{Energy, Measure, Status};

/// One number of a hard cost: from few values, so that most pairs are tied, or of wild sizes.
fn entry(s: &mut Source, kind: usize) -> f64 {
    match kind % 6 {
        0 => 0.0,
        1 => 1.0,
        2 => s.below(3) as f64 - 1.0,
        3 => 10f64.powi(s.below(60) as i32 - 30),
        4 => (1.0 - 2.0 * s.below(2) as f64) * (1.0 + f64::EPSILON * s.below(3) as f64),
        _ => s.normal(),
    }
}

fn weights(s: &mut Source, n: usize, kind: usize) -> Vec<f64> {
    let raw: Vec<f64> = match kind % 4 {
        0 => vec![1.0; n],
        1 => (0..n).map(|_| (1 + s.below(3)) as f64).collect(),
        2 => (0..n).map(|k| if k == 0 { 1.0 } else { s.below(2) as f64 }).collect(),
        _ => (0..n).map(|_| 10f64.powi(-(s.below(25) as i32))).collect(),
    };
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| w / sum).collect()
}

/// The plan is one of the weights, and the dual value is below its cost.
fn assert_sound(sol: &Solution, a: &[f64], b: &[f64], what: &str) {
    let (rows, columns) = sol.plan.marginals();
    let near = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-12);
    assert!(near(&rows, a) && near(&columns, b), "{what}");
    assert!(sol.value.is_finite() && sol.dual_value.is_finite(), "{what}");
    assert!(sol.gap >= -1e-9, "{what}: gap {}", sol.gap);
}

#[test]
fn five_thousand_transport_problems_end() {
    let mut s = Source::new(5, 0);
    let (mut most, mut capped) = (0.0f64, 0);
    for k in 0..5000 {
        let (n, m, r) = (1 + s.below(14), 1 + s.below(14), 1 + s.below(3));
        let (a, b) = (weights(&mut s, n, k), weights(&mut s, m, k / 4));
        let mut factor = |n: usize| (0..n * r).map(|_| entry(&mut s, k / 16)).collect::<Vec<f64>>();
        let (u, v) = (factor(n), factor(m));
        let identity: Vec<f64> = (0..r * r).map(|i| f64::from(u8::from(i % (r + 1) == 0))).collect();
        let cost = LowRankCost::inner_product(&u, &identity, &v, r, r).unwrap();
        let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
        let what = format!("problem {k}: n = {n}, m = {m}, rank {r}");
        assert_eq!(sol.status, Status::Converged, "{what}");
        assert_sound(&sol, &a, &b, &what);
        assert!(sol.gap <= 1e-9, "{what}: gap {}", sol.gap);
        most = most.max(sol.pivots as f64 / (n + m) as f64);
        let cap = s.below(3);
        let short = Exact { max_pivots: Some(cap) }.solve(&cost, &a, &b, None).unwrap();
        assert!(short.pivots <= cap, "{what}");
        assert_sound(&short, &a, &b, &what);
        // rounding follows the largest products of the factors
        let largest = |x: &[f64]| x.iter().fold(0.0f64, |l, x| l.max(x.abs()));
        let rounding = 1e-14 * r as f64 * largest(&u) * largest(&v);
        assert!(short.dual_value <= sol.value + rounding, "{what}");
        capped += usize::from(short.status == Status::IterationCap);
        // the basis of an answer restarts without work, that of a capped one to the same value
        let again = Exact::default().solve(&cost, &a, &b, Some(sol.basis)).unwrap();
        assert_eq!((again.pivots, again.warm), (0, true), "{what}");
        let on = Exact::default().solve(&cost, &a, &b, Some(short.basis)).unwrap();
        assert!((on.value - sol.value).abs() <= rounding, "{what}");
    }
    println!("5000 problems: at most {most:.1} pivots a point; {capped} of the capped ones stopped early");
    assert!(most < 20.0 && capped > 500, "{most} {capped}");
}

#[test]
fn caps_of_alternations_and_steps_are_kept_and_said() {
    let mut s = Source::new(6, 0);
    let mut cloud =
        |n: usize, d: usize| Measure::uniform((0..n * d).map(|_| s.normal()).collect(), d).unwrap();
    let (x, y) = (cloud(15, 3), cloud(12, 3));
    for cap in [1, 2] {
        let sol = Alternating { max_iter: cap, starts: Some(6), ..Default::default() }
            .solve(&x, &y, &mut ())
            .unwrap();
        assert!(sol.iterations <= cap * sol.starts && sol.lower_bound <= sol.squared + sol.rounding);
        let none = Alternating { time_limit: Some(std::time::Duration::ZERO), ..Default::default() };
        let sol = none.solve(&x, &y, &mut ()).unwrap();
        assert_eq!(sol.status, Status::TimeCap);
        assert!(sol.squared.is_finite() && sol.starts > 0);
    }
    let mut energies: Vec<Box<dyn Energy>> = vec![
        Box::new(Quadratic::new(Some(vec![0.5, 0.0, 0.0]), None).unwrap()),
        Box::new(EnergyDistance::new(y.clone())),
        Box::new(Igw::new(y.clone(), Alternating { starts: Some(4), ..Default::default() })),
    ];
    let mut unsolved = 0;
    for energy in &mut energies {
        for max_inner in [1, 2, 3] {
            for metric in [Metric::Igw, Metric::W2] {
                let flow = Flow { metric, max_inner, steps: Some(4), ..Flow::default() };
                let run = flow.solve(&x, energy.as_mut(), &mut ()).unwrap();
                for log in &run.log {
                    assert!(log.iterations <= max_inner && (log.converged || log.residual > 0.0));
                }
                assert_eq!(run.energy_rises(), 0, "{} {max_inner}", run.energy);
                unsolved += run.unsolved();
            }
        }
        for scheme in Scheme::ALL {
            for steps in [0, 1] {
                let run = Flow { scheme, steps: Some(steps), ..Flow::default() };
                let run = run.solve(&x, energy.as_mut(), &mut ()).unwrap();
                assert_eq!(
                    (run.steps(), run.status),
                    (steps, Status::Completed),
                    "{} {scheme:?}",
                    run.energy
                );
            }
        }
    }
    assert!(unsolved > 10, "{unsolved}");
}
