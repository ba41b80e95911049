//! Gradient flows.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use gromov::flow::statistics::{Estimate, Statistics};
use gromov::flow::{Flow, Keeper, Metric, Rotation, Scheme, State};
use gromov::{Measure, Trajectory, io, report};
use numpy::{PyArray3, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::convert::{Numbers, Rows, array1, array2, array3, cloud, pickled, unpickled};
use crate::distance::duration;
use crate::energy::{Target, Terms};
use crate::enter::{Call, Caller, QUICK, enter, inside};
use crate::error::{GromovError, raise, renamed};
use crate::memory::fits;

/// A flow without its frames, which Python holds, and what is drawn behind them.
#[pyclass(frozen, module = "gromov._core", name = "Trajectory")]
#[derive(Serialize, Deserialize)]
pub struct Flown {
    run: Trajectory,
    /// The only target, and the map R, x ≈ R y, that turns it, where there is one.
    backdrop: Option<(Measure, Option<Vec<f64>>)>,
    seed: u64,
}

/// The metric of this name.
pub fn metric_of(name: &str) -> Metric {
    if name == "w2" { Metric::W2 } else { Metric::Igw }
}

/// Options as Python has checked them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    metric: String,
    scheme: String,
    step: Option<f64>,
    steps: Option<usize>,
    time: Option<f64>,
    rtol: Option<f64>,
    atol: Option<f64>,
    every: usize,
    frame_times: Option<Vec<f64>>,
    rotation: Option<String>,
    tol: f64,
    energy_tol: Option<f64>,
    floor: f64,
    inner_tol: f64,
    max_inner: usize,
    seed: u64,
}

impl Options {
    fn flow(self) -> PyResult<Flow> {
        let Some(scheme) = Scheme::ALL.iter().find(|s| s.name() == self.scheme) else {
            return Err(GromovError::new_err(format!("scheme: there is no '{}'", self.scheme)));
        };
        let fixed = self.rotation.as_deref() == Some("fixed");
        let flow = Flow {
            metric: metric_of(&self.metric),
            scheme: *scheme,
            step: self.step,
            steps: self.steps,
            time: self.time,
            rtol: self.rtol,
            atol: self.atol,
            every: self.every,
            frame_times: self.frame_times,
            rotation: if fixed { Rotation::Fixed } else { Rotation::Free },
            tol: self.tol,
            energy_tol: self.energy_tol,
            inner_tol: self.inner_tol,
            max_inner: self.max_inner,
            floor: self.floor,
            seed: self.seed,
        };
        flow.check().map_err(raise)?;
        Ok(flow)
    }
}

/// Where checkpoints go, and the one to go on from.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Long {
    checkpoint: Option<PathBuf>,
    every: usize,
    seconds: Option<f64>,
    resume: Option<PathBuf>,
}

/// What a run that goes on must have in common with the first, beside what the library compares.
const ENERGY: &str = "energy in Python";
const CENTER: &str = "center";

impl Long {
    /// Errors: a checkpoint that could not be written, one of a run with another energy.
    fn check(&self, texts: &io::Texts) -> PyResult<Option<gromov::flow::Checkpoint>> {
        if let Some(path) = &self.checkpoint {
            if io::is_stream(path) || path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
                let problem = "is not a regular file, and a run cannot be resumed from it";
                return Err(GromovError::new_err(format!("checkpoint: {}: {problem}", path.display())));
            }
            io::check_writable(path).map_err(raise)?;
        }
        let Some(path) = &self.resume else { return Ok(None) };
        let (checkpoint, then) = io::read_checkpoint(path, &io::ReadOptions::default()).map_err(raise)?;
        for (name, now) in texts {
            let then = then.iter().find(|t| t.0 == *name).map(|t| t.1.as_str());
            let problem = match then {
                Some(then) if then == now => continue,
                Some(then) => format!("{name}: the checkpoint has {then}, now {now}"),
                None => "is a checkpoint of the command line; go on from it there, with gromov flow --resume"
                    .into(),
            };
            return Err(GromovError::new_err(format!("resume: {}: {problem}", path.display())));
        }
        Ok(Some(checkpoint))
    }
}

