//! XYZ: columns between white space, in the two conventions of this name.
//!
//! * Molecules: a line with the number of atoms N alone, a line of comment, then N lines of a name and
//!   `x y z`. Anything but blank lines after them is an error; several frames are not read.
//! * Plain: `x y z` or `x y` a line, blank lines and comments from `#` on allowed.
//!
//! The first line that is neither blank nor a comment decides. Further columns are passed over, whatever
//! they hold; every row has as many columns as the first.

use super::Cloud;
use super::limits::{Source, shorten};
use super::lines::{Lines, finite};
use crate::error::Result;

/// Reads a molecule or a plain list of points.
pub(super) fn read(source: &Source<'_>) -> Result<Cloud> {
    let mut lines = Lines::open(source)?;
    while lines.next()? {
        let text = content(&lines.text);
        if let Ok(count) = text.parse::<u64>() {
            return molecule(source, &mut lines, count);
        }
        if !text.is_empty() {
            return plain(source, &mut lines);
        }
    }
    Err(source.fault("has no points; expected one point a line"))
}

fn molecule(source: &Source<'_>, lines: &mut Lines<'_>, count: u64) -> Result<Cloud> {
    source.check_points(count)?;
    let mut rows = Rows { dim: 3, ..Rows::default() };
    // a comment, which may be missing in a molecule of no atoms
    lines.next()?;
    for i in 0..count {
        if !lines.next()? {
            return Err(source.fault(format!(
                "ends after {i} of the {count} atoms that line 1 claims: it is cut short, or write one point a line"
            )));
        }
        rows.push(&lines.text, 1).map_err(|problem| lines.fault(problem))?;
    }
    while lines.next()? {
        if !lines.text.trim().is_empty() {
            return Err(lines.fault(format!(
                "goes on after its {count} atoms; keep one frame, and as many lines as the first line says"
            )));
        }
    }
    Ok(Cloud { points: rows.points, dim: 3, ..Cloud::default() })
}

fn plain(source: &Source<'_>, lines: &mut Lines<'_>) -> Result<Cloud> {
    let mut rows = Rows::default();
    let mut count = 0;
    loop {
        let text = content(&lines.text);
        if !text.is_empty() {
            count += 1;
            source.check_points(count)?;
            if rows.dim == 0 {
                rows.dim = text.split_whitespace().count().min(3);
            }
            rows.push(text, 0).map_err(|problem| lines.fault(problem))?;
        }
        if !lines.next()? {
            return Ok(Cloud { points: rows.points, dim: rows.dim, ..Cloud::default() });
        }
    }
}

/// A line without comment and outer white space.
fn content(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

#[derive(Default)]
struct Rows {
    points: Vec<f64>,
    dim: usize,
    /// Columns of the first row.
    columns: usize,
}

impl Rows {
    /// Appends the coordinates behind the first `skip` columns.
    fn push(&mut self, line: &str, skip: usize) -> std::result::Result<(), String> {
        let found = line.split_whitespace().count();
        if self.columns == 0 {
            let least = if skip > 0 { 4 } else { 2 };
            let what = if skip > 0 { "a name and x y z" } else { "x y z or x y" };
            if found < least {
                return Err(wrong_row(
                    format!("'{}' has {found} columns; expected {what}", shorten(line)),
                    line,
                ));
            }
            self.columns = found;
        }
        if found != self.columns {
            let first = self.columns;
            return Err(wrong_row(
                format!("{found} columns where the first row has {first}; every row needs as many"),
                line,
            ));
        }
        for word in line.split_whitespace().skip(skip).take(self.dim) {
            let x = finite(word).map_err(|problem| {
                let problem =
                    format!("{problem}; begin lines of words with #, or write the number of atoms first");
                wrong_row(problem, word)
            })?;
            self.points.push(x);
        }
        Ok(())
    }
}

/// A problem, or the help for other separators.
fn wrong_row(problem: String, text: &str) -> String {
    match text.find([',', ';']) {
        None => problem,
        Some(_) => {
            format!(
                "'{}' is separated by commas; separate by white space, or name the file .csv",
                shorten(text)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read_bytes};
    use crate::error::Result;
    use crate::measure::Measure;

    fn parse(text: &str) -> Result<Measure> {
        read_bytes("a.xyz".as_ref(), text.as_bytes(), &ReadOptions::default())
    }

    #[test]
    fn molecules_and_plain_points() {
        let water = "3\r\nwater # 1 2\r\nO 0 0 0.1 q\r\nH 0 1 0 q\r\n1 0 -1 0 q\r\n\r\n";
        let mu = parse(water).unwrap();
        assert_eq!((mu.points(), mu.dim()), (&[0.0, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0][..], 3));
        assert_eq!(parse(&water.replace("water # 1 2", "")).unwrap(), mu);
        let plain = parse("\u{feff}# x y\n\n1 2 # a\n 3\t4e0").unwrap();
        assert_eq!((plain.points(), plain.dim()), (&[1.0, 2.0, 3.0, 4.0][..], 2));
        let more = parse("1 2 3 255 red\n4 5 6 0 blue\n").unwrap();
        assert_eq!((more.points(), more.dim()), (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..], 3));
        // one row of one convention is no row of the other
        assert_eq!(parse("1\nC 9 9 9\nC 1 2 3\n").unwrap().points(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn wrong_rows_are_named_with_their_line() {
        for (text, word) in [
            ("# none\n\n", "a.xyz: has no points"),
            ("2\n\nC 0 0 0\n", "ends after 1 of the 2 atoms"),
            ("0\n\n", "0 rows"),
            ("1\n\nC 0 0 0\n1\n\nC 0 0 0\n", "a.xyz:4: goes on after its 1 atoms; keep one frame"),
            ("2\n\nC 0 0 0\nC 0 0\n", "a.xyz:4: 3 columns where the first row has 4"),
            ("2\n\nC 0 0 0\n\n", "a.xyz:4: 0 columns where"),
            ("1\n\n0 0 0\n", "a.xyz:3: '0 0 0' has 3 columns; expected a name and x y z"),
            ("1\n\nC 0 nan 0\n", "a.xyz:3: 'nan' is not a finite number"),
            ("99999999999\n\n", "holds 99999999999 points, more than the limit"),
            ("1 2 3\n4 5\n", "a.xyz:2: 2 columns where the first row has 3"),
            ("C 0 0 0\n", "a.xyz:1: 'C' is not a number; begin lines of words with #, or write the number"),
            ("1.5\n", "a.xyz:1: '1.5' has 1 columns"),
            ("1,2,3\n", "separate by white space, or name the file .csv"),
            ("1; 2; 3\n", "separate by white space, or name the file .csv"),
        ] {
            let got = parse(text).unwrap_err().to_string();
            assert!(got.contains(word), "{got}");
        }
    }
}
