// SPDX-License-Identifier: MPL-2.0
//! The element as GObject sees it: properties, templates, states.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::classifier::{self, Loaded};
use super::error::Error;
use super::settings::{self, FrameSettings, Settings};
use super::stats::Stats;
use super::stream::{Model, Stream};
use super::subject::Subjects;
use super::watch::Watch;
use crate::inference::Cancel;
use crate::preprocess;
use crate::text;

pub static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50",
        gst::DebugColorFlags::empty(),
        Some("Video frame classifier"),
    )
});

/// How long the way to NULL may wait for what cannot be interrupted.
const GRACE: Duration = Duration::from_secs(5);

/// What can be asked for at any time.
#[derive(Debug, Default)]
struct Shown {
    provider: Option<&'static str>,
    info: Option<gst::Structure>,
}

/// None of the locks is held while something is pushed, posted or handed over.
#[derive(Debug)]
pub struct Resnet50 {
    pub sink: gst::Pad,
    pub src: gst::Pad,
    pub stream: Arc<Stream>,
    settings: Mutex<Settings>,
    shown: Mutex<Shown>,
    loaders: Mutex<Vec<Loader>>,
}

/// A thread that loads a model.
#[derive(Debug)]
struct Loader {
    cancel: Cancel,
    /// It closes when the thread ends.
    ended: mpsc::Receiver<()>,
}

