// SPDX-License-Identifier: MPL-2.0
//! Frames of formats that pre-processing does not read: they are converted once each, by the first
//! worker that needs the frame, and not at all if none does.

use std::sync::Arc;

use gst_video::VideoInfo;

use super::error::Error;
use super::pool::Pool;
use crate::preprocess::{Converter, is_read};
use crate::sync::Mutex;

/// The converted frame that all jobs of one frame share.
#[derive(Debug, Default)]
pub struct SharedConversion(Mutex<Option<Arc<Converted>>>);

impl SharedConversion {
    /// For a frame of this kind; none if it need not be converted.
    pub fn for_frame(info: &VideoInfo) -> Option<Arc<Self>> {
        (!is_read(info.format())).then(Arc::default)
    }

    /// The converted frame. The first call runs `convert`; others wait for it meanwhile.
    pub(super) fn get(
        &self,
        convert: impl FnOnce() -> Result<Converted, Error>,
    ) -> Result<Arc<Converted>, Error> {
        let mut converted = self.0.lock();
        if let Some(converted) = &*converted {
            return Ok(Arc::clone(converted));
        }
        let new = Arc::new(convert()?);
        *converted = Some(Arc::clone(&new));
        Ok(new)
    }
}

/// A converted frame. Dropping it gives its converter back to the pool.
#[derive(Debug)]
pub(super) struct Converted {
    /// The frame's own format, by which the pool knows the converter.
    from: VideoInfo,
    converter: Option<Converter>,
    pool: Arc<Pool<Converter>>,
}

impl Converted {
    /// Converts the frame in a buffer.
    pub fn new(
        buffer: &gst::BufferRef,
        info: &VideoInfo,
        pool: &Arc<Pool<Converter>>,
    ) -> Result<Self, Error> {
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
            .map_err(|e| Error::Map(e.message.to_string()))?;
        let mut converter = match pool.take(info) {
            Some(converter) => converter,
            None => Converter::new(info)?,
        };
        let result = converter.convert(&frame);
        // The converter goes back to the pool even if this fails.
        let converted = Self {
            from: info.clone(),
            converter: Some(converter),
            pool: Arc::clone(pool),
        };
        result?;
        Ok(converted)
    }

    pub fn converter(&self) -> &Converter {
        // Only `drop` takes it.
        self.converter.as_ref().unwrap_or_else(|| unreachable!())
    }
}

impl Drop for Converted {
    fn drop(&mut self) {
        if let Some(converter) = self.converter.take() {
            self.pool.give(&self.from, converter);
        }
    }
}
