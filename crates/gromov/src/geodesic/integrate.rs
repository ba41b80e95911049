//! Integration of the geodesic equation by the pair of order 8(5, 3) of Dormand and Prince, with the coefficients of
//! Hairer, Nørsett and Wanner (Solving Ordinary Differential Equations I, 1993), and of its derivative along the same
//! steps.

use super::equation::Stage;
use super::span::Span;
use crate::error::{Error, Result};

const STAGES: usize = 12;

/// Row i: how the first i stages make the point of stage i.
const A: [&[(usize, f64)]; STAGES] = [
    &[],
    &[(0, 0.052_600_151_958_767_73)],
    &[(0, 0.019_725_056_984_537_9), (1, 0.059_175_170_953_613_7)],
    &[(0, 0.029_587_585_476_806_85), (2, 0.088_762_756_430_420_54)],
    &[(0, 0.241_365_134_159_266_7), (2, -0.884_549_479_328_286_1), (3, 0.924_834_003_261_792)],
    &[(0, 0.037_037_037_037_037_035), (3, 0.170_828_608_729_473_86), (4, 0.125_467_687_566_822_42)],
    &[(0, 0.037_109_375), (3, 0.170_252_211_019_544_05), (4, 0.060_216_538_980_455_96), (5, -0.017_578_125)],
    &[
        (0, 0.037_092_000_118_504_79),
        (3, 0.170_383_925_712_239_98),
        (4, 0.107_262_030_446_373_28),
        (5, -0.015_319_437_748_624_402),
        (6, 0.008_273_789_163_814_023),
    ],
    &[
        (0, 0.624_110_958_716_075_7),
        (3, -3.360_892_629_446_941_4),
        (4, -0.868_219_346_841_726),
        (5, 27.592_099_699_446_71),
        (6, 20.154_067_550_477_894),
        (7, -43.489_884_181_069_96),
    ],
    &[
        (0, 0.477_662_536_438_264_34),
        (3, -2.488_114_619_971_667_7),
        (4, -0.590_290_826_836_843),
        (5, 21.230_051_448_181_193),
        (6, 15.279_233_632_882_423),
        (7, -33.288_210_968_984_86),
        (8, -0.020_331_201_708_508_627),
    ],
    &[
        (0, -0.937_142_430_085_987_3),
        (3, 5.186_372_428_844_064),
        (4, 1.091_437_348_996_729_5),
        (5, -8.149_787_010_746_927),
        (6, -18.520_065_659_996_96),
        (7, 22.739_487_099_350_505),
        (8, 2.493_605_552_679_652_3),
        (9, -3.046_764_471_898_219_6),
    ],
    &[
        (0, 2.273_310_147_516_538),
        (3, -10.534_495_466_737_25),
        (4, -2.000_872_058_224_862_5),
        (5, -17.958_931_863_118_8),
        (6, 27.948_884_529_419_96),
        (7, -2.858_998_277_135_023_5),
        (8, -8.872_856_933_530_63),
        (9, 12.360_567_175_794_303),
        (10, 0.643_392_746_015_763_6),
    ],
];

/// Weights of the step.
const B: [(usize, f64); 8] = [
    (0, 0.054_293_734_116_568_765),
    (5, 4.450_312_892_752_409),
    (6, 1.891_517_899_314_500_3),
    (7, -5.801_203_960_010_585),
    (8, 0.311_164_366_957_819_9),
    (9, -0.152_160_949_662_516_1),
    (10, 0.201_365_400_804_030_34),
    (11, 0.044_710_615_727_772_59),
];

/// Weights of the third-order formula, from which those of the step differ by its error.
const THIRD: [(usize, f64); 3] =
    [(0, 0.244_094_488_188_976_4), (8, 0.733_846_688_281_611_9), (11, 0.022_058_823_529_411_766)];

/// Weights of the error of order 5.
const FIFTH: [(usize, f64); 8] = [
    (0, 0.013_120_044_994_194_88),
    (5, -1.225_156_446_376_204_4),
    (6, -0.495_758_949_657_250_2),
    (7, 1.664_377_182_454_986_4),
    (8, -0.350_328_848_749_973_66),
    (9, 0.334_179_118_713_017_5),
    (10, 0.081_923_206_485_115_71),
    (11, -0.022_355_307_863_886_294),
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

/// A step that was taken: its first stage, and the others where derivatives are wanted.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Step {
    start: f64,
    length: f64,
    stages: Vec<Stage>,
}

/// Why an integration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum End {
    /// The time is over.
    Done,
    /// Σ came to the floor.
    Floor,
    /// No step is short enough for the tolerance.
    Tolerance,
    /// The cap on steps was met.
    Cap,
}

