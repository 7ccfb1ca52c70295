// SPDX-License-Identifier: MPL-2.0
//! AMD MIGraphX.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const MIGRAPHX: Registration = Registration {
    is_available: ep::MIGraphX::is_available,
    dispatches: |config| {
        let provider = ep::MIGraphX::default().with_device_id(config.device);
        Ok(vec![config.without_options(provider)?.build()])
    },
};
