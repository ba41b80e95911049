//! How much a file may hold, and one file being read under these limits.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use super::ReadOptions;
use crate::error::{Error, Result, printable};

/// The longest line of text that is read, in bytes: it is kept in memory.
pub(super) const LONGEST_LINE: u64 = 1 << 24;

/// The most a reader accepts. Claims of a header are compared with the real size of the file before
/// memory is reserved; these limits bound what is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file, and of an unpacked member of an archive: 1 GiB by default.
    pub bytes: u64,
    /// Points (rows) of a cloud: 10⁷ by default.
    pub points: u64,
    /// Coordinates of a point: 4096 by default. Second moments have this many rows and columns.
    pub dim: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 1 << 30, points: 10_000_000, dim: 4096 }
    }
}

/// A file, or its content in memory, or a member of an archive, being read: where errors happened and
/// what is allowed.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub path: &'a Path,
    /// The content, where it is in memory: the path is then a name only.
    pub content: Option<&'a [u8]>,
    pub options: &'a ReadOptions,
    /// Name of the member, in an archive.
    pub member: Option<&'a str>,
}

/// Bytes being read.
pub(super) enum Stream<'a> {
    /// Of a file, as they come.
    File(File),
    /// In memory.
    Bytes(Cursor<&'a [u8]>),
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::File(file) => file.read(buffer),
            Stream::Bytes(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Stream<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Stream::File(file) => file.seek(to),
            Stream::Bytes(bytes) => bytes.seek(to),
        }
    }
}

impl<'a> Source<'a> {
    /// An error of this file (and member).
    pub fn fault(&self, problem: impl ToString) -> Error {
        self.fault_at(self.member.map(shorten), problem)
    }

    /// An error at a place of this file. The text is made fit for one line.
    pub fn fault_at(&self, place: Option<String>, problem: impl ToString) -> Error {
        Error::file(self.path, place, printable(&problem.to_string()))
    }

    /// Opens the content and returns its size. Errors: missing, a folder, not a regular file, empty,
    /// unreadable, larger than [`Limits::bytes`].
    pub fn open(&self) -> Result<(Stream<'a>, u64)> {
        let (stream, size) = self.stream()?;
        if size == 0 {
            return Err(self.fault("the file is empty; expected one point a row"));
        }
        self.check_bytes(size, "the file has")?;
        Ok((stream, size))
    }

    /// The content from its start, whatever its size, and this size.
    pub fn stream(&self) -> Result<(Stream<'a>, u64)> {
        if let Some(bytes) = self.content {
            return Ok((Stream::Bytes(Cursor::new(bytes)), bytes.len() as u64));
        }
        self.check_kind()?;
        let problem = |e: std::io::Error| self.fault(format!("cannot be opened: {e}; check its permissions"));
        let file = File::open(self.path).map_err(problem)?;
        let size = file.metadata().map_err(problem)?.len();
        Ok((Stream::File(file), size))
    }

    /// Refuses what is not a file, without opening it (opening a pipe could wait for ever).
    pub fn check_kind(&self) -> Result<()> {
        if self.content.is_some() {
            return Ok(());
        }
        let found = std::fs::metadata(self.path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => self.fault("no such file; check the name"),
            _ => self.fault(format!("cannot be opened: {e}; check the name and its permissions")),
        })?;
        if found.is_dir() {
            return Err(self.fault("is a folder; name a file inside it"));
        }
        if !found.is_file() {
            return Err(self.fault("is not a regular file; copy its content to a file first"));
        }
        Ok(())
    }

    /// Refuses more bytes than allowed.
    pub fn check_bytes(&self, bytes: u64, what: &str) -> Result<()> {
        if bytes > self.options.limits.bytes {
            let limit = self.options.limits.bytes;
            return Err(self.fault(format!(
                "{what} {bytes} bytes, more than the limit of {limit}; raise it with --max-bytes"
            )));
        }
        Ok(())
    }

    /// Refuses more points than allowed.
    pub fn check_points(&self, points: u64) -> Result<()> {
        if points > self.options.limits.points {
            let limit = self.options.limits.points;
            return Err(self.fault(format!(
                "holds {points} points, more than the limit of {limit}; thin the cloud out"
            )));
        }
        Ok(())
    }

    /// Refuses more coordinates than allowed.
    pub fn check_dim(&self, dim: usize) -> Result<()> {
        let limit = self.options.limits.dim;
        if dim as u64 > limit {
            return Err(self.fault(format!(
                "its points have {dim} coordinates, more than the limit of {limit}; project them first"
            )));
        }
        Ok(())
    }
}

