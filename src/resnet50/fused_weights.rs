// SPDX-License-Identifier: MPL-2.0
//! The weights of the network, with the batch norms fused into the convolutions.

use std::collections::BTreeMap;

use super::architecture::{Conv, Parameter, ResNet50};
use crate::onnx::{Graph, Tensor, data_type};

/// What the batch norms of PyTorch add to the variance.
const EPSILON: f64 = 1e-5;

/// The weights and biases of a convolution or of the last layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The shape of the weights: `[outputs, inputs, kernel, kernel]` or `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// The weights, in row-major order.
    pub weight: Vec<f32>,
    /// The bias of each output.
    pub bias: Vec<f32>,
}

/// The weights of all layers, by the layer's name: `conv1`, `layer1.0.conv1` … `fc`.
#[derive(Debug, Clone, PartialEq)]
pub struct FusedWeights {
    layers: BTreeMap<String, Layer>,
}

/// Why there are no weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FuseError {
    /// A parameter has another number of values than its shape.
    #[error("parameter {name} has {found} value{}, and its shape {shape:?} takes {expected}", if *.found == 1 { "" } else { "s" })]
    WrongLength {
        /// The parameter.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The number of values for the shape.
        expected: usize,
        /// The number of values found.
        found: usize,
    },
    /// A graph has no such constant of 32-bit floats.
    #[error("it has no float32 constant “{name}” of shape {shape:?}")]
    Missing {
        /// The constant.
        name: String,
        /// The shape that it must have.
        shape: Vec<usize>,
    },
}

impl FusedWeights {
    /// Fuses the parameters of a state dict. `weights` returns the values of a parameter in row-major
    /// order.
    ///
    /// # Errors
    /// [`FuseError::WrongLength`] if `weights` gives too few or too many values.
    pub fn new(
        network: &ResNet50,
        mut weights: impl FnMut(&Parameter) -> Vec<f32>,
    ) -> Result<Self, FuseError> {
        let mut get = |name: String, shape: &[usize]| {
            let parameter = Parameter {
                name,
                shape: shape.to_vec(),
                learned: true,
            };
            let values = weights(&parameter);
            let expected = shape.iter().product();
            if values.len() == expected {
                return Ok(values);
            }
            Err(FuseError::WrongLength {
                name: parameter.name,
                shape: parameter.shape,
                expected,
                found: values.len(),
            })
        };
        let mut layers = BTreeMap::new();
        for conv in network.convs() {
            layers.insert(conv.name.clone(), fold(conv, &mut get)?);
        }
        let fc = &network.classifier;
        let shape = vec![fc.outputs, fc.inputs];
        let layer = Layer {
            weight: get(format!("{}.weight", fc.name), &shape)?,
            bias: get(format!("{}.bias", fc.name), &shape[..1])?,
            shape,
        };
        layers.insert(fc.name.clone(), layer);
        Ok(Self { layers })
    }

    /// Reads the weights of a graph that [`to_onnx`](super::to_onnx) wrote in float32.
    ///
    /// # Errors
    /// [`FuseError::Missing`] if it is another graph.
    pub fn from_graph(network: &ResNet50, graph: &Graph) -> Result<Self, FuseError> {
        let constants: BTreeMap<&str, &Tensor> = graph
            .initializer
            .iter()
            .map(|t| (t.name.as_str(), t))
            .collect();
        let get = |name: String, shape: &[usize]| {
            let dims: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
            let tensor = constants.get(name.as_str()).filter(|t| {
                t.data_type == data_type::FLOAT
                    && t.dims == dims
                    && t.raw_data.len() == 4 * shape.iter().product::<usize>()
            });
            let values = tensor.map(|t| {
                let (values, _) = t.raw_data.as_chunks::<4>();
                values.iter().map(|b| f32::from_le_bytes(*b)).collect()
            });
            let shape = shape.to_vec();
            values.ok_or(FuseError::Missing { name, shape })
        };
        let fc = &network.classifier;
        let shapes = network
            .convs()
            .map(|c| (&c.name, vec![c.outputs, c.inputs, c.kernel, c.kernel]))
            .chain([(&fc.name, vec![fc.outputs, fc.inputs])]);
        let mut layers = BTreeMap::new();
        for (name, shape) in shapes {
            let layer = Layer {
                weight: get(format!("{name}.weight"), &shape)?,
                bias: get(format!("{name}.bias"), &shape[..1])?,
                shape,
            };
            layers.insert(name.clone(), layer);
        }
        Ok(Self { layers })
    }

    /// The weights of a layer.
    ///
    /// # Panics
    /// If the network has no layer of that name; both variants have the same.
    pub fn layer(&self, name: &str) -> &Layer {
        &self.layers[name]
    }
}

/// A convolution with its batch norm: `y = (w * x - mean) * scale + bias`, where
/// `scale = weight / sqrt(variance + epsilon)`, is a convolution with the weights `w * scale` and
/// the bias `bias - mean * scale`.
fn fold<E>(
    conv: &Conv,
    get: &mut impl FnMut(String, &[usize]) -> Result<Vec<f32>, E>,
) -> Result<Layer, E> {
    let shape = vec![conv.outputs, conv.inputs, conv.kernel, conv.kernel];
    let mut weight = get(format!("{}.weight", conv.name), &shape)?;
    let mut norm = |name| get(format!("{}.{name}", conv.norm), &[conv.outputs]);
    let (gamma, beta) = (norm("weight")?, norm("bias")?);
    let (mean, variance) = (norm("running_mean")?, norm("running_var")?);

    let scale: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(g, v)| f64::from(*g) / (f64::from(*v) + EPSILON).sqrt())
        .collect();
    let filters = weight.chunks_exact_mut(shape[1..].iter().product());
    for (filter, scale) in filters.zip(&scale) {
        filter
            .iter_mut()
            .for_each(|w| *w = (f64::from(*w) * scale) as f32);
    }
    let bias = beta
        .iter()
        .zip(&mean)
        .zip(&scale)
        .map(|((b, m), s)| (f64::from(*b) - f64::from(*m) * s) as f32)
        .collect();
    Ok(Layer {
        shape,
        weight,
        bias,
    })
}
