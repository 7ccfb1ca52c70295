// SPDX-License-Identifier: MPL-2.0
//! The video with its labels on it, and with its sound.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::prelude::*;

use super::branch::{Branch, writing};
use crate::output::Writer;

/// The name of the element that writes the video.
pub const VIDEO: &str = "annotated-video";

/// How a video is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Mp4,
    QuickTime,
    Matroska,
    WebM,
}

impl Container {
    /// What the ending of a file's name asks for; without one, WebM.
    ///
    /// # Errors
    /// An ending that stands for something else.
    pub fn of(file: &Path) -> Result<Self, String> {
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        match &*ending.to_ascii_lowercase() {
            "mp4" | "m4v" => Ok(Self::Mp4),
            "mov" | "qt" => Ok(Self::QuickTime),
            "mkv" => Ok(Self::Matroska),
            "webm" | "" => Ok(Self::WebM),
            _ => Err(format!(
                "“{}”: a video is written as MP4, QuickTime, Matroska or WebM: let the name end in .mp4, .mov, .mkv or .webm",
                file.display()
            )),
        }
    }

    /// Whether a file of it can be played that was not finished.
    pub fn is_of_use_unfinished(self) -> bool {
        matches!(self, Self::Matroska | Self::WebM)
    }

    /// The muxer; in what cannot be sought it never goes back.
    fn muxer(self, can_seek: bool) -> String {
        let (name, streamed) = match self {
            Self::Mp4 => ("mp4mux", "fragment-duration=1000 streamable=true"),
            Self::QuickTime => ("qtmux", "fragment-duration=1000 streamable=true"),
            Self::Matroska => ("matroskamux", "streamable=true"),
            Self::WebM => ("webmmux", "streamable=true"),
        };
        format!("{name} {}", if can_seek { "" } else { streamed })
    }

    /// Names of what is not installed of that which a video with its sound takes. Of several
    /// encoders one is enough.
    pub fn missing(self) -> Vec<String> {
        let needed = match self.has_h264() {
            true => &["h264parse", "aacparse"][..],
            false => &[],
        };
        let muxer = self.muxer(true);
        let needed = needed.iter().copied().chain([muxer.trim_end()]);
        let needed = needed.filter(|name| gst::ElementFactory::find(name).is_none());
        let mut missing: Vec<_> = needed.map(str::to_owned).collect();
        for encoders in [self.video_encoders(), self.sound_encoders()] {
            if installed(encoders).is_none() {
                let names: Vec<_> = encoders.iter().map(|(name, _)| *name).collect();
                missing.push(names.join(" or "));
            }
        }
        missing
    }

    fn has_h264(self) -> bool {
        matches!(self, Self::Mp4 | Self::QuickTime)
    }

    /// Encoders of the video in order of preference, with what is before and behind them.
    fn video_encoders(self) -> &'static [(&'static str, &'static str)] {
        match self.has_h264() {
            true => &[
                (
                    "x264enc",
                    "video/x-raw,width=[16,16382,2],height=[16,16382,2] ! \
                     x264enc speed-preset=veryfast tune=zerolatency bitrate=2000 key-int-max=50 ! h264parse",
                ),
                // Of its 4096x2304, either way round.
                (
                    "openh264enc",
                    "video/x-raw,width=[16,4096,2],height=[16,2304,2];\
                     video/x-raw,width=[16,2304,2],height=[16,4096,2] ! \
                     openh264enc complexity=low bitrate=2000000 gop-size=50 ! h264parse",
                ),
            ],
            false => &[(
                "vp8enc",
                "video/x-raw,width=[16,16383],height=[16,16383] ! \
                 vp8enc deadline=1 cpu-used=8 threads=1 target-bitrate=2000000 keyframe-max-dist=50",
            )],
        }
    }

    /// Encoders of the sound in order of preference, with what is behind them.
    fn sound_encoders(self) -> &'static [(&'static str, &'static str)] {
        match self.has_h264() {
            true => &[
                ("fdkaacenc", "fdkaacenc ! aacparse"),
                ("avenc_aac", "avenc_aac ! aacparse"),
                ("voaacenc", "voaacenc ! aacparse"),
                ("faac", "faac ! aacparse"),
            ],
            false => &[("opusenc", "opusenc"), ("vorbisenc", "vorbisenc")],
        }
    }
}

