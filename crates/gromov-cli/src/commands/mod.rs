//! The commands: a checked job in, results out, an exit code back.

mod barycenter;
mod completions;
mod demo;
mod distance;
mod flow;
mod forecast;
mod geodesic;
mod info;
mod pairwise;
mod verify;

use crate::args::{Command, Common, Raw};
use crate::failure::Failure;

/// Runs the command with the threads asked for.
pub fn run(raw: Raw) -> Result<u8, Failure> {
    let Raw { command, common } = raw;
    let Some(threads) = common.threads else {
        return dispatch(&command, &common);
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build();
    let pool = pool.map_err(|e| Failure::new(format!("--threads: {threads} cannot be started: {e}")))?;
    pool.install(|| dispatch(&command, &common))
}

fn dispatch(command: &Command, common: &Common) -> Result<u8, Failure> {
    match command {
        Command::Distance(args) => distance::run(args, common),
        Command::Verify(args) => verify::run(args, common),
        Command::Flow(args) => flow::run(args, common),
        Command::Barycenter(args) => barycenter::run(args, common),
        Command::Geodesic(args) => geodesic::run(args, common),
        Command::Pairwise(args) => pairwise::run(args, common),
        Command::Info(args) => info::run(args, common),
        Command::Demo(args) => demo::run(args, common),
        Command::Completions(args) => completions::run(args),
    }
}
