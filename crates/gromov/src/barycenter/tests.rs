use super::*;
use crate::igw::{self, Alternating};
use crate::measure::{Measure, sample::Source};
use crate::ot::Plan;
use crate::solve::{Event, Observer, Status};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn cloud(s: &mut Source, n: usize, d: usize, weighted: bool) -> Measure {
    let points = (0..n * d).map(|k| s.normal() / (1.0 + 0.5 * (k % d) as f64)).collect();
    let w = (0..n).map(|_| if weighted { 0.1 + s.unit() } else { 1.0 }).collect();
    Measure::normalized(points, d, w).unwrap().centred()
}

/// The cloud turned, its points in another order.
fn copy(s: &mut Source, mu: &Measure) -> Measure {
    let (d, order) = (mu.dim(), s.permutation(mu.len()));
    let points = order.iter().flat_map(|&i| mu.point(i).to_vec()).collect();
    let weights = order.iter().map(|&i| mu.weights()[i]).collect();
    Measure::weighted(points, d, weights).unwrap().linear_image(&s.rotation(d), d).unwrap()
}

fn size(mu: &Measure) -> f64 {
    linalg::norm(&mu.second_moment()).powi(2)
}

/// What every solution must keep.
fn check(sol: &Solution, clouds: &[Measure]) {
    let y = sol.cloud().unwrap();
    let total: f64 = sol.squared.iter().zip(&sol.lambdas).map(|(s, l)| s * l).sum();
    assert!((total - sol.objective).abs() <= 1e-12 * sol.objective + sol.rounding);
    assert!(sol.lower_bound <= sol.objective + sol.rounding, "{} {}", sol.lower_bound, sol.objective);
    assert!(sol.trace.windows(2).all(|w| w[1] < w[0]), "{:?}", sol.trace);
    assert_eq!(sol.trace.last(), Some(&sol.objective));
    assert!(sol.hits >= 1 && sol.hits <= sol.starts && sol.iterations >= sol.trace.len());
    for (k, x) in clouds.iter().enumerate() {
        let plan: &Plan = &sol.plans[k];
        assert_eq!((plan.n, plan.m), (y.len(), x.len()));
        let (a, b) = plan.marginals();
        assert!(a.iter().zip(y.weights()).all(|(p, w)| (p - w).abs() < 1e-14));
        assert!(b.iter().zip(x.weights()).all(|(p, w)| (p - w).abs() < 1e-14));
        let aligned = igw::align::plan(&y, x, plan).unwrap();
        assert!((aligned.squared - sol.squared[k]).abs() <= 1e-10 * size(x) + sol.rounding);
    }
}

#[test]
fn copies_of_a_cloud_have_it_as_their_barycentre() {
    let mut s = Source::new(221, 0);
    for trial in 0..6 {
        let d = 2 + trial % 2;
        let mu = cloud(&mut s, 30, d, trial % 2 == 1);
        let clouds = [mu.clone(), copy(&mut s, &mu), copy(&mut s, &mu)];
        let sol = Barycenter { lambdas: Some(vec![0.5, 0.2, 0.3]), ..Default::default() };
        let sol = sol.solve(&clouds, &mut ()).unwrap();
        check(&sol, &clouds);
        assert!(sol.objective <= 1e-10 * size(&mu), "{}", sol.objective);
        assert_eq!((sol.status, sol.dim, sol.weights.len()), (Status::Converged, d, 30));
        // in the frame of the first: the cloud itself, in some order
        let back = igw::distance(&mu, &sol.cloud().unwrap()).unwrap();
        assert!(back.squared <= 1e-10 * size(&mu));
        for (i, j, _) in sol.plans[0].entries().filter(|e| e.2 > 1e-15) {
            for k in 0..d {
                assert!((sol.points[i * d + k] - mu.point(j)[k]).abs() < 1e-7, "{trial}");
            }
        }
    }
}

