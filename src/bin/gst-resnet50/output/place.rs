// SPDX-License-Identifier: MPL-2.0
//! What a name stands for.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// What is written to.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// A descriptor that is open in this process.
    Descriptor(RawFd),
    /// A FIFO or a device.
    Stream(PathBuf),
    /// A Unix socket that somebody listens at.
    Socket(PathBuf),
    /// A regular file that is there or is to be, by its own name and not a link's.
    File(PathBuf),
}

/// Maximum number of links to follow, which is Linux's own.
const MAX_LINKS: usize = 40;

/// Follows links, but for those of /proc to open files: these stand for what is open, which others
/// may hold as well, and not for the name that it was opened by.
///
/// # Errors
/// `IsADirectory` for a folder.
pub fn resolve(named: &Path) -> io::Result<Place> {
    if named.as_os_str() == "-" {
        return Ok(Place::Descriptor(1));
    }
    if named.as_os_str().is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "its name is empty",
        ));
    }
    if named.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut path = named.to_owned();
    for _ in 0..MAX_LINKS {
        let Some(name) = path.file_name() else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = match parent.unwrap_or(Path::new(".")).canonicalize() {
            Ok(folder) => folder,
            // Whoever writes makes the folder, or refuses.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Place::File(path)),
            Err(e) => return Err(e),
        };
        if let Some(number) = number(&folder, name) {
            return Ok(Place::Descriptor(number));
        }
        let full = folder.join(name);
        let kind = match full.symlink_metadata() {
            Ok(metadata) => metadata.file_type(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Place::File(full)),
            Err(e) => return Err(e),
        };
        if kind.is_symlink() && !folder.starts_with("/proc") {
            path = folder.join(full.read_link()?);
        } else if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        } else if kind.is_file() {
            return Ok(Place::File(full));
        } else if kind.is_socket() {
            return Ok(Place::Socket(full));
        } else {
            return Ok(Place::Stream(full));
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

/// The number of a descriptor of this process, if that is what the name stands for.
fn number(folder: &Path, name: &OsStr) -> Option<RawFd> {
    let ours = Path::new("/proc/self").canonicalize().ok()?;
    let is_ours = folder.starts_with(ours) && folder.ends_with("fd");
    let name = name.to_str().filter(|_| is_ours)?;
    let is_number = name.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| name.parse().ok()).flatten()
}

/// A descriptor of the caller's own for one that is open for writing.
pub fn descriptor(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: it is not -1. If nothing is open by this number the next call says so; what is open is
    // the user's or ours for as long as it takes to duplicate it, and is not closed here.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    if rustix::fs::fcntl_getfl(borrowed)?.intersection(OFlags::ACCMODE) == OFlags::RDONLY {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is open for reading only",
        ));
    }
    borrowed.try_clone_to_owned()
}
