// SPDX-License-Identifier: MPL-2.0
//! Single frames of videos and pictures, spread evenly over them.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_app::AppSink;
use gstresnet50::files;
use gstresnet50::preprocess::FORMATS;

use crate::source::{describe, link_video, shown, uri_of};

/// Photographs for when the user names none.
const PHOTOS: [(&str, &[u8]); 4] = [
    (
        "astronaut",
        include_bytes!("../../../plugin-meta/photos/astronaut.jpg"),
    ),
    (
        "chelsea",
        include_bytes!("../../../plugin-meta/photos/chelsea.jpg"),
    ),
    (
        "coffee",
        include_bytes!("../../../plugin-meta/photos/coffee.jpg"),
    ),
    (
        "rocket",
        include_bytes!("../../../plugin-meta/photos/rocket.jpg"),
    ),
];

/// Maximum time that a source takes for its next frame.
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// Of a source whose length is not known, one frame is taken in this time.
const STEP: gst::ClockTime = gst::ClockTime::from_mseconds(500);

/// The program's own photographs, as URIs.
pub fn photos() -> Vec<OsString> {
    PHOTOS
        .iter()
        .map(|(_, photo)| uri_of_photo(photo).into())
        .collect()
}

fn uri_of_photo(photo: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", glib::base64_encode(photo))
}

/// How people call a source.
fn name_of(input: &OsStr) -> String {
    if !input.as_encoded_bytes().starts_with(b"data:") {
        return shown(input);
    }
    let mut photos = PHOTOS.iter();
    match photos.find(|(_, photo)| input == uri_of_photo(photo).as_str()) {
        Some((name, _)) => format!("{name} (a photograph of this program's)"),
        None => "a data: URI".into(),
    }
}

/// Refuses sources that are not there, before any work is done.
pub fn check(inputs: &[OsString]) -> crate::Result<()> {
    for input in inputs {
        let uri = uri_of(input)?;
        // GStreamer would wait for the writer of a FIFO, for ever.
        if let Ok((path, _)) = glib::filename_from_uri(&uri) {
            files::check(&path, u64::MAX).map_err(|e| format!("“{}”: {e}", shown(input)))?;
        }
    }
    Ok(())
}

/// Takes up to `count` frames from the sources together, and shows each to `each`, with the name of
/// its source; those of one source come together.
///
/// # Errors
/// The first source that cannot be opened or read, by its name; what `each` returns.
pub fn take(
    inputs: &[OsString],
    count: usize,
    mut each: impl FnMut(&str, &gst_video::VideoInfo, &gst::BufferRef) -> crate::Result<()>,
) -> crate::Result<()> {
    let inputs = spread(inputs, count);
    let mut left = count;
    for (i, input) in inputs.iter().enumerate() {
        // A picture leaves its share to those that come after it.
        let share = left.div_ceil(inputs.len() - i);
        let name = name_of(input);
        let about = |error| format!("{name}: {error}");
        let source = Source::open(&uri_of(input)?).map_err(about)?;
        let mut each = |info: &_, buffer: &_| each(&name, info, buffer);
        let taken = source.take(share, &mut each).map_err(about)?;
        if taken == 0 {
            return Err(about("it has no frame that could be decoded".into()).into());
        }
        left -= taken;
    }
    Ok(())
}

/// All, or `count` from the first on, evenly, where there are more: one frame of each is enough then.
fn spread(inputs: &[OsString], count: usize) -> Vec<&OsString> {
    let count = count.min(inputs.len());
    (0..count)
        .map(|i| &inputs[i * inputs.len() / count])
        .collect()
}

/// Which frames of a source are taken: the first one, and then one each step.
#[derive(Debug, Default)]
struct Sampler {
    /// When the first one was, and how many have been taken from it on.
    start: Option<(gst::ClockTime, u64)>,
    wanted: gst::ClockTime,
    last: Option<gst::ClockTime>,
    /// Frames in a row with the same time.
    same: u32,
}

impl Sampler {
    /// Whether the next frame is to be taken. One without a time is, and so is one whose time is
    /// before that of the frame before: the times begin anew.
    fn wants(&mut self, pts: Option<gst::ClockTime>) -> bool {
        let Some(now) = pts else {
            return true;
        };
        let last = self.last.replace(now);
        // After a seek the same one may come again, but not many times.
        self.same = if last == pts { self.same + 1 } else { 0 };
        if last.is_some_and(|last| now < last) {
            self.start = None;
            return true;
        }
        match self.same {
            0 => self.start.is_none() || now >= self.wanted,
            same => same > MAX_EQUAL_TIMES,
        }
    }

    /// It was taken. Returns when the next one is wanted.
    fn take(&mut self, pts: Option<gst::ClockTime>, step: gst::ClockTime) -> gst::ClockTime {
        let (start, taken) = self.start.unwrap_or((pts.unwrap_or_default(), 0));
        self.start = Some((start, taken + 1));
        let step = u128::from(step.nseconds()) * u128::from(taken + 1);
        let step = u64::try_from(step).unwrap_or(u64::MAX / 2);
        self.wanted = start.saturating_add(gst::ClockTime::from_nseconds(step));
        self.wanted
    }
}

