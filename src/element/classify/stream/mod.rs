// SPDX-License-Identifier: MPL-2.0
//! A stream on its way through the element, as a state machine without pads.
//!
//! [`State`] is what is under the lock: the queue, the model, the results and the times. Its
//! `poll` functions say what a pad's thread does next: forward, wait or pause. [`Stream`] is that
//! state with its lock.

mod flagged;
mod keywords;
mod latency;
mod loads;
mod model_state;
mod queue;
mod rate;
mod results;
mod state;
mod stats;
#[expect(
    clippy::module_inception,
    reason = "the room is named after its main type"
)]
mod stream;
#[cfg(test)]
mod tests;
mod timing;

pub use latency::LatencyChange;
pub use loads::{LoadKind, LoadTicket, Running};
pub use model_state::Model;
pub use queue::{JobResult, Pending, PendingState, Queued, QueuedFrame};
pub use results::LateResult;
pub use state::{PollInput, PollOutput, Request, Ticket};
pub use stats::Stats;
pub use stream::Stream;
