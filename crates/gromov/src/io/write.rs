//! Clouds and meshes written to files that read back to the same bits.

use std::path::Path;

use super::limits::shorten;
use super::{Data, Faces, Member, Mesh, check_writable, write_atomic, write_npy, write_npz};
use crate::error::{Error, Result};
use crate::measure::Measure;

/// Formats in which clouds are written.
enum Format {
    Delimited(char),
    Npy,
    Npz,
    Ply,
}

/// Writes a cloud in the format that the ending of the name says (any case):
///
/// * `.csv`, `.tsv`: a header `x1` to `xd`, and `w` where there are weights; numbers are the shortest that
///   read back to the same double.
/// * `.npy`: the points, (n, d). Weights that are not equal are an error: they would be lost.
/// * `.npz`: `points` (n, d), `weights` (n,).
/// * `.ply`: see [`write_ply`].
///
/// Weights are written unless each is exactly 1/n, which is what a reader gives to points without.
/// Errors: another ending, and those of [`write_atomic`].
///
/// ```
/// use gromov::io;
/// let mu = gromov::Measure::weighted(vec![0.1, 2.0, 3.0, 4.0], 2, vec![0.25, 0.75])?;
/// let path = std::env::temp_dir().join("gromov_io_write_cloud_doctest.csv");
/// io::write_cloud(&path, &mu)?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "x1,x2,w\n0.1,2.0,0.25\n3.0,4.0,0.75\n");
/// assert_eq!(io::read(&path, &io::ReadOptions::default())?, mu);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn write_cloud(path: &Path, cloud: &Measure) -> Result<()> {
    let (n, d) = (cloud.len(), cloud.dim());
    check_cloud_fits(path, d, !cloud.has_uniform_weights())?;
    match format(path)? {
        Format::Delimited(delimiter) => write_delimited(path, cloud, delimiter),
        Format::Npy => write_npy(path, &[n, d], cloud.points()),
        Format::Npz => {
            let points = Member { name: "points", shape: &[n, d], data: Data::F64(cloud.points()) };
            match weights(cloud) {
                None => write_npz(path, &[points]),
                Some(w) => {
                    write_npz(path, &[points, Member { name: "weights", shape: &[n], data: Data::F64(w) }])
                }
            }
        }
        Format::Ply => write_parts(path, cloud, &Faces::default(), None),
    }
}

/// Checks, before the work starts, that [`write_cloud`] can write to `path`: its ending, and what
/// [`check_writable`] checks. Whether the format can hold the cloud is told by [`check_cloud_fits`].
pub fn check_cloud_writable(path: &Path) -> Result<()> {
    format(path)?;
    check_writable(path)
}

/// Checks, before the work starts, that the format of `path` can hold a cloud of dimension `dim`, `weighted`
/// unless its weights are equal: [`write_cloud`] then does not refuse it. Touches no file. Errors:
/// `.npy` with weights, `.ply` with d other than 2 or 3, an ending that is not written.
///
/// ```
/// let fits = |name: &str| gromov::io::check_cloud_fits(name.as_ref(), 5, true).is_ok();
/// assert!(fits("a.csv") && fits("a.npz") && !fits("a.npy") && !fits("a.ply"));
/// ```
pub fn check_cloud_fits(path: &Path, dim: usize, weighted: bool) -> Result<()> {
    match format(path)? {
        Format::Npy if weighted => {
            let others =
                if (2..=3).contains(&dim) { ".npz, .csv, .tsv or .ply" } else { ".npz, .csv or .tsv" };
            let problem = format!("the cloud has weights, which .npy cannot hold; write {others}");
            Err(Error::file(path, None, problem))
        }
        Format::Ply => check_ply_dim(path, dim),
        Format::Delimited(_) | Format::Npy | Format::Npz => Ok(()),
    }
}

fn check_ply_dim(path: &Path, dim: usize) -> Result<()> {
    if (2..=3).contains(&dim) {
        return Ok(());
    }
    let problem = format!("vertices of .ply have 2 or 3 coordinates, not {dim}; write .npz, .csv or .tsv");
    Err(Error::file(path, None, problem))
}

/// Writes a mesh as binary little-endian PLY: vertices with double `x`, `y`, `z` (z = 0 for d = 2, which
/// viewers expect, so that a plane cloud reads back as one of d = 3), uchar `red`, `green`, `blue` and
/// `alpha` where there are colours, double `weight` unless each weight is exactly 1/n; faces as the
/// list `vertex_indices` of ints, where there are any. Errors: d other than 2 or 3, colours of another
/// number than the vertices, faces that do not fit ([`Faces::check`]), more than 2³¹ − 1 vertices, and
/// those of [`write_atomic`].
pub fn write_ply(path: &Path, mesh: &Mesh) -> Result<()> {
    write_parts(path, &mesh.cloud, &mesh.faces, mesh.colors.as_deref())
}

