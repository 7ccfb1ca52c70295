// SPDX-License-Identifier: MPL-2.0
//! What is posted on the bus.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::Resnet50;
use super::latency::News;
use super::settings::Messages;
use super::stream::Topic;
use super::subject::Part;
use super::watch::Hint;
use crate::meta::Classification;

/// The shortest time between two QOS messages.
const QOS_SPACING: Duration = Duration::from_secs(1);

impl Resnet50 {
    /// Counts frames or regions that newer ones have overtaken, and says so now and then.
    pub(super) fn count_busy(&self, overtaken: usize, buffer: &gst::BufferRef) {
        let (inferred, busy) = {
            let mut stats = self.stream.stats();
            stats.busy += overtaken as u64;
            stats.skipped += overtaken as u64;
            (stats.inferences, stats.busy)
        };
        let segment = {
            let mut inner = self.stream.lock();
            if inner.qos.is_some_and(|last| last.elapsed() < QOS_SPACING) {
                return;
            }
            inner.qos = Some(Instant::now());
            inner.segment.clone()
        };
        let obj = self.obj();
        let pts = buffer.pts();
        let message = gst::message::Qos::builder(true)
            .src(&*obj)
            .running_time(segment.as_ref().and_then(|s| s.to_running_time(pts)))
            .stream_time(segment.as_ref().and_then(|s| s.to_stream_time(pts)))
            .timestamp(pts)
            .duration(buffer.duration())
            .stats(
                gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(inferred)),
                gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(busy)),
            )
            .build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }

    /// Tells the user what is no error but may well be a mistake.
    pub(super) fn tell(&self, hint: Option<Hint>) {
        match hint {
            None => {}
            Some(Hint::Warning(text)) => self.warn(&[text]),
            Some(Hint::Info(text)) => {
                // gst-launch shows the second one only.
                gst::element_imp_info!(self, gst::StreamError::Failed, ("{}", text), ["{}", text]);
            }
        }
    }

    /// Tells the user of frames that say that they hold no whole picture.
    pub(super) fn tell_of_flags(&self, text: Option<String>) {
        if let Some(text) = text {
            gst::element_imp_warning!(self, gst::StreamError::Decode, ("{}", text));
        }
    }

    /// Lets the pipeline ask anew for the latency. In one that is not live it counts for nothing,
    /// so that once is enough.
    pub(super) fn announce_latency(&self, news: News) {
        let mut upstream = gst::query::Latency::new();
        let is_live = || self.sink.peer_query(&mut upstream) && upstream.result().0;
        if news == News::Changed && !{ is_live }() {
            return;
        }
        let obj = self.obj();
        let message = gst::message::Latency::builder().src(&*obj).build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }

    /// Posts the element message `resnet50`: the metadata's fields, where it is about a region
    /// which one, and the frame's times by the names that `level` and `cutter` have for them.
    pub(super) fn post(
        &self,
        answer: &Classification,
        part: &Part,
        pts: Option<gst::ClockTime>,
        frame: Option<(
            &gst::BufferRef,
            Option<gst::FormattedSegment<gst::ClockTime>>,
        )>,
    ) {
        let obj = self.obj();
        let (duration, segment) = match frame {
            Some((buffer, segment)) => (buffer.duration(), segment),
            None => (None, self.stream.lock().segment.clone()),
        };
        let mut structure = answer.to_structure("resnet50");
        if let Some(place) = &part.place {
            structure.set("region", place.region.to_structure());
        }
        for (name, time) in [
            ("timestamp", pts),
            (
                "stream-time",
                segment.as_ref().and_then(|s| s.to_stream_time(pts)),
            ),
            (
                "running-time",
                segment.as_ref().and_then(|s| s.to_running_time(pts)),
            ),
            ("duration", duration),
        ] {
            structure.set(name, time);
        }
        let message = gst::message::Element::builder(structure).src(&*obj).build();
        // Fails only where nobody listens.
        let _ = obj.post_message(message);
    }
}

/// Whether this answer is to be posted.
pub(super) fn is_posted(part: &Part, answer: &Classification, messages: Messages) -> bool {
    match messages {
        Messages::None => false,
        Messages::All => true,
        Messages::Change => {
            let topic = Some(Topic::of(answer));
            let before = std::mem::replace(&mut part.subject.known().topic, topic.clone());
            before != topic
        }
    }
}
