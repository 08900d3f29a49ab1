//! The life of a request.
//!
//! ```text
//! send ── authenticate: the requests that an auth flow asks for, one after the other
//!           │
//!           └─ follow: one exchange, then the redirect it asks for, until there is none
//!                │
//!                └─ exchange ── hooks; a transport, or
//!                     │
//!                     ├─ pool.acquire     an idle connection, a stream, a slot for a new one, or a turn in the queue
//!                     ├─ dial             name, TCP, proxy, TLS
//!                     ├─ exchange         request out, head in: over HTTP/1.1, or on a stream of HTTP/2
//!                     └─ what died before it answered, where that is safe: once more
//! ```

use std::sync::Arc;
use std::time::Instant;

use super::answer::{Answer, respond};
use super::client::Client;
use super::dial::Dialed;
use super::dual;
use super::failure::{Again, Failure, may_reconnect, may_repeat};
use super::http11::Waits;
use super::pool::Lease;
use super::response::Response;
use super::upload::Upload;
use super::watch::Watch;
use crate::client_config::Asked;
use crate::config::REDIRECT_BODY_LIMIT;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::{EventKind, Trace};
use crate::history::HistoryEntry;
use crate::pool_state::Protocol;
use crate::proto::h1::{RequestFraming, ResponseHead};
use crate::redirect::{self, Attempt, Decision};
use crate::request::Request;
use crate::routes::{Target, Way};
use http::Version;
use http::header::{HeaderValue, LOCATION, PROXY_AUTHORIZATION};
use url::Url;

/// What the requests of one `send` share.
pub(crate) struct Call {
    pub(crate) waits: Waits,
    pub(crate) started: Instant,
    pub(crate) history: Vec<HistoryEntry>,
    trace: Option<Arc<Trace>>,
}

impl Call {
    pub(crate) fn trace(&self) -> Option<&Arc<Trace>> {
        self.trace.as_ref()
    }

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
    /// When the wait for a connection, or a stream of one, began.
    pub(crate) begun: Instant,
    /// What the connection may speak.
    pub(crate) protocol: Protocol,
    /// The client has proxies, on this way or another.
    pub(crate) has_proxies: bool,
    /// Field names go out in lower case.
    pub(crate) lower_names: bool,
    /// `proxy-authorization` of the user's own.
    pub(crate) authorization: Option<&'a HeaderValue>,
}

