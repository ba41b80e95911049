//! Flows with steps of controlled length, against exact solutions and fine ones.

use gromov::energy::{DoubleWell, Igw, Mmd, Quadratic, Sum, check::fit_slope};
use gromov::flow::{Flow, Metric, Rotation, Scheme};
use gromov::igw::Alternating;
use gromov::measure::sample::Source;
use gromov::{Energy, Measure, Result, Status, Trajectory};

/// A weighted cloud with Σ = diag(spectrum): signs and permuted axes of one random cloud.
fn cloud(seed: u64, spectrum: &[f64]) -> Measure {
    let d = spectrum.len();
    let mut s = Source::new(seed, 3);
    let (mut points, mut weights) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let x: Vec<f64> = (0..d).map(|_| 0.3 + s.unit()).collect();
        let w = 0.2 + s.unit();
        for signs in 0..1u32 << d {
            points.extend((0..d).map(|k| if signs >> k & 1 == 1 { -x[k] } else { x[k] }));
            weights.push(w);
        }
    }
    let raw = Measure::normalized(points, d, weights).unwrap();
    let sigma = raw.second_moment();
    let scale: Vec<f64> = (0..d).map(|k| (spectrum[k] / sigma[k * d + k]).sqrt()).collect();
    raw.with_points(raw.points().iter().enumerate().map(|(k, x)| x * scale[k % d]).collect()).unwrap()
}

/// L²(ρ) distance of frame f from points.
fn off(run: &Trajectory, f: usize, want: &[f64]) -> f64 {
    let squares = run.frame(f).iter().zip(want).map(|(a, b)| (a - b) * (a - b));
    squares.enumerate().map(|(k, s)| run.weights[k / run.d] * s).sum::<f64>().sqrt()
}

fn adaptive(rtol: f64) -> Flow {
    Flow { scheme: Scheme::Adaptive, rtol: Some(rtol), ..Flow::default() }
}

fn half_square() -> Quadratic {
    Quadratic::new(None, None).unwrap()
}

/// F = ½ ∫ |x|²: x_k(t) = x_k √(1 − t / (2 l_k)) under IGW.
fn shrunk(rho: &Measure, spectrum: &[f64], t: f64) -> Vec<f64> {
    let d = spectrum.len();
    rho.points().iter().enumerate().map(|(k, x)| x * (1.0 - 0.5 * t / spectrum[k % d]).sqrt()).collect()
}

/// −½ ∫ |x|².
struct Growing;
impl Energy for Growing {
    fn name(&self) -> String {
        "growing".into()
    }
    fn value_and_gradient(&mut self, rho: &Measure, g: &mut [f64]) -> Result<f64> {
        g.iter_mut().zip(rho.points()).for_each(|(g, x)| *g = -x);
        Ok(-0.5 * rho.rms_radius().powi(2))
    }
    fn rotation_invariant(&self) -> bool {
        true
    }
}

/// Sees rotations: ∫ ¼ |x|⁴ + sin(x₁ + 0.3) + 0.4 x₁ x₂.
struct Tilted;
impl Energy for Tilted {
    fn name(&self) -> String {
        "tilted".into()
    }
    fn value_and_gradient(&mut self, rho: &Measure, g: &mut [f64]) -> Result<f64> {
        let mut value = 0.0;
        for (i, p) in rho.points().chunks(2).enumerate() {
            let r2 = p[0] * p[0] + p[1] * p[1];
            value += rho.weights()[i] * (0.25 * r2 * r2 + (p[0] + 0.3).sin() + 0.4 * p[0] * p[1]);
            g[2 * i] = r2 * p[0] + (p[0] + 0.3).cos() + 0.4 * p[1];
            g[2 * i + 1] = r2 * p[1] + 0.4 * p[0];
        }
        Ok(value)
    }
}

const DECADES: [f64; 5] = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8];

