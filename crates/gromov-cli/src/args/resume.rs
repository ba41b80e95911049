//! Arguments of runs that can be resumed.

use std::path::PathBuf;

use clap::Args;

/// Checkpoints and what is resumed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Long runs")]
pub struct Resume {
    /// Keep in FILE all that is needed to go on: before the first step, every 10 steps, at Ctrl-C and at the end. Each
    /// write replaces the last one in one step and holds all frames so far (--every keeps fewer). One that fails (a
    /// full disk) ends the run as interrupted: the old file stays, outputs are written, the exit code is 2
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Steps between two writes of the checkpoint
    #[arg(long, allow_negative_numbers = true, value_name = "K", default_value_t = 10, requires = "checkpoint", value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_every: u32,
    /// Write the checkpoint also after the first step that ends S seconds or more after the last write
    #[arg(long, allow_negative_numbers = true, value_name = "S", requires = "checkpoint")]
    pub checkpoint_seconds: Option<f64>,
    /// Go on from a checkpoint, to the bytes of a run without a stop; give the same clouds and options. Others may be
    /// outputs, checkpoints, --threads, --json, --quiet and --max-bytes; --steps and --time may end the run elsewhere,
    /// if the steps done stay the same. FILE must exist, and may be that of --checkpoint
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}
