//! The one error type, with reqwest's kinds and texts.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use http::StatusCode;
use url::Url;

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a call failed.
///
/// `Display` says which step failed and for which URL; the [source](StdError::source) holds the details, down to the
/// `dimorph::Error`, `std::io::Error` or `serde_json::Error` beneath. The URL may carry secrets in its query:
/// [`without_url`](Error::without_url) removes it.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    source: Option<BoxError>,
    url: Option<Url>,
}

/// Which step failed.
#[derive(Debug)]
pub(crate) enum Kind {
    Builder,
    Request,
    Redirect,
    Status(StatusCode, Option<Reason>),
    Body,
    Decode,
    Upgrade,
}

impl Error {
    pub(crate) fn new<E: Into<BoxError>>(kind: Kind, source: Option<E>) -> Self {
        Error {
            inner: Box::new(Inner {
                kind,
                source: source.map(Into::into),
                url: None,
            }),
        }
    }

    /// Returns the URL that the error is about.
    pub fn url(&self) -> Option<&Url> {
        self.inner.url.as_ref()
    }

    /// Returns the URL that the error is about, to remove secrets from it.
    pub fn url_mut(&mut self) -> Option<&mut Url> {
        self.inner.url.as_mut()
    }

    /// Sets the URL that the error is about.
    #[must_use]
    pub fn with_url(mut self, url: Url) -> Self {
        self.inner.url = Some(url);
        self
    }

    /// Removes the URL.
    #[must_use]
    pub fn without_url(mut self) -> Self {
        self.inner.url = None;
        self
    }

    /// Tells whether a client, a request or a part of one could not be built.
    pub fn is_builder(&self) -> bool {
        matches!(self.inner.kind, Kind::Builder)
    }

    /// Tells whether the redirect policy ended the request.
    pub fn is_redirect(&self) -> bool {
        matches!(self.inner.kind, Kind::Redirect)
    }

    /// Tells whether the error is of [`error_for_status`](crate::Response::error_for_status).
    pub fn is_status(&self) -> bool {
        matches!(self.inner.kind, Kind::Status(..))
    }

    /// Tells whether the time was up, at whatever step.
    pub fn is_timeout(&self) -> bool {
        self.causes().any(|cause| {
            cause.is::<TimedOut>()
                || cause
                    .downcast_ref::<dimorph::Error>()
                    .is_some_and(dimorph::Error::is_timeout)
                || cause
                    .downcast_ref::<io::Error>()
                    .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        })
    }

    /// Tells whether sending the request or waiting for its response failed.
    pub fn is_request(&self) -> bool {
        matches!(self.inner.kind, Kind::Request)
    }

