//! Flows as tables and as the text `meta` of their files: what `flow` and `demo` share.

use gromov::flow::statistics::Estimate;
use gromov::flow::{Metric, change};
use gromov::{Trajectory, io};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// The text `meta` of a flow.
pub fn meta(
    command: &'static str,
    options: impl Serialize,
    seed: u64,
    run: &Trajectory,
) -> Result<String, Failure> {
    Ok(io::trajectory_meta(command, options, seed, run)?)
}

/// Which eigenvalues have a column: all up to four, else the ends.
fn eigenvalue_columns(d: usize) -> Vec<usize> {
    if d <= 4 { (0..d).collect() } else { vec![0, 1, d - 1] }
}

/// Frames of a table: at most `rows`, evenly spread, the first and the last among them.
fn rows_of(run: &Trajectory, rows: usize) -> impl Iterator<Item = usize> {
    let (shown, last) = (rows.min(run.frames()), run.frames() - 1);
    (0..shown).map(move |row| if shown == 1 { 0 } else { row * last / (shown - 1) })
}

/// The table of a flow.
pub fn table(run: &Trajectory, rows: usize) -> Result<String, Failure> {
    if run.diffusion > 0.0 {
        return diffusion_table(run, rows);
    }
    let short = |x: f64| output::number(x, 6);
    let columns = eigenvalue_columns(run.d);
    let mut header: Vec<String> = vec!["time".into(), "energy".into()];
    header.extend(columns.iter().map(|k| format!("Sigma_{}", k + 1)));
    header.extend(["moved", "inner", "gram change"].map(String::from));
    let start = run.start()?;
    let mut body = Vec::new();
    let mut before = 0;
    for f in rows_of(run, rows) {
        let spectrum = start.with_points(run.frame(f).to_vec())?.spectrum()?;
        let iterations = run.iterations_at(f);
        let mut cells = vec![short(run.times[f]), short(run.energies[f])];
        cells.extend(columns.iter().map(|k| short(spectrum[*k])));
        cells.push(short(run.length_at(f)));
        cells.push((iterations - before).to_string());
        let change = if f == 0 { 0.0 } else { change::gram_change(&start, run.frame(f))? };
        cells.push(output::number(change, 3));
        before = iterations;
        body.push(cells);
    }
    Ok(output::table(&header, &body))
}

/// Estimates from the particles, each with its standard error.
fn diffusion_table(run: &Trajectory, rows: usize) -> Result<String, Failure> {
    let columns = eigenvalue_columns(run.d);
    let mut header: Vec<String> = vec!["time".into(), "energy".into()];
    header.extend(columns.iter().map(|k| format!("Sigma_{}", k + 1)));
    header.extend(["regular", "entropy"].map(String::from));
    let mut body = Vec::new();
    for f in rows_of(run, rows) {
        let found = run.statistics(f)?;
        let mut cells = vec![output::number(run.times[f], 6), estimate(found.energy)];
        cells.extend(columns.iter().map(|k| estimate(Some(found.spectrum[*k]))));
        cells.extend([estimate(found.regular), estimate(found.entropy)]);
        body.push(cells);
    }
    Ok(output::table(&header, &body))
}

/// value +- error; `-` where there is none.
pub fn estimate(found: Option<Estimate>) -> String {
    match found {
        Some(e) if e.error.is_finite() => {
            format!("{} +- {}", output::number(e.value, 5), output::number(e.error, 2))
        }
        Some(e) => output::number(e.value, 5),
        None => "-".into(),
    }
}

/// How many steps did not meet the tolerance of their solver.
pub fn unsolved(run: &Trajectory) -> String {
    let steps = if run.steps() == 1 { "step" } else { "steps" };
    format!("{} of {} {steps} not solved to tolerance", run.unsolved(), run.steps())
}

/// The name of a metric in tables.
pub fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::W2 => "w2",
        _ => "igw",
    }
}
