//! The feature `tracing`: a span for each request, by OpenTelemetry's names for HTTP clients.
//!
//! The span is never entered, since a request moves between threads; its events name it as their parent. Neither
//! holds a header, a body, or userinfo; of a query only names are shown.

use tracing::field::Empty;

use crate::events::{Event, EventKind};
use crate::request::{Request, shown};

/// The target of every span and event.
const TARGET: &str = "dimorph";

/// Tells whether anybody collects the spans.
pub(crate) fn is_wanted() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::INFO)
}

/// The span of one request.
#[derive(Debug)]
pub(crate) struct Span(tracing::Span);

impl Span {
    /// The span of a request that `resends` others of the same call went before.
    pub(crate) fn new(request: &Request, resends: usize) -> Self {
        let (method, url) = (request.method(), request.url());
        let span = tracing::info_span!(
            target: TARGET,
            "HTTP request",
            otel.name = method.as_str(),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = method.as_str(),
            http.request.resend_count = Empty,
            http.response.status_code = Empty,
            network.protocol.name = "http",
            network.protocol.version = Empty,
            network.peer.address = Empty,
            network.peer.port = Empty,
            server.address = url.host_str().unwrap_or(""),
            server.port = url.port_or_known_default(),
            url.full = shown(url),
            error.r#type = Empty,
        );
        if resends > 0 {
            span.record("http.request.resend_count", resends);
        }
        Span(span)
    }

    pub(crate) fn record(&self, event: &Event<'_>) {
        let span = &self.0;
        match event.kind() {
            EventKind::Connected {
                remote_addr: Some(peer),
                ..
            }
            | EventKind::ConnectionAcquired {
                remote_addr: Some(peer),
                ..
            } => {
                span.record("network.peer.address", peer.ip().to_string());
                span.record("network.peer.port", peer.port());
            }
            EventKind::ResponseStarted {
                status, version, ..
            } => {
                span.record("http.response.status_code", status.as_u16());
                let version = match *version {
                    http::Version::HTTP_2 => "2",
                    http::Version::HTTP_10 => "1.0",
                    _ => "1.1",
                };
                span.record("network.protocol.version", version);
                // A client's span is in error from 400 on.
                if status.is_client_error() || status.is_server_error() {
                    span.record("otel.status_code", "ERROR");
                    span.record("error.type", status.as_str());
                }
            }
            EventKind::Failed { error } => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", format!("{:?}", error.kind()));
            }
            _ => {}
        }
        tracing::debug!(
            target: TARGET,
            parent: span,
            elapsed = ?event.elapsed(),
            detail = detail(event.kind()),
            "{}",
            event.kind().name(),
        );
    }
}

/// What an event says, without headers and without an error's URL and sources.
fn detail(kind: &EventKind<'_>) -> String {
    match kind {
        EventKind::Failed { error } => format!("{:?} in {:?}", error.kind(), error.phase()),
        EventKind::Informational { status, .. } => status.to_string(),
        other => format!("{other:?}"),
    }
}
