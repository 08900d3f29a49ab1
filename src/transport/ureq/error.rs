//! ureq's errors by our kinds and phases.

use std::io;

use crate::config::Timeout;
use crate::error::{Error, ErrorKind, Phase};

/// How far an exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Up to the head of the response.
    Head,
    /// The same, over TLS.
    HeadOverTls,
    /// In the middle of the request's body.
    Sending,
    /// The body of the response.
    Body,
}

impl Stage {
    fn phase(self) -> Phase {
        match self {
            Stage::Head | Stage::HeadOverTls => Phase::ReceiveHead,
            Stage::Sending => Phase::Send,
            Stage::Body => Phase::ReceiveBody,
        }
    }
}

/// What reading a response body met.
pub(super) fn of_body(error: io::Error, limits: &Timeout) -> Error {
    match error.downcast::<ureq::Error>() {
        Ok(error) => of_exchange(error, limits, Stage::Body),
        Err(error) => of_io(error, Stage::Body),
    }
}

/// What an exchange met.
pub(super) fn of_exchange(error: ureq::Error, limits: &Timeout, stage: Stage) -> Error {
    use ErrorKind::*;
    use ureq::Error as E;
    let (kind, phase) = match &error {
        E::Timeout(which) => return of_timeout(*which, limits, stage).with_source(error),
        E::Io(_) => {
            // The source is what the system said, not how ureq puts it.
            return of_io(error.into_io(), stage);
        }
        E::HostNotFound => (ConnectError, Phase::Resolve),
        E::ConnectionFailed => (ConnectError, Phase::Connect),
        E::Tls(_) => (ConnectError, Phase::Tls),
        #[cfg(feature = "rustls")]
        E::Rustls(_) | E::Pem(_) => (ConnectError, Phase::Tls),
        E::TlsRequired => {
            return Error::new(
                UnsupportedProtocol,
                "https needs TLS, and dimorph was built without it: switch on its feature `rustls`",
            )
            .in_phase(Phase::Tls);
        }
        E::InvalidProxyUrl | E::ConnectProxyFailed(_) => (ProxyError, Phase::Proxy),
        E::Protocol(inner) => of_protocol(&inner.to_string(), stage),
        E::LargeResponseHeader(..) => (LimitExceeded, Phase::ReceiveHead),
        E::BadUri(_) | E::Http(_) | E::BodyExceedsLimit(_) => (LocalProtocolError, Phase::Build),
        E::BodyStalled => (RemoteProtocolError, stage.phase()),
        // What this transport switches off, and what ureq may add.
        _ => (App, stage.phase()),
    };
    // Two of them quote a URL.
    let message = match &error {
        E::BadUri(_) => "ureq: the URL has no scheme or no host".to_owned(),
        E::RequireHttpsOnly(_) => "ureq: this agent is for https only".to_owned(),
        _ => format!("ureq: {error}"),
    };
    let made = Error::new(kind, message).in_phase(phase);
    match error {
        E::BadUri(_) | E::RequireHttpsOnly(_) => made,
        error => made.with_source(error),
    }
}

fn of_timeout(which: ureq::Timeout, limits: &Timeout, stage: Stage) -> Error {
    use ErrorKind::*;
    use ureq::Timeout as T;
    let (kind, phase, limit) = match which {
        T::Resolve => (ConnectTimeout, Phase::Resolve, limits.connect_timeout()),
        T::Connect => (ConnectTimeout, Phase::Connect, limits.connect_timeout()),
        T::PerWrite | T::SendRequest | T::SendBody => {
            (WriteTimeout, Phase::Send, limits.write_timeout())
        }
        T::PerRead | T::RecvBody => (ReadTimeout, stage.phase(), limits.read_timeout()),
        T::RecvResponse => (TotalTimeout, stage.phase(), limits.head_timeout()),
        _ => (TotalTimeout, stage.phase(), limits.total_timeout()),
    };
    Error::timeout(kind, limit).in_phase(phase)
}

/// ureq does not say where the system's errors came from; their kinds do.
fn of_io(error: io::Error, stage: Stage) -> Error {
    use io::ErrorKind as Io;
    let error = match error.downcast::<Error>() {
        // What the request's own body did.
        Ok(own) => return own,
        Err(error) => error,
    };
    let (kind, phase) = match error.kind() {
        _ if is_tls(&error) => (ErrorKind::ConnectError, Phase::Tls),
        Io::ConnectionRefused
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown
        | Io::AddrNotAvailable
        | Io::AddrInUse
        | Io::PermissionDenied => (ErrorKind::ConnectError, Phase::Connect),
        Io::BrokenPipe => (ErrorKind::WriteError, Phase::Send),
        _ if stage == Stage::Sending => (ErrorKind::WriteError, Phase::Send),
        // ureq and rustls put an end of the connection into words, but not one within the handshake.
        Io::UnexpectedEof if stage == Stage::HeadOverTls && error.get_ref().is_none() => {
            (ErrorKind::ConnectError, Phase::Tls)
        }
        Io::UnexpectedEof => {
            let message = match stage {
                Stage::Head | Stage::HeadOverTls | Stage::Sending => {
                    "the peer disconnected without sending a response"
                }
                Stage::Body => "the peer closed the connection before the end of the body",
            };
            return Error::new(ErrorKind::RemoteProtocolError, message)
                .in_phase(stage.phase())
                .with_source(error);
        }
        // A look-up that failed has no number and no kind of its own.
        _ if stage != Stage::Body
            && error.raw_os_error().is_none()
            && error.to_string().contains("lookup") =>
        {
            (ErrorKind::ConnectError, Phase::Resolve)
        }
        _ => (ErrorKind::ReadError, stage.phase()),
    };
    Error::new(kind, error.to_string())
        .in_phase(phase)
        .with_source(error)
}

