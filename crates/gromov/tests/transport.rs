//! The transport engine against brute force and against itself, on problems of every kind.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gromov::energy::{Energy, Igw};
use gromov::igw::{Alternating, align};
use gromov::measure::sample;
use gromov::ot::{Exact, LowRankCost, Plan, Solution};
use gromov::solve::{Event, Observer, Status, Stop};
use gromov::{Error, Measure};
use proptest::prelude::*;

fn uniform(n: usize) -> Vec<f64> {
    vec![1.0 / n as f64; n]
}

/// Feasible plan, feasible potentials, no gap beyond rounding.
/// `size` bounds the products of the factors, whatever cancels between them.
fn assert_optimal(
    cost: &LowRankCost,
    size: f64,
    a: &[f64],
    b: &[f64],
    sol: &Solution,
) -> Result<(), TestCaseError> {
    let (rows, columns) = sol.plan.marginals();
    for (found, want) in rows.iter().zip(a).chain(columns.iter().zip(b)) {
        prop_assert!((found - want).abs() < 1e-14);
    }
    prop_assert!(sol.plan.len() < a.len() + b.len());
    let pairs = || (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| (i, j)));
    for (i, j) in pairs() {
        let slack = cost.at(i, j) - sol.row_potential[i] - sol.column_potential[j];
        prop_assert!(slack >= -64.0 * f64::EPSILON * size, "slack {slack} at ({i}, {j}), costs {size}");
    }
    prop_assert!((sol.value - sol.dual_value).abs() <= 1e-13 * size, "{} {}", sol.value, sol.dual_value);
    prop_assert_eq!(sol.status, Status::Converged);
    Ok(())
}

