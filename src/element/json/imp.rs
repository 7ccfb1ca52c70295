// SPDX-License-Identifier: MPL-2.0
//! Frames in, lines out.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::changes::Changes;
use crate::element::chosen::{self, Chosen};
use crate::element::flow;
use crate::element::refused::{self, Use};
use crate::element::strings::{self, NotText};
use crate::element::unclassified::Watch;
use crate::meta::{answers_by, json_line, json_line_unclassified};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50json",
        gst::DebugColorFlags::empty(),
        Some("Classifications as lines of JSON"),
    )
});

const DEFAULT_ONLY_CHANGES: bool = false;
const DEFAULT_INCLUDE_UNCLASSIFIED: bool = false;

const MEDIA_TYPE: &str = "application/x-json";

#[derive(Debug, Clone)]
struct Settings {
    /// None for the last classifier.
    model_name: Option<Arc<str>>,
    only_changes: bool,
    include_unclassified: bool,
    not_text: NotText,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_name: None,
            only_changes: DEFAULT_ONLY_CHANGES,
            include_unclassified: DEFAULT_INCLUDE_UNCLASSIFIED,
            not_text: NotText::default(),
        }
    }
}

/// What is known of the stream.
#[derive(Debug, Default)]
struct State {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    changes: Changes,
    watch: Watch,
    chosen: Chosen,
}

/// Neither of the locks is held while the other is taken, or while something is pushed.
#[derive(Debug)]
pub struct Resnet50Json {
    sink: gst::Pad,
    src: gst::Pad,
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

/// A lock whose holder panicked still holds plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn caps() -> gst::Caps {
    gst::Caps::new_empty_simple(MEDIA_TYPE)
}

/// Whether a time of the new segment has the same stream time and running time in the old one:
/// it is an update, not a jump.
fn goes_on(
    old: &gst::FormattedSegment<gst::ClockTime>,
    new: &gst::FormattedSegment<gst::ClockTime>,
) -> bool {
    let at = |segment: &gst::FormattedSegment<gst::ClockTime>| {
        (
            segment.to_stream_time_full(new.start()),
            segment.to_running_time_full(new.start()),
        )
    };
    old.rate() == new.rate() && old.applied_rate() == new.applied_rate() && at(old) == at(new)
}

impl Resnet50Json {
    fn chain(&self, frame: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let text = self.text(frame);
        if text.is_empty() {
            return self.pass_over(frame);
        }
        gst::log!(CAT, imp = self, "{}", text.trim_end());
        let mut buffer = gst::Buffer::from_slice(text.into_bytes());
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(frame.pts());
            buffer.set_duration(frame.duration());
            if frame.flags().contains(gst::BufferFlags::DISCONT) {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
        }
        self.src.push(buffer)
    }

    /// The lines of a frame; empty where there is nothing to say.
    fn text(&self, frame: &gst::BufferRef) -> String {
        let Settings {
            model_name,
            only_changes,
            include_unclassified,
            ..
        } = lock(&self.settings).clone();
        let mut answers = answers_by(frame, model_name.as_deref());
        self.choose(frame, model_name.as_ref());
        let mut state = lock(&self.state);
        state.watch.see(frame);
        if answers.is_empty() {
            if !include_unclassified || (only_changes && !state.changes.is_unclassified_news()) {
                return String::new();
            }
            return json_line_unclassified(frame.pts(), state.segment.as_ref());
        }
        if only_changes {
            state.changes.keep(&mut answers);
        }
        let segment = state.segment.as_ref();
        answers
            .iter()
            .map(|(region, seen)| json_line(seen, region.as_ref(), frame.pts(), segment))
            .collect()
    }

    /// Looks whether the classifier that is asked for has classified anything.
    fn choose(&self, frame: &gst::BufferRef, name: Option<&Arc<str>>) {
        let missing = {
            let mut state = lock(&self.state);
            // Another one's answers are all news.
            if state.chosen.changes(name) {
                state.changes.reset();
            }
            state.chosen.see(frame)
        };
        if let Some(missing) = missing.filter(|missing| !missing.is_upstream(&self.sink)) {
            lock(&self.state).chosen.told();
            missing.post(self.obj().upcast_ref());
        }
    }

