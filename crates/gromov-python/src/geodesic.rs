//! Paths between clouds, the exponential and the logarithm.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gromov::geodesic::along::displacement_plan;
use gromov::geodesic::{Exp, Frame, Kind, Method};
use gromov::igw::Solution;
use gromov::memory::Need;
use gromov::ot::Plan;
use gromov::report::geodesic::{Shown, page};
use gromov::solve::Observer;
use gromov::{Error, Geodesic, Measure, Status, io};
use numpy::{PyArray2, PyArray3};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::convert::{Array1, Numbers, Rows, array1, array2, array3, cloud, numbers, pickled, unpickled};
use crate::distance::{Search, duration};
use crate::enter::{Call, QUICK, enter, inside};
use crate::error::renamed;
use crate::memory::fits;

/// Masses of a given plan may differ so much from the weights of the clouds.
const MASS: f64 = 1e-9;

/// Rows, columns, masses and shape of a plan.
type Entries = (Vec<usize>, Vec<usize>, Vec<f64>, (usize, usize));

/// Which plan a path follows.
#[derive(Clone, Serialize, Deserialize)]
enum Pairing {
    /// The optimal one: of W2 for straight lines, else of IGW.
    Optimal,
    /// Row i to row i.
    Identity,
    /// One of the user's.
    Given(Plan),
}

/// What a path is found from.
#[derive(Clone, Serialize, Deserialize)]
struct Task {
    x: Measure,
    y: Measure,
    pairing: Pairing,
    search: Search,
    kind: Kind,
    second: bool,
    dim: Option<usize>,
}

/// A path with the clouds it joins, and where its plan comes from.
#[pyclass(frozen, module = "gromov._core")]
#[derive(Serialize, Deserialize)]
pub struct Path {
    task: Task,
    path: gromov::Path,
    found: Plans,
    status: Status,
    seconds: f64,
}

/// The optimal plans that were sought.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Plans {
    igw: Option<Solution>,
    w2: Option<(Plan, Status)>,
}

impl Task {
    /// Seeks what a path of this kind follows, unless it is there.
    fn seek(&self, kind: Kind, plans: &mut Plans, observer: &mut dyn Observer) -> gromov::Result<()> {
        if !matches!(self.pairing, Pairing::Optimal) {
            return Ok(());
        }
        if kind == Kind::Mccann && plans.w2.is_none() {
            plans.w2 = Some(displacement_plan(&self.x, &self.y, observer)?);
        } else if kind != Kind::Mccann && plans.igw.is_none() {
            plans.igw = Some(self.search.solve(&self.x, &self.y, observer)?);
        }
        Ok(())
    }

    /// The path of a kind.
    fn path(&self, kind: Kind, plans: &Plans, observer: &mut dyn Observer) -> gromov::Result<gromov::Path> {
        let frame = if self.second { Frame::Second } else { Frame::First };
        let dim = self.dim.filter(|_| kind == Kind::Lifted || kind == self.kind);
        let options = Geodesic { kind, frame, dim, ..Geodesic::default() };
        let (x, y) = (&self.x, &self.y);
        match (&self.pairing, &plans.igw, &plans.w2) {
            (Pairing::Given(plan), ..) => options.solve(x, y, plan, observer),
            (Pairing::Optimal, _, Some((plan, _))) if kind == Kind::Mccann => {
                options.solve(x, y, plan, observer)
            }
            (Pairing::Optimal, Some(sol), _) => options.solve(x, y, &sol.plan, observer),
            _ if x.dim() == y.dim() => options.labelled(x, y.points(), observer),
            _ => options.solve(x, y, &Plan::identity(x.weights()), observer),
        }
    }

    /// The path asked for.
    fn solve(self, observer: &mut dyn Observer) -> gromov::Result<Path> {
        let (clock, mut found) = (Instant::now(), Plans::default());
        self.check()?;
        self.seek(self.kind, &mut found, observer)?;
        let path = self.path(self.kind, &found, observer)?;
        let sought = match self.kind {
            Kind::Mccann => found.w2.as_ref().map(|w2| w2.1),
            _ => found.igw.as_ref().map(|sol| sol.status),
        };
        let status = match sought {
            Some(status) if path.status.is_success() && !status.is_success() => status,
            _ => path.status,
        };
        Ok(Path { task: self, path, found, status, seconds: clock.elapsed().as_secs_f64() })
    }

