//! Extreme scales and degenerate clouds: the same answer in other units, a finite answer, or a named error.

use gromov::energy::{EnergyDistance, Igw, Interaction, Mmd, Quadratic, Sum, Wasserstein};
use gromov::flow::{Flow, Metric, Rotation, Scheme};
use gromov::igw::Alternating;
use gromov::measure::sample::Source;
use gromov::mobility::Mobility;
use gromov::ot::{Exact, LowRankCost};
use gromov::{Energy, Error, Measure, Status, Trajectory};

fn normal(seed: u64, n: usize, d: usize) -> Measure {
    let mut s = Source::new(seed, 21);
    let w = (0..n).map(|_| 0.2 + s.unit()).collect();
    let points = (0..n * d).map(|k| s.normal() * [1.5, 1.0, 0.6][k % d % 3] + 0.1).collect();
    Measure::normalized(points, d, w).unwrap()
}

fn scaled(cloud: &Measure, s: f64) -> Measure {
    cloud.with_points(cloud.points().iter().map(|x| x * s).collect()).unwrap()
}

/// An energy at scale 1, the same at lengths times s, and its degree.
type Pair = (Box<dyn Energy>, Box<dyn Energy>, i32);

fn pairs(target: &Measure, s: f64) -> Vec<Pair> {
    let big = scaled(target, s);
    let search = Alternating { starts: Some(8), ..Default::default() };
    let interaction = || Box::new(Interaction::new(4.0, 0.0).unwrap());
    let quadratic = |c: f64| Box::new(Quadratic::new(Some(vec![0.3 * c, -0.1 * c]), None).unwrap());
    vec![
        (quadratic(1.0), quadratic(s), 2),
        (interaction(), interaction(), 4),
        (Box::new(EnergyDistance::new(target.clone())), Box::new(EnergyDistance::new(big.clone())), 1),
        (
            Box::new(Mmd::new(target.clone(), 1.5).unwrap()),
            Box::new(Mmd::new(big.clone(), 1.5 * s).unwrap()),
            0,
        ),
        (Box::new(Wasserstein::new(target.clone())), Box::new(Wasserstein::new(big.clone())), 2),
        (Box::new(Igw::new(target.clone(), search.clone())), Box::new(Igw::new(big, search)), 4),
    ]
}

/// Asserts that b is a with lengths times s, for an energy of the degree given, to the bit.
fn assert_scaled(a: &Trajectory, b: &Trajectory, s: f64, degree: i32) {
    let what = format!("{} {:?} {:?} at {s:e}", a.energy, a.metric, a.scheme);
    assert_eq!((a.status, a.steps()), (b.status, b.steps()), "{what}");
    let time = s.powi(if a.metric == Metric::Igw { 4 } else { 2 }) / s.powi(degree);
    let same = |a: &[f64], b: &[f64], unit: f64| a.iter().zip(b).all(|(a, b)| a * unit == *b);
    assert!(same(&a.points, &b.points, s), "points, {what}");
    assert!(same(&a.energies, &b.energies, s.powi(degree)), "energies, {what}");
    assert!(same(&a.times, &b.times, time), "times, {what}: {} {:?}", time, b.times);
    assert!(same(&a.second_moments, &b.second_moments, s * s), "moments, {what}");
    for (x, y) in a.log.iter().zip(&b.log) {
        assert_eq!((x.iterations, x.relabelled), (y.iterations, y.relabelled), "{what}");
        assert!(x.tau * time == y.tau && x.skew == y.skew && x.residual == y.residual, "{what}");
    }
}

