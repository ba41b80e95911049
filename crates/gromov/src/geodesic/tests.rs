//! Geodesics against closed forms, against the problem without the reduction, and against each other.

use super::chain;
use super::span::Span;
use super::*;
use crate::igw::align;
use crate::linalg;
use crate::measure::sample::Source;
use crate::solve::{Status, Stop};

/// A cloud with random weights.
fn cloud(n: usize, d: usize, s: &mut Source) -> Measure {
    let x: Vec<f64> = (0..n * d).map(|_| s.normal()).collect();
    let w: Vec<f64> = (0..n).map(|_| 0.1 + s.unit()).collect();
    Measure::normalized(x, d, w).unwrap()
}

/// Two independent clouds with the same labels and random weights.
fn independent(n: usize, d: usize, seed: u64) -> (Measure, Vec<f64>) {
    let mut s = Source::new(seed, 0);
    let x = cloud(n, d, &mut s);
    let y = (0..n * d).map(|_| s.normal()).collect();
    (x, y)
}

fn joined(x: &Measure, y: &[f64]) -> Path {
    Geodesic::default().labelled(x, y, &mut ()).unwrap()
}

/// |Gram(a) − Gram(b)| / |Gram(b)|.
fn gram_error(w: &[f64], a: &[f64], b: &[f64], d: usize) -> f64 {
    let squared = align::labelled(w, a, b, d).unwrap().max(0.0);
    squared.sqrt() / linalg::norm(&linalg::moment(w, b, d, b, d))
}

fn close(a: &[f64], b: &[f64]) -> f64 {
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    worst / linalg::max_abs(b).max(f64::MIN_POSITIVE)
}

/// Slope of log(error) over log(h) between neighbours, each h half of the one before.
fn slopes(errors: &[f64]) -> Vec<f64> {
    errors.windows(2).map(|e| (e[0] / e[1]).log2()).collect()
}

#[test]
fn on_the_line_clouds_form_a_cone() {
    let (mut negative, mut worst) = (0, 0.0f64);
    for seed in 0..200 {
        let (x, y) = independent(3 + seed as usize % 20, 1, seed);
        let (w, p) = (x.weights(), x.points());
        let (s, r) = (linalg::weighted_dot(w, p, p, 1), linalg::weighted_dot(w, &y, &y, 1));
        let product = linalg::weighted_dot(w, p, &y, 1);
        negative += usize::from(product < 0.0);
        let angle = (product.abs() / (s * r).sqrt()).acos();
        let exact = (s * s + r * r - 2.0 * s * r * (std::f64::consts::SQRT_2 * angle).cos()).sqrt();
        let path = joined(&x, &y);
        assert_eq!((path.status, path.reflected), (Status::Converged, Some(product < 0.0)));
        worst = worst.max((path.length / exact - 1.0).abs());
    }
    println!("cone: 200 pairs, {negative} with <x, y> < 0, largest relative error {worst:.1e}");
    assert!(worst < 1e-10 && (50..150).contains(&negative), "{worst:e} {negative}");
}

/// y = A x with A symmetric, positive and of the axes of Σ: eigenvalues of Σ_t are linear in t, and d_IGW = IGW.
#[test]
fn commuting_images_have_variances_linear_in_time() {
    for d in 1..=5 {
        let mut s = Source::new(60 + d as u64, 0);
        let x = cloud(40, d, &mut s);
        let e = linalg::symmetric_eigen(&x.second_moment(), d).unwrap();
        // factors that keep the order of the eigenvalues, and one that does not
        for factors in [vec![2.0, 1.5, 1.2, 0.9, 0.5], vec![0.2, 0.3, 1.0, 3.0, 5.0]] {
            let mut a = vec![0.0; d * d];
            (0..d).for_each(|i| a[i * d + i] = factors[i]);
            let y = x.linear_image(&linalg::conjugate_back(&e.vectors, &a, d), d).unwrap();
            let y = y.linear_image(&s.rotation(d), d).unwrap();
            let path = joined(&x, y.points());
            for t in [0.0, 0.1, 0.37, 0.5, 0.93, 1.0] {
                let frame = path.at(t).unwrap();
                let moment = linalg::moment(x.weights(), &frame, d, &frame, d);
                let in_axes = linalg::conjugate(&e.vectors, &moment, d);
                for i in 0..d {
                    for j in 0..d {
                        let linear = e.values[i] * (1.0 - t + t * factors[i] * factors[i]);
                        let exact = if i == j { linear } else { 0.0 };
                        assert!((in_axes[i * d + j] - exact).abs() < 1e-10, "d = {d}, t = {t}, ({i}, {j})");
                    }
                }
            }
            let igw = path.squared.sqrt();
            assert!((path.length / igw - 1.0).abs() < 1e-10, "d = {d}: {} {igw}", path.length);
        }
    }
}

