//! NPZ archives: a zip of NPY arrays, `points` and optional `weights` (or the array that
//! [`ReadOptions::weights_column`](super::ReadOptions) names, which then must exist).
//!
//! The directory of the archive is checked before the zip crate reads it: that crate reserves memory
//! for as many members as the file claims. Members are stored or deflated, as NumPy writes them; what
//! they unpack to is bounded by [`Limits::bytes`](super::Limits) and by the shape in their header.

use std::io::{BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use npyz::zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, result::ZipError, write::FileOptions};

use super::limits::{Source, Stream, find_name, listed};
use super::{Cloud, Matrix, npy, npy_header::Header, write_atomic};
use crate::error::{Error, Result};

/// The most members an archive may have.
const MEMBERS: u64 = 1024;

/// Content of a member to write.
#[derive(Debug, Clone, Copy)]
pub enum Data<'a> {
    /// Numbers, row-major.
    F64(&'a [f64]),
    /// A text, written as a zero-dimensional array of NumPy's unicode type.
    Text(&'a str),
}

/// A member to write: an array with its name.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Name, without `.npy`.
    pub name: &'a str,
    /// Shape; empty for a text.
    pub shape: &'a [usize],
    /// Content.
    pub data: Data<'a>,
}

/// Reads `points` (of a trajectory, the last frame) and, if present, `weights`.
pub(super) fn read(source: &Source<'_>) -> Result<Cloud> {
    let (mut zip, names) = open(source)?;
    let find = |name: &str| names.iter().rposition(|n| n == name);
    let Some(index) = find("points.npy") else {
        return Err(source.fault(format!("has no array 'points'; it holds {}", listed(arrays(&names)))));
    };
    let weights = match &source.options.weights_column {
        None => find("weights.npy"),
        Some(wanted) => Some(find_name(source, "array", &arrays(&names).collect::<Vec<_>>(), wanted)?),
    };
    if weights == Some(index) {
        return Err(source.fault("'points' holds the coordinates; name another array for the weights"));
    }
    let points = read_member(source, &mut zip, index, npy::last_frame)?;
    let weights = match weights {
        Some(index) => Some(read_member(source, &mut zip, index, |source, reader, header| {
            if header.shape != [points.rows] {
                let (shape, n) = (header.shown_shape(), points.rows);
                return Err(
                    source.fault(format!("has the shape {shape}; expected ({n},), one weight a point"))
                );
            }
            npy::numbers(source, reader, header, 0)
        })?),
        None => None,
    };
    let Matrix { data, cols, .. } = points;
    Ok(Cloud { points: data, dim: cols, weights, ..Cloud::default() })
}

/// Reads the arrays of these names: shape, and numbers row-major. Errors: a name that is missing.
pub(super) fn read_arrays(source: &Source<'_>, wanted: &[&str]) -> Result<Vec<(Vec<usize>, Vec<f64>)>> {
    let (mut zip, names) = open(source)?;
    let mut out = Vec::with_capacity(wanted.len());
    for name in wanted {
        let Some(index) = names.iter().rposition(|n| n.strip_suffix(".npy") == Some(*name)) else {
            return Err(source.fault(format!("has no array '{name}'; it holds {}", listed(arrays(&names)))));
        };
        out.push(read_member(source, &mut zip, index, |source, reader, header| {
            if header.fortran && header.shape.len() > 1 {
                return Err(source.fault("is in Fortran order; write it in C order"));
            }
            Ok((header.shape.clone(), npy::numbers(source, reader, header, 0)?))
        })?);
    }
    Ok(out)
}

/// The archive, its directory checked, and the names of its members.
fn open<'a>(source: &Source<'a>) -> Result<(ZipArchive<BufReader<Stream<'a>>>, Vec<String>)> {
    let (mut file, size) = source.open()?;
    check_directory(source, &mut file, size)?;
    let zipped = |e: ZipError| source.fault(format!("its archive cannot be read: {e}; write the file again"));
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(zipped)?;
    let mut names = Vec::new();
    for i in 0..zip.len() {
        names.push(zip.by_index_raw(i).map_err(zipped)?.name().to_owned());
    }
    Ok((zip, names))
}

/// Names of arrays, without `.npy`.
fn arrays(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(|name| name.strip_suffix(".npy").unwrap_or(name))
}

