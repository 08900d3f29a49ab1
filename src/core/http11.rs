//! One HTTP/1.1 exchange on a connection: drives the machine of `proto/h1` over the stream.

use std::io;
use std::time::{Duration, Instant};

use http::Method;
use http::header::PROXY_AUTHORIZATION;

use super::connection::Connection;
use super::dual;
use super::send::Trip;
use super::tls_stream::hint_of;
use super::upload::{SMALL_BODY, Sent, Upload};
use crate::config::{CONTINUE_TIMEOUT, Timeout, Wait};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::{EventKind, Progress};
use crate::hints;
use crate::proto::h1::{
    Addressee, BodyReader, H1Error, H1ErrorClass, ProxyLines, Received, RequestFraming,
    ResponseHead, TargetForm, asks_for_upgrade, expects_continue, write_chunk_size, write_head,
};
use crate::request::Request;
use crate::routes::lines_for;

/// The limits of one call: its timeouts, and the moment at which all must be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) timeout: Timeout,
    /// Ends the exchange, as far as it has come.
    pub(crate) total: Option<Instant>,
    /// Ends the body.
    body: Option<Instant>,
}

impl Waits {
    pub(crate) fn new(timeout: Timeout, started: Instant) -> Self {
        let after = |limit: Option<Duration>| started.checked_add(limit?);
        let body = after(timeout.total_timeout());
        let total = match after(timeout.head_timeout()) {
            Some(head) => Some(body.map_or(head, |body| body.min(head))),
            None => body,
        };
        Waits {
            timeout,
            total,
            body,
        }
    }

    /// The limits from the head on.
    pub(crate) fn of_body(&self) -> Waits {
        Waits {
            timeout: self.timeout.head(None),
            total: self.body,
            body: self.body,
        }
    }

    /// The limits that are left for a transport of the user's.
    pub(crate) fn left(&self, now: Instant) -> Timeout {
        let left = |end: Option<Instant>| end.map(|end| end.saturating_duration_since(now));
        let head = self.timeout.head_timeout().and(self.total);
        self.timeout.total(left(self.body)).head(left(head))
    }

    pub(crate) fn read(&self) -> Wait {
        Wait {
            each: self.timeout.read_timeout(),
            until: self.total,
        }
    }

    pub(crate) fn write(&self) -> Wait {
        Wait {
            each: self.timeout.write_timeout(),
            until: self.total,
        }
    }

    /// The moment by which a connection must have become free.
    pub(crate) fn pool_deadline(&self, now: Instant) -> Option<Instant> {
        Wait {
            each: self.timeout.pool_timeout(),
            until: self.total,
        }
        .deadline(now)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.total.is_some_and(|total| Instant::now() >= total)
    }

    pub(crate) fn total_timeout(&self) -> Error {
        Error::timeout(ErrorKind::TotalTimeout, self.timeout.until_head())
    }

    pub(crate) fn read_failed(&self, error: io::Error) -> Error {
        self.failed(
            error,
            ErrorKind::ReadTimeout,
            self.timeout.read_timeout(),
            ErrorKind::ReadError,
        )
    }

    pub(crate) fn write_failed(&self, error: io::Error) -> Error {
        self.failed(
            error,
            ErrorKind::WriteTimeout,
            self.timeout.write_timeout(),
            ErrorKind::WriteError,
        )
        .in_phase(Phase::Send)
    }

    /// What the user's own reader or stream did.
    pub(crate) fn source_failed(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::TotalTimeout => self.total_timeout(),
            _ => error,
        }
        .in_phase(Phase::Send)
    }

    fn failed(
        &self,
        error: io::Error,
        timeout: ErrorKind,
        limit: Option<Duration>,
        kind: ErrorKind,
    ) -> Error {
        match error.kind() {
            io::ErrorKind::TimedOut if error.raw_os_error().is_none() => {
                if self.is_over() {
                    self.total_timeout()
                } else {
                    Error::timeout(timeout, limit)
                }
            }
            _ => Error::new(kind, error.to_string())
                .with_hint(hint_of(&error))
                .with_source(error),
        }
    }
}

