// SPDX-License-Identifier: MPL-2.0
//! The element's model: how it is loaded, replaced while playing, and released.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::core::{Core, ModelInfo};
use super::loader;
use super::log::CAT;
use super::properties::Effect;
use super::stream::{LoadKind, Model, Running, Stats};
use super::tracks::RegionHint;
use crate::classifier::{self, Error, Loaded, Names};
use crate::inference::CancelToken;

/// Maximum time that the change to NULL waits for threads that load: a little longer than these
/// wait for ONNX Runtime, which is then left behind, and not the thread that waits for it.
const LOADER_TIMEOUT: Duration = Duration::from_secs(7);

/// Maximum time that frames in mode exact, and a model that was set while playing, wait for labels
/// and groups that are set after it. Reading them takes a millisecond; a file that hangs must not
/// end the stream.
const NAMES_TIMEOUT: Duration = Duration::from_secs(1);

impl Core {
    /// The folder of the plugin, or of the program that it is linked into.
    fn folders(&self) -> Vec<PathBuf> {
        let factory = self.element().and_then(|e| e.factory());
        let plugin = factory.and_then(|f| f.plugin());
        let file = plugin
            .and_then(|p| p.filename())
            .or_else(|| std::env::current_exe().ok());
        file.and_then(|f| f.parent().map(PathBuf::from))
            .into_iter()
            .collect()
    }

    fn progress(&self, kind: gst::ProgressType, text: &str) {
        self.post(|element| {
            gst::message::Progress::builder(kind, "load", text)
                .src(element)
                .build()
        });
    }

    /// Starts with the settings as they are (READY to PAUSED).
    ///
    /// # Errors
    /// The message about settings that are known to be wrong without reading a file.
    pub fn start(self: &Arc<Self>, name: &str) -> Result<(), gst::ErrorMessage> {
        let checked = self.settings().options().and_then(|options| {
            classifier::check(&options)?;
            Ok(())
        });
        checked.map_err(|e| e.message())?;
        if self.stream.process.is_other_process() {
            // The threads of the parent process do not exist here.
            drop(self.take_loaders());
        }
        self.begin_in_this_process();
        *self.model_info.lock() = ModelInfo::default();
        *self.stream.stats() = Stats::default();
        self.stream.lock().start(name);
        self.load(LoadKind::Model);
        Ok(())
    }

    /// Stops (PAUSED to READY): nothing is loaded or in flight any more.
    pub fn stop(&self) {
        let (model, items, loads) = {
            let mut state = self.stream.lock();
            let loads = state.model.loads.abandon();
            let items = state.flush();
            state.info = None;
            state.timing.leaving = None;
            let model = std::mem::replace(&mut state.model.model, Model::Stopped);
            (model, items, loads)
        };
        self.stream.notify();
        loads.iter().for_each(CancelToken::cancel);
        if matches!(model, Model::Loading) {
            self.progress(gst::ProgressType::Canceled, "loading was cancelled");
        }
        // Without the lock: jobs in flight deliver, and an engine may end here.
        drop((model, items));
        *self.model_info.lock() = ModelInfo::default();
    }

    fn take_loaders(&self) -> Running {
        self.stream.lock().model.loads.take_running()
    }

    /// Waits for threads that still load a model (READY to NULL): the program may be about to end,
    /// and ONNX Runtime crashes if that happens while it works.
    pub fn wait_for_loaders(&self) {
        let running = self.take_loaders();
        if self.stream.process.is_other_process() {
            // They never end here.
            return;
        }
        for _ in 0..running.wait(LOADER_TIMEOUT) {
            gst::warning!(
                CAT,
                obj = self.sink,
                "a model is still being loaded: its thread is left behind"
            );
        }
    }

    /// Loads what the settings say, in a thread. Does nothing if the element does not run.
    fn load(self: &Arc<Self>, kind: LoadKind) {
        let (settings, ticket, before, in_use) = {
            let mut state = self.stream.lock();
            if !state.model.is_running() {
                return;
            }
            let in_use = state.model.ready().cloned();
            let loads = &mut state.model.loads;
            let (ticket, before) = loads.begin(kind);
            if kind == LoadKind::Names {
                loads.names_due = Some(Instant::now() + NAMES_TIMEOUT);
            }
            // Under the same lock, so that the newest thread has what was set last.
            (self.settings(), ticket, before, in_use)
        };
        before.iter().for_each(CancelToken::cancel);
        self.stream.notify();
        let number = ticket.number;
        let weak = Arc::downgrade(self);
        let spawned = match (kind, in_use) {
            (LoadKind::Names, Some(in_use)) => {
                loader::load_names(settings.name_options(), in_use, ticket, move |names, of| {
                    if let Some(core) = weak.upgrade() {
                        core.use_names(names, of, number);
                    }
                })
            }
            _ => {
                self.progress(gst::ProgressType::Start, "loading the model");
                let begun = Instant::now();
                let of_step = weak.clone();
                let step = move |what: &str| match of_step.upgrade() {
                    Some(core) if core.is_awaited(number) => {
                        core.progress(gst::ProgressType::Continue, what);
                        Ok(())
                    }
                    _ => Err(Error::Cancelled),
                };
                let done = move |result| {
                    if let Some(core) = weak.upgrade() {
                        core.use_model(result, number, begun);
                    }
                };
                loader::load_model(settings.options(), self.folders(), ticket, step, done)
            }
        };
        if let Err(error) = spawned {
            self.load_failed(number, kind, &Error::Thread(error.to_string()));
        }
    }

    /// Whether this thread is the newest that loads.
    fn is_awaited(&self, number: u64) -> bool {
        self.stream.lock().model.loads.is_awaited(number)
    }

