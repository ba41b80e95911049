//! The mobility operator L of the IGW geometry, its inverse and the metric it defines.
//!
//! For a small move x ↦ x + h v(x) of a cloud ρ with Σ = ∫ x xᵀ dρ,
//!
//! IGW² = h² ⟨v, L v⟩ + o(h²),  **L v (x) = 2 ( Σ v(x) + ∫ y ⟨v(y), x⟩ dρ(y) )**,
//!
//! where ⟨f, g⟩ = Σ_i w_i f_i · g_i. L is self-adjoint and not negative; its kernel is the rotations
//! { W x : W skew }, and w is in its range if and only if G = ∫ w xᵀ dρ is symmetric. On that range
//!
//! **L⁻¹ w = ½ Σ⁻¹ (w − 2 K x)**,  K_ij = G_ij / (2 (λ_i + λ_j)) in the eigenbasis of Σ,
//!
//! is the representative without net rotation (∫ v xᵀ symmetric: aligned in the W2 sense). A field
//! outside the range is projected *first*: w' = w − B x with B skew, B_ij = (G − Gᵀ)_ij / (λ_i + λ_j);
//! how much was removed is reported as [`Inverse::skew`].
//!
//! Everything costs O(n d²) and two or three passes over memory; no n × n object is formed. L scales
//! as length², L⁻¹ as length⁻², ⟨v, L v⟩ as length² |v|².
//!
//! Source of the theory: Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800. The
//! closed form of L⁻¹ was re-derived here.

use crate::error::{Error, Result};
use crate::linalg::{self, Eigen};
use crate::measure::Measure;

/// Default floor of the eigenvalues of Σ, relative to the largest.
pub const FLOOR: f64 = 1e-12;

/// L at one cloud, with Σ and its eigenvalues kept, for repeated use.
///
/// ```
/// use gromov::{Measure, mobility::Mobility};
/// // Σ = diag(2, 1/2) and v = x:  L v = 4 Σ x
/// let mu = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
/// let l = Mobility::new(&mu, 1e-12)?;
/// assert_eq!(l.apply(mu.points())?[0], 16.0);
/// assert_eq!(l.inverse(mu.points())?.velocity[0], 2.0 / (4.0 * 2.0));
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mobility<'a> {
    measure: &'a Measure,
    /// Unit of length: the points are divided by it wherever a power above one would be taken.
    unit: f64,
    /// Second moment in units².
    sigma: Vec<f64>,
    eigen: Eigen,
    floor: f64,
}

/// L⁻¹ of a field, and what was removed from it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inverse {
    /// v = L⁻¹ w', (n, d), with ∫ v xᵀ dρ symmetric.
    pub velocity: Vec<f64>,
    /// |G − Gᵀ| / (2 |G|) of the given field: 0 for the gradient of a rotation-invariant functional.
    pub skew: f64,
}

/// The linear maps that make L⁻¹: v = A w + C (x / unit).
struct Maps {
    on_field: Vec<f64>,
    on_points: Vec<f64>,
    skew: f64,
}

impl<'a> Mobility<'a> {
    /// Second moment and eigenvalues of a cloud; eigenvalues at or below `floor` times the largest
    /// count as singular for the inverse. One pass, O(n d² + d³). Errors: a floor outside [0, 1).
    pub fn new(measure: &'a Measure, floor: f64) -> Result<Self> {
        check_floor(floor)?;
        let unit = linalg::power_of_two_scale(measure.scale());
        let sigma = scaled_moment(measure, unit, measure.points(), unit);
        let eigen = linalg::symmetric_eigen(&sigma, measure.dim())?;
        Ok(Mobility { measure, unit, sigma, eigen, floor })
    }

    /// Eigenvalues of Σ, decreasing; scale as length².
    pub fn spectrum(&self) -> Vec<f64> {
        self.eigen.values.iter().map(|l| l * self.unit * self.unit).collect()
    }

    /// Eigenvalues of Σ and its eigenvectors.
    pub(crate) fn eigen(&self) -> Eigen {
        Eigen { values: self.spectrum(), vectors: self.eigen.vectors.clone() }
    }

