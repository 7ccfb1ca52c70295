// SPDX-License-Identifier: MPL-2.0
//! The element as GObject sees it: properties, templates, states.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::super::refused::{self, Use};
use super::super::strings;
use super::super::time::Timeline;
use super::classifier::{self, Loaded, Names};
use super::error::Error;
use super::loads::Subject;
use super::settings::{self, FrameSettings, Settings};
use super::stats::Stats;
use super::stream::{Model, Stream};
use super::subject::Subjects;
use super::watch::Watch;
use super::whole::Whole;
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

/// How long the way to NULL may wait for what cannot be interrupted: a little longer than what loads
/// waits for ONNX Runtime, so that this is left behind, and not the thread that waits for it.
const GRACE: Duration = Duration::from_secs(7);

/// How long frames in mode exact, and a model that is set while playing, wait for new labels and
/// groups, so that those that come after these were set have them. A file takes a millisecond to read; one that hangs must not end the stream.
const NAMES_PATIENCE: Duration = Duration::from_secs(1);

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
    /// Whether the user knows that this is a child of the process that the stream began in.
    pub is_told: AtomicBool,
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

    /// Loads what the settings say in a thread of its own, for that can take seconds, and a file may
    /// hang. Nothing if the element does not run.
    fn load_aside(&self, subject: Subject) {
        let (settings, ticket, before, in_use) = {
            let mut inner = self.stream.lock();
            let in_use = match &inner.model {
                Model::None => return,
                Model::Ready(loaded) => Some(Arc::clone(loaded)),
                Model::Loading | Model::Failed => None,
            };
            let (ticket, before) = inner.loads.begin(subject);
            if subject == Subject::Names {
                inner.loads.names_due = Some(Instant::now() + NAMES_PATIENCE);
            }
            // Under the same lock, so that the newest has what was set last.
            (self.settings(), ticket, before, in_use)
        };
        before.iter().for_each(Cancel::cancel);
        self.stream.notify();
        let number = ticket.number;
        let weak = self.obj().downgrade();
        let thread = std::thread::Builder::new().name("resnet50-load".into());
        let spawned = match (subject, in_use) {
            (Subject::Names, Some(in_use)) => thread.spawn(move || {
                let engine = in_use.port.engine();
                let classifier = &in_use.classifier;
                let names = classifier.read_names(&settings, engine, &ticket.cancel);
                if let Some(obj) = weak.upgrade() {
                    obj.imp().take_names(names, &in_use, number);
                }
                // Last of all, and what is waited for is the thread, not the engine's end.
                drop(in_use);
                drop(ticket);
            }),
            _ => {
                self.progress(gst::ProgressType::Start, "loading the model");
                let folders = self.folders();
                thread.spawn(move || {
                    let begun = Instant::now();
                    let step = |what: &str| match weak.upgrade() {
                        Some(obj) if obj.imp().stream.lock().loads.is_awaited(number) => {
                            obj.imp().progress(gst::ProgressType::Continue, what);
                            Ok(())
                        }
                        _ => Err(Error::Cancelled),
                    };
                    let result = Loaded::load(&settings, &folders, step, &ticket.cancel);
                    if let Some(obj) = weak.upgrade() {
                        obj.imp().take_over(result, number, begun);
                    }
                    drop(ticket);
                })
            }
        };
        if let Err(error) = spawned {
            self.fail(number, subject, Error::Thread(error.to_string()));
        }
    }

    /// Takes over names that were read for the model in use, unless nobody waits for them any more.
    fn take_names(&self, names: Result<Names, Error>, in_use: &Loaded, number: u64) {
        let names = match names {
            Ok(names) => names,
            Err(error) => return self.fail(number, Subject::Names, error),
        };
        {
            let mut inner = self.stream.lock();
            if !inner.loads.is_awaited(number) {
                return;
            }
            inner.loads.settle();
            in_use.classifier.rename(names);
            inner.renew();
        }
        self.stream.notify();
    }

    /// Takes over what was loaded, unless nobody waits for it any more.
    fn take_over(&self, result: Result<Loaded, Error>, load: u64, begun: Instant) {
        let loaded = match result {
            Ok(loaded) => Arc::new(loaded),
            Err(error) => {
                if error.is_of_names() {
                    self.wait_for_names(load);
                }
                return self.fail(load, Subject::Model, error);
            }
        };
        let old = {
            let mut inner = self.stream.lock();
            if !inner.loads.is_awaited(load) {
                return;
            }
            inner.loads.settle();
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

    /// A model, its labels and its groups are set one after the other: while another model is in use,
    /// those that are still missing get some time to come before this one is refused.
    fn wait_for_names(&self, load: u64) {
        let until = Instant::now() + NAMES_PATIENCE;
        let mut inner = self.stream.lock();
        while matches!(inner.model, Model::Ready(_)) && inner.loads.is_awaited(load) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.stream.wait_for(inner, left).0;
        }
    }

    /// Tells the user that loading failed; where there is a model in use, it stays.
    fn fail(&self, number: u64, subject: Subject, error: Error) {
        let stays = {
            let inner = self.stream.lock();
            if !inner.loads.is_awaited(number) {
                return;
            }
            matches!(inner.model, Model::Ready(_))
        };
        if subject == Subject::Model {
            self.progress(gst::ProgressType::Error, "the model cannot be loaded");
        }
        if stays {
            self.warn(&[kept(&error)]);
        } else {
            self.post_error_message(error.message());
        }
        // After the message, so that it is the first: frames that come meanwhile still wait.
        {
            let mut inner = self.stream.lock();
            if inner.loads.is_awaited(number) {
                inner.loads.settle();
                if stays {
                    inner.loads.lacks_names = subject == Subject::Model && error.is_of_names();
                } else {
                    inner.model = Model::Failed;
                }
            }
        }
        self.stream.notify();
    }

    /// Takes over a model or labels that were set while playing. Where they are wrong, the old
    /// ones stay.
    fn reload(&self, property: &str) {
        let (pending, lacks_names, in_use) = {
            let inner = self.stream.lock();
            let in_use = match &inner.model {
                Model::None => return,
                Model::Ready(loaded) => Some(Arc::clone(loaded)),
                Model::Loading | Model::Failed => None,
            };
            (inner.loads.pending(), inner.loads.lacks_names, in_use)
        };
        match (property, pending, in_use) {
            _ if lacks_names => self.load_aside(Subject::Model),
            // A model that is being loaded was to have what was set before.
            ("model", ..) | (_, Some(Subject::Model), _) | (_, _, None) => {
                self.load_aside(Subject::Model);
            }
            ("labels" | "groups", ..) | (_, Some(Subject::Names), _) => {
                self.load_aside(Subject::Names);
            }
            // What needs no file is in effect at once.
            (_, None, Some(in_use)) => {
                if let Err(error) = in_use.classifier.decide_anew(|| self.settings()) {
                    self.warn(&[kept(&error)]);
                }
                self.stream.lock().renew();
            }
        }
    }

    /// Tells the user of a property that was set to bytes that are no text while the element runs;
    /// otherwise it does not start with it.
    fn refuse_bytes(&self) {
        let runs = !matches!(self.stream.lock().model, Model::None);
        if let Err(error) = self.settings().check_text()
            && runs
        {
            self.warn(&[format!("what was set before stays: {}", error.text())]);
        }
    }

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings();
        // What needs no file of any size is known at once.
        classifier::check(&settings).map_err(|e| e.message())?;
        if self.stream.home.is_elsewhere() {
            // What its parent was loading, this process is not.
            drop(self.stream.lock().loads.take_running());
        }
        self.stream.home.settle();
        self.is_told.store(false, Ordering::Relaxed);
        *lock(&self.shown) = Shown::default();
        *self.stream.stats() = Stats::default();
        let name = strings::name_of(self.obj().upcast_ref());
        {
            let mut inner = self.stream.lock();
            // It cannot be renamed before it is taken out of its pipeline.
            inner.element = name.as_str().into();
            inner.model = Model::Loading;
            inner.is_live = None;
            inner.latency = super::latency::Latency::default();
            inner.rate = super::rate::Rate::default();
            inner.timeline = Timeline::default();
            inner.whole = Whole::default();
            inner.subjects = Subjects::default();
            inner.qos = None;
        }
        self.load_aside(Subject::Model);
        Ok(())
    }

    /// Waits for threads that still load a model which nobody wants any more: the program may be
    /// about to end, and ONNX Runtime does not survive that in the midst of its work.
    fn wait_for_loaders(&self) {
        let running = self.stream.lock().loads.take_running();
        if self.stream.home.is_elsewhere() {
            // They never end here.
            return;
        }
        for _ in 0..running.wait(GRACE) {
            gst::warning!(
                CAT,
                imp = self,
                "a model is still being loaded: it is left behind"
            );
        }
    }

    fn stop(&self) {
        let (model, items, loads) = {
            let mut inner = self.stream.lock();
            let loads = inner.loads.abandon();
            let items = inner.flush();
            inner.info = None;
            inner.segment = None;
            (std::mem::take(&mut inner.model), items, loads)
        };
        self.stream.notify();
        loads.iter().for_each(Cancel::cancel);
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
        let sink = super::pads::sink(&template("sink"));
        refused::explain(&sink, Use::Read);
        Self {
            sink,
            src: super::pads::src(&template("src")),
            stream: Arc::default(),
            settings: Mutex::default(),
            shown: Mutex::default(),
            is_told: AtomicBool::default(),
        }
    }
}

impl ObjectImpl for Resnet50 {
    fn properties() -> &'static [glib::ParamSpec] {
        settings::properties()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let (decides_before, decides_now, is_text) = {
            let mut settings = lock(&self.settings);
            let before = settings.decides();
            settings.set(pspec.name(), value);
            let is_text = settings.not_text.get(pspec.name()).is_none();
            (before, settings.decides(), is_text)
        };
        let (name, shown) = (pspec.name(), strings::shown(value));
        gst::debug!(CAT, imp = self, "{name} = {shown}");
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
        let is_reloaded = matches!(name, "allow" | "deny");
        if !is_text && !is_reloaded && pspec.flags().contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
            self.refuse_bytes();
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
            let mut caps = gst_video::VideoCapsBuilder::new()
                .format_list(preprocess::all_formats())
                .build();
            // Single fields are pictures, too.
            let mut fields = caps.clone();
            let features = gst::CapsFeatures::new([gst_video::CAPS_FEATURE_FORMAT_INTERLACED]);
            fields.make_mut().set_features_simple(Some(features));
            caps.make_mut().append(fields);
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
