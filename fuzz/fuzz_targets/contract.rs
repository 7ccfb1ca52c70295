// SPDX-License-Identifier: MPL-2.0
//! The contract in a model's metadata, and what pre-processing makes of it.
#![no_main]

use gstresnet50::inference::Contract;
use gstresnet50::preprocess::{ElementType, Layout};

libfuzzer_sys::fuzz_target!(|json: &str| {
    match Contract::from_json(json) {
        Ok(contract) => {
            let target = contract.target(224, 224, Layout::Nchw, ElementType::F32);
            assert!(target.std.iter().all(|v| v.is_finite() && *v > 0.0));
            assert!(target.mean.iter().all(|v| v.is_finite()));
        }
        Err(error) => gst_plugin_resnet50_fuzz::check_message(&error.to_string()),
    }
});
