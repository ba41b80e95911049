//! All pairs in the current thread pool.
//!
//! Threads of the pool take pairs from a queue that the thread that called fills, block by block; it keeps the records,
//! is heard by the observer and, where it belongs to the pool itself, solves pairs between. A pair is solved by one
//! thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::block::{Sum, sum};
use super::{Cloud, Pairwise, Record, Schedule, Solution};
use crate::error::{Error, Result};
use crate::solve::{Event, Observer, Quiet};

/// Blocks under way for each thread.
const BLOCKS: usize = 4;
/// Longest time between two calls of the observer, while pairs come back or the calling thread only waits.
const PULSE: Duration = Duration::from_millis(50);

/// Keeps the records of a block, in a file for instance; an error interrupts the run.
pub type Keep<'a> = dyn FnMut(&[Record]) -> Result<()> + 'a;

impl Pairwise {
    /// All distances of `clouds`, in the current pool: the same bytes for any number of threads. The observer is told
    /// the pairs done; when it ends the run, what is done by then is in the solution. Errors: options out of range,
    /// no clouds. A pair that fails is no error.
    ///
    /// ```
    /// use gromov::{Measure, Pairwise, igw};
    /// // IGW sees second moments of points on a line through 0 alone when they are symmetric: |s² − r²|
    /// let line = |r: f64| Measure::uniform(vec![r, -r], 1);
    /// let clouds = vec![Ok(line(1.0)?), Ok(line(2.0)?), Err("empty".into())];
    /// let all = Pairwise::default().solve(&clouds, &mut ())?;
    /// assert!((all.distances[1] - 3.0).abs() < 1e-15 && all.distances[2].is_nan());
    /// assert_eq!((all.solved, all.failed.len()), (1, 2));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn solve(&self, clouds: &[Cloud], observer: &mut dyn Observer) -> Result<Solution> {
        self.solve_from(clouds, Vec::new(), observer, None)
    }

    /// As [`Pairwise::solve`], with the records of an earlier run, and with somebody who keeps the new ones: of a block
    /// as soon as all its pairs are there, of an interrupted run all that are. At most four blocks a thread are under
    /// way. Records that cannot be kept interrupt the run, and [`Solution::unkept`] says why.
    pub fn solve_from(
        &self,
        clouds: &[Cloud],
        known: Vec<Record>,
        observer: &mut dyn Observer,
        keep: Option<&mut Keep<'_>>,
    ) -> Result<Solution> {
        let schedule = Schedule::new(self, clouds, known)?;
        let sums: Vec<Sum> = clouds.iter().map(sum).collect();
        let queue = Queue::default();
        // a flag of the observer is heard within a pair, and is not ours to set
        let flag = observer.flag().unwrap_or_else(|| queue.stop.clone());
        let threads = rayon::current_num_threads();
        let (send, receive) = channel();
        let pair = |task: &Task| self.pair(clouds, &sums, task.pair, &mut Quiet::hearing(flag.clone()));
        let mut run = Run { schedule, keep, under_way: Vec::new(), next: 0, unkept: None };
        let pools = (0..threads).map(|_| one_thread()).collect::<Result<Vec<_>>>()?;
        std::thread::scope(|scope| {
            for pool in &pools {
                let (send, queue, pair) = (send.clone(), &queue, &pair);
                // a thread waits for pairs in a pool of its own: in a shared one it could wait above a pair of its own
                scope.spawn(move || pool.install(|| work(queue, pair, &send)));
            }
            let ended = run.all(&queue, BLOCKS * threads, &flag, &receive, observer);
            queue.close();
            ended
        })?;
        let mut solution = run.schedule.finish();
        solution.unkept = run.unkept;
        Ok(solution)
    }
}

/// A pair of a block.
#[derive(Debug, Clone, Copy)]
struct Task {
    block: usize,
    pair: (usize, usize),
}

/// A block, and a record if the pair was not ended.
type Answer = (usize, Option<Record>);

/// Pairs to be solved.
#[derive(Default)]
struct Queue {
    /// The pairs, and whether there will be no more.
    state: Mutex<(VecDeque<Task>, bool)>,
    ready: Condvar,
    /// The run ends early.
    stop: Arc<AtomicBool>,
    /// A thread has panicked.
    broken: AtomicBool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<Task>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, tasks: impl Iterator<Item = Task>) {
        self.lock().0.extend(tasks);
        self.ready.notify_all();
    }

    /// The next pair, as soon as there is one; `None` at the end.
    fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            match state.0.pop_front() {
                Some(task) => return Some(task),
                None if state.1 => return None,
                None => state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Drops what has not begun; those who wait go home.
    fn close(&self) {
        let mut state = self.lock();
        state.0.clear();
        state.1 = true;
        drop(state);
        self.ready.notify_all();
    }
}

