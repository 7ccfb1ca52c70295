// SPDX-License-Identifier: MPL-2.0
//! Work in a thread of its own that nobody waits for without end.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use super::cancel::Cancel;

/// How long work that is told to end may take for it.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// The longest time between two looks that counts. A process that was stopped meanwhile does not
/// know what the work would have done in that time.
pub(super) const GLANCE: Duration = Duration::from_secs(2);

/// How often the work is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How far work has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Arc<AtomicU64>);

impl Steps {
    /// A step is done: the limit holds for the next one anew.
    pub fn done(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What came of work.
#[derive(Debug)]
pub(super) struct Finished<T> {
    pub value: T,
    /// Whether it took too long and was told to end.
    pub is_late: bool,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// It does not end, though it was told to so long after it began: its thread is left behind.
    Left(Duration),
    Panicked(String),
    /// The system gives no thread.
    Thread(std::io::Error),
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left(time) => write!(
                f,
                "it has not ended for {} s, although it was told to: its thread is left behind",
                time.as_secs()
            ),
            Self::Panicked(message) => write!(f, "its thread panicked: {message}"),
            Self::Thread(error) => write!(f, "the system gives no thread for it: {error}"),
        }
    }
}

/// A thread that does one piece of work after the other, and ends with the last of them when this
/// is dropped.
#[derive(Debug)]
pub(super) struct Worker(mpsc::Sender<Task>);

/// A piece of work.
type Task = Box<dyn FnOnce() + Send>;

impl Worker {
    /// Starts the thread.
    pub fn new() -> Result<Self, Unfinished> {
        let (sender, tasks) = mpsc::channel::<Task>();
        let thread = thread::Builder::new().name("resnet50-try".into());
        let work = move || tasks.into_iter().for_each(|task| task());
        thread.spawn(work).map_err(Unfinished::Thread)?;
        Ok(Self(sender))
    }
}

/// [`bounded_in`] a thread for this alone.
pub(super) fn bounded<T: Send + 'static>(
    limit: Duration,
    cancel: &Cancel,
    end: impl Fn(),
    work: impl FnOnce(&Steps) -> T + Send + 'static,
) -> Result<Finished<T>, Unfinished> {
    bounded_in(&Worker::new()?, limit, cancel, end, work)
}

