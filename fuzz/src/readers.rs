//! Readers: any bytes give an error of one line or a sound cloud, in memory that is proportional to
//! the file.

use std::path::Path;

use gromov::energy::{Sum, Wasserstein};
use gromov::io::{
    Limits, ReadOptions, read_bytes, read_checkpoint_bytes, read_journal_bytes, read_matrix_bytes,
    read_mesh_bytes,
};
use gromov::pairwise::{Cloud, Pairwise, Schedule};
use gromov::{Error, Flow, Measure};
use sha2::{Digest, Sha256};

use crate::MEMORY;

/// Limits that a file of a few kilobytes can reach.
const LIMITS: Limits = Limits { bytes: 1 << 18, points: 1 << 14, dim: 256 };

/// Memory allowed for each byte of a file, or of an archive or picture when it is unpacked: a number
/// of one digit becomes 8 bytes, its weight 8 more, and a vector that grows holds up to three times
/// its content for a moment.
const EACH: usize = 48;
/// Memory allowed whatever the size: buffers, tables of the decoders.
const FIXED: usize = 1 << 20;

fn options(normalize: bool) -> ReadOptions {
    ReadOptions { limits: LIMITS, normalize, ..ReadOptions::default() }
}

/// Comma or tab separated, the latter when the first byte is a tab.
pub fn csv(data: &[u8]) {
    let tabs = data.first() == Some(&b'\t');
    cloud(if tabs { "a.tsv" } else { "a.csv" }, data, false);
}

pub fn npy(data: &[u8]) {
    cloud("a.npy", data, false);
}

pub fn npz(data: &[u8]) {
    cloud("a.npz", data, true);
}

pub fn obj(data: &[u8]) {
    cloud("a.obj", data, false);
    mesh("a.obj", data);
}

pub fn ply(data: &[u8]) {
    cloud("a.ply", data, false);
    mesh("a.ply", data);
}

pub fn png(data: &[u8]) {
    cloud("a.png", data, true);
}

pub fn xyz(data: &[u8]) {
    cloud("a.xyz", data, false);
}

/// What is behind the first line of a checkpoint, with the sum that it should have; a checkpoint that is read is resumed or
/// refused.
pub fn checkpoint(data: &[u8]) {
    let line = concat!("gromov checkpoint of a flow, format 1, version ", env!("CARGO_PKG_VERSION"), "\n");
    let mut bytes = [line.as_bytes(), data].concat();
    let sum = Sha256::digest(&bytes);
    bytes.extend(sum);
    let name = Path::new("a.ck");
    // a list that claims a length reserves up to 1 MiB before its first entry
    match measured(&bytes, true, || read_checkpoint_bytes(name, &bytes, &options(false))) {
        Err(e) => refused(&e, "a.ck"),
        Ok((checkpoint, _)) => {
            let flow = Flow { step: Some(0.1), steps: Some(2), ..Flow::default() };
            let rho = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2).expect("a cloud");
            let mut energy = Sum::default();
            energy.add(1.0, Box::new(Wasserstein::new(target(&rho))));
            let _ = flow.solve_from(Some(checkpoint), &rho, &mut energy, &mut (), None);
        }
    }
}

/// Behind a good first line, each line as the records of a block with the sum that it should have, unless it begins as
/// a whole line does; records that are read are those of a run that goes on.
pub fn journal(data: &[u8]) {
    let options = Pairwise { starts: Some(1), block: 2, ..Pairwise::default() };
    let cloud = |x: f64| -> Cloud { Measure::uniform(vec![x, 0.0, -x, 1.0], 2).map_err(|e| e.to_string()) };
    let clouds = [cloud(1.0), cloud(2.0), cloud(3.0), Err("none".into())];
    let (name, mut bytes) = (Path::new("a.jsonl"), header(&options, &clouds));
    for line in data.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(body) if !body.starts_with(b"{\"sha256") => {
                let sum: String =
                    Sha256::digest(body)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
                bytes.extend(format!("{{\"sha256\":\"{sum}\",\"records\":").bytes());
                bytes.extend(body.iter().chain(b"}\n"));
            }
            _ => bytes.extend(line),
        }
    }
    match measured(&bytes, false, || {
        read_journal_bytes(name, &bytes, &options, &clouds, &self::options(false))
    }) {
        Err(e) => refused(&e, "a.jsonl"),
        Ok(records) => {
            let mut schedule = Schedule::new(&options, &clouds, records).expect("records of a sound journal");
            for pairs in schedule.next_blocks(9) {
                schedule.take(&options.block(&clouds, &pairs)).expect("records of pairs handed out");
            }
            let whole = schedule.finish();
            assert_eq!(whole.solved + whole.failed.len(), 6);
        }
    }
}

