//! Certificates that claim too much, in every way that we could think of, are refused; files of certificates.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use gromov::Measure;
use gromov::certificate::{Certificate, Item, Multiplier};
use gromov::igw::Global;
use gromov::io::{self, Data, Member, ReadOptions};
use gromov::measure::sample::Source;
use gromov::verify::verify;

/// Two clouds, what proves their distance, and what the proof is worth.
struct Case {
    mu: Measure,
    nu: Measure,
    good: Certificate,
    /// Squared, lower bound and rounding, found by the checker.
    found: (f64, f64, f64),
}

impl Case {
    fn new(mu: Measure, nu: Measure, center: bool) -> Self {
        let options = Global { center, certificate: true, ..Global::default() };
        let sol = options.solve(&mu, &nu, &mut ()).unwrap();
        let good = sol.certificate.unwrap();
        let verdict = verify(&good, &mu, &nu).unwrap();
        assert!(sol.certified && verdict.accepted() && verdict.certified && verdict.leaves > 10);
        // the bound comes from the tree, not from the spectra
        assert!(verdict.lower_bound > gromov::igw::bound::spectral(&mu.centred(), &nu.centred()).unwrap());
        Case { mu, nu, found: (verdict.squared, verdict.lower_bound, verdict.rounding), good }
    }

    fn accepts(&self, certificate: &Certificate) -> bool {
        verify(certificate, &self.mu, &self.nu).is_ok_and(|verdict| verdict.accepted())
    }
}

/// Twelve points with equal weights; twelve and ten points off the origin with unequal ones, centred.
fn cases() -> &'static [Case; 2] {
    static CASES: OnceLock<[Case; 2]> = OnceLock::new();
    CASES.get_or_init(|| {
        let mut s = Source::new(91, 0);
        let mut points =
            |n: usize, d: usize, at: f64| (0..n * d).map(|_| s.normal() + at).collect::<Vec<f64>>();
        let equal = (Measure::uniform(points(12, 2, 0.1), 2), Measure::uniform(points(12, 3, 0.1), 3));
        let (x, y) = (points(12, 2, 3.0), points(10, 2, -2.0));
        let mut weights = |n: usize| (0..n).map(|_| 0.1 + s.unit()).collect::<Vec<f64>>();
        let unequal = (
            Measure::normalized(x, 2, weights(12)).unwrap(),
            Measure::normalized(y, 2, weights(10)).unwrap(),
        );
        [Case::new(equal.0.unwrap(), equal.1.unwrap(), false), Case::new(unequal.0, unequal.1, true)]
    })
}

/// A change that makes a certificate wrong.
type Change = fn(&mut Certificate, &Case);

/// The first split, and where it is.
fn split(c: &Certificate) -> (usize, Item) {
    c.items.iter().copied().enumerate().find(|(_, item)| matches!(item, Item::Split { .. })).unwrap()
}

fn dim(c: &Certificate) -> usize {
    c.dims.0 * c.dims.1
}

/// One box without multipliers: only the root box bounds |M|².
fn one_box(c: &mut Certificate) {
    (c.items, c.starts, c.multipliers) = (vec![Item::Leaf(0)], vec![0, 0], Vec::new());
}

/// Splits changed in place.
fn each_split(c: &mut Certificate, f: impl Fn(usize, &mut u32, &mut f64, &mut u32)) {
    for (k, item) in c.items.iter_mut().enumerate() {
        if let Item::Split { coordinate, value, first } = item {
            f(k, coordinate, value, first);
        }
    }
}

