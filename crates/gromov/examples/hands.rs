//! Is it the solver or the criterion? Hands of 22 joints: the certified IGW optimum beside the anatomical pairing, and
//! what inner products and bones do along paths of that pairing.
//!
//! `cargo run -p gromov --example hands`
//!
//! IGW plans are transport plans after the best linear map: they know no joints. Where the optimum, with a proof, pairs
//! joints otherwise than anatomy does, it is the criterion that says so and not a search that stopped early.

use gromov::geodesic::Kind;
use gromov::igw::Global;
use gromov::ot::Plan;
use gromov::{Error, Geodesic, Measure, Path, Result};

/// Joints of a hand.
pub const JOINTS: usize = 22;
/// Bones, as pairs of joints: wrist and palm, the thumb, four fingers.
const BONES: [(usize, usize); 21] = [
    (0, 1),
    (0, 2),
    (2, 3),
    (3, 4),
    (4, 5),
    (1, 6),
    (6, 7),
    (7, 8),
    (8, 9),
    (1, 10),
    (10, 11),
    (11, 12),
    (12, 13),
    (1, 14),
    (14, 15),
    (15, 16),
    (16, 17),
    (1, 18),
    (18, 19),
    (19, 20),
    (20, 21),
];
/// Relative gap at which an optimum counts as proved.
const GAP: f64 = 1e-6;
/// First hand of the second class, "Expand"; the first class is "Grab".
const EXPAND: usize = 26;
/// Pairs of each kind that are solved.
const EACH: usize = 8;
/// The first two pairs of each kind, shown one by one.
pub const PAIRS: [(usize, usize); 6] = [(0, 1), (2, 3), (26, 27), (28, 29), (0, 26), (1, 27)];

/// Hands, (22, 3) each, centred, and their classes.
pub fn hands() -> Result<Vec<(u8, Measure)>> {
    let broken = || Error::User("the table of hands is damaged".into());
    let hand = |line: &str| -> Result<(u8, Measure)> {
        let (class, rest) = line.split_once(',').ok_or_else(broken)?;
        let points: Result<Vec<f64>> = rest.split(',').map(|x| x.parse().map_err(|_| broken())).collect();
        Ok((class.parse().map_err(|_| broken())?, Measure::uniform(points?, 3)?.centred()))
    };
    include_str!("../assets/hands.csv").lines().skip(1).map(hand).collect()
}

/// The optimum of a pair beside its anatomical pairing.
#[derive(Debug)]
pub struct Optimum {
    /// IGW² of the optimum.
    pub squared: f64,
    /// Its proved lower bound.
    pub lower_bound: f64,
    /// The gap is closed to the tolerance.
    pub certified: bool,
    /// IGW² of the anatomical pairing.
    pub anatomical: f64,
    /// Joints that the optimum pairs as anatomy does.
    pub right: f64,
    /// The map found mirrors: the optimum, the anatomical pairing.
    pub reflected: (bool, bool),
}

/// Solves a pair to a proved gap.
pub fn optimum(x: &Measure, y: &Measure) -> Result<Optimum> {
    let sol = Global { tol: GAP, ..Global::default() }.solve(x, y, &mut ())?;
    let anatomy = Geodesic { kind: Kind::Lifted, ..Geodesic::default() };
    let anatomy = anatomy.solve(x, y, &Plan::identity(x.weights()), &mut ())?;
    let right: f64 = sol.plan.entries().filter(|e| e.0 == e.1).map(|e| e.2).sum();
    Ok(Optimum {
        squared: sol.squared,
        lower_bound: sol.lower_bound,
        certified: sol.certified,
        anatomical: anatomy.squared,
        right: right * JOINTS as f64 + 0.0,
        reflected: (sol.reflected == Some(true), anatomy.reflected == Some(true)),
    })
}

/// What a path of the anatomical pairing does, largest over time and relative.
#[derive(Debug)]
pub struct Along {
    /// Which path.
    pub name: &'static str,
    /// Error of inner products.
    pub gram: f64,
    /// Error of the distances of all pairs of joints, root mean square.
    pub distances: f64,
    /// Error of the worst bone against its interpolated length.
    pub bones: f64,
    /// Length of the path over IGW of the pairing.
    pub length: f64,
}

