//! Connections that requests share by streams, and who gets the streams.
//!
//! A shared connection is one slot from its opening to its end, however many streams it has:
//!
//! ```text
//!  Open ── opened_shared ──► has streams ◄──────► idle ── evicted, expired ──► closed
//!                                │                  │ GOAWAY, broken             ▲
//!                                │ GOAWAY, broken   └────────────────────────────┤
//!                                ▼                                               │
//!                            draining ── its last stream ends ───────────────────┘
//! ```

use std::time::Instant;

use super::grants::Grant;
use super::idle::Resting;
use super::keys::{KeyId, Protocol};
use super::queue::NEWCOMER;
use super::{Conn, Effects, PoolState, Ticket};

/// A connection whose streams serve many requests at once (RFC 9113).
pub(crate) trait Shared: Clone {
    /// How many streams may be open on it at once, as the peer said last. It may change at any time, to 0 too.
    fn capacity(&self) -> usize;

    /// Whether it takes new streams: no GOAWAY came, it is not broken, and there are stream ids left.
    fn is_open(&self) -> bool;
}

/// A number for a shared connection, never given to two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SharedId {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Entry<S> {
    connection: S,
    key: KeyId,
    /// Leases and grants.
    streams: usize,
    /// Its place among the idle ones.
    idle: Option<u32>,
    /// It takes no new streams: its key does not know it any more.
    draining: bool,
}

/// The shared connections by their numbers.
#[derive(Debug)]
pub(super) struct SharedList<S> {
    entries: Vec<(u32, Option<Entry<S>>)>,
    free: Vec<u32>,
}

impl<S> Default for SharedList<S> {
    fn default() -> Self {
        SharedList {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<S> SharedList<S> {
    /// Each connection with its number, key, streams, and whether it takes more.
    #[cfg(test)]
    pub(super) fn each(&self) -> impl Iterator<Item = (&S, SharedId, KeyId, usize, bool)> {
        let all = self.entries.iter().enumerate();
        all.filter_map(|(index, (_, entry))| {
            let entry = entry.as_ref()?;
            let id = self.id(index as u32);
            Some((
                &entry.connection,
                id,
                entry.key,
                entry.streams,
                !entry.draining,
            ))
        })
    }

    fn push(&mut self, entry: Entry<S>) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.entries[index as usize].1 = Some(entry);
                index
            }
            None => {
                self.entries.push((0, Some(entry)));
                (self.entries.len() - 1) as u32
            }
        }
    }

    fn remove(&mut self, index: u32) -> Entry<S> {
        let (generation, entry) = &mut self.entries[index as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(index);
        entry.take().expect("an index is held while its entry is")
    }

    fn id(&self, index: u32) -> SharedId {
        let generation = self.entries[index as usize].0;
        SharedId { index, generation }
    }

    fn find(&self, id: SharedId) -> Option<&Entry<S>> {
        let (generation, entry) = self.entries.get(id.index as usize)?;
        entry.as_ref().filter(|_| *generation == id.generation)
    }

    fn get(&self, index: u32) -> &Entry<S> {
        self.entries[index as usize]
            .1
            .as_ref()
            .expect("an index is held while its entry is")
    }

    fn get_mut(&mut self, index: u32) -> &mut Entry<S> {
        self.entries[index as usize]
            .1
            .as_mut()
            .expect("an index is held while its entry is")
    }
}

impl<C, S: Shared, W> PoolState<C, S, W> {
    /// Notes that what was opened for a lease speaks HTTP/1.1: it is the request's own, and who waited for its protocol goes on.
    ///
    /// The lease then ends by `release`. Where there is no choice of protocols, nothing changes.
    pub(crate) fn opened_own(&mut self, key: KeyId, now: Instant, effects: &mut Effects<C, S, W>) {
        if self.keys[key].protocol == Protocol::Http1 {
            return;
        }
        self.drop_expired(now, effects);
        let opened = &mut self.keys[key];
        opened.openings = opened.openings.saturating_sub(1);
        opened.speaks_http1 = true;
        if self.queue.len() > 0 {
            self.list(key);
            self.settle(effects);
        }
    }

