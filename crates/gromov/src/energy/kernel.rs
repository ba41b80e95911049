//! Pairwise kernels: vectorised for the processor at hand, O(n + m) memory, the same result for any
//! number of threads. The order of a row's sums follows the width of the processor's vectors, so that the
//! last bits may differ from one kind of processor to another.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Energy;
use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;

/// Columns are padded to a multiple of this, at least the width of any vector.
const PADDING: usize = 16;

/// F(ρ) = ∬ |x − y| dρ dν − ½ ∬ |x − x'| dρ dρ − ½ ∬ |y − y'| dν dν, the energy distance (half of
/// Székely and Rizzo's); scales as length. O(n (n + m) d) time.
///
/// ```
/// use gromov::{Energy, Measure, energy::EnergyDistance};
/// let target = Measure::uniform(vec![0.0, 1.0], 1)?;
/// let rho = Measure::uniform(vec![2.0], 1)?;
/// // 3/2 − 0 − 1/4
/// assert_eq!(EnergyDistance::new(target).value(&rho)?, 1.25);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EnergyDistance {
    target: Measure,
    /// Columns of the target in the unit of the last cloud seen.
    columns: Columns,
    /// ½ ∬ |y − y'| dν dν.
    own: f64,
}

impl EnergyDistance {
    /// The target ν; O(m²) once.
    pub fn new(target: Measure) -> Self {
        let columns = Columns::new(&target, linalg::power_of_two_scale(target.scale()));
        let own = 0.5 * columns.distances(&target, None, 1.0);
        EnergyDistance { target, columns, own }
    }

    /// The unit for ρ and the target together.
    fn prepare(&mut self, rho: &Measure) -> Result<f64> {
        super::check_dim(self, rho)?;
        let unit = linalg::power_of_two_scale(rho.scale().max(self.target.scale()));
        if unit != self.columns.unit {
            self.columns = Columns::new(&self.target, unit);
        }
        Ok(unit)
    }
}

impl Energy for EnergyDistance {
    fn name(&self) -> String {
        "energy-distance".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        let unit = self.prepare(rho)?;
        gradient.fill(0.0);
        let cross = self.columns.distances(rho, Some(gradient), 1.0);
        let own = Columns::new(rho, unit).distances(rho, Some(gradient), -1.0);
        Ok(cross - 0.5 * own - self.own)
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        let unit = self.prepare(rho)?;
        let cross = self.columns.distances(rho, None, 1.0);
        Ok(cross - 0.5 * Columns::new(rho, unit).distances(rho, None, 1.0) - self.own)
    }

    fn dim(&self) -> Option<usize> {
        Some(self.target.dim())
    }
}

/// Squared distances in units of the larger cloud below which points count as coinciding: far below
/// the resolution of doubles at that size. 1 / |x − y| stays finite there and meets a difference of zero.
const COINCIDING: f64 = 1e-36;

/// One cloud in columns (d, m), in units of length, padded with points of zero weight.
#[derive(Debug, Clone)]
struct Columns {
    dim: usize,
    stride: usize,
    unit: f64,
    points: Vec<f64>,
    weights: Vec<f64>,
    arch: Arch,
}

/// One row of the kernel; a type rather than a closure, because only an inlined method is compiled for
/// the processor at hand.
struct Row<'a> {
    columns: &'a Columns,
    x: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Row<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        match self.columns.dim {
            1 => self.fixed::<S, 1>(simd),
            2 => self.fixed::<S, 2>(simd),
            3 => self.fixed::<S, 3>(simd),
            _ => self.any(simd),
        }
    }
}

impl Row<'_> {
    /// Σ_j w_j |x − y_j|, and Σ_j w_j (x − y_j) / |x − y_j| into `out`. Two sets of sums, used in turn,
    /// hide the latency of additions.
    #[inline(always)]
    fn fixed<S: Simd, const D: usize>(self, simd: S) -> f64 {
        let Columns { stride, points, weights, .. } = self.columns;
        let columns: [&[S::f64s]; D] =
            std::array::from_fn(|k| S::as_simd_f64s(&points[k * stride..(k + 1) * stride]).0);
        let x: [S::f64s; D] = std::array::from_fn(|k| simd.splat_f64s(self.x[k]));
        let (zero, least) = (simd.splat_f64s(0.0), simd.splat_f64s(COINCIDING));
        let mut value = [zero; 2];
        let mut field = [[zero; D]; 2];
        for (j, w) in S::as_simd_f64s(weights).0.iter().enumerate() {
            let difference: [S::f64s; D] = std::array::from_fn(|k| simd.sub_f64s(x[k], columns[k][j]));
            let mut squared = simd.mul_f64s(difference[0], difference[0]);
            for e in &difference[1..] {
                squared = simd.add_f64s(squared, simd.mul_f64s(*e, *e));
            }
            let inverse = simd.div_f64s(*w, simd.sqrt_f64s(simd.max_f64s(squared, least)));
            let set = j & 1;
            value[set] = simd.add_f64s(value[set], simd.mul_f64s(inverse, squared));
            for k in 0..D {
                field[set][k] = simd.add_f64s(field[set][k], simd.mul_f64s(inverse, difference[k]));
            }
        }
        for k in 0..D {
            self.out[k] = simd.reduce_sum_f64s(simd.add_f64s(field[0][k], field[1][k]));
        }
        simd.reduce_sum_f64s(simd.add_f64s(value[0], value[1]))
    }

    /// The same in any dimension.
    #[inline(always)]
    fn any<S: Simd>(self, simd: S) -> f64 {
        let Columns { stride, points, weights, dim, .. } = self.columns;
        let column = |k: usize| S::as_simd_f64s(&points[k * stride..(k + 1) * stride]).0;
        let mut inverse = vec![0.0; *stride];
        let mut value = simd.splat_f64s(0.0);
        let lanes = S::as_mut_simd_f64s(&mut inverse).0;
        for (j, w) in S::as_simd_f64s(weights).0.iter().enumerate() {
            let mut squared = simd.splat_f64s(0.0);
            for k in 0..*dim {
                let e = simd.sub_f64s(simd.splat_f64s(self.x[k]), column(k)[j]);
                squared = simd.add_f64s(squared, simd.mul_f64s(e, e));
            }
            let least = simd.max_f64s(squared, simd.splat_f64s(COINCIDING));
            lanes[j] = simd.div_f64s(*w, simd.sqrt_f64s(least));
            value = simd.add_f64s(value, simd.mul_f64s(lanes[j], squared));
        }
        for (k, out) in self.out.iter_mut().enumerate().take(*dim) {
            let (x, mut sum) = (simd.splat_f64s(self.x[k]), simd.splat_f64s(0.0));
            for (i, y) in lanes.iter().zip(column(k)) {
                sum = simd.add_f64s(sum, simd.mul_f64s(*i, simd.sub_f64s(x, *y)));
            }
            *out = simd.reduce_sum_f64s(sum);
        }
        simd.reduce_sum_f64s(value)
    }
}