/// Runs a flow: the flow, its frames (k, n, d), and what is to be said of the run.
#[pyfunction]
#[pyo3(signature = (x, weights, terms, *, options, long, center, normalize, threads, callback, progress, max_memory))]
fn flow<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    weights: Option<Numbers<'py>>,
    terms: &Bound<'py, PyAny>,
    options: Options,
    long: Long,
    center: bool,
    normalize: bool,
    threads: Option<usize>,
    callback: Option<Py<PyAny>>,
    progress: Option<Py<PyAny>>,
    max_memory: Option<u64>,
) -> PyResult<(Flown, Bound<'py, PyArray3<f64>>, Bound<'py, PyDict>)> {
    let mut rho = cloud(&x, weights.as_ref(), normalize, ("x", "weights"))?;
    if center {
        rho = inside(py, || rho.centred())?;
    }
    let (terms, options) = (Terms::new(terms)?, options.flow()?);
    let need = options.need(
        rho.len(),
        rho.dim(),
        &terms.clone().make(Some(rho.dim()), None, center).map_err(raise)?.0,
    );
    fits("flow", &need, max_memory, "keep fewer frames (every), take a sample, or raise max_memory")?;
    let texts: io::Texts = vec![(ENERGY.into(), terms.text()), (CENTER.into(), center.to_string())];
    let (after, from) = (duration("checkpoint_seconds", long.seconds)?, long.check(&texts)?);
    let (every, path, callback) = (long.every, long.checkpoint, callback.map(Arc::new));
    let resumed_at = from.as_ref().map(gromov::flow::Checkpoint::steps);
    let ((mut core, targets), kept, unkept, seconds) =
        enter(py, &Call { threads, progress }, move |caller| {
            let clock = Instant::now();
            let (mut sum, targets) = terms.make(Some(rho.dim()), Some(caller), center)?;
            let mut kept = None;
            let mut keeper = path.map(|path| {
                let kept = &mut kept;
                Keeper::new(every, after, move |checkpoint| {
                    io::write_checkpoint(&path, checkpoint, &texts)?;
                    *kept = Some(checkpoint.steps());
                    Ok(())
                })
            });
            let asked = caller.clone();
            let mut watch = |state: &State<'_>| match &callback {
                None => ControlFlow::Continue(()),
                Some(function) => ask(&asked, function, state),
            };
            let run = options.solve_watched(from, &rho, &mut sum, caller, keeper.as_mut(), &mut watch);
            let unkept = keeper.and_then(|keeper| keeper.failed).map(|e| e.to_string());
            let run = run.map_err(|e| renamed(e, &[("cloud", "x")]))?;
            let seed = options.seed;
            Ok(((Flown { run, backdrop: None, seed }, targets), kept, unkept, clock.elapsed().as_secs_f64()))
        })?;
    core.backdrop = backdrop(&core.run, targets);
    let about = PyDict::new(py);
    about.set_item("seconds", seconds)?;
    about.set_item("resumed_at", resumed_at)?;
    about.set_item("kept", kept)?;
    about.set_item("unkept", unkept)?;
    let (n, d) = (core.run.n, core.run.d);
    let points = array3(py, std::mem::take(&mut core.run.points), n, d)?;
    Ok((core, points, about))
}

/// Calls a function of (done, total, time, energy, points); True ends the flow.
fn ask(caller: &Caller, function: &Arc<Py<PyAny>>, state: &State<'_>) -> ControlFlow<()> {
    let (event, cloud, function) = (state.event(), state.cloud(), Arc::clone(function));
    let answer = caller.run(move |py| {
        let points = array2(py, cloud.points().to_vec(), cloud.dim())?;
        let facts = (event.done, event.total, event.time, event.value, points);
        function.call1(py, facts)?.extract::<bool>(py)
    });
    match answer {
        Ok(false) => ControlFlow::Continue(()),
        // what it raised is raised by `enter`
        Ok(true) | Err(_) => ControlFlow::Break(()),
    }
}

/// What is drawn behind a flow: its only target, if it has the dimension of the cloud. One known up to rotation is turned
/// into the frame of the flow, unless another energy chooses the orientation on the way.
fn backdrop(run: &Trajectory, mut targets: Vec<Target>) -> Option<(Measure, Option<Vec<f64>>)> {
    let target = targets.pop().filter(|target| targets.is_empty() && target.cloud.dim() == run.d)?;
    match target.aligned {
        None => Some((target.cloud, None)),
        Some(_) if run.rotation.is_some() => None,
        Some(igw) => {
            let rotation = igw.with(|igw| igw.first().map(|first| first.rotation.clone()))?;
            Some((target.cloud, Some(rotation)))
        }
    }
}