    /// What is wrong is found before the search.
    fn check(&self) -> gromov::Result<()> {
        let (p, q) = (self.x.dim(), self.y.dim());
        let options = Geodesic { kind: self.kind, dim: self.dim, ..Geodesic::default() };
        options.check()?;
        let refused = |option, value: String, expected: String| Error::Option { option, value, expected };
        if self.kind == Kind::Mccann && p != q {
            let expected = format!("\"lifted\" or \"intrinsic\" for clouds of dimensions {p} and {q}");
            return Err(refused("kind", "mccann".into(), expected));
        }
        let (larger, whole) = (p.max(q), p + q);
        if let Some(dim) = self.dim.filter(|dim| *dim != larger && *dim != whole) {
            let expected = format!("{larger} (principal axes) or {whole} (all of the path)");
            return Err(refused("dim", dim.to_string(), expected));
        }
        if self.second && self.dim == Some(whole) {
            let expected = format!("\"first\" with dim = {whole}: both clouds have axes of their own there");
            return Err(refused("frame", "second".into(), expected));
        }
        match &self.pairing {
            Pairing::Optimal => Ok(()),
            Pairing::Identity => self.check_identity(),
            Pairing::Given(plan) => self.check_plan(plan),
        }
    }

    fn check_identity(&self) -> gromov::Result<()> {
        let (n, m) = (self.x.len(), self.y.len());
        let shape = |expected: &str, got: String| {
            let expected = format!("{expected} for plan=\"identity\", which pairs row i with row i");
            Error::Shape { argument: "y".into(), expected, got }
        };
        if n != m {
            return Err(shape(&format!("{n} points, as x,"), m.to_string()));
        }
        let mut weights = self.x.weights().iter().zip(self.y.weights()).enumerate();
        match weights.find(|(_, (a, b))| (**a - **b).abs() > MASS / n as f64) {
            None => Ok(()),
            Some((i, (a, b))) => Err(shape("the weights of x", format!("{b} at {i} where x has {a}"))),
        }
    }

    fn check_plan(&self, plan: &Plan) -> gromov::Result<()> {
        let (n, m) = (self.x.len(), self.y.len());
        let shape = |expected, got| Error::Shape { argument: "plan".into(), expected, got };
        if (plan.n, plan.m) != (n, m) {
            return Err(shape(format!("shape ({n}, {m})"), format!("({}, {})", plan.n, plan.m)));
        }
        let (a, b) = plan.marginals();
        for (sums, weights, place, of) in
            [(a, self.x.weights(), "row", "x"), (b, self.y.weights(), "column", "y")]
        {
            let mut pairs = sums.iter().zip(weights).enumerate();
            if let Some((i, (s, w))) = pairs.find(|(_, (s, w))| (**s - **w).abs() > MASS) {
                return Err(shape(
                    format!("the mass {w} in {place} {i}, the weight of point {i} of {of}"),
                    s.to_string(),
                ));
            }
        }
        Ok(())
    }
}

/// Finds a path.
#[pyfunction]
#[pyo3(signature = (x, y, a, b, *, kind, plan, frame, dim, center, method, starts, seed, tol, max_iter, time_limit, threads, normalize, progress, max_memory))]
fn geodesic(
    py: Python<'_>,
    x: Rows<'_>,
    y: Rows<'_>,
    a: Option<Numbers<'_>>,
    b: Option<Numbers<'_>>,
    kind: &str,
    plan: (&str, Option<Entries>),
    frame: &str,
    dim: Option<usize>,
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
) -> PyResult<Path> {
    let mut x = cloud(&x, a.as_ref(), normalize, ("x", "a"))?;
    let mut y = cloud(&y, b.as_ref(), normalize, ("y", "b"))?;
    if center {
        (x, y) = inside(py, || (x.centred(), y.centred()))?;
    }
    let time_limit: Option<Duration> = duration("time_limit", time_limit)?;
    let search = Search { method: method.into(), starts, seed, tol, max_iter, time_limit, center: false };
    let kind = match kind {
        "lifted" => Kind::Lifted,
        "mccann" => Kind::Mccann,
        _ => Kind::Intrinsic,
    };
    let pairing = match plan {
        (_, Some((rows, columns, mass, (n, m)))) => Pairing::Given(Plan { n, m, rows, columns, mass }),
        ("identity", None) => Pairing::Identity,
        _ => Pairing::Optimal,
    };
    let need = match pairing {
        Pairing::Optimal => search.need(&x, &y, threads),
        _ => Need::default(),
    };
    let path = gromov::Geodesic { kind, dim, ..gromov::Geodesic::default() };
    let path = path.need((x.len(), x.dim()), (y.len(), y.dim()), 1);
    let need = path.parts.into_iter().fold(need, |need, (part, bytes)| need.and(part, bytes));
    fits("geodesic", &need, max_memory, "take a sample of the points, or raise max_memory")?;
    let task = Task { x, y, pairing, search, kind, second: frame == "second", dim };
    enter(py, &Call { threads, progress }, move |caller| task.solve(caller))
}

