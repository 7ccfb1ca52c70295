// SPDX-License-Identifier: MPL-2.0
//! The element under test, its frames and messages, and a small pipeline around it.

use std::path::Path;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::meta::{Classification, classification_of};

/// How long a test waits for what must come: it is there so that a defect fails instead of hanging.
pub const TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// A new `resnet50` with this model.
pub fn element(model: &Path) -> gst::Element {
    let element = bare();
    element.set_property("model", text(model));
    element
}

/// A new `resnet50` with nothing set, with the name by which messages are told apart.
pub fn bare() -> gst::Element {
    crate::init();
    gst::ElementFactory::make("resnet50")
        .property("threads", 1u32)
        // The test harness says that it is live.
        .property_from_str("mode", "exact")
        .build()
        .expect("the element")
}

/// A path as the text that properties take.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path of UTF-8")
}

/// A value for `mean` or `std`.
pub fn three(numbers: [f64; 3]) -> gst::Array {
    gst::Array::new(numbers)
}

/// Description of frames without any padding that GStreamer does not ask for.
pub fn info(format: VideoFormat, width: u32, height: u32) -> VideoInfo {
    VideoInfo::builder(format, width, height)
        .fps(gst::Fraction::new(25, 1))
        .build()
        .expect("video info")
}

/// RGB frames.
pub fn rgb(width: u32, height: u32) -> VideoInfo {
    info(VideoFormat::Rgb, width, height)
}

/// The caps of an info.
pub fn caps(info: &VideoInfo) -> gst::Caps {
    info.to_caps().expect("caps")
}

/// Waits until the element has loaded its model. False if it cannot. Everything but the progress
/// stays on the bus.
pub fn loaded(bus: &gst::Bus) -> bool {
    use gst::{MessageView, ProgressType};
    let mut others = Vec::new();
    let loaded = loop {
        let message = bus.timed_pop(TIMEOUT).expect("loading ends");
        match message.view() {
            // Not with its getter, which loses the texts.
            MessageView::Progress(p) => {
                let structure = p.structure().expect("a progress message has one");
                if structure.get("type") == Ok(ProgressType::Complete) {
                    break true;
                }
            }
            MessageView::Error(_) => {
                others.push(message);
                break false;
            }
            _ => others.push(message),
        }
    };
    for message in others {
        bus.post(message).expect("the bus takes it back");
    }
    loaded
}

/// The classification of a frame that must have one.
pub fn classification(buffer: &gst::BufferRef) -> Classification {
    classification_of(buffer).expect("the frame has been classified")
}

/// Everything that the model gave, by the index of the class.
pub fn values(buffer: &gst::BufferRef) -> Vec<f32> {
    let classification = classification(buffer);
    let mut values = vec![f32::NAN; classification.results.len()];
    for class in &classification.results {
        values[class.index as usize] = class.confidence;
    }
    assert!(values.iter().all(|v| !v.is_nan()), "an index came twice");
    values
}

/// A frame of one colour, tight in its memory.
pub fn plain(info: &VideoInfo, color: [u8; 3]) -> gst::Buffer {
    let picture = crate::pack::plain(info.width(), info.height(), color);
    crate::pack::buffer(info, &picture)
}

/// The same with a time.
pub fn timed(info: &VideoInfo, color: [u8; 3], milliseconds: u64) -> gst::Buffer {
    let mut buffer = plain(info, color);
    let b = buffer.make_mut();
    b.set_pts(gst::ClockTime::from_mseconds(milliseconds));
    b.set_duration(gst::ClockTime::from_mseconds(40));
    buffer
}

/// Red, green and blue as [`crate::onnx::Net::color`] has them for its classes.
pub const RED: [u8; 3] = [255, 0, 0];
pub const GREEN: [u8; 3] = [0, 255, 0];
pub const BLUE: [u8; 3] = [0, 0, 255];

/// Index of the best class.
pub fn top(buffer: &gst::BufferRef) -> i32 {
    classification(buffer).top().expect("a class").index
}

/// The bytes of a buffer.
pub fn bytes(buffer: &gst::BufferRef) -> Vec<u8> {
    buffer.map_readable().expect("readable").to_vec()
}

