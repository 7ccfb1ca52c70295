// SPDX-License-Identifier: MPL-2.0
//! What the user sets about a model.

/// What the user sets about a model, for what the model itself leaves open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelOverrides {
    /// The name of the output to read; `None` for the one that seems to hold the classes.
    pub output: Option<String>,
    /// Width in pixels of an input whose size the graph leaves open; 0: as its contract says.
    pub width: u32,
    /// Height in pixels, likewise.
    pub height: u32,
    /// The number of labels, which helps to choose between several outputs.
    pub labels: Option<usize>,
}
