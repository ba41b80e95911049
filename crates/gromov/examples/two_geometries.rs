//! One energy, two geometries: IGW and W2 flows of the same F from the same cloud, compared at equal energy.
//!
//! `cargo run -p gromov --example two_geometries [POINTS]`
//!
//! Five clouds (silhouettes of a horse and of two cells, the bunny, a cow), four energies (an anisotropic quadratic valley, a
//! double well, an interaction of pairs, the energy distance to another cloud), no net rotation under IGW. Times of the two
//! flows have different units, so they are compared where each has lost the same share of the energy that both lose:
//! inner products and pair distances changed since the start, and the condition number of the second moment.
//!
//! For a valley along the axes of the cloud both flows are known in closed form: l_i − q_i t / 2 under IGW, which ends where
//! an eigenvalue of Σ is zero, and l_i exp(−2 q_i t) under W2, which never does.

#[path = "shared/mod.rs"]
mod shared;

use gromov::energy::{DoubleWell, EnergyDistance, Interaction, Quadratic};
use gromov::flow::{Metric, Rotation, Scheme};
use gromov::report::flow::Curves;
use gromov::report::{Chart, Cloud, Frames, Page, Player, Section, Series, Table, number};
use gromov::{Energy, Flow, Measure, Result, Status, Trajectory};
use shared::series;

/// Steps of each flow.
const STEPS: usize = 120;
/// Step in a valley under IGW.
const VALLEY_STEP: f64 = 0.0125;
/// Eigenvalues of the valley, softest first, and its turn against the coordinates in degrees.
const VALLEY: ([f64; 3], f64) = ([0.02, 0.2, 1.0], 30.0);
/// Shares of the common loss of energy at which the two are compared.
const EARLY: f64 = 0.02;
const HALF: f64 = 0.5;
/// Frames of a player.
const FRAMES: usize = 21;

/// One flow and what is measured along it.
struct Side {
    run: Trajectory,
    curves: Curves,
    condition: Vec<f64>,
}

/// The two flows of one energy from one cloud.
struct Pair {
    cloud: &'static str,
    energy: &'static str,
    igw: Side,
    w2: Side,
    target: Option<Measure>,
}

/// Numbers of one side at one energy.
#[derive(Debug, Clone, Copy)]
struct At {
    gram: f64,
    distances: f64,
    condition: f64,
}

impl Side {
    /// Implicit steps; Runge-Kutta for the energy distance, whose kinks cost an implicit solver much time.
    fn new(rho: &Measure, energy: &mut dyn Energy, metric: Metric) -> Result<Self> {
        let scheme = if energy.name() == "energy-distance" { Scheme::Rk4 } else { Scheme::Implicit };
        // the default step would meet the end of a valley in a few steps
        let step = (energy.name() == "quadratic" && metric == Metric::Igw).then_some(VALLEY_STEP);
        let flow =
            Flow { metric, scheme, rotation: Rotation::Fixed, step, steps: Some(STEPS), ..Flow::default() };
        let run = flow.solve(rho, energy, &mut ())?;
        let curves = Curves::new(&run)?;
        let condition = shared::conditions(&run, &curves);
        Ok(Side { run, curves, condition })
    }

    fn lowest(&self) -> f64 {
        self.run.energies.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn at(&self, level: f64) -> At {
        let read = |curve: &[f64]| Curves::at_energy(&self.run, curve, level).unwrap_or(f64::NAN);
        At {
            gram: read(&self.curves.gram),
            distances: read(&self.curves.distances),
            condition: read(&self.condition),
        }
    }
}

impl Pair {
    fn new(
        cloud: &'static str,
        energy: &'static str,
        rho: &Measure,
        f: &mut dyn Energy,
        target: Option<Measure>,
    ) -> Result<Self> {
        let (igw, w2) = (Side::new(rho, f, Metric::Igw)?, Side::new(rho, f, Metric::W2)?);
        assert!(igw.run.energy_rises() + w2.run.energy_rises() == 0, "{cloud}, {energy}: F rose");
        Ok(Pair { cloud, energy, igw, w2, target })
    }

