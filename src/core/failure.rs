//! A request without a response: why, and whether it may be sent once more.

use super::upload::Upload;
use crate::error::Error;

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