impl Path {
    /// Where the plan of a kind comes from, in words.
    fn words(&self, kind: Kind, plans: &Plans) -> String {
        match (&self.task.pairing, kind) {
            (Pairing::Identity, _) => "row i to row i".into(),
            (Pairing::Given(_), _) => "as given".into(),
            (Pairing::Optimal, Kind::Mccann) => match plans.w2.as_ref().map(|w2| w2.1) {
                Some(status) if !status.is_success() => format!("one for W2, not the best ({status})"),
                _ => "optimal for W2".into(),
            },
            _ if plans.igw.as_ref().is_some_and(|sol| sol.certified) => "optimal for IGW, certified".into(),
            _ => "the best found for IGW, not certified".into(),
        }
    }
}

#[pymethods]
impl Path {
    /// All that is said in numbers and words.
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (path, out) = (&self.path, PyDict::new(py));
        let (kind, method) = (kind_name(path.kind), method_name(path.method));
        out.set_item("kind", kind)?;
        out.set_item("length", path.length)?;
        out.set_item("squared", path.squared)?;
        // in range where the square is not
        out.set_item("igw", path.squared_in_units.max(0.0).sqrt() * path.unit * path.unit)?;
        out.set_item("d_igw", (path.kind == Kind::Intrinsic).then_some(path.length))?;
        out.set_item("action", path.action)?;
        out.set_item("status", self.status.as_str())?;
        out.set_item("method", method)?;
        out.set_item("pairing", self.words(path.kind, &self.found))?;
        out.set_item("weights", array1(py, path.weights.clone()))?;
        out.set_item("rotation", array2(py, path.rotation.clone(), self.task.y.dim())?)?;
        out.set_item("reflected", path.reflected)?;
        out.set_item("residual", path.residual)?;
        out.set_item("uncertainty", path.uncertainty)?;
        out.set_item("speed_error", path.speed_error)?;
        out.set_item("lost", path.lost)?;
        out.set_item("iterations", path.iterations)?;
        out.set_item("seconds", self.seconds)?;
        Ok(out)
    }

    /// The plan: rows, columns, masses, shape.
    fn plan(&self) -> Entries {
        let plan = &self.path.plan;
        (plan.rows.clone(), plan.columns.clone(), plan.mass.clone(), (plan.n, plan.m))
    }

    /// Frames at times.
    fn frames<'py>(slf: &Bound<'py, Self>, times: Numbers<'py>) -> PyResult<Bound<'py, PyArray3<f64>>> {
        let (py, this, times) = (slf.py(), slf.clone().unbind(), times.as_slice()?.to_vec());
        let frames = enter(py, &QUICK, move |_| this.get().path.frames(&times))?;
        let path = &slf.get().path;
        array3(py, frames, path.len(), path.dim)
    }

    /// The velocity at a time.
    fn velocity<'py>(slf: &Bound<'py, Self>, t: f64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (py, this) = (slf.py(), slf.clone().unbind());
        let velocity = enter(py, &QUICK, move |_| this.get().path.velocity(t))?;
        array2(py, velocity, slf.get().path.dim)
    }

    /// Errors of inner products and of distances at times.
    fn errors<'py>(slf: &Bound<'py, Self>, times: Numbers<'py>) -> PyResult<(Array1<'py>, Array1<'py>)> {
        let (py, this, times) = (slf.py(), slf.clone().unbind(), times.as_slice()?.to_vec());
        let errors = enter(py, &QUICK, move |_| this.get().path.errors(&times))?;
        Ok((array1(py, errors.gram), array1(py, errors.distances)))
    }

    /// The page of the command line: this path beside the other kinds.
    fn page(slf: &Bound<'_, Self>, title: String, names: (String, String)) -> PyResult<String> {
        let this = slf.clone().unbind();
        enter(slf.py(), &QUICK, move |caller| {
            let Path { task, path, found, .. } = this.get();
            let mut plans = found.clone();
            let same = task.x.dim() == task.y.dim();
            let all = if same { &[Kind::Intrinsic, Kind::Lifted, Kind::Mccann][..] } else { &[Kind::Lifted] };
            let mut paths = vec![path.clone()];
            // all of a lifted path has other coordinates than the rest
            for kind in all.iter().filter(|k| **k != path.kind && path.dim == task.x.dim().max(task.y.dim()))
            {
                task.seek(*kind, &mut plans, caller)?;
                paths.push(task.path(*kind, &plans, caller)?);
            }
            let shown = |path| Shown { path, plan: this.get().words(path.kind, &plans) };
            let shown: Vec<Shown<'_>> = paths.iter().map(shown).collect();
            page(&title, (&names.0, &names.1), (&task.x, &task.y), &shown, task.search.seed)?.render()
        })
    }

    /// Writes frames at times as `.npz` or `.csv`.
    fn save(
        slf: &Bound<'_, Self>,
        file: PathBuf,
        times: Numbers<'_>,
        csv: bool,
        meta: String,
    ) -> PyResult<()> {
        let (this, times) = (slf.clone().unbind(), times.as_slice()?.to_vec());
        enter(slf.py(), &QUICK, move |_| {
            let path = &this.get().path;
            let frames = path.frames(&times)?;
            if csv {
                return io::write_frames_csv(&file, &times, &frames, &path.weights, path.dim);
            }
            let plan = &path.plan;
            io::write_path(&file, path, (&times, &frames), (&plan.rows, &plan.columns), &meta)
        })
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

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Lifted => "lifted",
        Kind::Mccann => "mccann",
        _ => "intrinsic",
    }
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Closed => "closed",
        Method::Shooting => "shooting",
        _ => "chain",
    }
}

