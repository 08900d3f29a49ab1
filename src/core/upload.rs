//! Sends the body of a request, while listening for a response that comes early.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http::header::CONNECTION;

use super::connection::Connection;
use super::http11::{Waits, heard};
use super::send::Trip;
use super::{dual, rt};
use crate::body::{ByteStream, Kind, ReadSource};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::{Counter, Progress};
use crate::headers::has_token;
use crate::proto::h1::{BodyReader, Received, RequestFraming, ResponseHead, write_chunk_size};
use crate::request::Request;

/// A body up to this size goes out with the head, in one write.
pub(crate) const SMALL_BODY: usize = 16 * 1024;
/// How much of a body is still sent after a response that does not close the connection, so that it can be kept.
const WORTH_FINISHING: u64 = 8 * 1024 * 1024;
/// How long a peer that has answered already may refuse to take more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A body on its way out.
pub(crate) enum Upload {
    Empty,
    Bytes(Bytes),
    Reader(Box<rt::BodyReader>),
    Stream(Mutex<ByteStream>),
}

/// How the sending of a body ended.
pub(crate) enum Sent {
    /// All of it went out.
    Whole,
    /// The peer answered first.
    Early(Box<(ResponseHead, BodyReader)>),
}

impl Upload {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Empty | Kind::Consumed => Upload::Empty,
            Kind::Bytes(bytes) => Upload::Bytes(bytes),
            Kind::File(file) => {
                Upload::Reader(Box::new(rt::BodyReader::new(ReadSource::File(file))))
            }
            Kind::Reader { reader, .. } => {
                Upload::Reader(Box::new(rt::BodyReader::new(ReadSource::Reader(reader))))
            }
            Kind::Parts(parts) => {
                Upload::Reader(Box::new(rt::BodyReader::new(ReadSource::Parts(parts))))
            }
            Kind::Stream { stream, .. } => Upload::Stream(stream),
        }
    }
}

/// What is left to send, and what has been heard meanwhile.
struct Sending<'a> {
    framing: RequestFraming,
    sent: u64,
    early: Option<Box<(ResponseHead, BodyReader)>>,
    /// The peer has closed its side: nothing more is to be heard.
    deaf: bool,
    counter: Option<&'a Counter>,
    trip: &'a Trip<'a>,
}

/// Whether sending goes on.
enum Next {
    GoOn,
    Stop,
}

#[dual]
impl Connection {
    /// Sends a body. What `outgoing` holds goes before it.
    pub(crate) async fn send_body(
        &mut self,
        request: &Request,
        upload: &mut Upload,
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) -> Result<Sent> {
        let waits = trip.waits;
        let mut progress = Sending {
            framing,
            sent: 0,
            early: None,
            deaf: false,
            counter: request.options().on_upload.as_deref(),
            trip,
        };
        let mut next = Next::GoOn;
        match upload {
            Upload::Empty => {}
            Upload::Bytes(bytes) => {
                let bytes = bytes.clone();
                next = self.send_piece(&bytes, &mut progress, waits).await?;
            }
            Upload::Reader(reader) => {
                let from_file = reader.is_file();
                // A reader may take its time: the head does not wait for it.
                if framing == RequestFraming::Chunked {
                    next = self.push_outgoing(&mut progress, waits).await?;
                }
                while matches!(next, Next::GoOn) {
                    // While the source takes its time, the peer has all there was so far.
                    if !from_file {
                        next = self.flush(&mut progress, waits).await?;
                        if let Next::Stop = next {
                            break;
                        }
                    }
                    let piece = reader.next(waits.total).await;
                    let piece = piece.map_err(|error| waits.source_failed(error))?;
                    if piece.is_empty() {
                        break;
                    }
                    if waits.is_over() {
                        return Err(waits.total_timeout().in_phase(Phase::Send));
                    }
                    // A file never keeps the peer waiting: it is listened to when it takes no more.
                    if !from_file && self.hears_enough(&mut progress, u64::MAX)? {
                        next = Next::Stop;
                        break;
                    }
                    next = self.send_piece(piece, &mut progress, waits).await?;
                }
            }
            Upload::Stream(stream) => {
                next = self.push_outgoing(&mut progress, waits).await?;
                while matches!(next, Next::GoOn) {
                    next = self.flush(&mut progress, waits).await?;
                    if let Next::Stop = next {
                        break;
                    }
                    let io = (!progress.deaf).then(|| self.stream.io());
                    let item = rt::next_item(stream, io, waits.total).await;
                    match item.map_err(|error| waits.source_failed(error))? {
                        rt::Item::Next(_) if waits.is_over() => {
                            return Err(waits.total_timeout().in_phase(Phase::Send));
                        }
                        rt::Item::Next(piece) => {
                            next = self.send_piece(&piece, &mut progress, waits).await?;
                        }
                        rt::Item::End => break,
                        rt::Item::Readable => {
                            if self.hears_enough(&mut progress, u64::MAX)? {
                                next = Next::Stop;
                            } else if progress.deaf && progress.early.is_none() {
                                return Err(self.ended());
                            }
                        }
                    }
                }
            }
        }
        if matches!(next, Next::GoOn) {
            self.finish_body(&mut progress, waits).await?;
        }
        match progress.early {
            Some(received) => Ok(Sent::Early(received)),
            None => Ok(Sent::Whole),
        }
    }

