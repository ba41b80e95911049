//! One step of the minimizing movement scheme: argmin_y F(y) + D(y, x)² / (2 τ), D = IGW or W2 with the
//! identity labelling.
//!
//! Under IGW the penalty is |Gram(y) − Gram(x)|² / (2 τ), evaluated from y − x without cancellation;
//! its gradient is (2/τ) (S_yD y + S_yx D) with D = y − x, and its Hessian near x is L_x / τ. So
//! τ L_x⁻¹ is the natural preconditioner; on rotations, the kernel of L, the preconditioner is the
//! inverse of F's own curvature along them. The penalty does not see mirror images either: points with
//! det ∫ x yᵀ ≤ 0 are excluded from a step, for any τ. Under W2 both are multiples of the identity.

use super::{Metric, Turning, rotation};
use crate::energy::Energy;
use crate::error::{Error, Result};
use crate::igw::align;
use crate::linalg;
use crate::measure::Measure;
use crate::minimise::{self, Objective, Outcome, Point, Stop};
use crate::mobility::Mobility;

/// What a step needs to know of the flow.
pub(super) struct Setting<'a> {
    pub(super) metric: Metric,
    pub(super) turning: Turning,
    pub(super) tau: f64,
    pub(super) floor: f64,
    pub(super) stop: Stop,
    /// Curvature of F along rotations, (k, k), for free orientation.
    pub(super) curvature: Option<&'a [f64]>,
}

/// The minimiser, aligned with x where the orientation is not F's own choice.
pub(super) struct Moved {
    pub(super) points: Vec<f64>,
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// D(y, x)².
    pub(super) penalty: f64,
    /// Rotation from the W2-aligned position to y, in radians.
    pub(super) angle: f64,
    pub(super) outcome: Outcome,
}

struct Step<'a> {
    energy: &'a mut dyn Energy,
    x: &'a Measure,
    setting: &'a Setting<'a>,
    mobility: Option<Mobility<'a>>,
    /// Inverse of the curvature along rotations, floored in size.
    rotations: Option<Vec<f64>>,
    /// Where F was evaluated last, F there and its gradient.
    cloud: Measure,
    value: f64,
    field: Vec<f64>,
}

/// Minimises from y = x, where F and its gradient are known.
pub(super) fn step(
    energy: &mut dyn Energy,
    x: &Measure,
    value: f64,
    gradient: &[f64],
    setting: &Setting<'_>,
) -> Result<Moved> {
    let mobility = match setting.metric {
        Metric::Igw => Some(Mobility::new(x, setting.floor)?),
        Metric::W2 => None,
    };
    if let Some(mobility) = &mobility {
        mobility.check_regular()?;
    }
    let rotations = match setting.curvature {
        Some(r) if setting.metric == Metric::Igw => Some(inverse_curvature(r, x, gradient)?),
        _ => None,
    };
    let mut at = Point { y: x.points().to_vec(), value, gradient: gradient.to_vec() };
    let (cloud, field) = (x.clone(), gradient.to_vec());
    let mut objective = Step { energy, x, setting, mobility, rotations, cloud, value, field };
    if objective.projected() {
        // the gradient of F(aligned y) at y = x
        at.gradient = objective.mobility_ref().project(gradient)?.0;
    }
    let outcome = minimise::minimise(&mut objective, &mut at, setting.stop)?;
    objective.finish(at.y, outcome)
}

/// Σ w |y − x|².
pub(super) fn displacement(w: &[f64], x: &[f64], y: &[f64], d: usize) -> f64 {
    linalg::sum_chunks(w.len(), 1, |rows, out| {
        out[0] = rows.map(|i| w[i] * (i * d..(i + 1) * d).map(|k| (y[k] - x[k]).powi(2)).sum::<f64>()).sum();
    })[0]
}

