//! The energy distance from random batches, for clouds of which all pairs are too many.
//!
//! The points of ρ are cut at random into blocks of nearly equal size B, and every block gets B independent points of ν.
//! Pairs of a block, and those with its points of ν, stand for all:
//!
//! F̂ = Σ_c ( Σ_{i ∈ c} w_i mean_b |x_i − y_b| − (1/2p) Σ_{i,j ∈ c} w_i w_j |x_i − x_j| − ½ W_c mean_{b ≠ b'} |y_b − y_b'| ),
//!
//! p the probability that two points share a block and W_c the weight of block c. F̂ is unbiased, its gradient is the
//! exact gradient of F̂ and an unbiased one of F, and it turns with both clouds. Blocks are drawn anew for each step of a
//! flow ([`Energy::begin_step`]), so that F̂ is one function within a step (the random batch method: Jin, Li and Liu
//! 2020). F̂ may be negative. Its standard error is estimated from the spread of the blocks' terms, and is more than the
//! real one (by a third where points are alike, by more with very unequal weights): blocks are drawn without putting back.
//! O(n B d) time, O(n + m) memory.

use std::ops::ControlFlow;

use rayon::prelude::*;

use super::kernel::Distance;
use super::pairwise::Columns;
use super::{Energy, in_doubles};
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::{Measure, sample::Source};
use crate::solve::Observer;

/// Streams of the blocks, and of the points drawn for them.
const BLOCKS: u64 = 1 << 61;
const TARGETS: u64 = 1 << 62;

/// [`EnergyDistance`](super::EnergyDistance) from random batches; scales as length.
#[derive(Debug, Clone)]
pub struct SampledEnergyDistance {
    target: Measure,
    /// Sums of the weights of the target up to each point.
    mass: Vec<f64>,
    batch: usize,
    seed: u64,
    step: usize,
    drawn: Option<Drawn>,
    error: Option<f64>,
}

/// The blocks of one step.
#[derive(Debug, Clone)]
struct Drawn {
    n: usize,
    blocks: Vec<Vec<usize>>,
    /// p.
    together: f64,
    /// Points of the target for each block.
    targets: Vec<Measure>,
    /// ½ of the mean distance of their pairs, in units of the target.
    own: Vec<f64>,
}

impl SampledEnergyDistance {
    /// The target ν, the points of a block (at least 2; 256 or so), and the seed. O(m). Errors: fewer than two. More than
    /// both clouds have is an error of the first evaluation.
    ///
    /// ```
    /// use gromov::energy::{Energy, EnergyDistance, SampledEnergyDistance};
    /// use gromov::measure::sample;
    /// let (rho, target) = (sample::ball(4000, 2, 1)?, sample::gaussian(3000, 2, 2)?);
    /// let exact = EnergyDistance::new(target.clone()).value(&rho)?;
    /// let mut sampled = SampledEnergyDistance::new(target, 100, 0)?;
    /// let value = sampled.value(&rho)?;
    /// assert!((value - exact).abs() < 4.0 * sampled.sampling_error().unwrap());
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn new(target: Measure, batch: usize, seed: u64) -> Result<Self> {
        if batch < 2 {
            return Err(Error::option("batch", batch, "at least 2 points"));
        }
        let mut mass: Vec<f64> = Vec::with_capacity(target.len());
        for w in target.weights() {
            mass.push(mass.last().copied().unwrap_or(0.0) + w);
        }
        Ok(SampledEnergyDistance { target, mass, batch, seed, step: 0, drawn: None, error: None })
    }

    fn draw(&self, n: usize) -> Result<Drawn> {
        let most = n.max(self.target.len()).max(2);
        if self.batch > most {
            let expected = format!("at most {most}, the points of the larger cloud (all pairs cost no more)");
            return Err(Error::option("batch", self.batch, expected));
        }
        let step = self.step as u64;
        let order = Source::new(self.seed, BLOCKS | step).permutation(n);
        let count = n.div_ceil(self.batch);
        let blocks: Vec<Vec<usize>> =
            (0..count).map(|c| order[c * n / count..(c + 1) * n / count].to_vec()).collect();
        let pairs = |b: &Vec<usize>| (b.len() * b.len().saturating_sub(1)) as f64;
        let together: f64 = blocks.iter().map(pairs).sum::<f64>() / (n as f64 * (n as f64 - 1.0).max(1.0));
        // a single point shares its block with none
        let together = if together > 0.0 { together } else { 1.0 };
        let total = self.mass.last().copied().unwrap_or(1.0).next_down();
        let targets: Vec<Measure> = (0..count)
            .into_par_iter()
            .map(|c| {
                let mut s = Source::new(self.seed, TARGETS | step << 24 | c as u64);
                let points = (0..self.batch).flat_map(|_| {
                    let at = (s.unit() * total).min(total);
                    self.target.point(self.mass.partition_point(|m| *m <= at)).to_vec()
                });
                Measure::uniform(points.collect(), self.target.dim())
            })
            .collect::<Result<_>>()?;
        let unit = linalg::power_of_two_scale(self.target.scale());
        let all_pairs = self.batch as f64 / (self.batch as f64 - 1.0);
        let own = |y: &Measure| 0.5 * all_pairs * Columns::new(y, unit).sum(Distance, y, None, 1.0);
        let own = targets.par_iter().map(own).collect();
        Ok(Drawn { n, blocks, together, targets, own })
    }

