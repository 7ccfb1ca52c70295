// SPDX-License-Identifier: MPL-2.0
//! Watches a worker's inference, so that one that takes too long is cancelled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::inference::backend::CancelInference;
use crate::inference::error::InferenceError;
use crate::inference::timeout::{CANCEL_TIMEOUT, MAX_CHECK_INTERVAL};
use crate::sync::Mutex;

/// The watchdog of one worker.
#[derive(Debug)]
pub(super) struct Watchdog {
    in_flight: Mutex<Option<InFlight>>,
    canceler: Arc<dyn CancelInference>,
    /// The time limit of one inference.
    limit: Duration,
}

/// An inference in flight.
#[derive(Debug)]
struct InFlight {
    /// When it was last checked, or began.
    checked: Instant,
    /// How long it has taken, as far as it was checked. If the process was stopped meanwhile, or
    /// nobody waits for a result, this is less than the time since it began.
    elapsed: Duration,
    is_cancelled: bool,
}

impl Watchdog {
    /// A watchdog for the backend that `canceler` belongs to.
    pub fn new(canceler: Arc<dyn CancelInference>, limit: Duration) -> Self {
        Self {
            in_flight: Mutex::new(None),
            canceler,
            limit,
        }
    }

    /// Runs an inference. Also returns how long it took.
    pub fn watch<T>(
        &self,
        infer: impl FnOnce() -> Result<T, InferenceError>,
    ) -> (Result<T, InferenceError>, Duration) {
        let begun = Instant::now();
        *self.in_flight.lock() = Some(InFlight {
            checked: begun,
            elapsed: Duration::ZERO,
            is_cancelled: false,
        });
        let result = infer();
        let time = begun.elapsed();
        let mut in_flight = self.in_flight.lock();
        // Under the lock: `check` cannot cancel the next inference instead.
        let is_cancelled = in_flight.take().is_some_and(|f| f.is_cancelled);
        if is_cancelled {
            self.canceler.reset();
        }
        let result = match result {
            Err(_) if is_cancelled => Err(InferenceError::TimedOut(self.limit)),
            result => result,
        };
        (result, time)
    }

    /// Cancels the inference in flight if it takes too long. Returns whether it hangs: it does not
    /// end, although it was cancelled.
    pub fn check(&self) -> bool {
        let mut in_flight = self.in_flight.lock();
        let Some(in_flight) = in_flight.as_mut() else {
            return false;
        };
        in_flight.elapsed += in_flight.checked.elapsed().min(MAX_CHECK_INTERVAL);
        in_flight.checked = Instant::now();
        if in_flight.elapsed > self.limit && !in_flight.is_cancelled {
            in_flight.is_cancelled = true;
            self.canceler.cancel();
        }
        in_flight.elapsed > self.limit + CANCEL_TIMEOUT
    }

    /// Cancels the inference in flight, if any, because the engine ends.
    pub fn cancel(&self) {
        if self.in_flight.lock().is_some() {
            self.canceler.cancel();
        }
    }

    /// Forgets the inference in flight, which has panicked.
    pub fn clear(&self) {
        *self.in_flight.lock() = None;
    }
}
