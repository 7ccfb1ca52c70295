// SPDX-License-Identifier: MPL-2.0
//! A package for the running release of Debian, or of a distribution made from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::notices;
use super::stage::{DOCUMENTS, MAN, PLUGINS, PROGRAM, Stage, ZSH, copy, files_under};
use crate::{debian, process};

/// Debian's name for a plugin that is not of GStreamer's own sets.
const PACKAGE: &str = "gstreamer1.0-resnet50";
/// What `dpkg-shlibdeps` and `dpkg-architecture` are in.
const TOOLS: &[&str] = &["dpkg-dev"];
/// The oldest ONNX Runtime that the plugin runs with.
const OLDEST_RUNTIME: (u32, u32) = (1, 22);

/// Whether this system has packages of that kind.
pub fn is_possible() -> bool {
    process::succeeds(Command::new("dpkg-deb").arg("--version"))
}

/// Installs what the package is made with.
pub fn ensure_tools() -> Result<()> {
    debian::install_missing(TOOLS)
}

/// Makes the package in `folder`.
pub fn make(stage: &Stage, folder: &Path) -> Result<PathBuf> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let root = scratch.path().join("root");
    let multiarch = query("dpkg-architecture", &["--query", "DEB_HOST_MULTIARCH"])?;
    let architecture = query("dpkg", &["--print-architecture"])?;
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let version = format!("{}-1{}", stage.version, suffix(&release));

    for (entry, file) in stage.entries() {
        if let Some(place) = place_of(entry, &multiarch) {
            copy(file, &root.join(place))?;
        }
    }
    let runtime = query("apt-cache", &["pkgnames", "libonnxruntime"]).unwrap_or_default();
    let runtime = runtime_package(&runtime);
    let documents = root.join(format!("usr/share/doc/{PACKAGE}"));
    fs::create_dir_all(&documents)?;
    fs::write(documents.join("copyright"), copyright())?;
    fs::write(documents.join("README.Debian"), readme(runtime.as_deref()))?;
    fs::write(
        documents.join("changelog.Debian"),
        changelog(&version, &codename(&release), &rfc_2822(stage.date)?),
    )?;
    compress(&root)?;
    let entries = files_under(&root)?;

    let control = root.join("DEBIAN");
    fs::create_dir(&control)?;
    fs::write(control.join("md5sums"), md5sums(&root, &entries)?)?;
    let fields = Fields {
        version: &version,
        architecture: &architecture,
        depends: &shared_libraries(&root, &multiarch, scratch.path())?,
        runtime: runtime.as_deref(),
        kilobytes: kilobytes(&entries)?,
    };
    fs::write(control.join("control"), fields.write())?;
    let to = folder.join(format!("{PACKAGE}_{version}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    build
        .args(["--root-owner-group", "--build"])
        .args([&root, &to])
        .env("SOURCE_DATE_EPOCH", stage.date.to_string())
        .stdout(std::process::Stdio::null());
    process::run(&mut build)?;
    Ok(to)
}

/// What a program prints, without the end of its line.
fn query(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = process::output(&mut command)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}", process::line(&command), stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A field of `/etc/os-release`.
fn field<'a>(release: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = release.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

/// What tells a release's package from that of a later one, which is newer for dpkg: Debian's own come
/// without a number until they are released.
fn suffix(release: &str) -> String {
    let id = match field(release, "ID") {
        None | Some("debian") => "deb",
        Some(id) => id,
    };
    match field(release, "VERSION_ID") {
        Some(number) => format!("~{id}{number}"),
        None => String::new(),
    }
}

/// The running release's name, as archives have it.
pub fn suite() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    Ok(match codename(&release) {
        unstable if unstable == "unstable" => "sid".to_owned(),
        name => name,
    })
}

fn codename(release: &str) -> String {
    let name = field(release, "VERSION_CODENAME");
    let is_released = field(release, "VERSION_ID").is_some();
    name.filter(|_| is_released)
        .unwrap_or("unstable")
        .to_owned()
}