#[test]
fn flows_have_the_same_bits_in_any_unit_of_length() {
    let (rho, target) = (normal(1, 12, 2), normal(2, 9, 2));
    // 2^±196 are 1e59 and 1e-59
    for exponent in [-196, -100, 3, 100, 196] {
        let s = f64::from(exponent).exp2();
        for metric in [Metric::Igw, Metric::W2] {
            for scheme in [Scheme::Implicit, Scheme::Heun] {
                for (mut one, mut other, degree) in pairs(&target, s) {
                    let flow = Flow { metric, scheme, steps: Some(3), ..Flow::default() };
                    let a = flow.solve(&rho, one.as_mut(), &mut ()).unwrap();
                    let b = flow.solve(&scaled(&rho, s), other.as_mut(), &mut ()).unwrap();
                    assert!(a.steps() > 0 && b.points.iter().all(|x| x.is_finite()));
                    assert_scaled(&a, &b, s, degree);
                }
            }
        }
    }
}

#[test]
fn flows_outside_their_lengths_are_named() {
    let (rho, target) = (normal(3, 10, 2), normal(4, 10, 2));
    for s in [1e-62, 1e62, 1e-150, 1e150, 1e300, 1e-300] {
        for metric in [Metric::Igw, Metric::W2] {
            let flow = Flow { metric, steps: Some(1), ..Flow::default() };
            for (_, mut energy, _) in pairs(&target, s) {
                let error = flow.solve(&scaled(&rho, s), energy.as_mut(), &mut ()).unwrap_err();
                assert!(matches!(error, Error::Scale { .. }), "{error}");
                let text = error.to_string();
                assert!(text.contains("[1e-60, 1e60]; rescale") && text.contains("cloud"), "{text}");
            }
        }
    }
    // an energy may have any factor that keeps it within doubles
    let run = |factor: f64| {
        let mut energy = Sum::default();
        energy.add(factor, Box::new(Quadratic::new(None, None).unwrap()));
        Flow { steps: Some(3), ..Flow::default() }.solve(&rho, &mut energy, &mut ())
    };
    let plain = run(1.0).unwrap();
    for exponent in [-600, 600] {
        assert_eq!(run(f64::from(exponent).exp2()).unwrap().points, plain.points);
    }
    let text = run(1e-310).unwrap_err().to_string();
    assert!(text.starts_with("gradient of the energy: values of about"), "{text}");
}

#[test]
fn distances_plans_rotations_and_spectra_have_the_same_bits_in_any_unit_of_length() {
    for (x, y) in [
        (normal(5, 14, 2), normal(6, 11, 3)),
        (normal(7, 15, 3), normal(8, 15, 3)),
        (normal(9, 9, 1), normal(10, 8, 1)),
    ] {
        let solve = |s: f64| {
            let search = Alternating { starts: Some(12), ..Default::default() };
            search.solve(&scaled(&x, s), &scaled(&y, s), &mut ()).unwrap()
        };
        let one = solve(1.0);
        for exponent in [-498i32, -300, -10, 10, 300, 498] {
            let s = f64::from(exponent).exp2();
            let other = solve(s);
            assert_eq!(one.plan, other.plan, "{s:e}");
            assert_eq!((&one.rotation, one.gap, one.hits), (&other.rotation, other.gap, other.hits));
            assert_eq!(one.distance * s * s, other.distance, "{s:e}");
            if exponent.abs() <= 200 {
                assert_eq!(one.squared * s.powi(4), other.squared);
                assert_eq!(one.lower_bound * s.powi(4), other.lower_bound);
            }
            let spectrum = |m: &Measure, unit: f64| -> Vec<f64> {
                m.spectrum().unwrap().iter().map(|l| l * unit * unit).collect()
            };
            assert_eq!(spectrum(&x, s), spectrum(&scaled(&x, s), 1.0));
            assert_eq!(x.rank(1e-12).unwrap(), scaled(&x, s).rank(1e-12).unwrap());
        }
    }
}

