// SPDX-License-Identifier: MPL-2.0
//! The messages on the bus, except errors.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::core::Core;
use super::stream::LatencyChange;
use super::tracks::{Hint, Target};
use super::values::Messages;
use crate::meta::Classification;

/// Minimum time between two QOS messages.
const MIN_QOS_INTERVAL: Duration = Duration::from_secs(1);

impl Core {
    /// Counts frames or regions that newer ones have replaced, and posts a QOS message now and then.
    pub(super) fn count_overtaken(&self, overtaken: usize, buffer: &gst::BufferRef) {
        let (inferred, busy) = {
            let mut stats = self.stream.stats();
            stats.busy += overtaken as u64;
            stats.skipped += overtaken as u64;
            (stats.inferences, stats.busy)
        };
        let segment = {
            let mut state = self.stream.lock();
            let last = state.timing.last_qos;
            if last.is_some_and(|last| last.elapsed() < MIN_QOS_INTERVAL) {
                return;
            }
            state.timing.last_qos = Some(Instant::now());
            state.timing.leaving.clone()
        };
        let pts = buffer.pts();
        let message = gst::message::Qos::builder(true)
            .running_time(segment.as_ref().and_then(|s| s.to_running_time(pts)))
            .stream_time(segment.as_ref().and_then(|s| s.to_stream_time(pts)))
            .timestamp(pts)
            .duration(buffer.duration())
            .stats(
                gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(inferred)),
                gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(busy)),
            );
        self.post(|element| message.src(element).build());
    }

    /// Posts what may be a mistake of the user.
    pub(super) fn post_hint(&self, hint: Option<Hint>) {
        match hint {
            None => {}
            Some(Hint::Warning(text)) => self.warn(&text),
            Some(Hint::Info(text)) => {
                if let Some(element) = self.element() {
                    // gst-launch shows only the second text of an INFO.
                    let failed = gst::StreamError::Failed;
                    gst::element_info!(element, failed, ("{}", text), ["{}", text]);
                }
            }
        }
    }

    /// Warns of frames that are flagged as damaged.
    pub(super) fn warn_of_flags(&self, warning: Option<String>) {
        if let Some((warning, element)) = warning.zip(self.element()) {
            gst::element_warning!(element, gst::StreamError::Decode, ("{}", warning));
        }
    }

    /// Makes the pipeline query the latency again. In a pipeline that is not live the latency has no
    /// effect, so once is enough.
    pub(super) fn announce_latency(&self, change: LatencyChange) {
        let mut upstream = gst::query::Latency::new();
        let is_live = || self.sink.peer_query(&mut upstream) && upstream.result().0;
        if change == LatencyChange::Changed && !{ is_live }() {
            return;
        }
        self.post(|element| gst::message::Latency::builder().src(element).build());
    }

    /// Posts the element message `resnet50`: the metadata's fields, the region if it is about one,
    /// and the frame's times by the names that `level` and `cutter` use. `frame` is the frame and
    /// its segment, if it has not left yet.
    pub(super) fn post_result(
        &self,
        classification: &Classification,
        target: &Target,
        pts: Option<gst::ClockTime>,
        frame: Option<(
            &gst::BufferRef,
            Option<gst::FormattedSegment<gst::ClockTime>>,
        )>,
    ) {
        let (duration, segment) = match frame {
            Some((buffer, segment)) => (buffer.duration(), segment),
            None => (None, self.stream.lock().timing.leaving.clone()),
        };
        let mut structure = classification.to_structure("resnet50");
        if let Some(region) = &target.region {
            structure.set("region", region.region.to_structure());
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
        self.post(|element| {
            gst::message::Element::builder(structure)
                .src(element)
                .build()
        });
    }
}

/// Whether a result is to be posted. With `messages=change` it then counts as posted.
pub(super) fn is_posted(
    target: &Target,
    classification: &Classification,
    messages: Messages,
) -> bool {
    match messages {
        Messages::None => false,
        Messages::All => true,
        Messages::Change => target.track.state().is_change(classification),
    }
}
