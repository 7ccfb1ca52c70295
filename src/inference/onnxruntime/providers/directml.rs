// SPDX-License-Identifier: MPL-2.0
//! Microsoft DirectML.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const DIRECTML: Registration = Registration {
    is_available: ep::DirectML::is_available,
    dispatches: |config| {
        let provider = ep::DirectML::default().with_device_id(config.device);
        Ok(vec![config.without_options(provider)?.build()])
    },
};