const CHANGES: [(&str, Change); 58] = [
    ("the bound is higher than what is proved", |c, case| c.lower_bound = case.found.1 + 3.0 * case.found.2),
    ("the bound is not a number", |c, _| c.lower_bound = f64::NAN),
    ("the bound is infinite", |c, _| c.lower_bound = f64::INFINITY),
    ("the value is lower than that of the plan", |c, case| c.squared -= 3.0 * case.found.2),
    ("the value is higher than that of the plan", |c, case| c.squared += 3.0 * case.found.2),
    ("the value is not a number", |c, _| c.squared = f64::NAN),
    ("the tolerance is not a number", |c, _| c.tol = f64::NAN),
    ("the tolerance is negative", |c, _| c.tol = -1e-9),
    ("the tolerance is infinite", |c, _| c.tol = f64::INFINITY),
    ("a multiplier is negative", |c, _| c.multipliers[0].value *= -1.0),
    ("a multiplier is not a number", |c, _| c.multipliers[0].value = f64::NAN),
    ("a multiplier is infinite", |c, _| c.multipliers[0].value = f64::INFINITY),
    ("multipliers are doubled", |c, _| c.multipliers.iter_mut().for_each(|m| m.value *= 2.0)),
    ("multipliers are large", |c, _| c.multipliers.iter_mut().for_each(|m| m.value *= 1e300)),
    ("multipliers are of the next cut", |c, _| {
        let cuts = c.cuts() as u32;
        c.multipliers.iter_mut().for_each(|m| m.cut = (m.cut + 1) % cuts);
    }),
    ("a cut is out of range", |c, _| c.multipliers[0].cut = c.cuts() as u32),
    ("a cut is far out of range", |c, _| c.multipliers[0].cut = u32::MAX),
    ("proofs are empty", |c, _| {
        c.multipliers.clear();
        c.starts.iter_mut().for_each(|s| *s = 0);
    }),
    ("proofs are in another order", |c, _| {
        let last = c.starts.len() as u32 - 2;
        c.items.iter_mut().for_each(|item| {
            if let Item::Leaf(proof) = item {
                *proof = last - *proof;
            }
        });
    }),
    ("a proof is out of range", |c, _| {
        let (at, proofs) = (c.items.len() - 1, c.starts.len() as u32 - 1);
        c.items[at] = Item::Leaf(proofs);
    }),
    ("starts go down", |c, _| {
        let end = c.multipliers.len();
        c.starts[1] = end + 1;
    }),
    ("starts end early", |c, _| *c.starts.last_mut().unwrap() -= 1),
    ("starts begin late", |c, _| c.starts[0] = 1),
    ("there are no starts", |c, _| c.starts.clear()),
    ("a potential is not a number", |c, _| c.potentials[0] = f64::NAN),
    ("a potential is infinite", |c, _| c.potentials[3] = f64::NEG_INFINITY),
    ("potentials are zero", |c, _| c.potentials.fill(0.0)),
    ("potentials are so large that costs are lost beside them", |c, case| {
        // every h would be 0, and with it the root box
        c.potentials.fill(1e300);
        one_box(c);
        c.lower_bound = case.found.0 + 10.0 * case.found.2;
    }),
    ("potentials are so large that their sums overflow", |c, case| {
        c.potentials
            .iter_mut()
            .enumerate()
            .for_each(|(k, v)| *v = if k % 2 == 0 { 1.7e308 } else { -1.7e308 });
        one_box(c);
        c.lower_bound = case.found.0 + 10.0 * case.found.2;
    }),
    ("potentials are large", |c, case| {
        c.potentials.iter_mut().for_each(|v| *v += 1e12);
        c.lower_bound = case.found.1 + 3.0 * case.found.2;
    }),
    ("a potential is missing", |c, _| c.potentials.truncate(c.potentials.len() - 1)),
    ("a cut has no potentials", |c, _| c.potentials.truncate(c.potentials.len() - c.points.1)),
    ("a direction is missing", |c, _| c.directions.truncate(c.directions.len() - 1)),
    ("directions are doubled", |c, _| {
        let root = 2 * dim(c) * dim(c);
        c.directions[root..].iter_mut().for_each(|a| *a *= 2.0);
    }),
    ("directions are halved", |c, _| {
        let root = 2 * dim(c) * dim(c);
        c.directions[root..].iter_mut().for_each(|a| *a *= 0.5);
    }),
    ("a direction overflows", |c, case| {
        let root = 2 * dim(c) * dim(c);
        let at = c.directions.len() - dim(c);
        assert!(at >= root);
        c.directions[at..]
            .iter_mut()
            .enumerate()
            .for_each(|(k, a)| *a = if k % 2 == 0 { 1e308 } else { -1e308 });
        let cut = c.cuts() as u32 - 1;
        one_box(c);
        (c.starts, c.multipliers) = (vec![0, 1], vec![Multiplier { cut, value: 1e-300 }]);
        c.lower_bound = case.found.0 + 10.0 * case.found.2;
    }),
    ("a cut of the root box is shorter", |c, _| c.directions[0] = 0.999),
    ("a cut of the root box is turned", |c, _| c.directions.swap(0, 1)),
    ("there are no cuts", |c, _| {
        c.directions.clear();
        c.potentials.clear();
    }),
    ("the tree is empty", |c, _| c.items.clear()),
    ("the tree has a cycle", |c, _| each_split(c, |_, _, _, first| *first = 0)),
    ("an item is its own part", |c, _| each_split(c, |k, _, _, first| *first = k as u32)),
    ("two items share their parts", |c, _| {
        let last = c.items.len() as u32 - 2;
        each_split(c, |_, _, _, first| *first = last);
        let (at, item) = split(c);
        c.items[last as usize - 1] = item;
        c.items[at] = Item::Split { coordinate: 0, value: 0.0, first: last - 1 };
    }),
    ("parts are out of range", |c, _| {
        let len = c.items.len() as u32;
        each_split(c, |_, _, _, first| *first = len - 1);
    }),
    ("parts are far out of range", |c, _| each_split(c, |_, _, _, first| *first = u32::MAX)),
    ("a split is of no coordinate", |c, _| {
        let dim = dim(c) as u32;
        each_split(c, |_, coordinate, _, _| *coordinate = dim);
    }),
    ("a split is nowhere", |c, _| each_split(c, |_, _, value, _| *value = f64::NAN)),
    ("splits are moved", |c, _| each_split(c, |_, _, value, _| *value += 0.1)),
    ("splits are of another coordinate", |c, _| {
        let dim = dim(c) as u32;
        each_split(c, |_, coordinate, _, _| *coordinate = (*coordinate + 1) % dim);
    }),
    ("axes are not orthogonal", |c, _| c.axes.0[0] += 1e-9),
    ("an axis is not a number", |c, _| c.axes.1[0] = f64::NAN),
    ("axes are exchanged", |c, _| {
        let d = c.dims.0;
        c.axes.0.chunks_exact_mut(d).for_each(|row| row.swap(0, 1));
    }),
    ("the unit is zero", |c, _| c.unit = 0.0),
    ("the unit is doubled", |c, _| c.unit *= 2.0),
    ("the unit is huge", |c, _| c.unit *= 1e75),
    ("the means stay", |c, _| {
        c.center = !c.center;
    }),
    ("there is no plan", |c, _| c.plan.clear()),
    ("a mass goes elsewhere", |c, _| c.plan[0].1 = (c.plan[0].1 + 1) % c.points.1),
];