#[test]
fn the_mobility_has_the_same_bits_in_any_unit_of_length() {
    let (x, v) = (normal(11, 20, 3), normal(12, 20, 3));
    let l = Mobility::new(&x, 1e-12).unwrap();
    let (applied, inverse) = (l.apply(v.points()).unwrap(), l.inverse(v.points()).unwrap());
    for exponent in [-498, -300, 300, 498] {
        let s = f64::from(exponent).exp2();
        let big = scaled(&x, s);
        let other = Mobility::new(&big, 1e-12).unwrap();
        let got = other.apply(v.points()).unwrap();
        assert!(applied.iter().zip(&got).all(|(a, b)| a * s * s == *b), "{s:e}");
        let got = other.inverse(v.points()).unwrap();
        assert!(inverse.velocity.iter().zip(&got.velocity).all(|(a, b)| a / s / s == *b), "{s:e}");
        assert_eq!(inverse.skew, got.skew);
        assert_eq!(
            l.inner(v.points(), v.points()).unwrap() * s * s,
            other.inner(v.points(), v.points()).unwrap()
        );
    }
}

/// Forty clouds that geometry or arithmetic could trip over.
fn degenerate() -> Vec<(String, Measure)> {
    let mut s = Source::new(31, 0);
    let mut random = |n: usize| -> Vec<f64> { (0..n).map(|_| s.normal()).collect() };
    let uniform = |p: Vec<f64>, d: usize| Measure::uniform(p, d).unwrap();
    let weighted = |p: Vec<f64>, d: usize, w: Vec<f64>| Measure::normalized(p, d, w).unwrap();
    let polygon = |n: usize| -> Vec<f64> {
        let angle = |k: usize| std::f64::consts::TAU * k as f64 / n as f64;
        (0..n).flat_map(|k| [angle(k).cos(), angle(k).sin()]).collect()
    };
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    let mut icosahedron = Vec::new();
    for (a, b) in [(1.0, golden), (1.0, -golden), (-1.0, golden), (-1.0, -golden)] {
        icosahedron.extend([0.0, a, b, a, b, 0.0, b, 0.0, a]);
    }
    let cube: Vec<f64> =
        (0..8).flat_map(|k| [k & 1, k >> 1 & 1, k >> 2].map(|b| 2.0 * f64::from(b) - 1.0)).collect();
    let mut clusters = random(20);
    clusters.iter_mut().skip(10).for_each(|x| *x += 1e8);
    let far: Vec<f64> = random(24).iter().map(|x| x + 1e12).collect();
    let flat: Vec<f64> = random(20).chunks(2).flat_map(|p| [p[0], p[1], 0.0]).collect();
    let tilted: Vec<f64> = random(20).chunks(2).flat_map(|p| [p[0], p[1], p[0] + p[1]]).collect();
    let line: Vec<f64> = random(9).iter().flat_map(|t| [*t, 2.0 * t, -t]).collect();
    let nearly: Vec<f64> = random(20).chunks(2).flat_map(|p| [p[0], 1e-9 * p[1]]).collect();
    let mut cross = Vec::new();
    (0..4).for_each(|k| cross.extend([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]][k]));
    let tiny: Vec<f64> = random(12).iter().map(|x| x * 1e-310).collect();
    let mut heavy = vec![1e-16 / 7.0; 8];
    heavy[3] = 1.0 - 1e-15;
    let mut spread: Vec<f64> = (0..8).map(|k| 10f64.powi(-40 * k)).collect();
    spread.reverse();
    let clouds: Vec<(&str, Measure)> = vec![
        ("one point", uniform(vec![1.0, -2.0], 2)),
        ("one point at the origin", uniform(vec![0.0, 0.0], 2)),
        ("one point on the line", uniform(vec![3.0], 1)),
        ("one point in R5", uniform(vec![1.0, 0.0, 0.0, 2.0, 0.0], 5)),
        ("all at the origin", uniform(vec![0.0; 15], 3)),
        ("all equal", uniform([0.5, -1.5].repeat(7), 2)),
        ("all equal with weights", weighted([0.5, -1.5, 2.0].repeat(4), 3, vec![1.0, 2.0, 3.0, 4.0])),
        ("two points", uniform(vec![1.0, 0.0, -1.0, 0.0], 2)),
        ("two equal and one", uniform(vec![1.0, 1.0, 1.0, 1.0, -2.0, 0.5], 2)),
        ("zeros and one", uniform([vec![0.0; 16], vec![1.0, 1.0]].concat(), 2)),
        ("duplicates", uniform(random(10).repeat(3), 2)),
        ("line in R3", uniform(line, 3)),
        ("plane in R3", uniform(flat, 3)),
        ("tilted plane in R3", uniform(tilted, 3)),
        ("nearly a line", uniform(nearly, 2)),
        ("axis of R2", uniform(vec![1.0, 0.0, 2.0, 0.0, -3.0, 0.0, 0.5, 0.0], 2)),
        ("heavy point", weighted(random(16), 2, heavy)),
        ("tiny weights", weighted(random(12), 2, vec![1.0, 1e-300, 1e-200, 1e-100, 1.0, 1e-17])),
        ("zero weights", weighted(random(12), 2, vec![0.0, 1.0, 0.0, 2.0, 0.0, 0.0])),
        ("one weight", weighted(random(9), 3, vec![0.0, 1.0, 0.0])),
        ("square", uniform(polygon(4), 2)),
        ("hexagon", uniform(polygon(6), 2)),
        ("circle of 60", uniform(polygon(60), 2)),
        ("icosahedron", uniform(icosahedron, 3)),
        ("cube", uniform(cube, 3)),
        ("cross", uniform(cross, 2)),
        (
            "grid",
            uniform((0..25).flat_map(|k| [f64::from(k % 5) - 2.0, f64::from(k / 5) - 2.0]).collect(), 2),
        ),
        ("clusters 1e8 apart", uniform(clusters, 2)),
        ("offset 1e12", uniform(far, 3)),
        ("more dimensions than points", uniform(random(18), 9)),
        ("line", uniform(random(17), 1)),
        ("line of integers", uniform((0..10).map(f64::from).collect(), 1)),
        ("line, one sign", uniform(vec![1.0, 2.0, 3.0, 3.0], 1)),
        ("zero on the line", uniform(vec![0.0; 5], 1)),
        ("negative zeros", uniform(vec![-0.0, 0.0, 0.0, -0.0, 1.0, -0.0], 2)),
        ("subnormal", uniform(tiny, 2)),
        ("scales 1 to 1e-280", uniform(spread, 1)),
        ("1e150", uniform(random(14).iter().map(|x| x * 1e150).collect(), 2)),
        ("1e-150", uniform(random(14).iter().map(|x| x * 1e-150).collect(), 2)),
        ("two hundred points", uniform(random(400), 2)),
    ];
    clouds.into_iter().map(|(name, m)| (name.to_string(), m)).collect()
}

