//! A request's body that is counted as an application reads it, and held to its length.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::Body;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::{Counter, Progress};

/// Tells `on_upload` of each piece, and fails where there is more or less than was announced.
pub(super) struct Counted {
    body: Body,
    counter: Option<Arc<Counter>>,
    bytes: u64,
    announced: Option<u64>,
}

impl Counted {
    pub(super) fn new(body: Body, counter: Option<Arc<Counter>>, announced: Option<u64>) -> Self {
        Counted {
            body,
            counter,
            bytes: 0,
            announced,
        }
    }

    /// Checks what has come so far, or all of it.
    fn check(&self, is_all: bool) -> Result<()> {
        let bytes = self.bytes;
        let message = match self.announced {
            Some(announced) if bytes > announced => {
                format!("the request body is longer than the {announced} bytes announced")
            }
            Some(announced) if is_all && bytes < announced => {
                format!("the request body has {bytes} bytes, {announced} were announced")
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::LocalProtocolError, message).in_phase(Phase::Send))
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let checked = match &polled {
            Poll::Ready(None) => self.check(true),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.bytes += bytes;
                if let (Some(tell), true) = (&self.counter, bytes > 0) {
                    tell(Progress {
                        bytes: self.bytes,
                        total: self.announced,
                    });
                }
                self.check(false)
            }
            _ => Ok(()),
        };
        match checked {
            Ok(()) => polled,
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.announced
            .map(|announced| announced.saturating_sub(self.bytes))
            .map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
