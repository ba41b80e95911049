//! Errors: those of the core become `gromov.GromovError`, with the names of Python's arguments.

use gromov::Error;
use pyo3::prelude::*;

pyo3::import_exception!(gromov._errors, GromovError);

/// An error of the core as Python sees it.
pub fn raise(error: Error) -> PyErr {
    GromovError::new_err(error.to_string())
}

/// The same error about an argument of another name: the core's `points` are the `x` of a function.
pub fn renamed(error: Error, names: &[(&str, &str)]) -> Error {
    let rename = |argument: String| match names.iter().find(|n| n.0 == argument) {
        Some(name) => name.1.to_string(),
        None => argument,
    };
    match error {
        Error::Shape { argument, expected, got } => {
            Error::Shape { argument: rename(argument), expected, got }
        }
        Error::NotFinite { argument, index, value } => {
            Error::NotFinite { argument: rename(argument), index, value }
        }
        Error::Weights { argument, problem } => Error::Weights { argument: rename(argument), problem },
        Error::Scale { argument, scale, range } => Error::Scale { argument: rename(argument), scale, range },
        other => other,
    }
}
