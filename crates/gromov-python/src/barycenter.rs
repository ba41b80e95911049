//! Barycentres on free points, and intrinsic means of labelled clouds.

use std::path::PathBuf;
use std::time::Instant;

use gromov::barycenter::{IntrinsicMean, Solution};
use gromov::{Measure, io, report};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::convert::{Array1, Array2, Numbers, Rows, array1, array2, cloud, pickled, unpickled};
use crate::distance::duration;
use crate::enter::{Call, QUICK, enter};
use crate::error::renamed;
use crate::memory::fits;

/// A barycentre with the clouds it is of.
#[pyclass(frozen, module = "gromov._core")]
#[derive(Serialize, Deserialize)]
pub struct Barycenter {
    clouds: Vec<Measure>,
    seconds: f64,
    solution: Solution,
}

/// A cloud and its weights as they come from Python.
type Weighted<'py> = (Rows<'py>, Option<Numbers<'py>>);

/// The clouds; errors name `clouds[k]` and `weights[k]`.
fn measures(clouds: &[Weighted<'_>], normalize: bool) -> PyResult<Vec<Measure>> {
    let one = |(k, (points, weights)): (usize, &Weighted<'_>)| {
        let names = (format!("clouds[{k}]"), format!("weights[{k}]"));
        cloud(points, weights.as_ref(), normalize, (&names.0, &names.1))
    };
    clouds.iter().enumerate().map(one).collect()
}

/// Numbers, or none.
fn maybe(numbers: Option<Numbers<'_>>) -> PyResult<Option<Vec<f64>>> {
    Ok(numbers.map(|n| n.as_slice().map(<[f64]>::to_vec)).transpose()?)
}

/// Finds a barycentre.
#[pyfunction]
#[pyo3(signature = (clouds, lambdas, *, point_weights, n_points, dim, starts, seed, tol, max_iter, time_limit, center, threads, normalize, progress, max_memory))]
fn barycenter(
    py: Python<'_>,
    clouds: Vec<Weighted<'_>>,
    lambdas: Option<Numbers<'_>>,
    point_weights: Option<Numbers<'_>>,
    n_points: Option<usize>,
    dim: Option<usize>,
    starts: Option<usize>,
    seed: u64,
    tol: f64,
    max_iter: usize,
    time_limit: Option<f64>,
    center: bool,
    threads: Option<usize>,
    normalize: bool,
    progress: Option<Py<PyAny>>,
    max_memory: Option<u64>,
) -> PyResult<Barycenter> {
    let clouds = measures(&clouds, normalize)?;
    let options = gromov::Barycenter {
        n_points,
        weights: maybe(point_weights)?,
        dim,
        lambdas: maybe(lambdas)?,
        starts,
        seed,
        tol,
        max_iter,
        time_limit: duration("time_limit", time_limit)?,
        center,
        ..gromov::Barycenter::default()
    };
    let sizes: Vec<_> = clouds.iter().map(|c| (c.len(), c.dim())).collect();
    let advice = "take a sample of the points, ask for fewer (n_points), or raise max_memory";
    fits("barycenter", &options.need(&sizes), max_memory, advice)?;
    enter(py, &Call { threads, progress }, move |caller| {
        let clock = Instant::now();
        let solved = options.solve(&clouds, caller);
        let solution = solved.map_err(|e| renamed(e, &[("weights", "point_weights")]))?;
        Ok(Barycenter { clouds, seconds: clock.elapsed().as_secs_f64(), solution })
    })
}

#[pymethods]
impl Barycenter {
    /// All that is said in numbers, words and arrays.
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (sol, out) = (&self.solution, PyDict::new(py));
        out.set_item("points", array2(py, sol.points.clone(), sol.dim)?)?;
        out.set_item("weights", array1(py, sol.weights.clone()))?;
        out.set_item("objective", sol.objective)?;
        out.set_item("lower_bound", sol.lower_bound)?;
        out.set_item("rounding", sol.rounding)?;
        out.set_item("status", sol.status.as_str())?;
        out.set_item("iterations", sol.iterations)?;
        out.set_item("starts", sol.starts)?;
        out.set_item("hits", sol.hits)?;
        out.set_item("trace", array1(py, sol.trace.clone()))?;
        out.set_item("lambdas", array1(py, sol.lambdas.clone()))?;
        out.set_item("squared", array1(py, sol.squared.clone()))?;
        let of = sol.rotations.iter().zip(&self.clouds);
        let rotations: PyResult<Vec<_>> = of.map(|(r, c)| array2(py, r.clone(), c.dim())).collect();
        out.set_item("rotations", rotations?)?;
        let means: Vec<_> = sol.means.iter().map(|m| array1(py, m.clone())).collect();
        out.set_item("means", means)?;
        out.set_item("seconds", self.seconds)?;
        Ok(out)
    }

    /// The plan to cloud k: rows, columns, masses.
    fn plan(&self, k: usize) -> (Vec<usize>, Vec<usize>, Vec<f64>) {
        let plan = &self.solution.plans[k];
        (plan.rows.clone(), plan.columns.clone(), plan.mass.clone())
    }

    /// Cloud k and its weights.
    fn cloud<'py>(&self, py: Python<'py>, k: usize) -> PyResult<(Array2<'py>, Array1<'py>)> {
        let c = &self.clouds[k];
        Ok((array2(py, c.points().to_vec(), c.dim())?, array1(py, c.weights().to_vec())))
    }

    /// The page of the command line.
    fn page(slf: &Bound<'_, Self>, title: String, names: Vec<String>) -> PyResult<String> {
        let this = slf.clone().unbind();
        enter(slf.py(), &QUICK, move |_| {
            let Barycenter { clouds, solution, .. } = this.get();
            report::barycenter::page(&title, &names, clouds, solution)?.render()
        })
    }

    /// Writes points and weights in the format of the ending.
    fn save(slf: &Bound<'_, Self>, file: PathBuf) -> PyResult<()> {
        let this = slf.clone().unbind();
        enter(slf.py(), &QUICK, move |_| io::write_cloud(&file, &this.get().solution.cloud()?))
    }

    fn __getstate__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &pickled(self)?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let load = py.get_type::<Self>().getattr("load")?;
        Ok((load, (slf.get().__getstate__(py)?,)).into_pyobject(py)?.into_any())
    }

    /// From what `pickle` kept.
    #[staticmethod]
    fn load(state: &[u8]) -> PyResult<Self> {
        unpickled(state)
    }
}