/// Slope of log error on log rtol, with the figures.
fn slope(what: &str, error: &mut dyn FnMut(f64) -> (f64, Trajectory)) -> f64 {
    let mut points = Vec::new();
    for rtol in DECADES {
        let (e, run) = error(rtol);
        let gradients: usize = run.log.iter().map(|s| s.evaluations).sum();
        println!(
            "{what}, rtol {rtol:.0e}: error {e:.2e}, {} steps, {} rejected, {gradients} gradients",
            run.steps(),
            run.rejected
        );
        assert_eq!(run.status, Status::Completed);
        points.push((rtol.ln(), e.ln()));
    }
    fit_slope(&points)
}

#[test]
fn equal_steps_have_order_five_against_exact_solutions() {
    let spectrum = [2.0, 0.6];
    let rho = cloud(13, &spectrum);
    let t = [3.0, 0.1];
    let stretch = [(t[0] / spectrum[0]).sqrt(), 0.0, 0.0, (t[1] / spectrum[1]).sqrt()];
    let target = rho.linear_image(&stretch, 2).unwrap();
    let igw = Igw::new(target, Alternating { starts: Some(16), ..Default::default() });
    let scaled = |factor: &dyn Fn(usize) -> f64| -> Vec<f64> {
        rho.points().iter().enumerate().map(|(k, x)| x * factor(k % 2)).collect()
    };
    let towards = scaled(&|k| ((t[k] + (spectrum[k] - t[k]) * f64::exp(-1.0)) / spectrum[k]).sqrt());
    type Case = (Metric, f64, Box<dyn Energy>, Vec<f64>, [usize; 3]);
    let cases: [Case; 3] = [
        (Metric::Igw, 0.9, Box::new(half_square()), shrunk(&rho, &spectrum, 0.9), [8, 16, 32]),
        (Metric::Igw, 1.0, Box::new(igw), towards, [16, 32, 64]),
        (Metric::W2, 1.0, Box::new(half_square()), scaled(&|_| f64::exp(-1.0)), [8, 16, 32]),
    ];
    for (metric, end, mut energy, want, steps) in cases {
        let mut points = Vec::new();
        for n in steps {
            let tau = end / n as f64;
            let flow = Flow { metric, step: Some(tau), steps: Some(n), ..adaptive(f64::INFINITY) };
            let run = flow.solve(&rho, energy.as_mut(), &mut ()).unwrap();
            assert!(run.log.iter().all(|s| s.tau == tau && s.rejected == 0));
            points.push((tau.ln(), off(&run, n, &want).ln()));
        }
        let order = fit_slope(&points);
        println!("{metric:?} {}: order {order:.2}", energy.name());
        assert!((order - 5.0).abs() < 0.2, "{metric:?} {}: {order}", energy.name());
    }
}

#[test]
fn the_error_is_proportional_to_the_tolerance() {
    let spectrum = [2.0, 0.6];
    let rho = cloud(1, &spectrum);
    // Σ(t) = Σ(0) + t / 2 for the other sign: many steps, and no extinction
    let end = 100.0;
    let quadratic = slope("minus half square", &mut |rtol| {
        let flow = Flow { time: Some(end), ..adaptive(rtol) };
        let run = flow.solve(&rho, &mut Growing, &mut ()).unwrap();
        (off(&run, run.frames() - 1, &shrunk(&rho, &spectrum, -end)), run)
    });
    // towards extinction at t = 1.2 steps are few, and each is as exact as asked for
    for rtol in DECADES {
        let flow = Flow { time: Some(0.9), ..adaptive(rtol) };
        let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
        let error = off(&run, run.frames() - 1, &shrunk(&rho, &spectrum, 0.9));
        println!("half square, rtol {rtol:.0e}: error {error:.2e}, {} steps", run.steps());
        assert!(error < 5.0 * rtol, "{rtol:e}: {error:e}");
    }
    // ½ IGW² to a linear image: l(t) = T + (l − T) e^(−t)
    let t = [3.0, 0.1];
    let stretch = [(t[0] / spectrum[0]).sqrt(), 0.0, 0.0, (t[1] / spectrum[1]).sqrt()];
    let target = rho.linear_image(&stretch, 2).unwrap();
    let end = 4.0;
    let igw = slope("half IGW squared", &mut |rtol| {
        let mut energy = Igw::new(target.clone(), Alternating { starts: Some(16), ..Default::default() });
        let run = Flow { time: Some(end), ..adaptive(rtol) }.solve(&rho, &mut energy, &mut ()).unwrap();
        let factor = |k: usize| ((t[k] + (spectrum[k] - t[k]) * f64::exp(-end)) / spectrum[k]).sqrt();
        let want: Vec<f64> = rho.points().iter().enumerate().map(|(k, x)| x * factor(k % 2)).collect();
        (off(&run, run.frames() - 1, &want), run)
    });
    println!("slopes {quadratic:.3} {igw:.3}");
    assert!((quadratic - 1.0).abs() < 0.2 && (igw - 1.0).abs() < 0.2, "{quadratic} {igw}");
}