/// |R|⁻¹ with eigenvalues at least 1e-6 of the size of F's terms: only a preconditioner, so that a
/// flat or falling direction is met with a short positive curvature.
fn inverse_curvature(r: &[f64], x: &Measure, gradient: &[f64]) -> Result<Vec<f64>> {
    let k = r.len().isqrt();
    let (d, w) = (x.dim(), x.weights());
    let reach = (linalg::weighted_dot(w, gradient, gradient, d)
        * linalg::weighted_dot(w, x.points(), x.points(), d))
    .sqrt();
    let e = linalg::symmetric_eigen(r, k)?;
    let least = (1e-6 * linalg::max_abs(&e.values).max(reach)).max(f64::MIN_POSITIVE);
    let mut inverse = vec![0.0; k * k];
    for (i, l) in e.values.iter().enumerate() {
        inverse[i * k + i] = 1.0 / l.abs().max(least);
    }
    Ok(linalg::conjugate_back(&e.vectors, &inverse, k))
}

impl<'a> Step<'a> {
    /// Aligns the minimiser and completes it with F and its gradient, known from the last evaluation
    /// but for a rotation.
    fn finish(mut self, y: Vec<f64>, outcome: Outcome) -> Result<Moved> {
        let (d, w, x) = (self.x.dim(), self.x.weights(), self.x.points());
        if self.setting.metric == Metric::W2 {
            self.settle(&y)?;
            let penalty = displacement(w, x, &y, d);
            return Ok(self.moved(y, penalty, 0.0, outcome));
        }
        let turn = linalg::polar(&linalg::moment(w, x, d, &y, d), d)?;
        let aligned = linalg::map_rows(&y, d, &turn, d);
        let penalty = align::squared_of_pairs(w, x, &aligned, d);
        match self.setting.turning {
            Turning::Free => {
                self.settle(&y)?;
                let angle = linalg::rotation_angle(&turn, d)?;
                Ok(self.moved(y, penalty, angle, outcome))
            }
            Turning::Invariant => {
                self.settle(&y)?;
                self.field = linalg::map_rows(&self.field, d, &turn, d);
                Ok(self.moved(aligned, penalty, 0.0, outcome))
            }
            Turning::Fixed => {
                self.settle(&aligned)?;
                Ok(self.moved(aligned, penalty, 0.0, outcome))
            }
        }
    }

    /// F and its gradient at `points`, if the last evaluation was elsewhere.
    fn settle(&mut self, points: &[f64]) -> Result<()> {
        if self.cloud.points() != points {
            self.cloud.points_mut().copy_from_slice(points);
            self.value = self.energy.value_and_gradient(&self.cloud, &mut self.field)?;
        }
        Ok(())
    }

    fn moved(self, points: Vec<f64>, penalty: f64, angle: f64, outcome: Outcome) -> Moved {
        Moved { points, value: self.value, gradient: self.field, penalty, angle, outcome }
    }

    fn projected(&self) -> bool {
        self.setting.metric == Metric::Igw && self.setting.turning == Turning::Fixed
    }

    fn mobility_ref(&self) -> &Mobility<'a> {
        match &self.mobility {
            Some(mobility) => mobility,
            None => unreachable!("asked for under the IGW metric only"),
        }
    }

    /// F(O y) and its gradient in y, O the polar factor that aligns y with x.
    fn aligned_energy(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let (d, w, x) = (self.x.dim(), self.x.weights(), self.x.points());
        let cross = linalg::moment(w, x, d, y, d);
        let turn = linalg::polar(&cross, d)?;
        let back = linalg::transpose(&turn, d, d);
        let z = linalg::map_rows(y, d, &turn, d);
        self.cloud.points_mut().copy_from_slice(&z);
        self.value = self.energy.value_and_gradient(&self.cloud, &mut self.field)?;
        // S = M Oᵀ symmetric; Q_ij = (T − Tᵀ)_ij / (s_i + s_j), T = ∫ ∇F zᵀ; gradient Oᵀ (∇F − Q x)
        let s = linalg::symmetric_eigen(&linalg::matmul(&cross, &back, d, d, d), d)?;
        let t = linalg::conjugate(&s.vectors, &linalg::moment(w, &self.field, d, &z, d), d);
        let tiny = f64::EPSILON * s.values[0].abs();
        let mut q = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..d {
                let sum = s.values[i] + s.values[j];
                if sum > tiny {
                    q[i * d + j] = -(t[i * d + j] - t[j * d + i]) / sum;
                }
            }
        }
        let minus_q = linalg::conjugate_back(&s.vectors, &q, d);
        let on_x = linalg::matmul(&back, &minus_q, d, d, d);
        linalg::combine_rows(&self.field, d, &back, x, d, 1.0, &on_x, gradient, d);
        Ok(self.value)
    }
}

