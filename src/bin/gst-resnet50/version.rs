// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 --version`: this program's and those of the libraries that it finds.

use std::process::ExitCode;

use gstresnet50::inference::Runtime;

pub fn run() -> ExitCode {
    say!("gst-resnet50 {} ({})", env!("CARGO_PKG_VERSION"), commit());
    // GStreamer says it without having been started, and it can be asked for where it does not start.
    let (major, minor, micro, _) = gst::version();
    say!("GStreamer {major}.{minor}.{micro}");
    match Runtime::load(None, &crate::plugin::folders()) {
        Ok(runtime) => say!(
            "ONNX Runtime {} ({})",
            runtime.version(),
            runtime.path().display()
        ),
        // No error: the other versions are known. `doctor` says what to do.
        Err(_) => say!("ONNX Runtime: not found (see `gst-resnet50 runtime list`)"),
    }
    ExitCode::SUCCESS
}

/// What this was built from.
fn commit() -> String {
    match env!("COMMIT_ID") {
        "RELEASE" => "release".into(),
        id => format!("commit {id}"),
    }
}
