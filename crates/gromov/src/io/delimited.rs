//! Delimited text: `.csv` (commas) and `.tsv` (tabs), one point a row.
//!
//! A first row without any number is a header; its column `w`, `weight` or `weights` (any
//! case) holds the weights, or the one that [`ReadOptions::weights_column`](super::ReadOptions) names:
//! then the usual names are names of coordinates. A byte order mark, CRLF and blank lines are accepted, comments are not.
//! A row has at most 16 MiB.
//! A first row of numbers with an empty cell among them counts as data, so that no point is lost.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use super::limits::{LONGEST_LINE, Source, find_name, shorten};
use super::{Cloud, Matrix, write_atomic};
use crate::error::{Error, Result};

/// Names of the weights column, in lower case.
pub(super) const WEIGHT_NAMES: [&str; 3] = ["w", "weight", "weights"];

/// First bytes of what is no table, and what it is.
const NO_TABLES: [(&[u8], &str); 6] = [
    (b"\x93NUMPY", "is an NPY array; name it .npy"),
    (b"PK\x03\x04", "is a zip archive; name it .npz if NumPy wrote it, or unpack it first"),
    (b"\x1f\x8b", "is compressed by gzip; unpack it first"),
    (b"\x89PNG", "is a PNG image; name it .png"),
    (b"\xff\xfe", "is UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; save it as UTF-8"),
];

/// Reads a cloud: all columns but the weights are coordinates.
pub(super) fn read(source: &Source<'_>, delimiter: u8) -> Result<Cloud> {
    let table = Table::read(source, delimiter)?;
    if table.header.starts_with(&["time".into(), "i".into()]) {
        return Err(source.fault(
            "holds frames of a flow (time,i,...); read the .npz, or keep one frame's x and w columns",
        ));
    }
    let Some(column) = weights_column(source, &table.header)? else {
        return Ok(Cloud { points: table.data, dim: table.cols, names: table.header, ..Cloud::default() });
    };
    if table.cols == 1 {
        return Err(source.fault("has a weights column and no coordinates; add a column for each coordinate"));
    }
    let mut points = Vec::with_capacity(table.data.len() - table.data.len() / table.cols);
    let mut weights = Vec::with_capacity(table.data.len() / table.cols);
    for row in table.data.chunks_exact(table.cols) {
        for (k, &x) in row.iter().enumerate() {
            if k == column { weights.push(x) } else { points.push(x) }
        }
    }
    let mut names = table.header;
    names.remove(column);
    Ok(Cloud { points, dim: table.cols - 1, weights: Some(weights), names, ..Cloud::default() })
}

/// The column of the weights, if there is one.
fn weights_column(source: &Source<'_>, header: &[String]) -> Result<Option<usize>> {
    if let Some(wanted) = &source.options.weights_column {
        if header.is_empty() {
            let wanted = shorten(wanted);
            return Err(source.fault(format!(
                "has no header, so no column is named '{wanted}' to take weights from; add a first row of names"
            )));
        }
        let names: Vec<&str> = header.iter().map(String::as_str).collect();
        return find_name(source, "column", &names, wanted).map(Some);
    }
    let is_weight = |name: &String| WEIGHT_NAMES.contains(&name.to_lowercase().as_str());
    let named: Vec<usize> =
        header.iter().enumerate().filter(|(_, name)| is_weight(name)).map(|(column, _)| column).collect();
    match *named.as_slice() {
        [] => Ok(None),
        [column] => Ok(Some(column)),
        [first, second, ..] => {
            let (first, second) = (first + 1, second + 1);
            Err(source.fault(format!("columns {first} and {second} both hold weights; keep one")))
        }
    }
}

/// Reads all columns as one matrix.
pub(super) fn read_matrix(source: &Source<'_>, delimiter: u8) -> Result<Matrix> {
    let table = Table::read(source, delimiter)?;
    Ok(Matrix { rows: table.data.len() / table.cols, cols: table.cols, data: table.data })
}

