//! A new connection: look-up, TCP, TLS, under one deadline for each attempt.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::stream::Stream;
use super::tls_stream::{self, TlsSession};
use super::{dual, rt};
use crate::client_config::ClientConfig;
use crate::config::Wait;
use crate::dial::{attempt_order, retry_delay};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::location::Origin;

/// Connects, trying again as often as `retries` says where no connection could be made.
#[dual]
pub(crate) async fn dial(
    config: &ClientConfig,
    origin: Origin<'_>,
    limit: Option<Duration>,
    total: Option<Instant>,
) -> Result<Box<Connection>> {
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
            true => Err(Error::timeout(ErrorKind::ConnectTimeout, limit).in_phase(Phase::Connect)),
            false => connect(config, origin, deadline).await,
        };
        let error = match connected {
            Ok(stream) => return Ok(Connection::new(stream, config.h1)),
            Err(error) => error,
        };
        let now = Instant::now();
        if error.kind() == ErrorKind::ConnectTimeout {
            if wait.is_past(now) {
                return Err(Error::timeout(ErrorKind::TotalTimeout, None).in_phase(Phase::Connect));
            }
            if retry == config.retries {
                return Err(Error::timeout(ErrorKind::ConnectTimeout, limit)
                    .in_phase(error.phase().unwrap_or(Phase::Connect)));
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
    origin: Origin<'_>,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let wait = Wait {
        each: None,
        until: deadline,
    };
    if !origin.secure {
        return Ok(Stream::new(open(config, origin, wait).await?, None));
    }
    // A bad configuration is found before anything is opened.
    let prepared = tls_stream::prepare(config).await?;
    let mut io = open(config, origin, wait).await?;
    let tls = TlsSession::connect(&mut io, prepared, origin, wait).await?;
    Ok(Stream::new(io, Some(tls)))
}

#[dual]
async fn open(config: &ClientConfig, origin: Origin<'_>, wait: Wait) -> Result<rt::Stream> {
    #[cfg(unix)]
    if let Some(path) = &config.dial.unix_socket {
        let connected = rt::Stream::connect_unix(path, wait).await;
        return connected
            .map_err(|error| failed(error, Phase::Connect, &path.display().to_string()));
    }
    let host = origin.host_name();
    let addresses = look_up(config, host, wait.until).await?;
    let addresses = attempt_order(addresses, origin.port);
    let connected = rt::connect(&addresses, &config.dial, wait.until).await;
    connected.map_err(|error| {
        let what = match config.dial.local_address {
            Some(local) => format!("{host} from {local}"),
            None => host.to_owned(),
        };
        failed(error, Phase::Connect, &what)
    })
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
