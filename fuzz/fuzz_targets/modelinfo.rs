// SPDX-License-Identifier: MPL-2.0
//! The `.modelinfo` beside a model: the name of the input, a line feed, and the file.
#![no_main]

use gstresnet50::inference::Contract;
use gstresnet50::preprocess::{ElementType, Layout};

libfuzzer_sys::fuzz_target!(|contents: &[u8]| {
    let line_feed = contents.iter().position(|byte| *byte == b'\n');
    let (input, file) = contents.split_at(line_feed.map_or(contents.len(), |at| at + 1));
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let input = input.strip_suffix('\n').unwrap_or(input);
    match Contract::parse_modelinfo(file.to_vec(), input) {
        Ok(contract) => {
            let target = contract.target(224, 224, Layout::Nchw, ElementType::F32);
            assert!(target.std.iter().all(|v| v.is_finite() && *v > 0.0));
            assert!(target.mean.iter().all(|v| v.is_finite()));
        }
        // The way to the terminal escapes and cuts what a library says of a file.
        Err(error) => {
            let path = "net.modelinfo".into();
            let error = gstresnet50::inference::ContractError::ModelInfo { path, message: error };
            gst_plugin_resnet50_fuzz::check_message(&error.to_string());
        }
    }
});
