//! Diffusions against the flows of Gaussians, which are known in closed form.

use gromov::energy::{DoubleWell, Entropy, KlGaussian, Quadratic, SampledEnergyDistance, Sum};
use gromov::flow::gaussian::{self, Functional};
use gromov::flow::{Flow, Metric, Rotation, Scheme};
use gromov::measure::sample::{self, Source};
use gromov::{Energy, Measure, Status, Trajectory};

const N: usize = 40_000;

/// N independent points of N(0, diag(l)).
fn normal(l: &[f64], seed: u64) -> Measure {
    let d = l.len();
    let mut points = sample::gaussian(N, d, seed).unwrap().points().to_vec();
    points.chunks_exact_mut(d).for_each(|p| p.iter_mut().zip(l).for_each(|(x, l)| *x *= l.sqrt()));
    Measure::uniform(points, d).unwrap()
}

fn plus_entropy(regular: impl Energy + 'static) -> Sum {
    let mut sum = Sum::default();
    sum.add(1.0, Box::new(Entropy));
    sum.add(1.0, Box::new(regular));
    sum
}

/// Runs to `end` with steps of at most `part` λ_min², λ_min over the whole flow.
fn run(
    energy: &mut dyn Energy,
    start: &Measure,
    metric: Metric,
    end: f64,
    least: f64,
    part: f64,
) -> Trajectory {
    let steps = (end / (part * least * least)).ceil();
    let flow = Flow {
        metric,
        scheme: Scheme::Langevin,
        step: Some(end / steps),
        time: Some(end),
        every: 1_000_000,
        seed: 7,
        ..Flow::default()
    };
    let run = flow.solve(start, energy, &mut ()).unwrap();
    assert_eq!((run.status, run.frames()), (Status::Completed, 2));
    assert!(run.energies.iter().all(|e| e.is_nan()) && run.log.iter().all(|s| s.energy.is_nan()));
    run
}

/// Every eigenvalue of Σ at the end within three standard errors of the law's.
fn assert_law(name: &str, run: &Trajectory, exact: &gaussian::Gaussian) {
    let found = run.statistics(1).unwrap();
    for (k, (l, want)) in found.spectrum.iter().zip(&exact.spectrum).enumerate() {
        let z = (l.value - want) / l.error;
        println!("{name}: eigenvalue {k}: {:.5}, exact {want:.5}, {z:.2} standard errors", l.value);
        assert!(z.abs() < 3.0, "{name}: {} {want} {}", l.value, l.error);
        // of a Gaussian the error of a variance is l √(2/N)
        let error = want * (2.0 / N as f64).sqrt();
        assert!((l.error - error).abs() < 0.1 * error, "{} {error}", l.error);
    }
    let energy = found.energy.unwrap();
    println!("{name}: energy {:.4} ± {:.4}, exact {:.4}", energy.value, energy.error, exact.energy);
    assert!((energy.value - exact.energy).abs() < 3.0 * energy.error);
}

#[test]
fn entropy_and_divergence_follow_their_gaussian_flows() {
    for (metric, end) in [(Metric::Igw, 0.5), (Metric::W2, 0.2)] {
        for l in [&[0.6][..], &[1.0, 0.4], &[1.4, 0.8, 0.5]] {
            let d = l.len();
            let start = normal(l, 20 + d as u64);
            let identity: Vec<f64> = (0..d * d).map(|k| f64::from(u8::from(k % (d + 1) == 0))).collect();
            let cases: [(&str, Functional, Box<dyn Energy>); 2] = [
                ("entropy", Functional::entropy(d).unwrap(), Box::new(Entropy)),
                (
                    "kl",
                    Functional::kl(&identity).unwrap(),
                    Box::new(KlGaussian::new(None, &identity).unwrap()),
                ),
            ];
            for (name, law, mut energy) in cases {
                let mut covariance = vec![0.0; d * d];
                l.iter().enumerate().for_each(|(k, l)| covariance[k * d + k] = *l);
                let exact = gaussian::Flow::new(&law, &covariance, metric).unwrap().at(end).unwrap();
                if metric == Metric::Igw && name == "entropy" {
                    let spectrum = l.iter().map(|l| (l * l + end).sqrt());
                    assert!(spectrum.zip(&exact.spectrum).all(|(a, b)| (a - b).abs() < 1e-14));
                }
                let run = run(energy.as_mut(), &start, metric, end, l[d - 1], 0.03);
                assert_law(&format!("{metric:?} {name} d = {d}"), &run, &exact);
            }
        }
    }
}

