//! L, its inverse and the metric.

use gromov::mobility::Mobility;
use numpy::{PyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::convert::{Numbers, Rows, array2, cloud, numbers};
use crate::enter::{QUICK, enter};
use crate::error::renamed;

/// L[v] at the points, (n, d).
#[pyfunction]
fn mobility<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    v: Rows<'py>,
    weights: Option<Numbers<'py>>,
    normalize: bool,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rho, v) = (cloud(&x, weights.as_ref(), normalize, ("x", "weights"))?, numbers(&v)?);
    let out = enter(py, &QUICK, move |_| Mobility::new(&rho, 0.0)?.apply(&v))?;
    array2(py, out, x.shape()[1])
}

/// L⁻¹[w], (n, d), and the part of w that was projected away, relative.
#[pyfunction]
fn mobility_inverse<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    w: Rows<'py>,
    weights: Option<Numbers<'py>>,
    floor: f64,
    normalize: bool,
) -> PyResult<(Bound<'py, PyArray2<f64>>, f64)> {
    let (rho, field) = (cloud(&x, weights.as_ref(), normalize, ("x", "weights"))?, numbers(&w)?);
    let out = enter(py, &QUICK, move |_| {
        let inverse = Mobility::new(&rho, floor)?.inverse(&field);
        inverse.map_err(|e| renamed(e, &[("v", "w")]))
    })?;
    Ok((array2(py, out.velocity, x.shape()[1])?, out.skew))
}

/// ⟨u, L v⟩.
#[pyfunction]
fn metric(
    py: Python<'_>,
    x: Rows<'_>,
    u: Rows<'_>,
    v: Rows<'_>,
    weights: Option<Numbers<'_>>,
    normalize: bool,
) -> PyResult<f64> {
    let rho = cloud(&x, weights.as_ref(), normalize, ("x", "weights"))?;
    let (u, v) = (numbers(&u)?, numbers(&v)?);
    enter(py, &QUICK, move |_| Mobility::new(&rho, 0.0)?.inner(&u, &v))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(mobility, module)?)?;
    module.add_function(wrap_pyfunction!(mobility_inverse, module)?)?;
    module.add_function(wrap_pyfunction!(metric, module)?)
}
