// SPDX-License-Identifier: MPL-2.0
//! What an engine, its workers and its streams share.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::queues::Queues;
use super::watchdog::Watchdog;
use crate::sync::{Condvar, Mutex};

/// What an engine, its workers and its streams share.
///
/// Locks: `state` and those of the watchdogs are never held at the same time, and no job is called or
/// dropped while one of them is.
pub(super) struct Shared {
    pub state: Mutex<State>,
    /// Notified when a job is submitted, and when the engine ends.
    pub submitted: Condvar,
    /// One for each worker.
    pub watchdogs: Vec<Watchdog>,
    /// Not a single thread could be started.
    pub has_no_workers: AtomicBool,
    pub max_batch: usize,
    /// The time limit of one inference.
    pub inference_timeout: Duration,
}

#[derive(Default)]
pub(super) struct State {
    pub queues: Queues,
    /// The engine ends, and its workers with it.
    pub is_closing: bool,
}
