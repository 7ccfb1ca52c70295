// SPDX-License-Identifier: MPL-2.0
//! Downloads of large files, which go on where they were cut off.

mod error;
mod http;
mod lock;
mod part;
mod progress;
mod url;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::http::StatusCode;

pub use error::{DownloadError, is_full};
use http::{Content, Response};
pub use lock::Lock;
pub use part::Part;
use progress::Progress;
pub use url::Url;

/// The download fails after this many attempts in a row without a new byte.
const MAX_FRUITLESS_ATTEMPTS: u32 = 4;

/// Maximum number of attempts, for servers that cut off after every few bytes.
const MAX_ATTEMPTS: u32 = 100;

/// Limits of time and size.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest wait for a byte.
    pub idle: Duration,
    /// The wait before another attempt; it doubles as long as nothing new comes.
    pub pause: Duration,
    /// The largest file, in bytes.
    pub size: u64,
}

/// Fetches a file into `folder`, for which the caller has the [`Lock`]. It goes on from what an
/// earlier call has left there, and from what has arrived if the connection breaks, as long as
/// each attempt brings something. What there is stays in the folder: in the end too, until the
/// caller discards it.
///
/// # Errors
/// [`DownloadError`]. Another call goes on from what has arrived, except after
/// [`DownloadError::TooLarge`].
pub fn fetch(url: &Url, folder: &Path, limits: &Limits) -> Result<Part, DownloadError> {
    let mut download = Download {
        url,
        part: Part::of(url, folder),
        agent: http::agent(url, limits),
        limits,
        progress: Progress::new(),
        furthest: None,
    };
    let mut fruitless = 0;
    for _ in 1..MAX_ATTEMPTS {
        let before = download.furthest;
        let error = match download.attempt() {
            Ok(()) => return Ok(download.finish()),
            Err(error) => error,
        };
        fruitless = if download.furthest > before {
            0
        } else {
            fruitless + 1
        };
        if !error.may_pass() || download.furthest.is_none() || fruitless >= MAX_FRUITLESS_ATTEMPTS {
            return Err(error);
        }
        download.progress.line(&format!("{error}; trying again"));
        std::thread::sleep(limits.pause * 2_u32.pow(fruitless));
    }
    download.attempt().map(|()| download.finish())
}

/// Fetches a file of at most `max_size` bytes into memory. Nothing if the server has no such file.
///
/// # Errors
/// [`DownloadError`].
pub fn small(url: &Url, max_size: u64, limits: &Limits) -> Result<Option<Vec<u8>>, DownloadError> {
    let agent = http::agent(url, limits);
    let content = match http::get(&agent, url, None, limits) {
        Ok(Response::Whole(content)) => content,
        Ok(_) => return Ok(None),
        Err(DownloadError::Status { status, .. }) if status == StatusCode::NOT_FOUND => {
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    let read = content
        .into_reader()
        .take(max_size + 1)
        .read_to_end(&mut bytes);
    read.map_err(|e| DownloadError::Interrupted {
        url: url.to_string(),
        arrived: 0,
        reason: http::reason(e.into(), limits),
    })?;
    match bytes.len() as u64 > max_size {
        true => Err(DownloadError::TooLarge {
            url: url.to_string(),
            limit: max_size,
        }),
        false => Ok(Some(bytes)),
    }
}

#[derive(Debug)]
struct Download<'a> {
    url: &'a Url,
    part: Part,
    agent: Agent,
    limits: &'a Limits,
    progress: Progress,
    /// The most bytes of the file that there were in this call, once some arrived in it: what
    /// arrives again is no progress.
    furthest: Option<u64>,
}

impl Download<'_> {
    /// Fetches what is missing, over one connection.
    fn attempt(&mut self) -> Result<(), DownloadError> {
        let held = self.part.held();
        let mut response = http::get(&self.agent, self.url, held.as_ref(), self.limits)?;
        if let Response::Changed = response {
            response = http::get(&self.agent, self.url, None, self.limits)?;
        }
        match response {
            Response::Whole(content) => self.receive(content, 0),
            Response::Rest(content) => self.receive(content, held.map_or(0, |h| h.length)),
            Response::Complete => Ok(()),
            // Only a request for a range can get this response.
            Response::Changed => Err(self.interrupted(0, "the server contradicts itself".into())),
        }
    }

    /// Writes what comes behind the first `length` bytes.
    fn receive(&mut self, content: Content, mut length: u64) -> Result<(), DownloadError> {
        let total = content.total;
        if total.is_some_and(|t| t > self.limits.size) {
            return Err(self.too_large());
        }
        let mut file = match length {
            0 => self.part.restart(content.validator.as_deref())?,
            _ => self.part.append()?,
        };
        self.progress.start(self.url, length, total);
        let mut reader = content.into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) => {
                    let reason = http::reason(e.into(), self.limits);
                    return Err(self.interrupted(length, reason));
                }
            };
            if length + read as u64 > self.limits.size {
                return Err(self.too_large());
            }
            file.write_all(&buffer[..read]).map_err(|e| {
                let missing = total.map(|t| t.saturating_sub(length));
                DownloadError::file(self.part.file(), missing, e)
            })?;
            length += read as u64;
            self.furthest = self.furthest.max(Some(length));
            self.progress.arrived(read as u64);
        }
        match total {
            Some(total) if length < total => {
                Err(self.interrupted(length, "the server closed the connection".into()))
            }
            Some(total) if length > total => {
                self.part.discard();
                let reason = "the server sends more than it announced".into();
                Err(self.interrupted(0, reason))
            }
            _ => Ok(()),
        }
    }

    fn interrupted(&self, arrived: u64, reason: String) -> DownloadError {
        DownloadError::Interrupted {
            url: self.url.to_string(),
            arrived,
            reason,
        }
    }

    /// What there is of such a file is of no use.
    fn too_large(&self) -> DownloadError {
        self.part.discard();
        DownloadError::TooLarge {
            url: self.url.to_string(),
            limit: self.limits.size,
        }
    }

    fn finish(self) -> Part {
        self.progress.finish(self.part.length());
        self.part
    }
}
