//! Reading point clouds, writing results.
//!
//! | ending | read | written |
//! | --- | --- | --- |
//! | `.csv`, `.tsv` | one point a row, optional header, weights in the column `w`, `weight` or `weights` | clouds; frames (`time,i,x1..xd,w`), plans (`i,j,mass`) |
//! | `.npy` | (n, d) numbers of any width and byte order, C or Fortran order | float64, C order |
//! | `.npz` | `points` (n, d), optional `weights` (n,); of a trajectory (k, n, d) the last frame | clouds, trajectories; float64 arrays and texts, readable without pickle |
//! | `.ply` | vertices `x`, `y`, optional `z`, optional `weight` or `w`; ascii and binary; faces and colours | clouds, meshes; binary, double |
//! | `.obj` | vertices; faces and colours | |
//! | `.xyz` | molecules (one frame), or plain `x y z` or `x y` | |
//! | `.png` | pixels darker than white, or lighter than black, weighted by the difference | |
//!
//! Readers work under [`Limits`]: sizes that a header claims are compared with the real size of the
//! file before memory is reserved. Writers replace the target in one step: an interrupted run leaves
//! the old file or the new one. Errors are one line, [`Error::File`](crate::Error::File), with what to
//! do.

mod atomic;
mod certificate;
mod checkpoint;
mod delimited;
mod journal;
mod limits;
mod lines;
mod mesh;
mod npy;
mod npy_header;
mod npz;
mod obj;
mod path;
mod ply;
mod png;
mod trajectory;
mod write;
mod xyz;

use std::path::Path;

pub use atomic::{check_writable, is_stream, write_atomic};
pub use certificate::{read_certificate, write_certificate};
pub use checkpoint::{Texts, read_checkpoint, read_checkpoint_bytes, write_checkpoint};
pub use delimited::{write_frames_csv, write_plan_csv};
pub use journal::{Journal, read_journal_bytes};
pub use limits::Limits;
pub use mesh::{Faces, Mesh, read_mesh, read_mesh_bytes};
pub use npy::write_npy;
pub use npz::{Data, Member, write_npz};
pub use path::write_path;
pub use trajectory::{trajectory_meta, write_trajectory};
pub use write::{check_cloud_fits, check_cloud_writable, write_cloud, write_ply};

use crate::error::Result;
use crate::measure::Measure;
use limits::{Source, shorten};

/// How files are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The most that is accepted.
    pub limits: Limits,
    /// Rescale weights of any positive sum to sum one; otherwise the sum must be one within 1e-9. Pictures
    /// (`.png`) are always rescaled: the darkness of their pixels has no other total than its sum.
    pub normalize: bool,
    /// Name of the column (`.csv`, `.tsv`), array (`.npz`) or vertex property (`.ply`) that holds the
    /// weights, instead of the usual ones: an exact match, else the only one that differs in case. With
    /// it, `w`, `weight` and `weights` are coordinates (text) or passed over. Errors: a file without
    /// this name, text without a header. Formats without names (`.npy`, `.obj`, `.xyz`, `.png`) do not read it.
    pub weights_column: Option<String>,
    /// In a picture (`.png`), light pixels on a dark ground carry the weight; dark on light otherwise.
    /// Other formats do not read it.
    pub invert: bool,
}

/// A row-major (rows, cols) matrix of finite numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The entries, `rows * cols` of them.
    pub data: Vec<f64>,
    /// Number of rows, at least one.
    pub rows: usize,
    /// Number of columns, at least one.
    pub cols: usize,
}

/// What a file holds, before it is checked as a measure.
#[derive(Default)]
struct Cloud {
    points: Vec<f64>,
    dim: usize,
    weights: Option<Vec<f64>>,
    /// Faces and colours are read for a mesh only.
    faces: Faces,
    colors: Option<Vec<[u8; 4]>>,
    /// Names of the coordinates, where the file has them.
    names: Vec<String>,
}

enum Format {
    Delimited(u8),
    Npy,
    Npz,
    Ply,
    Obj,
    Xyz,
    Png,
}

/// Endings that are read, for messages.
const ENDINGS: &str = ".csv .tsv .npy .npz .ply .obj .xyz .png";

/// Reads a point cloud, in the format that the ending of the name says (any case). Time and memory
/// are proportional to the size of the file. Errors: [`Error::File`](crate::Error::File), with the
/// line or the member where known: a file that is missing, unreadable, malformed or beyond the
/// limits; coordinates that are not finite; weights that are negative or of another sum than one.
///
/// ```
/// let path = std::env::temp_dir().join("gromov_io_read_doctest.csv");
/// gromov::io::write_atomic(&path, |out| out.write_all(b"x,y,w\n3,4,0.5\n-3,-4,0.5\n"))?;
/// let mu = gromov::io::read(&path, &gromov::io::ReadOptions::default())?;
/// assert_eq!(mu.second_moment(), vec![9.0, 12.0, 12.0, 16.0]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn read(path: &Path, options: &ReadOptions) -> Result<Measure> {
    read_source(&Source { path, content: None, options, member: None })
}

