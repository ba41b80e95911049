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

    /// Fills with independent standard normal numbers (Box and Muller, both of a pair).
    pub fn normals(&mut self, out: &mut [f64]) {
        for pair in out.chunks_mut(2) {
            let r = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * self.unit()).sin_cos();
            pair[0] = r * cosine;
            if let Some(second) = pair.get_mut(1) {
                *second = r * sine;
            }
        }
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

/// A sample of n draws from a cloud, spread over it (stratified): n different points for equal weights, at
/// most n for others. O(d n log n) of the cloud's n.
///
/// The points are put into the order of recursive splits at the median of the widest axis (ties by index),
/// so that neighbours in the order are neighbours in space; the order is cut into n pieces of equal mass
/// and one point of each is drawn. Means over the sample are unbiased: each point is expected as
/// often as its weight says. Their variance is below that of independent draws, most for smooth
/// functions.
///
/// Equal weights give n different points with equal weights. Where a border of two pieces falls on a
/// point, ordered pivotal sampling (Deville and Tillé 1998) keeps it from being drawn twice, in integers, so
/// that every point is drawn with probability n/count exactly. Otherwise a point is drawn in proportion to
/// its mass in each piece, and one drawn k times has the weight k/n: heavy points make the sample
/// smaller than n. Points of no weight are never drawn. The sample keeps the order of the cloud.
/// Errors: n = 0 or n above the number of points.
///
/// ```
/// use gromov::measure::sample;
/// let sample = sample::subsample(&sample::horse_silhouette()?, 500, 1)?;
/// assert!(sample.len() == 500 && sample.has_uniform_weights());
/// assert!(sample.mean().iter().all(|x| x.abs() < 0.01));
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn subsample(cloud: &Measure, n: usize, seed: u64) -> Result<Measure> {
    Ok(subsample_rows(cloud, n, seed)?.0)
}

/// The same sample with the index in the cloud of each of its points, ascending.
///
/// ```
/// use gromov::measure::sample;
/// let cloud = sample::bunny()?;
/// let (sample, rows) = sample::subsample_rows(&cloud, 100, 1)?;
/// assert!(rows.len() == 100 && rows.is_sorted());
/// assert_eq!(sample.point(7), cloud.point(rows[7]));
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn subsample_rows(cloud: &Measure, n: usize, seed: u64) -> Result<(Measure, Vec<usize>)> {
    let count = cloud.len();
    if n == 0 || n > count {
        return Err(Error::option("n", n, format!("1 to {count}, the points of the cloud")));
    }
    let order = spatial_order(cloud);
    let mut s = Source::new(seed, 1);
    let mut hits = vec![0u32; count];
    if cloud.has_uniform_weights() {
        // the point not yet decided on and the probability, in units 1/count, that it is drawn
        let (mut open, mut chance) = (order[0], 0);
        for &i in &order {
            let sum = chance + n;
            if sum < count {
                open = if s.below(sum) < chance { open } else { i };
                chance = sum;
            } else {
                let (drawn, left) = if s.below(2 * count - sum) < count - n { (open, i) } else { (i, open) };
                hits[drawn] = 1;
                (open, chance) = (left, sum - count);
            }
        }
    } else {
        let mut total = 0.0;
        let mut mass = Vec::with_capacity(count);
        for &i in &order {
            total += cloud.weights()[i];
            mass.push(total);
        }
        for k in 0..n {
            // rounding may reach the total, behind which there is no point
            let at = ((k as f64 + s.unit()) / n as f64 * total).min(total.next_down());
            hits[order[mass.partition_point(|&m| m <= at)]] += 1;
        }
    }
    let drawn: Vec<usize> = (0..count).filter(|&i| hits[i] > 0).collect();
    let points = drawn.iter().flat_map(|&i| cloud.point(i)).copied().collect();
    let sample = if drawn.len() == n {
        Measure::uniform(points, cloud.dim())
    } else {
        let weights = drawn.iter().map(|&i| f64::from(hits[i]) / n as f64).collect();
        Measure::weighted(points, cloud.dim(), weights)
    };
    Ok((sample?, drawn))
}

