// SPDX-License-Identifier: MPL-2.0
//! Inference with ONNX Runtime: the library, its providers, the model and its contract, sessions, and
//! the engine that runs one model for many streams.
//!
//! - `model`: the model's file, and what is known before it is loaded;
//! - `onnxruntime`: the backend, and the only folder that names `ort`;
//! - `engine`: workers, which know their backend only as `backend.rs` describes it;
//! - `registry`: the models and engines that streams with equal settings share.

mod abandoned;
mod backend;
mod cache;
mod cancel;
mod engine;
mod error;
mod file_version;
mod log;
mod memory_limit;
mod model;
mod onnxruntime;
mod process;
mod provider;
mod registry;
mod timeout;

pub use cancel::CancelToken;
pub use engine::{Engine, EngineOptions, InferenceTimes, Job, StreamHandle};
pub use error::InferenceError;
pub use model::{
    BUILTIN, Contract, ContractError, ContractLabels, Evidence, GraphOutput, Model, ModelError,
    ModelInfoError, ModelOverrides, ModelSource, OutputKind, Sides, Signature, SignatureError,
    SizeSource, TrialReport, did_you_mean, find_model,
};
pub use onnxruntime::{
    Attempt, Device, LibraryCandidate, LibraryOrigin, MINIMUM_VERSION, Runtime, RuntimeError,
    Session, SessionError, SessionOptions, TensorInspector, library_candidates, probe_library,
};
pub use process::OwnerProcess;
pub use provider::{Provider, ProviderError, SkippedProvider};
pub use registry::{cached_model, shared_engine};
pub use timeout::INFERENCE_TIMEOUT;
