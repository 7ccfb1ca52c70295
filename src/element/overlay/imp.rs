// SPDX-License-Identifier: MPL-2.0
//! The element as GObject and its neighbours see it: properties, pads, states.
//!
//! It has pads of its own and is no subclass of `GstBaseTransform`, for these reasons:
//!
//! - Its output caps depend on downstream's answer to an ALLOCATION query, and some elements answer
//!   that query only once they have caps. So the caps with an overlay composition are sent first,
//!   and plain ones after a refusal. The base class decides on the output caps before it sends any,
//!   and cannot take them back.
//! - Its sink pad returns a flow for each event. The event function of the base class returns a
//!   boolean, and GStreamer takes a refused event for a fatal error, even if downstream is only
//!   shutting down (see [`flow::event_result`]).
//! - Where the base class cannot negotiate again, it posts a warning without a reason, also while
//!   the pipeline stops.
//! - The base class would save two pads and a push, and require `transform_caps`, `fixate_caps`,
//!   `set_caps`, `propose_allocation`, `generate_output`, `sink_event`, `query` and `stop`.

use std::sync::{Arc, LazyLock};

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::{VideoInfo, VideoOverlayCompositionMeta};

use super::painter::{Error, Painter};
use super::settings::{PROPERTIES, Settings, Show};
use super::stream::Stream;
use super::{blend, caps};
use crate::element::caps_error::{self, PixelAccess};
use crate::element::model_name::Missing;
use crate::element::{crop, flow, strings};
use crate::meta;
use crate::sync::{Mutex, MutexGuard};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "resnet50overlay",
        gst::DebugColorFlags::empty(),
        Some("Draws classifications"),
    )
});

/// The element. Neither lock is held while anything is pushed, queried or posted, and they are
/// never held together.
#[derive(Debug)]
pub struct Resnet50Overlay {
    sink: gst::Pad,
    src: gst::Pad,
    settings: Mutex<Arc<Settings>>,
    stream: Mutex<Stream>,
}

