// SPDX-License-Identifier: MPL-2.0
//! Brings a machine to where the plugin can be built, run and tested.

use std::path::Path;

use anyhow::Result;

use crate::debian::{self, Purpose, Python};
use crate::onnxruntime;

/// Installs what is missing for `purpose`, with as much of Python as the caller itself needs
/// afterwards. `wheel` replaces the package index as the source of ONNX Runtime.
pub fn run(purpose: Purpose, wheel: Option<&Path>, python: Python) -> Result<()> {
    let folder = onnxruntime::data_dir(|name| std::env::var_os(name))?;
    let state = onnxruntime::inspect(&folder)?;
    // Pip is asked for only where something has to be fetched with it.
    let to_fetch = match state.must_be_fetched() && wheel.is_none() {
        true => Python::Pip,
        false => Python::Nothing,
    };
    debian::ensure(purpose, python.max(to_fetch))?;
    onnxruntime::ensure(&folder, state, wheel)
}
