//! Certified distances against brute force over all plans, on clouds of every kind, and their proofs.

use std::time::Duration;

use gromov::certificate::Certificate;
use gromov::igw::{Auto, Global, Solution, bound};
use gromov::io::{self, ReadOptions};
use gromov::measure::sample::{self, Source};
use gromov::solve::Status;
use gromov::verify::{Verdict, verify};
use gromov::{Measure, Result};

/// d_x, d_y of small problems.
const DIMS: [(usize, usize); 9] = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (2, 3), (3, 2), (3, 3)];

fn normal(s: &mut Source, n: usize, d: usize) -> Vec<f64> {
    (0..n * d).map(|_| s.normal() + 0.2).collect()
}

fn squares(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum()
}

/// |Σ_x|² + |Σ_y|².
fn size(mu: &Measure, nu: &Measure) -> f64 {
    squares(&mu.second_moment()) + squares(&nu.second_moment())
}

/// What IGW² can be off by through rounding alone.
fn rounding(mu: &Measure, nu: &Measure) -> f64 {
    1e-13 * size(mu, nu)
}

fn certificate(sol: &Solution) -> &Certificate {
    sol.certificate.as_ref().expect("it was asked for")
}

/// Solves with a certificate; whatever the options, bounds are in order and the proof is accepted.
fn solved(options: &Global, mu: &Measure, nu: &Measure) -> Result<(Solution, Verdict)> {
    let options = Global { certificate: true, ..options.clone() };
    let sol = options.solve(mu, nu, &mut ())?;
    let seen = if options.center { (mu.centred(), nu.centred()) } else { (mu.clone(), nu.clone()) };
    let slack = sol.rounding.max(rounding(&seen.0, &seen.1));
    assert!(sol.lower_bound <= sol.squared + slack, "{:e} above {:e}", sol.lower_bound, sol.squared);
    let spectral = bound::spectral(&seen.0, &seen.1)?;
    assert!(sol.lower_bound >= spectral - slack, "{:e} below {spectral:e}", sol.lower_bound);
    let verdict = verify(certificate(&sol), mu, nu)?;
    assert_eq!(verdict.fault, None, "n = {}, m = {}, {} {:e}", mu.len(), nu.len(), sol.status, sol.squared);
    assert_eq!(certificate(&sol).lower_bound, sol.lower_bound);
    assert!(!sol.certified || verdict.certified);
    Ok((sol, verdict))
}

fn certified(mu: &Measure, nu: &Measure) -> Result<Solution> {
    // far more than needed: a failure, not a wait
    let options = Global { time_limit: Some(Duration::from_secs(20)), ..Global::default() };
    let (sol, verdict) = solved(&options, mu, nu)?;
    let sizes = (mu.len(), nu.len(), mu.dim(), nu.dim());
    assert!(sol.certified && verdict.certified, "{sizes:?}: {} gap {:e}", sol.status, sol.gap);
    assert_eq!(sol.status, Status::Converged);
    Ok(sol)
}

/// The optimum is `best`, up to the tolerance that was asked for.
fn assert_optimum(sol: &Solution, best: f64, mu: &Measure, nu: &Measure) {
    let slack = rounding(mu, nu);
    let error = (sol.squared - best).abs();
    assert!(error <= 1e-9 * best + slack, "{:e}, brute force {best:e}, off by {error:e}", sol.squared);
    assert!(sol.lower_bound <= best + slack, "{:e} above {best:e}", sol.lower_bound);
}

#[test]
fn of_equal_weights_the_optimum_is_that_of_all_permutations() -> Result<()> {
    let mut orders = Vec::new();
    permutations(&mut (0..7).collect(), 0, &mut orders);
    assert_eq!(orders.len(), 5040);
    let mut s = Source::new(81, 0);
    for trial in 0..200 {
        let (p, q) = DIMS[trial % DIMS.len()];
        let mu = Measure::uniform(normal(&mut s, 7, p), p)?;
        let nu = Measure::uniform(normal(&mut s, 7, q), q)?;
        let mut largest: f64 = 0.0;
        for order in &orders {
            let mut squared = 0.0;
            for k in 0..p {
                for l in 0..q {
                    let sum: f64 = (0..7).map(|i| mu.point(i)[k] * nu.point(order[i])[l]).sum();
                    squared += (sum / 7.0).powi(2);
                }
            }
            largest = largest.max(squared);
        }
        assert_optimum(&certified(&mu, &nu)?, size(&mu, &nu) - 2.0 * largest, &mu, &nu);
    }
    Ok(())
}

