//! Flows of centred Gaussians in closed form, in both geometries.
//!
//! F(Σ) = a H(Σ) + ½ tr(Q Σ) + c,  H(Σ) = ∫ ρ log ρ = −½ log det Σ − (d/2) log 2πe,
//!
//! holds the entropy (a = 1, Q = 0), the quadratic energy (a = 0) and the divergence KL(·, N(0, C)) (a = 1, Q = C⁻¹).
//!
//! **IGW**, orientation free: before the first step the Gaussian turns to where F is smallest among rotations, at no
//! cost: to the eigenbasis of Q, the largest eigenvalue of Σ along the smallest of Q. There the eigenvalues keep their
//! order and do not see each other: dl_i/dt = −∂F/∂l_i = a / (2 l_i) − q_i / 2. With a clock τ of its own each follows
//! a linear equation, dl/dτ = a − q l with dt = 2 l dτ, so that
//!
//! l(τ) = l₀ e^{−qτ} + a τ φ₁(qτ),  t(τ) = 2 τ (l₀ φ₁(qτ) + a τ φ₂(qτ)),
//! φ₁(x) = (1 − e^{−x}) / x,  φ₂(x) = (1 − φ₁(x)) / x.
//!
//! Every term is positive for either sign of q; t(τ) is solved for τ by Newton's method in a bracket. For a = 0 this is
//! l = l₀ − q t / 2, which ends at t = 2 l₀ / q; for q = 0 it is l = √(l₀² + a t).
//!
//! **W2**: dΣ/dt = 2 a − Q Σ − Σ Q, a linear equation, in the eigenbasis of Q
//! S_ij(t) = S_ij e^{−(q_i + q_j) t} + 2 a t φ₁(2 q_i t) δ_ij; nothing turns. In one dimension the two flows pass the
//! same variances, t_W2 = τ / 2.
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the solutions were
//! derived here.

use std::f64::consts::PI;

use super::Metric;
use crate::error::{Error, Result};
use crate::igw::gaussian::{covariance_eigen, positive_eigen, symmetric};
use crate::linalg::{self, Eigen};

/// F(Σ) = a H(Σ) + ½ tr(Q Σ) + c on centred Gaussians.
#[derive(Debug, Clone)]
pub struct Functional {
    entropy: f64,
    constant: f64,
    /// Eigenvalues of Q, decreasing, and its eigenvectors.
    q: Eigen,
}

impl Functional {
    /// a H(Σ) + ½ tr(Q Σ) for a ≥ 0 and Q (d, d) symmetric, of any sign. Errors: a negative or not finite, what is no
    /// symmetric matrix.
    pub fn new(entropy: f64, quadratic: &[f64]) -> Result<Self> {
        if !(entropy >= 0.0 && entropy.is_finite()) {
            return Err(Error::option("entropy", entropy, "a number >= 0"));
        }
        Ok(Functional { entropy, constant: 0.0, q: symmetric("quadratic", quadratic)?.0 })
    }

    /// ∫ ρ log ρ in dimension d. Errors: d = 0.
    pub fn entropy(d: usize) -> Result<Self> {
        Functional::new(1.0, &vec![0.0; d * d])
    }

    /// ½ ∫ xᵀ Q x dρ. Errors: as [`Functional::new`].
    pub fn quadratic(matrix: &[f64]) -> Result<Self> {
        Functional::new(0.0, matrix)
    }