#[test]
fn gaussian_samples_tend_to_the_closed_form() {
    let mut s = Source::new(222, 0);
    let stds = [[2.0, 1.0], [1.0, 0.5], [1.5, 1.4]];
    for n in [100, 400] {
        let clouds = stds.map(|std| {
            let points = (0..n).flat_map(|_| std.map(|std| std * s.normal())).collect();
            let mu = Measure::uniform(points, 2).unwrap().centred();
            mu.linear_image(&s.rotation(2), 2).unwrap()
        });
        let covs = stds.map(|std| vec![std[0] * std[0], 0.0, 0.0, std[1] * std[1]]);
        let covs: Vec<&[f64]> = covs.iter().map(Vec::as_slice).collect();
        let exact = gaussian::barycenter(&covs, None).unwrap();
        let sol = Barycenter { starts: Some(1), ..Default::default() }.solve(&clouds, &mut ()).unwrap();
        check(&sol, &clouds);
        let found = sol.cloud().unwrap().spectrum().unwrap();
        println!("{n}: {found:?} {:?}, {} {}", exact.spectrum, sol.objective, exact.objective);
        // a variance has relative deviation √(2/n), three of them are averaged
        let tol = 3.0 * (2.0 / n as f64).sqrt();
        for (x, y) in found.iter().zip(&exact.spectrum) {
            assert!((x / y - 1.0).abs() < tol, "{x} {y}");
        }
        assert!((sol.objective - exact.objective).abs() < 2.0 * tol * exact.objective);
    }
}

#[test]
fn the_objective_never_increases_and_is_least_along_small_moves() {
    let mut s = Source::new(223, 0);
    for trial in 0..8 {
        let clouds: Vec<Measure> =
            [(20, 2), (15, 3), (25, 1)].map(|(n, d)| cloud(&mut s, n + trial, d, trial % 2 == 0)).to_vec();
        let options = Barycenter {
            n_points: Some(12 + trial),
            dim: [None, Some(1), Some(2), Some(5)][trial % 4],
            lambdas: Some(vec![0.2, 0.5, 0.3]),
            seed: trial as u64,
            ..Default::default()
        };
        let sol = options.solve(&clouds, &mut ()).unwrap();
        check(&sol, &clouds);
        assert_eq!(sol.status, Status::Converged);
        // the points are best for their plans: no small move is better
        let y = sol.cloud().unwrap();
        for _ in 0..5 {
            let moved = y.points().iter().map(|x| x + 1e-3 * s.normal()).collect();
            let moved = y.with_points(moved).unwrap();
            let value: f64 = (0..3)
                .map(|k| {
                    sol.lambdas[k] * igw::align::plan(&moved, &clouds[k], &sol.plans[k]).unwrap().squared
                })
                .sum();
            assert!(value > sol.objective, "{value} {}", sol.objective);
        }
    }
}

/// With all dimensions two clouds meet half way: a² + b² ≥ (a + b)² / 2 ≥ IGW² / 2 for the distances a and b, and the
/// plan of the distance attains it. Turned and relabelled inputs have the same value.
#[test]
fn two_clouds_meet_half_way_however_they_are_turned() {
    let mut s = Source::new(224, 0);
    for trial in 0..4 {
        let clouds = [cloud(&mut s, 12, 2, false), cloud(&mut s, 12, 2, false)];
        let distance = igw::Auto::default().solve(&clouds[0], &clouds[1], &mut ()).unwrap();
        assert!(distance.certified);
        let copies = [copy(&mut s, &clouds[0]), copy(&mut s, &clouds[1])];
        for clouds in [clouds, copies] {
            let sol = Barycenter { dim: Some(4), ..Default::default() }.solve(&clouds, &mut ()).unwrap();
            check(&sol, &clouds);
            let want = 0.25 * distance.squared;
            assert!((sol.objective - want).abs() < 1e-9 * want, "{trial}: {} {want}", sol.objective);
        }
    }
}

