//! What a cloud of independent particles tells of the law it is drawn from, with standard errors.
//!
//! Moments are weighted means of functions of one particle, f̄ = Σ w_i f_i, with standard error
//! √(Σ w_i² (f_i − f̄)² / (1 − Σ w_i²)), not a number for a single point. The entropy part comes from distances to near neighbours (Kozachenko and Leonenko 1987):
//!
//! ∫ ρ log ρ ≈ ψ(k) − ψ(n) − log V_d − (d/n) Σ log ε_i,  k = 4,
//!
//! with ε_i the distance from x_i to its k-th neighbour, V_d the volume of the unit ball, ψ the digamma function. Its
//! bias is O((k/n)^(2/d)), larger where ρ has edges; its standard error is that of the mean of the terms (neighbours
//! share distances, a part of it not counted; on Gaussians it is right within a quarter).
//!
//! **What the errors are of.** Those of one cloud as an independent sample of its law. Between runs with other seeds an IGW
//! diffusion varies more, because its particles see each other through Σ: an excess of Σ changes the noise and the drift
//! of all. In one dimension δΣ obeys dδ = −κ δ dt + (2/√n) dB with κ = −∂(dΣ/dt)/∂Σ, so that at the equilibrium of
//! KL(·, N(0, 1)), κ = 1, its variance is 4/n where an independent sample has 2/n: √2 in the error.

use std::f64::consts::PI;

use kdtree::KdTree;
use kdtree::distance::squared_euclidean;
use rayon::prelude::*;

use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;

/// Neighbours of the estimate of the entropy.
const NEIGHBOURS: usize = 4;

/// A mean or an estimate, and its standard error.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Standard error.
    pub error: f64,
}

/// Moments and energy of a cloud, with standard errors.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// Mean, (d); a length.
    pub mean: Vec<Estimate>,
    /// Second moment Σ, (d, d); length².
    pub second_moment: Vec<Estimate>,
    /// Eigenvalues of Σ, decreasing, each with the error of the moment along its eigenvector.
    pub spectrum: Vec<Estimate>,
    /// The regular part R of F = R + a ∫ ρ log ρ, where it is given; its error is not a number where the energy does
    /// not give its first variation.
    pub regular: Option<Estimate>,
    /// ∫ ρ log ρ. `None` with unequal weights, for at most k points, and where k + 1 of them coincide.
    pub entropy: Option<Estimate>,
    /// R + a ∫ ρ log ρ; the two errors are added, which is at least that of the sum.
    pub energy: Option<Estimate>,
}

impl Statistics {
    /// Statistics of a cloud with the value and error of the regular part, where there is one, and the coefficient a.
    /// O(n (d² + log n)). Errors: lengths out of range.
    ///
    /// ```
    /// use gromov::{Measure, flow::statistics::Statistics};
    /// let cloud = Measure::uniform(vec![1.0, 3.0], 1)?;
    /// let mean = Statistics::new(&cloud, None, 1.0)?.mean[0];
    /// // the mean of two: 2 ± √(s² / 2), s² = 2
    /// assert_eq!((mean.value, mean.error), (2.0, 1.0));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn new(cloud: &Measure, regular: Option<(f64, f64)>, diffusion: f64) -> Result<Self> {
        let (w, d) = (cloud.weights(), cloud.dim());
        let of = |f: &dyn Fn(&[f64]) -> f64| {
            let values: Vec<f64> = cloud.points().chunks_exact(d).map(f).collect();
            let (value, error) = mean_error(w, &values);
            Estimate { value, error }
        };
        let e = linalg::symmetric_eigen(&cloud.second_moment(), d)?;
        let along = |k: usize, x: &[f64]| (0..d).map(|i| x[i] * e.vectors[i * d + k]).sum::<f64>().powi(2);
        let regular = regular.map(|(value, error)| Estimate { value, error });
        let entropy = if cloud.has_uniform_weights() { entropy(cloud) } else { None };
        let energy = regular.zip(entropy).map(|(r, h)| Estimate {
            value: r.value + diffusion * h.value,
            error: r.error + diffusion * h.error,
        });
        Ok(Statistics {
            mean: (0..d).map(|k| of(&|x| x[k])).collect(),
            second_moment: (0..d * d).map(|k| of(&|x| x[k / d] * x[k % d])).collect(),
            spectrum: (0..d).map(|k| of(&|x| along(k, x))).collect(),
            regular,
            entropy,
            energy,
        })
    }
}

/// Σ w f and its standard error.
pub(super) fn mean_error(w: &[f64], f: &[f64]) -> (f64, f64) {
    let mean: f64 = w.iter().zip(f).map(|(w, f)| w * f).sum();
    let size = linalg::power_of_two_scale(f.iter().map(|f| (f - mean).abs()).fold(0.0, f64::max));
    let spread: f64 = w.iter().zip(f).map(|(w, f)| (w * ((f - mean) / size)).powi(2)).sum();
    let left = 1.0 - w.iter().map(|w| w * w).sum::<f64>();
    // of a single point nothing is known
    let error = if left > 1e-15 { size * (spread / left).sqrt() } else { f64::NAN };
    (mean, error)
}

