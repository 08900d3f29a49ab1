//! What a mock has seen.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use url::Url;

use super::path::PathParams;
use super::table::Entry;
use crate::body::Body;
use crate::headers::Redacted;
use crate::request::{RedactedUrl, Request};

/// How many calls are kept where nothing else is said.
pub(super) const KEPT: usize = 1000;
/// How many bytes of bodies are kept in all, but for the last one.
const BYTES_KEPT: usize = 64 * 1024 * 1024;
/// The longest file or form that is read to be looked at.
const SNAPSHOT: u64 = 8 * 1024 * 1024;

/// A request that a [`Mock`](super::Mock) has received.
///
/// ```
/// use dimorph::transport::Mock;
///
/// let mock = Mock::routes().post("/users/{id}", 204);
/// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
/// client.post("http://example.org/users/7?notify=1").body("Ada").send()?;
///
/// let call = mock.last_call().unwrap();
/// assert_eq!((call.method().as_str(), call.url().path()), ("POST", "/users/7"));
/// assert_eq!(call.query("notify").as_deref(), Some("1"));
/// assert_eq!(call.text().as_deref(), Some("Ada"));
/// assert_eq!(call.params().parse::<u32>("id"), Some(7));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct MockCall {
    inner: Arc<Inner>,
}

struct Inner {
    method: Method,
    url: Url,
    version: Version,
    headers: HeaderMap,
    body: Option<Bytes>,
    params: PathParams,
    route: Option<Arc<Entry>>,
}

impl MockCall {
    pub(super) fn new(
        request: &Request,
        body: Option<Bytes>,
        params: PathParams,
        route: Option<Arc<Entry>>,
    ) -> Self {
        MockCall {
            inner: Arc::new(Inner {
                method: request.method().clone(),
                url: request.url().clone(),
                version: request.version(),
                headers: request.headers().clone(),
                body,
                params,
                route,
            }),
        }
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// Returns the URL.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// Returns the first value of a parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.inner.url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// Returns the HTTP version that was asked for.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// Returns the headers. Those that the connection adds, such as `host`, are not among them.
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// Returns the body: of bytes, or of files and multipart forms up to 8 MiB. A reader or stream is not used up to be seen, so there is none.
    pub fn content(&self) -> Option<&Bytes> {
        self.inner.body.as_ref()
    }

    /// Returns the body as text; what is not UTF-8 is replaced by U+FFFD. `None` as for [`content`](MockCall::content).
    pub fn text(&self) -> Option<String> {
        let body = self.inner.body.as_ref()?;
        Some(String::from_utf8_lossy(body).into_owned())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `Json` where the body is not what `T` takes; `RequestNotRead` where it was a reader or stream.
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> crate::error::Result<T> {
        use crate::error::{Error, ErrorKind};
        let Some(body) = &self.inner.body else {
            return Err(Error::new(
                ErrorKind::RequestNotRead,
                "the body of the call is a reader or stream, or too large to look at",
            ));
        };
        crate::json::read("the body of the call", body, None)
    }

    /// Returns the parameters of the route's path.
    pub fn params(&self) -> &PathParams {
        &self.inner.params
    }

    /// Returns the route that answered, by its name or what it says of method and path; `None`: none did.
    pub fn route(&self) -> Option<&str> {
        self.inner.route.as_ref().map(|entry| entry.label())
    }

    pub(super) fn went_to(&self, entry: &Arc<Entry>) -> bool {
        let route = self.inner.route.as_ref();
        route.is_some_and(|own| Arc::ptr_eq(own, entry))
    }

    fn size(&self) -> usize {
        self.inner.body.as_ref().map_or(0, Bytes::len)
    }
}

/// Shows no credentials.
impl fmt::Debug for MockCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockCall")
            .field("method", self.method())
            .field("url", &RedactedUrl(self.url()))
            .field("headers", &Redacted(self.headers()))
            .field("body", &self.inner.body.as_ref().map(Bytes::len))
            .field("route", &self.route())
            .finish()
    }
}

