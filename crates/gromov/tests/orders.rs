//! All schemes of one list against an exact flow, and the energy along the way.

use gromov::energy::{Igw, check::fit_slope};
use gromov::flow::{Flow, Metric, Scheme};
use gromov::igw::Alternating;
use gromov::measure::sample::Source;
use gromov::{Measure, Status, Trajectory, energy::Quadratic};

const START: [f64; 2] = [2.0, 0.6];
const TARGET: [f64; 2] = [3.0, 0.9];
const END: f64 = 0.8;

/// A cloud with Σ = diag(START) and random weights.
fn cloud() -> Measure {
    let mut s = Source::new(21, 3);
    let weights = (0..40).map(|_| 0.2 + s.unit()).collect();
    let raw = Measure::normalized((0..80).map(|_| s.normal()).collect(), 2, weights).unwrap();
    let sigma = raw.second_moment();
    // the inverse of the Cholesky factor, then the axes
    let a = sigma[0].sqrt();
    let b = sigma[1] / a;
    let c = (sigma[3] - b * b).sqrt();
    let (r, s) = (START[0].sqrt(), START[1].sqrt());
    raw.linear_image(&[r / a, 0.0, -s * b / (a * c), s / c], 2).unwrap()
}

/// The flow of ½ IGW² to A#ρ, whose eigenvalues are T + (l − T) e^{−t}.
fn run(scheme: Scheme, steps: usize) -> Trajectory {
    let rho = cloud();
    let stretch = [(TARGET[0] / START[0]).sqrt(), 0.0, 0.0, (TARGET[1] / START[1]).sqrt()];
    let target = rho.linear_image(&stretch, 2).unwrap();
    let mut energy = Igw::new(target, Alternating { starts: Some(16), ..Default::default() });
    let flow = Flow {
        scheme,
        step: Some(END / steps as f64),
        steps: Some(steps),
        // equal steps
        rtol: (scheme == Scheme::Adaptive).then_some(f64::INFINITY),
        inner_tol: 1e-13,
        ..Flow::default()
    };
    let run = flow.solve(&rho, &mut energy, &mut ()).unwrap();
    assert_eq!(run.status, Status::Completed, "{scheme:?}");
    run
}

#[test]
fn the_flow_towards_a_stretched_copy_has_the_exact_eigenvalues_to_the_order_of_each_scheme() {
    println!("scheme      steps: largest error of an eigenvalue");
    for &scheme in Scheme::ALL {
        let mut points = Vec::new();
        let mut row = Vec::new();
        for steps in [8, 16, 32] {
            let run = run(scheme, steps);
            let last = &run.second_moments[run.second_moments.len() - 4..];
            let exact = |k: usize| TARGET[k] + (START[k] - TARGET[k]) * (-END).exp();
            let error = (last[0] - exact(0)).abs().max((last[3] - exact(1)).abs());
            row.push(format!("{steps}: {error:.2e}"));
            points.push((-(steps as f64).ln(), error.ln()));
        }
        let slope = fit_slope(&points);
        println!("{:10}  {}  slope {slope:.3}, order {}", scheme.name(), row.join(", "), scheme.order());
        assert!((slope - f64::from(scheme.order())).abs() < 0.25, "{scheme:?}: {slope}");
    }
}

#[test]
fn the_energy_falls_by_the_squared_speed_to_the_order_of_each_scheme() {
    // dF/dt = −⟨v, L v⟩: the mean of both ends against the difference quotient, O(τ²); O(τ) where the step is
    for &scheme in Scheme::ALL {
        let mut points = Vec::new();
        for steps in [16, 32, 64] {
            let run = run(scheme, steps);
            let tau = END / steps as f64;
            let mismatch = |pair: &[gromov::flow::StepLog]| {
                let speed = 0.5 * (pair[0].speed_squared + pair[1].speed_squared);
                ((pair[0].rate + speed) / speed).abs()
            };
            let worst = run.log.windows(2).map(mismatch).fold(0.0, f64::max);
            points.push((tau.ln(), worst.ln()));
            if scheme == Scheme::Implicit {
                assert!(run.log.iter().all(|s| s.inequality >= -1e-12));
            }
        }
        let slope = fit_slope(&points);
        let order = if scheme.order() == 1 { 1.0 } else { 2.0 };
        println!("{:10} identity of the energy: slope {slope:.3}", scheme.name());
        assert!((slope - order).abs() < 0.2, "{scheme:?}: {slope}");
    }
}

#[test]
fn an_explicit_step_across_a_singular_cloud_is_not_taken() {
    // ½ ∫ |x|²: the second eigenvalue is extinct at t = 2 λ
    let rho = cloud();
    let mut energy = Quadratic::new(None, None).unwrap();
    for scheme in [Scheme::Euler, Scheme::Heun, Scheme::Rk4, Scheme::Langevin] {
        for step in [0.25, 0.7, 3.0, 1e3] {
            let flow = Flow { scheme, step: Some(step), time: Some(1e4), ..Flow::default() };
            let run = flow.solve(&rho, &mut energy, &mut ()).unwrap();
            assert_eq!(run.status, Status::Singular, "{scheme:?} {step}");
            let end = run.times[run.frames() - 1];
            assert!(end <= 2.0 * START[1] + step, "{scheme:?} {step}: {end}");
            assert!(run.energy_rises() == 0, "{scheme:?} {step}");
        }
        // W2 has no pole there
        let flow = Flow { scheme, metric: Metric::W2, step: Some(0.1), steps: Some(30), ..Flow::default() };
        assert_eq!(flow.solve(&rho, &mut energy, &mut ()).unwrap().status, Status::Completed);
    }
}