#[test]
fn least_chains_agree_with_and_without_the_reduction() {
    for d in [2, 3] {
        let (x, y) = independent(30, d, 17 * d as u64);
        let path = joined(&x, &y);
        let w = x.weights();
        // y in the frame of the path's end, as in the reduced problem
        let turn = linalg::polar(&linalg::moment(w, x.points(), d, &y, d), d).unwrap();
        let z = linalg::map_rows(&y, d, &turn, d);
        let difference: Vec<f64> = z.iter().zip(x.points()).map(|(z, x)| z - x).collect();
        let (small, large) = (
            Span::of_two(w, x.points(), &difference, d).unwrap(),
            Span::of_points(w, x.points(), &difference, d),
        );
        let mut errors = Vec::new();
        for n in [8, 16, 32] {
            let times = || (0..=n).map(|k| f64::from(k) / f64::from(n));
            let reduced: Vec<Vec<f64>> = times().map(|t| small.straight(t)).collect();
            let full: Vec<Vec<f64>> = times().map(|t| large.straight(t)).collect();
            let (a, b) = (
                chain::shorten(&small, &reduced, 2000, &Stop::never()).unwrap().action,
                chain::shorten(&large, &full, 2000, &Stop::never()).unwrap().action,
            );
            assert!((a / b - 1.0).abs() < 1e-8, "d = {d}, {n} steps: {a} {b}");
            errors.push(path.action - a);
        }
        let slopes = slopes(&errors);
        println!("d = {d}: d_IGW^2 - least action of 8, 16, 32 steps {errors:?}, slopes {slopes:.3?}");
        assert!(slopes.iter().all(|s| (s - 2.0).abs() < 0.2), "{errors:?}");
    }
}

#[test]
fn exp_of_log_meets_the_other_end_on_a_hundred_independent_pairs() {
    let (mut miss, mut speed) = (0.0f64, 0.0f64);
    for d in 1..=5 {
        for seed in 0..20 {
            let (x, y) = independent(2 * d + 3 + seed as usize, d, 1000 * d as u64 + seed);
            let path = joined(&x, &y);
            assert_eq!(path.status, Status::Converged, "d = {d}, seed {seed}");
            let there = Exp::default().solve(&x, &path.velocity(0.0).unwrap(), 1.0).unwrap();
            miss = miss.max(gram_error(x.weights(), &there.points, &y, d));
            speed = speed.max(path.speed_error).max(there.speed_error);
            assert!((there.speed / path.length - 1.0).abs() < 1e-11);
            assert!(path.length >= path.squared.sqrt() * (1.0 - 1e-12), "d = {d}, seed {seed}");
            // the last frame is y up to the rotation that is returned
            let turned = linalg::map_rows(&y, d, &path.rotation, d);
            assert!(close(&path.at(1.0).unwrap(), &turned) < 1e-11);
            assert!(close(&path.at(1.0 - 1e-9).unwrap(), &turned) < 1e-7);
        }
    }
    println!("100 pairs: Gram error {miss:.1e}, change of speed {speed:.1e}");
    assert!(miss < 1e-11 && speed < 1e-9, "{miss:e} {speed:e}");
}

