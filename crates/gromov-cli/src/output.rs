//! Results on stdout: tables for people, one JSON object for programs.

use std::io::{ErrorKind, Write};
use std::path::Path;

use gromov::report::Page;
pub use gromov::report::number;
use gromov::{Measure, Status, io};
use serde::Serialize;

use crate::failure::Failure;

/// Writes text to stdout. A reader that has gone away (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("stdout: cannot be written: {e}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line `gromov: note: ...` to stderr. A closed stderr is no reason to fail.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "gromov: note: {text}");
}

/// One JSON object on one line; numbers that are not finite are null.
pub fn json(object: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(object);
    text.map(|t| t + "\n").map_err(|e| Failure::new(format!("the result has no JSON form: {e}")))
}

/// Writes a page in one step.
pub fn page(path: &Path, page: &Page) -> Result<(), Failure> {
    let html = page.render()?;
    Ok(io::write_atomic(path, |out| out.write_all(html.as_bytes()))?)
}

/// Exit code of an answered run.
pub fn exit_code(status: Status) -> u8 {
    match status {
        Status::Completed | Status::Converged => 0,
        Status::Interrupted => 130,
        _ => 1,
    }
}

/// What a status means and what to do about it.
pub fn advice(status: Status) -> &'static str {
    match status {
        Status::Singular => " (Sigma has an eigenvalue at 1e-12 of the largest: no flow beyond this point)",
        Status::IterationCap => " (an iteration reached its cap)",
        Status::TimeCap => " (raise --time-limit to search on)",
        Status::Stalled => {
            " (no further progress was possible. A flow: try another --step; distances have kinks where points meet, and a nearly singular Sigma makes steps tiny. A proof: --tol, or a tiny mass far out, is below what doubles and plans resolve)"
        }
        Status::Interrupted => " (this is the state when it was stopped)",
        _ => "",
    }
}

/// A number of things: "1 start", "2 starts", "3 boxes", "4 entries".
pub fn count(n: usize, thing: &str) -> String {
    match (n, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        _ if thing.ends_with('x') => format!("{n} {thing}es"),
        _ => format!("{n} {thing}s"),
    }
}

/// `data` as rows of `cols` numbers.
pub fn rows(data: &[f64], cols: usize) -> Vec<&[f64]> {
    data.chunks_exact(cols.max(1)).collect()
}

/// A time to two digits, in a unit that suits it.
pub fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] =
        [(365.25 * 86_400.0, "years"), (86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")];
    let unit = UNITS.into_iter().find(|(size, _)| seconds >= 2.0 * size);
    let (size, name) = unit.unwrap_or((1.0, "seconds"));
    format!("{} {name}", two_digits(seconds / size))
}

fn two_digits(x: f64) -> String {
    if x >= 1e6 {
        return format!("{x:.0e}");
    }
    let unit = if x > 0.0 { 10f64.powi(x.log10().floor() as i32 - 1) } else { 1.0 };
    let decimals = if x < 1.0 { 2 } else { usize::from(x < 9.95) };
    format!("{:.decimals$}", (x / unit).round() * unit)
}

/// A vector as `(a, b, c)`; long ones are cut.
pub fn vector(x: &[f64], digits: usize) -> String {
    const SHOWN: usize = 8;
    let mut cells: Vec<String> = x.iter().take(SHOWN).map(|v| number(*v, digits)).collect();
    if x.len() > SHOWN {
        cells.push(format!("... {} more", x.len() - SHOWN));
    }
    format!("({})", cells.join(", "))
}

/// Lines `label  text`, aligned.
pub fn lines(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|p| p.0.len()).max().unwrap_or(0);
    pairs.iter().map(|(label, text)| format!("{label:width$}  {text}\n")).collect()
}

/// A table with right-aligned columns under a header.
pub fn table(header: &[String], body: &[Vec<String>]) -> String {
    let all = || std::iter::once(header).chain(body.iter().map(Vec::as_slice));
    let widths: Vec<usize> = (0..header.len())
        .map(|k| all().filter_map(|row| row.get(k)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        cells.join("  ") + "\n"
    };
    all().map(line).collect()
}

/// A note when the mean of a cloud carries more than a tenth of its second moment.
pub fn off_centre(name: &str, cloud: &Measure) -> Option<(&'static str, String)> {
    let share = cloud.mean_share();
    (share > 0.1).then(|| {
        let percent = number(100.0 * share, 3);
        let text = format!("{name} is far from centred: its mean carries {percent} % of the second moment;");
        ("note", format!("{text} IGW depends on the origin (--center removes the mean)"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_have_two_digits() {
        for (seconds, text) in [
            (0.0, "0.00 seconds"),
            (0.123, "0.12 seconds"),
            (119.0, "120 seconds"),
            (444.0, "7.4 minutes"),
            (7200.0, "2.0 hours"),
            (1e6, "12 days"),
            (1e15, "3e7 years"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn one_is_singular() {
        let texts = [count(1, "box"), count(0, "box"), count(2, "start"), count(3, "entry")];
        assert_eq!(texts, ["1 box", "0 boxes", "2 starts", "3 entries"]);
    }

    #[test]
    fn tables_are_aligned() {
        let text = table(&["a".into(), "bb".into()], &[vec!["100".into(), "2".into()]]);
        assert_eq!(text, "  a  bb\n100   2\n");
        assert_eq!(lines(&[("a", "1".into()), ("long", "2".into())]), "a     1\nlong  2\n");
    }
}
