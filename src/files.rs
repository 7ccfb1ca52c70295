// SPDX-License-Identifier: MPL-2.0
//! Reads files that the user has named: regular files only, up to a size limit, and with a way to
//! cancel.
//!
//! Opening a FIFO waits for a writer, a device may never end, and a mount may hang. FIFOs and devices
//! are refused without opening them. On a mount that hangs each system call may take for ever, so none
//! is made while a lock is held or in a property's setter.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes between two checks for cancellation.
const CHUNK_SIZE: usize = 1 << 20;

/// The maximum number of bytes to allocate before anything was read: a file's size may be wrong.
const MAX_INITIAL_ALLOCATION: u64 = 64 << 20;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// An error of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not a regular file, but this.
    #[error("this is {0}; it is not a regular file")]
    Kind(&'static str),
    /// It is larger than the limit.
    #[error("it has {size} bytes, and {limit} are the most that are read")]
    TooLarge {
        /// Its size in bytes, or how many were read before the limit was noticed.
        size: u64,
        /// The maximum in bytes.
        limit: u64,
    },
    /// Reading was cancelled.
    #[error("reading was cancelled")]
    Cancelled,
}

impl FileError {
    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_cancellable(path, limit, &|| false)
}

/// [`read`], which ends as soon as `is_cancelled` returns true. It is called before and after each
/// chunk, because a single system call cannot be cancelled.
///
/// # Errors
/// [`FileError`].
pub fn read_cancellable(
    path: &Path,
    limit: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<u8>, FileError> {
    let check_cancelled = || match is_cancelled() {
        true => Err(FileError::Cancelled),
        false => Ok(()),
    };
    let (file, size) = open_cancellable(path, limit, is_cancelled)?;
    let mut bytes = Vec::new();
    let expected = usize::try_from(size.min(MAX_INITIAL_ALLOCATION)).unwrap_or(CHUNK_SIZE);
    // One more, so that the end is noticed without growing.
    bytes
        .try_reserve(expected + 1)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    // It may grow meanwhile, and files in /proc have no size at all.
    let mut rest = file.take(limit + 1);
    loop {
        check_cancelled()?;
        let read = (&mut rest)
            .take(CHUNK_SIZE as u64)
            .read_to_end(&mut bytes)?;
        if read == 0 {
            break;
        }
        if bytes.len() as u64 > limit {
            return Err(FileError::TooLarge {
                size: bytes.len() as u64,
                limit,
            });
        }
    }
    check_cancelled()?;
    Ok(bytes)
}

/// Opens a regular file of at most `limit` bytes. Returns its size in bytes as well. It ends as soon
/// as `is_cancelled` returns true.
///
/// # Errors
/// [`FileError`].
pub fn open_cancellable(
    path: &Path,
    limit: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(File, u64), FileError> {
    let check_cancelled = || match is_cancelled() {
        true => Err(FileError::Cancelled),
        false => Ok(()),
    };
    check_cancelled()?;
    // Before it is opened, because some devices do something when they are opened.
    check(path, limit)?;
    check_cancelled()?;
    let file = open(path)?;
    // Another file may have replaced it since.
    let size = check_metadata(&file.metadata()?, limit)?;
    Ok((file, size))
}

/// Checks that a file is a regular one of at most `limit` bytes, without opening it.
///
/// # Errors
/// [`FileError`].
pub fn check(path: &Path, limit: u64) -> Result<(), FileError> {
    check_metadata(&std::fs::metadata(path)?, limit).map(drop)
}

/// The size of a file that may be read.
fn check_metadata(metadata: &Metadata, limit: u64) -> Result<u64, FileError> {
    if let Some(kind) = other_kind(metadata) {
        return Err(FileError::Kind(kind));
    }
    match metadata.len() {
        size if size > limit => Err(FileError::TooLarge { size, limit }),
        size => Ok(size),
    }
}

/// What it is, if it is not a regular file.
fn other_kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return None;
    }
    if kind.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some("a FIFO (named pipe)");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    Some("something else")
}

/// Opens a file without waiting, in case that it has become a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// What is not a regular file is refused at once, also through links.
    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(made.is_ok_and(|status| status.success()), "a FIFO");
        let _listener = UnixListener::bind(at("socket")).expect("a socket");
        std::os::unix::fs::symlink(at("fifo"), at("link")).expect("a link");
        for (path, kind) in [
            (folder.path().to_owned(), "a folder"),
            (at("fifo"), "a FIFO (named pipe)"),
            (at("link"), "a FIFO (named pipe)"),
            (at("socket"), "a socket"),
        ] {
            let error = read(&path, 10).expect_err(kind).to_string();
            assert_eq!(error, format!("this is {kind}; it is not a regular file"));
        }
        let error = read(&at("gone"), 10).expect_err("there is none");
        assert!(error.is_not_found(), "{error}");
    }

    /// A file is read up to the limit and not beyond, whatever its size is said to be.
    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "0123456789").expect("written");
        assert_eq!(
            read(&path, 10).expect("as many as are allowed"),
            b"0123456789"
        );
        let error = read(&path, 9).expect_err("one too many").to_string();
        assert_eq!(error, "it has 10 bytes, and 9 are the most that are read");
        // It says that it has none.
        let maps = Path::new("/proc/self/maps");
        let error = read(maps, 9).expect_err("it has more");
        assert!(
            matches!(error, FileError::TooLarge { size: 10, limit: 9 }),
            "{error}"
        );
        assert!(!read(maps, 1 << 30).expect("it is read").is_empty());
        // A large one takes no memory before it is refused.
        let file = File::create(&path).expect("a file");
        file.set_len(1 << 40).expect("a hole");
        assert!(matches!(
            read(&path, 1 << 30),
            Err(FileError::TooLarge { .. })
        ));
    }

    /// Reading ends between two chunks when it is cancelled.
    #[test]
    fn reading_is_cancelled() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 3 * CHUNK_SIZE + 5]).expect("written");
        let asked = Cell::new(0);
        let whole = read_cancellable(&path, u64::MAX - 1, &|| {
            asked.set(asked.get() + 1);
            false
        });
        assert_eq!(whole.expect("it is read").len(), 3 * CHUNK_SIZE + 5);
        let often = asked.get();
        assert!(often > 4, "{often}");
        for limit in 0..often {
            let asked = Cell::new(0);
            let ended = read_cancellable(&path, u64::MAX - 1, &|| {
                asked.set(asked.get() + 1);
                asked.get() > limit
            });
            assert!(matches!(ended, Err(FileError::Cancelled)), "{limit}");
            assert_eq!(asked.get(), limit + 1);
        }
    }
}
