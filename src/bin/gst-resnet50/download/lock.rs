// SPDX-License-Identifier: MPL-2.0
//! One program at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::DownloadError;

/// While it lives, no other process has the folder's.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing the file ends the lock")] File);

impl Lock {
    /// Locks `folder`, which is made if it is not there. If another process has the lock, calls
    /// `waiting` and waits for as long as that takes.
    ///
    /// # Errors
    /// [`DownloadError::Io`] and [`DownloadError::Full`].
    pub fn take(folder: &Path, waiting: impl FnOnce()) -> Result<Self, DownloadError> {
        // It is never removed: a process that waits for it would wait for another file than the
        // next one makes.
        let path = folder.join("lock");
        let lock = || -> io::Result<File> {
            std::fs::create_dir_all(folder)?;
            let file = File::options().create(true).append(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    waiting();
                    file.lock()?;
                }
                Err(TryLockError::Error(e)) => return Err(e),
            }
            Ok(file)
        };
        lock()
            .map(Self)
            .map_err(|e| DownloadError::file(&path, None, e))
    }
}
