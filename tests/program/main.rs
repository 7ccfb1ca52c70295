// SPDX-License-Identifier: MPL-2.0
//! The program `gst-resnet50`, as a user runs it.
#![cfg(feature = "cli")]

// Their own program has no test harness.
#[path = "../../benches/performance/main.rs"]
mod benchmarks;
#[cfg(feature = "builtin-model")]
mod classify;
mod cli;
mod download;
mod install;
mod runtime;