/// A rectangle of finite numbers with at least one row and one column.
struct Table {
    /// Names of the columns; empty without a header.
    header: Vec<String>,
    data: Vec<f64>,
    cols: usize,
}

impl Table {
    fn read(source: &Source<'_>, delimiter: u8) -> Result<Table> {
        let (mut file, size) = source.open()?;
        let failed = |e: std::io::Error| source.fault(format!("cannot be read: {e}"));
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(6).read_to_end(&mut start).map_err(failed)?;
        if let Some((_, what)) = NO_TABLES.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Err(source.fault(what));
        }
        file.rewind().map_err(failed)?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(1 << 16)
            .from_reader(Rows { input: file.take(size), given: 0, row: 0.into() });
        let mut table = Table { header: Vec::new(), data: Vec::new(), cols: 0 };
        let mut rows = 0u64;
        let mut record = csv::ByteRecord::new();
        while reader
            .read_byte_record(&mut record)
            .map_err(|e| unread(source, reader.get_ref().row.get(), &e))?
        {
            reader.get_ref().row.set(reader.position().byte());
            if is_blank(&record) {
                continue;
            }
            if table.cols == 0 {
                table.cols = record.len();
                if is_header(&record) {
                    table.header = record.iter().map(text).collect();
                    if let Some(k) = table.header.iter().position(String::is_empty) {
                        let problem =
                            format!("column {} has no name; remove it if it is an index, or name it", k + 1);
                        return Err(source.fault_at(Some("1".into()), problem));
                    }
                    continue;
                }
            }
            rows += 1;
            source.check_points(rows)?;
            table.push(&record, delimiter).map_err(|problem| {
                let start = record.position().map_or(0, |p| p.byte());
                source.fault_at(line_at(source, start), problem)
            })?;
        }
        if table.data.is_empty() {
            return Err(source.fault("has no rows of numbers; expected one point a row"));
        }
        Ok(table)
    }

    /// Appends a row. Errors: what is wrong with it.
    fn push(&mut self, record: &csv::ByteRecord, delimiter: u8) -> std::result::Result<(), String> {
        if record.len() != self.cols {
            let first = if self.header.is_empty() { "first row" } else { "header" };
            let (found, expected) = (record.len(), self.cols);
            return Err(format!("{found} columns where the {first} has {expected}; every row needs as many"));
        }
        self.data.try_reserve(self.cols).map_err(|e| format!("the rows do not fit into memory: {e}"))?;
        for (k, cell) in record.iter().enumerate() {
            let x = number(cell, delimiter).map_err(|problem| match self.header.get(k) {
                Some(name) if !name.is_empty() => format!("column {} ({}): {problem}", k + 1, shorten(name)),
                _ => format!("column {}: {problem}", k + 1),
            })?;
            self.data.push(x);
        }
        Ok(())
    }
}

/// Text of which one row at a time is parsed. The parser keeps a row in memory, so that its length is
/// bounded here.
struct Rows<R> {
    input: R,
    /// Bytes handed to the parser.
    given: u64,
    /// Byte at which the row being parsed starts.
    row: Cell<u64>,
}

impl<R: Read> Read for Rows<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given - self.row.get() > LONGEST_LINE {
            return Err(std::io::Error::other(format!("the row is longer than {LONGEST_LINE} bytes")));
        }
        let count = self.input.read(buffer)?;
        self.given += count as u64;
        Ok(count)
    }
}

/// An error of reading in the row that starts at byte `row`.
fn unread(source: &Source<'_>, row: u64, e: &csv::Error) -> Error {
    source.fault_at(line_at(source, row), format!("{e}; check for a quote that is not closed"))
}

fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

fn parse(cell: &[u8]) -> Option<f64> {
    std::str::from_utf8(cell).ok()?.trim().parse().ok()
}

