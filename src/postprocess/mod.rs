// SPDX-License-Identifier: MPL-2.0
//! From the model's output to a result: activation, top-k, labels, groups and decisions. Pure functions
//! and small state machines, independent of GStreamer and ONNX Runtime.

mod candidates;
mod decision;
mod groups;
mod label_file;
mod labels;
mod names;
mod objects;
mod scores;

pub use candidates::{Candidates, CandidatesError};
pub use decision::{Decided, Decider, Policy};
pub use groups::{Groups, GroupsError};
pub use label_file::FormError;
pub use labels::{Labels, LabelsError};
pub use objects::{Detection, Objects};
pub use scores::{Activation, NotFinite, Score, confidences, top_k};