/// Least cost of whole units, by trying every assignment of the units of a row after another.
fn brute_force(cost: &[Vec<f64>], supplies: &[usize], demands: &mut [usize], row: usize, left: usize) -> f64 {
    if left == 0 {
        return match row + 1 {
            next if next < supplies.len() => brute_force(cost, supplies, demands, next, supplies[next]),
            _ => 0.0,
        };
    }
    let mut best = f64::INFINITY;
    for j in 0..demands.len() {
        if demands[j] > 0 {
            demands[j] -= 1;
            best = best.min(cost[row][j] + brute_force(cost, supplies, demands, row, left - 1));
            demands[j] += 1;
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    /// Six units of mass on grid points: ties, duplicates, unequal weights, against every assignment.
    #[test]
    fn units_of_mass_go_where_brute_force_sends_them(
        x in prop::collection::vec((0i32..3, 0i32..3), 6),
        y in prop::collection::vec((0i32..3, 0i32..3), 6),
        cuts in prop::collection::vec(any::<bool>(), 10),
        matrix in prop::collection::vec(-2i32..3, 4),
    ) {
        // a cut joins the unit to the one before: an atom of a larger weight
        let atoms = |units: &[(i32, i32)], cuts: &[bool]| {
            let mut atoms: Vec<([f64; 2], usize)> = Vec::new();
            for (k, unit) in units.iter().enumerate() {
                match atoms.last_mut() {
                    Some(last) if cuts[k - 1] => last.1 += 1,
                    _ => atoms.push(([f64::from(unit.0), f64::from(unit.1)], 1)),
                }
            }
            atoms
        };
        let (left, right) = (atoms(&x, &cuts[..5]), atoms(&y, &cuts[5..]));
        let points = |side: &[([f64; 2], usize)]| side.iter().flat_map(|a| a.0).collect::<Vec<f64>>();
        let masses = |side: &[([f64; 2], usize)]| side.iter().map(|a| a.1 as f64 / 6.0).collect::<Vec<f64>>();
        let matrix: Vec<f64> = matrix.into_iter().map(f64::from).collect();
        let cost = LowRankCost::inner_product(&points(&left), &matrix, &points(&right), 2, 2).unwrap();
        let (a, b) = (masses(&left), masses(&right));
        let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
        assert_optimal(&cost, 64.0, &a, &b, &sol)?;
        let dense: Vec<Vec<f64>> =
            (0..a.len()).map(|i| (0..b.len()).map(|j| cost.at(i, j)).collect()).collect();
        let supplies: Vec<usize> = left.iter().map(|a| a.1).collect();
        let mut demands: Vec<usize> = right.iter().map(|a| a.1).collect();
        let best = brute_force(&dense, &supplies, &mut demands, 0, supplies[0]) / 6.0;
        prop_assert!((sol.value - best).abs() < 1e-13, "{} {best}", sol.value);
    }

    /// Several levels of cells, warm restarts and both directions of the problem agree.
    #[test]
    fn larger_problems_have_one_value(
        (n, m, r) in (1usize..400, 1usize..400, 1usize..6),
        seed in 0u64..1000,
        kind in 0usize..4,
    ) {
        let cloud = |n: usize, seed: u64| -> Vec<f64> {
            let points = sample::gaussian(n, r, seed).unwrap().points().to_vec();
            match kind {
                1 => points.iter().map(|x| (2.0 * x).round()).collect(),
                2 => points.iter().enumerate().map(|(k, _)| points[k % r]).collect(),
                _ => points,
            }
        };
        let weights = |n: usize, seed: u64| -> Vec<f64> {
            let w: Vec<f64> = sample::gaussian(n, 1, seed).unwrap().points().iter().map(|x| x.powi(4)).collect();
            let sum: f64 = w.iter().sum();
            if kind == 3 { w.iter().map(|w| w / sum).collect() } else { uniform(n) }
        };
        let (x, y) = (cloud(n, seed), cloud(m, seed + 5000));
        let (a, b) = (weights(n, seed + 1), weights(m, seed + 2));
        let cost = LowRankCost::new(x.clone(), y.clone(), r).unwrap();
        let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
        let length = |x: &[f64]| x.chunks(r).map(|p| p.iter().map(|x| x * x).sum::<f64>()).fold(0.0, f64::max).sqrt();
        let size = length(&x) * length(&y);
        assert_optimal(&cost, size, &a, &b, &sol)?;
        let back = LowRankCost::new(y.clone(), x.clone(), r).unwrap();
        let turned = Exact::default().solve(&back, &b, &a, None).unwrap();
        prop_assert!((sol.value - turned.value).abs() <= 1e-13 * size);
        // another cost from this basis, and back
        let other = LowRankCost::new(x.iter().rev().copied().collect(), y, r).unwrap();
        let moved = Exact::default().solve(&other, &a, &b, Some(sol.basis.clone())).unwrap();
        assert_optimal(&other, size, &a, &b, &moved)?;
        let again = Exact::default().solve(&cost, &a, &b, Some(moved.basis)).unwrap();
        prop_assert!((sol.value - again.value).abs() <= 1e-13 * size);
    }
}

/// One atom that holds nearly all mass, and very unequal sizes: a node of the tree with thousands of neighbours.
#[test]
fn hubs_and_unequal_sizes_take_few_pivots() {
    let hub = |n: usize| {
        let mut w = vec![1e-3 / n as f64; n];
        w[0] = 1.0 - 1e-3 * (n - 1) as f64 / n as f64;
        w
    };
    for (a, b) in [(uniform(2000), hub(2000)), (hub(2000), uniform(2000)), (uniform(8), uniform(20_000))] {
        let (n, m) = (a.len(), b.len());
        let (x, y) = (sample::gaussian(n, 2, 1).unwrap(), sample::gaussian(m, 2, 2).unwrap());
        let cost = LowRankCost::inner_product(x.points(), &[1.0, 0.2, -0.1, 0.7], y.points(), 2, 2).unwrap();
        let sol = Exact::default().solve(&cost, &a, &b, None).unwrap();
        let pivots = sol.pivots as f64 / (n + m) as f64;
        println!("{n} x {m}: {pivots:.1} pivots a point, gap {:.1e}", sol.gap);
        assert!(sol.status == Status::Converged && sol.gap.abs() < 1e-14 && pivots < 40.0);
    }
}

/// A run that is stopped has a plan of the weights and a valid bound, and its basis goes on to the optimum.
#[test]
fn a_stop_in_the_middle_leaves_a_plan_and_a_bound() {
    let n = 1500;
    let (x, y) = (sample::gaussian(n, 3, 1).unwrap(), sample::gaussian(n, 3, 2).unwrap());
    let cost = LowRankCost::squared_euclidean(x.points(), y.points(), 3).unwrap();
    let w = uniform(n);
    let best = Exact::default().solve(&cost, &w, &w, None).unwrap();
    let flag = |set| Some(Arc::new(AtomicBool::new(set)));
    let mut stopped = 0;
    for stop in [
        Stop::after(Some(Duration::ZERO)),
        Stop::after(Some(Duration::from_micros(700))),
        Stop::after(Some(Duration::from_millis(8))),
        Stop::never().or_flag(flag(true)),
        Stop::never().or_flag(flag(false)),
    ] {
        let sol = Exact::default().solve_until(&cost, &w, &w, None, &stop).unwrap();
        let (rows, columns) = sol.plan.marginals();
        assert!(rows.iter().chain(&columns).all(|m| (m - w[0]).abs() < 1e-15));
        assert!(sol.dual_value <= best.value + 1e-12 && best.value <= sol.value + 1e-12);
        stopped += usize::from(sol.status != Status::Converged);
        let on = Exact::default().solve(&cost, &w, &w, Some(sol.basis)).unwrap();
        assert!((on.value - best.value).abs() < 1e-12);
    }
    assert!((2..=4).contains(&stopped), "{stopped}");
}

/// An observer whose flag is set.
struct Watch(Arc<AtomicBool>);

impl Observer for Watch {
    fn event(&mut self, _: &Event) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }

    fn flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.0))
    }
}

