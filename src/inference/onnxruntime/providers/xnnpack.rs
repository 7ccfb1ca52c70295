// SPDX-License-Identifier: MPL-2.0
//! XNNPACK.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const XNNPACK: Registration = Registration {
    is_available: ep::XNNPACK::is_available,
    dispatches: |config| Ok(vec![config.with_options(ep::XNNPACK::default()).build()]),
};
