//! A call on its way: drives the loop of [`crate::hops`].

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::combinators::BoxBody;
use url::Url;

use super::client::Inner;
use super::request::Request;
use super::response::Response;
use super::wire::Limits;
use crate::error::{BoxError, Error, Result};
use crate::hops::{Call, Content, Next};

/// A response to come.
pub struct Pending {
    state: State,
}

enum State {
    Sending {
        /// Boxed, since only `Debug` looks at it, and callers move the future about.
        asked: Box<(Method, Url)>,
        /// The lock is never taken: it makes `Sync` what is only `Send`.
        response: Mutex<Pin<Box<dyn Future<Output = Result<Response>> + Send>>>,
    },
    Failed(Option<Error>),
}

impl Pending {
    pub(crate) fn failed(error: Error) -> Self {
        Pending {
            state: State::Failed(Some(error)),
        }
    }

    /// Begins a call; the time of its timeouts begins as well.
    pub(crate) fn start(client: &Arc<Inner>, request: Request) -> Self {
        let Request { head, body } = request;
        let asked = Box::new((head.method.clone(), head.url.clone()));
        let timeout = head.timeout().copied().or(client.timeout);
        let (content, stream) = match body.unwrap_or_default().into_parts() {
            Ok(bytes) => (Content::Bytes(bytes), None),
            Err(stream) if http_body::Body::size_hint(&stream).exact() == Some(0) => {
                (Content::Bytes(Bytes::new()), None)
            }
            Err(stream) => (Content::Stream, Some(stream)),
        };
        let call = match Call::begin(&client.rules, head, content) {
            Ok(call) => call,
            Err(error) => return Pending::failed(error),
        };
        let sleep = |limit: Duration| Box::pin(tokio::time::sleep(limit));
        let mut limits = Limits {
            total: timeout.map(sleep),
            read: client.read_timeout,
            piece: client.read_timeout.map(sleep),
        };
        let url = asked.1.clone();
        let client = client.clone();
        let sender = client.clone();
        let response: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
            let mut sent = Box::pin(send(sender, call, stream));
            let done = poll_fn(|cx| match limits.poll_over(cx) {
                true => Poll::Ready(Err(Call::timed_out(&url))),
                false => sent.as_mut().poll(cx),
            });
            let sent = done.await?;
            limits.piece = None;
            Ok(Response::from_wire(
                sent.response,
                sent.url,
                sent.bodiless,
                limits,
                &client.channel.codings,
            ))
        });
        Pending {
            state: State::Sending {
                asked,
                response: Mutex::new(response),
            },
        }
    }
}

/// What came of the wire in the end.
struct Sent {
    response: dimorph::asynchronous::Response,
    url: Url,
    /// It answers a HEAD.
    bodiless: bool,
}

async fn send(
    client: Arc<Inner>,
    mut call: Call,
    mut stream: Option<BoxBody<Bytes, BoxError>>,
) -> Result<Sent> {
    client.reap();
    loop {
        let mut hop = call.hop()?;
        if hop.takes_stream
            && let Some(stream) = stream.take()
        {
            *hop.request.body_mut() = dimorph::Body::wrap(stream);
        }
        let bodiless = *hop.request.method() == Method::HEAD;
        let sender = client.sender(&hop.route);
        let sender = sender.map_err(|error| call.unreachable(error))?;
        match sender.send(hop.request).await {
            Ok(response) => match call.received(response.status(), response.headers())? {
                Next::Deliver => {
                    return Ok(Sent {
                        response,
                        url: call.url().clone(),
                        bodiless,
                    });
                }
                // What is here already of its body is dropped with it, and its connection kept; nothing is waited for.
                Next::Again => drop(response),
            },
            Err(error) => call.failed(error)?,
        }
    }
}

impl Future for Pending {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Sending { response, .. } => {
                let response = response.get_mut().unwrap_or_else(PoisonError::into_inner);
                response.as_mut().poll(cx)
            }
            State::Failed(error) => Poll::Ready(Err(error
                .take()
                .expect("a future is not polled after it is done"))),
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Pending");
        match &self.state {
            State::Sending { asked, .. } => fields.field("method", &asked.0).field("url", &asked.1),
            State::Failed(error) => fields.field("error", error),
        };
        fields.finish()
    }
}
