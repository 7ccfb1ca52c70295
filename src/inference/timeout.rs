// SPDX-License-Identifier: MPL-2.0
//! Runs work on a thread of its own, with a timeout.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::abandoned::ThreadGuard;
use super::cancel::CancelToken;
use super::error::InferenceError;

/// The time limit of an inference in a stream. It is so long that nobody should ever reach it: it makes
/// a provider that hangs an error instead of a stream that stops silently.
pub const INFERENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long work that was cancelled may take to end.
pub(super) const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum time between two checks that counts towards the limit. If the process was stopped in
/// between, the work was stopped as well.
pub(super) const MAX_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// How often the work is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How far work has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// A step is done: the time limit starts again for the next one.
    pub fn step_done(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn steps(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The result of work that has ended.
#[derive(Debug)]
pub(super) struct Completed<T> {
    pub value: T,
    /// Whether it took too long and was cancelled.
    pub timed_out: bool,
}

/// Why work has no result.
#[derive(Debug)]
pub(super) enum Incomplete {
    /// So long after it began it has not ended, although it was cancelled. Its thread is abandoned.
    Abandoned(Duration),
    /// It panicked with this message.
    Panicked(String),
    /// No thread can be started.
    NoThread(std::io::Error),
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned(time) => write!(
                f,
                "it has not ended for {} s, although it was cancelled: its thread is left behind",
                time.as_secs()
            ),
            Self::Panicked(message) => write!(f, "its thread panicked: {message}"),
            Self::NoThread(error) => write!(f, "no thread can be started for it: {error}"),
        }
    }
}

impl From<Incomplete> for InferenceError {
    fn from(incomplete: Incomplete) -> Self {
        match incomplete {
            Incomplete::Abandoned(time) => Self::Hung(time),
            Incomplete::Panicked(_) => Self::Failed(incomplete.to_string()),
            Incomplete::NoThread(_) => Self::NoThread(incomplete.to_string()),
        }
    }
}

/// A thread that does one task after the other. It ends after its last task when this is dropped.
#[derive(Debug)]
pub(super) struct TaskThread(mpsc::Sender<Task>);

type Task = Box<dyn FnOnce() + Send>;

