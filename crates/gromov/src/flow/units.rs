//! Units of a flow: powers of two, in which the cloud and its energy are of order one, so that no square of
//! a length or of a gradient leaves the range of doubles. The conversions are exact but for numbers that are
//! subnormal in either.

use super::{FirstTurn, Metric, SCALES, StepLog, Trajectory};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;

/// Units of length, energy and time.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Units {
    pub(super) length: f64,
    pub(super) energy: f64,
    /// length⁴ / energy (IGW) or length² / energy (W2).
    pub(super) time: f64,
    /// length⁴ (IGW) or length² (W2): the unit of D².
    squared: f64,
}

impl Units {
    /// Units of a cloud whose lengths are in range, of the gradient of its energy and its diffusion. Errors: an energy whose
    /// unit, or that of time, is not a normal number.
    pub(super) fn new(rho: &Measure, gradient: &[f64], diffusion: f64, metric: Metric) -> Result<Self> {
        let length = linalg::power_of_two_scale(rho.scale());
        let steepest = linalg::max_abs(gradient);
        let energy = linalg::power_of_two_scale((steepest * length).max(diffusion));
        let squared = length.powi(if metric == Metric::Igw { 4 } else { 2 });
        let time = squared / energy;
        if !(steepest == 0.0 || (steepest * length).is_normal()) || !time.is_normal() {
            return Err(Error::Scale {
                argument: "gradient of the energy".into(),
                scale: steepest,
                range: "in which energies and times are normal numbers",
            });
        }
        Ok(Units { length, energy, time, squared })
    }

    /// Can a flow be run in them?
    pub(super) fn are_normal(&self) -> bool {
        [self.length, self.energy, self.time, self.squared].iter().all(|unit| unit.is_normal() && *unit > 0.0)
    }

    /// The cloud in units.
    pub(super) fn reduce(&self, rho: &Measure) -> Measure {
        rho.divided_by(self.length)
    }

    /// The gradient of the energy in units.
    pub(super) fn reduce_gradient(&self, gradient: &mut [f64]) {
        // the quotient alone may leave the range of doubles
        gradient.iter_mut().for_each(|g| *g = *g / self.energy * self.length);
    }

    /// Adds a frame, but for its energy, to a trajectory; `beyond`: the distance moved since the last step.
    pub(super) fn push_frame(&self, out: &mut Trajectory, time: f64, cloud: &Measure, beyond: f64) {
        let length = self.length;
        out.times.push(time);
        out.points.extend(cloud.points().iter().map(|x| x * length));
        out.second_moments.extend(cloud.second_moment().iter().map(|m| m * length * length));
        // the unit of D, a power of two
        out.beyond_step.push(beyond * self.squared.sqrt());
    }

    /// A step out of units, but for its length. Rates may leave the range of doubles.
    pub(super) fn restore_log(&self, log: StepLog) -> StepLog {
        StepLog {
            energy: log.energy * self.energy,
            speed_squared: log.speed_squared * self.energy / self.time,
            rate: log.rate * self.energy / self.time,
            moved_squared: log.moved_squared * self.squared,
            inequality: log.inequality * self.energy,
            sampling_error: log.sampling_error.map(|e| e * self.energy),
            ..log
        }
    }

    /// The first turn out of units.
    pub(super) fn restore_turn(&self, turn: FirstTurn) -> FirstTurn {
        FirstTurn {
            energy_before: turn.energy_before * self.energy,
            energy_after: turn.energy_after * self.energy,
            ..turn
        }
    }
}

/// [`Error::Scale`] when the largest coordinate in units, if not 0, is outside [`least`, 1e60].
pub(super) fn check_scale(cloud: &Measure, unit: f64, least: f64) -> Result<()> {
    let scale = cloud.scale() * unit;
    if scale == 0.0 || (least..=SCALES.1).contains(&scale) {
        return Ok(());
    }
    Err(Error::Scale { argument: "cloud".into(), scale, range: "[1e-60, 1e60]" })
}

/// The regular part of an energy in units, and how often it was evaluated.
pub(super) struct Scaled<'a> {
    pub(super) energy: &'a mut dyn Energy,
    pub(super) units: Units,
    pub(super) evaluations: usize,
    /// The cloud out of units; its weights are those of the flow.
    cloud: Measure,
}

impl<'a> Scaled<'a> {
    /// `cloud`: any cloud with the weights of the flow.
    pub(super) fn new(energy: &'a mut dyn Energy, units: Units, cloud: Measure) -> Self {
        Scaled { energy, units, evaluations: 0, cloud }
    }

    fn restore(&mut self, rho: &Measure) {
        let length = self.units.length;
        self.cloud.points_mut().iter_mut().zip(rho.points()).for_each(|(to, x)| *to = x * length);
    }
}

impl Scaled<'_> {
    /// Standard error of the last value, in units.
    pub(super) fn sampled(&self) -> Option<f64> {
        self.energy.sampling_error().map(|e| e / self.units.energy)
    }
}

impl Energy for Scaled<'_> {
    fn name(&self) -> String {
        self.energy.name()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluations += 1;
        self.restore(rho);
        let value = self.energy.regular_part(&self.cloud, gradient)?;
        self.units.reduce_gradient(gradient);
        Ok(value / self.units.energy)
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluations += 1;
        self.restore(rho);
        let value = match self.energy.diffusion() {
            0.0 => self.energy.value(&self.cloud)?,
            _ => self.energy.regular_part(&self.cloud, &mut vec![0.0; rho.points().len()])?,
        };
        Ok(value / self.units.energy)
    }
}
