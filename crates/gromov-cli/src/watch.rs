//! Watches a run: a progress line on stderr, and Ctrl-C.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gromov::solve::{Event, Observer};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

/// Observer of a run on the command line.
pub struct Watch {
    interrupted: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    unit: &'static str,
}

impl Watch {
    /// Takes over Ctrl-C (and the signal to terminate): the first one ends the run between two
    /// iterations and lets it write what it has, the second one ends the program at once. `unit` names
    /// what is counted. The progress line is drawn only if stderr is a terminal and `quiet` is false.
    pub fn start(quiet: bool, unit: &'static str) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .map_err(|e| Failure::new(format!("Ctrl-C cannot be handled here: {e}")))?;
        let bar = (!quiet && std::io::stderr().is_terminal()).then(ProgressBar::new_spinner);
        Ok(Watch { interrupted, bar, unit })
    }

    /// Says what comes next, before the first event of it.
    pub fn stage(&mut self, unit: &'static str) {
        self.unit = unit;
        if let Some(bar) = &self.bar {
            if bar.is_finished() {
                bar.reset();
            }
            bar.set_message(format!("{unit}, first step"));
            bar.enable_steady_tick(std::time::Duration::from_millis(200));
        }
    }

    /// The run goes on from this step: the time left is reckoned from the steps done now.
    pub fn resumed_at(&self, step: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
            bar.reset_eta();
        }
    }

    /// Removes the progress line.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn draw(&self, bar: &ProgressBar, event: &Event) {
        let total = event.total.map(|n| n as u64);
        if event.done == 1 || bar.length() != total {
            let style = match total {
                Some(_) => "{elapsed_precise} [{bar:20}] {pos}/{len} eta {eta} {wide_msg}",
                None => "{elapsed_precise} {spinner} {pos} {wide_msg}",
            };
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style.progress_chars("=> "));
            }
            if let Some(total) = total {
                bar.set_length(total);
            }
        }
        bar.set_position(event.done as u64);
        let time = if event.time > 0.0 { format!(", time {:.4e}", event.time) } else { String::new() };
        // a forecast has no value
        let value = if event.value.is_nan() { String::new() } else { format!(", value {:.6e}", event.value) };
        let bound = if event.lower.is_nan() {
            String::new()
        } else {
            let gap = (event.value - event.lower) / event.value.abs().max(f64::MIN_POSITIVE);
            format!(", lower bound {:.2e}, gap {gap:.1e}", event.lower)
        };
        bar.set_message(format!("{}{time}{value}{bound}", self.unit));
    }
}

impl Observer for Watch {
    fn event(&mut self, event: &Event) -> ControlFlow<()> {
        if let Some(bar) = &self.bar {
            self.draw(bar, event);
        }
        if self.interrupted.load(Ordering::SeqCst) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.interrupted))
    }
}