/// Where a file of the stage lies in Debian, if it belongs into the package.
fn place_of(entry: &str, multiarch: &str) -> Option<String> {
    if let Some(file) = entry.strip_prefix(PLUGINS) {
        return Some(format!("usr/lib/{multiarch}/gstreamer-1.0{file}"));
    }
    if let Some(file) = entry.strip_prefix(ZSH) {
        return Some(format!("usr/share/zsh/vendor-completions{file}"));
    }
    if let Some(file) = entry.strip_prefix(DOCUMENTS) {
        return match file {
            // Debian has it, and `copyright` says so.
            "/LICENSE" | "/plugin-meta/licenses/Apache-2.0.txt" => None,
            "/CHANGELOG.md" => Some(format!("usr/share/doc/{PACKAGE}/changelog")),
            file => Some(format!("usr/share/doc/{PACKAGE}{file}")),
        };
    }
    Some(format!("usr/{entry}"))
}

/// The newest of the packages that have ONNX Runtime and are new enough for us: Debian names each for
/// its version.
fn runtime_package(names: &str) -> Option<String> {
    let version = |name: &str| {
        let (major, minor) = name.strip_prefix("libonnxruntime")?.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let packages = names
        .lines()
        .filter_map(|name| Some((version(name)?, name)));
    let newest = packages
        .max()
        .filter(|(version, _)| *version >= OLDEST_RUNTIME);
    newest.map(|(_, name)| name.to_owned())
}

/// Compresses what Debian's policy asks to be compressed.
fn compress(root: &Path) -> Result<()> {
    let pages = files_under(&root.join("usr").join(MAN))?;
    let documents = root.join(format!("usr/share/doc/{PACKAGE}"));
    let texts = ["changelog", "changelog.Debian", notices::FILE].map(|name| documents.join(name));
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "--no-name"]).args(pages).args(texts);
    process::run(&mut gzip)
}

/// The sums with which `dpkg --verify` finds what was changed.
fn md5sums(root: &Path, files: &[PathBuf]) -> Result<Vec<u8>> {
    let mut md5sum = Command::new("md5sum");
    md5sum.current_dir(root);
    for file in files {
        md5sum.arg(file.strip_prefix(root)?);
    }
    let output = process::output(&mut md5sum)?;
    if !output.status.success() {
        bail!(
            "`md5sum` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}

fn kilobytes(files: &[PathBuf]) -> Result<u64> {
    let sizes = files
        .iter()
        .map(|file| Ok(file.metadata()?.len().div_ceil(1024)));
    sizes.sum()
}

/// The packages of the libraries that plugin and program are linked to, with the oldest versions that
/// will do.
fn shared_libraries(root: &Path, multiarch: &str, scratch: &Path) -> Result<String> {
    // It asks for the sources' control file, of which it needs but the name.
    let source = scratch.join("debian");
    fs::create_dir(&source)?;
    let text = format!("Source: {PACKAGE}\n\nPackage: {PACKAGE}\nArchitecture: any\n");
    fs::write(source.join("control"), text)?;
    let mut shlibdeps = Command::new("dpkg-shlibdeps");
    shlibdeps
        .current_dir(scratch)
        .arg("-O")
        .arg(root.join("usr").join(PROGRAM));
    let plugins = root.join(format!("usr/lib/{multiarch}/gstreamer-1.0"));
    shlibdeps.args(files_under(&plugins)?);
    let output = process::output(&mut shlibdeps)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`dpkg-shlibdeps` failed: {}", stderr.trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let depends = text
        .lines()
        .find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(depends
        .context("`dpkg-shlibdeps` names no packages")?
        .to_owned())
}

/// What differs from one package to the next.
struct Fields<'a> {
    version: &'a str,
    architecture: &'a str,
    depends: &'a str,
    runtime: Option<&'a str>,
    kilobytes: u64,
}

impl Fields<'_> {
    fn write(&self) -> String {
        let Self {
            version,
            architecture,
            depends,
            kilobytes,
            ..
        } = self;
        let (maintainer, home) = (maintainer(), env!("CARGO_PKG_REPOSITORY"));
        let runtime = self.runtime.map(|it| format!("{it}, ")).unwrap_or_default();
        let remedy = match self.runtime {
            Some(_) => "",
            None => {
                " .\n \
                 This release of Debian has no ONNX Runtime that is new enough:\n \
                 \"gst-resnet50 runtime install\" gets one for the user who runs it.\n"
            }
        };
        format!(
            "Package: {PACKAGE}\n\
             Source: gst-plugin-resnet50\n\
             Version: {version}\n\
             Architecture: {architecture}\n\
             Maintainer: {maintainer}\n\
             Installed-Size: {kilobytes}\n\
             Depends: {depends}, gstreamer1.0-plugins-base\n\
             Recommends: {runtime}gstreamer1.0-plugins-good, gstreamer1.0-tools, ca-certificates, fonts-dejavu-core\n\
             Suggests: gstreamer1.0-libav, gstreamer1.0-plugins-bad, gstreamer1.0-plugins-ugly\n\
             Section: video\n\
             Priority: optional\n\
             Homepage: {home}\n\
             Description: GStreamer plugin that classifies video with ResNet50 v1.5\n \
             The element resnet50 runs ResNet50 v1.5, or any other ONNX image classifier,\n \
             on video frames as cameras and decoders deliver them, and passes the video on\n \
             untouched with the result attached. resnet50overlay draws the result into the\n \
             video, resnet50json writes it as lines of JSON. The program gst-resnet50\n \
             classifies files, installs models and measures. A small model is built in.\n\
             {remedy}"
        )
    }
}

/// As Debian's tools find it in their own variables.
fn maintainer() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
    match variable("DEBEMAIL") {
        Some(email) => {
            let name = variable("DEBFULLNAME").unwrap_or_else(|| "gst-plugin-resnet50".into());
            format!("{name} <{email}>")
        }
        None => "gst-plugin-resnet50 <root@localhost>".into(),
    }
}

