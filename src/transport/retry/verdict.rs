//! Whether what came of a request is worth another attempt, and safe.

use std::error::Error as _;

use http::HeaderName;
use http::header::RETRY_AFTER;

use crate::error::{Error, ErrorKind, Result};
use crate::proto::h1::{H1Error, H1ErrorClass};
use crate::request::Request;
use crate::transport::Response;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The statuses of trouble that passes: too many requests, a gateway's upstream, an overloaded server.
pub(super) const STATUSES: [u16; 4] = [429, 502, 503, 504];

/// Tells whether to try again.
pub(super) fn is_retried(request: &Request, answer: &Result<Response>, statuses: &[u16]) -> bool {
    match answer {
        Ok(response) => {
            let status = response.status().as_u16();
            // What may have been done already is repeated only where the server refused to do it, and asks to be asked again.
            let asked = matches!(status, 429 | 503) && response.headers().contains_key(RETRY_AFTER);
            statuses.contains(&status) && (asked || is_repeatable(request))
        }
        Err(error) if error.is_unprocessed() || was_never_sent(error, statuses) => true,
        Err(error) => is_loss(error) && is_repeatable(request),
    }
}

/// RFC 9110 section 9.2.2: a request is repeated if its method is idempotent, or it is known to be so otherwise.
fn is_repeatable(request: &Request) -> bool {
    request.method().is_idempotent() || request.headers().contains_key(IDEMPOTENCY_KEY)
}

/// The origin saw nothing of the request.
fn was_never_sent(error: &Error, statuses: &[u16]) -> bool {
    let refused = || {
        error
            .status()
            .is_some_and(|status| statuses.contains(&status.as_u16()))
    };
    match error.kind() {
        ErrorKind::ConnectError | ErrorKind::ConnectTimeout => true,
        // A tunnel that the proxy could not open for the moment.
        ErrorKind::ProxyError => refused(),
        _ => false,
    }
}

/// The connection was lost, or nothing came over it.
fn is_loss(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ReadError
        | ErrorKind::WriteError
        | ErrorKind::ReadTimeout
        | ErrorKind::WriteTimeout => true,
        // A peer that closed in the middle; one that speaks no HTTP will not learn it.
        ErrorKind::RemoteProtocolError => {
            error
                .source()
                .is_none_or(|source| match source.downcast_ref::<H1Error>() {
                    Some(error) => matches!(
                        error.class(),
                        H1ErrorClass::Disconnected | H1ErrorClass::Truncated
                    ),
                    None => is_loss_of_stream(source),
                })
        }
        _ => false,
    }
}

/// Of HTTP/2: the connection went away, or the server gave the stream up.
#[cfg(feature = "http2")]
fn is_loss_of_stream(source: &(dyn std::error::Error + 'static)) -> bool {
    if source.is::<crate::proto::h2::Refusal>() {
        return false;
    }
    source
        .downcast_ref::<h2::Error>()
        .is_none_or(|error| error.is_io() || error.is_remote())
}

#[cfg(not(feature = "http2"))]
fn is_loss_of_stream(_source: &(dyn std::error::Error + 'static)) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Method, StatusCode};

    fn request(method: &Method) -> Request {
        Request::new(method.clone(), "http://h.test/").unwrap()
    }

    fn status(status: u16, retry_after: bool) -> Result<Response> {
        let mut response = Response::new(StatusCode::from_u16(status).unwrap());
        if retry_after {
            let value = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        Ok(response)
    }

    fn error(kind: ErrorKind) -> Result<Response> {
        Err(Error::new(kind, "a test"))
    }

    #[test]
    fn what_may_have_been_done_is_repeated_only_if_that_is_safe() {
        use ErrorKind::*;
        let (get, post) = (Method::GET, Method::POST);
        let remote =
            |inner: H1Error| Err(Error::new(RemoteProtocolError, "a test").with_source(inner));
        let tunnel = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            Err(Error::new(ProxyError, "a test").with_status(status))
        };
        let cases = [
            (&get, status(200, false), false),
            (&get, status(200, true), false),
            (&get, status(301, true), false),
            (&get, status(404, false), false),
            (&get, status(408, false), false),
            (&get, status(500, true), false),
            (&get, status(429, false), true),
            (&get, status(502, false), true),
            (&get, status(503, false), true),
            (&get, status(504, false), true),
            (&post, status(429, false), false),
            (&post, status(502, true), false),
            (&post, status(503, false), false),
            (&post, status(504, true), false),
            (&post, status(429, true), true),
            (&post, status(503, true), true),
            (&post, error(ConnectError), true),
            (&post, error(ConnectTimeout), true),
            (&get, error(ReadError), true),
            (&get, error(WriteError), true),
            (&get, error(ReadTimeout), true),
            (&get, error(WriteTimeout), true),
            (&get, error(RemoteProtocolError), true),
            (&get, remote(H1Error::Disconnected), true),
            (&get, remote(H1Error::TlsRecord), false),
            (&post, error(ReadError), false),
            (&post, error(WriteError), false),
            (&post, error(ReadTimeout), false),
            (&post, remote(H1Error::Disconnected), false),
            (&get, error(TotalTimeout), false),
            (&get, error(PoolTimeout), false),
            (&get, error(ClientClosed), false),
            (&get, error(LocalProtocolError), false),
            (&get, error(LimitExceeded), false),
            (&get, error(DecodingError), false),
            (&get, error(App), false),
            (&get, error(ProxyError), false),
            (&post, tunnel(502), true),
            (&post, tunnel(407), false),
        ];
        for (method, answer, expected) in cases {
            let found = is_retried(&request(method), &answer, &STATUSES);
            assert_eq!(found, expected, "{method} {answer:?}");
        }
    }

    #[test]
    fn idempotent_methods_and_keys_are_told() {
        for (method, expected) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("TRACE", true),
            ("PUT", true),
            ("DELETE", true),
            ("POST", false),
            ("PATCH", false),
            ("CONNECT", false),
            ("get", false),
            ("BREW", false),
        ] {
            let mut request = request(&method.parse().unwrap());
            assert_eq!(is_repeatable(&request), expected, "{method}");
            let key = HeaderValue::from_static("8e03978e");
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
            assert!(is_repeatable(&request), "{method} with a key");
        }
    }
}
