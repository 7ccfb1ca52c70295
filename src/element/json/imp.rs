// SPDX-License-Identifier: MPL-2.0
//! The element: classified frames in, lines of JSON out.

use std::sync::{Arc, LazyLock};

use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_base::subclass::base_transform::GenerateOutputSuccess;
use gst_base::subclass::prelude::*;

use super::changes::Changes;
use super::settings::{PROPERTIES, Settings};
use crate::element::caps_error::{self, PixelAccess};
use crate::element::flow;
use crate::element::model_name::ModelNameCheck;
use crate::element::strings;
use crate::element::unclassified::UnclassifiedCheck;
use crate::meta::{any_classifications, json_line_of_any, json_line_unclassified};
use crate::sync::Mutex;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50json",
        gst::DebugColorFlags::empty(),
        Some("Classifications as lines of JSON"),
    )
});

const MEDIA_TYPE: &str = "application/x-json";

/// The state of the stream.
#[derive(Debug, Default)]
struct State {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    changes: Changes,
    unclassified: UnclassifiedCheck,
    model_name: ModelNameCheck,
}

/// The locks never nest, and none is held while something is pushed or posted.
#[derive(Debug, Default)]
pub struct Resnet50Json {
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

/// Raw video in any memory: the pixels are not mapped.
fn video_caps() -> gst::Caps {
    gst::Caps::builder("video/x-raw").any_features().build()
}

fn json_caps() -> gst::Caps {
    gst::Caps::new_empty_simple(MEDIA_TYPE)
}

/// Whether the new segment updates the old one: its times have the same stream time and running time
/// in both.
fn is_update(
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
    /// The lines of a frame; empty if there are none.
    fn text(&self, frame: &gst::BufferRef) -> String {
        let Settings {
            model_name,
            only_changes,
            include_unclassified,
            ..
        } = self.settings.lock().clone();
        let mut classifications = any_classifications(frame, model_name.as_deref());
        self.check_model_name(frame, model_name.as_ref());
        let mut state = self.state.lock();
        state.unclassified.see(frame);
        if classifications.is_empty() {
            if !include_unclassified || (only_changes && !state.changes.is_unclassified_change()) {
                return String::new();
            }
            return json_line_unclassified(frame.pts(), state.segment.as_ref());
        }
        if only_changes {
            state.changes.retain_changes(&mut classifications);
        }
        let segment = state.segment.as_ref();
        classifications
            .iter()
            .map(|(region, classification)| {
                json_line_of_any(classification, region.as_ref(), frame.pts(), segment)
            })
            .collect()
    }

    /// Warns if the classifier that `model-name` names is not upstream.
    fn check_model_name(&self, frame: &gst::BufferRef, name: Option<&Arc<str>>) {
        let missing = {
            let mut state = self.state.lock();
            // All lines of another classifier are changes.
            if state.model_name.changes(name) {
                state.changes.reset();
            }
            state.model_name.see(frame)
        };
        if let Some(missing) = missing.filter(|missing| !missing.is_upstream(self.obj().sink_pad()))
        {
            self.state.lock().model_name.told();
            missing.post(self.obj().upcast_ref());
        }
    }

    /// Tells downstream that there is nothing for the time of this frame. Otherwise a sink would
    /// wait for its first line to preroll, and a muxer for the next one to go on.
    fn push_gap(&self, frame: &gst::BufferRef) -> Result<(), gst::FlowError> {
        let Some(pts) = frame.pts() else {
            return Ok(());
        };
        let obj = self.obj();
        let src = obj.src_pad();
        let gap = gst::event::Gap::builder(pts).duration(frame.duration());
        if src.push_event(gap.build()) {
            return Ok(());
        }
        // An event has no flow return, so look for the usual causes.
        if !src.is_linked() {
            return Err(gst::FlowError::NotLinked);
        }
        if src.pad_flags().contains(gst::PadFlags::FLUSHING) {
            return Err(gst::FlowError::Flushing);
        }
        let is_at_end = |pad: &gst::Pad| pad.pad_flags().contains(gst::PadFlags::EOS);
        if is_at_end(src) || src.peer().is_some_and(|peer| is_at_end(&peer)) {
            return Err(gst::FlowError::Eos);
        }
        Ok(())
    }

    /// Keeps the segment for the lines' times. Returns the segment event for downstream.
    fn take_segment(&self, event: gst::Event) -> gst::Event {
        let gst::EventView::Segment(segment) = event.view() else {
            return event;
        };
        let times = segment.segment().downcast_ref::<gst::ClockTime>().cloned();
        {
            let mut state = self.state.lock();
            let is_update = match (&state.segment, &times) {
                (Some(old), Some(new)) => is_update(old, new),
                _ => false,
            };
            if !is_update {
                state.changes.reset();
            }
            state.segment = times.clone();
        }
        if times.is_some() {
            return event;
        }
        // Bytes or numbers of frames mean nothing downstream; filesink would even seek to them.
        let times = gst::FormattedSegment::<gst::ClockTime>::new();
        let segment = gst::event::Segment::builder(&times).seqnum(event.seqnum());
        segment.build()
    }

    /// Posts what the user should know about a stream that has ended.
    fn warn_at_end(&self) {
        let (unclassified, missing) = {
            let mut state = self.state.lock();
            (state.unclassified.end(), state.model_name.end())
        };
        let obj = self.obj();
        if let Some(missing) = missing {
            missing.post(obj.upcast_ref());
        }
        // With `include-unclassified` each of these frames has a line.
        let has_lines = self.settings.lock().include_unclassified;
        if let Some(unclassified) = unclassified.filter(|_| !has_lines) {
            unclassified.post(obj.upcast_ref(), obj.sink_pad());
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50Json {
    const NAME: &'static str = "GstResnet50Json";
    type Type = super::Resnet50Json;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for Resnet50Json {
    fn properties() -> &'static [glib::ParamSpec] {
        PROPERTIES.specs()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let refusal = {
            let mut settings = self.settings.lock();
            PROPERTIES.set(&mut settings, pspec.name(), value);
            settings.not_text.refusal_of(pspec.name())
        };
        strings::post_warning(refusal, self.obj().upcast_ref());
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let value = PROPERTIES.get(&mut self.settings.lock(), pspec.name());
        value.unwrap_or_else(|| unreachable!("all properties have fields"))
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        let sink = obj.sink_pad();
        caps_error::post_for_refused_caps(sink, PixelAccess::None);
        // The base class turns a refused event into an error, for which nobody posts a reason. Most
        // often the pad is only being deactivated.
        // SAFETY: the element is under construction, so nobody uses the pad yet.
        unsafe {
            sink.set_event_full_function(|_, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |imp| {
                        let kind = event.type_();
                        let is_taken = BaseTransformImpl::sink_event(imp, event);
                        flow::event_result(imp.obj().src_pad(), kind, is_taken)
                    },
                )
            });
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
            [
                ("sink", gst::PadDirection::Sink, video_caps()),
                ("src", gst::PadDirection::Src, json_caps()),
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
            let not_text = self.settings.lock().not_text.clone();
            strings::post_error(&not_text, self.obj().upcast_ref())?;
        }
        self.parent_change_state(transition)
    }
}

impl BaseTransformImpl for Resnet50Json {
    const MODE: BaseTransformMode = BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        Ok(())
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        _caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        // Whatever the frames are, the lines are the same.
        let caps = match direction {
            gst::PadDirection::Src => video_caps(),
            _ => json_caps(),
        };
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
            None => caps,
        })
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        let event = match event.type_() {
            gst::EventType::Segment => self.take_segment(event),
            _ => event,
        };
        match event.view() {
            gst::EventView::StreamStart(_) => self.state.lock().changes.reset(),
            gst::EventView::FlushStop(_) => {
                let mut state = self.state.lock();
                state.segment = None;
                state.changes.reset();
                state.unclassified.flush();
            }
            gst::EventView::Eos(_) => self.warn_at_end(),
            _ => {}
        }
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::Seek(seek) = event.view()
            && seek.get().3.format() != gst::Format::Time
        {
            gst::debug!(
                CAT,
                imp = self,
                "only seeks in time are possible: {event:?}"
            );
            return false;
        }
        self.parent_src_event(event)
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if direction == gst::PadDirection::Sink {
            // It is about the memory of frames, which do not go downstream. They are not mapped
            // here either, so any layout will do.
            if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
                allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
                return true;
            }
            return BaseTransformImplExt::parent_query(self, direction, query);
        }
        let is_time = |format| format == gst::Format::Time;
        match query.view() {
            // The base class would return the time of the last line, but gaps count as well.
            gst::QueryView::Position(position) if is_time(position.format()) => {
                return self.obj().sink_pad().peer_query(query);
            }
            // Upstream would return its own bytes and frames.
            gst::QueryView::Position(_) | gst::QueryView::Convert(_) => return false,
            gst::QueryView::Duration(duration) if !is_time(duration.format()) => return false,
            gst::QueryView::Seeking(seeking) if !is_time(seeking.format()) => return false,
            // Lines can be pushed only.
            gst::QueryView::Scheduling(_) => return false,
            _ => {}
        }
        BaseTransformImplExt::parent_query(self, direction, query)
    }

    fn decide_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        // Each buffer takes the memory of its lines, so no pool is of use.
        while query.allocation_pools().len() > 0 {
            query.remove_nth_allocation_pool(0);
        }
        Ok(())
    }

    /// The lines of the frame that was submitted, in a new buffer. The base class would allocate the
    /// output buffer first, but its size is known only with the lines.
    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        let Some(frame) = self.take_queued_buffer() else {
            return Ok(GenerateOutputSuccess::NoOutput);
        };
        let text = self.text(&frame);
        if text.is_empty() {
            self.push_gap(&frame)?;
            return Ok(GenerateOutputSuccess::NoOutput);
        }
        gst::log!(CAT, imp = self, "{}", text.trim_end());
        let mut buffer = gst::Buffer::from_slice(text.into_bytes());
        let lines = buffer.make_mut();
        lines.set_pts(frame.pts());
        lines.set_duration(frame.duration());
        Ok(GenerateOutputSuccess::Buffer(buffer))
    }
}
