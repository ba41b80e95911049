//! NPY arrays: (n, d) numbers, read in any width, byte order and index order; written as float64.

use std::io::{BufReader, Read, Write};
use std::path::Path;

use super::limits::Source;
use super::npy_header::{Header, MAGIC};
use super::{Cloud, Matrix, write_atomic};
use crate::error::{Error, Result};

/// Bytes read at a time; a multiple of every width.
const CHUNK: usize = 1 << 16;

/// Reads a cloud without weights.
pub(super) fn read(source: &Source<'_>) -> Result<Cloud> {
    let Matrix { data, cols, .. } = read_matrix(source)?;
    Ok(Cloud { points: data, dim: cols, ..Cloud::default() })
}

/// Reads an (n, d) array of finite numbers with at least one row and one column.
pub(super) fn read_matrix(source: &Source<'_>) -> Result<Matrix> {
    let (file, size) = source.open()?;
    let mut reader = BufReader::new(file.take(size));
    let header = Header::read(source, &mut reader, size)?;
    let shape = header.shown_shape();
    match header.shape.as_slice() {
        [_, _] => last_frame(source, &mut reader, &header),
        [n] => Err(source.fault(format!(
            "holds a 1-D array of shape {shape}; expected (n, d): save x.reshape({n}, 1) for {n} points on a line"
        ))),
        _ => Err(source.fault(format!("holds an array of shape {shape}; expected (n, d), one point a row"))),
    }
}

/// The last frame of an array (k, n, d), or all of an array (n, d), row-major.
pub(super) fn last_frame(source: &Source<'_>, reader: &mut dyn Read, header: &Header) -> Result<Matrix> {
    let (k, n, d) = match *header.shape.as_slice() {
        [n, d] => (1, n, d),
        [k, n, d] => (k, n, d),
        _ => {
            let shape = header.shown_shape();
            return Err(
                source.fault(format!("has the shape {shape}; expected (n, d), or (k, n, d) for frames"))
            );
        }
    };
    source.check_points(n as u64)?;
    if header.count == 0 {
        let shape = header.shown_shape();
        return Err(source.fault(format!("holds no numbers (shape {shape}); expected at least one point")));
    }
    let frame = header.count / k;
    if !header.fortran {
        return Ok(Matrix { data: numbers(source, reader, header, header.count - frame)?, rows: n, cols: d });
    }
    let all = numbers(source, reader, header, 0)?;
    let entry = |i: usize, j: usize| all.get(k - 1 + k * (i + n * j)).copied();
    let data = (0..n).flat_map(|i| (0..d).filter_map(move |j| entry(i, j))).collect();
    Ok(Matrix { data, rows: n, cols: d })
}