fn permutations(order: &mut Vec<usize>, k: usize, out: &mut Vec<Vec<usize>>) {
    if k == order.len() {
        return out.push(order.clone());
    }
    for i in k..order.len() {
        order.swap(k, i);
        permutations(order, k + 1, out);
        order.swap(k, i);
    }
}

#[test]
fn of_unequal_weights_the_optimum_is_that_of_all_plans_of_whole_units() -> Result<()> {
    // |M|² is convex: its maximum is at a vertex, and vertices of whole margins are whole
    let margins: [(&[usize], &[usize]); 7] = [
        (&[3, 2, 1], &[1, 2, 2, 1]),
        (&[4, 4, 4], &[3, 3, 3, 3]),
        (&[5, 1, 1], &[2, 2, 3]),
        (&[1, 1, 1, 1, 1], &[3, 2]),
        (&[2, 0, 3, 1], &[0, 1, 5]),
        (&[0, 6], &[1, 2, 0, 3]),
        (&[2, 2, 2], &[1, 1, 1, 1, 1, 1]),
    ];
    let mut s = Source::new(82, 0);
    for (rows, columns) in margins {
        let units = rows.iter().sum::<usize>() as f64;
        let weights = |margin: &[usize]| margin.iter().map(|&k| k as f64 / units).collect::<Vec<f64>>();
        let mut plans = Vec::new();
        let (n, m) = (rows.len(), columns.len());
        whole_plans(rows, &mut columns.to_vec(), &mut vec![0; n * m], 0, rows[0], &mut plans);
        for (p, q) in DIMS {
            let mu = Measure::weighted(normal(&mut s, n, p), p, weights(rows))?;
            let nu = Measure::weighted(normal(&mut s, m, q), q, weights(columns))?;
            let mut largest: f64 = 0.0;
            for plan in &plans {
                let mut squared = 0.0;
                for k in 0..p {
                    for l in 0..q {
                        let of = |e: usize| plan[e] as f64 * mu.point(e / m)[k] * nu.point(e % m)[l];
                        squared += ((0..n * m).map(of).sum::<f64>() / units).powi(2);
                    }
                }
                largest = largest.max(squared);
            }
            assert_optimum(&certified(&mu, &nu)?, size(&mu, &nu) - 2.0 * largest, &mu, &nu);
        }
    }
    Ok(())
}

/// Matrices of whole numbers with these margins; `left` is what cell `at` and those right of it must still get.
fn whole_plans(
    rows: &[usize],
    columns: &mut Vec<usize>,
    plan: &mut Vec<usize>,
    at: usize,
    left: usize,
    out: &mut Vec<Vec<usize>>,
) {
    let m = columns.len();
    if at == plan.len() {
        return out.push(plan.clone());
    }
    let last = at % m == m - 1;
    for k in if last { left } else { 0 }..=left {
        if k <= columns[at % m] {
            columns[at % m] -= k;
            plan[at] = k;
            let next = if last { rows.get(at / m + 1).copied().unwrap_or(0) } else { left - k };
            whole_plans(rows, columns, plan, at + 1, next, out);
            columns[at % m] += k;
        }
    }
}

fn cloud(points: &[f64], d: usize) -> Measure {
    Measure::uniform(points.to_vec(), d).unwrap()
}

fn polygon(n: usize, turn: f64) -> Measure {
    let angle = |k: usize| std::f64::consts::TAU * (k as f64 + turn) / n as f64;
    cloud(&(0..n).flat_map(|k| [angle(k).cos(), angle(k).sin()]).collect::<Vec<f64>>(), 2)
}

fn cube() -> Measure {
    cloud(&(0..24).map(|k| f64::from(u8::from((k / 3) & (1 << (k % 3)) > 0)) - 0.5).collect::<Vec<f64>>(), 3)
}

