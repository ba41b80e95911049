//! The embedded pair of Dormand and Prince, of orders 5 and 4, with an interpolant of order 4.
//!
//! Seven velocities, the first of which is that of the step before and the last that of the next one: six
//! gradients a trial. The step is written in the frame of its start; stages track O* ([`Field`]). Under IGW a stage
//! z that a singular cloud separates from x, the symmetric part of ∫ x zᵀ not positive, is outside the domain:
//! particles have passed through each other there, and v = −L⁻¹ ∇δF has a pole between.
//!
//! Source: Dormand, Prince, J. Comput. Appl. Math. 6 (1980) 19-26; the interpolant: Hairer, Norsett, Wanner,
//! Solving Ordinary Differential Equations I, II.6.

use super::Metric;
use super::explicit::{Field, Stage, check_side};
use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;

/// Stages 2 to 7 in velocities of the ones before; the last row is the result.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &RESULT,
];
const RESULT: [f64; 6] = [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0];
/// Result minus that of order 4.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];
/// What the interpolant adds to the cubic of Hermite.
const INSIDE: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// A step of the pair.
pub(super) struct Taken {
    /// The cloud at t + τ, F and its gradient there, turned to O*.
    pub(super) end: Stage,
    /// L²(ρ) norm of the difference of the two results.
    pub(super) error: f64,
    velocities: Vec<Vec<f64>>,
}

/// One step from a known first velocity. Errors: as the field; [`Error::Singular`] for a stage outside the domain;
/// `unit`: that of lengths.
pub(super) fn step(
    field: &mut Field<'_>,
    x: &Measure,
    first: Vec<f64>,
    tau: f64,
    unit: f64,
) -> Result<Taken> {
    let mut velocities = vec![first];
    let mut last = None;
    for row in STAGES {
        let z = combined(x, &velocities, row, tau)?;
        if field.metric == Metric::Igw {
            check_side(x, &z)?;
        }
        let stage = field.stage(&z)?;
        stage.check(unit)?;
        velocities.push(field.velocity(&z, &stage)?);
        last = Some(stage);
    }
    let Some(end) = last else { unreachable!("the pair has stages") };
    let difference = sum(&velocities, &ERROR, tau, vec![0.0; x.points().len()]);
    let error = linalg::weighted_dot(x.weights(), &difference, &difference, x.dim()).sqrt();
    Ok(Taken { end, error, velocities })
}

impl Taken {
    /// z at the part θ of the step, in the frame of its start.
    pub(super) fn inside(&self, x: &Measure, tau: f64, theta: f64) -> Result<Measure> {
        combined(x, &self.velocities, &weights(theta), tau)
    }
}

/// Weights of the velocities at the part θ of a step: cubic Hermite interpolation between both ends, and a
/// quartic that vanishes with its slope there.
fn weights(theta: f64) -> [f64; 7] {
    let left = 1.0 - theta;
    std::array::from_fn(|i| {
        let result = RESULT.get(i).copied().unwrap_or(0.0);
        let (first, last) = (f64::from(u8::from(i == 0)), f64::from(u8::from(i == 6)));
        let quartic = 2.0 * result - first - last + left * INSIDE[i];
        theta * (result + left * (first - result + theta * quartic))
    })
}

/// x + τ Σ a_j v_j.
fn combined(x: &Measure, velocities: &[Vec<f64>], a: &[f64], tau: f64) -> Result<Measure> {
    x.with_points(sum(velocities, a, tau, x.points().to_vec()))
}

fn sum(velocities: &[Vec<f64>], a: &[f64], tau: f64, mut to: Vec<f64>) -> Vec<f64> {
    for (v, a) in velocities.iter().zip(a) {
        if *a != 0.0 {
            to.iter_mut().zip(v).for_each(|(to, v)| *to += tau * a * v);
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row i of the method, stages 1 to 7.
    fn row(i: usize) -> &'static [f64] {
        if i == 0 { &[] } else { STAGES[i - 1] }
    }

    #[test]
    fn the_interpolant_meets_every_condition_of_order_four_and_the_ends() {
        let c: Vec<f64> = (0..7).map(|i| row(i).iter().sum()).collect();
        assert!((c[3] - 0.8).abs() < 1e-14 && (c[5] - 1.0).abs() < 1e-14 && (c[6] - 1.0).abs() < 1e-14);
        let through = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..7).map(|i| row(i).iter().enumerate().map(|(j, a)| a * f(j)).sum()).collect()
        };
        let (on_c, on_c2) = (through(&|j| c[j]), through(&|j| c[j] * c[j]));
        let twice = through(&|j| on_c[j]);
        for theta in [0.0, 0.13, 0.5, 0.77, 1.0] {
            let b = weights(theta);
            let total = |f: &dyn Fn(usize) -> f64| (0..7).map(|i| b[i] * f(i)).sum::<f64>();
            let t = |k: i32| theta.powi(k);
            for (got, want) in [
                (total(&|_| 1.0), t(1)),
                (total(&|i| c[i]), t(2) / 2.0),
                (total(&|i| c[i] * c[i]), t(3) / 3.0),
                (total(&|i| on_c[i]), t(3) / 6.0),
                (total(&|i| c[i].powi(3)), t(4) / 4.0),
                (total(&|i| c[i] * on_c[i]), t(4) / 8.0),
                (total(&|i| on_c2[i]), t(4) / 12.0),
                (total(&|i| twice[i]), t(4) / 24.0),
            ] {
                assert!((got - want).abs() < 1e-14, "θ = {theta}: {got} {want}");
            }
        }
        assert_eq!(weights(0.0), [0.0; 7]);
        assert!(weights(1.0).iter().zip(RESULT).all(|(a, b)| (a - b).abs() < 1e-15));
    }

    #[test]
    fn the_error_weights_are_of_order_four_and_no_more() {
        let c: Vec<f64> = (0..7).map(|i| row(i).iter().sum::<f64>()).collect();
        let moment = |k: i32| -> f64 { ERROR.iter().zip(&c).map(|(e, c)| e * c.powi(k)).sum() };
        assert!((0..4).all(|k| moment(k).abs() < 1e-15) && moment(4).abs() > 1e-4, "{}", moment(4));
    }
}
