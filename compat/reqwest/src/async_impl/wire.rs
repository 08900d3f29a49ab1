//! The bodies beneath: what is wrapped into a request's, and what comes of the wire.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::header::TRANSFER_ENCODING;
use http::{StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use tokio::time::{Instant, Sleep};

use crate::error::{self, BoxError, TimedOut};

/// The body of a response.
pub(crate) type ResponseBody = BoxBody<Bytes, BoxError>;

/// A stream's pieces as frames. The lock is never taken: it makes `Sync` what is only `Send`.
#[cfg(feature = "stream")]
pub(crate) struct Frames<S> {
    stream: Mutex<Pin<Box<S>>>,
}

#[cfg(feature = "stream")]
impl<S> Frames<S> {
    pub(crate) fn new(stream: S) -> Self {
        Frames {
            stream: Mutex::new(Box::pin(stream)),
        }
    }
}

#[cfg(feature = "stream")]
impl<S> Body for Frames<S>
where
    S: futures_core::TryStream,
    S::Error: Into<BoxError>,
    Bytes: From<S::Ok>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let stream = unlocked(&mut self.stream).as_mut();
        let piece = ready!(stream.try_poll_next(cx));
        Poll::Ready(piece.map(|piece| match piece {
            Ok(piece) => Ok(Frame::data(Bytes::from(piece))),
            Err(error) => Err(error.into()),
        }))
    }
}

fn unlocked<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex
        .get_mut()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A body whose pieces become bytes.
pub(crate) struct IntoBytes<B>(pub(crate) Pin<Box<B>>);

impl<B> Body for IntoBytes<B>
where
    B: Body,
    B::Data: Into<Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(self.0.as_mut().poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(Into::into))))
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

/// What is left to read of a response, within its timeouts.
pub(crate) struct Wire {
    response: Mutex<dimorph::asynchronous::Response>,
    left: Option<u64>,
    trailers_told: bool,
    limits: Limits,
}

/// How long a body may take.
#[derive(Default)]
pub(crate) struct Limits {
    /// Ends when the whole call's time is up.
    pub(crate) total: Option<Pin<Box<Sleep>>>,
    /// How long each piece may take.
    pub(crate) read: Option<Duration>,
    /// Ends when the next piece's time is up; made with the first poll.
    pub(crate) piece: Option<Pin<Box<Sleep>>>,
}

impl Limits {
    /// Tells whether the time is up.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(total) = &mut self.total
            && total.as_mut().poll(cx).is_ready()
        {
            return true;
        }
        let Some(read) = self.read else { return false };
        let piece = self
            .piece
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(read)));
        piece.as_mut().poll(cx).is_ready()
    }

    /// A piece came: the next one's time begins.
    fn renew(&mut self) {
        if let (Some(read), Some(piece)) = (self.read, &mut self.piece) {
            let far = Duration::from_secs(365 * 24 * 60 * 60);
            piece.as_mut().reset(Instant::now() + read.min(far));
        }
    }
}

/// The body of a response, before the response is given.
pub(crate) struct Measured {
    left: Option<u64>,
    limits: Limits,
}

impl Wire {
    /// Notes how long the body is, as long as the response has its headers. `bodiless`: the request was a HEAD.
    pub(crate) fn measure(
        response: &dimorph::asynchronous::Response,
        bodiless: bool,
        limits: Limits,
    ) -> Measured {
        let left = if response.version() == Version::HTTP_2 {
            // The stream says where it ends: a length beside that is what the server announced, of a HEAD's answer too.
            response.content_length()
        } else if bodiless || is_bodiless(response.status()) {
            Some(0)
        } else if response.headers().contains_key(TRANSFER_ENCODING) {
            None
        } else {
            response.content_length()
        };
        Measured { left, limits }
    }
}

impl Measured {
    pub(crate) fn of(self, response: dimorph::asynchronous::Response) -> Wire {
        Wire {
            response: Mutex::new(response),
            left: self.left,
            trailers_told: false,
            limits: self.limits,
        }
    }
}

/// Responses that end with their head (RFC 9112 section 6.3).
fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

impl Body for Wire {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.limits.poll_over(cx) {
            return Poll::Ready(Some(Err(error::body(TimedOut).into())));
        }
        let response = unlocked(&mut this.response);
        let piece = ready!(Pin::new(&mut *response).poll_next(cx));
        this.limits.renew();
        Poll::Ready(match piece {
            Some(Ok(piece)) => {
                if let Some(left) = &mut this.left {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(error)) => Some(Err(error.without_url().into())),
            None => {
                this.left = Some(0);
                let told = std::mem::replace(&mut this.trailers_told, true);
                response
                    .trailers()
                    .filter(|trailers| !told && !trailers.is_empty())
                    .map(|trailers| Ok(Frame::trailers(trailers.clone())))
            }
        })
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }
}
