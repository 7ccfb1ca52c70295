// SPDX-License-Identifier: MPL-2.0
//! Videos and pictures as the user names them, and their way into a pipeline.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use gst::prelude::*;

/// What the user gave, as a URI.
pub fn uri_of(input: impl AsRef<OsStr>) -> crate::Result<String> {
    let input = input.as_ref();
    if let Some(uri) = as_uri(input) {
        return Ok(uri.to_owned());
    }
    let path = Path::new(input);
    let input = shown(input);
    if path.is_dir() {
        let folder = input.trim_end_matches('/');
        return Err(format!(
            "“{input}” is a folder: name the videos and pictures in it, such as {folder}/*.mp4"
        )
        .into());
    }
    if !path.is_file() {
        return Err(
            format!("“{input}” is neither a file nor a URI such as rtsp://camera/stream").into(),
        );
    }
    Ok(glib::filename_to_uri(std::path::absolute(path)?, None)?.into())
}

/// The file or device of this machine that the user gave, by its path or by whatever URI.
pub fn file_of(input: impl AsRef<OsStr>) -> Option<PathBuf> {
    let input = input.as_ref();
    let Some(text) = as_uri(input) else {
        return Some(input.into());
    };
    if let Ok((path, _)) = glib::filename_from_uri(text) {
        return Some(path);
    }
    let (scheme, rest) = text.split_once("://")?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("fd") {
        // A descriptor that is open already.
        return Some(format!("/proc/self/fd/{rest}").into());
    }
    // Without a host it is of this machine.
    let path = Some(rest).filter(|rest| rest.starts_with('/'))?;
    let path = glib::filename_from_uri(&format!("file://{path}")).ok()?;
    Some(path.0)
}

/// What the user gave, for people and for files that others read: without a password.
pub fn shown(input: impl AsRef<OsStr>) -> String {
    let input = input.as_ref();
    let mut text = input.to_string_lossy().into_owned();
    if let Some((scheme, rest)) = as_uri(input).and_then(|uri| uri.split_once("://")) {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if let Some(at) = rest[..end].rfind('@') {
            text = format!("{scheme}://{}", &rest[at + 1..]);
        }
    }
    text
}

fn as_uri(input: &OsStr) -> Option<&str> {
    let is_uri = |text: &&str| text.contains("://") || text.starts_with("data:");
    input.to_str().filter(is_uri)
}

/// Links the first video stream; everything else that is in the file is thrown away.
pub fn link_video(pipeline: &gst::Pipeline, source: &gst::Element, element: &gst::Element) {
    link_streams(pipeline, source, element, |_| false);
}

/// Links the first video stream; what `take` does not link of the rest is thrown away.
pub fn link_streams(
    pipeline: &gst::Pipeline,
    source: &gst::Element,
    element: &gst::Element,
    take: impl Fn(&gst::Pad) -> bool + Send + Sync + 'static,
) {
    let (weak, sink) = (pipeline.downgrade(), element.static_pad("sink"));
    source.connect_pad_added(move |_, pad| {
        let (Some(pipeline), Some(sink)) = (weak.upgrade(), &sink) else {
            return;
        };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let is_video = caps.structure(0).is_some_and(|s| s.name() == "video/x-raw");
        if is_video && !sink.is_linked() {
            if let Err(error) = pad.link(sink) {
                gst::element_error!(
                    pipeline,
                    gst::CoreError::Negotiation,
                    ("this video cannot be used: {} ({})", caps, error)
                );
            }
            return;
        }
        if take(pad) {
            return;
        }
        let thrown = gst::ElementFactory::make("fakesink")
            .property("sync", false)
            .property("async", false)
            .build()
            .and_then(|fake| {
                pipeline.add(&fake)?;
                fake.sync_state_with_parent()?;
                let pad_of_fake = fake
                    .static_pad("sink")
                    .ok_or(glib::bool_error!("a sink has a pad"))?;
                pad.link(&pad_of_fake).map_err(|e| glib::bool_error!("{e}"))
            });
        if let Err(error) = thrown {
            gst::element_warning!(pipeline, gst::CoreError::Pad, ("{}", error));
        }
    });
    let (weak, sink) = (pipeline.downgrade(), element.static_pad("sink"));
    source.connect_no_more_pads(move |_| {
        if let (Some(pipeline), Some(sink)) = (weak.upgrade(), &sink)
            && !sink.is_linked()
        {
            gst::element_error!(
                pipeline,
                gst::StreamError::WrongType,
                ("there is no video in it")
            );
        }
    });
}

/// An error as the user should read it.
pub fn describe(element: &str, error: &glib::Error, debug: Option<glib::GString>) -> String {
    // (A missing plugin is also what GStreamer calls a kind of URI that it does not know.)
    let missing = error.matches(gst::CoreError::MissingPlugin) && !error.message().contains("URI");
    if missing || error.matches(gst::StreamError::CodecNotFound) {
        return format!(
            "{error} A decoder for this video is missing (Debian: gstreamer1.0-libav, gstreamer1.0-plugins-bad, gstreamer1.0-plugins-ugly)."
        );
    }
    if error.matches(gst::StreamError::TypeNotFound) {
        return format!("{error} It is neither a video nor a picture that GStreamer knows.");
    }
    match debug {
        // The element's own messages say everything.
        // The first line is a place in GStreamer's sources.
        Some(debug) if !debug.contains("gstresnet50") && !debug.contains("gst_resnet50") => {
            match debug.lines().skip(1).last() {
                Some(reason) => format!("{error} ({element}: {reason})"),
                None => error.to_string(),
            }
        }
        _ => error.to_string(),
    }
}
