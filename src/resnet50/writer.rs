// SPDX-License-Identifier: MPL-2.0
//! The network as an ONNX model, its batch norms folded into its convolutions.

use bytes::Bytes;

use super::architecture::{Conv, Parameter, ResNet50};
use crate::onnx::{
    Attribute, CONTRACT_KEY, Dimension, DimensionValue, Graph, Model, Node, OperatorSet, Shape,
    StringEntry, Tensor, TensorType, Type, ValueInfo, attribute_type, data_type,
};

/// torchvision's (and PyTorch's) batch norms add this to the variance.
const EPSILON: f64 = 1e-5;

/// Operators of ONNX 1.12, which every runtime has had for years.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// Pictures a Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// Any number.
    Dynamic,
    /// Always this many.
    Fixed(u32),
}

/// Why no model came of the weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A parameter has another number of values than its shape says.
    #[error("parameter {name} has {found} values, and its shape {shape:?} takes {expected}")]
    WrongLength {
        /// The parameter.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Values that the shape takes.
        expected: usize,
        /// Values that were given.
        found: usize,
    },
}

/// Builds the model. `weights` gives each parameter's values, row by row; `contract` is the JSON
/// for the metadata property `resnet50.contract`.
///
/// The input is `input`, float32 `[batch, 3, 224, 224]`; the output is `output`, float32
/// `[batch, 1000]`: logits.
///
/// # Errors
/// [`WriteError`] if `weights` gives too few or too many values.
pub fn to_onnx(
    network: &ResNet50,
    batch: Batch,
    contract: &str,
    weights: impl FnMut(&Parameter) -> Vec<f32>,
) -> Result<Model, WriteError> {
    let mut writer = Writer {
        weights,
        nodes: Vec::new(),
        initializers: Vec::new(),
    };
    let stem = writer.conv(&network.stem, "input")?;
    let stem = writer.node("Relu", "relu", &[&stem], vec![]);
    let (kernel, stride, padding) = network.pool;
    let mut last = writer.node(
        "MaxPool",
        "maxpool",
        &[&stem],
        window(kernel, stride, padding),
    );

    for block in &network.blocks {
        let mut inside = last.clone();
        for (i, conv) in block.convs.iter().enumerate() {
            inside = writer.conv(conv, &inside)?;
            if i + 1 < block.convs.len() {
                let name = format!("{}.relu{}", block.name, i + 1);
                inside = writer.node("Relu", &name, &[&inside], vec![]);
            }
        }
        let shortcut = match &block.downsample {
            Some(conv) => writer.conv(conv, &last)?,
            None => last,
        };
        let sum = writer.node(
            "Add",
            &format!("{}.add", block.name),
            &[&inside, &shortcut],
            vec![],
        );
        last = writer.node("Relu", &format!("{}.relu3", block.name), &[&sum], vec![]);
    }

    let pooled = writer.node("GlobalAveragePool", "avgpool", &[&last], vec![]);
    let flat = writer.node("Flatten", "flatten", &[&pooled], vec![int("axis", 1)]);
    let fc = &network.classifier;
    let weight = writer.parameter(&format!("{}.weight", fc.name), &[fc.outputs, fc.inputs])?;
    let weight = writer.initializer(
        &format!("{}.weight", fc.name),
        &[fc.outputs, fc.inputs],
        &weight,
    );
    let bias = writer.parameter(&format!("{}.bias", fc.name), &[fc.outputs])?;
    let bias = writer.initializer(&format!("{}.bias", fc.name), &[fc.outputs], &bias);
    writer.node(
        "Gemm",
        "output",
        &[&flat, &weight, &bias],
        vec![int("transB", 1)],
    );

    Ok(Model {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(Graph {
            node: writer.nodes,
            name: network.variant.architecture().into(),
            initializer: writer.initializers,
            input: vec![value("input", batch, &[3, 224, 224])],
            output: vec![value("output", batch, &[fc.outputs as i64])],
        }),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props: vec![StringEntry {
            key: CONTRACT_KEY.into(),
            value: contract.into(),
        }],
    })
}

struct Writer<W> {
    weights: W,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
}

impl<W: FnMut(&Parameter) -> Vec<f32>> Writer<W> {
    fn parameter(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WriteError> {
        let parameter = Parameter {
            name: name.to_owned(),
            shape: shape.to_vec(),
            learned: true,
        };
        let values = (self.weights)(&parameter);
        let expected = shape.iter().product();
        if values.len() != expected {
            return Err(WriteError::WrongLength {
                name: parameter.name,
                shape: parameter.shape,
                expected,
                found: values.len(),
            });
        }
        Ok(values)
    }

    fn initializer(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializers.push(Tensor {
            dims: shape.iter().map(|d| *d as i64).collect(),
            data_type: data_type::FLOAT,
            name: name.to_owned(),
            raw_data: Bytes::from(bytes),
            ..Tensor::default()
        });
        name.to_owned()
    }

    /// A node whose one output has its name.
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

    /// A convolution with its batch norm: `y = (w * x - mean) * scale + bias`, where
    /// `scale = weight / sqrt(variance + epsilon)`, is a convolution with the weights
    /// `w * scale` and the bias `bias - mean * scale`.
    fn conv(&mut self, conv: &Conv, input: &str) -> Result<String, WriteError> {
        let outputs = conv.outputs;
        let shape = [outputs, conv.inputs, conv.kernel, conv.kernel];
        let mut weight = self.parameter(&format!("{}.weight", conv.name), &shape)?;
        let mut norm = |name| self.parameter(&format!("{}.{name}", conv.norm), &[outputs]);
        let (gamma, beta) = (norm("weight")?, norm("bias")?);
        let (mean, variance) = (norm("running_mean")?, norm("running_var")?);

        let scale: Vec<f64> = gamma
            .iter()
            .zip(&variance)
            .map(|(g, v)| f64::from(*g) / (f64::from(*v) + EPSILON).sqrt())
            .collect();
        for (filter, scale) in weight
            .chunks_exact_mut(shape[1..].iter().product())
            .zip(&scale)
        {
            filter
                .iter_mut()
                .for_each(|w| *w = (f64::from(*w) * scale) as f32);
        }
        let bias: Vec<f32> = beta
            .iter()
            .zip(&mean)
            .zip(&scale)
            .map(|((b, m), s)| (f64::from(*b) - f64::from(*m) * s) as f32)
            .collect();

        let weight = self.initializer(&format!("{}.weight", conv.name), &shape, &weight);
        let bias = self.initializer(&format!("{}.bias", conv.name), &[outputs], &bias);
        let attributes = window(conv.kernel, conv.stride, conv.padding());
        Ok(self.node("Conv", &conv.name, &[input, &weight, &bias], attributes))
    }
}

/// The attributes of a window that is the same along both axes.
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

fn value(name: &str, batch: Batch, rest: &[i64]) -> ValueInfo {
    let batch = match batch {
        Batch::Dynamic => DimensionValue::Param("batch".into()),
        Batch::Fixed(n) => DimensionValue::Value(n.into()),
    };
    let dims = std::iter::once(batch).chain(rest.iter().map(|d| DimensionValue::Value(*d)));
    ValueInfo {
        name: name.into(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: data_type::FLOAT,
                shape: Some(Shape {
                    dim: dims.map(|d| Dimension { value: Some(d) }).collect(),
                }),
            }),
        }),
    }
}