fn assert_finite(values: &[f64], what: &str) {
    assert!(values.iter().all(|x| x.is_finite()), "{what}: {values:?}");
}

#[test]
fn forty_degenerate_clouds_in_all_pairs_have_a_distance() {
    let clouds = degenerate();
    assert_eq!(clouds.len(), 40);
    let (mut most, mut pivots, mut certified) = (0, 0, 0);
    for (a, x) in &clouds {
        for (b, y) in &clouds {
            let what = format!("{a} / {b}");
            let search = Alternating { starts: Some(4), ..Default::default() };
            let sol = search.solve(x, y, &mut ()).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(sol.distance.is_finite() && !sol.squared.is_nan() && !sol.gap.is_nan(), "{what}");
            assert!(matches!(sol.status, Status::Converged), "{what}: {:?}", sol.status);
            assert_finite(&sol.rotation, &what);
            // squared and its bound are in doubles, or both say by `scale` that they are not
            let slack = sol.rounding.max(1e-14 * sol.squared);
            let bounded = sol.lower_bound <= sol.squared + slack || !sol.squared.is_finite();
            assert!(bounded, "{what}: {} > {} + {slack}", sol.lower_bound, sol.squared);
            let mut marginals = (vec![0.0; x.len()], vec![0.0; y.len()]);
            for (i, j, m) in sol.plan.entries() {
                marginals.0[i] += m;
                marginals.1[j] += m;
            }
            for (got, want) in [(&marginals.0, x.weights()), (&marginals.1, y.weights())] {
                assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 1e-12), "{what}");
            }
            certified += usize::from(sol.certified);
            most = most.max(sol.iterations);
            if x.dim() == y.dim() {
                pivots = pivots.max(transport_pivots(x, y, &what));
            }
        }
    }
    println!("1600 pairs: at most {most} alternations and {pivots} pivots, {certified} certified");
    assert!(most <= 4 * 60 && pivots < 20_000, "{most} {pivots}");
}

