// SPDX-License-Identifier: MPL-2.0
//! Qualcomm AI Engine Direct.

use ort::ep::{self, ExecutionProvider as _};

use super::registration::Registration;

/// The provider's registration.
pub(super) const QNN: Registration = Registration {
    is_available: ep::QNN::is_available,
    dispatches: |config| Ok(vec![config.with_options(ep::QNN::default()).build()]),
};