#[test]
fn mixed_clouds_reach_nearly_the_same_value_from_any_frame() {
    let mut s = Source::new(228, 0);
    let clouds: Vec<Measure> = [(14, 2), (12, 2), (10, 3)].map(|(n, d)| cloud(&mut s, n, d, true)).to_vec();
    let options = Barycenter { starts: Some(16), n_points: Some(10), ..Default::default() };
    let one = options.solve(&clouds, &mut ()).unwrap();
    let copies: Vec<Measure> = clouds.iter().map(|c| copy(&mut s, c)).collect();
    let other = options.solve(&copies, &mut ()).unwrap();
    check(&other, &copies);
    // local optima: a few per cent apart
    assert!((one.objective / other.objective - 1.0).abs() < 0.05, "{} {}", one.objective, other.objective);
    assert!((one.lower_bound - other.lower_bound).abs() < 1e-12 * one.lower_bound);
}

#[test]
fn a_cloud_of_no_weight_plays_no_part_and_has_its_distance() {
    // one cloud with λ = 1 is its own barycentre; λ = 0 plays no part and has its distance all the same
    let mut s = Source::new(225, 0);
    let (mu, nu) = (cloud(&mut s, 15, 2, false), cloud(&mut s, 12, 2, true));
    let sol = Barycenter { lambdas: Some(vec![0.0, 1.0]), ..Default::default() };
    let sol = sol.solve(&[mu.clone(), nu.clone()], &mut ()).unwrap();
    check(&sol, &[mu.clone(), nu.clone()]);
    assert!(sol.objective <= 1e-10 * size(&nu) && sol.weights.len() == 12);
    let exact = Alternating { starts: Some(16), ..Default::default() }.solve(&nu, &mu, &mut ()).unwrap();
    assert!((sol.squared[0] - exact.squared).abs() < 1e-6 * exact.squared);
}

#[test]
fn degenerate_clouds_have_an_answer() {
    let mut s = Source::new(226, 0);
    let mu = cloud(&mut s, 9, 2, false);
    let origin = Measure::uniform(vec![0.0; 6], 2).unwrap();
    let same = Measure::uniform(vec![3.0, 4.0, 3.0, 4.0], 2).unwrap();
    let massless = Measure::weighted(vec![1.0, 0.0, 9.0, 9.0, -1.0, 0.5], 2, vec![0.5, 0.0, 0.5]).unwrap();
    for clouds in
        [vec![origin.clone()], vec![origin.clone(), mu.clone()], vec![same.clone(), mu], vec![massless]]
    {
        for (n_points, dim) in [(None, None), (Some(1), None), (Some(4), Some(3)), (Some(3), Some(1))] {
            let sol = Barycenter { n_points, dim, ..Default::default() }.solve(&clouds, &mut ()).unwrap();
            check(&sol, &clouds);
            assert!(sol.points.iter().all(|x| x.is_finite()));
        }
    }
    // 25 points squared at distance 25 from the origin: Gram 25 / 2
    let sol =
        Barycenter { dim: Some(4), ..Default::default() }.solve(&[same.clone(), origin], &mut ()).unwrap();
    assert!((sol.objective - 0.25 * 625.0).abs() < 1e-10 && (sol.lower_bound - sol.objective).abs() < 1e-10);
    // a point without weight
    let weights = Some(vec![0.5, 0.0, 0.5]);
    let sol =
        Barycenter { weights, ..Default::default() }.solve(std::slice::from_ref(&same), &mut ()).unwrap();
    assert!(sol.objective.abs() < 1e-12 && sol.points[2..4] == [0.0, 0.0]);
    for scale in [1e-150, 1e-70, 1e70, 1e150] {
        let far = same.moved(same.points().iter().map(|x| x * scale).collect());
        let sol = Barycenter::default().solve(&[far.clone(), far], &mut ()).unwrap();
        assert!((sol.points[0] / scale - 3.0).abs() < 1e-12 && sol.objective_in_units.abs() < 1e-12);
    }
}

