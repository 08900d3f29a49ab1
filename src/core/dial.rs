//! A new connection: look-up, TCP, proxy, TLS, under one deadline for each attempt.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::connection::Connection;
use super::http2::Http2;
use super::layer::Layer;
use super::send::Trip;
use super::stream::Stream;
use super::tls_stream::{self, Prepared, TlsSession};
use super::{dual, rt, tunnel};
use crate::client_config::ClientConfig;
use crate::config::Wait;
use crate::dial::{attempt_order, retry_delay};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::EventKind;
use crate::hints;
use crate::location::Origin;
use crate::pool_state::Protocol;
use crate::proxy::ProxyKind;
use crate::routes::Via;

/// What limits a connection that something else of the user's runs around.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    each: Option<Duration>,
    wait: Wait,
    begun: Instant,
}

impl Limits {
    /// Begins now. Each attempt has `connect` of its own, so that several have no other limit than the total.
    pub(crate) fn of(config: &ClientConfig, trip: &Trip<'_>) -> Self {
        let each = trip.waits.timeout.connect_timeout();
        Limits {
            each,
            wait: Wait {
                each: each.filter(|_| config.retries == 0),
                until: trip.waits.total,
            },
            begun: Instant::now(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.wait.deadline(self.begun)
    }

    /// The error of having waited past the deadline.
    pub(crate) fn passed(&self, trip: &Trip<'_>) -> Error {
        match self.wait.is_past(Instant::now()) {
            true => trip.waits.total_timeout(),
            false => Error::timeout(ErrorKind::ConnectTimeout, self.each),
        }
        .in_phase(Phase::Connect)
    }
}

/// A new connection, by what was agreed upon.
pub(crate) enum Dialed {
    /// It serves one request at a time: HTTP/1.1.
    Own(Box<Connection>),
    /// Requests share it: HTTP/2.
    Shared(Http2),
}

fn speaks_http2(stream: &Stream, trip: &Trip<'_>) -> bool {
    trip.protocol == Protocol::Http2 || stream.alpn_is_h2()
}

/// Connects, trying again as often as `retries` says where no connection could be made.
#[dual]
pub(crate) async fn dial(config: &ClientConfig, trip: &Trip<'_>) -> Result<Dialed> {
    let limit = trip.waits.timeout.connect_timeout();
    let total = trip.waits.total;
    let mut retry = 0;
    loop {
        let wait = Wait {
            each: limit,
            until: total,
        };
        let begun = Instant::now();
        let deadline = wait.deadline(begun);
        // On loopback a connection may stand before any clock is looked at; zero is a timeout all the same.
        let connected = match deadline.is_some_and(|deadline| deadline <= begun) {
            true => Err(Error::timeout(ErrorKind::ConnectTimeout, None).in_phase(Phase::Connect)),
            false => connect(config, trip, deadline).await,
        };
        let error = match connected {
            Ok(stream) if speaks_http2(&stream, trip) => {
                let opened = Http2::open(stream, config, deadline).await;
                return opened.map(Dialed::Shared);
            }
            Ok(stream) => return Ok(Dialed::Own(Connection::new(stream, config.h1))),
            Err(error) => error,
        };
        let now = Instant::now();
        if error.kind() == ErrorKind::ConnectTimeout {
            if wait.is_past(now) {
                return Err(Error::timeout(ErrorKind::TotalTimeout, None).in_phase(Phase::Connect));
            }
            if retry == config.retries {
                let error = match limit {
                    Some(limit) => error.with_message(|what| format!("{what} within {limit:?}")),
                    None => error,
                };
                return Err(error.in_phase(Phase::Connect));
            }
        }
        if retry == config.retries || !error.is_connect() {
            return Err(error);
        }
        let again = now + retry_delay(retry);
        if total.is_some_and(|total| again >= total) {
            return Err(error);
        }
        rt::sleep_until(again).await;
        retry += 1;
    }
}

#[dual]
async fn connect(
    config: &ClientConfig,
    trip: &Trip<'_>,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let wait = Wait {
        each: None,
        until: deadline,
    };
    let origin = trip.way.origin;
    // A bad configuration is found before anything is opened.
    let prepared = match origin.secure && trip.way.forwards().is_none() {
        true => Some(tls_stream::prepare(config, trip.protocol).await?),
        false => None,
    };
    match trip.way.via {
        None => {
            let socket = open(config, origin, trip, wait).await?;
            let socket = Layer::Socket(socket);
            secure(socket, prepared, trip.protocol, origin, &[], trip, wait).await
        }
        Some(via) => through_proxy(config, via, prepared, trip, wait).await,
    }
}

/// Puts TLS over what was opened, where the URL asks for it. `received` is what came before the handshake began.
#[dual]
async fn secure(
    mut io: Layer,
    prepared: Option<Prepared>,
    protocol: Protocol,
    origin: Origin<'_>,
    received: &[u8],
    trip: &Trip<'_>,
    wait: Wait,
) -> Result<Stream> {
    let Some(prepared) = prepared else {
        return Ok(Stream::new(io, None));
    };
    let begun = Instant::now();
    let tls = TlsSession::connect(&mut io, prepared, origin, received, wait, protocol).await?;
    trip.tell(|now| EventKind::TlsEstablished {
        server_name: origin.host_name(),
        took: now - begun,
    });
    Ok(Stream::new(io, Some(tls)))
}

#[dual]
async fn through_proxy(
    config: &ClientConfig,
    via: Via<'_>,
    prepared: Option<Prepared>,
    trip: &Trip<'_>,
    wait: Wait,
) -> Result<Stream> {
    let (proxy, near) = (via.proxy, via.proxy.origin());
    let for_proxy = match near.secure {
        true => Some(tls_stream::prepare_for_proxy(config).await?),
        false => None,
    };
    let socket = open(config, near, trip, wait).await?;
    let socket = Layer::Socket(socket);
    // What is said to a proxy itself is HTTP/1.1.
    let secured = secure(socket, for_proxy, Protocol::Http1, near, &[], trip, wait).await;
    let mut stream = secured.map_err(|error| of_proxy(error, near))?;
    if !via.tunnels {
        return Ok(stream);
    }
    let begun = Instant::now();
    let origin = trip.way.origin;
    let beyond = match proxy.kind() {
        ProxyKind::Http { .. } => tunnel::ask_http(&mut stream, config, trip, proxy, wait).await?,
        ProxyKind::Socks { remote_dns } => {
            let address = match remote_dns {
                true => None,
                false => {
                    let found = look_up(config, origin.host_name(), wait.until).await?;
                    attempt_order(found, origin.port).first().copied()
                }
            };
            tunnel::ask_socks(&mut stream, proxy, origin, address, wait).await?;
            BytesMut::new()
        }
    };
    trip.tell(|now| EventKind::TunnelOpened {
        proxy: proxy.url(),
        took: now - begun,
    });
    if prepared.is_none() && !beyond.is_empty() && trip.protocol != Protocol::Http2 {
        // A server of HTTP/1.1 does not speak before it is asked; what the proxy says in its name is no answer.
        return Err(Error::new(
            ErrorKind::ProxyError,
            "the proxy sent something behind its answer to CONNECT",
        )
        .in_phase(Phase::Proxy));
    }
    let layer = stream.into_layer();
    let protocol = trip.protocol;
    if prepared.is_none() {
        return Ok(Stream::behind(beyond, layer));
    }
    let secured = secure(layer, prepared, protocol, origin, &beyond, trip, wait).await;
    secured.map_err(|error| rehint(error, hints::PLAIN_TUNNEL))
}

/// Names the proxy: the error's own host will be the server's.
fn of_proxy(error: Error, proxy: Origin<'_>) -> Error {
    let (host, port) = (proxy.host, proxy.port);
    let error = error.with_message(|message| format!("the proxy {host}:{port}: {message}"));
    rehint(error, hints::PLAIN_PROXY)
}

/// Plain text where TLS was begun: says of whom.
fn rehint(error: Error, hint: &'static str) -> Error {
    match error.hint() {
        Some(hints::PLAIN_SERVER) => error.with_hint(Some(hint)),
        _ => error,
    }
}

#[dual]
async fn open(
    config: &ClientConfig,
    origin: Origin<'_>,
    trip: &Trip<'_>,
    wait: Wait,
) -> Result<rt::Stream> {
    #[cfg(unix)]
    if let Some(path) = &config.dial.unix_socket {
        let begun = Instant::now();
        let connected = rt::Stream::connect_unix(path, wait).await;
        let stream = connected
            .map_err(|error| failed(error, Phase::Connect, &path.display().to_string()))?;
        connected_to(trip, &stream, begun);
        return Ok(stream);
    }
    let host = origin.host_name();
    let begun = Instant::now();
    let found = look_up(config, host, wait.until).await;
    let addresses = found.map_err(|error| match trip.way.via {
        Some(_) => of_proxy(error, origin),
        None => error,
    })?;
    let addresses = attempt_order(addresses, origin.port);
    trip.tell(|now| EventKind::Resolved {
        addresses: addresses.len(),
        took: now - begun,
    });
    let begun = Instant::now();
    let connected = rt::connect(&addresses, &config.dial, wait.until).await;
    let stream = connected.map_err(|error| {
        let host = match trip.way.via {
            Some(_) => format!("the proxy {}:{}", origin.host, origin.port),
            None => host.to_owned(),
        };
        let what = match config.dial.local_address {
            Some(local) => format!("{host} from {local}"),
            None => host,
        };
        let error = failed(error, Phase::Connect, &what);
        match trip.way.via {
            Some(_) if error.is_timeout() => of_proxy(error, origin),
            _ => error,
        }
    })?;
    connected_to(trip, &stream, begun);
    Ok(stream)
}

fn connected_to(trip: &Trip<'_>, stream: &rt::Stream, begun: Instant) {
    trip.tell(|now| EventKind::Connected {
        remote_addr: stream.peer_addr(),
        took: now - begun,
    });
}

#[dual]
async fn look_up(
    config: &ClientConfig,
    host: &str,
    deadline: Option<Instant>,
) -> Result<Vec<SocketAddr>> {
    if let Some(addresses) = config.dial.overridden(host) {
        return Ok(addresses.to_vec());
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, 0)]);
    }
    let found = match &config.dial.resolver {
        Some(resolver) => {
            let answer = rt::drive(resolver.resolve(host), deadline).await;
            answer.unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()))
        }
        None => rt::resolve(host, deadline).await,
    };
    match found {
        Ok(addresses) if addresses.is_empty() => Err(Error::new(
            ErrorKind::ConnectError,
            format!("the name `{host}` has no address"),
        )
        .in_phase(Phase::Resolve)),
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(failed(error, Phase::Resolve, host)),
    }
}

fn failed(error: std::io::Error, phase: Phase, what: &str) -> Error {
    if error.kind() == std::io::ErrorKind::TimedOut && error.raw_os_error().is_none() {
        return Error::timeout(ErrorKind::ConnectTimeout, None).in_phase(phase);
    }
    let message = match phase {
        Phase::Resolve => format!("the name `{what}` could not be looked up: {error}"),
        _ => format!("{what}: {error}"),
    };
    Error::new(ErrorKind::ConnectError, message)
        .in_phase(phase)
        .with_source(error)
}