impl Step<'_> {
    /// F(y) + D(y, x)² / (2 τ) and its gradient; infinite for mirror images.
    fn proximal(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let (d, w, tau) = (self.x.dim(), self.x.weights(), self.setting.tau);
        let mirrored = || linalg::determinant(&linalg::moment(w, self.x.points(), d, y, d), d) <= 0.0;
        if self.setting.metric == Metric::Igw && mirrored() {
            // the penalty does not see mirror images; they are out of the domain of a step
            gradient.fill(0.0);
            return Ok(f64::INFINITY);
        }
        let value = if self.projected() {
            self.aligned_energy(y, gradient)?
        } else {
            self.cloud.points_mut().copy_from_slice(y);
            self.value = self.energy.value_and_gradient(&self.cloud, &mut self.field)?;
            gradient.copy_from_slice(&self.field);
            self.value
        };
        let x = self.x.points();
        let difference: Vec<f64> = y.iter().zip(x).map(|(y, x)| y - x).collect();
        if self.setting.metric == Metric::W2 {
            gradient.iter_mut().zip(&difference).for_each(|(g, e)| *g += e / tau);
            return Ok(value + linalg::weighted_dot(w, &difference, &difference, d) / (2.0 * tau));
        }
        let on_y = linalg::moment(w, y, d, &difference, d);
        let on_difference = linalg::moment(w, y, d, x, d);
        let scaled = |m: &[f64]| m.iter().map(|v| 2.0 / tau * v).collect::<Vec<f64>>();
        let mut penalty_gradient = vec![0.0; y.len()];
        let (a, b) = (scaled(&on_y), scaled(&on_difference));
        linalg::combine_rows(y, d, &a, &difference, d, 1.0, &b, &mut penalty_gradient, d);
        gradient.iter_mut().zip(&penalty_gradient).for_each(|(g, p)| *g += p);
        Ok(value + self.penalty(y, &difference, &on_y) / (2.0 * tau))
    }
}

impl Objective for Step<'_> {
    fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
        linalg::weighted_dot(self.x.weights(), a, b, self.x.dim())
    }

    fn evaluate(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<f64> {
        match self.proximal(y, gradient) {
            // too far for doubles: outside the domain of a step
            Err(Error::Scale { .. }) => {
                gradient.fill(0.0);
                Ok(f64::INFINITY)
            }
            other => other,
        }
    }

    fn precondition(&self, gradient: &[f64], out: &mut [f64]) -> Result<()> {
        let tau = self.setting.tau;
        let Some(mobility) = &self.mobility else {
            out.iter_mut().zip(gradient).for_each(|(o, g)| *o = tau * g);
            return Ok(());
        };
        mobility.inverse_into(gradient, out)?;
        out.iter_mut().for_each(|o| *o *= tau);
        if let Some(inverse) = &self.rotations {
            let (d, x, w) = (self.x.dim(), self.x.points(), self.x.weights());
            let t = rotation::torque(w, gradient, x, d);
            let k = t.len();
            let c = linalg::matmul(inverse, &t, k, k, 1);
            let turned = linalg::map_rows(x, d, &rotation::skew(&c, d), d);
            out.iter_mut().zip(&turned).for_each(|(o, v)| *o += v);
        }
        Ok(())
    }
}