    fn evaluate(&mut self, rho: &Measure, gradient: Option<&mut [f64]>) -> Result<f64> {
        super::check_dim(self, rho)?;
        let (n, d) = (rho.len(), rho.dim());
        let drawn = match self.drawn.take().filter(|drawn| drawn.n == n) {
            Some(drawn) => drawn,
            None => self.draw(n)?,
        };
        let own_unit = linalg::power_of_two_scale(self.target.scale());
        let unit = linalg::power_of_two_scale(rho.scale().max(self.target.scale()));
        let wanted = gradient.is_some();
        let block = |c: usize| -> Result<(f64, Vec<f64>)> {
            let members = &drawn.blocks[c];
            let pick = |k: usize| rho.point(members[k]);
            let points: Vec<f64> = (0..members.len()).flat_map(pick).copied().collect();
            let weights: Vec<f64> = members.iter().map(|i| rho.weights()[*i]).collect();
            let share: f64 = weights.iter().sum();
            let mut field = vec![0.0; if wanted { points.len() } else { 0 }];
            // points without mass feel the target, and nobody feels them
            let cloud = match share > 0.0 {
                true => Measure::normalized(points, d, weights)?,
                false => Measure::uniform(points, d)?,
            };
            let part = share / drawn.together;
            let (far, near) = (Columns::new(&drawn.targets[c], unit), Columns::new(&cloud, unit));
            let pull = far.sum(Distance, &cloud, wanted.then_some(&mut field[..]), 1.0);
            let push = near.sum(Distance, &cloud, wanted.then_some(&mut field[..]), -part);
            Ok((share * (pull - 0.5 * part * push - drawn.own[c] * (own_unit / unit)), field))
        };
        let found: Vec<(f64, Vec<f64>)> =
            (0..drawn.blocks.len()).into_par_iter().map(block).collect::<Result<_>>()?;
        if let Some(gradient) = gradient {
            for (members, (_, field)) in drawn.blocks.iter().zip(&found) {
                for (i, g) in members.iter().zip(field.chunks_exact(d)) {
                    gradient[i * d..(i + 1) * d].copy_from_slice(g);
                }
            }
        }
        let count = found.len() as f64;
        let value: f64 = found.iter().map(|f| f.0).sum();
        let spread: f64 = found.iter().map(|f| (f.0 - value / count).powi(2)).sum();
        // of a single block nothing is known
        let error = if count > 1.0 { (spread * count / (count - 1.0)).sqrt() * unit } else { f64::NAN };
        self.error = Some(error);
        self.drawn = Some(drawn);
        in_doubles(value * unit, rho.scale(), "in which their differences are doubles")
    }
}

