// SPDX-License-Identifier: MPL-2.0
//! A wheel for pip: plugin, program and presets in a package of Python's, which depends on the
//! package that has ONNX Runtime.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::elf::Needs;
use super::notices;
use super::stage::{DOCUMENTS, PLUGINS, PRESETS, PROGRAM, Stage, files_under};
use crate::project::Project;

/// The name of the package as Python has it; pip's has hyphens.
const PACKAGE: &str = "gst_plugin_resnet50";
/// The modules in it, and what the package index shows.
const SOURCE: &str = "python";

/// Makes the wheel in `folder`.
pub fn make(project: &Project, stage: &Stage, folder: &Path) -> Result<PathBuf> {
    let tag = tag(&stage.needs)?;
    let name = format!("{PACKAGE}-{}", stage.version);
    let file = folder.join(format!("{name}-{tag}.whl"));
    let place = || format!("cannot write {}", file.display());
    let source = project.root.join(SOURCE);
    let readme = fs::read_to_string(source.join("README.md"))?;

    let mut archive = Archive::new(File::create(&file).with_context(place)?);
    for path in files_under(&source.join(PACKAGE))? {
        if path.extension().is_some_and(|it| it == "py") {
            let entry = path.strip_prefix(&source)?.to_string_lossy().into_owned();
            archive.add(&entry, &fs::read(&path)?, false)?;
        }
    }
    let libraries = libraries(&stage.needs);
    archive.add(
        &format!("{PACKAGE}/_libraries.py"),
        libraries.as_bytes(),
        false,
    )?;
    for (entry, path) in stage.entries() {
        if let Some(entry) = place_of(entry, &name) {
            archive.add(&entry, &fs::read(path)?, entry.contains("/bin/"))?;
        }
    }
    let info = format!("{name}.dist-info");
    let licences = [
        ("LICENSE", "LICENSE"),
        (notices::FILE, notices::FILE),
        ("plugin-meta/licenses/Apache-2.0.txt", "Apache-2.0.txt"),
        (
            "plugin-meta/licenses/efficientnet-lite0-NOTICE.txt",
            "efficientnet-lite0-NOTICE.txt",
        ),
    ];
    for (from, to) in licences {
        let text = fs::read(stage.path(DOCUMENTS).join(from))?;
        archive.add(&format!("{info}/licenses/{to}"), &text, false)?;
    }
    let names = licences.map(|(_, name)| name);
    let metadata = metadata(&stage.version, &names, &readme);
    archive.add(&format!("{info}/METADATA"), metadata.as_bytes(), false)?;
    archive.add(
        &format!("{info}/entry_points.txt"),
        ENTRY_POINTS.as_bytes(),
        false,
    )?;
    let wheel = wheel_file(&tag);
    archive.add(&format!("{info}/WHEEL"), wheel.as_bytes(), false)?;
    archive
        .finish(&format!("{info}/RECORD"))
        .with_context(place)?;
    Ok(file)
}

/// Any Python 3, and each Linux whose C library has the symbols. (Other libraries than its own and
/// those of the system's core are not in the tag's promise: the package looks for them itself.)
fn tag(needs: &Needs) -> Result<String> {
    let (major, minor) = needs
        .glibc()
        .context("it is not linked to GNU's C library")?;
    let arch = std::env::consts::ARCH;
    Ok(format!("py3-none-manylinux_{major}_{minor}_{arch}"))
}

/// Where a file of the stage lies in the wheel, if it belongs into it. What is under `data` pip puts
/// where the environment has such things.
fn place_of(entry: &str, name: &str) -> Option<String> {
    if entry == PROGRAM {
        return Some(format!("{PACKAGE}/{entry}"));
    }
    for (from, to) in [(PLUGINS, "plugins"), (PRESETS, "presets")] {
        if let Some(file) = entry.strip_prefix(from) {
            return Some(format!("{PACKAGE}/{to}{file}"));
        }
    }
    if entry.starts_with(DOCUMENTS) {
        return None;
    }
    Some(format!("{name}.data/data/{entry}"))
}

/// A module with the names of the libraries that must be there.
fn libraries(needs: &Needs) -> String {
    // The C library is there, or there would be no Python.
    let own = |name: &&String| {
        !["ld-linux", "libc.", "libm."]
            .iter()
            .any(|it| name.starts_with(it))
    };
    let names = needs.libraries.iter().filter(own);
    let lines: String = names.map(|name| format!("    {name:?},\n")).collect();
    format!("# SPDX-License-Identifier: MPL-2.0\nLIBRARIES = (\n{lines})\n")
}

const ENTRY_POINTS: &str =
    "[console_scripts]\ngst-resnet50 = gst_plugin_resnet50.__main__:program\n";

fn wheel_file(tag: &str) -> String {
    format!("Wheel-Version: 1.0\nGenerator: cargo xtask dist\nRoot-Is-Purelib: false\nTag: {tag}\n")
}