fn format(path: &Path) -> Result<Format> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(Format::Delimited(',')),
        Some("tsv") => Ok(Format::Delimited('\t')),
        Some("npy") => Ok(Format::Npy),
        Some("npz") => Ok(Format::Npz),
        Some("ply") => Ok(Format::Ply),
        other => {
            let what = match other {
                Some(ending) => format!("clouds are not written as .{}", shorten(ending)),
                None => "the name has no ending that tells the format".into(),
            };
            Err(Error::file(
                path,
                None,
                format!("{what}; formats that are written: .csv .tsv .npy .npz .ply"),
            ))
        }
    }
}

/// The weights, unless a reader gives the same to points without.
fn weights(cloud: &Measure) -> Option<&[f64]> {
    let each = 1.0 / cloud.len() as f64;
    cloud.weights().iter().any(|&w| w != each).then(|| cloud.weights())
}

fn write_delimited(path: &Path, cloud: &Measure, delimiter: char) -> Result<()> {
    let weights = weights(cloud);
    write_atomic(path, |out| {
        for k in 1..=cloud.dim() {
            write!(out, "{}x{k}", if k == 1 { String::new() } else { delimiter.to_string() })?;
        }
        writeln!(out, "{}", weights.map_or(String::new(), |_| format!("{delimiter}w")))?;
        for (i, point) in cloud.points().chunks_exact(cloud.dim()).enumerate() {
            for (k, x) in point.iter().enumerate() {
                if k > 0 {
                    write!(out, "{delimiter}")?;
                }
                write!(out, "{x:?}")?;
            }
            if let Some(w) = weights.and_then(|w| w.get(i)) {
                write!(out, "{delimiter}{w:?}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    })
}

fn write_parts(path: &Path, cloud: &Measure, faces: &Faces, colors: Option<&[[u8; 4]]>) -> Result<()> {
    let (n, d) = (cloud.len(), cloud.dim());
    check_ply_dim(path, d)?;
    if let Some(colors) = colors.filter(|colors| colors.len() != n) {
        return Err(Error::shape("colors", format!("{n}, one a vertex"), colors.len()));
    }
    faces.check(n)?;
    if i32::try_from(n).is_err() {
        return Err(Error::shape("points", "at most 2147483647 vertices", n));
    }
    let weights = weights(cloud);
    let most = faces.sizes.iter().copied().max().unwrap_or(0);
    write_atomic(path, |out| {
        write!(out, "ply\nformat binary_little_endian 1.0\nelement vertex {n}\n")?;
        write!(out, "property double x\nproperty double y\nproperty double z\n")?;
        if colors.is_some() {
            write!(
                out,
                "property uchar red\nproperty uchar green\nproperty uchar blue\nproperty uchar alpha\n"
            )?;
        }
        if weights.is_some() {
            writeln!(out, "property double weight")?;
        }
        if !faces.is_empty() {
            let count = if most <= 255 { "uchar" } else { "uint" };
            write!(out, "element face {}\nproperty list {count} int vertex_indices\n", faces.len())?;
        }
        writeln!(out, "end_header")?;
        for (i, point) in cloud.points().chunks_exact(d).enumerate() {
            for x in point.iter().chain(&[0.0]).take(3) {
                out.write_all(&x.to_le_bytes())?;
            }
            if let Some(color) = colors.and_then(|colors| colors.get(i)) {
                out.write_all(color)?;
            }
            if let Some(w) = weights.and_then(|w| w.get(i)) {
                out.write_all(&w.to_le_bytes())?;
            }
        }
        for face in faces.iter() {
            let size = (face.len() as u32).to_le_bytes();
            out.write_all(if most <= 255 { size.split_at(1).0 } else { &size })?;
            for corner in face {
                out.write_all(&corner.to_le_bytes())?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read, read_mesh};
    use super::*;

    const ODD: [f64; 6] = [0.1, -0.0, 5e-324, f64::MAX, -1.0 / 3.0, 7.0];

    fn bits(x: &[f64]) -> Vec<u64> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn every_format_reads_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let weights = vec![0.1, 0.2, 0.7];
        for d in [1, 2, 3] {
            let equal = Measure::uniform(ODD[..3 * d.min(2)].to_vec(), d.min(2)).unwrap();
            let equal = if d == 3 { Measure::uniform(ODD.to_vec(), 3).unwrap() } else { equal };
            let n = equal.len();
            let w = if n == 3 { weights.clone() } else { vec![0.3, 0.7] };
            let weighted = Measure::weighted(equal.points().to_vec(), d, w).unwrap();
            for (name, cloud) in ["a.csv", "a.TSV", "a.npy", "a.npz", "a.ply"]
                .into_iter()
                .flat_map(|name| [(name, &equal), (name, &weighted)])
            {
                let path = dir.path().join(name);
                let written = write_cloud(&path, cloud);
                if (name == "a.npy" && !cloud.has_uniform_weights()) || (name == "a.ply" && d == 1) {
                    assert!(written.is_err(), "{name}");
                    continue;
                }
                written.unwrap();
                let back = read(&path, &ReadOptions::default()).unwrap();
                let points: Vec<f64> = match name == "a.ply" && d == 2 {
                    true => cloud.points().chunks_exact(2).flat_map(|p| [p[0], p[1], 0.0]).collect(),
                    false => cloud.points().to_vec(),
                };
                assert_eq!(bits(back.points()), bits(&points), "{name} {d}");
                assert_eq!(bits(back.weights()), bits(cloud.weights()), "{name} {d}");
            }
        }
    }

    #[test]
    fn what_fits_is_known_before_the_work() {
        let dir = tempfile::tempdir().unwrap();
        for d in 1..6 {
            for w in [[0.5, 0.5], [0.25, 0.75]] {
                let cloud = Measure::weighted(vec![1.0; 2 * d], d, w.to_vec()).unwrap();
                for name in ["a.csv", "a.tsv", "a.npy", "a.npz", "a.ply", "a.obj"] {
                    let path = dir.path().join(name);
                    let fits = check_cloud_fits(&path, d, !cloud.has_uniform_weights());
                    assert_eq!(fits, write_cloud(&path, &cloud), "{name} {d} {w:?}");
                    let refused = name == "a.obj"
                        || (name == "a.npy" && w[0] != w[1])
                        || (name == "a.ply" && !(2..=3).contains(&d));
                    assert_eq!(fits.is_err(), refused, "{name} {d} {w:?}");
                }
            }
        }
    }

    #[test]
    fn thousands_of_weights_read_back() {
        let dir = tempfile::tempdir().unwrap();
        for seed in 0..8 {
            let mut source = crate::measure::sample::Source::new(seed, 5);
            let weights = (0..5_000).map(|_| source.below(1_000_000) as f64).collect();
            let points = (0..10_000).map(|_| source.normal()).collect();
            let cloud = Measure::normalized(points, 2, weights).unwrap();
            for name in ["a.csv", "a.npz"] {
                let path = dir.path().join(name);
                write_cloud(&path, &cloud).unwrap();
                for normalize in [false, true] {
                    let options = ReadOptions { normalize, ..ReadOptions::default() };
                    assert_eq!(read(&path, &options).unwrap(), cloud, "{name} {seed}");
                }
            }
        }
    }

    #[test]
    fn meshes_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ply");
        let cloud = Measure::weighted(ODD.to_vec(), 3, vec![0.3, 0.7]).unwrap();
        let colors = Some(vec![[1, 2, 3, 4], [255, 0, 9, 255]]);
        let many = Faces { corners: vec![1; 303], sizes: vec![3, 300] };
        for faces in [Faces::default(), Faces { corners: vec![0, 1, 1, 0, 1, 0], sizes: vec![3, 3] }, many] {
            for colors in [None, colors.clone()] {
                let mesh = Mesh { cloud: cloud.clone(), faces: faces.clone(), colors };
                write_ply(&path, &mesh).unwrap();
                assert_eq!(read_mesh(&path, &ReadOptions::default()).unwrap(), mesh);
            }
        }
    }

    #[test]
    fn what_would_be_lost_or_wrong_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cloud = Measure::weighted(ODD.to_vec(), 3, vec![0.3, 0.7]).unwrap();
        let text = |name: &str| write_cloud(&dir.path().join(name), &cloud).unwrap_err().to_string();
        assert!(text("a.npy").contains("weights, which .npy cannot hold; write .npz"));
        assert!(text("a.obj").contains("not written as .obj; formats that are written: .csv"));
        assert!(text("a").contains("no ending"));
        assert!(check_cloud_writable(&dir.path().join("a.obj")).is_err());
        assert!(check_cloud_writable(&dir.path().join("none/a.csv")).is_err());
        check_cloud_writable(&dir.path().join("a.csv")).unwrap();
        let path = dir.path().join("a.ply");
        let wide = Measure::uniform(vec![0.0; 4], 4).unwrap();
        assert!(write_cloud(&path, &wide).unwrap_err().to_string().contains("2 or 3 coordinates, not 4"));
        let mesh = Mesh { cloud, faces: Faces::default(), colors: Some(vec![[0; 4]]) };
        assert!(write_ply(&path, &mesh).unwrap_err().to_string().contains("colors: expected 2"));
        let mesh = Mesh { faces: Faces { corners: vec![0, 1, 2], sizes: vec![3] }, colors: None, ..mesh };
        assert!(write_ply(&path, &mesh).unwrap_err().to_string().contains("corners below 2"));
        let mesh = Mesh { faces: Faces { corners: vec![0, 1], sizes: vec![2] }, ..mesh };
        assert!(write_ply(&path, &mesh).unwrap_err().to_string().contains("at least 3 corners"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
