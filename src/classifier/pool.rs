// SPDX-License-Identifier: MPL-2.0
//! A pool of values that are made for frames of one format and reused.

use gst_video::VideoInfo;

use crate::sync::Mutex;

/// Values for frames of the newest format, as many as were in use at the same time.
#[derive(Debug)]
pub struct Pool<T>(Mutex<Unused<T>>);

/// The values that are not in use.
#[derive(Debug)]
struct Unused<T> {
    info: Option<VideoInfo>,
    things: Vec<T>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Unused {
            info: None,
            things: Vec::new(),
        }))
    }
}

impl<T> Pool<T> {
    /// Takes a value for frames of this format, if one is not in use. Values for other formats are
    /// dropped.
    pub fn take(&self, info: &VideoInfo) -> Option<T> {
        let mut unused = self.0.lock();
        if unused.info.as_ref() == Some(info) {
            return unused.things.pop();
        }
        unused.info = Some(info.clone());
        let others = std::mem::take(&mut unused.things);
        // Dropping them may take a while.
        drop(unused);
        drop(others);
        None
    }

    /// Gives a value back.
    pub fn give(&self, info: &VideoInfo, thing: T) {
        let mut unused = self.0.lock();
        if unused.info.as_ref() == Some(info) {
            unused.things.push(thing);
        }
    }
}