/// Two huge multipliers of one cut make the gradient of a proof infinite and its bound −∞: that proves nothing.
#[test]
fn proofs_that_overflow_are_refused() {
    for case in cases() {
        let mut forged = case.good.clone();
        for sign in 0..2 {
            let huge = Multiplier { cut: sign, value: f64::MAX };
            forged.multipliers.extend([huge, huge]);
            forged.starts.push(forged.multipliers.len());
        }
        let all = forged.starts.len() as u32 - 3;
        // the half of the root box above a small value of the first coordinate, and the half below
        forged.items =
            vec![Item::Split { coordinate: 0, value: 1e-3, first: 1 }, Item::Leaf(all), Item::Leaf(all + 1)];
        for proofs in [[all, all + 1], [all + 1, all], [all; 2], [all + 1; 2]] {
            (forged.items[1], forged.items[2]) = (Item::Leaf(proofs[0]), Item::Leaf(proofs[1]));
            forged.lower_bound = 0.999 * forged.squared;
            let verdict = verify(&forged, &case.mu, &case.nu).unwrap();
            assert!(!verdict.accepted() && !verdict.certified, "{verdict:?}");
        }
    }
}

#[test]
fn certificates_that_claim_too_much_are_refused() {
    for (k, case) in cases().iter().enumerate() {
        for (name, change) in CHANGES {
            let mut certificate = case.good.clone();
            change(&mut certificate, case);
            match verify(&certificate, &case.mu, &case.nu) {
                Ok(verdict) => assert!(verdict.fault.is_some(), "case {k}: {name}, and it is accepted"),
                Err(e) => panic!("case {k}: {name}: {e}"),
            }
        }
    }
}

