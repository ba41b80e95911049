//! The flow as an ordinary differential equation: velocities, and Runge-Kutta methods.
//!
//! Under IGW v = −L⁻¹ ∇δF with the torque projected away (`fixed`), or, with the orientation free,
//! w = O*ᵀ ∇δF(O* x) at the orientation O*(x) where F is smallest, tracked from stage to stage.

use super::units::check_scale;
use super::{Metric, Scheme, Turning, rotation};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::mobility::Mobility;
use crate::solve::Status;

/// A moving cloud z with the orientation in which it stands, for one step.
pub(super) struct Field<'a> {
    pub(super) energy: &'a mut dyn Energy,
    pub(super) metric: Metric,
    pub(super) turning: Turning,
    pub(super) floor: f64,
    /// O* at the last stage.
    pub(super) orientation: Vec<f64>,
    pub(super) oriented: bool,
}

/// F, its gradient and O* at a cloud.
pub(super) struct Stage {
    pub(super) cloud: Measure,
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
}

impl Stage {
    /// Errors: an energy or lengths out of range; `unit`: that of lengths.
    pub(super) fn check(&self, unit: f64) -> Result<()> {
        check_scale(&self.cloud, unit, 0.0)?;
        match self.value.is_finite() {
            true => Ok(()),
            false => {
                Err(Error::NotFinite { argument: "energy".into(), index: "0".into(), value: self.value })
            }
        }
    }
}

/// The status that a failed step means, if it is an answer: no L⁻¹ beyond this point, or an explicit
/// step so long that the numbers grow without bound.
pub(super) fn stopped(error: &Error, scheme: Scheme) -> Option<Status> {
    match error {
        Error::Singular { .. } => Some(Status::Singular),
        Error::IterationCap { .. } => Some(Status::IterationCap),
        Error::NotFinite { .. } | Error::Scale { .. } | Error::LinearAlgebra { .. }
            if scheme != Scheme::Implicit =>
        {
            Some(Status::Stalled)
        }
        _ => None,
    }
}

impl Field<'_> {
    /// F and its gradient at O*(z) z, in that frame; O* is updated.
    pub(super) fn stage(&mut self, z: &Measure) -> Result<Stage> {
        let d = z.dim();
        let turned = if self.turning == Turning::Free {
            z.moved(linalg::map_rows(z.points(), d, &self.orientation, d))
        } else {
            z.clone()
        };
        if self.turning == Turning::Free && self.metric == Metric::Igw {
            let refined = rotation::refine(self.energy, &turned)?;
            self.oriented &= refined.converged;
            self.orientation = linalg::matmul(&refined.rotation, &self.orientation, d, d, d);
            return Ok(Stage { cloud: refined.cloud, value: refined.value, gradient: refined.gradient });
        }
        let mut gradient = vec![0.0; z.points().len()];
        let value = self.energy.value_and_gradient(&turned, &mut gradient)?;
        Ok(Stage { cloud: turned, value, gradient })
    }

    /// Velocity of z, in the frame of z, from a stage.
    pub(super) fn velocity(&self, z: &Measure, stage: &Stage) -> Result<Vec<f64>> {
        let d = z.dim();
        let mut v = match self.metric {
            Metric::W2 => stage.gradient.clone(),
            Metric::Igw => {
                let v = Mobility::new(&stage.cloud, self.floor)?.inverse(&stage.gradient)?.velocity;
                if self.turning == Turning::Free {
                    linalg::map_rows(&v, d, &linalg::transpose(&self.orientation, d, d), d)
                } else {
                    v
                }
            }
        };
        v.iter_mut().for_each(|v| *v = -*v);
        Ok(v)
    }
}

/// [`Error::Singular`] where the symmetric part of ∫ x zᵀ is not positive: a singular cloud lies between x and z, and v
/// has a pole there.
pub(super) fn check_side(x: &Measure, z: &Measure) -> Result<()> {
    let d = x.dim();
    let cross = linalg::moment(x.weights(), x.points(), d, z.points(), d);
    let back = linalg::transpose(&cross, d, d);
    let symmetric: Vec<f64> = cross.iter().zip(&back).map(|(a, b)| 0.5 * (a + b)).collect();
    let values = linalg::symmetric_eigen(&symmetric, d)?.values;
    match values[d - 1] > 0.0 {
        true => Ok(()),
        false => Err(Error::Singular { smallest: values[d - 1], largest: values[0], floor: 0.0 }),
    }
}

/// A Runge-Kutta method whose stages each start from the velocity of the one before.
pub(super) struct Method {
    /// How far ahead each further stage lies, in steps.
    ahead: &'static [f64],
    /// Weights of all stages, to be divided by their sum.
    weights: &'static [f64],
}

impl Method {
    /// The method of a scheme of fixed step; `None` for those that are none.
    pub(super) fn of(scheme: Scheme) -> Option<Method> {
        let (ahead, weights): (&[f64], &[f64]) = match scheme {
            Scheme::Implicit | Scheme::Adaptive | Scheme::Langevin => return None,
            Scheme::Euler => (&[], &[1.0]),
            Scheme::Heun => (&[1.0], &[1.0, 1.0]),
            Scheme::Rk4 => (&[0.5, 0.5, 1.0], &[1.0, 2.0, 2.0, 1.0]),
        };
        Some(Method { ahead, weights })
    }

    /// One step from a known first velocity; returns z at t + τ.
    pub(super) fn step(
        &self,
        field: &mut Field<'_>,
        x: &Measure,
        first: Vec<f64>,
        tau: f64,
    ) -> Result<Measure> {
        let igw = field.metric == Metric::Igw;
        let ahead = |v: &[f64], h: f64| {
            let z = x.with_points(x.points().iter().zip(v).map(|(x, v)| x + h * v).collect())?;
            if igw {
                check_side(x, &z)?;
            }
            Ok::<_, Error>(z)
        };
        let mut sum: Vec<f64> = first.iter().map(|v| self.weights[0] * v).collect();
        let mut last = first;
        for (fraction, weight) in self.ahead.iter().zip(&self.weights[1..]) {
            let z = ahead(&last, fraction * tau)?;
            let stage = field.stage(&z)?;
            last = field.velocity(&z, &stage)?;
            sum.iter_mut().zip(&last).for_each(|(s, v)| *s += weight * v);
        }
        ahead(&sum, tau / self.weights.iter().sum::<f64>())
    }
}
