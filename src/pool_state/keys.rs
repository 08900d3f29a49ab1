//! The pool's keys: one for each origin, way and choice of protocol that somebody asked for.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::{Index, IndexMut};

use hashbrown::HashTable;

use crate::location::Origin;

/// What a connection leads to, by which way, and what it may speak: the pool's key. TLS settings are the client's, so they need no place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination<'a> {
    pub(crate) origin: Origin<'a>,
    /// The number of the way (see `routes.rs`); 0 is the direct one.
    pub(crate) way: u32,
    pub(crate) protocol: Protocol,
}

/// What a connection is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "http2"),
    allow(dead_code, reason = "there is one protocol without HTTP/2")
)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    /// What the server chooses by ALPN (RFC 7301).
    Either,
}

/// A number for a connection key, good while a lease, a connection or a waiter holds it.
pub(crate) type KeyId = u32;

/// One destination, with everything that holds its number.
#[derive(Debug)]
pub(super) struct Key<W> {
    secure: bool,
    port: u16,
    way: u32,
    pub(super) protocol: Protocol,
    /// The last answer by ALPN was HTTP/1.1.
    pub(super) speaks_http1: bool,
    host: Box<str>,
    /// The newest idle connection of one request's own; each knows the next older one.
    pub(super) newest: Option<u32>,
    /// Leases of own connections, connections that are idle or shared, waiters and grants.
    pub(super) holders: u32,
    /// Connections being opened that may turn out to be shared ones.
    pub(super) openings: u32,
    /// The shared connections that take new streams, oldest first.
    pub(super) shared: Vec<u32>,
    /// Who waits, in order of arrival.
    pub(super) waiters: BTreeMap<u64, W>,
    /// Waiters before this one have seen an opening fail: they wait for no other.
    pub(super) freed_below: u64,
    /// Where the first waiter stands in the queue's lists.
    pub(super) ready_at: Option<u64>,
    pub(super) held_at: Option<u64>,
}

impl<W> Key<W> {
    fn new(to: &Destination<'_>) -> Self {
        Key {
            secure: to.origin.secure,
            port: to.origin.port,
            way: to.way,
            protocol: to.protocol,
            speaks_http1: false,
            host: to.origin.host.into(),
            newest: None,
            holders: 0,
            openings: 0,
            shared: Vec::new(),
            waiters: BTreeMap::new(),
            freed_below: 0,
            ready_at: None,
            held_at: None,
        }
    }

    fn is(&self, to: &Destination<'_>) -> bool {
        let origin = &to.origin;
        self.port == origin.port
            && self.way == to.way
            && self.secure == origin.secure
            && self.protocol == to.protocol
            && *self.host == *origin.host
    }

    /// The first waiter.
    pub(super) fn front(&self) -> Option<u64> {
        self.waiters.first_key_value().map(|(&number, _)| number)
    }

    /// Tells whether the waiter of this number would open a connection of its own if it could: nothing else is to be waited for.
    ///
    /// One connection to an origin (RFC 9113 section 9.1), or `most`; while one is being opened, it may be the one.
    pub(super) fn may_open(&self, number: u64, most: usize) -> bool {
        self.protocol == Protocol::Http1
            || self.speaks_http1
            || ((self.openings == 0 || number < self.freed_below) && self.shared.len() < most)
    }
}

/// All keys, found by destination or by number.
#[derive(Debug)]
pub(super) struct Keys<W> {
    all: Vec<Key<W>>,
    free: Vec<KeyId>,
    by_origin: HashTable<KeyId>,
    hasher: foldhash::fast::RandomState,
    /// The key asked for last: most requests go where the one before went.
    last: Option<KeyId>,
}

impl<W> Default for Keys<W> {
    fn default() -> Self {
        Keys {
            all: Vec::new(),
            free: Vec::new(),
            by_origin: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            last: None,
        }
    }
}

impl<W> Index<KeyId> for Keys<W> {
    type Output = Key<W>;

    #[inline]
    fn index(&self, id: KeyId) -> &Key<W> {
        &self.all[id as usize]
    }
}

impl<W> IndexMut<KeyId> for Keys<W> {
    #[inline]
    fn index_mut(&mut self, id: KeyId) -> &mut Key<W> {
        &mut self.all[id as usize]
    }
}

impl<W> Keys<W> {
    /// Finds or makes a key and holds it; `held` is at least the number of those that are held.
    #[inline]
    pub(super) fn hold(&mut self, to: &Destination<'_>, held: impl FnOnce() -> usize) -> KeyId {
        let id = match self.last {
            Some(last) if self[last].is(to) => last,
            _ => self.find_or_insert(to, held()),
        };
        self.last = Some(id);
        self[id].holders += 1;
        id
    }

    pub(super) fn release(&mut self, id: KeyId) {
        self[id].holders -= 1;
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Key<W>> {
        self.all.iter_mut()
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key<W>> {
        self.all.iter()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn find_or_insert(&mut self, to: &Destination<'_>, held: usize) -> KeyId {
        let origin = &to.origin;
        let hash =
            self.hasher
                .hash_one((origin.host, origin.port, origin.secure, to.way, to.protocol));
        if let Some(&id) = self
            .by_origin
            .find(hash, |&id| self.all[id as usize].is(to))
        {
            return id;
        }
        self.forget_unused(held);
        let id = match self.free.pop() {
            Some(id) => {
                self[id] = Key::new(to);
                id
            }
            None => {
                self.all.push(Key::new(to));
                (self.all.len() - 1) as KeyId
            }
        };
        let (all, hasher) = (&self.all, &self.hasher);
        self.by_origin.insert_unique(hash, id, |&id| {
            let key = &all[id as usize];
            hasher.hash_one((&*key.host, key.port, key.secure, key.way, key.protocol))
        });
        id
    }

    /// Drops the keys that nobody holds once they outnumber the held ones: constant work for each key made.
    fn forget_unused(&mut self, held: usize) {
        if self.by_origin.len() <= 2 * held + 64 {
            return;
        }
        let (all, free) = (&self.all, &mut self.free);
        self.by_origin.retain(|&mut id| {
            let used = all[id as usize].holders > 0;
            if !used {
                free.push(id);
            }
            used
        });
        self.last = None;
    }
}
