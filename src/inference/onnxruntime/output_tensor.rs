// SPDX-License-Identifier: MPL-2.0
//! The outputs of a trial inference.

use half::f16;
use ort::session::RunOptions;
use ort::value::{TensorElementType, ValueType};

use super::input::InputTensor;
use super::memory::reserved;
use crate::inference::error::InferenceError;

/// An output of one inference.
#[derive(Debug, Clone)]
pub(super) struct OutputTensor {
    pub name: String,
    pub shape: Vec<i64>,
    pub data: OutputData,
}

/// The elements of an output.
#[derive(Debug, Clone)]
pub(super) enum OutputData {
    /// 16 bits each if `is_half`, else 32.
    Floats { values: Vec<f32>, is_half: bool },
    /// 64 bits each if `is_wide`, else 32.
    Integers { values: Vec<i64>, is_wide: bool },
    /// A type or size that cannot hold classes, so it is not read.
    Other,
}

impl OutputTensor {
    /// The number of values that an image has in this output of a batch.
    pub fn values_per_image(&self, batch: usize) -> Option<usize> {
        values_per_image(&self.shape, batch)
    }
}

/// Runs one inference and reads all its outputs, in the model's order.
///
/// # Errors
/// [`InferenceError::Failed`].
pub(super) fn infer_all(
    session: &mut ort::session::Session,
    name: &str,
    input: &InputTensor,
    options: &RunOptions,
) -> Result<Vec<OutputTensor>, InferenceError> {
    /// The maximum number of elements of an output that is read.
    const MAX_ELEMENTS: usize = 1 << 26;
    let outputs = match input {
        InputTensor::F32(t) => session.run_with_options(ort::inputs![name => t], options),
        InputTensor::F16(t) => session.run_with_options(ort::inputs![name => t], options),
        InputTensor::U8(t) => session.run_with_options(ort::inputs![name => t], options),
    };
    let outputs = outputs?;
    let mut tensors = Vec::new();
    for (name, value) in outputs.iter() {
        let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
            // It keeps its position.
            tensors.push(OutputTensor {
                name: name.to_owned(),
                shape: Vec::new(),
                data: OutputData::Other,
            });
            continue;
        };
        let shape = shape.to_vec();
        let length = shape.iter().fold(1usize, |length, d| {
            length.saturating_mul(usize::try_from(*d).unwrap_or(0))
        });
        let data = match ty {
            _ if length > MAX_ELEMENTS => OutputData::Other,
            TensorElementType::Float32 => {
                let (_, output) = value.try_extract_tensor::<f32>()?;
                let mut values = reserved(length)?;
                values.extend_from_slice(output);
                OutputData::Floats {
                    values,
                    is_half: false,
                }
            }
            TensorElementType::Float16 => {
                let (_, output) = value.try_extract_tensor::<f16>()?;
                let mut values = reserved(length)?;
                values.extend(output.iter().map(|v| v.to_f32()));
                OutputData::Floats {
                    values,
                    is_half: true,
                }
            }
            TensorElementType::Int64 => {
                let (_, output) = value.try_extract_tensor::<i64>()?;
                OutputData::Integers {
                    values: output.to_vec(),
                    is_wide: true,
                }
            }
            TensorElementType::Int32 => {
                let (_, output) = value.try_extract_tensor::<i32>()?;
                OutputData::Integers {
                    values: output.iter().map(|v| i64::from(*v)).collect(),
                    is_wide: false,
                }
            }
            _ => OutputData::Other,
        };
        tensors.push(OutputTensor {
            name: name.to_owned(),
            shape,
            data,
        });
    }
    Ok(tensors)
}

/// The number of values for an image in an output of this shape. At most one dimension beside the
/// batch may be larger than 1.
fn values_per_image(shape: &[i64], batch: usize) -> Option<usize> {
    let dims: Vec<usize> = shape
        .iter()
        .map(|d| usize::try_from(*d).ok())
        .collect::<Option<_>>()?;
    let rest = match dims[..] {
        [] if batch == 1 => return Some(1),
        // One value for each image; or all values of a single one, whose dimension was squeezed out.
        [n] if n == batch => return Some(1),
        [_] if batch == 1 => &dims[..],
        [first, ref rest @ ..] if first == batch => rest,
        _ if batch == 1 => &dims[..],
        _ => return None,
    };
    let mut large = rest.iter().filter(|d| **d != 1);
    let values = large.next().copied().unwrap_or(1);
    (values > 0 && large.next().is_none()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shapes with one value a class, and others.
    #[test]
    fn values_of_shapes() {
        for (shape, batch, values) in [
            (&[1i64, 1000][..], 1, Some(1000)),
            (&[4, 1000], 4, Some(1000)),
            (&[4, 1000], 1, None),
            (&[1, 1000, 1, 1], 1, Some(1000)),
            (&[2, 1, 1, 7], 2, Some(7)),
            (&[1000], 1, Some(1000)),
            (&[1000], 2, None),
            (&[2], 2, Some(1)),
            (&[2, 1], 2, Some(1)),
            (&[1], 1, Some(1)),
            (&[], 1, Some(1)),
            (&[], 2, None),
            (&[1, 84, 8400], 1, None),
            (&[0, 48], 1, None),
            (&[1, 0], 1, None),
        ] {
            assert_eq!(
                values_per_image(shape, batch),
                values,
                "{shape:?} of {batch}"
            );
        }
    }
}