/// Four paths of the anatomical pairing.
pub fn paths(x: &Measure, y: &Measure) -> Result<Vec<Along>> {
    let solve = |kind: Kind, dim: Option<usize>, y: &Measure| {
        let options = Geodesic { kind, dim, ..Geodesic::default() };
        options.solve(x, y, &Plan::identity(x.weights()), &mut ())
    };
    let lifted = solve(Kind::Lifted, None, y)?;
    // R y, by the polar factor of ∫ x yᵀ
    let aligned = y.linear_image(&lifted.rotation, 3)?;
    Ok(vec![
        along("straight after alignment", &solve(Kind::Mccann, None, &aligned)?)?,
        along("intrinsic geodesic", &solve(Kind::Intrinsic, None, y)?)?,
        along("lifted, in R³", &lifted)?,
        along("lifted, in R⁶", &solve(Kind::Lifted, Some(6), y)?)?,
    ])
}

fn along(name: &'static str, path: &Path) -> Result<Along> {
    let times: Vec<f64> = (0..=20).map(|k| f64::from(k) / 20.0).collect();
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let errors = path.errors(&times)?;
    let bone = |frame: &[f64], (i, j): (usize, usize)| -> f64 {
        let (a, b) = (&frame[i * path.dim..][..path.dim], &frame[j * path.dim..][..path.dim]);
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    };
    let (start, end) = (path.at(0.0)?, path.at(1.0)?);
    let mut bones = 0.0_f64;
    for t in &times {
        let frame = path.at(*t)?;
        for pair in BONES {
            let aim = (1.0 - t) * bone(&start, pair) + t * bone(&end, pair);
            bones = bones.max((bone(&frame, pair) / aim - 1.0).abs());
        }
    }
    let length = path.length / path.squared.sqrt();
    Ok(Along { name, gram: most(&errors.gram), distances: most(&errors.distances), bones, length })
}

#[allow(dead_code)]
fn main() -> Result<()> {
    let hands = hands()?;
    println!("{} hands of {JOINTS} joints, centred; IGW² in 1e-9 m⁴", hands.len());
    println!("pair      optimum  relative gap  anatomical  optimum/anatomical  joints as anatomy  mirrored");
    for (i, j) in PAIRS {
        let ((a, x), (b, y)) = (&hands[i], &hands[j]);
        let o = optimum(x, y)?;
        println!(
            "{i:2} {j:2} {a}{b} {:10.4} {:13.1e} {:11.4} {:19.3} {:11.0} of {JOINTS}  {} {}",
            1e9 * o.squared,
            (o.squared - o.lower_bound) / o.squared,
            1e9 * o.anatomical,
            o.squared / o.anatomical,
            o.right,
            o.reflected.0,
            o.reflected.1
        );
        // equal where the optimum is the anatomical pairing
        assert!(o.certified && o.squared <= o.anatomical * (1.0 + 1e-12), "{o:?}");
    }
    medians(&hands)?;
    println!("along the anatomical pairing, largest errors in percent:");
    println!("pair   path                      inner products  distances  worst bone  length/IGW");
    for (i, j) in PAIRS {
        for p in paths(&hands[i].1, &hands[j].1)? {
            println!(
                "{i:2} {j:2}  {:25} {:14.2} {:10.2} {:11.2} {:11.5}",
                p.name,
                100.0 * p.gram,
                100.0 * p.distances,
                100.0 * p.bones,
                p.length
            );
        }
    }
    Ok(())
}

/// The same numbers for more pairs of each kind.
#[allow(dead_code)]
fn medians(hands: &[(u8, Measure)]) -> Result<()> {
    type Pairs = fn(usize) -> (usize, usize);
    let kinds: [(&str, Pairs); 3] = [
        ("Grab", |k| (2 * k, 2 * k + 1)),
        ("Expand", |k| (EXPAND + 2 * k, EXPAND + 2 * k + 1)),
        ("across", |k| (k, EXPAND + k)),
    ];
    for (name, pair) in kinds {
        let solve = |k: usize| {
            let (i, j) = pair(k);
            optimum(&hands[i].1, &hands[j].1)
        };
        let all = (0..EACH).map(solve).collect::<Result<Vec<_>>>()?;
        let median = |f: fn(&Optimum) -> f64| {
            let mut values: Vec<f64> = all.iter().map(f).collect();
            values.sort_by(f64::total_cmp);
            0.5 * (values[(EACH - 1) / 2] + values[EACH / 2])
        };
        println!(
            "{EACH} pairs, {name}: median of optimum/anatomical {:.3}, of joints as anatomy {:.1} of {JOINTS}; {} certified",
            median(|o| o.squared / o.anatomical),
            median(|o| o.right),
            all.iter().filter(|o| o.certified).count()
        );
    }
    Ok(())
}
