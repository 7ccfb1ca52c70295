// SPDX-License-Identifier: MPL-2.0
//! The intervals of constants in a graph.

use half::f16;

use super::interval::Interval;
use crate::onnx::{Attribute, MAX_OUTLINE_DATA, Tensor, data_type};

/// The interval of the value of a `Constant` node's attribute.
pub(super) fn of_attribute(attribute: &Attribute) -> Interval {
    match attribute.name.as_str() {
        "value_float" => Interval::constant(attribute.f.into(), attribute.f.into()),
        "value_int" => Interval::constant(attribute.i as f64, attribute.i as f64),
        "value_floats" => of_numbers(attribute.floats.iter().map(|v| f64::from(*v))),
        "value_ints" => of_numbers(attribute.ints.iter().map(|v| *v as f64)),
        _ => attribute.t.as_ref().map_or(Interval::ANY, of_tensor),
    }
}

/// The interval of a constant tensor's elements. Large ones, which are weights, are not read.
pub(super) fn of_tensor(tensor: &Tensor) -> Interval {
    const MAX_ELEMENTS: usize = 1 << 16;
    let raw = &tensor.raw_data[..];
    if raw.len() as u64 > MAX_OUTLINE_DATA
        || tensor.float_data.len() > MAX_ELEMENTS
        || tensor.int64_data.len() > MAX_ELEMENTS
    {
        return Interval::ANY;
    }
    match tensor.data_type {
        data_type::FLOAT if raw.is_empty() => {
            of_numbers(tensor.float_data.iter().map(|v| f64::from(*v)))
        }
        data_type::FLOAT => of_numbers(
            raw.as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b).into()),
        ),
        data_type::DOUBLE => of_numbers(raw.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b))),
        data_type::FLOAT16 => of_numbers(
            raw.as_chunks()
                .0
                .iter()
                .map(|b| f16::from_le_bytes(*b).to_f64()),
        ),
        data_type::INT64 => of_numbers(tensor.integers().into_iter().map(|v| v as f64)),
        data_type::INT32 => of_numbers(
            raw.as_chunks()
                .0
                .iter()
                .map(|b| i32::from_le_bytes(*b).into()),
        ),
        data_type::BOOL | data_type::UINT8 => of_numbers(raw.iter().map(|b| f64::from(*b))),
        _ => Interval::ANY,
    }
}

fn of_numbers(numbers: impl Iterator<Item = f64>) -> Interval {
    let mut interval: Option<Interval> = None;
    for number in numbers {
        if number.is_nan() {
            return Interval::ANY;
        }
        let one = Interval::constant(number, number);
        interval = Some(interval.map_or(one, |r| r.or(one)));
    }
    // Empty, or stored in a field that is not read here.
    interval.unwrap_or(Interval::ANY)
}