/// The numbers of an array, in the order of the file, from number `skip` on; then the end of the
/// array, which is where an archive checks its checksum.
pub(super) fn numbers(
    source: &Source<'_>,
    reader: &mut dyn Read,
    header: &Header,
    skip: usize,
) -> Result<Vec<f64>> {
    let failed =
        |e: std::io::Error| source.fault(format!("its numbers cannot be read: {e}; write the file again"));
    let width = header.scalar.bytes;
    let skipped = (skip * width) as u64;
    let passed = std::io::copy(&mut reader.take(skipped), &mut std::io::sink()).map_err(failed)?;
    if passed != skipped {
        return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let mut data: Vec<f64> = Vec::new();
    let mut buffer = vec![0u8; CHUNK];
    let mut left = (header.count - skip) * width;
    while left > 0 {
        let part = buffer.split_at_mut(left.min(CHUNK)).0;
        reader.read_exact(part).map_err(failed)?;
        data.try_reserve(part.len() / width)
            .map_err(|e| source.fault(format!("does not fit into memory: {e}")))?;
        data.extend(part.chunks_exact(width).map(|raw| header.scalar.value(raw)));
        left -= part.len();
    }
    match reader.read(&mut [0u8]).map_err(failed)? {
        0 => Ok(data),
        _ => Err(source.fault("goes on after the array that its header claims; save one array a file")),
    }
}

/// Writes a float64 array in C order, `shape.iter().product()` numbers. Errors: a shape that does not
/// match, and those of [`write_atomic`].
pub fn write_npy(path: &Path, shape: &[usize], data: &[f64]) -> Result<()> {
    check_shape("data", shape, data.len())?;
    write_atomic(path, |out| {
        write_header(out, "<f8", shape)?;
        write_numbers(out, data)
    })
}

/// Checks that a shape has `len` entries.
pub(super) fn check_shape(name: &str, shape: &[usize], len: usize) -> Result<()> {
    if shape.iter().try_fold(1usize, |product, &k| product.checked_mul(k)) == Some(len) {
        return Ok(());
    }
    Err(Error::shape(name, format!("the numbers of shape {shape:?}"), len))
}

/// Writes a header of version 1, padded so that the numbers start at a multiple of 64 bytes.
pub(super) fn write_header(out: &mut dyn Write, descr: &str, shape: &[usize]) -> std::io::Result<()> {
    let sizes: String = match shape {
        [one] => format!("{one},"),
        several => several.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let length = (10 + dictionary.len() + 1).next_multiple_of(64) - 10;
    let claimed =
        u16::try_from(length).map_err(|_| std::io::Error::other("the shape has too many dimensions"))?;
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&claimed.to_le_bytes())?;
    writeln!(out, "{dictionary:<width$}", width = length - 1)
}

/// Writes numbers as little-endian doubles.
pub(super) fn write_numbers(out: &mut dyn Write, data: &[f64]) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK);
    for part in data.chunks(CHUNK / 8) {
        buffer.clear();
        part.iter().for_each(|x| buffer.extend_from_slice(&x.to_le_bytes()));
        out.write_all(&buffer)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read, read_matrix};
    use super::*;

    fn array(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((text.len() as u16).to_le_bytes());
        out.extend(text.as_bytes());
        out.extend(data);
        out
    }

    fn matrix(bytes: &[u8]) -> Result<Matrix> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        read_matrix(&path, &ReadOptions::default())
    }

    #[test]
    fn round_trip_and_alignment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("A.NPY");
        let data: Vec<f64> = (0..20_000).map(|i| 1.0 / (1.0 + i as f64)).collect();
        write_npy(&path, &[10_000, 2], &data).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 128 + 160_000);
        let mu = read(&path, &ReadOptions::default()).unwrap();
        assert_eq!((mu.points(), mu.dim()), (data.as_slice(), 2));
        assert!(write_npy(&path, &[3, 2], &data).is_err());
        assert!(write_npy(&path, &[usize::MAX, 2], &data).is_err());
    }

    #[test]
    fn orders_and_widths() {
        let expected = Matrix { data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], rows: 2, cols: 3 };
        assert_eq!(matrix(&array("|u1", "False", "(2, 3)", &[1, 2, 3, 4, 5, 6])).unwrap(), expected);
        assert_eq!(matrix(&array("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6])).unwrap(), expected);
        let big: Vec<u8> = expected.data.iter().flat_map(|&x| (x as f32).to_be_bytes()).collect();
        assert_eq!(matrix(&array(">f4", "False", "(2, 3)", &big)).unwrap(), expected);
    }

    #[test]
    fn claims_are_compared_with_the_file() {
        let text = |bytes: &[u8]| matrix(bytes).unwrap_err().to_string();
        assert!(text(&array("<f8", "False", "(1000000000000, 2)", &[0; 16])).contains("but only 16 follow"));
        assert!(text(&array("<f8", "False", "(4611686018427387904, 1)", &[0; 16])).contains("counted"));
        assert!(text(&array("<f8", "False", "(1, 2)", &[0; 17])).contains("17 follow"));
        assert!(text(&array("<f8", "False", "(2,)", &[0; 16])).contains("x.reshape(2, 1)"));
        assert!(text(&array("<f8", "False", "()", &[0; 8])).contains("shape ()"));
        assert!(text(&array("<f8", "False", "(0, 3)", &[])).contains("no numbers"));
        assert!(text(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("claims a header of 4294967295 bytes"));
        assert!(text(b"\x93NUMPY\x09\x00\x00\x00").contains("version 9"));
        assert!(text(b"PK\x03\x04aaaaaaa").contains("not an NPY array"));
    }
}
