//! A response that another one followed, kept for `history()`.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use crate::request::Request;

/// A response on the way to the one that was returned: a redirect, or a step of an authentication. Cheap to clone, one type for both clients.
///
/// ```
/// use dimorph::transport::Mock;
///
/// let mock = Mock::routes()
///     .get("/old", (302, [("location", "/new")], "moved"))
///     .get("/new", "hello");
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let response = client.get("https://example.org/old").send()?;
/// let entry = &response.history()[0];
/// assert_eq!(entry.status(), 302);
/// assert_eq!(entry.url().path(), "/old");
/// assert_eq!(entry.content(), "moved");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct HistoryEntry(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) request: Request,
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) reason: Box<str>,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Bytes,
    pub(crate) history: Vec<HistoryEntry>,
}

impl HistoryEntry {
    pub(crate) fn new(inner: Inner) -> Self {
        HistoryEntry(Arc::new(inner))
    }

    /// Returns the request that it answers.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the HTTP version.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// Returns the reason phrase.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Returns the URL that was asked.
    pub fn url(&self) -> &Url {
        self.0.request.url()
    }

    /// Returns the cookies that this response set.
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> crate::Cookies {
        crate::Cookies::of_response(self.url(), self.headers())
    }

    /// Returns the responses that led here, the first one first.
    pub fn history(&self) -> &[HistoryEntry] {
        &self.0.history
    }

    /// Returns the body as it was sent, not decoded; of a body over 64 KiB, nothing. What an auth flow had to read
    /// (see [`requires_response_body`](crate::Auth::requires_response_body)) is here whole, and decoded.
    pub fn content(&self) -> &Bytes {
        &self.0.content
    }
}

impl fmt::Debug for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<Response [{} {}]>",
            self.status().as_u16(),
            self.reason()
        )
    }
}
