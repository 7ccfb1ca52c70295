// SPDX-License-Identifier: MPL-2.0
//! The element as its neighbours see it: frames, events and queries.

use std::sync::Arc;

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION as COMPOSITION;
use gst_video::{VideoInfo, VideoOverlayCompositionMeta};

use super::super::{crop, flow, time};
use super::content::Content;
use super::format;
use super::imp::{CAT, Resnet50Overlay};
use super::memory::{Memory, Now};
use super::painter::{Error, Painter};
use super::settings::{Settings, Show};
use crate::meta;

/// Takes what comes in.
pub fn sink(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .chain_function(|_, parent, buffer| {
            Resnet50Overlay::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.chain(buffer),
            )
        })
        .event_full_function(|pad, parent, event| {
            Resnet50Overlay::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.sink_event(pad, event),
            )
        })
        .query_function(|pad, parent, query| {
            Resnet50Overlay::catch_panic_pad_function(
                parent,
                || false,
                |this| this.query(pad, &this.src, query),
            )
        })
        // What is downstream gives the memory: the frames become its own. A field that caps do not
        // have, as the frame rate of some sources, may be anything.
        .flags(gst::PadFlags::PROXY_ALLOCATION | gst::PadFlags::ACCEPT_INTERSECT)
        .build()
}

/// Sends what goes out.
pub fn src(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .query_function(|pad, parent, query| {
            Resnet50Overlay::catch_panic_pad_function(
                parent,
                || false,
                |this| this.query(pad, &this.sink, query),
            )
        })
        .build()
}

impl Resnet50Overlay {
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

    /// Why a frame is refused: where the element stops, that is the reason.
    fn or_flushing(&self, error: gst::FlowError) -> gst::FlowError {
        match self.src.pad_flags().contains(gst::PadFlags::FLUSHING) {
            true => gst::FlowError::Flushing,
            false => error,
        }
    }

    /// False where there are no caps yet.
    fn draw(&self, buffer: &mut gst::Buffer, settings: &Arc<Settings>) -> Result<bool, Error> {
        let name = settings.model_name.as_ref();
        let found = meta::classification_by(buffer, name.map(AsRef::as_ref));
        let regions = match settings.show.contains(Show::REGIONS) {
            true => meta::regions_by(buffer, name.map(AsRef::as_ref)),
            false => Vec::new(),
        };
        self.choose(buffer, name);
        let mut state = self.state();
        let state = &mut *state;
        state.watch.see(buffer);
        let Some(painter) = &mut state.painter else {
            return Ok(false);
        };
        let segment = state.segment.as_ref();
        let duration = time::duration_of(buffer, Some(painter.info()));
        let running = segment.and_then(|s| s.to_running_time(buffer.pts()));
        let stream = segment.and_then(|s| s.to_stream_time(buffer.pts()));
        let running = state.times.running.see(running, duration);
        let stream = state.times.stream.see(stream, duration);
        let now = Now {
            running: running.map(|moment| moment.steady.clock_time()),
            stream: stream.map(|moment| moment.steady.clock_time()),
        };
        let known = state.memory.update(now, found, settings.hold);
        let content = Content::new(known.as_ref(), &regions, settings);
        if content.is_empty() {
            return Ok(true);
        }
        gst::trace!(CAT, imp = self, "{content:?}");
        painter.draw(buffer, content, settings)?;
        Ok(true)
    }

