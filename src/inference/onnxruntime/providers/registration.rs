// SPDX-License-Identifier: MPL-2.0
//! What ONNX Runtime has to be told about a provider.

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};

use crate::inference::provider::{Provider, ProviderError};

/// How a provider is registered with a session.
pub(super) struct Registration {
    /// Whether the loaded library was built with the provider.
    pub is_available: fn() -> ort::Result<bool>,
    /// The execution providers that the session registers, in order. Those of the CPU are always
    /// there.
    pub dispatches: fn(&Config<'_>) -> Result<Vec<ExecutionProviderDispatch>, ProviderError>,
}

/// How the user has set a provider.
pub(super) struct Config<'c> {
    pub provider: Provider,
    /// Which of several devices.
    pub device: i32,
    /// The property `provider-options`, by the provider's own names.
    pub options: &'c [(String, String)],
}

impl Config<'_> {
    /// Adds the user's options to a provider, where they override its own.
    pub fn with_options<P: ArbitrarilyConfigurableExecutionProvider>(&self, provider: P) -> P {
        let options = self.options.iter();
        options.fold(provider, |p, (k, v)| p.with_arbitrary_config(k, v))
    }

    /// Refuses options for a provider that takes none.
    ///
    /// # Errors
    /// [`ProviderError::NoOptions`].
    pub fn without_options<P>(&self, provider: P) -> Result<P, ProviderError> {
        match self.options.is_empty() {
            true => Ok(provider),
            false => Err(ProviderError::NoOptions(self.provider)),
        }
    }
}
