//! Gaussians in closed form.

use gromov::flow::gaussian::{Flow, Functional};
use gromov::geodesic::gaussian::Geodesic;
use gromov::{Energy, barycenter};
use numpy::{PyArray2, PyArray3};
use pyo3::prelude::*;

use crate::convert::{Numbers, Rows, array2, array3, numbers};
use crate::energy::Terms;
use crate::error::{GromovError, raise, renamed};
use crate::flow::metric_of;

/// IGW² and IGW.
#[pyfunction]
fn gaussian_distance(cov0: Rows<'_>, cov1: Rows<'_>) -> PyResult<(f64, f64)> {
    let path = geodesic(&cov0, &cov1)?;
    Ok((path.squared(), path.distance()))
}

fn geodesic(cov0: &Rows<'_>, cov1: &Rows<'_>) -> PyResult<Geodesic> {
    let made = Geodesic::new(&numbers(cov0)?, &numbers(cov1)?);
    made.map_err(|e| raise(renamed(e, &[("cov", "cov0"), ("other", "cov1")])))
}

/// Covariances at these times, (k, d, d).
#[pyfunction]
fn gaussian_geodesic<'py>(
    py: Python<'py>,
    cov0: Rows<'py>,
    cov1: Rows<'py>,
    times: Numbers<'py>,
) -> PyResult<Bound<'py, PyArray3<f64>>> {
    let path = geodesic(&cov0, &cov1)?;
    let covariances =
        times.as_slice()?.iter().map(|t| path.covariance(*t)).collect::<gromov::Result<Vec<_>>>();
    array3(py, covariances.map_err(raise)?.concat(), path.d, path.d)
}

/// Covariances of the flow of a quadratic form and an entropy at these times, (k, d, d).
#[pyfunction]
fn gaussian_flow<'py>(
    py: Python<'py>,
    cov0: Rows<'py>,
    terms: &Bound<'py, PyAny>,
    times: Numbers<'py>,
    metric: &str,
) -> PyResult<Bound<'py, PyArray3<f64>>> {
    let d = cov0.as_array().ncols();
    let (sum, _) =
        Terms::new(terms)?.make(Some(d), None, false).map_err(|e| raise(renamed(e, &[("x", "cov0")])))?;
    let Some(form) = sum.quadratic_form(d) else {
        let name = sum.name();
        return Err(GromovError::new_err(format!(
            "energy: {name} has no flow of Gaussians; expected a sum of Quadratic and KLGaussian about the origin and Entropy"
        )));
    };
    let (cov, times) = (numbers(&cov0)?, times.as_slice()?);
    let run = || {
        let flow = Flow::new(&Functional::new(sum.diffusion(), &form)?, &cov, metric_of(metric))?;
        times.iter().map(|t| Ok(flow.at(*t)?.covariance)).collect::<gromov::Result<Vec<_>>>()
    };
    let covariances = run().map_err(|e| raise(renamed(e, &[("cov", "cov0")])))?;
    array3(py, covariances.concat(), d, d)
}

/// The covariance of the barycentre, (d, d).
#[pyfunction]
fn gaussian_barycenter<'py>(
    py: Python<'py>,
    covs: Vec<Rows<'py>>,
    lambdas: Option<Numbers<'py>>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let covs = covs.iter().map(numbers).collect::<PyResult<Vec<_>>>()?;
    let slices: Vec<&[f64]> = covs.iter().map(Vec::as_slice).collect();
    let lambdas = lambdas.as_ref().map(|l| l.as_slice()).transpose()?;
    let mean = barycenter::gaussian::barycenter(&slices, lambdas).map_err(raise)?;
    array2(py, mean.covariance, mean.d)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gaussian_distance, module)?)?;
    module.add_function(wrap_pyfunction!(gaussian_geodesic, module)?)?;
    module.add_function(wrap_pyfunction!(gaussian_flow, module)?)?;
    module.add_function(wrap_pyfunction!(gaussian_barycenter, module)?)
}
