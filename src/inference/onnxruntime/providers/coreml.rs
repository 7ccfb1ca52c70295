// SPDX-License-Identifier: MPL-2.0
//! Apple Core ML.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const COREML: Registration = Registration {
    is_available: ep::CoreML::is_available,
    dispatches: |config| Ok(vec![config.with_options(ep::CoreML::default()).build()]),
};
