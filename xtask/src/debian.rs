// SPDX-License-Identifier: MPL-2.0
//! The system's packages: compiler, GStreamer with its plugins, and Python.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::{gstreamer, process};

/// What the machine is prepared for; each includes what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Building, and playing the repository's own clip.
    Demo,
    /// Playing what people have: their files, cameras and windows.
    Use,
    /// All tests.
    Test,
}

/// What building, and playing the repository's own clip, needs of Debian and its children.
const DEMO_PACKAGES: &[&str] = &[
    "pkg-config",
    "gcc",
    "libc6-dev",
    "libgstreamer1.0-dev",
    "libgstreamer-plugins-base1.0-dev",
    // The element resnet50overlay; cairo's headers come with it.
    "libpango1.0-dev",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    // A font for the annotated video.
    "fonts-dejavu-core",
];

/// What other people's videos and a window need besides: libav decodes what they have lying about
/// (H.264, AAC), and its parsers are in the set bad.
const USE_PACKAGES: &[&str] = &[
    "gstreamer1.0-tools",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-libav",
    // ximagesink for a window, textoverlay to measure against.
    "gstreamer1.0-x",
];

/// What the tests need besides.
const TEST_PACKAGES: &[&str] = &[
    // An MQTT broker and its clients, over which a test sends the lines of resnet50json.
    "mosquitto",
    "mosquitto-clients",
    // A face detector with its training: a test classifies the regions that it finds.
    "gstreamer1.0-opencv",
    "opencv-data",
    // One test is also run under it.
    VALGRIND,
    // The tests run in other releases of Debian as well.
    DEBOOTSTRAP,
    // The tests of the examples: GStreamer from Python, RTSP cameras, a screen for a window.
    "python3-gi",
    "python3-gst-1.0",
    "gir1.2-gst-plugins-base-1.0",
    "gir1.2-gst-rtsp-server-1.0",
    "xvfb",
];

const VALGRIND: &str = "valgrind";
const DEBOOTSTRAP: &str = "debootstrap";

/// The headers of GStreamer's analytics library, which came with version 1.24.
const ANALYTICS_PACKAGE: &str = "libgstreamer-plugins-bad1.0-dev";

/// What the tests need in another release of Debian, one with the analytics library.
pub fn packages_elsewhere() -> Vec<&'static str> {
    let mut packages = Purpose::Test.packages();
    packages.retain(|package| ![VALGRIND, DEBOOTSTRAP].contains(package));
    // Every system that people work in has the latter: tests run its `kill`.
    packages.extend([ANALYTICS_PACKAGE, "procps"]);
    packages
}

impl Purpose {
    fn packages(self) -> Vec<&'static str> {
        let sets = [
            (Self::Demo, DEMO_PACKAGES),
            (Self::Use, USE_PACKAGES),
            (Self::Test, TEST_PACKAGES),
        ];
        let needed = sets.iter().filter(|(purpose, _)| *purpose <= self);
        needed.flat_map(|(_, set)| set.iter().copied()).collect()
    }
}

/// How much of Python is needed; each includes what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Python {
    Nothing,
    Interpreter,
    /// To fetch wheels with.
    Pip,
}

impl Python {
    /// Any Python will do, so the ability counts and not Debian's package.
    fn is_there(self) -> bool {
        let works = |args: &[&str]| process::succeeds(Command::new("python3").args(args));
        match self {
            Self::Nothing => true,
            Self::Interpreter => works(&["--version"]),
            Self::Pip => works(&["-m", "pip", "--version"]),
        }
    }

    /// What brings it, for systems where no other Python does.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Interpreter => &["python3"],
            Self::Pip => &["python3", "python3-pip"],
        }
    }
}

/// The pkg-config modules that the crates link to, and the version from which on they work.
const MODULES: [&str; 5] = [
    "gstreamer-1.0 >= 1.22",
    "gstreamer-video-1.0",
    "gstreamer-check-1.0",
    "pangocairo",
    "cairo",
];

/// Sees to it that the packages are there, and as much of Python as is asked for. Where the system
/// is none of Debian's, we install nothing but say what is needed.
pub fn ensure(purpose: Purpose, python: Python) -> Result<()> {
    if process::succeeds(Command::new("dpkg-query").arg("--version")) {
        let mut wanted = purpose.packages();
        if !python.is_there() {
            wanted.extend(python.packages());
        }
        install_missing(&wanted)?;
        // Which GStreamer the system has can be seen only now.
        if gstreamer::is_at_least("1.24") && !gstreamer::has_analytics("1.24") {
            install_missing(&[ANALYTICS_PACKAGE])?;
        }
    }
    check(python)
}

/// Installs those of these packages that are missing.
pub fn install_missing(wanted: &[&str]) -> Result<()> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Package} ${db:Status-Status}\n"]);
    // Its exit status only says that it does not know a name: that package is missing, then.
    let output = process::output(query.args(wanted))?;
    let missing = missing(wanted, &String::from_utf8_lossy(&output.stdout));
    if missing.is_empty() {
        println!("packages: all {} are installed", wanted.len());
        return Ok(());
    }
    println!("packages: missing {}", missing.join(" "));
    install(&missing)
}

