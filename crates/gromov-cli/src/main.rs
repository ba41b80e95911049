//! `gromov`: the inner-product Gromov-Wasserstein geometry of point clouds on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gromov_cli::run(std::env::args_os()))
}