#[test]
fn the_action_of_frames_tends_to_the_squared_length_with_order_two() {
    let (x, y) = independent(25, 3, 5);
    let path = joined(&x, &y);
    let mut errors = Vec::new();
    for n in [10, 20, 40, 80] {
        let times: Vec<f64> = (0..=n).map(|k| f64::from(k) / f64::from(n)).collect();
        let cost = curve::cost(&x, &times, &path.frames(&times).unwrap()).unwrap();
        assert!(cost.length * cost.length <= cost.action * (1.0 + 1e-12));
        errors.push(path.action - cost.action);
    }
    let slopes = slopes(&errors);
    println!("d_IGW^2 - action of 10, 20, 40, 80 steps {errors:?}, slopes {slopes:.3?}");
    assert!(slopes.iter().all(|s| (s - 2.0).abs() < 0.1), "{errors:?}");
    // a straight line costs more, in length and in action
    let straight = Geodesic { kind: Kind::Mccann, ..Geodesic::default() }.labelled(&x, &y, &mut ()).unwrap();
    let times: Vec<f64> = (0..=4000).map(|k| f64::from(k) / 4000.0).collect();
    let cost = curve::cost(&x, &times, &straight.frames(&times).unwrap()).unwrap();
    assert!((straight.length / cost.length - 1.0).abs() < 1e-6, "{} {}", straight.length, cost.length);
    assert!((straight.action / cost.action - 1.0).abs() < 1e-6, "{} {}", straight.action, cost.action);
    assert!(straight.length > path.length);
}

#[test]
fn exp_leaves_along_its_velocity() {
    let mut s = Source::new(8, 0);
    let x = cloud(20, 3, &mut s);
    let field: Vec<f64> = (0..60).map(|_| s.normal()).collect();
    let v = mobility::Mobility::new(&x, mobility::FLOOR).unwrap().project(&field).unwrap().0;
    let errors: Vec<f64> = (0..5)
        .map(|k| {
            let h = 0.05 / f64::from(k).exp2();
            let there = exp(&x, &v, h).unwrap();
            linalg::norm(&(0..60).map(|i| there[i] - x.points()[i] - h * v[i]).collect::<Vec<f64>>())
        })
        .collect();
    let slopes = slopes(&errors);
    println!("|exp(h v) - x - h v| {errors:?}, slopes {slopes:.3?}");
    assert!(slopes.iter().all(|s| (s - 2.0).abs() < 0.1), "{errors:?}");
    // a rotation on top changes nothing but `turned`
    let there = Exp::default().solve(&x, &field, 0.5).unwrap();
    assert!(there.turned > 0.01 && close(&there.points, &exp(&x, &v, 0.5).unwrap()) < 1e-12);
    // back again
    let back = Exp::default();
    let arrived = back.solve(&x, &v, 0.7).unwrap();
    let there = x.with_points(arrived.points).unwrap();
    let home = back.solve(&there, &arrived.velocity, -0.7).unwrap();
    assert!(close(&home.points, x.points()) < 1e-11);
    let again: Vec<f64> = home.velocity;
    assert!(close(&again, &v) < 1e-10);
}