fn readme(runtime: Option<&str>) -> String {
    let runtime = match runtime {
        Some(package) => format!(
            "ONNX Runtime, which runs the models, is in the package {package}, which this one\n\
             recommends. A newer one, or one for other devices:\n"
        ),
        None => "ONNX Runtime, which runs the models, is not in this release of Debian, or is too old:\n\
                 1.22 is the oldest that will do. This gets one from PyPI, and verifies its checksum:\n"
            .to_owned(),
    };
    format!(
        "gst-plugin-resnet50 for Debian\n\
         ==============================\n\n\
         {runtime}\n    \
         gst-resnet50 runtime install\n\n\
         It goes to ~/.local/share/gst-resnet50 of the user who runs the command, and nothing of the\n\
         system is changed. To see whether all is well:\n\n    \
         gst-resnet50 doctor\n\n\
         The built-in model, model=builtin:efficientnet-lite0, is a small network with real ImageNet\n\
         weights. \"gst-resnet50 model install\" downloads ResNet50 v1.5 (103 MB).\n"
    )
}

fn changelog(version: &str, codename: &str, date: &str) -> String {
    let maintainer = maintainer();
    format!(
        "gst-plugin-resnet50 ({version}) {codename}; urgency=medium\n\n  \
         * Built by `cargo xtask dist`; changelog.gz says what is new.\n\n \
         -- {maintainer}  {date}\n"
    )
}

/// A time as Debian's changelogs have it.
fn rfc_2822(seconds: u64) -> Result<String> {
    query(
        "date",
        &["--utc", "--rfc-email", &format!("--date=@{seconds}")],
    )
}

