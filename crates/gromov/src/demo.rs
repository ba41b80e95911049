//! The built-in demonstration: two experiments on real clouds, their numbers and their page.
//!
//! 1. *The horse that turns*: a sample of a silhouette flows to an independent sample of it, bent and
//!    turned by 110 degrees, along F = ½ IGW²(·, target) in the IGW geometry and along
//!    F = ½ W2²(·, target) in the W2 geometry.
//! 2. *One energy, two geometries*: the bunny under the same energy distance in both.

use crate::energy::{EnergyDistance, Igw, Wasserstein};
use crate::error::Result;
use crate::flow::{Flow, Metric, Rotation, Trajectory, change};
use crate::igw::Alternating;
use crate::linalg;
use crate::measure::{Measure, sample};
use crate::report::flow::{Curves, Run, section};
use crate::report::{Page, Table};
use crate::solve::Observer;

/// Turn of the target, degrees.
pub const ANGLE: f64 = 110.0;
/// Bend of the target: y ↦ y + BEND x².
const BEND: f64 = 0.25;
/// Step of both flows of the horse. F = ½ D² contracts like exp(−2t) in both geometries, so one step
/// serves both.
const HORSE_STEP: f64 = 0.1;

/// Sizes of the demonstration.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Points of each horse.
    pub horse_points: usize,
    /// Steps of the horse's flows.
    pub horse_steps: usize,
    /// Points of the bunny (1,839 at most).
    pub bunny_points: usize,
    /// Steps of the bunny's flows.
    pub bunny_steps: usize,
    /// Seed of the samples and searches.
    pub seed: u64,
}

impl Demo {
    /// The sizes of the full demonstration.
    pub fn full() -> Self {
        Demo { horse_points: 1000, horse_steps: 30, bunny_points: 1839, bunny_steps: 30, seed: 0 }
    }

    /// A few seconds.
    pub fn quick() -> Self {
        Demo { horse_points: 300, horse_steps: 20, bunny_points: 500, bunny_steps: 20, seed: 0 }
    }
}

/// The horse's two flows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Horse {
    /// Under IGW.
    pub igw: Trajectory,
    /// Under W2.
    pub w2: Trajectory,
    /// The target as given: bent and turned.
    pub target: Measure,
    /// Rotation found, (2, 2): maps the source's frame to the target's.
    pub rotation: Vec<f64>,
    /// Its angle in degrees, in (−180, 180].
    pub angle: f64,
    /// IGW² between source and target at the start, and its lower bound.
    pub squared: (f64, f64),
    /// Chamfer distance to the dense silhouette, smallest over rotations in steps of 2 degrees, at the
    /// first frame with F ≤ F₀ / 4: IGW, W2.
    pub chamfer: (f64, f64),
    /// The same of a fresh sample of the silhouette: what the number of points alone makes of it.
    pub chamfer_fresh: f64,
    /// Frames where the Chamfer distances were taken: IGW, W2.
    pub frames: (usize, usize),
}

/// The bunny's two flows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Bunny {
    /// Under IGW.
    pub igw: Trajectory,
    /// Under W2.
    pub w2: Trajectory,
    /// The target of the energy distance.
    pub target: Measure,
    /// Relative change of inner products where F has fallen by half of what both flows reach: IGW, W2.
    pub gram: (f64, f64),
    /// The same of pair distances.
    pub distances: (f64, f64),
}

impl Demo {
    /// Source and target of the horse: independent samples, the target bent and turned.
    pub fn horses(&self) -> Result<(Measure, Measure)> {
        let source = sample::horse(self.horse_points, 2 * self.seed + 1)?.centred();
        let other = sample::horse(self.horse_points, 2 * self.seed + 2)?;
        let bent = other.points().chunks_exact(2).flat_map(|p| [p[0], p[1] + BEND * p[0] * p[0]]).collect();
        let turn = linalg::exp_skew(&[0.0, -ANGLE.to_radians(), ANGLE.to_radians(), 0.0], 2)?;
        Ok((source, other.with_points(bent)?.centred().linear_image(&turn, 2)?))
    }

