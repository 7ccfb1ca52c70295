// SPDX-License-Identifier: MPL-2.0
//! Headers of safetensors with the right length, and as many numbers behind as the first byte says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((numbers, header)) = input.split_first() else {
        return;
    };
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(std::iter::repeat_n(1, usize::from(*numbers)));
    gst_plugin_resnet50_fuzz::check(file);
});
