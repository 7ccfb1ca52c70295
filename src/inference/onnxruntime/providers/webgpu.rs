// SPDX-License-Identifier: MPL-2.0
//! WebGPU.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const WEBGPU: Registration = Registration {
    is_available: ep::WebGPU::is_available,
    dispatches: |config| Ok(vec![config.with_options(ep::WebGPU::default()).build()]),
};