impl Step<'_> {
    /// ∬ (⟨y, y'⟩ − ⟨x, x'⟩)² = tr(S_DD Σ_x) + tr(S_DD Σ_y) + 2 tr(S_Dx S_Dy).
    fn penalty(&self, y: &[f64], difference: &[f64], on_y: &[f64]) -> f64 {
        let (d, w, x) = (self.x.dim(), self.x.weights(), self.x.points());
        let dd = linalg::moment(w, difference, d, difference, d);
        let dx = linalg::moment(w, difference, d, x, d);
        let (xx, yy) = (linalg::moment(w, x, d, x, d), linalg::moment(w, y, d, y, d));
        align::squared_of_moments(&xx, &yy, &dd, &dx, on_y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::EnergyDistance;
    use crate::energy::check::fit_slope;
    use crate::measure::sample::{Source, gaussian};

    fn case(d: usize) -> (Measure, EnergyDistance, Vec<f64>, Vec<f64>) {
        let mut s = Source::new(71, d as u64);
        let w = (0..30).map(|_| 0.2 + s.unit()).collect();
        let mut draw = |size: f64| (0..30 * d).map(|_| size * s.normal()).collect::<Vec<f64>>();
        let (x, y, v) = (draw(1.0), draw(0.3), draw(0.2));
        let x = Measure::normalized(x, d, w).unwrap();
        let y: Vec<f64> = x.points().iter().zip(&y).map(|(a, b)| a + b).collect();
        (x, EnergyDistance::new(gaussian(20, d, 3).unwrap()), y, v)
    }

    #[test]
    fn gradient_of_a_step_has_taylor_slope_two_for_every_treatment_of_rotations() {
        let stop = Stop { relative: 1e-8, floor: 0.0, iterations: 10, value_scale: 1.0 };
        for d in 1..=3 {
            for metric in [Metric::Igw, Metric::W2] {
                for turning in [Turning::Invariant, Turning::Free, Turning::Fixed] {
                    let (x, mut energy, y, v) = case(d);
                    let setting = Setting { metric, turning, tau: 0.3, floor: 1e-12, stop, curvature: None };
                    let mobility = Some(Mobility::new(&x, 1e-12).unwrap()).filter(|_| metric == Metric::Igw);
                    let (cloud, field) = (x.clone(), vec![0.0; y.len()]);
                    let mut step = Step {
                        energy: &mut energy,
                        x: &x,
                        setting: &setting,
                        mobility,
                        rotations: None,
                        cloud,
                        value: 0.0,
                        field,
                    };
                    let mut g = vec![0.0; y.len()];
                    let start = step.evaluate(&y, &mut g).unwrap();
                    let slope = linalg::weighted_dot(x.weights(), &g, &v, d);
                    let mut points = Vec::new();
                    let mut scratch = g.clone();
                    for k in 8..14 {
                        let h = f64::from(-k).exp2();
                        let moved: Vec<f64> = y.iter().zip(&v).map(|(y, v)| y + h * v).collect();
                        let value = step.evaluate(&moved, &mut scratch).unwrap();
                        points.push((h.ln(), (value - start - h * slope).abs().ln()));
                    }
                    let order = fit_slope(&points);
                    assert!((order - 2.0).abs() < 0.2, "{metric:?} {turning:?} d = {d}: {order}");
                }
            }
        }
    }

    #[test]
    fn the_preconditioner_is_self_adjoint_and_positive() {
        let stop = Stop { relative: 1e-8, floor: 0.0, iterations: 10, value_scale: 1.0 };
        for d in 2..=4 {
            let (x, mut energy, f, g) = case(d);
            let mut gradient = vec![0.0; f.len()];
            energy.value_and_gradient(&x, &mut gradient).unwrap();
            let curvature = rotation::curvature(&mut energy, &x, &gradient).unwrap();
            let (metric, turning) = (Metric::Igw, Turning::Free);
            let rotations = Some(inverse_curvature(&curvature, &x, &gradient).unwrap());
            let curvature = Some(curvature.as_slice());
            let setting = Setting { metric, turning, tau: 0.3, floor: 1e-12, stop, curvature };
            let mobility = Some(Mobility::new(&x, 1e-12).unwrap());
            let (cloud, field) = (x.clone(), gradient.clone());
            let step = Step {
                energy: &mut energy,
                x: &x,
                setting: &setting,
                mobility,
                rotations,
                cloud,
                value: 0.0,
                field,
            };
            let apply = |a: &[f64]| {
                let mut out = vec![0.0; a.len()];
                step.precondition(a, &mut out).unwrap();
                out
            };
            let dot = |a: &[f64], b: &[f64]| linalg::weighted_dot(x.weights(), a, b, d);
            let (hf, hg) = (apply(&f), apply(&g));
            let scale = (dot(&f, &hf) * dot(&g, &hg)).sqrt();
            assert!(dot(&f, &hf) > 0.0 && dot(&g, &hg) > 0.0);
            assert!((dot(&g, &hf) - dot(&f, &hg)).abs() < 1e-12 * scale);
        }
    }
}