    /// KL(ρ, N(0, C)) for C (d, d) positive definite. Errors: what is no such matrix; eigenvalues below rounding of
    /// the largest count as zero.
    ///
    /// ```
    /// use gromov::flow::gaussian::Functional;
    /// let kl = Functional::kl(&[2.0])?;
    /// // ½ (σ²/c − 1 − log(σ²/c)) at σ² = 1, c = 2
    /// assert!((kl.value(&[1.0])? - 0.5 * (0.5 - 1.0 + 2.0f64.ln())).abs() < 1e-15);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn kl(cov: &[f64]) -> Result<Self> {
        let Eigen { mut values, vectors } = positive_eigen("cov", cov)?;
        let d = values.len();
        let log_det: f64 = values.iter().map(|c| c.ln()).sum();
        // decreasing again: the inverse of the last eigenvalue first
        values.reverse();
        values.iter_mut().for_each(|c| *c = 1.0 / *c);
        let vectors = (0..d * d).map(|k| vectors[k / d * d + d - 1 - k % d]).collect();
        let constant = 0.5 * (d as f64 * (2.0 * PI).ln() + log_det);
        Ok(Functional { entropy: 1.0, constant, q: Eigen { values, vectors } })
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.q.values.len()
    }

    /// F at a covariance (d, d); +∞ where it is singular and a > 0. O(d³). Errors: what is no covariance, another
    /// size.
    pub fn value(&self, cov: &[f64]) -> Result<f64> {
        Ok(self.value_of(cov, &self.eigen(cov)?.values))
    }

    /// F at a covariance with these eigenvalues.
    fn value_of(&self, cov: &[f64], spectrum: &[f64]) -> f64 {
        let inner = linalg::conjugate(&self.q.vectors, cov, self.dim());
        self.of(spectrum, (0..self.dim()).map(|i| inner[i * (self.dim() + 1)]))
    }

    fn eigen(&self, cov: &[f64]) -> Result<Eigen> {
        let eigen = covariance_eigen("cov", cov)?;
        let (d, found) = (self.dim(), eigen.values.len());
        if found != d {
            return Err(Error::shape("cov", format!("({d}, {d})"), format!("({found}, {found})")));
        }
        Ok(eigen)
    }

    /// F from the eigenvalues of Σ and its diagonal in the eigenbasis of Q.
    fn of(&self, spectrum: &[f64], diagonal: impl Iterator<Item = f64>) -> f64 {
        let quadratic: f64 = self.q.values.iter().zip(diagonal).map(|(q, s)| 0.5 * q * s).sum();
        if self.entropy == 0.0 {
            return quadratic + self.constant;
        }
        let entropy: f64 = spectrum.iter().map(|l| -0.5 * (1.0 + (2.0 * PI).ln() + l.ln())).sum();
        self.entropy * entropy + quadratic + self.constant
    }

    /// Q is a multiple of the identity, to rounding: F does not see rotations.
    fn rotation_invariant(&self) -> bool {
        let (q, d) = (&self.q.values, self.dim());
        q[0] - q[d - 1] <= 16.0 * d as f64 * f64::EPSILON * linalg::max_abs(q)
    }
}

/// The flow of F from a centred Gaussian.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Flow {
    /// Geometry.
    pub metric: Metric,
    /// F before the flow. Under IGW the first turn lowers it at no cost: [`Flow::at`] of 0 has F after it.
    pub energy_before: f64,
    /// When the first eigenvalue reaches zero (IGW with a = 0): the flow is defined before this time. `None`: never.
    pub extinct: Option<f64>,
    functional: Functional,
    /// Columns of the frame in which the flow is written.
    basis: Vec<f64>,
    start: Start,
}

/// Where a flow starts, in its frame.
#[derive(Debug, Clone)]
enum Start {
    /// Pairs (l, q), l decreasing, q increasing.
    Igw(Vec<(f64, f64)>),
    /// Σ in the eigenbasis of Q.
    W2(Vec<f64>),
}

/// A Gaussian on its way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Gaussian {
    /// Σ, (d, d) row-major.
    pub covariance: Vec<f64>,
    /// Its eigenvalues, decreasing.
    pub spectrum: Vec<f64>,
    /// F.
    pub energy: f64,
}

impl Flow {
    /// The flow from N(0, Σ₀), `cov` (d, d). IGW: in the eigenbasis of Q, or, where F does not see rotations, of Σ₀;
    /// among equal eigenvalues of Q any basis will do. O(d³). Errors: what is no covariance, another dimension than
    /// that of F.
    ///
    /// ```
    /// use gromov::flow::{Metric, gaussian::{Flow, Functional}};
    /// // the entropy: √(l² + t) under IGW, l + 2 t under W2
    /// let h = Functional::entropy(2)?;
    /// let cov = [4.0, 0.0, 0.0, 1.0];
    /// assert_eq!(Flow::new(&h, &cov, Metric::Igw)?.at(9.0)?.spectrum, [5.0, 10f64.sqrt()]);
    /// assert_eq!(Flow::new(&h, &cov, Metric::W2)?.at(3.0)?.spectrum, [10.0, 7.0]);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn new(functional: &Functional, cov: &[f64], metric: Metric) -> Result<Self> {
        let eigen = functional.eigen(cov)?;
        let energy_before = functional.value_of(cov, &eigen.values);
        let (d, q) = (functional.dim(), &functional.q);
        let functional = functional.clone();
        if metric == Metric::W2 {
            let start = Start::W2(linalg::conjugate(&q.vectors, cov, d));
            let basis = q.vectors.clone();
            return Ok(Flow { metric, energy_before, extinct: None, functional, basis, start });
        }
        let basis = match functional.rotation_invariant() {
            true => eigen.vectors,
            // Q increasing
            false => (0..d * d).map(|k| q.vectors[k / d * d + d - 1 - k % d]).collect(),
        };
        let pairs: Vec<(f64, f64)> = eigen.values.into_iter().zip(q.values.iter().rev().copied()).collect();
        let dies = |(l, q): &(f64, f64)| (functional.entropy == 0.0 && *q > 0.0).then(|| 2.0 * l / q);
        let extinct = pairs.iter().filter_map(dies).reduce(f64::min);
        Ok(Flow { metric, energy_before, extinct, functional, basis, start: Start::Igw(pairs) })
    }

    /// The Gaussian at `t` ≥ 0, after the first turn at t = 0. t scales as length⁴ / F under IGW, length² / F under
    /// W2. O(d³). Errors: a negative time, one at which an eigenvalue is extinct (with the time in the message).
    pub fn at(&self, t: f64) -> Result<Gaussian> {
        if !(t >= 0.0 && t.is_finite()) {
            return Err(Error::option("t", t, "a time >= 0"));
        }
        if let Some(end) = self.extinct.filter(|end| t >= *end) {
            return Err(Error::option(
                "t",
                t,
                format!("a time below {end}, when an eigenvalue of Σ is extinct"),
            ));
        }
        let (d, a) = (self.functional.dim(), self.functional.entropy);
        match &self.start {
            Start::Igw(pairs) => {
                let spectrum: Vec<f64> = pairs.iter().map(|(l, q)| igw_variance(*l, a, *q, t)).collect();
                let energy = self.functional.of(&spectrum, spectrum.iter().rev().copied());
                Ok(Gaussian { covariance: linalg::from_eigen(&self.basis, &spectrum), spectrum, energy })
            }
            Start::W2(start) => {
                let q = &self.functional.q.values;
                let mut s: Vec<f64> =
                    (0..d * d).map(|k| start[k] * (-(q[k / d] + q[k % d]) * t).exp()).collect();
                (0..d).for_each(|i| s[i * d + i] += 2.0 * a * t * phi_1(2.0 * q[i] * t));
                let spectrum = linalg::symmetric_eigen(&s, d)?.values;
                let energy = self.functional.of(&spectrum, (0..d).map(|i| s[i * d + i]));
                let covariance = linalg::conjugate_back(&self.basis, &s, d);
                Ok(Gaussian { covariance, spectrum, energy })
            }
        }
    }
}