/// Does `work` in a worker's thread and waits for it. Where a step of it takes longer than `limit`,
/// `end` is called, which is to end it. Where it then goes on all the same, or after `cancel` was
/// used, it is not waited for any longer than [`GRACE`]: ONNX Runtime looks whether it is to end
/// between two operations only, and there are operations that take hours. The worker is of no use
/// then.
pub(super) fn bounded_in<T: Send + 'static>(
    worker: &Worker,
    limit: Duration,
    cancel: &Cancel,
    end: impl Fn(),
    work: impl FnOnce(&Steps) -> T + Send + 'static,
) -> Result<Finished<T>, Unfinished> {
    let steps = Steps::default();
    let stay = Stay::default();
    let (sender, receiver) = mpsc::sync_channel(1);
    let task = {
        let (steps, stay) = (steps.clone(), stay.clone());
        move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&steps)));
            // Whoever waited may have gone; then the result, a session perhaps, ends here.
            drop(sender.send(outcome));
            stay.is_over();
        }
    };
    // A worker whose thread is gone drops it, which is seen below.
    let _ = worker.0.send(Box::new(task));

    let begun = Instant::now();
    let (mut seen, mut watched, mut step) = (begun, Duration::ZERO, 0);
    let mut told: Option<Duration> = None;
    let mut is_late = false;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(Ok(value)) => return Ok(Finished { value, is_late }),
            Ok(Err(panic)) => return Err(Unfinished::Panicked(text(&*panic))),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Unfinished::Panicked("without a word".into()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        watched += seen.elapsed().min(GLANCE);
        seen = Instant::now();
        if told.is_none() && steps.count() != step {
            step = steps.count();
            watched = Duration::ZERO;
        }
        match told {
            Some(at) if watched > at + GRACE => {
                stay.begins();
                return Err(Unfinished::Left(begun.elapsed()));
            }
            Some(_) => {}
            None if cancel.is_cancelled() => told = Some(watched),
            None if watched > limit => {
                told = Some(watched);
                is_late = true;
                end();
            }
            None => {}
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a word".into())
}

/// Threads that were left behind and are still at work.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// A thread that may have to be left behind. It counts from when it is until it ends, whichever of
/// the two comes first: work may end just when it is given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Stay(Arc<AtomicBool>);

impl Stay {
    /// The thread is left behind.
    pub fn begins(&self) {
        gst::warning!(
            super::log::CAT,
            "ONNX Runtime does not end: its thread is left behind"
        );
        end_without_destructors();
        if !self.0.swap(true, Ordering::AcqRel) {
            LEFT.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The thread ends.
    pub fn is_over(&self) {
        if self.0.swap(true, Ordering::AcqRel) {
            LEFT.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Sees to it that a process that ends while a thread is left behind does so without the
/// destructors of ONNX Runtime's own statics: the thread still uses them.
fn end_without_destructors() {
    static ONCE: Once = Once::new();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    ONCE.call_once(|| {
        unsafe extern "C" {
            fn on_exit(
                function: unsafe extern "C" fn(libc::c_int, *mut libc::c_void),
                argument: *mut libc::c_void,
            ) -> libc::c_int;
        }
        unsafe extern "C" fn leave(status: libc::c_int, _: *mut libc::c_void) {
            if LEFT.load(Ordering::Acquire) > 0 {
                // SAFETY: both are made for the end of a process; what is in the buffers of C
                // streams is written first, which `_exit` does not do.
                unsafe {
                    libc::fflush(std::ptr::null_mut());
                    libc::_exit(status);
                }
            }
        }
        // SAFETY: the function takes what `on_exit` gives, and stays as long as the process:
        // GStreamer does not unload plugins. ONNX Runtime was loaded before, so that this runs
        // before its destructors.
        unsafe { on_exit(leave, std::ptr::null_mut()) };
    });
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    ONCE.call_once(|| {});
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn never() -> Cancel {
        Cancel::default()
    }

    /// Work that ends in time is not told to.
    #[test]
    fn in_time() {
        let done = bounded(GRACE, &never(), || panic!("it is in time"), |_| 3).expect("it ends");
        assert_eq!((done.value, done.is_late), (3, false));
    }

    /// The limit is that of a step.
    #[test]
    fn many_steps() {
        let limit = Duration::from_secs(2);
        let work = |steps: &Steps| {
            for _ in 0..30 {
                thread::sleep(Duration::from_millis(100));
                steps.done();
            }
        };
        let done = bounded(limit, &never(), || {}, work).expect("it ends");
        assert!(!done.is_late);
    }

    /// Work that ends when it is told to.
    #[test]
    fn told_to_end() {
        let (sender, receiver) = mpsc::channel();
        let end = || sender.send(()).expect("it still waits");
        let work = move |_: &Steps| receiver.recv().expect("it is told");
        let done = bounded(SHORT, &never(), end, work).expect("it ends");
        assert!(done.is_late);
    }

    /// Work that does not end, be it too long or cancelled, is left behind, and counts until it
    /// has ended after all.
    #[test]
    fn left_behind() {
        for is_cancelled in [false, true] {
            let before = LEFT.load(Ordering::Acquire);
            let (sender, receiver) = mpsc::channel::<()>();
            let cancel = never();
            let limit = if is_cancelled {
                cancel.cancel();
                Duration::from_secs(3600)
            } else {
                SHORT
            };
            let work = move |_: &Steps| receiver.recv().is_ok();
            let left = bounded(limit, &cancel, || {}, work);
            assert!(matches!(left, Err(Unfinished::Left(_))), "{left:?}");
            assert_eq!(LEFT.load(Ordering::Acquire), before + 1);
            drop(sender);
            let begun = Instant::now();
            while LEFT.load(Ordering::Acquire) > before {
                assert!(begun.elapsed() < Duration::from_secs(60), "it ends");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// A panic is told, and goes no further.
    #[test]
    fn panic_in_work() {
        let outcome = bounded(GRACE, &never(), || {}, |_| panic!("on purpose"));
        let Err(Unfinished::Panicked(message)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(message, "on purpose");
    }
}