    /// Tells downstream that there is nothing for the time of this frame. Otherwise a sink would
    /// wait for its first line to be prerolled, and a muxer for the next one to go on.
    fn pass_over(&self, frame: &gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let has_passed = frame.pts().is_none_or(|pts| {
            let gap = gst::event::Gap::builder(pts).duration(frame.duration());
            self.src.push_event(gap.build())
        });
        if has_passed {
            return Ok(gst::FlowSuccess::Ok);
        }
        // An event has no flow return, so the usual causes are looked for.
        if !self.src.is_linked() {
            return Err(gst::FlowError::NotLinked);
        }
        if self.src.pad_flags().contains(gst::PadFlags::FLUSHING) {
            return Err(gst::FlowError::Flushing);
        }
        let is_at_end = |pad: &gst::Pad| pad.pad_flags().contains(gst::PadFlags::EOS);
        if is_at_end(&self.src) || self.src.peer().is_some_and(|peer| is_at_end(&peer)) {
            return Err(gst::FlowError::Eos);
        }
        Ok(gst::FlowSuccess::Ok)
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        match event.view() {
            // Whatever the frames are now, the lines are as before.
            gst::EventView::Caps(_) => {
                if self.src.has_current_caps() {
                    return true;
                }
                let caps = caps();
                let event = gst::event::Caps::builder(&caps).seqnum(event.seqnum());
                return self.src.push_event(event.build());
            }
            gst::EventView::Segment(segment) => {
                return self.take_segment(segment.segment(), &event);
            }
            gst::EventView::StreamStart(_) => lock(&self.state).changes.reset(),
            gst::EventView::FlushStop(_) => {
                let mut state = lock(&self.state);
                state.segment = None;
                state.changes.reset();
                state.watch.flush();
            }
            gst::EventView::Eos(_) => {
                let (unclassified, missing) = {
                    let mut state = lock(&self.state);
                    (state.watch.end(), state.chosen.end())
                };
                if let Some(missing) = missing {
                    missing.post(self.obj().upcast_ref());
                }
                // Whoever has asked for lines of unclassified frames has got them.
                let is_asked_for = lock(&self.settings).include_unclassified;
                if let Some(unclassified) = unclassified.filter(|_| !is_asked_for) {
                    unclassified.post(self.obj().upcast_ref(), &self.sink);
                }
            }
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    fn take_segment(&self, segment: &gst::Segment, event: &gst::Event) -> bool {
        let times = segment.downcast_ref::<gst::ClockTime>().cloned();
        {
            let mut state = lock(&self.state);
            let goes_on = match (&state.segment, &times) {
                (Some(old), Some(new)) => goes_on(old, new),
                _ => false,
            };
            if !goes_on {
                state.changes.reset();
            }
            state.segment = times.clone();
        }
        if times.is_some() {
            return self.src.push_event(event.clone());
        }
        // Bytes or frames of video mean nothing here; filesink would even seek to them.
        let times = gst::FormattedSegment::<gst::ClockTime>::new();
        let segment = gst::event::Segment::builder(&times).seqnum(event.seqnum());
        self.src.push_event(segment.build())
    }

    fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        // It is about memory for pictures, which nobody behind this element will see. They are
        // not mapped here either, so any layout will do.
        if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
            allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
            return true;
        }
        gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        if let gst::EventView::Seek(seek) = event.view()
            && seek.get().3.format() != gst::Format::Time
        {
            gst::debug!(CAT, imp = self, "only times can be sought: {event:?}");
            return false;
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        // Upstream would answer in its own bytes and frames.
        let is_of_time = match query.view() {
            gst::QueryView::Position(query) => query.format() == gst::Format::Time,
            gst::QueryView::Duration(query) => query.format() == gst::Format::Time,
            gst::QueryView::Seeking(query) => query.format() == gst::Format::Time,
            gst::QueryView::Convert(_) => false,
            _ => true,
        };
        is_of_time && gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50Json {
    const NAME: &'static str = "GstResnet50Json";
    type Type = super::Resnet50Json;
    type ParentType = gst::Element;

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("the class has it");
        let sink = gst::Pad::builder_from_template(&template("sink"))
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |imp| imp.chain(&buffer),
                )
            })
            .event_full_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |imp| {
                        let kind = event.type_();
                        flow::of_event(&imp.src, kind, imp.sink_event(pad, event))
                    },
                )
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |imp| imp.sink_query(pad, query))
            })
            .build();
        refused::explain(&sink, Use::None);
        let src = gst::Pad::builder_from_template(&template("src"))
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |imp| imp.src_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |imp| imp.src_query(pad, query))
            })
            .flags(gst::PadFlags::FIXED_CAPS)
            .build();
        Self {
            sink,
            src,
            settings: Mutex::default(),
            state: Mutex::default(),
        }
    }
}

