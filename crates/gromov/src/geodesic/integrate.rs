//! Integration of the geodesic equation by the pair of order 8(5, 3) of Dormand and Prince, with the coefficients of
//! Hairer, Nørsett and Wanner (Solving Ordinary Differential Equations I, 1993), and of its derivative along the same
//! steps.

use super::equation::Stage;
use super::span::Span;
use crate::error::Result;

const STAGES: usize = 12;

/// Row i: how the first i stages make the point of stage i.
const A: [&[(usize, f64)]; STAGES] = [
    &[],
    &[(0, 5.260_015_195_876_773e-2)],
    &[(0, 1.972_505_698_453_789_9e-2), (1, 5.917_517_095_361_37e-2)],
    &[(0, 2.958_758_547_680_685e-2), (2, 8.876_275_643_042_054e-2)],
    &[(0, 2.413_651_341_592_667e-1), (2, -8.845_494_793_282_861e-1), (3, 9.248_340_032_617_92e-1)],
    &[(0, 3.703_703_703_703_703_5e-2), (3, 1.708_286_087_294_738_6e-1), (4, 1.254_676_875_668_224_2e-1)],
    &[
        (0, 3.710_937_5e-2),
        (3, 1.702_522_110_195_440_5e-1),
        (4, 6.021_653_898_045_596e-2),
        (5, -1.757_812_5e-2),
    ],
    &[
        (0, 3.709_200_011_850_479e-2),
        (3, 1.703_839_257_122_399_8e-1),
        (4, 1.072_620_304_463_732_8e-1),
        (5, -1.531_943_774_862_440_2e-2),
        (6, 8.273_789_163_814_023e-3),
    ],
    &[
        (0, 6.241_109_587_160_757e-1),
        (3, -3.360_892_629_446_941_4),
        (4, -8.682_193_468_417_26e-1),
        (5, 2.759_209_969_944_671e1),
        (6, 2.015_406_755_047_789_4e1),
        (7, -4.348_988_418_106_996e1),
    ],
    &[
        (0, 4.776_625_364_382_643_4e-1),
        (3, -2.488_114_619_971_667_7),
        (4, -5.902_908_268_368_43e-1),
        (5, 2.123_005_144_818_119_3e1),
        (6, 1.527_923_363_288_242_3e1),
        (7, -3.328_821_096_898_486e1),
        (8, -2.033_120_170_850_862_7e-2),
    ],
    &[
        (0, -9.371_424_300_859_873e-1),
        (3, 5.186_372_428_844_064),
        (4, 1.091_437_348_996_729_5),
        (5, -8.149_787_010_746_927),
        (6, -1.852_006_565_999_696e1),
        (7, 2.273_948_709_935_050_5e1),
        (8, 2.493_605_552_679_652_3),
        (9, -3.046_764_471_898_219_6),
    ],
    &[
        (0, 2.273_310_147_516_538),
        (3, -1.053_449_546_673_725e1),
        (4, -2.000_872_058_224_862_5),
        (5, -1.795_893_186_311_88e1),
        (6, 2.794_888_452_941_996e1),
        (7, -2.858_998_277_135_023_5),
        (8, -8.872_856_933_530_63),
        (9, 1.236_056_717_579_430_3e1),
        (10, 6.433_927_460_157_636e-1),
    ],
];

/// Weights of the step.
const B: [(usize, f64); 8] = [
    (0, 5.429_373_411_656_876_5e-2),
    (5, 4.450_312_892_752_409),
    (6, 1.891_517_899_314_500_3),
    (7, -5.801_203_960_010_585),
    (8, 3.111_643_669_578_199e-1),
    (9, -1.521_609_496_625_161e-1),
    (10, 2.013_654_008_040_303_4e-1),
    (11, 4.471_061_572_777_259e-2),
];

/// Weights of the third-order formula, from which those of the step differ by its error.
const THIRD: [(usize, f64); 3] =
    [(0, 0.244_094_488_188_976_4), (8, 0.733_846_688_281_611_9), (11, 0.022_058_823_529_411_765)];

