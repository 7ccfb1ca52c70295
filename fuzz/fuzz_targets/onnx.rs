// SPDX-License-Identifier: MPL-2.0
//! Models: what is read off their graphs, and what `inspect` says of them.
#![no_main]

use gstresnet50::inference::Signature;
use gstresnet50::onnx::Model;
use gstresnet50::resnet50;

libfuzzer_sys::fuzz_target!(|file: Vec<u8>| {
    match Model::parse(file.into()) {
        Ok(model) => {
            if let Err(error) = Signature::of(&model) {
                gst_plugin_resnet50_fuzz::check_message(&error.to_string());
            }
            if let Some(graph) = &model.graph {
                let _ = resnet50::size(graph, 224);
                let _ = resnet50::match_architecture(graph);
                gst_plugin_resnet50_fuzz::check_message(&resnet50::precision(graph));
            }
        }
        Err(error) => gst_plugin_resnet50_fuzz::check_message(&error.to_string()),
    }
});