fn number(cell: &[u8], delimiter: u8) -> std::result::Result<f64, String> {
    match parse(cell) {
        Some(x) if x.is_finite() => Ok(x),
        other => Err(wrong_cell(other, &shorten(&text(cell)), delimiter)),
    }
}

/// What is wrong with a cell that is no finite number.
fn wrong_cell(value: Option<f64>, shown: &str, delimiter: u8) -> String {
    match value {
        Some(_) => format!("'{shown}' is not a finite number; remove the row or give it a value"),
        None if shown.is_empty() => "the cell is empty; give it a number or remove the row".into(),
        None if delimiter == b',' && (shown.contains(';') || shown.contains("\\t")) => {
            format!("'{shown}' is not a number; separate cells by commas, or name the file .tsv for tabs")
        }
        None => format!("'{shown}' is not a number; every cell below the header must be one"),
    }
}

/// A line of white space (a lone quoted empty cell is no blank line).
fn is_blank(record: &csv::ByteRecord) -> bool {
    let mut cells = record.iter();
    matches!((cells.next(), cells.next()), (Some(cell), None) if !cell.is_empty() && text(cell).is_empty())
}

/// A row without any number; a row of both is data with a wrong cell, so that no point is lost.
fn is_header(record: &csv::ByteRecord) -> bool {
    record.iter().all(|c| parse(c).is_none())
}

/// Line of the record that starts at or after byte `start`, counted from one. Reads the file again:
/// done for an error only.
fn line_at(source: &Source<'_>, start: u64) -> Option<String> {
    let mut bytes = BufReader::new(source.stream().ok()?.0);
    let mut line = 1u64;
    let mut seen = 0u64;
    let mut last = 0u8;
    loop {
        let buffer = bytes.fill_buf().ok()?;
        if buffer.is_empty() {
            return Some(line.to_string());
        }
        let length = buffer.len();
        for &byte in buffer {
            if seen >= start && byte != b'\n' && byte != b'\r' {
                return Some(line.to_string());
            }
            line += u64::from(byte == b'\r' || (byte == b'\n' && last != b'\r'));
            last = byte;
            seen += 1;
        }
        bytes.consume(length);
    }
}

/// Writes frames as rows `time,i,x1,…,xd,w` with a header, frame after frame. `times` (k,), `points`
/// (k, n, d) row-major, `weights` (n,). Numbers are the shortest that read back to the same double.
/// Errors: sizes that do not match, and those of [`write_atomic`].
pub fn write_frames_csv(
    path: &Path,
    times: &[f64],
    points: &[f64],
    weights: &[f64],
    dim: usize,
) -> Result<()> {
    let frame = weights.len().checked_mul(dim).filter(|&m| m > 0);
    let frame =
        frame.ok_or_else(|| Error::shape("weights", "at least one point and one dimension", "none"))?;
    if times.len().checked_mul(frame) != Some(points.len()) {
        let expected = format!("{} frames of {frame} numbers", times.len());
        return Err(Error::shape("points", expected, points.len()));
    }
    write_atomic(path, |out| {
        let names: Vec<String> = (1..=dim).map(|k| format!("x{k}")).collect();
        writeln!(out, "time,i,{},w", names.join(","))?;
        for (time, frame) in times.iter().zip(points.chunks_exact(frame)) {
            for (i, (x, w)) in frame.chunks_exact(dim).zip(weights).enumerate() {
                write!(out, "{time:?},{i}")?;
                x.iter().try_for_each(|x| write!(out, ",{x:?}"))?;
                writeln!(out, ",{w:?}")?;
            }
        }
        Ok(())
    })
}

