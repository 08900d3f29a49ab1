//! An HTTP/2 connection as both drivers poll it: the h2 state machine, and what is heard and due beside it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http2_options::Http2Options;
use crate::proto::h2::{Bdp, Due, FrameMeter, KeepAlive, Refusal, Written};

/// The bytes of a connection, plain or through TLS.
pub(crate) trait Wire: Send + Unpin + 'static {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_write_pieces(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Whether another protocol lies between it and the socket: a write that fails may have sent a part, and what was received need not all be in
    /// the kernel.
    fn is_layered(&self) -> bool;
    /// Reads what the kernel has now, whatever a reactor believes.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Says goodbye, if that goes out at once.
    fn close(&mut self);
}

/// What is known of a connection without its lock.
pub(crate) struct Facts {
    /// Nothing is to be read now: somebody else waits for what comes.
    mute: AtomicBool,
    /// h2 asks for bytes while it is polled.
    asks_to_read: AtomicBool,
    /// It asked when it was polled last.
    wants_to_read: AtomicBool,
    /// The next read asks the kernel itself.
    look: AtomicBool,
    /// The peer takes no bytes at present. Set before the sleeper is woken, and read by it before it sleeps.
    write_blocked: AtomicBool,
    /// How many streams the peer lets be open at once.
    capacity: AtomicUsize,
    /// It takes new streams.
    open: AtomicBool,
    /// The smallest last-stream-id of a GOAWAY; `NO_GOAWAY`: none came.
    last_processed: AtomicU32,
    /// The highest stream whose HEADERS have begun to go out.
    last_written: AtomicU32,
    /// Bytes of the header block that came last.
    header_block: AtomicUsize,
    /// Bytes of DATA that came.
    data: AtomicU64,
    /// Bytes that came at all. With `anybody_listens` in one order of all threads: who listens sees the bytes, or the reader sees who listens.
    heard: AtomicU64,
    /// Who waits for any byte, and whether anybody does.
    listening: Mutex<Vec<Waker>>,
    anybody_listens: AtomicBool,
    /// So many bytes had been heard, and one, when it was doubted that the server is still there.
    doubt: AtomicU64,
    /// The stream of the frame of which a part is still to come.
    unfinished: AtomicU32,
    /// Streams that somebody holds.
    streams: AtomicUsize,
    /// Requests that were sent since the meter was told last.
    asked: AtomicUsize,
    /// Bytes of bodies that were sent since the meter was told last.
    sent: AtomicUsize,
    end: Mutex<Option<End>>,
    /// Called when `capacity` grew or `open` ended.
    listener: OnceLock<Box<dyn Fn() + Send + Sync>>,
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
    fn new() -> Self {
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

    fn wake_listening(&self) {
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

    fn note(&self, meter: &FrameMeter) {
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

    fn set_end(&self, end: End) {
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

/// How many streams may be opened before the peer has said how many it wants: what it refuses could not always be sent again.
const INITIAL_STREAMS: usize = 1;

/// How many streams that were given up are remembered, and how long.
const REMEMBERED: usize = 10_000;
const MEMORY: Duration = Duration::from_secs(2);
/// How many errors of streams a connection outlives.
const MOST_ERRORS: usize = 100_000;

/// What h2 reads from and writes to.
pub(crate) struct Pipe<W> {
    wire: W,
    facts: Arc<Facts>,
    meter: FrameMeter,
    written: Written,
    /// Why nothing can be written any more. What was received before is still read: it may say which requests were processed.
    broken: Option<io::Error>,
    /// What was read and not taken, in a buffer that is cleared once and never again.
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read did not fill the window: there is no more now.
    drained: bool,
}

/// The window of a connection that brings little, and of one that brings much.
const SMALL_WINDOW: usize = 8 * 1024;
const LARGE_WINDOW: usize = 256 * 1024;

impl<W: Wire> AsyncRead for Pipe<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.facts.asks_to_read.store(true, Ordering::Relaxed);
        if this.facts.mute.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        if this.start == this.end {
            ready!(this.poll_fill(cx))?;
        }
        let taken = buffer.remaining().min(this.end - this.start);
        buffer.put_slice(&this.window[this.start..][..taken]);
        this.start += taken;
        Poll::Ready(Ok(()))
    }
}

impl<W: Wire> Pipe<W> {
    /// Reads into the window, which is empty; nothing is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.start, self.end) = (0, 0);
        if super::LEVEL_TRIGGERED && std::mem::take(&mut self.drained) {
            return self.nothing_now();
        }
        let read = match self.read(cx) {
            Poll::Pending => return self.nothing_now(),
            Poll::Ready(read) => read?,
        };
        self.end = read;
        self.drained = read < self.window.len() && !self.wire.is_layered();
        let facts = &self.facts;
        for _ in 0..facts.asked.swap(0, Ordering::Relaxed) {
            self.meter.asked();
        }
        self.meter.sent(facts.sent.swap(0, Ordering::Relaxed));
        if let Err(refusal) = self.meter.heard(&self.window[..read], Instant::now()) {
            facts.set_end(End::Refused(refusal));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal)));
        }
        facts.note(&self.meter);
        facts.heard.fetch_add(read as u64, Ordering::SeqCst);
        facts.wake_listening();
        if read == self.window.len() && read < LARGE_WINDOW {
            // The next one brings more at once. What this one brought stays where it is.
            self.window.resize((read * 4).min(LARGE_WINDOW), 0);
        }
        Poll::Ready(Ok(()))
    }

    /// There is nothing to read. A connection that serves nobody needs little room.
    fn nothing_now(&mut self) -> Poll<io::Result<()>> {
        if self.window.len() > SMALL_WINDOW && self.facts.streams.load(Ordering::Relaxed) == 0 {
            self.window = vec![0; SMALL_WINDOW];
        }
        match self.broken.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }
}

