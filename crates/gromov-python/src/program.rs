//! The command line.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the program with these arguments, its name first; returns the exit code.
#[pyfunction]
fn program(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| gromov_cli::run(arguments))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(program, module)?)
}
