//! What happens to a request on its way, told to whoever listens.
//!
//! The listeners of one call are gathered in a [`Trace`]; a call without listeners has none, and pays nothing.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode, Version};
use url::Url;

use crate::error::{Error, without_userinfo};
use crate::headers::Redacted;
use crate::request::{RedactedUrl, Request};

/// A listener given to `on_event`.
pub(crate) type Listener = dyn Fn(&Event<'_>) + Send + Sync;

/// Something that happened to a request, for `on_event`: httpcore's `trace` extension.
///
/// `Debug` shows no credential.
///
/// ```
/// use dimorph::transport::Mock;
/// use std::sync::{Arc, Mutex};
///
/// let names = Arc::new(Mutex::new(Vec::new()));
/// let heard = names.clone();
/// let client = dimorph::Client::builder()
///     .transport(Mock::routes().get("*", "hello"))
///     .on_event(move |event| heard.lock().unwrap().push(event.kind().name()))
///     .build()?;
/// client.get("https://example.org/").send()?.text()?;
/// let names = names.lock().unwrap();
/// assert_eq!(*names, ["request.started", "response.started", "response.completed"]);
/// # Ok::<(), dimorph::Error>(())
/// ```
pub struct Event<'a> {
    call: u64,
    elapsed: Duration,
    method: &'a Method,
    url: &'a Url,
    kind: EventKind<'a>,
}

impl<'a> Event<'a> {
    /// Returns the number of the call: the same for all events of one `send`, its redirects and its authentication included.
    pub fn call(&self) -> u64 {
        self.call
    }

    /// Returns the time since the call began.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the method of the request that is on its way.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// Returns the URL of the request that is on its way, without userinfo.
    pub fn url(&self) -> &'a Url {
        self.url
    }

    /// Returns what happened.
    pub fn kind(&self) -> &EventKind<'a> {
        &self.kind
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("call", &self.call)
            .field("elapsed", &self.elapsed)
            .field("method", self.method)
            .field("url", &RedactedUrl(self.url))
            .field("kind", &self.kind)
            .finish()
    }
}

/// What happened. Each `took` is the time of that step alone.
///
/// | kind | [`name`](EventKind::name) |
/// |---|---|
/// | `RequestStarted` | `request.started` |
/// | `ConnectionAcquired` | `pool.acquired` |
/// | `Resolved` | `connection.resolved` |
/// | `Connected` | `connection.connected` |
/// | `TunnelOpened` | `proxy.tunnel_opened` |
/// | `TlsEstablished` | `connection.tls_established` |
/// | `Informational` | `response.informational` |
/// | `ResponseStarted` | `response.started` |
/// | `Retried` | `request.retried` |
/// | `ResponseCompleted` | `response.completed` |
/// | `Failed` | `request.failed` |
///
/// More kinds and more fields may come, so that patterns end in `..`.
///
/// ```
/// use dimorph::{Event, EventKind};
///
/// fn log(event: &Event<'_>) {
///     match event.kind() {
///         EventKind::Connected { remote_addr, took, .. } => {
///             println!("{remote_addr:?} within {took:?}");
///         }
///         EventKind::Failed { error, .. } => println!("{} {error}", event.url()),
///         _ => {}
///     }
/// }
///
/// let client = dimorph::Client::builder().on_event(log).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[non_exhaustive]
pub enum EventKind<'a> {
    /// A request begins: one for each redirect and each step of an authentication.
    RequestStarted,
    /// The pool gave an idle connection, a stream of one that is in use, or room for a new one.
    #[non_exhaustive]
    ConnectionAcquired {
        /// It was open already.
        reused: bool,
        /// The other end of one that was open.
        remote_addr: Option<SocketAddr>,
        /// The time of waiting for it.
        took: Duration,
    },
    /// The host's addresses were found.
    #[non_exhaustive]
    Resolved {
        /// How many there are.
        addresses: usize,
        /// The time of the look-up.
        took: Duration,
    },
    /// A socket is connected, to the server or to its proxy.
    #[non_exhaustive]
    Connected {
        /// The other end; none for a Unix socket.
        remote_addr: Option<SocketAddr>,
        /// The time of connecting, without the look-up.
        took: Duration,
    },
    /// A proxy opened a tunnel.
    #[non_exhaustive]
    TunnelOpened {
        /// The proxy, without credentials.
        proxy: &'a Url,
        /// The time of asking it.
        took: Duration,
    },
    /// A TLS handshake ended well, with the server or with a proxy.
    #[non_exhaustive]
    TlsEstablished {
        /// The name that the certificate was checked against.
        server_name: &'a str,
        /// The time of the handshake.
        took: Duration,
    },
    /// Head and body of the request were sent, as far as the server wanted them, and the head of the response came.
    #[non_exhaustive]
    ResponseStarted {
        /// The status.
        status: StatusCode,
        /// The HTTP version.
        version: Version,
        /// The time from having a connection to the last byte of the head.
        took: Duration,
    },
    /// An informational (1xx) response came before the final one.
    #[non_exhaustive]
    Informational {
        /// The status: 100, 102, 103 …
        status: StatusCode,
        /// Its headers: the `link`s of 103 Early Hints (RFC 8297).
        headers: &'a HeaderMap,
    },
    /// A request is sent once more: it failed on a kept connection, or the server said that it did nothing for it.
    Retried,
    /// The body of the response was received to its end.
    #[non_exhaustive]
    ResponseCompleted {
        /// The bytes that came over the wire, before decoding.
        bytes: u64,
        /// The time from the head's last byte to the body's.
        took: Duration,
    },
    /// The request failed.
    #[non_exhaustive]
    Failed {
        /// Why.
        error: &'a Error,
    },
}