#[test]
fn the_error_of_an_energy_that_sees_rotations_is_proportional_too_and_costs_less_than_rk4() {
    let rho = cloud(2, &[1.6, 0.9]);
    let end = 1.5;
    for (metric, rotation) in
        [(Metric::Igw, Rotation::Free), (Metric::Igw, Rotation::Fixed), (Metric::W2, Rotation::Free)]
    {
        let base = Flow { metric, rotation, time: Some(end), ..Flow::default() };
        let fine = |n: usize| {
            let flow = Flow { scheme: Scheme::Rk4, step: Some(end / n as f64), every: n, ..base.clone() };
            flow.solve(&rho, &mut Tilted, &mut ()).unwrap()
        };
        let reference = fine(3000);
        let want = reference.frame(reference.frames() - 1);
        let what = format!("tilted {metric:?} {rotation:?}");
        let mut last = (0.0, 0);
        let got = slope(&what, &mut |rtol| {
            let flow = Flow { scheme: Scheme::Adaptive, rtol: Some(rtol), ..base.clone() };
            let run = flow.solve(&rho, &mut Tilted, &mut ()).unwrap();
            last = (off(&run, run.frames() - 1, want), run.log.iter().map(|s| s.evaluations).sum());
            (last.0, run)
        });
        // rk4 with as many gradients as it needs for the error of the last run
        let mut steps = 8;
        let cost = loop {
            let run = fine(steps);
            if off(&run, run.frames() - 1, want) <= last.0 {
                break run.log.iter().map(|s| s.evaluations).sum::<usize>();
            }
            steps += steps / 8;
        };
        println!("{what}: slope {got:.3}; error {:.1e}: {} gradients, rk4 {cost}", last.0, last.1);
        assert!((got - 1.0).abs() < 0.2, "{what}: {got}");
        assert!(last.1 < cost, "{what}: {} {cost}", last.1);
    }
}

#[test]
fn a_step_costs_six_gradients_and_the_energy_identity_is_logged() {
    let rho = cloud(3, &[2.0, 0.6]);
    for metric in [Metric::Igw, Metric::W2] {
        let flow = Flow { metric, time: Some(1.0), ..adaptive(1e-7) };
        let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
        for s in &run.log {
            assert_eq!(s.evaluations, 6 * (1 + s.rejected));
            assert!(s.error.unwrap() <= 1e-7 * rho.rms_radius());
            if metric == Metric::Igw {
                // F is linear in t: both sides are equal at every point of a step
                assert!((s.rate + s.speed_squared).abs() < 1e-6 * s.speed_squared, "{s:?}");
            }
        }
        assert_eq!(run.energy_rises(), 0);
        assert_eq!(run.rejected, run.log.iter().map(|s| s.rejected).sum::<usize>());
        if metric == Metric::W2 {
            // x(t) = e^(−t) x: speed² = e^(−2t) ∫ |x|²
            for (s, before) in run.log[1..].iter().zip(&run.log) {
                let want = (-2.0 * before.time).exp() * rho.rms_radius().powi(2);
                assert!((s.speed_squared - want).abs() < 1e-5 * want, "{} {want}", s.speed_squared);
            }
        }
    }
}

