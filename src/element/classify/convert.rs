// SPDX-License-Identifier: MPL-2.0
//! Frames that are converted before they are looked at: once each, by the worker that is the first
//! to need it, and by nobody if nobody does.

use std::sync::{Arc, Mutex, PoisonError};

use gst_video::VideoInfo;

use super::error::Error;
use super::pool::Pool;
use crate::preprocess::{Converter, is_read};

/// What all jobs of a frame share.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Option<Arc<Converted>>>);

impl Shared {
    /// For a frame of this kind; none where it need not be converted.
    pub fn of(info: &VideoInfo) -> Option<Arc<Self>> {
        (!is_read(info.format())).then(Arc::default)
    }

    /// The frame, which `convert` converts where nobody has done it. The other jobs of the frame
    /// wait meanwhile.
    pub fn get(
        &self,
        convert: impl FnOnce() -> Result<Converted, Error>,
    ) -> Result<Arc<Converted>, Error> {
        let mut converted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(converted) = &*converted {
            return Ok(Arc::clone(converted));
        }
        let new = Arc::new(convert()?);
        *converted = Some(Arc::clone(&new));
        Ok(new)
    }
}

/// A converted frame. Its converter goes back to the pool that it came from.
#[derive(Debug)]
pub struct Converted {
    /// What it was, by which the pool knows the converter.
    from: VideoInfo,
    converter: Option<Converter>,
    pool: Arc<Pool<Converter>>,
}

impl Converted {
    /// Converts a buffer, whose frame is of this kind.
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
        let converted = converter.convert(&frame);
        let this = Self {
            from: info.clone(),
            converter: Some(converter),
            pool: Arc::clone(pool),
        };
        converted?;
        Ok(this)
    }

    pub fn converter(&self) -> &Converter {
        // It is there until the end.
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