/// Reads a point cloud from bytes in memory, in the format that the ending of `name` says: the same
/// limits, results and messages as [`read`] of a file of this name and content. No file is touched.
///
/// ```
/// use gromov::io::{ReadOptions, read_bytes};
/// let mu = read_bytes("a.csv".as_ref(), b"3,4\n-3,-4\n", &ReadOptions::default())?;
/// assert_eq!(mu.second_moment(), vec![9.0, 12.0, 12.0, 16.0]);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn read_bytes(name: &Path, bytes: &[u8], options: &ReadOptions) -> Result<Measure> {
    read_source(&Source { path: name, content: Some(bytes), options, member: None })
}

/// Reads a point cloud as [`read`] does, with the names of its coordinates, (d), from the header of a text;
/// none where there is no header or the format has no names.
pub fn read_named(path: &Path, options: &ReadOptions) -> Result<(Measure, Vec<String>)> {
    let source = Source { path, content: None, options, member: None };
    let mut cloud = parse(&source, false)?;
    let names = std::mem::take(&mut cloud.names);
    Ok((measure(&source, cloud)?, names))
}

fn read_source(source: &Source<'_>) -> Result<Measure> {
    measure(source, parse(source, false)?)
}

/// Reads what the format holds; faces and colours only for a `mesh`.
fn parse(source: &Source<'_>, mesh: bool) -> Result<Cloud> {
    source.check_kind()?;
    match format(source)? {
        Format::Delimited(delimiter) => delimited::read(source, delimiter),
        Format::Npy => npy::read(source),
        Format::Npz => npz::read(source),
        Format::Ply => ply::read(source, mesh),
        Format::Obj => obj::read(source, mesh),
        Format::Xyz => xyz::read(source),
        Format::Png => png::read(source),
    }
}

/// The cloud of a file as a measure. The weights of a picture have no other total than their sum, and are
/// divided by it.
fn measure(source: &Source<'_>, cloud: Cloud) -> Result<Measure> {
    source.check_dim(cloud.dim)?;
    let rescale = source.options.normalize || matches!(format(source)?, Format::Png);
    let measure = match cloud.weights {
        None => Measure::uniform(cloud.points, cloud.dim),
        Some(weights) if rescale => Measure::normalized(cloud.points, cloud.dim, weights),
        Some(weights) => Measure::weighted(cloud.points, cloud.dim, weights),
    };
    measure.map_err(|e| source.fault(e))
}

/// Reads a matrix from `.csv`, `.tsv` (all columns, header optional) or `.npy`. Errors: those of
/// [`read`]. A weights column is not looked for: it is a column as any other.
pub fn read_matrix(path: &Path, options: &ReadOptions) -> Result<Matrix> {
    read_matrix_source(&Source { path, content: None, options, member: None })
}

/// Reads a matrix from bytes in memory; see [`read_bytes`]. Errors: those of [`read_matrix`].
pub fn read_matrix_bytes(name: &Path, bytes: &[u8], options: &ReadOptions) -> Result<Matrix> {
    read_matrix_source(&Source { path: name, content: Some(bytes), options, member: None })
}

fn read_matrix_source(source: &Source<'_>) -> Result<Matrix> {
    source.check_kind()?;
    let matrix = match format(source)? {
        Format::Delimited(delimiter) => delimited::read_matrix(source, delimiter),
        Format::Npy => npy::read_matrix(source),
        _ => Err(source.fault("a matrix is read from .csv, .tsv or .npy; convert the file to one of these")),
    }?;
    if let Some(at) = matrix.data.iter().position(|x| !x.is_finite()) {
        let (row, column) = (at / matrix.cols, at % matrix.cols);
        return Err(source.fault(format!(
            "entry ({row}, {column}) of the matrix is not a finite number; give it a value"
        )));
    }
    Ok(matrix)
}

fn format(source: &Source<'_>) -> Result<Format> {
    let ending = source.path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(Format::Delimited(b',')),
        Some("tsv") => Ok(Format::Delimited(b'\t')),
        Some("npy") => Ok(Format::Npy),
        Some("npz") => Ok(Format::Npz),
        Some("ply") => Ok(Format::Ply),
        Some("obj") => Ok(Format::Obj),
        Some("xyz") => Ok(Format::Xyz),
        Some("png") => Ok(Format::Png),
        other => {
            let what = match other {
                Some(ending) => format!("files ending in .{} are not read", shorten(ending)),
                None => "the name has no ending that tells the format".into(),
            };
            Err(source.fault(format!("{what}; formats that are read: {ENDINGS}")))
        }
    }
}
