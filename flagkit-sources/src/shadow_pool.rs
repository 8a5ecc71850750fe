//! Threads that run the shadow reads of migrations.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagkit_core::migrate::ShadowRead;

/// The most shadow reads that can wait. The channel reserves the memory of its queue when the pool starts.
const MAX_QUEUE: usize = 65_536;

/// Threads that run shadow reads within a time limit, so that a caller waits for the authoritative side only.
///
/// It is for synchronous code. Asynchronous code passes a shadow read to its runtime; see
/// [`ComparedRead::run_async`](flagkit_core::migrate::ComparedRead::run_async).
///
/// The threads start at the first shadow read. The memory is bounded: what finds the queue full is dropped. A shadow
/// read that is dropped, fails, panics or exceeds the limit counts as a failed comparison of its migration, and cannot
/// harm anything else.
///
/// Dropping the pool drops the shadow reads that wait, and joins the threads when those in progress have ended. A pool
/// in a `static` is never dropped.
///
/// A child process has no copy of the threads after `fork(2)`. There, a pool that had started drops every shadow read;
/// create the pool after the fork.
///
/// # Examples
///
/// ```
/// use flagkit_core::migration;
/// use flagkit_sources::ShadowPool;
///
/// migration! { static SPLIT_NAME: "split-name", range = Full, start = Off }
/// static SHADOWS: ShadowPool = ShadowPool::new();
///
/// # fn old_name(_: u64) -> Result<String, std::io::Error> { Ok("Ada Lovelace".to_owned()) }
/// # fn new_name(_: u64) -> Result<String, std::io::Error> { Ok("Ada Lovelace".to_owned()) }
/// fn name(id: u64) -> Result<String, Box<dyn std::error::Error>> {
///     let read = SPLIT_NAME.plan()?.read(move || old_name(id), move || new_name(id));
///     Ok(read.compare(|a, b| a == b).run(|shadow| SHADOWS.spawn(shadow))?)
/// }
/// # assert_eq!(name(1).unwrap(), "Ada Lovelace");
/// ```
#[derive(Debug)]
pub struct ShadowPool {
    threads: usize,
    limit: Duration,
    queue: usize,
    running: OnceLock<Running>,
}

/// The started threads, and the queue that they share.
#[derive(Debug)]
struct Running {
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
    /// Set to true when the jobs that wait must be dropped.
    is_stopping: Arc<AtomicBool>,
    /// The process that has the threads; a forked child does not.
    process: u32,
}

/// A shadow read with its limit.
type Job = Box<dyn FnOnce() + Send>;

impl ShadowPool {
    /// Creates a pool of one thread, with a limit of 50 ms and room for 64 waiting shadow reads.
    pub const fn new() -> Self {
        Self { threads: 1, limit: Duration::from_millis(50), queue: 64, running: OnceLock::new() }
    }

    /// Sets the number of threads, which is the number of shadow reads at a time. Zero counts as one.
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the longest time from [`spawn`](Self::spawn) to the end of the read.
    ///
    /// A shadow read that has waited longer is dropped. One that ends later is not compared, because the two sides would
    /// be read at two different times. It is not interrupted, so code that may hang needs a timeout of its own.
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the number of shadow reads that may wait, up to 65,536. With zero, a shadow read needs an idle thread.
    pub const fn queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// Runs a shadow read on a thread of the pool, and returns at once. Drops it if the queue is full.
    pub fn spawn<O, N, T, C, E>(&self, shadow: ShadowRead<O, N, T, C>)
    where
        O: FnOnce() -> Result<T, E> + Send + 'static,
        N: FnOnce() -> Result<T, E> + Send + 'static,
        C: FnOnce(&T, &T) -> bool + Send + 'static,
        T: Send + 'static,
        E: 'static,
    {
        let (spawned, limit) = (Instant::now(), self.limit);
        let is_in_time = move || spawned.elapsed() < limit;
        let job = move || {
            if is_in_time() {
                shadow.run_if(is_in_time);
            }
        };
        let running = self.running.get_or_init(|| Running::start(self.threads, self.queue));
        if running.is_of_this_process() {
            // Dropping the job that the queue does not take counts it as failed.
            drop(running.jobs.try_send(Box::new(job)));
        }
    }
}

impl Running {
    /// Starts the threads. If the system can start none, the queue has no receiver, so every job is dropped.
    fn start(threads: usize, queue: usize) -> Self {
        let (jobs, receiver) = mpsc::sync_channel(queue.min(MAX_QUEUE));
        let receiver = Arc::new(Mutex::new(receiver));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let (receiver, is_stopping) = (Arc::clone(&receiver), Arc::clone(&is_stopping));
            let thread = thread::Builder::new().name("flagkit-shadow".to_owned());
            thread.spawn(move || run_jobs(&receiver, &is_stopping))
        };
        let threads = (0..threads.max(1)).map_while(|index| start(index).ok()).collect();
        Self { jobs, threads, is_stopping, process: process::id() }
    }

    fn is_of_this_process(&self) -> bool {
        self.process == process::id()
    }

    /// Ends the threads, except for the current one: a job may own the pool that it runs on.
    fn stop(self) {
        self.is_stopping.store(true, Ordering::Release);
        // Without a sender, a thread ends once the queue is empty.
        drop(self.jobs);
        for thread in self.threads.into_iter().filter(|handle| handle.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Runs jobs until the pool is dropped.
fn run_jobs(jobs: &Mutex<Receiver<Job>>, is_stopping: &AtomicBool) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let is_stopping = is_stopping.load(Ordering::Acquire);
        contain(move || if is_stopping { drop(job) } else { job() });
    }
}

/// Runs code of the application. A panic in it must not end the thread.
fn contain(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        // The panic's payload may panic when it is dropped. The payload of that second panic is leaked.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            mem::forget(panic);
        }
    }
}

impl Default for ShadowPool {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ShadowPool {
    fn drop(&mut self) {
        match self.running.take() {
            Some(running) if running.is_of_this_process() => running.stop(),
            // A lock of the queue that a thread held during the fork stays locked in the child.
            Some(running) => mem::forget(running),
            None => {}
        }
    }
}

/// Compiles the examples of `docs/migrations.md`.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migrations.md")]
struct Chapter;
