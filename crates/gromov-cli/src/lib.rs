//! The program `gromov` as a library: [`run`] is all of it, for the binary and for the Python package.
//!
//! Raw arguments (`args`) become a checked job (`job`), which a command runs (`commands`) and
//! whose results go out in one place (`output`). All numerics are in the crate `gromov`.

mod args;
mod commands;
mod failure;
mod frames;
mod job;
mod output;
mod outputs;
mod reading;
mod spec;
mod target;
mod trajectory;
mod watch;

use std::ffi::OsString;

/// Runs a command line, the name of the program first, and returns its exit code. Help and versions are printed and
/// count as success; wrong usage and input are one line on stderr and 2. The first command that can be interrupted
/// takes over Ctrl-C for the whole process, so that this is called once, by a program of its own.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let done = match args::parse(&arguments) {
        Ok(Some(raw)) => commands::run(raw),
        Ok(None) => Ok(0),
        Err(failure) => Err(failure),
    };
    done.unwrap_or_else(|failure| {
        failure.print();
        2
    })
}