    /// Tells whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        self.causes().any(|cause| {
            cause.is::<ConnectFailed>()
                || cause.is::<TunnelFailed>()
                || cause
                    .downcast_ref::<dimorph::Error>()
                    .is_some_and(|error| error.is_connect() || error.is_proxy())
        })
    }

    /// Tells whether the host's name could not be looked up.
    pub fn is_dns(&self) -> bool {
        self.causes().any(|cause| {
            cause
                .downcast_ref::<dimorph::Error>()
                .is_some_and(|error| error.phase() == Some(dimorph::Phase::Resolve))
        })
    }

    /// Tells whether the server said that it did nothing for the request.
    pub(crate) fn is_unprocessed(&self) -> bool {
        self.causes().any(|cause| {
            cause
                .downcast_ref::<dimorph::Error>()
                .is_some_and(dimorph::Error::is_unprocessed)
        })
    }

    /// Tells whether the body of the request or the response failed.
    pub fn is_body(&self) -> bool {
        matches!(self.inner.kind, Kind::Body)
    }

    /// Tells whether the body of the response could not be read as what it should be.
    pub fn is_decode(&self) -> bool {
        matches!(self.inner.kind, Kind::Decode)
    }

    /// Tells whether the connection could not be taken over.
    pub fn is_upgrade(&self) -> bool {
        matches!(self.inner.kind, Kind::Upgrade)
    }

    /// Returns the status, for an error of [`error_for_status`](crate::Response::error_for_status).
    pub fn status(&self) -> Option<StatusCode> {
        match self.inner.kind {
            Kind::Status(status, _) => Some(status),
            _ => None,
        }
    }

    /// The errors beneath, from the first to the deepest.
    fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        std::iter::successors(self.source(), |error: &&(dyn StdError + 'static)| {
            (**error).source()
        })
    }

    #[cfg(any(feature = "blocking", test))]
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.kind {
            Kind::Builder => f.write_str("builder error")?,
            Kind::Request => f.write_str("error sending request")?,
            Kind::Body => f.write_str("request or response body error")?,
            Kind::Decode => f.write_str("error decoding response body")?,
            Kind::Redirect => f.write_str("error following redirect")?,
            Kind::Upgrade => f.write_str("error upgrading connection")?,
            Kind::Status(status, reason) => {
                let whose = if status.is_client_error() {
                    "client"
                } else {
                    "server"
                };
                write!(f, "HTTP status {whose} error (")?;
                match reason {
                    Some(reason) => write!(f, "{} {reason}", status.as_str())?,
                    None => write!(f, "{status}")?,
                }
                f.write_str(")")?;
            }
        }
        match &self.inner.url {
            Some(url) => write!(f, " for url ({url})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("reqwest::Error");
        fields.field("kind", &self.inner.kind);
        if let Some(url) = &self.inner.url {
            fields.field("url", &url.as_str());
        }
        if let Some(source) = &self.inner.source {
            fields.field("source", source);
        }
        fields.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// The server's reason phrase, printed with everything escaped that is not plain ASCII.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reason(pub(crate) String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\t' => f.write_str("\\t")?,
                b'\\' | b'"' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                0 => f.write_str("\\0")?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

pub(crate) fn builder<E: Into<BoxError>>(error: E) -> Error {
    Error::new(Kind::Builder, Some(error))
}

pub(crate) fn body<E: Into<BoxError>>(error: E) -> Error {
    Error::new(Kind::Body, Some(error))
}

pub(crate) fn decode<E: Into<BoxError>>(error: E) -> Error {
    Error::new(Kind::Decode, Some(error))
}

pub(crate) fn request<E: Into<BoxError>>(error: E) -> Error {
    Error::new(Kind::Request, Some(error))
}

pub(crate) fn redirect<E: Into<BoxError>>(error: E, url: Url) -> Error {
    Error::new(Kind::Redirect, Some(error)).with_url(url)
}

pub(crate) fn upgrade<E: Into<BoxError>>(error: E) -> Error {
    Error::new(Kind::Upgrade, Some(error))
}

pub(crate) fn status_code(url: Url, status: StatusCode, reason: Option<Reason>) -> Error {
    Error::new(Kind::Status(status, reason), None::<Error>).with_url(url)
}

pub(crate) fn url_bad_scheme(url: Url) -> Error {
    builder(BadScheme).with_url(url)
}

pub(crate) fn url_invalid_uri(url: Url) -> Error {
    builder("Parsed Url is not a valid Uri").with_url(url)
}

/// An error of a reader: our own comes back as it was, another one means that the body cannot be read.
#[cfg(any(feature = "blocking", test))]
pub(crate) fn decode_io(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(other) => decode(other),
    }
}

/// The time was up.
#[derive(Debug)]
pub(crate) struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation timed out")
    }
}

impl StdError for TimedOut {}

/// The URL names no host, or a scheme that is not allowed.
#[derive(Debug)]
pub(crate) struct BadScheme;

impl fmt::Display for BadScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("URL scheme is not allowed")
    }
}

impl StdError for BadScheme {}

/// The proxy refused a tunnel; the last of its chain, as reqwest has it.
#[derive(Debug)]
pub(crate) struct TunnelFailed(pub(crate) dimorph::Error);

impl fmt::Display for TunnelFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.status() {
            Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
                f.write_str("proxy authorization required")
            }
            _ => write!(f, "tunnel error: unsuccessful ({})", self.0),
        }
    }
}

impl StdError for TunnelFailed {}

