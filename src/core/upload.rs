//! Sends the body of a request, while listening for a response that comes early.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use super::connection::Connection;
use super::http11::Waits;
use super::{dual, rt};
use crate::body::{ByteStream, Kind, ReadSource, reader_failed};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::proto::h1::{Received, RequestFraming, write_chunk_size};

/// A body up to this size goes out with the head, in one write.
pub(crate) const SMALL_BODY: usize = 16 * 1024;
/// How much of a body is still sent after a response that does not close the connection, so that it can be kept.
const WORTH_FINISHING: u64 = 8 * 1024 * 1024;
/// How long a peer that has answered already may refuse to take more.
const PATIENCE: Duration = Duration::from_secs(1);

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
    Early(Box<Received>),
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
            Kind::Stream { stream, .. } => Upload::Stream(stream),
        }
    }
}

/// What is left to send, and what has been heard meanwhile.
struct Progress {
    framing: RequestFraming,
    sent: u64,
    early: Option<Box<Received>>,
    /// The peer has closed its side: nothing more is to be heard.
    deaf: bool,
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
        upload: &mut Upload,
        framing: RequestFraming,
        waits: &Waits,
    ) -> Result<Sent> {
        let mut progress = Progress {
            framing,
            sent: 0,
            early: None,
            deaf: false,
        };
        let mut next = Next::GoOn;
        match upload {
            Upload::Empty => {}
            Upload::Bytes(bytes) => {
                let bytes = bytes.clone();
                next = self.send_piece(&bytes, &mut progress, waits).await?;
            }
            Upload::Reader(reader) => {
                while matches!(next, Next::GoOn) {
                    let piece = match reader.next().await {
                        Ok(piece) => piece,
                        Err(error) => return Err(reader_failed(error).in_phase(Phase::Send)),
                    };
                    if piece.is_empty() {
                        break;
                    }
                    next = self.send_piece(piece, &mut progress, waits).await?;
                }
            }
            Upload::Stream(stream) => {
                while matches!(next, Next::GoOn) {
                    let item = rt::next_item(stream, waits.total).await;
                    match item.map_err(|error| error.in_phase(Phase::Send))? {
                        Some(piece) => next = self.send_piece(&piece, &mut progress, waits).await?,
                        None => break,
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
        progress: &mut Progress,
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
        Ok(next)
    }

    async fn finish_body(&mut self, progress: &mut Progress, waits: &Waits) -> Result<()> {
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
        if let Next::Stop = self.push_outgoing(progress, waits).await? {
            return Ok(());
        }
        let flushed = self.stream.flush(waits.write()).await;
        flushed.map_err(|error| waits.write_failed(error))?;
        self.exchange.body_sent();
        Ok(())
    }

    async fn push_outgoing(&mut self, progress: &mut Progress, waits: &Waits) -> Result<Next> {
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
        progress: &mut Progress,
        waits: &Waits,
    ) -> Result<Next> {
        while !bytes.is_empty() {
            match self.stream.try_send(bytes) {
                Ok(sent) if sent > 0 => {
                    bytes = &bytes[sent..];
                    continue;
                }
                Ok(_) => {
                    return self
                        .after_broken_pipe(io::ErrorKind::WriteZero.into(), progress, waits)
                        .await;
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return self.after_broken_pipe(error, progress, waits).await;
                }
                Err(_) => {}
            }
            let mut wait = waits.write();
            if progress.early.is_some() {
                wait.each = Some(wait.each.map_or(PATIENCE, |each| each.min(PATIENCE)));
            }
            let listen = progress.early.is_none() && !progress.deaf;
            let ready = match self.stream.ready(listen, true, wait).await {
                Ok(ready) => ready,
                Err(_) if progress.early.is_some() => return Ok(Next::Stop),
                Err(error) => return Err(waits.write_failed(error)),
            };
            if ready.read
                && self.listen(progress)?
                && !worth_finishing(progress, bytes.len() as u64)
            {
                return Ok(Next::Stop);
            }
        }
        Ok(Next::GoOn)
    }

    /// The peer takes no more: what it said before it closed is the answer.
    async fn after_broken_pipe(
        &mut self,
        error: io::Error,
        progress: &mut Progress,
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
    fn listen(&mut self, progress: &mut Progress) -> Result<bool> {
        loop {
            if let Some(received) = self
                .exchange
                .receive(&mut self.received)
                .map_err(super::http11::bad_response)?
            {
                if let Received::Final(..) = received {
                    progress.early = Some(Box::new(received));
                    return Ok(true);
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

/// After an early response: to send the rest keeps the connection, if the peer means to keep it.
fn worth_finishing(progress: &Progress, unsent: u64) -> bool {
    let closes = match progress.early.as_deref() {
        Some(Received::Final(head, _)) => {
            let said = head.headers.get_all(http::header::CONNECTION);
            head.version != http::Version::HTTP_11
                || said
                    .iter()
                    .any(|value| crate::headers::has_token(value.as_bytes(), b"close"))
        }
        _ => false,
    };
    let left = match progress.framing {
        RequestFraming::Length(length) => length.saturating_sub(progress.sent) + unsent,
        _ => u64::MAX,
    };
    !closes && left <= WORTH_FINISHING
}

fn wrong_length(message: String) -> Error {
    Error::new(ErrorKind::LocalProtocolError, message).in_phase(Phase::Send)
}