impl Resnet50Overlay {
    /// The same object until a property is set.
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock())
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock()
    }

    fn chain(&self, mut buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        if self.src.check_reconfigure() {
            let caps = self.sink.current_caps();
            if let Err(error) = caps.map_or(Ok(()), |caps| self.negotiate(&caps, None)) {
                self.src.mark_reconfigure();
                return Err(self.or_flushing(error));
            }
        }
        let settings = self.settings();
        match self.draw(&mut buffer, &settings) {
            Ok(true) => self.src.push(buffer),
            Ok(false) => Err(self.or_flushing(gst::FlowError::NotNegotiated)),
            Err(error) => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Failed,
                    ("{error}; set show to 0 to let the video through without an overlay")
                );
                Err(gst::FlowError::Error)
            }
        }
    }

    /// The error to return: `Flushing` while the element stops, whatever failed.
    fn or_flushing(&self, error: gst::FlowError) -> gst::FlowError {
        match self.src.pad_flags().contains(gst::PadFlags::FLUSHING) {
            true => gst::FlowError::Flushing,
            false => error,
        }
    }

    /// Draws on a frame. Returns false before there are caps.
    fn draw(&self, buffer: &mut gst::Buffer, settings: &Arc<Settings>) -> Result<bool, Error> {
        let name = settings.model_name.as_ref();
        let found = meta::any_of_frame(buffer, name.map(AsRef::as_ref));
        let regions = match settings.show.contains(Show::REGIONS) {
            true => meta::any_of_regions(buffer, name.map(AsRef::as_ref)),
            false => Vec::new(),
        };
        let missing = self.stream().check_model_name(buffer, name);
        if let Some(missing) = missing {
            self.warn_of_missing(&missing);
        }
        let mut stream = self.stream();
        let Some((painter, content)) = stream.next_content(buffer, found, &regions, settings)
        else {
            return Ok(false);
        };
        if content.is_empty() {
            return Ok(true);
        }
        gst::trace!(CAT, imp = self, "{content:?}");
        painter.draw(buffer, content, settings)?;
        Ok(true)
    }

    /// Posts that the named classifier is missing, unless it is upstream and may only be late.
    fn warn_of_missing(&self, missing: &Missing) {
        if !missing.is_upstream(&self.sink) {
            self.stream().told_missing();
            missing.post(self.obj().upcast_ref());
        }
    }

    fn sink_event(
        &self,
        pad: &gst::Pad,
        event: gst::Event,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        match event.view() {
            gst::EventView::Caps(caps) => {
                // This negotiates. Otherwise the first frame would do it again.
                self.src.check_reconfigure();
                let result = self.negotiate(caps.caps(), Some(event.seqnum()));
                if let Err(error) = result {
                    gst::warning!(CAT, imp = self, "{error} with {}", caps.caps());
                }
                return match result {
                    Ok(()) => Ok(gst::FlowSuccess::Ok),
                    Err(error) => Err(self.or_flushing(error)),
                };
            }
            gst::EventView::StreamStart(_) => self.stream().start(),
            gst::EventView::Segment(segment) => self.stream().set_segment(segment.segment()),
            gst::EventView::FlushStop(_) => self.stream().flush(),
            gst::EventView::Eos(_) => {
                let (missing, unclassified) = self.stream().end();
                if let Some(missing) = missing {
                    missing.post(self.obj().upcast_ref());
                }
                if let Some(unclassified) = unclassified {
                    unclassified.post(self.obj().upcast_ref(), &self.sink);
                }
            }
            _ => {}
        }
        let kind = event.type_();
        let is_taken = gst::Pad::event_default(pad, Some(&*self.obj()), event);
        flow::event_result(&self.src, kind, is_taken)
    }

    /// Finds out how to draw on frames of these caps, and sends the output caps.
    fn negotiate(
        &self,
        caps: &gst::CapsRef,
        seqnum: Option<gst::Seqnum>,
    ) -> Result<(), gst::FlowError> {
        let info = VideoInfo::from_caps(caps).map_err(|_| gst::FlowError::NotNegotiated)?;
        let plain = caps.to_owned();
        // With compositions already in the caps, an overlay upstream has queried downstream.
        let attach = caps::has_composition(caps.features(0)) || self.can_attach(&plain, seqnum);
        let out = match attach {
            true => caps::with_composition(&plain),
            false => plain,
        };
        if !self.announce(&out, seqnum) {
            return Err(gst::FlowError::NotNegotiated);
        }
        let (format, width, height) = (info.format(), info.width(), info.height());
        let how = match attach {
            true => "attached as an overlay composition",
            false => "blended into the pixels",
        };
        gst::info!(
            CAT,
            imp = self,
            "{format} {width}x{height}: the drawing is {how}"
        );
        let settings = self.settings();
        let is_new = |painter: &Painter| painter.is_attaching() || *painter.info() != info;
        let is_new = self.stream().painter.as_ref().is_none_or(is_new);
        if is_new && !attach && !blend::can_blend(format) {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("nothing is drawn on frames of format {format}, which have no colours but \
                     those of their palette: put videoconvert before this element")
            );
        }
        self.stream().painter = Some(Painter::new(info, attach, settings));
        Ok(())
    }

    /// Whether downstream accepts overlay compositions and says that it draws them. To accept the
    /// caps is not enough: a sink that accepts anything draws nothing.
    fn can_attach(&self, plain: &gst::Caps, seqnum: Option<gst::Seqnum>) -> bool {
        let caps = caps::with_composition(plain);
        if !self.src.peer_query_accept_caps(&caps) {
            return false;
        }
        let query = || {
            let mut query = gst::query::Allocation::new(Some(&caps), false);
            let is_answered = self.src.peer_query(&mut query);
            is_answered.then(|| {
                query
                    .find_allocation_meta::<VideoOverlayCompositionMeta>()
                    .is_some()
            })
        };
        // Some elements, GstBaseTransform among them, answer only once they have the caps.
        query().unwrap_or_else(|| self.announce(&caps, seqnum) && query() == Some(true))
    }

    /// Sends caps, unless they are the current ones.
    fn announce(&self, caps: &gst::Caps, seqnum: Option<gst::Seqnum>) -> bool {
        if self.src.current_caps().as_ref() == Some(caps) {
            return true;
        }
        let event = gst::event::Caps::builder(caps);
        let event = match seqnum {
            Some(seqnum) => event.seqnum(seqnum),
            None => event,
        };
        self.src.push_event(event.build())
    }

    /// Answers a query to either pad. `other` is the pad on the other side.
    fn query(&self, pad: &gst::Pad, other: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Caps(query) = query.view_mut() else {
            let is_answered = gst::Pad::query_default(pad, Some(&*self.obj()), query);
            crop::refuse(query);
            return is_answered;
        };
        type Change = fn(&gst::Caps) -> gst::Caps;
        let (to_other, to_own): (Change, Change) = match pad.direction() {
            gst::PadDirection::Sink => (caps::output_for, caps::input_for),
            _ => (caps::input_for, caps::output_for),
        };
        let filter = query.filter_owned();
        let wanted = filter.as_ref().map(to_other);
        let possible = to_own(&other.peer_query_caps(wanted.as_ref()));
        let template = pad.pad_template_caps();
        let mut caps = possible.intersect_with_mode(&template, gst::CapsIntersectMode::First);
        if let Some(filter) = filter {
            caps = filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First);
        }
        query.set_result(&caps);
        true
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50Overlay {
    const NAME: &'static str = "GstResnet50Overlay";
    type Type = super::Resnet50Overlay;
    type ParentType = gst::Element;

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("the class has it");
        let sink = gst::Pad::builder_from_template(&template("sink"))
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |imp| imp.chain(buffer),
                )
            })
            .event_full_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |imp| imp.sink_event(pad, event),
                )
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(
                    parent,
                    || false,
                    |imp| imp.query(pad, &imp.src, query),
                )
            })
            // Downstream provides the memory of the frames. A field that caps lack, such as the
            // frame rate of some sources, may have any value.
            .flags(gst::PadFlags::PROXY_ALLOCATION | gst::PadFlags::ACCEPT_INTERSECT)
            .build();
        caps_error::post_for_refused_caps(&sink, PixelAccess::Draw);
        let src = gst::Pad::builder_from_template(&template("src"))
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(
                    parent,
                    || false,
                    |imp| imp.query(pad, &imp.sink, query),
                )
            })
            .build();
        Self {
            sink,
            src,
            settings: Mutex::default(),
            stream: Mutex::default(),
        }
    }
}

impl ObjectImpl for Resnet50Overlay {
    fn properties() -> &'static [glib::ParamSpec] {
        PROPERTIES.specs()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let refusal = {
            let mut settings = self.settings.lock();
            let mut changed = Settings::clone(&settings);
            PROPERTIES.set(&mut changed, pspec.name(), value);
            let refusal = changed.not_text.refusal_of(pspec.name());
            // An equal value does not discard what has been drawn.
            if changed != **settings {
                *settings = Arc::new(changed);
            }
            refusal
        };
        strings::post_warning(refusal, self.obj().upcast_ref());
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let mut settings = Settings::clone(&self.settings());
        let value = PROPERTIES.get(&mut settings, pspec.name());
        value.unwrap_or_else(|| unreachable!("all properties have fields"))
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
            let caps = caps::template();
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
            strings::post_error(&self.settings().not_text, self.obj().upcast_ref())?;
        }
        let result = self.parent_change_state(transition);
        // The parent has stopped the pads.
        if transition == gst::StateChange::PausedToReady {
            *self.stream() = Stream::default();
        }
        result
    }
}
