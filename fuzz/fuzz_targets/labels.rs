// SPDX-License-Identifier: MPL-2.0
//! Files of class names in all forms.
#![no_main]

use std::path::Path;

use gstresnet50::postprocess::Labels;

libfuzzer_sys::fuzz_target!(|contents: &[u8]| {
    for classes in [1, 2, 3, 1000] {
        match Labels::parse(Path::new("labels"), contents.to_vec(), classes) {
            Ok(labels) => assert_eq!(labels.names().len(), classes),
            Err(error) => gst_plugin_resnet50_fuzz::check_message(&error.to_string()),
        }
    }
});
