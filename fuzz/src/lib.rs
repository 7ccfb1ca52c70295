// SPDX-License-Identifier: MPL-2.0
//! What the fuzzers have in common.

use bytes::Bytes;
use gstresnet50::resnet50::weights::{ResNet50Weights, parse};

/// Reads a file and everything in it. No tensor may have more elements than the file has bytes.
pub fn check(file: Vec<u8>) {
    let len = file.len();
    match parse(Bytes::from(file)) {
        Ok(dict) => {
            for (_, tensor) in dict.iter() {
                assert!(tensor.len() * tensor.dtype().size() <= len);
                if let Some(values) = tensor.to_f32() {
                    assert_eq!(values.len(), tensor.len());
                }
            }
            if let Err(error) = ResNet50Weights::from_state_dict(&dict) {
                check_message(&error.to_string());
            }
        }
        Err(error) => check_message(&error.to_string()),
    }
}

/// Messages fit on a screen, and do nothing to a terminal.
pub fn check_message(message: &str) {
    assert!(message.len() < 20_000, "{} bytes", message.len());
    assert!(!message.contains(char::is_control), "{message:?}");
}
