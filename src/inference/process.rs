// SPDX-License-Identifier: MPL-2.0
//! A process and its children. A child of `fork()` has all the memory of its parent and none of its
//! threads: what the parent's threads were to do is never done there, and a lock that one of them
//! held stays locked.

use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The process that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// The one that calls.
    pub fn current() -> Self {
        Self(std::process::id())
    }

    /// Whether it is the one that calls.
    pub fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// Where something goes on that can begin anew in another process: nowhere at first.
#[derive(Debug, Default)]
pub struct Home(AtomicU32);

impl Home {
    /// Nowhere.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// It has ended.
    pub fn leave(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// It begins in the process that calls.
    pub fn settle(&self) {
        self.0.store(Process::current().0, Ordering::Relaxed);
    }

    /// Whether it goes on in another process, of which this one is a child.
    pub fn is_elsewhere(&self) -> bool {
        let home = self.0.load(Ordering::Relaxed);
        home != 0 && !Process(home).is_current()
    }
}

/// A static that each process has for itself, so that a child finds neither what needs the threads
/// of its parent nor a lock that nobody will open.
pub(super) struct PerProcess<T: 'static>(AtomicPtr<Entry<T>>);

struct Entry<T> {
    process: Process,
    value: T,
}

impl<T: Default + Sync> PerProcess<T> {
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// This process's own.
    pub fn get(&self) -> &'static T {
        let process = Process::current();
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
                // That of the parent stays in memory: its threads may be in the midst of it.
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
    use std::sync::Mutex;

    use super::*;

    static VALUE: PerProcess<Mutex<Vec<u32>>> = PerProcess::new();

    /// All threads of a process have the same one.
    #[test]
    fn one_a_process() {
        std::thread::scope(|scope| {
            for i in 0..8 {
                scope.spawn(move || VALUE.get().lock().expect("no panic").push(i));
            }
        });
        let mut all = VALUE.get().lock().expect("no panic").clone();
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }
}
