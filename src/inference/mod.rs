// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime: the library, the providers, the model and its contract, the session.
//!
//! The only room that names `ort`.

mod bounded;
mod cancel;
mod contract;
mod engine;
mod exporter;
mod findings;
mod graph;
mod layout;
mod log;
mod model;
mod probe;
mod process;
mod provider;
mod reach;
mod registry;
mod room;
mod runtime;
mod session;
mod shelf;
mod signature;
mod stamp;
mod trial;

pub use cancel::Cancel;
pub use contract::{Contract, ContractError, ContractLabels, OutputKind, Sides};
pub use engine::{Engine, EngineOptions, Job, Port, RUN_LIMIT, RunTimes};
pub use findings::{Evidence, Findings};
pub use model::{BUILTIN, Model, ModelError, ModelSource, SizeSource, Wishes, find_model, meant};
pub use probe::Probe;
pub use process::{Home, Process};
pub use provider::{Provider, ProviderError};
pub use registry::{known_model, shared_engine};
pub use runtime::{Attempt, Device, MINIMUM_VERSION, Runtime, RuntimeError};
pub use session::{Fallback, RunError, Session, SessionError, SessionOptions, Terminator};
pub use signature::{GraphOutput, Signature, SignatureError};