#[test]
fn an_anisotropic_potential_with_entropy_and_free_orientation() {
    // the cloud stands across: the first turn brings the long axis along the flat direction of Q
    let (l, q) = ([1.2, 0.4], [2.0, 0.0, 0.0, 0.5]);
    let start = normal(&l, 31);
    for (metric, end) in [(Metric::Igw, 0.4), (Metric::W2, 0.4)] {
        let law = Functional::new(1.0, &q).unwrap();
        let exact = gaussian::Flow::new(&law, &[l[0], 0.0, 0.0, l[1]], metric).unwrap().at(end).unwrap();
        let mut energy = plus_entropy(Quadratic::new(None, Some(q.to_vec())).unwrap());
        let run = run(&mut energy, &start, metric, end, 0.4, 0.03);
        if metric == Metric::Igw {
            let turn = run.first_turn.as_ref().unwrap();
            assert!((turn.angle - std::f64::consts::FRAC_PI_2).abs() < 0.05, "{}", turn.angle);
            assert!(run.skew() < 1e-6, "{}", run.skew());
        }
        assert_law(&format!("{metric:?} anisotropic"), &run, &exact);
    }
}

#[test]
fn the_mean_of_the_potential_falls_to_that_of_the_stationary_law() {
    // V = ¼ (x² − 1)² on the line: ρ ∝ exp(−V); its moments by quadrature
    let (mut mass, mut second) = (0.0, 0.0);
    for k in -4000..=4000 {
        let x = f64::from(k) * 1e-3;
        let rho = (-0.25 * (x * x - 1.0).powi(2)).exp();
        (mass, second) = (mass + rho, second + x * x * rho);
    }
    for metric in [Metric::Igw, Metric::W2] {
        let start = normal(&[0.8], 5);
        let run = run(&mut plus_entropy(DoubleWell), &start, metric, 6.0, 0.8, 0.03);
        let found = run.statistics(1).unwrap().second_moment[0];
        let z = (found.value - second / mass) / found.error;
        println!(
            "{metric:?} double well: {:.4}, stationary {:.4}: {z:.2} standard errors",
            found.value,
            second / mass
        );
        assert!(z.abs() < 3.5, "{metric:?}: {z}");
    }
}

#[test]
fn an_energy_from_batches_used_twice_has_the_same_flow_twice() {
    let start = sample::ball(300, 2, 1).unwrap();
    let mut energy = SampledEnergyDistance::new(sample::gaussian(200, 2, 2).unwrap(), 20, 3).unwrap();
    let flow = Flow {
        metric: Metric::W2,
        scheme: Scheme::Heun,
        step: Some(0.05),
        steps: Some(4),
        ..Flow::default()
    };
    let mut run = || flow.solve(&start, &mut energy, &mut ()).unwrap();
    let (one, two) = (run(), run());
    assert_eq!((&one.points, &one.energies), (&two.points, &two.energies));
    assert!(one.log.iter().all(|s| s.sampling_error.unwrap() > 0.0) && one.energy_rises() == 0);
}

