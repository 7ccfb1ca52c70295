// SPDX-License-Identifier: MPL-2.0
//! Synthetic weights, which are deterministic: two programs can build the same network without a file
//! of 102 MB. They are not trained, and serve only tests and measurements.

use super::{Batch, FusedWeights, Parameter, Precision, ResNet50, Variant, to_onnx};
use crate::onnx::Model;

/// The synthetic weights of a network.
pub fn synthetic_weights(network: &ResNet50) -> FusedWeights {
    FusedWeights::new(network, synthetic_values)
        .expect("the rule gives as many values as the shape takes")
}

/// The contract of the network with synthetic weights, as JSON. It says that they are not trained.
pub fn synthetic_contract(variant: Variant) -> String {
    serde_json::json!({
        "architecture": variant.architecture(),
        "resize": 256,
        "crop": 224,
        "fit": "crop",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "color": "rgb",
        "output": "logits",
        "labels": "imagenet-1k",
        "source": "deterministic rule, not trained",
        "trained": false,
    })
    .to_string()
}

/// The float32 model with synthetic weights and their contract.
pub fn synthetic_model(variant: Variant, batch: Batch) -> Model {
    let network = ResNet50::new(variant);
    let (weights, contract) = (synthetic_weights(&network), synthetic_contract(variant));
    to_onnx(&network, batch, &contract, &weights, &Precision::Fp32)
}

/// The synthetic values of a parameter.
///
/// The seed is the 64-bit FNV-1a hash of its name; element `i` is the output of splitmix64 after
/// `i + 1` steps from there, whose upper 24 bits make a `u` in `[0, 1)`. The value depends on `u` and on
/// the kind of the parameter, so that activations neither vanish nor explode: convolutions and the
/// last layer are uniform with He's variance, batch norms near the identity. Computed in 64 bits and
/// rounded to 32.
pub fn synthetic_values(parameter: &Parameter) -> Vec<f32> {
    let name = parameter.name.as_str();
    let value: Box<dyn Fn(f64) -> f64> = match parameter.shape[..] {
        [_, inputs, height, width] => {
            let bound = (6.0 / (inputs * height * width) as f64).sqrt();
            Box::new(move |u| (2.0 * u - 1.0) * bound)
        }
        [_, inputs] => {
            let bound = (6.0 / inputs as f64).sqrt();
            Box::new(move |u| (2.0 * u - 1.0) * bound)
        }
        _ if name.ends_with(".running_var") => Box::new(|u| 0.5 + u),
        _ if name.ends_with(".bn3.weight") => Box::new(|u| 0.1 + 0.2 * u),
        _ if name.ends_with(".weight") => Box::new(|u| 0.5 + u),
        // Biases and means.
        _ => Box::new(|u| (u - 0.5) * 0.2),
    };
    let mut state = fnv1a(name.as_bytes());
    (0..parameter.shape.iter().product())
        .map(|_| {
            let u = (splitmix64(&mut state) >> 40) as f64 / f64::from(1u32 << 24);
            value(u) as f32
        })
        .collect()
}

/// FNV-1a of 64 bits (G. Fowler, L. C. Noll, K.-P. Vo).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One step of splitmix64 (S. Vigna).
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The first values of six parameters, made by another program with the same rule.
    #[test]
    fn spots() {
        let text = include_str!("../../tests/data/weight_rule_spots.json");
        let spots: BTreeMap<String, Vec<f32>> = serde_json::from_str(text).expect("spots");
        assert_eq!(spots.len(), 6);
        let parameters = ResNet50::new(Variant::V1_5).parameters();
        for (name, expected) in spots {
            let parameter = parameters
                .iter()
                .find(|p| p.name == name)
                .expect("a parameter");
            assert_eq!(
                synthetic_values(parameter)[..expected.len()],
                expected,
                "{name}"
            );
        }
    }
}
