// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime's library, where the plugin looks for it: in the user's data directory.
//!
//! The official builds are published as Python wheels, so pip fetches them: it is on most
//! machines, and it already knows the user's mirrors, proxies and certificates. Nothing is
//! installed into a Python. `gst-resnet50 runtime install` does the same without pip.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::builds;
use crate::wheel::{self, Pins, Wheel};

/// The name without a version, for the dynamic loader and for those who look by hand.
const LINK: &str = "libonnxruntime.so";

/// What to fetch for this machine, if there is a build for it.
fn pins() -> Option<Pins<'static>> {
    let build = builds::find("cpu")?;
    Some(Pins {
        wheel: Wheel {
            package: build.package,
            version: build.version,
            platform: build.platform,
            sha256: build.sha256,
        },
        library: build.library,
        library_sha256: build.library_sha256,
    })
}

/// `$XDG_DATA_HOME/gst-resnet50`, by default under `~/.local/share`. As its specification asks,
/// a relative `XDG_DATA_HOME` is ignored.
pub fn data_dir(env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    Ok(user_data_dir(env)?.join("gst-resnet50"))
}

/// `$XDG_DATA_HOME`, by default `~/.local/share`.
pub fn user_data_dir(env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|it| it.is_absolute());
    match absolute("XDG_DATA_HOME") {
        Some(folder) => Ok(folder),
        None => Ok(absolute("HOME")
            .context("neither HOME nor XDG_DATA_HOME is an absolute path: set one of them")?
            .join(".local/share")),
    }
}

/// How things stand with the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    Missing,
    /// There is a file, but not the one that was published.
    Damaged,
    /// No build is pinned for this machine; the user has named a library.
    UsersOwn,
}

impl State {
    pub fn must_be_fetched(self) -> bool {
        matches!(self, Self::Missing | Self::Damaged)
    }
}

/// Looks at what is there, without any network.
pub fn inspect(folder: &Path) -> Result<State> {
    match pins() {
        Some(pins) => installed(&pins, folder),
        None if std::env::var_os("ORT_DYLIB_PATH").is_some() => Ok(State::UsersOwn),
        None => bail!(
            "no build of ONNX Runtime is known for this system: install ONNX Runtime \
             yourself and set ORT_DYLIB_PATH to its library"
        ),
    }
}

fn installed(pins: &Pins, folder: &Path) -> Result<State> {
    let library = folder.join(pins.library);
    match wheel::sha256(&library) {
        Ok(sha256) if sha256 == pins.library_sha256 => Ok(State::Ready),
        Ok(_) => Ok(State::Damaged),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Missing),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", library.display())),
    }
}

/// Puts the library into `folder`, from `wheel` or else from the package index.
pub fn ensure(folder: &Path, state: State, wheel: Option<&Path>) -> Result<()> {
    let (Some(pins), false) = (pins(), state == State::UsersOwn) else {
        println!("onnxruntime: yours, named by ORT_DYLIB_PATH");
        return Ok(());
    };
    let library = folder.join(pins.library);
    if state == State::Damaged {
        println!("onnxruntime: {} is damaged", library.display());
    }
    match wheel {
        Some(wheel) => wheel::install(&pins, wheel, folder)?,
        None if state.must_be_fetched() => {
            println!(
                "onnxruntime: fetching {} with pip (28 MB)",
                pins.wheel.version
            );
            let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
            let fetched = pins.wheel.download(scratch.path());
            let fetched = fetched.with_context(|| remedy(&pins, &library))?;
            wheel::install(&pins, &fetched, folder)?;
        }
        None => {}
    }
    link(folder, pins.library)?;
    println!(
        "onnxruntime: {} is in {}",
        pins.wheel.version,
        folder.display()
    );
    Ok(())
}

/// What a person without that network can do.
fn remedy(pins: &Pins, library: &Path) -> String {
    let version = pins.wheel.version;
    format!(
        "pip could not fetch ONNX Runtime {version} (its own message is above).\n  \
         With a mirror or a proxy: set PIP_INDEX_URL or HTTPS_PROXY; pip's configuration is used.\n  \
         Without a network: fetch onnxruntime-{version}-cp312-cp312-{}.whl from https://pypi.org/project/onnxruntime/{version}/#files \
         elsewhere and run `cargo xtask setup --wheel FILE`, or put the library itself at {}.\n  \
         The cause",
        pins.wheel.platform,
        library.display()
    )
}

/// Makes `libonnxruntime.so` point to the library. The link is relative, so that the folder may
/// be moved, and takes its place in one step. A file that is no link is not ours to remove.
fn link(folder: &Path, library: &str) -> Result<()> {
    let link = folder.join(LINK);
    let found = fs::symlink_metadata(&link);
    if found.is_ok_and(|it| !it.is_symlink()) {
        println!(
            "onnxruntime: left alone, as it is no link: {}",
            link.display()
        );
        return Ok(());
    }
    if fs::read_link(&link).is_ok_and(|it| it == Path::new(library)) {
        return Ok(());
    }
    let place = || format!("cannot make the link {}", link.display());
    let scratch = tempfile::tempdir_in(folder).with_context(place)?;
    let new = scratch.path().join(LINK);
    std::os::unix::fs::symlink(library, &new).with_context(place)?;
    fs::rename(&new, &link).with_context(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(xdg: Option<&str>, home: Option<&str>) -> Result<PathBuf> {
        data_dir(|name| match name {
            "XDG_DATA_HOME" => xdg.map(OsString::from),
            "HOME" => home.map(OsString::from),
            _ => None,
        })
    }

    /// XDG_DATA_HOME wins where it is absolute; empty and relative ones do not count.
    #[test]
    fn follows_the_xdg_specification() -> Result<()> {
        let default = Path::new("/home/me/.local/share/gst-resnet50");
        assert_eq!(dir(None, Some("/home/me"))?, default);
        assert_eq!(dir(Some(""), Some("/home/me"))?, default);
        assert_eq!(dir(Some("data"), Some("/home/me"))?, default);
        assert_eq!(dir(Some("/d"), None)?, Path::new("/d/gst-resnet50"));
        assert!(dir(None, None).is_err());
        Ok(())
    }

    /// A library is ready, missing or damaged by its content alone.
    #[test]
    fn judges_the_library_by_its_hash() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let pins = Pins {
            wheel: Wheel {
                package: "",
                version: "",
                platform: "",
                sha256: "",
            },
            library: "lib.so.1",
            // Of "abc", as in FIPS 180-4's example.
            library_sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        assert_eq!(installed(&pins, folder.path())?, State::Missing);
        fs::write(folder.path().join("lib.so.1"), "abc")?;
        assert_eq!(installed(&pins, folder.path())?, State::Ready);
        fs::write(folder.path().join("lib.so.1"), "abd")?;
        assert_eq!(installed(&pins, folder.path())?, State::Damaged);
        Ok(())
    }

    /// The link is made, mended when it points elsewhere, and never put over a real file.
    #[test]
    fn links_to_the_library() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let at = folder.path().join(LINK);
        link(folder.path(), "lib.so.1")?;
        assert_eq!(fs::read_link(&at)?, Path::new("lib.so.1"));
        link(folder.path(), "lib.so.2")?;
        assert_eq!(fs::read_link(&at)?, Path::new("lib.so.2"));
        fs::remove_file(&at)?;
        fs::write(&at, "the user's")?;
        link(folder.path(), "lib.so.1")?;
        assert_eq!(fs::read_to_string(&at)?, "the user's");
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }
}