    /// Takes over what was opened for a lease and speaks HTTP/2. The lease becomes its first stream, whatever its capacity is yet;
    /// who waits for the key gets the others.
    ///
    /// If the key has shared connections enough by now, and one has room, the new one is closed and the lease becomes a stream of
    /// that one. The lease then ends by `release_stream`.
    pub(crate) fn opened_shared(
        &mut self,
        key: KeyId,
        connection: S,
        now: Instant,
        effects: &mut Effects<C, S, W>,
    ) -> (SharedId, S) {
        self.drop_expired(now, effects);
        let opened = &mut self.keys[key];
        opened.openings = opened.openings.saturating_sub(1);
        opened.speaks_http1 = false;
        self.retire_closed(key, effects);
        let enough = self.keys[key].shared.len() >= self.limits.http2();
        let stream = match self.with_room(key) {
            Some(index) if enough => {
                effects.close.push(Conn::Shared(connection));
                self.slots -= 1;
                self.keys.release(key);
                self.open_stream(index)
            }
            _ => {
                // The lease's hold on the key becomes the connection's.
                let index = self.shared.push(Entry {
                    connection,
                    key,
                    streams: 0,
                    idle: None,
                    draining: false,
                });
                self.keys[key].shared.push(index);
                self.open_stream(index)
            }
        };
        if self.queue.len() > 0 {
            self.list(key);
            self.serve_streams(key, effects);
            self.settle(effects);
        }
        stream
    }

    /// Ends a stream's lease: the stream goes to who waits first for the key. A connection without streams is idle; its slot goes to who waits for one.
    pub(crate) fn release_stream(
        &mut self,
        id: SharedId,
        now: Instant,
        effects: &mut Effects<C, S, W>,
    ) {
        debug_assert!(self.shared.find(id).is_some(), "a stream was held");
        if self.shared.find(id).is_none() {
            return;
        }
        let entry = self.shared.get_mut(id.index);
        entry.streams -= 1;
        let key = entry.key;
        if self.closed || entry.draining {
            if entry.streams == 0 {
                self.remove_shared(id.index, effects);
            }
        } else {
            self.retire_closed(key, effects);
            self.serve_streams(key, effects);
            self.rest_if_unused(id, now, effects);
        }
        self.drop_expired(now, effects);
        if self.queue.len() > 0 {
            self.settle(effects);
        }
    }

    /// Returns the shared connections of the key that a ticket waits for: what comes on them may be what it waits for.
    pub(crate) fn shared_with(&self, ticket: Ticket) -> Vec<S> {
        let shared = &self.keys[ticket.key].shared;
        shared
            .iter()
            .map(|index| self.shared.get(*index).connection.clone())
            .collect()
    }

    /// Looks at a connection whose capacity may have grown or which takes no more streams, and grants what can be granted.
    ///
    /// The number may be an old one: then there is nothing to do.
    pub(crate) fn refresh(&mut self, id: SharedId, now: Instant, effects: &mut Effects<C, S, W>) {
        let Some(key) = self.shared.find(id).map(|entry| entry.key) else {
            return;
        };
        if self.closed {
            return;
        }
        self.drop_expired(now, effects);
        self.retire_closed(key, effects);
        if self.queue.len() > 0 {
            self.serve_streams(key, effects);
            self.settle(effects);
        }
    }

    /// Gives a newcomer a stream, if one is free and nobody waits for it.
    pub(super) fn take_stream(
        &mut self,
        key: KeyId,
        effects: &mut Effects<C, S, W>,
    ) -> Option<(SharedId, S)> {
        self.retire_closed(key, effects);
        if self.queue.len() > 0 {
            // A capacity that has grown unheard is for those who wait.
            self.serve_streams(key, effects);
            self.settle(effects);
        }
        let index = self.with_room(key)?;
        if !self.keys[key].waiters.is_empty() || !self.queue.pass(NEWCOMER) {
            return None;
        }
        Some(self.open_stream(index))
    }

