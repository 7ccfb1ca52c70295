// SPDX-License-Identifier: MPL-2.0
//! What is made for frames of one kind and used for many of them.

use gst_video::VideoInfo;

use crate::sync::Mutex;

/// Things for frames of the kind that came last, as many as were in use at the same time.
#[derive(Debug)]
pub struct Pool<T>(Mutex<Unused<T>>);

/// Those that nobody uses at the moment.
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
    /// One for frames of this kind, if there is one that nobody uses. Those for other kinds are
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

    /// Gives one back.
    pub fn give(&self, info: &VideoInfo, thing: T) {
        let mut unused = self.0.lock();
        if unused.info.as_ref() == Some(info) {
            unused.things.push(thing);
        }
    }
}