/// l(t) for dl/dt = a / (2 l) − q / 2, a ≥ 0, l(0) = `start`.
fn igw_variance(start: f64, a: f64, q: f64, t: f64) -> f64 {
    if a == 0.0 {
        return start - 0.5 * q * t;
    }
    if q == 0.0 {
        return start.hypot((a * t).sqrt());
    }
    if t == 0.0 {
        return start;
    }
    let tau = own_time(start, a, q, t);
    start * (-q * tau).exp() + a * tau * phi_1(q * tau)
}

/// τ with t = 2 τ (l₀ φ₁(qτ) + a τ φ₂(qτ)): Newton's method in a bracket; dt/dτ = 2 l.
fn own_time(start: f64, a: f64, q: f64, t: f64) -> f64 {
    let of = |tau: f64| 2.0 * tau * (start * phi_1(q * tau) + a * tau * phi_2(q * tau));
    let slope = |tau: f64| 2.0 * (start * (-q * tau).exp() + a * tau * phi_1(q * tau));
    // that of q = 0, a bound from below for q > 0 and from above for q < 0
    let even = t / (start + start.hypot((a * t).sqrt()));
    let (mut low, mut high) = (even, 2.0 * even);
    if q < 0.0 {
        // t is at least each of its two terms, and e^x − 1 − x at least e^x / 2 − 1
        let (first, second) = (0.5 * -q * t / start, 0.5 * q * q * t / a);
        let most = first.ln_1p().min((2.0 + 2.0 * second).ln());
        (low, high) = (0.0, even.min(most / -q) * (1.0 + 4.0 * f64::EPSILON));
    }
    while of(high) < t {
        (low, high) = (high, 2.0 * high);
    }
    // t(τ) is convex for q < 0: Newton's method comes down from the upper end
    let mut tau = if q < 0.0 { high } else { 0.5 * (low + high) };
    for _ in 0..200 {
        let excess = of(tau) - t;
        if excess > 0.0 {
            high = tau;
        } else {
            low = tau;
        }
        let newton = tau - excess / slope(tau);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - tau).abs() <= f64::EPSILON * tau {
            return next;
        }
        tau = next;
    }
    debug_assert!((of(tau) - t).abs() <= 1e-9 * t, "l = {start}, a = {a}, q = {q}, t = {t}: tau = {tau}");
    tau
}

/// (1 − e^{−x}) / x.
fn phi_1(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { -(-x).exp_m1() / x }
}

/// (1 − φ₁(x)) / x = ½ − x/6 + x²/24 − ...
fn phi_2(x: f64) -> f64 {
    if x.abs() > 1.0 {
        return (1.0 - phi_1(x)) / x;
    }
    let (mut sum, mut term) = (0.0, 0.5);
    for k in 3..24 {
        sum += term;
        term *= -x / f64::from(k);
    }
    sum
}

#[cfg(test)]
mod tests;