impl Energy for SampledEnergyDistance {
    fn name(&self) -> String {
        format!("energy-distance (batches of {})", self.batch)
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.evaluate(rho, Some(gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.evaluate(rho, None)
    }

    fn begin_step(&mut self, step: usize) -> bool {
        let anew = step != self.step;
        if anew {
            (self.step, self.drawn) = (step, None);
        }
        anew
    }

    /// The step that the blocks are of.
    fn memory(&self) -> Vec<u8> {
        (self.step as u64).to_le_bytes().to_vec()
    }

    fn remember(&mut self, memory: &[u8]) -> Result<()> {
        let bytes: [u8; 8] =
            memory.try_into().map_err(|_| Error::shape("memory of the batches", "8 bytes", memory.len()))?;
        self.begin_step(u64::from_le_bytes(bytes) as usize);
        Ok(())
    }

    /// A new flow starts with the blocks of its first step.
    fn prepare(&mut self, _rho: &Measure, _observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        self.begin_step(0);
        Ok(ControlFlow::Continue(()))
    }

    fn sampling_error(&self) -> Option<f64> {
        self.error
    }

    fn dim(&self) -> Option<usize> {
        Some(self.target.dim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{EnergyDistance, check};
    use crate::measure::sample::{ball, gaussian};

    fn weighted(cloud: &Measure, seed: u64) -> Measure {
        let mut s = Source::new(seed, 0);
        let weights = (0..cloud.len()).map(|_| 0.1 + s.unit()).collect();
        Measure::normalized(cloud.points().to_vec(), cloud.dim(), weights).unwrap()
    }

    #[test]
    fn value_and_gradient_are_unbiased_and_the_error_is_their_spread() {
        for d in 1..=3 {
            let rho = weighted(&ball(210, d, 1).unwrap(), 8);
            let target = weighted(&gaussian(130, d, 2).unwrap(), 9);
            let mut gradient = vec![0.0; 210 * d];
            let exact = EnergyDistance::new(target.clone()).value_and_gradient(&rho, &mut gradient).unwrap();
            let mut sampled = SampledEnergyDistance::new(target, 20, 3).unwrap();
            let count = 3000;
            let (mut sum, mut squares, mut errors) = (0.0, 0.0, 0.0);
            let (mut mean, mut square) = (vec![0.0; 210 * d], vec![0.0; 210 * d]);
            let mut g = vec![0.0; 210 * d];
            for step in 0..count {
                assert_eq!(sampled.begin_step(step), step > 0);
                let off = sampled.value_and_gradient(&rho, &mut g).unwrap() - exact;
                (sum, squares) = (sum + off, squares + off * off);
                errors += sampled.sampling_error().unwrap().powi(2);
                mean.iter_mut().zip(&g).for_each(|(m, g)| *m += g);
                square.iter_mut().zip(&g).for_each(|(s, g)| *s += g * g);
            }
            let n = count as f64;
            let variance = squares / n - (sum / n).powi(2);
            assert!((sum / n).abs() < 4.0 * (variance / n).sqrt(), "d = {d}: {} {variance}", sum / n);
            let ratio = (errors / n / variance).sqrt();
            println!("d = {d}: error given / real {ratio:.3}");
            assert!((0.9..1.6).contains(&ratio), "{ratio}");
            for k in 0..210 * d {
                let spread = (square[k] / n - (mean[k] / n).powi(2)) / n;
                assert!((mean[k] / n - gradient[k]).abs() < 5.0 * spread.sqrt(), "d = {d}, entry {k}");
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_sampled_value() {
        for (n, batch) in [(60, 7), (5, 30), (64, 2), (40, 40)] {
            let rho = weighted(&ball(n, 2, 1).unwrap(), 4);
            let mut sampled = SampledEnergyDistance::new(gaussian(40, 2, 2).unwrap(), batch, 3).unwrap();
            let slope = check::taylor_slope(&mut sampled, &rho, 0).unwrap();
            assert!((slope - 2.0).abs() < 0.2, "{n} {batch}: {slope}");
            assert_eq!(sampled.sampling_error().unwrap().is_nan(), n <= batch);
        }
        let one = Measure::uniform(vec![1.0, 2.0], 2).unwrap();
        let mut sampled = SampledEnergyDistance::new(gaussian(40, 2, 2).unwrap(), 16, 3).unwrap();
        assert!(sampled.value(&one).unwrap().is_finite());
        assert!(SampledEnergyDistance::new(one.clone(), 1, 0).is_err());
        let text = SampledEnergyDistance::new(one.clone(), 1 << 60, 0).unwrap().value(&one).unwrap_err();
        assert!(
            text.to_string().starts_with("batch: 1152921504606846976 is not allowed; expected at most 2")
        );
    }

    #[test]
    fn the_same_bytes_for_any_number_of_threads_and_other_draws_in_another_step() {
        let (rho, target) = (ball(3000, 3, 1).unwrap(), gaussian(2000, 3, 2).unwrap());
        let run = |threads: usize, step: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut sampled = SampledEnergyDistance::new(target.clone(), 64, 3).unwrap();
            sampled.begin_step(step);
            let mut g = vec![0.0; 9000];
            let value = pool.install(|| sampled.value_and_gradient(&rho, &mut g)).unwrap();
            (value.to_bits(), g)
        };
        assert_eq!(run(1, 5), run(2, 5));
        assert_ne!(run(1, 5), run(1, 6));
    }
}
