//! `gromov info`: what a cloud file holds.

use gromov::error::printable;
use gromov::mobility;
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::reading::{Input, Sampled};
use crate::{job, output};

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    n: usize,
    d: usize,
    /// Names of the coordinates, where the file has them.
    columns: &'a [String],
    weights_uniform: bool,
    mean: Vec<f64>,
    second_moment: Vec<&'a [f64]>,
    spectrum: Vec<f64>,
    rank: usize,
    duplicates: usize,
    /// |mean|² / ∫ |x|².
    mean_share: f64,
    #[serde(skip_serializing_if = "<[Sampled]>::is_empty")]
    sampled: &'a [Sampled],
    /// Largest coordinate, where the second moment leaves the range of doubles.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
}

/// Runs the command.
pub fn run(args: &args::Info, common: &args::Common) -> Result<u8, Failure> {
    let job = job::info(args, common)?;
    let moment = job.input.cloud.second_moment();
    let object = describe(&job, &moment)?;
    let text = if common.json { output::json(&object)? } else { table(&object, &job.input) };
    output::print(&text)?;
    Ok(0)
}

fn describe<'a>(job: &'a job::Info, moment: &'a [f64]) -> Result<Object<'a>, Failure> {
    let cloud = &job.input.cloud;
    let largest = moment.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    let in_range =
        moment.iter().all(|x| x.is_finite()) && (largest >= f64::MIN_POSITIVE || cloud.scale() == 0.0);
    Ok(Object {
        schema: "gromov/info/1",
        n: cloud.len(),
        d: cloud.dim(),
        columns: &job.columns,
        weights_uniform: cloud.has_uniform_weights(),
        mean: cloud.mean(),
        second_moment: output::rows(moment, cloud.dim()),
        spectrum: cloud.spectrum()?,
        rank: cloud.rank(mobility::FLOOR)?,
        duplicates: cloud.duplicates().len(),
        mean_share: cloud.mean_share(),
        sampled: &job.sampled,
        scale: (!in_range).then(|| cloud.scale()),
    })
}

fn table(o: &Object<'_>, input: &Input) -> String {
    let cloud = &input.cloud;
    let points =
        if o.n < input.whole { format!("{} of {} (a sample)", o.n, input.whole) } else { o.n.to_string() };
    let extremes =
        |w: &[f64]| w.iter().fold((f64::INFINITY, 0.0), |m: (f64, f64), x| (m.0.min(*x), m.1.max(*x)));
    let weights = if o.weights_uniform {
        "uniform".to_string()
    } else {
        let (least, most) = extremes(cloud.weights());
        format!("from {} to {}", output::number(least, 6), output::number(most, 6))
    };
    let shown: Vec<String> = o.columns.iter().take(12).map(|n| printable(n)).collect();
    let more = if o.columns.len() > 12 { ", ..." } else { "" };
    let dimension = match shown.is_empty() {
        true => o.d.to_string(),
        false => format!("{} (columns {}{more})", o.d, shown.join(", ")),
    };
    let mut pairs = vec![
        ("points", points),
        ("dimension", dimension),
        ("weights", weights),
        ("mean", output::vector(&o.mean, 6)),
    ];
    for (i, row) in o.second_moment.iter().take(8).enumerate() {
        pairs.push((if i == 0 { "second moment" } else { "" }, output::vector(row, 6)));
    }
    pairs.push(("spectrum", output::vector(&o.spectrum, 6)));
    pairs.push(("rank", format!("{} of {} (eigenvalues above 1e-12 of the largest)", o.rank, o.d)));
    pairs.push(("duplicates", o.duplicates.to_string()));
    if let Some(scale) = o.scale {
        let scale = output::number(scale, 3);
        pairs.push((
            "note",
            format!("squares of lengths of about {scale} leave the range of doubles; rescale"),
        ));
    }
    pairs.extend(output::off_centre("the cloud", cloud));
    output::lines(&pairs)
}
