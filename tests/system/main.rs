// SPDX-License-Identifier: MPL-2.0
//! The project together with what is installed on the system: GStreamer's own programs and other
//! plugins, Python, servers. `cargo xtask setup` installs all of it.

#[cfg(all(feature = "builtin-model", feature = "cli", feature = "overlay"))]
mod demo;
mod detectors;
#[cfg(feature = "overlay")]
mod documents;
mod examples;
mod json_sinks;
#[cfg(feature = "cli")]
mod onnx_tools;
#[cfg(feature = "overlay")]
mod plugin_cache;
mod plugin_file;
mod presets;
mod python_package;
#[cfg(feature = "cli")]
mod rtsp;
