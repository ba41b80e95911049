//! Pairwise kernels: blocked, vectorised, O(n + m) memory, the same result for any number of threads.

use pulp::Arch;
use rayon::prelude::*;

use super::Energy;
use crate::error::Result;
use crate::linalg;
use crate::measure::Measure;

const LANES: usize = 8;

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
    columns: Columns,
    /// ½ ∬ |y − y'| dν dν.
    own: f64,
}

impl EnergyDistance {
    /// The target ν; O(m²) once.
    pub fn new(target: Measure) -> Self {
        let columns = Columns::new(&target);
        let own = 0.5 * columns.distances(&target, None, 1.0);
        EnergyDistance { target, columns, own }
    }
}

impl Energy for EnergyDistance {
    fn name(&self) -> String {
        "energy-distance".into()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        super::check_dim(self, rho)?;
        gradient.fill(0.0);
        let cross = self.columns.distances(rho, Some(gradient), 1.0);
        let own = Columns::new(rho).distances(rho, Some(gradient), -1.0);
        Ok(cross - 0.5 * own - self.own)
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        super::check_dim(self, rho)?;
        let cross = self.columns.distances(rho, None, 1.0);
        Ok(cross - 0.5 * Columns::new(rho).distances(rho, None, 1.0) - self.own)
    }

    fn dim(&self) -> Option<usize> {
        Some(self.target.dim())
    }
}

/// One cloud in columns (d, m), padded with points of zero weight to a multiple of the lanes.
#[derive(Debug, Clone)]
struct Columns {
    dim: usize,
    stride: usize,
    points: Vec<f64>,
    weights: Vec<f64>,
    arch: Arch,
}

impl Columns {
    fn new(cloud: &Measure) -> Self {
        let (m, dim) = (cloud.len(), cloud.dim());
        let stride = m.next_multiple_of(LANES);
        let mut points = vec![0.0; dim * stride];
        let mut weights = vec![0.0; stride];
        weights[..m].copy_from_slice(cloud.weights());
        for i in 0..m {
            for k in 0..dim {
                points[k * stride + i] = cloud.point(i)[k];
            }
        }
        Columns { dim, stride, points, weights, arch: Arch::new() }
    }

    /// ∬ |x − y| dρ dν; adds factor · ∫ (x_i − y) / |x_i − y| dν to the rows of `gradient` (0 where
    /// x_i = y).
    fn distances(&self, rho: &Measure, gradient: Option<&mut [f64]>, factor: f64) -> f64 {
        let d = self.dim;
        let row = |i: usize, out: &mut [f64]| -> f64 {
            let x = rho.point(i);
            self.arch.dispatch(
                #[inline(always)]
                || match d {
                    1 => self.row_fixed::<1>(x, out),
                    2 => self.row_fixed::<2>(x, out),
                    3 => self.row_fixed::<3>(x, out),
                    _ => self.row_any(x, out),
                },
            )
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
    }

    /// Σ_j w_j |x − y_j|, and Σ_j w_j (x − y_j) / |x − y_j| into `out`.
    #[inline(always)]
    fn row_fixed<const D: usize>(&self, x: &[f64], out: &mut [f64]) -> f64 {
        let mut value = [0.0; LANES];
        let mut field = [[0.0; LANES]; D];
        let columns: [&[[f64; LANES]]; D] =
            std::array::from_fn(|k| self.points[k * self.stride..(k + 1) * self.stride].as_chunks().0);
        let weights = self.weights.as_chunks::<LANES>().0;
        for (b, w) in weights.iter().enumerate() {
            let mut squared = [f64::MIN_POSITIVE; LANES];
            let mut difference = [[0.0; LANES]; D];
            for k in 0..D {
                for l in 0..LANES {
                    difference[k][l] = x[k] - columns[k][b][l];
                    squared[l] += difference[k][l] * difference[k][l];
                }
            }
            // for coinciding points 1 / |x − y| is large but finite and meets a difference of zero
            for l in 0..LANES {
                let length = squared[l].sqrt();
                let inverse = w[l] / length;
                value[l] += w[l] * length;
                squared[l] = inverse;
            }
            for k in 0..D {
                for l in 0..LANES {
                    field[k][l] += squared[l] * difference[k][l];
                }
            }
        }
        for k in 0..D {
            out[k] = field[k].iter().sum();
        }
        value.iter().sum()
    }

    /// The same in any dimension.
    #[inline(always)]
    fn row_any(&self, x: &[f64], out: &mut [f64]) -> f64 {
        let mut value = [0.0; LANES];
        out.fill(0.0);
        let weights = self.weights.as_chunks::<LANES>().0;
        for (b, w) in weights.iter().enumerate() {
            let at = |k: usize| &self.points[k * self.stride + b * LANES..][..LANES];
            let mut squared = [f64::MIN_POSITIVE; LANES];
            for (k, xk) in x.iter().enumerate() {
                for (s, y) in squared.iter_mut().zip(at(k)) {
                    *s += (xk - y) * (xk - y);
                }
            }
            let mut inverse = [0.0; LANES];
            for l in 0..LANES {
                let length = squared[l].sqrt();
                inverse[l] = w[l] / length;
                value[l] += w[l] * length;
            }
            for (k, xk) in x.iter().enumerate() {
                let sum: f64 = inverse.iter().zip(at(k)).map(|(i, y)| i * (xk - y)).sum();
                out[k] += sum;
            }
        }
        value.iter().sum()
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