    /// Looks whether the classifier that is asked for has classified anything.
    fn choose(&self, frame: &gst::BufferRef, name: Option<&Arc<str>>) {
        let missing = {
            let mut state = self.state();
            // What is held is another one's answer.
            if state.chosen.changes(name) {
                state.memory = Memory::default();
            }
            state.chosen.see(frame)
        };
        if let Some(missing) = missing.filter(|missing| !missing.is_upstream(&self.sink)) {
            self.state().chosen.told();
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
                // Done here; without this, the first frame would do it again.
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
            gst::EventView::Segment(segment) => {
                let segment: Option<gst::FormattedSegment<gst::ClockTime>> =
                    segment.segment().downcast_ref().cloned();
                let mut state = self.state();
                if state.segment != segment {
                    // Running time goes on.
                    state.times.stream.restart();
                    let is_backward = segment.as_ref().is_some_and(|s| s.rate() < 0.0);
                    state.times.stream.set_backward(is_backward);
                    state.segment = segment;
                }
            }
            gst::EventView::FlushStop(_) => {
                let mut state = self.state();
                state.segment = None;
                state.times.restart();
                state.memory = Memory::default();
                state.watch.flush();
            }
            // What was seen in another stream is not to be drawn on this one.
            gst::EventView::StreamStart(_) => self.state().memory = Memory::default(),
            gst::EventView::Eos(_) => {
                let (unclassified, missing) = {
                    let mut state = self.state();
                    (state.watch.end(), state.chosen.end())
                };
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
        flow::of_event(&self.src, kind, is_taken)
    }

    /// Finds out how to draw on frames of these caps, and tells those downstream what comes.
    fn negotiate(
        &self,
        caps: &gst::CapsRef,
        seqnum: Option<gst::Seqnum>,
    ) -> Result<(), gst::FlowError> {
        let info = VideoInfo::from_caps(caps).map_err(|_| gst::FlowError::NotNegotiated)?;
        let plain = caps.to_owned();
        // An overlay before this one has asked already.
        let attach = has_composition(caps.features(0)) || self.can_attach(&plain, seqnum);
        let out = if attach {
            with_composition(&plain)
        } else {
            plain
        };
        if !self.announce(&out, seqnum) {
            return Err(gst::FlowError::NotNegotiated);
        }
        gst::info!(
            CAT,
            imp = self,
            "{} {}x{}: drawing {}",
            info.format(),
            info.width(),
            info.height(),
            if attach {
                "beside the pixels"
            } else {
                "into the pixels"
            }
        );
        let settings = self.settings();
        let is_new = |painter: &Painter| painter.is_attaching() || *painter.info() != info;
        let is_new = self.state().painter.as_ref().is_none_or(is_new);
        if is_new && !attach && !format::can_be_drawn_on(info.format()) {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                (
                    "nothing is drawn on frames of format {}, which have no colours but those of \
                     their palette: put videoconvert before this element",
                    info.format()
                )
            );
        }
        self.state().painter = Some(Painter::new(info, attach, settings));
        Ok(())
    }

    /// Whether those downstream take the drawing beside the pixels, and say that they draw it.
    /// That caps are accepted does not suffice: a sink that takes anything draws nothing.
    fn can_attach(&self, plain: &gst::Caps, seqnum: Option<gst::Seqnum>) -> bool {
        let caps = with_composition(plain);
        if !self.src.peer_query_accept_caps(&caps) {
            return false;
        }
        let ask = || {
            let mut query = gst::query::Allocation::new(Some(&caps), false);
            let is_answered = self.src.peer_query(&mut query);
            is_answered.then(|| {
                query
                    .find_allocation_meta::<VideoOverlayCompositionMeta>()
                    .is_some()
            })
        };
        // Some, GstBaseTransform among them, answer only once they have the caps.
        ask().unwrap_or_else(|| self.announce(&caps, seqnum) && ask() == Some(true))
    }

    /// Sends caps, unless they have been sent.
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

    /// The same for both pads: `other` is the one on the other side.
    fn query(&self, pad: &gst::Pad, other: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Caps(query) = query.view_mut() else {
            let is_answered = gst::Pad::query_default(pad, Some(&*self.obj()), query);
            crop::refuse(query);
            return is_answered;
        };
        let filter = query.filter_owned();
        let template = pad.pad_template_caps();
        let is_sink = pad.direction() == gst::PadDirection::Sink;
        let wanted = filter.as_ref().map(|f| match is_sink {
            true => for_src(f),
            false => for_sink(f),
        });
        let there = other.peer_query_caps(wanted.as_ref());
        let here = match is_sink {
            true => for_sink(&there),
            false => for_src(&there),
        };
        let mut caps = here.intersect_with_mode(&template, gst::CapsIntersectMode::First);
        if let Some(filter) = filter {
            caps = filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First);
        }
        query.set_result(&caps);
        true
    }
}

fn has_composition(features: Option<&gst::CapsFeaturesRef>) -> bool {
    features.is_some_and(|f| !f.is_any() && f.contains(COMPOSITION))
}

/// Each of the caps with what `change` makes of it.
fn each(
    caps: &gst::Caps,
    change: impl Fn(&mut gst::CapsRef, &gst::StructureRef, &gst::CapsFeaturesRef),
) -> gst::Caps {
    if caps.is_any() {
        return caps.clone();
    }
    let mut changed = gst::Caps::new_empty();
    for (structure, features) in caps.iter_with_features() {
        change(changed.make_mut(), structure, features);
    }
    changed
}

fn append(caps: &mut gst::CapsRef, structure: &gst::StructureRef, features: gst::CapsFeatures) {
    caps.append_structure_full(structure.to_owned(), Some(features));
}

fn added(features: &gst::CapsFeaturesRef) -> gst::CapsFeatures {
    let mut features = features.to_owned();
    if !has_composition(Some(&features)) && !features.is_any() {
        features.add(COMPOSITION);
    }
    features
}

/// The caps with the drawing beside the pixels.
fn with_composition(caps: &gst::Caps) -> gst::Caps {
    each(caps, |caps, structure, features| {
        append(caps, structure, added(features));
    })
}

/// What can come out where this comes in: the drawing may be added, and one that is there stays.
fn for_src(caps: &gst::Caps) -> gst::Caps {
    each(caps, |caps, structure, features| {
        append(caps, structure, added(features));
        if !has_composition(Some(features)) {
            append(caps, structure, features.to_owned());
        }
    })
}

/// What can come in where this can go out.
fn for_sink(caps: &gst::Caps) -> gst::Caps {
    each(caps, |caps, structure, features| {
        append(caps, structure, features.to_owned());
        if has_composition(Some(features)) {
            let mut plain = features.to_owned();
            plain.remove(COMPOSITION);
            append(caps, structure, plain);
        }
    })
}
