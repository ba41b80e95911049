//! An energy with two owners.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::Energy;
use crate::error::Result;
use crate::measure::Measure;
use crate::solve::Observer;

/// An energy that a flow uses, a term of a [`Sum`](super::Sum) perhaps, and that can be asked afterwards what it has
/// found: F and all else are those of the energy shared.
///
/// ```
/// use gromov::{Energy, Measure, energy::{Igw, Shared, Sum}, igw::Alternating};
/// let rho = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
/// let shared = Shared::new(Igw::new(rho.clone(), Alternating::default()));
/// let mut sum = Sum::default();
/// sum.add(1.0, Box::new(shared.clone()));
/// sum.value(&rho)?;
/// assert!(shared.with(|igw| igw.first().is_some()));
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug)]
pub struct Shared<E>(Arc<Mutex<E>>);

impl<E> Shared<E> {
    /// Shares the energy.
    pub fn new(energy: E) -> Self {
        Shared(Arc::new(Mutex::new(energy)))
    }

    /// What `f` says of the energy. Waits while a flow evaluates it.
    pub fn with<R>(&self, f: impl FnOnce(&mut E) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<E> Clone for Shared<E> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<E: Energy> Energy for Shared<E> {
    fn name(&self) -> String {
        self.with(|e| e.name())
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.with(|e| e.value_and_gradient(rho, gradient))
    }

    fn value(&mut self, rho: &Measure) -> Result<f64> {
        self.with(|e| e.value(rho))
    }

    fn diffusion(&self) -> f64 {
        self.with(|e| e.diffusion())
    }

    fn regular_part(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        self.with(|e| e.regular_part(rho, gradient))
    }

    fn first_variation(&mut self, rho: &Measure) -> Result<Option<Vec<f64>>> {
        self.with(|e| e.first_variation(rho))
    }

    fn quadratic_form(&self, dim: usize) -> Option<Vec<f64>> {
        self.with(|e| e.quadratic_form(dim))
    }

    fn begin_step(&mut self, step: usize) -> bool {
        self.with(|e| e.begin_step(step))
    }

    fn sampling_error(&self) -> Option<f64> {
        self.with(|e| e.sampling_error())
    }

    fn memory(&self) -> Vec<u8> {
        self.with(|e| e.memory())
    }

    fn remember(&mut self, memory: &[u8]) -> Result<()> {
        self.with(|e| e.remember(memory))
    }

    fn prepare(&mut self, rho: &Measure, observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        self.with(|e| e.prepare(rho, observer))
    }

    fn rotation_invariant(&self) -> bool {
        self.with(|e| e.rotation_invariant())
    }

    fn dim(&self) -> Option<usize> {
        self.with(|e| e.dim())
    }
}