impl<W: Wire> Pipe<W> {
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.facts.look.load(Ordering::Relaxed) {
            match self.wire.read_now(&mut self.window) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.facts.look.store(false, Ordering::Relaxed);
                }
                other => return Poll::Ready(other),
            }
        }
        self.wire.poll_read(cx, &mut self.window)
    }

    fn wrote(
        &mut self,
        result: Poll<io::Result<usize>>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let blocked = result.is_pending();
        self.facts.write_blocked.store(blocked, Ordering::SeqCst);
        match ready!(result) {
            Ok(bytes) => {
                let mut left = bytes;
                for piece in pieces {
                    let part = left.min(piece.len());
                    self.written.wrote(&piece[..part]);
                    left -= part;
                }
                let last = self.written.last();
                self.facts.last_written.store(last, Ordering::Relaxed);
                Poll::Ready(Ok(bytes))
            }
            Err(error) => {
                if self.wire.is_layered() {
                    for piece in pieces {
                        self.written.wrote(piece);
                    }
                    let last = self.written.last();
                    self.facts.last_written.store(last, Ordering::Relaxed);
                }
                self.fail(error);
                Poll::Ready(Ok(self.swallow(pieces)))
            }
        }
    }

    /// Nothing can be written any more. What the kernel still has to say is asked of itself.
    fn fail(&mut self, error: io::Error) {
        self.broken = Some(error);
        self.drained = false;
        self.facts.look.store(true, Ordering::Relaxed);
    }

    fn swallow(&self, pieces: &[io::IoSlice<'_>]) -> usize {
        self.facts.retire();
        pieces.iter().map(|piece| piece.len()).sum()
    }
}

impl<W: Wire> AsyncWrite for Pipe<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pieces = [io::IoSlice::new(bytes)];
        if self.broken.is_some() {
            return Poll::Ready(Ok(self.swallow(&pieces)));
        }
        let result = self.wire.poll_write(cx, bytes);
        self.wrote(result, &pieces)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.broken.is_some() {
            return Poll::Ready(Ok(self.swallow(pieces)));
        }
        let result = self.wire.poll_write_pieces(cx, pieces);
        self.wrote(result, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = self.wire.poll_flush(cx);
        let blocked = result.is_pending();
        self.facts.write_blocked.store(blocked, Ordering::SeqCst);
        if let Err(error) = ready!(result) {
            self.fail(error);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.close();
        Poll::Ready(Ok(()))
    }
}

/// The connection itself, polled by one thread or task at a time.
pub(crate) struct Engine<W: Wire> {
    connection: Connection<Pipe<W>, Bytes>,
    facts: Arc<Facts>,
    pulse: Option<Pulse>,
    /// Whether every poll has to look at the pulse.
    beats: bool,
}

/// PINGs, and what is learnt from them.
struct Pulse {
    pings: PingPong,
    /// One was sent, and its answer has not come.
    waiting: bool,
    keep_alive: Option<KeepAlive>,
    bdp: Option<Bdp>,
    /// The connection's window is never made smaller.
    window: u32,
    heard: u64,
    data: u64,
}

/// The connection's parts: what polls it, what opens streams on it, and what is known of it.
pub(crate) type Opened<W> = (Engine<W>, SendRequest<Bytes>, Arc<Facts>);

/// What came of a poll.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// The connection has ended.
    pub(crate) over: bool,
    /// The listener is to be told, once no lock is held.
    pub(crate) changed: bool,
}