#[test]
fn degenerate_clouds_are_certified() -> Result<()> {
    let mut s = Source::new(83, 0);
    let line = |s: &mut Source, n: usize, d: usize| {
        let points: Vec<f64> = (0..n).flat_map(|_| vec![s.normal(); d]).collect();
        let along: Vec<f64> = points.iter().enumerate().map(|(k, x)| x * (1.0 + (k % d) as f64)).collect();
        Measure::uniform(along, d).unwrap()
    };
    let twice = |points: Vec<f64>, d: usize| cloud(&[points.clone(), points].concat(), d);
    let (plane, space) = (cloud(&normal(&mut s, 9, 2), 2), cloud(&normal(&mut s, 9, 3), 3));
    let tails: Vec<f64> = (0..20).map(|_| s.normal() / (0.05 + s.unit())).collect();
    let mut far = normal(&mut s, 8, 2);
    far.extend([1e6, -2e6]);
    let pairs = [
        ("duplicates", twice(normal(&mut s, 4, 2), 2), twice(normal(&mut s, 5, 2), 2)),
        ("duplicates of one point", cloud(&[0.3, 0.7, 0.3, 0.7, 0.3, 0.7], 2), plane.clone()),
        ("lines", line(&mut s, 8, 2), line(&mut s, 7, 3)),
        ("a line and the plane", line(&mut s, 8, 3), plane.clone()),
        ("squares", polygon(4, 0.0), polygon(4, 0.2)),
        ("a pentagon and a hexagon", polygon(5, 0.0), polygon(6, 0.0)),
        ("a polygon and a square", polygon(8, 0.0), polygon(4, 0.5)),
        ("a square and a cloud", polygon(4, 0.0), plane.clone()),
        ("cubes", cube(), cube()),
        ("a cube and a square", cube(), polygon(4, 0.0)),
        ("the origin and a cloud", cloud(&[0.0; 6], 2), space.clone()),
        ("a cloud and the origin", space.clone(), cloud(&[0.0; 6], 3)),
        ("both at the origin", cloud(&[0.0; 6], 2), cloud(&[0.0; 6], 3)),
        ("one point and a cloud", cloud(&[1.0, 2.0], 2), space.clone()),
        ("a cloud and one point", space.clone(), cloud(&[-1.0], 1)),
        ("one point and one point", cloud(&[1.0, 2.0], 2), cloud(&[3.0], 1)),
        ("one far point", cloud(&far, 2), plane.clone()),
        (
            "two far points",
            cloud(&far, 2),
            cloud(&far[..16].iter().chain(&[3e5, 3e5]).copied().collect::<Vec<_>>(), 2),
        ),
        ("heavy tails", cloud(&tails, 2), plane.clone()),
    ];
    for (name, mu, nu) in pairs {
        for center in [false, true] {
            let options = Global { center, time_limit: Some(Duration::from_secs(1)), ..Global::default() };
            let (sol, _) = solved(&options, &mu, &nu)?;
            let (status, gap, boxes) = (sol.status, sol.gap, sol.nodes);
            println!("{name}, center {center}: {status}, {:e}, gap {gap:.1e}, {boxes} boxes", sol.squared);
            assert!(sol.certified, "{name}, center {center}: {status}, gap {gap:e} after {boxes} boxes");
        }
    }
    Ok(())
}

/// A cloud and its copy, turned and relabelled; mirrored too on request.
fn copy(s: &mut Source, n: usize, d: usize, mirrored: bool) -> Result<(Measure, Measure)> {
    let mu = cloud(&normal(s, n, d), d);
    let mut turn = s.rotation(d);
    if mirrored {
        turn[..d].iter_mut().for_each(|x| *x = -*x);
    }
    let image = mu.linear_image(&turn, d)?;
    let order = s.permutation(n);
    let nu = cloud(&order.iter().flat_map(|&i| image.point(i).to_vec()).collect::<Vec<_>>(), d);
    Ok((mu, nu))
}

#[test]
fn turned_and_mirrored_copies_are_at_distance_zero() -> Result<()> {
    let mut s = Source::new(84, 0);
    let options = Global { time_limit: Some(Duration::from_secs(1)), ..Global::default() };
    for (n, d) in [(12, 2), (12, 3), (1, 3), (6, 4)] {
        for mirrored in [false, true] {
            let (mu, nu) = copy(&mut s, n, d, mirrored)?;
            let (sol, _) = solved(&options, &mu, &nu)?;
            let (status, seen) = (sol.status, (n, d, mirrored));
            println!("{seen:?}: {status} after {} boxes", sol.nodes);
            assert!(sol.certified && sol.squared <= rounding(&mu, &nu), "{seen:?}: {:e}", sol.squared);
        }
    }
    Ok(())
}

#[test]
fn a_value_that_meets_the_spectral_bound_ends_the_search() -> Result<()> {
    let mut s = Source::new(84, 0);
    for (n, d) in [(12, 2), (12, 3), (6, 4)] {
        for mirrored in [false, true] {
            let (mu, nu) = copy(&mut s, n, d, mirrored)?;
            certified(&mu, &nu)?;
        }
    }
    Ok(())
}

