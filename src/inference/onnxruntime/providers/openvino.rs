// SPDX-License-Identifier: MPL-2.0
//! Intel OpenVINO.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const OPENVINO: Registration = Registration {
    is_available: ep::OpenVINO::is_available,
    dispatches: |config| Ok(vec![config.with_options(ep::OpenVINO::default()).build()]),
};