#[test]
fn one_seed_has_the_same_bytes_for_any_number_of_threads_and_another_has_others() {
    let start = normal(&[1.0, 0.5, 0.8], 2);
    let run = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let flow = Flow { scheme: Scheme::Langevin, steps: Some(3), seed, ..Flow::default() };
        let cov = [1.0, 0.1, 0.0, 0.1, 2.0, 0.0, 0.0, 0.0, 0.5];
        let mut energy = KlGaussian::new(Some(vec![0.1, 0.0, 0.2]), &cov).unwrap();
        pool.install(|| flow.solve(&start, &mut energy, &mut ()).unwrap())
    };
    let one = run(1, 3);
    // the step chosen: 0.03 λ_min²
    let least = start.spectrum().unwrap()[2];
    assert!(one.step <= 0.030001 * least * least && one.step > 0.0);
    for other in [run(2, 3), run(1, 3)] {
        assert!(one.points.iter().zip(&other.points).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert_eq!(one.regular, other.regular);
    }
    assert_ne!(one.points, run(1, 4).points);
}

#[test]
fn particles_have_no_entropy_and_a_scheme_without_noise_is_refused() {
    let rho = normal(&[1.0, 0.5], 2);
    for scheme in [Scheme::Implicit, Scheme::Euler, Scheme::Rk4] {
        let flow = Flow { scheme, steps: Some(1), ..Flow::default() };
        let text = flow.solve(&rho, &mut Entropy, &mut ()).unwrap_err().to_string();
        assert!(text.contains(scheme.name()) && text.contains("langevin"), "{text}");
    }
    assert!(KlGaussian::new(None, &[1.0]).unwrap().value(&rho).is_err());
    assert!(Entropy.value(&rho).unwrap_err().to_string().contains("density"));
    let mut negative = Sum::default();
    negative.add(-1.0, Box::new(Entropy));
    let flow = Flow { scheme: Scheme::Langevin, ..Flow::default() };
    assert!(flow.solve(&rho, &mut negative, &mut ()).unwrap_err().to_string().contains("entropy: -1"));
    let flat = Measure::uniform(vec![1.0, 2.0, 2.0, 4.0, 3.0, 6.0], 2).unwrap();
    let run = flow.solve(&flat, &mut Entropy, &mut ()).unwrap();
    assert_eq!((run.status, run.frames()), (Status::Singular, 1));
    for (cov, mean, word) in [
        (vec![1.0, 0.0, 0.0, 0.0], None, "singular"),
        (vec![1.0, 0.0, 0.0, 1.0], Some(vec![1.0]), "mean"),
        (vec![1.0, 0.5, 0.0, 1.0], None, "cov"),
    ] {
        let text = KlGaussian::new(mean, &cov).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn without_entropy_the_scheme_is_that_of_heun() {
    let mut s = Source::new(3, 3);
    let rho = Measure::uniform((0..80).map(|_| s.normal()).collect(), 2).unwrap();
    let run = |scheme| {
        let flow =
            Flow { scheme, rotation: Rotation::Fixed, step: Some(0.02), steps: Some(5), ..Flow::default() };
        flow.solve(&rho, &mut DoubleWell, &mut ()).unwrap()
    };
    let (a, b) = (run(Scheme::Langevin), run(Scheme::Heun));
    assert!(a.points.iter().zip(&b.points).all(|(a, b)| (a - b).abs() < 1e-13));
    assert!(a.energies.iter().zip(&b.energies).all(|(a, b)| (a - b).abs() < 1e-13));
    assert!(a.regular.is_empty() && a.diffusion == 0.0);
}

#[test]
fn the_law_of_a_trajectory_is_the_flow_of_gaussians_from_its_second_moment() {
    let mut s = Source::new(9, 3);
    let rho = Measure::uniform((0..90).map(|_| s.normal()).collect(), 3).unwrap();
    let q = [1.0, 0.2, 0.0, 0.2, 0.5, 0.0, 0.0, 0.0, 2.0];
    let mut energy = Quadratic::new(None, Some(q.to_vec())).unwrap();
    for (metric, scheme) in
        [(Metric::Igw, Scheme::Implicit), (Metric::Igw, Scheme::Rk4), (Metric::W2, Scheme::Rk4)]
    {
        let flow =
            Flow { metric, scheme, step: Some(0.02), steps: Some(5), inner_tol: 1e-12, ..Flow::default() };
        let run = flow.solve(&rho, &mut energy, &mut ()).unwrap();
        let law = run.law().unwrap().unwrap();
        for f in 1..6 {
            let (exact, found) = (law.at(run.times[f]).unwrap(), run.statistics(f).unwrap());
            for (a, b) in exact.spectrum.iter().zip(&found.spectrum) {
                assert!((a - b.value).abs() < 1e-8, "{metric:?} {scheme:?} {a} {}", b.value);
            }
        }
        let fixed = Flow { rotation: Rotation::Fixed, ..flow.clone() };
        let law = fixed.solve(&rho, &mut energy, &mut ()).unwrap().law().unwrap();
        assert_eq!(law.is_none(), metric == Metric::Igw);
        assert!(flow.solve(&rho, &mut DoubleWell, &mut ()).unwrap().law().unwrap().is_none());
    }
}

#[test]
fn runs_vary_more_than_an_independent_sample_because_particles_see_each_other() {
    // KL(·, N(0, 1)) at equilibrium: dδ = −δ dt + (2/√n) dB for the excess δ of Σ, variance 4/n where the law's sample
    // has 2/n (W2: no such feedback)
    let n = 400;
    for (metric, ratio) in [(Metric::Igw, 2.0f64.sqrt()), (Metric::W2, 1.0)] {
        let runs = 250;
        let mut squares = 0.0;
        for seed in 0..runs {
            let start = sample::gaussian(n, 1, 1000 + seed).unwrap();
            let flow = Flow {
                metric,
                scheme: Scheme::Langevin,
                step: Some(0.1),
                steps: Some(40),
                every: 40,
                seed,
                ..Flow::default()
            };
            let mut kl = KlGaussian::new(None, &[1.0]).unwrap();
            let found = flow.solve(&start, &mut kl, &mut ()).unwrap().statistics(1).unwrap().second_moment[0];
            squares += ((found.value - 1.0) / found.error).powi(2) / runs as f64;
        }
        let rms = squares.sqrt();
        println!("{metric:?}: spread over error {rms:.3}, derived {ratio:.3}");
        // the rms of 250 numbers has an error of 1/√500
        assert!((rms / ratio - 1.0).abs() < 0.16, "{metric:?}: {rms}");
    }
}

#[test]
fn a_step_that_the_program_chose_shortens_with_the_cloud_and_one_too_long_is_counted() {
    // from variance 1 to that of the target, 0.04: a step of 0.03 λ² at the start is 19 λ² at the end
    let start = normal(&[1.0], 6);
    let mut kl = KlGaussian::new(None, &[0.04]).unwrap();
    let law = Functional::kl(&[0.04]).unwrap();
    let flow = Flow { scheme: Scheme::Langevin, time: Some(0.09), every: 1_000_000, ..Flow::default() };
    let run = flow.solve(&start, &mut kl, &mut ()).unwrap();
    assert_eq!((run.status, run.stiff()), (Status::Completed, 0));
    let exact = gaussian::Flow::new(&law, &start.second_moment(), Metric::Igw).unwrap().at(0.09).unwrap();
    let found = run.statistics(1).unwrap().spectrum[0];
    println!("{} steps: {} ± {}, exact {}", run.steps(), found.value, found.error, exact.spectrum[0]);
    assert!(((found.value - exact.spectrum[0]) / found.error).abs() < 4.0);
    assert!(run.log.last().unwrap().tau <= 1e-3);
    let long = Flow { step: Some(0.03), ..flow };
    assert!(long.solve(&start, &mut kl, &mut ()).unwrap().stiff() > 0);
}
