// SPDX-License-Identifier: MPL-2.0
//! The network as an ONNX model.

use bytes::Bytes;
use half::f16;

use super::architecture::{Conv, ResNet50};
use super::fused_weights::FusedWeights;
use super::quantize::{QuantizationParameters, QuantizedLayer, Scales};
use crate::onnx::{
    Attribute, CONTRACT_KEY, Dimension, DimensionValue, Graph, Model, Node, OperatorSet, Shape,
    StringEntry, Tensor, TensorType, Type, ValueInfo, attribute_type, data_type,
};

/// The opset of ONNX 1.12, which all current runtimes support.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The number of images of an inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// Any number.
    Dynamic,
    /// Always this many.
    Fixed(u32),
}

/// The number format of the network.
#[derive(Debug, Clone, PartialEq)]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// 16-bit floats, including the input and the output.
    Fp16,
    /// 8-bit integers between a `QuantizeLinear` and a `DequantizeLinear`; the input and the
    /// output are 32-bit floats.
    Int8 {
        /// Scales and zero points of the activations.
        scales: Scales,
        /// Bits of a weight, 7 or 8; see [`QuantizedLayer::new`].
        weight_bits: u32,
    },
}

/// Builds the ONNX model. `contract` is the JSON for the metadata property `resnet50.contract`.
///
/// The input is `input`, `[batch, 3, side, side]`; the output is `output`, `[batch, classes]`:
/// logits.
pub fn to_onnx(
    network: &ResNet50,
    batch: Batch,
    contract: &str,
    weights: &FusedWeights,
    precision: &Precision,
) -> Model {
    let float = match precision {
        Precision::Fp16 => data_type::FLOAT16,
        Precision::Fp32 | Precision::Int8 { .. } => data_type::FLOAT,
    };
    let mut writer = Writer {
        weights,
        precision,
        nodes: Vec::new(),
        initializers: Vec::new(),
    };
    writer.network(network);
    let (side, classes) = (network.side as i64, network.classifier.outputs as i64);
    Model {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(Graph {
            node: writer.nodes,
            name: network.variant.architecture().into(),
            initializer: writer.initializers,
            input: vec![value("input", float, batch, &[3, side, side])],
            output: vec![value("output", float, batch, &[classes])],
            ..Graph::default()
        }),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props: vec![StringEntry {
            key: CONTRACT_KEY.into(),
            value: contract.into(),
        }],
        ..Model::default()
    }
}

/// A tensor of the graph.
#[derive(Debug, Clone)]
struct Value {
    name: String,
    /// Its scale and zero point, if it is quantized.
    linear: Option<QuantizationParameters>,
}

struct Writer<'a> {
    weights: &'a FusedWeights,
    precision: &'a Precision,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
}