/// The step that a client of hyper's names above the reason, where connecting or the exchange up to the response's head failed.
#[derive(Debug)]
pub(crate) struct StepFailed {
    pub(crate) step: &'static str,
    pub(crate) reason: BoxError,
}

impl fmt::Display for StepFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client error ({})", self.step)
    }
}

impl StdError for StepFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.reason)
    }
}

/// The request's version of HTTP is not spoken on the connection, as a client of hyper's says it.
#[derive(Debug)]
pub(crate) struct UnsupportedVersion;

impl fmt::Display for UnsupportedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("client error (UserUnsupportedVersion)")
    }
}

impl StdError for UnsupportedVersion {}

/// The server closed the connection before the head of its response was there; the last of its chain, as reqwest has it.
#[derive(Debug)]
#[allow(dead_code, reason = "the error within shows in Debug")]
pub(crate) struct Closed(pub(crate) dimorph::Error);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection closed before message completed")
    }
}

impl StdError for Closed {}

/// The error of sending, with the steps that reqwest's chain names.
pub(crate) fn sending(error: dimorph::Error) -> Error {
    use dimorph::{ErrorKind, Phase};
    let (step, reason): (_, BoxError) = match (error.kind(), error.phase()) {
        (ErrorKind::ConnectError, _) => ("Connect", error.into()),
        (ErrorKind::RemoteProtocolError, Some(Phase::ReceiveHead)) if is_closing(&error) => {
            ("SendRequest", Closed(error).into())
        }
        (
            ErrorKind::RemoteProtocolError | ErrorKind::ReadError | ErrorKind::WriteError,
            Some(Phase::Send | Phase::ReceiveHead),
        ) => ("SendRequest", error.into()),
        _ => return request(error),
    };
    request(StepFailed { step, reason })
}

/// Tells the end of the stream from a malformed head, by the words of dimorph's own error beneath.
fn is_closing(error: &dimorph::Error) -> bool {
    error.source().is_some_and(|source| {
        let text = source.to_string();
        text.starts_with("the peer disconnected")
            || text.starts_with("the peer closed the connection")
    })
}

/// A connector layer's own error, which stands for the connect step's.
#[derive(Debug)]
pub(crate) struct ConnectFailed(pub(crate) BoxError);

impl fmt::Display for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error trying to connect")
    }
}

impl StdError for ConnectFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        "http://example.org/a?b".parse().unwrap()
    }

    #[test]
    fn texts_name_the_step_and_the_url() {
        let reason = |text: &str| Some(Reason(text.to_owned()));
        let cases = [
            (builder("x"), "builder error"),
            (request("x"), "error sending request"),
            (body("x"), "request or response body error"),
            (decode("x"), "error decoding response body"),
            (upgrade("x"), "error upgrading connection"),
            (
                redirect("x", url()),
                "error following redirect for url (http://example.org/a?b)",
            ),
            (
                status_code(url(), StatusCode::NOT_FOUND, None),
                "HTTP status client error (404 Not Found) for url (http://example.org/a?b)",
            ),
            (
                status_code(url(), StatusCode::BAD_GATEWAY, reason("no\n\"way\u{e9}"))
                    .without_url(),
                "HTTP status server error (502 no\\n\\\"way\\xc3\\xa9)",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(
            format!("{:?}", request("x").with_url(url())),
            "reqwest::Error { kind: Request, url: \"http://example.org/a?b\", source: \"x\" }"
        );
    }

    #[test]
    fn predicates_look_down_the_chain() {
        assert!(decode(body(TimedOut)).is_timeout());
        assert!(request(io::Error::from(io::ErrorKind::TimedOut)).is_timeout());
        assert!(!request(io::Error::other("late")).is_timeout());
        let layered = request(dimorph::Error::other(ConnectFailed(Box::new(TimedOut))));
        assert!(layered.is_connect() && layered.is_timeout() && !layered.is_dns());
    }

    #[test]
    fn a_reader_gives_our_own_error_back() {
        assert!(decode_io(request("x").into_io()).is_request());
        assert!(decode_io(io::Error::other("x")).is_decode());
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
