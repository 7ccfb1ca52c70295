// SPDX-License-Identifier: MPL-2.0
//! How the system schedules the workers.

#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use crate::inference::log::CAT;

/// Schedules the calling thread as one that computes for long. Otherwise a worker that wakes up would
/// preempt the very stream that woke it, for milliseconds. Its time slices are long, because Linux
/// (from 6.12) lets a thread with a shorter slice preempt it at once; one with an equal slice would
/// have to wait for the next timer tick, up to 4 ms.
pub(super) fn schedule_as_batch() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: a struct of integers, for which zeros are valid.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        attributes.size = size_of::<libc::sched_attr>() as u32;
        attributes.sched_policy = libc::SCHED_BATCH as u32;
        attributes.sched_runtime = MAX_TIME_SLICE.as_nanos() as u64;
        // SAFETY: the call reads the attributes, which hold their own size, and changes only how this
        // thread is scheduled.
        let refused =
            unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) != 0 };
        if refused {
            gst::debug!(CAT, "the system does not allow SCHED_BATCH");
        }
    }
}

/// The maximum that Linux accepts.
#[cfg(target_os = "linux")]
const MAX_TIME_SLICE: Duration = Duration::from_millis(100);
