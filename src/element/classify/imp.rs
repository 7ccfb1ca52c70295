// SPDX-License-Identifier: MPL-2.0
//! The element as GStreamer sees it.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_base::subclass::base_transform::GenerateOutputSuccess;
use gst_base::subclass::prelude::*;

use super::classifier::Classifier;
use super::error::Error;
use super::settings::{self, FrameSettings, Messages, Settings};
use super::stats::Stats;
use crate::meta::{self, Classification};
use crate::preprocess;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50",
        gst::DebugColorFlags::empty(),
        Some("Video frame classifier"),
    )
});

/// Which of the settings have changed since they were taken over.
#[derive(Debug, Clone, Copy, Default)]
struct Changed {
    model: bool,
    labels: bool,
}

/// What belongs to the stream that is playing. Only the streaming thread works with it.
#[derive(Debug)]
struct State {
    classifier: Classifier,
    info: Option<gst_video::VideoInfo>,
    /// Frames since the last one that was inferred.
    since: u32,
    /// The newest answer and the PTS of its frame.
    last: Option<(Classification, Option<gst::ClockTime>)>,
    /// The class that was last posted with `messages=change`; the inner one is none where no
    /// class came above the threshold.
    posted: Option<Option<i32>>,
}

/// What can be asked for at any time, whatever the streaming thread does.
#[derive(Debug, Default)]
struct Shown {
    provider: Option<&'static str>,
    info: Option<gst::Structure>,
    stats: Stats,
}

/// Locks are taken in the order of the fields, and none is held while something is pushed or
/// posted.
#[derive(Debug, Default)]
pub struct Resnet50 {
    state: Mutex<Option<State>>,
    settings: Mutex<(Settings, Changed)>,
    shown: Mutex<Shown>,
}