/// Writes a plan as rows `i,j,mass` with a header; the three slices have one length. Errors: other
/// lengths, and those of [`write_atomic`].
pub fn write_plan_csv(path: &Path, rows: &[usize], cols: &[usize], mass: &[f64]) -> Result<()> {
    if cols.len() != rows.len() || mass.len() != rows.len() {
        let got = format!("{} columns and {} masses", cols.len(), mass.len());
        return Err(Error::shape("plan", format!("{} of each", rows.len()), got));
    }
    write_atomic(path, |out| {
        writeln!(out, "i,j,mass")?;
        for ((i, j), m) in rows.iter().zip(cols).zip(mass) {
            writeln!(out, "{i},{j},{m:?}")?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read, read_bytes, read_matrix};
    use super::*;

    fn with<T>(name: &str, content: &[u8], f: impl FnOnce(&Path) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        f(&path)
    }

    fn message(name: &str, content: &[u8]) -> String {
        with(name, content, |p| read(p, &ReadOptions::default()).unwrap_err().to_string())
    }

    #[test]
    fn a_row_without_end_is_refused_before_it_fills_the_memory() {
        let mut file = b"1,2\n3,\"4,\n".to_vec();
        file.resize(file.len() + (1 << 24) + (1 << 18), b'\n');
        assert!(message("a.csv", &file).contains("a.csv:2: the row is longer than 16777216 bytes"));
        file.truncate(1 << 24);
        assert!(message("a.csv", &file).contains("a.csv:2: column 2: "));
    }

    #[test]
    fn other_formats_are_named() {
        for (start, words) in [
            (&b"\x93NUMPY\x01\0"[..], "is an NPY array; name it .npy"),
            (b"\x1f\x8b\x08,", "is compressed by gzip; unpack it first"),
            (b"\xff\xfe1\0", "is UTF-16 text; save it as UTF-8"),
        ] {
            let got = message("a.csv", start);
            assert!(got.contains(words), "{got}");
        }
    }

    #[test]
    fn headers_weights_marks_and_line_ends() {
        let files: [(&str, &[u8]); 5] = [
            ("a.csv", b"x,W,y\n1,0.25,2\n3,0.75,4\n"),
            ("a.csv", b"\xef\xbb\xbfx,weight,y\r\n\r\n 1 ,0.25,2\r\n3,0.75,4"),
            ("a.CSV", b"x,\"Weights\",y\n1,.25,\"2\"\n   \n3,75e-2,4\n\n"),
            ("a.tsv", b"x\tw\ty\n1\t0.25\t2\n3\t0.75\t4\n"),
            ("a.tsv", b"x\tw\ty\r1\t0.25\t2\r3\t0.75\t4\r"),
        ];
        for (name, content) in files {
            let mu = with(name, content, |p| read(p, &ReadOptions::default())).unwrap();
            assert_eq!((mu.points(), mu.weights()), (&[1.0, 2.0, 3.0, 4.0][..], &[0.25, 0.75][..]));
        }
        let bare = with("a.csv", b"\xef\xbb\xbf1,2\n3,4", |p| read(p, &ReadOptions::default())).unwrap();
        assert_eq!((bare.points(), bare.dim()), (&[1.0, 2.0, 3.0, 4.0][..], 2));
        let matrix = with("q.csv", b"a,w\n1,2\n", |p| read_matrix(p, &ReadOptions::default())).unwrap();
        assert_eq!(matrix, Matrix { data: vec![1.0, 2.0], rows: 1, cols: 2 });
    }

    #[test]
    fn weights_by_name() {
        let named = |name: &str| ReadOptions { weights_column: Some(name.into()), ..ReadOptions::default() };
        let parse = |content: &[u8], name: &str| read_bytes("a.csv".as_ref(), content, &named(name));
        let content = b"x,Mass,w\n1,0.25,2\n3,0.75,4\n";
        let mu = parse(content, "mass").unwrap();
        assert_eq!((mu.points(), mu.weights()), (&[1.0, 2.0, 3.0, 4.0][..], &[0.25, 0.75][..]));
        assert!(parse(content, "w").unwrap_err().to_string().contains("the sum is 6"));
        let text = |content: &[u8], name: &str| parse(content, name).unwrap_err().to_string();
        assert!(
            text(content, "m").contains("has no column 'm' to take weights from; it has 'x', 'Mass', 'w'")
        );
        assert!(text(b"1,2\n", "m").contains("has no header, so no column is named 'm'"));
        assert!(text(b"m\n1\n", "m").contains("no coordinates"));
        // formats without names have no such column
        assert_eq!(read_bytes("a.xyz".as_ref(), b"1 2 3\n", &named("m")).unwrap().points(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn coordinates_have_the_names_of_their_columns() {
        let names = |content: &[u8], weights: Option<&str>| {
            let options = ReadOptions { weights_column: weights.map(Into::into), ..Default::default() };
            with("a.csv", content, |p| crate::io::read_named(p, &options)).unwrap().1
        };
        assert_eq!(names(b"x,w,y\n1,1,2\n", None), ["x", "y"]);
        assert_eq!(names(b"x,y,mass\n1,2,1\n", None), ["x", "y", "mass"]);
        assert_eq!(names(b"x,y,mass\n1,2,1\n", Some("mass")), ["x", "y"]);
        assert!(names(b"1,2\n", None).is_empty());
    }

    #[test]
    fn the_line_is_the_line_of_an_editor() {
        assert!(message("a.csv", b"1,2\n\n\n3,x\n").contains("a.csv:4: column 2: 'x' is not a number"));
        assert!(message("a.csv", b"1,2\r\n3,4\r\n5,x\r\n").contains("a.csv:3: column 2: 'x'"));
        assert!(message("a.csv", b"\xef\xbb\xbfx,y\r\n\r\n1,2\r\n\r\n5\r\n").contains("a.csv:5: 1 columns"));
        assert!(message("a.csv", b"1,2\r3,4\r5,x\r").contains("a.csv:3: column 2: 'x'"));
        assert!(message("a.csv", b"1,2\n3,4\n5").contains("a.csv:3: 1 columns where the first row has 2"));
    }

    #[test]
    fn no_point_is_lost_to_a_header() {
        assert!(message("a.csv", b"1,,3\n4,5,6\n").contains("a.csv:1: column 2: the cell is empty"));
        assert!(message("a.csv", b"1,2.O\n4,5\n").contains("a.csv:1: column 2: '2.O' is not a number"));
        assert!(message("a.csv", b",x,y\n0,1,2\n").contains("a.csv:1: column 1 has no name; remove it"));
        assert!(message("a.csv", b"time,i,x1,w\n0,0,1,1\n").contains("frames of a flow"));
        assert!(message("a.csv", b"1,nan\n4,5\n").contains("a.csv:1: column 2: 'nan' is not a finite"));
        assert!(message("a.csv", b"1\n\"\"\n2\n").contains("a.csv:2: column 1: the cell is empty"));
        assert!(message("a.csv", b"x,y\n1;2,3\n").contains("column 1 (x): '1;2' is not a number; separate"));
    }

    #[test]
    fn written_numbers_read_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("frames.csv");
        let points = [0.1, -1.0 / 3.0, 5e-324, 1.7976931348623157e308];
        write_frames_csv(&path, &[0.0, 0.5], &points, &[1.0], 2).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("time,i,x1,x2,w\n0.0,0,0.1,-0.3333333333333333,1.0\n0.5,0,5e-324,"));
        let back = read_matrix(&path, &ReadOptions::default()).unwrap();
        assert_eq!((&back.data[2..4], &back.data[7..9]), (&points[..2], &points[2..]));
        assert!(write_frames_csv(&path, &[0.0], &points, &[1.0], 2).is_err());
        write_plan_csv(&path, &[0, 7], &[1, 0], &[0.5, 0.1]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "i,j,mass\n0,1,0.5\n7,0,0.1\n");
        assert!(write_plan_csv(&path, &[0], &[1, 0], &[0.5]).is_err());
    }
}
