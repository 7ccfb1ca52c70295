// SPDX-License-Identifier: MPL-2.0
//! A cache in which a value is loaded once for all threads that want it at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancel::CancelToken;
use crate::sync::{Condvar, Mutex};

/// How long a load that was cancelled is still waited for. Usually it ends sooner; one that reads
/// from a mount that hangs does not.
const CANCELLED_LOAD_TIMEOUT: Duration = Duration::from_secs(1);

/// Values by their keys, each loaded by one thread while the others wait for it. The lock is held
/// only to look up and to store, never while something is loaded, so a load blocks only those who
/// want the same value.
///
/// Locks: a [`CancelToken`] is locked while the cache is, never the other way round.
#[derive(Debug)]
pub(super) struct Cache<K, V>(Arc<Shared<K, V>>);

#[derive(Debug)]
struct Shared<K, V> {
    state: Mutex<State<K, V>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<K, V> {
    /// From the oldest to the newest value.
    entries: Vec<Entry<K, V>>,
    /// Counts the loads.
    last_load: u64,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: Option<V>,
    load: Option<Load>,
}

/// A load in progress.
#[derive(Debug)]
struct Load {
    /// Tells it from a later one that has taken over.
    id: u64,
    cancel: CancelToken,
    /// When another thread first noticed that it was cancelled.
    cancelled: Option<Instant>,
}

/// The right to load a value. If it is dropped without [`Self::store`], the next thread gets it.
#[derive(Debug)]
pub(super) struct LoadSlot<'c, K: PartialEq, V> {
    shared: &'c Shared<K, V>,
    key: K,
    id: u64,
}

/// The result of [`Cache::get`].
#[derive(Debug)]
pub(super) enum Lookup<'c, K: PartialEq, V> {
    /// The value.
    Value(V),
    /// There is none; the caller is to load it.
    Load(LoadSlot<'c, K, V>),
    /// The caller's own load was cancelled.
    Cancelled,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                entries: Vec::new(),
                last_load: 0,
            }),
            changed: Condvar::new(),
        }))
    }
}

impl<K, V> Cache<K, V>
where
    K: PartialEq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The value for `key`, if `is_valid` accepts it; else the right to load it, after waiting for a
    /// thread that is already loading it. `is_valid` is called under the lock.
    pub fn get(
        &self,
        key: &K,
        is_valid: impl Fn(&V) -> bool,
        cancel: &CancelToken,
    ) -> Lookup<'_, K, V> {
        let shared = Arc::clone(&self.0);
        cancel.on_cancel(move || shared.wake());
        let mut state = self.0.state.lock();
        loop {
            if cancel.is_cancelled() {
                return Lookup::Cancelled;
            }
            let entry = match state.entries.iter().position(|entry| entry.key == *key) {
                Some(entry) => entry,
                None => {
                    state.entries.push(Entry {
                        key: key.clone(),
                        value: None,
                        load: None,
                    });
                    state.entries.len() - 1
                }
            };
            let Entry { value, load, .. } = &mut state.entries[entry];
            if let Some(value) = value.as_ref().filter(|value| is_valid(value)) {
                return Lookup::Value(value.clone());
            }
            match load.as_mut().map(Load::timeout) {
                None | Some(Some(Duration::ZERO)) => {
                    state.last_load += 1;
                    let id = state.last_load;
                    state.entries[entry].load = Some(Load {
                        id,
                        cancel: cancel.clone(),
                        cancelled: None,
                    });
                    return Lookup::Load(LoadSlot {
                        shared: &self.0,
                        key: key.clone(),
                        id,
                    });
                }
                Some(Some(timeout)) => {
                    state = self.0.changed.wait_timeout(state, timeout).0;
                }
                Some(None) => state = self.0.changed.wait(state),
            }
        }
    }

    /// Removes the values that `keep` rejects, except those that are being loaded. It is called
    /// under the lock, from the oldest to the newest value.
    pub fn retain(&self, mut keep: impl FnMut(&V) -> bool) {
        let entries = &mut self.0.state.lock().entries;
        entries.retain(|entry| entry.load.is_some() || entry.value.as_ref().is_some_and(&mut keep));
    }

    /// The value for `key`, valid or not, without waiting.
    pub fn peek(&self, key: &K) -> Option<V> {
        let state = self.0.state.lock();
        let entry = state.entries.iter().find(|entry| entry.key == *key);
        entry.and_then(|entry| entry.value.clone())
    }
}