/// Exact W2 transport: finite potentials, and no duality gap beyond rounding.
fn transport_pivots(x: &Measure, y: &Measure, what: &str) -> usize {
    let cost = match LowRankCost::squared_euclidean(x.points(), y.points(), x.dim()) {
        Ok(cost) => cost,
        Err(e) => {
            assert!(matches!(e, Error::Scale { .. } | Error::NotFinite { .. }), "{what}: {e}");
            return 0;
        }
    };
    match Exact::default().solve(&cost, x.weights(), y.weights(), None) {
        Ok(sol) => {
            assert_eq!(sol.status, Status::Converged, "{what}");
            assert!(sol.value.is_finite(), "{what}");
            sol.pivots
        }
        Err(e) => {
            assert!(matches!(e, Error::Scale { .. } | Error::NotFinite { .. }), "{what}: {e}");
            0
        }
    }
}

/// One step of a flow: a trajectory of finite numbers, or an error with a name.
fn step(flow: &Flow, rho: &Measure, energy: &mut dyn Energy, what: &str) -> usize {
    match flow.solve(rho, energy, &mut ()) {
        Ok(run) => {
            assert_finite(&run.points, what);
            assert_finite(&run.energies, what);
            assert_finite(&run.times, what);
            let known = [
                Status::Completed,
                Status::Converged,
                Status::Singular,
                Status::Stalled,
                Status::IterationCap,
            ];
            assert!(known.contains(&run.status), "{what}: {:?}", run.status);
            1
        }
        Err(e) => {
            let named = matches!(
                e,
                Error::Scale { .. } | Error::Option { .. } | Error::Singular { .. } | Error::Shape { .. }
            );
            assert!(named, "{what}: {e:?}");
            0
        }
    }
}

#[test]
fn forty_degenerate_clouds_in_all_pairs_take_a_step() {
    let clouds = degenerate();
    let (mut answered, mut all) = (0, 0);
    for (a, rho) in &clouds {
        for (b, target) in &clouds {
            if rho.len().max(target.len()) > 60 {
                continue;
            }
            let search = Alternating { starts: Some(2), ..Default::default() };
            for metric in [Metric::Igw, Metric::W2] {
                let flow = Flow { metric, steps: Some(1), rotation: Rotation::Fixed, ..Flow::default() };
                let mut energies: Vec<Box<dyn Energy>> =
                    vec![Box::new(Igw::new(target.clone(), search.clone()))];
                if rho.dim() == target.dim() {
                    energies.push(Box::new(Wasserstein::new(target.clone())));
                    energies.push(Box::new(EnergyDistance::new(target.clone())));
                    energies.push(Box::new(Mmd::new(target.clone(), 1.0).unwrap()));
                }
                for mut energy in energies {
                    let what = format!("{a} -> {b}, {} {metric:?}", energy.name());
                    all += 1;
                    answered += step(&flow, rho, energy.as_mut(), &what);
                }
            }
        }
        for scheme in Scheme::ALL {
            for rotation in [Rotation::Free, Rotation::Fixed] {
                let flow = Flow { scheme, rotation, steps: Some(2), ..Flow::default() };
                let center = Some(vec![0.5; rho.dim()]);
                step(
                    &flow,
                    rho,
                    &mut Quadratic::new(center, None).unwrap(),
                    &format!("{a} {scheme:?} {rotation:?}"),
                );
            }
        }
    }
    println!("{answered} of {all} single steps answered, the others with a named error");
    assert!(answered > all / 2);
}
