//! How far a cloud has changed from another one with the same labels.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::igw::align;
use crate::linalg;
use crate::measure::{Measure, sample::Source};

/// All pairs up to this many points; above, as many pairs are drawn.
const EXACT_POINTS: usize = 2000;

/// |Gram(x) − Gram(y)|_F / |Gram(x)|_F with Gram_ij = √(w_i w_j) ⟨x_i, x_j⟩: relative change of inner
/// products; blind to rotation; no unit. O(n d²), cancellation-free.
pub fn gram_change(from: &Measure, to: &[f64]) -> Result<f64> {
    check(from, to)?;
    let d = from.dim();
    let squared = align::labelled(from.weights(), from.points(), to, d)?;
    Ok(squared.max(0.0).sqrt() / linalg::norm(&from.second_moment()))
}

/// Relative change of pair distances: the root of Σ w_i w_j (|y_i − y_j| − |x_i − x_j|)² over
/// Σ w_i w_j |x_i − x_j|²; no unit. All pairs up to 2,000 points (O(n²) time, O(n) memory), 4 million
/// pairs drawn evenly with a fixed seed above.
pub fn distance_change(from: &Measure, to: &[f64]) -> Result<f64> {
    check(from, to)?;
    let (n, d, w) = (from.len(), from.dim(), from.weights());
    let distance = |a: &[f64], i: usize, j: usize| -> f64 {
        (0..d).map(|k| (a[i * d + k] - a[j * d + k]).powi(2)).sum::<f64>().sqrt()
    };
    let term = |i: usize, j: usize, weight: f64| {
        let before = distance(from.points(), i, j);
        (weight * (distance(to, i, j) - before).powi(2), weight * before * before)
    };
    let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
    let row = |i: usize| (0..i).map(|j| term(i, j, w[i] * w[j])).fold((0.0, 0.0), add);
    let sampled = |block: usize| {
        let mut s = Source::new(0, block as u64);
        let mut draw = || {
            let (i, j) = (s.below(n), s.below(n));
            term(i, j, w[i] * w[j])
        };
        (0..EXACT_POINTS).map(|_| draw()).fold((0.0, 0.0), add)
    };
    let parts: Vec<(f64, f64)> = if n <= EXACT_POINTS {
        (0..n).into_par_iter().map(row).collect()
    } else {
        (0..EXACT_POINTS).into_par_iter().map(sampled).collect()
    };
    let (change, size) = parts.into_iter().fold((0.0, 0.0), add);
    Ok(if size > 0.0 { (change / size).sqrt() } else { 0.0 })
}

fn check(from: &Measure, to: &[f64]) -> Result<()> {
    match to.len() == from.points().len() {
        true => Ok(()),
        false => Err(Error::shape("to", format!("{} numbers", from.points().len()), to.len())),
    }
}

/// Chamfer distance between two clouds, the mean distance to the nearest point of the other:
/// (mean_i min_j |a_i − b_j| + mean_j min_i |a_i − b_j|) / 2; scales as length.
/// O(n m d), blocked.
pub fn chamfer(a: &[f64], b: &[f64], d: usize) -> Result<f64> {
    for (name, cloud) in [("a", a), ("b", b)] {
        if d == 0 || cloud.is_empty() || !cloud.len().is_multiple_of(d) {
            return Err(Error::shape(
                name,
                format!("(n, {d}), at least one row"),
                format!("{} numbers", cloud.len()),
            ));
        }
    }
    let one_way = |a: &[f64], b: &[f64]| -> f64 {
        let nearest: Vec<f64> = a
            .par_chunks_exact(d)
            .map(|x| {
                let squared = |y: &[f64]| x.iter().zip(y).map(|(p, q)| (p - q).powi(2)).sum::<f64>();
                b.chunks_exact(d).map(squared).fold(f64::INFINITY, f64::min).sqrt()
            })
            .collect();
        nearest.iter().sum::<f64>() / nearest.len() as f64
    };
    Ok(0.5 * (one_way(a, b) + one_way(b, a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_changes_nothing_and_doubling_is_known() {
        let mut s = Source::new(51, 0);
        let mu = Measure::uniform((0..90).map(|_| s.normal()).collect(), 3).unwrap();
        let turned = mu.linear_image(&s.rotation(3), 3).unwrap();
        assert!(gram_change(&mu, turned.points()).unwrap() < 1e-14);
        assert!(distance_change(&mu, turned.points()).unwrap() < 1e-14);
        let double: Vec<f64> = mu.points().iter().map(|x| 2.0 * x).collect();
        assert!((gram_change(&mu, &double).unwrap() - 3.0).abs() < 1e-13);
        assert!((distance_change(&mu, &double).unwrap() - 1.0).abs() < 1e-13);
        assert!((chamfer(&[0.0, 1.0], &[0.0, 3.0], 1).unwrap() - 0.5 * (0.5 + 1.0)).abs() < 1e-15);
    }
}
