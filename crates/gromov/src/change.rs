//! How far a cloud has changed from another one with the same labels, or is from what lies between two of them.

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
    let d = from.dim();
    Ok(over_pairs(from.weights(), |i, j| {
        let before = distance(from.points(), d, i, j);
        (distance(to, d, i, j) - before, before)
    }))
}

/// What lies between two clouds of the same labels, to which frames between them are compared: at t the inner products
/// (1−t) ⟨x_i, x_j⟩ + t ⟨y_i, y_j⟩, or the distances (1−t) |x_i − x_j| + t |y_i − y_j|.
#[derive(Debug, Clone)]
pub struct Between<'a> {
    weights: &'a [f64],
    start: (&'a [f64], usize),
    end: (&'a [f64], usize),
    /// |Gram|_F of the two in units of length, and these units.
    sizes: [(f64, f64); 2],
}

impl<'a> Between<'a> {
    /// Between `start` (n, p) and `end` (n, q), with `weights` (n). Errors: sizes that do not fit together.
    pub fn new(weights: &'a [f64], start: (&'a [f64], usize), end: (&'a [f64], usize)) -> Result<Self> {
        for (name, side) in [("start", start), ("end", end)] {
            fits(name, side, weights.len())?;
        }
        let size = |(points, d): (&[f64], usize)| {
            let unit = linalg::power_of_two_scale(linalg::max_abs(points));
            let small: Vec<f64> = points.iter().map(|x| x / unit).collect();
            (linalg::norm(&linalg::moment(weights, &small, d, &small, d)), unit)
        };
        Ok(Between { weights, start, end, sizes: [size(start), size(end)] })
    }

    /// |Gram(z) − G_t|_F over (1−t) |Gram(x)|_F + t |Gram(y)|_F, with G_t = (1−t) Gram(x) + t Gram(y) and
    /// Gram_ij = √(w_i w_j) ⟨x_i, x_j⟩, for a frame z (n, d): error of inner products, blind to rotations; no unit. By a
    /// singular value decomposition of [z, x, y], so that the difference is not one of squares: O(n (d + p + q)²).
    /// Errors: a frame of another number of points, a t outside [0, 1].
    ///
    /// ```
    /// use gromov::change::Between;
    /// // x = 1, y = 3 half way at z = 2: inner products 4 instead of (1 + 9) / 2
    /// let between = Between::new(&[1.0], (&[1.0], 1), (&[3.0], 1))?;
    /// assert!((between.gram_error((&[2.0], 1), 0.5)? - 1.0 / 5.0).abs() < 1e-15);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn gram_error(&self, frame: (&[f64], usize), t: f64) -> Result<f64> {
        self.check(frame, t)?;
        let parts = [(frame, 1.0), (self.start, t - 1.0), (self.end, -t)];
        let whole: usize = parts.iter().map(|p| p.0.1).sum();
        let unit = parts.iter().map(|p| linalg::max_abs(p.0.0)).fold(0.0, f64::max);
        let unit = linalg::power_of_two_scale(unit);
        let mut stacked = Vec::with_capacity(self.weights.len() * whole);
        for (i, w) in self.weights.iter().enumerate() {
            for ((points, d), _) in parts {
                stacked.extend(points[i * d..(i + 1) * d].iter().map(|x| w.sqrt() * (x / unit)));
            }
        }
        // [z, x, y] = U R, |Gram(z) − G_t| = |R J Rᵀ| with J = diag(1, −(1−t), −t)
        let svd = linalg::svd(&stacked, self.weights.len(), whole)?;
        let signs: Vec<f64> = parts.iter().flat_map(|((_, d), sign)| vec![*sign; *d]).collect();
        let rank = svd.s.len();
        // R J Rᵀ with R = diag(s) Vᵀ
        let sums = |signs: &[f64]| -> Vec<f64> {
            let entry = |(a, b): (usize, usize)| {
                let sum: f64 = (0..whole).map(|j| svd.v[j * rank + a] * signs[j] * svd.v[j * rank + b]).sum();
                svd.s[a] * svd.s[b] * sum
            };
            (0..rank).flat_map(|a| (0..rank).map(move |b| (a, b))).map(entry).collect()
        };
        let [first, last] = self.sizes.map(|(size, own)| size * (own / unit) * (own / unit));
        let size = (1.0 - t) * first + t * last;
        Ok(if size > 0.0 { linalg::norm(&sums(&signs)) / size } else { 0.0 })
    }

    /// The same for the distances of pairs: the root of Σ w_i w_j (|z_i − z_j| − d_t)² over Σ w_i w_j d_t², with
    /// d_t = (1−t) |x_i − x_j| + t |y_i − y_j|; no unit. Pairs and cost as in [`distance_change`]. Errors: a frame of
    /// another number of points, a t outside [0, 1].
    pub fn distance_error(&self, frame: (&[f64], usize), t: f64) -> Result<f64> {
        self.check(frame, t)?;
        let far = |side: (&[f64], usize), i: usize, j: usize| distance(side.0, side.1, i, j);
        Ok(over_pairs(self.weights, |i, j| {
            let aim = (1.0 - t) * far(self.start, i, j) + t * far(self.end, i, j);
            (far(frame, i, j) - aim, aim)
        }))
    }

    fn check(&self, frame: (&[f64], usize), t: f64) -> Result<()> {
        fits("frame", frame, self.weights.len())?;
        match (0.0..=1.0).contains(&t) {
            true => Ok(()),
            false => Err(Error::option("t", t, "a number between 0 and 1")),
        }
    }
}

