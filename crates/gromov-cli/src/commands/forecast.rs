//! What comes before a search on large clouds.

use std::ops::ControlFlow;

use gromov::Measure;

use crate::failure::Failure;
use crate::job::Solver;
use crate::output;
use crate::watch::Watch;

/// The forecast of a search, as a failure without `--large`, as a note with it. `Break` if it was interrupted, which a
/// note has said.
pub fn first(
    solver: &Solver,
    (a, b): (&Measure, &Measure),
    (large, quiet): (bool, bool),
    watch: &mut Watch,
) -> Result<ControlFlow<()>, Failure> {
    if large && quiet {
        return Ok(ControlFlow::Continue(()));
    }
    watch.stage("forecast");
    let forecast = solver.searches().forecast(a, b, watch);
    watch.end();
    let Some(forecast) = forecast? else {
        if !quiet {
            output::note("interrupted during the forecast; nothing was written");
        }
        return Ok(ControlFlow::Break(()));
    };
    let what = match solver {
        Solver::Auto(_) | Solver::Local(_) => "the search takes",
        Solver::Global(_) => "the proof takes far longer than the local searches before it, which take",
    };
    let text = format!(
        "clouds of {} and {} points: {what} about {} and {} of memory",
        a.len(),
        b.len(),
        output::duration(forecast.seconds),
        output::bytes(forecast.bytes)
    );
    if large {
        output::note(&text);
        return Ok(ControlFlow::Continue(()));
    }
    Err(Failure::new(format!("{text}; give --points N (a sample of each) or --large (all the same)")))
}
