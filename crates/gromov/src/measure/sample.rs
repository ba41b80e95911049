//! Built-in clouds and seeded sampling.
//!
//! Every draw takes a seed and a stream: results never depend on threads or on the order of calls.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::error::{Error, Result};
use crate::measure::Measure;

const HORSE: &str = include_str!("../../assets/horse.txt");
const BUNNY: &str = include_str!("../../assets/bunny.csv");

/// A counter-based generator: `seed` chooses the sequence, `stream` an independent part of it.
#[derive(Debug, Clone)]
pub struct Source(ChaCha8Rng);

impl Source {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Source(rng)
    }

    /// A number in [0, 1), with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (-53f64).exp2()
    }

    /// A standard normal number (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// An integer in 0..n (n >= 1), by rejection.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        let limit = u64::MAX - u64::MAX % n;
        loop {
            let x = self.0.next_u64();
            if x < limit {
                return (x % n) as usize;
            }
        }
    }

    /// A permutation of 0..n.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut p: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            p.swap(i, self.below(i + 1));
        }
        p
    }

    /// A rotation of R^d, (d, d), uniform over SO(d): Gram-Schmidt on Gaussian columns.
    pub fn rotation(&mut self, d: usize) -> Vec<f64> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(d);
        while rows.len() < d {
            let mut v: Vec<f64> = (0..d).map(|_| self.normal()).collect();
            for _ in 0..2 {
                for r in &rows {
                    let c: f64 = r.iter().zip(&v).map(|(a, b)| a * b).sum();
                    v.iter_mut().zip(r).for_each(|(x, y)| *x -= c * y);
                }
            }
            let s = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            if s > 1e-8 {
                v.iter_mut().for_each(|x| *x /= s);
                rows.push(v);
            }
        }
        let mut o = rows.concat();
        if crate::linalg::determinant(&o, d) < 0.0 {
            o[..d].iter_mut().for_each(|x| *x = -*x);
        }
        o
    }
}

/// Standard normal cloud, n points in R^d with equal weights, not centred.
pub fn gaussian(n: usize, d: usize, seed: u64) -> Result<Measure> {
    let mut s = Source::new(seed, 0);
    Measure::uniform((0..n * d).map(|_| s.normal()).collect(), d)
}

/// Uniform cloud in the unit ball of R^d, n points with equal weights, not centred.
pub fn ball(n: usize, d: usize, seed: u64) -> Result<Measure> {
    let mut s = Source::new(seed, 0);
    let mut points = Vec::with_capacity(n * d);
    for _ in 0..n {
        let v: Vec<f64> = (0..d).map(|_| s.normal()).collect();
        let r = s.unit().powf(1.0 / d as f64) / crate::linalg::norm(&v);
        points.extend(v.iter().map(|x| x * r));
    }
    Measure::uniform(points, d)
}

/// The silhouette of the horse: centres of its 43,412 dark pixels, centred, height 328 pixels = 1.64.
pub fn horse_silhouette() -> Result<Measure> {
    let (points, _) = horse_pixels()?;
    Ok(Measure::uniform(points, 2)?.centred())
}

/// n independent points of the horse silhouette, equal weights, in the frame of
/// [`horse_silhouette`] (so only nearly centred).
///
/// Stratified: the pixels are put in the order of a Hilbert curve and cut into n pieces of equal
/// area; each piece gets one uniform point. Two seeds give independent samples.
pub fn horse(n: usize, seed: u64) -> Result<Measure> {
    let (pixels, side) = horse_pixels()?;
    let count = pixels.len() / 2;
    if n == 0 || n > count {
        return Err(Error::option("n", n, format!("1 to {count} points")));
    }
    let whole = Measure::uniform(pixels, 2)?;
    let mean = whole.mean();
    let key = |i: usize| {
        let cell = |x: f64| ((x / side) + 256.0) as u32;
        hilbert_index(512, cell(whole.point(i)[0]), cell(whole.point(i)[1]))
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|&i| key(i));
    let mut s = Source::new(seed, 0);
    let mut points = Vec::with_capacity(2 * n);
    for k in 0..n {
        let at = ((k as f64 + s.unit()) * count as f64 / n as f64) as usize;
        let p = whole.point(order[at.min(count - 1)]);
        points.push(p[0] - mean[0] + side * (s.unit() - 0.5));
        points.push(p[1] - mean[1] + side * (s.unit() - 0.5));
    }
    Measure::uniform(points, 2)
}

