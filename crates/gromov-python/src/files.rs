//! Clouds in files.

use std::path::PathBuf;

use gromov::io::{self, Limits, ReadOptions};
use pyo3::prelude::*;

use crate::convert::{Array1, Array2, array1, array2};
use crate::error::raise;

/// Points and weights of a file.
#[pyfunction]
fn read<'py>(
    py: Python<'py>,
    path: PathBuf,
    weights: Option<String>,
    normalize: bool,
    invert: bool,
    max_bytes: Option<u64>,
) -> PyResult<(Array2<'py>, Array1<'py>)> {
    let mut limits = Limits::default();
    if let Some(bytes) = max_bytes {
        limits.bytes = bytes;
    }
    let options = ReadOptions { limits, normalize, weights_column: weights, invert };
    let cloud = py.detach(|| io::read(&path, &options)).map_err(raise)?;
    let (points, dim) = (cloud.points().to_vec(), cloud.dim());
    Ok((array2(py, points, dim)?, array1(py, cloud.weights().to_vec())))
}

/// Writes text as every output is written: beside its target, and renamed.
#[pyfunction]
fn write_text(py: Python<'_>, path: PathBuf, text: &str) -> PyResult<()> {
    py.detach(|| io::write_atomic(&path, |out| out.write_all(text.as_bytes()))).map_err(raise)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read, module)?)?;
    module.add_function(wrap_pyfunction!(write_text, module)?)
}
