// SPDX-License-Identifier: MPL-2.0
//! Files of any format.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: Vec<u8>| gst_plugin_resnet50_fuzz::check(file));