/// What a peer did wrong, as the error that the caller sees.
pub(crate) fn bad_response(error: H1Error) -> Error {
    let kind = match error.class() {
        H1ErrorClass::Limit => ErrorKind::LimitExceeded,
        H1ErrorClass::Remote | H1ErrorClass::Truncated | H1ErrorClass::Disconnected => {
            ErrorKind::RemoteProtocolError
        }
    };
    Error::new(kind, error.to_string())
        .with_hint(hints::of_answer(&error))
        .with_source(error)
}

#[dual]
impl Connection {
    /// Sends a request and receives the head of its final response.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        upload: &mut Upload,
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) -> Result<(ResponseHead, BodyReader)> {
        let begun = trip.trace.map(|_| Instant::now());
        let expects =
            !matches!(upload, Upload::Empty) && expects_continue(request.request_headers());
        self.begin(request, upload, expects, framing, trip);
        let sent = match upload {
            _ if expects => self.send_expecting(request, upload, framing, trip).await?,
            Upload::Empty => self.send_whole(&[], framing, trip).await?,
            Upload::Bytes(bytes) if bytes.len() <= SMALL_BODY => {
                let sent = self.send_whole(bytes, framing, trip).await?;
                if let Some(count) = &request.options().on_upload {
                    let bytes = bytes.len() as u64;
                    count(Progress {
                        bytes,
                        total: Some(bytes),
                    });
                }
                sent
            }
            _ => self.send_body(request, upload, framing, trip).await?,
        };
        let answer = match sent {
            Sent::Early(early) => *early,
            Sent::Whole => self.receive_head(trip).await?,
        };
        trip.tell(|now| EventKind::ResponseStarted {
            status: answer.0.status,
            version: answer.0.version,
            took: begun.map_or(Duration::ZERO, |begun| now - begun),
        });
        Ok(answer)
    }

    /// Sends head and body in one write.
    async fn send_whole(
        &mut self,
        body: &[u8],
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) -> Result<Sent> {
        let waits = trip.waits;
        if framing == RequestFraming::Chunked {
            if !body.is_empty() {
                write_chunk_size(&mut self.outgoing, body.len());
                self.outgoing.extend_from_slice(body);
                self.outgoing.extend_from_slice(b"\r\n");
            }
            self.outgoing.extend_from_slice(b"0\r\n\r\n");
        } else {
            self.outgoing.extend_from_slice(body);
        }
        let result = self.stream.send_all(&self.outgoing, waits.write()).await;
        self.outgoing.clear();
        match result {
            Ok(()) => {
                self.exchange.body_sent();
                Ok(Sent::Whole)
            }
            // The peer closed; what it said before is the answer.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(waits.write_failed(error)),
            Err(error) => match self.receive_head(trip).await {
                Ok(answer) => Ok(Sent::Early(Box::new(answer))),
                Err(_) => Err(waits.write_failed(error)),
            },
        }
    }

    /// Sends the head, waits for `100 Continue` (RFC 9110 section 10.1.1), then sends the body unless a final response came.
    async fn send_expecting(
        &mut self,
        request: &Request,
        upload: &mut Upload,
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) -> Result<Sent> {
        let waits = trip.waits;
        let result = self.stream.send_all(&self.outgoing, waits.write()).await;
        self.outgoing.clear();
        result.map_err(|error| waits.write_failed(error))?;
        while !self.exchange.may_send_body() {
            match self
                .exchange
                .receive(&mut self.received)
                .map_err(bad_response)?
            {
                Some(Received::Final(head, reader)) => {
                    return Ok(Sent::Early(Box::new((head, reader))));
                }
                Some(Received::Informational(head)) => {
                    heard(trip, &head);
                    continue;
                }
                None => {}
            }
            let wait = Wait {
                each: Some(CONTINUE_TIMEOUT),
                until: waits.total,
            };
            match self.receive(wait).await {
                Ok(0) => return Err(self.ended()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && !waits.is_over() => {
                    self.exchange.continue_anyway();
                }
                Err(error) => return Err(self.receiving_failed(error, waits)),
            }
        }
        // More may have come in one piece with the interim response.
        while let Some(received) = self.exchange.receive(&mut self.received).map_err(in_head)? {
            match received {
                Received::Final(head, reader) => {
                    return Ok(Sent::Early(Box::new((head, reader))));
                }
                Received::Informational(head) => heard(trip, &head),
            }
        }
        self.send_body(request, upload, framing, trip).await
    }

    async fn receive_head(&mut self, trip: &Trip<'_>) -> Result<(ResponseHead, BodyReader)> {
        let waits = trip.waits;
        let wait = waits.read();
        loop {
            // What came with an interim response may be all there is.
            while let Some(received) = self.exchange.receive(&mut self.received).map_err(in_head)? {
                match received {
                    Received::Final(head, reader) => return Ok((head, reader)),
                    Received::Informational(head) => heard(trip, &head),
                }
            }
            match self.receive(wait).await {
                Ok(0) => return Err(self.ended()),
                Ok(_) => {}
                Err(error) => return Err(self.receiving_failed(error, waits)),
            }
        }
    }
}