    /// Looks up the connection of a granted stream.
    pub(super) fn granted_stream(&self, id: SharedId) -> (SharedId, S) {
        (id, self.shared.get(id.index).connection.clone())
    }

    /// Gives free streams to the first who wait for a key. `settle` must follow.
    pub(super) fn serve_streams(&mut self, key: KeyId, effects: &mut Effects<C, S, W>) {
        while let Some(front) = self.keys[key].front() {
            let Some(index) = self.with_room(key) else {
                break;
            };
            if !self.queue.pass(front) {
                self.queue.hold_back(key, &mut self.keys[key], true);
                return;
            }
            let (id, _) = self.open_stream(index);
            // The stream holds its connection, and that the key.
            self.keys.release(key);
            self.grant(key, Grant::Stream(id), effects);
        }
        self.queue.hold_back(key, &mut self.keys[key], false);
    }

    /// Serves those who were held back, as far as they may pass now.
    pub(super) fn serve_held(&mut self, effects: &mut Effects<C, S, W>) {
        while let Some((number, key)) = self.queue.first_held() {
            self.retire_closed(key, effects);
            self.serve_streams(key, effects);
            if self.queue.first_held() == Some((number, key)) {
                break;
            }
        }
    }

    /// Closes a shared connection and frees its slot. `settle` must follow.
    pub(super) fn remove_shared(&mut self, index: u32, effects: &mut Effects<C, S, W>) {
        let entry = self.shared.remove(index);
        if let Some(idle) = entry.idle {
            self.idle.remove(idle);
        }
        if !entry.draining {
            self.forget_shared(entry.key, index);
        }
        self.slots -= 1;
        self.keys.release(entry.key);
        effects.close.push(Conn::Shared(entry.connection));
    }

    /// The first shared connection of a key with a free stream: the later ones run dry first.
    fn with_room(&self, key: KeyId) -> Option<u32> {
        let has_room = |&&index: &&u32| {
            let entry = self.shared.get(index);
            entry.streams < entry.connection.capacity()
        };
        self.keys[key].shared.iter().find(has_room).copied()
    }

    fn open_stream(&mut self, index: u32) -> (SharedId, S) {
        let entry = self.shared.get_mut(index);
        entry.streams += 1;
        if let Some(idle) = entry.idle.take() {
            self.idle.remove(idle);
        }
        (
            self.shared.id(index),
            self.shared.get(index).connection.clone(),
        )
    }

    /// Takes those of a key's shared connections that take no new streams from it. `settle` must follow.
    fn retire_closed(&mut self, key: KeyId, effects: &mut Effects<C, S, W>) {
        let mut place = 0;
        while let Some(&index) = self.keys[key].shared.get(place) {
            let entry = self.shared.get_mut(index);
            if entry.connection.is_open() {
                place += 1;
            } else if entry.streams == 0 {
                self.remove_shared(index, effects);
            } else {
                entry.draining = true;
                self.forget_shared(key, index);
            }
        }
    }

    fn forget_shared(&mut self, key: KeyId, index: u32) {
        self.keys[key].shared.retain(|&other| other != index);
        self.list(key);
    }

    fn rest_if_unused(&mut self, id: SharedId, now: Instant, effects: &mut Effects<C, S, W>) {
        let Some(entry) = self.shared.find(id) else {
            return;
        };
        if entry.streams > 0 || entry.idle.is_some() || entry.draining {
            return;
        }
        if !self.keeps_idle() {
            self.remove_shared(id.index, effects);
            return;
        }
        let (key, until) = (entry.key, self.idle_until(now));
        let idle = self.idle.push(Resting::Shared(id.index), key, None, until);
        self.shared.get_mut(id.index).idle = Some(idle);
        self.keep_soft_limit(effects);
    }
}
