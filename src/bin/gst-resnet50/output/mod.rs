// SPDX-License-Identifier: MPL-2.0
//! Where a command writes. What is there already is never destroyed before the new content is
//! whole, and what is no regular file is written to, not replaced.

mod identity;
mod place;
mod temporary;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gstresnet50::paths;

pub use identity::{check, model_files};
use place::Place;
use temporary::Temporary;

/// Set once an output goes there.
static STDOUT_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether standard output carries an output, so that words for people belong elsewhere.
pub fn has_stdout() -> bool {
    STDOUT_IS_TAKEN.load(Ordering::Relaxed)
}

/// Something to write to that the user has named: a file (or its URI), `-` for standard output, a FIFO, a
/// socket, a device, or an open descriptor such as /dev/fd/3.
#[derive(Debug)]
pub struct Output {
    named: PathBuf,
    place: Place,
}

impl Output {
    /// Looks at what is there, and changes nothing.
    ///
    /// # Errors
    /// What is named is a folder, or it is there and may not be written.
    pub fn new(named: &Path) -> Result<Self, String> {
        let place =
            place::resolve(&paths::from_path_or_uri(named.as_os_str())).map_err(|e| {
                match e.kind() {
                    io::ErrorKind::IsADirectory => format!(
                        "“{}” is a folder: name the file to write in it",
                        named.display()
                    ),
                    _ => unwritable(named, &e),
                }
            })?;
        match &place {
            // Renaming would replace even a file that is protected.
            Place::File(file) => match OpenOptions::new().write(true).open(file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(unwritable(named, &e));
                }
                _ => {}
            },
            Place::Descriptor(number) => {
                place::descriptor(*number).map_err(|e| unwritable(named, &e))?;
                if *number == 1 {
                    STDOUT_IS_TAKEN.store(true, Ordering::Relaxed);
                }
            }
            Place::Stream(_) | Place::Socket(_) => {}
        }
        Ok(Self {
            named: named.to_owned(),
            place,
        })
    }

    /// Refuses an output in a folder that is not there.
    pub fn check_folder(&self) -> Result<(), String> {
        match self.file().and_then(Path::parent) {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(format!(
                "“{}” cannot be written: there is no folder “{}”",
                self.named.display(),
                folder.display()
            )),
            _ => Ok(()),
        }
    }

    /// Refuses to write what no terminal can show to a terminal.
    pub fn check_binary(&self) -> Result<(), String> {
        match &self.place {
            Place::Descriptor(number)
                if place::descriptor(*number).is_ok_and(|fd| fd.is_terminal()) =>
            {
                Err(format!(
                    "“{}” is a terminal, which cannot show this: name a file, or lead it into a pipe",
                    self.named.display()
                ))
            }
            _ => Ok(()),
        }
    }

    /// The file that is written, with links followed; none where it is no regular file.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(file) => Some(file),
            _ => None,
        }
    }

    /// Whether it is standard output, so that whoever reads it need not be told.
    pub fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Descriptor(1))
    }

    /// As the user has named it.
    pub fn named(&self) -> &Path {
        &self.named
    }

    /// Begins to write. A FIFO waits here for its reader.
    pub fn create(&self) -> Result<Writer, String> {
        let straight = |fd: OwnedFd| Writer {
            file: fd.into(),
            kind: Kind::Straight,
        };
        let writer = match &self.place {
            Place::Descriptor(number) => place::descriptor(*number).map(straight),
            Place::Stream(path) => OpenOptions::new()
                .write(true)
                .open(path)
                .map(|file| straight(file.into())),
            Place::Socket(path) => UnixStream::connect(path).map(|socket| straight(socket.into())),
            Place::File(target) => {
                let folder = target.parent().unwrap_or(Path::new("."));
                Temporary::new(folder).map(|(file, temporary)| Writer {
                    file,
                    kind: Kind::File {
                        temporary,
                        target: target.clone(),
                    },
                })
            }
        };
        writer.map_err(|e| unwritable(&self.named, &e))
    }

    /// Writes all of it.
    pub fn write(&self, bytes: &[u8]) -> crate::Result<()> {
        let mut writer = self.create()?;
        let outcome = writer.file.write_all(bytes).and_then(|()| writer.finish());
        outcome.map_err(|e| {
            let remedy = match crate::download::is_full(&e) {
                true => format!(
                    ". It takes {}: free as much, or name a file on another disk",
                    indicatif::DecimalBytes(bytes.len() as u64)
                ),
                false => String::new(),
            };
            format!("{}{remedy}", unwritable(&self.named, &e)).into()
        })
    }
}

/// Why an output cannot be written.
fn unwritable(named: &Path, error: &io::Error) -> String {
    format!("“{}” cannot be written: {error}", named.display())
}

/// An output that is being written. What replaces a file goes unless it is finished.
#[derive(Debug)]
pub struct Writer {
    file: File,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Straight,
    File {
        temporary: Temporary,
        /// What it is to become.
        target: PathBuf,
    },
}

impl Writer {
    /// What the bytes are written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether what has been written can be gone back to. Not in an open descriptor, which others
    /// may write to as well.
    pub fn can_seek(&self) -> bool {
        matches!(self.kind, Kind::File { .. })
    }

