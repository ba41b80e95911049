//! Energies, made from their description in Python for each call: a flow leaves no state behind.

use std::sync::Arc;

use gromov::energy::{
    DoubleWell, EnergyDistance, Entropy, Igw, Interaction, KlGaussian, Mmd, Quadratic, SampledEnergyDistance,
    Shared, Sum, Wasserstein, check,
};
use gromov::flow::fingerprint;
use gromov::igw::Alternating;
use gromov::{Energy, Error, Measure, Result};
use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::convert::{Numbers, Rows, array1, array2, cloud, numbers};
use crate::enter::{Call, Caller, enter};
use crate::error::{GromovError, raise, renamed};

/// One energy and its parameters.
#[derive(Clone)]
enum Kind {
    Quadratic { center: Option<Vec<f64>>, matrix: Option<Vec<f64>> },
    DoubleWell,
    Interaction { p: f64, q: f64 },
    EnergyDistance { target: Measure, batch: Option<usize>, seed: u64 },
    Mmd { target: Measure, bandwidth: f64 },
    Wasserstein { target: Measure },
    Igw { target: Measure, search: Alternating },
    Entropy,
    KlGaussian { mean: Option<Vec<f64>>, cov: Vec<f64> },
    Custom { function: Arc<Py<PyAny>>, name: String, rotation_invariant: bool },
}

/// A cloud that an energy pulls to, for pictures.
pub struct Target {
    /// The cloud, as the energy has it.
    pub cloud: Measure,
    /// The energy that turns it, where it does.
    pub aligned: Option<Shared<Igw>>,
}

/// A sum of energies, as described.
#[derive(Clone)]
pub struct Terms(Vec<(f64, Kind)>);

