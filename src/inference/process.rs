// SPDX-License-Identifier: MPL-2.0
//! What changes in a child of `fork()`: it has all the memory of its parent and none of its threads.
//! What the parent's threads were to do is never done there, and a lock that one of them held stays
//! locked.

use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The process that something was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessId(u32);

impl ProcessId {
    /// The calling process.
    pub fn current() -> Self {
        Self(std::process::id())
    }

    /// Whether this is the calling process.
    pub fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// The process in which something is going on, if any. A child of it can tell that it has none of
/// the threads that work on it.
#[derive(Debug, Default)]
pub struct OwnerProcess(AtomicU32);

impl OwnerProcess {
    /// Nothing is going on.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// It has ended.
    pub fn release(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// It begins in the calling process.
    pub fn claim(&self) {
        self.0.store(ProcessId::current().0, Ordering::Relaxed);
    }

    /// Whether it is going on in another process, of which the calling one is a child.
    pub fn is_other_process(&self) -> bool {
        let owner = self.0.load(Ordering::Relaxed);
        owner != 0 && !ProcessId(owner).is_current()
    }
}

/// A static with a value for each process, so that a child of `fork()` finds neither what depends on
/// its parent's threads nor a lock that is never unlocked.
pub(super) struct PerProcess<T: 'static>(AtomicPtr<Entry<T>>);

struct Entry<T> {
    process: ProcessId,
    value: T,
}

impl<T: Default + Sync> PerProcess<T> {
    /// Without any value yet.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The calling process's value, which is made by the first call.
    pub fn get(&self) -> &'static T {
        let process = ProcessId::current();
        let mut known = self.0.load(Ordering::Acquire);
        loop {
            // SAFETY: entries are never freed.
            if let Some(entry) = unsafe { known.as_ref() }
                && entry.process == process
            {
                return &entry.value;
            }
            let value = T::default();
            let own = Box::into_raw(Box::new(Entry { process, value }));
            let order = (Ordering::AcqRel, Ordering::Acquire);
            match self.0.compare_exchange(known, own, order.0, order.1) {
                // The parent's entry stays in memory: its threads may have been using it.
                // SAFETY: entries are never freed.
                Ok(_) => return unsafe { &(*own).value },
                Err(newer) => {
                    // SAFETY: it comes from `into_raw` above, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(own) });
                    known = newer;
                }
            }
        }
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PerProcess").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;

    static VALUE: PerProcess<Mutex<Vec<u32>>> = PerProcess::new();

    /// All threads of a process get the same value.
    #[test]
    fn one_a_process() {
        std::thread::scope(|scope| {
            for i in 0..8 {
                scope.spawn(move || VALUE.get().lock().push(i));
            }
        });
        let mut all = VALUE.get().lock().clone();
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }
}