fn distance(a: &[f64], d: usize, i: usize, j: usize) -> f64 {
    (0..d).map(|k| (a[i * d + k] - a[j * d + k]).powi(2)).sum::<f64>().sqrt()
}

/// The root of Σ w_i w_j change² over Σ w_i w_j size², for `of(i, j)` = (change, size).
fn over_pairs(w: &[f64], of: impl Fn(usize, usize) -> (f64, f64) + Sync) -> f64 {
    let n = w.len();
    let term = |i: usize, j: usize| {
        let ((change, size), weight) = (of(i, j), w[i] * w[j]);
        (weight * change.powi(2), weight * size * size)
    };
    let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
    let row = |i: usize| (0..i).map(|j| term(i, j)).fold((0.0, 0.0), add);
    let sampled = |block: usize| {
        let mut s = Source::new(0, block as u64);
        let mut draw = || {
            let (i, j) = (s.below(n), s.below(n));
            term(i, j)
        };
        (0..EXACT_POINTS).map(|_| draw()).fold((0.0, 0.0), add)
    };
    let parts: Vec<(f64, f64)> = if n <= EXACT_POINTS {
        (0..n).into_par_iter().map(row).collect()
    } else {
        (0..EXACT_POINTS).into_par_iter().map(sampled).collect()
    };
    let (change, size) = parts.into_iter().fold((0.0, 0.0), add);
    if size > 0.0 { (change / size).sqrt() } else { 0.0 }
}

fn fits(name: &str, (points, d): (&[f64], usize), n: usize) -> Result<()> {
    match points.len() == n * d && d > 0 {
        true => Ok(()),
        false => Err(Error::shape(name, format!("({n}, {d})"), format!("{} numbers", points.len()))),
    }
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
    #[test]
    fn frames_between_two_clouds_are_measured_without_cancellation() {
        let mut s = Source::new(52, 0);
        let mut cloud = |d: usize| -> Vec<f64> { (0..40 * d).map(|_| s.normal()).collect() };
        let (x, y) = (cloud(2), cloud(3));
        let w: Vec<f64> = (1..=40).map(|k| f64::from(k) / 820.0).collect();
        let between = Between::new(&w, (&x, 2), (&y, 3)).unwrap();
        // (√(1−t) x, √t y) has the inner products asked for
        let t: f64 = 0.3;
        let lifted: Vec<f64> = (0..40)
            .flat_map(|i| {
                let x = x[2 * i..2 * i + 2].iter().map(|x| (1.0 - t).sqrt() * x);
                x.chain(y[3 * i..3 * i + 3].iter().map(|y| t.sqrt() * y)).collect::<Vec<_>>()
            })
            .collect();
        assert!(between.gram_error((&lifted, 5), t).unwrap() < 1e-14);
        // against all entries
        let gram = |a: &[f64], d: usize, i: usize, j: usize| linalg::dot(&a[i * d..][..d], &a[j * d..][..d]);
        let (mut error, mut first, mut last) = (0.0, 0.0, 0.0);
        for (i, j) in (0..40).flat_map(|i| (0..40).map(move |j| (i, j))) {
            let (a, b) = (gram(&x, 2, i, j), gram(&y, 3, i, j));
            error += w[i] * w[j] * (a - (1.0 - t) * a - t * b).powi(2);
            first += w[i] * w[j] * a * a;
            last += w[i] * w[j] * b * b;
        }
        let expected = error.sqrt() / ((1.0 - t) * first.sqrt() + t * last.sqrt());
        assert!((between.gram_error((&x, 2), t).unwrap() - expected).abs() < 1e-14);
        // halved distances are off by one half
        let same = Between::new(&w, (&x, 2), (&x, 2)).unwrap();
        let half: Vec<f64> = x.iter().map(|x| 0.5 * x).collect();
        assert!((same.distance_error((&half, 2), t).unwrap() - 0.5).abs() < 1e-15);
        for t in [-0.1, 1.1, f64::NAN] {
            let errors = [between.gram_error((&x, 2), t), between.distance_error((&x, 2), t)];
            assert!(
                errors.into_iter().all(|e| e.unwrap_err().to_string().contains("between 0 and 1")),
                "{t}"
            );
        }
        // at any scale
        for scale in [1e-150, 1e150] {
            let [x, y] = [&x, &y].map(|a| a.iter().map(|v| scale * v).collect::<Vec<_>>());
            let between = Between::new(&w, (&x, 2), (&y, 3)).unwrap();
            assert!((between.gram_error((&x, 2), t).unwrap() - expected).abs() < 1e-14);
        }
        assert!(between.gram_error((&x, 3), t).is_err() && Between::new(&w, (&x, 3), (&y, 3)).is_err());
    }
}
