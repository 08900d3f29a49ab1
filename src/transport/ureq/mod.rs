//! The crate `ureq` in place of the engine: the second backend of the blocking client.

mod error;
mod outgoing;
#[cfg(feature = "rustls")]
mod tls;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use ureq::config::{Config, ConfigBuilder};
use url::Host;

use self::error::{Stage, of_body, of_exchange};
use self::outgoing::Outgoing;
use crate::body::{Body, OfTransport};
use crate::config::{PoolLimits, Timeout};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::proto::h1::RequestFraming;
use crate::request::Request;

/// Sends requests through the crate [`ureq`], in place of dimorph's own engine.
///
/// Everything above the exchange stays dimorph's: redirects, cookies, authentication, content codings, hooks. ureq follows no redirect, keeps no cookie, decodes
/// nothing, and no status is an error. The timeouts are the request's; ureq's errors get dimorph's kinds.
///
/// ```no_run
/// use dimorph::transport::Ureq;
///
/// let client = dimorph::Client::builder().transport(Ureq::new()).build()?;
/// let response = client.get("https://example.org/").send()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
///
/// The client's options for connections are the engine's, and mean nothing to ureq: `verify`, `cert`, `proxy`, `pool_limits`, `http1` limits, `resolve`,
/// `local_address`, `unix_socket` and the like. Give ureq's own to the agent.
///
/// # What ureq cannot
/// - **Heads:** the reason phrase is lost, and names in the request are in lower case, without `connection: keep-alive`. A response head of more than 64 KiB, or 128 fields, is
///   refused; so is an `authorization` that is not ASCII.
/// - **Trailers, upgrades (`101`), tunnels (`CONNECT`)** and informational responses but `100`.
/// - **Early answers:** one that comes while the body is still being sent is lost, and so may be one to `expect: 100-continue`.
/// - **Connections:** `on_event` hears of the request and the response alone; `pool_stats` counts nothing, `remote_addr` is `None`. A response that is dropped before its body was read to the
///   end closes its connection, however short the body is. A kept connection that the server has closed is not replaced: [`Retry`](super::Retry) above does that. Idle connections
///   are closed with the last clone, not with the client.
/// - **Timeouts:** there is no `pool` timeout, since there is no limit to wait for. `connect` is one limit for the look-up and another one, as long, for TCP and TLS, at least ten milliseconds.
///   `head` limits connecting and waiting for the head each.
/// - **No threads:** where there is a connect or total timeout, ureq looks a host name up on a thread that it starts for it.
/// - **TLS sessions** are not resumed, and each connection over TLS builds its configuration anew.
/// - **Strictness:** a body that is cut short behind its last chunk counts as whole, and so does one without a length whose connection is reset; some malformed framing is let
///   through that the engine refuses, and extensions of chunks are refused.
///
/// The features of ureq named `gzip`, `brotli`, `charset` and `cookies` change what comes out of it, and cannot be switched off by an agent. Here they are off; another crate in
/// the same build must not switch them on.
///
/// [`ureq`]: https://docs.rs/ureq/3
#[derive(Clone)]
pub struct Ureq {
    agent: ureq::Agent,
}

impl Ureq {
    /// Makes a transport with connections of its own, the default roots, and no proxy, whatever the environment says.
    pub fn new() -> Self {
        #[cfg(feature = "rustls")]
        return Ureq::with_tls(|tls| tls);
        #[cfg(not(feature = "rustls"))]
        Ureq::from_config(plain().build())
    }

    /// Makes a transport as [`new`](Ureq::new) does, with other settings of TLS; those given in have dimorph's cryptography and roots.
    ///
    /// ```
    /// use dimorph::transport::Ureq;
    ///
    /// // HTTPX's verify=False
    /// let unverified = Ureq::with_tls(|tls| tls.disable_verification(true));
    /// # let _ = unverified;
    /// ```
    #[cfg(feature = "rustls")]
    pub fn with_tls(
        change: impl FnOnce(ureq::tls::TlsConfigBuilder) -> ureq::tls::TlsConfigBuilder,
    ) -> Self {
        Ureq::from_config(plain().tls_config(change(tls::defaults()).build()).build())
    }

