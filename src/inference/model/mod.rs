// SPDX-License-Identifier: MPL-2.0
//! A model's file and what is known of it before there is a session: its input and outputs from the
//! graph, its contract, and what the user sets.

mod builtin;
mod contract;
mod error;
mod external;
mod file;
mod find;
mod graph;
mod modelinfo;
mod modelinfo_writer;
mod overrides;
mod signature;
mod source;
mod trial_report;
mod ultralytics;
mod value_range;

pub use builtin::{BUILTIN, did_you_mean};
pub use contract::{Contract, ContractError, ContractLabels, OutputKind, Sides};
pub use error::ModelError;
pub use file::{Model, SizeSource};
pub use find::find_model;
pub(super) use graph::TopKOutput;
pub(super) use modelinfo::modelinfo_files;
pub use modelinfo_writer::ModelInfoError;
pub use overrides::ModelOverrides;
pub use signature::{GraphOutput, Signature, SignatureError};
pub use source::ModelSource;
pub use trial_report::{Evidence, TrialReport};
