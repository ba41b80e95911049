//! The identities of the theory against dense, slow computations from the definitions.

use gromov::energy::check::fit_slope;
use gromov::igw::{self, Alternating, align, bound, line};
use gromov::measure::sample::{self, Source};
use gromov::mobility::Mobility;
use gromov::ot::{Exact, LowRankCost, Plan};
use gromov::{Measure, Result};

fn cloud(s: &mut Source, n: usize, d: usize) -> Measure {
    let w = (0..n).map(|_| 0.1 + s.unit()).collect();
    Measure::normalized((0..n * d).map(|_| s.normal() + 0.3).collect(), d, w).unwrap()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// ∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ dπ, entry by entry.
fn distortion(mu: &Measure, nu: &Measure, plan: &Plan) -> f64 {
    let mut sum = 0.0;
    for (i, j, w) in plan.entries() {
        for (k, l, v) in plan.entries() {
            sum += w * v * (dot(mu.point(i), mu.point(k)) - dot(nu.point(j), nu.point(l))).powi(2);
        }
    }
    sum
}

#[test]
fn the_distance_is_moments_minus_twice_the_cross_moment() -> Result<()> {
    // |Σ_μ|² + |Σ_ν|² − 2 |M|² is the distortion of the plan, for every pair of dimensions
    let mut s = Source::new(61, 0);
    for p in 1..=5 {
        for q in 1..=5 {
            let (mu, nu) = (cloud(&mut s, 20, p), cloud(&mut s, 15, q));
            let options = Alternating { starts: Some(4), closed_forms: false, ..Alternating::default() };
            let sol = options.solve(&mu, &nu, &mut ())?;
            let dense = distortion(&mu, &nu, &sol.plan);
            let (a, b) = (mu.second_moment(), nu.second_moment());
            let formula = dot(&a, &a) + dot(&b, &b) - 2.0 * dot(&sol.cross_moment, &sol.cross_moment);
            assert!((sol.squared - dense).abs() <= 1e-10 * dense, "{p} {q}: {} {dense}", sol.squared);
            assert!((formula - dense).abs() <= 1e-10 * dense);
            assert!(sol.lower_bound <= dense * (1.0 + 1e-12));
        }
    }
    Ok(())
}

#[test]
fn support_function_of_cross_moments_is_convex_with_the_plan_as_subgradient() -> Result<()> {
    let mut s = Source::new(62, 0);
    let (mu, nu) = (cloud(&mut s, 20, 2), cloud(&mut s, 15, 3));
    let h = |a: &[f64]| -> Result<(f64, Vec<f64>, f64)> {
        let cost = LowRankCost::inner_product(mu.points(), a, nu.points(), 2, 3)?;
        let sol = Exact::default().solve(&cost, mu.weights(), nu.weights(), None)?;
        Ok((-sol.value, sol.plan.cross_moment(mu.points(), 2, nu.points(), 3), -sol.dual_value))
    };
    for _ in 0..50 {
        let draw = |s: &mut Source| (0..6).map(|_| s.normal()).collect::<Vec<f64>>();
        let (a, b) = (draw(&mut s), draw(&mut s));
        let (ha, m, dual) = h(&a)?;
        let hb = h(&b)?.0;
        assert!((ha - dot(&a, &m)).abs() < 1e-12 * ha.abs());
        assert!(dual >= ha - 1e-12 * ha.abs());
        assert!(hb >= dot(&b, &m) - 1e-12 * hb.abs());
        let double = h(&a.iter().map(|x| 2.0 * x).collect::<Vec<_>>())?.0;
        assert!((double - 2.0 * ha).abs() < 1e-12 * double);
    }
    Ok(())
}

#[test]
fn the_spectral_bound_holds_and_is_met_by_aligned_axes() -> Result<()> {
    let mut s = Source::new(63, 0);
    for d in 1..=5 {
        let (mu, nu) = (cloud(&mut s, 30, d), cloud(&mut s, 25, d));
        assert!(bound::spectral(&mu, &nu)? <= igw::distance(&mu, &nu)?.squared * (1.0 + 1e-12));
        // a symmetric positive map that commutes with Σ and keeps the order of its eigenvalues: 1 + Σ
        let sigma = mu.second_moment();
        let map: Vec<f64> = sigma.iter().enumerate().map(|(k, v)| v + f64::from(k % (d + 1) == 0)).collect();
        let image = mu.linear_image(&map, d)?;
        let plan = align::plan(&mu, &image, &Plan::identity(mu.weights()))?;
        let bound = bound::spectral(&mu, &image)?;
        assert!((plan.squared - bound).abs() < 1e-10 * bound, "{} {bound}", plan.squared);
        let sol = igw::distance(&mu, &image)?;
        assert!(sol.certified, "d = {d}: gap {:e}", sol.gap);
    }
    Ok(())
}

#[test]
fn on_the_line_the_closed_form_is_the_optimum_over_all_plans() -> Result<()> {
    let mut s = Source::new(64, 0);
    for trial in 0..60 {
        let n = 2 + trial % 5;
        let mut points = || (0..n).map(|_| s.normal() + 0.5).collect::<Vec<f64>>();
        let (mu, nu) = (Measure::uniform(points(), 1)?, Measure::uniform(points(), 1)?);
        let sol = line::solve(&mu, &nu, false, 1e-9)?;
        let mut best = f64::INFINITY;
        permutations(n, &mut |order| {
            let mass = vec![1.0 / n as f64; n];
            let plan = Plan { n, m: n, rows: (0..n).collect(), columns: order.to_vec(), mass };
            best = best.min(distortion(&mu, &nu, &plan));
        });
        assert!((sol.squared - best).abs() < 1e-12 * (best + 1e-3) && sol.certified);
    }
    // unequal weights: against the search from many starts
    for _ in 0..20 {
        let (mu, nu) = (cloud(&mut s, 9, 1), cloud(&mut s, 7, 1));
        let exact = line::solve(&mu, &nu, true, 1e-9)?;
        let search = Alternating { center: true, closed_forms: false, ..Alternating::default() };
        let found = search.solve(&mu, &nu, &mut ())?;
        assert!((exact.squared - found.squared).abs() < 1e-12 * found.squared + found.rounding);
    }
    Ok(())
}

fn permutations(n: usize, f: &mut dyn FnMut(&[usize])) {
    fn go(k: usize, p: &mut Vec<usize>, f: &mut dyn FnMut(&[usize])) {
        if k == p.len() {
            return f(p);
        }
        for i in k..p.len() {
            p.swap(k, i);
            go(k + 1, p, f);
            p.swap(k, i);
        }
    }
    go(0, &mut (0..n).collect(), f);
}

#[test]
fn small_moves_cost_the_metric() -> Result<()> {
    // IGW(ρ, (1 + h v)#ρ)² = h² ⟨v, L v⟩ + O(h³): the remainder has slope 3
    let mut s = Source::new(65, 0);
    for d in 1..=5 {
        let mu = cloud(&mut s, 40, d);
        let v: Vec<f64> = (0..40 * d).map(|_| s.normal()).collect();
        let speed = Mobility::new(&mu, 1e-12)?.inner(&v, &v)?;
        let mut points = Vec::new();
        for k in 8..14 {
            let h = f64::from(-k).exp2();
            let moved = mu.with_points(mu.points().iter().zip(&v).map(|(x, v)| x + h * v).collect())?;
            let squared = align::plan(&mu, &moved, &Plan::identity(mu.weights()))?.squared;
            points.push((h.ln(), (squared - h * h * speed).abs().ln()));
        }
        let slope = fit_slope(&points);
        println!("d = {d}: slope {slope:.3}");
        assert!((slope - 3.0).abs() < 0.2, "d = {d}: {slope}");
    }
    Ok(())
}

#[test]
fn scaling_relabelling_rotation_translation_and_padding() -> Result<()> {
    let mut s = Source::new(66, 0);
    let search = Alternating { center: true, ..Alternating::default() };
    for d in 2..=3 {
        let (mu, nu) = (cloud(&mut s, 25, d), cloud(&mut s, 20, d));
        let base = search.solve(&mu, &nu, &mut ())?;
        let same = |other: igw::Solution, factor: f64| {
            let error = (other.squared / factor - base.squared).abs();
            assert!(error <= 1e-9 * base.squared, "{} {}", other.squared, base.squared);
        };
        let (turn, back) = (s.rotation(d), s.rotation(d));
        same(search.solve(&mu.linear_image(&turn, d)?, &nu.linear_image(&back, d)?, &mut ())?, 1.0);
        let scaled = |m: &Measure, c: f64| m.with_points(m.points().iter().map(|x| c * x).collect());
        same(search.solve(&scaled(&mu, 3.0)?, &scaled(&nu, 3.0)?, &mut ())?, 81.0);
        let shifted = mu.with_points(mu.points().iter().map(|x| x + 5.0).collect())?;
        same(search.solve(&shifted, &nu, &mut ())?, 1.0);
        same(search.solve(&nu, &mu, &mut ())?, 1.0);
        let mut pad = vec![0.0; (d + 1) * d];
        (0..d).for_each(|k| pad[k * d + k] = 1.0);
        same(search.solve(&mu, &nu.linear_image(&pad, d + 1)?, &mut ())?, 1.0);
    }
    Ok(())
}

#[test]
fn a_turned_horse_is_found_at_its_angle() -> Result<()> {
    // two independent samples of the silhouette, unbent, one turned by 110 degrees, 20 seeds
    let angle = 110f64.to_radians();
    let turn = [angle.cos(), -angle.sin(), angle.sin(), angle.cos()];
    let search = Alternating { starts: Some(12), center: true, ..Alternating::default() };
    let mut errors = Vec::new();
    for seed in 0..20 {
        let source = sample::horse(1000, 2 * seed)?;
        let target = sample::horse(1000, 2 * seed + 1)?.linear_image(&turn, 2)?;
        let sol = search.solve(&source, &target, &mut ())?;
        assert_eq!(sol.reflected, Some(false));
        // x ≈ R y, so the target's frame is reached by Rᵀ
        let found = sol.rotation[1].atan2(sol.rotation[0]).to_degrees();
        errors.push((found - 110.0).abs());
        assert!((found - 110.0).abs() < 5.0, "seed {seed}: {found}");
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let worst = errors.iter().copied().fold(0.0, f64::max);
    println!("angle of 20 turned horses: mean error {mean:.2} degrees, worst {worst:.2}");
    assert!(mean < 1.0, "mean error {mean}");
    Ok(())
}

#[test]
fn lengths_whose_squares_overflow_give_no_nan() -> Result<()> {
    for scale in [1e200, 1e308, 1e-308] {
        let scaled = |points: &[f64]| points.iter().map(|x| x * scale).collect::<Vec<f64>>();
        let line = Measure::uniform(scaled(&[1.0, -1.0]), 1)?;
        let sol = igw::distance(&line, &line)?;
        assert_eq!((sol.squared, sol.distance, sol.lower_bound), (0.0, 0.0, 0.0), "{scale:e}");
        let plane = Measure::uniform(scaled(&[1.0, 0.0, 0.0, 0.5, -0.25, 0.25]), 2)?;
        let sol = igw::distance(&plane, &line)?;
        let numbers = [sol.squared, sol.distance, sol.lower_bound, sol.rounding, sol.gap];
        assert!(numbers.iter().all(|v| !v.is_nan()), "{scale:e}: {numbers:?}");
    }
    Ok(())
}