/// An error of the handshake, or of a record after it.
#[cfg(feature = "rustls")]
fn is_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(not(feature = "rustls"))]
fn is_tls(_: &io::Error) -> bool {
    false
}

/// ureq's words for what is wrong with the request; the type behind them has no public name.
const LOCAL: [&str; 5] = [
    "not valid for HTTP version",
    "more than one host header",
    "host header is not a string",
    "authorization header is not a string",
    "body not allowed by method",
];

fn of_protocol(error: &str, stage: Stage) -> (ErrorKind, Phase) {
    match LOCAL.iter().any(|words| error.contains(words)) {
        true => (ErrorKind::LocalProtocolError, Phase::Build),
        false => (ErrorKind::RemoteProtocolError, stage.phase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;
    use std::time::Duration;

    #[test]
    fn every_error_of_ureq_has_a_kind_and_a_phase() {
        use ErrorKind::*;
        use io::ErrorKind as Io;
        use ureq::{Error as E, Timeout as T};
        let io = |kind: Io| E::Io(kind.into());
        let cases = [
            (E::Timeout(T::Resolve), ConnectTimeout, Phase::Resolve),
            (E::Timeout(T::Connect), ConnectTimeout, Phase::Connect),
            (E::Timeout(T::PerRead), ReadTimeout, Phase::ReceiveHead),
            (E::Timeout(T::PerWrite), WriteTimeout, Phase::Send),
            (E::Timeout(T::Global), TotalTimeout, Phase::ReceiveHead),
            (E::HostNotFound, ConnectError, Phase::Resolve),
            (io(Io::ConnectionRefused), ConnectError, Phase::Connect),
            (io(Io::HostUnreachable), ConnectError, Phase::Connect),
            (io(Io::ConnectionReset), ReadError, Phase::ReceiveHead),
            (io(Io::BrokenPipe), WriteError, Phase::Send),
            (
                io(Io::UnexpectedEof),
                RemoteProtocolError,
                Phase::ReceiveHead,
            ),
            (
                E::Io(io::Error::other("failed to lookup address information")),
                ConnectError,
                Phase::Resolve,
            ),
            (E::Tls("no"), ConnectError, Phase::Tls),
            (E::TlsRequired, UnsupportedProtocol, Phase::Tls),
            (
                E::LargeResponseHeader(9, 8),
                LimitExceeded,
                Phase::ReceiveHead,
            ),
            (E::BadUri("/x".into()), LocalProtocolError, Phase::Build),
            (E::ConnectProxyFailed("no".into()), ProxyError, Phase::Proxy),
            (E::TooManyRedirects, App, Phase::ReceiveHead),
        ];
        for (error, kind, phase) in cases {
            let what = format!("{error:?}");
            let made = of_exchange(error, &Timeout::default(), Stage::Head);
            assert_eq!((made.kind(), made.phase()), (kind, Some(phase)), "{what}");
        }
    }

    #[test]
    fn errors_of_the_body_say_so_and_keep_their_source() {
        let limits = Timeout::none().read(Duration::from_millis(7));
        let stalled = io::Error::other(ureq::Error::Timeout(ureq::Timeout::PerRead));
        let error = of_body(stalled, &limits);
        assert_eq!(error.kind(), ErrorKind::ReadTimeout);
        assert_eq!(error.phase(), Some(Phase::ReceiveBody));
        assert!(error.to_string().contains("7ms"), "{error}");
        let source = error.source().and_then(|e| e.downcast_ref());
        assert!(matches!(source, Some(ureq::Error::Timeout(_))));

        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        let error = of_body(cut, &limits);
        assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
        assert!(
            error
                .source()
                .is_some_and(|source| source.is::<io::Error>())
        );
    }

    #[test]
    fn what_fails_in_between_is_told_by_how_far_the_exchange_had_come() {
        use ErrorKind::*;
        use io::ErrorKind as Io;
        let worded = || io::Error::new(Io::UnexpectedEof, "Peer disconnected");
        let cases: [(Stage, io::Error, ErrorKind); 7] = [
            (Stage::Sending, Io::ConnectionReset.into(), WriteError),
            (Stage::Sending, Io::ConnectionRefused.into(), ConnectError),
            (Stage::Head, Io::UnexpectedEof.into(), RemoteProtocolError),
            (Stage::HeadOverTls, Io::UnexpectedEof.into(), ConnectError),
            (Stage::HeadOverTls, worded(), RemoteProtocolError),
            (Stage::Body, Io::UnexpectedEof.into(), RemoteProtocolError),
            (Stage::Body, Io::ConnectionReset.into(), ReadError),
        ];
        for (stage, error, kind) in cases {
            let what = format!("{stage:?} {error:?}");
            let made = of_exchange(ureq::Error::Io(error), &Timeout::default(), stage);
            assert_eq!(made.kind(), kind, "{what}");
        }
    }

    #[test]
    fn urls_are_not_quoted() {
        let url = "https://h.test/?token=s3cret";
        for error in [
            ureq::Error::BadUri(url.into()),
            ureq::Error::RequireHttpsOnly(url.into()),
        ] {
            let error = of_exchange(error, &Timeout::default(), Stage::Head);
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }
}
