//! The vocabulary of every iteration: how a run stopped, how long it may take, who watches it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How an answered run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// A flow did the steps or the time that was asked for.
    Completed,
    /// The stopping rule of the method was met.
    Converged,
    /// The second moment reached the floor: the mobility has no inverse beyond this point.
    Singular,
    /// The cap on iterations was reached first.
    IterationCap,
    /// The cap on time was reached first.
    TimeCap,
    /// No further progress was possible, and the stopping rule was not met.
    Stalled,
    /// The observer asked to stop (Ctrl-C on the command line).
    Interrupted,
}

impl Status {
    /// The name used in JSON and in tables: `completed`, `converged`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Completed => "completed",
            Status::Converged => "converged",
            Status::Singular => "singular",
            Status::IterationCap => "iteration_cap",
            Status::TimeCap => "time_cap",
            Status::Stalled => "stalled",
            Status::Interrupted => "interrupted",
        }
    }

    /// True when the run ended as asked: `completed` or `converged`.
    pub fn is_success(self) -> bool {
        matches!(self, Status::Completed | Status::Converged)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an observer is told between two iterations.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Event {
    /// Iterations, starts or steps done.
    pub done: usize,
    /// How many there will be, where known.
    pub total: Option<usize>,
    /// Flow time, where there is one.
    pub time: f64,
    /// The value so far (squared distance, energy).
    pub value: f64,
    /// A lower bound of the value sought, where one is known; else not a number.
    pub lower: f64,
}

impl Event {
    /// An event of a run without a time of its own.
    pub(crate) fn new(done: usize, total: Option<usize>, time: f64, value: f64) -> Self {
        Event { done, total, time, value, lower: f64::NAN }
    }
}

/// Watches a long run and may stop it: `ControlFlow::Break(())` ends it with [`Status::Interrupted`].
///
/// Any closure `FnMut(&Event) -> ControlFlow<()>` is an observer; `()` is the one that does nothing.
pub trait Observer {
    /// Called between iterations, from the thread that called `solve`.
    fn event(&mut self, event: &Event) -> ControlFlow<()>;

    /// A flag that another thread sets to end the run: it is heard within a step too, where
    /// [`Observer::event`] is called between steps only. `None` by default.
    fn flag(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

impl Observer for () {
    fn event(&mut self, _: &Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Event) -> ControlFlow<()>> Observer for F {
    fn event(&mut self, event: &Event) -> ControlFlow<()> {
        self(event)
    }
}

/// An observer for a part of a run: it hands the flag on and is told nothing.
#[derive(Clone)]
pub(crate) struct Quiet(Option<Arc<AtomicBool>>);

impl Quiet {
    pub(crate) fn of(observer: &dyn Observer) -> Self {
        Quiet(observer.flag())
    }

    pub(crate) fn hearing(flag: Arc<AtomicBool>) -> Self {
        Quiet(Some(flag))
    }
}

impl Observer for Quiet {
    fn event(&mut self, _: &Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn flag(&self) -> Option<Arc<AtomicBool>> {
        self.0.clone()
    }
}

/// What may end a run early, also in the middle of a long step: a deadline, and a flag that another thread sets.
///
/// ```
/// use std::time::Duration;
/// use gromov::solve::{Status, Stop};
/// assert_eq!(Stop::never().requested(), None);
/// assert_eq!(Stop::after(Some(Duration::ZERO)).requested(), Some(Status::TimeCap));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop {
    end: Option<Instant>,
    flag: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// Never.
    pub fn never() -> Self {
        Stop::default()
    }

    /// When the limit has passed, counted from now; `None` is never.
    pub fn after(limit: Option<Duration>) -> Self {
        Stop { end: limit.and_then(|l| Instant::now().checked_add(l)), flag: None }
    }

    /// Also when the flag is set, if one is given; it takes the place of an earlier one.
    pub fn or_flag(self, flag: Option<Arc<AtomicBool>>) -> Self {
        Stop { flag: flag.or(self.flag), end: self.end }
    }

    /// `interrupted` once the flag is set, `time_cap` once the limit has passed, else `None`.
    pub fn requested(&self) -> Option<Status> {
        if self.flag.as_ref().is_some_and(|f| f.load(Ordering::Relaxed)) {
            return Some(Status::Interrupted);
        }
        self.end.filter(|end| Instant::now() >= *end).map(|_| Status::TimeCap)
    }
}