/// One of the counters of an element.
pub fn stat(element: &gst::Element, field: &str) -> u64 {
    let stats: gst::Structure = element.property("stats");
    stats.get(field).expect(field)
}

/// Waits until something is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from(TIMEOUT), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What lies on a bus of one type and from one element.
pub fn messages(bus: &gst::Bus, from: &gst::Element, kind: gst::MessageType) -> Vec<gst::Message> {
    std::iter::from_fn(|| bus.pop_filtered(&[kind]))
        .filter(|m| m.src() == Some(from.upcast_ref()))
        .collect()
}

/// The errors that an element has posted.
pub fn errors(bus: &gst::Bus, from: &gst::Element) -> Vec<glib::Error> {
    messages(bus, from, gst::MessageType::Error)
        .iter()
        .map(|m| match m.view() {
            gst::MessageView::Error(e) => e.error(),
            _ => unreachable!("only errors were asked for"),
        })
        .collect()
}

/// The warnings that an element has posted.
pub fn warnings(bus: &gst::Bus, from: &gst::Element) -> Vec<glib::Error> {
    messages(bus, from, gst::MessageType::Warning)
        .iter()
        .map(|m| match m.view() {
            gst::MessageView::Warning(w) => w.error(),
            _ => unreachable!("only warnings were asked for"),
        })
        .collect()
}

/// `appsrc ! … ! resnet50 ! … ! appsink` in a pipeline whose bus keeps what was posted.
#[derive(Debug)]
pub struct Rig {
    pub pipeline: gst::Pipeline,
    pub bus: gst::Bus,
    pub src: gst_app::AppSrc,
    pub element: gst::Element,
    pub sink: gst_app::AppSink,
}

impl Rig {
    pub fn new(element: &gst::Element, info: &VideoInfo) -> Self {
        Self::among(&[], element, &[], info)
    }

    /// With other elements before and behind it.
    pub fn among(
        before: &[gst::Element],
        element: &gst::Element,
        behind: &[gst::Element],
        info: &VideoInfo,
    ) -> Self {
        let pipeline = gst::Pipeline::new();
        // Otherwise the way to READY throws away what is to be counted.
        pipeline.set_auto_flush_bus(false);
        let src = gst_app::AppSrc::builder()
            .caps(&caps(info))
            .format(gst::Format::Time)
            .build();
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .build();
        let ends = [src.upcast_ref(), sink.upcast_ref()].map(|end: &gst::Element| end.clone());
        let all = [
            &ends[..1],
            before,
            std::slice::from_ref(element),
            behind,
            &ends[1..],
        ]
        .concat();
        pipeline.add_many(&all).expect("they go into the pipeline");
        gst::Element::link_many(&all).expect("links");
        Self {
            bus: pipeline.bus().expect("a pipeline has a bus"),
            pipeline,
            src,
            element: element.clone(),
            sink,
        }
    }

    /// Plays, once the model is loaded.
    pub fn play(&self) -> Result<(), gst::StateChangeError> {
        self.pipeline.set_state(gst::State::Playing)?;
        loaded(&self.bus).then_some(()).ok_or(gst::StateChangeError)
    }

    pub fn stop(&self) {
        self.pipeline
            .set_state(gst::State::Null)
            .expect("every element can stop");
    }

    /// Plays one frame and takes it back.
    pub fn classify(&self, buffer: gst::Buffer) -> gst::Buffer {
        self.src.push_buffer(buffer).expect("appsrc takes it");
        self.pull()
    }

    /// The next frame.
    pub fn pull(&self) -> gst::Buffer {
        let sample = self.sink.try_pull_sample(TIMEOUT);
        let sample = sample.unwrap_or_else(|| panic!("no frame: {:?}", self.errors()));
        sample.buffer_owned().expect("a sample of one buffer")
    }

    /// The errors of the element since the last call.
    pub fn errors(&self) -> Vec<glib::Error> {
        errors(&self.bus, &self.element)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // A pipeline that is dropped while playing is a warning, which would hide the panic.
        let _ = self.pipeline.set_state(gst::State::Null);
        // The element may be used again.
        let _ = self.pipeline.remove(&self.element);
    }
}
