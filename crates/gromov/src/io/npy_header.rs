//! The header of an NPY array: a checked parser of the Python dictionary it is.
//!
//! Nothing here trusts the file: the header has at most 64 KiB, sizes are multiplied with overflow
//! checks, and the bytes claimed must be the bytes that are there.

use std::io::Read;

use super::limits::{Source, shorten};
use crate::error::Result;

/// First bytes of every array.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The longest header that is read.
const LONGEST: u64 = 1 << 16;

/// What a header says: numbers of one type, in an array of a shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub scalar: Scalar,
    pub fortran: bool,
    pub shape: Vec<usize>,
    /// Product of the shape.
    pub count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
}

/// A number as stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scalar {
    kind: Kind,
    big_endian: bool,
    /// Width: 1, 2, 4 or 8.
    pub bytes: usize,
}

impl Scalar {
    fn parse(descr: &str) -> std::result::Result<Scalar, String> {
        let mut rest = descr.chars();
        let (order, code, width) = (rest.next(), rest.next(), rest.as_str());
        if code == Some('O') {
            return Err(format!(
                "holds Python objects (a pickled array, type '{descr}'), which are not read; save numbers instead, as in np.save(file, np.asarray(x, dtype=float))"
            ));
        }
        let kind = match (code, width) {
            (Some('f'), "4" | "8") => Some(Kind::Float),
            (Some('i'), "1" | "2" | "4" | "8") => Some(Kind::Signed),
            (Some('u'), "1" | "2" | "4" | "8") => Some(Kind::Unsigned),
            (Some('b'), "1") => Some(Kind::Bool),
            _ => None,
        };
        let big_endian = match order {
            Some('<' | '|') => Some(false),
            Some('>') => Some(true),
            Some('=') => Some(cfg!(target_endian = "big")),
            _ => None,
        };
        match (kind, big_endian, width.parse()) {
            (Some(kind), Some(big_endian), Ok(bytes)) => Ok(Scalar { kind, big_endian, bytes }),
            _ => Err(format!(
                "holds entries of type '{}'; read are float32, float64, integers and bool: convert with x.astype(float)",
                shorten(descr)
            )),
        }
    }

    /// The number in `raw` (as many bytes as the width). Integers beyond 2⁵³ are rounded.
    pub fn value(self, raw: &[u8]) -> f64 {
        let mut little = [0u8; 8];
        if self.big_endian {
            little.iter_mut().zip(raw.iter().rev()).for_each(|(to, from)| *to = *from);
        } else {
            little.iter_mut().zip(raw).for_each(|(to, from)| *to = *from);
        }
        let bits = u64::from_le_bytes(little);
        match (self.kind, self.bytes) {
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
            (Kind::Signed, 1) => f64::from(bits as i8),
            (Kind::Signed, 2) => f64::from(bits as i16),
            (Kind::Signed, 4) => f64::from(bits as i32),
            (Kind::Signed, _) => bits as i64 as f64,
            (Kind::Unsigned, _) => bits as f64,
            (Kind::Bool, _) => f64::from(u8::from(bits != 0)),
        }
    }
}

impl Header {
    /// Reads the header from the start of an array that fills `available` bytes, and checks that the
    /// array it claims has exactly the bytes that follow.
    pub fn read(source: &Source<'_>, reader: &mut dyn Read, available: u64) -> Result<Header> {
        let short =
            |e: std::io::Error| source.fault(format!("its header cannot be read: {e}; write the file again"));
        let mut start = [0u8; 8];
        reader.read_exact(&mut start).map_err(short)?;
        let [magic @ .., major, _] = &start;
        if magic != MAGIC {
            return Err(source
                .fault("is not an NPY array (its first bytes are not \\x93NUMPY); write it with np.save"));
        }
        let (length, before) = match major {
            1 => {
                let mut bytes = [0u8; 2];
                reader.read_exact(&mut bytes).map_err(short)?;
                (u64::from(u16::from_le_bytes(bytes)), 10)
            }
            2 | 3 => {
                let mut bytes = [0u8; 4];
                reader.read_exact(&mut bytes).map_err(short)?;
                (u64::from(u32::from_le_bytes(bytes)), 12)
            }
            other => return Err(source.fault(format!("has NPY version {other}; read are 1, 2 and 3"))),
        };
        let left = available.saturating_sub(before);
        if length > LONGEST || length > left {
            let most = LONGEST.min(left);
            return Err(
                source.fault(format!("claims a header of {length} bytes where at most {most} can be one"))
            );
        }
        let mut text = vec![0u8; length as usize];
        reader.read_exact(&mut text).map_err(short)?;
        let header = parse(&text).map_err(|problem| source.fault(problem))?;
        header.check_size(left - length).map_err(|problem| source.fault(problem))?;
        Ok(header)
    }

