// SPDX-License-Identifier: MPL-2.0
//! The element as GObject sees it: properties, templates, states.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION as COMPOSITION;

use super::memory::Memory;
use super::painter::Painter;
use super::settings::{self, Settings};
use super::{format, pads};
use crate::element::chosen::Chosen;
use crate::element::refused::{self, Use};
use crate::element::strings;
use crate::element::time::Timeline;
use crate::element::unclassified::Watch;

pub static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50overlay",
        gst::DebugColorFlags::empty(),
        Some("Draws classifications"),
    )
});

/// The frames' running and stream times, without jumps.
#[derive(Debug, Default)]
pub struct Times {
    pub running: Timeline,
    pub stream: Timeline,
}

impl Times {
    /// Both begin anew.
    pub fn restart(&mut self) {
        self.running.restart();
        self.stream.restart();
    }
}

/// What belongs to the stream.
#[derive(Debug, Default)]
pub struct State {
    /// None before there are caps.
    pub painter: Option<Painter>,
    pub memory: Memory,
    pub times: Times,
    pub segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    pub watch: Watch,
    pub chosen: Chosen,
}

/// Neither lock is held while something is pushed or asked, and they are not held together.
#[derive(Debug)]
pub struct Resnet50Overlay {
    pub sink: gst::Pad,
    pub src: gst::Pad,
    settings: Mutex<Arc<Settings>>,
    state: Mutex<State>,
}

/// A lock whose holder panicked still holds plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resnet50Overlay {
    /// The same as long as no property is set.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50Overlay {
    const NAME: &'static str = "GstResnet50Overlay";
    type Type = super::Resnet50Overlay;
    type ParentType = gst::Element;

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("the class has it");
        let sink = pads::sink(&template("sink"));
        refused::explain(&sink, Use::Draw);
        Self {
            sink,
            src: pads::src(&template("src")),
            settings: Mutex::default(),
            state: Mutex::default(),
        }
    }
}

impl ObjectImpl for Resnet50Overlay {
    fn properties() -> &'static [glib::ParamSpec] {
        settings::properties()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let refusal = {
            let mut settings = lock(&self.settings);
            let mut changed = Settings::clone(&settings);
            changed.set(pspec.name(), value);
            let refusal = changed.not_text.refusal_of(pspec.name());
            // An equal value does not cost what has been drawn.
            if changed != **settings {
                *settings = Arc::new(changed);
            }
            refusal
        };
        strings::tell(refusal, self.obj().upcast_ref());
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        lock(&self.settings).get(pspec.name())
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        for pad in [&self.sink, &self.src] {
            obj.add_pad(pad).expect("a new element has no pads");
        }
    }
}

impl GstObjectImpl for Resnet50Overlay {}

impl ElementImpl for Resnet50Overlay {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "ResNet50 overlay",
                "Filter/Editor/Video",
                "Draws the classes that resnet50 has found, with their confidences, and the boxes of classified regions",
                "The gst-plugin-resnet50 authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let mut caps = gst_video::VideoCapsBuilder::new()
                .format_list(format::all().iter().copied())
                .build();
            let mut with_meta = caps.clone();
            let features =
                gst::CapsFeatures::new([gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY, COMPOSITION]);
            with_meta.make_mut().set_features_simple(Some(features));
            caps.make_mut().append(with_meta);
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
            strings::check(&self.settings().not_text, self.obj().upcast_ref())?;
        }
        let result = self.parent_change_state(transition);
        // Its pads have stopped by then.
        if transition == gst::StateChange::PausedToReady {
            *self.state() = State::default();
        }
        result
    }
}