fn read_member<T>(
    source: &Source<'_>,
    zip: &mut ZipArchive<BufReader<Stream<'_>>>,
    index: usize,
    f: impl FnOnce(&Source<'_>, &mut dyn Read, &Header) -> Result<T>,
) -> Result<T> {
    let zipped = |e: ZipError| source.fault(format!("its archive cannot be read: {e}; write the file again"));
    let raw = zip.by_index_raw(index).map_err(zipped)?;
    let name = raw.name().to_owned();
    let member = Source { member: Some(&name), ..*source };
    // An encryption record (0x9901, 7 bytes) without the encryption flag makes the zip crate panic.
    if raw.extra_data().windows(4).any(|w| w == [0x01, 0x99, 7, 0]) {
        return Err(member.fault("is encrypted; write it without a password"));
    }
    if !matches!(raw.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(member.fault("is compressed in a way that NumPy does not use; write it with np.savez"));
    }
    let size = raw.size();
    drop(raw);
    member.check_bytes(size, "claims")?;
    let unpacked = |e: ZipError| member.fault(format!("cannot be unpacked: {e}; write it with np.savez"));
    let mut reader = BufReader::new(zip.by_index(index).map_err(unpacked)?);
    let header = Header::read(&member, &mut reader, size)?;
    f(&member, &mut reader, &header)
}

/// Checks the end of the archive: it is one, nothing follows it, and it claims few members.
fn check_directory(source: &Source<'_>, file: &mut Stream<'_>, size: u64) -> Result<()> {
    let failed = |e: std::io::Error| source.fault(format!("cannot be read: {e}"));
    // The end record has 22 bytes and a comment below 2^16; in front, 20 bytes of a large archive.
    let length = size.min(20 + 22 + 65_535);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(size - length)).map_err(failed)?;
    Read::by_ref(file).take(length).read_to_end(&mut tail).map_err(failed)?;
    let none = || source.fault("is not an NPZ archive, or is cut short; write it with np.savez");
    let end = tail.windows(4).rposition(|w| w == b"PK\x05\x06").ok_or_else(none)?;
    let (Some(count), Some(comment)) = (number(&tail, end + 10, 2), number(&tail, end + 20, 2)) else {
        return Err(none());
    };
    if end as u64 + 22 + comment != tail.len() as u64 {
        return Err(
            source.fault("bytes follow the end of the archive, or its end is cut off; write it again")
        );
    }
    let locator = end.checked_sub(20).filter(|&at| number(&tail, at, 4) == Some(0x0706_4b50));
    let count = match locator.and_then(|at| number(&tail, at + 8, 8)) {
        None => count,
        Some(offset) => {
            let mut record = Vec::new();
            file.seek(SeekFrom::Start(offset)).map_err(failed)?;
            Read::by_ref(file).take(56).read_to_end(&mut record).map_err(failed)?;
            match (number(&record, 0, 4), number(&record, 32, 8)) {
                (Some(0x0606_4b50), Some(count)) => count,
                _ => return Err(source.fault("its archive directory is damaged; write the file again")),
            }
        }
    };
    if count > MEMBERS {
        return Err(source.fault(format!("claims {count} members, more than the limit of {MEMBERS}")));
    }
    file.rewind().map_err(failed)
}

/// The little-endian number of `width` bytes at `at`.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let raw = bytes.get(at..at.checked_add(width)?)?;
    Some(raw.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
}