/// Tells the thread that waits when another one panics; the scope then passes the panic on.
struct Alarm<'a>(&'a Queue);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

/// A pool of one thread. Errors: it cannot be started.
fn one_thread() -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.map_err(|e| Error::User(format!("a thread cannot be started: {e}")))
}

/// Solves pairs until the queue is closed.
fn work(queue: &Queue, pair: &(dyn Fn(&Task) -> Option<Record> + Sync), send: &Sender<Answer>) {
    let _alarm = Alarm(queue);
    while let Some(task) = queue.next() {
        if send.send((task.block, pair(&task))).is_err() {
            return;
        }
    }
}

/// A block under way.
struct Block {
    number: usize,
    left: usize,
    records: Vec<Record>,
}

struct Run<'a, 'b> {
    schedule: Schedule,
    keep: Option<&'a mut Keep<'b>>,
    under_way: Vec<Block>,
    next: usize,
    unkept: Option<crate::Error>,
}

impl Run<'_, '_> {
    /// Runs all blocks.
    fn all(
        &mut self,
        queue: &Queue,
        most: usize,
        flag: &AtomicBool,
        receive: &Receiver<Answer>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let mut pulse = Instant::now();
        let mut done = self.schedule.resumed();
        loop {
            self.refill(queue, most);
            if self.under_way.is_empty() {
                return Ok(());
            }
            let whole = match receive.recv_timeout(PULSE).ok() {
                Some(answer) => {
                    done += usize::from(answer.1.is_some());
                    self.enter(answer)?
                }
                None => false,
            };
            if whole || pulse.elapsed() >= PULSE {
                pulse = Instant::now();
                let event = Event::new(done, Some(self.schedule.pairs()), 0.0, f64::NAN);
                if observer.event(&event).is_break() {
                    queue.stop.store(true, Ordering::Relaxed);
                }
            }
            let ends = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
            if ends(&queue.stop) || ends(&queue.broken) || ends(flag) || self.unkept.is_some() {
                return self.end(queue, receive);
            }
        }
    }

    fn refill(&mut self, queue: &Queue, most: usize) {
        for pairs in self.schedule.next_blocks(most.saturating_sub(self.under_way.len())) {
            let block = self.next;
            self.next += 1;
            self.under_way.push(Block { number: block, left: pairs.len(), records: Vec::new() });
            queue.push(pairs.into_iter().map(|pair| Task { block, pair }));
        }
    }

    /// Takes an answer; true if its block is whole, which is then kept.
    fn enter(&mut self, (number, record): Answer) -> Result<bool> {
        let Some(at) = self.under_way.iter().position(|b| b.number == number) else { return Ok(false) };
        let block = &mut self.under_way[at];
        block.records.extend(record);
        block.left -= 1;
        if block.left > 0 {
            return Ok(false);
        }
        let block = self.under_way.swap_remove(at);
        self.keep(block.records)?;
        Ok(true)
    }

    fn keep(&mut self, mut records: Vec<Record>) -> Result<()> {
        // those of one thread stand in the order of the block
        records.sort_by_key(|r| (r.i, r.j));
        self.schedule.take(&records)?;
        if let (Some(keep), None, false) = (&mut self.keep, &self.unkept, records.is_empty()) {
            self.unkept = keep(&records).err();
        }
        Ok(())
    }

    /// Waits for the pairs in work, which hear the flag, and keeps what there is.
    fn end(&mut self, queue: &Queue, receive: &Receiver<Answer>) -> Result<()> {
        queue.stop.store(true, Ordering::Relaxed);
        let dropped = std::mem::take(&mut queue.lock().0).len();
        while self.under_way.iter().map(|b| b.left).sum::<usize>() > dropped
            && !queue.broken.load(Ordering::Relaxed)
        {
            if let Ok(answer) = receive.recv_timeout(PULSE) {
                self.enter(answer)?;
            }
        }
        for block in std::mem::take(&mut self.under_way) {
            self.keep(block.records)?;
        }
        Ok(())
    }
}