/// The packages that `dpkg-query` does not report as installed.
fn missing<'a>(wanted: &[&'a str], report: &str) -> Vec<&'a str> {
    let installed: HashSet<&str> = report
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .collect();
    let is_missing = |package: &&str| !installed.contains(package);
    wanted.iter().copied().filter(is_missing).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    // The owner of /proc/self is who we run as.
    let root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    if !root {
        bail!(
            "packages are missing and only root can install them; run this, then try again:\n    \
             sudo apt-get {} {}",
            INSTALL.join(" "),
            packages.join(" ")
        );
    }
    // One unreachable archive fails the update while the others may have all that is needed.
    if let Err(error) = process::run(apt().args(["--quiet", "update"])) {
        println!("packages: {error:#}; trying with the lists that are there");
    }
    if let Some(download) = download(packages) {
        println!("packages: {download}");
    }
    // Its progress is hundreds of lines; what goes wrong it says on standard error.
    let mut apt = apt();
    process::run(apt.args(INSTALL).args(packages).stdout(Stdio::null()))
}

const INSTALL: [&str; 3] = ["install", "-y", "--no-install-recommends"];

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// What an installation would fetch, if apt can tell.
fn download(packages: &[&str]) -> Option<Download> {
    let mut apt = apt();
    apt.args(["--print-uris", "--quiet=2"]).args(INSTALL);
    let output = process::output(apt.args(packages)).ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| Download::parse(&text))
}

/// What has to be fetched for an installation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Download {
    files: usize,
    bytes: u64,
}

impl Download {
    /// Reads apt's `--print-uris`: a line for each file, `'URI' name size hash`.
    fn parse(report: &str) -> Self {
        let lines = report.lines().filter(|line| line.starts_with('\''));
        let sizes = lines.filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok());
        sizes.fold(Self::default(), |sum, size| Self {
            files: sum.files + 1,
            bytes: sum.bytes + size,
        })
    }
}

impl std::fmt::Display for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "with what they depend on {} packages, {:.1} MB to fetch",
            self.files,
            self.bytes as f64 / 1e6
        )
    }
}

/// Whether what was installed, by us or by others, is enough: a Debian may be too old.
fn check(python: Python) -> Result<()> {
    if !process::succeeds(Command::new("pkg-config").arg("--version")) {
        bail!("pkg-config is missing; install it, a C compiler, and GStreamer 1.22 or newer");
    }
    if !process::succeeds(Command::new("pkg-config").arg("--exists").args(MODULES)) {
        bail!(
            "pkg-config does not find all of {}; install the development files of GStreamer 1.22 \
             or newer and of its base plugins, those of Pango and cairo, GStreamer's tools, and the plugin sets base, good, \
             bad and libav",
            MODULES.join(", ")
        );
    }
    if !python.is_there() {
        match python {
            Python::Pip => bail!("`python3 -m pip` does not work; install Python 3 with pip"),
            _ => bail!("`python3` does not work; install Python 3"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unknown packages have no line at all, removed ones another status.
    #[test]
    fn finds_what_is_missing() {
        let report = "gcc installed\nlibc6-dev config-files\npkg-config not-installed\n";
        let wanted = ["gcc", "libc6-dev", "pkg-config", "python3"];
        assert_eq!(
            missing(&wanted, report),
            ["libc6-dev", "pkg-config", "python3"]
        );
    }

    /// A name that merely begins like an installed one is missing; order is kept.
    #[test]
    fn compares_whole_names() {
        let report = "gstreamer1.0-plugins-bad installed\ngstreamer1.0-tools installed\n";
        let wanted = ["gstreamer1.0-plugins", "gstreamer1.0-tools", "gcc"];
        assert_eq!(missing(&wanted, report), ["gstreamer1.0-plugins", "gcc"]);
    }

    /// A demo needs some ten packages, and none of those that only tests use; whatever comes later
    /// has all that is before it.
    #[test]
    fn a_demo_needs_few_packages() {
        let demo = Purpose::Demo.packages();
        assert!(demo.len() <= 10, "{demo:?}");
        for package in ["mosquitto", "gstreamer1.0-opencv", "valgrind", "xvfb"] {
            assert!(!demo.contains(&package), "{package}");
            assert!(Purpose::Test.packages().contains(&package), "{package}");
        }
        for (less, more) in [(Purpose::Demo, Purpose::Use), (Purpose::Use, Purpose::Test)] {
            let more = more.packages();
            assert!(less.packages().iter().all(|it| more.contains(it)));
        }
    }

    /// Files and sizes are counted; what apt says besides is not.
    #[test]
    fn tells_how_much_is_fetched() {
        let report = "Reading package lists...\n\
            'http://deb/a_1%3a2_amd64.deb' a_1%3a2_amd64.deb 1500000 MD5Sum:00\n\
            'http://deb/b_1_all.deb' b_1_all.deb 250000 SHA256:00\n";
        let download = Download::parse(report);
        assert_eq!(
            download,
            Download {
                files: 2,
                bytes: 1_750_000
            }
        );
        assert_eq!(
            download.to_string(),
            "with what they depend on 2 packages, 1.8 MB to fetch"
        );
        assert_eq!(Download::parse(""), Download::default());
    }

    /// Nothing is missing when all are installed, foreign architectures included.
    #[test]
    fn accepts_several_lines_a_package() {
        assert!(missing(&["libc6-dev"], "libc6-dev installed\nlibc6-dev installed\n").is_empty());
    }
}
