// SPDX-License-Identifier: MPL-2.0
//! From the model's output to a result: activation, top-k, labels, groups and decisions. Pure functions
//! and small state machines, independent of GStreamer and ONNX Runtime.

mod categories;
mod decision;
mod groups;
mod label_file;
mod labels;
mod names;
mod object_tracker;
mod scores;

pub use categories::{Categories, CategoriesError};
pub use decision::{DecisionFilter, DecisionSettings, FilteredDecision};
pub use groups::{Groups, GroupsError};
pub use label_file::FormError;
pub use labels::{Labels, LabelsError};
pub use object_tracker::{Detection, ObjectTracker};
pub use scores::{Activation, NotFinite, Score, confidences, top_k};
