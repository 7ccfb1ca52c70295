// SPDX-License-Identifier: MPL-2.0
//! NVIDIA TensorRT. CUDA runs the operations that it cannot run.

use ort::ep::{self, ExecutionProvider as _};

use super::cuda;
use super::registration::Registration;

/// The provider's registration.
pub(super) const TENSORRT: Registration = Registration {
    is_available: ep::TensorRT::is_available,
    dispatches: |config| {
        let provider = ep::TensorRT::default().with_device_id(config.device);
        Ok(vec![
            config.with_options(provider).build(),
            cuda::provider(config.device).build(),
        ])
    },
};
