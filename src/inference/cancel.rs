// SPDX-License-Identifier: MPL-2.0
//! Cancels the loading of a model that nobody waits for any more.

use std::fmt;
use std::sync::Arc;

use crate::sync::Mutex;

/// Cancels a load from another thread, whatever the load does at the time: reading a file, waiting
/// for another thread that loads the same model, or running code of the backend. Clones share one
/// state.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// What is still to be told. They are called without the lock, so they may take locks of their
    /// own.
    callbacks: Vec<Callback>,
}

type Callback = Box<dyn FnOnce() + Send>;

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl CancelToken {
    /// Cancels the load. It ends the next time that it, or the backend, checks. A load that has
    /// already finished is not affected.
    pub fn cancel(&self) {
        let callbacks = {
            let mut state = self.0.lock();
            state.is_cancelled = true;
            std::mem::take(&mut state.callbacks)
        };
        callbacks.into_iter().for_each(|callback| callback());
    }

    /// Whether the load was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().is_cancelled
    }

    /// Registers what is to be called when the load is cancelled; at once if it already was.
    pub(super) fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        if !state.is_cancelled {
            state.callbacks.push(Box::new(callback));
            return;
        }
        drop(state);
        callback();
    }

    /// Ends the load: its sessions may be in use from now on, and [`Self::cancel`] no longer
    /// cancels their inferences. Returns whether the load was cancelled before.
    pub(super) fn finish(&self) -> bool {
        let mut state = self.0.lock();
        let callbacks = std::mem::take(&mut state.callbacks);
        let is_cancelled = state.is_cancelled;
        drop(state);
        drop(callbacks);
        is_cancelled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Callbacks are called once: when the load is cancelled, at once if it was, and not after it
    /// has finished.
    #[test]
    fn callbacks() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = || {
            let calls = Arc::clone(&calls);
            move || {
                calls.fetch_add(1, Ordering::Relaxed);
            }
        };
        let cancel = CancelToken::default();
        cancel.on_cancel(count());
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        cancel.clone().cancel();
        cancel.cancel();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        cancel.on_cancel(count());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert!(cancel.finish() && cancel.is_cancelled());

        let finished = CancelToken::default();
        finished.on_cancel(count());
        assert!(!finished.finish());
        finished.cancel();
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
