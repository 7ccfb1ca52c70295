// SPDX-License-Identifier: MPL-2.0
//! A pipeline that the benchmark feeds as a camera would.

use gst::prelude::*;
use gst_video::VideoInfo;

use super::Result;

/// A live source, an element behind it, and a sink that throws its frames away at once.
pub struct Camera {
    pub pipeline: gst::Pipeline,
    pub source: gst_app::AppSrc,
    pub sink: gst::Element,
}

impl Camera {
    pub fn new(element: &gst::Element, info: &VideoInfo) -> Result<Self> {
        let source = gst_app::AppSrc::builder()
            .caps(&info.to_caps()?)
            .format(gst::Format::Time)
            .is_live(true)
            .build();
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", false)
            .build()?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), element, &sink])?;
        gst::Element::link_many([source.upcast_ref(), element, &sink])?;
        Ok(Self {
            pipeline,
            source,
            sink,
        })
    }
}
