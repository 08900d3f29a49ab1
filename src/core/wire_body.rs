//! The body of a response as it comes off a connection, still encoded.
//!
//! A body that does not come whole with its head is received into a window, made once and reused, and copied out of
//! it: memory that stays in the cache costs less than system calls and fresh pages. Bytes go straight into the caller's own
//! buffer where that is large, or takes all that is left.

use std::io;

use bytes::{Buf, Bytes};
use http::HeaderMap;

use super::connection::Connection;
use super::dual;
use super::http11::{Waits, bad_response};
use super::pool::Lease;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::proto::h1::{BodyReader, Step};

/// The first read of a body that is not here yet.
const FIRST_READ: usize = 16 * 1024;
/// The largest read of a body that has not proved to be large.
const MEDIUM_READ: usize = 64 * 1024;
/// A body of which so much has come is large.
const LARGE_BODY: u64 = 1024 * 1024;
/// The largest read.
const LARGEST_READ: usize = 512 * 1024;
/// A buffer of at least this size is received into directly; a smaller one is filled from the window.
const DIRECT: usize = 64 * 1024;
/// The largest piece copied out of the window.
const PIECE: usize = 64 * 1024;

/// A body with the connection that it comes on. Dropping it closes the connection and frees its slot.
#[derive(Debug)]
pub(crate) struct WireBody {
    lease: Option<Lease>,
    reader: BodyReader,
    /// Payload at the front of what is held, found and counted by the reader, and not taken yet.
    found: usize,
    waits: Waits,
    window: Option<Window>,
    trailers: Option<Box<HeaderMap>>,
}