impl Connection {
    /// Writes the head of a request, to be sent with what follows it.
    #[inline]
    fn begin(
        &mut self,
        request: &Request,
        upload: &Upload,
        expects: bool,
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) {
        let headers = request.request_headers();
        let location = request.location();
        self.exchange.start(
            request.method(),
            headers.says_close(),
            asks_for_upgrade(headers),
            expects,
            !matches!(upload, Upload::Empty),
        );
        self.outgoing.clear();
        self.stream.begin_request();
        let authority;
        let forwarding = trip.way.forwards();
        let target = match forwarding {
            _ if *request.method() == Method::CONNECT => {
                authority = format!("{}:{}", location.host(), location.origin().port);
                TargetForm::Authority(&authority)
            }
            Some(_) => TargetForm::Absolute(location.absolute()),
            None => TargetForm::Origin(location.path_and_query()),
        };
        let for_proxy = forwarding.map(|proxy| {
            let explicit = headers.contains(&PROXY_AUTHORIZATION);
            lines_for(proxy, explicit)
        });
        write_head(
            &mut self.outgoing,
            request.method(),
            &Addressee {
                form: target,
                authority: location.authority(),
                proxy: match &for_proxy {
                    Some(lines) => ProxyLines::Added(lines),
                    None if trip.has_proxies => ProxyLines::KeptBack,
                    None => ProxyLines::AsGiven,
                },
            },
            request.version(),
            headers,
            framing,
        );
        if trip.lower_names {
            lower_names(&mut self.outgoing);
        }
    }

    /// The peer closed before the head was complete.
    pub(crate) fn ended(&self) -> Error {
        in_head(self.exchange.eof(&self.received))
    }

    fn receiving_failed(&self, error: io::Error, waits: &Waits) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.ended().with_source(error),
            _ => waits.read_failed(error).in_phase(Phase::ReceiveHead),
        }
    }
}

/// Writes the field names of a head in lower case.
fn lower_names(head: &mut [u8]) {
    for line in head.split_mut(|&b| b == b'\n').skip(1) {
        if let Some(end) = line.iter().position(|&b| b == b':') {
            line[..end].make_ascii_lowercase();
        }
    }
}

/// Tells the listeners of an informational response.
pub(crate) fn heard(trip: &Trip<'_>, head: &ResponseHead) {
    trip.tell(|_| EventKind::Informational {
        status: head.status,
        headers: &head.headers,
    });
}

fn in_head(error: H1Error) -> Error {
    bad_response(error).in_phase(Phase::ReceiveHead)
}