#[test]
fn frames_inside_steps_have_order_four_and_fit_the_log() {
    let spectrum = [2.0, 0.6];
    let rho = cloud(4, &spectrum);
    // equal steps: the error inside them at a fixed part of the step
    let mut points = Vec::new();
    for n in [4usize, 8, 16] {
        let tau = 0.8 / n as f64;
        let times: Vec<f64> = (0..n).map(|k| (k as f64 + 0.37) * tau).collect();
        let flow = Flow {
            step: Some(tau),
            time: Some(0.8),
            frame_times: Some(times.clone()),
            ..adaptive(f64::INFINITY)
        };
        let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
        assert_eq!((run.steps(), run.frames(), run.frames_missed), (n, n + 2, 0));
        assert_eq!(run.times[1..=n], times);
        let worst = (1..=n).map(|f| off(&run, f, &shrunk(&rho, &spectrum, run.times[f]))).fold(0.0, f64::max);
        println!("{n} steps: error inside {worst:.2e}");
        points.push((tau.ln(), worst.ln()));
    }
    let order = fit_slope(&points);
    println!("order inside {order:.2}");
    assert!(order > 3.8, "{order}");
    // under control: as exact as rtol; at the end of a step, at 0 and at the end too
    let plain = Flow { time: Some(1.0), ..adaptive(1e-6) };
    let run = plain.solve(&rho, &mut half_square(), &mut ()).unwrap();
    let at = run.log[2].time;
    let times = vec![0.0, 0.5 * at, at, 0.4 * at + 0.6, 0.1 * at + 0.9, 1.0];
    let dense = Flow { frame_times: Some(times.clone()), ..plain.clone() };
    let with = dense.solve(&rho, &mut half_square(), &mut ()).unwrap();
    assert_eq!((&with.times, with.frames_missed), (&times, 0));
    assert_eq!((with.frame(2), with.frame(5)), (run.frame(3), run.frame(run.frames() - 1)));
    assert_eq!(with.steps_at(2), 3);
    for f in 0..6 {
        let t = times[f];
        assert!(off(&with, f, &shrunk(&rho, &spectrum, t)) < 1e-5, "{t}");
        let energy = 0.5 * (spectrum[0] + spectrum[1] - t);
        assert!((with.energies[f] - energy).abs() < 1e-5);
        assert!(with.log[..with.steps_at(f)].iter().all(|s| s.time <= t));
        assert!(with.log[with.steps_at(f)..].iter().all(|s| s.time > t));
        // Σ(t) = Σ − t/2: a straight line of length t / √2 in the plane
        assert!((with.length_at(f) - t / 2f64.sqrt()).abs() < 1e-5, "{t}: {}", with.length_at(f));
    }
    assert!(with.beyond_step[1] > 0.0 && with.beyond_step[2] == 0.0 && with.beyond_step[5] == 0.0);
    // what lies beyond the end of a flow is counted
    let short = Flow { steps: Some(2), time: None, frame_times: Some(vec![1e-3, 50.0]), ..plain };
    let run = short.solve(&rho, &mut half_square(), &mut ()).unwrap();
    assert_eq!((run.frames(), run.frames_missed, run.times[1]), (3, 1, 1e-3));
}

#[test]
fn frames_inside_steps_stand_where_the_energy_wants_them() {
    let rho = cloud(5, &[1.6, 0.9]);
    let at = 0.43;
    for rotation in [Rotation::Free, Rotation::Fixed] {
        let flow = Flow { rotation, time: Some(0.8), frame_times: Some(vec![at]), ..adaptive(1e-8) };
        let run = flow.solve(&rho, &mut Tilted, &mut ()).unwrap();
        let until = Flow { time: Some(at), frame_times: None, ..flow };
        let whole = until.solve(&rho, &mut Tilted, &mut ()).unwrap();
        let want = whole.frame(whole.frames() - 1);
        assert_eq!(run.times, [0.0, at, 0.8]);
        assert!(off(&run, 1, want) < 1e-6, "{rotation:?} {:e}", off(&run, 1, want));
        assert!((run.energies[1] - whole.energies[whole.frames() - 1]).abs() < 1e-6);
    }
}

