//! A weighted point cloud ρ = Σ_i w_i δ_{x_i} in R^d: validation, moments, centring.
//!
//! Points are row-major n × d, as in NumPy. The second moment Σ = ∫ x xᵀ dρ is *uncentred*: the
//! geometry of this crate is invariant under rotations about the origin and not under translations,
//! and [`Measure::centred`] is the caller's choice.

pub mod sample;

use crate::error::{Error, Result};
use crate::linalg;

/// How far the sum of weights may be from one.
pub const WEIGHT_SUM_TOLERANCE: f64 = 1e-9;

/// A probability measure with finitely many atoms.
///
/// ```
/// let mu = gromov::Measure::uniform(vec![3.0, 4.0, -3.0, -4.0], 2)?;
/// assert_eq!(mu.len(), 2);
/// assert_eq!(mu.second_moment(), vec![9.0, 12.0, 12.0, 16.0]);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measure {
    points: Vec<f64>,
    weights: Vec<f64>,
    dim: usize,
    uniform: bool,
}

impl Measure {
    /// n points with equal weights 1/n; `points` is row-major (n, d). Errors: an empty or ragged
    /// array, an entry that is not finite.
    pub fn uniform(points: Vec<f64>, dim: usize) -> Result<Self> {
        check_points(&points, dim)?;
        let n = points.len() / dim;
        Ok(Measure { points, weights: vec![1.0 / n as f64; n], dim, uniform: true })
    }

    /// n points with weights that are not negative and sum to one within 1e-9, by which they are then
    /// divided, unless the sum differs from one by no more than the rounding of sums of n numbers. Errors:
    /// those of [`Measure::uniform`], a wrong number of weights, a negative weight, a sum other than one (with
    /// the sum in the message; [`Measure::normalized`] rescales on request).
    pub fn weighted(points: Vec<f64>, dim: usize, weights: Vec<f64>) -> Result<Self> {
        check_points(&points, dim)?;
        let sum = check_weights(&weights, points.len() / dim)?;
        if (sum - 1.0).abs() > WEIGHT_SUM_TOLERANCE {
            return Err(Error::Weights {
                argument: "weights".into(),
                problem: format!(
                    "the sum is {sum}, not 1 (within 1e-9); ask for normalization to rescale (--normalize, in Python normalize=True)"
                ),
            });
        }
        let mut weights = weights;
        // plans have total mass one; a sum that differs by rounding alone is left as it is, so that a
        // measure written and read back is the same
        if (sum - 1.0).abs() > sum_rounding(weights.len()) {
            weights.iter_mut().for_each(|w| *w /= sum);
        }
        let uniform = weights.iter().all(|&w| w == weights[0]);
        Ok(Measure { points, weights, dim, uniform })
    }

    /// Like [`Measure::weighted`], with weights of any positive sum, divided by it. Normalized weights are
    /// not changed again.
    pub fn normalized(points: Vec<f64>, dim: usize, mut weights: Vec<f64>) -> Result<Self> {
        check_points(&points, dim)?;
        let sum = check_weights(&weights, points.len() / dim)?;
        if (sum - 1.0).abs() <= sum_rounding(weights.len()) {
            return Measure::weighted(points, dim, weights);
        }
        let largest = linalg::max_abs(&weights);
        if largest == 0.0 {
            return Err(Error::Weights {
                argument: "weights".into(),
                problem: "all weights are zero".into(),
            });
        }
        weights.iter_mut().for_each(|w| *w /= largest);
        let sum = linalg::sum_chunks(weights.len(), 1, |r, out| out[0] = weights[r].iter().sum())[0];
        weights.iter_mut().for_each(|w| *w /= sum);
        Measure::weighted(points, dim, weights)
    }

    /// The same weights on other points of the same dimension. Errors: as [`Measure::uniform`].
    pub fn with_points(&self, points: Vec<f64>) -> Result<Self> {
        self.check_like(&points)?;
        Ok(self.moved(points))
    }

    /// Errors: other points than as many finite ones of the same dimension.
    pub(crate) fn check_like(&self, points: &[f64]) -> Result<()> {
        if points.len() != self.points.len() {
            return Err(Error::shape("points", format!("{} numbers", self.points.len()), points.len()));
        }
        check_points(points, self.dim)
    }