impl<W: Wire> Engine<W> {
    /// Begins to speak HTTP/2 (RFC 9113 section 3.4).
    pub(crate) async fn open(wire: W, options: Http2Options) -> Result<Opened<W>, h2::Error> {
        let facts = Arc::new(Facts::new());
        let pipe = Pipe {
            wire,
            facts: facts.clone(),
            meter: FrameMeter::new(),
            written: Written::new(),
            broken: None,
            window: vec![0; SMALL_WINDOW],
            start: 0,
            end: 0,
            drained: false,
        };
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            // Streams that were given up are remembered as long as something may still come on them: what comes on a forgotten one counts as
            // an error, and many of those end the connection.
            .max_concurrent_reset_streams(REMEMBERED)
            .reset_stream_duration(MEMORY)
            .max_local_error_reset_streams(Some(MOST_ERRORS))
            .initial_max_send_streams(INITIAL_STREAMS)
            .initial_window_size(options.stream_window)
            .initial_connection_window_size(options.connection_window)
            .max_frame_size(options.max_frame_size)
            .max_header_list_size(options.max_header_list_size);
        let (sender, mut connection) = builder.handshake(pipe).await?;
        let keep_alive = options.keep_alive_interval.map(|interval| {
            KeepAlive::new(
                interval,
                options.keep_alive_timeout,
                options.keep_alive_while_idle,
            )
        });
        let bdp = options
            .adaptive_window
            .then(|| Bdp::new(options.stream_window));
        let beats = keep_alive.is_some() || bdp.is_some();
        let pulse = connection.ping_pong().map(|pings| Pulse {
            pings,
            waiting: false,
            keep_alive,
            bdp,
            window: options.connection_window,
            heard: 0,
            data: 0,
        });
        let engine = Engine {
            connection,
            facts: facts.clone(),
            pulse,
            beats,
        };
        Ok((engine, sender, facts))
    }

    #[allow(dead_code, reason = "threads that drive have them at hand")]
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Receives and sends what can be.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Turn {
        let was_open = self.facts.is_open();
        self.facts.asks_to_read.store(false, Ordering::Relaxed);
        let polled = Pin::new(&mut self.connection).poll(cx);
        let capacity = self.connection.max_concurrent_send_streams();
        let before = self.facts.capacity.swap(capacity, Ordering::Relaxed);
        let alive = match self.beats || self.facts.doubted().is_some() {
            true => self.feel(cx),
            false => true,
        };
        let asked = self.facts.asks_to_read.load(Ordering::Relaxed);
        self.facts.wants_to_read.store(asked, Ordering::SeqCst);
        let over = polled.is_ready() || !alive;
        if over {
            self.facts.retire();
            self.facts.wake_listening();
        }
        Turn {
            over,
            changed: capacity > before || (was_open && !self.facts.is_open()),
        }
    }

    /// When it wants to be polled whatever comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        let streams = self.facts.streams.load(Ordering::Relaxed) > 0;
        let keep_alive = self.pulse.as_ref()?.keep_alive.as_ref()?;
        keep_alive.next(Instant::now(), streams)
    }

    /// Sends and hears PINGs; `false`: the peer is gone.
    fn feel(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pulse) = &mut self.pulse else {
            return true;
        };
        let now = Instant::now();
        let streams = self.facts.streams.load(Ordering::Relaxed) > 0;
        let heard = self.facts.heard.load(Ordering::Relaxed);
        let data = self.facts.data.load(Ordering::Relaxed);
        let mut ping = self.facts.doubted().is_some();
        if heard != pulse.heard {
            pulse.heard = heard;
            if let Some(keep_alive) = &mut pulse.keep_alive {
                keep_alive.heard(now);
            }
        }
        if data != pulse.data {
            let more = (data - pulse.data) as usize;
            pulse.data = data;
            if let Some(bdp) = &mut pulse.bdp {
                let wanted = bdp.heard(more, now);
                if wanted && pulse.waiting {
                    // The PING that is out measures something else.
                    bdp.unsent();
                }
                ping |= wanted;
            }
        }
        if pulse.waiting
            && let Poll::Ready(Ok(_)) = pulse.pings.poll_pong(cx)
        {
            pulse.waiting = false;
            if let Some(keep_alive) = &mut pulse.keep_alive {
                keep_alive.pong(now);
            }
            if let Some(window) = pulse.bdp.as_mut().and_then(|bdp| bdp.pong(now)) {
                let target = window.max(pulse.window);
                self.connection.set_target_window_size(target);
                // One that the peer has not acknowledged yet stands in the way; the next estimate comes.
                let _ = self.connection.set_initial_window_size(window);
                cx.waker().wake_by_ref();
            }
        }
        match pulse
            .keep_alive
            .as_mut()
            .map_or(Due::Nothing, |keep_alive| keep_alive.due(now, streams))
        {
            // Who did not read may have missed the answer.
            Due::Dead if self.facts.mute.load(Ordering::Relaxed) => {}
            Due::Dead => {
                self.facts.set_end(End::Silent);
                return false;
            }
            Due::Ping => ping = true,
            Due::At(_) | Due::Nothing => {}
        }
        if ping && !pulse.waiting {
            if pulse.pings.send_ping(Ping::opaque()).is_ok() {
                pulse.waiting = true;
                cx.waker().wake_by_ref();
                // To be woken by its answer.
                let _ = pulse.pings.poll_pong(cx);
            } else if let Some(bdp) = &mut pulse.bdp {
                bdp.unsent();
            }
        }
        true
    }
}
