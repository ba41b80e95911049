//! Energies of pairs: the energy distance, the maximum mean discrepancy, interactions.
//!
//! All are sums over pairs by [`pairwise`](super::pairwise), O(n (n + m) d) time and O(n + m) memory; on
//! the line the energy distance is found by sorting. Every sum has the same bits for any number of threads.

use pulp::Simd;

use super::elementary::{Power, exp};
use super::pairwise::{Columns, Kernel};
use super::{Energy, line};
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
struct Distance;

impl Kernel for Distance {
    #[inline(always)]
    fn weigh<S: Simd>(self, simd: S, squared: S::f64s, weight: S::f64s) -> (S::f64s, S::f64s) {
        let slope = simd.div_f64s(weight, simd.sqrt_f64s(apart(simd, squared)));
        (simd.mul_f64s(slope, squared), slope)
    }
}

/// A target with its columns in the unit of the last cloud seen.
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

    /// Columns of ρ, and of the target in the same unit.
    fn both(&mut self, rho: &Measure) -> (Columns, &Columns) {
        let unit = linalg::power_of_two_scale(rho.scale().max(self.cloud.scale()));
        if unit != self.columns.unit {
            self.columns = Columns::new(&self.cloud, unit);
        }
        (Columns::new(rho, unit), &self.columns)
    }
}

/// F(ρ) = ∬ |x − y| dρ dν − ½ ∬ |x − x'| dρ dρ − ½ ∬ |y − y'| dν dν, the energy distance (half of
/// Székely and Rizzo's); scales as length. O(n (n + m) d) time; on the line O((n + m) log (n + m)), where
/// F(ρ) = ∫ (ρ(−∞, t] − ν(−∞, t])² dt.
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
pub struct EnergyDistance {
    target: Target,
    /// ½ ∬ |y − y'| dν dν; not used on the line.
    own: f64,
    /// The order of the target on the line.
    sorted: Option<line::Sorted>,
}

impl EnergyDistance {
    /// The target ν; O(m²) once, O(m log m) on the line.
    pub fn new(target: Measure) -> Self {
        let sorted = (target.dim() == 1).then(|| line::Sorted::new(&target));
        let target = Target::new(target);
        let own = match sorted {
            Some(_) => 0.0,
            None => {
                let columns = &target.columns;
                0.5 * columns.sum(Distance, &target.cloud, None, 1.0) * columns.unit
            }
        };
        EnergyDistance { target, own, sorted }
    }

    fn evaluate(&mut self, rho: &Measure, gradient: Option<&mut [f64]>) -> Result<f64> {
        super::check_dim(self, rho)?;
        if let Some(target) = &self.sorted {
            return Ok(line::energy_distance(rho, target, gradient));
        }
        let (own, cross) = self.target.both(rho);
        let (pull, push) = match gradient {
            None => (cross.sum(Distance, rho, None, 1.0), own.sum(Distance, rho, None, 1.0)),
            Some(gradient) => {
                gradient.fill(0.0);
                let pull = cross.sum(Distance, rho, Some(gradient), 1.0);
                (pull, own.sum(Distance, rho, Some(gradient), -1.0))
            }
        };
        let unit = own.unit;
        Ok(pull * unit - 0.5 * push * unit - self.own)
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

    fn dim(&self) -> Option<usize> {
        Some(self.target.cloud.dim())
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
        Gaussian { c: (-0.5 * ratio * ratio).max(-f64::MAX) }
    }

    fn evaluate(&mut self, rho: &Measure, gradient: Option<&mut [f64]>) -> Result<f64> {
        super::check_dim(self, rho)?;
        let (bandwidth, own_target) = (self.bandwidth, self.own);
        let (own, cross) = self.target.both(rho);
        let kernel = Mmd::kernel(bandwidth, own.unit);
        let (mixed, alone) = match gradient {
            None => (cross.sum(kernel, rho, None, 1.0), own.sum(kernel, rho, None, 1.0)),
            Some(gradient) => {
                gradient.fill(0.0);
                let mixed = cross.sum(kernel, rho, Some(gradient), -1.0 / own.unit);
                (mixed, own.sum(kernel, rho, Some(gradient), 1.0 / own.unit))
            }
        };
        Ok(0.5 * alone - mixed + own_target)
    }
}

impl Energy for Mmd {
    fn name(&self) -> String {
        "mmd".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluate(rho, Some(gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluate(rho, None)
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

impl Term {
    /// Lengths in units. Errors: a power of the unit that is not a normal number.
    fn new(exponent: f64, unit: f64) -> Result<Self> {
        let a = unit.powf(exponent);
        if !a.is_normal() {
            return Err(Error::Scale {
                argument: "cloud".into(),
                scale: unit,
                range: "in which |z|^p and |z|^q of the interaction are normal numbers",
            });
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
/// come to rest at distances of about 1: the unit of length is that of the exponents. Exponents below 1 have a
/// force without bound where points meet; points that coincide exert none. O(n² d) time; integer exponents
/// (−1 ≤ p − 2 ≤ 16) are fastest.
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
    /// The exponents p > 0 and q ≥ 0. Errors: other numbers.
    pub fn new(p: f64, q: f64) -> Result<Self> {
        if !(p > 0.0 && p.is_finite()) {
            return Err(Error::option("p", p, "a positive number"));
        }
        if !(q >= 0.0 && q.is_finite()) {
            return Err(Error::option("q", q, "a number >= 0 (0: no second term)"));
        }
        Ok(Interaction { p, q })
    }

    fn evaluate(&self, rho: &Measure, gradient: Option<&mut [f64]>) -> Result<f64> {
        let unit = linalg::power_of_two_scale(rho.scale());
        let repulsion = if self.q > 0.0 { Some(Term::new(self.q, unit)?) } else { None };
        let kernel = Powers { attraction: Term::new(self.p, unit)?, repulsion };
        let columns = Columns::new(rho, unit);
        let gradient = gradient.map(|g| {
            g.fill(0.0);
            g
        });
        Ok(0.5 * columns.sum(kernel, rho, gradient, 1.0 / unit))
    }
}

impl Energy for Interaction {
    fn name(&self) -> String {
        "interaction".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluate(rho, Some(gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluate(rho, None)
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
        }
        let huge = at(&rho, 1e160);
        assert!(matches!(Interaction::new(2.0, 0.0).unwrap().value(&huge), Err(Error::Scale { .. })));
        // a bandwidth far below or above the distances: separate points, or all at one place
        assert!(Mmd::new(at(&nu, 1e200), 1e-200).unwrap().value(&at(&rho, 1e200)).unwrap() > 0.0);
        assert!(Mmd::new(nu.clone(), 1e200).unwrap().value(&rho).unwrap().abs() < 1e-15);
    }
}