impl Columns {
    /// `unit`: a power of two of at least half the largest coordinate that will be met.
    fn new(cloud: &Measure, unit: f64) -> Self {
        let (m, dim) = (cloud.len(), cloud.dim());
        let stride = m.next_multiple_of(PADDING);
        let mut points = vec![0.0; dim * stride];
        let mut weights = vec![0.0; stride];
        weights[..m].copy_from_slice(cloud.weights());
        for i in 0..m {
            for k in 0..dim {
                points[k * stride + i] = cloud.point(i)[k] / unit;
            }
        }
        Columns { dim, stride, unit, points, weights, arch: Arch::new() }
    }

    /// ∬ |x − y| dρ dν; adds factor · ∫ (x_i − y) / |x_i − y| dν to the rows of `gradient` (0 where
    /// x_i = y).
    fn distances(&self, rho: &Measure, gradient: Option<&mut [f64]>, factor: f64) -> f64 {
        let d = self.dim;
        let row = |i: usize, out: &mut [f64]| -> f64 {
            let mut small = [0.0; 3];
            let long: Vec<f64>;
            let x: &[f64] = if d <= 3 {
                small.iter_mut().zip(rho.point(i)).for_each(|(s, x)| *s = x / self.unit);
                &small[..d]
            } else {
                long = rho.point(i).iter().map(|x| x / self.unit).collect();
                &long
            };
            self.arch.dispatch(Row { columns: self, x, out })
        };
        let rows: Vec<f64> = match gradient {
            None => (0..rho.len())
                .into_par_iter()
                .with_min_len(16)
                .map_init(|| vec![0.0; d], |scratch, i| row(i, scratch))
                .collect(),
            Some(gradient) => gradient
                .par_chunks_exact_mut(d)
                .with_min_len(16)
                .enumerate()
                .map_init(
                    || vec![0.0; d],
                    |field, (i, out)| {
                        let value = row(i, field);
                        out.iter_mut().zip(field.iter()).for_each(|(o, f)| *o += factor * f);
                        value
                    },
                )
                .collect(),
        };
        linalg::sum_chunks(rows.len(), 1, |r, out| {
            out[0] = r.map(|i| rho.weights()[i] * rows[i]).sum();
        })[0]
            * self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    #[test]
    fn value_and_gradient_are_the_dense_sums() {
        let mut s = Source::new(41, 0);
        for (n, m, d) in [(1, 1, 1), (50, 33, 1), (40, 50, 2), (17, 8, 3), (30, 29, 4), (20, 9, 7)] {
            let mut cloud = |n: usize| {
                let w = (0..n).map(|_| 0.1 + s.unit()).collect();
                Measure::normalized((0..n * d).map(|_| s.normal()).collect(), d, w).unwrap()
            };
            let (mut rho, nu) = (cloud(n), cloud(m));
            rho.points_mut()[..d].copy_from_slice(nu.point(0)); // a coinciding pair
            let mut gradient = vec![0.0; n * d];
            let value = EnergyDistance::new(nu.clone()).value_and_gradient(&rho, &mut gradient).unwrap();
            let mut field = vec![0.0; n * d];
            let mut sums = |a: &Measure, b: &Measure, factor: f64, write: bool| -> f64 {
                let mut total = 0.0;
                for i in 0..a.len() {
                    for j in 0..b.len() {
                        let e: Vec<f64> = a.point(i).iter().zip(b.point(j)).map(|(x, y)| x - y).collect();
                        let r = linalg::norm(&e);
                        total += a.weights()[i] * b.weights()[j] * r;
                        if write && r > 0.0 {
                            for k in 0..d {
                                field[i * d + k] += factor * b.weights()[j] * e[k] / r;
                            }
                        }
                    }
                }
                total
            };
            let cross = sums(&rho, &nu, 1.0, true);
            let own = sums(&rho, &rho, -1.0, true);
            let dense = cross - 0.5 * own - 0.5 * sums(&nu, &nu, 0.0, false);
            assert!((value - dense).abs() < 1e-12 * cross.max(0.1), "{value} {dense}");
            assert!(gradient.iter().zip(&field).all(|(a, b)| (a - b).abs() < 1e-12));
            assert_eq!(EnergyDistance::new(nu).value(&rho).unwrap(), value);
        }
    }
}
