//! The body of a request on its way out on a stream.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;

use super::super::http11::Waits;
use super::super::upload::{PATIENCE, Upload, wrong_length};
use super::super::{dual, rt};
use super::Http2;
use crate::config::Wait;
use crate::error::Result;
use crate::events::{Counter, Progress};
use crate::proto::h1::RequestFraming;
use crate::request::Request;

/// What stands before each frame's payload (RFC 9113 section 4.1).
const FRAME_HEADER: usize = 9;

/// How much of the window one body may have at a time.
const MOST_RESERVED: usize = 1024 * 1024;

/// What is left of a request's body.
pub(crate) struct Sending {
    source: Upload,
    /// Taken out of the source, and not sent.
    piece: Bytes,
    /// The source has no more.
    ended: bool,
    /// Taken out of the source so far.
    taken: u64,
    sent: u64,
    counted: u64,
    length: Option<u64>,
    counter: Option<std::sync::Arc<Counter>>,
    stream: SendStream<Bytes>,
    connection: Http2,
    /// It is the source that keeps it waiting, and not the server.
    at_source: bool,
}

/// How far the sending came.
pub(crate) enum Sent {
    /// A part went to the connection.
    Some,
    /// A reader is to be read first.
    Wants,
    /// All of it.
    Whole,
    /// The server takes no more, whatever it makes of that.
    Stopped,
}

impl Sending {
    pub(super) fn new(
        connection: Http2,
        source: Upload,
        stream: SendStream<Bytes>,
        framing: RequestFraming,
        request: &Request,
    ) -> Self {
        Sending {
            source,
            piece: Bytes::new(),
            ended: false,
            taken: 0,
            sent: 0,
            counted: 0,
            length: match framing {
                RequestFraming::Length(length) => Some(length),
                RequestFraming::Chunked | RequestFraming::Absent => None,
            },
            counter: request.options().on_upload.clone(),
            stream,
            connection,
            at_source: false,
        }
    }

    /// Whether the source is read with calls that may block.
    pub(crate) fn reads_slowly(&self) -> bool {
        matches!(&self.source, Upload::Reader(reader) if !reader.is_file())
    }

    /// The limit of the next wait: a source takes its time, a server may not.
    pub(crate) fn wait(&self, waits: &Waits) -> Wait {
        match self.at_source {
            true => Wait {
                each: None,
                until: waits.total,
            },
            false => waits.write(),
        }
    }

    /// Gives back what it was promised of the connection's window: while nobody polls it, others may have it.
    pub(super) fn rest(&mut self) {
        self.stream.reserve_capacity(0);
    }

    /// Tells whoever counts how much has gone out. Not while others wait for this thread to read for them.
    pub(super) fn count(&mut self) {
        if let Some(count) = &self.counter
            && self.sent > self.counted
        {
            self.counted = self.sent;
            count(Progress {
                bytes: self.sent,
                total: self.length,
            });
        }
    }

    /// As [`wait`](Sending::wait), behind a complete response.
    pub(crate) fn wait_briefly(&self, waits: &Waits) -> Wait {
        let mut wait = self.wait(waits);
        if !self.at_source {
            wait.each = Some(wait.each.map_or(PATIENCE, |each| each.min(PATIENCE)));
        }
        wait
    }

    /// Gives the source back of which nothing was taken.
    pub(super) fn into_untouched(self) -> Option<Upload> {
        (self.taken == 0 && !self.ended).then_some(self.source)
    }

    /// Sends what can be sent now. What it waits for may change in between, which is told as progress.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sent>> {
        let before = self.at_source;
        match self.poll_any(cx) {
            Poll::Pending if self.at_source != before => Poll::Ready(Ok(Sent::Some)),
            other => other,
        }
    }

    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sent>> {
        loop {
            self.at_source = self.piece.is_empty();
            if !self.piece.is_empty() {
                return self.poll_piece(cx).map(Ok);
            }
            if self.ended {
                return Poll::Ready(self.finish());
            }
            match &mut self.source {
                Upload::Empty => self.ended = true,
                Upload::Bytes(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.ended = true;
                    self.take(bytes)?;
                }
                Upload::Reader(_) => return Poll::Ready(Ok(Sent::Wants)),
                // The server may want no more (RFC 9113 section 8.1), whatever the source takes its time for.
                Upload::Stream(_) if self.stream.poll_reset(cx).is_ready() => {
                    return Poll::Ready(Ok(Sent::Stopped));
                }
                Upload::Stream(stream) => match ready!(rt::poll_item(stream, cx))? {
                    Some(piece) => self.take(piece)?,
                    None => self.ended = true,
                },
            }
        }
    }

    fn take(&mut self, piece: Bytes) -> Result<()> {
        self.taken += piece.len() as u64;
        match self.length {
            Some(length) if self.taken > length => Err(wrong_length(format!(
                "the request body is longer than the {length} bytes announced"
            ))),
            _ => {
                self.piece = piece;
                Ok(())
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Sent> {
        self.stream
            .reserve_capacity(self.piece.len().min(MOST_RESERVED));
        // What is there already is not announced again.
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Sent::Stopped),
            }
        }
        let room = self.stream.capacity().min(self.piece.len());
        let piece = self.piece.split_to(room);
        let last = self.piece.is_empty() && self.is_last();
        if self.stream.send_data(piece, last).is_err() {
            return Poll::Ready(Sent::Stopped);
        }
        self.sent += room as u64;
        self.connection.facts().sent(FRAME_HEADER + room);
        Poll::Ready(match last {
            true => Sent::Whole,
            false => Sent::Some,
        })
    }

    /// Whether nothing comes behind what was taken: the end goes out with it then.
    fn is_last(&self) -> bool {
        match self.length {
            Some(length) => self.ended && self.taken == length,
            None => self.ended,
        }
    }

    fn finish(&mut self) -> Result<Sent> {
        if let Some(length) = self.length
            && self.taken != length
        {
            return Err(wrong_length(format!(
                "the request body has {} bytes, {length} were announced",
                self.taken
            )));
        }
        Ok(match self.stream.send_data(Bytes::new(), true) {
            Ok(()) => Sent::Whole,
            Err(_) => Sent::Stopped,
        })
    }
}

#[dual]
impl Sending {
    /// Reads the next piece of a reader.
    pub(crate) async fn fill(&mut self, waits: &Waits) -> Result<()> {
        let Upload::Reader(reader) = &mut self.source else {
            return Ok(());
        };
        let piece = reader.next(waits.total).await;
        let piece = piece.map_err(|error| waits.source_failed(error))?;
        let piece = Bytes::copy_from_slice(piece);
        self.ended = piece.is_empty();
        self.take(piece)
    }
}