    /// Makes a transport with connections of its own, from ureq's configuration.
    ///
    /// Its proxies, TLS, buffers, pool and user agent are taken as they are; redirects, timeouts, statuses as errors and other default headers are not.
    ///
    /// ```
    /// use dimorph::transport::Ureq;
    ///
    /// let config = ureq::config::Config::builder().max_idle_connections(4).build();
    /// let client = dimorph::Client::builder().transport(Ureq::from_config(config)).build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn from_config(config: Config) -> Self {
        Ureq::with_agent(config.into())
    }

    /// Makes a transport that shares an agent and its connections.
    ///
    /// Its proxies, TLS, buffers, pool and user agent are taken as they are; redirects, timeouts, statuses as errors and other default headers are not.
    pub fn with_agent(agent: ureq::Agent) -> Self {
        Ureq { agent }
    }

    /// Returns the agent.
    pub fn agent(&self) -> &ureq::Agent {
        &self.agent
    }

    /// One request, one response.
    pub(crate) fn exchange(&self, mut request: Request) -> Result<http::Response<Body>> {
        let limits = request.timeout().copied().unwrap_or_default();
        request.prepare()?;
        let over_tls = request.url().scheme() == "https";
        #[cfg(feature = "rustls")]
        if over_tls {
            tls::check(self.agent.config().tls_config())?;
        }
        if request.method() == Method::CONNECT {
            return Err(Error::new(
                ErrorKind::LocalProtocolError,
                "ureq opens no tunnels: CONNECT needs dimorph's own engine",
            )
            .in_phase(Phase::Build));
        }
        if limits.connect_timeout() == Some(Duration::ZERO) {
            let at_once = ureq::Error::Timeout(ureq::Timeout::Connect);
            return Err(of_exchange(at_once, &limits, Stage::Head));
        }
        let framing = request.framing(request.version())?;
        let by_name = matches!(request.url().host(), Some(Host::Domain(_)));
        let (body, begun) = outgoing(&mut request, framing)?;
        let (mut parts, _) = http::Request::try_from(request)?.into_parts();
        match framing {
            RequestFraming::Absent => {}
            RequestFraming::Length(length) => {
                parts.headers.insert(CONTENT_LENGTH, length.into());
            }
            RequestFraming::Chunked => {
                let chunked = HeaderValue::from_static("chunked");
                parts.headers.insert(TRANSFER_ENCODING, chunked);
            }
        }
        let request = http::Request::from_parts(parts, body);
        let response = self.agent.run(self.limited(request, &limits, by_name));
        let response = response.map_err(|error| {
            let stage = match (begun.load(Ordering::Relaxed), over_tls) {
                (true, _) => Stage::Sending,
                (false, true) => Stage::HeadOverTls,
                (false, false) => Stage::Head,
            };
            of_exchange(error, &limits, stage)
        })?;
        received(response, limits)
    }

    /// The request with its timeouts, and without what is done above.
    ///
    /// The `user-agent` stays the agent's affair: ureq keeps no connections for a request with another one.
    fn limited(
        &self,
        request: http::Request<ureq::SendBody<'static>>,
        limits: &Timeout,
        by_name: bool,
    ) -> http::Request<ureq::SendBody<'static>> {
        let connect = [limits.connect_timeout(), limits.head_timeout()];
        let connect = brief(connect.into_iter().flatten().min());
        self.agent
            .configure_request(request)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept("")
            .accept_encoding("")
            // A look-up takes a thread; an address needs none.
            .timeout_resolve(connect.filter(|_| by_name))
            .timeout_connect(connect)
            .timeout_per_read(brief(limits.read_timeout()))
            .timeout_per_write(brief(limits.write_timeout()))
            .timeout_recv_response(brief(limits.head_timeout()))
            .timeout_global(brief(limits.total_timeout()))
            .timeout_per_call(None)
            .timeout_send_request(None)
            .timeout_send_body(None)
            .timeout_recv_body(None)
            .build()
    }
}

impl Default for Ureq {
    fn default() -> Self {
        Ureq::new()
    }
}

impl fmt::Debug for Ureq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The agent's own has the proxy, and with it perhaps its password.
        f.write_str("Ureq")
    }
}

/// What dimorph's own engine takes for granted, in ureq's words.
fn plain() -> ConfigBuilder<ureq::typestate::AgentScope> {
    let limits = PoolLimits::new();
    let idle = limits.soft().unwrap_or(usize::MAX);
    Config::builder()
        .proxy(None)
        .user_agent("")
        .max_idle_connections(idle)
        .max_idle_connections_per_host(idle)
        .max_idle_age(limits.expiry().unwrap_or(Duration::MAX))
}

/// The body in ureq's form, and what tells whether it was given out in part.
fn outgoing(
    request: &mut Request,
    framing: RequestFraming,
) -> Result<(ureq::SendBody<'static>, Arc<AtomicBool>)> {
    let length = match framing {
        RequestFraming::Absent => return Ok((ureq::SendBody::none(), Arc::default())),
        RequestFraming::Length(length) => Some(length),
        RequestFraming::Chunked => None,
    };
    let counter = request.options().on_upload.clone();
    let body = request.body_mut().take_for_sending()?;
    let body = Outgoing::new(body, length, counter)?;
    let begun = body.begun();
    Ok((ureq::SendBody::from_owned_reader(body), begun))
}

/// The response in our form.
fn received(response: http::Response<ureq::Body>, limits: Timeout) -> Result<http::Response<Body>> {
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::new(
            ErrorKind::RemoteProtocolError,
            "the server switched protocols, and ureq cannot",
        )
        .in_phase(Phase::ReceiveHead));
    }
    parts.extensions = http::Extensions::new();
    let ends_here = body.content_length() == Some(0);
    let mut body = Received {
        body: body.into_reader(),
        limits,
    };
    let body = match ends_here {
        // Only a body that was read to its end gives its connection back.
        true if matches!(body.read(&mut [0]), Ok(0)) => Body::empty(),
        _ => Body::from_reader(body),
    };
    Ok(http::Response::from_parts(parts, body))
}

/// What no clock can measure is no limit; and ureq takes no time at all for a whole second.
fn brief(limit: Option<Duration>) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    limit
        .filter(|limit| *limit < LONGEST)
        .map(|limit| limit.max(Duration::from_micros(1)))
}

/// A response body on its way in.
struct Received {
    body: ureq::BodyReader<'static>,
    limits: Timeout,
}

impl Read for Received {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.body
            .read(room)
            .map_err(|error| io::Error::other(OfTransport(of_body(error, &self.limits))))
    }
}
