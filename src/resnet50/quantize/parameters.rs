// SPDX-License-Identifier: MPL-2.0
//! Quantization of activations and of layers.

use crate::resnet50::Layer;

/// Scale and zero point of an activation in 8 bits: `r = scale * (q - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizationParameters {
    /// The difference between two adjacent values.
    pub scale: f32,
    /// The integer for 0, which is exact because padding and ReLUs make many zeros.
    pub zero_point: u8,
}

impl QuantizationParameters {
    /// The 256 values for a range, which is extended to include 0.
    pub fn of_range(min: f32, max: f32) -> Self {
        let (min, max) = (f64::from(min.min(0.0)), f64::from(max.max(0.0)));
        // A tensor that is always 0 needs a scale nevertheless.
        let scale = ((max - min) / 255.0).max(f64::from(f32::MIN_POSITIVE));
        Self {
            scale: scale as f32,
            zero_point: (-min / scale).round_ties_even().clamp(0.0, 255.0) as u8,
        }
    }
}

/// A layer's weights in 8 bits and its biases in 32.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedLayer {
    /// As in the layer, row by row.
    pub weight: Vec<i8>,
    /// One for each output channel.
    pub weight_scale: Vec<f32>,
    /// One for each output channel, in units of the input's scale times the weight's.
    pub bias: Vec<i32>,
}

impl QuantizedLayer {
    /// Quantizes a layer whose input is stored with the scale `input`. `bits` is 8, or 7 for
    /// processors that add two products of 8 bits in 16 with saturation (x86 without VNNI).
    pub fn new(layer: &Layer, input: f32, bits: u32) -> Self {
        let most = ((1 << (bits - 1)) - 1) as f32;
        let mut quantized = Self {
            weight: Vec::with_capacity(layer.weight.len()),
            weight_scale: Vec::with_capacity(layer.bias.len()),
            bias: Vec::with_capacity(layer.bias.len()),
        };
        let filters = layer.weight.chunks_exact(layer.shape[1..].iter().product());
        for (filter, bias) in filters.zip(&layer.bias) {
            let largest = filter.iter().fold(0f32, |m, w| m.max(w.abs()));
            // A channel of tiny weights and a large bias would need more than 32 bits for the bias.
            let least = f64::from(bias.abs()) / (f64::from(input) * f64::from(1u32 << 30));
            let scale = (largest / most).max(least as f32).max(f32::MIN_POSITIVE);
            let store = |w: &f32| (w / scale).round_ties_even().clamp(-most, most) as i8;
            quantized.weight.extend(filter.iter().map(store));
            quantized.weight_scale.push(scale);
            let unit = f64::from(input) * f64::from(scale);
            quantized
                .bias
                .push((f64::from(*bias) / unit).round_ties_even() as i32);
        }
        quantized
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_ranges() {
        let linear = QuantizationParameters::of_range(0.0, 255.0);
        assert_eq!((linear.scale, linear.zero_point), (1.0, 0));
        let linear = QuantizationParameters::of_range(-128.0, 127.0);
        assert_eq!((linear.scale, linear.zero_point), (1.0, 128));
        // 0 is always among the values.
        let linear = QuantizationParameters::of_range(1.0, 2.55);
        assert_eq!((linear.scale, linear.zero_point), (0.01, 0));
        let linear = QuantizationParameters::of_range(0.0, 0.0);
        assert!(linear.scale > 0.0 && linear.zero_point == 0);
    }

    proptest! {
        /// Every value in the range comes back within a step, for the zero point is rounded too.
        #[test]
        fn within_a_step(min in -100f32..=0.0, width in 0.01f32..200.0, part in 0f32..=1.0) {
            let max = min + width;
            let linear = QuantizationParameters::of_range(min, max);
            let value = min + part * width;
            let zero = f32::from(linear.zero_point);
            let stored = (value / linear.scale + zero).round_ties_even().clamp(0.0, 255.0);
            let back = linear.scale * (stored - zero);
            prop_assert!((back - value).abs() <= linear.scale * 1.01, "{value} {back} {linear:?}");
        }

        /// Weights come back within half a step of their own channel's scale, and biases too.
        #[test]
        fn weights(
            weight in prop::collection::vec(-3f32..3.0, 8),
            bias in prop::collection::vec(-1e4f32..1e4, 2),
            input in 1e-6f32..1.0,
            bits in 7u32..=8,
        ) {
            let layer = Layer { shape: vec![2, 4], weight, bias };
            let quantized = QuantizedLayer::new(&layer, input, bits);
            for (i, (w, q)) in layer.weight.iter().zip(&quantized.weight).enumerate() {
                let scale = quantized.weight_scale[i / 4];
                prop_assert!((f32::from(*q) * scale - w).abs() <= scale * 0.501);
                prop_assert!(i32::from(*q).abs() < 1 << (bits - 1));
            }
            for (i, (b, q)) in layer.bias.iter().zip(&quantized.bias).enumerate() {
                let unit = f64::from(input) * f64::from(quantized.weight_scale[i]);
                prop_assert!((f64::from(*q) * unit - f64::from(*b)).abs() <= unit * 0.501);
            }
        }
    }
}
