//! Every long call enters Rust here. The work runs in a pool of threads of its own, without the lock of the
//! interpreter; the thread that called waits, hears Ctrl-C, and runs what the work asks of Python (energies and
//! callbacks of users, progress), so that Python code runs where it was called from.
//!
//! Pools are lent: two calls at a time have two pools, and a callback that calls in again does not wait for itself.
//! After a fork the child makes its own. On Ctrl-C the work is told to stop; where it does not hear (one long transport
//! problem) for half a second it is left behind: it ends by itself, and its result is dropped.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use gromov::solve::{Event, Observer};
use gromov::{Error, Result};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{GromovError, raise};

/// How often Ctrl-C is looked for and progress is told.
const POLL: Duration = Duration::from_millis(50);
/// How long work may take to hear Ctrl-C.
const GRACE: Duration = Duration::from_millis(500);

/// How a call runs.
pub struct Call {
    /// Threads; `None`: all cores.
    pub threads: Option<usize>,
    /// A function of (done, total, time, value, lower bound), or none.
    pub progress: Option<Py<PyAny>>,
}

/// On all cores, without progress.
pub const QUICK: Call = Call { threads: None, progress: None };

type Job = Box<dyn FnOnce(Python<'_>) + Send>;

enum Message<T> {
    Call(Job),
    Done(std::thread::Result<Result<T>>),
}

/// What the two sides share.
#[derive(Clone, Default)]
struct Shared {
    /// The work is to end.
    stop: Arc<AtomicBool>,
    /// The last event, not yet told.
    event: Arc<Mutex<Option<Event>>>,
    /// The first thing that Python code raised.
    fault: Arc<Mutex<Option<PyErr>>>,
}

/// What the work knows of its caller: an observer, and a way to run Python code.
#[derive(Clone)]
pub struct Caller {
    shared: Shared,
    send: Arc<dyn Fn(Job) + Send + Sync>,
}

impl Caller {
    /// Runs Python code in the thread that called. What it raises ends the call and is raised there. Errors: it raised, or
    /// the caller has left.
    pub fn run<R: Send + 'static>(
        &self,
        code: impl FnOnce(Python<'_>) -> PyResult<R> + Send + 'static,
    ) -> Result<R> {
        let (answer, answered) = mpsc::channel();
        (self.send)(Box::new(move |py| {
            // the work waits for it, unless it was dropped
            let _ = answer.send(code(py));
        }));
        match answered.recv() {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => {
                lock(&self.shared.fault).get_or_insert(fault);
                Err(Error::User("Python code raised".into()))
            }
            Err(_) => Err(Error::User("the call was interrupted".into())),
        }
    }
}

impl Observer for Caller {
    fn event(&mut self, event: &Event) -> ControlFlow<()> {
        *lock(&self.shared.event) = Some(*event);
        match self.shared.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.shared.stop))
    }
}

/// Runs `work` while the caller waits, and returns its result. Raises what the core reports, what Python code raised in
/// between, and KeyboardInterrupt.
pub fn enter<T: Send + 'static>(
    py: Python<'_>,
    call: &Call,
    work: impl FnOnce(&mut Caller) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let shared = Shared::default();
    let mut messages = start(py, call.threads, &shared, work)?;
    let mut leaving: Option<(PyErr, Instant)> = None;
    let mut told = Instant::now();
    loop {
        let message;
        (messages, message) = py.detach(move || {
            let message = messages.recv_timeout(POLL);
            (messages, message)
        });
        match message {
            Ok(Message::Done(done)) => return finish(py, call, &shared, done, leaving),
            Ok(Message::Call(job)) if leaving.is_none() => job(py),
            // one who is leaving answers no more
            Ok(Message::Call(_)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(GromovError::new_err("the work ended without a result"));
            }
        }
        match &leaving {
            None => {
                let due = told.elapsed() >= POLL;
                if due {
                    told = Instant::now();
                }
                let progress = |()| if due { tell(py, call, &shared) } else { Ok(()) };
                if let Err(error) = py.check_signals().and_then(progress) {
                    shared.stop.store(true, Ordering::Relaxed);
                    leaving = Some((error, Instant::now()));
                }
            }
            Some((error, since)) if since.elapsed() > GRACE => return Err(error.clone_ref(py)),
            Some(_) => {}
        }
    }
}

