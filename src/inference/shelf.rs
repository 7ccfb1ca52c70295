// SPDX-License-Identifier: MPL-2.0
//! Things that are made once for all who want the same.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cancel::Cancel;

/// How long one who has been cancelled may still hold a place that others wait for. It ends sooner
/// wherever it can be ended; a file on a mount that hangs cannot.
const GRACE: Duration = Duration::from_secs(1);

/// A place for each key, which one at a time fills. The lock is held only to look and to note,
/// never while something is made: whoever makes one thing does not stop those who want another.
#[derive(Debug)]
pub struct Shelf<K, V> {
    state: Mutex<State<K, V>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<K, V> {
    places: Vec<Place<K, V>>,
    /// Tells the one who fills a place from another who has taken it over.
    turns: u64,
}

#[derive(Debug)]
struct Place<K, V> {
    key: K,
    value: Option<V>,
    holder: Option<Holder>,
}

/// Who fills a place.
#[derive(Debug)]
struct Holder {
    turn: u64,
    cancel: Cancel,
    /// When somebody first saw that it is cancelled.
    cancelled: Option<Instant>,
}

/// The right to fill a place. If it is dropped, the next one has it.
#[derive(Debug)]
pub struct Turn<'s, K: PartialEq, V> {
    shelf: &'s Shelf<K, V>,
    key: K,
    number: u64,
}

/// What one who wants something gets.
#[derive(Debug)]
pub enum Got<'s, K: PartialEq, V> {
    /// It is there.
    Value(V),
    /// It is to be made.
    Turn(Turn<'s, K, V>),
    /// Nobody waits for it any more.
    Cancelled,
}

