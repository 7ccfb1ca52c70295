// SPDX-License-Identifier: MPL-2.0
//! The engine: workers that run one model for many streams.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::shared::Shared;
use super::watchdog::Watchdog;
use super::worker::work;
use crate::inference::abandoned::ThreadGuard;
use crate::inference::backend::Backend;
use crate::inference::error::InferenceError;
use crate::inference::log::CAT;
use crate::inference::model::{Model, TrialReport};
use crate::inference::process::ProcessId;
use crate::inference::provider::{Provider, SkippedProvider};
use crate::inference::timeout::CANCEL_TIMEOUT;
use crate::sync::Mutex;

/// Workers with a loaded model. They end with the last reference to the engine.
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    /// The process that has the workers: a child of it by `fork()` has none.
    process: ProcessId,
    /// Disconnected when all workers have ended.
    ended: Mutex<mpsc::Receiver<()>>,
    guard: ThreadGuard,
    classes: usize,
    loaded: Loaded,
}

/// What was loaded.
pub(super) struct Loaded {
    /// The provider that runs the model.
    pub provider: Provider,
    /// Threads of one inference.
    pub threads: usize,
    pub model: Model,
    pub report: TrialReport,
    pub skipped_providers: Vec<SkippedProvider>,
    /// Why the batch size is 1, if a larger one was requested.
    pub batch_refusal: Option<String>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("model", &self.loaded.model.source)
            .field("provider", &self.provider())
            .field("sessions", &self.sessions())
            .field("threads", &self.threads())
            .field("batch", &self.batch())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts a worker for each backend. There must be at least one.
    pub(super) fn start(
        backends: Vec<Box<dyn Backend>>,
        mut loaded: Loaded,
        inference_timeout: Duration,
    ) -> Self {
        let classes = backends[0].classes();
        loaded.model.signature.layout = loaded.report.layout;
        let watchdogs = backends
            .iter()
            .map(|b| Watchdog::new(b.canceler(), inference_timeout));
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            submitted: crate::sync::Condvar::new(),
            watchdogs: watchdogs.collect(),
            has_no_workers: AtomicBool::new(false),
            max_batch: backends[0].max_batch(),
            inference_timeout,
        });
        // Nothing is ever sent: the channel is disconnected when the last worker drops its end.
        let (sender, ended) = mpsc::channel::<()>();
        let guard = ThreadGuard::default();
        let end = Arc::new(WorkersEnd(guard.clone(), sender));
        let mut started = false;
        for (index, backend) in backends.into_iter().enumerate() {
            let (shared, end) = (Arc::clone(&shared), Arc::clone(&end));
            let worker = move || {
                work(&shared, index, backend);
                drop(end);
            };
            let named = thread::Builder::new().name(format!("resnet50-{index}"));
            match named.spawn(worker) {
                Ok(_) => started = true,
                // The other workers do its work.
                Err(error) => gst::warning!(CAT, "no worker thread: {error}"),
            }
        }
        shared.has_no_workers.store(!started, Ordering::Relaxed);
        Self {
            shared,
            process: ProcessId::current(),
            ended: Mutex::new(ended),
            guard,
            classes,
            loaded,
        }
    }

    /// The model that the workers run.
    pub fn model(&self) -> &Model {
        &self.loaded.model
    }

    /// What the trial has found out about the model.
    pub fn trial_report(&self) -> &TrialReport {
        &self.loaded.report
    }

    /// Why the batch size is 1, if a larger one was requested and the model does not support it.
    pub fn batch_refusal(&self) -> Option<&str> {
        self.loaded.batch_refusal.as_deref()
    }

    /// The requested providers that do not run the model, or not all of it.
    pub fn skipped_providers(&self) -> &[SkippedProvider] {
        &self.loaded.skipped_providers
    }

    /// The provider that runs the model.
    pub fn provider(&self) -> Provider {
        self.loaded.provider
    }

    /// Threads of one inference.
    pub fn threads(&self) -> usize {
        self.loaded.threads
    }

    /// Inferences at the same time.
    pub fn sessions(&self) -> usize {
        self.shared.watchdogs.len()
    }

    /// The maximum batch size.
    pub fn batch(&self) -> usize {
        self.shared.max_batch
    }

    /// The number of values for an image: one a class, or a single one for two classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Cancels inferences that take too long. Whoever waits for a result must call this about once a
    /// second.
    ///
    /// # Errors
    /// [`InferenceError::Hung`] while an inference hangs that was cancelled: there will be no result.
    /// [`InferenceError::Forked`] in a child of the engine's process: there will be no results at all.
    pub fn check(&self) -> Result<(), InferenceError> {
        self.check_process()?;
        let mut hangs = self.shared.has_no_workers.load(Ordering::Relaxed);
        for watchdog in &self.shared.watchdogs {
            hangs |= watchdog.check();
        }
        match hangs {
            true => Err(InferenceError::Hung(
                self.shared.inference_timeout + CANCEL_TIMEOUT,
            )),
            false => Ok(()),
        }
    }

    /// Whether the calling process has the engine's workers. This takes no lock: in a child of
    /// `fork()`, a lock that a worker held is never unlocked.
    ///
    /// # Errors
    /// [`InferenceError::Forked`] in a child of the engine's process.
    pub fn check_process(&self) -> Result<(), InferenceError> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(InferenceError::Forked),
        }
    }
}

/// What all workers hold until they end.
struct WorkersEnd(
    ThreadGuard,
    #[expect(dead_code, reason = "it is dropped with the last worker")] mpsc::Sender<()>,
);

impl Drop for WorkersEnd {
    fn drop(&mut self) {
        self.0.ended();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.process.is_current() {
            // This process has no workers.
            return;
        }
        let jobs = {
            let mut state = self.shared.state.lock();
            state.is_closing = true;
            state.queues.clear_all()
        };
        self.shared.submitted.notify_all();
        // Without the lock: their streams are told.
        drop(jobs);
        self.shared.watchdogs.iter().for_each(Watchdog::cancel);
        // A worker that does not end within this time is abandoned.
        let ended = self.ended.lock().recv_timeout(CANCEL_TIMEOUT);
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            self.guard.abandon();
        }
    }
}
