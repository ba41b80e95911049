//! Energies of pairs: the energy distance, the maximum mean discrepancy, interactions.
//!
//! All are sums over pairs by [`pairwise`](super::pairwise), O(n (n + m) d) time and O(n + m) memory; on
//! the line the energy distance is found by sorting. Every sum has the same bits for any number of threads.

use pulp::Simd;

use super::elementary::{Power, exp, unit_power};
use super::pairwise::{Columns, Kernel};
use super::{Energy, in_doubles, line};
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;

/// Squared distances in units of the larger cloud below which points count as coinciding: far below
/// the resolution of doubles at that size. Powers of r stay finite there and meet a difference of zero.
const COINCIDING: f64 = 1e-36;

/// r² kept away from zero.
#[inline(always)]
fn apart<S: Simd>(simd: S, squared: S::f64s) -> S::f64s {
    simd.max_f64s(squared, simd.splat_f64s(COINCIDING))
}

/// k(r) = r.
#[derive(Clone, Copy)]
pub(super) struct Distance;

impl Kernel for Distance {
    #[inline(always)]
    fn weigh<S: Simd>(self, simd: S, squared: S::f64s, weight: S::f64s) -> (S::f64s, S::f64s) {
        let slope = simd.div_f64s(weight, simd.sqrt_f64s(apart(simd, squared)));
        (simd.mul_f64s(slope, squared), slope)
    }
}

/// A target with its columns in the unit of the larger of it and the last cloud seen.
#[derive(Debug, Clone)]
struct Target {
    cloud: Measure,
    columns: Columns,
}

impl Target {
    fn new(cloud: Measure) -> Self {
        let columns = Columns::new(&cloud, linalg::power_of_two_scale(cloud.scale()));
        Target { cloud, columns }
    }

    /// Columns of ρ in its own unit, and of the target in that of the larger cloud.
    fn both(&mut self, rho: &Measure) -> (Columns, &Columns) {
        let unit = linalg::power_of_two_scale(rho.scale());
        let common = linalg::power_of_two_scale(rho.scale().max(self.cloud.scale()));
        if common != self.columns.unit {
            self.columns = Columns::new(&self.cloud, common);
        }
        (Columns::new(rho, unit), &self.columns)
    }
}

/// F(ρ) = ∬ |x − y| dρ dν − ½ ∬ |x − x'| dρ dρ − ½ ∬ |y − y'| dν dν, the energy distance (half of
/// Székely and Rizzo's); scales as length. O(n (n + m) d) time; on the line O((n + m) log (n + m)), where
/// F(ρ) = ∫ (ρ(−∞, t] − ν(−∞, t])² dt. In space, points closer than 1e-18 of the size of their cloud (of both,
/// for a pair of one each) count as one. Errors: another dimension, lengths beyond doubles.
///
/// ```
/// use gromov::{Energy, Measure, energy::EnergyDistance};
/// let target = Measure::uniform(vec![0.0, 1.0], 1)?;
/// let rho = Measure::uniform(vec![2.0], 1)?;
/// // 3/2 − 0 − 1/4
/// assert_eq!(EnergyDistance::new(target).value(&rho)?, 1.25);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EnergyDistance(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// The target in its order.
    Line(line::Sorted),
    /// The target, and ½ ∬ |y − y'| dν dν in the unit beside it.
    Space { target: Target, own: f64, unit: f64 },
}

impl EnergyDistance {
    /// The target ν; O(m²) once, O(m log m) on the line.
    pub fn new(target: Measure) -> Self {
        if target.dim() == 1 {
            return EnergyDistance(Kind::Line(line::Sorted::new(&target)));
        }
        let target = Target::new(target);
        let own = 0.5 * target.columns.sum(Distance, &target.cloud, None, 1.0);
        let unit = target.columns.unit;
        EnergyDistance(Kind::Space { target, own, unit })
    }