impl EventKind<'_> {
    /// Returns the name of the step, as httpcore and logs spell such names.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::RequestStarted => "request.started",
            EventKind::ConnectionAcquired { .. } => "pool.acquired",
            EventKind::Resolved { .. } => "connection.resolved",
            EventKind::Connected { .. } => "connection.connected",
            EventKind::TunnelOpened { .. } => "proxy.tunnel_opened",
            EventKind::TlsEstablished { .. } => "connection.tls_established",
            EventKind::ResponseStarted { .. } => "response.started",
            EventKind::Informational { .. } => "response.informational",
            EventKind::Retried => "request.retried",
            EventKind::ResponseCompleted { .. } => "response.completed",
            EventKind::Failed { .. } => "request.failed",
        }
    }
}

impl fmt::Debug for EventKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(self.name());
        match self {
            EventKind::RequestStarted | EventKind::Retried => &mut debug,
            EventKind::ConnectionAcquired {
                reused,
                remote_addr,
                took,
            } => debug
                .field("reused", reused)
                .field("remote_addr", remote_addr)
                .field("took", took),
            EventKind::Resolved { addresses, took } => {
                debug.field("addresses", addresses).field("took", took)
            }
            EventKind::Connected { remote_addr, took } => {
                debug.field("remote_addr", remote_addr).field("took", took)
            }
            EventKind::TunnelOpened { proxy, took } => debug
                .field("proxy", &RedactedUrl(proxy))
                .field("took", took),
            EventKind::TlsEstablished { server_name, took } => {
                debug.field("server_name", server_name).field("took", took)
            }
            EventKind::ResponseStarted {
                status,
                version,
                took,
            } => debug
                .field("status", status)
                .field("version", version)
                .field("took", took),
            EventKind::Informational { status, headers } => debug
                .field("status", status)
                .field("headers", &Redacted(headers)),
            EventKind::ResponseCompleted { bytes, took } => {
                debug.field("bytes", bytes).field("took", took)
            }
            EventKind::Failed { error } => debug.field("error", error),
        };
        debug.finish()
    }
}

