// SPDX-License-Identifier: MPL-2.0
//! The number format of a network.

use std::collections::{BTreeSet, HashMap};

use super::index::{Index, tensors};
use crate::onnx::{Graph, data_type};

/// The numbers that a network computes with, `fp32`, `fp16`, `bf16` or `int8`, from the types of the
/// weights of its convolutions and matrix products; several if they differ.
pub fn precision(graph: &Graph) -> String {
    let index = Index::new(graph);
    let types: HashMap<&str, i32> = tensors(graph)
        .map(|(name, t)| (name, t.data_type))
        .collect();
    let mut found = BTreeSet::new();
    for node in &graph.node {
        let place = match node.op_type.as_str() {
            "Conv" | "FusedConv" | "Gemm" | "MatMul" | "ConvInteger" | "MatMulInteger" => 1,
            "QLinearConv" | "QLinearMatMul" | "QGemm" => 3,
            _ => continue,
        };
        let Some(mut name) = node.input.get(place) else {
            continue;
        };
        // Dequantized weights count as they are stored.
        if let Some(source) = index.producers.get(name.as_str())
            && source.op_type == "DequantizeLinear"
            && let Some(input) = source.input.first()
        {
            name = input;
        }
        found.insert(match types.get(name.as_str()).copied() {
            Some(data_type::FLOAT) => "fp32",
            Some(data_type::FLOAT16) => "fp16",
            Some(data_type::BFLOAT16) => "bf16",
            Some(data_type::INT8 | data_type::UINT8) => "int8",
            _ => "unknown",
        });
    }
    found.into_iter().collect::<Vec<_>>().join(", ")
}
