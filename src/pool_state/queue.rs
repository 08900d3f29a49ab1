//! The order of those who wait.
//!
//! Each key has its waiters in order of arrival, by numbers that count through all keys. Only a key's first waiter can be next, so what the
//! queue keeps of a key is one number: in `ready` if it waits for a slot, and in `held` if a stream is free for it that
//! would be one too many past those who wait for a slot.

use std::collections::BTreeMap;

use super::keys::{Key, KeyId};

/// How many streams go past who waits for a slot, before the shared connections are left to run dry for it.
pub(super) const PASSES: u32 = 100;

/// The number of a request that does not wait: behind all who do.
pub(super) const NEWCOMER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Queue {
    next: u64,
    waiting: usize,
    ready: BTreeMap<u64, KeyId>,
    held: BTreeMap<u64, KeyId>,
    /// Streams given past the first of `ready` since a slot was given.
    passed: u32,
    pub(super) most_passed: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            next: 0,
            waiting: 0,
            ready: BTreeMap::new(),
            held: BTreeMap::new(),
            passed: 0,
            most_passed: PASSES,
        }
    }
}

impl Queue {
    /// How many wait, for whatever it is.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Tells whether somebody waits for a slot.
    pub(super) fn wants_slot(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Who gets the next slot.
    pub(super) fn first_for_slot(&self) -> Option<KeyId> {
        self.ready.first_key_value().map(|(_, &key)| key)
    }

    /// Who gets a stream as soon as one may pass.
    pub(super) fn first_held(&self) -> Option<(u64, KeyId)> {
        self.held
            .first_key_value()
            .map(|(&number, &key)| (number, key))
    }

    /// The number that comes next: all who wait now have smaller ones.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn join<W>(&mut self, key: &mut Key<W>, waker: W) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting += 1;
        key.waiters.insert(number, waker);
        number
    }

    /// Takes a key's first waiter out; `list` must follow.
    pub(super) fn pop<W>(&mut self, key: &mut Key<W>) -> Option<(u64, W)> {
        let first = key.waiters.pop_first()?;
        self.waiting -= 1;
        Some(first)
    }

    /// Notes that a slot was given: those who wait for the next one count anew.
    pub(super) fn gave_slot(&mut self) {
        self.passed = 0;
    }

    /// Takes any waiter out; `list` must follow.
    pub(super) fn leave<W>(&mut self, key: &mut Key<W>, number: u64) -> bool {
        let left = key.waiters.remove(&number).is_some();
        self.waiting -= usize::from(left);
        left
    }

    /// Empties a key's queue, and with the last key's all of it.
    pub(super) fn disperse<W>(&mut self, key: &mut Key<W>) -> BTreeMap<u64, W> {
        self.waiting -= key.waiters.len();
        let waiters = std::mem::take(&mut key.waiters);
        list(&mut self.ready, &mut key.ready_at, None, 0);
        list(&mut self.held, &mut key.held_at, None, 0);
        waiters
    }

    /// Puts a key where its first waiter belongs, which `can_open`, or not.
    pub(super) fn list<W>(&mut self, id: KeyId, key: &mut Key<W>, can_open: bool) {
        let front = key.front();
        let ready = front.filter(|_| can_open);
        list(&mut self.ready, &mut key.ready_at, ready, id);
        if self.ready.is_empty() {
            self.passed = 0;
        }
        if key.held_at.is_some() {
            list(&mut self.held, &mut key.held_at, front, id);
        }
    }

    /// Notes that a key's first waiter is held back, or no longer.
    pub(super) fn hold_back<W>(&mut self, id: KeyId, key: &mut Key<W>, held: bool) {
        let front = key.front().filter(|_| held);
        list(&mut self.held, &mut key.held_at, front, id);
    }

    /// Tells whether the lists say what the keys do.
    #[cfg(test)]
    pub(super) fn agrees_with<'a, W: 'a>(&self, keys: impl Iterator<Item = &'a Key<W>>) -> bool {
        let (mut waiting, mut ready, mut held) = (0, 0, 0);
        for key in keys {
            let listed = [key.ready_at, key.held_at].into_iter().flatten();
            if listed.into_iter().any(|at| key.front() != Some(at)) {
                return false;
            }
            waiting += key.waiters.len();
            ready += usize::from(key.ready_at.is_some());
            held += usize::from(key.held_at.is_some());
        }
        (waiting, ready, held) == (self.waiting, self.ready.len(), self.held.len())
    }

    /// Tells whether nobody waits for a slot longer than this one waits.
    pub(super) fn is_first(&self, number: u64) -> bool {
        self.ready
            .first_key_value()
            .is_none_or(|(&first, _)| number <= first)
    }

    /// Lets a request have a stream, unless too many went past the first who waits for a slot.
    pub(super) fn pass(&mut self, number: u64) -> bool {
        if self.is_first(number) {
            return true;
        }
        let may = self.passed < self.most_passed;
        self.passed += u32::from(may);
        may
    }
}

fn list(list: &mut BTreeMap<u64, KeyId>, at: &mut Option<u64>, to: Option<u64>, key: KeyId) {
    if *at == to {
        return;
    }
    if let Some(at) = at {
        list.remove(at);
    }
    if let Some(to) = to {
        list.insert(to, key);
    }
    *at = to;
}