/// A lock whose holder panicked still holds plain data: whatever became of the panic, going on is
/// better than a second one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Resnet50 {
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

    /// Loads what the settings say and shows it. Returns what is to be warned of, too.
    fn load(&self, settings: &Settings) -> Result<(Classifier, Vec<String>), Error> {
        let begun = Instant::now();
        let (classifier, warnings) = Classifier::load(settings, &self.folders())?;
        let info = classifier.info();
        gst::info!(CAT, imp = self, "loaded in {:?}: {info}", begun.elapsed());
        let mut shown = lock(&self.shown);
        shown.provider = Some(classifier.provider().name());
        shown.info = Some(info);
        Ok((classifier, warnings))
    }

    fn warn(&self, warnings: Vec<String>) {
        for warning in warnings {
            gst::element_imp_warning!(self, gst::LibraryError::Settings, ("{}", warning));
        }
    }

    /// Takes over a model or labels that were set while playing. Where they are wrong, the old
    /// ones stay. Returns what the user is to be warned of.
    fn reload(&self, state: &mut State) -> Vec<String> {
        let (settings, changed) = {
            let mut guard = lock(&self.settings);
            let changed = std::mem::take(&mut guard.1);
            if !changed.model && !changed.labels {
                return Vec::new();
            }
            (guard.0.clone(), changed)
        };
        let result = if changed.model {
            self.load(&settings).map(|(mut classifier, warnings)| {
                if let Some(info) = &state.info {
                    classifier.set_format(info);
                }
                state.classifier = classifier;
                warnings
            })
        } else {
            let labels = state.classifier.reload_labels(&settings);
            labels.map(|()| Vec::new())
        };
        match result {
            Ok(warnings) => {
                // Answers of the old model, or with the old names, are over.
                state.since = 0;
                state.last = None;
                state.posted = None;
                warnings
            }
            Err(error) => vec![format!(
                "the model and labels in use stay: {}",
                error.text()
            )],
        }
    }

    /// Begins anew: the next frame is inferred, and no answer is carried over.
    fn reset(&self) {
        if let Some(state) = lock(&self.state).as_mut() {
            state.since = 0;
            state.last = None;
        }
    }

    /// Whether this frame is one to be inferred; if so the count to the next one begins.
    fn is_chosen(state: &mut State, buffer: &gst::BufferRef, interval: u32) -> bool {
        use gst::BufferFlags as F;
        // These do not hold a picture of their own, or only a part of it.
        if buffer
            .flags()
            .intersects(F::GAP | F::DROPPABLE | F::CORRUPTED)
        {
            return false;
        }
        let chosen = state.since == 0 || state.last.is_none();
        state.since = if chosen { 1 } else { state.since + 1 } % interval.max(1);
        chosen
    }

    /// The answer for a buffer, fresh or carried over.
    fn answer(
        &self,
        state: &mut State,
        buffer: &gst::BufferRef,
        settings: FrameSettings,
    ) -> Result<Option<Classification>, Error> {
        let begun = Instant::now();
        lock(&self.shown).stats.frames += 1;
        if !Self::is_chosen(state, buffer, settings.interval) {
            lock(&self.shown).stats.skipped += 1;
            let carried = state.last.as_ref().map(|(answer, pts)| {
                let age = buffer
                    .pts()
                    .zip(*pts)
                    .map(|(now, then)| now.saturating_sub(then));
                Classification {
                    fresh: false,
                    age,
                    ..answer.clone()
                }
            });
            return Ok(carried);
        }
        match state.classifier.classify(buffer, settings) {
            Ok(answer) => {
                let total = begun.elapsed();
                let (preprocess, inference) = (answer.preprocess, answer.inference);
                lock(&self.shown).stats.record(preprocess, inference, total);
                gst::log!(
                    CAT,
                    imp = self,
                    "{:?}: {:?}, preprocess {preprocess:?}, inference {inference:?}",
                    buffer.pts(),
                    answer.classification.top(),
                );
                state.last = Some((answer.classification.clone(), buffer.pts()));
                Ok(Some(answer.classification))
            }
            Err(error) => {
                lock(&self.shown).stats.errors += 1;
                Err(error)
            }
        }
    }

    /// Whether this answer is to be posted.
    fn is_posted(state: &mut State, answer: &Classification, messages: Messages) -> bool {
        match messages {
            Messages::None => false,
            Messages::All => answer.fresh,
            Messages::Change => {
                let top = Some(answer.top().map(|c| c.index));
                answer.fresh && std::mem::replace(&mut state.posted, top) != top
            }
        }
    }

    /// Posts the element message `resnet50`: the metadata's fields and the frame's times, by the
    /// names that `level` and `cutter` have for them.
    fn post(&self, answer: &Classification, buffer: &gst::BufferRef) {
        let obj = self.obj();
        let segment = obj.segment();
        let segment = segment.downcast_ref::<gst::ClockTime>();
        let pts = buffer.pts();
        let mut structure = answer.to_structure("resnet50");
        for (name, time) in [
            ("timestamp", pts),
            ("stream-time", segment.and_then(|s| s.to_stream_time(pts))),
            ("running-time", segment.and_then(|s| s.to_running_time(pts))),
            ("duration", buffer.duration()),
        ] {
            structure.set(name, time);
        }
        let message = gst::message::Element::builder(structure).src(&*obj).build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50 {
    const NAME: &'static str = "GstResnet50";
    type Type = super::Resnet50;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for Resnet50 {
    fn properties() -> &'static [glib::ParamSpec] {
        settings::properties()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        {
            let (settings, changed) = &mut *lock(&self.settings);
            settings.set(pspec.name(), value);
            match pspec.name() {
                "model" => changed.model = true,
                "labels" => changed.labels = true,
                _ => {}
            }
        }
        gst::debug!(CAT, imp = self, "{} = {value:?}", pspec.name());
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "active-provider" => lock(&self.shown).provider.to_value(),
            "model-info" => lock(&self.shown).info.to_value(),
            "stats" => lock(&self.shown).stats.to_structure().to_value(),
            name => lock(&self.settings).0.get(name),
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
}

impl BaseTransformImpl for Resnet50 {
    const MODE: BaseTransformMode = BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        *lock(&self.shown) = Shown::default();
        let settings = {
            let (settings, changed) = &mut *lock(&self.settings);
            *changed = Changed::default();
            settings.clone()
        };
        let (classifier, warnings) = self.load(&settings).map_err(|e| e.message())?;
        *lock(&self.state) = Some(State {
            classifier,
            info: None,
            since: 0,
            last: None,
            posted: None,
        });
        self.warn(warnings);
        self.obj().notify("active-provider");
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        lock(&self.state).take();
        let mut shown = lock(&self.shown);
        shown.provider = None;
        shown.info = None;
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps)
            .map_err(|_| gst::loggable_error!(CAT, "caps that are no video: {incaps}"))?;
        if let Some(state) = lock(&self.state).as_mut() {
            state.classifier.set_format(&info);
            state.info = Some(info);
        }
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        use gst::EventView;
        if matches!(
            event.view(),
            EventView::StreamStart(_) | EventView::Segment(_) | EventView::FlushStop(_)
        ) {
            self.reset();
        }
        self.parent_sink_event(event)
    }

    /// Buffers are taken here instead of in `transform_ip`: the base class would hand that a
    /// writable copy of the pixels, and only the metadata has to be writable.
    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        let Some(mut buffer) = self.take_queued_buffer() else {
            return Ok(GenerateOutputSuccess::NoOutput);
        };
        let settings = lock(&self.settings).0.frame;

        let (warnings, result, posted) = {
            let mut guard = lock(&self.state);
            let state = guard.as_mut().ok_or(gst::FlowError::Flushing)?;
            let warnings = self.reload(state);
            let result = self.answer(state, &buffer, settings);
            let posted = match &result {
                Ok(Some(answer)) => Self::is_posted(state, answer, settings.messages),
                _ => false,
            };
            (warnings, result, posted)
        };

        self.warn(warnings);
        let answer = result.map_err(|error| {
            self.post_error_message(error.message());
            gst::FlowError::Error
        })?;
        if let Some(answer) = answer {
            if posted {
                self.post(&answer, &buffer);
            }
            meta::attach(buffer.make_mut(), &answer);
        }
        Ok(GenerateOutputSuccess::Buffer(buffer))
    }
}
