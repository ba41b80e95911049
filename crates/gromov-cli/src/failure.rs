//! Wrong input or usage: one line on stderr, exit code 2.

use std::io::Write;
use std::path::Path;

use gromov::error::printable;

/// What is wrong and what to do, as one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(String);

impl Failure {
    /// A message without a file.
    pub fn new(message: impl Into<String>) -> Self {
        Failure(message.into())
    }

    /// A message about a file.
    pub fn file(path: &Path, problem: impl std::fmt::Display) -> Self {
        Failure(format!("{}: {problem}", path.display()))
    }

    /// Writes `gromov: message` to stderr. A closed stderr is no reason to fail.
    pub fn print(&self) {
        let line = printable(self.0.trim_end());
        let _ = writeln!(std::io::stderr(), "gromov: {line}");
    }
}

impl From<gromov::Error> for Failure {
    fn from(error: gromov::Error) -> Self {
        match error {
            gromov::Error::Option { option, value, expected } => {
                let (option, value) = (option.replace('_', "-"), short(&value));
                Failure(format!("--{option}: {value} is not allowed; give {expected}"))
            }
            gromov::Error::Resumed { what, then, now } => {
                Failure(format!("--{}: the checkpoint has {then}, now {now}", what.replace('_', "-")))
            }
            other => Failure(other.to_string()),
        }
    }
}

/// A number as it is shown: one of many digits gets an exponent.
pub fn short(number: &str) -> String {
    match number.parse::<f64>() {
        Ok(x) if number.len() > 20 => format!("{x:e}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_named_as_they_are_typed() {
        let error = gromov::igw::Alternating { starts: Some(0), ..Default::default() }.check().unwrap_err();
        assert_eq!(Failure::from(error), Failure::new("--starts: 0 is not allowed; give at least 1"));
        assert_eq!((short(&1e300.to_string()), short("0.25")), ("1e300".into(), "0.25".into()));
    }
}
