//! Diffusions: flows of F = R + a ∫ ρ log ρ, as stochastic differential equations of particles.
//!
//! With the regular part R's velocity v_R = −L⁻¹ ∇δR in the geometry, and the entropy's, which for any density is
//! −½ Σ⁻¹ ∇log ρ − ¼ Σ⁻² x under IGW (∫ ∇log ρ xᵀ dρ = −I, so K = −¼ Σ⁻¹) and −∇log ρ under W2,
//!
//! dX = (v_R(X) − (a/4) Σ⁻² X) dt + √a Σ^(−1/2) dB  (IGW),   dX = −∇δR(X) dt + √(2a) dB  (W2)
//!
//! have the laws of the flows: a term −S ∇log ρ of the velocity is the diffusion √(2S) dB. Σ is that of the particles.
//!
//! **Scheme.** The noise does not depend on the place, only on the law, whose Σ is a function of time in the limit of
//! many particles. So Heun's method for the drift b, with the noise of the mean covariance,
//!
//! x* = x + τ b(x) + √τ S₀ ξ,   y = x + (τ/2) (b(x) + b(x*)) + √τ S ξ,   S² = (S₀² + S*²) / 2,
//!
//! has weak order 2 (ξ standard normal; x and x* with the moments of their own clouds). Euler and Maruyama's method, x*
//! alone, has order 1: for the same number of gradients its variances are more than 50 times farther off in the tests
//! below. Like any explicit method it needs τ well below λ_min² / a where the least eigenvalue of Σ is small: steps above
//! 0.2 of that are counted as stiff, and a step that the program chose is 0.03 of it, also later in the flow.
//!
//! **Noise** is counter-based: step k and points 4096 c to 4096 c + 4095 have their own stream of the seed, whatever the
//! number of threads.

use rayon::prelude::*;

use super::Metric;
use super::explicit::{Field, check_side};
use crate::error::Result;
use crate::linalg;
use crate::measure::{Measure, sample::Source};
use crate::mobility::Mobility;

/// A step that is chosen, and one above which steps are stiff, in λ_min² / a.
pub(super) const SHARE: f64 = 0.03;
/// The latter.
pub(super) const STIFF: f64 = 0.2;
/// Points a stream of noise.
const CHUNK: usize = 4096;
/// Streams of noise lie above those of all searches.
const STREAMS: u64 = 1 << 63;

/// Standard normal numbers of step `step`, (n, d).
pub(super) fn noise(seed: u64, step: usize, n: usize, d: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * d];
    out.par_chunks_mut(CHUNK * d).enumerate().for_each(|(c, chunk)| {
        Source::new(seed, STREAMS | (step as u64) << 28 | c as u64).normals(chunk);
    });
    out
}

/// The diffusion part of a flow in its units.
pub(super) struct Diffusion {
    /// a.
    pub(super) coefficient: f64,
    pub(super) floor: f64,
}

/// A covariance a Σ⁻¹ (or 2 a) of the noise, with what of the entropy's velocity is drift.
struct Spread {
    /// S², (d, d).
    covariance: Vec<f64>,
    /// −(a/4) Σ⁻², (d, d).
    pull: Vec<f64>,
}

impl Diffusion {
    fn spread(&self, metric: Metric, z: &Measure) -> Result<Spread> {
        let (d, a) = (z.dim(), self.coefficient);
        if metric == Metric::W2 {
            let covariance = linalg::identity(d).iter().map(|e| 2.0 * a * e).collect();
            return Ok(Spread { covariance, pull: vec![0.0; d * d] });
        }
        let mobility = Mobility::new(z, self.floor)?;
        mobility.check_regular()?;
        let e = mobility.eigen();
        let of = |f: fn(f64) -> f64| -> Vec<f64> { e.values.iter().map(|l| a * f(*l)).collect() };
        Ok(Spread {
            covariance: linalg::from_eigen(&e.vectors, &of(|l| 1.0 / l)),
            pull: linalg::from_eigen(&e.vectors, &of(|l| -0.25 / (l * l))),
        })
    }

