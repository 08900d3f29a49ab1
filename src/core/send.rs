//! The life of a request.
//!
//! ```text
//! send ── authenticate: the requests that an auth flow asks for, one after the other
//!           │
//!           └─ follow: one exchange, then the redirect it asks for, until there is none
//!                │
//!                └─ exchange ── hooks; a transport, or
//!                     │
//!                     ├─ pool.acquire     an idle connection, a slot for a new one, or a turn in the queue
//!                     ├─ dial             name, TCP, proxy, TLS
//!                     ├─ connection.exchange   request out, head in
//!                     └─ a reused connection that died before it answered: once more, on a fresh one
//! ```

use std::sync::Arc;
use std::time::Instant;

use super::body::Incoming;
use super::client::Client;
use super::dual;
use super::http11::Waits;
use super::pool::Lease;
use super::response::Response;
use super::upload::Upload;
use super::watch::Watch;
use super::wire_body::WireBody;
use crate::client_config::ClientConfig;
use crate::config::REDIRECT_BODY_LIMIT;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::{EventKind, Trace};
use crate::history::HistoryEntry;
use crate::proto::h1::{BodyReader, ResponseHead};
use crate::redirect::{self, Attempt, Decision};
use crate::request::Request;
use crate::routes::{Target, Way};
use http::header::{HeaderValue, LOCATION, PROXY_AUTHORIZATION};
use http::{Method, StatusCode};
use url::Url;

/// What the requests of one `send` share.
pub(crate) struct Call {
    pub(crate) waits: Waits,
    pub(crate) started: Instant,
    pub(crate) history: Vec<HistoryEntry>,
    trace: Option<Arc<Trace>>,
}

impl Call {
    /// Tells the listeners that the call failed, and passes the error on.
    pub(crate) fn failed(&self, error: Error) -> Error {
        failed(self.trace.as_ref(), error)
    }
}

/// How one request is made: where it goes, within which limits, who hears of it.
pub(crate) struct Trip<'a> {
    pub(crate) way: Way<'a>,
    pub(crate) waits: &'a Waits,
    pub(crate) trace: Option<&'a Arc<Trace>>,
    /// The client has proxies, on this way or another.
    pub(crate) has_proxies: bool,
    /// Field names go out in lower case.
    pub(crate) lower_names: bool,
    /// `proxy-authorization` of the user's own.
    pub(crate) authorization: Option<&'a HeaderValue>,
}

impl Trip<'_> {
    pub(crate) fn tell<'e>(&self, kind: impl FnOnce(Instant) -> EventKind<'e>) {
        if let Some(trace) = self.trace {
            let now = Instant::now();
            trace.tell(now, kind(now));
        }
    }
}

#[dual]
impl Client {
    /// Sends a request, and those that authentication and redirects ask for.
    pub(crate) async fn start(&self, mut request: Request) -> Result<Response> {
        let config = self.config();
        let started = Instant::now();
        let timeout = request.timeout().copied().unwrap_or(config.timeout);
        let mut call = Call {
            waits: Waits::new(timeout, started),
            started,
            history: Vec::new(),
            trace: Trace::begin(&config.on_event, &request, started),
        };
        if let Err(error) = request.prepare() {
            return Err(call.failed(error.with_request(request)));
        }
        if self.has_no_auth_for(&request) {
            return self.follow(request, &mut call).await;
        }
        let auth = self.auth_for(&request).await;
        match auth {
            Ok(None) => self.follow(request, &mut call).await,
            Ok(Some(auth)) => self.authenticate(auth, request, &mut call).await,
            Err(error) => Err(call.failed(error.with_request(request))),
        }
    }

    /// Sends a request, and those that redirects ask for.
    pub(crate) async fn follow(&self, mut request: Request, call: &mut Call) -> Result<Response> {
        let config = self.config();
        let options = request.options();
        let follows = options.follow_redirects.or(config.follow_redirects);
        let most = options.max_redirects.or(config.max_redirects);
        let earlier = call.history.len();
        loop {
            if !call.history.is_empty()
                && let Some(trace) = &call.trace
            {
                call.trace = Some(trace.next(&request, call.history.len()));
            }
            let mut response = self.exchange(request, call).await?;
            let next = match follows && redirect::is_followed(response.status()) {
                true => self
                    .next_request(&response, &call.history[earlier..], most)
                    .map_err(|error| call.failed(error))?,
                false => None,
            };
            match next {
                None => {
                    if !call.history.is_empty() {
                        response.set_history(call.history.clone());
                    }
                    return Ok(response);
                }
                Some(next) => {
                    response.set_history(call.history.clone());
                    call.history
                        .push(response.drain(REDIRECT_BODY_LIMIT, call.waits.total).await);
                    request = next;
                }
            }
        }
    }

