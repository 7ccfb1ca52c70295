// SPDX-License-Identifier: MPL-2.0
//! The backend ONNX Runtime: the library, its providers, and sessions. Only this folder names `ort`.

mod buffers;
mod canceler;
mod commit;
mod input;
mod inspector;
mod library;
mod limits;
mod load;
mod logger;
mod memory;
mod network;
mod options;
mod ort_error;
mod output_buffer;
mod output_choice;
mod output_layout;
mod output_merits;
mod output_tensor;
mod providers;
mod runtime;
mod runtime_error;
mod session;
mod session_error;
mod trial;
mod trial_image;

pub use inspector::TensorInspector;
pub use library::{LibraryCandidate, LibraryOrigin, library_candidates, probe_library};
pub(super) use limits::TimeLimits;
pub use options::SessionOptions;
pub use runtime::{Device, Runtime};
pub use runtime_error::{Attempt, MINIMUM_VERSION, RuntimeError};
pub use session::Session;
pub use session_error::SessionError;