    /// Uses names that were read for the model in use, unless newer ones are being read.
    fn use_names(&self, names: Result<Names, Error>, in_use: &Loaded, number: u64) {
        let names = match names {
            Ok(names) => names,
            Err(error) => return self.load_failed(number, LoadKind::Names, &error),
        };
        {
            let mut state = self.stream.lock();
            if !state.model.loads.is_awaited(number) {
                return;
            }
            state.model.loads.settle();
            in_use.classifier.set_names(names);
            state.model_changed();
        }
        self.stream.notify();
    }

    /// Uses a model that was loaded, unless another is being loaded.
    fn use_model(&self, result: Result<Loaded, Error>, number: u64, begun: Instant) {
        let loaded = match result {
            Ok(loaded) => Arc::new(loaded),
            Err(error) => {
                if error.is_of_names() {
                    self.wait_for_names(number);
                }
                return self.load_failed(number, LoadKind::Model, &error);
            }
        };
        let provider = loaded.stream.engine().provider().name();
        let old = {
            let mut state = self.stream.lock();
            if !state.model.loads.is_awaited(number) {
                return;
            }
            state.model.loads.settle();
            *self.model_info.lock() = ModelInfo {
                provider: Some(provider),
                info: Some(loaded.info.clone()),
            };
            let new = Model::Ready(Arc::clone(&loaded));
            let old = std::mem::replace(&mut state.model.model, new);
            state.model_changed();
            old
        };
        self.stream.notify();
        gst::info!(
            CAT,
            obj = self.sink,
            "loaded in {:?}: {}",
            begun.elapsed(),
            loaded.info
        );
        loaded.warnings.iter().for_each(|w| self.warn(w));
        if let Some(element) = self.element() {
            element.notify("active-provider");
        }
        if matches!(old, Model::Ready(_)) {
            let name = loaded.info.get::<String>("model").unwrap_or_default();
            self.post(|element| {
                let structure = gst::Structure::builder("model-updated")
                    .field("model", name)
                    .field("provider", provider)
                    .build();
                gst::message::Element::builder(structure)
                    .src(element)
                    .build()
            });
        }
        self.progress(gst::ProgressType::Complete, "the model is loaded");
    }

    /// Waits for the user to set the labels and groups that belong to a new model. Returns at once
    /// unless another model is in use.
    fn wait_for_names(&self, number: u64) {
        let until = Instant::now() + NAMES_TIMEOUT;
        let mut state = self.stream.lock();
        while state.model.ready().is_some() && state.model.loads.is_awaited(number) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.stream.wait_for(state, left).0;
        }
    }

    /// Reports that loading failed. A model in use stays in use.
    fn load_failed(&self, number: u64, kind: LoadKind, error: &Error) {
        let stays = {
            let state = self.stream.lock();
            if !state.model.loads.is_awaited(number) {
                return;
            }
            state.model.ready().is_some()
        };
        if kind == LoadKind::Model {
            self.progress(gst::ProgressType::Error, "the model cannot be loaded");
        }
        if stays {
            self.warn(&kept(error));
        } else {
            self.error(error);
        }
        // Only after the message, so that it is the first error on the bus. Frames wait until then.
        {
            let mut state = self.stream.lock();
            if state.model.loads.is_awaited(number) {
                state.model.loads.settle();
                if stays {
                    let is_of_names = kind == LoadKind::Model && error.is_of_names();
                    state.model.loads.lacks_names = is_of_names;
                } else {
                    state.model.model = Model::Failed;
                }
            }
        }
        self.stream.notify();
    }

    /// Puts a property that was set into effect, if the element runs. `decides_changed`: whether
    /// there is a decision has changed with it.
    pub fn property_changed(self: &Arc<Self>, effect: Effect, decides_changed: bool) {
        match effect {
            Effect::None => {}
            Effect::Regions => {
                self.stream.lock().results.tracks.hint = RegionHint::default();
            }
            // The policy itself is read for each frame; only whether there is a decision at all
            // concerns what is loaded.
            Effect::DecisionPolicy if !decides_changed => {}
            Effect::Model | Effect::Names | Effect::Categories | Effect::DecisionPolicy => {
                self.reload(effect);
            }
        }
    }

    /// Loads what the new value of a property needs. If that fails, the model and names in use stay.
    fn reload(self: &Arc<Self>, effect: Effect) {
        let (pending, lacks_names, in_use) = {
            let state = self.stream.lock();
            if !state.model.is_running() {
                return;
            }
            let loads = &state.model.loads;
            let in_use = state.model.ready().cloned();
            (loads.pending(), loads.lacks_names, in_use)
        };
        match (effect, pending, in_use) {
            _ if lacks_names => self.load(LoadKind::Model),
            // A model that is being loaded would have the old value.
            (Effect::Model, ..) | (_, Some(LoadKind::Model), _) | (_, _, None) => {
                self.load(LoadKind::Model);
            }
            (Effect::Names, ..) | (_, Some(LoadKind::Names), _) => self.load(LoadKind::Names),
            // Other values need no file and are in effect at once.
            (_, None, Some(in_use)) => {
                let options = || self.settings().name_options();
                if let Err(error) = in_use.classifier.set_decision_rule(options) {
                    self.warn(&kept(&error));
                }
                self.stream.lock().model_changed();
            }
        }
    }

    /// Warns of a property that was set to bytes that are not text while the element is running.
    /// Otherwise the element does not start.
    pub fn refuse_bytes(&self) {
        let is_running = self.stream.lock().model.is_running();
        if let Err(error) = self.settings().check_text()
            && is_running
        {
            self.warn(&format!("the previous value stays: {}", error.text()));
        }
    }
}

/// The warning about a new model, labels or groups that are wrong.
fn kept(error: &Error) -> String {
    format!("the model and labels in use stay: {}", error.text())
}
