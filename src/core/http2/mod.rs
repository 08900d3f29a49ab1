//! HTTP/2 connections (RFC 9113), through the crate h2.
//!
//! ```text
//!   mod.rs        a connection that requests share; the pool has it
//!   exchange.rs   one request on a stream of it, until the response's head is there
//!   sending.rs    the request's body, beside it
//!   body.rs       the response's body
//! ```
//!
//! Every wait is a goal given to `rt::Driver`: in the blocking form the waiting threads drive the connection, in the async
//! form a task does.

mod body;
mod exchange;
mod sending;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use http::HeaderMap;
use http::uri::Authority;

use super::stream::Stream;
use super::{dual, rt};
use crate::client_config::ClientConfig;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::pool_state::Shared;
use crate::proto::h2::{ListLimits, failed, parse_authority};
use crate::tls_info::TlsInfo;

pub(crate) use body::StreamBody;

/// A connection that requests share by streams.
#[derive(Clone)]
pub(crate) struct Http2 {
    inner: Arc<Inner>,
}

struct Inner {
    /// Away only while this is dropped.
    sender: Option<SendRequest<Bytes>>,
    driver: rt::Driver<Stream>,
    remote_addr: Option<SocketAddr>,
    tls_info: Option<TlsInfo>,
    limits: ListLimits,
    /// The `:authority` of the requests so far: mostly there is but one.
    authority: Mutex<Option<Authority>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.closing();
        self.sender = None;
    }
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2")
            .field("remote_addr", &self.inner.remote_addr)
            .finish_non_exhaustive()
    }
}

impl Shared for Http2 {
    fn capacity(&self) -> usize {
        // Where the server wants none for now, one request waits on the connection, and hears when it wants some.
        self.facts().capacity().max(1)
    }

    fn is_open(&self) -> bool {
        self.facts().is_open()
    }
}

impl Http2 {
    pub(crate) fn is(&self, other: &Http2) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        self.inner.remote_addr
    }

    /// Deals with what the server sent while nobody listened; `false`: it cannot be used here any more.
    pub(crate) fn is_usable(&self) -> bool {
        if !self.driver().is_at_home() {
            self.facts().retire();
        } else if self.facts().is_open() {
            self.driver().catch_up();
        }
        self.facts().is_open()
    }

    /// Has the pool told when it takes more streams, or none any more.
    pub(crate) fn tell_changes(&self, listener: Box<dyn Fn() + Send + Sync>) {
        self.facts().set_listener(listener);
    }

    fn driver(&self) -> &rt::Driver<Stream> {
        &self.inner.driver
    }

    fn facts(&self) -> &rt::Facts {
        self.inner.driver.facts()
    }

    /// Parses an authority, unless it is that of the request before.
    fn authority(&self, text: &str) -> Result<Authority> {
        let known = &self.inner.authority;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(known) if known.as_str() == text => Ok(known.clone()),
            _ => Ok(known.insert(parse_authority(text)?).clone()),
        }
    }

    fn sender(&self) -> SendRequest<Bytes> {
        self.inner
            .sender
            .clone()
            .expect("it goes with the last of these")
    }

    /// Refuses header lists that are longer than allowed.
    fn check_list(&self, headers: &HeaderMap, phase: Phase) -> Result<()> {
        let told = self.inner.limits.check(headers);
        told.map_err(|message| Error::new(ErrorKind::LimitExceeded, message).in_phase(phase))
    }

    /// h2 has no word of its own for a header list that is too long.
    fn is_too_long(&self, error: &h2::Error) -> bool {
        let (limits, block) = (&self.inner.limits, self.facts().header_block());
        error.is_library()
            && match error.reason() {
                Some(h2::Reason::PROTOCOL_ERROR) => limits.suspects(block),
                Some(h2::Reason::ENHANCE_YOUR_CALM) => block > limits.size as usize,
                _ => false,
            }
    }

    /// What ended a stream or the connection, as the error that the caller sees.
    fn error(&self, error: h2::Error, phase: Phase) -> Error {
        match self.facts().end() {
            Some(rt::End::Refused(refusal)) => failed(error, Some(refusal), phase),
            Some(rt::End::Silent) => Error::new(
                ErrorKind::ReadTimeout,
                "the server answered no PING within http2_keep_alive_timeout",
            )
            .with_source(error)
            .in_phase(phase),
            None if self.is_too_long(&error) => {
                Error::new(ErrorKind::LimitExceeded, self.inner.limits.suspicion())
                    .with_source(error)
                    .in_phase(phase)
            }
            None => failed(error, None, phase),
        }
    }
}

#[dual]
impl Http2 {
    /// Begins to speak HTTP/2 on a new connection.
    pub(crate) async fn open(
        mut stream: Stream,
        config: &ClientConfig,
        deadline: Option<Instant>,
    ) -> Result<Http2> {
        let remote_addr = stream.peer_addr();
        let tls_info = match config.tls_info {
            true => stream.tls_info(),
            false => None,
        };
        let watch = stream.io().watch();
        match rt::Driver::open(stream, watch, config.h2, deadline).await {
            Some(Ok((driver, sender))) => Ok(Http2 {
                inner: Arc::new(Inner {
                    sender: Some(sender),
                    driver,
                    remote_addr,
                    tls_info,
                    limits: ListLimits {
                        size: config.h2.max_header_list_size,
                        fields: config.h1.fields,
                        informational: config.h1.informational,
                    },
                    authority: Mutex::new(None),
                }),
            }),
            Some(Err(error)) => Err(failed(error, None, Phase::Connect)),
            None => Err(Error::timeout(ErrorKind::ConnectTimeout, None).in_phase(Phase::Connect)),
        }
    }
}

/// What was heard on a connection when a wait began.
struct Silence {
    heard: u64,
}

impl Silence {
    fn begin(facts: &rt::Facts) -> Self {
        Silence {
            heard: facts.heard(),
        }
    }

    /// Tells whether bytes of the stream's own frame came since it was asked last: its wait has begun anew, then.
    fn is_drip(&mut self, facts: &rt::Facts, stream: u32) -> bool {
        let before = std::mem::replace(&mut self.heard, facts.heard());
        self.heard != before && facts.is_unfinished(stream)
    }
}

/// A stream that somebody holds. Dropped behind the handles of its stream, it sends what their end left to be said.
struct Held {
    connection: Http2,
}

impl Held {
    fn new(connection: Http2) -> Self {
        connection.facts().stream_begins();
        Held { connection }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.facts().stream_ends();
        self.connection.driver().kick();
    }
}

impl rt::Wire for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.take_early(buffer) {
            Some(early) => Poll::Ready(Ok(early)),
            None => Stream::poll_read(self, cx, buffer),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bytes)
    }

    fn poll_write_pieces(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_out(cx, |stream| stream.try_send_pieces(pieces))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_flush(self, cx)
    }

    fn is_layered(&self) -> bool {
        self.is_secured()
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive_now(buffer)
    }

    fn close(&mut self) {
        Stream::close(self);
    }
}
