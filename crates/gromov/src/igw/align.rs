//! The value and the rotation of a given plan, without cancellation.
//!
//! Pad both clouds to one dimension and let O be the polar factor of M, z = O y, D = x − z on the
//! entries of the plan. Then
//!
//! IGW²(π) = tr(Σ_x S_DD) + tr(S_DD Σ_z) + 2 tr(S_Dx S_Dz),  S_uv = ∫ u vᵀ dπ,
//!
//! where every term is small when the clouds nearly agree, while |Σ_x|² + |Σ_y|² − 2 |M|² loses all
//! digits there. O(entries · d²).

use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::ot::Plan;

/// A plan seen through its best rotation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Aligned {
    /// IGW² of the plan.
    pub squared: f64,
    /// M = ∫ x yᵀ dπ, (d_x, d_y).
    pub cross_moment: Vec<f64>,
    /// Partial isometry of the polar decomposition of M, (d_x, d_y): x ≈ R y.
    pub rotation: Vec<f64>,
    /// Determinant of the orthogonal map is −1; `None` when the dimensions differ.
    pub reflected: Option<bool>,
}

/// IGW² of a plan between two clouds. Errors: a plan of another size.
///
/// ```
/// use gromov::{Measure, igw::align, ot::Plan};
/// let x = Measure::uniform(vec![1.0, 0.0, 0.0, 2.0], 2)?;
/// let turned = x.linear_image(&[0.0, -1.0, 1.0, 0.0], 2)?;
/// let aligned = align::plan(&x, &turned, &Plan::identity(x.weights()))?;
/// assert!(aligned.squared < 1e-30 && aligned.rotation[1] == 1.0);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn plan(mu: &Measure, nu: &Measure, plan: &Plan) -> Result<Aligned> {
    check_plan(mu, nu, plan)?;
    let (p, q) = (mu.dim(), nu.dim());
    let cross_moment = plan.cross_moment(mu.points(), p, nu.points(), q);
    let d = p.max(q);
    let orthogonal = linalg::polar(&padded_matrix(&cross_moment, p, q, d), d)?;
    // rows x and O y of every entry
    let (mut x, mut y) = (vec![0.0; plan.len() * d], vec![0.0; plan.len() * d]);
    for (e, (i, j, _)) in plan.entries().enumerate() {
        x[e * d..e * d + p].copy_from_slice(mu.point(i));
        y[e * d..e * d + q].copy_from_slice(nu.point(j));
    }
    let z = linalg::map_rows(&y, d, &orthogonal, d);
    let squared = squared_of_pairs(&plan.mass, &x, &z, d);
    let f = linalg::svd(&cross_moment, p, q)?;
    let k = p.min(q);
    let rotation = if p == q {
        orthogonal.clone()
    } else {
        linalg::matmul(&f.u, &linalg::transpose(&f.v, q, k), p, k, q)
    };
    let reflected = (p == q).then(|| linalg::determinant(&orthogonal, d) < 0.0);
    Ok(Aligned { squared, cross_moment, rotation, reflected })
}

/// Errors: a plan of another size, or with entries outside.
pub(crate) fn check_plan(mu: &Measure, nu: &Measure, plan: &Plan) -> Result<()> {
    if (plan.n, plan.m) != (mu.len(), nu.len()) {
        return Err(Error::shape(
            "plan",
            format!("({}, {})", mu.len(), nu.len()),
            format!("({}, {})", plan.n, plan.m),
        ));
    }
    if let Some((i, j, _)) = plan.entries().find(|e| e.0 >= plan.n || e.1 >= plan.m) {
        return Err(Error::shape(
            "plan",
            format!("entries within ({}, {})", plan.n, plan.m),
            format!("({i}, {j})"),
        ));
    }
    Ok(())
}

/// IGW² of the identity labelling of two clouds with the same weights `w`, after the best rotation:
/// the squared Frobenius distance of their Gram matrices, in O(n d²).
pub(crate) fn labelled(w: &[f64], x: &[f64], y: &[f64], d: usize) -> Result<f64> {
    let orthogonal = linalg::polar(&linalg::moment(w, x, d, y, d), d)?;
    Ok(squared_of_pairs(w, x, &linalg::map_rows(y, d, &orthogonal, d), d))
}