    /// One request, one response, and what hooks and jar have to do with them.
    async fn exchange(&self, mut request: Request, call: &Call) -> Result<Response> {
        let config = self.config();
        let trace = call.trace.as_ref();
        for hook in &config.on_request {
            if let Err(error) = hook(&mut request) {
                return Err(failed(trace, error.with_request(request)));
            }
        }
        if let Err(error) = request.prepare() {
            return Err(failed(trace, error.with_request(request)));
        }
        if let Some(trace) = trace {
            trace.tell(Instant::now(), EventKind::RequestStarted);
        }
        let target = match config.routes.find(request.location()) {
            Ok(target) => target,
            Err(error) => return Err(failed(trace, error.with_request(request))),
        };
        let sent = match self.transport_to(target) {
            Some(transport) => self.through(transport, request, call).await,
            None => match self.over_the_wire(&mut request, target, call).await {
                Ok((lease, head, reader)) => respond(config, lease, head, reader, request, call)
                    .and_then(|mut response| match response.adopt(config.clone()) {
                        Ok(()) => Ok(response),
                        Err(error) => Err(response.locate(error)),
                    }),
                Err(error) => Err(error.with_request(request)),
            },
        };
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return Err(failed(trace, error)),
        };
        if config.keeps_cookies {
            response.store_cookies(&config.jar);
        }
        for hook in self.on_response() {
            if let Err(error) = hook(&mut response) {
                return Err(failed(trace, response.locate(error)));
            }
        }
        Ok(response)
    }

    /// One exchange for a client above: by this one's pool, TLS, proxies and mounts, and nothing else of it.
    pub(crate) async fn carry(&self, mut request: Request) -> Result<Response> {
        let config = self.config();
        let started = Instant::now();
        let timeout = request.timeout().copied().unwrap_or(config.timeout);
        if request.options().on_download.is_some() {
            // The client above counts.
            request.options_mut().on_download = None;
        }
        let call = Call {
            waits: Waits::new(timeout, started),
            started,
            history: Vec::new(),
            trace: Trace::begin(&config.on_event, &request, started),
        };
        if let Err(error) = request.prepare() {
            return Err(call.failed(error.with_request(request)));
        }
        let target = match config.routes.find(request.location()) {
            Ok(target) => target,
            Err(error) => return Err(call.failed(error.with_request(request))),
        };
        let sent = match self.transport_to(target) {
            Some(transport) => self.send_through(transport, request, &call).await,
            None => match self.over_the_wire(&mut request, target, &call).await {
                Ok((lease, head, reader)) => respond(config, lease, head, reader, request, &call),
                Err(error) => Err(error.with_request(request)),
            },
        };
        sent.map_err(|error| call.failed(error))
    }

    /// Through a transport of the user's.
    async fn through(
        &self,
        transport: &dyn super::Transport,
        request: Request,
        call: &Call,
    ) -> Result<Response> {
        let begun = Instant::now();
        let mut response = self.send_through(transport, request, call).await?;
        if let Some(trace) = &call.trace {
            let now = Instant::now();
            let kind = EventKind::ResponseStarted {
                status: response.status(),
                version: response.version(),
                took: now - begun,
            };
            trace.tell(now, kind);
        }
        let watch = Watch::new(response.request(), call.trace.as_ref());
        let total = call.waits.of_body().total;
        let completed = response.complete(self.config().clone(), call.started, watch, total);
        match completed {
            Ok(()) => Ok(response),
            Err(error) => Err(response.locate(error)),
        }
    }

    /// One exchange of a transport, within the limits of the call. The response has the request that it answers.
    async fn send_through(
        &self,
        transport: &dyn super::Transport,
        mut request: Request,
        call: &Call,
    ) -> Result<Response> {
        if self.pool().is_closed() {
            return Err(
                Error::new(ErrorKind::ClientClosed, "the client was closed").with_request(request)
            );
        }
        let waits = &call.waits;
        if waits.is_over() {
            let error = waits.total_timeout().in_phase(Phase::Send);
            return Err(error.with_request(request));
        }
        let kept = request.shadow();
        *request.timeout_mut() = Some(waits.left(Instant::now()));
        let error = match transport.send(request).await {
            // Whatever a transport makes of its time: what comes later is too late.
            Ok(_) if waits.is_over() => waits.total_timeout().in_phase(Phase::ReceiveHead),
            Ok(mut response) => {
                response.set_request(kept);
                return Ok(response);
            }
            // What was left to the transport says little: the limit is the call's.
            Err(error) if error.kind() == ErrorKind::TotalTimeout && waits.is_over() => {
                let limit = waits.total_timeout();
                error.with_message(|_| limit.message().to_owned())
            }
            Err(error) => error,
        };
        Err(error.with_request(kept))
    }

    async fn over_the_wire(
        &self,
        request: &mut Request,
        target: Option<Target>,
        call: &Call,
    ) -> Result<(Lease, ResponseHead, BodyReader)> {
        let waits = &call.waits;
        // A kept connection and a quick server may never make it wait.
        if waits.is_over() {
            return Err(waits.total_timeout().in_phase(Phase::Pool));
        }
        let routes = &self.config().routes;
        let framing = request.framing(request.version())?;
        let mut upload = Upload::new(request.body_mut().take_for_sending()?);
        let request = &*request;
        let origin = request.location().origin();
        let trip = Trip {
            way: match target {
                Some(Target::Proxy(number)) => Way::through(origin, routes.proxy(number), number),
                _ => Way::direct(origin),
            },
            waits,
            trace: call.trace.as_ref(),
            has_proxies: routes.has_proxies(),
            lower_names: self.config().lower_names,
            authorization: match target {
                Some(Target::Proxy(_)) => request.request_headers().get(&PROXY_AUTHORIZATION),
                _ => None,
            },
        };
        let mut lease = self.acquire(&trip).await?;
        if let Some(connection) = lease.connection() {
            let error = match connection
                .exchange(request, &mut upload, framing, &trip)
                .await
            {
                Ok((head, reader)) => return Ok((lease, head, reader)),
                Err(error) => error,
            };
            if !may_repeat(&mut lease, request, &error) || waits.is_over() {
                return Err(error);
            }
            trip.tell(|_| EventKind::Retried);
            lease.discard();
            upload = Upload::new(request.body().try_clone()?.take_for_sending()?);
        }
        let connection = lease.insert(self.dial(&trip).await?);
        let (head, reader) = connection
            .exchange(request, &mut upload, framing, &trip)
            .await?;
        Ok((lease, head, reader))
    }

    async fn acquire(&self, trip: &Trip<'_>) -> Result<Lease> {
        let now = Instant::now();
        let waits = trip.waits;
        let mut destination = trip.way.destination();
        if let Some(authorization) = trip.authorization
            && let Some(via) = trip.way.via
            && via.asks_with_headers()
        {
            // A tunnel serves requests with the credentials that it was opened with, and no others.
            destination.way = self.own_way(via.number, authorization);
        }
        let acquired = self
            .pool()
            .acquire(&destination, now, waits.pool_deadline(now))
            .await;
        let mut lease = acquired.map_err(|error| match error.kind() {
            ErrorKind::PoolTimeout if waits.is_over() => {
                waits.total_timeout().in_phase(Phase::Pool)
            }
            ErrorKind::PoolTimeout => {
                Error::timeout(ErrorKind::PoolTimeout, waits.timeout.pool_timeout())
                    .in_phase(Phase::Pool)
            }
            _ => error,
        })?;
        trip.tell(|then| {
            let connection = lease.connection();
            EventKind::ConnectionAcquired {
                reused: connection.is_some(),
                remote_addr: connection.and_then(|connection| connection.remote_addr),
                took: then - now,
            }
        });
        Ok(lease)
    }
}

