//! Runs applications as a part of the task that waits for them.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;
use tokio::runtime::Handle;

use super::{BodyReader, Pending, before};
use crate::body::{Body, OfTransport};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::AppBody;

/// What drives an application: the task that waits for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runner;

impl Runner {
    pub(crate) fn of(_slot: &OnceLock<Box<dyn Any + Send + Sync>>) -> Result<Runner> {
        Ok(Runner)
    }

    /// Has what is read with blocking calls read off the event loop.
    pub(crate) fn feed(body: Body) -> Body {
        // Without a runtime nobody else's loop is held up.
        if Handle::try_current().is_err() {
            return body;
        }
        let length = body.content_length();
        let source = match body.into_read_source() {
            Ok(source) => source,
            Err(body) => return body,
        };
        let reading = Reading {
            reader: Some(BodyReader::new(source)),
            pending: Pending::default(),
        };
        Body::from_stream(reading).with_length(length)
    }

    /// Runs a future to its end, or `TotalTimeout`.
    pub(crate) async fn run<T>(
        &self,
        future: impl Future<Output = Result<T>>,
        deadline: Option<Instant>,
    ) -> Result<T> {
        before(deadline, future)
            .await
            .unwrap_or_else(|_| Err(Error::timeout(ErrorKind::TotalTimeout, None)))
    }

    /// Waits for the next frame of a body.
    pub(crate) async fn frame(
        &self,
        body: &mut AppBody,
        deadline: Option<Instant>,
    ) -> Result<Option<Frame<Bytes>>> {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx).map(Option::transpose));
        self.run(frame, deadline).await
    }
}

/// A file or reader as a stream; `None` in both fields: it is over.
struct Reading {
    reader: Option<BodyReader>,
    pending: Pending<(BodyReader, Result<Bytes>)>,
}

impl Stream for Reading {
    type Item = std::result::Result<Bytes, OfTransport>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(mut reader) = self.reader.take() {
            self.pending.begin(Box::pin(async move {
                let piece = reader.next(None).await.map(Bytes::copy_from_slice);
                (reader, piece)
            }));
        }
        let Some((reader, piece)) = ready!(self.pending.poll(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(match piece {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => {
                self.reader = Some(reader);
                Some(Ok(piece))
            }
            Err(error) => Some(Err(OfTransport(error))),
        })
    }
}