    /// Drift of z from the velocity of the regular part.
    fn drift(&self, z: &Measure, velocity: &[f64], spread: &Spread) -> Vec<f64> {
        let mut out = linalg::map_rows(z.points(), z.dim(), &spread.pull, z.dim());
        out.iter_mut().zip(velocity).for_each(|(o, v)| *o += v);
        out
    }

    /// x + τ b + kick.
    fn moved(x: &Measure, tau: f64, drift: &[f64], kick: &[f64]) -> Result<Measure> {
        x.with_points(x.points().iter().zip(drift).zip(kick).map(|((x, b), k)| x + tau * b + k).collect())
    }

    /// One step from a known velocity of the regular part; returns the cloud at t + τ. `xi`: standard normal, (n, d).
    pub(super) fn step(
        &self,
        field: &mut Field<'_>,
        x: &Measure,
        velocity: &[f64],
        tau: f64,
        xi: &[f64],
    ) -> Result<Measure> {
        let metric = field.metric;
        let start = self.spread(metric, x)?;
        let first = self.drift(x, velocity, &start);
        let ahead = Diffusion::moved(x, tau, &first, &kick(&start.covariance, tau, xi)?)?;
        // noise may cross a singular cloud; without it no solution does
        let ordinary = self.coefficient == 0.0 && metric == Metric::Igw;
        if ordinary {
            check_side(x, &ahead)?;
        }
        let stage = field.stage(&ahead)?;
        let end = self.spread(metric, &ahead)?;
        let second = self.drift(&ahead, &field.velocity(&ahead, &stage)?, &end);
        let half = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect::<Vec<f64>>();
        let kicked = kick(&half(&start.covariance, &end.covariance), tau, xi)?;
        let z = Diffusion::moved(x, tau, &half(&first, &second), &kicked)?;
        if ordinary {
            check_side(x, &z)?;
        }
        Ok(z)
    }
}

