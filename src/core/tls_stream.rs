//! TLS through rustls' sans-I/O connection, fed from large reads.
//!
//! Ciphertext is received into a buffer of its own, up to 256 KiB at a time, and fed to the session record by record.
//! Feeding stops as soon as there is plaintext to take, so that the session never holds more than one read's worth; the rest
//! of the ciphertext stays here. Records not sent yet live in the session.

use std::io::{self, BufRead, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Writer};

use super::layer::Layer;
use super::{dual, rt};
use crate::client_config::{ClientConfig, bad_tls};
use crate::config::Wait;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::hints;
use crate::location::Origin;
use crate::pool_state::Protocol;
use crate::tls::{self, Fault};
use crate::tls_info::TlsInfo;

/// The first reads: enough for a handshake flight or a small response.
const SMALL_READ: usize = 8 * 1024;
/// The reads of a bulk transfer: one system call for sixteen records.
const LARGE_READ: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct TlsSession {
    session: ClientConnection,
    /// Ciphertext: `input[start..end]` is not fed yet.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// The socket has ended.
    ended: bool,
    /// HTTP/2 is spoken.
    h2: bool,
}

impl TlsSession {
    /// Encrypts and sends; what the socket does not take now stays in the session.
    pub(crate) fn try_send(&mut self, io: &mut Layer, bytes: &[u8]) -> io::Result<usize> {
        self.put(io, bytes.is_empty(), |writer| writer.write(bytes))
    }

    /// As [`try_send`](TlsSession::try_send): several pieces share records, and one write.
    #[cfg(feature = "http2")]
    pub(crate) fn try_send_pieces(
        &mut self,
        io: &mut Layer,
        pieces: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let nothing = pieces.iter().all(|piece| piece.is_empty());
        self.put(io, nothing, |writer| writer.write_vectored(pieces))
    }

