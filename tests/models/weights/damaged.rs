// SPDX-License-Identifier: MPL-2.0
//! Headers that promise too much, and files with errors anywhere.

use bytes::Bytes;
use gstresnet50::resnet50::weights::{parse, read};
use proptest::prelude::*;

use super::{bytes, error};

/// Made by `tests/data/weights/make.py` with PyTorch.
const TORCH: [&str; 10] = [
    "zip.pth",
    "zip_protocol1.pth",
    "zip_protocol3.pth",
    "zip_protocol4.pth",
    "zip_protocol5.pth",
    "legacy.pth",
    "checkpoint.pth",
    "checkpoint_legacy.pth",
    "model.pth",
    "expanded.pth",
];

/// Headers in JSON that promise too much.
#[test]
fn safetensors_headers() {
    let file = |header: &str, numbers: usize| {
        let len = (header.len() as u64).to_le_bytes();
        [&len[..], header.as_bytes(), &vec![0; numbers]].concat()
    };
    let one = r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let fine = format!(r#"{{"w":{one}}}"#);
    assert!(parse(file(&fine, 8).into()).is_ok());
    assert_eq!(
        error(file(&format!(r#"{{"w":{one},"w":{one}}}"#), 8)),
        "the header of the safetensors file has \"w\" twice"
    );
    let part = "the header of the safetensors file";
    for (header, numbers) in [
        (fine.as_str(), 7),
        (&fine, 9),
        (
            r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            8,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
            8,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            8,
        ),
        (
            r#"{"w":{"dtype":"os.system","shape":[2],"data_offsets":[0,8]}}"#,
            8,
        ),
        (r#"{"w":"#, 8),
        (r#"{"w":[]}"#, 0),
    ] {
        let error = error(file(header, numbers));
        assert!(error.starts_with(part), "{header}: {error}");
    }
    let nested = format!(r#"{{"w":{}}}"#, "[".repeat(100_000));
    assert!(error(file(&nested, 0)).starts_with(part));
    let mut long = file(&fine, 8);
    long[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert_eq!(
        error(long),
        "the header of the safetensors file has 1099511627776 bytes, and 16777216 are the limit"
    );
    let mut long = file(&fine, 8);
    long[..8].copy_from_slice(&1000u64.to_le_bytes());
    assert_eq!(
        error(long),
        format!(
            "the header of the safetensors file is cut off: 1000 bytes expected, {} found",
            fine.len() + 8
        )
    );
}

/// Other files.
#[test]
fn unknown_files() {
    assert_eq!(
        error(b"<!DOCTYPE html>\n<html>".to_vec()),
        "neither a file of torch.save (zip or the older stream) nor safetensors: it starts with \
         \"<!DOCTYPE html>\\n\""
    );
    assert!(error(Vec::new()).ends_with("it starts with \"\""));
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(
        error(tar),
        "a tar archive, as PyTorch before 0.1.10 wrote it: load it with PyTorch and save it again"
    );
    let missing = read("/nonexistent/x.pth").expect_err("no file").to_string();
    assert!(
        missing.starts_with("/nonexistent/x.pth cannot be read: "),
        "{missing}"
    );
    let folder = read(env!("CARGO_MANIFEST_DIR")).expect_err("a folder");
    assert!(
        folder.to_string().ends_with("it is not a regular file"),
        "{folder}"
    );
}

/// Every file is refused when it is cut off, wherever.
#[test]
fn truncated() {
    for name in TORCH.iter().chain(&["kinds.safetensors"]) {
        let file = Bytes::from(bytes(name));
        for len in 0..file.len() {
            assert!(parse(file.slice(..len)).is_err(), "{name} of {len} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Bytes that changed on the way never end the program, and never make numbers that are not in
    /// the file.
    #[test]
    fn mutations(
        file in prop::sample::select(TORCH.iter().chain(&["kinds.safetensors"]).collect::<Vec<_>>()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut file = bytes(file);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let len = file.len();
        if let Ok(dict) = parse(file.into()) {
            for (name, tensor) in dict.iter() {
                prop_assert!(tensor.len() * tensor.dtype().size() <= len, "{name}");
                if let Some(values) = tensor.to_f32() {
                    prop_assert_eq!(values.len(), tensor.len());
                }
            }
        }
    }
}

/// A safetensors file is one whatever the length that it begins with looks like: 128, the first
/// byte of a pickle, or the start of a zip archive.
#[test]
fn safetensors_like_a_pickle() {
    let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let header = format!("{header:128}");
    let file = [
        &128u64.to_le_bytes(),
        header.as_bytes(),
        &1.5f32.to_le_bytes(),
    ]
    .concat();
    let dict = parse(file.into()).expect("a state dict");
    assert_eq!(dict.get_f32("w").expect("floats"), [1.5]);
}
