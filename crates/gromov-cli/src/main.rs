//! `gromov`: the inner-product Gromov-Wasserstein geometry of point clouds on the command line.
//!
//! Raw arguments ([`args`]) become a checked job ([`job`]), which a command runs ([`commands`]) and
//! whose results go out in one place ([`output`]). All numerics are in the library.

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

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse().and_then(commands::run) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(2)
        }
    }
}