    fn evaluate(&mut self, rho: &Measure, gradient: Option<&mut [f64]>) -> Result<f64> {
        super::check_dim(self, rho)?;
        let value = match &mut self.0 {
            Kind::Line(target) => line::energy_distance(rho, target, gradient),
            Kind::Space { target, own, unit } => {
                let (near, far) = target.both(rho);
                let (pull, push) = match gradient {
                    None => (far.sum(Distance, rho, None, 1.0), near.sum(Distance, rho, None, 1.0)),
                    Some(gradient) => {
                        gradient.fill(0.0);
                        let pull = far.sum(Distance, rho, Some(gradient), 1.0);
                        (pull, near.sum(Distance, rho, Some(gradient), -1.0))
                    }
                };
                // in the unit of both, so that nothing overflows before the difference
                (pull - 0.5 * push * (near.unit / far.unit) - *own * (*unit / far.unit)) * far.unit
            }
        };
        in_doubles(value, rho.scale(), "in which their differences are doubles")
    }
}

impl Energy for EnergyDistance {
    fn name(&self) -> String {
        "energy-distance".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluate(rho, Some(gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluate(rho, None)
    }

    /// ∫ |x − y| dν − ∫ |x − x'| dρ; not given on the line.
    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        super::check_dim(self, rho)?;
        let Kind::Space { target, .. } = &mut self.0 else { return Ok(None) };
        let (near, far) = target.both(rho);
        let (pull, push) = (far.potential(Distance, rho), near.potential(Distance, rho));
        Ok(Some(pull.iter().zip(&push).map(|(a, b)| a * far.unit - b * near.unit).collect()))
    }

    fn dim(&self) -> Option<usize> {
        match &self.0 {
            Kind::Line(_) => Some(1),
            Kind::Space { target, .. } => Some(target.cloud.dim()),
        }
    }
}

/// k(r) = exp(c r²), c < 0; 0 below e⁻⁷⁰⁰.
#[derive(Clone, Copy)]
struct Gaussian {
    c: f64,
}

impl Kernel for Gaussian {
    #[inline(always)]
    fn weigh<S: Simd>(self, simd: S, squared: S::f64s, weight: S::f64s) -> (S::f64s, S::f64s) {
        let t = simd.mul_f64s(simd.splat_f64s(self.c), squared);
        let value = simd.mul_f64s(weight, exp(simd, t));
        let large = simd.greater_than_f64s(t, simd.splat_f64s(-700.0));
        let value = simd.select_f64s(large, value, simd.splat_f64s(0.0));
        (value, simd.mul_f64s(simd.splat_f64s(2.0 * self.c), value))
    }
}

/// F(ρ) = ½ ∬ k(x − y) d(ρ − ν)(x) d(ρ − ν)(y), k(z) = exp(−|z|² / (2 h²)): half the squared maximum mean
/// discrepancy with a Gaussian kernel of bandwidth h (a length). F has no unit and is at most 1. It is the
/// difference of sums near 1: values below about 1e-15 are rounding. O(n (n + m) d) time.
///
/// ```
/// use gromov::{Energy, Measure, energy::Mmd};
/// let target = Measure::uniform(vec![0.0, 0.0], 2)?;
/// let rho = Measure::uniform(vec![3.0, 4.0], 2)?;
/// // one point each at distance 5: 1 − exp(−25 / 8)
/// let value = Mmd::new(target, 2.0)?.value(&rho)?;
/// assert!((value - (1.0 - (-3.125f64).exp())).abs() < 1e-15);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mmd {
    target: Target,
    bandwidth: f64,
    /// ½ ∬ k dν dν.
    own: f64,
}

impl Mmd {
    /// The target ν and the bandwidth h; O(m²) once. Errors: a bandwidth that is not a positive number.
    pub fn new(target: Measure, bandwidth: f64) -> Result<Self> {
        if !(bandwidth > 0.0 && bandwidth.is_finite()) {
            return Err(Error::option("bandwidth", bandwidth, "a positive number"));
        }
        let target = Target::new(target);
        let kernel = Mmd::kernel(bandwidth, target.columns.unit);
        let own = 0.5 * target.columns.sum(kernel, &target.cloud, None, 1.0);
        Ok(Mmd { target, bandwidth, own })
    }

