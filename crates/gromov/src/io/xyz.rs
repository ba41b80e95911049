//! XYZ: columns between white space, in the two conventions of this name.
//!
//! * Molecules: a line with the number of atoms N alone, a line of comment, then N lines of a name and
//!   `x y z`. A comment with `Properties=` (extended XYZ) says the columns instead, such as
//!   `Properties=species:S:1:forces:R:3:pos:R:3`, of which `pos:R:3` is read. Anything but blank lines after
//!   the atoms is an error; several frames are not read.
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
    let mut rows = Rows { dim: 3, skip: 1, ..Rows::default() };
    let first = lines.number;
    // a comment, which may be missing in a molecule of no atoms
    if lines.next()?
        && let Some((skip, columns)) = properties(&lines.text).map_err(|problem| lines.fault(problem))?
    {
        rows = Rows { skip, columns, declared: true, ..rows };
    }
    for i in 0..count {
        if !lines.next()? {
            return Err(source.fault(format!(
                "ends after {i} of the {count} atoms that line {first} claims: it is cut short, or write one point a line"
            )));
        }
        rows.push(&lines.text).map_err(|problem| lines.fault(problem))?;
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
            rows.push(text).map_err(|problem| lines.fault(problem))?;
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
    /// Columns in front of the coordinates.
    skip: usize,
    /// Columns of each row, 0 before the first.
    columns: usize,
    /// The comment says how many columns there are.
    declared: bool,
}

impl Rows {
    /// Appends the coordinates of a row.
    fn push(&mut self, line: &str) -> std::result::Result<(), String> {
        let found = line.split_whitespace().count();
        if self.columns == 0 {
            let least = if self.skip > 0 { 4 } else { 2 };
            let what = if self.skip > 0 { "a name and x y z" } else { "x y z or x y" };
            if found < least {
                return Err(wrong_row(
                    format!("'{}' has {found} columns; expected {what}", shorten(line)),
                    line,
                    found > 1,
                ));
            }
            self.columns = found;
        }
        if found != self.columns {
            let (says, columns) =
                (if self.declared { "comment says" } else { "first row has" }, self.columns);
            return Err(wrong_row(
                format!("{found} columns where the {says} {columns}; every row needs as many"),
                line,
                found > 1,
            ));
        }
        for word in line.split_whitespace().skip(self.skip).take(self.dim) {
            let x = finite(word).map_err(|problem| {
                let problem =
                    format!("{problem}; begin lines of words with #, or write the number of atoms first");
                wrong_row(problem, word, found > 1)
            })?;
            self.points.push(x);
        }
        Ok(())
    }
}

/// The problem of a row or a word of it, or the help for other separators and decimal commas. `several`: the
/// row is separated by white space.
fn wrong_row(problem: String, text: &str, several: bool) -> String {
    let inside = |word: &str| word.trim_end_matches(',').contains(',');
    let help = if text.contains(';') {
        "holds semicolons; separate by white space, with decimal points in the numbers"
    } else if several && text.split_whitespace().any(inside) {
        "holds commas inside numbers; write decimal points"
    } else if text.contains(',') {
        "holds commas; separate by white space, or name the file .csv"
    } else {
        return problem;
    };
    format!("'{}' {help}", shorten(text))
}

/// Columns in front of the positions, and of a whole row, where a comment of extended XYZ says them. Errors:
/// `Properties=` that is not understood, or without one `pos:R:3`: the positions would be guessed.
fn properties(comment: &str) -> std::result::Result<Option<(usize, usize)>, String> {
    const KEY: &str = "properties=";
    const QUOTES: [char; 2] = ['"', '\''];
    let mut found = comment.split_whitespace().filter_map(|word| {
        let word = word.trim_matches(QUOTES);
        let (key, value) = word.split_at_checked(KEY.len())?;
        key.eq_ignore_ascii_case(KEY).then(|| value.trim_matches(QUOTES))
    });
    let Some(value) = found.next() else {
        return Ok(None);
    };
    let wrong = |what: &str| {
        let shown = shorten(value);
        Err(format!("Properties='{shown}' {what}; expected name:type:columns, one of them pos:R:3"))
    };
    if found.next().is_some() {
        return wrong("is not the only one");
    }
    let parts: Vec<&str> = value.split(':').collect();
    let (mut columns, mut skip) = (0usize, None);
    for property in parts.chunks(3) {
        let &[name, kind, count] = property else {
            return wrong("ends early");
        };
        let Some(count) = count.parse::<u16>().ok().filter(|&count| count > 0) else {
            return wrong("is not understood");
        };
        if name.eq_ignore_ascii_case("pos") {
            if skip.is_some() || !kind.eq_ignore_ascii_case("R") || count != 3 {
                return wrong("does not place x y z");
            }
            skip = Some(columns);
        }
        columns += usize::from(count);
    }
    match skip {
        Some(skip) => Ok(Some((skip, columns))),
        None => wrong("has no pos"),
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
    fn extended_comments_place_the_positions() {
        let read = |comment: &str, row: &str| parse(&format!("1\n{comment}\n{row}\n"));
        let forces = "Properties=species:S:1:forces:R:3:pos:R:3";
        let points = [1.0, 2.0, 3.0];
        for (comment, row) in [
            (forces, "C 9 9 9 1 2 3"),
            ("Lattice=\"1 0 0 0 1 0 0 0 1\" properties=\"pos:R:3:species:S:1\" pbc=\"T T T\"", "1 2 3 C"),
            ("Properties=id:I:1:species:S:1:pos:R:3:tags:I:2", "7 C 1 2 3 9 9"),
            ("no Properties here", "C 1 2 3 9"),
        ] {
            assert_eq!(read(comment, row).unwrap().points(), points, "{comment}");
        }
        for (comment, word) in [
            (
                forces.replace("pos", "positions"),
                "a.xyz:2: Properties='species:S:1:forces:R:3:positions:R:3' has no pos",
            ),
            (forces.replace("pos:R:3", "pos:R:2"), "does not place x y z"),
            (forces.replace("forces", "pos"), "does not place x y z"),
            (forces.replace("pos:R:3", "pos:R"), "ends early"),
            (forces.replace("S:1", "S:x"), "is not understood"),
            (format!("{forces} {forces}"), "is not the only one"),
            ("Properties=pos:R:3:a:R:65536".into(), "is not understood"),
            ("Properties=".into(), "ends early"),
            (forces.replace("S:1", "S:2"), "a.xyz:3: 7 columns where the comment says 8; every row"),
        ] {
            let got = read(&comment, "C 9 9 9 1 2 3").unwrap_err().to_string();
            assert!(got.contains(word), "{got}");
        }
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
            ("1, 2, 3\n", "a.xyz:1: '1,' holds commas; separate by white space, or name the file"),
            ("1; 2; 3\n", "holds semicolons; separate by white space, with decimal points"),
            ("1,5;2,5;3\n", "holds semicolons; separate by white space, with decimal points"),
            ("1,5 2,5 3\n", "'1,5' holds commas inside numbers; write decimal points"),
            ("# a\n\n2\n\nC 0 0 0\n", "ends after 1 of the 2 atoms that line 3 claims"),
        ] {
            let got = parse(text).unwrap_err().to_string();
            assert!(got.contains(word), "{got}");
        }
    }
}