    fn check_size(&self, follow: u64) -> std::result::Result<(), String> {
        let shape = self.shown_shape();
        let claimed = (self.count as u64)
            .checked_mul(self.scalar.bytes as u64)
            .ok_or_else(|| format!("claims the shape {shape}, more bytes than can be counted"))?;
        match claimed.cmp(&follow) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(format!(
                "claims the shape {shape}, which is {claimed} bytes, but only {follow} follow its header: it is cut short or damaged; write it again"
            )),
            std::cmp::Ordering::Less => Err(format!(
                "claims the shape {shape}, which is {claimed} bytes, but {follow} follow its header; save one array a file"
            )),
        }
    }

    /// The shape as Python writes it.
    pub fn shown_shape(&self) -> String {
        match self.shape.as_slice() {
            [one] => format!("({one},)"),
            several => {
                let shown: Vec<String> = several.iter().take(8).map(usize::to_string).collect();
                format!("({}{})", shown.join(", "), if several.len() > 8 { ", …" } else { "" })
            }
        }
    }
}

/// Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`.
fn parse(text: &[u8]) -> std::result::Result<Header, String> {
    let mut at = Cursor { rest: text };
    let (mut scalar, mut fortran, mut shape) = (None, None, None);
    at.expect(b'{')?;
    while !at.accept(b'}') {
        let key = at.string()?;
        at.expect(b':')?;
        match key.as_str() {
            "descr" if at.sees(b'[') => {
                return Err("holds records (a structured array); save its columns as numbers, (n, d)".into());
            }
            "descr" => scalar = Some(Scalar::parse(&at.string()?)?),
            "fortran_order" => fortran = Some(at.truth()?),
            "shape" => shape = Some(at.tuple()?),
            other => return Err(format!("its header has the unknown key '{}'", shorten(other))),
        }
        if !at.accept(b',') {
            at.expect(b'}')?;
            break;
        }
    }
    if at.peek().is_some() {
        return Err("its header goes on after the closing brace; write the file again".into());
    }
    let missing = |key: &str| format!("its header has no '{key}'; write the file again");
    let shape: Vec<usize> = shape.ok_or_else(|| missing("shape"))?;
    let header = Header {
        scalar: scalar.ok_or_else(|| missing("descr"))?,
        fortran: fortran.ok_or_else(|| missing("fortran_order"))?,
        count: 0,
        shape,
    };
    let count = header.shape.iter().try_fold(1usize, |product, &k| product.checked_mul(k));
    let count = count.ok_or_else(|| {
        format!("claims the shape {}, more entries than can be counted", header.shown_shape())
    })?;
    Ok(Header { count, ..header })
}

