// SPDX-License-Identifier: MPL-2.0
//! Why a download did not come to its end.

use std::io;
use std::path::{Path, PathBuf};

use indicatif::DecimalBytes;

/// What went wrong. The messages do not say what to do: that depends on what is being fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There is no connection, or no response.
    #[error("{url} cannot be fetched: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The server responds, but not with the file.
    #[error("{url} cannot be fetched: the server responds “{status}”")]
    Status {
        /// What was asked for.
        url: String,
        /// The status of the response.
        status: ureq::http::StatusCode,
    },
    /// The connection ended before the file did.
    #[error("{url} was cut off after {}: {reason}", DecimalBytes(*arrived))]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Bytes that lie in the partial file.
        arrived: u64,
        /// What happened.
        reason: String,
    },
    /// The server sends more than anything that is wanted has.
    #[error(
        "{url} is larger than {}, which is the most that is fetched",
        DecimalBytes(*limit)
    )]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The most, in bytes.
        limit: u64,
    },
    /// The disk, or the user's share of it, is full.
    #[error("{} cannot be written: no space is left on its disk", file.display())]
    Full {
        /// What was being written.
        file: PathBuf,
        /// Bytes that are still to come, if the server says.
        missing: Option<u64>,
    },
    /// The operating system gives no access to a file.
    #[error("{} cannot be written: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl DownloadError {
    /// A failure with a file of which `missing` bytes are still to come.
    pub(super) fn file(file: &Path, missing: Option<u64>, source: io::Error) -> Self {
        let file = file.to_path_buf();
        match is_full(&source) {
            true => Self::Full { file, missing },
            false => Self::Io { file, source },
        }
    }

    /// Whether another attempt, soon after, may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || status.as_u16() == 429,
            _ => false,
        }
    }
}

/// Whether the disk, or the user's share of it, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