#[pymethods]
impl Flown {
    /// The arrays beside the points.
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (run, out) = (&self.run, PyDict::new(py));
        out.set_item("times", array1(py, run.times.clone()))?;
        out.set_item("weights", array1(py, run.weights.clone()))?;
        out.set_item("energies", array1(py, run.energies.clone()))?;
        out.set_item("second_moments", array3(py, run.second_moments.clone(), run.d, run.d)?)?;
        out.set_item("status", run.status.as_str())?;
        Ok(out)
    }

    /// The text `meta` of a file, with these options, a JSON object.
    fn meta(&self, options: &str) -> PyResult<String> {
        let options: serde_json::Value = serde_json::from_str(options)
            .map_err(|e| GromovError::new_err(format!("options: no JSON: {e}")))?;
        io::trajectory_meta("flow", options, self.seed, &self.run).map_err(raise)
    }

    /// Covariances of the exact flow of Gaussians at these times, (k, d, d); none where there is no such flow.
    fn law<'py>(&self, py: Python<'py>, times: Numbers<'py>) -> PyResult<Option<Bound<'py, PyArray3<f64>>>> {
        let Some(law) = self.run.law().map_err(raise)? else { return Ok(None) };
        let at = |t: &f64| law.at(*t).map(|gaussian| gaussian.covariance);
        let covariances = times.as_slice()?.iter().map(at).collect::<gromov::Result<Vec<_>>>();
        array3(py, covariances.map_err(raise)?.concat(), self.run.d, self.run.d).map(Some)
    }

    /// The page of the command line.
    fn page(&self, py: Python<'_>, title: &str, points: PyReadonlyArray3<'_, f64>) -> PyResult<String> {
        let mut run = self.run.clone();
        run.points = points.as_slice()?.to_vec();
        let (expected, got) = (run.times.len() * run.n * run.d, run.points.len());
        if got != expected {
            let problem = "are not those of the flow; its page shows all frames as they were";
            return Err(GromovError::new_err(format!("points: {got} numbers for {expected}: {problem}")));
        }
        let label = if run.metric == Metric::W2 { "W2 flow" } else { "IGW flow" };
        let mut shown =
            report::flow::Run { label: label.into(), trajectory: &run, backdrop: None, switch: None };
        match &self.backdrop {
            Some((target, Some(rotation))) => shown.turned_target(target, rotation).map_err(raise)?,
            Some((target, None)) => shown.backdrop = Some(target.clone()),
            None => {}
        }
        inside(py, || report::flow::page(title, &shown, self.seed)?.render())?.map_err(raise)
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

/// Moments and energy of a frame, each a pair of arrays: values and standard errors.
#[pyfunction]
fn flow_statistics<'py>(
    py: Python<'py>,
    points: Rows<'py>,
    weights: Numbers<'py>,
    regular: Option<(f64, f64)>,
    diffusion: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let rho = cloud(&points, Some(&weights), false, ("points", "weights"))?;
    let dim = rho.dim();
    let found = enter(py, &QUICK, move |_| Statistics::new(&rho, regular, diffusion))?;
    let columns = |of: &[Estimate]| -> (Vec<f64>, Vec<f64>) { of.iter().map(|e| (e.value, e.error)).unzip() };
    let vector = |of: &[Estimate]| {
        let (values, errors) = columns(of);
        (array1(py, values), array1(py, errors))
    };
    let number = |of: &Option<Estimate>| of.as_ref().map(|e| (e.value, e.error));
    let (values, errors) = columns(&found.second_moment);
    let out = PyDict::new(py);
    out.set_item("mean", vector(&found.mean))?;
    out.set_item("second_moment", (array2(py, values, dim)?, array2(py, errors, dim)?))?;
    out.set_item("spectrum", vector(&found.spectrum))?;
    out.set_item("regular", number(&found.regular))?;
    out.set_item("entropy", number(&found.entropy))?;
    out.set_item("energy", number(&found.energy))?;
    Ok(out)
}

/// Writes the arrays of a trajectory as the command line does, those that there are.
#[pyfunction]
fn write_trajectory(
    path: PathBuf,
    times: Numbers<'_>,
    points: PyReadonlyArray3<'_, f64>,
    weights: Numbers<'_>,
    energies: Option<Numbers<'_>>,
    second_moments: Option<PyReadonlyArray3<'_, f64>>,
    meta: Option<&str>,
) -> PyResult<()> {
    let (shape, frames) = (points.as_array().shape().to_vec(), points.as_array().shape()[0]);
    let (n, d) = (shape[1], shape[2]);
    let (square, rows, whole, one) = ([frames, d, d], [frames], [frames, n, d], [n]);
    let mut members = Vec::new();
    let mut array = |name, shape, data| members.push(io::Member { name, shape, data: io::Data::F64(data) });
    array("times", &rows[..], times.as_slice()?);
    array("points", &whole[..], points.as_slice()?);
    array("weights", &one[..], weights.as_slice()?);
    if let Some(energies) = &energies {
        array("energies", &rows[..], energies.as_slice()?);
    }
    if let Some(moments) = &second_moments {
        array("second_moments", &square[..], moments.as_slice()?);
    }
    if let Some(text) = meta {
        members.push(io::Member { name: "meta", shape: &[], data: io::Data::Text(text) });
    }
    io::write_npz(&path, &members).map_err(raise)
}

/// Writes frames as rows `time,i,x1..xd,w`.
#[pyfunction]
fn write_frames_csv(
    path: PathBuf,
    times: Numbers<'_>,
    points: PyReadonlyArray3<'_, f64>,
    weights: Numbers<'_>,
) -> PyResult<()> {
    let d = points.as_array().shape()[2];
    io::write_frames_csv(Path::new(&path), times.as_slice()?, points.as_slice()?, weights.as_slice()?, d)
        .map_err(raise)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Flown>()?;
    module.add_function(wrap_pyfunction!(flow, module)?)?;
    module.add_function(wrap_pyfunction!(flow_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(write_trajectory, module)?)?;
    module.add_function(wrap_pyfunction!(write_frames_csv, module)?)
}