/// Position of the name of the weights that was asked for: an exact match, else one that differs in case
/// only. `what` says what the names are of. Errors: no such name (with those that exist), or several.
pub(super) fn find_name(source: &Source<'_>, what: &str, names: &[&str], wanted: &str) -> Result<usize> {
    let places = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        names.iter().enumerate().filter(|(_, name)| same(name)).map(|(place, _)| place).collect()
    };
    let mut found = places(&|name| name == wanted);
    if found.is_empty() {
        let wanted = wanted.to_lowercase();
        found = places(&|name| name.to_lowercase() == wanted);
    }
    let wanted = shorten(wanted);
    match *found.as_slice() {
        [place] => Ok(place),
        [] => Err(source.fault(format!(
            "has no {what} '{wanted}' to take weights from; it has {}",
            listed(names.iter().copied())
        ))),
        [first, second, ..] => {
            let (first, second) = (first + 1, second + 1);
            Err(source
                .fault(format!("{what} {first} and {what} {second} are both named '{wanted}'; rename one")))
        }
    }
}

/// The first ten names, quoted, for a message.
pub(super) fn listed<'n>(mut names: impl Iterator<Item = &'n str>) -> String {
    let shown: Vec<String> = names.by_ref().take(10).map(|n| format!("'{}'", shorten(n))).collect();
    match (shown.len(), names.count()) {
        (0, _) => "nothing".into(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Start of a foreign text for a message, at most 40 characters, fit for one line.
pub(super) fn shorten(text: &str) -> String {
    let mut out = printable(&text.chars().take(40).collect::<String>());
    if text.chars().nth(40).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_name_both_numbers_and_the_option() {
        let options = ReadOptions { limits: Limits { bytes: 10, points: 3, dim: 2 }, ..Default::default() };
        let source =
            Source { path: Path::new("a.csv"), content: None, options: &options, member: Some("points.npy") };
        let text = source.check_bytes(11, "the file has").unwrap_err().to_string();
        assert_eq!(
            text,
            "a.csv:points.npy: the file has 11 bytes, more than the limit of 10; raise it with --max-bytes"
        );
        assert!(source.check_bytes(10, "").is_ok() && source.check_points(3).is_ok());
        assert!(source.check_dim(2).is_ok());
        assert!(
            source.check_dim(3).unwrap_err().to_string().contains("3 coordinates, more than the limit of 2")
        );
        assert!(
            source.check_points(4).unwrap_err().to_string().contains("4 points, more than the limit of 3")
        );
    }

    #[test]
    fn names_are_found_exactly_or_in_another_case() {
        let options = ReadOptions::default();
        let source = Source { path: Path::new("a.csv"), content: None, options: &options, member: None };
        let find = |names: &[&str], wanted: &str| find_name(&source, "column", names, wanted);
        assert_eq!(find(&["x", "Mass", "mass"], "mass"), Ok(2));
        assert_eq!(find(&["x", "Mass"], "mASS"), Ok(1));
        let text = |names: &[&str]| find(names, "mass").unwrap_err().to_string();
        assert!(text(&["x", "MASS", "Mass"]).contains("column 2 and column 3 are both named 'mass'"));
        assert!(text(&["x", "y"]).contains("has no column 'mass' to take weights from; it has 'x', 'y'"));
        assert!(text(&["x"; 12]).ends_with("'x', 'x' and 2 more"));
        assert!(text(&[]).ends_with("it has nothing"));
    }

    #[test]
    fn foreign_text_is_short_and_on_one_line() {
        assert_eq!(shorten("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        assert_eq!(shorten(&"é".repeat(41)), format!("{}…", "é".repeat(40)));
        let options = ReadOptions::default();
        let source = Source { path: Path::new("x\ny"), content: None, options: &options, member: None };
        assert_eq!(source.fault("a\tb").to_string(), "x\\ny: a\\tb");
    }
}
