// SPDX-License-Identifier: MPL-2.0
//! `cargo bench`: the tables of `gst-resnet50 bench`, written into `docs/PERFORMANCE.md`.

#[path = "../src/bin/gst-resnet50/bench/mod.rs"]
mod bench;

use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    gst::init()?;
    gstresnet50::plugin_register_static()?;
    bench::run(&bench::Args {
        model: Vec::new(),
        rounds: 7,
        write: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PERFORMANCE.md").into()),
    })
}