impl<K, V> Shared<K, V> {
    /// Makes all threads that wait check whether a load was cancelled.
    fn wake(&self) {
        // A thread that is about to wait holds the lock until it does.
        drop(self.state.lock());
        self.changed.notify_all();
    }
}

impl Load {
    /// How long it is to be waited for; `None` for as long as it takes.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.cancel.is_cancelled() {
            return None;
        }
        let since = *self.cancelled.get_or_insert_with(Instant::now);
        Some(CANCELLED_LOAD_TIMEOUT.saturating_sub(since.elapsed()))
    }
}

impl<K: PartialEq, V> LoadSlot<'_, K, V> {
    /// Stores the value that was loaded, as the newest.
    pub fn store(self, value: V) {
        let mut state = self.shared.state.lock();
        let entries = &mut state.entries;
        // There is none if another thread has taken over.
        if let Some(index) = entries.iter().position(|entry| self.is_for(entry)) {
            let mut entry = entries.remove(index);
            let old = entry.value.replace(value);
            entries.push(entry);
            drop(state);
            // Without the lock: it may be the last reference to something large.
            drop(old);
        }
    }

    fn is_for(&self, entry: &Entry<K, V>) -> bool {
        entry.key == self.key && entry.load.as_ref().is_some_and(|load| load.id == self.id)
    }
}

impl<K: PartialEq, V> Drop for LoadSlot<'_, K, V> {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock();
            let entries = &mut state.entries;
            if let Some(index) = entries.iter().position(|entry| self.is_for(entry)) {
                entries[index].load = None;
                if entries[index].value.is_none() {
                    entries.remove(index);
                }
            }
        }
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{LazyLock, mpsc};
    use std::thread;

    use super::*;

    fn get<'s>(cache: &'s Cache<u32, u32>, key: u32, cancel: &CancelToken) -> Lookup<'s, u32, u32> {
        cache.get(&key, |_| true, cancel)
    }

    fn slot<'s>(
        cache: &'s Cache<u32, u32>,
        key: u32,
        cancel: &CancelToken,
    ) -> LoadSlot<'s, u32, u32> {
        match get(cache, key, cancel) {
            Lookup::Load(slot) => slot,
            other => panic!("{other:?}"),
        }
    }

    /// One thread loads a value and the others get it; a thread that wants another value does not
    /// wait.
    #[test]
    fn one_loads_for_all() {
        let cache = Cache::default();
        let mine = slot(&cache, 1, &CancelToken::default());
        slot(&cache, 2, &CancelToken::default()).store(20);
        let made = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| match get(&cache, 1, &CancelToken::default()) {
                    Lookup::Value(value) => assert_eq!(value, 10),
                    Lookup::Load(slot) => {
                        made.fetch_add(1, Ordering::Relaxed);
                        slot.store(10);
                    }
                    Lookup::Cancelled => panic!("nobody cancels"),
                });
            }
            // A load that fails leaves it to the next thread.
            drop(mine);
        });
        assert_eq!(made.into_inner(), 1);
        assert_eq!(cache.peek(&2), Some(20));
        cache.retain(|value| *value == 20);
        assert_eq!((cache.peek(&1), cache.peek(&2)), (None, Some(20)));
    }

    /// Waiting for another thread's load can be cancelled.
    #[test]
    fn waiting_is_cancelled() {
        static CACHE: LazyLock<Cache<u32, u32>> = LazyLock::new(Cache::default);
        let _mine = slot(&CACHE, 1, &CancelToken::default());
        let (cancel, (done, ended)) = (CancelToken::default(), mpsc::channel());
        thread::spawn({
            let cancel = cancel.clone();
            move || done.send(matches!(get(&CACHE, 1, &cancel), Lookup::Cancelled))
        });
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err());
        cancel.cancel();
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(true));
    }

    /// A load that was cancelled and does not end, because its file hangs for example, is not waited
    /// for. What it has in the end does not replace what another thread has loaded.
    #[test]
    fn a_load_that_hangs_is_replaced() {
        let cache = Cache::default();
        let cancel = CancelToken::default();
        let hangs = slot(&cache, 1, &cancel);
        cancel.cancel();
        slot(&cache, 1, &CancelToken::default()).store(10);
        hangs.store(11);
        assert_eq!(cache.peek(&1), Some(10));
    }
}