/// The first line of a journal.
fn header(options: &Pairwise, clouds: &[Cloud]) -> Vec<u8> {
    let clouds: Vec<String> = clouds.iter().map(gromov::pairwise::fingerprint).collect();
    let version = env!("CARGO_PKG_VERSION");
    let text = |pairs: &[(String, String)]| -> String {
        pairs.iter().map(|(name, value)| format!("[{name:?},{value:?}]")).collect::<Vec<_>>().join(",")
    };
    let (options, clouds) = (text(&options.texts()), format!("{clouds:?}").replace(", ", ","));
    format!(
        "{{\"gromov_journal\":1,\"version\":\"{version}\",\"options\":[{options}],\"clouds\":{clouds}}}\n"
    )
    .into_bytes()
}

/// The cloud, twice as wide.
fn target(rho: &Measure) -> Measure {
    rho.linear_image(&[2.0, 0.0, 0.0, 1.0], 2).expect("an image")
}

/// A matrix as text, or as an array where the first byte is that of an array.
pub fn matrix(data: &[u8]) {
    let name = if data.first() == Some(&0x93) { "m.npy" } else { "m.csv" };
    match measured(data, false, || read_matrix_bytes(Path::new(name), data, &options(false))) {
        Err(e) => refused(&e, name),
        Ok(m) => {
            assert!(m.rows > 0 && m.cols > 0 && m.rows.checked_mul(m.cols) == Some(m.data.len()));
            assert!(m.data.iter().all(|x| x.is_finite()));
        }
    }
}

fn cloud(name: &str, data: &[u8], packed: bool) {
    let read = |normalize| read_bytes(Path::new(name), data, &options(normalize));
    match measured(data, packed, || read(true)) {
        Err(e) => refused(&e, name),
        Ok(mu) => {
            sound(&mu);
            match read(false) {
                Err(e) => refused(&e, name),
                Ok(strict) => {
                    sound(&strict);
                    assert!(same(strict.points(), mu.points()));
                }
            }
            if mu.points().len() <= 256 {
                written_and_read(&mu);
            }
        }
    }
}

/// Faces have corners among the vertices, colours are one a vertex, and the points are those of the
/// cloud.
fn mesh(name: &str, data: &[u8]) {
    match measured(data, false, || read_mesh_bytes(Path::new(name), data, &options(true))) {
        Err(e) => refused(&e, name),
        Ok(mesh) => {
            sound(&mesh.cloud);
            let n = mesh.cloud.len();
            mesh.faces.check(n).expect("faces that were read");
            assert_eq!(mesh.faces.sizes.iter().map(|s| *s as usize).sum::<usize>(), mesh.faces.corners.len());
            assert!(mesh.faces.iter().flatten().all(|corner| (*corner as usize) < n));
            assert!(mesh.colors.is_none_or(|colors| colors.len() == n));
            let cloud = read_bytes(Path::new(name), data, &options(true)).expect("the vertices of a mesh");
            assert!(same(cloud.points(), mesh.cloud.points()));
        }
    }
}

/// Runs a reader and checks the memory it took.
fn measured<T>(data: &[u8], packed: bool, read: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = read();
    let took = MEMORY.peak_usage().saturating_sub(before);
    let size = if packed { LIMITS.bytes as usize } else { data.len() };
    assert!(took <= EACH * size + FIXED, "{took} bytes of memory for {} bytes", data.len());
    result
}

/// An error is about this file and fits one short line.
fn refused(error: &Error, name: &str) {
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with(name), "{text}");
    assert!(text.len() < 1200 && !text.contains(char::is_control), "{text:?}");
}

fn sound(mu: &Measure) {
    let (n, d) = (mu.len(), mu.dim());
    assert!(n > 0 && n as u64 <= LIMITS.points, "{n} points");
    assert!(d > 0 && d as u64 <= LIMITS.dim, "{d} coordinates");
    assert_eq!((mu.points().len(), mu.weights().len()), (n * d, n));
    assert!(mu.points().iter().all(|x| x.is_finite()));
    assert!(mu.weights().iter().all(|w| (0.0..=1.0).contains(w)), "{:?}", mu.weights());
    let sum: f64 = mu.weights().iter().sum();
    assert!((sum - 1.0).abs() <= 1e-9, "the sum is {sum}");
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Text with the shortest numbers reads back to the same bits.
fn written_and_read(mu: &Measure) {
    let mut text: String = (0..mu.dim()).map(|k| format!("x{k},")).collect::<String>() + "w\n";
    for i in 0..mu.len() {
        mu.point(i).iter().for_each(|x| text += &format!("{x:?},"));
        text += &format!("{:?}\n", mu.weights()[i]);
    }
    let back =
        read_bytes(Path::new("b.csv"), text.as_bytes(), &options(false)).expect("a cloud just written");
    assert!(same(back.points(), mu.points()));
    assert!(same(back.weights(), mu.weights()), "{:?} {:?}", back.weights(), mu.weights());
}
