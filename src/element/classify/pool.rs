// SPDX-License-Identifier: MPL-2.0
//! What is made for frames of one kind and used for many of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gst_video::VideoInfo;

/// Things for frames of the kind that came last, as many as were in use at the same time.
#[derive(Debug)]
pub struct Pool<T>(Mutex<(Option<VideoInfo>, Vec<T>)>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new((None, Vec::new())))
    }
}

impl<T> Pool<T> {
    fn lock(&self) -> MutexGuard<'_, (Option<VideoInfo>, Vec<T>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One for frames of this kind that nobody uses. Those for other kinds are gone then.
    pub fn take(&self, info: &VideoInfo) -> Option<T> {
        let mut pool = self.lock();
        if pool.0.as_ref() != Some(info) {
            let others = std::mem::replace(&mut *pool, (Some(info.clone()), Vec::new()));
            drop(pool);
            drop(others);
            return None;
        }
        pool.1.pop()
    }

    /// Gives one back.
    pub fn give(&self, info: &VideoInfo, one: T) {
        let mut pool = self.lock();
        if pool.0.as_ref() == Some(info) {
            pool.1.push(one);
        }
    }
}
