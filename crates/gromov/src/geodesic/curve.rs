//! Length and action of discrete curves of labelled clouds.
//!
//! A curve is given by frames X_0, ..., X_N at times t_0 < ... < t_N, every frame an (n, d) array of the same particles.
//! With D_k = IGW of the labels between frames k and k + 1, |Gram(X_{k+1}) − Gram(X_k)|, blind to rotations of a frame:
//!
//! action = Σ_k D_k² / (t_{k+1} − t_k),  length = Σ_k D_k.
//!
//! Both tend from below to ∫ ⟨v, L v⟩ dt and ∫ √⟨v, L v⟩ dt with order 2 in the steps; length² ≤ action · (t_N − t_0), equal at
//! constant speed. The least action between two ends in unit time is d_IGW² (Benamou-Brenier).

use crate::error::{Error, Result};
use crate::igw::align;
use crate::linalg;
use crate::measure::Measure;

/// What a curve costs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Cost {
    /// ∫ ⟨v, L v⟩ dt; scales as length⁴ over time.
    pub action: f64,
    /// ∫ √⟨v, L v⟩ dt; scales as length².
    pub length: f64,
}

/// Action and length of a discrete curve: `start` gives weights and dimension, `frames` (k, n, d) all frames, the first
/// included, `times` (k,) increasing. O(k n d²), without cancellation between close frames. Errors: shapes, times that
/// do not increase, entries that are not finite.
///
/// ```
/// use gromov::{Measure, geodesic::curve};
/// let x = Measure::uniform(vec![1.0, -1.0], 1)?;
/// // x → 2 x moves ∫ x² from 1 to 4: length 3 however many steps
/// let cost = curve::cost(&x, &[0.0, 0.5, 1.0], &[1.0, -1.0, 1.5, -1.5, 2.0, -2.0])?;
/// assert!((cost.length - 3.0).abs() < 1e-14);
/// assert!((cost.action - 2.0 * (1.25f64.powi(2) + 1.75f64.powi(2))).abs() < 1e-13);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn cost(start: &Measure, times: &[f64], frames: &[f64]) -> Result<Cost> {
    let (m, d) = (start.points().len(), start.dim());
    if frames.len() != times.len() * m {
        return Err(Error::shape(
            "frames",
            format!("({}, {}, {d}), one frame a time", times.len(), start.len()),
            format!("{} numbers", frames.len()),
        ));
    }
    if let Some(k) = frames.iter().position(|x| !x.is_finite()) {
        let index = format!("frame {}, row {}, column {}", k / m, k % m / d, k % d);
        return Err(Error::NotFinite { argument: "frames".into(), index, value: frames[k] });
    }
    if let Some(k) = (1..times.len()).find(|&k| !(times[k] > times[k - 1] && times[k].is_finite())) {
        return Err(Error::option("times", times[k], format!("times that increase (index {k})")));
    }
    let unit = linalg::power_of_two_scale(linalg::max_abs(frames));
    let scaled: Vec<f64> = frames.iter().map(|x| x / unit).collect();
    let mut out = Cost { action: 0.0, length: 0.0 };
    for (k, pair) in times.windows(2).enumerate() {
        let (a, b) = (&scaled[k * m..(k + 1) * m], &scaled[(k + 1) * m..(k + 2) * m]);
        let squared = align::labelled(start.weights(), a, b, d)?.max(0.0);
        out.action += squared / (pair[1] - pair[0]);
        out.length += squared.sqrt();
    }
    let square = unit * unit;
    Ok(Cost { action: out.action * square * square, length: out.length * square })
}