    /// The kernel with lengths in units.
    fn kernel(bandwidth: f64, unit: f64) -> Gaussian {
        let ratio = unit / bandwidth;
        // beyond it only points at one place see each other, as before it; twice c must be a double
        Gaussian { c: (-0.5 * ratio * ratio).max(-0.25 * f64::MAX) }
    }

    fn evaluate(&mut self, rho: &Measure, gradient: Option<&mut [f64]>) -> Result<f64> {
        super::check_dim(self, rho)?;
        let (bandwidth, own_target) = (self.bandwidth, self.own);
        let (own, cross) = self.target.both(rho);
        let (far, near) = (Mmd::kernel(bandwidth, cross.unit), Mmd::kernel(bandwidth, own.unit));
        let (mixed, alone) = match gradient {
            None => (cross.sum(far, rho, None, 1.0), own.sum(near, rho, None, 1.0)),
            Some(gradient) => {
                gradient.fill(0.0);
                let mixed = cross.sum(far, rho, Some(gradient), -1.0 / cross.unit);
                (mixed, own.sum(near, rho, Some(gradient), 1.0 / own.unit))
            }
        };
        Ok(0.5 * alone - mixed + own_target)
    }
}

impl Energy for Mmd {
    fn name(&self) -> String {
        format!("mmd (bandwidth {})", self.bandwidth)
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluate(rho, Some(gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluate(rho, None)
    }

    /// ∫ k d(ρ − ν).
    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        super::check_dim(self, rho)?;
        let bandwidth = self.bandwidth;
        let (own, cross) = self.target.both(rho);
        let alone = own.potential(Mmd::kernel(bandwidth, own.unit), rho);
        let mixed = cross.potential(Mmd::kernel(bandwidth, cross.unit), rho);
        Ok(Some(alone.iter().zip(&mixed).map(|(a, b)| a - b).collect()))
    }

    fn dim(&self) -> Option<usize> {
        Some(self.target.cloud.dim())
    }
}

/// k(r) = a rᵖ / p − b r^q / q.
#[derive(Clone, Copy)]
struct Powers {
    attraction: Term,
    repulsion: Option<Term>,
}

/// a rᵉ / e.
#[derive(Clone, Copy)]
struct Term {
    a: f64,
    exponent: f64,
    /// rᵉ⁻².
    power: Power,
}

/// Lengths whose powers leave the range of doubles.
fn beyond_doubles(scale: f64) -> Error {
    let range = "in which |z|^p and |z|^q of the interaction are normal numbers";
    Error::Scale { argument: "cloud".into(), scale, range }
}

impl Term {
    /// Lengths in units. Errors: a power of the unit that is not a normal number.
    fn new(exponent: f64, unit: f64) -> Result<Self> {
        let a = unit_power(unit, exponent);
        if !a.is_normal() {
            return Err(beyond_doubles(unit));
        }
        Ok(Term { a, exponent, power: Power::new(exponent - 2.0) })
    }