impl Writer<'_> {
    fn network(&mut self, network: &ResNet50) {
        let input = self.stored("input".into(), "input");
        let stem = self.conv(&network.stem, &input);
        let stem = self.node("Relu", "relu", &[&stem], vec![]);
        let stem = self.stored(stem, "relu");
        let (kernel, stride, padding) = network.pool;
        let window = window(kernel, stride, padding);
        let pooled = self.node("MaxPool", "maxpool", &[&stem.name], window);
        let mut last = self.stored(pooled, "relu");

        for block in &network.blocks {
            let name = |part| format!("{}.{part}", block.name);
            let mut inside = last.clone();
            let [first, second, third] = &block.convs;
            for (conv, relu) in [(first, "relu1"), (second, "relu2")] {
                let sum = self.conv(conv, &inside);
                let relu = name(relu);
                let positive = self.node("Relu", &relu, &[&sum], vec![]);
                inside = self.stored(positive, &relu);
            }
            let inside = self.conv(third, &inside);
            let inside = self.stored(inside, &third.name);
            let shortcut = match &block.downsample {
                Some(conv) => {
                    let shortcut = self.conv(conv, &last);
                    self.stored(shortcut, &conv.name)
                }
                None => last,
            };
            let terms = [inside.name.as_str(), shortcut.name.as_str()];
            let sum = self.node("Add", &name("add"), &terms, vec![]);
            let positive = self.node("Relu", &name("relu3"), &[&sum], vec![]);
            last = self.stored(positive, &name("relu3"));
        }

        let pooled = self.node("GlobalAveragePool", "avgpool", &[&last.name], vec![]);
        let pooled = self.stored(pooled, "avgpool");
        let axis = vec![int("axis", 1)];
        let flat = self.node("Flatten", "flatten", &[&pooled.name], axis);
        let flat = self.stored(flat, "avgpool");
        let [weight, bias] = self.layer(&network.classifier.name, &flat);
        let operands = [flat.name.as_str(), &weight, &bias];
        self.node("Gemm", "output", &operands, vec![int("transB", 1)]);
    }

    fn conv(&mut self, conv: &Conv, input: &Value) -> String {
        let [weight, bias] = self.layer(&conv.name, input);
        let attributes = window(conv.kernel, conv.stride, conv.padding());
        let operands = [input.name.as_str(), &weight, &bias];
        self.node("Conv", &conv.name, &operands, attributes)
    }

    /// Adds a node whose only output has its name.
    fn node(&mut self, op: &str, name: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        self.nodes.push(Node {
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
        name.to_owned()
    }

    /// The tensor `name` as the input of the next layer; with 8 bits it is quantized and dequantized
    /// with the scale of `activation`.
    fn stored(&mut self, name: String, activation: &str) -> Value {
        let Precision::Int8 { scales, .. } = self.precision else {
            return Value { name, linear: None };
        };
        let linear = scales.of(activation);
        let scale = self.floats(&format!("{name}.scale"), &[], &[linear.scale]);
        let zero = format!("{name}.zero_point");
        let zero = self.initializer(&zero, &[], data_type::UINT8, vec![linear.zero_point]);
        let stored = format!("{name}.quantized");
        self.node("QuantizeLinear", &stored, &[&name, &scale, &zero], vec![]);
        let back = dequantized(&name);
        self.node("DequantizeLinear", &back, &[&stored, &scale, &zero], vec![]);
        Value {
            name: back,
            linear: Some(linear),
        }
    }

    /// The weights and biases of a layer that takes `input`.
    fn layer(&mut self, name: &str, input: &Value) -> [String; 2] {
        let layer = self.weights.layer(name);
        let outputs = [layer.bias.len()];
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let (Precision::Int8 { weight_bits, .. }, Some(linear)) = (self.precision, input.linear)
        else {
            let weight = self.floats(&weight, &layer.shape, &layer.weight);
            return [weight, self.floats(&bias, &outputs, &layer.bias)];
        };
        let quantized = QuantizedLayer::new(layer, linear.scale, *weight_bits);
        let scales = quantized.weight_scale;
        let bias_scales: Vec<f32> = scales.iter().map(|s| s * linear.scale).collect();
        let bytes = quantized.weight.iter().map(|w| *w as u8).collect();
        let words = quantized
            .bias
            .iter()
            .flat_map(|b| b.to_le_bytes())
            .collect();
        [
            self.channels(&weight, &layer.shape, data_type::INT8, bytes, &scales),
            self.channels(&bias, &outputs, data_type::INT32, words, &bias_scales),
        ]
    }

    /// A constant of integers, symmetric around 0, with a scale for each channel of its first axis.
    fn channels(
        &mut self,
        name: &str,
        shape: &[usize],
        elem_type: i32,
        bytes: Vec<u8>,
        scales: &[f32],
    ) -> String {
        let stored = self.initializer(name, shape, elem_type, bytes);
        let scale = self.floats(&format!("{name}.scale"), &[scales.len()], scales);
        let size = if elem_type == data_type::INT8 { 1 } else { 4 };
        let zeros = vec![0; size * scales.len()];
        let zero = format!("{name}.zero_point");
        let zero = self.initializer(&zero, &[scales.len()], elem_type, zeros);
        let operands = [stored.as_str(), &scale, &zero];
        let back = dequantized(name);
        self.node("DequantizeLinear", &back, &operands, vec![int("axis", 0)])
    }

    /// A constant of the floats that the network computes with.
    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let largest = f16::MAX.to_f32();
        let (elem_type, bytes) = match self.precision {
            Precision::Fp16 => {
                // A value out of range would become infinite.
                let short = |v: &f32| f16::from_f32(v.clamp(-largest, largest)).to_le_bytes();
                let bytes = values.iter().flat_map(short).collect();
                (data_type::FLOAT16, bytes)
            }
            Precision::Fp32 | Precision::Int8 { .. } => {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (data_type::FLOAT, bytes)
            }
        };
        self.initializer(name, shape, elem_type, bytes)
    }

    fn initializer(&mut self, name: &str, shape: &[usize], elem_type: i32, b: Vec<u8>) -> String {
        self.initializers.push(Tensor {
            dims: shape.iter().map(|d| *d as i64).collect(),
            data_type: elem_type,
            name: name.to_owned(),
            raw_data: Bytes::from(b),
            ..Tensor::default()
        });
        name.to_owned()
    }
}

/// The name of a tensor after quantization.
pub fn dequantized(name: &str) -> String {
    format!("{name}.dequantized")
}

/// The attributes of a window that is equal along both axes.
fn window(kernel: usize, stride: usize, padding: usize) -> Vec<Attribute> {
    let ints = |name: &str, value: usize, count| Attribute {
        name: name.into(),
        ints: vec![value as i64; count],
        r#type: attribute_type::INTS,
        ..Attribute::default()
    };
    vec![
        ints("kernel_shape", kernel, 2),
        ints("strides", stride, 2),
        ints("pads", padding, 4),
    ]
}

fn int(name: &str, i: i64) -> Attribute {
    Attribute {
        name: name.into(),
        i,
        r#type: attribute_type::INT,
        ..Attribute::default()
    }
}

fn value(name: &str, elem_type: i32, batch: Batch, rest: &[i64]) -> ValueInfo {
    let batch = match batch {
        Batch::Dynamic => DimensionValue::Param("batch".into()),
        Batch::Fixed(n) => DimensionValue::Value(n.into()),
    };
    let dims = std::iter::once(batch).chain(rest.iter().map(|d| DimensionValue::Value(*d)));
    ValueInfo {
        name: name.into(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type,
                shape: Some(Shape {
                    dim: dims.map(|d| Dimension { value: Some(d) }).collect(),
                }),
            }),
        }),
    }
}