/// Weights of the error of order 5.
const FIFTH: [(usize, f64); 8] = [
    (0, 1.312_004_499_419_488e-2),
    (5, -1.225_156_446_376_204_4),
    (6, -4.957_589_496_572_502e-1),
    (7, 1.664_377_182_454_986_5),
    (8, -3.503_288_487_499_736_7e-1),
    (9, 3.341_791_187_130_175e-1),
    (10, 8.192_320_648_511_571e-2),
    (11, -2.235_530_786_388_629_5e-2),
];

/// Limits of an integration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accuracy {
    /// Error of a step, relative to the lengths of the cloud and of the velocity.
    pub(super) tol: f64,
    /// Floor of the eigenvalues of Σ, relative to the largest.
    pub(super) floor: f64,
    /// Cap on steps.
    pub(super) max_steps: usize,
}

/// A step that was taken.
#[derive(Debug, Clone)]
struct Step {
    start: f64,
    length: f64,
    stages: Vec<Stage>,
}

/// A solution on [0, time].
#[derive(Debug, Clone)]
pub(super) struct Course {
    steps: Vec<Step>,
    /// Where it ends.
    pub(super) c: Vec<f64>,
    pub(super) v: Vec<f64>,
    /// Time reached: short of what was asked for where Σ came to the floor or the cap was met.
    pub(super) time: f64,
    /// Σ came to the floor.
    pub(super) singular: bool,
}

impl Course {
    pub(super) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Position and velocity at a time in [0, time]: a step of the method from the last knot before it.
    pub(super) fn at(&self, span: &Span, t: f64) -> Result<(Vec<f64>, Vec<f64>)> {
        let k = self.steps.partition_point(|s| s.start <= t).max(1) - 1;
        let Some(step) = self.steps.get(k).filter(|_| t < self.time) else {
            return Ok((self.c.clone(), self.v.clone()));
        };
        // a shorter step than the one taken there meets no lower eigenvalue but in rounding: no floor
        let taken = stages(span, step.stages[0].clone(), t - step.start, 0.0)?;
        Ok(match taken {
            Some(stages) => end(&stages, t - step.start),
            None => (step.stages[0].c.clone(), step.stages[0].v.clone()),
        })
    }

    /// Largest relative difference of √⟨v, L v⟩ at a knot from that at the start.
    pub(super) fn speed_error(&self, span: &Span) -> f64 {
        let Some(first) = self.steps.first().map(|s| &s.stages[0]) else { return 0.0 };
        let start = span.speed_squared(&first.c, &first.v);
        let knots = self.steps.iter().map(|s| (&s.stages[0].c, &s.stages[0].v)).chain([(&self.c, &self.v)]);
        let change = |(c, v): (&Vec<f64>, &Vec<f64>)| ((span.speed_squared(c, v) / start).sqrt() - 1.0).abs();
        if start > 0.0 { knots.map(change).fold(0.0, f64::max) } else { 0.0 }
    }

    /// The derivative of the end along a change of the start.
    pub(super) fn tangent(&self, span: &Span, dc: &[f64], dv: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut dc, mut dv) = (dc.to_vec(), dv.to_vec());
        for step in &self.steps {
            let h = step.length;
            let mut velocities: Vec<Vec<f64>> = Vec::with_capacity(STAGES);
            let mut accelerations: Vec<Vec<f64>> = Vec::with_capacity(STAGES);
            for (stage, row) in step.stages.iter().zip(A) {
                let c = combined(&dc, h, row, |k| &velocities[k]);
                let v = combined(&dv, h, row, |k| &accelerations[k]);
                accelerations.push(stage.tangent(span, &c, &v));
                velocities.push(v);
            }
            dc = combined(&dc, h, &B, |k| &velocities[k]);
            dv = combined(&dv, h, &B, |k| &accelerations[k]);
        }
        (dc, dv)
    }
}