    /// [`Measure::with_points`] for points known to be finite.
    pub(crate) fn moved(&self, points: Vec<f64>) -> Self {
        debug_assert_eq!(points.len(), self.points.len());
        Measure { points, weights: self.weights.clone(), dim: self.dim, uniform: self.uniform }
    }

    /// Overwrites the points, keeping weights and memory.
    pub(crate) fn points_mut(&mut self) -> &mut [f64] {
        &mut self.points
    }

    /// Number of points n.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Never true: a measure has at least one point.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All coordinates, row-major (n, d).
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// Coordinates of point i.
    pub fn point(&self, i: usize) -> &[f64] {
        &self.points[i * self.dim..(i + 1) * self.dim]
    }

    /// The weights, (n).
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// True when all weights are equal.
    pub fn has_uniform_weights(&self) -> bool {
        self.uniform
    }

    /// Largest absolute coordinate.
    pub fn scale(&self) -> f64 {
        linalg::max_abs(&self.points)
    }

    /// ∫ x dρ, (d). O(n d).
    pub fn mean(&self) -> Vec<f64> {
        let s = linalg::power_of_two_scale(self.scale());
        let d = self.dim;
        let mut mean = linalg::sum_chunks(self.len(), d, |rows, out| {
            for i in rows {
                for k in 0..d {
                    out[k] += self.weights[i] * (self.points[i * d + k] / s);
                }
            }
        });
        mean.iter_mut().for_each(|x| *x *= s);
        mean
    }

    /// Σ = ∫ x xᵀ dρ (uncentred), (d, d) row-major; scales as length². O(n d²). Entries leave the
    /// range of a double for coordinates beyond about 1e±154.
    ///
    /// The centred one is `mu.centred().second_moment()`: two passes, so that a large mean costs no
    /// digits.
    pub fn second_moment(&self) -> Vec<f64> {
        linalg::moment(&self.weights, &self.points, self.dim, &self.points, self.dim)
    }

    /// Eigenvalues of Σ, decreasing, (d); scale as length². O(n d² + d³).
    pub fn spectrum(&self) -> Result<Vec<f64>> {
        let (values, s) = self.scaled_spectrum()?;
        Ok(values.iter().map(|v| v * s * s).collect())
    }

