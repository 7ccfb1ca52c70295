// SPDX-License-Identifier: MPL-2.0
//! The examples, as programs that a test runs.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a test waits for what must come: it is there so that a defect fails instead of hanging.
pub const TIMEOUT: Duration = Duration::from_secs(120);

/// An example, which `cargo test` builds beside the tests. Warnings of GLib and GStreamer end it.
pub fn command(name: &str) -> Command {
    let program = crate::built("examples").join(name);
    assert!(
        program.is_file(),
        "{} is missing: a test that is named with --test does not build it; \
         run `cargo build --features cli --examples`",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .env("G_DEBUG", "fatal-warnings")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("RESNET50_MODEL")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// Python with GObject introspection. Debian's packages are for its own Python, which need not be
/// the first on the path.
pub fn python() -> Command {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let python = PYTHON.get_or_init(|| {
        let works = |python: &&str| {
            let mut command = Command::new(python);
            command.args(["-c", "import gi"]).stderr(Stdio::null());
            command.status().is_ok_and(|s| s.success())
        };
        let python = ["python3", "/usr/bin/python3"].into_iter().find(works);
        python
            .expect("no Python here has GObject introspection: install Debian's python3-gi (`cargo xtask setup` does)")
            .into()
    });
    let mut command = Command::new(python);
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// Ctrl-C.
pub fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.expect("kill").success());
}

/// Waits for the end of a program, which must be a good one.
pub fn finish(child: &mut Child) {
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(begun.elapsed() < TIMEOUT, "the program does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
}

/// A program that is killed when the test has ended, whichever way.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
