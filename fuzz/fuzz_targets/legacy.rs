// SPDX-License-Identifier: MPL-2.0
//! The older format's object, list and storages, behind a magic number and a version that are
//! right.
#![no_main]

libfuzzer_sys::fuzz_target!(|rest: &[u8]| {
    let start = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    gst_plugin_resnet50_fuzz::check([start, rest].concat());
});