#[test]
fn runs_end_early_with_what_they_have_and_threads_change_nothing() {
    let mut s = Source::new(227, 0);
    let clouds: Vec<Measure> = (0..3).map(|k| cloud(&mut s, 40 + k, 2, k == 1)).collect();
    let now = Barycenter { time_limit: Some(Duration::ZERO), ..Default::default() };
    let sol = now.solve(&clouds, &mut ()).unwrap();
    assert_eq!((sol.status, sol.starts), (Status::TimeCap, 1));
    check(&sol, &clouds);
    let mut events = 0;
    let mut stop = |e: &Event| {
        events += 1;
        assert!(e.value > 0.0);
        if events == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let sol = Barycenter::default().solve(&clouds, &mut stop).unwrap();
    assert_eq!(sol.status, Status::Interrupted);
    check(&sol, &clouds);
    let capped = Barycenter { max_iter: 1, starts: Some(1), ..Default::default() };
    assert_eq!(capped.solve(&clouds, &mut ()).unwrap().status, Status::IterationCap);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| format!("{:?}", Barycenter::default().solve(&clouds, &mut ()).unwrap()))
    };
    assert_eq!(run(1), run(3));
}

/// Has a flag that is set some time after the first event, within a step of the run.
struct Late(Arc<AtomicBool>, Option<Duration>);

impl Observer for Late {
    fn event(&mut self, _: &Event) -> ControlFlow<()> {
        if let Some(delay) = self.1.take() {
            let flag = self.0.clone();
            std::thread::spawn(move || {
                std::thread::sleep(delay);
                flag.store(true, Ordering::Relaxed);
            });
        }
        ControlFlow::Continue(())
    }

    fn flag(&self) -> Option<Arc<AtomicBool>> {
        Some(self.0.clone())
    }
}

#[test]
fn a_stop_within_a_step_is_told() {
    let mut s = Source::new(229, 0);
    let clouds: Vec<Measure> = (0..3).map(|k| cloud(&mut s, 50 + k, 3, k == 1)).collect();
    let options = Barycenter { starts: Some(1), ..Default::default() };
    let run = |micros: u64| {
        let mut late = Late(Arc::default(), Some(Duration::from_micros(micros)));
        options.solve(&clouds, &mut late).unwrap().status
    };
    let ends: Vec<Status> = (0..8).map(|k| run(20 << k)).collect();
    println!("{ends:?}");
    assert!(ends.iter().all(|e| matches!(e, Status::Interrupted | Status::Converged)), "{ends:?}");
    assert!(ends.contains(&Status::Interrupted), "{ends:?}");
}

#[test]
fn a_search_for_a_cloud_of_no_weight_that_is_cut_short_is_told() {
    let mut s = Source::new(230, 0);
    let clouds = [cloud(&mut s, 20_000, 2, false), cloud(&mut s, 12, 2, false)];
    let options = Barycenter {
        lambdas: Some(vec![0.0, 1.0]),
        starts: Some(1),
        time_limit: Some(Duration::from_millis(20)),
        ..Default::default()
    };
    let sol = options.solve(&clouds, &mut ()).unwrap();
    assert_eq!(sol.status, Status::TimeCap);
    check(&sol, &clouds);
}

#[test]
fn wrong_options_are_refused() {
    let mu = Measure::uniform(vec![1.0, 2.0], 1).unwrap();
    let default = Barycenter::default;
    for (options, word) in [
        (Barycenter { n_points: Some(0), ..default() }, "n_points: 0"),
        (Barycenter { dim: Some(0), ..default() }, "dim: 0"),
        (Barycenter { tol: f64::NAN, ..default() }, "tol: NaN"),
        (Barycenter { weights: Some(vec![0.5, 0.6]), ..default() }, "the sum is 1.1"),
        (
            Barycenter { weights: Some(vec![1.0]), n_points: Some(2), ..default() },
            "weights: expected (2), got 1",
        ),
        (Barycenter { lambdas: Some(vec![0.5, 0.5]), ..default() }, "lambdas: expected 1"),
    ] {
        let error = options.solve(std::slice::from_ref(&mu), &mut ()).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(default().solve(&[], &mut ()).is_err());
}
