//! All distances of a list of clouds: in threads here, or block by block for executors of Python.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gromov::Pairwise;
use gromov::io::{Journal, ReadOptions};
use gromov::pairwise::{Cloud, Method, Record, Schedule, Solution};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::convert::{Numbers, Rows, array2, cloud, pickled, unpickled};
use crate::distance::duration;
use crate::enter::{Call, enter, inside};
use crate::error::{GromovError, raise};
use crate::memory::fits;

/// A cloud as Python hands it over: points and weights, or why there are none.
#[derive(FromPyObject)]
enum Given<'py> {
    #[pyo3(transparent)]
    Reason(String),
    Cloud(Rows<'py>, Option<Numbers<'py>>),
}

fn clouds(py: Python<'_>, given: Vec<Given<'_>>, normalize: bool) -> Vec<Cloud> {
    let one = |given: Given<'_>| match given {
        Given::Reason(reason) => Err(reason),
        Given::Cloud(points, weights) => cloud(&points, weights.as_ref(), normalize, ("points", "weights"))
            .map_err(|e| e.value(py).to_string()),
    };
    given.into_iter().map(one).collect()
}

/// The clouds of a run. Means are removed here, as the command line does when it reads, so that both have the same journals.
fn prepared(
    py: Python<'_>,
    options: &PairwiseOptions,
    given: Vec<Given<'_>>,
    normalize: bool,
) -> PyResult<Vec<Cloud>> {
    let mut clouds = clouds(py, given, normalize);
    if options.center {
        inside(py, || clouds.iter_mut().flatten().for_each(|cloud| *cloud = cloud.centred()))?;
    }
    Ok(clouds)
}

/// Options of a run.
#[pyclass(frozen, module = "gromov._core")]
#[derive(Clone, Serialize, Deserialize)]
pub struct PairwiseOptions {
    method: Method,
    starts: Option<usize>,
    seed: u64,
    tol: f64,
    max_iter: usize,
    time_limit: Option<f64>,
    center: bool,
    prune: Option<usize>,
    block: usize,
}

#[pymethods]
impl PairwiseOptions {
    #[new]
    #[pyo3(signature = (*, method, starts, seed, tol, max_iter, time_limit, center, prune, block))]
    fn new(
        method: &str,
        starts: Option<usize>,
        seed: u64,
        tol: f64,
        max_iter: Option<usize>,
        time_limit: Option<f64>,
        center: bool,
        prune: Option<usize>,
        block: usize,
    ) -> PyResult<Self> {
        let method = match method {
            "auto" => Method::Auto,
            "global" => Method::Global,
            _ => Method::Local,
        };
        let max_iter = max_iter.unwrap_or(Pairwise::default().max_iter);
        let options =
            PairwiseOptions { method, starts, seed, tol, max_iter, time_limit, center, prune, block };
        options.core()?.check().map_err(raise)?;
        Ok(options)
    }
}

impl PairwiseOptions {
    fn core(&self) -> PyResult<Pairwise> {
        let &PairwiseOptions { method, starts, seed, tol, max_iter, center, prune, block, .. } = self;
        let time_limit = duration("time_limit", self.time_limit)?;
        Ok(Pairwise { method, starts, seed, tol, max_iter, time_limit, center, prune, block })
    }
}

/// Raises where a run needs more memory than there is: the run itself, and the arrays of the result.
fn allowed(options: &Pairwise, clouds: &[Cloud], limit: Option<u64>) -> PyResult<()> {
    let need = options.need(clouds).and("arrays", 40.0 * (clouds.len() as f64).powi(2));
    fits("pairwise", &need, limit, "take fewer clouds, or raise max_memory")
}

type Opened = (Option<Journal>, Vec<Record>);

/// The journal of a run and what it holds.
fn open(py: Python<'_>, path: Option<PathBuf>, options: &Pairwise, clouds: &[Cloud]) -> PyResult<Opened> {
    let Some(path) = path else { return Ok((None, Vec::new())) };
    let (journal, known) =
        py.detach(|| Journal::open(&path, options, clouds, &ReadOptions::default())).map_err(raise)?;
    Ok((Some(journal), known))
}