impl Trip<'_> {
    /// The moment by which a connection, or a stream of one, must have become free.
    pub(crate) fn pool_deadline(&self) -> Option<Instant> {
        self.waits.pool_deadline(self.begun)
    }

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
        let trace = call.trace();
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
                Ok((head, answer)) => {
                    respond(config, head, answer, request, call).and_then(|mut response| {
                        match response.adopt(config.clone()) {
                            Ok(()) => Ok(response),
                            Err(error) => Err(response.locate(error)),
                        }
                    })
                }
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
                Ok((head, answer)) => respond(config, head, answer, request, &call),
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
        let watch = Watch::new(response.request(), call.trace());
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
    ) -> Result<(ResponseHead, Answer)> {
        let waits = &call.waits;
        // A kept connection and a quick server may never make it wait.
        if waits.is_over() {
            return Err(waits.total_timeout().in_phase(Phase::Pool));
        }
        let config = self.config();
        let routes = &config.routes;
        let asked = Asked::by(
            request.method(),
            request.version(),
            request.request_headers(),
        )?;
        let framing = request.framing(match asked {
            // What is sent without a length is delimited by frames there, as by chunks here.
            Asked::Http2 => Version::HTTP_11,
            _ => request.version(),
        })?;
        let mut upload = Upload::new(request.body_mut().take_for_sending()?);
        let request = &*request;
        let origin = request.location().origin();
        let way = match target {
            Some(Target::Proxy(number)) => Way::through(origin, routes.proxy(number), number),
            _ => Way::direct(origin),
        };
        let mut trip = Trip {
            way,
            waits,
            trace: call.trace(),
            begun: Instant::now(),
            protocol: config.protocol_for(origin.secure, way.forwards().is_some(), asked)?,
            has_proxies: routes.has_proxies(),
            lower_names: config.lower_names,
            authorization: match target {
                Some(Target::Proxy(_)) => request.request_headers().get(&PROXY_AUTHORIZATION),
                _ => None,
            },
        };
        let mut retries = 0;
        loop {
            let failure = match self.attempt(request, upload, framing, &trip).await {
                Ok(answered) => return Ok(answered),
                Err(failure) => failure,
            };
            let unprocessed = config.retries_unprocessed;
            if !may_repeat(&failure, request, unprocessed, retries) || waits.is_over() {
                return Err(failure.error);
            }
            if failure.again == Again::Http11 {
                let http11 =
                    config.protocol_for(origin.secure, false, Asked::Http1(NOT_OVER_HTTP2));
                match http11 {
                    Ok(protocol) => trip.protocol = protocol,
                    Err(_) => return Err(failure.error),
                }
            }
            retries += 1;
            trip.tell(|_| EventKind::Retried);
            upload = match failure.upload {
                Some(untouched) => untouched,
                None => Upload::new(request.body().try_clone()?.take_for_sending()?),
            };
            trip.begun = Instant::now();
        }
    }

    /// Sends a request over what the pool gives for it, or over a new connection.
    async fn attempt(
        &self,
        request: &Request,
        mut upload: Upload,
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) -> Result<(ResponseHead, Answer), Failure> {
        let mut lease = self.acquire(trip).await?;
        if let Some(connection) = lease.connection() {
            let error = match connection
                .exchange(request, &mut upload, framing, trip)
                .await
            {
                Ok((head, reader)) => return Ok((head, Answer::Own(lease, reader))),
                Err(error) => error,
            };
            if !may_reconnect(&mut lease, request, &error) || trip.waits.is_over() {
                return Err(error.into());
            }
            trip.tell(|_| EventKind::Retried);
            lease.discard();
            upload = Upload::new(request.body().try_clone()?.take_for_sending()?);
        }
        let mut fresh = false;
        if lease.shared().is_none() {
            match self.dial(trip).await? {
                Dialed::Shared(connection) => fresh = lease.share(connection),
                Dialed::Own(connection) => {
                    let connection = lease.insert(connection);
                    let (head, reader) = connection
                        .exchange(request, &mut upload, framing, trip)
                        .await?;
                    return Ok((head, Answer::Own(lease, reader)));
                }
            }
        }
        let Some(connection) = lease.shared().cloned() else {
            unreachable!("what is not the request's own is shared")
        };
        match connection
            .exchange(lease, request, upload, framing, trip)
            .await
        {
            Ok((head, body)) => Ok((head, Answer::Stream(body))),
            // A connection that dies at its first request died for a reason.
            Err(failure)
                if fresh && matches!(failure.again, Again::IfIdempotent | Again::Unsent) =>
            {
                Err(failure.error.into())
            }
            Err(failure) => Err(failure),
        }
    }

    async fn acquire(&self, trip: &Trip<'_>) -> Result<Lease> {
        let now = trip.begun;
        let waits = trip.waits;
        let mut destination = trip.way.destination(trip.protocol);
        if let Some(authorization) = trip.authorization
            && let Some(via) = trip.way.via
            && via.asks_with_headers()
        {
            // A tunnel serves requests with the credentials that it was opened with, and no others.
            destination.way = self.own_way(via.number, authorization);
        }
        let acquired = self
            .pool()
            .acquire(&destination, now, trip.pool_deadline())
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
        trip.tell(|then| EventKind::ConnectionAcquired {
            reused: lease.connection().is_some() || lease.shared().is_some(),
            remote_addr: lease.remote_addr(),
            took: then - now,
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

/// Tells the listeners that a request failed, and passes the error on.
#[cold]
fn failed(trace: Option<&Arc<Trace>>, error: Error) -> Error {
    if let Some(trace) = trace {
        trace.tell(Instant::now(), EventKind::Failed { error: &error });
    }
    error
}

/// Why a request is sent over HTTP/1.1 that could have gone over HTTP/2 (RFC 9113 section 7, HTTP_1_1_REQUIRED).
const NOT_OVER_HTTP2: &str = "the server's answer";
