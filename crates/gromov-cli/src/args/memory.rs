//! Arguments of runs whose memory is forecast.

use clap::Args;

/// What is said before a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Memory")]
pub struct Memory {
    /// Print what the run will take in memory, and stop. Nothing is computed or written
    #[arg(long)]
    pub forecast: bool,
    /// Refuse a run that is forecast to take more than N bytes [default: what is free now]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_memory: Option<u64>,
}