#[test]
fn lengths_do_not_see_rotations_labels_or_split_atoms() {
    for d in 1..=4 {
        let (x, y) = independent(15, d, 300 + d as u64);
        let mut s = Source::new(d as u64, 7);
        let length = joined(&x, &y).length;
        let order = s.permutation(15);
        let (a, b) = (s.rotation(d), s.rotation(d));
        let rows = |p: &[f64]| -> Vec<f64> { order.iter().flat_map(|&i| p[i * d..][..d].to_vec()).collect() };
        let w: Vec<f64> = order.iter().map(|&i| x.weights()[i]).collect();
        let moved = Measure::normalized(linalg::map_rows(&rows(x.points()), d, &a, d), d, w).unwrap();
        let turned = joined(&moved, &linalg::map_rows(&rows(&y), d, &b, d)).length;
        assert!((turned / length - 1.0).abs() < 1e-11, "d = {d}");
        // the first atom in two parts
        let twice = |p: &[f64]| [&p[..d], p].concat();
        let mut w = [&x.weights()[..1], x.weights()].concat();
        (w[0], w[1]) = (0.3 * w[0], 0.7 * w[1]);
        let split = Measure::normalized(twice(x.points()), d, w).unwrap();
        assert!((joined(&split, &twice(&y)).length / length - 1.0).abs() < 1e-11, "d = {d}");
        // and scale as length²
        for scale in [1e-100, 1e60] {
            let times = |p: &[f64]| -> Vec<f64> { p.iter().map(|x| scale * x).collect() };
            let scaled = joined(&x.with_points(times(x.points())).unwrap(), &times(&y));
            assert!((scaled.length / scale / scale / length - 1.0).abs() < 1e-11, "d = {d}, {scale:e}");
        }
    }
}

#[test]
fn the_distance_is_symmetric_and_obeys_the_triangle_inequality() {
    for d in 1..=4 {
        for seed in 0..5 {
            let (x, y) = independent(12, d, 500 + 10 * d as u64 + seed);
            let mut s = Source::new(seed, 9);
            let z: Vec<f64> = (0..12 * d).map(|_| s.normal()).collect();
            let there = joined(&x, &y);
            let at_y = x.with_points(y.clone()).unwrap();
            let back = joined(&at_y, x.points());
            assert!((there.length / back.length - 1.0).abs() < 1e-9, "{} {}", there.length, back.length);
            // the velocity back is minus the one there, in y's frame
            let second = Geodesic { frame: Frame::Second, ..Geodesic::default() };
            let arriving = second.labelled(&x, &y, &mut ()).unwrap().velocity(1.0).unwrap();
            let minus: Vec<f64> = back.velocity(0.0).unwrap().iter().map(|v| -v).collect();
            assert!(close(&arriving, &minus) < 1e-8, "d = {d}, seed {seed}: {:e}", close(&arriving, &minus));
            let (a, b) = (joined(&x, &z).length, joined(&at_y, &z).length);
            let c = there.length;
            assert!(c <= a + b && a <= b + c && b <= a + c, "d = {d}, seed {seed}: {a} {b} {c}");
        }
    }
}