/// √τ S ξ, (n, d), for S² (d, d).
fn kick(covariance: &[f64], tau: f64, xi: &[f64]) -> Result<Vec<f64>> {
    let d = covariance.len().isqrt();
    let e = linalg::symmetric_eigen(covariance, d)?;
    let root: Vec<f64> = e.values.iter().map(|s| (tau * s.max(0.0)).sqrt()).collect();
    Ok(linalg::map_rows(xi, d, &linalg::from_eigen(&e.vectors, &root), d))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Quadratic;
    use crate::energy::check::fit_slope;
    use crate::flow::Turning;
    use crate::flow::gaussian::{Flow, Functional};

    /// `count` arrays (n, d) whose columns are orthonormal in L2(ρ), together and to the eye of every mean: what
    /// infinitely many particles would make of independent normal numbers in a linear equation.
    fn independent(n: usize, d: usize, count: usize) -> Vec<Vec<f64>> {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let mut s = Source::new(4, 4);
        let dot = |a: &[f64], b: &[f64]| linalg::dot(a, b) / n as f64;
        for _ in 0..count * d {
            let mut c: Vec<f64> = (0..n).map(|_| s.normal()).collect();
            for _ in 0..2 {
                for e in &columns {
                    let f = dot(e, &c);
                    c.iter_mut().zip(e).for_each(|(c, e)| *c -= f * e);
                }
            }
            let size = dot(&c, &c).sqrt();
            c.iter_mut().for_each(|c| *c /= size);
            columns.push(c);
        }
        let one = |k: usize| (0..n * d).map(|i| columns[k * d + i % d][i / d]).collect();
        (0..count).map(one).collect()
    }

    /// Variances along the axes at time `end` after `steps` steps, with the noise of the finest steps summed.
    /// `heun`: the scheme; else that of Euler and Maruyama, to compare.
    fn variances(
        (metric, q): (Metric, &[f64]),
        start: &Measure,
        noise: &[Vec<f64>],
        steps: usize,
        heun: bool,
    ) -> Vec<f64> {
        let d = start.dim();
        let mut energy = Quadratic::new(None, Some(q.to_vec())).unwrap();
        let diffusion = Diffusion { coefficient: 1.0, floor: 1e-12 };
        let (mut z, tau, part) = (start.clone(), 0.2 / steps as f64, noise.len() / steps);
        for parts in noise.chunks(part) {
            let sum = |i: usize| parts.iter().map(|p| p[i]).sum::<f64>() / (part as f64).sqrt();
            let xi: Vec<f64> = (0..z.points().len()).map(sum).collect();
            let mut field = Field {
                energy: &mut energy,
                metric,
                turning: Turning::Invariant,
                floor: 1e-12,
                orientation: linalg::identity(d),
                oriented: true,
            };
            let stage = field.stage(&z).unwrap();
            let velocity = field.velocity(&z, &stage).unwrap();
            z = if heun {
                diffusion.step(&mut field, &z, &velocity, tau, &xi).unwrap()
            } else {
                let spread = diffusion.spread(metric, &z).unwrap();
                let kicked = kick(&spread.covariance, tau, &xi).unwrap();
                Diffusion::moved(&z, tau, &diffusion.drift(&z, &velocity, &spread), &kicked).unwrap()
            };
        }
        let sigma = z.second_moment();
        (0..d).map(|k| sigma[k * d + k]).collect()
    }

    #[test]
    fn moments_converge_with_weak_order_two() {
        let finest = 128;
        for (metric, d) in [(Metric::Igw, 1), (Metric::Igw, 2), (Metric::W2, 1), (Metric::W2, 2)] {
            let (q, scale) = ([1.5, 0.0, 0.0, 2.5], [1.0, 0.8]);
            let q = if d == 1 { &q[..1] } else { &q };
            let mut drawn = independent(300, d, finest + 1);
            let first = drawn.pop().unwrap();
            let first: Vec<f64> = first.iter().enumerate().map(|(i, x)| x * scale[i % d]).collect();
            let start = Measure::uniform(first, d).unwrap();
            let run = |steps: usize, heun| variances((metric, q), &start, &drawn, steps, heun);
            let found: Vec<Vec<f64>> = [16, 32, 64, 128].iter().map(|&n| run(n, true)).collect();
            // for the same number of gradients
            let euler = run(128, false);
            // the moments themselves: the flow of Gaussians
            let law = Functional::new(1.0, q).unwrap();
            let exact = Flow::new(&law, &start.second_moment(), metric).unwrap().at(0.2).unwrap();
            for k in 0..d {
                let points: Vec<(f64, f64)> = found
                    .windows(2)
                    .enumerate()
                    .map(|(i, w)| (-(i as f64) * 2.0f64.ln(), (w[0][k] - w[1][k]).abs().ln()))
                    .collect();
                let slope = fit_slope(&points);
                let off = |variances: &[f64]| (variances[k] - exact.covariance[k * d + k]).abs();
                let (error, simple) = (off(&found[2]), off(&euler));
                println!(
                    "{metric:?} d = {d}, axis {k}: slope {slope:.3}; 128 gradients: error {error:.1e}, Euler and \
                     Maruyama's {simple:.1e}"
                );
                assert!((slope - 2.0).abs() < 0.3, "{metric:?} d = {d}: {slope}");
                assert!(error < 1e-4 && error < 0.02 * simple, "{metric:?} d = {d}: {error:e} {simple:e}");
            }
        }
    }

    #[test]
    fn noise_is_the_same_for_any_number_of_threads_and_its_parts_differ() {
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| noise(3, 17, 10_001, 3))
        };
        let one = draw(1);
        assert_eq!(one, draw(2));
        assert_ne!(one[..CHUNK * 3], one[CHUNK * 3..2 * CHUNK * 3]);
        assert_ne!(one, noise(3, 18, 10_001, 3));
        assert_ne!(one, noise(4, 17, 10_001, 3));
        // mean 0, variance 1, fourth moment 3, within four standard errors
        let n = one.len() as f64;
        for (power, want, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)] {
            let mean = one.iter().map(|x| x.powi(power)).sum::<f64>() / n;
            assert!((mean - want).abs() < 4.0 * f64::sqrt(variance / n), "{power}: {mean}");
        }
    }
}