impl TaskThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Incomplete::NoThread`].
    pub fn new() -> Result<Self, Incomplete> {
        let (sender, tasks) = mpsc::channel::<Task>();
        let thread = thread::Builder::new().name("resnet50-try".into());
        let work = move || tasks.into_iter().for_each(|task| task());
        thread.spawn(work).map_err(Incomplete::NoThread)?;
        Ok(Self(sender))
    }
}

/// [`with_timeout_on`] a thread for this work alone.
pub(super) fn with_timeout<T: Send + 'static>(
    limit: Duration,
    cancel: &CancelToken,
    on_timeout: impl Fn(),
    work: impl FnOnce(&Progress) -> T + Send + 'static,
) -> Result<Completed<T>, Incomplete> {
    with_timeout_on(&TaskThread::new()?, limit, cancel, on_timeout, work)
}

/// Does `work` on a thread and waits for its result. If a step of it takes longer than `limit`,
/// `on_timeout` is called, which is to cancel it. If it then does not end within
/// [`CANCEL_TIMEOUT`], or not within that time after `cancel` was used, it is abandoned: ONNX
/// Runtime checks for cancellation only between two operations, and a single one may take hours. The
/// thread is of no use then.
///
/// # Errors
/// [`Incomplete`].
pub(super) fn with_timeout_on<T: Send + 'static>(
    thread: &TaskThread,
    limit: Duration,
    cancel: &CancelToken,
    on_timeout: impl Fn(),
    work: impl FnOnce(&Progress) -> T + Send + 'static,
) -> Result<Completed<T>, Incomplete> {
    let progress = Progress::default();
    let guard = ThreadGuard::default();
    let (sender, receiver) = mpsc::sync_channel(1);
    let task = {
        let (progress, guard) = (progress.clone(), guard.clone());
        move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&progress)));
            // If nobody waits any more, the result, a session for example, is dropped here.
            drop(sender.send(result));
            guard.ended();
        }
    };
    // If the thread is gone, this drops the task, which disconnects the channel.
    let _ = thread.0.send(Box::new(task));

    let begun = Instant::now();
    let (mut checked, mut elapsed, mut step) = (begun, Duration::ZERO, 0);
    let mut cancelled_at: Option<Duration> = None;
    let mut timed_out = false;
    loop {
        match receiver.recv_timeout(CHECK_INTERVAL) {
            Ok(Ok(value)) => return Ok(Completed { value, timed_out }),
            Ok(Err(panic)) => return Err(Incomplete::Panicked(panic_message(&*panic))),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Incomplete::Panicked("without a message".into()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        elapsed += checked.elapsed().min(MAX_CHECK_INTERVAL);
        checked = Instant::now();
        if cancelled_at.is_none() && progress.steps() != step {
            step = progress.steps();
            elapsed = Duration::ZERO;
        }
        match cancelled_at {
            Some(at) if elapsed > at + CANCEL_TIMEOUT => {
                guard.abandon();
                return Err(Incomplete::Abandoned(begun.elapsed()));
            }
            Some(_) => {}
            None if cancel.is_cancelled() => cancelled_at = Some(elapsed),
            None if elapsed > limit => {
                cancelled_at = Some(elapsed);
                timed_out = true;
                on_timeout();
            }
            None => {}
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::abandoned;

    const SHORT: Duration = Duration::from_millis(200);

    /// Work that ends in time is not cancelled.
    #[test]
    fn in_time() {
        let done = with_timeout(
            CANCEL_TIMEOUT,
            &CancelToken::default(),
            || panic!("it is in time"),
            |_| 3,
        )
        .expect("it ends");
        assert_eq!((done.value, done.timed_out), (3, false));
    }

    /// The limit is that of a single step.
    #[test]
    fn many_steps() {
        let limit = Duration::from_secs(2);
        let work = |progress: &Progress| {
            for _ in 0..30 {
                thread::sleep(Duration::from_millis(100));
                progress.step_done();
            }
        };
        let done = with_timeout(limit, &CancelToken::default(), || {}, work).expect("it ends");
        assert!(!done.timed_out);
    }

    /// Work that ends when it is cancelled.
    #[test]
    fn ends_when_cancelled() {
        let (sender, receiver) = mpsc::channel();
        let end = || sender.send(()).expect("it still waits");
        let work = move |_: &Progress| receiver.recv().expect("it is told");
        let done = with_timeout(SHORT, &CancelToken::default(), end, work).expect("it ends");
        assert!(done.timed_out);
    }

    /// Work that does not end, neither after its limit nor when it is cancelled, is abandoned, and
    /// counts until it ends after all.
    #[test]
    fn abandoned_work() {
        for is_cancelled in [false, true] {
            let before = abandoned::count();
            let (sender, receiver) = mpsc::channel::<()>();
            let cancel = CancelToken::default();
            let limit = if is_cancelled {
                cancel.cancel();
                Duration::from_secs(3600)
            } else {
                SHORT
            };
            let work = move |_: &Progress| receiver.recv().is_ok();
            let left = with_timeout(limit, &cancel, || {}, work);
            assert!(matches!(left, Err(Incomplete::Abandoned(_))), "{left:?}");
            assert_eq!(abandoned::count(), before + 1);
            drop(sender);
            let begun = Instant::now();
            while abandoned::count() > before {
                assert!(begun.elapsed() < Duration::from_secs(60), "it ends");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// A panic becomes an error.
    #[test]
    fn panic_in_work() {
        let outcome = with_timeout(
            CANCEL_TIMEOUT,
            &CancelToken::default(),
            || {},
            |_| panic!("on purpose"),
        );
        let Err(Incomplete::Panicked(message)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(message, "on purpose");
    }
}
