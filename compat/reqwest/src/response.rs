//! The URL of a response that is made by hand.

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
