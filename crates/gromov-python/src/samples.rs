//! Built-in clouds.

use gromov::measure::sample;
use gromov::memory::Need;
use numpy::PyArray2;
use pyo3::prelude::*;

use crate::convert::array2;
use crate::error::raise;
use crate::memory::fits;

/// Bytes of a number.
const WORD: usize = 8;

/// n points of the cloud `name`, (n, d); n and d count where the cloud has a choice.
#[pyfunction]
fn sample_of<'py>(
    py: Python<'py>,
    name: &str,
    n: Option<usize>,
    d: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let bytes = 3.0 * (WORD * d) as f64 * n.unwrap_or(0) as f64;
    fits("datasets", &Need::default().and("points", bytes), None, "ask for fewer points (n)")?;
    let made = py.detach(|| match (name, n) {
        ("horse", Some(n)) => sample::horse(n, seed),
        ("bunny", None) => sample::bunny(),
        ("bunny", Some(n)) => sample::subsample(&sample::bunny()?, n, seed),
        ("gaussian", Some(n)) => sample::gaussian(n, d, seed),
        ("ball", Some(n)) => sample::ball(n, d, seed),
        _ => sample::horse_silhouette(),
    });
    let cloud = made.map_err(raise)?;
    array2(py, cloud.points().to_vec(), cloud.dim())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sample_of, module)?)
}