/// exp_x(t v) with all that is known of it.
#[pyfunction]
fn exp<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    v: Rows<'py>,
    weights: Option<Numbers<'py>>,
    t: f64,
    normalize: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (rho, v) = (cloud(&x, weights.as_ref(), normalize, ("x", "weights"))?, numbers(&v)?);
    let d = rho.dim();
    let there = enter(py, &QUICK, move |_| Exp::default().solve(&rho, &v, t))?;
    let out = PyDict::new(py);
    out.set_item("points", array2(py, there.points, d)?)?;
    out.set_item("velocity", array2(py, there.velocity, d)?)?;
    out.set_item("time", there.time)?;
    out.set_item("speed", there.speed)?;
    out.set_item("speed_error", there.speed_error)?;
    out.set_item("turned", there.turned)?;
    out.set_item("steps", there.steps)?;
    out.set_item("status", there.status.as_str())?;
    Ok(out)
}

/// log_x(y).
#[pyfunction]
fn log<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    y: Rows<'py>,
    weights: Option<Numbers<'py>>,
    normalize: bool,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let rho = cloud(&x, weights.as_ref(), normalize, ("x", "weights"))?;
    // its numbers are checked as those of a cloud
    let to = cloud(&y, None, false, ("y", "weights"))?;
    let d = rho.dim();
    let velocity = enter(py, &QUICK, move |caller| {
        let path = Geodesic::default().labelled(&rho, to.points(), caller);
        path.map_err(|e| renamed(e, &[("points", "y")]))?.velocity(0.0)
    })?;
    array2(py, velocity, d)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Path>()?;
    module.add_function(wrap_pyfunction!(geodesic, module)?)?;
    module.add_function(wrap_pyfunction!(exp, module)?)?;
    module.add_function(wrap_pyfunction!(log, module)?)
}
