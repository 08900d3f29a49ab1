//! What both forms' responses share; the URL of a response that is made by hand.

use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use url::Url;

/// The URL among the extensions of a response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResponseUrl(pub(crate) Url);

/// Adds a URL to `http::response::Builder`.
pub trait ResponseBuilderExt {
    /// Sets the URL that a [`Response`](crate::Response) made of the `http::Response` will name.
    #[must_use]
    fn url(self, url: Url) -> Self;
}

impl ResponseBuilderExt for http::response::Builder {
    fn url(self, url: Url) -> Self {
        self.extension(ResponseUrl(url))
    }
}

/// Tells whether a response is given without its content coding. The empty body of a HEAD's answer is, though there is nothing to
/// decode.
pub(crate) fn is_decoded(body: bool, headers: &HeaderMap, codings: &[&str]) -> bool {
    let of_client = |coding: &HeaderValue| codings.iter().any(|name| *coding == **name);
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    body || named.next().is_some_and(of_client) && named.next().is_none()
}