impl Terms {
    /// From a list of (factor, name, values).
    pub fn new(terms: &Bound<'_, PyAny>) -> PyResult<Self> {
        let terms: Vec<(f64, String, Bound<'_, PyTuple>)> = terms.extract()?;
        let one =
            |(factor, name, values): &(f64, String, Bound<'_, PyTuple>)| Ok((*factor, kind(name, values)?));
        terms.iter().map(one).collect::<PyResult<_>>().map(Terms)
    }
}

/// An energy from its name and its values, in the order in which Python keeps them.
fn kind(name: &str, values: &Bound<'_, PyTuple>) -> PyResult<Kind> {
    let vector = |v: Option<Numbers<'_>>| v.map(|v| v.as_slice().map(<[f64]>::to_vec)).transpose();
    let target = |x: Rows<'_>, w: Option<Numbers<'_>>| cloud(&x, w.as_ref(), false, ("target", "weights"));
    Ok(match name {
        "quadratic" => {
            let (center, matrix): (Option<Numbers<'_>>, Option<Rows<'_>>) = values.extract()?;
            Kind::Quadratic { center: vector(center)?, matrix: matrix.as_ref().map(numbers).transpose()? }
        }
        "double-well" => Kind::DoubleWell,
        "interaction" => {
            let (p, q) = values.extract()?;
            Kind::Interaction { p, q }
        }
        "energy-distance" => {
            let (x, w, batch, seed) = values.extract()?;
            Kind::EnergyDistance { target: target(x, w)?, batch, seed }
        }
        "mmd" => {
            let (x, w, bandwidth) = values.extract()?;
            Kind::Mmd { target: target(x, w)?, bandwidth }
        }
        "wasserstein" => {
            let (x, w) = values.extract()?;
            Kind::Wasserstein { target: target(x, w)? }
        }
        "igw" => {
            let (x, w, starts, seed, max_iter) = values.extract()?;
            let search = Alternating { starts, seed, max_iter, ..Alternating::default() };
            Kind::Igw { target: target(x, w)?, search }
        }
        "entropy" => Kind::Entropy,
        "kl-gaussian" => {
            let (mean, cov): (Option<Numbers<'_>>, Rows<'_>) = values.extract()?;
            Kind::KlGaussian { mean: vector(mean)?, cov: numbers(&cov)? }
        }
        "custom" => {
            let (function, name, rotation_invariant): (Py<PyAny>, _, _) = values.extract()?;
            Kind::Custom { function: Arc::new(function), name, rotation_invariant }
        }
        _ => return Err(GromovError::new_err(format!("energy: there is no '{name}'"))),
    })
}

impl Kind {
    /// The energy; its target beside it, if it has one. Targets are centred if `center`.
    fn make(self, caller: Option<&Caller>, center: bool) -> Result<(Box<dyn Energy>, Option<Target>)> {
        let own = |target: Measure| if center { target.centred() } else { target };
        let still = |cloud: &Measure| Some(Target { cloud: cloud.clone(), aligned: None });
        Ok(match self {
            Kind::Quadratic { center, matrix } => (Box::new(Quadratic::new(center, matrix)?), None),
            Kind::DoubleWell => (Box::new(DoubleWell), None),
            Kind::Interaction { p, q } => (Box::new(Interaction::new(p, q)?), None),
            Kind::EnergyDistance { target, batch, seed } => {
                let target = own(target);
                let shown = still(&target);
                match batch {
                    None => (Box::new(EnergyDistance::new(target)), shown),
                    Some(batch) => (Box::new(SampledEnergyDistance::new(target, batch, seed)?), shown),
                }
            }
            Kind::Mmd { target, bandwidth } => {
                let target = own(target);
                let shown = still(&target);
                (Box::new(Mmd::new(target, bandwidth)?), shown)
            }
            Kind::Wasserstein { target } => {
                let target = own(target);
                let shown = still(&target);
                (Box::new(Wasserstein::new(target)), shown)
            }
            Kind::Igw { target, search } => {
                let target = own(target);
                let shared = Shared::new(Igw::new(target.clone(), search));
                (Box::new(shared.clone()), Some(Target { cloud: target, aligned: Some(shared) }))
            }
            Kind::Entropy => (Box::new(Entropy), None),
            Kind::KlGaussian { mean, cov } => (Box::new(KlGaussian::new(mean, &cov)?), None),
            Kind::Custom { function, name, rotation_invariant } => {
                (Box::new(Custom { caller: caller.cloned(), function, name, rotation_invariant }), None)
            }
        })
    }

    /// Name and parameters, arrays as their SHA-256: what a run that goes on must have in common with the first.
    fn text(&self) -> String {
        let sum = |v: &Option<Vec<f64>>| v.as_ref().map_or("none".into(), |v| fingerprint(&[v]));
        let cloud = |c: &Measure| {
            format!("target {} of dimension {}", fingerprint(&[c.points(), c.weights()]), c.dim())
        };
        match self {
            Kind::Quadratic { center, matrix } => {
                format!("quadratic, center {}, matrix {}", sum(center), sum(matrix))
            }
            Kind::DoubleWell => "double-well".into(),
            Kind::Interaction { p, q } => format!("interaction, p {p:?}, q {q:?}"),
            Kind::EnergyDistance { target, batch, seed } => {
                format!("energy-distance, {}, batch {batch:?}, seed {seed}", cloud(target))
            }
            Kind::Mmd { target, bandwidth } => format!("mmd, {}, bandwidth {bandwidth:?}", cloud(target)),
            Kind::Wasserstein { target } => format!("wasserstein, {}", cloud(target)),
            Kind::Igw { target, search: s } => {
                format!(
                    "igw, {}, starts {:?}, seed {}, max_iter {}",
                    cloud(target),
                    s.starts,
                    s.seed,
                    s.max_iter
                )
            }
            Kind::Entropy => "entropy".into(),
            Kind::KlGaussian { mean, cov } => {
                format!("kl-gaussian, mean {}, cov {}", sum(mean), fingerprint(&[cov]))
            }
            Kind::Custom { name, rotation_invariant, .. } => {
                format!("custom {name}, rotation_invariant {rotation_invariant}")
            }
        }
    }
}

impl Terms {
    /// The sum and its targets, for clouds of this dimension; energies of users are run by `caller`. Errors: parameters
    /// that fit no energy, another dimension.
    pub fn make(
        self,
        dim: Option<usize>,
        caller: Option<&Caller>,
        center: bool,
    ) -> Result<(Sum, Vec<Target>)> {
        let (mut sum, mut targets) = (Sum::default(), Vec::new());
        for (factor, kind) in self.0 {
            let (energy, target) = kind.make(caller, center)?;
            if let Some((have, need)) = dim.zip(energy.dim()).filter(|(have, need)| have != need) {
                let expected = format!("dimension {need}, that of {}", energy.name());
                return Err(Error::Shape { argument: "x".into(), expected, got: have.to_string() });
            }
            sum.add(factor, energy);
            targets.extend(target);
        }
        Ok((sum, targets))
    }

    /// Factors, names and parameters: see [`Kind::text`].
    pub fn text(&self) -> String {
        self.0
            .iter()
            .map(|(factor, kind)| format!("{factor:?} {}", kind.text()))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// An energy of a user: a Python function, which checks what it returns.
struct Custom {
    /// Where the function is run; `None` where nothing is evaluated.
    caller: Option<Caller>,
    function: Arc<Py<PyAny>>,
    name: String,
    rotation_invariant: bool,
}

impl Energy for Custom {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn value_and_gradient(&mut self, rho: &Measure, gradient: &mut [f64]) -> Result<f64> {
        let Some(caller) = &self.caller else { return Err(Error::User("energy: not evaluated here".into())) };
        let (points, weights, dim) = (rho.points().to_vec(), rho.weights().to_vec(), rho.dim());
        let function = Arc::clone(&self.function);
        let (value, field) = caller.run(move |py| {
            let (x, w) = (array2(py, points, dim)?, array1(py, weights));
            let (value, field): (f64, Rows<'_>) = function.bind(py).call1((x, w))?.extract()?;
            Ok((value, numbers(&field)?))
        })?;
        gradient.copy_from_slice(&field);
        Ok(value)
    }

    fn rotation_invariant(&self) -> bool {
        self.rotation_invariant
    }
}

/// Name, dimension, coefficient of the entropy, whether rotations change nothing. Errors: parameters that fit no energy.
#[pyfunction]
fn energy_facts(terms: &Bound<'_, PyAny>) -> PyResult<(String, Option<usize>, f64, bool)> {
    let (sum, _) = Terms::new(terms)?.make(None, None, false).map_err(raise)?;
    Ok((sum.name(), sum.dim(), sum.diffusion(), sum.rotation_invariant()))
}

/// Runs `work` on the sum of energies and a cloud.
fn on_cloud<T: Send + 'static>(
    py: Python<'_>,
    terms: &Bound<'_, PyAny>,
    x: &Rows<'_>,
    weights: Option<&Numbers<'_>>,
    work: impl FnOnce(&mut Sum, &Measure) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let (rho, terms) = (cloud(x, weights, false, ("x", "weights"))?, Terms::new(terms)?);
    enter(py, &Call { threads: None, progress: None }, move |caller| {
        let (mut sum, _) = terms.make(Some(rho.dim()), Some(caller), false)?;
        work(&mut sum, &rho).map_err(|e| renamed(e, &[("cloud", "x")]))
    })
}

/// F.
#[pyfunction]
fn energy_value(
    py: Python<'_>,
    terms: &Bound<'_, PyAny>,
    x: Rows<'_>,
    weights: Option<Numbers<'_>>,
) -> PyResult<f64> {
    on_cloud(py, terms, &x, weights.as_ref(), |sum, rho| sum.value(rho))
}

/// F and the gradient of its first variation, (n, d).
#[pyfunction]
fn energy_gradient<'py>(
    py: Python<'py>,
    terms: &Bound<'py, PyAny>,
    x: Rows<'py>,
    weights: Option<Numbers<'py>>,
) -> PyResult<(f64, Bound<'py, PyArray2<f64>>)> {
    let (value, gradient) = on_cloud(py, terms, &x, weights.as_ref(), |sum, rho| {
        let mut gradient = vec![0.0; rho.points().len()];
        Ok((sum.value_and_gradient(rho, &mut gradient)?, gradient))
    })?;
    Ok((value, array2(py, gradient, x.as_array().ncols())?))
}

/// The slope of the remainder of Taylor's formula.
#[pyfunction]
fn energy_slope(
    py: Python<'_>,
    terms: &Bound<'_, PyAny>,
    x: Rows<'_>,
    weights: Option<Numbers<'_>>,
    seed: u64,
) -> PyResult<f64> {
    on_cloud(py, terms, &x, weights.as_ref(), move |sum, rho| check::taylor_slope(sum, rho, seed))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(energy_facts, module)?)?;
    module.add_function(wrap_pyfunction!(energy_value, module)?)?;
    module.add_function(wrap_pyfunction!(energy_gradient, module)?)?;
    module.add_function(wrap_pyfunction!(energy_slope, module)?)
}