/// IGW² of pairs (x_e, z_e) with masses `w`, z close to x: ∬ (⟨x, x'⟩ − ⟨z, z'⟩)².
pub(crate) fn squared_of_pairs(w: &[f64], x: &[f64], z: &[f64], d: usize) -> f64 {
    let difference: Vec<f64> = x.iter().zip(z).map(|(a, b)| a - b).collect();
    let dd = linalg::moment(w, &difference, d, &difference, d);
    let dx = linalg::moment(w, &difference, d, x, d);
    let dz = linalg::moment(w, &difference, d, z, d);
    let (xx, zz) = (linalg::moment(w, x, d, x, d), linalg::moment(w, z, d, z, d));
    squared_of_moments(&xx, &zz, &dd, &dx, &linalg::transpose(&dz, d, d))
}

/// tr(Σ_x S_DD) + tr(S_DD Σ_z) + 2 tr(S_Dx S_Dz), with S_zD = S_Dzᵀ given.
pub(crate) fn squared_of_moments(xx: &[f64], zz: &[f64], dd: &[f64], dx: &[f64], zd: &[f64]) -> f64 {
    linalg::dot(xx, dd) + linalg::dot(zz, dd) + 2.0 * linalg::dot(dx, zd)
}

/// Whether the orthogonal map of a cross moment is a reflection; `None` when the dimensions differ.
pub(crate) fn reflected(cross_moment: &[f64], p: usize, q: usize) -> Result<Option<bool>> {
    if p != q {
        return Ok(None);
    }
    Ok(Some(linalg::determinant(&linalg::polar(cross_moment, p)?, p) < 0.0))
}

/// A (p, q) with zeros to (d, d).
pub(crate) fn padded_matrix(a: &[f64], p: usize, q: usize, d: usize) -> Vec<f64> {
    let mut out = vec![0.0; d * d];
    for i in 0..p {
        out[i * d..i * d + q].copy_from_slice(&a[i * q..(i + 1) * q]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;
    use crate::ot::{Exact, LowRankCost};

    #[test]
    fn agrees_with_the_definition_for_any_plan_and_dimensions() {
        let mut s = Source::new(21, 0);
        for (p, q) in [(1, 1), (2, 2), (2, 3), (3, 1), (4, 5)] {
            let mut cloud = |n: usize, d: usize| {
                let w: Vec<f64> = (0..n).map(|_| 0.1 + s.unit()).collect();
                Measure::normalized((0..n * d).map(|_| s.normal()).collect(), d, w).unwrap()
            };
            let (mu, nu) = (cloud(17, p), cloud(12, q));
            let a: Vec<f64> = (0..p * q).map(|_| s.normal()).collect();
            let cost = LowRankCost::inner_product(mu.points(), &a, nu.points(), p, q).unwrap();
            let pi = Exact::default().solve(&cost, mu.weights(), nu.weights(), None).unwrap().plan;
            let mut dense = 0.0;
            for (i, j, w) in pi.entries() {
                for (k, l, v) in pi.entries() {
                    let f = linalg::dot(mu.point(i), mu.point(k)) - linalg::dot(nu.point(j), nu.point(l));
                    dense += w * v * f * f;
                }
            }
            let got = plan(&mu, &nu, &pi).unwrap();
            assert!((got.squared - dense).abs() < 1e-12 * dense, "{} {dense}", got.squared);
        }
    }

    #[test]
    fn small_differences_keep_their_digits() {
        // x and x + h e with the Gram difference known to first order: 1e-14 values, 6 digits
        let mut s = Source::new(22, 0);
        let mu = Measure::uniform((0..60).map(|_| s.normal()).collect(), 3).unwrap();
        let move_by =
            |h: f64, e: &[f64]| -> Vec<f64> { mu.points().iter().zip(e).map(|(x, e)| x + h * e).collect() };
        let e: Vec<f64> = (0..60).map(|_| s.normal()).collect();
        let turn = s.rotation(3);
        let value = |h: f64| {
            let nu = Measure::uniform(move_by(h, &e), 3).unwrap().linear_image(&turn, 3).unwrap();
            plan(&mu, &nu, &Plan::identity(mu.weights())).unwrap().squared
        };
        let (tiny, small) = (value(1e-8), value(1e-6));
        assert!((small / tiny / 1e4 - 1.0).abs() < 1e-5, "{tiny:e} {small:e}");
    }
}