/// A lock whose holder panicked still holds plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resnet50 {
    fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// The part that is looked at for each frame, which is cheap to clone.
    pub fn frame_settings(&self) -> FrameSettings {
        lock(&self.settings).frame.clone()
    }

    pub fn warn(&self, warnings: &[String]) {
        for warning in warnings {
            let warning = text::message(warning);
            gst::element_imp_warning!(self, gst::LibraryError::Settings, ("{}", warning));
        }
    }

    /// The folder of the plugin, or of the program that it is linked into.
    fn folders(&self) -> Vec<PathBuf> {
        let plugin = self.obj().factory().and_then(|f| f.plugin());
        let file = plugin
            .and_then(|p| p.filename())
            .or_else(|| std::env::current_exe().ok());
        file.and_then(|f| f.parent().map(PathBuf::from))
            .into_iter()
            .collect()
    }

    fn progress(&self, kind: gst::ProgressType, text: &str) {
        let obj = self.obj();
        let message = gst::message::Progress::builder(kind, "load", text).src(&*obj);
        // Fails only where nobody listens.
        let _ = obj.post_message(message.build());
    }

    /// Loads what the settings say in a thread of its own, for that can take seconds.
    fn load_aside(&self, settings: Settings) {
        let load = {
            let mut inner = self.stream.lock();
            inner.load += 1;
            inner.load
        };
        self.progress(gst::ProgressType::Start, "loading the model");
        let (weak, folders) = (self.obj().downgrade(), self.folders());
        let (running, ended) = mpsc::channel();
        let cancel = Cancel::default();
        self.cancel_loaders();
        lock(&self.loaders).push(Loader {
            cancel: cancel.clone(),
            ended,
        });
        let loader = move || {
            // It goes last of all.
            let _running: mpsc::Sender<()> = running;
            let begun = Instant::now();
            let step = |what: &str| match weak.upgrade() {
                Some(obj) if obj.imp().stream.lock().load == load => {
                    obj.imp().progress(gst::ProgressType::Continue, what);
                    Ok(())
                }
                _ => Err(Error::Cancelled),
            };
            let result = Loaded::load(&settings, &folders, step, &cancel);
            if let Some(obj) = weak.upgrade() {
                obj.imp().take_over(result, load, begun);
            }
        };
        let thread = std::thread::Builder::new().name("resnet50-load".into());
        if let Err(error) = thread.spawn(loader) {
            self.fail(load, Error::Thread(error.to_string()));
        }
    }

    /// Takes over what was loaded, unless nobody waits for it any more.
    fn take_over(&self, result: Result<Loaded, Error>, load: u64, begun: Instant) {
        let loaded = match result {
            Ok(loaded) => Arc::new(loaded),
            Err(error) => return self.fail(load, error),
        };
        let old = {
            let mut inner = self.stream.lock();
            if inner.load != load {
                return;
            }
            inner.settled = load;
            let mut shown = lock(&self.shown);
            shown.provider = Some(loaded.port.engine().provider().name());
            shown.info = Some(loaded.info.clone());
            drop(shown);
            let old = std::mem::replace(&mut inner.model, Model::Ready(Arc::clone(&loaded)));
            inner.renew();
            old
        };
        self.stream.notify();
        gst::info!(
            CAT,
            imp = self,
            "loaded in {:?}: {}",
            begun.elapsed(),
            loaded.info
        );
        self.warn(&loaded.warnings);
        let obj = self.obj();
        obj.notify("active-provider");
        if matches!(old, Model::Ready(_)) {
            let structure = gst::Structure::builder("model-updated")
                .field(
                    "model",
                    loaded.info.get::<String>("model").unwrap_or_default(),
                )
                .field("provider", loaded.port.engine().provider().name())
                .build();
            let message = gst::message::Element::builder(structure).src(&*obj).build();
            // Fails only where nobody listens.
            let _ = obj.post_message(message);
        }
        self.progress(gst::ProgressType::Complete, "the model is loaded");
    }

    /// Tells the user that loading failed; where there is a model in use, it stays.
    fn fail(&self, load: u64, error: Error) {
        let stays = {
            let mut inner = self.stream.lock();
            if inner.load != load {
                return;
            }
            inner.settled = load;
            matches!(inner.model, Model::Ready(_))
        };
        self.progress(gst::ProgressType::Error, "the model cannot be loaded");
        if stays {
            self.warn(&[kept(&error)]);
        } else {
            self.post_error_message(error.message());
        }
        // After the message, so that it is the first: frames that come meanwhile still wait.
        {
            let mut inner = self.stream.lock();
            if inner.load == load && !stays {
                inner.model = Model::Failed;
            }
        }
        self.stream.notify();
    }

    /// Takes over a model or labels that were set while playing. Where they are wrong, the old
    /// ones stay.
    fn reload(&self, property: &str) {
        let loaded = {
            let inner = self.stream.lock();
            match &inner.model {
                Model::None => return,
                // What is being loaded was to have what was set before.
                Model::Ready(loaded) if inner.settled == inner.load => Some(Arc::clone(loaded)),
                Model::Ready(_) | Model::Loading | Model::Failed => None,
            }
        };
        let settings = self.settings();
        match (property, loaded) {
            (property, Some(loaded)) if property != "model" => {
                let engine = loaded.port.engine();
                if let Err(error) = loaded.classifier.reload_names(&settings, engine) {
                    self.warn(&[kept(&error)]);
                }
                self.stream.lock().renew();
            }
            _ => self.load_aside(settings),
        }
    }

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings();
        // What needs no file of any size is known at once.
        classifier::check(&settings).map_err(|e| e.message())?;
        *lock(&self.shown) = Shown::default();
        *self.stream.stats() = Stats::default();
        let name = self.obj().name();
        {
            let mut inner = self.stream.lock();
            // It cannot be renamed before it is taken out of its pipeline.
            inner.element = name.as_str().into();
            inner.model = Model::Loading;
            inner.is_live = None;
            inner.latency = super::latency::Latency::default();
            inner.rate = super::rate::Rate::default();
            inner.subjects = Subjects::default();
            inner.qos = None;
        }
        self.load_aside(settings);
        Ok(())
    }

    /// Ends the loading of what nobody waits for any more.
    fn cancel_loaders(&self) {
        let mut loaders = lock(&self.loaders);
        loaders.retain(|l| l.ended.try_recv() == Err(mpsc::TryRecvError::Empty));
        for loader in &*loaders {
            loader.cancel.cancel();
        }
    }

    /// Waits for threads that still load a model which nobody wants any more: the program may be
    /// about to end, and ONNX Runtime does not survive that in the midst of its work.
    fn wait_for_loaders(&self) {
        let loaders = std::mem::take(&mut *lock(&self.loaders));
        let begun = Instant::now();
        for loader in loaders {
            let left = GRACE.saturating_sub(begun.elapsed());
            if loader.ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                gst::warning!(
                    CAT,
                    imp = self,
                    "a model is still being loaded: it is left behind"
                );
            }
        }
    }

    fn stop(&self) {
        let (model, items) = {
            let mut inner = self.stream.lock();
            inner.load += 1;
            let items = inner.flush();
            inner.info = None;
            inner.segment = None;
            (std::mem::take(&mut inner.model), items)
        };
        self.stream.notify();
        self.cancel_loaders();
        if matches!(model, Model::Loading) {
            self.progress(gst::ProgressType::Canceled, "loading was cancelled");
        }
        // Without the lock: what is under way answers, and an engine may end here.
        drop((model, items));
        *lock(&self.shown) = Shown::default();
    }
}