/// Integrates from (c, v) over `time`.
pub(super) fn integrate(span: &Span, c: &[f64], v: &[f64], time: f64, limit: Accuracy) -> Result<Course> {
    let mut course = Course { steps: Vec::new(), c: c.to_vec(), v: v.to_vec(), time: 0.0, singular: false };
    let Some(mut first) = Stage::new(span, c.to_vec(), v.to_vec(), limit.floor)? else {
        course.singular = true;
        return Ok(course);
    };
    let mut length = time.min(0.125);
    let mut rejected = false;
    while course.time < time && course.steps.len() < limit.max_steps {
        // no last step of the size of rounding
        let last = course.time + 1.01 * length >= time;
        let h = if last { time - course.time } else { length };
        let Some(taken) = stages(span, first.clone(), h, limit.floor)? else {
            if h < 1e-10 * time {
                course.singular = true;
                return Ok(course);
            }
            (length, rejected) = (0.25 * h, true);
            continue;
        };
        let (c, v) = end(&taken, h);
        let error = error(span, &taken, h) / limit.tol;
        let factor = (0.9 * error.powf(-0.125)).clamp(0.2, if rejected { 1.0 } else { 6.0 });
        let next = if error <= 1.0 { Stage::new(span, c, v, limit.floor)? } else { None };
        let Some(next) = next else {
            if h < 1e-10 * time {
                course.singular = true;
                return Ok(course);
            }
            (length, rejected) = (h * factor.min(0.5), true);
            continue;
        };
        (course.c, course.v) = (next.c.clone(), next.v.clone());
        course.steps.push(Step { start: course.time, length: h, stages: taken });
        course.time = if last { time } else { course.time + h };
        first = next;
        (length, rejected) = (h * factor, false);
    }
    Ok(course)
}

/// The stages of one step; `None` where Σ meets the floor in one of them.
fn stages(span: &Span, first: Stage, h: f64, floor: f64) -> Result<Option<Vec<Stage>>> {
    let mut out: Vec<Stage> = Vec::with_capacity(STAGES);
    out.push(first);
    for row in &A[1..] {
        let c = combined(&out[0].c, h, row, |k| &out[k].v);
        let v = combined(&out[0].v, h, row, |k| &out[k].acceleration);
        match Stage::new(span, c, v, floor)? {
            Some(stage) => out.push(stage),
            None => return Ok(None),
        }
    }
    Ok(Some(out))
}

/// Where a step ends.
fn end(stages: &[Stage], h: f64) -> (Vec<f64>, Vec<f64>) {
    let c = combined(&stages[0].c, h, &B, |k| &stages[k].v);
    let v = combined(&stages[0].v, h, &B, |k| &stages[k].acceleration);
    (c, v)
}

/// Estimated error of a step, relative to the lengths of the cloud and of its velocity: that of order 5, lowered by
/// its ratio to that of order 3, as in Hairer's code.
fn error(span: &Span, stages: &[Stage], h: f64) -> f64 {
    let zero = vec![0.0; stages[0].c.len()];
    let one = |part: &dyn Fn(usize) -> Vec<f64>, size: f64| {
        let parts: Vec<Vec<f64>> = (0..STAGES).map(part).collect();
        let fifth = span.norm(&combined(&zero, h, &FIFTH, |k| &parts[k])) / size;
        let step = combined(&zero, h, &B, |k| &parts[k]);
        let third = span.norm(&combined(&step, -h, &THIRD, |k| &parts[k])) / size;
        if fifth == 0.0 { 0.0 } else { fifth * fifth / (fifth * fifth + 0.01 * third * third).sqrt() }
    };
    let (cloud, velocity) = (span.norm(&stages[0].c), span.norm(&stages[0].v));
    let position = one(&|k| stages[k].v.clone(), cloud);
    // a cloud at rest has no error in its velocity
    let speed = if velocity > 0.0 { one(&|k| stages[k].acceleration.clone(), velocity) } else { 0.0 };
    position.max(speed)
}

/// base + h Σ_k factor_k part_k.
fn combined<'a>(
    base: &[f64],
    h: f64,
    row: &[(usize, f64)],
    part: impl Fn(usize) -> &'a Vec<f64>,
) -> Vec<f64> {
    let mut out = base.to_vec();
    for (k, factor) in row {
        let scale = h * factor;
        out.iter_mut().zip(part(*k)).for_each(|(o, x)| *o += scale * x);
    }
    out
}
