// SPDX-License-Identifier: MPL-2.0
//! Brings a machine to where the plugin can be built, run and tested.

use std::path::Path;

use anyhow::Result;

use crate::{debian, onnxruntime};

/// Installs what is missing. `wheel` replaces the package index as the source of ONNX Runtime.
pub fn run(wheel: Option<&Path>) -> Result<()> {
    let folder = onnxruntime::data_dir(|name| std::env::var_os(name))?;
    let state = onnxruntime::inspect(&folder)?;
    // Pip is asked for only where something has to be fetched with it.
    debian::ensure(state.must_be_fetched() && wheel.is_none())?;
    onnxruntime::ensure(&folder, state, wheel)
}