#[test]
fn plans_of_another_pairing_are_refused() {
    for case in cases() {
        type Change = (&'static str, fn(&mut Certificate));
        let changes: [Change; 6] = [
            ("a negative mass", |c| {
                let (i, j, mass) = c.plan[0];
                c.plan.extend([(i, j, 2.0 * mass), (i, j, -2.0 * mass)]);
            }),
            ("a mass that is no number", |c| c.plan[0].2 = f64::NAN),
            ("a row that is none", |c| c.plan[0].0 = c.points.0),
            ("a column that is none", |c| c.plan[0].1 = usize::MAX),
            ("the plan that pairs all with all", |c| c.plan.clear()),
            ("an exchange of mass", |c| {
                // both marginals stay
                let (a, b) =
                    (c.plan[0], *c.plan.iter().find(|e| e.0 != c.plan[0].0 && e.1 != c.plan[0].1).unwrap());
                let mass = a.2.min(b.2) / 2.0;
                c.plan.iter_mut().filter(|e| **e == a || **e == b).for_each(|e| e.2 -= mass);
                c.plan.extend([(a.0, b.1, mass), (b.0, a.1, mass)]);
            }),
        ];
        for (name, change) in changes {
            let mut certificate = case.good.clone();
            change(&mut certificate);
            if name.ends_with("all") {
                let (a, b) = (case.mu.weights(), case.nu.weights());
                let all = a
                    .iter()
                    .enumerate()
                    .flat_map(|(i, a)| b.iter().enumerate().map(move |(j, b)| (i, j, a * b)));
                certificate.plan = all.collect();
            }
            assert!(!case.accepts(&certificate), "{name}");
        }
    }
}

#[test]
fn certificates_of_other_clouds_are_errors() {
    let [equal, unequal] = cases();
    assert!(verify(&equal.good, &equal.nu, &equal.mu).is_err());
    assert!(verify(&equal.good, &unequal.mu, &unequal.nu).is_err());
    for change in [|c: &mut Certificate| c.points.0 += 1, |c: &mut Certificate| c.dims.1 = usize::MAX] {
        let mut certificate = equal.good.clone();
        change(&mut certificate);
        assert!(verify(&certificate, &equal.mu, &equal.nu).is_err());
    }
    // clouds of the same sizes are another matter: the proof does not hold for them
    let moved = equal.mu.with_points(equal.mu.points().iter().map(|x| x + 0.01).collect()).unwrap();
    assert!(verify(&equal.good, &moved, &equal.nu).unwrap().fault.is_some());
}

#[test]
fn a_plan_must_move_the_small_masses_that_are_far_out() {
    // an atom of 1e-13 at 1e7 has most of the second moment, and a tolerance for masses would pass over it
    let weights = vec![0.5, 0.5 - 1e-13, 1e-13];
    let mu = Measure::weighted(vec![1.0, 0.0, 0.0, 1.0, 1e7, 1e7], 2, weights).unwrap();
    let nu = Measure::uniform(vec![1.0, -1.0], 1).unwrap();
    let limit = Some(Duration::from_secs(1));
    let options = Global { certificate: true, time_limit: limit, ..Global::default() };
    let mut certificate = options.solve(&mu, &nu, &mut ()).unwrap().certificate.unwrap();
    certificate.plan.retain(|e| e.0 != 2);
    let verdict = verify(&certificate, &mu, &nu).unwrap();
    assert!(verdict.fault.is_some_and(|fault| fault.contains("far out")));
}

#[test]
fn a_unit_in_which_the_clouds_vanish_is_refused() {
    let mut s = Source::new(92, 0);
    let mut cloud = |n: usize| Measure::uniform((0..2 * n).map(|_| 1e-10 * s.normal()).collect(), 2).unwrap();
    let (mu, nu) = (cloud(6), cloud(6));
    let sol = Global { certificate: true, ..Global::default() }.solve(&mu, &nu, &mut ()).unwrap();
    assert!(sol.squared > 1e-50);
    let mut certificate = sol.certificate.unwrap();
    (certificate.unit, certificate.squared, certificate.lower_bound) = (1e77, 0.0, 0.0);
    assert!(verify(&certificate, &mu, &nu).unwrap().fault.is_some());
}

/// A number near another, or one that nobody expects.
fn number(s: &mut Source, old: f64) -> f64 {
    match s.below(9) {
        0 => old * (1.0 + 1e-3 * s.normal()),
        1 => old + 0.1 * s.normal(),
        2 => -old,
        3 => 0.0,
        4 => old * s.normal().exp(),
        5 => s.normal() * 10f64.powi(s.below(600) as i32 - 300),
        6 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE][s.below(5)],
        7 => f64::from_bits(old.to_bits() ^ (1 << s.below(64))),
        _ => s.normal(),
    }
}

