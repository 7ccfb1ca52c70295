// SPDX-License-Identifier: MPL-2.0
//! Threads that do not end when they are told to, and what they mean for the end of the process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use super::log::CAT;

/// How many threads were left behind and are still running.
static ABANDONED_THREADS: AtomicUsize = AtomicUsize::new(0);

/// A thread that may have to be left behind. Whichever of the two comes first, it counts from when
/// it is abandoned until it ends: it may end just when it is given up.
#[derive(Debug, Clone, Default)]
pub(super) struct ThreadGuard(Arc<AtomicBool>);

impl ThreadGuard {
    /// The thread is left behind.
    pub fn abandon(&self) {
        gst::warning!(CAT, "ONNX Runtime does not end: its thread is left behind");
        exit_without_destructors();
        if !self.0.swap(true, Ordering::AcqRel) {
            ABANDONED_THREADS.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The thread ends.
    pub fn ended(&self) {
        if self.0.swap(true, Ordering::AcqRel) {
            ABANDONED_THREADS.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
pub(super) fn count() -> usize {
    ABANDONED_THREADS.load(Ordering::Acquire)
}

/// Makes a process that exits while such a thread is running skip the destructors of ONNX Runtime's
/// own statics, which the thread still uses.
fn exit_without_destructors() {
    static ONCE: Once = Once::new();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    ONCE.call_once(|| {
        unsafe extern "C" {
            fn on_exit(
                function: unsafe extern "C" fn(libc::c_int, *mut libc::c_void),
                argument: *mut libc::c_void,
            ) -> libc::c_int;
        }
        unsafe extern "C" fn exit_now(status: libc::c_int, _: *mut libc::c_void) {
            if ABANDONED_THREADS.load(Ordering::Acquire) > 0 {
                // SAFETY: both may be called while a process exits. `_exit` does not write the
                // buffers of C streams, so that is done first.
                unsafe {
                    libc::fflush(std::ptr::null_mut());
                    libc::_exit(status);
                }
            }
        }
        // SAFETY: the function takes what `on_exit` gives, and stays as long as the process:
        // GStreamer does not unload plugins. ONNX Runtime was loaded before, so that this runs
        // before its destructors.
        unsafe { on_exit(exit_now, std::ptr::null_mut()) };
    });
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    ONCE.call_once(|| {});
}
