//! `gromov completions`: what a shell needs to complete the command line.

use clap::CommandFactory;

use crate::args::{self, Raw};
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub fn run(args: &args::Completions) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Raw::command(), "gromov", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