#[test]
fn without_a_tolerance_the_search_ends_where_rounding_does() -> Result<()> {
    let mut s = Source::new(86, 0);
    let (mu, nu) = (cloud(&normal(&mut s, 14, 2), 2), cloud(&normal(&mut s, 14, 2), 2));
    let options = Global { tol: 0.0, time_limit: Some(Duration::from_secs(20)), ..Global::default() };
    let sol = options.solve(&mu, &nu, &mut ())?;
    assert_ne!(sol.status, Status::TimeCap, "gap {:e}", sol.gap);
    Ok(())
}

#[test]
fn a_small_mass_far_out_does_not_keep_the_search_from_ending() -> Result<()> {
    let weights = vec![0.5, 0.5 - 1e-13, 1e-13];
    let mu = Measure::weighted(vec![1.0, 0.0, 0.0, 1.0, 1e7, 1e7], 2, weights)?;
    let sol = Global { time_limit: Some(Duration::from_secs(20)), ..Global::default() };
    let sol = sol.solve(&mu, &cloud(&[1.0, -1.0], 1), &mut ())?;
    assert_ne!(sol.status, Status::TimeCap, "gap {:e}", sol.gap);
    Ok(())
}

#[test]
fn lengths_do_not_matter_as_far_as_fourth_powers_reach() -> Result<()> {
    let mut s = Source::new(85, 0);
    let (mu, nu) = (cloud(&normal(&mut s, 7, 2), 2), cloud(&normal(&mut s, 8, 2), 2));
    let scaled = |m: &Measure, c: f64| m.with_points(m.points().iter().map(|x| x * c).collect());
    let one = certified(&mu, &nu)?;
    for scale in [1e-100, 1e-70, 1e-3, 1e3, 1e70] {
        let sol = certified(&scaled(&mu, scale)?, &scaled(&nu, scale)?)?;
        let expected = one.squared * scale.powi(4);
        assert!((sol.squared - expected).abs() <= 2e-9 * expected, "{scale:e}: {:e}", sol.squared);
    }
    // beyond, the claims are no numbers: certified in units, and refused by the checker
    let (mu, nu) = (scaled(&mu, 1e100)?, scaled(&nu, 1e100)?);
    let sol = Global { certificate: true, ..Global::default() }.solve(&mu, &nu, &mut ())?;
    assert!(sol.certified && sol.squared == f64::INFINITY);
    let fault = verify(certificate(&sol), &mu, &nu)?.fault.unwrap();
    assert!(fault.contains("fourth power") || fault.contains("not about 1"), "{fault}");
    Ok(())
}

#[test]
fn runs_that_stop_early_prove_what_they_say() -> Result<()> {
    let mut s = Source::new(86, 0);
    for (n, m, p, q) in [(14, 14, 2, 2), (10, 8, 2, 3), (8, 8, 3, 3)] {
        let (mu, nu) = (cloud(&normal(&mut s, n, p), p), cloud(&normal(&mut s, m, q), q));
        let best = certified(&mu, &nu)?;
        let valid = |options: &Global| -> Result<Solution> {
            let (sol, _) = solved(options, &mu, &nu)?;
            let slack = rounding(&mu, &nu);
            assert!(
                sol.lower_bound <= best.squared + slack,
                "{:e} above {:e}",
                sol.lower_bound,
                best.squared
            );
            assert!(sol.squared >= best.lower_bound - slack);
            Ok(sol)
        };
        let early = valid(&Global { max_nodes: Some(1), ..Global::default() })?;
        assert!(early.certified || early.status == Status::IterationCap, "{}", early.status);
        let early = valid(&Global { time_limit: Some(Duration::ZERO), ..Global::default() })?;
        assert!(early.certified || early.status == Status::TimeCap, "{}", early.status);
        let loose = valid(&Global { tol: 1e-2, ..Global::default() })?;
        assert!(loose.certified && loose.nodes <= best.nodes, "{} {} boxes", loose.nodes, best.nodes);
        let nothing = Global { tol: 0.0, time_limit: Some(Duration::from_secs(5)), ..Global::default() };
        let exact = valid(&nothing)?;
        println!(
            "n = {n}, {p} x {q}: tol 0 ends as {}, {} boxes, gap {:e}",
            exact.status, exact.nodes, exact.gap
        );
    }
    Ok(())
}