impl<K: PartialEq + Clone, V: Clone> Default for Shelf<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: PartialEq + Clone, V: Clone> Shelf<K, V> {
    pub const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                places: Vec::new(),
                turns: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// What lies on a place, if `is_good` says that it may be used; else the right to make it,
    /// after waiting for who makes it already. `is_good` is asked under the lock.
    pub fn get(&self, key: &K, is_good: impl Fn(&V) -> bool, cancel: &Cancel) -> Got<'_, K, V> {
        let mut state = self.lock();
        loop {
            if cancel.is_cancelled() {
                return Got::Cancelled;
            }
            let place = match state.places.iter().position(|place| place.key == *key) {
                Some(place) => place,
                None => {
                    state.places.push(Place {
                        key: key.clone(),
                        value: None,
                        holder: None,
                    });
                    state.places.len() - 1
                }
            };
            let Place { value, holder, .. } = &mut state.places[place];
            if let Some(value) = value.as_ref().filter(|value| is_good(value)) {
                return Got::Value(value.clone());
            }
            let left = holder.as_mut().map(Holder::left);
            match left {
                None | Some(Some(Duration::ZERO)) => {
                    state.turns += 1;
                    let number = state.turns;
                    state.places[place].holder = Some(Holder {
                        turn: number,
                        cancel: cancel.clone(),
                        cancelled: None,
                    });
                    return Got::Turn(Turn {
                        shelf: self,
                        key: key.clone(),
                        number,
                    });
                }
                Some(Some(left)) => {
                    let waited = self.changed.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Some(None) => {
                    let waited = self.changed.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Takes away what is not to be kept, and nobody makes: `keeps` sees the values from the oldest
    /// to the newest, under the lock.
    pub fn retain(&self, mut keeps: impl FnMut(&V) -> bool) {
        let places = &mut self.lock().places;
        places
            .retain(|place| place.holder.is_some() || place.value.as_ref().is_some_and(&mut keeps));
    }

    /// What lies on a place now, good or not.
    pub fn peek(&self, key: &K) -> Option<V> {
        let state = self.lock();
        let place = state.places.iter().find(|place| place.key == *key);
        place.and_then(|place| place.value.clone())
    }
}

impl<K, V> Shelf<K, V> {
    /// Lets all who wait look whether they are cancelled.
    pub fn wake(&self) {
        // Whoever is about to wait has the lock until it does.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// A lock whose holder panicked still holds plain data.
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// How long it is to be waited for: none for as long as it takes.
    fn left(&mut self) -> Option<Duration> {
        if !self.cancel.is_cancelled() {
            return None;
        }
        let since = *self.cancelled.get_or_insert_with(Instant::now);
        Some(GRACE.saturating_sub(since.elapsed()))
    }
}

impl<K: PartialEq, V> Turn<'_, K, V> {
    /// Puts what was made onto its place, the newest.
    pub fn put(self, value: V) {
        let mut state = self.shelf.lock();
        let places = &mut state.places;
        let place = places.iter().position(|place| self.holds(place));
        // Else another has taken it over.
        if let Some(place) = place {
            let mut place = places.remove(place);
            let old = place.value.replace(value);
            places.push(place);
            drop(state);
            // Without the lock: much may hang on it.
            drop(old);
        }
    }

    fn holds(&self, place: &Place<K, V>) -> bool {
        let is_ours = |holder: &Holder| holder.turn == self.number;
        place.key == self.key && place.holder.as_ref().is_some_and(is_ours)
    }
}

impl<K: PartialEq, V> Drop for Turn<'_, K, V> {
    fn drop(&mut self) {
        {
            let mut state = self.shelf.lock();
            let places = &mut state.places;
            if let Some(index) = places.iter().position(|place| self.holds(place)) {
                places[index].holder = None;
                if places[index].value.is_none() {
                    places.remove(index);
                }
            }
        }
        self.shelf.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn get<'s>(shelf: &'s Shelf<u32, u32>, key: u32, cancel: &Cancel) -> Got<'s, u32, u32> {
        shelf.get(&key, |_| true, cancel)
    }

    fn turn<'s>(shelf: &'s Shelf<u32, u32>, key: u32, cancel: &Cancel) -> Turn<'s, u32, u32> {
        match get(shelf, key, cancel) {
            Got::Turn(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    /// One makes it and the others get what it has made; one who wants something else does not
    /// wait.
    #[test]
    fn one_makes_it_for_all() {
        let shelf = Shelf::new();
        let mine = turn(&shelf, 1, &Cancel::default());
        turn(&shelf, 2, &Cancel::default()).put(20);
        let made = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| match get(&shelf, 1, &Cancel::default()) {
                    Got::Value(value) => assert_eq!(value, 10),
                    Got::Turn(turn) => {
                        made.fetch_add(1, Ordering::Relaxed);
                        turn.put(10);
                    }
                    Got::Cancelled => panic!("nobody cancels"),
                });
            }
            // One that fails leaves it to the next.
            drop(mine);
        });
        assert_eq!(made.into_inner(), 1);
        assert_eq!(shelf.peek(&2), Some(20));
        shelf.retain(|value| *value == 20);
        assert_eq!((shelf.peek(&1), shelf.peek(&2)), (None, Some(20)));
    }

    /// One who waits for another can be cancelled.
    #[test]
    fn waiting_is_cancelled() {
        static SHELF: Shelf<u32, u32> = Shelf::new();
        let _mine = turn(&SHELF, 1, &Cancel::default());
        let (cancel, (done, ended)) = (Cancel::default(), mpsc::channel());
        thread::spawn({
            let cancel = cancel.clone();
            move || done.send(matches!(get(&SHELF, 1, &cancel), Got::Cancelled))
        });
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err());
        cancel.cancel();
        SHELF.wake();
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(true));
    }

    /// One who is cancelled and does not end, as where its file hangs, is not waited for; what it
    /// has in the end does not take the place of what another has made.
    #[test]
    fn one_that_hangs_is_passed_over() {
        let shelf = Shelf::new();
        let cancel = Cancel::default();
        let hangs = turn(&shelf, 1, &cancel);
        cancel.cancel();
        turn(&shelf, 1, &Cancel::default()).put(10);
        hangs.put(11);
        assert_eq!(shelf.peek(&1), Some(10));
    }
}
