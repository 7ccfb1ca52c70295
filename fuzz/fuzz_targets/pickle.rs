// SPDX-License-Identifier: MPL-2.0
//! Pickles in an archive that is right, with storages of 0, 64 and 256 bytes called 0, 1 and 2.
#![no_main]

fn entry(file: &mut Vec<u8>, directory: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let start = file.len() as u32;
    let mut fields = vec![0; 14];
    fields.extend((bytes.len() as u32).to_le_bytes());
    fields.extend((bytes.len() as u32).to_le_bytes());
    fields.extend((name.len() as u16).to_le_bytes());
    fields.extend([0; 2]);
    file.extend(b"PK\x03\x04");
    file.extend(&fields);
    file.extend(name.as_bytes());
    file.extend(bytes);
    directory.extend(b"PK\x01\x02\0\0");
    directory.extend(fields);
    directory.extend([0; 10]);
    directory.extend(start.to_le_bytes());
    directory.extend(name.as_bytes());
}

libfuzzer_sys::fuzz_target!(|pickle: &[u8]| {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let entries: [(&str, &[u8]); 4] = [
        ("a/data.pkl", pickle),
        ("a/data/0", &[]),
        ("a/data/1", &[1; 64]),
        ("a/data/2", &[2; 256]),
    ];
    for (name, bytes) in entries {
        entry(&mut file, &mut directory, name, bytes);
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0\x04\0\x04\0");
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    gst_plugin_resnet50_fuzz::check(file);
});
