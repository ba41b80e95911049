//! `gromov verify`: checks a certificate of a distance.

use std::time::Instant;

use gromov::error::printable;
use gromov::verify::Verdict;
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::{job, output, reading};

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    accepted: bool,
    reason: Option<&'a str>,
    squared: f64,
    lower_bound: f64,
    gap: f64,
    /// Within `tol` of squared and rounding.
    certified: bool,
    tol: f64,
    cuts: usize,
    leaves: usize,
    n: usize,
    m: usize,
    seconds: f64,
}

/// Runs the command.
pub fn run(args: &args::Verify, common: &args::Common) -> Result<u8, Failure> {
    let job = job::verify(args, common)?;
    let clock = Instant::now();
    let verdict = gromov::verify::verify(&job.certificate, &job.a.cloud, &job.b.cloud).map_err(|e| {
        Failure::new(format!("{e}; give the clouds and reading options of the run (--points, --seed, ...)"))
    })?;
    let seconds = clock.elapsed().as_secs_f64();
    let text = if common.json {
        output::json(&object(&job, &verdict, seconds))?
    } else {
        table(args, &job, &verdict, seconds)
    };
    output::print(&text)?;
    Ok(u8::from(!verdict.accepted()))
}

/// Relative gap, as in a solution.
fn gap(verdict: &Verdict) -> f64 {
    let size = verdict.squared.max(verdict.rounding);
    if size == 0.0 { 0.0 } else { (verdict.squared - verdict.lower_bound) / size }
}

fn object<'a>(job: &job::Verify, verdict: &'a Verdict, seconds: f64) -> Object<'a> {
    Object {
        schema: "gromov/verify/1",
        accepted: verdict.accepted(),
        reason: verdict.fault.as_deref(),
        squared: verdict.squared,
        lower_bound: verdict.lower_bound,
        gap: gap(verdict),
        certified: verdict.accepted() && verdict.certified,
        tol: job.certificate.tol,
        cuts: job.certificate.cuts(),
        leaves: verdict.leaves,
        n: job.a.cloud.len(),
        m: job.b.cloud.len(),
        seconds,
    }
}

fn table(args: &args::Verify, job: &job::Verify, verdict: &Verdict, seconds: f64) -> String {
    let number = |x: f64| if x.is_nan() { "not computed".into() } else { output::number(x, 10) };
    let short = |x: f64| output::number(x, 3);
    let (squared, lower, tol) = (verdict.squared, verdict.lower_bound, job.certificate.tol);
    let text = match &verdict.fault {
        None => "accepted: value and lower bound are proved as claimed".into(),
        Some(fault) => format!("rejected: {}", printable(fault)),
    };
    let gap = match squared - lower {
        slack if slack.is_nan() => "not computed".into(),
        slack if slack <= verdict.rounding => "0 within rounding".into(),
        slack => format!("{} relative, {} absolute", short(gap(verdict)), short(slack)),
    };
    let optimal = match (verdict.accepted(), verdict.certified) {
        (false, _) => "not proved".into(),
        (true, true) => format!("yes, within {tol:e} of squared and rounding"),
        (true, false) => "not proved: a better plan may exist within the gap".into(),
    };
    let certificate = &job.certificate;
    let mut pairs = vec![
        ("verdict", text),
        ("squared", number(squared)),
        ("lower bound", number(lower)),
        ("gap", gap),
        ("optimal", optimal),
        ("A", format!("{}, {}", job.a.size(), printable(&args.a.to_string_lossy()))),
        ("B", format!("{}, {}", job.b.size(), printable(&args.b.to_string_lossy()))),
        ("cuts", certificate.cuts().to_string()),
        ("boxes", verdict.leaves.to_string()),
        ("plan", output::count(certificate.plan.len(), "entry")),
    ];
    if !verdict.accepted() {
        let text = "the clouds must be those of the run, read with its options (--points, --seed, ...)";
        pairs.push(("note", text.into()));
    }
    pairs.extend(reading::lines(&job.sampled));
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}