    /// [`Error::Singular`] if the smallest eigenvalue of Σ is at or below the floor, or below 1e-290 of the largest
    /// squared coordinate (of a point without weight, then), or has no inverse in doubles.
    pub fn check_regular(&self) -> Result<()> {
        check_regular(&self.eigen.values, self.floor, self.unit)
    }

    /// L v, (n, d). O(n d²). Errors: wrong shape.
    pub fn apply(&self, v: &[f64]) -> Result<Vec<f64>> {
        self.check(v, "v")?;
        let (d, s) = (self.measure.dim(), self.unit);
        // ∫ y ⟨v(y), x⟩ = (∫ y vᵀ) x
        let c = scaled_moment(self.measure, 1.0, v, s);
        let on_points: Vec<f64> = linalg::transpose(&c, d, d).iter().map(|x| 2.0 * x * s * s).collect();
        let on_field: Vec<f64> = self.sigma.iter().map(|x| 2.0 * x * s * s).collect();
        let mut out = vec![0.0; v.len()];
        linalg::combine_rows(v, d, &on_field, self.measure.points(), d, 1.0 / s, &on_points, &mut out, d);
        Ok(out)
    }

    /// ⟨u, L v⟩ = 2 ( ⟨u, Σ v⟩ + tr(C_u C_v) ), C_v = ∫ v xᵀ dρ. O(n d²). Errors: wrong shape.
    pub fn inner(&self, u: &[f64], v: &[f64]) -> Result<f64> {
        self.check(u, "u")?;
        self.check(v, "v")?;
        let (d, w, s) = (self.measure.dim(), self.measure.weights(), self.unit);
        let uv = linalg::moment(w, u, d, v, d);
        let cu = scaled_moment(self.measure, 1.0, u, s);
        let cv = scaled_moment(self.measure, 1.0, v, s);
        let traced = linalg::dot(&cu, &linalg::transpose(&cv, d, d));
        Ok(2.0 * (linalg::dot(&uv, &self.sigma) + traced) * s * s)
    }

    /// √⟨v, L v⟩: the IGW speed of a cloud that moves with velocity v; scales as length |v|. O(n d²). Errors: wrong shape.
    pub fn norm(&self, v: &[f64]) -> Result<f64> {
        Ok(self.inner(v, v)?.max(0.0).sqrt())
    }

    /// L⁻¹ w after the projection of w onto the range of L, (n, d). O(n d² + d³), two passes.
    /// Errors: wrong shape; [`Error::Singular`].
    ///
    /// ```
    /// use gromov::{Measure, mobility::Mobility};
    /// let mu = Measure::uniform(vec![2.0, 1.0, -2.0, 0.5, 0.3, 1.0, 0.0, -1.0], 2)?;
    /// let l = Mobility::new(&mu, 1e-12)?;
    /// let quarter_turn: Vec<f64> = mu.points().chunks(2).flat_map(|p| [-p[1], p[0]]).collect();
    /// let inverse = l.inverse(&quarter_turn)?;           // a rotation is projected away
    /// assert!(inverse.velocity.iter().all(|v| v.abs() < 1e-15));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn inverse(&self, w: &[f64]) -> Result<Inverse> {
        let mut velocity = vec![0.0; w.len()];
        let skew = self.inverse_into(w, &mut velocity)?;
        Ok(Inverse { velocity, skew })
    }

    /// [`Mobility::inverse`] into memory of the caller; returns the skew.
    pub fn inverse_into(&self, w: &[f64], velocity: &mut [f64]) -> Result<f64> {
        self.check(w, "w")?;
        self.check(velocity, "velocity")?;
        let d = self.measure.dim();
        let g = scaled_moment(self.measure, 1.0, w, self.unit);
        let maps = inverse_maps(&self.eigen, &g, self.floor, self.unit)?;
        linalg::combine_rows(
            w,
            d,
            &maps.on_field,
            self.measure.points(),
            d,
            1.0 / self.unit,
            &maps.on_points,
            velocity,
            d,
        );
        Ok(maps.skew)
    }

    /// w − B x: the part of a field in the range of L (no net torque: ∫ w xᵀ symmetric), (n, d), with
    /// the removed skew B, (d, d). Of a velocity it is the part without net rotation: the aligned velocity. O(n d²). Pairs of axes on which the cloud has no extent carry no
    /// torque and get B_ij = 0.
    pub fn project(&self, w: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        self.check(w, "w")?;
        let d = self.measure.dim();
        let g = scaled_moment(self.measure, 1.0, w, self.unit);
        let b = linalg::lyapunov(&self.eigen, &linalg::skew_part(&g, d));
        let minus: Vec<f64> = b.iter().map(|x| -x).collect();
        let (x, mut out) = (self.measure.points(), vec![0.0; w.len()]);
        linalg::combine_rows(w, d, &linalg::identity(d), x, d, 1.0 / self.unit, &minus, &mut out, d);
        Ok((out, b.iter().map(|x| x / self.unit).collect()))
    }

    fn check(&self, field: &[f64], name: &str) -> Result<()> {
        let m = self.measure;
        if field.len() != m.points().len() {
            return Err(Error::shape(
                name,
                format!("({}, {}), one vector a point", m.len(), m.dim()),
                format!("{} numbers", field.len()),
            ));
        }
        Ok(())
    }
}