    /// w a rᵉ / e and its slope over r.
    #[inline(always)]
    fn weigh<S: Simd>(self, simd: S, squared: S::f64s, weight: S::f64s) -> (S::f64s, S::f64s) {
        let weighted = simd.mul_f64s(simd.splat_f64s(self.a), weight);
        let slope = simd.mul_f64s(weighted, self.power.of(simd, apart(simd, squared)));
        let value = simd.mul_f64s(simd.mul_f64s(slope, squared), simd.splat_f64s(1.0 / self.exponent));
        (value, slope)
    }
}

impl Kernel for Powers {
    #[inline(always)]
    fn weigh<S: Simd>(self, simd: S, squared: S::f64s, weight: S::f64s) -> (S::f64s, S::f64s) {
        let pull = self.attraction.weigh(simd, squared, weight);
        match self.repulsion {
            None => pull,
            Some(repulsion) => {
                let push = repulsion.weigh(simd, squared, weight);
                (simd.sub_f64s(pull.0, push.0), simd.sub_f64s(pull.1, push.1))
            }
        }
    }
}

/// F(ρ) = ½ ∬ k(x − x') dρ dρ, k(z) = |z|ᵖ / p − |z|^q / q: attraction by the first term, repulsion by the
/// second; q = 0 leaves the first term alone. Rotation invariant. With p > q, F is bounded below and points
/// come to rest at distances of about 1: the unit of length is that of the exponents. With q > p points are driven
/// apart without end. Exponents below 1 have a force without bound where points meet; points that coincide (within
/// 1e-18 of the size of the cloud) exert none. O(n² d) time; integer exponents up to 18 are fastest. Errors of an
/// evaluation: lengths whose powers are not normal numbers.
///
/// ```
/// use gromov::{Energy, Measure, energy::Interaction};
/// let rho = Measure::uniform(vec![0.0, 2.0], 1)?;
/// // half of all four pairs' mean: ½ · ½ · (2⁴ / 4 − 2² / 2)
/// assert_eq!(Interaction::new(4.0, 2.0)?.value(&rho)?, 0.5);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Interaction {
    p: f64,
    q: f64,
}

impl Interaction {
    /// The exponents p > 0 and q ≥ 0. Errors: other numbers; p = q, which would be F = 0.
    pub fn new(p: f64, q: f64) -> Result<Self> {
        if !(p > 0.0 && p.is_finite()) {
            return Err(Error::option("p", p, "a positive number"));
        }
        if !(q >= 0.0 && q.is_finite()) {
            return Err(Error::option("q", q, "a number >= 0 (0: no second term)"));
        }
        if p == q {
            return Err(Error::option("q", q, "another number than p: the two terms would cancel"));
        }
        Ok(Interaction { p, q })
    }

    fn kernel(&self, unit: f64) -> Result<Powers> {
        let repulsion = if self.q > 0.0 { Some(Term::new(self.q, unit)?) } else { None };
        Ok(Powers { attraction: Term::new(self.p, unit)?, repulsion })
    }

    fn evaluate(&self, rho: &Measure, mut gradient: Option<&mut [f64]>) -> Result<f64> {
        let unit = linalg::power_of_two_scale(rho.scale());
        let kernel = self.kernel(unit)?;
        let columns = Columns::new(rho, unit);
        if let Some(gradient) = gradient.as_deref_mut() {
            gradient.fill(0.0);
        }
        let value = 0.5 * columns.sum(kernel, rho, gradient, 1.0 / unit);
        if value.is_finite() { Ok(value) } else { Err(beyond_doubles(unit)) }
    }
}