/// Writes arrays into one archive that `numpy.load` reads without pickle. The bytes depend on the
/// members alone (no clock time). The archive is made in memory first: it costs its own size. Errors:
/// a shape that does not match its data, a name given twice, and those of [`write_atomic`].
pub fn write_npz(path: &Path, members: &[Member<'_>]) -> Result<()> {
    for (k, member) in members.iter().enumerate() {
        match member.data {
            Data::F64(data) => npy::check_shape(member.name, member.shape, data.len())?,
            Data::Text(_) if member.shape.is_empty() => {}
            Data::Text(_) => {
                return Err(Error::shape(member.name, "no dimensions", format!("{:?}", member.shape)));
            }
        }
        if members.iter().take(k).any(|other| other.name == member.name) {
            return Err(Error::shape(member.name, "one array of this name", "two"));
        }
    }
    let bytes = pack(members).map_err(|e| Error::file(path, None, format!("cannot be written: {e}")))?;
    write_atomic(path, |out| out.write_all(&bytes))
}

fn pack(members: &[Member<'_>]) -> std::io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for member in members {
        let bytes = match member.data {
            Data::F64(data) => 8 * data.len() as u64,
            Data::Text(text) => 4 * text.len() as u64,
        };
        let options = FileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(bytes > u64::from(u32::MAX) - 65_536);
        zip.start_file(format!("{}.npy", member.name), options)?;
        match member.data {
            Data::F64(data) => {
                npy::write_header(&mut zip, "<f8", member.shape)?;
                npy::write_numbers(&mut zip, data)?;
            }
            Data::Text(text) => {
                let mut codes: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                // NumPy has no text of no length: the empty one is a single zero.
                codes.resize(codes.len().max(4), 0);
                npy::write_header(&mut zip, &format!("<U{}", codes.len() / 4), &[])?;
                zip.write_all(&codes)?;
            }
        }
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read, read_bytes};
    use super::*;

    const POINTS: Member<'_> =
        Member { name: "points", shape: &[2, 2], data: Data::F64(&[1.0, 2.0, 3.0, 4.0]) };

    fn write(dir: &tempfile::TempDir, members: &[Member<'_>]) -> std::path::PathBuf {
        let path = dir.path().join("a.npz");
        write_npz(&path, members).unwrap();
        path
    }

    #[test]
    fn round_trip_weights_and_last_frame() {
        let dir = tempfile::tempdir().unwrap();
        let weights = Member { name: "weights", shape: &[2], data: Data::F64(&[0.25, 0.75]) };
        let meta = Member { name: "meta", shape: &[], data: Data::Text("{\"é\": 1}") };
        let mu = read(&write(&dir, &[meta, POINTS, weights]), &ReadOptions::default()).unwrap();
        assert_eq!((mu.points(), mu.weights()), (&[1.0, 2.0, 3.0, 4.0][..], &[0.25, 0.75][..]));
        let frames: Vec<f64> = (0..12).map(f64::from).collect();
        let frames = Member { name: "points", shape: &[3, 2, 2], data: Data::F64(&frames) };
        let mu = read(&write(&dir, &[frames, weights]), &ReadOptions::default()).unwrap();
        assert_eq!((mu.points(), mu.dim()), (&[8.0, 9.0, 10.0, 11.0][..], 2));
    }

    #[test]
    fn two_writes_give_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let empty = Member { name: "note", shape: &[], data: Data::Text("") };
        let first = std::fs::read(write(&dir, &[POINTS, empty])).unwrap();
        assert_eq!(first, std::fs::read(write(&dir, &[POINTS, empty])).unwrap());
        // The time is the start of the zip calendar.
        assert_eq!(&first[10..14], &[0, 0, 0x21, 0]);
    }

    #[test]
    fn weights_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let mass = Member { name: "Mass", shape: &[2], data: Data::F64(&[0.25, 0.75]) };
        let other = Member { name: "weights", shape: &[1], data: Data::F64(&[7.0]) };
        let path = write(&dir, &[POINTS, other, mass]);
        let named = |name: &str| ReadOptions { weights_column: Some(name.into()), ..ReadOptions::default() };
        assert_eq!(read(&path, &named("mass")).unwrap().weights(), [0.25, 0.75]);
        let text = |name: &str| read(&path, &named(name)).unwrap_err().to_string();
        assert!(
            text("m").contains("has no array 'm' to take weights from; it has 'points', 'weights', 'Mass'")
        );
        assert!(text("points").contains("'points' holds the coordinates"));
    }

    #[test]
    fn a_float32_fortran_trajectory_gives_its_last_frame() {
        // numpy: np.asfortranarray(np.arange(12, dtype="f4").reshape(3, 2, 2)): the first index runs fastest
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2, 2), }\n";
        let mut array = b"\x93NUMPY\x01\x00".to_vec();
        array.extend((header.len() as u16).to_le_bytes());
        array.extend(header.as_bytes());
        for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            array.extend((0..3u8).flat_map(|k| f32::from(4 * k + 2 * i + j).to_le_bytes()));
        }
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("points.npy", FileOptions::default()).unwrap();
        zip.write_all(&array).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        let mu = read_bytes("a.npz".as_ref(), &bytes, &ReadOptions::default()).unwrap();
        assert_eq!((mu.points(), mu.dim()), (&[8.0, 9.0, 10.0, 11.0][..], 2));
    }

    #[test]
    fn members_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        let text = |members: &[Member<'_>]| {
            read(&write(&dir, members), &ReadOptions::default()).unwrap_err().to_string()
        };
        let other = Member { name: "x", ..POINTS };
        assert!(text(&[other]).contains("has no array 'points'; it holds 'x'"));
        assert!(text(&[]).contains("it holds nothing"));
        let weights = Member { name: "weights", shape: &[1], data: Data::F64(&[1.0]) };
        assert!(text(&[POINTS, weights]).contains("a.npz:weights.npy: has the shape (1,); expected (2,)"));
        let flat = Member { shape: &[4], ..POINTS };
        assert!(text(&[flat]).contains("a.npz:points.npy: has the shape (4,)"));
        let word = Member { name: "points", shape: &[], data: Data::Text("no") };
        assert!(text(&[word]).contains("'<U2'"));
        assert!(write_npz(&dir.path().join("b.npz"), &[POINTS, POINTS]).is_err());
        assert!(write_npz(&dir.path().join("b.npz"), &[Member { shape: &[3], ..POINTS }]).is_err());
        assert!(!dir.path().join("b.npz").exists());
    }
}