#[test]
fn near_extinction_steps_become_short_and_the_flow_ends_there() {
    for (spectrum, end) in [(vec![1.0, 0.2], 0.4), (vec![0.5, 0.5], 1.0), (vec![3.0, 0.3, 0.3], 0.6)] {
        let rho = cloud(6, &spectrum);
        for rtol in [1e-3, 1e-6, 1e-9] {
            for time in [None, Some(2.0 * end)] {
                let flow = Flow { time, ..adaptive(rtol) };
                let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
                let last = run.log.last().unwrap();
                println!(
                    "{spectrum:?}, rtol {rtol:.0e}: {} at t − {end} = {:.1e}, {} steps, {} rejected, last {:.1e}",
                    run.status,
                    last.time - end,
                    run.steps(),
                    run.rejected,
                    last.tau
                );
                assert_eq!(run.status, Status::Singular);
                assert!((last.time - end).abs() < 10.0 * rtol && last.tau < 1e-3 * end && run.rejected > 0);
                assert!(run.points.iter().all(|x| x.is_finite()));
                assert!(run.steps() < 200 && run.energy_rises() == 0);
            }
        }
    }
}

#[test]
fn a_trial_outside_the_domain_of_the_energy_is_rejected() {
    // −log(1 − |x|²) on the line: not a number outside; started from 0.9 with a step that overshoots
    struct Barrier;
    impl Energy for Barrier {
        fn name(&self) -> String {
            "barrier".into()
        }
        fn value_and_gradient(&mut self, rho: &Measure, g: &mut [f64]) -> Result<f64> {
            let mut value = 0.0;
            for (i, x) in rho.points().iter().enumerate() {
                value -= rho.weights()[i] * (1.0 - x * x).ln();
                g[i] = 2.0 * x / (1.0 - x * x);
            }
            Ok(value)
        }
    }
    let rho = Measure::uniform(vec![0.9, -0.9, 0.9, -0.9], 1).unwrap();
    let flow = Flow { metric: Metric::W2, step: Some(5.0), time: Some(1.0), ..adaptive(1e-8) };
    let run = flow.solve(&rho, &mut Barrier, &mut ()).unwrap();
    // x' = −2 x / (1 − x²): ln x − x²/2 = ln 0.9 − 0.405 − 2 t
    let x = run.frame(run.frames() - 1)[0];
    assert!((x.ln() - 0.5 * x * x - (0.9f64.ln() - 0.405 - 2.0)).abs() < 1e-7, "{x}");
    assert!(run.status == Status::Completed && run.log[0].rejected > 0 && run.rejected > 0);
    // a gradient that is never right: no step is short enough
    struct Wild(u64);
    impl Energy for Wild {
        fn name(&self) -> String {
            "wild".into()
        }
        fn value_and_gradient(&mut self, rho: &Measure, g: &mut [f64]) -> Result<f64> {
            self.0 += 1;
            g.iter_mut().for_each(|g| *g = if self.0 == 1 { 1.0 } else { f64::NAN });
            Ok(rho.len() as f64)
        }
        fn value(&mut self, _: &Measure) -> Result<f64> {
            Ok(0.0)
        }
    }
    let run = flow.solve(&rho, &mut Wild(0), &mut ()).unwrap();
    assert_eq!((run.status, run.steps(), run.frames()), (Status::Stalled, 0, 1));
    assert!(run.rejected > 20 && run.rejected < 100, "{}", run.rejected);
}

