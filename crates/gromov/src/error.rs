//! Wrong input: one error type, with names, places and numbers.
//!
//! An [`Error`] means that no answer exists for what was asked. How an *answered* run stopped is a
//! [`Status`](crate::solve::Status).

use std::path::PathBuf;

/// Result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why no answer exists.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array has the wrong size.
    #[error("{argument}: expected {expected}, got {got}")]
    Shape {
        /// Name of the argument.
        argument: String,
        /// Size that was expected.
        expected: String,
        /// Size that was given.
        got: String,
    },
    /// An entry is not a finite number.
    #[error("{argument}: entry {index} is {value}; every entry must be a finite number")]
    NotFinite {
        /// Name of the argument.
        argument: String,
        /// Position, as "row, column" or a flat index.
        index: String,
        /// The value found.
        value: f64,
    },
    /// Weights are negative or do not sum to one.
    #[error("{argument}: {problem}")]
    Weights {
        /// Name of the argument.
        argument: String,
        /// What is wrong, with the number.
        problem: String,
    },
    /// An option has a value outside its range.
    #[error("{option}: {value} is not allowed; expected {expected}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// The second moment has an eigenvalue at or below the floor, so the mobility has no inverse.
    #[error(
        "second moment is singular: smallest eigenvalue {smallest:e} is at most {floor:e} times the largest, {largest:e}"
    )]
    Singular {
        /// Smallest eigenvalue of the second moment.
        smallest: f64,
        /// Largest eigenvalue.
        largest: f64,
        /// Floor, relative to the largest.
        floor: f64,
    },
    /// Lengths, or what is made of them, are outside the range in which the result fits into a double.
    #[error("{argument}: values of about {scale:e} are outside the range {range}; rescale the data")]
    Scale {
        /// Name of the argument.
        argument: String,
        /// Largest value found.
        scale: f64,
        /// Range allowed.
        range: &'static str,
    },
    /// A linear-algebra kernel did not converge (seen for non-finite or extreme values only).
    #[error("{kernel}: no convergence for a matrix with largest entry {scale:e}")]
    LinearAlgebra {
        /// Name of the kernel.
        kernel: &'static str,
        /// Largest entry of the matrix.
        scale: f64,
    },
    /// A file cannot be read or written.
    #[error("{}{}: {problem}", printable(&path.to_string_lossy()), place.as_ref().map(|p| format!(":{p}")).unwrap_or_default())]
    File {
        /// The file.
        path: PathBuf,
        /// Line, byte offset or member, where known.
        place: Option<String>,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A solver inside an energy reached its cap; a flow ends there, with its frames and the status
    /// `iteration_cap`.
    #[error("{solver} reached its cap on iterations")]
    IterationCap {
        /// Which solver.
        solver: &'static str,
    },
    /// No geodesic of the IGW geometry leads where it should.
    #[error("no geodesic: {problem}")]
    NoGeodesic {
        /// How far it got, and what stopped it.
        problem: String,
    },
    /// A run is resumed from a checkpoint with something else than it was started with.
    #[error("{what}: the checkpoint has {then}, now {now}")]
    Resumed {
        /// Name of the option or argument.
        what: String,
        /// Its value in the checkpoint.
        then: String,
        /// Its value now.
        now: String,
    },
    /// A run would take more memory than there is.
    #[error("{what}: takes about {needed} of memory ({parts}), the limit is {limit}; {advice}")]
    Memory {
        /// The run.
        what: &'static str,
        /// What it needs.
        needed: String,
        /// What takes it.
        parts: String,
        /// The limit.
        limit: String,
        /// What to do.
        advice: &'static str,
    },
    /// A user-defined part (an energy) reported an error.
    #[error("{0}")]
    User(String),
}

impl Error {
    /// A [`Error::Shape`].
    pub(crate) fn shape(argument: &str, expected: impl ToString, got: impl ToString) -> Self {
        Error::Shape { argument: argument.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// A [`Error::Option`].
    pub(crate) fn option(option: &'static str, value: impl ToString, expected: impl ToString) -> Self {
        Error::Option { option, value: value.to_string(), expected: expected.to_string() }
    }

    /// A [`Error::File`].
    pub(crate) fn file(path: impl Into<PathBuf>, place: Option<String>, problem: impl ToString) -> Self {
        Error::File { path: path.into(), place, problem: problem.to_string() }
    }
}

/// Text fit for one line of a terminal: control characters and marks that hide or turn text are
/// escaped.
///
/// ```
/// assert_eq!(gromov::error::printable("a\n\u{1b}[31mb"), "a\\n\\u{1b}[31mb");
/// ```
pub fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