/// ∫ ρ log ρ from the distances to the k-th neighbours.
fn entropy(cloud: &Measure) -> Option<Estimate> {
    let (n, d) = (cloud.len(), cloud.dim());
    if n <= NEIGHBOURS {
        return None;
    }
    let unit = linalg::power_of_two_scale(cloud.scale());
    let scaled = cloud.divided_by(unit);
    let mut tree = KdTree::with_capacity(d, 16);
    for i in 0..n {
        tree.add(scaled.point(i), i).ok()?;
    }
    // −d log ε
    let terms: Vec<f64> = (0..n)
        .into_par_iter()
        .map(|i| {
            let near = tree.nearest(scaled.point(i), NEIGHBOURS + 1, &squared_euclidean).ok()?;
            let squared = near.last()?.0;
            (squared > 0.0).then(|| -0.5 * d as f64 * squared.ln())
        })
        .collect::<Option<_>>()?;
    let (mean, error) = mean_error(cloud.weights(), &terms);
    let value = digamma(NEIGHBOURS) - digamma(n) - ball_volume(d).ln() + mean - d as f64 * unit.ln();
    Some(Estimate { value, error })
}

/// ψ at a positive integer.
fn digamma(n: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    (1..n).map(|k| 1.0 / k as f64).sum::<f64>() - EULER
}

/// Volume of the unit ball of R^d.
fn ball_volume(d: usize) -> f64 {
    match d {
        0 => 1.0,
        1 => 2.0,
        _ => ball_volume(d - 2) * 2.0 * PI / d as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::{Source, gaussian};

    #[test]
    fn the_entropy_of_gaussians_is_within_its_error() {
        for d in 1..=3 {
            // stretched by 3 along the first axis: ∫ ρ log ρ = −(d/2)(1 + log 2π) − log 3
            let exact = -0.5 * d as f64 * (1.0 + (2.0 * PI).ln()) - 3.0f64.ln();
            let (mut sums, mut squares, mut errors) = (0.0, 0.0, 0.0);
            let count = 60.0;
            for seed in 0..60 {
                let mut points = gaussian(3000, d, 100 + seed).unwrap().points().to_vec();
                points.chunks_exact_mut(d).for_each(|p| p[0] *= 3.0);
                let cloud = Measure::uniform(points, d).unwrap();
                let found = Statistics::new(&cloud, Some((0.5, 0.01)), 2.0).unwrap();
                let entropy = found.entropy.unwrap();
                let off = entropy.value - exact;
                (sums, squares, errors) = (sums + off, squares + off * off, errors + entropy.error);
                let energy = found.energy.unwrap();
                assert_eq!(energy.value, 0.5 + 2.0 * entropy.value);
                assert_eq!(energy.error, 0.01 + 2.0 * entropy.error);
            }
            let (bias, error) = (sums / count, errors / count);
            let spread = (squares / count - bias * bias).sqrt();
            println!("d = {d}: spread / error {:.3}, bias / error {:.3}", spread / error, bias / error);
            assert!((0.75..1.3).contains(&(spread / error)), "d = {d}: {spread} {error}");
            assert!(bias.abs() < 2.0 * error, "d = {d}: {bias} {error}");
        }
    }

    #[test]
    fn errors_of_moments_are_their_spread_over_samples() {
        let (mut within, mut count) = (0.0, 0.0);
        for seed in 0..100 {
            let mut s = Source::new(seed, 9);
            let weights = (0..800).map(|_| 0.2 + s.unit()).collect();
            let points = (0..1600).map(|k| s.normal() * if k % 2 == 0 { 2.0 } else { 0.5 }).collect();
            let cloud = Measure::normalized(points, 2, weights).unwrap();
            let found = Statistics::new(&cloud, None, 1.0).unwrap();
            for (estimate, exact) in [
                (found.mean[0], 0.0),
                (found.second_moment[0], 4.0),
                (found.second_moment[1], 0.0),
                (found.spectrum[1], 0.25),
            ] {
                within += ((estimate.value - exact) / estimate.error).powi(2);
                count += 1.0;
            }
            assert!(found.entropy.is_none() && found.energy.is_none());
        }
        let rms = f64::sqrt(within / count);
        assert!((rms - 1.0).abs() < 0.1, "{rms}");
    }

    #[test]
    fn coinciding_or_few_points_have_no_entropy() {
        let entropy = |points: Vec<f64>| {
            Statistics::new(&Measure::uniform(points, 1).unwrap(), None, 1.0).unwrap().entropy
        };
        assert!(entropy(vec![1.0, 2.0, 3.0, 4.0]).is_none());
        assert!(entropy(vec![1.0; 50]).is_none());
        let spread: Vec<f64> = (0..50).map(f64::from).collect();
        let one = entropy(spread.clone()).unwrap();
        let large = entropy(spread.iter().map(|x| x * 1e50).collect()).unwrap();
        assert!((one.value - large.value - 50.0 * 10.0f64.ln()).abs() < 1e-10);
    }
}