impl ObjectImpl for Resnet50Json {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecString::builder("model-name")
                    .nick("Model name")
                    .blurb(chosen::BLURB)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("only-changes")
                    .nick("Only changes")
                    .blurb("A line only where the decision, or without one the best class, is another than in the line before of the frame or of the same object. A region shows the same object if it is of the same type and has the same tracker's id, or, without one, overlaps the place where the object was last by half. A region that is gone has no line")
                    .default_value(DEFAULT_ONLY_CHANGES)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("include-unclassified")
                    .nick("Include unclassified")
                    .blurb("A line, with model null and no results, also for a buffer in which neither the frame nor a region is classified")
                    .default_value(DEFAULT_INCLUDE_UNCLASSIFIED)
                    .mutable_playing()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        fn get<'v, T: glib::value::FromValue<'v>>(value: &'v glib::Value) -> T {
            value.get().expect("GObject checks the type")
        }
        let refusal = {
            let mut settings = lock(&self.settings);
            let is_text = !settings.not_text.take(pspec.name(), value);
            let text = || strings::bytes_of(value).and_then(|text| text.into_string().ok());
            match pspec.name() {
                "model-name" if is_text => {
                    settings.model_name = chosen::name(text().as_deref());
                }
                "model-name" => {}
                "only-changes" => settings.only_changes = get(value),
                "include-unclassified" => settings.include_unclassified = get(value),
                name => unreachable!("no such property: {name}"),
            }
            settings.not_text.refusal_of(pspec.name())
        };
        strings::tell(refusal, self.obj().upcast_ref());
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = lock(&self.settings);
        if let Some(not_text) = settings.not_text.get(pspec.name()) {
            return not_text;
        }
        match pspec.name() {
            "model-name" => settings.model_name.as_deref().to_value(),
            "only-changes" => settings.only_changes.to_value(),
            "include-unclassified" => settings.include_unclassified.to_value(),
            name => unreachable!("no such property: {name}"),
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

impl GstObjectImpl for Resnet50Json {}

impl ElementImpl for Resnet50Json {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "ResNet50 classifications as JSON",
                "Filter/Converter/Video/Metadata",
                "Turns the classifications that resnet50 has attached to video into lines of JSON",
                "The gst-plugin-resnet50 authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let frames = gst::Caps::builder("video/x-raw").any_features().build();
            [
                ("sink", gst::PadDirection::Sink, frames),
                ("src", gst::PadDirection::Src, caps()),
            ]
            .into_iter()
            .map(|(name, direction, caps)| {
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
            let not_text = lock(&self.settings).not_text.clone();
            strings::check(&not_text, self.obj().upcast_ref())?;
        }
        let result = self.parent_change_state(transition);
        if transition == gst::StateChange::PausedToReady {
            *lock(&self.state) = State::default();
        }
        result
    }
}