    /// Runs the horse.
    pub fn horse(&self, observer: &mut dyn Observer) -> Result<Horse> {
        let (source, target) = self.horses()?;
        let flow = |metric| Flow {
            metric,
            step: Some(HORSE_STEP),
            steps: Some(self.horse_steps),
            seed: self.seed,
            ..Flow::default()
        };
        let mut energy = Igw::new(target.clone(), Alternating { seed: self.seed, ..Alternating::default() });
        let igw = flow(Metric::Igw).solve(&source, &mut energy, observer)?;
        let w2 = flow(Metric::W2).solve(&source, &mut Wasserstein::new(target.clone()), observer)?;
        let (rotation, squared) = match energy.first() {
            // x ≈ R y: the target's frame is reached by Rᵀ
            Some(first) => (linalg::transpose(&first.rotation, 2, 2), (first.squared, first.lower_bound)),
            None => (linalg::identity(2), (f64::NAN, f64::NAN)),
        };
        let silhouette = sample::horse_silhouette()?;
        let quarter = |run: &Trajectory| {
            let level = run.energies[0] / 4.0;
            run.energies.iter().position(|e| *e <= level).unwrap_or(run.frames() - 1)
        };
        let frames = (quarter(&igw), quarter(&w2));
        let chamfer =
            (best_chamfer(igw.frame(frames.0), &silhouette)?, best_chamfer(w2.frame(frames.1), &silhouette)?);
        let fresh = sample::horse(self.horse_points, 2 * self.seed + 1001)?;
        Ok(Horse {
            angle: rotation[2].atan2(rotation[0]).to_degrees(),
            chamfer_fresh: best_chamfer(fresh.points(), &silhouette)?,
            igw,
            w2,
            target,
            rotation,
            squared,
            chamfer,
            frames,
        })
    }

    /// Runs the bunny: an energy distance to two balls, no net rotation, so that both flows start from the
    /// same cloud.
    pub fn bunny(&self, observer: &mut dyn Observer) -> Result<Bunny> {
        let bunny = sample::bunny()?;
        let bunny = match self.bunny_points {
            n if n < bunny.len() => sample::subsample(&bunny, n, self.seed)?.centred(),
            _ => bunny,
        };
        let target = two_balls(self.bunny_points / 2, self.seed)?;
        let run = |metric, observer: &mut dyn Observer| {
            let flow = Flow {
                metric,
                rotation: Rotation::Fixed,
                steps: Some(self.bunny_steps),
                seed: self.seed,
                ..Flow::default()
            };
            flow.solve(&bunny, &mut EnergyDistance::new(target.clone()), observer)
        };
        let igw = run(Metric::Igw, observer)?;
        let w2 = run(Metric::W2, observer)?;
        let (a, b) = (Curves::new(&igw)?, Curves::new(&w2)?);
        let lowest = |t: &Trajectory| t.energies.iter().copied().fold(f64::INFINITY, f64::min);
        let level = 0.5 * (igw.energies[0] + lowest(&igw).max(lowest(&w2)));
        let at = |run: &Trajectory, curve: &[f64]| Curves::at_energy(run, curve, level).unwrap_or(f64::NAN);
        Ok(Bunny {
            gram: (at(&igw, &a.gram), at(&w2, &b.gram)),
            distances: (at(&igw, &a.distances), at(&w2, &b.distances)),
            igw,
            w2,
            target,
        })
    }
}

/// Two balls of radius 0.45, side by side along a slanted line.
fn two_balls(half: usize, seed: u64) -> Result<Measure> {
    let mut points = Vec::with_capacity(6 * half);
    for (side, stream) in [(-1.0, 1), (1.0, 2)] {
        let ball = sample::ball(half, 3, seed + stream)?;
        for p in ball.points().chunks_exact(3) {
            points.extend([0.45 * p[0] + 0.9 * side, 0.45 * p[1] + 0.3 * side, 0.45 * p[2]]);
        }
    }
    Measure::uniform(points, 3)
}

/// Chamfer distance of a planar cloud to another, smallest over 180 rotations of the first.
fn best_chamfer(points: &[f64], silhouette: &Measure) -> Result<f64> {
    let mean = Measure::uniform(points.to_vec(), 2)?.centred();
    // every 8th pixel decides the angle, all of them the value
    let coarse: Vec<f64> = silhouette.points().chunks_exact(2).step_by(8).flatten().copied().collect();
    let turned = |k: u32| {
        let (sine, cosine) = (f64::from(k) * std::f64::consts::TAU / 180.0).sin_cos();
        linalg::map_rows(mean.points(), 2, &[cosine, -sine, sine, cosine], 2)
    };
    let distances: Vec<f64> = (0..180).map(|k| change::chamfer(&turned(k), &coarse, 2)).collect();
    let best = (0..180).min_by(|&a, &b| distances[a].total_cmp(&distances[b])).unwrap_or(0);
    Ok(change::chamfer(&turned(best as u32), silhouette.points(), 2))
}

