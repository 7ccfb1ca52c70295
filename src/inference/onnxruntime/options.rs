// SPDX-License-Identifier: MPL-2.0
//! How a session is to run.

use crate::inference::provider::Provider;

/// How a session is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// In the order of preference. If the first one is not available, the next one is used.
    pub providers: Vec<Provider>,
    /// Options for the first provider, by its own names.
    pub provider_options: Vec<(String, String)>,
    /// The number of the device, if the provider has several.
    pub device: i32,
    /// Threads of one inference on the CPU; 0 for as many as there are cores.
    pub threads: usize,
}
