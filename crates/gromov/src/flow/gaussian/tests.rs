use super::*;
use crate::energy::Quadratic;
use crate::flow::{Flow as ParticleFlow, Scheme};
use crate::measure::{Measure, sample::Source};

/// Classical Runge-Kutta steps of y' = f(y).
fn rk4(y: &mut [f64], t: f64, steps: usize, f: impl Fn(&[f64]) -> Vec<f64>) {
    let h = t / steps as f64;
    let ahead =
        |y: &[f64], k: &[f64], h: f64| -> Vec<f64> { y.iter().zip(k).map(|(y, k)| y + h * k).collect() };
    for _ in 0..steps {
        let k1 = f(y);
        let k2 = f(&ahead(y, &k1, 0.5 * h));
        let k3 = f(&ahead(y, &k2, 0.5 * h));
        let k4 = f(&ahead(y, &k3, h));
        for i in 0..y.len() {
            y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
        }
    }
}

fn covariance(s: &mut Source, d: usize) -> Vec<f64> {
    let a: Vec<f64> = (0..d * d).map(|_| s.normal()).collect();
    let mut c = linalg::matmul(&a, &linalg::transpose(&a, d, d), d, d, d);
    (0..d).for_each(|i| c[i * d + i] += 0.3);
    c
}

#[test]
fn variances_solve_their_equation() {
    for a in [0.3, 1.0, 4.0] {
        for q in [-2.0, -1e-3, -1e-9, 0.0, 1e-12, 1e-5, 0.2, 1.0, 7.0] {
            for start in [0.3, 1.0, 2.5] {
                for t in [0.1, 1.0, 3.0] {
                    let mut l = [start];
                    rk4(&mut l, t, 4000, |l| vec![a / (2.0 * l[0]) - q / 2.0]);
                    let got = igw_variance(start, a, q, t);
                    assert!((got - l[0]).abs() < 2e-11 * got, "{a} {q} {start} {t}: {got} {}", l[0]);
                }
            }
        }
    }
}

#[test]
fn short_long_and_singular_times_keep_their_digits() {
    // l(t) = l + s t + s' t² / 2 with s = a / (2 l) − q / 2: the change of l to the rounding of l
    for q in [-3.0, -1e-8, 1e-8, 0.5, 3.0] {
        for t in [1e-14, 1e-9, 1e-6] {
            let (l, a) = (1.7, 1.3);
            let slope = a / (2.0 * l) - q / 2.0;
            let want = slope * t - 0.5 * a / (2.0 * l * l) * slope * t * t;
            let change = igw_variance(l, a, q, t) - l;
            assert!((change - want).abs() <= 4.0 * f64::EPSILON * l + 1e-17, "{q} {t}: {change} {want}");
        }
    }
    // q > 0: a / q at last, to rounding, from above and from below, also from far away
    for (l, a, q) in [(1e-3, 1.0, 2.0), (40.0, 1.0, 2.0), (1e8, 1.0, 2.0), (0.0, 3.0, 1e-3), (0.5, 1.0, 2.0)]
    {
        let end = igw_variance(l, a, q, 1e4 * (a / q + l) / q);
        assert!((end * q / a - 1.0).abs() < 1e-15, "{l} {a} {q}: {end}");
    }
    // q < 0: l tends to |q| t / 2 + (a / |q|) log t
    let (one, two) = (igw_variance(1.0, 1.0, -2.0, 1e6), igw_variance(1.0, 1.0, -2.0, 2e6));
    assert!((two - one - 1e6 - 0.5 * 2f64.ln()).abs() < 1e-5, "{one} {two}");
    // from a point: √(a t) for short times
    assert!((igw_variance(0.0, 2.0, 1.0, 1e-20) / 2f64.sqrt() / 1e-10 - 1.0).abs() < 1e-9);
    // two halves of the way are the whole
    for q in [-1.0, 1e-7, 0.9, 1.0, 1.1, 30.0] {
        let half = igw_variance(1.0, 1.0, q, 0.7);
        let (twice, once) = (igw_variance(half, 1.0, q, 0.7), igw_variance(1.0, 1.0, q, 1.4));
        assert!((twice / once - 1.0).abs() < 4e-15, "{q}: {twice} {once}");
    }
}