    async fn send_piece(
        &mut self,
        piece: &[u8],
        progress: &mut Sending<'_>,
        waits: &Waits,
    ) -> Result<Next> {
        progress.sent += piece.len() as u64;
        match progress.framing {
            _ if piece.is_empty() => return Ok(Next::GoOn),
            RequestFraming::Chunked => write_chunk_size(&mut self.outgoing, piece.len()),
            RequestFraming::Length(length) if progress.sent > length => {
                return Err(wrong_length(format!(
                    "the request body is longer than the {length} bytes announced"
                )));
            }
            RequestFraming::Length(_) => {}
            RequestFraming::Absent => {
                return Err(wrong_length("a body without framing".to_owned()));
            }
        }
        // A small piece is copied behind what frames it; a large one is sent from where it is.
        if piece.len() <= SMALL_BODY {
            self.outgoing.extend_from_slice(piece);
        }
        let mut next = self.push_outgoing(progress, waits).await?;
        if piece.len() > SMALL_BODY && matches!(next, Next::GoOn) {
            next = self.push(piece, progress, waits).await?;
        }
        if progress.framing == RequestFraming::Chunked {
            self.outgoing.extend_from_slice(b"\r\n");
        }
        progress.count();
        Ok(next)
    }

    async fn finish_body(&mut self, progress: &mut Sending<'_>, waits: &Waits) -> Result<()> {
        match progress.framing {
            RequestFraming::Chunked => self.outgoing.extend_from_slice(b"0\r\n\r\n"),
            RequestFraming::Length(length) if progress.sent != length => {
                return Err(wrong_length(format!(
                    "the request body has {} bytes, {length} were announced",
                    progress.sent
                )));
            }
            _ => {}
        }
        if let Next::GoOn = self.push_outgoing(progress, waits).await?
            && let Next::GoOn = self.flush(progress, waits).await?
        {
            self.exchange.body_sent();
        }
        Ok(())
    }

    async fn push_outgoing(&mut self, progress: &mut Sending<'_>, waits: &Waits) -> Result<Next> {
        let outgoing = std::mem::take(&mut self.outgoing);
        let result = self.push(&outgoing, progress, waits).await;
        self.outgoing = outgoing;
        self.outgoing.clear();
        result
    }

    /// Sends bytes; listens whenever the peer does not take any.
    async fn push(
        &mut self,
        mut bytes: &[u8],
        progress: &mut Sending<'_>,
        waits: &Waits,
    ) -> Result<Next> {
        while !bytes.is_empty() {
            let next = match self.stream.try_send(bytes) {
                Ok(0) => {
                    self.stuck(io::ErrorKind::WriteZero.into(), 0, progress, waits)
                        .await?
                }
                Ok(sent) => {
                    bytes = &bytes[sent..];
                    // A peer that takes everything at once never makes it wait.
                    if !bytes.is_empty() && waits.is_over() {
                        return Err(waits.total_timeout().in_phase(Phase::Send));
                    }
                    continue;
                }
                Err(error) => {
                    self.stuck(error, bytes.len() as u64, progress, waits)
                        .await?
                }
            };
            if let Next::Stop = next {
                return Ok(Next::Stop);
            }
        }
        Ok(Next::GoOn)
    }

    /// Pushes out what TLS still holds.
    async fn flush(&mut self, progress: &mut Sending<'_>, waits: &Waits) -> Result<Next> {
        while let Err(error) = self.stream.try_flush() {
            if let Next::Stop = self.stuck(error, 0, progress, waits).await? {
                return Ok(Next::Stop);
            }
        }
        Ok(Next::GoOn)
    }

