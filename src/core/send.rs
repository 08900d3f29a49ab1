//! The life of a request.
//!
//! ```text
//! send ── follow: one exchange, then the redirect it asks for, until there is none
//!           │
//!           └─ exchange ── the client's transport, or
//!                │
//!                ├─ pool.acquire     an idle connection, a slot for a new one, or a turn in the queue
//!                ├─ dial             name, TCP, TLS
//!                ├─ connection.exchange   request out, head in
//!                └─ a reused connection that died before it answered: once more, on a fresh one
//! ```

use std::time::Instant;

use super::body::Incoming;
use super::client::Client;
use super::dial::dial;
use super::dual;
use super::http11::Waits;
use super::pool::Lease;
use super::response::Response;
use super::upload::Upload;
use super::wire_body::WireBody;
use crate::body::Body;
use crate::config::REDIRECT_BODY_LIMIT;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::proto::h1::{BodyReader, RequestFraming, ResponseHead, request_framing};
use crate::redirect::{self, Attempt, Decision};
use crate::request::Request;
use http::header::LOCATION;
use http::{Method, StatusCode};
use url::Url;

#[dual]
impl Client {
    /// Sends a request, and those that redirects ask for.
    pub(crate) async fn follow(&self, mut request: Request) -> Result<Response> {
        let config = self.config();
        let started = Instant::now();
        let waits = Waits::new(
            request.timeout().copied().unwrap_or(config.timeout),
            started,
        );
        let follows = request
            .options()
            .follow_redirects
            .or(config.follow_redirects);
        let most = request.options().max_redirects.or(config.max_redirects);
        let mut history = Vec::new();
        loop {
            let mut response = self.exchange(request, &waits, started).await?;
            let next = match follows && redirect::is_followed(response.status()) {
                true => self.next_request(&response, &history, most)?,
                false => None,
            };
            match next {
                None => {
                    if !history.is_empty() {
                        response.set_history(history);
                    }
                    return Ok(response);
                }
                Some(next) => {
                    history.push(response.drain(REDIRECT_BODY_LIMIT).await);
                    request = next;
                }
            }
        }
    }

    /// One request, one response.
    async fn exchange(
        &self,
        mut request: Request,
        waits: &Waits,
        started: Instant,
    ) -> Result<Response> {
        if let Err(error) = request.prepare() {
            return Err(error.with_request(request));
        }
        if let Some(transport) = self.transport() {
            return self.through(transport, request, started).await;
        }
        match self.over_the_wire(&mut request, waits).await {
            Ok((lease, head, reader)) => self.respond(lease, head, reader, request, waits, started),
            Err(error) => Err(error.with_request(request)),
        }
    }

    /// Through a transport of the user's.
    async fn through(
        &self,
        transport: &dyn super::Transport,
        request: Request,
        started: Instant,
    ) -> Result<Response> {
        if self.pool().is_closed() {
            return Err(
                Error::new(ErrorKind::ClientClosed, "the client was closed").with_request(request)
            );
        }
        let kept = request.try_clone().unwrap_or_else(|_| {
            // The reader or stream goes to the transport: it cannot be sent again.
            let mut kept = request.without_body();
            kept.set_body(Body::consumed());
            kept
        });
        let mut response = match transport.send(request).await {
            Ok(response) => response,
            Err(error) => return Err(error.with_request(kept)),
        };
        response.complete(kept, self.config().clone(), started)?;
        Ok(response)
    }

    async fn over_the_wire(
        &self,
        request: &mut Request,
        waits: &Waits,
    ) -> Result<(Lease, ResponseHead, BodyReader)> {
        let length = request.body().content_length();
        let framing = request_framing(
            request.method(),
            request.version(),
            request.request_headers(),
            length,
        )
        .map_err(|error| {
            Error::new(ErrorKind::LocalProtocolError, error.to_string())
                .in_phase(Phase::Build)
                .with_source(error)
        })?;
        let mut upload = Upload::new(request.body_mut().take_for_sending()?);
        let mut lease = self.acquire(request, waits).await?;
        if lease.connection().is_some() {
            match self
                .attempt(&mut lease, request, &mut upload, framing, waits)
                .await
            {
                Ok((head, reader)) => return Ok((lease, head, reader)),
                Err(error) => {
                    if !may_repeat(&mut lease, request, &error) || waits.is_over() {
                        return Err(error);
                    }
                    lease.discard();
                    upload = Upload::new(request.body_mut().take_for_sending()?);
                }
            }
        }
        let limit = waits.timeout.connect_timeout();
        let connection = dial(
            self.config(),
            request.location().origin(),
            limit,
            waits.total,
        )
        .await?;
        lease.insert(connection);
        let (head, reader) = self
            .attempt(&mut lease, request, &mut upload, framing, waits)
            .await?;
        Ok((lease, head, reader))
    }