#[test]
fn the_divergence_to_a_gaussian_falls_to_zero_in_both_geometries() {
    let mut s = Source::new(211, 0);
    for d in 1..=4 {
        let (c, start) = (covariance(&mut s, d), covariance(&mut s, d));
        let kl = Functional::kl(&c).unwrap();
        assert!(kl.value(&c).unwrap().abs() < 1e-13);
        for metric in [Metric::Igw, Metric::W2] {
            let flow = Flow::new(&kl, &start, metric).unwrap();
            let mut last = flow.energy_before * (1.0 + 1e-12);
            for t in [0.0, 0.01, 0.1, 1.0, 10.0, 100.0] {
                let now = flow.at(t).unwrap();
                assert!(now.energy <= last && now.energy > -1e-13, "{d} {metric:?} {t}: {}", now.energy);
                assert!((kl.value(&now.covariance).unwrap() - now.energy).abs() < 1e-12);
                last = now.energy;
            }
            let end = flow.at(1e5).unwrap();
            assert!(end.energy.abs() < 1e-12);
            for (x, y) in end.covariance.iter().zip(&c) {
                assert!((x - y).abs() < 1e-11 * linalg::norm(&c), "{metric:?}");
            }
        }
    }
}

/// −dF/dt is the squared speed: |dΣ/dt|² with commuting covariances under IGW (Σ l'²), ∫ |∇δF|² = tr(B Σ B),
/// B = Q − a Σ⁻¹, under W2. A wrong factor in any of the three would show.
#[test]
fn energy_falls_at_the_rate_of_the_geometry() {
    let mut s = Source::new(212, 0);
    for d in 1..=3 {
        let (c, start) = (covariance(&mut s, d), covariance(&mut s, d));
        for f in
            [Functional::kl(&c).unwrap(), Functional::entropy(d).unwrap(), Functional::quadratic(&c).unwrap()]
        {
            for metric in [Metric::Igw, Metric::W2] {
                let flow = Flow::new(&f, &start, metric).unwrap();
                let t = 0.3 * flow.extinct.unwrap_or(1.0);
                let h = 1e-4 * t;
                let (back, now, ahead) =
                    (flow.at(t - h).unwrap(), flow.at(t).unwrap(), flow.at(t + h).unwrap());
                let rate = (back.energy - ahead.energy) / (2.0 * h);
                let change = |k: usize| (ahead.covariance[k] - back.covariance[k]) / (2.0 * h);
                let speed: f64 = match metric {
                    Metric::Igw => (0..d * d).map(|k| change(k).powi(2)).sum(),
                    Metric::W2 => {
                        let e = linalg::symmetric_eigen(&now.covariance, d).unwrap();
                        let inverse: Vec<f64> = e.values.iter().map(|l| f.entropy / l).collect();
                        let q = linalg::from_eigen(&f.q.vectors, &f.q.values);
                        let b: Vec<f64> = q
                            .iter()
                            .zip(linalg::from_eigen(&e.vectors, &inverse))
                            .map(|(q, i)| q - i)
                            .collect();
                        let bs = linalg::matmul(&b, &now.covariance, d, d, d);
                        linalg::dot(&bs, &b)
                    }
                };
                assert!((rate - speed).abs() < 1e-6 * speed, "{d} {metric:?}: {rate} {speed}");
            }
        }
    }
}

#[test]
fn the_w2_flow_solves_its_matrix_equation() {
    let mut s = Source::new(213, 0);
    for d in 1..=3 {
        let (mut q, start) = (covariance(&mut s, d), covariance(&mut s, d));
        // one eigenvalue below zero
        q[0] -= 1.5 * linalg::norm(&q);
        let f = Functional::new(0.7, &q).unwrap();
        let mut sigma = start.clone();
        rk4(&mut sigma, 0.2, 2000, |sigma| {
            let qs = linalg::matmul(&q, sigma, d, d, d);
            let sq = linalg::transpose(&qs, d, d);
            (0..d * d).map(|k| if k / d == k % d { 1.4 } else { 0.0 } - qs[k] - sq[k]).collect()
        });
        let got = Flow::new(&f, &start, Metric::W2).unwrap().at(0.2).unwrap().covariance;
        for (x, y) in got.iter().zip(&sigma) {
            assert!((x - y).abs() < 1e-11 * linalg::norm(&sigma), "{x} {y}");
        }
    }
}

/// A cloud of any kind with this second moment.
fn cloud_of(s: &mut Source, n: usize, d: usize) -> Measure {
    let weights = (0..n).map(|_| 0.2 + s.unit()).collect();
    let points = (0..n * d).map(|k| s.normal() * (1.5 - 0.4 * (k % d) as f64)).collect();
    Measure::normalized(points, d, weights).unwrap().centred()
}