fn count(s: &mut Source, old: usize, most: usize) -> usize {
    [old + 1, old.saturating_sub(1), s.below(most + 2), 0, u32::MAX as usize][s.below(5)]
}

/// One random change, anywhere.
fn mutate(s: &mut Source, c: &mut Certificate) {
    let at = |s: &mut Source, len: usize| s.below(len.max(1));
    let (items, cuts, proofs) = (c.items.len(), c.cuts(), c.starts.len());
    match s.below(14) {
        0 => c.lower_bound = number(s, c.lower_bound),
        1 => c.squared = number(s, c.squared),
        2 => c.unit = number(s, c.unit),
        3 => {
            let axes = if s.below(2) == 0 { &mut c.axes.0 } else { &mut c.axes.1 };
            let k = at(s, axes.len());
            axes[k] = number(s, axes[k]);
        }
        4 => {
            let k = at(s, c.directions.len());
            c.directions[k] = number(s, c.directions[k]);
        }
        5 => {
            let k = at(s, c.potentials.len());
            c.potentials[k] = number(s, c.potentials[k]);
        }
        6 => {
            // all potentials of a cut
            let (k, m) = (at(s, cuts), c.points.1);
            let shift = number(s, 0.0);
            c.potentials[k * m..][..m].iter_mut().for_each(|v| *v += shift);
        }
        7 => {
            let k = at(s, c.multipliers.len());
            c.multipliers[k].value = number(s, c.multipliers[k].value);
        }
        8 => {
            let k = at(s, c.multipliers.len());
            c.multipliers[k].cut = count(s, c.multipliers[k].cut as usize, cuts) as u32;
        }
        9 => {
            let k = at(s, proofs);
            c.starts[k] = count(s, c.starts[k], c.multipliers.len());
        }
        10 => {
            let k = at(s, items);
            c.items[k] = match c.items[k] {
                Item::Leaf(proof) => Item::Leaf(count(s, proof as usize, proofs) as u32),
                Item::Split { coordinate, value, first } => match s.below(3) {
                    0 => Item::Split { coordinate: s.below(9) as u32, value, first },
                    1 => Item::Split { coordinate, value: number(s, value), first },
                    _ => Item::Split { coordinate, value, first: count(s, first as usize, items) as u32 },
                },
            };
        }
        11 => {
            let k = at(s, items);
            c.items[k] = Item::Leaf(s.below(proofs) as u32);
        }
        12 => {
            let k = at(s, c.plan.len());
            let (i, j, mass) = c.plan[k];
            c.plan[k] = match s.below(3) {
                0 => (count(s, i, c.points.0), j, mass),
                1 => (i, count(s, j, c.points.1), mass),
                _ => (i, j, number(s, mass)),
            };
        }
        _ => c.center = !c.center,
    }
}

#[test]
fn no_random_change_proves_what_is_false() {
    let mut s = Source::new(93, 0);
    for case in cases() {
        let (squared, lower, rounding) = case.found;
        let (mut accepted, mut weakened) = (0, 0);
        for _ in 0..2000 {
            let mut certificate = case.good.clone();
            for _ in 0..1 + s.below(3) {
                mutate(&mut s, &mut certificate);
            }
            let Ok(verdict) = verify(&certificate, &case.mu, &case.nu) else { continue };
            // what is proved is true, whatever is claimed
            assert!(
                verdict.lower_bound.is_nan()
                    || verdict.lower_bound <= squared + rounding
                    || verdict.fault.is_some()
            );
            weakened += usize::from(verdict.lower_bound < lower - rounding);
            if verdict.accepted() {
                accepted += 1;
                let center = certificate.center == case.good.center;
                assert!(certificate.lower_bound <= squared + 2.0 * rounding, "{:e}", certificate.lower_bound);
                assert!(certificate.squared >= lower - 2.0 * rounding && center, "{:e}", certificate.squared);
            }
        }
        println!("of 2000 changed certificates {accepted} are accepted, {weakened} prove less");
        assert!(accepted > 0 && weakened > 0);
    }
}