/// What pip and the package index read.
fn metadata(version: &str, licences: &[&str], readme: &str) -> String {
    let files: String = licences
        .iter()
        .map(|it| format!("License-File: {it}\n"))
        .collect();
    let home = env!("CARGO_PKG_REPOSITORY");
    format!(
        "Metadata-Version: 2.4\n\
         Name: gst-plugin-resnet50\n\
         Version: {version}\n\
         Summary: GStreamer element that classifies video frames with ResNet50 v1.5 through ONNX Runtime\n\
         License-Expression: MPL-2.0 AND Apache-2.0\n\
         {files}\
         Keywords: gstreamer,onnx,classification,resnet50,video\n\
         Classifier: Operating System :: POSIX :: Linux\n\
         Classifier: Programming Language :: Rust\n\
         Classifier: Topic :: Multimedia :: Video\n\
         Project-URL: Repository, {home}\n\
         Requires-Python: >=3.9\n\
         Requires-Dist: onnxruntime>=1.22\n\
         Description-Content-Type: text/markdown\n\
         \n\
         {readme}"
    )
}

/// A wheel that is being written, with the list of what is in it.
struct Archive {
    zip: ZipWriter<File>,
    options: SimpleFileOptions,
    record: String,
}

impl Archive {
    /// The files' time is always the first that an archive can have, so that the same content makes
    /// the same wheel; pip gives them the time at which it unpacks them.
    fn new(file: File) -> Self {
        Self {
            zip: ZipWriter::new(file),
            options: SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(9))
                .last_modified_time(DateTime::DEFAULT),
            record: String::new(),
        }
    }

    fn add(&mut self, name: &str, content: &[u8], is_program: bool) -> Result<()> {
        let mode = if is_program { 0o755 } else { 0o644 };
        self.zip
            .start_file(name, self.options.unix_permissions(mode))?;
        self.zip.write_all(content)?;
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        self.record += &format!("{name},sha256={hash},{}\n", content.len());
        Ok(())
    }

    /// Adds the list, which has no hash of itself.
    fn finish(mut self, record: &str) -> Result<()> {
        self.record += &format!("{record},,\n");
        self.zip
            .start_file(record, self.options.unix_permissions(0o644))?;
        self.zip.write_all(self.record.as_bytes())?;
        self.zip.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use zip::ZipArchive;

    use super::*;

    fn needs(versions: &[&str]) -> Needs {
        Needs {
            libraries: ["libc.so.6", "libgstvideo-1.0.so.0", "libpango-1.0.so.0"]
                .map(str::to_owned)
                .into(),
            versions: versions.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    /// The tag promises no older system than the symbols allow.
    #[test]
    fn the_tag_follows_the_symbols() -> Result<()> {
        let tag = tag(&needs(&["GLIBC_2.2.5", "GLIBC_2.34", "GCC_3.0"]))?;
        let arch = std::env::consts::ARCH;
        assert_eq!(tag, format!("py3-none-manylinux_2_34_{arch}"));
        assert!(super::tag(&needs(&["GCC_3.0"])).is_err());
        Ok(())
    }

    /// The package has what it runs with, pip's data what the shell reads, and documents are left out.
    #[test]
    fn places() {
        let place = |entry| place_of(entry, "a-1");
        let is = |entry, expected: &str| assert_eq!(place(entry).as_deref(), Some(expected));
        is("bin/gst-resnet50", "gst_plugin_resnet50/bin/gst-resnet50");
        is(
            "lib/gstreamer-1.0/libgstresnet50.so",
            "gst_plugin_resnet50/plugins/libgstresnet50.so",
        );
        is(
            "share/gstreamer-1.0/presets/GstResnet50.prs",
            "gst_plugin_resnet50/presets/GstResnet50.prs",
        );
        is(
            "share/man/man1/gst-resnet50.1",
            "a-1.data/data/share/man/man1/gst-resnet50.1",
        );
        assert_eq!(place("share/doc/gst-plugin-resnet50/docs/guide.md"), None);
    }

    /// The list of libraries is Python, and names what a system may lack.
    #[test]
    fn names_the_libraries() {
        let text = libraries(&needs(&[]));
        assert!(
            text.contains("LIBRARIES = (\n    \"libgstvideo-1.0.so.0\",\n"),
            "{text}"
        );
        assert!(!text.contains("libc.so"), "{text}");
    }

    /// RECORD lists each file with its hash, and itself without; programs can be run.
    #[test]
    fn records_what_is_in_it() -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("a.whl");
        let mut archive = Archive::new(File::create(&file)?);
        archive.add("a/__init__.py", b"abc", false)?;
        archive.add("a/bin/a", b"", true)?;
        archive.finish("a.dist-info/RECORD")?;
        let mut zip = ZipArchive::new(File::open(&file)?)?;
        for (name, expected) in [("a/bin/a", 0o755), ("a/__init__.py", 0o644)] {
            let mode = zip.by_name(name)?.unix_mode();
            assert_eq!(mode.map(|it| it & 0o777), Some(expected), "{name}");
        }
        let mut record = String::new();
        zip.by_name("a.dist-info/RECORD")?
            .read_to_string(&mut record)?;
        assert_eq!(
            record,
            "a/__init__.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n\
             a/bin/a,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\
             a.dist-info/RECORD,,\n"
        );
        Ok(())
    }

    /// Of the wheel's own files pip asks for certain lines.
    #[test]
    fn says_what_it_is() {
        let text = metadata("0.1.0", &["LICENSE"], "# Title\n");
        for line in [
            "Name: gst-plugin-resnet50",
            "Version: 0.1.0",
            "License-File: LICENSE",
            "Requires-Dist: onnxruntime>=1.22",
        ] {
            assert!(text.lines().any(|it| it == line), "no {line} in {text}");
        }
        assert!(text.ends_with("\n\n# Title\n"), "{text}");
        assert!(wheel_file("py3-none-any").contains("\nTag: py3-none-any\n"));
    }
}
