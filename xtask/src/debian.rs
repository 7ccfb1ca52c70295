// SPDX-License-Identifier: MPL-2.0
//! The system's packages: compiler, GStreamer with its plugins, and Python.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// What building, testing and the demo need of Debian and its children. The set libav decodes
/// what people have lying about (H.264, AAC).
const PACKAGES: &[&str] = &[
    "pkg-config",
    "gcc",
    "libc6-dev",
    "libgstreamer1.0-dev",
    "libgstreamer-plugins-base1.0-dev",
    "gstreamer1.0-tools",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-libav",
    // The element resnet50overlay; cairo's headers come with it.
    "libpango1.0-dev",
    // ximagesink for a window, textoverlay to measure against; a font for the annotated video.
    "gstreamer1.0-x",
    "fonts-dejavu-core",
    // An MQTT broker and its clients, over which a test sends the lines of resnet50json.
    "mosquitto",
    "mosquitto-clients",
    // A face detector with its training: a test classifies the regions that it finds.
    "gstreamer1.0-opencv",
    "opencv-data",
    // One test is also run under it.
    "valgrind",
    // The tests of the examples: GStreamer from Python, RTSP cameras, a screen for a window.
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "xvfb",
];

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
pub fn ensure(python: Python) -> Result<()> {
    if process::succeeds(Command::new("dpkg-query").arg("--version")) {
        install_missing(python)?;
    }
    check(python)
}

fn install_missing(python: Python) -> Result<()> {
    let mut wanted = Vec::from(PACKAGES);
    if !python.is_there() {
        wanted.extend(python.packages());
    }
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Package} ${db:Status-Status}\n"]);
    // Its exit status only says that it does not know a name: that package is missing, then.
    let output = process::output(query.args(&wanted))?;
    let missing = missing(&wanted, &String::from_utf8_lossy(&output.stdout));
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
    let arguments = ["install", "-y", "--no-install-recommends"];
    // The owner of /proc/self is who we run as.
    let root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    if !root {
        bail!(
            "packages are missing and only root can install them; run this, then try again:\n    \
             sudo apt-get {} {}",
            arguments.join(" "),
            packages.join(" ")
        );
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    // One unreachable archive fails the update while the others may have all that is needed.
    if let Err(error) = process::run(apt().arg("update")) {
        println!("packages: {error:#}; trying with the lists that are there");
    }
    process::run(apt().args(arguments).args(packages))
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

    /// Nothing is missing when all are installed, foreign architectures included.
    #[test]
    fn accepts_several_lines_a_package() {
        assert!(missing(&["libc6-dev"], "libc6-dev installed\nlibc6-dev installed\n").is_empty());
    }
}
