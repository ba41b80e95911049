//! Flows as tables and as the text `meta` of their files: what `flow` and `demo` share.

use gromov::flow::statistics::Estimate;
use gromov::flow::{FirstTurn, Metric, Rotation, StepLog, change};
use gromov::{Status, Trajectory};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// The text `meta` of an output file: what was asked for and what happened. No clock time, no number
/// of threads: they do not change the result.
#[derive(Serialize)]
struct Meta<'a, O> {
    version: &'static str,
    command: &'static str,
    options: O,
    seed: u64,
    status: Status,
    step: f64,
    energy: &'a str,
    rotation: Option<Rotation>,
    first_turn: &'a Option<FirstTurn>,
    mirror_gain: f64,
    unsolved: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    diffusion: Option<Diffusion<'a>>,
    rejected: usize,
    frames_missed: usize,
    log: &'a [StepLog],
}

/// What particles tell of the energy of a diffusion F = R + a ∫ ρ log ρ.
#[derive(Serialize)]
struct Diffusion<'a> {
    coefficient: f64,
    regular: &'a [f64],
    regular_errors: &'a [f64],
}

/// The text `meta` of a flow.
pub fn meta(
    command: &'static str,
    options: impl Serialize,
    seed: u64,
    run: &Trajectory,
) -> Result<String, Failure> {
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION"),
        command,
        options,
        seed,
        status: run.status,
        step: run.step,
        energy: &run.energy,
        rotation: run.rotation,
        first_turn: &run.first_turn,
        mirror_gain: run.mirror_gain,
        unsolved: run.unsolved(),
        diffusion: (run.diffusion > 0.0).then_some(Diffusion {
            coefficient: run.diffusion,
            regular: &run.regular,
            regular_errors: &run.regular_errors,
        }),
        rejected: run.rejected,
        frames_missed: run.frames_missed,
        log: &run.log,
    };
    Ok(output::json(&meta)?.trim_end().to_string())
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
