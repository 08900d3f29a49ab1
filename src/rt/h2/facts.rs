//! What is known of an HTTP/2 connection by everybody, without its lock.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::proto::h2::{FrameMeter, Refusal};

/// How many streams may be opened before the peer has said how many it wants: what it refuses could not always be sent again.
pub(super) const INITIAL_STREAMS: usize = 1;

/// What is known of a connection without its lock.
pub(crate) struct Facts {
    /// Nothing is to be read now: somebody else waits for what comes.
    pub(super) mute: AtomicBool,
    /// h2 asks for bytes while it is polled.
    pub(super) asks_to_read: AtomicBool,
    /// It asked when it was polled last.
    pub(super) wants_to_read: AtomicBool,
    /// The next read asks the kernel itself.
    pub(super) look: AtomicBool,
    /// The peer takes no bytes at present. Set before the sleeper is woken, and read by it before it sleeps.
    pub(super) write_blocked: AtomicBool,
    /// How many streams the peer lets be open at once.
    pub(super) capacity: AtomicUsize,
    /// It takes new streams.
    pub(super) open: AtomicBool,
    /// The smallest last-stream-id of a GOAWAY; `NO_GOAWAY`: none came.
    pub(super) last_processed: AtomicU32,
    /// The highest stream whose HEADERS have begun to go out.
    pub(super) last_written: AtomicU32,
    /// Bytes of the header block that came last.
    pub(super) header_block: AtomicUsize,
    /// Bytes of DATA that came.
    pub(super) data: AtomicU64,
    /// Bytes that came at all. With `anybody_listens` in one order of all threads: who listens sees the bytes, or the reader sees who listens.
    pub(super) heard: AtomicU64,
    /// Who waits for any byte, and whether anybody does.
    pub(super) listening: Mutex<Vec<Waker>>,
    pub(super) anybody_listens: AtomicBool,
    /// So many bytes had been heard, and one, when it was doubted that the server is still there.
    pub(super) doubt: AtomicU64,
    /// The stream of the frame of which a part is still to come.
    pub(super) unfinished: AtomicU32,
    /// Streams that somebody holds.
    pub(super) streams: AtomicUsize,
    /// Requests that were sent since the meter was told last.
    pub(super) asked: AtomicUsize,
    /// Bytes of bodies that were sent since the meter was told last.
    pub(super) sent: AtomicUsize,
    pub(super) end: Mutex<Option<End>>,
    /// Called when `capacity` grew or `open` ended.
    pub(super) listener: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

const NO_GOAWAY: u32 = u32::MAX;

/// Why a connection was given up, where h2 cannot say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// For what it sent.
    Refused(Refusal),
    /// A PING was not answered.
    Silent,
}

impl Facts {
    pub(super) fn new() -> Self {
        Facts {
            mute: AtomicBool::new(false),
            asks_to_read: AtomicBool::new(false),
            wants_to_read: AtomicBool::new(true),
            look: AtomicBool::new(false),
            write_blocked: AtomicBool::new(false),
            capacity: AtomicUsize::new(INITIAL_STREAMS),
            open: AtomicBool::new(true),
            last_processed: AtomicU32::new(NO_GOAWAY),
            last_written: AtomicU32::new(0),
            header_block: AtomicUsize::new(0),
            data: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            listening: Mutex::default(),
            anybody_listens: AtomicBool::new(false),
            doubt: AtomicU64::new(0),
            unfinished: AtomicU32::new(0),
            streams: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            end: Mutex::new(None),
            listener: OnceLock::new(),
        }
    }

    /// Has somebody told when it takes more streams than before, or none any more.
    pub(crate) fn set_listener(&self, listener: Box<dyn Fn() + Send + Sync>) {
        // One that is known to another pool stays with it.
        let _ = self.listener.set(listener);
    }

    pub(crate) fn tell_listener(&self) {
        if let Some(listener) = self.listener.get() {
            listener();
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Tells whether more streams are held than the peer lets be open at once.
    pub(crate) fn is_crowded(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > self.capacity()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes no new streams from here on.
    pub(crate) fn retire(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    pub(crate) fn last_processed(&self) -> Option<u32> {
        Some(self.last_processed.load(Ordering::Relaxed)).filter(|id| *id != NO_GOAWAY)
    }

    /// Tells whether anything of a request may have left.
    pub(crate) fn has_written(&self, stream: u32) -> bool {
        stream <= self.last_written.load(Ordering::Relaxed)
    }

    /// Has the next read ask the kernel, if no stream is open: what the peer did meanwhile may not have been announced yet.
    #[allow(dead_code, reason = "threads that drive ask the kernel always")]
    pub(crate) fn look(&self) {
        if self.streams.load(Ordering::Relaxed) == 0 {
            self.look.store(true, Ordering::Relaxed);
        }
    }

    /// How many bytes came.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Ready once more was heard than `before`, or the connection takes no more streams.
    pub(crate) fn poll_heard(&self, before: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !listening.iter().any(|waker| waker.will_wake(cx.waker())) {
            listening.push(cx.waker().clone());
        }
        self.anybody_listens.store(true, Ordering::SeqCst);
        match self.heard.load(Ordering::SeqCst) != before || !self.is_open() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    pub(super) fn wake_listening(&self) {
        if self.anybody_listens.swap(false, Ordering::SeqCst) {
            let mut listening = self
                .listening
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            listening.drain(..).for_each(Waker::wake);
        }
    }

    /// Has a PING ask whether the server is still there, with the next frames that go out.
    pub(crate) fn doubt(&self) {
        self.doubt.store(self.heard() + 1, Ordering::Relaxed);
    }

    /// How many bytes had been heard when the server was doubted, if nothing was heard since.
    pub(crate) fn doubted(&self) -> Option<u64> {
        let heard = self.heard();
        (self.doubt.load(Ordering::Relaxed) == heard + 1).then_some(heard)
    }

    /// Tells whether a part of a frame of this stream is still to come.
    pub(crate) fn is_unfinished(&self, stream: u32) -> bool {
        self.unfinished.load(Ordering::Relaxed) == stream
    }

    pub(crate) fn header_block(&self) -> usize {
        self.header_block.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, meter: &FrameMeter) {
        self.data.store(meter.data_bytes(), Ordering::Relaxed);
        self.unfinished.store(meter.unfinished(), Ordering::Relaxed);
        self.header_block
            .store(meter.header_block(), Ordering::Relaxed);
        if let Some(last) = meter.last_processed() {
            self.last_processed.store(last, Ordering::Relaxed);
            self.retire();
        }
    }

    pub(crate) fn end(&self) -> Option<End> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_end(&self, end: End) {
        let mut slot = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(end);
    }

    pub(crate) fn stream_begins(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// So much of a request's body went out, for which the server owes WINDOW_UPDATEs.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn stream_ends(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    #[allow(dead_code, reason = "only threads that drive ask")]
    pub(crate) fn set_mute(&self, mute: bool) {
        self.mute.store(mute, Ordering::Relaxed);
    }

    #[allow(dead_code, reason = "only threads that drive ask")]
    pub(crate) fn wants_to_read(&self) -> bool {
        self.wants_to_read.load(Ordering::SeqCst)
    }

    #[allow(dead_code, reason = "only threads that drive ask")]
    pub(crate) fn is_write_blocked(&self) -> bool {
        self.write_blocked.load(Ordering::SeqCst)
    }
}