/// Every case, and what is answered.
#[test]
fn hard_cases_have_an_answer() {
    use Method::{Chain, Shooting};
    use Status::{Converged, Singular, Stalled};
    let mut s = Source::new(77, 0);
    let n = 12;
    let mut column = || -> Vec<f64> { (0..n).map(|_| s.normal()).collect() };
    let (a, b, c) = (column(), column(), column());
    let plane = |u: &[f64], p: f64, v: &[f64], q: f64| -> Vec<f64> {
        u.iter().zip(v).flat_map(|(u, v)| [p * u, q * v]).collect()
    };
    let cases = [
        ("long axis to short axis, same plane", plane(&a, 3.0, &b, 0.3), plane(&a, 0.3, &b, 3.0), Shooting),
        ("long axis to short axis, new plane", plane(&a, 3.0, &b, 0.3), plane(&b, 3.0, &c, 0.3), Shooting),
        ("end nearly singular", plane(&a, 1.0, &b, 1.0), plane(&a, 1.0, &c, 1e-4), Chain),
        ("both ends nearly singular", plane(&a, 1.0, &b, 1e-4), plane(&a, 1.0, &c, 1e-4), Chain),
        ("rank 1 to rank 2", plane(&a, 1.0, &b, 0.0), plane(&a, 1.0, &b, 1.0), Chain),
        ("rank 2 to rank 1", plane(&a, 1.0, &b, 1.0), plane(&c, 1.0, &b, 0.0), Chain),
        ("rank 1 to another rank 1", plane(&a, 1.0, &b, 0.0), plane(&c, 1.0, &b, 0.0), Chain),
        ("far in size", plane(&a, 1.0, &b, 1.0), plane(&c, 1e4, &a, 1e4), Shooting),
    ];
    for (name, x, y, method) in cases {
        let path = report(name, &Measure::uniform(x, 2).unwrap(), &y);
        let status = match method {
            Shooting => Converged,
            _ if name.contains("nearly") => Stalled,
            _ => Singular,
        };
        assert_eq!((path.method, path.status), (method, status), "{name}");
        assert_eq!(path.velocity(0.0).is_ok(), method == Shooting, "{name}");
    }
    // the same columns: the Gram matrix goes straight, also from the boundary
    let straight = report(
        "rank 1 to rank 2, lengths",
        &Measure::uniform(plane(&a, 1.0, &b, 0.0), 2).unwrap(),
        &plane(&a, 1.0, &b, 1.0),
    );
    assert!((straight.length / straight.squared.sqrt() - 1.0).abs() < 1e-9);
    // orthogonal in L²: θ at its limit π/2 in every direction
    let signs = |k: usize| -> Vec<f64> { (0..8).map(|i| if i >> k & 1 == 1 { 1.0 } else { -1.0 }).collect() };
    let product: Vec<f64> = signs(0).iter().zip(signs(1)).map(|(a, b)| a * b).collect();
    let x = Measure::uniform(plane(&signs(0), 1.0, &signs(1), 1.0), 2).unwrap();
    let far = report("no correlation at all", &x, &plane(&signs(2), 1.0, &product, 1.0));
    let line = Measure::uniform(signs(0), 1).unwrap();
    let cone = report("no correlation on the line", &line, &signs(1));
    let exact = (2.0 - 2.0 * (std::f64::consts::SQRT_2 * std::f64::consts::FRAC_PI_2).cos()).sqrt();
    assert!((cone.length / exact - 1.0).abs() < 1e-10);
    // two lines, each the one of the cone
    assert!(far.length <= exact * std::f64::consts::SQRT_2 * (1.0 + 1e-10));
}

/// d_IGW from a point at the origin to y is |Σ_y|: the radial path.
#[test]
fn points_and_copies_are_clouds_too() {
    for (x, y, exact) in [
        (vec![1.0, 2.0], vec![0.0, 0.0], 5.0),
        (vec![0.0, 0.0], vec![1.0, 2.0], 5.0),
        (vec![0.0; 6], vec![3.0, 0.0, 0.0, 3.0, 0.0, 0.0], 18f64.sqrt()),
        (vec![2.0, 0.0, 2.0, 0.0], vec![0.0, 1.0, 0.0, 1.0], 3.0),
    ] {
        let path = report("a point", &Measure::uniform(x, 2).unwrap(), &y);
        let error = (path.length / exact - 1.0).abs();
        assert!(error <= path.uncertainty.max(1e-9), "{} {exact} {:e}", path.length, path.uncertainty);
    }
    let mut s = Source::new(4, 0);
    for (x, d) in
        [(vec![1.0, 2.0], 2), (vec![1.0, 2.0, 2.0, 4.0, -1.0, -2.0], 2), (vec![0.0; 4], 2), (vec![0.3; 9], 3)]
    {
        let x = Measure::uniform(x, d).unwrap();
        let turned = x.linear_image(&s.rotation(d), d).unwrap();
        let path = joined(&x, turned.points());
        assert_eq!((path.status, path.method), (Status::Completed, Method::Closed));
        assert!(path.length <= 1e-13 && path.velocity(0.5).unwrap().iter().all(|v| v.abs() < 1e-14));
        assert!(
            close(&path.at(1.0).unwrap(), &linalg::map_rows(turned.points(), d, &path.rotation, d)) < 1e-14
        );
    }
    // atoms without weight are carried along
    let x = Measure::weighted(vec![1.0, -1.0, 7.0], 1, vec![0.5, 0.5, 0.0]).unwrap();
    let path = joined(&x, &[2.0, -2.0, -3.0]);
    assert_eq!(path.status, Status::Converged);
    assert!(close(&path.at(1.0).unwrap(), &[2.0, -2.0, -3.0]) < 1e-12);
}

