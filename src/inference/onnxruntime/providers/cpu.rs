// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime's own kernels on the CPU, which every session has without registering them.

use super::registration::Registration;

/// The provider's registration.
pub(super) const CPU: Registration = Registration {
    is_available: || Ok(true),
    dispatches: |config| config.without_options(Vec::new()),
};
