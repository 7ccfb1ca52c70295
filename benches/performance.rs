// SPDX-License-Identifier: MPL-2.0
//! `cargo bench`: the tables of `gst-resnet50 bench`, written into `docs/PERFORMANCE.md`.

use std::process::Command;

fn main() {
    let status = Command::new(env!("CARGO_BIN_EXE_gst-resnet50"))
        .args(["bench", "--write"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PERFORMANCE.md"))
        .args([
            "--video",
            concat!(env!("CARGO_MANIFEST_DIR"), "/demo/clip.webm"),
        ])
        .status()
        .expect("the program starts");
    std::process::exit(status.code().unwrap_or(1));
}
