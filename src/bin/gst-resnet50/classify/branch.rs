// SPDX-License-Identifier: MPL-2.0
//! The branches behind the tee, which take the classified video.

use std::io::{Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;

use gst::prelude::*;

use crate::output::Writer;

/// A branch for the classified video.
#[derive(Debug)]
pub struct Branch {
    pub element: gst::Element,
    /// The pad at which the stream ends.
    pub last: gst::Pad,
}

/// The name of the element that writes the JSON lines.
pub const JSON: &str = "json-lines";

/// Drops the video.
pub fn plain() -> crate::Result<Branch> {
    let element = gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .build()?;
    Ok(Branch {
        last: element.static_pad("sink").ok_or("a sink has a pad")?,
        element,
    })
}

/// Writes a JSON line for each result. It begins with a field `source` if there is a name for it.
pub fn json(writer: &Writer, source: Option<&str>) -> crate::Result<Branch> {
    // It is not waited for at the start: a live stream may be unclassified for long.
    let description = format!("resnet50json ! fdsink name={JSON} sync=false async=false");
    let branch = writing(&description, JSON, writer)
        .map_err(|e| format!("the JSON lines need resnet50json and fdsink: {e}"))?;
    if let Some(source) = source {
        let field = format!("{{\"source\":{},", serde_json::to_string(source)?);
        branch
            .last
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
                    && let Some(new) = with_field(buffer, field.as_bytes())
                {
                    *buffer = new;
                }
                gst::PadProbeReturn::Ok
            });
    }
    Ok(branch)
}

/// The lines with a field at the beginning of each.
fn with_field(buffer: &gst::Buffer, field: &[u8]) -> Option<gst::Buffer> {
    let map = buffer.map_readable().ok()?;
    let lines = map.as_slice().split_inclusive(|b| *b == b'\n');
    let mut text = Vec::with_capacity(map.len() + field.len());
    for line in lines {
        text.extend_from_slice(field);
        text.extend_from_slice(line.strip_prefix(b"{")?);
    }
    let mut new = gst::Buffer::from_mut_slice(text);
    let flags = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS;
    buffer.copy_into(new.get_mut()?, flags, ..).ok()?;
    Some(new)
}

/// A bin with a thread of its own, in which the element `name` writes.
pub fn writing(description: &str, name: &str, writer: &Writer) -> crate::Result<Branch> {
    let queue = "queue name=in max-size-buffers=4 max-size-bytes=0 max-size-time=0";
    let bin = gst::parse::bin_from_description(&format!("{queue} ! {description}"), false)?;
    let by_name = |name| bin.by_name(name).ok_or("the description names it");
    let sink = by_name(name)?;
    // No file's name: whatever it is, it is open already. The sink begins by going to the beginning,
    // where an earlier input's lines may be, or what another program has written.
    let mut file = writer.file();
    let position = file.stream_position().ok();
    sink.set_property("fd", writer.file().as_raw_fd());
    let last = sink.static_pad("sink").ok_or("a sink has a pad")?;
    if let Some(position) = position.filter(|position| *position > 0) {
        let file = writer.file().try_clone()?;
        last.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
            if !matches!(
                info.event().map(|e| e.type_()),
                Some(gst::EventType::StreamStart)
            ) {
                return gst::PadProbeReturn::Ok;
            }
            if let (Err(error), Some(sink)) = (
                (&file).seek(SeekFrom::Start(position)),
                pad.parent_element(),
            ) {
                gst::element_error!(sink, gst::ResourceError::Seek, ["{}", error]);
            }
            gst::PadProbeReturn::Remove
        });
    }
    let pad = by_name("in")?
        .static_pad("sink")
        .ok_or("a queue has a sink pad")?;
    bin.add_pad(&gst::GhostPad::with_target(&pad)?)?;
    Ok(Branch {
        element: bin.upcast(),
        last,
    })
}