/// Received bytes in a buffer that is cleared once and never again.
#[derive(Debug)]
struct Window {
    /// What came in all: a body that proves large is worth a large window.
    total: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    fn new(first: &[u8]) -> Self {
        let mut buffer = vec![0; FIRST_READ.max(2 * first.len())];
        buffer[..first.len()].copy_from_slice(first);
        Window {
            total: 0,
            buffer,
            start: 0,
            end: first.len(),
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Room to receive into, behind what is held.
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            // Framing that does not fit, which the limits on it keep rare and small.
            self.buffer.resize(self.end + FIRST_READ, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Notes what came. A read that filled all the room makes the next one larger, up to what such a body is worth.
    fn received(&mut self, bytes: usize) {
        self.end += bytes;
        self.total += bytes as u64;
        let most = if self.total < LARGE_BODY {
            MEDIUM_READ
        } else {
            LARGEST_READ
        };
        let size = self.buffer.len();
        if self.end == size && size < most && bytes >= size / 2 {
            self.buffer.resize((size * 4).min(most), 0);
        }
    }
}

/// What a look at the received bytes says.
enum Found {
    Payload(usize),
    NeedsMore,
    Done,
}

impl WireBody {
    /// From here on the limits are those of the body; returns the moment by which it must be over.
    pub(crate) fn begin_waiting(&mut self) -> Option<std::time::Instant> {
        self.waits = self.waits.of_body();
        self.waits.total
    }

    /// Ends by then, if not before.
    pub(crate) fn limit(&mut self, until: Option<std::time::Instant>) {
        self.waits.total = self.waits.total.into_iter().chain(until).min();
    }

    pub(crate) fn new(lease: Lease, reader: BodyReader, waits: Waits) -> Self {
        WireBody {
            lease: Some(lease),
            reader,
            found: 0,
            waits,
            window: None,
            trailers: None,
        }
    }

    /// The payload bytes still to come, where they are announced.
    pub(crate) fn remaining(&self) -> Option<u64> {
        self.reader.remaining().map(|left| left + self.found as u64)
    }

    pub(crate) fn trailers(&mut self) -> Option<Box<HeaderMap>> {
        self.trailers.take()
    }

    /// Takes the whole body at once if all of it is here; the connection goes back to its pool then.
    pub(crate) fn take_if_complete(&mut self) -> Result<Option<Bytes>> {
        let Some(connection) = self.lease.as_mut().and_then(Lease::connection) else {
            return Ok(None);
        };
        match self.reader.remaining() {
            Some(0) => {
                self.find()?;
                Ok(Some(Bytes::new()))
            }
            Some(length) if length <= connection.received.len() as u64 => match self.find()? {
                Found::Payload(length) => Ok(Some(self.split(length))),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn connection(&mut self) -> Result<&mut Connection> {
        self.lease
            .as_mut()
            .and_then(Lease::connection)
            .ok_or_else(closed)
    }

    /// Looks for payload in what has been received, past framing; ends the exchange where the body ends.
    fn find(&mut self) -> Result<Found> {
        if self.found > 0 {
            return Ok(Found::Payload(self.found));
        }
        if self.reader.is_done() {
            self.finish();
            return Ok(Found::Done);
        }
        loop {
            let step = match (
                &self.window,
                self.lease.as_mut().and_then(Lease::connection),
            ) {
                (Some(window), _) => self.reader.step(window.bytes()),
                (None, Some(connection)) => self.reader.step(&connection.received),
                (None, None) => return self.connection().map(|_| Found::Done),
            };
            match step {
                Ok(Step::Data { skip, len }) => {
                    self.skip(skip);
                    self.found = len;
                    if len > 0 {
                        return Ok(Found::Payload(len));
                    }
                }
                Ok(Step::More { consumed }) => {
                    self.skip(consumed);
                    return Ok(Found::NeedsMore);
                }
                Ok(Step::Done { consumed }) => {
                    self.skip(consumed);
                    self.finish();
                    return Ok(Found::Done);
                }
                Err(error) => {
                    self.lease = None;
                    return Err(bad_response(error).in_phase(Phase::ReceiveBody));
                }
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        match (
            &mut self.window,
            self.lease.as_mut().and_then(Lease::connection),
        ) {
            (Some(window), _) => window.start += bytes,
            (None, Some(connection)) => connection.received.advance(bytes),
            (None, None) => {}
        }
    }

    /// Takes found payload; with the last of it, the exchange ends.
    fn take(&mut self, payload: usize) {
        self.skip(payload);
        self.found -= payload;
        if self.found == 0 && self.reader.is_done() {
            self.finish();
        }
    }

    /// The first `length` bytes held, without taking them.
    fn held(&mut self, length: usize) -> &[u8] {
        match (
            &self.window,
            self.lease.as_mut().and_then(Lease::connection),
        ) {
            (Some(window), _) => &window.bytes()[..length],
            (None, Some(connection)) => &connection.received[..length],
            (None, None) => &[],
        }
    }

    /// Takes found payload as bytes of its own.
    fn split(&mut self, length: usize) -> Bytes {
        let bytes = match (
            &self.window,
            self.lease.as_mut().and_then(Lease::connection),
        ) {
            (None, Some(connection)) => {
                let bytes = connection.received.split_to(length).freeze();
                self.found -= length;
                if self.found == 0 && self.reader.is_done() {
                    self.finish();
                }
                return bytes;
            }
            _ => Bytes::copy_from_slice(self.held(length)),
        };
        self.take(length);
        bytes
    }

    /// The body is complete: the connection goes back to the pool, or is closed for a reason.
    fn finish(&mut self) {
        if let Some(trailers) = self.reader.trailers() {
            self.trailers = Some(Box::new(trailers));
        }
        let held = self.window.take().map_or(0, |window| window.bytes().len());
        if let Some(mut lease) = self.lease.take()
            && let Some(connection) = lease.connection()
        {
            connection.exchange.response_done();
            let leftover = held + connection.received.len();
            if connection.exchange.verdict(leftover).is_ok() {
                lease.put_back();
            }
        }
    }

    /// Notes payload that went straight to its place.
    fn took(&mut self, payload: usize) {
        self.reader.took(payload as u64);
        if self.reader.is_done() {
            self.finish();
        }
    }

    fn ended(&mut self) -> Result<()> {
        match self.reader.eof() {
            Ok(()) => {
                self.finish();
                Ok(())
            }
            Err(error) => {
                self.lease = None;
                Err(bad_response(error).in_phase(Phase::ReceiveBody))
            }
        }
    }

    fn failed(&mut self, error: io::Error) -> Error {
        self.lease = None;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            // TLS without close_notify: the end was not the peer's word (RFC 8446 section 6.1).
            return match self.reader.eof() {
                Err(truncated) => bad_response(truncated),
                Ok(()) => Error::new(ErrorKind::RemoteProtocolError, "the peer closed the connection without the TLS close_notify that ends this body"),
            }
            .with_source(error)
            .in_phase(Phase::ReceiveBody);
        }
        self.waits.read_failed(error).in_phase(Phase::ReceiveBody)
    }

    /// Whether the next payload bytes go straight from the socket into a buffer of this size: not if the framing
    /// comes in between, nor if many small reads would each cost a system call.
    fn reads_directly(&self, size: usize) -> bool {
        let bulk = self.reader.bulk();
        let rest = self.reader.remaining().is_some() && bulk <= size as u64;
        (rest && bulk > 0) || (size >= DIRECT && bulk >= DIRECT as u64)
    }

    fn nothing_held(&mut self) -> bool {
        match (
            &self.window,
            self.lease.as_mut().and_then(Lease::connection),
        ) {
            (Some(window), _) => window.bytes().is_empty(),
            (None, Some(connection)) => connection.received.is_empty(),
            (None, None) => true,
        }
    }
}

#[dual]
impl WireBody {
    /// The next piece; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.find()? {
                Found::Payload(length) => return Ok(Some(self.split(length.min(PIECE)))),
                Found::Done => return Ok(None),
                Found::NeedsMore => {}
            }
            // A small rest goes straight into a buffer of its size. A large one is received into the window and
            // copied out: that memory stays in the cache, which a fresh buffer for each piece does not.
            if self.nothing_held()
                && self
                    .remaining()
                    .is_some_and(|left| left <= FIRST_READ as u64)
            {
                let mut piece = Vec::with_capacity(self.reader.bulk() as usize);
                if self.read_spare(&mut piece).await? > 0 {
                    return Ok(Some(Bytes::from(piece)));
                }
            } else {
                self.receive().await?;
            }
        }
    }

    /// Receives into `buffer`; 0 at the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if self.nothing_held() && self.reads_directly(buffer.len()) {
                let size = self.reader.bulk().min(buffer.len() as u64) as usize;
                let wait = self.waits.read();
                let result = self
                    .connection()?
                    .stream
                    .read(&mut buffer[..size], wait)
                    .await;
                match result {
                    Ok(0) => self.ended()?,
                    Ok(received) => {
                        self.took(received);
                        return Ok(received);
                    }
                    Err(error) => return Err(self.failed(error)),
                }
            }
            match self.find()? {
                Found::Payload(found) => {
                    let length = found.min(buffer.len());
                    buffer[..length].copy_from_slice(self.held(length));
                    self.take(length);
                    return Ok(length);
                }
                Found::Done => return Ok(0),
                Found::NeedsMore if self.nothing_held() && self.reads_directly(buffer.len()) => {}
                Found::NeedsMore => self.receive().await?,
            }
        }
    }

    /// Receives into the spare capacity of `buffer`, straight from the socket.
    async fn read_spare(&mut self, buffer: &mut Vec<u8>) -> Result<usize> {
        let wait = self.waits.read();
        let result = self.connection()?.stream.read_spare(buffer, wait).await;
        match result {
            Ok(0) => {
                self.ended()?;
                Ok(0)
            }
            Ok(received) => {
                self.took(received);
                Ok(received)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Receives more of a body behind what is held.
    async fn receive(&mut self) -> Result<()> {
        let wait = self.waits.read();
        // Nothing is taken out while it waits: a read that is given up loses nothing.
        let Some(connection) = self.lease.as_mut().and_then(Lease::connection) else {
            return Err(closed());
        };
        let window = self.window.get_or_insert_with(|| {
            let window = Window::new(&connection.received);
            connection.received.clear();
            window
        });
        match connection.stream.read(window.room(), wait).await {
            Ok(0) => self.ended(),
            Ok(received) => {
                window.received(received);
                Ok(())
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Reads more of a body of known length behind what is in `whole`, straight from the socket; 0 at the end.
    pub(crate) async fn read_more_of(&mut self, whole: &mut Vec<u8>) -> Result<usize> {
        if !self.nothing_held() {
            let Found::Payload(length) = self.find()? else {
                return Ok(0);
            };
            whole.extend_from_slice(self.held(length));
            self.take(length);
            return Ok(length);
        }
        let Some(remaining) = self.reader.remaining().filter(|&left| left > 0) else {
            return Ok(0);
        };
        // Room grows with what really came: an announced length alone reserves little.
        if whole.len() == whole.capacity() {
            let more = remaining.min(whole.len().max(64 * 1024) as u64) as usize;
            whole.reserve_exact(more);
        }
        let read = self.read_spare(whole).await?;
        if self.waits.is_over() {
            self.lease = None;
            return Err(self.waits.total_timeout().in_phase(Phase::ReceiveBody));
        }
        Ok(read)
    }
}

pub(crate) fn closed() -> Error {
    Error::new(
        ErrorKind::StreamClosed,
        "the response was closed before its body was read",
    )
    .in_phase(Phase::ReceiveBody)
}