/// The 1,839 vertices of the Stanford bunny, equal weights, centred, z up, rms radius 1.
pub fn bunny() -> Result<Measure> {
    let mut points = Vec::new();
    for line in BUNNY.lines().skip(1) {
        let mut v = line.split(',').map(|x| x.parse::<f64>().unwrap_or(f64::NAN));
        let (x, y, z) = (v.next(), v.next(), v.next());
        // the file has y up
        points.extend([x, z.map(|z| -z), y].map(|c| c.unwrap_or(f64::NAN)));
    }
    let cloud = Measure::uniform(points, 3)?.centred();
    Ok(cloud.divided_by(cloud.rms_radius()))
}

/// n points of a cloud without replacement, one from each of n equal pieces of its list of points, weights
/// carried over and rescaled to sum to one. Errors: n = 0 or n above the number of points.
pub fn subsample(cloud: &Measure, n: usize, seed: u64) -> Result<Measure> {
    let count = cloud.len();
    if n == 0 || n > count {
        return Err(Error::option("points", n, format!("1 to {count}")));
    }
    let mut s = Source::new(seed, 1);
    let mut points = Vec::with_capacity(n * cloud.dim());
    let mut weights = Vec::with_capacity(n);
    for k in 0..n {
        let (from, to) = (k * count / n, (k + 1) * count / n);
        let i = from + s.below(to - from);
        points.extend_from_slice(cloud.point(i));
        weights.push(cloud.weights()[i]);
    }
    Measure::normalized(points, cloud.dim(), weights)
}

/// Pixel centres with y up, and the side of a pixel.
fn horse_pixels() -> Result<(Vec<f64>, f64)> {
    let side = 0.005;
    let bad = || Error::User("built-in horse: damaged asset".into());
    let mut points = Vec::new();
    let mut lines = HORSE.lines();
    let mut size = lines.next().ok_or_else(bad)?.split(' ').map(|x| x.parse::<usize>());
    let height = size.next().and_then(|x| x.ok()).ok_or_else(bad)?;
    for (row, line) in lines.enumerate() {
        let (mut column, mut dark) = (0usize, false);
        for run in line.split_whitespace() {
            let run: usize = run.parse().map_err(|_| bad())?;
            if dark {
                for c in column..column + run {
                    points.push(side * (c as f64 - 200.0));
                    points.push(side * (height as f64 / 2.0 - row as f64));
                }
            }
            column += run;
            dark = !dark;
        }
    }
    Ok((points, side))
}

/// Position of cell (x, y) on the Hilbert curve of a square with `side` cells (a power of two).
fn hilbert_index(side: u32, mut x: u32, mut y: u32) -> u64 {
    let mut index = 0;
    let mut s = side / 2;
    while s > 0 {
        let (rx, ry) = (u32::from(x & s > 0), u32::from(y & s > 0));
        index += u64::from(s) * u64::from(s) * u64::from((3 * rx) ^ ry);
        if ry == 0 {
            if rx == 1 {
                x = side - 1 - x;
                y = side - 1 - y;
            }
            std::mem::swap(&mut x, &mut y);
        }
        s /= 2;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hilbert_curve_visits_neighbours() {
        let mut cells: Vec<(u64, i32, i32)> = (0..16)
            .flat_map(|x| (0..16).map(move |y| (hilbert_index(16, x, y), x as i32, y as i32)))
            .collect();
        cells.sort_unstable();
        for (k, w) in cells.windows(2).enumerate() {
            assert_eq!(w[1].0, k as u64 + 1);
            assert_eq!((w[1].1 - w[0].1).abs() + (w[1].2 - w[0].2).abs(), 1);
        }
    }

    #[test]
    fn the_horse_has_its_pixels_and_a_sample_its_moments() {
        let all = horse_silhouette().unwrap();
        assert_eq!(all.len(), 43_412);
        let sample = horse(1000, 3).unwrap();
        let (a, b) = (all.second_moment(), sample.second_moment());
        for k in 0..4 {
            assert!((a[k] - b[k]).abs() < 0.02 * a[0], "{a:?} {b:?}");
        }
        assert_ne!(sample, horse(1000, 4).unwrap());
        assert_eq!(sample, horse(1000, 3).unwrap());
    }

    #[test]
    fn the_bunny_has_its_vertices() {
        let b = bunny().unwrap();
        assert_eq!((b.len(), b.dim()), (1839, 3));
        assert!((b.rms_radius() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn rotations_are_rotations() {
        for d in 1..6 {
            let o = Source::new(7, d as u64).rotation(d);
            let e = crate::linalg::matmul(&o, &crate::linalg::transpose(&o, d, d), d, d, d);
            let i = crate::linalg::identity(d);
            assert!(e.iter().zip(&i).all(|(a, b)| (a - b).abs() < 1e-13));
            assert!((crate::linalg::determinant(&o, d) - 1.0).abs() < 1e-13);
        }
    }
}