/// L⁻¹ w in two passes over memory (Σ and ∫ w xᵀ in one); see [`Mobility::inverse`], which is the
/// choice when one cloud serves many fields. `velocity` is overwritten; returns the skew.
pub fn inverse_into(measure: &Measure, w: &[f64], floor: f64, velocity: &mut [f64]) -> Result<f64> {
    check_floor(floor)?;
    let (n, d) = (measure.len(), measure.dim());
    if w.len() != n * d || velocity.len() != n * d {
        let got = if w.len() == n * d { velocity.len() } else { w.len() };
        return Err(Error::shape("w", format!("({n}, {d}), one vector a point"), format!("{got} numbers")));
    }
    let unit = linalg::power_of_two_scale(measure.scale());
    let (sigma, g) = linalg::two_moments(
        measure.weights(),
        measure.has_uniform_weights(),
        measure.points(),
        w,
        d,
        1.0 / unit,
    );
    let eigen = linalg::symmetric_eigen(&sigma, d)?;
    let maps = inverse_maps(&eigen, &g, floor, unit)?;
    linalg::combine_rows(w, d, &maps.on_field, measure.points(), d, 1.0 / unit, &maps.on_points, velocity, d);
    Ok(maps.skew)
}

/// ∫ (a / unit_a) (x / unit_x)ᵀ dρ, (d, d); powers of two, so that the units cost no rounding.
fn scaled_moment(measure: &Measure, unit_a: f64, a: &[f64], unit_x: f64) -> Vec<f64> {
    linalg::moment_scaled(measure.weights(), a, 1.0 / unit_a, measure.points(), 1.0 / unit_x, measure.dim())
}

/// v = ½ Σ⁻¹ w − ½ Σ⁻¹ (B + 2 K) x, from ∫ w xᵀ and Σ with lengths x in the given unit.
fn inverse_maps(eigen: &Eigen, g: &[f64], floor: f64, unit: f64) -> Result<Maps> {
    let d = eigen.values.len();
    let l = &eigen.values;
    check_regular(l, floor, unit)?;
    let g = linalg::conjugate(&eigen.vectors, g, d);
    let b = linalg::lyapunov_in_eigenbasis(l, &linalg::skew_part(&g, d));
    let mut on_points = vec![0.0; d * d];
    let mut on_field = vec![0.0; d * d];
    let mut odd = 0.0;
    // powers of two, so that squares stay in range
    let size = linalg::power_of_two_scale(linalg::max_abs(&g));
    for i in 0..d {
        on_field[i * d + i] = 0.5 / l[i];
        for j in 0..d {
            odd += ((g[i * d + j] - g[j * d + i]) / size).powi(2);
            // G' = G − B Σ, symmetric
            let symmetric = (l[i] * g[i * d + j] + l[j] * g[j * d + i]) / (l[i] + l[j]);
            on_points[i * d + j] = -0.5 / l[i] * (b[i * d + j] + symmetric / (l[i] + l[j]));
        }
    }
    let total = linalg::norm(&g.iter().map(|x| x / size).collect::<Vec<f64>>());
    let back = |m: &[f64]| -> Vec<f64> {
        linalg::conjugate_back(&eigen.vectors, m, d).iter().map(|x| x / unit / unit).collect()
    };
    let skew = if total > 0.0 { 0.5 * odd.sqrt() / total } else { 0.0 };
    Ok(Maps { on_field: back(&on_field), on_points: back(&on_points), skew })
}