#[test]
fn clouds_flow_along_the_quadratic_energy_as_their_gaussians() {
    let mut s = Source::new(214, 0);
    for d in [2, 3] {
        let (rho, turn) = (cloud_of(&mut s, 40, d), s.rotation(d));
        let diagonal: Vec<f64> = (0..d).map(|i| 0.4 + 0.5 * i as f64).collect();
        let q = linalg::from_eigen(&turn, &diagonal);
        let f = Functional::quadratic(&q).unwrap();
        for metric in [Metric::Igw, Metric::W2] {
            let exact = Flow::new(&f, &rho.second_moment(), metric).unwrap();
            let t = 0.2 * exact.extinct.unwrap_or(1.0);
            let options = ParticleFlow {
                metric,
                scheme: Scheme::Rk4,
                step: Some(t / 50.0),
                time: Some(t),
                ..Default::default()
            };
            let mut energy = Quadratic::new(None, Some(q.clone())).unwrap();
            let run = options.solve(&rho, &mut energy, &mut ()).unwrap();
            let last = run.frames() - 1;
            let moment = &run.second_moments[last * d * d..];
            let now = exact.at(t).unwrap();
            let found = linalg::symmetric_eigen(moment, d).unwrap().values;
            for (x, y) in found.iter().zip(&now.spectrum) {
                assert!((x - y).abs() < 1e-7 * y, "{d} {metric:?}: {found:?} {:?}", now.spectrum);
            }
            assert!((run.energies[last] - now.energy).abs() < 1e-7 * now.energy);
            assert!((run.energies[0] - exact.energy_before).abs() < 1e-12 * exact.energy_before);
            // the frame too: the eigenbasis of Q
            for (x, y) in moment.iter().zip(&now.covariance) {
                assert!((x - y).abs() < 1e-6 * now.spectrum[0], "{metric:?}");
            }
        }
    }
}

#[test]
fn extinction_is_named_with_its_time_and_wrong_input_is_refused() {
    // Q = diag(1.5, .5), Σ = diag(2, .5): the turn puts 2 along .5, so that ends are 2·2/.5 = 8 and 2·.5/1.5
    let f = Functional::quadratic(&[1.5, 0.0, 0.0, 0.5]).unwrap();
    let flow = Flow::new(&f, &[2.0, 0.0, 0.0, 0.5], Metric::Igw).unwrap();
    assert!((flow.extinct.unwrap() - 2.0 / 3.0).abs() < 1e-15);
    assert!(
        (flow.energy_before - 1.625).abs() < 1e-15 && (flow.at(0.0).unwrap().energy - 0.875).abs() < 1e-15
    );
    let now = flow.at(0.4).unwrap();
    assert!((now.covariance[0] - 0.2).abs() < 1e-15 && (now.covariance[3] - 1.9).abs() < 1e-15);
    let message = flow.at(0.7).unwrap_err().to_string();
    assert!(message.contains("t: 0.7") && message.contains("below 0.666666666666666"), "{message}");
    for t in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(flow.at(t).unwrap_err().to_string().contains("a time >= 0"));
    }
    // W2 never ends, and a negative Q grows
    assert_eq!(Flow::new(&f, &[2.0, 0.0, 0.0, 0.5], Metric::W2).unwrap().extinct, None);
    let up = Functional::quadratic(&[-2.0]).unwrap();
    assert_eq!(Flow::new(&up, &[1.0], Metric::Igw).unwrap().at(3.0).unwrap().spectrum, [4.0]);
    for (error, word) in [
        (Functional::new(-1.0, &[1.0]).unwrap_err(), "entropy: -1"),
        (Functional::entropy(0).unwrap_err(), "quadratic: expected (d, d)"),
        (Functional::quadratic(&[1.0, 2.0, 3.0, 4.0]).unwrap_err(), "symmetric"),
        (Functional::kl(&[1.0, 0.0, 0.0, 0.0]).unwrap_err(), "singular"),
        (Flow::new(&f, &[1.0], Metric::Igw).unwrap_err(), "cov: expected (2, 2), got (1, 1)"),
        (Flow::new(&up, &[-1.0], Metric::W2).unwrap_err(), "negative"),
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
    // a point has infinite entropy, and leaves it at once
    let flow = Flow::new(&Functional::entropy(1).unwrap(), &[0.0], Metric::Igw).unwrap();
    assert!(flow.energy_before == f64::INFINITY && flow.at(4.0).unwrap().spectrum == [2.0]);
}