/// Indices of the points in the order of recursive splits at the median of the widest axis, ties by index.
fn spatial_order(cloud: &Measure) -> Vec<usize> {
    let d = cloud.dim();
    let mut order: Vec<usize> = (0..cloud.len()).collect();
    let mut left = vec![(0, order.len())];
    let (mut low, mut high) = (vec![0.0; d], vec![0.0; d]);
    while let Some((from, to)) = left.pop() {
        let part = &mut order[from..to];
        if part.len() < 2 {
            continue;
        }
        low.fill(f64::INFINITY);
        high.fill(f64::NEG_INFINITY);
        for &i in part.iter() {
            for (k, &x) in cloud.point(i).iter().enumerate() {
                low[k] = x.min(low[k]);
                high[k] = x.max(high[k]);
            }
        }
        // half the width, which cannot overflow
        let width = |k: usize| high[k] / 2.0 - low[k] / 2.0;
        let axis = (1..d).fold(0, |best, k| if width(k) > width(best) { k } else { best });
        let middle = part.len() / 2;
        part.select_nth_unstable_by(middle, |&i, &j| {
            let (x, y) = (cloud.point(i)[axis], cloud.point(j)[axis]);
            (x + 0.0).total_cmp(&(y + 0.0)).then(i.cmp(&j))
        });
        left.push((from, from + middle));
        left.push((from + middle, to));
    }
    order
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

    /// Mean of x over a cloud on the unit square, for 400 seeds: its mean and its variance.
    fn spread(cloud: &Measure, n: usize) -> (f64, f64) {
        let means: Vec<f64> = (0..400).map(|seed| subsample(cloud, n, seed).unwrap().mean()[0]).collect();
        let mean = means.iter().sum::<f64>() / 400.0;
        (mean, means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 399.0)
    }

    #[test]
    fn a_subsample_is_unbiased_and_better_than_independent_draws() {
        let mut s = Source::new(5, 0);
        let points: Vec<f64> = (0..2 * 1000).map(|_| s.unit()).collect();
        let weights: Vec<f64> = (0..1000).map(|i| if i % 10 == 0 { 0.0 } else { s.unit() + 0.1 }).collect();
        for cloud in [
            Measure::uniform(points.clone(), 2).unwrap(),
            Measure::normalized(points.clone(), 2, weights).unwrap(),
        ] {
            let n = 70; // does not divide 1000
            let exact = cloud.mean()[0];
            let centred = cloud.centred().second_moment()[0];
            let (mean, variance) = spread(&cloud, n);
            // four standard errors of the mean of 400 samples
            assert!((mean - exact).abs() < 4.0 * (variance / 400.0).sqrt(), "{mean} {exact} {variance}");
            let ratio = centred / n as f64 / variance;
            assert!(ratio > 10.0, "{ratio}");
        }
    }

    #[test]
    fn each_point_comes_as_often_as_its_weight_says() {
        // the border of the two pieces falls on the third point
        let cloud = Measure::uniform((0..5).map(f64::from).collect(), 1).unwrap();
        let mut hits = [0.0; 5];
        for seed in 0..4000 {
            for x in subsample(&cloud, 2, seed).unwrap().points() {
                hits[*x as usize] += 1.0 / 4000.0;
            }
        }
        // standard error (0.4 0.6 / 4000)^(1/2) = 0.008
        assert!(hits.iter().all(|h| (h - 0.4f64).abs() < 0.035), "{hits:?}");
        let weights = vec![0.5, 0.0, 0.1, 0.2, 0.2];
        let cloud = Measure::weighted((0..5).map(f64::from).collect(), 1, weights.clone()).unwrap();
        let mut mass = [0.0; 5];
        for seed in 0..4000 {
            let sample = subsample(&cloud, 4, seed).unwrap();
            assert!(sample.len() <= 4 && !sample.points().contains(&1.0));
            // the heavy point fills two of the four pieces
            assert_eq!((sample.point(0)[0], sample.weights()[0]), (0.0, 0.5));
            sample.points().iter().zip(sample.weights()).for_each(|(x, w)| mass[*x as usize] += w / 4000.0);
        }
        assert!(mass.iter().zip(&weights).all(|(m, w)| (m - w).abs() < 0.01), "{mass:?}");
    }

    #[test]
    fn edges_of_subsampling() {
        let cloud = gaussian(50, 3, 1).unwrap();
        assert_eq!(subsample(&cloud, 50, 9).unwrap(), cloud);
        let one = subsample(&cloud, 1, 9).unwrap();
        assert_eq!((one.len(), one.weights()), (1, &[1.0][..]));
        assert_eq!(subsample(&cloud, 20, 3).unwrap(), subsample(&cloud, 20, 3).unwrap());
        assert_ne!(subsample(&cloud, 20, 3).unwrap(), subsample(&cloud, 20, 4).unwrap());
        for n in [0, 51] {
            let text = subsample(&cloud, n, 1).unwrap_err().to_string();
            assert!(
                text.starts_with(&format!("n: {n}")) && text.contains("1 to 50, the points of"),
                "{text}"
            );
        }
        // points that coincide are still different points; lengths that overflow still have an order
        let same = Measure::uniform(vec![2.0; 20], 2).unwrap();
        assert_eq!(subsample(&same, 7, 1).unwrap().len(), 7);
        let large = Measure::uniform(vec![f64::MAX, -f64::MAX, 0.0, 1.0], 1).unwrap();
        assert_eq!(spatial_order(&large), [1, 2, 3, 0]);
        let heavy = Measure::weighted(vec![1.0, 2.0, 3.0], 1, vec![1.0, 0.0, 0.0]).unwrap();
        assert_eq!(subsample(&heavy, 3, 1).unwrap(), Measure::uniform(vec![1.0], 1).unwrap());
    }
}