/// The arrays of a certificate, from the page of the format.
type Arrays = Vec<(&'static str, Vec<usize>, Vec<f64>)>;

fn arrays(c: &Certificate) -> Arrays {
    let ((n, m), (p, q), cuts) = (c.points, c.dims, c.cuts());
    let items = c.items.iter().flat_map(|item| match *item {
        Item::Leaf(proof) => [-1.0, 0.0, f64::from(proof)],
        Item::Split { coordinate, value, first } => [f64::from(coordinate), value, f64::from(first)],
    });
    let used = c.multipliers.len();
    vec![
        ("certificate_format", vec![1], vec![1.0]),
        ("sizes", vec![4], [n, m, p, q].map(|k| k as f64).to_vec()),
        ("claims", vec![3], vec![c.squared, c.lower_bound, c.tol]),
        ("frame", vec![2], vec![c.unit, f64::from(u8::from(c.center))]),
        ("axes_x", vec![p, p], c.axes.0.clone()),
        ("axes_y", vec![q, q], c.axes.1.clone()),
        ("directions", vec![cuts, p * q], c.directions.clone()),
        ("potentials", vec![cuts, m], c.potentials.clone()),
        ("items", vec![c.items.len(), 3], items.collect()),
        ("proof_starts", vec![c.starts.len()], c.starts.iter().map(|s| *s as f64).collect()),
        ("proof_cuts", vec![used], c.multipliers.iter().map(|m| f64::from(m.cut)).collect()),
        ("proof_multipliers", vec![used], c.multipliers.iter().map(|m| m.value).collect()),
        ("plan", vec![c.plan.len(), 3], c.plan.iter().flat_map(|e| [e.0 as f64, e.1 as f64, e.2]).collect()),
    ]
}

fn read(path: &Path) -> gromov::Result<Certificate> {
    io::read_certificate(path, &ReadOptions::default())
}

#[test]
fn a_certificate_read_back_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("proof.npz");
    for case in cases() {
        io::write_certificate(&path, &case.good, "a test").unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back, case.good);
        assert!(case.accepts(&back));
    }
}

#[test]
fn damaged_files_of_certificates_are_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("proof.npz");
    let good = &cases()[1].good;
    let write = |change: &dyn Fn(&mut Arrays)| {
        let mut arrays = arrays(good);
        change(&mut arrays);
        let members: Vec<Member<'_>> =
            arrays.iter().map(|(name, shape, data)| Member { name, shape, data: Data::F64(data) }).collect();
        io::write_npz(&path, &members).unwrap();
        read(&path)
    };
    assert_eq!(write(&|_| ()).unwrap(), *good);
    let refused = |change: &dyn Fn(&mut Arrays), words: &[&str]| {
        let text = write(change).unwrap_err().to_string();
        assert!(!text.contains('\n') && words.iter().all(|w| text.contains(w)), "{text}");
    };
    for k in 0..13 {
        let name = arrays(good)[k].0;
        refused(&|a| drop(a.remove(k)), &[name]);
        refused(&|a| a[k].1 = [&a[k].1[..], &[1]].concat(), &[name]);
    }
    refused(&|a| a[0].2[0] = 2.0, &["format 2"]);
    for name in ["sizes", "items", "proof_starts", "proof_cuts", "plan"] {
        for value in [0.5, -2.0, f64::NAN, 1e300] {
            let set = |a: &mut Arrays| {
                let array = a.iter_mut().find(|a| a.0 == name).unwrap();
                array.2[0] = value;
            };
            refused(&set, &[name]);
        }
    }
    refused(
        &|a| {
            a[10].1[0] -= 1;
            a[10].2.pop();
        },
        &["proof_cuts"],
    );
    // a file that ends early
    io::write_certificate(&path, good, "a test").unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for len in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
    }
}