impl Client {
    /// The transport that stands for the network, if one does.
    fn transport_to(&self, target: Option<Target>) -> Option<&dyn super::Transport> {
        match target {
            Some(Target::Transport(number)) => Some(self.mounted(number)),
            Some(Target::Direct) | None => self.transport(),
            Some(Target::Proxy(_)) => None,
        }
    }

    /// The request that a redirect asks for, if it is to be followed.
    fn next_request(
        &self,
        response: &Response,
        history: &[HistoryEntry],
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
            Some(config),
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

/// Makes the response of what came over the wire; its body is not decoded yet.
#[inline]
fn respond(
    config: &ClientConfig,
    mut lease: Lease,
    head: ResponseHead,
    reader: BodyReader,
    request: Request,
    call: &Call,
) -> Result<Response> {
    let remote_addr = lease
        .connection()
        .and_then(|connection| connection.remote_addr);
    let tls_info = match config.tls_info {
        true => lease.connection().and_then(|c| c.stream.tls_info()),
        false => None,
    };
    let switched = head.status == StatusCode::SWITCHING_PROTOCOLS
        || (*request.method() == Method::CONNECT && head.status.is_success());
    let mut upgrade = None;
    let mut watch = Watch::new(&request, call.trace.as_ref());
    let body = if switched {
        upgrade = Some(lease);
        Incoming::whole(bytes::Bytes::new(), call.started, watch)
    } else {
        let mut wire = WireBody::new(lease, reader, call.waits);
        match wire.take_if_complete() {
            Ok(Some(bytes)) => Incoming::whole(bytes, call.started, watch),
            Ok(None) => {
                if let Some(watch) = &mut watch {
                    watch.expect(wire.remaining());
                }
                let total = wire.begin_waiting();
                Incoming::wire(wire, call.started, total, watch)
            }
            Err(error) => return Err(error.with_request(request)),
        }
    };
    let mut response = Response::from_wire(head, body, request);
    response.set_remote_addr(remote_addr);
    if let Some(info) = tls_info {
        response.extensions_mut().insert(info);
    }
    if let Some(lease) = upgrade {
        response.set_upgrade(lease);
    }
    Ok(response)
}

/// Tells the listeners that a request failed, and passes the error on.
#[cold]
fn failed(trace: Option<&Arc<Trace>>, error: Error) -> Error {
    if let Some(trace) = trace {
        trace.tell(Instant::now(), EventKind::Failed { error: &error });
    }
    error
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