    /// Eigenvalues of Σ that are above `floor` times the largest: a flow with this floor is singular
    /// when they are fewer than d. Safe at any scale; 0 for a cloud at the origin.
    ///
    /// ```
    /// let mu = gromov::Measure::uniform(vec![1e200, 0.0, -1e200, 0.0], 2)?;
    /// assert_eq!(mu.rank(1e-12)?, 1);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn rank(&self, floor: f64) -> Result<usize> {
        let values = self.scaled_spectrum()?.0;
        Ok(values.iter().filter(|v| **v > floor * values[0].max(0.0)).count())
    }

    /// Eigenvalues of Σ in units s², and s.
    fn scaled_spectrum(&self) -> Result<(Vec<f64>, f64)> {
        let s = linalg::power_of_two_scale(self.scale());
        let sigma = self.divided_by(s).second_moment();
        Ok((linalg::symmetric_eigen(&sigma, self.dim)?.values, s))
    }

    /// |mean|² / ∫ |x|² dρ, between 0 (centred) and 1 (all points equal); 0 for a cloud at the origin.
    /// Safe at any scale.
    ///
    /// ```
    /// assert_eq!(gromov::Measure::uniform(vec![3.0, -1.0], 1)?.mean_share(), 0.2);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn mean_share(&self) -> f64 {
        let unit = self.divided_by(linalg::power_of_two_scale(self.scale()));
        let (mean, d) = (unit.mean(), self.dim);
        let whole = linalg::weighted_dot(&unit.weights, &unit.points, &unit.points, d);
        if whole > 0.0 { linalg::dot(&mean, &mean) / whole } else { 0.0 }
    }

    /// The cloud shifted so that its mean is zero (to rounding). O(n d).
    pub fn centred(&self) -> Self {
        self.shifted_by(&self.mean())
    }

    /// The cloud minus `origin`, (d).
    pub(crate) fn shifted_by(&self, origin: &[f64]) -> Self {
        let mut out = self.clone();
        for x in out.points.chunks_exact_mut(self.dim) {
            x.iter_mut().zip(origin).for_each(|(x, m)| *x -= m);
        }
        out
    }

    /// The cloud with every coordinate divided by `s`.
    pub(crate) fn divided_by(&self, s: f64) -> Self {
        self.moved(self.points.iter().map(|x| x / s).collect())
    }

    /// The image under the linear map A (q, d): x -> A x. Errors: wrong size, results not finite.
    ///
    /// ```
    /// let mu = gromov::Measure::uniform(vec![1.0, 0.0], 2)?;
    /// assert_eq!(mu.linear_image(&[0.0, -1.0, 1.0, 0.0], 2)?.points(), &[0.0, 1.0]);
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn linear_image(&self, a: &[f64], rows: usize) -> Result<Self> {
        if a.len() != rows * self.dim {
            return Err(Error::shape("a", format!("({rows}, {})", self.dim), format!("{} numbers", a.len())));
        }
        let points = linalg::map_rows(&self.points, self.dim, a, rows);
        check_points(&points, rows)?;
        Ok(Measure { points, weights: self.weights.clone(), dim: rows, uniform: self.uniform })
    }

    /// Root of the largest squared length that weights can see: (∫ |x|² dρ)^(1/2), safe at any scale.
    pub fn rms_radius(&self) -> f64 {
        let s = linalg::power_of_two_scale(self.scale());
        let unit = self.divided_by(s);
        s * linalg::weighted_dot(&unit.weights, &unit.points, &unit.points, unit.dim).sqrt()
    }

    /// Indices of the points that repeat an earlier point (sorted copies compared), so that
    /// `duplicates().len()` points could be merged. O(n log n).
    pub fn duplicates(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        let cmp = |&i: &usize, &j: &usize| {
            let (a, b) = (self.point(i), self.point(j));
            a.iter()
                .zip(b)
                .map(|(x, y)| (x + 0.0).total_cmp(&(y + 0.0)))
                .find(|o| o.is_ne())
                .unwrap_or(i.cmp(&j))
        };
        order.sort_unstable_by(cmp);
        let mut out: Vec<usize> =
            order.windows(2).filter(|w| self.point(w[0]) == self.point(w[1])).map(|w| w[1]).collect();
        out.sort_unstable();
        out
    }
}

fn check_points(points: &[f64], dim: usize) -> Result<()> {
    if dim == 0 {
        return Err(Error::shape("points", "at least one column", "0 columns"));
    }
    if points.is_empty() {
        return Err(Error::shape("points", "at least one row", "0 rows"));
    }
    if !points.len().is_multiple_of(dim) {
        return Err(Error::shape("points", format!("a multiple of {dim} numbers"), points.len()));
    }
    match points.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(k) => Err(Error::NotFinite {
            argument: "points".into(),
            index: format!("({}, {})", k / dim, k % dim),
            value: points[k],
        }),
    }
}

/// How far the computed sum of n weights may be from one after they were divided by their computed sum.
///
/// A sum passes k = min(n, chunk) + n/chunk additions one after the other, each off by at most u = eps/2 of
/// it: all terms are positive. Two sums, of the weights and of the quotients, and the rounding of the quotients
/// are off by (2 k + 1) u to first order; one more eps covers the rest, k² u² below n = 10¹⁰.
fn sum_rounding(n: usize) -> f64 {
    let longest = n.min(linalg::CHUNK) + n.div_ceil(linalg::CHUNK);
    (longest + 2) as f64 * f64::EPSILON
}