#[test]
fn controlled_implicit_steps_follow_the_tolerance_and_beat_fixed_ones_on_a_stiff_start() {
    // a quartic seen from far away: fast at first, slow later; W2: x' = −(|x|² − 1) x, points on a circle
    let circle: Vec<f64> = (0..12).flat_map(|k| [f64::from(k).cos(), f64::from(k).sin()]).collect();
    let rho = Measure::uniform(circle.iter().map(|x| 8.0 * x).collect(), 2).unwrap();
    let end = 2.0;
    // worst over the path: r(t)² = 1 / (1 − (1 − 1/r₀²) e^(−2t))
    let radius = |t: f64| (1.0 / (1.0 - (1.0 - 1.0 / 64.0) * f64::exp(-2.0 * t))).sqrt();
    let at = |t: f64| circle.iter().map(|x| radius(t) * x).collect::<Vec<f64>>();
    let run = |flow: Flow| {
        let mut energy = gromov::energy::DoubleWell;
        let run = flow.solve(&rho, &mut energy, &mut ()).unwrap();
        assert_eq!(run.status, Status::Completed);
        let worst = (0..run.frames()).map(|f| off(&run, f, &at(run.times[f]))).fold(0.0, f64::max);
        (worst, run)
    };
    let base = Flow { metric: Metric::W2, time: Some(end), inner_tol: 1e-11, ..Flow::default() };
    let mut points = Vec::new();
    let mut best = (0.0, 0);
    for rtol in [1e-3, 1e-4, 1e-5] {
        let (error, run) = run(Flow { rtol: Some(rtol), ..base.clone() });
        println!(
            "implicit, rtol {rtol:.0e}: error {error:.2e}, {} steps, {} rejected",
            run.steps(),
            run.rejected
        );
        assert!(
            run.energy_rises() == 0 && run.log.iter().all(|s| s.inequality >= -1e-10 && s.error.is_some())
        );
        // lengths of steps differ: short at the start
        assert!(run.log[0].tau < 0.1 * run.log[run.steps() / 2].tau);
        points.push((f64::ln(rtol), error.ln()));
        // three solves a step
        best = (error, 3 * run.steps());
    }
    let slope = fit_slope(&points);
    println!("slope {slope:.3}");
    assert!((slope - 0.5).abs() < 0.1, "{slope}");
    // as many solves of fixed steps leave a larger error
    let (error, fixed) = run(Flow { step: Some(end / best.1 as f64), ..base });
    println!(
        "fixed: {} steps, error {error:.2e}; controlled: {} solves, error {:.2e}",
        fixed.steps(),
        best.1,
        best.0
    );
    assert!(error > 10.0 * best.0, "{error} {}", best.0);
}

#[test]
fn controlled_implicit_steps_of_every_treatment_of_rotations_meet_the_flow() {
    let rho = cloud(8, &[1.6, 0.9]);
    for rotation in [Rotation::Free, Rotation::Fixed] {
        let base = Flow { rotation, time: Some(0.4), inner_tol: 1e-12, ..Flow::default() };
        let exact = Flow { rtol: Some(1e-9), scheme: Scheme::Adaptive, ..base.clone() };
        let exact = exact.solve(&rho, &mut Tilted, &mut ()).unwrap();
        let want = exact.frame(exact.frames() - 1);
        let mut points = Vec::new();
        for rtol in [1e-4, 1e-5, 1e-6] {
            let run = Flow { rtol: Some(rtol), ..base.clone() }.solve(&rho, &mut Tilted, &mut ()).unwrap();
            let error = off(&run, run.frames() - 1, want);
            println!("{rotation:?}, rtol {rtol:.0e}: error {error:.2e}, {} steps", run.steps());
            assert!(run.log.iter().all(|s| s.inequality >= -1e-12));
            points.push((f64::ln(rtol), error.ln()));
        }
        let slope = fit_slope(&points);
        assert!((slope - 0.5).abs() < 0.1, "{rotation:?} {slope}");
    }
    // exact for every step where F is ½ ∫ |x|²: the longest steps allowed, three for the time
    let spectrum = [2.0, 0.6];
    let rho = cloud(9, &spectrum);
    let flow = Flow { rtol: Some(1e-6), time: Some(0.9), inner_tol: 1e-13, ..Flow::default() };
    let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
    assert!(off(&run, run.frames() - 1, &shrunk(&rho, &spectrum, 0.9)) < 1e-9 && run.steps() <= 5);
}

