//! Faults: what a network does to an exchange, as the errors that come of it.

use std::io;

use crate::config::Timeout;
use crate::error::{Error, ErrorKind, Phase};
use crate::hints;
use crate::proto::h1::H1Error;

/// Something that goes wrong with an exchange, with the kind and phase of the error as it would come off the network.
///
/// A fault comes at once: `ReadTimeout` is raised without the wait; for a real one use
/// [`MockResponse::delay`](super::MockResponse::delay). A fault of the body comes when the body is read, after the head was received.
///
/// ```
/// use dimorph::transport::{Fault, Mock, MockResponse};
/// use dimorph::ErrorKind;
///
/// let mock = Mock::routes()
///     .get("/down", Fault::ConnectError)
///     .get("/torn", MockResponse::new(200).body("a long text").fault(Fault::BodyCutShort(6)));
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let error = client.get("http://example.org/down").send().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ConnectError);
/// let mut response = client.get("http://example.org/torn").send()?;
/// assert_eq!(response.chunk()?.unwrap(), "a long");
/// assert_eq!(response.chunk().unwrap_err().kind(), ErrorKind::RemoteProtocolError);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// No connection became free: `PoolTimeout`.
    PoolTimeout,
    /// The host's name is not known: `ConnectError`, looking up.
    UnknownHost,
    /// Nobody listens: `ConnectError`.
    ConnectError,
    /// No connection in time: `ConnectTimeout`.
    ConnectTimeout,
    /// The server's certificate is not trusted: `ConnectError`, in the TLS handshake.
    Tls,
    /// The proxy refuses the tunnel: `ProxyError`.
    ProxyError,
    /// The connection is reset while the request is sent: `WriteError`.
    WriteError,
    /// The server takes no more of the request: `WriteTimeout`.
    WriteTimeout,
    /// The connection is reset before the head of the response: `ReadError`.
    ReadError,
    /// No head of a response in time: `ReadTimeout`.
    ReadTimeout,
    /// The exchange takes too long: `TotalTimeout`.
    TotalTimeout,
    /// The server closes the connection without an answer: `RemoteProtocolError`.
    Disconnect,
    /// The server answers in something else than HTTP: `RemoteProtocolError`.
    RemoteProtocolError,
    /// The body ends after so many bytes, before its announced end: `RemoteProtocolError`.
    BodyCutShort(usize),
    /// The connection is reset after so many bytes of the body: `ReadError`.
    BodyReset(usize),
    /// Nothing comes after so many bytes of the body: `ReadTimeout`.
    BodyStalls(usize),
}

impl Fault {
    /// How much of the body comes before it; `None` where it comes before the head.
    pub(super) fn after(self) -> Option<usize> {
        match self {
            Fault::BodyCutShort(after) | Fault::BodyReset(after) | Fault::BodyStalls(after) => {
                Some(after)
            }
            _ => None,
        }
    }

    /// The error, under the timeouts of the request. `length` is the body's, as announced.
    pub(super) fn error(self, timeout: Option<&Timeout>, length: usize) -> Error {
        let limit = |of: fn(&Timeout) -> Option<std::time::Duration>| timeout.and_then(of);
        let read = || Error::timeout(ErrorKind::ReadTimeout, limit(Timeout::read_timeout));
        match self {
            Fault::PoolTimeout => {
                Error::timeout(ErrorKind::PoolTimeout, limit(Timeout::pool_timeout))
                    .in_phase(Phase::Pool)
            }
            Fault::UnknownHost => {
                let source = io::Error::new(io::ErrorKind::NotFound, "Name or service not known");
                from_io(ErrorKind::ConnectError, source).in_phase(Phase::Resolve)
            }
            Fault::ConnectError => {
                failed(ErrorKind::ConnectError, io::ErrorKind::ConnectionRefused)
                    .in_phase(Phase::Connect)
            }
            Fault::ConnectTimeout => {
                Error::timeout(ErrorKind::ConnectTimeout, limit(Timeout::connect_timeout))
                    .in_phase(Phase::Connect)
            }
            Fault::Tls => Error::new(
                ErrorKind::ConnectError,
                "the server's certificate is not trusted",
            )
            .in_phase(Phase::Tls),
            Fault::ProxyError => {
                Error::new(ErrorKind::ProxyError, "the proxy answered 502 Bad Gateway")
                    .with_status(http::StatusCode::BAD_GATEWAY)
                    .in_phase(Phase::Proxy)
            }
            Fault::WriteError => {
                failed(ErrorKind::WriteError, io::ErrorKind::BrokenPipe).in_phase(Phase::Send)
            }
            Fault::WriteTimeout => {
                Error::timeout(ErrorKind::WriteTimeout, limit(Timeout::write_timeout))
                    .in_phase(Phase::Send)
            }
            Fault::ReadError => reset().in_phase(Phase::ReceiveHead),
            Fault::ReadTimeout => read().in_phase(Phase::ReceiveHead),
            Fault::TotalTimeout => {
                Error::timeout(ErrorKind::TotalTimeout, limit(Timeout::total_timeout))
                    .in_phase(Phase::ReceiveHead)
            }
            Fault::Disconnect => broken(H1Error::Disconnected).in_phase(Phase::ReceiveHead),
            Fault::RemoteProtocolError => broken(H1Error::TlsRecord).in_phase(Phase::ReceiveHead),
            Fault::BodyCutShort(after) => broken(H1Error::TruncatedBody {
                received: after.min(length) as u64,
                length: length.max(after.saturating_add(usize::from(length <= after))) as u64,
            })
            .in_phase(Phase::ReceiveBody),
            Fault::BodyReset(_) => reset().in_phase(Phase::ReceiveBody),
            Fault::BodyStalls(_) => read().in_phase(Phase::ReceiveBody),
        }
    }
}

