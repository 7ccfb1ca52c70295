// SPDX-License-Identifier: MPL-2.0
//! NVIDIA CUDA.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const CUDA: Registration = Registration {
    is_available: ep::CUDA::is_available,
    dispatches: |config| Ok(vec![config.with_options(provider(config.device)).build()]),
};

/// The provider with our defaults.
///
/// TF32 is ONNX Runtime's own default, and set here so that it stays so: it changes the third or
/// fourth digit of a logit and triples the speed. The heuristic search saves the first inference the
/// seconds that it takes to try every convolution.
pub(super) fn provider(device: i32) -> ep::CUDA {
    ep::CUDA::default()
        .with_device_id(device)
        .with_tf32(true)
        .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
}
