//! What a peer was asked, and what it was sent.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::frame::Frame;
use super::hpack::Field;
use crate::wire::header;

/// A request, as far as it has come.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The number of its connection, from 0.
    pub connection: usize,
    /// Its stream; 0 for a request by HTTP/1.1.
    pub stream: u32,
    /// The fields in their order, pseudo-header fields too.
    pub fields: Vec<Field>,
    /// The body, as far as it has come.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Vec<Field>,
    /// Whether it has come whole.
    pub ended: bool,
    /// The code by which the client reset it first.
    pub reset: Option<u32>,
}

impl Asked {
    /// Returns the first value of a field or pseudo-header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.fields, name)
    }

    /// Returns `:method`.
    pub fn method(&self) -> &str {
        self.header(":method").unwrap_or_default()
    }

    /// Returns `:path`.
    pub fn path(&self) -> &str {
        self.header(":path").unwrap_or_default()
    }

    /// Returns `:authority`.
    pub fn authority(&self) -> &str {
        self.header(":authority").unwrap_or_default()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The books of a peer's connections.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) asked: Mutex<Vec<Asked>>,
    /// By connection: the frames that came. Of DATA and header blocks only the heads are kept.
    pub(crate) frames: Mutex<Vec<Vec<Frame>>>,
    pub(crate) violations: Mutex<Vec<String>>,
    pub(crate) most_open: AtomicUsize,
    /// How many bytes were sent beside answers: what a flood came to.
    pub(crate) pushed: AtomicUsize,
}

impl Ledger {
    /// Enters a request; returns its place.
    pub(crate) fn enter(&self, asked: Asked) -> usize {
        let mut list = self.asked.lock().unwrap();
        list.push(asked);
        list.len() - 1
    }

    pub(crate) fn update<R>(&self, place: usize, change: impl FnOnce(&mut Asked) -> R) -> R {
        change(&mut self.asked.lock().unwrap()[place])
    }

    pub(crate) fn log(&self, connection: usize, frame: Frame) {
        let mut frames = self.frames.lock().unwrap();
        if frames.len() <= connection {
            frames.resize(connection + 1, Vec::new());
        }
        frames[connection].push(frame);
    }

    pub(crate) fn violated(&self, connection: usize, what: impl std::fmt::Display) {
        let what = format!("connection {connection}: {what}");
        self.violations.lock().unwrap().push(what);
    }

    pub(crate) fn open(&self, now: usize) {
        self.most_open.fetch_max(now, Ordering::SeqCst);
    }
}