/// The listeners of one call, and what they are told about every step.
pub(crate) struct Trace {
    call: u64,
    started: Instant,
    method: Method,
    url: Url,
    listeners: Vec<Arc<Listener>>,
    #[cfg(feature = "tracing")]
    span: crate::spans::Span,
}

impl Trace {
    /// Begins a trace if anybody listens.
    pub(crate) fn begin(
        listeners: &[Arc<Listener>],
        request: &Request,
        started: Instant,
    ) -> Option<Arc<Trace>> {
        static CALLS: AtomicU64 = AtomicU64::new(1);
        #[cfg(feature = "tracing")]
        let heard = !listeners.is_empty() || crate::spans::is_wanted();
        #[cfg(not(feature = "tracing"))]
        let heard = !listeners.is_empty();
        heard.then(|| {
            Arc::new(Trace {
                call: CALLS.fetch_add(1, Ordering::Relaxed),
                started,
                method: request.method().clone(),
                url: without_userinfo(request.url()),
                listeners: listeners.to_vec(),
                #[cfg(feature = "tracing")]
                span: crate::spans::Span::new(request, 0),
            })
        })
    }

    /// The trace of the next request of the same call, which `resends` others went before.
    #[cfg_attr(
        not(feature = "tracing"),
        allow(unused_variables, reason = "only spans count")
    )]
    pub(crate) fn next(&self, request: &Request, resends: usize) -> Arc<Trace> {
        Arc::new(Trace {
            call: self.call,
            started: self.started,
            method: request.method().clone(),
            url: without_userinfo(request.url()),
            listeners: self.listeners.clone(),
            #[cfg(feature = "tracing")]
            span: crate::spans::Span::new(request, resends),
        })
    }

    pub(crate) fn tell(&self, now: Instant, kind: EventKind<'_>) {
        let event = Event {
            call: self.call,
            elapsed: now.saturating_duration_since(self.started),
            method: &self.method,
            url: &self.url,
            kind,
        };
        #[cfg(feature = "tracing")]
        self.span.record(&event);
        for listener in &*self.listeners {
            listener(&event);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("call", &self.call).finish()
    }
}

/// How much of a body has been sent or received, for `on_upload` and `on_download`.
///
/// ```
/// use dimorph::Progress;
///
/// fn show(progress: Progress) {
///     match progress.total {
///         Some(total) => println!("{} of {total} bytes", progress.bytes),
///         None => println!("{} bytes", progress.bytes),
///     }
/// }
///
/// let client = dimorph::Client::new();
/// let request = client.get("https://example.org/large").on_download(show);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The bytes on the wire so far, before decoding, without chunk framing.
    pub bytes: u64,
    /// All there will be, where that is known.
    pub total: Option<u64>,
}

/// A counter given to `on_upload` or `on_download`.
pub(crate) type Counter = dyn Fn(Progress) + Send + Sync;

/// Anything that a hook may return: nothing, or a result whose error ends the call.
///
/// An [`Error`] ends it as it is; any other becomes the source of one of the kind `App`.
///
/// ```
/// use dimorph::{Client, Request};
///
/// let client = Client::builder()
///     .on_request(|request: &mut Request| println!("{}", request.url()))
///     .on_request(|request: &mut Request| match request.url().scheme() {
///         "https" => Ok(()),
///         _ => Err("https alone is allowed"),
///     })
///     .build()?;
/// let error = client.get("http://example.org/").send().unwrap_err();
/// assert!(error.to_string().contains("https alone is allowed"));
/// # Ok::<(), dimorph::Error>(())
/// ```
pub trait HookResult {
    #[doc(hidden)]
    fn into_result(self) -> crate::error::Result<()>;
}

impl HookResult for () {
    fn into_result(self) -> crate::error::Result<()> {
        Ok(())
    }
}

impl<E: Into<crate::error::BoxError>> HookResult for Result<(), E> {
    fn into_result(self) -> crate::error::Result<()> {
        self.map_err(Error::other)
    }
}
