//! Lines of a text file, with their numbers: what `.obj` and `.xyz` are read from.

use std::io::{BufRead, BufReader, Read, Take};

use super::limits::{Source, Stream, shorten};
use crate::error::{Error, Result};

/// Lines one after the other. Ends are LF or CRLF; a byte order mark in front of the first is skipped,
/// bytes that are no UTF-8 are shown as �.
pub(super) struct Lines<'a> {
    source: Source<'a>,
    reader: BufReader<Take<Stream<'a>>>,
    raw: Vec<u8>,
    /// Number of the line read last, from one.
    pub number: u64,
    /// The line read last, without its end.
    pub text: String,
}

impl<'a> Lines<'a> {
    pub fn open(source: &Source<'a>) -> Result<Self> {
        let (stream, size) = source.open()?;
        let reader = BufReader::with_capacity(1 << 16, stream.take(size));
        Ok(Lines { source: *source, reader, raw: Vec::new(), number: 0, text: String::new() })
    }

    /// Reads the next line into `text`; false at the end of the file.
    pub fn next(&mut self) -> Result<bool> {
        self.raw.clear();
        let read = self.reader.read_until(b'\n', &mut self.raw);
        if read.map_err(|e| self.source.fault(format!("cannot be read: {e}")))? == 0 {
            return Ok(false);
        }
        self.number += 1;
        let mut line = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        self.text.clear();
        self.text.push_str(&String::from_utf8_lossy(line));
        Ok(true)
    }

    /// An error of the line read last.
    pub fn fault(&self, problem: impl ToString) -> Error {
        self.source.fault_at(Some(self.number.to_string()), problem)
    }
}

/// A finite number. Errors: what the word is instead.
pub(super) fn finite(word: &str) -> std::result::Result<f64, String> {
    match word.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        Ok(_) => Err(format!("'{}' is not a finite number", shorten(word))),
        Err(_) => Err(format!("'{}' is not a number", shorten(word))),
    }
}
