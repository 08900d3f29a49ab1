//! A request without a response: why, and whether it may be sent once more.

use super::pool::Lease;
use super::upload::Upload;
use crate::error::{Error, ErrorKind};
use crate::request::Request;

/// Why there is no response, and what may be done about it.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) again: Again,
    /// The request's body, where nothing was taken out of it: it need not be one that can be sent twice.
    pub(crate) upload: Option<Upload>,
}

/// Whether a request that failed may be sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "http2"),
    allow(dead_code, reason = "HTTP/2 says the others")
)]
pub(crate) enum Again {
    No,
    /// The server did not process it (RFC 9113 section 8.7): whatever its method.
    Refused,
    /// The connection went away before the server came to it (RFC 9113 section 6.8): whatever its method.
    Passed,
    /// It was not sent.
    Unsent,
    /// The connection ended before there was a response: an idempotent one.
    IfIdempotent,
    /// The server wants it over HTTP/1.1.
    Http11,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure {
            error,
            again: Again::No,
            upload: None,
        }
    }
}

#[cfg(feature = "http2")]
impl Failure {
    /// Nothing of the request was sent.
    pub(crate) fn unsent(error: Error, upload: Option<Upload>) -> Self {
        Failure {
            error: error.unprocessed(),
            again: Again::Unsent,
            upload,
        }
    }
}

/// How often a request is sent anew that no server has come to.
const MOST_RETRIES: usize = 10;

/// Tells whether a request that failed on a stream may be sent once more (RFC 9113 section 8.7).
pub(crate) fn may_repeat(
    failure: &Failure,
    request: &Request,
    unprocessed: bool,
    retries: usize,
) -> bool {
    (failure.upload.is_some() || request.body().is_replayable())
        && match failure.again {
            Again::No => false,
            Again::Unsent => retries < MOST_RETRIES,
            Again::Passed => unprocessed && retries < MOST_RETRIES,
            Again::Refused => unprocessed && retries == 0,
            Again::Http11 => retries == 0,
            Again::IfIdempotent => retries == 0 && request.method().is_idempotent(),
        }
}

/// Tells whether a request that failed on a reused connection may be sent once more on a fresh one: nothing of a response was
/// seen, its body can be sent again, and it is idempotent or nothing of it was sent (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
pub(crate) fn may_reconnect(lease: &mut Lease, request: &Request, error: &Error) -> bool {
    let Some(connection) = lease.connection() else {
        return false;
    };
    let closed = matches!(
        error.kind(),
        ErrorKind::RemoteProtocolError | ErrorKind::ReadError | ErrorKind::WriteError
    );
    let unseen = !connection.exchange.received_any() && connection.received.is_empty();
    closed
        && unseen
        && request.body().is_replayable()
        && (request.method().is_idempotent() || !connection.stream.has_sent())
}