fn copyright() -> String {
    let home = env!("CARGO_PKG_REPOSITORY");
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: gst-plugin-resnet50\n\
         Source: {home}\n\
         Comment: Plugin and program are linked with crates of others, whose licences and notices\n \
         are in {}.gz beside this file.\n\
         \n\
         Files: *\n\
         Copyright: The authors of gst-plugin-resnet50\n\
         License: MPL-2.0\n \
         On Debian systems the text of the Mozilla Public License 2.0 is in\n \
         /usr/share/common-licenses/MPL-2.0.\n\
         \n\
         Files: plugin-meta/efficientnet-lite0-int8.onnx\n\
         Copyright: 2020 ML Illustrated\n\
         License: Apache-2.0\n \
         The model that is built into plugin and program. Its notice is in\n \
         plugin-meta/licenses/efficientnet-lite0-NOTICE.txt beside this file.\n .\n \
         On Debian systems the text of the Apache License 2.0 is in\n \
         /usr/share/common-licenses/Apache-2.0.\n",
        notices::FILE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKWORM: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
    const SID: &str = "NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=forky\nID=debian\n";
    const UBUNTU: &str = "VERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\n";

    /// A later release has a later version, for an upgrade of the system to upgrade the package.
    #[test]
    fn versions_follow_the_release() {
        assert_eq!(suffix(BOOKWORM), "~deb12");
        assert_eq!(suffix(UBUNTU), "~ubuntu24.04");
        assert_eq!(suffix(SID), "");
        assert_eq!(codename(BOOKWORM), "bookworm");
        assert_eq!(codename(SID), "unstable");
        if !is_possible() {
            return;
        }
        for (older, newer) in [("~deb12", "~deb13"), ("~deb13", "")] {
            let (older, newer) = (format!("0.1.0-1{older}"), format!("0.1.0-1{newer}"));
            let is_older = query("dpkg", &["--compare-versions", &older, "lt", &newer]);
            assert!(is_older.is_ok(), "{older} {newer}");
        }
    }

    /// Debian's folders.
    #[test]
    fn places() {
        let place = |entry| place_of(entry, "x86_64-linux-gnu");
        let is = |entry, expected: &str| assert_eq!(place(entry).as_deref(), Some(expected));
        is("bin/gst-resnet50", "usr/bin/gst-resnet50");
        is(
            "lib/gstreamer-1.0/libgstresnet50.so",
            "usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstresnet50.so",
        );
        is(
            "share/zsh/site-functions/_gst-resnet50",
            "usr/share/zsh/vendor-completions/_gst-resnet50",
        );
        is(
            "share/doc/gst-plugin-resnet50/docs/guide.md",
            "usr/share/doc/gstreamer1.0-resnet50/docs/guide.md",
        );
        is(
            "share/doc/gst-plugin-resnet50/CHANGELOG.md",
            "usr/share/doc/gstreamer1.0-resnet50/changelog",
        );
        assert_eq!(place("share/doc/gst-plugin-resnet50/LICENSE"), None);
    }

    /// An ONNX Runtime that is too old is not recommended, nor is what merely begins with the name.
    #[test]
    fn recommends_a_runtime_that_is_new_enough() {
        let names = "libonnxruntime1.9\nlibonnxruntime1.23\nlibonnxruntime-dev\n";
        assert_eq!(
            runtime_package(names).as_deref(),
            Some("libonnxruntime1.23")
        );
        assert_eq!(
            runtime_package("libonnxruntime1.21\nlibonnxruntime-providers\n"),
            None
        );
        assert_eq!(runtime_package(""), None);
    }

    /// The control file has what dpkg asks for, and says where ONNX Runtime comes from.
    #[test]
    fn the_control_file() {
        let write = |runtime| {
            let fields = Fields {
                version: "0.1.0-1",
                architecture: "amd64",
                depends: "libc6 (>= 2.34)",
                runtime,
                kilobytes: 12,
            };
            fields.write()
        };
        let with = write(Some("libonnxruntime1.23"));
        assert!(
            with.contains("\nDepends: libc6 (>= 2.34), gstreamer1.0-plugins-base\n"),
            "{with}"
        );
        assert!(
            with.contains("\nRecommends: libonnxruntime1.23, gstreamer"),
            "{with}"
        );
        assert!(!with.contains("runtime install"), "{with}");
        let without = write(None);
        assert!(without.contains("\nRecommends: gstreamer"), "{without}");
        assert!(
            without.contains("\"gst-resnet50 runtime install\""),
            "{without}"
        );
        for text in [with, without] {
            assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
            let mut lines = text.lines();
            assert!(
                lines.all(|line| line.starts_with(' ') || line.contains(": ")),
                "{text}"
            );
        }
    }

    /// Dates are as changelogs have them.
    #[test]
    fn dates() -> Result<()> {
        assert_eq!(rfc_2822(1_796_083_200)?, "Tue, 01 Dec 2026 00:00:00 +0000");
        Ok(())
    }
}