    fn put(
        &mut self,
        io: &mut Layer,
        nothing: bool,
        write: impl Fn(&mut Writer<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let taken = write(&mut self.session.writer())?;
            match self.try_flush(io) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                // The session is full: nothing was taken, and nothing went out.
                Err(error) if taken == 0 => return Err(error),
                _ if taken == 0 && !nothing => {}
                _ => return Ok(taken),
            }
        }
    }

    pub(crate) fn try_flush(&mut self, io: &mut Layer) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Outgoing(io))?;
        }
        io.try_flush()
    }

    pub(crate) fn try_read(&mut self, io: &mut Layer, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(taken) = self.take(buffer)? {
                return Ok(taken);
            }
            self.make_room();
            let received = io.try_read(&mut self.input)?;
            self.received(received);
        }
    }

    /// Absorbs what may come on an idle connection (session tickets, key updates); anything else means that it is over.
    pub(crate) fn is_silent(&mut self, io: &mut Layer) -> bool {
        let mut byte = [0u8; 1];
        if self.start < self.end || self.has_plaintext() {
            return false;
        }
        // A socket is peeked at; what a session beneath has to say is taken, and fed to this one.
        if !io.is_secured() && io.is_silent() {
            return true;
        }
        loop {
            self.make_room();
            match io.receive_now(&mut self.input) {
                Ok(received) => self.received(received),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
            if !matches!(self.take(&mut byte), Ok(None)) {
                return false;
            }
        }
    }

    /// As [`try_read`](TlsSession::try_read), asking the kernel itself.
    pub(crate) fn receive_now(&mut self, io: &mut Layer, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(taken) = self.take(buffer)? {
                return Ok(taken);
            }
            self.make_room();
            let received = io.receive_now(&mut self.input)?;
            self.received(received);
        }
    }

    pub(crate) fn has_plaintext(&self) -> bool {
        self.start < self.end || !(self.session.wants_read() || self.session.is_handshaking())
    }

    pub(crate) fn close(&mut self, io: &mut Layer) {
        self.session.send_close_notify();
        let _ = self.try_flush(io);
    }

    /// Tells whether the server chose HTTP/2 of what was offered (ALPN).
    pub(crate) fn alpn_is_h2(&self) -> bool {
        self.h2
    }

    pub(crate) fn info(&self) -> TlsInfo {
        let shown = self.session.peer_certificates();
        let own = shown.and_then(<[_]>::first);
        let version = self.session.protocol_version();
        TlsInfo::new(
            own.map(|certificate| certificate.to_vec()),
            version.and_then(tls::TlsVersion::of),
        )
    }

    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.input.len() > SMALL_READ {
            self.input = Vec::new();
            (self.start, self.end) = (0, 0);
        }
    }

    /// Takes plaintext, feeding ciphertext that is here; `None`: more of it is needed. 0 is the end that the peer announced.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut taken = 0;
        while taken < buffer.len() {
            match self.session.reader().read(&mut buffer[taken..]) {
                Ok(0) => return Ok(Some(taken)),
                Ok(more) => taken += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.feed() {
                        Ok(true) => {}
                        Ok(false) => break,
                        // What came before it is good; the session says it again.
                        Err(_) if taken > 0 => break,
                        Err(error) => return Err(error),
                    }
                }
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok((taken > 0).then_some(taken))
    }

    fn take_spare(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let mut taken = 0;
        loop {
            let room = buffer.capacity() - buffer.len();
            if room == 0 {
                return Ok(Some(taken));
            }
            let mut reader = self.session.reader();
            match reader.fill_buf() {
                Ok([]) => return Ok(Some(taken)),
                Ok(plain) => {
                    let some = plain.len().min(room);
                    buffer.extend_from_slice(&plain[..some]);
                    reader.consume(some);
                    taken += some;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.feed()? {
                        return Ok((taken > 0).then_some(taken));
                    }
                }
                Err(_) if taken > 0 => return Ok(Some(taken)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Feeds ciphertext until there is plaintext; `false`: none was left to feed.
    fn feed(&mut self) -> io::Result<bool> {
        if self.start == self.end && !self.ended {
            return Ok(false);
        }
        loop {
            let fed = self
                .session
                .read_tls(&mut &self.input[self.start..self.end])?;
            self.start += fed;
            let state = self.session.process_new_packets().map_err(broken)?;
            if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() || self.ended {
                return Ok(true);
            }
            if self.start == self.end {
                return Ok(false);
            }
        }
    }

    fn make_room(&mut self) {
        debug_assert!(
            self.start == self.end,
            "everything is fed before more is received"
        );
        (self.start, self.end) = (0, 0);
        if self.input.is_empty() {
            self.input.resize(SMALL_READ, 0);
        }
    }

    /// Notes what came into `input`. A read that filled it makes the next one larger.
    fn received(&mut self, bytes: usize) {
        self.end = bytes;
        self.ended |= bytes == 0;
        if bytes == self.input.len() && bytes < LARGE_READ {
            self.input.resize((bytes * 4).min(LARGE_READ), 0);
        }
    }
}

/// A TLS configuration, parsed.
pub(crate) type Prepared = Arc<rustls::ClientConfig>;

/// Parses the client's TLS configuration at first need: files may have to be read. It offers `protocol`.
#[dual]
pub(crate) async fn prepare(config: &ClientConfig, protocol: Protocol) -> Result<Prepared> {
    if let Some(ready) = config.tls.ready(protocol) {
        return Ok(ready);
    }
    let source = config.tls.clone();
    let parse = move || source.config(&|name| std::env::var_os(name), protocol);
    let built = rt::off_loop(parse).await;
    built.map_err(|error| bad_tls(error).in_phase(Phase::Tls))
}

/// The configuration for the proxy's own certificate: what the client trusts, but neither its certificate nor its session tickets.
#[dual]
pub(crate) async fn prepare_for_proxy(config: &ClientConfig) -> Result<Prepared> {
    let own = prepare(config, Protocol::Http1).await?;
    Ok(config.tls.for_proxies(&own))
}

#[dual]
impl TlsSession {
    /// Shakes hands; `config` is what `prepare` made for `protocol`. The last flight of a full handshake goes out with the
    /// first bytes of the request.
    ///
    /// # Errors
    /// Of kind `ConnectError` where the handshake fails, or the server chose something that was not offered, or chose nothing
    /// and no HTTP/1.1 is wanted.
    pub(crate) async fn connect(
        io: &mut Layer,
        config: Prepared,
        origin: Origin<'_>,
        received: &[u8],
        wait: Wait,
        protocol: Protocol,
    ) -> Result<Box<TlsSession>> {
        let in_tls = |error: Error| error.in_phase(Phase::Tls);
        let name = ServerName::try_from(origin.host_name().to_owned()).map_err(|error| {
            in_tls(
                Error::new(
                    ErrorKind::ConnectError,
                    format!("`{}` cannot be the name in a certificate", origin.host),
                )
                .with_source(error),
            )
        })?;
        let session = ClientConnection::new(config, name).map_err(|error| {
            in_tls(Error::new(ErrorKind::ConnectError, tls::describe(&error)).with_source(error))
        })?;
        let mut tls = Box::new(TlsSession {
            session,
            // What came behind a proxy's answer belongs to the handshake.
            input: received.to_vec(),
            start: 0,
            end: received.len(),
            ended: false,
            h2: false,
        });
        match tls.shake_hands(io, wait).await {
            Ok(()) => match tls::is_h2(tls.session.alpn_protocol(), protocol) {
                Ok(h2) => {
                    tls.h2 = h2;
                    Ok(tls)
                }
                Err(why) => Err(in_tls(Error::new(ErrorKind::ConnectError, why))),
            },
            Err(error) => {
                // An alert that says why, if it can still be sent.
                let _ = tls.try_flush(io);
                Err(in_tls(handshake_failed(error)))
            }
        }
    }

    async fn shake_hands(&mut self, io: &mut Layer, wait: Wait) -> io::Result<()> {
        while self.session.is_handshaking() {
            match self.try_flush(io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    io.ready(false, true, wait).await?;
                    continue;
                }
                other => other?,
            }
            if self.start == self.end {
                self.make_room();
                let received = io.read(&mut self.input, wait).await?;
                self.received(received);
                if received == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the peer closed the connection during the handshake",
                    ));
                }
            }
            while self.start < self.end && self.session.is_handshaking() {
                let fed = self
                    .session
                    .read_tls(&mut &self.input[self.start..self.end])?;
                self.start += fed;
                self.session.process_new_packets().map_err(broken)?;
            }
        }
        Ok(())
    }

    pub(crate) async fn read(
        &mut self,
        io: &mut Layer,
        buffer: &mut [u8],
        wait: Wait,
    ) -> io::Result<usize> {
        loop {
            if let Some(taken) = self.take(buffer)? {
                return Ok(taken);
            }
            self.make_room();
            let received = io.read(&mut self.input, wait).await?;
            self.received(received);
        }
    }

    pub(crate) async fn read_spare(
        &mut self,
        io: &mut Layer,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> io::Result<usize> {
        loop {
            if let Some(taken) = self.take_spare(buffer)? {
                return Ok(taken);
            }
            self.make_room();
            let received = io.read(&mut self.input, wait).await?;
            self.received(received);
        }
    }
}

/// Lets a session write to a socket that takes what it can.
struct Outgoing<'a>(&'a mut Layer);

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Fault(error))
}

/// What to try after a failed read or write.
pub(crate) fn hint_of(error: &io::Error) -> Option<&'static str> {
    Fault::within(error).and_then(hints::of_handshake)
}

fn handshake_failed(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::TimedOut {
        return Error::timeout(ErrorKind::ConnectTimeout, None);
    }
    Error::new(ErrorKind::ConnectError, error.to_string())
        .with_hint(hint_of(&error))
        .with_source(error)
}
