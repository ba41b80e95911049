//! Paths between clouds as NPZ archives, which are also read back as clouds: the last frame.

use std::path::Path;

use super::{Data, Member, write_npz};
use crate::error::Result;
use crate::geodesic;

/// Writes frames (k, n, d) of a path at `times` (k,): `times`, `points` (k, n, d), `weights` (n,), `second_moments`
/// (k, d, d), and `rows` (n,), `columns` (n,), the rows of the two clouds that each particle goes between, as given
/// (they may be those of files of which the clouds are samples); all float64, and the text `meta` (JSON by convention).
/// The bytes depend on the arguments alone. Errors: other numbers of frames, rows or columns, those of [`write_npz`].
///
/// ```
/// use gromov::{Geodesic, Measure, io, ot::Plan};
/// let x = Measure::uniform(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2)?;
/// let y = x.linear_image(&[0.5, 0.0, 0.0, 0.5], 2)?;
/// let path = Geodesic::default().solve(&x, &y, &Plan::identity(x.weights()), &mut ())?;
/// let file = std::env::temp_dir().join("gromov_io_path_doctest.npz");
/// let times = [0.0, 0.5, 1.0];
/// io::write_path(&file, &path, (&times, &path.frames(&times)?), (&path.plan.rows, &path.plan.columns), "{}")?;
/// let end = io::read(&file, &io::ReadOptions::default())?;
/// assert!(end.points().iter().zip(y.points()).all(|(a, b)| (a - b).abs() < 1e-12));
/// # std::fs::remove_file(&file).unwrap();
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn write_path(
    file: &Path,
    path: &geodesic::Path,
    (times, frames): (&[f64], &[f64]),
    (rows, columns): (&[usize], &[usize]),
    meta: &str,
) -> Result<()> {
    let (k, n, d) = (times.len(), path.len(), path.dim);
    let moments = path.second_moments(frames)?;
    let numbers = |index: &[usize]| -> Vec<f64> { index.iter().map(|i| *i as f64).collect() };
    let (rows, columns) = (numbers(rows), numbers(columns));
    let array = |name, shape, data| Member { name, shape, data: Data::F64(data) };
    write_npz(
        file,
        &[
            array("times", &[k], times),
            array("points", &[k, n, d], frames),
            array("weights", &[n], &path.weights),
            array("second_moments", &[k, d, d], &moments),
            array("rows", &[n], &rows),
            array("columns", &[n], &columns),
            Member { name: "meta", shape: &[], data: Data::Text(meta) },
        ],
    )
}