/// A flow towards an IGW target that is interrupted in its first search evaluates the plan that there is, and does not
/// alternate to an optimum first; the next evaluation does.
#[test]
fn an_interrupted_first_search_is_evaluated_as_it_is() -> Result<(), Error> {
    let (x, y) = (sample::gaussian(300, 3, 1)?, sample::gaussian(200, 3, 2)?);
    let mut energy = Igw::new(y, Alternating::default());
    let mut watch = Watch(Arc::new(AtomicBool::new(true)));
    assert!(energy.prepare(&x, &mut watch)?.is_break());
    let found = energy.first().map(|sol| 0.5 * sol.squared).unwrap();
    let mut gradient = vec![0.0; 900];
    assert_eq!(energy.value_and_gradient(&x, &mut gradient)?, found);
    assert!(energy.value_and_gradient(&x, &mut gradient)? < found);
    Ok(())
}

/// The flag of an observer is heard within a round of starts; what there is by then is an answer.
#[test]
fn a_flag_ends_a_search_within_a_round() {
    let (x, y) = (sample::gaussian(700, 3, 1).unwrap(), sample::gaussian(600, 3, 2).unwrap());
    let mut watch = Watch(Arc::new(AtomicBool::new(true)));
    let sol = Alternating::default().solve(&x, &y, &mut watch).unwrap();
    assert_eq!(sol.status, Status::Interrupted);
    let (rows, _) = sol.plan.marginals();
    assert!(rows.iter().all(|m| (m - 1.0 / 700.0).abs() < 1e-15));
    assert!(sol.squared.is_finite() && sol.lower_bound <= sol.squared + sol.rounding && !sol.certified);
}