/// The unread rest of a header; spaces and line ends between tokens are skipped.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn sees(&mut self, byte: u8) -> bool {
        self.peek() == Some(byte)
    }

    fn accept(&mut self, byte: u8) -> bool {
        let seen = self.sees(byte);
        if seen {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        seen
    }

    fn expect(&mut self, byte: u8) -> std::result::Result<(), String> {
        if self.accept(byte) {
            return Ok(());
        }
        let found = shorten(&String::from_utf8_lossy(self.rest));
        Err(format!(
            "its header is malformed: expected '{}' before '{found}'; write the file again",
            char::from(byte)
        ))
    }

    /// Takes the bytes up to the first for which `stop` holds.
    fn take_until(&mut self, stop: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&b| stop(b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn string(&mut self) -> std::result::Result<String, String> {
        let quote = if self.sees(b'"') { b'"' } else { b'\'' };
        self.expect(quote)?;
        let taken = self.take_until(|b| b == quote);
        self.expect(quote)?;
        Ok(String::from_utf8_lossy(taken).into_owned())
    }

    fn truth(&mut self) -> std::result::Result<bool, String> {
        self.peek();
        match self.take_until(|b| !b.is_ascii_alphabetic()) {
            b"True" => Ok(true),
            b"False" => Ok(false),
            _ => Err("its header is malformed: 'fortran_order' must be True or False".into()),
        }
    }

    fn tuple(&mut self) -> std::result::Result<Vec<usize>, String> {
        let mut out = Vec::new();
        self.expect(b'(')?;
        while !self.accept(b')') {
            let taken = self.take_until(|b| !b.is_ascii_alphanumeric() && b != b'-');
            let shown = String::from_utf8_lossy(taken);
            let size = shown.trim_end_matches('L').parse();
            out.push(
                size.map_err(|_| format!("its header is malformed: '{}' is not a size", shorten(&shown)))?,
            );
            if !self.accept(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_writers() {
        let good = parse(b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }   \n").unwrap();
        assert_eq!((good.shape.as_slice(), good.fortran, good.count), (&[3, 2][..], false, 6));
        let old = parse(b"{\"shape\":(3L,2L),\"fortran_order\":True,\"descr\":\">i2\"}").unwrap();
        assert_eq!((old.shape.as_slice(), old.fortran, old.scalar.bytes), (&[3, 2][..], true, 2));
        assert_eq!(parse(b"{'descr': '|b1', 'fortran_order': False, 'shape': ()}").unwrap().count, 1);
        assert_eq!(
            parse(b"{'descr': '|b1', 'fortran_order': False, 'shape': (5,)}").unwrap().shown_shape(),
            "(5,)"
        );
    }

    #[test]
    fn wrong_headers_are_named() {
        let cases: [(&str, &str); 12] = [
            ("", "expected '{'"),
            ("{'descr': '<f8'", "expected '}'"),
            ("{'descr': '<f8}", "expected '''"),
            ("{'descr': '<f8'}", "no 'shape'"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "pickled"),
            ("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", "'<c16'"),
            ("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1,)}", "structured"),
            ("{'descr': '<f8', 'fortran_order': 1, 'shape': (1,)}", "True or False"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}", "'-1' is not a size"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2)} x", "goes on"),
            ("{'more': 1}", "unknown key 'more'"),
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807)}",
                "counted",
            ),
        ];
        for (text, word) in cases {
            let got = parse(text.as_bytes()).unwrap_err();
            assert!(got.contains(word), "{text}: {got}");
        }
    }

    #[test]
    fn numbers_of_every_width_and_byte_order() {
        let value = |descr: &str, raw: &[u8]| Scalar::parse(descr).unwrap().value(raw);
        assert_eq!(value("<f8", &(-0.1f64).to_le_bytes()), -0.1);
        assert_eq!(value(">f8", &(-0.1f64).to_be_bytes()), -0.1);
        assert_eq!(value(">f4", &1.5f32.to_be_bytes()), 1.5);
        assert_eq!(value("|i1", &[0xff]), -1.0);
        assert_eq!(value("|u1", &[0xff]), 255.0);
        assert_eq!(value("<i2", &(-300i16).to_le_bytes()), -300.0);
        assert_eq!(value(">i4", &(-70_000i32).to_be_bytes()), -70_000.0);
        assert_eq!(value("<i8", &(-1i64).to_le_bytes()), -1.0);
        assert_eq!(value("<u8", &u64::MAX.to_le_bytes()), u64::MAX as f64);
        assert_eq!((value("|b1", &[1]), value("|b1", &[0])), (1.0, 0.0));
    }
}
