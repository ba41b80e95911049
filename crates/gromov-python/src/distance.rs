//! The IGW distance.

use std::time::{Duration, Instant};

use gromov::igw::{Alternating, Auto, Global, Solution};
use gromov::memory::Need;
use gromov::solve::Observer;
use gromov::{Error, Measure, report};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::convert::{Numbers, Rows, array1, array2, cloud, numbers, pickled, unpickled};
use crate::enter::{Call, cores, enter, inside};
use crate::error::{GromovError, raise, renamed};
use crate::memory::fits;

/// A solution with the clouds it is of.
#[pyclass(frozen, module = "gromov._core")]
#[derive(Serialize, Deserialize)]
pub struct Distance {
    x: Measure,
    y: Measure,
    center: bool,
    seconds: f64,
    solution: Solution,
}

/// Which search, with its options.
#[derive(Clone, Serialize, Deserialize)]
pub struct Search {
    pub method: String,
    pub starts: Option<usize>,
    pub seed: u64,
    pub tol: f64,
    pub max_iter: Option<usize>,
    pub time_limit: Option<Duration>,
    pub center: bool,
}

impl Search {
    fn local(&self) -> Alternating {
        let Search { starts, seed, tol, time_limit, center, .. } = *self;
        let mut local = Alternating { starts, seed, tol, time_limit, center, ..Alternating::default() };
        if let Some(cap) = self.max_iter {
            local.max_iter = cap;
        }
        local
    }

    /// What it takes in memory.
    pub fn need(&self, x: &Measure, y: &Measure, threads: Option<usize>) -> Need {
        let threads = threads.unwrap_or_else(cores);
        self.local().need((x.len(), x.dim()), (y.len(), y.dim()), threads)
    }

    pub fn solve(&self, x: &Measure, y: &Measure, observer: &mut dyn Observer) -> gromov::Result<Solution> {
        let Search { starts, seed, tol, time_limit, center, .. } = *self;
        let local = self.local();
        match self.method.as_str() {
            "local" => local.solve(x, y, observer),
            "auto" => Auto { local }.solve(x, y, observer),
            _ => {
                let max_nodes = self.max_iter;
                Global { tol, starts, seed, max_nodes, time_limit, center, ..Global::default() }
                    .solve(x, y, observer)
            }
        }
    }
}

/// A limit of time in seconds. Errors: not a number, or negative.
pub fn duration(option: &str, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) => Ok(Some(limit)),
        Err(_) => {
            Err(GromovError::new_err(format!("{option}: {seconds:?} is not allowed; expected seconds >= 0")))
        }
    }
}

/// Computes the distance.
#[pyfunction]
#[pyo3(signature = (x, y, a, b, *, center, method, starts, seed, tol, max_iter, time_limit, threads, normalize, progress, max_memory))]
fn igw(
    py: Python<'_>,
    x: Rows<'_>,
    y: Rows<'_>,
    a: Option<Numbers<'_>>,
    b: Option<Numbers<'_>>,
    center: bool,
    method: &str,
    starts: Option<usize>,
    seed: u64,
    tol: f64,
    max_iter: Option<usize>,
    time_limit: Option<f64>,
    threads: Option<usize>,
    normalize: bool,
    progress: Option<Py<PyAny>>,
    max_memory: Option<u64>,
) -> PyResult<Distance> {
    let x = cloud(&x, a.as_ref(), normalize, ("x", "a"))?;
    let y = cloud(&y, b.as_ref(), normalize, ("y", "b"))?;
    let time_limit = duration("time_limit", time_limit)?;
    let search = Search { method: method.into(), starts, seed, tol, max_iter, time_limit, center };
    fits(
        "igw",
        &search.need(&x, &y, threads),
        max_memory,
        "take a sample of the points, or raise max_memory",
    )?;
    enter(py, &Call { threads, progress }, move |caller| {
        let clock = Instant::now();
        let solution = search.solve(&x, &y, caller)?;
        Ok(Distance { x, y, center, seconds: clock.elapsed().as_secs_f64(), solution })
    })
}