/// What the call returns or raises, now that the work is done.
fn finish<T>(
    py: Python<'_>,
    call: &Call,
    shared: &Shared,
    done: std::thread::Result<Result<T>>,
    leaving: Option<(PyErr, Instant)>,
) -> PyResult<T> {
    if let Some((error, _)) = leaving {
        return Err(error);
    }
    if let Some(error) = lock(&shared.fault).take() {
        return Err(error);
    }
    tell(py, call, shared)?;
    match done {
        Ok(result) => result.map_err(raise),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Starts the work in a pool that is lent to it until it ends.
fn start<T: Send + 'static>(
    py: Python<'_>,
    threads: Option<usize>,
    shared: &Shared,
    work: impl FnOnce(&mut Caller) -> Result<T> + Send + 'static,
) -> PyResult<Receiver<Message<T>>> {
    let pool = py.detach(|| lend(threads))?;
    let (sender, messages) = mpsc::channel();
    let jobs = sender.clone();
    let send = Arc::new(move |job| {
        // nobody is there to run it if this fails, and the work hears that
        let _ = jobs.send(Message::Call(job));
    });
    let mut caller = Caller { shared: shared.clone(), send };
    let lent = Arc::clone(&pool.1);
    lent.spawn(move || {
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut caller)));
        give_back(pool);
        let _ = sender.send(Message::Done(done));
    });
    Ok(messages)
}

/// Hands the last event to the function of progress.
fn tell(py: Python<'_>, call: &Call, shared: &Shared) -> PyResult<()> {
    let Some(function) = &call.progress else { return Ok(()) };
    let Some(event) = lock(&shared.event).take() else { return Ok(()) };
    function.call1(py, (event.done, event.total, event.time, event.value, event.lower))?;
    Ok(())
}

type Pool = (usize, Arc<ThreadPool>);

/// Pools that nobody uses, by number of threads, and the process they are of.
static IDLE: Mutex<(u32, Vec<Pool>)> = Mutex::new((0, Vec::new()));

/// Idle pools that are kept.
const KEPT: usize = 4;

fn lend(threads: Option<usize>) -> PyResult<Pool> {
    // 0 is the choice of rayon: all cores, or RAYON_NUM_THREADS
    let count = threads.unwrap_or(0);
    // never waited for: a fork may have copied it locked
    if let Ok(mut idle) = IDLE.try_lock() {
        if idle.0 != std::process::id() {
            // threads do not survive a fork
            idle.1.drain(..).for_each(std::mem::forget);
            idle.0 = std::process::id();
        }
        if let Some(k) = idle.1.iter().rposition(|p| p.0 == count) {
            return Ok(idle.1.swap_remove(k));
        }
    }
    match ThreadPoolBuilder::new().num_threads(count).build() {
        Ok(pool) => Ok((count, Arc::new(pool))),
        Err(e) => Err(GromovError::new_err(format!("threads: {count} cannot be started: {e}"))),
    }
}

fn give_back(pool: Pool) {
    if let Ok(mut idle) = IDLE.try_lock()
        && idle.0 == std::process::id()
    {
        if idle.1.len() == KEPT {
            idle.1.remove(0);
        }
        idle.1.push(pool);
    }
}

/// Runs short work on arrays in a lent pool and waits for it. Nothing of this package runs in the global pool of rayon, which a
/// forked child has without its threads.
pub fn inside<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| {
        let pool = lend(None)?;
        let out = pool.1.install(work);
        give_back(pool);
        Ok(out)
    })
}

/// Threads of a call that names none.
pub fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The content, also after a panic elsewhere: it is replaced as a whole each time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