/// All distances, in threads of this process.
#[pyfunction]
#[pyo3(signature = (clouds, options, *, normalize, checkpoint, threads, progress, max_memory))]
fn pairwise<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = given)] clouds: Vec<Given<'py>>,
    options: &PairwiseOptions,
    normalize: bool,
    checkpoint: Option<PathBuf>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
    max_memory: Option<u64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (options, clouds) = (options.core()?, prepared(py, options, clouds, normalize)?);
    allowed(&options, &clouds, max_memory)?;
    let (mut journal, known) = open(py, checkpoint, &options, &clouds)?;
    let mut solution = enter(py, &Call { threads, progress }, move |caller| match &mut journal {
        None => options.solve_from(&clouds, known, caller, None),
        Some(journal) => options.solve_from(&clouds, known, caller, Some(&mut |new| journal.append(new))),
    })?;
    match solution.unkept.take() {
        Some(error) => Err(raise(error)),
        None => fields(py, &solution),
    }
}

fn given<'py>(list: &Bound<'py, PyAny>) -> PyResult<Vec<Given<'py>>> {
    list.try_iter()?.map(|item| item?.extract()).collect()
}

/// Pairs with the clouds that they need: all that another process is told.
#[derive(Serialize, Deserialize)]
struct Block {
    options: PairwiseOptions,
    /// Clouds of the whole list.
    count: usize,
    /// Places in the list, ascending, and the clouds there.
    clouds: Vec<(usize, Cloud)>,
    pairs: Vec<(usize, usize)>,
}

/// A run whose blocks are solved elsewhere.
#[pyclass(frozen, module = "gromov._core")]
pub struct PairwiseRun {
    options: PairwiseOptions,
    clouds: Vec<Cloud>,
    /// None after the end.
    state: Mutex<Option<(Schedule, Option<Journal>)>>,
}

type Guard<'a> = MutexGuard<'a, Option<(Schedule, Option<Journal>)>>;

impl PairwiseRun {
    fn with<T>(&self, f: impl FnOnce(&mut (Schedule, Option<Journal>)) -> PyResult<T>) -> PyResult<T> {
        f(self.state().as_mut().ok_or_else(ended)?)
    }

    fn state(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> PyErr {
    GromovError::new_err("the run has ended")
}

#[pymethods]
impl PairwiseRun {
    #[new]
    #[pyo3(signature = (clouds, options, *, normalize, checkpoint, max_memory))]
    fn new<'py>(
        py: Python<'py>,
        #[pyo3(from_py_with = given)] clouds: Vec<Given<'py>>,
        options: &PairwiseOptions,
        normalize: bool,
        checkpoint: Option<PathBuf>,
        max_memory: Option<u64>,
    ) -> PyResult<Self> {
        let (core, clouds) = (options.core()?, prepared(py, options, clouds, normalize)?);
        allowed(&core, &clouds, max_memory)?;
        let (journal, known) = open(py, checkpoint, &core, &clouds)?;
        let schedule = Schedule::new(&core, &clouds, known).map_err(raise)?;
        Ok(PairwiseRun { options: options.clone(), clouds, state: Mutex::new(Some((schedule, journal))) })
    }

    /// Up to `most` blocks to be solved next.
    fn next_blocks<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let blocks = self.with(|state| Ok(state.0.next_blocks(most)))?;
        let pack = |pairs: Vec<(usize, usize)>| {
            let mut places: Vec<usize> = pairs.iter().flat_map(|&(i, j)| [i, j]).collect();
            places.sort_unstable();
            places.dedup();
            let clouds = places.into_iter().map(|k| (k, self.clouds[k].clone())).collect();
            let block = Block { options: self.options.clone(), count: self.clouds.len(), clouds, pairs };
            Ok(PyBytes::new(py, &pickled(&block)?))
        };
        blocks.into_iter().map(pack).collect()
    }

    /// Takes the records of a block, and keeps them in the journal.
    fn take(&self, py: Python<'_>, records: &[u8]) -> PyResult<()> {
        let records: Vec<Record> = unpickled(records)?;
        py.detach(|| {
            self.with(|(schedule, journal)| {
                schedule.take(&records).map_err(raise)?;
                journal.as_mut().map_or(Ok(()), |j| j.append(&records)).map_err(raise)
            })
        })
    }

