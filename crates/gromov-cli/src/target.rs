//! Targets of energies, kept for the page of a flow.

use gromov::energy::{Igw, Shared};
use gromov::flow::Metric;
use gromov::report::flow::Run;
use gromov::{Measure, Trajectory};

/// A cloud that an energy pulls to.
pub struct Target {
    /// Its file.
    pub file: String,
    /// The cloud, as the energy has it.
    pub cloud: Measure,
    /// The energy that turns it, where it does.
    pub aligned: Option<Shared<Igw>>,
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
            // x ≈ R y, from the first search
            if let Some(rotation) = energy.with(|igw| igw.first().map(|first| first.rotation.clone())) {
                out.turned_target(&target.cloud, &rotation)?;
            }
        }
        Some(_) => {}
    }
    Ok(out)
}
