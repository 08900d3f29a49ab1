//! Who is served when something becomes free: a slot, a connection, a place in front.

use super::keys::{KeyId, Protocol};
use super::streams::{Shared, SharedId};
use super::{Effects, PoolState};

/// What a waiter is served with, until it claims it.
#[derive(Debug)]
pub(super) enum Grant<C> {
    Connection(KeyId, C),
    Slot(KeyId),
    Stream(SharedId),
}

impl<C, S: Shared, W> PoolState<C, S, W> {
    /// Tells whether a lease's connection goes to its key's first waiter. Where somebody waits longer for a slot, that one gets the slot alone.
    pub(super) fn goes_on(&self, key: KeyId) -> bool {
        let first = |front| self.queue.is_first(front);
        self.queue.len() > 0 && self.keys[key].front().is_some_and(first)
    }

    /// Grants what can be granted, after whatever frees a slot or a place in front.
    pub(super) fn settle(&mut self, effects: &mut Effects<C, S, W>) {
        loop {
            self.serve_held(effects);
            let wanted = self.queue.wants_slot();
            if !wanted || !(self.has_room() || self.evict_oldest(effects)) {
                return;
            }
            // Looked up last: a connection that was closed for it may have let an older waiter in.
            let Some(key) = self.queue.first_for_slot() else {
                return;
            };
            self.slots += 1;
            self.keys[key].openings += u32::from(self.keys[key].protocol != Protocol::Http1);
            self.grant(key, Grant::Slot(key), effects);
        }
    }

    /// Hands a grant to a key's first waiter.
    pub(super) fn grant(&mut self, key: KeyId, grant: Grant<C>, effects: &mut Effects<C, S, W>) {
        if let Some((number, waker)) = self.queue.pop(&mut self.keys[key]) {
            if !matches!(grant, Grant::Stream(_)) {
                self.queue.gave_slot();
            }
            self.granted.insert(number, grant);
            effects.wake.push(waker);
            self.list(key);
        }
    }

    /// Puts a key where it belongs in the queue, after whatever changes its first waiter or what that waits for.
    pub(super) fn list(&mut self, key: KeyId) {
        let most = self.limits.http2();
        let entry = &mut self.keys[key];
        let can_open = entry
            .front()
            .is_some_and(|front| entry.may_open(front, most));
        self.queue.list(key, entry, can_open);
    }
}
