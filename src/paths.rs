// SPDX-License-Identifier: MPL-2.0
//! Where files of this project lie on the user's machine.

use std::path::PathBuf;

/// The user's data directory of this project: `$XDG_DATA_HOME/gst-resnet50`, by default
/// `~/.local/share/gst-resnet50`. `None` where the user has no home.
pub fn data_dir() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("gst-resnet50"))
}

/// Where the ResNet50 v1.5 lies that `model` falls back to.
pub fn installed_model() -> Option<PathBuf> {
    data_dir().map(|dir| dir.join("models").join("resnet50-v1.5.onnx"))
}