/// Finds the intrinsic mean of labelled clouds.
#[pyfunction]
#[pyo3(signature = (clouds, weights, lambdas, *, tol, max_iter, threads, normalize, progress))]
fn intrinsic_mean<'py>(
    py: Python<'py>,
    clouds: Vec<Rows<'py>>,
    weights: Option<Numbers<'py>>,
    lambdas: Option<Numbers<'py>>,
    tol: f64,
    max_iter: usize,
    threads: Option<usize>,
    normalize: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let one = |(k, points): (usize, &Rows<'py>)| {
        cloud(points, weights.as_ref(), normalize, (&format!("clouds[{k}]"), "weights"))
    };
    let clouds = clouds.iter().enumerate().map(one).collect::<PyResult<Vec<_>>>()?;
    let options = IntrinsicMean { lambdas: maybe(lambdas)?, tol, max_iter, ..IntrinsicMean::default() };
    let (mean, seconds) = enter(py, &Call { threads, progress }, move |caller| {
        let clock = Instant::now();
        Ok((options.solve(&clouds, caller)?, clock.elapsed().as_secs_f64()))
    })?;
    let out = PyDict::new(py);
    out.set_item("points", array2(py, mean.points, mean.dim)?)?;
    out.set_item("weights", array1(py, mean.weights))?;
    out.set_item("objective", mean.objective)?;
    out.set_item("squared", array1(py, mean.squared))?;
    out.set_item("gradient", mean.gradient)?;
    out.set_item("status", mean.status.as_str())?;
    out.set_item("trace", array1(py, mean.trace))?;
    out.set_item("shortened", mean.shortened)?;
    out.set_item("seconds", seconds)?;
    Ok(out)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Barycenter>()?;
    module.add_function(wrap_pyfunction!(barycenter, module)?)?;
    module.add_function(wrap_pyfunction!(intrinsic_mean, module)?)
}