/// Steps below this part of the time are not tried.
const SHORTEST: f64 = 1e-10;

/// A solution on [0, time].
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Course {
    steps: Vec<Step>,
    /// Where it ends.
    pub(super) c: Vec<f64>,
    pub(super) v: Vec<f64>,
    /// Time reached: what was asked for if the end is `Done`.
    pub(super) time: f64,
    pub(super) end: End,
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
        match stages(span, step.stages[0].clone(), t - step.start, 0.0)? {
            Some(stages) => Ok(end(&stages, t - step.start)),
            None => {
                let problem = format!("it has no inverse of L near its time {t:.6}");
                Err(Error::NoGeodesic { problem })
            }
        }
    }

    /// Largest relative difference of √⟨v, L v⟩ at a knot from that at the start.
    pub(super) fn speed_error(&self, span: &Span) -> f64 {
        let Some(first) = self.steps.first().map(|s| &s.stages[0]) else { return 0.0 };
        let start = span.speed_squared(&first.c, &first.v);
        let knots = self.steps.iter().map(|s| (&s.stages[0].c, &s.stages[0].v)).chain([(&self.c, &self.v)]);
        let change = |(c, v): (&Vec<f64>, &Vec<f64>)| ((span.speed_squared(c, v) / start).sqrt() - 1.0).abs();
        if start > 0.0 { knots.map(change).fold(0.0, f64::max) } else { 0.0 }
    }

    /// The derivative of the end along a change of the start, for a course that kept its stages.
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

/// Integrates from (c, v) over `time`; `keep` says whether the stages of all steps are kept, for [`Course::tangent`].
pub(super) fn integrate(
    span: &Span,
    c: &[f64],
    v: &[f64],
    time: f64,
    limit: Accuracy,
    keep: bool,
) -> Result<Course> {
    let mut course = Course { steps: Vec::new(), c: c.to_vec(), v: v.to_vec(), time: 0.0, end: End::Done };
    let Some(mut first) = Stage::new(span, c.to_vec(), v.to_vec(), limit.floor)? else {
        course.end = End::Floor;
        return Ok(course);
    };
    let mut length = time.min(0.125);
    let mut rejected = false;
    while course.time < time {
        if course.steps.len() == limit.max_steps {
            course.end = End::Cap;
            return Ok(course);
        }
        // no last step of the size of rounding
        let last = course.time + 1.01 * length >= time;
        let h = if last { time - course.time } else { length };
        let (next, shorter, why) = match stages(span, first.clone(), h, limit.floor)? {
            None => (None, 0.25, End::Floor),
            Some(taken) => {
                let error = error(span, &taken, h) / limit.tol;
                let factor = (0.9 * error.powf(-0.125)).clamp(0.2, if rejected { 1.0 } else { 6.0 });
                if error > 1.0 || error.is_nan() {
                    (None, factor.min(0.5), End::Tolerance)
                } else {
                    let (c, v) = end(&taken, h);
                    let next = Stage::new(span, c, v, limit.floor)?;
                    (next.map(|next| (next, taken)), factor, End::Floor)
                }
            }
        };
        let Some((next, mut taken)) = next else {
            if h < SHORTEST * time {
                course.end = why;
                return Ok(course);
            }
            (length, rejected) = (h * shorter.min(0.5), true);
            continue;
        };
        if !keep {
            taken.truncate(1);
        }
        (course.c, course.v) = (next.c.clone(), next.v.clone());
        course.steps.push(Step { start: course.time, length: h, stages: taken });
        course.time = if last { time } else { course.time + h };
        first = next;
        (length, rejected) = (h * shorter, false);
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

/// A part of a stage.
type Part = fn(&Stage) -> &Vec<f64>;

/// Estimated error of a step, relative to the lengths of the cloud and of its velocity: that of order 5, lowered by
/// its ratio to that of order 3, as in Hairer's code.
fn error(span: &Span, stages: &[Stage], h: f64) -> f64 {
    let zero = vec![0.0; stages[0].c.len()];
    let one = |part: Part, size: f64| {
        let of = |k: usize| part(&stages[k]);
        let fifth = span.norm(&combined(&zero, h, &FIFTH, of)) / size;
        let step = combined(&zero, h, &B, of);
        let third = span.norm(&combined(&step, -h, &THIRD, of)) / size;
        if fifth == 0.0 { 0.0 } else { fifth * fifth / (fifth * fifth + 0.01 * third * third).sqrt() }
    };
    let (cloud, velocity) = (span.norm(&stages[0].c), span.norm(&stages[0].v));
    let position = one(|stage| &stage.v, cloud);
    // a cloud at rest has no error in its velocity
    let speed = if velocity > 0.0 { one(|stage| &stage.acceleration, velocity) } else { 0.0 };
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
