// SPDX-License-Identifier: MPL-2.0
//! The options of a classifier, as plain values.

use std::path::PathBuf;

use crate::postprocess::Activation;
use crate::preprocess::{ColorOrder, Fit};

/// What is to be loaded and how. Whatever is unset is taken from the model's contract, else from
/// its graph, else from the defaults of ImageNet.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// An ONNX file, a `file://` URI or `builtin:efficientnet-lite0`. Unset: `$RESNET50_MODEL`,
    /// then the model that is installed.
    pub model: Option<PathBuf>,
    /// The names of the classes.
    pub names: NameOptions,
    /// The model's input and output.
    pub tensors: TensorOptions,
    /// What runs it.
    pub engine: EngineSettings,
}

/// The names of classes and groups, and the options of the decision.
#[derive(Debug, Clone, Default)]
pub struct NameOptions {
    /// File of class names.
    pub labels: Option<PathBuf>,
    /// File of groups of classes, or [`IMAGENET_GROUPS`].
    pub groups: Option<PathBuf>,
    /// Labels and groups, separated by commas, that the decision is limited to.
    pub allow: Option<String>,
    /// Labels and groups, separated by commas, that are ignored in the decision.
    pub deny: Option<String>,
    /// Whether a decision is made from the results over time.
    pub decides: bool,
}

/// Value of [`NameOptions::groups`] for the groups that the plugin carries.
pub const IMAGENET_GROUPS: &str = "imagenet-groups";

/// The model's input and output.
#[derive(Debug, Clone, Default)]
pub struct TensorOptions {
    /// Name of the output that is read.
    pub output: Option<String>,
    /// What turns the output into confidences.
    pub activation: Option<Activation>,
    /// Columns of the input where the graph leaves them open; 0: unset.
    pub width: u32,
    /// Rows of the input where the graph leaves them open; 0: unset.
    pub height: u32,
    /// How a picture is fitted to the size of the input.
    pub fit: Option<Fit>,
    /// Pixels of the shorter side before the crop; 0: unset.
    pub resize: u32,
    /// Mean of red, green and blue, where white is 1. Elements that are no numbers are NaN.
    pub mean: Option<Vec<f64>>,
    /// Standard deviation of red, green and blue, where white is 1.
    pub std: Option<Vec<f64>>,
    /// Order of the input's channels.
    pub color_order: Option<ColorOrder>,
}

/// What runs the model.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Path of ONNX Runtime's library; unset: it is looked for.
    pub runtime_library: Option<PathBuf>,
    /// Execution providers in order of preference, separated by commas.
    pub provider: String,
    /// Options of the first provider, by its own names for them.
    pub provider_options: Vec<(String, String)>,
    /// Index of the provider's device, from 0.
    pub device_id: i32,
    /// Threads of one inference; 0: chosen from the number of cores.
    pub threads: usize,
    /// Inferences that may run at the same time; 0: chosen from the number of cores.
    pub sessions: usize,
    /// Maximum number of pictures in one inference.
    pub batch_size: usize,
    /// Whether one picture is inferred at a time, on all cores.
    pub single: bool,
    /// Whether the engine is shared with others of equal settings in this process.
    pub share: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            runtime_library: None,
            provider: "cpu".into(),
            provider_options: Vec::new(),
            device_id: 0,
            threads: 0,
            sessions: 0,
            batch_size: 1,
            single: false,
            share: false,
        }
    }
}
