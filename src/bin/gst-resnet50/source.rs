// SPDX-License-Identifier: MPL-2.0
//! Videos and pictures as the user names them, and their way into a pipeline.

use std::path::{Path, PathBuf};

use gst::prelude::*;

/// What the user gave, as a URI.
pub fn uri_of(input: &str) -> crate::Result<String> {
    if is_uri(input) {
        return Ok(input.to_owned());
    }
    let path = Path::new(input);
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

/// The file that the user gave, by its path or URI.
pub fn file_of(input: &str) -> Option<PathBuf> {
    match is_uri(input) {
        true => glib::filename_from_uri(input).ok().map(|(path, _)| path),
        false => Some(input.into()),
    }
}

fn is_uri(input: &str) -> bool {
    input.contains("://") || input.starts_with("data:")
}

/// Links the first video stream; everything else that is in the file is thrown away.
pub fn link_video(pipeline: &gst::Pipeline, source: &gst::Element, element: &gst::Element) {
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
