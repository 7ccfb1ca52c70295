// SPDX-License-Identifier: MPL-2.0
//! Intel oneDNN.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const ONEDNN: Registration = Registration {
    is_available: ep::OneDNN::is_available,
    dispatches: |config| Ok(vec![config.with_options(ep::OneDNN::default()).build()]),
};
