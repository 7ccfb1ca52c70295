// SPDX-License-Identifier: MPL-2.0
//! Static quantization to 8 bits.
//!
//! A real value `r` is stored as the integer `q` with `r = scale * (q - zero_point)`, as in ONNX's
//! `QuantizeLinear`. Weights are symmetric int8 with a scale for each output channel; activations
//! are uint8 with one scale for the tensor, from the values that it takes on real pictures.

mod calibration;
mod histogram;
mod parameters;
mod snr;

pub use calibration::{Calibration, CalibrationError, Scales};
pub use histogram::{Histogram, Method};
pub use parameters::{QuantizationParameters, QuantizedLayer};
pub use snr::Snr;
