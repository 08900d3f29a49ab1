//! An application at work: the future that calls it, what becomes of its errors and panics, and its body.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use http_body::{Frame, SizeHint};
use tower_service::Service;

use super::{AppBody, Feed};
use crate::body::Body;
use crate::error::{BoxError, Error, ErrorKind, Phase, Result};
use crate::proto::h1::content_length;

/// An application at work on one request.
pub(crate) struct Calling<S, F> {
    state: State<S, F>,
    headless: bool,
    raises: bool,
    feed: Feed,
}

impl<S, F> Calling<S, F> {
    /// Begins with a service that is to be ready first. `headless`: the request is a HEAD.
    pub(super) fn new(
        service: S,
        request: http::Request<Body>,
        headless: bool,
        raises: bool,
        feed: Feed,
    ) -> Self {
        Calling {
            state: State::Waiting(service, Some(Box::new(request))),
            headless,
            raises,
            feed,
        }
    }
}

enum State<S, F> {
    Waiting(S, Option<Box<http::Request<Body>>>),
    Running(Pin<Box<F>>),
    Over,
}

impl<S, F> Unpin for Calling<S, F> {}

impl<S, R> Future for Calling<S, S::Future>
where
    S: Service<http::Request<Body>, Response = http::Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body + Send + 'static,
    R::Data: Into<Bytes>,
    R::Error: Into<BoxError>,
{
    type Output = Result<http::Response<AppBody>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.state.poll(cx)));
        let answered = match polled {
            Ok(polled) => ready!(polled).map_err(raised),
            Err(panic) => Err(panicked(&*panic)),
        }
        .map_err(|error| error.in_phase(Phase::ReceiveHead));
        self.state = State::Over;
        Poll::Ready(match answered {
            Ok(response) => self.received(response),
            Err(error) if self.raises => Err(error),
            Err(_) => Ok(internal_error()),
        })
    }
}

impl<S, F> Calling<S, F> {
    /// What a client would have received of the response.
    fn received<R>(&self, response: http::Response<R>) -> Result<http::Response<AppBody>>
    where
        R: http_body::Body + Send + 'static,
        R::Data: Into<Bytes>,
        R::Error: Into<BoxError>,
    {
        let announced = content_length(response.headers()).map_err(|error| {
            Error::new(ErrorKind::RemoteProtocolError, error.to_string())
                .in_phase(Phase::ReceiveHead)
                .with_source(error)
        })?;
        if self.headless
            || matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
        {
            return Ok(response.map(|_| -> AppBody { Box::pin(Body::empty()) }));
        }
        // RFC 9112 section 6.3: a transfer coding overrides the length.
        let announced = announced.filter(|_| !response.headers().contains_key(TRANSFER_ENCODING));
        Ok(response.map(|mut body| {
            // One of ours may be a file or reader.
            if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Body>() {
                *own = (self.feed)(std::mem::take(own));
            }
            let guarded = Guarded {
                body: Some(Box::pin(body)),
                received: 0,
                announced,
            };
            Box::pin(guarded) as AppBody
        }))
    }
}

impl<S, R> State<S, S::Future>
where
    S: Service<http::Request<Body>, Response = http::Response<R>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<R>, S::Error>> {
        loop {
            match self {
                State::Waiting(service, request) => {
                    ready!(service.poll_ready(cx))?;
                    let request = request
                        .take()
                        .expect("it is taken once, when the service is ready");
                    *self = State::Running(Box::pin(service.call(*request)));
                }
                State::Running(future) => return future.as_mut().poll(cx),
                State::Over => unreachable!("a future is not polled after its end"),
            }
        }
    }
}

fn raised(error: impl Into<BoxError>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::App, format!("the application failed: {error}")).with_source(error)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = match said {
        Some(said) => format!("the application panicked: {said}"),
        None => "the application panicked".to_owned(),
    };
    Error::new(ErrorKind::App, message)
}

/// What a server answers where its application fails.
fn internal_error() -> http::Response<AppBody> {
    let body: AppBody = Box::pin(Body::from("Internal Server Error"));
    let mut response = http::Response::new(body);
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    *response.version_mut() = Version::HTTP_11;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// A body whose panics and errors are the application's, held to its length.
struct Guarded<R> {
    /// `None`: it is over.
    body: Option<Pin<Box<R>>>,
    received: u64,
    announced: Option<u64>,
}

impl<R> Guarded<R> {
    /// Checks what has come so far, or all of it.
    fn check(&self, is_all: bool) -> Result<()> {
        let received = self.received;
        let message = match self.announced {
            Some(announced) if received > announced => {
                format!(
                    "the body of the application is longer than the {announced} bytes announced"
                )
            }
            Some(announced) if is_all && received < announced => {
                format!(
                    "the body of the application has {received} bytes, {announced} were announced"
                )
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::RemoteProtocolError, message))
    }
}

impl<R> http_body::Body for Guarded<R>
where
    R: http_body::Body,
    R::Data: Into<Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(cx)));
        let mut frame = match polled {
            Ok(polled) => ready!(polled).map(|frame| match frame {
                Ok(frame) => Ok(frame.map_data(Into::into)),
                Err(error) => Err(raised(error)),
            }),
            Err(panic) => Some(Err(panicked(&*panic))),
        };
        if let Some(Ok(frame)) = &frame {
            self.received += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        if !matches!(frame, Some(Err(_)))
            && let Err(error) = self.check(frame.is_none())
        {
            frame = Some(Err(error));
        }
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| error.in_phase(Phase::ReceiveBody))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}
