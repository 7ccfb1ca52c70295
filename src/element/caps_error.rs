// SPDX-License-Identifier: MPL-2.0
//! Why caps are refused: GStreamer itself posts only "not negotiated", in the name of the source.

use gst::prelude::*;
use gst_video::{VideoInfo, VideoInterlaceMode};

use super::strings;
use crate::sync::Mutex;

/// How an element uses the pixels of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelAccess {
    /// Not at all: it takes any frames.
    None,
    /// It reads their pixels.
    Read,
    /// It draws into them.
    Draw,
}

/// The element that downloads frames into system memory, by their memory caps feature.
/// (`videoconvert` passes all of them through.)
const DOWNLOADS: [(&str, &str); 14] = [
    ("memory:GLMemory", "gldownload"),
    ("memory:CUDAMemory", "cudadownload"),
    ("memory:NVMM", "nvvideoconvert (or nvvidconv)"),
    ("memory:VAMemory", "vapostproc"),
    ("memory:VASurface", "vaapipostproc"),
    ("memory:DMABuf", "vapostproc, or glupload ! gldownload"),
    ("memory:D3D11Memory", "d3d11download"),
    ("memory:D3D12Memory", "d3d12download"),
    ("memory:VulkanImage", "vulkandownload"),
    ("memory:VulkanBuffer", "vulkandownload"),
    ("memory:MFXSurface", "msdkvpp"),
    ("memory:QSVMemory", "qsvvpp"),
    ("memory:IOSurface", "glupload ! gldownload"),
    ("memory:HIPMemory", "hipdownload"),
];

/// Makes a sink pad post an ERROR for refused caps, once for the same caps.
pub(super) fn post_for_refused_caps(pad: &gst::Pad, frames: PixelAccess) {
    let posted: Mutex<Option<gst::Caps>> = Mutex::default();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
        if let Some(event) = info.event()
            && let gst::EventView::Caps(event) = event.view()
        {
            let caps = event.caps_owned();
            // Before the lock is taken, because it queries the peers.
            let reason = reason(pad, &caps, frames);
            let before =
                { std::mem::replace(&mut *posted.lock(), reason.as_ref().map(|_| caps.clone())) };
            if let Some(reason) = reason
                && before.as_ref() != Some(&caps)
                && let Some(element) = pad.parent_element()
            {
                gst::element_error!(element, gst::CoreError::Negotiation, ("{}", reason));
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// Why these caps are refused; `None` if they are accepted.
fn reason(pad: &gst::Pad, caps: &gst::Caps, frames: PixelAccess) -> Option<String> {
    let shown = shown(caps);
    let template = pad.pad_template_caps();
    if !caps.can_intersect(&template) {
        return Some(format!("caps “{shown}” are not taken: {}", remedy(caps)));
    }
    if !pad.query_accept_caps(caps) {
        let element = pad.parent_element()?;
        let peer = element.static_pad("src")?.peer()?;
        // It is being deactivated and accepts nothing any more.
        if peer.pad_flags().contains(gst::PadFlags::FLUSHING) {
            return None;
        }
        let downstream = peer.parent_element();
        let downstream = downstream.map_or_else(
            || "what follows".into(),
            |element| strings::name_of(&element),
        );
        return Some(format!(
            "caps “{shown}” are not taken by {downstream} behind this element, which passes them on as \
             they are: put videoconvert, videoscale or videorate between the two, or ask for \
             other caps there"
        ));
    }
    if frames == PixelAccess::None {
        return None;
    }
    match VideoInfo::from_caps(caps) {
        Err(_) => Some(format!(
            "caps “{shown}” are not taken: GStreamer cannot describe a frame of that format and \
             size in memory. Put videoscale before the element that they come from, or correct \
             them there"
        )),
        Ok(info)
            if frames == PixelAccess::Draw
                && info.interlace_mode() == VideoInterlaceMode::Fields =>
        {
            Some(format!(
                "caps “{shown}” are not taken: nothing can be drawn on single fields. Put \
                 deinterlace before this element"
            ))
        }
        Ok(_) => None,
    }
}

/// What is wrong with caps that the template does not accept, and what to do.
fn remedy(caps: &gst::Caps) -> String {
    let Some(structure) = caps.structure(0) else {
        return "they say nothing. Correct the element that they come from".into();
    };
    let name = structure.name();
    if name != "video/x-raw" {
        return match name.starts_with("video/") || name.starts_with("image/") {
            true => {
                format!("expected video/x-raw, found {name}. Put decodebin before this element")
            }
            false => format!(
                "expected video/x-raw, found {name}. Link the video to this element, by way of \
                 decodebin if it is not decoded"
            ),
        };
    }
    let features = caps.features(0).filter(|features| !features.is_any());
    let features: Vec<_> = features.into_iter().flat_map(|f| f.iter()).collect();
    let is_memory = |feature: &&&str| {
        feature.starts_with("memory:")
            && **feature != gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY.as_str()
    };
    let features: Vec<&str> = features.iter().map(|feature| feature.as_str()).collect();
    if let Some(memory) = features.iter().find(is_memory) {
        let known = DOWNLOADS.iter().find(|(feature, _)| feature == memory);
        let converter = known.map_or("an element that downloads it", |(_, converter)| converter);
        return format!(
            "expected frames in system memory, found {memory}. Put {converter} before this element"
        );
    }
    if features.contains(&"format:Interlaced") {
        return "frames come as single fields (interlace-mode=alternate). Put deinterlace before \
                this element"
            .into();
    }
    let others = features
        .iter()
        .filter(|feature| !feature.starts_with("memory:"));
    let others: Vec<_> = others.copied().collect();
    match others.is_empty() {
        true => "expected a raw format that GStreamer knows, a width and a height. Put \
                 videoconvert before this element"
            .into(),
        false => format!(
            "expected frames without {}. Put an element before this one that does not need it \
             understood, such as videoconvert",
            others.join(" and ")
        ),
    }
}

/// Caps for a message.
fn shown(caps: &gst::Caps) -> String {
    crate::text::message(&caps.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The remedy depends on what is wrong.
    #[test]
    fn remedies() {
        gst::init().expect("GStreamer");
        for (caps, words) in [
            ("audio/x-raw, rate=8000", "found audio/x-raw"),
            ("video/x-h264", "decodebin"),
            ("image/jpeg", "decodebin"),
            (
                "video/x-raw(memory:GLMemory), format=RGBA",
                "found memory:GLMemory. Put gldownload",
            ),
            (
                "video/x-raw(memory:CUDAMemory), format=NV12",
                "Put cudadownload",
            ),
            ("video/x-raw(memory:DMABuf), format=NV12", "Put vapostproc"),
            (
                "video/x-raw(memory:Unheard), format=NV12",
                "Put an element that downloads it",
            ),
            (
                "video/x-raw(format:Interlaced), format=NV12",
                "Put deinterlace",
            ),
            (
                "video/x-raw(meta:Unheard), format=NV12",
                "without meta:Unheard",
            ),
            ("video/x-raw, format=WRONG", "Put videoconvert"),
            ("EMPTY", "say nothing"),
        ] {
            let text = remedy(&caps.parse().expect("caps"));
            assert!(text.contains(words), "{caps}: {text}");
        }
    }
}