fn check_weights(weights: &[f64], n: usize) -> Result<f64> {
    if weights.len() != n {
        return Err(Error::shape("weights", format!("{n} numbers, one a point"), weights.len()));
    }
    for (i, &w) in weights.iter().enumerate() {
        if !w.is_finite() {
            return Err(Error::NotFinite { argument: "weights".into(), index: i.to_string(), value: w });
        }
        if w < 0.0 {
            return Err(Error::Weights {
                argument: "weights".into(),
                problem: format!("entry {i} is {w}, negative"),
            });
        }
    }
    Ok(linalg::sum_chunks(n, 1, |r, out| out[0] = weights[r].iter().sum())[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centred_second_moment_keeps_ten_digits_far_from_the_origin() {
        // x = 1e4 + a lattice of known variance, n = 10^6: (n^2 - 1) / 12 * h^2 with h = 2^-20.
        let n = 1_000_000usize;
        let h = (-20f64).exp2();
        let points: Vec<f64> = (0..n).map(|i| 1e4 + h * ((i * 7919) % n) as f64).collect();
        let mu = Measure::uniform(points, 1).unwrap();
        let exact = ((n * n - 1) as f64) / 12.0 * h * h;
        let got = mu.centred().second_moment()[0];
        assert!((got / exact - 1.0).abs() < 1e-10, "{got} {exact}");
    }

    #[test]
    fn bad_input_is_named() {
        let text = |r: Result<Measure>| r.unwrap_err().to_string();
        assert!(text(Measure::uniform(vec![], 2)).contains("0 rows"));
        assert!(text(Measure::uniform(vec![1.0, f64::NAN], 2)).contains("(0, 1)"));
        assert!(text(Measure::weighted(vec![1.0, 2.0], 1, vec![0.5, 0.6])).contains("1.1"));
        assert!(text(Measure::weighted(vec![1.0, 2.0], 1, vec![1.5, -0.5])).contains("entry 1 is -0.5"));
        assert!(text(Measure::weighted(vec![1.0, 2.0], 1, vec![1.0])).contains("2 numbers"));
        assert!(text(Measure::normalized(vec![1.0], 1, vec![0.0])).contains("zero"));
        let big = Measure::normalized(vec![1.0, 2.0], 1, vec![1e308, 1e308]).unwrap();
        assert_eq!(big.weights(), &[0.5, 0.5]);
    }

    #[test]
    fn normalized_weights_are_left_as_they_are() {
        for (n, most) in [(3, 9), (5_000, 1_000_000), (5_000, 3), (20_000, 1 << 40)] {
            for seed in 0..20 {
                let mut source = sample::Source::new(seed, n as u64);
                let weights: Vec<f64> = (0..n).map(|_| source.below(most) as f64).collect();
                let points = vec![0.0; n];
                let once = Measure::normalized(points.clone(), 1, weights).unwrap();
                let w = once.weights().to_vec();
                assert_eq!(Measure::weighted(points.clone(), 1, w.clone()).unwrap(), once, "{n} {seed}");
                assert_eq!(Measure::normalized(points.clone(), 1, w.clone()).unwrap(), once, "{n} {seed}");
                // a sum that is off by more is divided by, and then left
                let off = w.iter().map(|w| w * (1.0 + 5e-10)).collect();
                let again = Measure::weighted(points.clone(), 1, off).unwrap();
                let sum: f64 = again.weights().iter().sum();
                assert!((sum - 1.0).abs() < 1e-11);
                let w = again.weights().to_vec();
                assert_eq!(Measure::weighted(points, 1, w).unwrap(), again, "{n} {seed}");
            }
        }
    }

    #[test]
    fn spectrum_and_rank_at_any_scale() {
        // Σ = diag(2, 1/2) turned by a right angle about the third axis
        let points = [0.0, 2.0, 0.0, 0.0, -2.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0];
        for scale in [1e-200, 1e-3, 1.0, 1e100, 1e200] {
            let mu = Measure::uniform(points.iter().map(|x| x * scale).collect(), 3).unwrap();
            assert_eq!(mu.rank(1e-12).unwrap(), 2, "{scale}");
            assert!(mu.mean_share() < 1e-30);
            if (1e-3..=1e100).contains(&scale) {
                let expected = [2.0, 0.5, 0.0].map(|v| v * scale * scale);
                for (got, expected) in mu.spectrum().unwrap().iter().zip(expected) {
                    assert!((got - expected).abs() <= 1e-15 * 2.0 * scale * scale, "{got} {expected}");
                }
            }
        }
        let origin = Measure::uniform(vec![0.0; 4], 2).unwrap();
        assert_eq!((origin.rank(1e-12).unwrap(), origin.mean_share()), (0, 0.0));
        assert_eq!(Measure::uniform(vec![1e180; 4], 2).unwrap().mean_share(), 1.0);
    }

    #[test]
    fn duplicates_are_found_once_each() {
        let mu = Measure::uniform(vec![0.0, 1.0, 2.0, 2.0, -0.0, 1.0, 0.0, 1.0], 2).unwrap();
        assert_eq!(mu.duplicates(), vec![2, 3]);
    }
}
