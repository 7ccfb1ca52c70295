// SPDX-License-Identifier: MPL-2.0
//! AMD ROCm.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const ROCM: Registration = Registration {
    is_available: ep::ROCm::is_available,
    dispatches: |config| {
        Ok(vec![
            config
                .with_options(ep::ROCm::default().with_device_id(config.device))
                .build(),
        ])
    },
};