impl Energy for Interaction {
    fn name(&self) -> String {
        match self.q {
            0.0 => format!("interaction (p {})", self.p),
            q => format!("interaction (p {}, q {q})", self.p),
        }
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluate(rho, Some(gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluate(rho, None)
    }

    /// ∫ k(x − x') dρ.
    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        let unit = linalg::power_of_two_scale(rho.scale());
        Ok(Some(Columns::new(rho, unit).potential(self.kernel(unit)?, rho)))
    }

    fn rotation_invariant(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    /// Σ_ij a_i b_j k(|x_i − y_j|), and factor · Σ_j b_j k'(r) (x_i − y_j) / r added to `field`.
    fn dense(
        (a, b): (&Measure, &Measure),
        k: &dyn Fn(f64) -> (f64, f64),
        factor: f64,
        field: &mut [f64],
    ) -> f64 {
        let d = a.dim();
        let mut total = 0.0;
        for i in 0..a.len() {
            for j in 0..b.len() {
                let e: Vec<f64> = a.point(i).iter().zip(b.point(j)).map(|(x, y)| x - y).collect();
                let r = linalg::norm(&e);
                let (value, slope) = k(r);
                total += a.weights()[i] * b.weights()[j] * value;
                if r > 0.0 {
                    for k in 0..d {
                        field[i * d + k] += factor * b.weights()[j] * slope * e[k] / r;
                    }
                }
            }
        }
        total
    }

    const SHAPES: [(usize, usize, usize); 6] =
        [(1, 1, 1), (50, 33, 1), (40, 50, 2), (17, 8, 3), (30, 29, 4), (20, 9, 7)];

    fn clouds((n, m, d): (usize, usize, usize)) -> (Measure, Measure) {
        let mut s = Source::new(41, d as u64);
        let mut cloud = |n: usize| {
            let w = (0..n).map(|_| 0.1 + s.unit()).collect();
            Measure::normalized((0..n * d).map(|_| s.normal()).collect(), d, w).unwrap()
        };
        let (mut rho, nu) = (cloud(n), cloud(m));
        rho.points_mut()[..d].copy_from_slice(nu.point(0)); // a coinciding pair
        (rho, nu)
    }

    fn assert_dense(energy: &mut dyn Energy, rho: &Measure, value: f64, field: &[f64]) {
        let mut gradient = vec![f64::NAN; field.len()];
        let got = energy.value_and_gradient(rho, &mut gradient).unwrap();
        let size = linalg::max_abs(field).max(1.0);
        assert!((got - value).abs() < 1e-12 * value.abs().max(1.0), "{}: {got} {value}", energy.name());
        for (a, b) in gradient.iter().zip(field) {
            assert!((a - b).abs() < 1e-12 * size, "{}: {a} {b}", energy.name());
        }
        assert_eq!(energy.value(rho).unwrap(), got);
    }

    #[test]
    fn energy_distance_is_its_dense_sums() {
        for shape in SHAPES {
            let (rho, nu) = clouds(shape);
            let k = |r: f64| (r, 1.0);
            let (mut field, mut none) = (vec![0.0; rho.points().len()], vec![0.0; nu.points().len()]);
            let cross = dense((&rho, &nu), &k, 1.0, &mut field);
            let own = dense((&rho, &rho), &k, -1.0, &mut field);
            let value = cross - 0.5 * own - 0.5 * dense((&nu, &nu), &k, 0.0, &mut none);
            assert_dense(&mut EnergyDistance::new(nu), &rho, value, &field);
        }
    }

    #[test]
    fn mmd_is_its_dense_sums() {
        for shape in SHAPES {
            for h in [0.3, 1.0, 20.0] {
                let (rho, nu) = clouds(shape);
                let k = |r: f64| {
                    let v = (-r * r / (2.0 * h * h)).exp();
                    (v, -r / (h * h) * v)
                };
                let (mut field, mut none) = (vec![0.0; rho.points().len()], vec![0.0; nu.points().len()]);
                let own = dense((&rho, &rho), &k, 1.0, &mut field);
                let cross = dense((&rho, &nu), &k, -1.0, &mut field);
                let value = 0.5 * own - cross + 0.5 * dense((&nu, &nu), &k, 0.0, &mut none);
                assert_dense(&mut Mmd::new(nu, h).unwrap(), &rho, value, &field);
            }
        }
    }

    #[test]
    fn interaction_is_its_dense_sum() {
        for shape in SHAPES {
            for (p, q) in [(2.0, 0.0), (4.0, 2.0), (3.0, 1.0), (2.0, 1.0), (2.5, 0.7), (1.0, 0.0), (5.0, 3.5)]
            {
                let rho = clouds(shape).0;
                let k = |r: f64| {
                    let term = |e: f64| {
                        if e == 0.0 || r == 0.0 { (0.0, 0.0) } else { (r.powf(e) / e, r.powf(e - 1.0)) }
                    };
                    (term(p).0 - term(q).0, term(p).1 - term(q).1)
                };
                let mut field = vec![0.0; rho.points().len()];
                let value = 0.5 * dense((&rho, &rho), &k, 1.0, &mut field);
                assert_dense(&mut Interaction::new(p, q).unwrap(), &rho, value, &field);
            }
        }
    }

    #[test]
    fn kernels_hold_at_any_scale() {
        let (rho, nu) = clouds((20, 15, 3));
        let at = |m: &Measure, s: f64| m.with_points(m.points().iter().map(|x| x * s).collect()).unwrap();
        for exponent in [-200, -60, 60, 200] {
            let s = f64::from(exponent).exp2();
            let (small, target) = (at(&rho, s), at(&nu, s));
            let ratio = |one: &mut dyn Energy, scaled: &mut dyn Energy, degree: i32| {
                let (mut g, mut h) = (vec![0.0; 60], vec![0.0; 60]);
                let (a, b) =
                    (one.value_and_gradient(&rho, &mut g), scaled.value_and_gradient(&small, &mut h));
                // powers of two: the same bits
                assert_eq!(a.unwrap() * s.powi(degree), b.unwrap(), "{} {exponent}", one.name());
                assert!(g.iter().zip(&h).all(|(g, h)| g * s.powi(degree - 1) == *h), "{}", one.name());
            };
            ratio(&mut EnergyDistance::new(nu.clone()), &mut EnergyDistance::new(target.clone()), 1);
            ratio(&mut Mmd::new(nu.clone(), 0.5).unwrap(), &mut Mmd::new(target, 0.5 * s).unwrap(), 0);
            let mut square = Interaction::new(2.0, 0.0).unwrap();
            ratio(&mut square.clone(), &mut square, 2);
            // r^2.5 is as exact as its logarithm
            let mut broken = Interaction::new(2.5, 0.0).unwrap();
            let quotient = broken.value(&small).unwrap() / broken.value(&rho).unwrap();
            assert!((quotient / (2.5 * f64::from(exponent)).exp2() - 1.0).abs() < 1e-13, "{quotient}");
        }
        let huge = at(&rho, 1e160);
        assert!(matches!(Interaction::new(2.0, 0.0).unwrap().value(&huge), Err(Error::Scale { .. })));
        // a bandwidth far below or above the distances: separate points, or all at one place
        assert!(Mmd::new(at(&nu, 1e200), 1e-200).unwrap().value(&at(&rho, 1e200)).unwrap() > 0.0);
        assert!(Mmd::new(nu.clone(), 1e200).unwrap().value(&rho).unwrap().abs() < 1e-15);
        let mut gradient = vec![f64::NAN; 60];
        Mmd::new(nu.clone(), 1e-160).unwrap().value_and_gradient(&rho, &mut gradient).unwrap();
        assert_eq!(gradient, vec![0.0; 60]);
        // a cloud far smaller than its target has its own distances, at any place
        let tiny = at(&rho, 1e-20);
        let mut field = vec![0.0; 60];
        let push = dense((&tiny, &tiny), &|r| (r, 1.0), -1.0, &mut field);
        let pull = dense((&tiny, &nu), &|r| (r, 1.0), 1.0, &mut field);
        EnergyDistance::new(nu.clone()).value_and_gradient(&tiny, &mut gradient).unwrap();
        assert!(push > 0.0 && pull > 0.0);
        assert!(gradient.iter().zip(&field).all(|(a, b)| (a - b).abs() < 1e-12), "{gradient:?} {field:?}");
        // at the end of doubles: an answer or a name
        for d in [1, 2] {
            let huge = Measure::uniform([-1e308, 1e308].repeat(d), d).unwrap();
            assert_eq!(EnergyDistance::new(huge.clone()).value(&huge).unwrap(), 0.0);
            let other = Measure::uniform([1.7e308, -1.7e308].repeat(d), d).unwrap();
            let got = EnergyDistance::new(huge).value(&other);
            assert!(got.as_ref().is_ok_and(|v| v.is_finite()) || matches!(got, Err(Error::Scale { .. })));
        }
        // a power beyond doubles is not the largest double
        let wide = Measure::uniform(vec![1.9, -1.9], 1).unwrap();
        assert!(matches!(Interaction::new(1500.5, 0.0).unwrap().value(&wide), Err(Error::Scale { .. })));
        assert!(Interaction::new(2.0, 2.0).is_err());
    }
}
