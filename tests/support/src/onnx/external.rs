// SPDX-License-Identifier: MPL-2.0
//! A model whose numbers are in a file beside it.

use std::path::{Path, PathBuf};

use gstresnet50::onnx::StringEntry;
use prost::Message;

use super::Net;

/// A tensor whose numbers are in a file beside the model.
#[derive(Clone, PartialEq, Message)]
struct ExternalTensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringEntry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ExternalGraph {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<ExternalTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct ExternalModel {
    #[prost(message, optional, tag = "7")]
    graph: Option<ExternalGraph>,
}

/// Writes a model that gives the same `classes` logits for every picture, which are in the file
/// `place` beside it.
pub fn write_external(folder: &Path, name: &str, classes: usize, place: &str) -> PathBuf {
    let mut model = Net::constant(vec![0.0; classes]).model();
    let tensors = &mut model.graph.as_mut().expect("a graph").initializer;
    let position = tensors.iter().position(|tensor| tensor.name == "logits");
    let logits = tensors.remove(position.expect("it is a constant net's"));
    let outside = ExternalTensor {
        dims: logits.dims,
        data_type: logits.data_type,
        name: logits.name,
        external_data: vec![StringEntry {
            key: "location".into(),
            value: place.into(),
        }],
        data_location: 1,
    };
    // Two messages one behind the other are one with the fields of both.
    let mut bytes = model.encode_to_vec();
    bytes.extend(
        ExternalModel {
            graph: Some(ExternalGraph {
                initializer: vec![outside],
            }),
        }
        .encode_to_vec(),
    );
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a model file");
    path
}

/// Puts logits of which class `best` is the greatest where [`write_external`] looks for them, as
/// files in use are to be replaced: in one step.
pub fn write_logits(file: &Path, classes: usize, best: usize) {
    let logits = (0..classes).map(|class| if class == best { 9f32 } else { 0.0 });
    let bytes: Vec<u8> = logits.flat_map(f32::to_le_bytes).collect();
    let new = file.with_extension("new");
    std::fs::write(&new, bytes).expect("written");
    std::fs::rename(new, file).expect("it takes the place of the old one");
}