    /// The peer took nothing: waits until it does, or has answered, or for good.
    async fn stuck(
        &mut self,
        error: io::Error,
        unsent: u64,
        progress: &mut Sending<'_>,
        waits: &Waits,
    ) -> Result<Next> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return self.after_broken_pipe(error, progress, waits).await;
        }
        let mut wait = waits.write();
        if progress.is_refused() {
            wait.each = Some(wait.each.map_or(PATIENCE, |each| each.min(PATIENCE)));
        }
        let listen = progress.early.is_none() && !progress.deaf;
        let ready = match self.stream.ready(listen, true, wait).await {
            Ok(ready) => ready,
            Err(_) if progress.early.is_some() => return Ok(Next::Stop),
            Err(error) => return Err(waits.write_failed(error)),
        };
        match ready.read && self.hears_enough(progress, unsent)? {
            true => Ok(Next::Stop),
            false => Ok(Next::GoOn),
        }
    }

    /// The peer takes no more: what it said before it closed is the answer.
    async fn after_broken_pipe(
        &mut self,
        error: io::Error,
        progress: &mut Sending<'_>,
        waits: &Waits,
    ) -> Result<Next> {
        let wait = waits.read();
        while progress.early.is_none() && !progress.deaf {
            if self.listen(progress).is_err() {
                break;
            }
            if progress.early.is_none()
                && !progress.deaf
                && self.stream.ready(true, false, wait).await.is_err()
            {
                break;
            }
        }
        match progress.early {
            Some(_) => Ok(Next::Stop),
            None => Err(waits.write_failed(error)),
        }
    }
}

impl Connection {
    /// Receives what is there; `true`: it was a final response.
    fn listen(&mut self, progress: &mut Sending<'_>) -> Result<bool> {
        loop {
            if let Some(received) = self
                .exchange
                .receive(&mut self.received)
                .map_err(super::http11::bad_response)?
            {
                match received {
                    Received::Final(head, reader) => {
                        progress.early = Some(Box::new((head, reader)));
                        return Ok(true);
                    }
                    Received::Informational(head) => heard(progress.trip, &head),
                }
                continue;
            }
            match self.try_receive() {
                Ok(0) => {
                    progress.deaf = true;
                    return Ok(false);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(_) => {
                    progress.deaf = true;
                    return Ok(false);
                }
            }
        }
    }
}

impl Connection {
    /// Listens; `true`: the peer's answer makes the rest of the body useless.
    fn hears_enough(&mut self, progress: &mut Sending<'_>, unsent: u64) -> Result<bool> {
        let listen = progress.early.is_none() && !progress.deaf;
        Ok(listen && self.listen(progress)? && !progress.is_worth_finishing(unsent))
    }
}

impl Sending<'_> {
    /// Tells whoever counts how much of the body has gone out.
    fn count(&self) {
        if let Some(count) = self.counter {
            let total = match self.framing {
                RequestFraming::Length(length) => Some(length),
                _ => None,
            };
            count(Progress {
                bytes: self.sent,
                total,
            });
        }
    }

    fn answer(&self) -> Option<&ResponseHead> {
        self.early.as_deref().map(|(head, _)| head)
    }

    /// The peer does not want the body (RFC 9112 section 9.5). An early success is none such: it may still read.
    fn is_refused(&self) -> bool {
        self.answer()
            .is_some_and(|head| head.status.as_u16() >= 400)
    }

    /// After a refusal, to send the rest only keeps the connection: if that is kept at all, and the rest is small.
    fn is_worth_finishing(&self, unsent: u64) -> bool {
        let closes = self.answer().is_some_and(|head| {
            let said = head.headers.get_all(CONNECTION);
            head.version != Version::HTTP_11
                || said
                    .iter()
                    .any(|value| has_token(value.as_bytes(), b"close"))
        });
        let left = match self.framing {
            // Who knows when a reader or stream gives the rest.
            RequestFraming::Length(_) if unsent == u64::MAX => u64::MAX,
            RequestFraming::Length(length) => length.saturating_sub(self.sent) + unsent,
            _ => u64::MAX,
        };
        !self.is_refused() || (!closes && left <= WORTH_FINISHING)
    }
}

pub(crate) fn wrong_length(message: String) -> Error {
    Error::new(ErrorKind::LocalProtocolError, message).in_phase(Phase::Send)
}
