// SPDX-License-Identifier: MPL-2.0
//! Ends the loading of a model that nobody waits for any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ort::session::builder::LoadCanceler;

use super::registry;
use super::session::Terminator;

/// Ends a load from another thread, whatever it is at: reading, waiting for another that loads
/// the same, ONNX Runtime's work on the model, or the trial Runs.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_cancelled: bool,
    loads: Vec<LoadCanceler>,
    runs: Vec<Terminator>,
}

impl Cancel {
    /// Ends the load, at the next point where it or ONNX Runtime looks. One that has come to its
    /// end is not affected.
    pub fn cancel(&self) {
        {
            let mut state = self.lock();
            state.is_cancelled = true;
            state.end();
        }
        // It may be waiting for another that loads the same.
        registry::wake();
    }

    /// Whether nobody waits for the load any more.
    pub fn is_cancelled(&self) -> bool {
        self.lock().is_cancelled
    }

    /// A model is about to be committed.
    pub(super) fn ends_load(&self, load: LoadCanceler) {
        let mut state = self.lock();
        state.loads.push(load);
        if state.is_cancelled {
            state.end();
        }
    }

    /// A Run is about to be tried.
    pub(super) fn ends_run(&self, run: Terminator) {
        let mut state = self.lock();
        state.runs.push(run);
        if state.is_cancelled {
            state.end();
        }
    }

    /// The load has come to its end: its sessions may be in use from now on, and nothing here ends
    /// their Runs. Returns whether it was cancelled before.
    pub(super) fn finish(&self) -> bool {
        let mut state = self.lock();
        state.loads.clear();
        state.runs.clear();
        state.is_cancelled
    }

    /// A lock whose holder panicked still holds plain data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self) {
        for load in self.loads.drain(..) {
            // It only sets a flag.
            let _ = load.cancel();
        }
        for run in self.runs.drain(..) {
            run.terminate();
        }
    }
}
