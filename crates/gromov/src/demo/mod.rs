//! The built-in demonstration: two experiments on real clouds, their numbers and their page.
//!
//! 1. *The horse that turns*: a sample of a silhouette flows to an independent sample of it, bent and
//!    turned by 110 degrees, along F = ½ IGW²(·, target) in the IGW geometry and along
//!    F = ½ W2²(·, target) in the W2 geometry.
//! 2. *One energy, two geometries*: the bunny under the same energy distance in both.

mod page;

pub use page::page;

use crate::energy::{EnergyDistance, Igw, Wasserstein};
use crate::error::Result;
use crate::flow::{Flow, Metric, Rotation, Trajectory, change};
use crate::igw::Alternating;
use crate::linalg;
use crate::measure::{Measure, sample};
use crate::report::flow::Curves;
use crate::solve::{Observer, Status};

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
    /// End time of the bunny's flows, each with the default step of its geometry.
    pub bunny_time: f64,
    /// Seed of the samples and searches.
    pub seed: u64,
}

impl Demo {
    /// The sizes of the full demonstration.
    pub fn full() -> Self {
        Demo { horse_points: 1000, horse_steps: 30, bunny_points: 1839, bunny_time: 6.0, seed: 0 }
    }

    /// A few seconds.
    pub fn quick() -> Self {
        Demo { horse_points: 300, horse_steps: 20, bunny_points: 500, bunny_time: 4.0, seed: 0 }
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
    /// Both flows reached F₀ / 4. In a run stopped before, the last frame stands in.
    pub reached: bool,
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
    /// Relative change of inner products where F has fallen by half of what both flows lose: IGW, W2.
    pub gram: (f64, f64),
    /// The same of pair distances.
    pub distances: (f64, f64),
    /// F there, as a share of F at the start.
    pub level: f64,
}

impl Horse {
    /// The observer stopped one of the flows.
    pub fn interrupted(&self) -> bool {
        [&self.igw, &self.w2].iter().any(|t| t.status == Status::Interrupted)
    }
}

impl Bunny {
    /// The observer stopped one of the flows.
    pub fn interrupted(&self) -> bool {
        [&self.igw, &self.w2].iter().any(|t| t.status == Status::Interrupted)
    }
}

impl Demo {
    /// Source and target of the horse: independent samples, the target bent and turned.
    pub fn horses(&self) -> Result<(Measure, Measure)> {
        let source = sample::horse(self.horse_points, self.stream(1))?.centred();
        let other = sample::horse(self.horse_points, self.stream(2))?;
        let bent = other.points().chunks_exact(2).flat_map(|p| [p[0], p[1] + BEND * p[0] * p[0]]).collect();
        let turn = linalg::exp_skew(&[0.0, -ANGLE.to_radians(), ANGLE.to_radians(), 0.0], 2)?;
        Ok((source, other.with_points(bent)?.centred().linear_image(&turn, 2)?))
    }

    /// Seeds of the samples: different ones for different seeds of the demonstration.
    fn stream(&self, k: u64) -> u64 {
        self.seed.wrapping_mul(2).wrapping_add(k)
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
        let quarter = |run: &Trajectory| run.energies.iter().position(|e| *e <= run.energies[0] / 4.0);
        let found = (quarter(&igw), quarter(&w2));
        let frames = (found.0.unwrap_or(igw.frames() - 1), found.1.unwrap_or(w2.frames() - 1));
        let chamfer =
            (best_chamfer(igw.frame(frames.0), &silhouette)?, best_chamfer(w2.frame(frames.1), &silhouette)?);
        let fresh = sample::horse(self.horse_points, self.stream(1001))?;
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
            reached: found.0.is_some() && found.1.is_some(),
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
                time: Some(self.bunny_time),
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
            level: level / igw.energies[0],
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
        let ball = sample::ball(half, 3, seed.wrapping_add(stream))?;
        for p in ball.points().chunks_exact(3) {
            points.extend([0.45 * p[0] + 0.9 * side, 0.45 * p[1] + 0.3 * side, 0.45 * p[2]]);
        }
    }
    Measure::uniform(points, 3)
}

/// Chamfer distance of a planar cloud, (n, 2), with its mean removed, to another, smallest over 180 rotations of the
/// first; scales as length. Errors: an empty cloud.
pub fn best_chamfer(points: &[f64], silhouette: &Measure) -> Result<f64> {
    let mean = Measure::uniform(points.to_vec(), 2)?.centred();
    let turned = |k: u32| {
        let (sine, cosine) = (f64::from(k) * std::f64::consts::TAU / 180.0).sin_cos();
        linalg::map_rows(mean.points(), 2, &[cosine, -sine, sine, cosine], 2)
    };
    // every 64th pixel names ten angles, every 8th decides among them, all of them give the value
    let mut angles: Vec<u32> = (0..180).collect();
    for (step, keep) in [(64, 10), (8, 1)] {
        let pixels: Vec<f64> = silhouette.points().chunks_exact(2).step_by(step).flatten().copied().collect();
        let mut ranked: Vec<(f64, u32)> = angles
            .iter()
            .map(|k| Ok((change::chamfer(&turned(*k), &pixels, 2)?, *k)))
            .collect::<Result<_>>()?;
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        angles = ranked.iter().take(keep).map(|r| r.1).collect();
    }
    change::chamfer(&turned(angles[0]), silhouette.points(), 2)
}