/// A point on a geodesic: the triangle inequality is an equality.
#[test]
fn parts_of_a_geodesic_add_up() {
    let (x, y) = independent(14, 3, 12);
    let path = joined(&x, &y);
    let middle = path.at(0.4).unwrap();
    let (a, b) = (joined(&x, &middle).length, joined(&x.with_points(middle).unwrap(), &y).length);
    assert!((a / path.length - 0.4).abs() < 1e-10 && (b / path.length - 0.6).abs() < 1e-10, "{a} {b}");
}

#[test]
fn paths_between_dimensions_and_in_the_frame_of_the_second() {
    let mut s = Source::new(31, 0);
    let (x, y) = (cloud(9, 2, &mut s), cloud(7, 3, &mut s));
    // any plan: the product of the weights
    let entries: Vec<(usize, usize, f64)> =
        (0..63).map(|k| (k / 7, k % 7, x.weights()[k / 7] * y.weights()[k % 7])).collect();
    let plan = Plan {
        n: 9,
        m: 7,
        rows: entries.iter().map(|e| e.0).collect(),
        columns: entries.iter().map(|e| e.1).collect(),
        mass: entries.iter().map(|e| e.2).collect(),
    };
    let rows = |cloud: &Measure, index: &[usize]| -> Vec<f64> {
        index.iter().flat_map(|&i| cloud.point(i).to_vec()).collect()
    };
    let (from, to) = (rows(&x, &plan.rows), rows(&y, &plan.columns));
    let (w, padded) =
        (&plan.mass, |p: &[f64]| -> Vec<f64> { p.chunks(2).flat_map(|p| [p[0], p[1], 0.0]).collect() });
    for kind in [Kind::Intrinsic, Kind::Lifted] {
        let options = Geodesic { kind, ..Geodesic::default() };
        let path = options.solve(&x, &y, &plan, &mut ()).unwrap();
        assert_eq!(path.dim, 3);
        assert!(close(&path.at(0.0).unwrap(), &padded(&from)) < 1e-12, "{kind:?}");
        let turned = linalg::map_rows(&to, 3, &path.rotation, 3);
        assert!(close(&path.at(1.0).unwrap(), &turned) < 1e-12, "{kind:?}");
        let second = Geodesic { frame: Frame::Second, ..options }.solve(&x, &y, &plan, &mut ()).unwrap();
        assert!(close(&second.at(1.0).unwrap(), &to) < 1e-12, "{kind:?}");
        // continuous in t
        for t in [0.2, 0.5, 0.9] {
            let (a, b) = (path.at(t).unwrap(), path.at(t + 1e-7).unwrap());
            assert!(close(&a, &b) < 1e-4, "{kind:?} at {t}");
        }
        assert!(path.length >= path.squared.sqrt() * (1.0 - 1e-9));
    }
    let whole = Geodesic { kind: Kind::Lifted, dim: Some(5), ..Geodesic::default() };
    let path = whole.solve(&x, &y, &plan, &mut ()).unwrap();
    let frame = path.at(0.3).unwrap();
    let gram = |p: &[f64], d: usize, i: usize, j: usize| linalg::dot(&p[i * d..][..d], &p[j * d..][..d]);
    for (i, j) in [(0, 0), (4, 50), (62, 7)] {
        let exact = 0.7 * gram(&from, 2, i, j) + 0.3 * gram(&to, 3, i, j);
        assert!((gram(&frame, 5, i, j) - exact).abs() < 1e-13);
    }
    let times: Vec<f64> = (0..=40).map(|k| f64::from(k) / 40.0).collect();
    let start = Measure::weighted(path.at(0.0).unwrap(), 5, w.clone()).unwrap();
    let cost = curve::cost(&start, &times, &path.frames(&times).unwrap()).unwrap();
    assert!((cost.length / path.length - 1.0).abs() < 1e-10, "the length of the lifted path is IGW");
    // refusals
    let refused = |options: Geodesic| options.solve(&x, &y, &plan, &mut ()).unwrap_err().to_string();
    assert!(refused(Geodesic { kind: Kind::Mccann, ..Geodesic::default() }).contains("2 and 3 differ"));
    assert!(refused(Geodesic { dim: Some(4), ..whole.clone() }).contains("3 (principal axes) or 5"));
    assert!(refused(Geodesic { frame: Frame::Second, ..whole }).contains("frame"));
    assert!(refused(Geodesic { dim: Some(3), ..Geodesic::default() }).contains("dim"));
    assert!(refused(Geodesic { tol: 1e-17, ..Geodesic::default() }).contains("tol"));
}