/// The first of these that is installed.
fn installed(encoders: &[(&str, &'static str)]) -> Option<&'static str> {
    let is_there = |(name, _): &&(&str, _)| gst::ElementFactory::find(name).is_some();
    encoders
        .iter()
        .find(is_there)
        .map(|(_, description)| *description)
}

/// Draws the classes on the video and writes it.
pub fn branch(writer: &Writer, container: Container) -> crate::Result<(Branch, Sound)> {
    let packages = match container.has_h264() {
        true => {
            "x264enc or openh264enc, h264parse and mp4mux (Debian: gstreamer1.0-plugins-ugly or -bad, and gstreamer1.0-plugins-good)"
        }
        false => "vp8enc and webmmux (Debian: gstreamer1.0-plugins-good)",
    };
    let needs = |e: &dyn std::fmt::Display| {
        format!(
            "the annotated video needs resnet50overlay (the plugin's feature overlay), {packages}: {e}"
        )
    };
    let encoder = installed(container.video_encoders())
        .ok_or_else(|| needs(&"there is no encoder for it"))?;
    let description = format!(
        "videoconvert ! \
         videoscale ! video/x-raw,width=[16,16383],height=[16,16383] ! \
         resnet50overlay max-labels=3 ! videoconvert ! videoscale ! {encoder} ! \
         {} name=mux ! fdsink name={VIDEO} sync=false",
        container.muxer(writer.can_seek())
    );
    let branch = writing(&description, VIDEO, writer).map_err(|e| needs(&e))?;
    let bin = branch.element.downcast_ref::<gst::Bin>().ok_or("a bin")?;
    let muxer = bin.by_name("mux").ok_or("the description names it")?;
    let has_begun = Arc::new(AtomicBool::new(false));
    branch.last.add_probe(gst::PadProbeType::BUFFER, {
        let has_begun = Arc::clone(&has_begun);
        move |_, _| {
            has_begun.store(true, Ordering::Release);
            gst::PadProbeReturn::Remove
        }
    });
    let sound = Sound {
        bin: bin.clone(),
        muxer,
        container,
        has_begun,
        end: Arc::new(AtomicU64::new(u64::MAX)),
    };
    Ok((branch, sound))
}

/// The way of the sound into the annotated video.
#[derive(Debug, Clone)]
pub struct Sound {
    bin: gst::Bin,
    muxer: gst::Element,
    container: Container,
    /// Whether the file's header is written, in which the streams stand.
    has_begun: Arc<AtomicBool>,
    /// Running time in nanoseconds from which on it is cut off.
    end: Arc<AtomicU64>,
}

/// The name of the pad for the sound.
const PAD: &str = "sound";

impl Sound {
    /// Leads the first sound into the video; whether it does. What cannot be kept is told once.
    pub fn take(&self, pad: &gst::Pad) -> bool {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let is_sound = caps.structure(0).is_some_and(|s| s.name() == "audio/x-raw");
        if !is_sound || self.pad().is_some() {
            return false;
        }
        let taken = match self.has_begun.load(Ordering::Acquire) {
            true => Err("it came when the video had begun".into()),
            false => self.link(pad),
        };
        if let Err(error) = &taken {
            gst::element_warning!(
                self.bin,
                gst::StreamError::Encode,
                ("the annotated video has no sound: {}", error)
            );
        }
        taken.is_ok()
    }

    fn link(&self, pad: &gst::Pad) -> crate::Result<()> {
        let encoder = installed(self.container.sound_encoders()).ok_or(
            "there is no encoder for it (Debian: gstreamer1.0-libav for MP4, gstreamer1.0-plugins-base for WebM)",
        )?;
        // A muxer takes what is earliest: the sound waits for the video, which is classified first.
        let chain = gst::parse::bin_from_description(
            &format!(
                "queue max-size-buffers=0 max-size-bytes=0 max-size-time=10000000000 ! \
                 audioconvert ! audioresample ! {encoder}"
            ),
            true,
        )?;
        self.bin.add(&chain)?;
        let from = chain.static_pad("src").ok_or("it has an end")?;
        let into = self
            .muxer
            .request_pad_simple("audio_%u")
            .ok_or("the muxer takes no sound")?;
        from.link(&into)?;
        into.add_probe(gst::PadProbeType::BUFFER, {
            let end = Arc::clone(&self.end);
            move |pad, info| cut(pad, info, end.load(Ordering::Acquire))
        });
        let begin = chain.static_pad("sink").ok_or("it has a beginning")?;
        let ghost = gst::GhostPad::builder_with_target(&begin)?
            .name(PAD)
            .build();
        ghost.set_active(true)?;
        self.bin.add_pad(&ghost)?;
        chain.sync_state_with_parent()?;
        pad.link(&ghost)?;
        Ok(())
    }

    /// Where the sound goes in, if there is any.
    pub fn pad(&self) -> Option<gst::Pad> {
        self.bin.static_pad(PAD)
    }

    /// Cuts the sound off at a running time, where the video ends.
    pub fn cut_off(&self, end: gst::ClockTime) {
        self.end.store(end.nseconds(), Ordering::Release);
    }
}

/// Drops what begins after the end.
fn cut(pad: &gst::Pad, info: &gst::PadProbeInfo<'_>, end: u64) -> gst::PadProbeReturn {
    let segment = pad.sticky_event::<gst::event::Segment>(0);
    let time = segment.zip(info.buffer()).and_then(|(event, buffer)| {
        let segment = event.segment().downcast_ref::<gst::ClockTime>()?.clone();
        segment.to_running_time(buffer.pts())
    });
    match time {
        // Not `Drop`: the bindings unref the buffer themselves, and GStreamer would do so again with
        // what is left of it, nothing.
        Some(time) if time.nseconds() >= end => gst::PadProbeReturn::Handled,
        _ => gst::PadProbeReturn::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name's ending says what it is, however it is written; another is refused.
    #[test]
    fn containers() {
        for (name, container) in [
            ("a.mp4", Container::Mp4),
            ("a.b/c.MP4", Container::Mp4),
            ("a.mov", Container::QuickTime),
            ("a.mkv", Container::Matroska),
            ("a.webm", Container::WebM),
            ("-", Container::WebM),
            ("/dev/fd/63", Container::WebM),
        ] {
            assert_eq!(Container::of(Path::new(name)), Ok(container), "{name}");
        }
        for name in ["a.avi", "a.jpg", "a.mp4.part"] {
            assert!(Container::of(Path::new(name)).is_err(), "{name}");
        }
    }
}
