//! libFuzzer on the target that the variable `TARGET` names. Started by `fuzz/run.sh`.
#![no_main]

use std::sync::OnceLock;

use gromov_fuzz::{Target, find};

static CHOSEN: OnceLock<Target> = OnceLock::new();

/// Chooses the target, and keeps all work in this thread.
fn start() {
    let name = std::env::var("TARGET").unwrap_or_default();
    let Some(target) = find(&name) else {
        eprintln!("TARGET='{name}' is no fuzz target");
        std::process::exit(2);
    };
    CHOSEN.get_or_init(|| target);
    if let Err(e) = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global() {
        eprintln!("no thread pool: {e}");
        std::process::exit(2);
    }
}

libfuzzer_sys::fuzz_target!(init: start(), |data: &[u8]| {
    if let Some((_, run)) = CHOSEN.get() {
        run(data);
    }
});