#[test]
fn an_observer_ends_the_search() {
    let mut s = Source::new(6, 0);
    let x = Measure::uniform((0..10).flat_map(|_| [s.normal(), 0.0]).collect(), 2).unwrap();
    let y: Vec<f64> = (0..20).map(|_| s.normal()).collect();
    let mut told = 0;
    let mut observer = |_: &crate::solve::Event| {
        told += 1;
        std::ops::ControlFlow::Break(())
    };
    let path = Geodesic::default().labelled(&x, &y, &mut observer).unwrap();
    assert_eq!((path.status, told), (Status::Interrupted, 1));
    assert!(gram_error(x.weights(), &path.at(1.0).unwrap(), &y, 2) < 1e-12);
}

fn report(name: &str, x: &Measure, y: &[f64]) -> Path {
    let path = joined(x, y);
    println!(
        "{name}: {} by {:?}, d_IGW {:.6}, IGW {:.6}, uncertainty {:.1e}, residual {:.1e}",
        path.status,
        path.method,
        path.length,
        path.squared.sqrt(),
        path.uncertainty,
        path.residual
    );
    let slack = path.uncertainty + 1e-9;
    assert!(path.length >= path.squared.sqrt() * (1.0 - slack), "{name}");
    for t in [0.0, 0.5, 1.0] {
        assert!(path.at(t).unwrap().iter().all(|x| x.is_finite()), "{name}");
    }
    let d = x.dim();
    assert!(close(&path.at(0.0).unwrap(), x.points()) < 1e-14, "{name}");
    let turned = linalg::map_rows(y, d, &path.rotation, d);
    assert!(close(&path.at(1.0).unwrap(), &turned) < 1e-12, "{name}");
    // lengths go like the root of the time to an end at the origin
    assert!(close(&path.at(1.0 - 1e-9).unwrap(), &turned) < 1e-4 || linalg::max_abs(y) == 0.0, "{name}");
    path
}

/// A thousand pairs of every kind of nearness: none without a geodesic, and none shorter the other way round.
#[test]
#[ignore = "long: `make long`"]
fn a_thousand_pairs_all_have_geodesics() {
    let (mut uneven, mut worst) = (0, 0.0f64);
    for d in 1..=5 {
        for seed in 0..200 {
            let (x, z) = independent(d + 2 + seed as usize % 20, d, 90_000 + 1000 * d as u64 + seed);
            let share = [0.01, 0.3, 1.0][seed as usize % 3];
            let y: Vec<f64> = x.points().iter().zip(&z).map(|(x, z)| (1.0 - share) * x + share * z).collect();
            let there = joined(&x, &y);
            let back = joined(&x.with_points(y).unwrap(), x.points());
            assert_eq!(there.status, Status::Converged, "d = {d}, seed {seed}: {:?}", there.method);
            assert!(there.length >= there.squared.sqrt() * (1.0 - 1e-9), "d = {d}, seed {seed}");
            let difference = (there.length / back.length - 1.0).abs();
            uneven += usize::from(difference > 1e-9);
            worst = worst.max(difference);
        }
    }
    println!("1000 pairs: {uneven} of another length the other way round, at most by {worst:.1e}");
    assert!(uneven <= 10, "{uneven}");
}