    /// The pairs of a block have no distance, because of its worker: in this run, and not in the journal.
    fn fail(&self, block: &[u8], reason: &str) -> PyResult<()> {
        let block: Block = unpickled(block)?;
        let failed = |(i, j): (usize, usize)| Record { i, j, outcome: Err(reason.to_string()) };
        let records: Vec<Record> = block.pairs.into_iter().map(failed).collect();
        self.with(|state| state.0.take(&records).map_err(raise))
    }

    /// Pairs known, and all of them.
    fn count(&self) -> PyResult<(usize, usize)> {
        self.with(|state| Ok((state.0.done(), state.0.pairs())))
    }

    /// Ends the run: the matrix of what is known.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (schedule, _) = self.state().take().ok_or_else(ended)?;
        fields(py, &schedule.finish())
    }

    /// Lets go of the journal.
    fn close(&self) {
        self.state().take();
    }
}

/// Solves a block in one thread.
#[pyfunction]
fn solve_block<'py>(py: Python<'py>, block: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let block: Block = unpickled(block)?;
    let options = block.options.core()?;
    let bad = block.clouds.iter().map(|c| c.0).find(|k| *k >= block.count);
    if let Some(k) = bad {
        return Err(GromovError::new_err(format!("block: damaged: cloud {k} of {}", block.count)));
    }
    // messages have the places in the whole list
    let mut clouds: Vec<Cloud> = vec![Err(String::new()); block.count];
    block.clouds.into_iter().for_each(|(k, cloud)| clouds[k] = cloud);
    let call = Call { threads: Some(1), progress: None };
    let records = enter(py, &call, move |_| Ok(options.block(&clouds, &block.pairs)))?;
    Ok(PyBytes::new(py, &pickled(&records)?))
}

/// All that is said of a run.
fn fields<'py>(py: Python<'py>, sol: &Solution) -> PyResult<Bound<'py, PyDict>> {
    let k = sol.k;
    let mut early = 0;
    let (mut squared, mut lower) = (vec![f64::NAN; k * k], vec![f64::NAN; k * k]);
    let mut certified = vec![false; k * k];
    for i in 0..k {
        let itself = sol.distances[i * k + i];
        (squared[i * k + i], lower[i * k + i]) = (itself, itself);
        certified[i * k + i] = !itself.is_nan();
        for j in 0..k {
            if let Some(found) = sol.found(i, j) {
                squared[i * k + j] = found.squared;
                lower[i * k + j] = found.lower_bound;
                certified[i * k + j] = found.certified;
                early += usize::from(i < j && !found.status.is_success());
            } else if sol.pruned[i * k + j] {
                // not above the bound by the rounding of its root
                lower[i * k + j] = sol.distances[i * k + j].powi(2) * (1.0 - 4.0 * f64::EPSILON);
            }
        }
    }
    let mask = |bits: Vec<bool>| array2(py, bits.into_iter().map(|b| f64::from(u8::from(b))).collect(), k);
    let out = PyDict::new(py);
    out.set_item("distances", array2(py, sol.distances.clone(), k)?)?;
    out.set_item("squared", array2(py, squared, k)?)?;
    out.set_item("lower_bound", array2(py, lower, k)?)?;
    out.set_item("certified", mask(certified)?)?;
    out.set_item("pruned", mask(sol.pruned.clone())?)?;
    let failed: Vec<_> = sol.failed.iter().map(|f| (f.i, f.j, f.reason.as_str())).collect();
    out.set_item("failures", failed)?;
    out.set_item("solved", sol.solved)?;
    out.set_item("early", early)?;
    out.set_item("resumed", sol.resumed)?;
    out.set_item("pruned_count", sol.skipped)?;
    out.set_item("status", sol.status.as_str())?;
    Ok(out)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PairwiseOptions>()?;
    module.add_class::<PairwiseRun>()?;
    module.add_function(wrap_pyfunction!(pairwise, module)?)?;
    module.add_function(wrap_pyfunction!(solve_block, module)?)
}
