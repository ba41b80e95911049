//! What a call will take in memory, before it begins.

use gromov::memory::{self, Need};
use pyo3::prelude::*;

pyo3::import_exception!(gromov._errors, MemoryLimitError);

/// Needs that are not worth asking the system about, in bytes.
const SMALL: f64 = 64e6;

/// Raises `gromov.MemoryLimitError`, which carries the numbers, where the call needs more than `limit` bytes; `None`: what is
/// free.
pub fn fits(what: &'static str, need: &Need, limit: Option<u64>, advice: &'static str) -> PyResult<()> {
    let limit = match limit {
        None if need.bytes() > SMALL => memory::available(),
        given => given,
    };
    need.check(what, limit, advice).map_err(|error| {
        let parts: Vec<(&str, f64)> = need.parts.clone();
        MemoryLimitError::new_err((error.to_string(), need.bytes(), limit, parts))
    })
}

/// The memory that is free, in bytes.
#[pyfunction]
fn available_memory(py: Python<'_>) -> Option<u64> {
    py.detach(memory::available)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(available_memory, module)?)
}
