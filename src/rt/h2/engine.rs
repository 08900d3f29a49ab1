//! The h2 state machine as both drivers poll it, and the PINGs beside it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};

use super::facts::{End, Facts, INITIAL_STREAMS};
use super::pipe::{Pipe, Wire};
use crate::http2_options::Http2Options;
use crate::proto::h2::{Bdp, Due, KeepAlive};

/// How many streams that were given up are remembered, and how long.
const REMEMBERED: usize = 10_000;
const MEMORY: Duration = Duration::from_secs(2);
/// How many errors of streams a connection outlives.
const MOST_ERRORS: usize = 100_000;

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
        let pipe = Pipe::new(wire, facts.clone());
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
