// SPDX-License-Identifier: MPL-2.0
//! What all parts of the element work on: its pads, its settings and its stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;

use super::settings::{FrameSettings, Settings};
use super::stream::Stream;
use crate::classifier::Error;
use crate::inference::InferenceError;
use crate::sync::Mutex;
use crate::text;

/// A function that GStreamer calls again and again in the task of a pad, with the pad.
pub type TaskFunction = unsafe extern "C" fn(glib::ffi::gpointer);

/// The values of the read-only properties about the model.
#[derive(Debug, Default)]
pub struct ModelInfo {
    /// `active-provider`
    pub provider: Option<&'static str>,
    /// `model-info`
    pub info: Option<gst::Structure>,
}

/// The element without GObject.
///
/// Lock order: the stream's state, then `settings` or `model_info`. None of them is held while
/// something is pushed, posted, loaded or handed to the engine.
#[derive(Debug)]
pub struct Core {
    /// The element, which owns this.
    element: glib::WeakRef<gst::Element>,
    pub sink: gst::Pad,
    pub src: gst::Pad,
    pub stream: Arc<Stream>,
    pub settings: Mutex<Settings>,
    pub model_info: Mutex<ModelInfo>,
    /// What the task of the source pad runs.
    pub task: TaskFunction,
    /// Whether the error was posted that this process is a child of the one that the stream began in.
    is_fork_reported: AtomicBool,
}

impl Core {
    pub fn new(sink: gst::Pad, src: gst::Pad, task: TaskFunction) -> Self {
        Self {
            element: glib::WeakRef::new(),
            sink,
            src,
            stream: Arc::default(),
            settings: Mutex::default(),
            model_info: Mutex::default(),
            task,
            is_fork_reported: AtomicBool::default(),
        }
    }

    /// Sets the element that owns this.
    pub fn set_element(&self, element: &gst::Element) {
        self.element.set(Some(element));
    }

    /// The element; none while it is being finalized.
    pub fn element(&self) -> Option<gst::Element> {
        self.element.upgrade()
    }

    /// A copy of all settings.
    pub fn settings(&self) -> Settings {
        self.settings.lock().clone()
    }

    /// A copy of the settings that are used for each frame, which is cheap.
    pub fn frame_settings(&self) -> FrameSettings {
        self.settings.lock().frame.clone()
    }

    /// Posts a message.
    pub fn post(&self, message: impl FnOnce(&gst::Element) -> gst::Message) {
        if let Some(element) = self.element() {
            // This fails only without a bus.
            let _ = element.post_message(message(&element));
        }
    }

    /// Posts an ERROR.
    pub fn error(&self, error: &Error) {
        if let Some(element) = self.element() {
            element.post_error_message(error.message());
        }
    }

    /// Posts a WARNING about the settings or the model.
    pub fn warn(&self, warning: &str) {
        if let Some(element) = self.element() {
            let warning = text::message(warning);
            gst::element_warning!(element, gst::LibraryError::Settings, ("{}", warning));
        }
    }

    /// Fails in a child by `fork()` of the process that the stream began in: the child has none of
    /// its threads, and locks may stay locked for ever.
    ///
    /// # Errors
    /// `Error`, after an ERROR was posted.
    pub fn check_process(&self) -> Result<(), gst::FlowError> {
        if !self.stream.process.is_other_process() {
            return Ok(());
        }
        if !self.is_fork_reported.swap(true, Ordering::Relaxed) {
            self.error(&Error::from(InferenceError::Forked));
        }
        Err(gst::FlowError::Error)
    }

    /// Notes that the stream begins in this process.
    pub fn begin_in_this_process(&self) {
        self.stream.process.claim();
        self.is_fork_reported.store(false, Ordering::Relaxed);
    }
}
