//! Targets of energies, kept for the page of a flow.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gromov::energy::Igw;
use gromov::flow::Metric;
use gromov::report::flow::Run;
use gromov::solve::Observer;
use gromov::{Energy, Measure, Trajectory};

/// A cloud that an energy pulls to.
pub struct Target {
    /// Its file.
    pub file: String,
    /// The cloud, as the energy has it.
    pub cloud: Measure,
    /// The energy that turns it, where it does.
    pub aligned: Option<Shared>,
}

/// An IGW energy that the flow and the page both hold: the page asks it for the rotation found.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Igw>>);

impl Shared {
    /// Shares the energy.
    pub fn new(energy: Igw) -> Self {
        Shared(Arc::new(Mutex::new(energy)))
    }

    /// R with x ≈ R y, from the first search; `None` before it.
    fn rotation(&self) -> Option<Vec<f64>> {
        self.lock().first().map(|first| first.rotation.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Igw> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Energy for Shared {
    fn name(&self) -> String {
        self.lock().name()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> gromov::Result<f64> {
        self.lock().value_and_gradient(rho, gradient)
    }

    fn value(&mut self, rho: &Measure) -> gromov::Result<f64> {
        self.lock().value(rho)
    }

    fn prepare(&mut self, rho: &Measure, observer: &mut dyn Observer) -> gromov::Result<ControlFlow<()>> {
        self.lock().prepare(rho, observer)
    }

    fn rotation_invariant(&self) -> bool {
        self.lock().rotation_invariant()
    }

    fn memory(&self) -> Vec<u8> {
        self.lock().memory()
    }

    fn remember(&mut self, memory: &[u8]) -> gromov::Result<()> {
        self.lock().remember(memory)
    }

    fn dim(&self) -> Option<usize> {
        self.lock().dim()
    }
}

/// A flow and what is drawn behind it: the target, when there is one and it has the dimension of the
/// cloud. A target known up to rotation is turned into the frame of the flow, unless another energy
/// chooses the orientation of the cloud on the way.
pub fn picture<'a>(run: &'a Trajectory, targets: &[Target]) -> gromov::Result<Run<'a>> {
    let label = if run.metric == Metric::W2 { "W2 flow" } else { "IGW flow" };
    let mut out = Run { label: label.into(), trajectory: run, backdrop: None, switch: None };
    let [target] = targets else {
        return Ok(out);
    };
    if target.cloud.dim() != run.d {
        return Ok(out);
    }
    match &target.aligned {
        None => out.backdrop = Some(target.cloud.clone()),
        Some(energy) if run.rotation.is_none() => {
            if let Some(rotation) = energy.rotation() {
                out.turned_target(&target.cloud, &rotation)?;
            }
        }
        Some(_) => {}
    }
    Ok(out)
}
