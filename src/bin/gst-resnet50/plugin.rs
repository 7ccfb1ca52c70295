// SPDX-License-Identifier: MPL-2.0
//! Where the element comes from.

use std::path::PathBuf;

use gst::prelude::*;

/// The plugin file that GStreamer knows, if it knows one.
pub fn installed() -> Option<PathBuf> {
    let factory = gst::ElementFactory::find("resnet50")?;
    factory.plugin()?.filename()
}

/// Where ONNX Runtime may lie beside the plugin, or beside this program.
pub fn folders() -> Vec<PathBuf> {
    // GStreamer's registry can be asked only once it is there.
    let plugin = gst::init().ok().and_then(|()| installed());
    let program = std::env::current_exe().ok();
    let files = [plugin, program].into_iter().flatten();
    files
        .filter_map(|f| f.parent().map(PathBuf::from))
        .collect()
}

/// Makes the element available: the installed plugin's, else the one that is linked into this
/// program.
pub fn ensure() -> crate::Result<()> {
    if gst::ElementFactory::find("resnet50").is_none() {
        gstresnet50::plugin_register_static()?;
    }
    Ok(())
}

/// Makes the linked-in element the one that is used, whatever is installed: to measure it against
/// other code of this program, both must be of one build. Only once, before there are elements:
/// those that there are would lose their factory.
pub fn ensure_linked() -> crate::Result<()> {
    let registry = gst::Registry::get();
    if let Some(plugin) = registry.find_plugin("resnet50") {
        registry.remove_plugin(&plugin);
    }
    gstresnet50::plugin_register_static()?;
    Ok(())
}