    fn sides(&self) -> [(&'static str, &Side); 2] {
        [("IGW", &self.igw), ("W2", &self.w2)]
    }

    /// F after a share of what both flows lose.
    fn level(&self, share: f64) -> f64 {
        let first = self.igw.run.energies[0];
        first - share * (first - self.igw.lowest().max(self.w2.lowest()))
    }

    /// The share at F.
    fn share(&self, energy: f64) -> f64 {
        (self.level(0.0) - energy) / (self.level(0.0) - self.level(1.0))
    }

    fn at(&self, share: f64) -> [At; 2] {
        [&self.igw, &self.w2].map(|s| s.at(self.level(share)))
    }
}

/// The valley in d dimensions, turned; its stiffest direction is the last axis before the turn.
fn valley(d: usize) -> Result<Quadratic> {
    let (r, q) = (shared::turn(VALLEY.1, d), stiffness(d));
    let entry = |i: usize, j: usize| (0..d).map(|k| r[i * d + k] * q[k] * r[j * d + k]).sum();
    Quadratic::new(None, Some((0..d * d).map(|k| entry(k / d, k % d)).collect()))
}

/// The softest eigenvalues in front, the stiffest last.
fn stiffness(d: usize) -> Vec<f64> {
    if d == 2 { vec![VALLEY.0[0], VALLEY.0[2]] } else { VALLEY.0.to_vec() }
}

fn pairs(n: usize) -> Result<Vec<Pair>> {
    let (horse, bunny) = (shared::horse(n, 1)?, shared::bunny(n, 1)?);
    let (star, fork) = (shared::cell(shared::STAR, n, 1)?, shared::cell(shared::FORK, n, 1)?);
    let spot = shared::spot(n, 1)?;
    let clouds = [
        ("horse", &horse, &fork),
        ("star cell", &star, &horse),
        ("forked cell", &fork, &star),
        ("bunny", &bunny, &spot),
        ("cow", &spot, &bunny),
    ];
    let mut out = Vec::new();
    for (name, rho, other) in clouds {
        let target = shared::turned(other, 60.0)?;
        out.push(Pair::new(name, "valley", rho, &mut valley(rho.dim())?, None)?);
        out.push(Pair::new(name, "double well", rho, &mut DoubleWell, None)?);
        out.push(Pair::new(name, "interaction", rho, &mut Interaction::new(4.0, 2.0)?, None)?);
        let mut distance = EnergyDistance::new(target.clone());
        out.push(Pair::new(name, "energy distance", rho, &mut distance, Some(target))?);
    }
    Ok(out)
}

/// The same valley along the axes of the cloud, softest along the longest: both flows step by step against closed forms.
fn check_closed_form(rho: &Measure) -> Result<f64> {
    let (moment, l) = (rho.second_moment(), rho.spectrum()?);
    let axis = 0.5 * (2.0 * moment[1]).atan2(moment[0] - moment[3]).to_degrees();
    let (upright, q) = (shared::turned(rho, -axis)?, stiffness(2));
    let mut energy = Quadratic::new(None, Some(vec![q[0], 0.0, 0.0, q[1]]))?;
    let (igw, w2) =
        (Side::new(&upright, &mut energy, Metric::Igw)?, Side::new(&upright, &mut energy, Metric::W2)?);
    let (end, mut worst) = (2.0 * l[1] / q[1], 0.0_f64);
    for (k, t) in igw.run.times.iter().enumerate().filter(|(_, t)| **t <= end) {
        for i in 0..2 {
            worst = worst.max((igw.curves.spectrum[2 * k + i] - (l[i] - 0.5 * q[i] * t)).abs());
        }
    }
    for k in 0..w2.run.frames() {
        for i in 0..2 {
            // the implicit step divides x by 1 + τ q
            let exact = l[i] / (1.0 + w2.run.step * q[i]).powi(2 * k as i32);
            worst = worst.max((w2.curves.spectrum[2 * k + i] - exact).abs());
        }
    }
    let last = igw.run.times[igw.run.frames() - 1];
    println!(
        "valley along the axes: eigenvalues to {worst:.1e}; IGW ends at {last:.4}, Σ is singular at {end:.4}"
    );
    assert!(worst < 1e-6 && igw.run.status != Status::Completed && w2.run.status == Status::Completed);
    // the step that meets the singular Σ is the last one: a minimiser of rank one
    assert!(last > end - igw.run.step && last <= end + igw.run.step, "{last} {end}");
    Ok(end)
}

/// A cloud at equal shares of the common loss, linear between frames, with F and t as captions.
fn frames(pair: &Pair, run: &Trajectory) -> Frames {
    let mut out = Frames::default();
    for k in 0..FRAMES {
        let share = k as f64 / (FRAMES - 1) as f64;
        let level = pair.level(share);
        let f = run.energies.iter().position(|e| *e <= level).unwrap_or(run.frames() - 1).max(1);
        let (high, low) = (run.energies[f - 1], run.energies[f]);
        let s = if high > low { ((high - level) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
        let mix = |a: f64, b: f64| a + s * (b - a);
        out.times.push(share);
        out.points.extend(run.frame(f - 1).iter().zip(run.frame(f)).map(|(a, b)| mix(*a, *b)));
        let time = mix(run.times[f - 1], run.times[f]);
        out.captions.push(format!("F = {}, t = {}", number(level, 3), number(time, 3)));
    }
    out
}

/// Curves against the share of the common loss.
fn charts(pair: &Pair) -> Vec<Chart> {
    let against = |side: &Side, curve: &[f64]| -> Vec<(f64, f64)> {
        let all = side.run.energies.iter().map(|e| pair.share(*e)).zip(curve.iter().copied());
        all.filter(|p| p.0 <= 1.0 + 1e-9).collect()
    };
    let chart = |title: &str, y: &str, log_y, series| Chart {
        title: title.into(),
        x_label: "share of the common loss of F".into(),
        y_label: y.into(),
        log_y,
        follows_time: true,
        series,
        ..Chart::default()
    };
    let (mut changes, mut spectra, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    for (color, (name, side)) in pair.sides().into_iter().enumerate() {
        let d = side.run.d;
        let (gram, far) = (against(side, &side.curves.gram), against(side, &side.curves.distances));
        changes.push(series(&format!("{name}: inner products"), color, gram));
        changes.push(Series { dashed: true, ..series(&format!("{name}: pair distances"), color, far) });
        conditions.push(series(name, color, against(side, &side.condition)));
        for k in 0..d {
            let one: Vec<f64> = side.curves.spectrum.chunks_exact(d).map(|l| l[k]).collect();
            spectra.push(series(if k == 0 { name } else { "" }, color, against(side, &one)));
        }
    }
    let mut out = vec![
        chart("Change since the start, at equal energy", "relative change", false, changes),
        chart("Eigenvalues of the second moment Σ", "λ, log scale", true, spectra),
        chart("Condition of Σ", "largest λ / smallest λ, log scale", true, conditions),
    ];
    let torque: Vec<f64> = pair.igw.run.log.iter().map(|s| s.skew).collect();
    if pair.igw.run.skew() > 1e-9 {
        let curve = vec![series("IGW", 0, against(&pair.igw, &torque))];
        out.push(chart("Torque projected away", "|G − Gᵀ| / (2 |G|)", false, curve));
    }
    out
}

fn picture(title: &str, pair: &Pair, text: String) -> Section {
    let backdrop = pair.target.as_ref().map(|t| Cloud { points: t.points().to_vec(), weights: Vec::new() });
    let player = |(color, (name, side)): (usize, (&str, &Side))| Player {
        label: name.into(),
        color: Some(color),
        dim: side.run.d,
        frames: frames(pair, &side.run),
        backdrop: backdrop.clone(),
        ..Player::default()
    };
    Section {
        title: title.into(),
        text: vec![text],
        players: pair.sides().into_iter().enumerate().map(player).collect(),
        time_label: "share of the common loss of F".into(),
        start: Some(HALF),
        charts: charts(pair),
        ..Section::default()
    }
}

fn table(all: &[Pair]) -> Table {
    let head = [
        "cloud",
        "energy",
        "inner products: IGW",
        "W2",
        "pair distances: IGW",
        "W2",
        "condition at the start",
        "IGW",
        "W2",
        "largest torque",
    ];
    let row = |p: &Pair| {
        let [a, b] = p.at(HALF);
        let mut cells = vec![p.cloud.to_string(), p.energy.to_string()];
        cells.extend([a.gram, b.gram, a.distances, b.distances].map(|x| format!("{x:.3}")));
        cells.extend([p.igw.condition[0], a.condition, b.condition].map(|x| format!("{x:.1}")));
        let torque = p.igw.run.skew();
        cells.push(if torque < 1e-9 { "0".into() } else { format!("{torque:.2}") });
        cells
    };
    Table { head: head.map(String::from).to_vec(), rows: all.iter().map(row).collect() }
}

/// What the table comes to, counted.
#[derive(Debug)]
struct Counts {
    /// Of all rows: inner products, pair distances have changed less under IGW, Σ is worse conditioned under IGW.
    gram: usize,
    distances: usize,
    condition: usize,
    /// Of the energies that do not see rotations: rows, inner products less under IGW early on, half way.
    invariant: (usize, usize, usize),
    /// Smallest and largest ratio, IGW to W2, of inner products and of distances.
    ratios: [(f64, f64); 2],
}

fn count(all: &[Pair]) -> Counts {
    let rows: Vec<[At; 2]> = all.iter().map(|p| p.at(HALF)).collect();
    let range = |of: fn(&At) -> f64| {
        let ratios = rows.iter().map(|[a, b]| of(a) / of(b));
        ratios.fold((f64::INFINITY, 0.0_f64), |r, x| (r.0.min(x), r.1.max(x)))
    };
    let blind: Vec<&Pair> = all.iter().filter(|p| p.igw.run.rotation.is_none()).collect();
    let less = |share: f64| blind.iter().filter(|p| p.at(share)[0].gram < p.at(share)[1].gram).count();
    Counts {
        gram: rows.iter().filter(|[a, b]| a.gram < b.gram).count(),
        distances: rows.iter().filter(|[a, b]| a.distances < b.distances).count(),
        condition: rows.iter().filter(|[a, b]| a.condition > b.condition).count(),
        invariant: (blind.len(), less(EARLY), less(HALF)),
        ratios: [range(|a| a.gram), range(|a| a.distances)],
    }
}

fn print(all: &[Pair], c: &Counts) {
    println!(
        "where half of the common loss of F is behind: inner products, pair distances, condition of Σ (IGW W2)"
    );
    for p in all {
        let [a, b] = p.at(HALF);
        println!(
            "{:12} {:16} {:.3} {:.3}   {:.3} {:.3}   {:5.1} {:5.1} (from {:4.1})   torque {:.2}, IGW {}",
            p.cloud,
            p.energy,
            a.gram,
            b.gram,
            a.distances,
            b.distances,
            a.condition,
            b.condition,
            p.igw.condition[0],
            p.igw.run.skew(),
            p.igw.run.status
        );
    }
    println!("{c:.3?}");
}

fn find<'a>(all: &'a [Pair], cloud: &str, energy: &str) -> Result<&'a Pair> {
    let missing = || gromov::Error::User(format!("no pair {cloud}, {energy}"));
    all.iter().find(|p| p.cloud == cloud && p.energy == energy).ok_or_else(missing)
}

fn sections(all: &[Pair], c: &Counts, end: f64) -> Result<Vec<Section>> {
    let (valley, fork, cow) = (
        find(all, "horse", "valley")?,
        find(all, "forked cell", "interaction")?,
        find(all, "cow", "energy distance")?,
    );
    let ([v, w], [f, g], [x, y]) = (valley.at(HALF), fork.at(HALF), cow.at(HALF));
    assert!(f.condition > fork.igw.condition[0] && fork.igw.condition[0] > g.condition);
    let flat = format!(
        "F = ½ ∫ xᵀ Q x, Q with eigenvalues {} and {}, turned by {}° against the cloud. Under IGW the cloud is flat at a finite \
         time: the flow ends there, with {} % of F left and a condition number above 1e6. Under W2 \
         points approach the bottom of the valley exponentially and F goes on falling. Along the axes of the cloud this is a \
         formula, l − q t/2 against l exp(−2 q t), and the end is at t = {end:.4}. Half way down the two are alike (condition \
         {:.1} and {:.1}, from {:.1}): the difference is at the end.",
        VALLEY.0[0],
        VALLEY.0[2],
        VALLEY.1,
        number(100.0 * valley.igw.lowest() / valley.level(0.0), 3),
        v.condition,
        w.condition,
        valley.igw.condition[0]
    );
    let long = format!(
        "½ ∬ |z|⁴/4 − |z|²/2 contracts the cell. Half way IGW has shrunk the short axis most and made the cloud \
         more elongated (condition {:.1}, from {:.1}), W2 less elongated ({:.1}). Inner products have changed {:.3} under IGW and {:.3} \
         under W2, pair distances {:.3} and {:.3}: better in one measure, worse in the other.",
        f.condition, fork.igw.condition[0], g.condition, f.gram, g.gram, f.distances, g.distances
    );
    let alike = format!(
        "The vertices of the cow flow to those of the bunny (grey). The flows look alike: inner products {:.3} and {:.3}, pair \
         distances {:.3} and {:.3}, condition {:.1} and {:.1}. The IGW velocity is the W2 velocity under one \
         linear map plus a linear drift.",
        x.gram, y.gram, x.distances, y.distances, x.condition, y.condition
    );
    let text = vec![format!(
        "Half of the energy that both flows lose is behind. Inner products have changed less under IGW in {} of {} rows (IGW over \
         W2 from {:.2} to {:.2}); pair distances have in {} ({:.2} to {:.2}). Σ is worse conditioned under IGW in {}. IGW changes \
         inner products least at each instant, for energies that do not see rotations: there it leads in all {} rows early \
         on and in {} half way. Where F sees rotations, W2 may turn the cloud, which inner products do not count; IGW \
         here may not.",
        c.gram,
        all.len(),
        c.ratios[0].0,
        c.ratios[0].1,
        c.distances,
        c.ratios[1].0,
        c.ratios[1].1,
        c.condition,
        c.invariant.1,
        c.invariant.2
    )];
    let title = "All clouds and energies, at equal energy".into();
    Ok(vec![
        picture("A valley: IGW flattens the horse in finite time", valley, flat),
        picture("An elongated cell under an interaction: other proportions", fork, long),
        picture("The energy distance between a cow and a bunny: alike", cow, alike),
        Section { title, text, table: Some(table(all)), ..Section::default() },
    ])
}

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(300);
    let end = check_closed_form(&shared::horse(n, 1)?)?;
    let all = pairs(n)?;
    let c = count(&all);
    print(&all, &c);
    // steepest descent: per energy lost, to first order, no motion changes inner products less
    assert!(c.invariant.0 == 10 && c.invariant.1 == 10, "{c:?}");
    // every valley ends under IGW where Σ is singular, and W2 goes below that energy
    let ends = |p: &&Pair| p.igw.run.status != Status::Completed && p.igw.condition.iter().any(|k| *k > 1e6);
    let valleys: Vec<&Pair> = all.iter().filter(|p| p.energy == "valley").collect();
    assert!(valleys.iter().all(|p| ends(p) && p.w2.lowest() < p.igw.lowest()));
    let rows = all.len();
    let page = Page {
        title: format!(
            "At equal energy IGW changes inner products less than W2 in {} of {rows} cases, and pair distances more in {}",
            c.gram,
            rows - c.distances
        ),
        lead: vec![
            "Gradient flows of one energy from one cloud, in both geometries, without net rotation under IGW. The slider is \
             the share of the energy that both flows lose: the two have different units of time."
                .into(),
        ],
        sections: sections(&all, &c, end)?,
        foot: vec![format!(
            "gromov {}. {n} points of rms radius 1, seed 1; implicit steps, Runge-Kutta for the energy distance. Horse: \
             scikit-image, public domain. Cells: geomstats, MIT licence. Bunny: Stanford 3D Scanning Repository, npm package \
             bunny, public domain. Cow: Spot by Keenan Crane, public domain.",
            env!("CARGO_PKG_VERSION")
        )],
    };
    shared::write(&page, "two_geometries.html")
}
