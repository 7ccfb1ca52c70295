// SPDX-License-Identifier: MPL-2.0
//! A loaded model: its contract in effect, frames to tensors, and scores to results. It knows nothing
//! of pads and elements.
//!
//! [`Loaded::load`] reads the model, starts the engine that runs it and makes a [`Classifier`],
//! which fills tensors and reads scores. [`Plan`] is how the model is used: pre-processing, output,
//! activation.

mod classify;
mod convert;
mod decision;
mod error;
mod info;
mod layout;
mod load;
mod names;
mod options;
mod plan;
mod pool;
mod target;

pub use classify::{Classifier, Frame, FrameResult, ResultOptions};
pub use convert::SharedConversion;
pub use decision::{DecisionRule, DecisionSample};
pub use error::Error;
pub use load::{Loaded, check};
pub use names::Names;
pub use options::{EngineSettings, IMAGENET_GROUPS, NameOptions, Options, TensorOptions};
pub use plan::{Plan, count_labels};
