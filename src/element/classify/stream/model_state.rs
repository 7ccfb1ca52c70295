// SPDX-License-Identifier: MPL-2.0
//! The model in use, and what is being loaded.

use std::sync::Arc;
use std::time::Instant;

use super::loads::Loads;

/// Where the model is.
#[derive(Debug)]
pub enum Model<M> {
    /// The element does not run.
    Stopped,
    /// The first one is being loaded.
    Loading,
    /// This one is in use.
    Ready(Arc<M>),
    /// It could not be loaded; the user has been told.
    Failed,
}

/// The model in use and the threads that load.
#[derive(Debug)]
pub struct ModelState<M> {
    /// The model in use.
    pub model: Model<M>,
    /// The threads that load another one, or other names.
    pub loads: Loads,
}

impl<M> Default for ModelState<M> {
    fn default() -> Self {
        Self {
            model: Model::Stopped,
            loads: Loads::default(),
        }
    }
}

impl<M> ModelState<M> {
    /// The model, if there is one.
    pub fn ready(&self) -> Option<&Arc<M>> {
        match &self.model {
            Model::Ready(model) => Some(model),
            Model::Stopped | Model::Loading | Model::Failed => None,
        }
    }

    /// Whether the element runs.
    pub fn is_running(&self) -> bool {
        !matches!(self.model, Model::Stopped)
    }

    /// Until when frames in mode exact wait for new names.
    pub fn names_due(&self, now: Instant) -> Option<Instant> {
        self.loads.names_due.filter(|due| *due > now)
    }
}