#[test]
fn every_stop_is_met() {
    let rho = cloud(10, &[2.0, 0.6]);
    let flow = |base: &Flow| base.solve(&rho, &mut half_square(), &mut ()).unwrap();
    let w2 = Flow { metric: Metric::W2, ..adaptive(1e-5) };
    // W2: speed e^(−t)
    let run = flow(&Flow { tol: 1e-3, ..w2.clone() });
    let t = run.log.last().unwrap().time;
    assert_eq!(run.status, Status::Converged);
    assert!((-t).exp() <= 1e-3 * 1.001 && (-run.log[run.steps() - 2].time).exp() > 1e-3 * 0.999, "{t}");
    let run = flow(&Flow { steps: Some(7), ..w2.clone() });
    assert_eq!((run.status, run.steps()), (Status::Completed, 7));
    let run = flow(&Flow { time: Some(0.7), ..w2.clone() });
    assert_eq!((run.status, run.log.last().unwrap().time), (Status::Completed, 0.7));
    // the energy: F = e^(−2t) F₀, by every scheme and beside every other stop
    for base in [
        w2.clone(),
        Flow { scheme: Scheme::Implicit, rtol: None, step: Some(0.1), ..w2.clone() },
        Flow { scheme: Scheme::Rk4, rtol: None, step: Some(0.1), time: Some(50.0), ..w2.clone() },
    ] {
        let run = flow(&Flow { energy_tol: Some(1e-3), tol: 0.0, ..base });
        assert_eq!(run.status, Status::Converged, "{:?}", run.scheme);
        let energy = |k: usize| if k == 0 { run.energies[0] } else { run.log[k - 1].energy };
        for k in 1..=run.steps() {
            let (s, drop) = (&run.log[k - 1], energy(k - 1) - energy(k));
            let part = drop / s.tau * s.time / (energy(0) - energy(k));
            assert_eq!(part <= 1e-3, k == run.steps(), "{k} of {}: {part}", run.steps());
        }
        assert!(run.steps() > 10);
    }
    // a rise is no convergence
    let wild = Flow {
        metric: Metric::W2,
        scheme: Scheme::Euler,
        step: Some(2.5),
        steps: Some(6),
        ..Flow::default()
    };
    let run = flow(&Flow { energy_tol: Some(0.5), ..wild });
    assert_eq!((run.status, run.energy_rises()), (Status::Completed, 6));
}

#[test]
fn threads_change_nothing() {
    // above the size of the chunks that sums are made of, and a sum over pairs
    let run = |threads: usize, n: usize, flow: &Flow| {
        let rho = gromov::measure::sample::gaussian(n, 2, 11).unwrap();
        let target = gromov::measure::sample::ball(200, 2, 12).unwrap();
        let mut sum = Sum::default();
        sum.add(1.0, Box::new(DoubleWell));
        if n < 1000 {
            sum.add(1.0, Box::new(Mmd::new(target, 0.7).unwrap()));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| format!("{:?}", flow.solve(&rho, &mut sum, &mut ()).unwrap()))
    };
    let dense = Flow { time: Some(0.5), frame_times: Some(vec![0.1, 0.3]), ..adaptive(1e-7) };
    let implicit = Flow { time: Some(0.2), rtol: Some(1e-4), ..Flow::default() };
    let short = Flow { time: Some(0.05), ..adaptive(1e-3) };
    for (n, flow) in [(500, dense), (300, implicit), (9000, short)] {
        assert_eq!(run(1, n, &flow), run(2, n, &flow));
    }
}

#[test]
fn frames_inside_steps_and_rejected_trials_leave_no_trace_in_a_followed_plan() {
    // ½ IGW² keeps its plan from call to call: with frames or without, the path has the same bits
    let (rho, target) = (cloud(3, &[1.6, 0.9]), gromov::measure::sample::ball(17, 3, 5).unwrap());
    let run = |frame_times| {
        let mut energy = Igw::new(target.clone(), Alternating { starts: Some(8), ..Default::default() });
        // a first step that is rejected
        let flow = Flow { time: Some(0.5), step: Some(0.5), frame_times, ..adaptive(1e-6) };
        flow.solve(&rho, &mut energy, &mut ()).unwrap()
    };
    let (plain, dense) = (run(None), run(Some(vec![0.01, 0.0101, 0.2, 0.33])));
    assert!(plain.rejected > 0 && dense.frames() == 6);
    let last = |t: &Trajectory| t.frame(t.frames() - 1).to_vec();
    assert_eq!((plain.steps(), last(&plain)), (dense.steps(), last(&dense)));
}

