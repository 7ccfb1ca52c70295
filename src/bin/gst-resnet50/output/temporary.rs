// SPDX-License-Identifier: MPL-2.0
//! A file that has no name yet, or one that nobody else has.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::TempPath;

/// What a new file allows, less what the user's umask forbids.
const MODE: u32 = 0o666;

/// What the names of temporary files begin with.
const PREFIX: &str = ".gst-resnet50-";

/// What becomes of a file that is being written. It goes with this unless it is persisted.
#[derive(Debug)]
pub enum Temporary {
    /// It is in no folder: not even a killed process leaves it behind.
    Unnamed,
    /// For filesystems that know no such files.
    Named(TempPath),
}

impl Temporary {
    /// A new file on the filesystem of `folder`.
    pub fn new(folder: &Path) -> io::Result<(File, Self)> {
        // Whatever is wrong, the other way either works or says so better.
        Self::unnamed(folder).or_else(|_| Self::named(folder))
    }

    fn unnamed(folder: &Path) -> io::Result<(File, Self)> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(MODE))?);
        // Without /proc it could never be given a name.
        proc_link(&file).symlink_metadata()?;
        Ok((file, Self::Unnamed))
    }

    fn named(folder: &Path) -> io::Result<(File, Self)> {
        let (file, path) = builder().tempfile_in(folder)?.into_parts();
        Ok((file, Self::Named(path)))
    }

    /// Gives it a name, in place of the file that has it.
    pub fn persist(self, file: &File, target: &Path) -> io::Result<()> {
        match self {
            Self::Named(path) => path.persist(target)?,
            Self::Unnamed => {
                // A link cannot replace a file, a renaming can.
                let folder = target.parent().unwrap_or(Path::new("."));
                let linked = builder().make_in(folder, |path| link(file, path))?;
                linked.persist(target)?;
            }
        }
        Ok(())
    }

    /// Gives it a name beside `target` that is free: `a.word.ext`, or `a.word-2.ext` and so on.
    pub fn persist_beside(self, file: &File, target: &Path, word: &str) -> io::Result<PathBuf> {
        // A file that was to become a regular one has the modes of such a one.
        let mut this = self;
        for number in 1.. {
            let free = beside(target, word, number);
            let outcome = match this {
                Self::Unnamed => link(file, &free).map_err(|e| (e, Self::Unnamed)),
                Self::Named(path) => path
                    .persist_noclobber(&free)
                    .map_err(|e| (e.error, Self::Named(e.path))),
            };
            match outcome {
                Ok(()) => return Ok(free),
                Err((e, again)) if e.kind() == io::ErrorKind::AlreadyExists => this = again,
                Err((e, _)) => return Err(e),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(MODE));
    builder
}

/// The link in /proc to an open file.
fn proc_link(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    rustix::fs::linkat(CWD, proc_link(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

fn beside(target: &Path, word: &str, number: u32) -> PathBuf {
    let mut name = target.file_stem().unwrap_or_default().to_owned();
    name.push(match number {
        1 => format!(".{word}"),
        _ => format!(".{word}-{number}"),
    });
    if let Some(extension) = target.extension() {
        name.push(OsString::from("."));
        name.push(extension);
    }
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Both kinds leave nothing if they are dropped, take a file's place, and find a free name.
    #[test]
    fn both_kinds() {
        type Make = fn(&Path) -> io::Result<(File, Temporary)>;
        let folder = tempfile::tempdir().expect("a folder");
        let makes: [Make; 2] = [Temporary::named, Temporary::unnamed];
        for (i, make) in makes.into_iter().enumerate() {
            let (file, temporary) = match make(folder.path()) {
                Ok(made) => made,
                // Not every filesystem has files without a name.
                Err(e) if i == 1 => return eprintln!("not tried here: {e}"),
                Err(e) => panic!("{e}"),
            };
            drop((file, temporary));
            assert_eq!(folder.path().read_dir().expect("readable").count(), 0);

            let target = folder.path().join("a.txt");
            for text in ["one", "two"] {
                let (mut file, temporary) = make(folder.path()).expect("a file");
                file.write_all(text.as_bytes()).expect("written");
                temporary.persist(&file, &target).expect("persisted");
                assert_eq!(std::fs::read_to_string(&target).expect("there"), text);
            }
            for expected in ["a.half.txt", "a.half-2.txt"] {
                let (file, temporary) = make(folder.path()).expect("a file");
                let free = temporary.persist_beside(&file, &target, "half");
                assert_eq!(free.expect("persisted"), folder.path().join(expected));
            }
            let entries = folder.path().read_dir().expect("readable").flatten();
            let files: Vec<_> = entries.map(|e| e.path()).collect();
            assert_eq!(files.len(), 3, "{files:?}");
            for file in files {
                std::fs::remove_file(file).expect("removed");
            }
        }
    }
}
