//! What is said before a run: its memory, and the time of a search on large clouds.

use std::ops::ControlFlow;

use gromov::Measure;
use gromov::memory::{self, Need, in_words};
use serde::Serialize;

use crate::args;
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
        in_words(forecast.bytes)
    );
    if large {
        output::note(&text);
        return Ok(ControlFlow::Continue(()));
    }
    Err(Failure::new(format!("{text}; give --points N (a sample of each) or --large (all the same)")))
}

/// The JSON object of `--forecast`.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    command: &'a str,
    bytes: f64,
    parts: Vec<Part>,
    limit: Option<u64>,
    fits: bool,
}

#[derive(Serialize)]
struct Part {
    name: &'static str,
    bytes: f64,
}

/// What `command` needs, against the limit. With `--forecast` it is printed, and `Break` says that there is nothing more
/// to do; else a run that does not fit is refused.
pub fn memory(
    command: &'static str,
    need: &Need,
    args: &args::Memory,
    json: bool,
    advice: &'static str,
) -> Result<ControlFlow<()>, Failure> {
    let limit = args.max_memory.or_else(memory::available);
    if !args.forecast {
        need.check(command, limit, advice)?;
        return Ok(ControlFlow::Continue(()));
    }
    let fits = limit.is_none_or(|limit| need.bytes() <= limit as f64);
    let parts = || need.parts.iter();
    if json {
        let parts = parts().map(|(name, bytes)| Part { name, bytes: *bytes }).collect();
        let schema = "gromov/forecast/1";
        output::print(&output::json(&Object { schema, command, bytes: need.bytes(), parts, limit, fits })?)?;
        return Ok(ControlFlow::Break(()));
    }
    let list: Vec<_> = parts().map(|(name, bytes)| format!("{name} {}", in_words(*bytes))).collect();
    let verdict = if fits { "fits" } else { "does not fit: the run would be refused" };
    let limit = limit.map_or("not known".into(), |limit| in_words(limit as f64));
    output::print(&output::lines(&[
        ("memory", format!("{} ({})", in_words(need.bytes()), list.join(", "))),
        ("limit", limit),
        ("verdict", verdict.into()),
    ]))?;
    Ok(ControlFlow::Break(()))
}
