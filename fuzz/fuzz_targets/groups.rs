// SPDX-License-Identifier: MPL-2.0
//! Groups of ImageNet's classes.
#![no_main]

use std::sync::LazyLock;

use gstresnet50::postprocess::{Groups, Labels};

libfuzzer_sys::fuzz_target!(|text: &str| {
    static LABELS: LazyLock<Labels> = LazyLock::new(|| Labels::default_for(1000));
    let labels = &*LABELS;
    match Groups::parse(text, "the file", labels) {
        Ok(groups) => {
            let mut sums = Vec::new();
            groups.sum(&[0.001; 1000], &mut sums);
            for index in 0..groups.len() {
                assert!(groups.classes(index).iter().all(|class| *class < 1000));
            }
        }
        Err(error) => gst_plugin_resnet50_fuzz::check_message(&error.to_string()),
    }
});