/// Errors: a floor outside [0, 1).
pub(crate) fn check_floor(floor: f64) -> Result<()> {
    if (0.0..1.0).contains(&floor) {
        Ok(())
    } else {
        Err(Error::option("floor", floor, "a number in [0, 1)"))
    }
}

/// Least eigenvalue in units² that has its digits and an inverse: in a cloud of this unit only a point without
/// weight can be so much farther out than the others.
const LEAST: f64 = 1e-290;

fn check_regular(values: &[f64], floor: f64, unit: f64) -> Result<()> {
    let (largest, smallest) = (values[0], values[values.len() - 1]);
    // far below 1 in units² and in a small unit, the inverse leaves the range of doubles
    if smallest > floor * largest && smallest > LEAST && (0.5 / smallest / unit / unit).is_finite() {
        return Ok(());
    }
    let scale = unit * unit;
    Err(Error::Singular { smallest: smallest * scale, largest: largest * scale, floor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    /// A cloud with random weights and a field on it.
    fn case(n: usize, d: usize, seed: u64) -> (Measure, Vec<f64>) {
        let mut s = Source::new(seed, 0);
        let points: Vec<f64> = (0..n * d).map(|_| s.normal() + 0.2).collect();
        let weights: Vec<f64> = (0..n).map(|_| 0.1 + s.unit()).collect();
        let field = (0..n * d).map(|_| s.normal()).collect();
        (Measure::normalized(points, d, weights).unwrap(), field)
    }

    /// d/dt of the Gram matrix sqrt(w_i w_j) ⟨x_i, x_j⟩ along v, dense.
    fn gram_speed(mu: &Measure, v: &[f64]) -> Vec<f64> {
        let (n, d, w) = (mu.len(), mu.dim(), mu.weights());
        let mut out = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                let f =
                    linalg::dot(&v[i * d..][..d], mu.point(j)) + linalg::dot(mu.point(i), &v[j * d..][..d]);
                out[i * n + j] = (w[i] * w[j]).sqrt() * f;
            }
        }
        out
    }

    #[test]
    fn metric_is_the_speed_of_the_gram_matrix() {
        for d in 1..=5 {
            let (mu, v) = case(40, d, d as u64);
            let u = case(40, d, 100 + d as u64).1;
            let l = Mobility::new(&mu, FLOOR).unwrap();
            let (gu, gv) = (gram_speed(&mu, &u), gram_speed(&mu, &v));
            let dense = linalg::dot(&gu, &gv);
            let scale = linalg::norm(&gu) * linalg::norm(&gv);
            assert!((l.inner(&u, &v).unwrap() - dense).abs() < 1e-12 * scale);
            let applied = linalg::weighted_dot(mu.weights(), &u, &l.apply(&v).unwrap(), d);
            assert!((applied - dense).abs() < 1e-12 * scale);
        }
    }

    #[test]
    fn inverse_undoes_l_on_aligned_velocities_and_kills_rotations() {
        for d in 1..=5 {
            let (mu, field) = case(50, d, 7 + d as u64);
            let l = Mobility::new(&mu, FLOOR).unwrap();
            // L⁻¹ L v differs from v by a rotation, so that L (L⁻¹ L v) = L v
            let lv = l.apply(&field).unwrap();
            let back = l.inverse(&lv).unwrap();
            let again = l.apply(&back.velocity).unwrap();
            let error: f64 = again.iter().zip(&lv).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(error < 1e-12 * linalg::norm(&lv), "d = {d}: {error}");
            assert!(back.skew < 1e-14);
            let c = linalg::moment(mu.weights(), &back.velocity, d, mu.points(), d);
            let odd: f64 = c.iter().zip(&linalg::transpose(&c, d, d)).map(|(a, b)| (a - b).abs()).sum();
            assert!(odd < 1e-12 * linalg::norm(&c).max(1e-3));
        }
    }

    #[test]
    fn a_field_outside_the_range_is_projected_before_the_inverse() {
        for d in 2..=5 {
            let (mu, w) = case(50, d, 70 + d as u64);
            let l = Mobility::new(&mu, FLOOR).unwrap();
            let (inside, b) = l.project(&w).unwrap();
            let g = linalg::moment(mu.weights(), &inside, d, mu.points(), d);
            let odd: f64 = g.iter().zip(&linalg::transpose(&g, d, d)).map(|(a, b)| (a - b).abs()).sum();
            assert!(odd < 1e-12, "{odd}");
            assert!(b.iter().zip(&linalg::transpose(&b, d, d)).all(|(a, b)| (a + b).abs() < 1e-13));
            let v = l.inverse(&w).unwrap();
            assert!(v.skew > 0.01);
            // dF/dt = −⟨v, L v⟩ for v = −L⁻¹ w and dF/dt = ⟨w, v⟩
            let rate = linalg::weighted_dot(mu.weights(), &w, &v.velocity, d);
            let speed = l.inner(&v.velocity, &v.velocity).unwrap();
            assert!((rate - speed).abs() < 1e-12 * speed);
            let lv = l.apply(&v.velocity).unwrap();
            assert!(lv.iter().zip(&inside).all(|(a, b)| (a - b).abs() < 1e-11));
        }
    }

    #[test]
    fn fused_inverse_is_the_inverse_and_extreme_lengths_cost_no_digit() {
        for (n, d, equal) in
            [(10_000, 3, false), (37, 2, false), (9_000, 4, false), (9_999, 3, true), (65, 2, true)]
        {
            let (mut mu, w) = case(n, d, 5);
            if equal {
                mu = Measure::uniform(mu.points().to_vec(), d).unwrap();
            }
            let want = Mobility::new(&mu, FLOOR).unwrap().inverse(&w).unwrap();
            for exponent in [-500i32, 0, 490] {
                let s = f64::from(exponent).exp2();
                let scaled = mu.moved(mu.points().iter().map(|x| x * s).collect());
                let mut v = vec![0.0; n * d];
                // L⁻¹ scales as length⁻²: give the field s² w so that v stays in range
                let w: Vec<f64> = w.iter().map(|x| x * s * s.min(1.0)).collect();
                let skew = inverse_into(&scaled, &w, FLOOR, &mut v).unwrap();
                assert!((skew - want.skew).abs() < 1e-12);
                let ratio = s * s.min(1.0) / s / s;
                for (got, want) in v.iter().zip(&want.velocity) {
                    assert!((got / ratio - want).abs() < 1e-12 * (1.0 + want.abs()), "{got} {want}");
                }
            }
        }
    }

    #[test]
    fn a_flat_cloud_is_singular_and_says_so() {
        let mu = Measure::uniform(vec![1.0, 2.0, 2.0, 4.0], 2).unwrap();
        let l = Mobility::new(&mu, FLOOR).unwrap();
        let e = l.inverse(&[1.0; 4]).unwrap_err();
        assert!(matches!(e, Error::Singular { largest, .. } if (largest - 12.5).abs() < 1e-12), "{e}");
        assert!(l.apply(&[1.0; 4]).is_ok());
    }

    #[test]
    fn a_far_point_without_weight_does_not_make_the_inverse_infinite() {
        let mu = Measure::weighted(vec![1e-164, -2e-164, 3e-5], 1, vec![0.5, 0.5, 0.0]).unwrap();
        let l = Mobility::new(&mu, FLOOR).unwrap();
        assert!(matches!(l.inverse(&[1.0, 1.0, 1.0]), Err(Error::Singular { .. })));
        let near = Measure::weighted(vec![1e-134, -2e-134, 3e-5], 1, vec![0.5, 0.5, 0.0]).unwrap();
        let inverse = Mobility::new(&near, FLOOR).unwrap().inverse(&[1.0, 1.0, 1.0]).unwrap();
        assert!(inverse.velocity.iter().all(|v| v.is_finite()), "{inverse:?}");
    }
}
