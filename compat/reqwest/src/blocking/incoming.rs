//! A response's body on its way in.

use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;

use crate::connect::unpark;
use crate::error::{BoxError, TimedOut};

/// A moment after which nobody waits any more.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) const NONE: Deadline = Deadline(None);

    /// A limit that is too long for the clock is none.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        Deadline(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// The time left; `Ok(None)` without a limit.
    pub(super) fn left(self) -> Result<Option<Duration>, TimedOut> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(TimedOut),
            left => Ok(Some(left)),
        }
    }
}

pub(super) struct Incoming {
    source: Source,
    /// What is left, where it is known.
    length: Option<u64>,
    touched: bool,
}

enum Source {
    Wire(dimorph::blocking::Response),
    /// A body made by hand, and what of it is taken but not read.
    Made(crate::Body, Bytes),
}

/// How much is read at once.
const CHUNK: usize = 16 * 1024;
/// How much is made room for before anything has come.
const FIRST_ROOM: u64 = 1024 * 1024;

impl Incoming {
    pub(super) fn wire(response: dimorph::blocking::Response, length: Option<u64>) -> Self {
        Incoming {
            source: Source::Wire(response),
            length,
            touched: false,
        }
    }

    pub(super) fn made(body: crate::Body) -> Self {
        Incoming {
            length: body.size_hint().exact(),
            source: Source::Made(body, Bytes::new()),
            touched: false,
        }
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, BoxError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.touched = true;
        let read = match &mut self.source {
            // The response has a limit of its own for each wait.
            Source::Wire(response) => response.read(buffer).map_err(own)?,
            Source::Made(body, taken) => {
                if taken.is_empty() {
                    *taken = next(body, deadline)?.unwrap_or_default();
                }
                let length = buffer.len().min(taken.len());
                taken.copy_to_slice(&mut buffer[..length]);
                length
            }
        };
        self.length = self.length.map(|left| left.saturating_sub(read as u64));
        Ok(read)
    }

    /// Reads all that is left.
    pub(super) fn read_whole(&mut self, deadline: Deadline) -> Result<Bytes, BoxError> {
        if let Source::Wire(response) = &mut self.source
            && !self.touched
        {
            let pieces = response.iter_bytes();
            let pieces = pieces.map(|piece| piece.map_err(dimorph::Error::without_url));
            return collect(pieces, self.length, deadline);
        }
        let mut all = Vec::with_capacity(room(self.length));
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = self.read(&mut chunk, deadline)?;
            if read == 0 {
                return Ok(all.into());
            }
            all.extend_from_slice(&chunk[..read]);
            deadline.left()?;
        }
    }
}

fn room(length: Option<u64>) -> usize {
    length.unwrap_or(0).min(FIRST_ROOM) as usize
}

/// Puts pieces together; a single one is not copied.
fn collect(
    mut pieces: impl Iterator<Item = dimorph::Result<Bytes>>,
    length: Option<u64>,
    deadline: Deadline,
) -> Result<Bytes, BoxError> {
    let Some(first) = pieces.next().transpose()? else {
        return Ok(Bytes::new());
    };
    if length == Some(first.len() as u64) {
        // The end is read too, so that the connection is free.
        if pieces.next().transpose()?.is_none() {
            return Ok(first);
        }
        return Err("the body is longer than announced".into());
    }
    let mut all = Vec::with_capacity(room(length).max(first.len()));
    all.extend_from_slice(&first);
    for piece in pieces {
        all.extend_from_slice(&piece?);
        deadline.left()?;
    }
    Ok(all.into())
}

/// dimorph's own error out of the reader's.
fn own(error: std::io::Error) -> BoxError {
    match error.downcast::<dimorph::Error>() {
        Ok(own) => own.without_url().into(),
        Err(other) => other.into(),
    }
}

/// The next bytes of a body made by hand: it is polled on this thread, until the deadline.
fn next(body: &mut crate::Body, deadline: Deadline) -> Result<Option<Bytes>, BoxError> {
    let waker = unpark();
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut *body).poll_frame(&mut context) {
            Poll::Ready(None) => return Ok(None),
            Poll::Ready(Some(frame)) => match frame?.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
            Poll::Pending => match deadline.left()? {
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            },
        }
    }
}