/// The page of both experiments. Errors: none for results of [`Demo`].
pub fn page(horse: &Horse, bunny: &Bunny) -> Result<Page> {
    let turned_back = linalg::transpose(&horse.rotation, 2, 2);
    let runs = [
        Run {
            label: "IGW flow of ½ IGW²".into(),
            trajectory: &horse.igw,
            backdrop: Some(horse.target.linear_image(&turned_back, 2)?),
            switch: Some((
                format!("target’s frame (turned by the rotation found, {:.1}°)", horse.angle),
                horse.rotation.clone(),
            )),
        },
        Run {
            label: "W2 flow of ½ W2²".into(),
            trajectory: &horse.w2,
            backdrop: Some(horse.target.clone()),
            switch: None,
        },
    ];
    let mut first = section("A horse that turns", horse_text(horse), &runs)?;
    first.start = Some(horse.w2.times[horse.frames.1]);
    first.table = Some(horse_table(horse));
    let runs = [
        Run {
            label: "IGW flow".into(),
            trajectory: &bunny.igw,
            backdrop: Some(bunny.target.clone()),
            switch: None,
        },
        Run {
            label: "W2 flow".into(),
            trajectory: &bunny.w2,
            backdrop: Some(bunny.target.clone()),
            switch: None,
        },
    ];
    let second = section("One energy, two geometries", bunny_text(bunny), &runs)?;
    Ok(Page {
        title: "Gradient flows in the inner-product Gromov-Wasserstein geometry".into(),
        lead: vec![
            "A gradient flow moves a cloud so that an energy F falls as fast as it can, per unit of distance moved. \
             What counts as distance is the geometry. The Wasserstein geometry (W2) counts how far each point \
             travels. The inner-product Gromov-Wasserstein geometry (IGW) counts how much the inner products inside \
             the cloud change, so it does not see rotations and resists deforming the cloud as a whole."
                .into(),
        ],
        sections: vec![first, second],
        foot: vec![format!(
            "gromov {}. Horse: silhouette from scikit-image, public domain. Bunny: Stanford 3D Scanning Repository, \
             reduced, npm package bunny, public domain.",
            env!("CARGO_PKG_VERSION")
        )],
    })
}

fn horse_text(horse: &Horse) -> Vec<String> {
    let ratio = horse.chamfer.0 / horse.chamfer.1;
    vec![
        format!(
            "{} points of a silhouette flow towards an independent sample of it (grey), bent and turned by {ANGLE}°. \
             Left: F = ½ IGW²(·, target). It is blind to rotation, so the horse bends and does not turn, and the \
             target is drawn in the horse’s own frame; the switch shows both in the target’s frame. Right: \
             F = ½ W2²(·, target), which takes the horse apart and puts it together again.",
            horse.igw.n
        ),
        format!(
            "Measured at the first frame with F ≤ F₀/4 (t = {:.2} and {:.2}): distance to the silhouette of a horse at \
             its best angle (Chamfer) {:.4} under IGW and {:.4} under W2, a ratio of {:.2}; a fresh sample of as many points \
             has {:.4}. Rotation found: {:.1}°. IGW² at the start {:.3e}, lower bound {:.3e}: the value is that of the best \
             of several starts.",
            horse.igw.times[horse.frames.0],
            horse.w2.times[horse.frames.1],
            horse.chamfer.0,
            horse.chamfer.1,
            ratio,
            horse.chamfer_fresh,
            horse.angle,
            horse.squared.0,
            horse.squared.1,
        ),
    ]
}

fn horse_table(horse: &Horse) -> Table {
    let row = |name: &str, t: &Trajectory, chamfer: f64| {
        vec![
            name.to_string(),
            format!("{:.3e}", t.energies[0]),
            format!("{:.3e}", t.energies[t.frames() - 1]),
            format!("{chamfer:.4}"),
            format!("{:.1}°", t.turned().to_degrees()),
            t.relabelled().map_or("not checked".into(), |r| r.to_string()),
        ]
    };
    Table {
        head: ["flow", "F at the start", "F at the end", "Chamfer at F₀/4", "turned", "relabelled points"]
            .map(String::from)
            .to_vec(),
        rows: vec![row("IGW", &horse.igw, horse.chamfer.0), row("W2", &horse.w2, horse.chamfer.1)],
    }
}

fn bunny_text(bunny: &Bunny) -> Vec<String> {
    let percent = |pair: (f64, f64)| 100.0 * (1.0 - pair.0 / pair.1);
    let (gram, distances) = (percent(bunny.gram), percent(bunny.distances));
    let words = |p: f64| if p >= 0.0 { format!("{p:.0} % less") } else { format!("{:.0} % more", -p) };
    vec![
        format!(
            "The {} vertices of the Stanford bunny flow along one and the same energy, the energy distance to two balls \
             (grey), in both geometries, without net rotation. On such a nearly round cloud the two flows look alike: the \
             IGW velocity is the W2 velocity under one linear map plus a linear drift.",
            bunny.igw.n
        ),
        format!(
            "Compared where each has lost half of the energy: the IGW flow has changed inner products {} than the W2 flow \
             ({:.3} against {:.3}) and pair distances {} ({:.3} against {:.3}). Least change of inner products for the energy \
             lost is what the IGW geometry is for; it does not keep distances better.",
            words(gram),
            bunny.gram.0,
            bunny.gram.1,
            words(distances),
            bunny.distances.0,
            bunny.distances.1,
        ),
    ]
}