    /// Gives the file its name when it is whole and on the disk, so that nobody finds half of it,
    /// not even after a loss of power. It has the mode, and where that is allowed the owner, of the
    /// file whose place it takes.
    pub fn finish(self) -> io::Result<()> {
        let Kind::File { temporary, target } = self.kind else {
            return Ok(());
        };
        if let Ok(old) = target.metadata() {
            let new = self.file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                // Only root may give files away.
                let _ = fchown(&self.file, Some(old.uid()), Some(old.gid()));
            }
            self.file.set_permissions(old.permissions())?;
        }
        self.file.sync_all()?;
        temporary.persist(&self.file, &target)
    }

    /// Whether a file of an earlier run would be replaced.
    pub fn replaces(&self) -> bool {
        matches!(&self.kind, Kind::File { target, .. } if target.exists())
    }

    /// Keeps what there is of it under a name that is free, beside the file that is left as it is.
    /// Nothing where it is no file.
    pub fn keep_beside(self) -> io::Result<Option<PathBuf>> {
        let Kind::File { temporary, target } = self.kind else {
            return Ok(None);
        };
        self.file.sync_all()?;
        temporary
            .persist_beside(&self.file, &target, "incomplete")
            .map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn output(path: &Path) -> Output {
        Output::new(path).expect("an output")
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().expect("readable").flatten();
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// A file appears when it is whole; one that is there keeps its mode, its links and, until then
    /// and if the work fails, its text. Nothing else is left in the folder.
    #[test]
    fn files_are_replaced_when_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a"), folder.path().join("link"));
        std::fs::write(&file, "old").expect("written");
        let private = Permissions::from_mode(0o640);
        std::fs::set_permissions(&file, private).expect("a mode");
        symlink("a", &link).expect("a link");
        let text = || std::fs::read_to_string(&file).expect("readable");

        let writer = output(&link).create().expect("writable");
        writer.file().write_all(b"half").expect("written");
        assert_eq!(text(), "old");
        drop(writer);
        assert_eq!(text(), "old");
        assert_eq!(names(folder.path()), ["a", "link"]);

        output(&link).write(b"new").expect("written");
        assert_eq!(text(), "new");
        assert!(link.is_symlink());
        let mode = file.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(names(folder.path()), ["a", "link"]);

        // A link to what is not there yet.
        symlink("b", folder.path().join("dangling")).expect("a link");
        output(&folder.path().join("dangling"))
            .write(b"b")
            .expect("written");
        assert_eq!(std::fs::read(folder.path().join("b")).expect("there"), b"b");
        assert!(folder.path().join("dangling").is_symlink());
    }

    /// What could not be finished stays beside the file that it would have replaced.
    #[test]
    fn incomplete_ones_lie_beside() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("seen.jsonl");
        std::fs::write(&file, "old").expect("written");
        for expected in ["seen.incomplete.jsonl", "seen.incomplete-2.jsonl"] {
            let writer = output(&file).create().expect("writable");
            writer.file().write_all(b"half").expect("written");
            assert!(writer.replaces());
            let kept = writer.keep_beside().expect("kept").expect("a file");
            assert_eq!(
                kept,
                folder.path().canonicalize().expect("there").join(expected)
            );
            assert_eq!(std::fs::read(kept).expect("there"), b"half");
        }
        assert_eq!(std::fs::read(&file).expect("there"), b"old");
    }

    /// A FIFO, a socket and an open descriptor are written to, and stay what they are.
    #[test]
    fn streams_are_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a FIFO");
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || std::fs::read(fifo).expect("readable")
        });
        output(&fifo).write(b"through").expect("written");
        assert_eq!(reader.join().expect("it ends"), b"through");

        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        output(&socket).write(b"over").expect("written");
        let mut text = String::new();
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "over");

        use std::os::fd::AsRawFd as _;
        let file = File::create(folder.path().join("open")).expect("writable");
        (&file).write_all(b"before ").expect("written");
        for place in ["/dev/fd", "/proc/self/fd"] {
            let named = Path::new(place).join(file.as_raw_fd().to_string());
            output(&named).write(b"more ").expect("written");
        }
        let text = std::fs::read_to_string(folder.path().join("open")).expect("readable");
        assert_eq!(text, "before more more ");
        assert_eq!(names(folder.path()), ["fifo", "open", "socket"]);
    }

    /// What cannot be written is refused before there is any work.
    #[test]
    fn refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        symlink("loop", path("loop")).expect("a link");
        for (named, words) in [
            (folder.path().to_owned(), "is a folder"),
            (path("no/"), "is a folder"),
            (path(".."), "is a folder"),
            (PathBuf::new(), "cannot be written"),
            (path("loop"), "cannot be written"),
            ("/proc/self/fd/1000000".into(), "cannot be written"),
        ] {
            let error = Output::new(&named).expect_err("no output");
            assert!(error.contains(words), "{named:?}: {error}");
        }
        let error = output(&path("no/a")).check_folder().expect_err("no folder");
        assert!(error.contains("there is no folder"), "{error}");
        let read_only = File::open(folder.path()).expect("a folder");
        use std::os::fd::AsRawFd as _;
        let named = format!("/dev/fd/{}", read_only.as_raw_fd());
        let error = Output::new(Path::new(&named)).expect_err("for reading");
        assert!(error.contains("for reading only"), "{error}");
    }
}