/// What the user is told where a new model or labels are wrong.
fn kept(error: &Error) -> String {
    format!("the model and labels in use stay: {}", error.text())
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50 {
    const NAME: &'static str = "GstResnet50";
    type Type = super::Resnet50;
    type ParentType = gst::Element;
    type Interfaces = (gst::Preset,);

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("the class has it");
        Self {
            sink: super::pads::sink(&template("sink")),
            src: super::pads::src(&template("src")),
            stream: Arc::default(),
            settings: Mutex::default(),
            shown: Mutex::default(),
            loaders: Mutex::default(),
        }
    }
}

impl ObjectImpl for Resnet50 {
    fn properties() -> &'static [glib::ParamSpec] {
        settings::properties()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let (decides_before, decides_now) = {
            let mut settings = lock(&self.settings);
            let before = settings.decides();
            settings.set(pspec.name(), value);
            (before, settings.decides())
        };
        gst::debug!(CAT, imp = self, "{} = {value:?}", pspec.name());
        match pspec.name() {
            "region" | "roi-types" | "roi-min-size" => {
                self.stream.lock().subjects.watch = Watch::default();
            }
            name @ ("model" | "labels" | "groups" | "allow" | "deny") => self.reload(name),
            // Whether there is a decision at all.
            name @ ("tags" | "smoothing" | "enter-confidence" | "leave-confidence"
            | "hold-time")
                if decides_before != decides_now =>
            {
                self.reload(name);
            }
            _ => {}
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "active-provider" => lock(&self.shown).provider.to_value(),
            "model-info" => lock(&self.shown).info.to_value(),
            "stats" => self.stream.stats().to_structure().to_value(),
            name => lock(&self.settings).get(name),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        for pad in [&self.sink, &self.src] {
            obj.add_pad(pad).expect("a new element has no pads");
        }
    }
}

impl GstObjectImpl for Resnet50 {}

impl ElementImpl for Resnet50 {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "ResNet50 video classifier",
                "Filter/Analyzer/Video",
                "Classifies video frames with ResNet50 v1.5 or another ONNX model, and passes them on untouched",
                "The gst-plugin-resnet50 authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst_video::VideoCapsBuilder::new()
                .format_list(preprocess::FORMATS.iter().copied())
                .width_range(1..=8192)
                .height_range(1..=8192)
                .build();
            [
                ("src", gst::PadDirection::Src),
                ("sink", gst::PadDirection::Sink),
            ]
            .into_iter()
            .map(|(name, direction)| {
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    .expect("the template is valid")
            })
            .collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::ReadyToPaused {
            self.start().map_err(|message| {
                self.post_error_message(message);
                gst::StateChangeError
            })?;
        }
        if transition == gst::StateChange::ReadyToNull {
            self.wait_for_loaders();
        }
        let result = self.parent_change_state(transition);
        let is_up = transition == gst::StateChange::ReadyToPaused;
        if transition == gst::StateChange::PausedToReady || (is_up && result.is_err()) {
            self.stop();
        }
        result
    }
}

// GStreamer's own implementation finds the files; plugin-meta/presets has ours.
impl PresetImpl for Resnet50 {}