    async fn acquire(&self, request: &Request, waits: &Waits) -> Result<Lease> {
        let now = Instant::now();
        let origin = request.location().origin();
        let acquired = self
            .pool()
            .acquire(&origin, now, waits.pool_deadline(now))
            .await;
        acquired.map_err(|error| match error.kind() {
            ErrorKind::PoolTimeout if waits.is_over() => {
                waits.total_timeout().in_phase(Phase::Pool)
            }
            ErrorKind::PoolTimeout => {
                Error::timeout(ErrorKind::PoolTimeout, waits.timeout.pool_timeout())
                    .in_phase(Phase::Pool)
            }
            _ => error,
        })
    }

    async fn attempt(
        &self,
        lease: &mut Lease,
        request: &Request,
        upload: &mut Upload,
        framing: RequestFraming,
        waits: &Waits,
    ) -> Result<(ResponseHead, BodyReader)> {
        match lease.connection() {
            Some(connection) => connection.exchange(request, upload, framing, waits).await,
            None => unreachable!("a connection is put into the lease before an attempt"),
        }
    }
}

impl Client {
    fn respond(
        &self,
        mut lease: Lease,
        head: ResponseHead,
        reader: BodyReader,
        request: Request,
        waits: &Waits,
        started: Instant,
    ) -> Result<Response> {
        let remote_addr = lease
            .connection()
            .and_then(|connection| connection.remote_addr);
        let config = self.config().clone();
        let switched = head.status == StatusCode::SWITCHING_PROTOCOLS
            || (*request.method() == Method::CONNECT && head.status.is_success());
        let mut upgrade = None;
        let body = if switched {
            upgrade = Some(lease);
            Incoming::whole(bytes::Bytes::new(), started)
        } else {
            let mut wire = WireBody::new(lease, reader, *waits);
            match wire.take_if_complete() {
                Ok(Some(bytes)) => Incoming::whole(bytes, started),
                Ok(None) => Incoming::wire(wire, started, waits.total),
                Err(error) => return Err(error.with_request(request)),
            }
        };
        let mut response = Response::from_wire(head, body, request, config)?;
        response.set_remote_addr(remote_addr);
        if let Some(lease) = upgrade {
            response.set_upgrade(lease);
        }
        Ok(response)
    }

    /// The request that a redirect asks for, if it is to be followed.
    fn next_request(
        &self,
        response: &Response,
        history: &[crate::history::HistoryEntry],
        most: usize,
    ) -> Result<Option<Request>> {
        let Some(location) = response.headers().get(LOCATION) else {
            return Ok(None);
        };
        let config = self.config();
        let located = |error: Error| response.locate(error);
        let next = redirect::next_request(
            response.request(),
            response.status(),
            location,
            &config.sensitive_headers,
        )
        .map_err(located)?;
        let own = response.request().options().redirect_policy.as_ref();
        if let Some(policy) = own.or(config.redirect_policy.as_ref()) {
            let mut previous: Vec<Url> = history.iter().map(|entry| entry.url().clone()).collect();
            previous.push(response.url().clone());
            let attempt = Attempt {
                status: response.status(),
                next: next.url(),
                previous: &previous,
            };
            match policy(attempt).0 {
                Decision::Follow => {}
                Decision::Stop => return Ok(None),
                Decision::Fail(error) => {
                    let message = format!("the redirect policy refused: {error}");
                    return Err(located(
                        Error::new(ErrorKind::TooManyRedirects, message)
                            .with_source(error)
                            .in_phase(Phase::Redirect),
                    ));
                }
            }
        }
        if history.len() >= most {
            let message = format!("more than {most} redirects");
            return Err(located(
                Error::new(ErrorKind::TooManyRedirects, message).in_phase(Phase::Redirect),
            ));
        }
        Ok(Some(next))
    }
}

/// Tells whether a request that failed on a reused connection may be sent once more on a fresh one: nothing of a response was
/// seen, its body can be sent again, and it is idempotent or nothing of it was sent (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
fn may_repeat(lease: &mut Lease, request: &Request, error: &Error) -> bool {
    let Some(connection) = lease.connection() else {
        return false;
    };
    let closed = matches!(
        error.kind(),
        ErrorKind::RemoteProtocolError | ErrorKind::ReadError | ErrorKind::WriteError
    );
    let unseen = !connection.exchange.received_any() && connection.received.is_empty();
    closed
        && unseen
        && request.body().is_replayable()
        && (is_idempotent(request.method()) || !connection.stream.has_sent())
}

fn is_idempotent(method: &Method) -> bool {
    [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::PUT,
        Method::DELETE,
    ]
    .contains(method)
}