/// The last calls, and the count of all.
pub(super) struct Log {
    calls: VecDeque<MockCall>,
    bytes: usize,
    pub(super) most: usize,
    pub(super) count: usize,
    /// Requests that no route and no fallback took: the first of them, and how many.
    pub(super) unmatched: (Option<String>, usize),
}

impl Log {
    pub(super) fn new() -> Self {
        Log {
            calls: VecDeque::new(),
            bytes: 0,
            most: KEPT,
            count: 0,
            unmatched: (None, 0),
        }
    }

    pub(super) fn note(&mut self, call: MockCall) {
        self.count += 1;
        self.bytes += call.size();
        self.calls.push_back(call);
        self.trim();
    }

    pub(super) fn trim(&mut self) {
        while self.calls.len() > self.most || (self.bytes > BYTES_KEPT && self.calls.len() > 1) {
            match self.calls.pop_front() {
                Some(oldest) => self.bytes -= oldest.size(),
                None => break,
            }
        }
    }

    pub(super) fn calls(&self) -> impl DoubleEndedIterator<Item = &MockCall> {
        self.calls.iter()
    }

    pub(super) fn forget(&mut self) {
        *self = Log {
            most: self.most,
            ..Log::new()
        };
    }
}

/// What a body holds, without using it up.
pub(super) fn snapshot(body: &Body) -> Option<Bytes> {
    if let Some(bytes) = body.in_memory() {
        return Some(bytes);
    }
    if body.content_length().is_none_or(|length| length > SNAPSHOT) {
        return None;
    }
    let mut copy = body.try_clone().ok()?;
    let mut whole = Vec::new();
    loop {
        let mut cx = Context::from_waker(Waker::noop());
        match http_body::Body::poll_frame(Pin::new(&mut copy), &mut cx) {
            Poll::Ready(Some(Ok(frame))) => whole.extend_from_slice(frame.data_ref()?),
            Poll::Ready(None) => return Some(whole.into()),
            // It cannot be read now: the transport would find that out.
            Poll::Ready(Some(Err(_))) | Poll::Pending => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(body: usize) -> MockCall {
        let request = Request::new(Method::GET, "http://tom:mot123@h.test/?q=a%20b").unwrap();
        let body = Bytes::from(vec![0; body]);
        MockCall::new(&request, Some(body), PathParams::default(), None)
    }

    #[test]
    fn a_log_keeps_the_last_calls_and_counts_all() {
        let mut log = Log::new();
        for _ in 0..KEPT + 5 {
            log.note(call(1));
        }
        assert_eq!((log.calls().count(), log.count), (KEPT, KEPT + 5));
        log.most = 2;
        log.trim();
        assert_eq!((log.calls().count(), log.bytes), (2, 2));
        log.note(call(BYTES_KEPT));
        log.note(call(BYTES_KEPT + 1));
        assert_eq!(
            log.calls().count(),
            1,
            "the last one is kept whatever its size"
        );
        log.forget();
        assert_eq!((log.calls().count(), log.count, log.most), (0, 0, 2));
        log.most = 0;
        log.note(call(1));
        assert_eq!((log.calls().count(), log.count, log.bytes), (0, 1, 0));
    }

    #[test]
    fn what_can_be_sent_again_can_be_seen() {
        let directory = std::env::temp_dir().join(format!("mock-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("upload.txt");
        std::fs::write(&path, "from a file").unwrap();
        let file = Body::from(std::fs::File::open(&path).unwrap());
        assert_eq!(snapshot(&file).unwrap(), "from a file");
        assert_eq!(snapshot(&file).unwrap(), "from a file");
        assert_eq!(snapshot(&Body::empty()).unwrap(), "");
        assert_eq!(snapshot(&Body::from("text")).unwrap(), "text");
        assert!(snapshot(&Body::from_reader(&b"once"[..])).is_none());
        assert!(snapshot(&Body::sized(&b"once"[..], 4)).is_none());
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn calls_show_no_secret() {
        let call = call(3);
        assert_eq!(call.query("q").as_deref(), Some("a b"));
        let text = format!("{call:?}");
        assert!(!text.contains("mot123"), "{text}");
    }
}