#[pymethods]
impl Distance {
    /// All that is said in numbers and words.
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (sol, (dx, dy)) = (&self.solution, (self.x.dim(), self.y.dim()));
        let out = PyDict::new(py);
        out.set_item("squared", sol.squared)?;
        out.set_item("distance", sol.distance)?;
        out.set_item("lower_bound", sol.lower_bound)?;
        out.set_item("rounding", sol.rounding)?;
        out.set_item("gap", sol.gap)?;
        out.set_item("certified", sol.certified)?;
        out.set_item("status", sol.status.as_str())?;
        out.set_item("method", name(sol))?;
        out.set_item("iterations", sol.iterations)?;
        out.set_item("nodes", sol.nodes)?;
        out.set_item("starts", sol.starts)?;
        out.set_item("hits", sol.hits)?;
        out.set_item("reflected", sol.reflected)?;
        out.set_item("cross_moment", array2(py, sol.cross_moment.clone(), dy)?)?;
        out.set_item("rotation", array2(py, sol.rotation.clone(), dy)?)?;
        debug_assert_eq!(sol.rotation.len(), dx * dy);
        let alternatives: Vec<_> = sol.alternatives.iter().map(|o| (o.squared, o.reflected)).collect();
        out.set_item("alternatives", alternatives)?;
        out.set_item("seconds", self.seconds)?;
        Ok(out)
    }

    /// Means that were removed from both clouds.
    fn means<'py>(&self, py: Python<'py>) -> (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>) {
        let (x, y) = &self.solution.means;
        (array1(py, x.clone()), array1(py, y.clone()))
    }

    /// The plan: rows, columns, masses.
    fn plan(&self) -> (Vec<usize>, Vec<usize>, Vec<f64>) {
        let plan = &self.solution.plan;
        (plan.rows.clone(), plan.columns.clone(), plan.mass.clone())
    }

    /// The clouds and their weights.
    fn clouds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let one = |c: &Measure| -> PyResult<_> {
            Ok((array2(py, c.points().to_vec(), c.dim())?, array1(py, c.weights().to_vec())))
        };
        Ok((one(&self.x)?, one(&self.y)?).into_pyobject(py)?.into_any())
    }

    /// R without mirror images.
    fn proper_rotation<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        array2(py, self.solution.proper_rotation().map_err(raise)?, self.y.dim())
    }

    /// Rows of x-space in y-space.
    fn transform<'py>(
        &self,
        py: Python<'py>,
        new: Rows<'py>,
        proper: bool,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (sol, columns) = (&self.solution, new.as_array().ncols());
        if columns != self.x.dim() {
            let (expected, got) = (format!("(n, {})", self.x.dim()), format!("{columns} columns"));
            return Err(raise(Error::Shape { argument: "new".into(), expected, got }));
        }
        let rows = numbers(&new)?;
        let moved = inside(py, || match proper {
            true => sol.proper_rotation().and_then(|r| sol.transform_by(&r, &rows)),
            false => sol.transform(&rows),
        })?;
        array2(py, moved.map_err(|e| raise(renamed(e, &[("points", "new")])))?, self.y.dim())
    }

    /// The page of the command line.
    fn page(&self, py: Python<'_>, title: &str, names: (String, String)) -> PyResult<String> {
        let (clouds, names) = ((&self.x, &self.y), (names.0.as_str(), names.1.as_str()));
        let page = || report::distance::page(title, names, clouds, &self.solution, self.center)?.render();
        inside(py, page)?.map_err(raise)
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

/// How the method is called in JSON.
fn name(sol: &Solution) -> &'static str {
    use gromov::igw::Method;
    match sol.method {
        Method::Line => "line",
        Method::Global => "global",
        _ => "local",
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Distance>()?;
    module.add_function(wrap_pyfunction!(igw, module)?)
}