fn reset() -> Error {
    failed(ErrorKind::ReadError, io::ErrorKind::ConnectionReset)
}

fn failed(kind: ErrorKind, source: io::ErrorKind) -> Error {
    from_io(kind, source.into())
}

fn from_io(kind: ErrorKind, source: io::Error) -> Error {
    Error::new(kind, source.to_string()).with_source(source)
}

fn broken(error: H1Error) -> Error {
    Error::new(ErrorKind::RemoteProtocolError, error.to_string())
        .with_hint(hints::of_answer(&error))
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_fault_has_the_kind_and_phase_of_the_wire() {
        use ErrorKind as K;
        use Fault::*;
        let cases = [
            (PoolTimeout, K::PoolTimeout, Phase::Pool),
            (UnknownHost, K::ConnectError, Phase::Resolve),
            (ConnectError, K::ConnectError, Phase::Connect),
            (ConnectTimeout, K::ConnectTimeout, Phase::Connect),
            (Tls, K::ConnectError, Phase::Tls),
            (ProxyError, K::ProxyError, Phase::Proxy),
            (WriteError, K::WriteError, Phase::Send),
            (WriteTimeout, K::WriteTimeout, Phase::Send),
            (ReadError, K::ReadError, Phase::ReceiveHead),
            (ReadTimeout, K::ReadTimeout, Phase::ReceiveHead),
            (TotalTimeout, K::TotalTimeout, Phase::ReceiveHead),
            (Disconnect, K::RemoteProtocolError, Phase::ReceiveHead),
            (
                RemoteProtocolError,
                K::RemoteProtocolError,
                Phase::ReceiveHead,
            ),
            (BodyCutShort(1), K::RemoteProtocolError, Phase::ReceiveBody),
            (BodyReset(1), K::ReadError, Phase::ReceiveBody),
            (BodyStalls(1), K::ReadTimeout, Phase::ReceiveBody),
        ];
        for (fault, kind, phase) in cases {
            let error = fault.error(None, 2);
            assert_eq!(
                (error.kind(), error.phase()),
                (kind, Some(phase)),
                "{fault:?}"
            );
            let of_body = phase == Phase::ReceiveBody;
            assert_eq!(fault.after().is_some(), of_body, "{fault:?}");
        }
    }

    #[test]
    fn messages_name_limits_and_lengths() {
        let timeout = Timeout::new(Duration::from_millis(200));
        let cases = [
            (Fault::ReadTimeout, 0, "nothing received within 200ms"),
            (Fault::ConnectTimeout, 0, "no connection within 200ms"),
            (Fault::TotalTimeout, 0, "not finished"),
            (Fault::BodyCutShort(3), 5, "received 3 of 5 bytes"),
            (Fault::BodyCutShort(5), 5, "received 5 of 6 bytes"),
            (Fault::BodyCutShort(9), 5, "received 5 of 10 bytes"),
            (Fault::BodyCutShort(usize::MAX), 5, "received 5 of"),
        ];
        for (fault, length, expected) in cases {
            let text = fault.error(Some(&timeout), length).to_string();
            assert!(text.contains(expected), "{fault:?}: {text}");
        }
    }
}
