//! `gromov._core`: the library for Python. Public functions, docstrings and results are in `python/gromov`; here is
//! one file for each module of the core, [`enter`] (threads, Ctrl-C, calls back), [`convert`] and [`error`].

mod barycenter;
mod convert;
mod distance;
mod energy;
mod enter;
mod error;
mod files;
mod flow;
mod gaussian;
mod geodesic;
mod memory;
mod mobility;
mod pairwise;
mod program;
mod samples;

use pyo3::prelude::*;

/// The module.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    barycenter::register(module)?;
    distance::register(module)?;
    energy::register(module)?;
    files::register(module)?;
    memory::register(module)?;
    flow::register(module)?;
    gaussian::register(module)?;
    geodesic::register(module)?;
    mobility::register(module)?;
    pairwise::register(module)?;
    samples::register(module)?;
    program::register(module)
}
