//! Weighted sums of energies.

use std::ops::ControlFlow;

use super::{Energy, memory};
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::solve::Observer;

/// Σ_k c_k F_k.
///
/// ```
/// use gromov::{Energy, Measure, energy::{Quadratic, Sum}};
/// let mut sum = Sum::default();
/// sum.add(2.0, Box::new(Quadratic::new(None, None)?));
/// sum.add(1.0, Box::new(Quadratic::new(Some(vec![1.0]), None)?));
/// let rho = Measure::uniform(vec![3.0], 1)?;
/// assert_eq!(sum.value(&rho)?, 2.0 * 4.5 + 2.0);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Default)]
pub struct Sum {
    terms: Vec<(f64, Box<dyn Energy>)>,
}

impl Sum {
    /// Adds a term.
    pub fn add(&mut self, factor: f64, energy: Box<dyn Energy>) {
        self.terms.push((factor, energy));
    }

    /// Sums values and gradients of the terms.
    fn add_up(
        &mut self,
        gradient: &mut [f64],
        mut evaluate: impl FnMut(&mut dyn Energy, &mut [f64]) -> Result<f64>,
    ) -> Result<f64> {
        gradient.fill(0.0);
        let mut part = vec![0.0; gradient.len()];
        let mut value = 0.0;
        for (factor, energy) in &mut self.terms {
            value += *factor * evaluate(energy.as_mut(), &mut part)?;
            gradient.iter_mut().zip(&part).for_each(|(g, p)| *g += *factor * p);
        }
        Ok(value)
    }
}

impl Energy for Sum {
    fn name(&self) -> String {
        let term = |(c, e): &(f64, Box<dyn Energy>)| match c.abs() {
            1.0 if *c > 0.0 => e.name(),
            size if (1e-4..1e6).contains(&size) => format!("{c} {}", e.name()),
            _ => format!("{c:e} {}", e.name()),
        };
        self.terms.iter().map(term).collect::<Vec<_>>().join(" + ")
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        // entropies that cancel, or have no weight, leave no diffusion
        let cancelled = self.diffusion() == 0.0;
        self.add_up(gradient, |energy, part| match cancelled {
            true => energy.regular_part(rho, part),
            false => energy.value_and_gradient(rho, part),
        })
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        let cancelled = self.diffusion() == 0.0;
        let mut value = 0.0;
        for (factor, energy) in &mut self.terms {
            value += *factor
                * match cancelled && energy.diffusion() != 0.0 {
                    true => energy.regular_part(rho, &mut vec![0.0; rho.points().len()])?,
                    false => energy.value(rho)?,
                };
        }
        Ok(value)
    }

    fn diffusion(&self) -> f64 {
        self.terms.iter().map(|(factor, energy)| factor * energy.diffusion()).fold(0.0, |a, b| a + b)
    }

    fn regular_part(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.add_up(gradient, |energy, part| energy.regular_part(rho, part))
    }

    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        let mut sum = vec![0.0; rho.len()];
        for (factor, energy) in &mut self.terms {
            let Some(part) = energy.first_variation(rho)? else { return Ok(None) };
            sum.iter_mut().zip(&part).for_each(|(s, p)| *s += *factor * p);
        }
        Ok(Some(sum))
    }

    fn quadratic_form(&self, dim: usize) -> Option<Vec<f64>> {
        let mut sum = vec![0.0; dim * dim];
        for (factor, energy) in &self.terms {
            let part = energy.quadratic_form(dim)?;
            sum.iter_mut().zip(&part).for_each(|(s, p)| *s += *factor * p);
        }
        Some(sum)
    }

    fn begin_step(&mut self, step: usize) -> bool {
        // every term, without a short cut
        self.terms.iter_mut().fold(false, |changed, (_, energy)| energy.begin_step(step) | changed)
    }

    fn need(&self, n: usize, dim: usize) -> f64 {
        let terms = self.terms.iter().map(|(_, energy)| energy.need(n, dim));
        terms.fold((crate::memory::WORD * n * dim) as f64, |a, b| a + b)
    }

    fn sampling_error(&self) -> Option<f64> {
        // at least that of the sum
        let errors = self.terms.iter().filter_map(|(c, e)| e.sampling_error().map(|s| c.abs() * s));
        errors.reduce(|a, b| a + b)
    }

    /// That of each term, in their order.
    fn memory(&self) -> Vec<u8> {
        memory::pack(&self.terms.iter().map(|t| t.1.memory()).collect::<Vec<_>>())
    }

    fn remember(&mut self, bytes: &[u8]) -> Result<()> {
        let parts: Vec<Vec<u8>> = memory::unpack("sum", bytes)?;
        if parts.len() != self.terms.len() {
            let terms = format!("{} terms", self.terms.len());
            return Err(Error::shape("memory of the sum", terms, parts.len()));
        }
        self.terms.iter_mut().zip(&parts).try_for_each(|(term, part)| term.1.remember(part))
    }

    fn prepare(&mut self, rho: &Measure, observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        for (_, energy) in &mut self.terms {
            if energy.prepare(rho, observer)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn rotation_invariant(&self) -> bool {
        self.terms.iter().all(|t| t.1.rotation_invariant())
    }

    fn dim(&self) -> Option<usize> {
        self.terms.iter().find_map(|t| t.1.dim())
    }
}