/// A source with more frames than these at the same time has no usable times.
const MAX_EQUAL_TIMES: u32 = 8;

/// `uridecodebin ! videoconvert ! appsink`.
struct Source {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl Source {
    fn open(uri: &str) -> crate::Result<Self> {
        let source = gst::ElementFactory::make("uridecodebin")
            .property("uri", uri)
            .build()?;
        // Does something only for formats that are not read as they are.
        let convert = gst::ElementFactory::make("videoconvert").build()?;
        // Without a frame rate: some sources have none.
        let formats = gst::List::new(FORMATS.iter().map(|format| format.to_str().as_str()));
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", formats)
            .build();
        let sink = AppSink::builder()
            .caps(&caps)
            .sync(false)
            .max_buffers(1)
            .build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &convert, sink.upcast_ref()])?;
        convert.link(&sink)?;
        link_video(&pipeline, &source, &convert);
        let this = Self { pipeline, sink };
        // A failed state change has posted why.
        let _ = this.pipeline.set_state(gst::State::Playing);
        Ok(this)
    }

    fn take(
        &self,
        count: usize,
        each: &mut impl FnMut(&gst_video::VideoInfo, &gst::BufferRef) -> crate::Result<()>,
    ) -> crate::Result<usize> {
        let mut taken = 0;
        let mut sampler = Sampler::default();
        let mut seekable = None;
        while taken < count {
            let Some(sample) = self.next()? else {
                break;
            };
            let buffer = sample.buffer().ok_or("a sample without a buffer")?;
            let caps = sample.caps().ok_or("a sample without caps")?;
            let info = gst_video::VideoInfo::from_caps(caps)?;
            if !sampler.wants(buffer.pts()) {
                continue;
            }
            each(&info, buffer)?;
            taken += 1;
            // Known once there is a frame.
            let (step, seekable) = *seekable.get_or_insert_with(|| self.step(count));
            let wanted = sampler.take(buffer.pts(), step);
            // Decoding what lies between is quicker than many a seek, unless it is much.
            if seekable && step > gst::ClockTime::from_seconds(2) && taken < count {
                let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
                self.pipeline.seek_simple(flags, wanted)?;
            }
        }
        Ok(taken)
    }

    /// The time between two frames, and whether one can jump over it.
    fn step(&self, count: usize) -> (gst::ClockTime, bool) {
        let length = self.pipeline.query_duration::<gst::ClockTime>();
        let Some(length) = length.filter(|l| !l.is_zero()) else {
            return (STEP, false);
        };
        let mut query = gst::query::Seeking::new(gst::Format::Time);
        let seekable = self.pipeline.query(&mut query) && query.result().0;
        (length / count.max(1) as u64, seekable)
    }

    /// The next frame, or none at the end.
    fn next(&self) -> crate::Result<Option<gst::Sample>> {
        let bus = self.pipeline.bus().ok_or("a pipeline has a bus")?;
        let begun = Instant::now();
        while begun.elapsed() < FRAME_TIMEOUT {
            let sample = self
                .sink
                .try_pull_sample(gst::ClockTime::from_mseconds(100));
            if sample.is_some() || self.sink.is_eos() {
                return Ok(sample);
            }
            if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error])
                && let gst::MessageView::Error(error) = message.view()
            {
                let source = error.src().map(|s| s.name().to_string());
                let source = source.unwrap_or_default();
                return Err(describe(&source, &error.error(), error.debug()).into());
            }
        }
        Err(format!("no frame came for {} s", FRAME_TIMEOUT.as_secs()).into())
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::{OsString, Sampler, spread};

    /// How many of these frames, with times in milliseconds, are taken with one each 500 ms.
    fn taken(times: impl Iterator<Item = Option<u64>>) -> usize {
        let mut sampler = Sampler::default();
        let taken = times.filter(|time| {
            let time = time.map(gst::ClockTime::from_mseconds);
            let is_wanted = sampler.wants(time);
            if is_wanted {
                sampler.take(time, gst::ClockTime::from_mseconds(500));
            }
            is_wanted
        });
        taken.count()
    }

    /// Frames are taken evenly, also where their times begin anew, lie hours ahead for one of them,
    /// stand still, or are none.
    #[test]
    fn times_that_jump() {
        assert_eq!(taken((0..100).map(|i| Some(100 * i))), 20);
        assert_eq!(
            taken((0..100).map(|i| Some(90_000 - 90_000 * (i / 50) + 100 * i))),
            20
        );
        let ahead = (0..100).map(|i| Some(if i == 30 { 37_600_000 } else { 100 * i }));
        assert_eq!(taken(ahead), 21);
        assert!(taken([Some(5000); 100].into_iter()) > 80);
        assert_eq!(taken([None; 100].into_iter()), 100);
    }

    /// Of more sources than frames, those are taken that lie evenly among them.
    #[test]
    fn sources_are_spread() {
        let inputs = ["a", "b", "c", "d", "e"].map(OsString::from);
        assert_eq!(spread(&inputs, 2), ["a", "c"]);
        assert_eq!(spread(&inputs, 4), ["a", "b", "c", "d"]);
        assert_eq!(spread(&inputs, 9).len(), 5);
        assert!(spread(&inputs, 0).is_empty());
    }
}