/// Squared distances of labelled integer clouds, exact in integers, against `align`: the error is within the
/// stated bound 16 ε (|Σ_x|² + |Σ_y|²), and for nearly isometric clouds far within it.
#[test]
fn the_rounding_of_a_squared_distance_is_within_its_bound() -> Result<(), Error> {
    let (mut worst, mut worst_relative) = (0.0f64, 0.0f64);
    for case in 0..300u64 {
        let (n, d) = (3 + case as usize % 40, 1 + case as usize % 3);
        let draw = |seed: u64, size: f64| -> Vec<i64> {
            let cloud = sample::gaussian(n, d, seed).unwrap();
            cloud.points().iter().map(|x| (x * size).round() as i64).collect()
        };
        let x = draw(case, 1e6);
        // the same cloud turned by a right angle and moved by a few units in a million, or another one
        let y: Vec<i64> = match case % 2 {
            0 => {
                let noise = draw(case + 1000, 3.0);
                let turned = x.chunks(d).flat_map(|p| {
                    let mut q = p.to_vec();
                    if d > 1 {
                        (q[0], q[1]) = (-p[1], p[0]);
                    }
                    q
                });
                turned.zip(noise).map(|(x, e)| x + e).collect()
            }
            _ => draw(case + 2000, 7e5),
        };
        let dot = |a: &[i64], i: usize, j: usize| -> i128 {
            (0..d).map(|k| i128::from(a[i * d + k]) * i128::from(a[j * d + k])).sum()
        };
        let mut exact = 0i128;
        for i in 0..n {
            for j in 0..n {
                exact += (dot(&x, i, j) - dot(&y, i, j)).pow(2);
            }
        }
        let exact = exact as f64 / (n * n) as f64;
        let measure = |a: &[i64]| Measure::uniform(a.iter().map(|x| *x as f64).collect(), d);
        let (mu, nu) = (measure(&x)?, measure(&y)?);
        let found = align::plan(&mu, &nu, &Plan::identity(mu.weights()))?.squared;
        let size = |m: &Measure| m.second_moment().iter().map(|s| s * s).sum::<f64>();
        let rounding = 16.0 * f64::EPSILON * (size(&mu) + size(&nu));
        worst = worst.max((found - exact).abs() / rounding);
        if case % 2 == 0 {
            worst_relative = worst_relative.max((found / exact - 1.0).abs());
        }
    }
    println!(
        "error at most {worst:.3} of the bound; nearly isometric clouds: {worst_relative:.1e} of the value"
    );
    // value about 1e-11 of |Σ|²: the form in moments would be off by 1e-5
    assert!(worst < 1.0 && worst_relative < 1e-8, "{worst} {worst_relative}");
    Ok(())
}

/// A basis of nearly the same cost is used, one of another cost is given up; both are said.
#[test]
fn a_warm_start_is_given_up_where_it_does_not_pay() {
    let (x, y) = (sample::gaussian(1500, 3, 1).unwrap(), sample::gaussian(1400, 3, 2).unwrap());
    let (a, b) = (uniform(1500), uniform(1400));
    let cost = |m: [f64; 9]| LowRankCost::inner_product(x.points(), &m, y.points(), 3, 3).unwrap();
    let first = cost([1.0, 0.0, 0.0, 0.0, 0.8, 0.1, 0.0, 0.0, 0.5]);
    let sol = Exact::default().solve(&first, &a, &b, None).unwrap();
    let near = cost([1.0, 0.01, 0.0, 0.0, 0.8, 0.1, -0.01, 0.0, 0.5]);
    let warm = Exact::default().solve(&near, &a, &b, Some(sol.basis.clone())).unwrap();
    assert!(warm.warm && warm.pivots < sol.pivots / 4, "{} {}", warm.pivots, sol.pivots);
    let far = cost([-0.3, 0.9, 0.2, 0.1, -0.5, 1.0, 0.7, 0.1, -0.2]);
    let again = Exact::default().solve(&far, &a, &b, Some(sol.basis)).unwrap();
    let cold = Exact::default().solve(&far, &a, &b, None).unwrap();
    assert!(
        !again.warm && again.pivots > cold.pivots && again.value == cold.value && again.plan == cold.plan
    );
}
