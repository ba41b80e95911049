//! A test of gradients that anyone can run on an own energy.

use super::Energy;
use crate::error::Result;
use crate::linalg;
use crate::measure::{Measure, sample::Source};

/// Slope of log |F(ρ + h v) − F(ρ) − h ⟨∇δF, v⟩| against log h for a random direction v: 2 for a
/// right gradient (1 for a wrong one). Fitted on the window of h (decades below the size of the
/// cloud) in which the remainder is well above rounding; infinite when F is affine along v near ρ, so
/// that the remainder drops to rounding at once (distances on the line).
pub fn taylor_slope(energy: &mut dyn Energy, rho: &Measure, seed: u64) -> Result<f64> {
    let (n, d) = (rho.len(), rho.dim());
    let mut s = Source::new(seed, 0);
    let size = rho.scale().max(f64::MIN_POSITIVE);
    let v: Vec<f64> = (0..n * d).map(|_| size * s.normal()).collect();
    let mut gradient = vec![0.0; n * d];
    let start = energy.value_and_gradient(rho, &mut gradient)?;
    let slope = linalg::weighted_dot(rho.weights(), &gradient, &v, d);
    // from small steps to large ones: an energy that follows a local optimum loses it at large steps
    let (mut window, mut drowned) = (Vec::new(), false);
    for k in (4..=24).rev() {
        let h = f64::from(-k).exp2();
        let moved = rho.with_points(rho.points().iter().zip(&v).map(|(x, v)| x + h * v).collect())?;
        let value = energy.value(&moved)?;
        let remainder = (value - start - h * slope).abs();
        let rounding = 1e4 * f64::EPSILON * (start.abs() + value.abs() + slope.abs() * h);
        if remainder <= rounding {
            drowned = true;
            continue;
        }
        if window.is_empty() && drowned && remainder > 64.0 * rounding {
            return Ok(f64::INFINITY);
        }
        window.push((h.ln(), remainder.ln()));
        if window.len() == 6 {
            break;
        }
    }
    Ok(if window.len() < 3 { f64::INFINITY } else { fit_slope(&window) })
}

/// Least-squares slope through points (x, y).
pub fn fit_slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let (mut xy, mut xx) = (0.0, 0.0);
    for (x, y) in points {
        xy += (x - mx) * (y - my);
        xx += (x - mx) * (x - mx);
    }
    xy / xx
}
