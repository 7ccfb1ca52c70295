// SPDX-License-Identifier: MPL-2.0
//! Workers that run one model for many streams.
//!
//! Each stream has a handle with a queue of jobs. A free worker takes jobs, one from a stream at a
//! time, until its batch is full; lets each job write its image into the input tensor; infers them
//! together; and gives each its result. So a stream waits for another one only for its turn, frames of
//! many streams meet in one batch, and nothing is copied on the way.

mod job;
mod load;
mod options;
mod pool;
mod queues;
mod scheduling;
mod shared;
mod stream;
#[cfg(all(test, feature = "builtin-model"))]
mod tests;
mod thread_plan;
mod warm_up;
mod watchdog;
mod worker;

pub use job::{InferenceTimes, Job};
pub use options::EngineOptions;
pub use pool::Engine;
pub use stream::StreamHandle;