#[test]
fn a_first_step_far_too_long_is_shortened() {
    let rho = cloud(3, &[1.6, 0.9]);
    for step in [1e20, 1e300] {
        let flow = Flow { time: Some(0.1), step: Some(step), ..adaptive(1e-6) };
        let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
        assert_eq!(run.status, Status::Completed, "{step}");
    }
}

#[test]
fn lengths_of_every_scale_take_the_same_steps() {
    let rho = cloud(12, &[2.0, 0.6]);
    let run = |scale: f64| {
        let scaled = rho.with_points(rho.points().iter().map(|x| x * scale).collect()).unwrap();
        let (length4, half) = (scale * scale, vec![0.3]);
        // F scales as length²: time as length²
        let times = half.iter().map(|t| t * length4).collect();
        let flow = Flow {
            time: Some(length4),
            atol: Some(1e-9 * scale),
            frame_times: Some(times),
            ..adaptive(1e-9)
        };
        flow.solve(&scaled, &mut half_square(), &mut ()).unwrap()
    };
    let (one, big) = (run(1.0), run(2f64.powi(60)));
    assert_eq!((one.steps(), one.frames(), one.rejected), (big.steps(), big.frames(), big.rejected));
    assert!(one.points.iter().zip(&big.points).all(|(a, b)| *a == b / 2f64.powi(60)));
    assert!(one.beyond_step.iter().zip(&big.beyond_step).all(|(a, b)| *a == b / 2f64.powi(120)));
    // a larger atol means fewer steps
    let loose = Flow { time: Some(1.0), atol: Some(1e-3), ..adaptive(1e-9) };
    assert!(loose.solve(&rho, &mut half_square(), &mut ()).unwrap().steps() < one.steps());
}

#[test]
fn options_of_control_are_checked() {
    let fixed = |scheme| Flow { scheme, ..Flow::default() };
    for (bad, words) in [
        (adaptive(0.0), "rtol: 0"),
        (adaptive(f64::NAN), "rtol: NaN"),
        (Flow { rtol: Some(1e-6), ..fixed(Scheme::Rk4) }, "rk4 scheme, whose steps are fixed"),
        (Flow { atol: Some(1e-6), ..fixed(Scheme::Heun) }, "heun scheme, whose steps are fixed"),
        (Flow { atol: Some(-1.0), ..adaptive(1e-6) }, "atol: -1"),
        (Flow { atol: Some(1e-6), ..Flow::default() }, "rtol with it"),
        (Flow { frame_times: Some(vec![0.1]), ..Flow::default() }, "adaptive"),
        (Flow { frame_times: Some(vec![0.1, 0.1]), ..adaptive(1e-6) }, "0.1 at entry 1"),
        (Flow { frame_times: Some(vec![-0.1]), ..adaptive(1e-6) }, "-0.1 at entry 0"),
        (Flow { frame_times: Some(vec![0.1, 3.0]), time: Some(2.0), ..adaptive(1e-6) }, "up to the end, 2"),
        (Flow { energy_tol: Some(1.0), ..Flow::default() }, "energy_tol: 1"),
    ] {
        let error = bad.check().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn controlled_implicit_steps_end_at_extinction() {
    // exact for every step, so that the error alone would let a long one pass it
    let rho = cloud(14, &[1.0, 0.2]);
    let flow = Flow { rtol: Some(1e-3), ..Flow::default() };
    let run = flow.solve(&rho, &mut half_square(), &mut ()).unwrap();
    let end = run.log.last().unwrap().time;
    assert!(run.status == Status::Singular && run.rejected > 0 && (end - 0.4).abs() < 1e-6, "{end}");
}