#[test]
fn threads_change_nothing() -> Result<()> {
    let mut s = Source::new(87, 0);
    let weights = (0..9).map(|_| 0.1 + s.unit()).collect();
    let pairs = [
        (cloud(&normal(&mut s, 20, 2), 2), cloud(&normal(&mut s, 20, 2), 2)),
        (cloud(&normal(&mut s, 10, 2), 2), Measure::normalized(normal(&mut s, 9, 3), 3, weights)?),
        (cloud(&normal(&mut s, 8, 3), 3), cloud(&normal(&mut s, 8, 3), 3)),
    ];
    for (mu, nu) in &pairs {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Global { certificate: true, ..Global::default() }.solve(mu, nu, &mut ()))
        };
        let one = run(1)?;
        for threads in [2, 3] {
            let sol = run(threads)?;
            let numbers =
                |s: &Solution| (s.squared.to_bits(), s.lower_bound.to_bits(), s.nodes, s.iterations, s.hits);
            assert_eq!(numbers(&sol), numbers(&one));
            assert!(sol.plan == one.plan && sol.certificate == one.certificate && sol.trace == one.trace);
        }
    }
    Ok(())
}

#[test]
fn samples_of_shapes_are_certified() -> Result<()> {
    let horse = |n: usize, seed: u64| sample::horse(n, seed).map(|h| h.centred());
    let bunny = sample::subsample(&sample::bunny()?, 12, 1)?.centred();
    certified(&horse(30, 1)?, &horse(25, 2)?)?;
    let (sol, _) = solved(&Global { tol: 1e-6, ..Global::default() }, &horse(15, 1)?, &bunny)?;
    assert!(sol.certified);
    Ok(())
}

/// The pairs of `benches/certified`: what is written there is the value of the plan there, and certified again.
#[test]
fn the_pairs_for_others_have_the_values_that_are_written_there() -> Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/certified");
    let text = std::fs::read_to_string(folder.join("pairs.csv")).unwrap();
    let mut solved_again = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (name, number) = (fields[0], |k: usize| fields[k].parse::<f64>().unwrap());
        let (squared, lower, tol) = (number(7), number(8), number(10));
        let read = |end: &str| io::read(&folder.join(format!("{name}_{end}.csv")), &ReadOptions::default());
        let (mu, nu) = (read("a")?, read("b")?);
        let sizes = [mu.len(), nu.len(), mu.dim(), nu.dim()].map(|k| k.to_string());
        assert_eq!(sizes[..], fields[1..5], "{name}");
        assert_eq!(mu.has_uniform_weights(), fields[6] == "equal");
        let rows = io::read_matrix(&folder.join(format!("{name}_plan.csv")), &ReadOptions::default())?;
        let mut cross = vec![0.0; mu.dim() * nu.dim()];
        for row in rows.data.chunks_exact(3) {
            let (x, y) = (mu.point(row[0] as usize), nu.point(row[1] as usize));
            cross.iter_mut().enumerate().for_each(|(k, m)| *m += row[2] * x[k / y.len()] * y[k % y.len()]);
        }
        let value = size(&mu, &nu) - 2.0 * squares(&cross);
        assert!((value - squared).abs() <= rounding(&mu, &nu), "{name}: {value} {squared}");
        assert!(squared - lower <= tol * squared + rounding(&mu, &nu), "{name}");
        if mu.dim() * nu.dim() <= 4 || tol == 1e-9 {
            let sol = certified(&mu, &nu)?;
            assert!((sol.squared - squared).abs() <= 1e-9 * squared + rounding(&mu, &nu), "{name}");
            solved_again += 1;
        }
    }
    assert_eq!(solved_again, 12);
    Ok(())
}

#[test]
fn tiny_masses_far_out_are_not_certified_and_within_the_rounding() -> Result<()> {
    let mut s = Source::new(93, 0);
    for (weight, far) in [(1e-14, 1e6), (1e-18, 1e6), (1e-20, 1e10), (1e-30, 1e15)] {
        let mut points = normal(&mut s, 12, 2);
        (points[0], points[1]) = (far, -far);
        let mut weights = vec![(1.0 - weight) / 11.0; 12];
        weights[0] = weight;
        let mu = Measure::weighted(points, 2, weights)?;
        let nu = Measure::uniform(normal(&mut s, 9, 2), 2)?;
        for sol in [Global::default().solve(&mu, &nu, &mut ())?, Auto::default().solve(&mu, &nu, &mut ())?] {
            assert!(!sol.certified, "{weight:e} at {far:e}");
            assert!(sol.lower_bound <= sol.squared + sol.rounding, "{weight:e} at {far:e}");
        }
    }
    // an atom of tiny mass that is not far out changes nothing
    let mut weights = vec![(1.0 - 1e-20) / 11.0; 12];
    weights[0] = 1e-20;
    let mu = Measure::weighted(normal(&mut s, 12, 2), 2, weights)?;
    let nu = Measure::uniform(normal(&mut s, 9, 2), 2)?;
    assert!(Global::default().solve(&mu, &nu, &mut ())?.certified);
    Ok(())
}
