//! Arrays in and out. What comes in has passed `gromov._arrays`: float64, C order, of the right number of axes.

use gromov::{Measure, Result};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::enter::inside;
use crate::error::{GromovError, raise, renamed};

/// Points up to which nothing runs in parallel.
const FEW: usize = 1024;

/// Rows of numbers.
pub type Rows<'py> = PyReadonlyArray2<'py, f64>;
/// Numbers that go out.
pub type Array1<'py> = Bound<'py, PyArray1<f64>>;
/// Rows of numbers that go out.
pub type Array2<'py> = Bound<'py, PyArray2<f64>>;
/// Numbers.
pub type Numbers<'py> = PyReadonlyArray1<'py, f64>;

/// The numbers of an array in C order.
pub fn numbers(array: &Rows<'_>) -> PyResult<Vec<f64>> {
    Ok(array.as_slice()?.to_vec())
}

/// A cloud, (n, d), with its weights, (n) or none; `names` are those of both arguments.
pub fn cloud(
    points: &Rows<'_>,
    weights: Option<&Numbers<'_>>,
    normalize: bool,
    names: (&str, &str),
) -> PyResult<Measure> {
    let (rows, dim) = (points.as_array().nrows(), points.as_array().ncols());
    let py = points.py();
    let points = numbers(points)?;
    let weights = weights.map(|w| w.as_slice().map(<[f64]>::to_vec)).transpose()?;
    let make = move || match weights {
        None => Measure::uniform(points, dim),
        Some(weights) if normalize => Measure::normalized(points, dim, weights),
        Some(weights) => Measure::weighted(points, dim, weights),
    };
    // sums of a few points stay in their thread
    let made: Result<Measure> = if rows > FEW { inside(py, make)? } else { make() };
    made.map_err(|e| raise(renamed(e, &[("points", names.0), ("weights", names.1)])))
}

/// An array (n).
pub fn array1(py: Python<'_>, data: Vec<f64>) -> Bound<'_, PyArray1<f64>> {
    data.into_pyarray(py)
}

/// An array (n, d).
pub fn array2(py: Python<'_>, data: Vec<f64>, d: usize) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let n = data.len() / d;
    data.into_pyarray(py).reshape([n, d])
}

/// An array (k, n, d).
pub fn array3(py: Python<'_>, data: Vec<f64>, n: usize, d: usize) -> PyResult<Bound<'_, PyArray3<f64>>> {
    let k = data.len() / (n * d);
    data.into_pyarray(py).reshape([k, n, d])
}

/// A state for `pickle`, behind its version and its sum: one version of the package reads what it wrote.
pub fn pickled<T: Serialize>(state: &T) -> PyResult<Vec<u8>> {
    let fault = |e: postcard::Error| GromovError::new_err(format!("cannot be pickled: {e}"));
    let content = postcard::to_allocvec(state).map_err(fault)?;
    postcard::to_allocvec(&(VERSION, sum(&content), content)).map_err(fault)
}

/// What [`pickled`] wrote.
pub fn unpickled<T: DeserializeOwned>(bytes: &[u8]) -> PyResult<T> {
    let damaged = || GromovError::new_err("pickle: damaged");
    let (version, rest): (String, _) = postcard::take_from_bytes(bytes).map_err(|_| damaged())?;
    if version != VERSION {
        return Err(GromovError::new_err(format!("pickle: written by gromov {version}, this is {VERSION}")));
    }
    let (expected, content): ([u8; 32], Vec<u8>) = postcard::from_bytes(rest).map_err(|_| damaged())?;
    if sum(&content) != expected {
        return Err(damaged());
    }
    postcard::from_bytes(&content).map_err(|_| damaged())
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn sum(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}
