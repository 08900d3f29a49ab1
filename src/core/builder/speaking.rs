//! Options of a client: what is spoken over a connection, and how much of it is heard.

use super::ClientBuilder;
use crate::client_config::HAS_HTTP2;
use crate::decode::Codings;
use crate::error::Error;

impl ClientBuilder {
    /// Asks for and takes off these content codings alone, of `gzip`, `deflate`, `br` and `zstd`; none: bodies stay as they come.
    /// Default: all that are compiled in.
    ///
    /// A name that is not compiled in makes [`build`](ClientBuilder::build) fail.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().content_codings(["gzip"]).build()?;
let request = client.get("https://example.org/").build()?;
assert_eq!(request.headers()["accept-encoding"], "gzip");

let none: [&str; 0] = [];
let client = Client::builder().content_codings(none).build()?;"#
    )]
    pub fn content_codings<I, N>(mut self, names: I) -> Self
    where
        I: IntoIterator<Item = N>,
        N: AsRef<str>,
    {
        let names: Vec<N> = names.into_iter().collect();
        match Codings::of(names.iter().map(AsRef::as_ref)) {
            Ok(codings) => self.config.codings = Some(codings),
            Err(name) => self.fail(Error::builder(format!(
                "content_codings: `{}` is no coding that is compiled in",
                name.escape_debug()
            ))),
        }
        self
    }

    /// Refuses a body that goes on behind the end of its gzip, deflate or br stream with a `DecodingError`, as soon as that is
    /// seen, or ignores what follows. Default: it is ignored, as in browsers.
    pub fn refuse_trailing_data(mut self, refuse: bool) -> Self {
        self.config.refuses_trailing_data = refuse;
        self
    }

    /// Speaks HTTP/1.1 or not (HTTPX's `http1=`). Default: it does.
    ///
    /// Without it, servers of `https` URLs must choose HTTP/2 in the handshake (ALPN), else a `ConnectError` tells; those of
    /// `http` URLs are spoken to in HTTP/2 unasked, as in HTTPX. A request that needs HTTP/1.1 is a `LocalProtocolError`: CONNECT,
    /// an upgrade, version 1.0. Proxies are spoken to in HTTP/1.1 all the same, also where they forward requests.
    ///
    /// `http1(false)` with `http2(false)`, or without the feature `http2`, is an error of [`build`](ClientBuilder::build).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
// HTTP/2 or nothing.
let client = Client::builder().http1(false).build()?;
assert!(Client::builder().http1(false).http2(false).build().is_err());"#
    )]
    pub fn http1(mut self, on: bool) -> Self {
        self.config.http1 = on;
        self
    }

    /// Speaks HTTP/2 or not with servers that choose it in the TLS handshake (ALPN, RFC 9113 section 3.2; HTTPX's `http2=`).
    /// Default: it does where the feature `http2` is on, unlike HTTPX. `http` URLs are fetched in HTTP/1.1.
    ///
    /// `true` without the feature is an error of [`build`](ClientBuilder::build).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().http2(false).build()?;"#
    )]
    pub fn http2(mut self, on: bool) -> Self {
        if on && !HAS_HTTP2 {
            self.fail(Error::builder(
                "http2(true): dimorph was built without HTTP/2; switch on its feature `http2`",
            ));
        }
        self.config.http2 = on;
        self
    }

    /// Writes header names of HTTP/1.1 in Title-Case, or in lower case. Default: Title-Case, as HTTPX.
    pub fn http1_title_case_headers(mut self, on: bool) -> Self {
        self.config.lower_names = !on;
        self
    }

    /// Limits the head of a response over HTTP/1.1, in bytes; `LimitExceeded` beyond it. Default: 256 KiB.
    /// Over HTTP/2 its own setting, `http2_max_header_list_size`, applies.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .max_head_bytes(16 * 1024)
    .max_fields(64)
    .max_decoded_size(100 * 1024 * 1024)
    .build()?;"#
    )]
    pub fn max_head_bytes(mut self, most: usize) -> Self {
        self.config.h1.head_bytes = most;
        self
    }

    /// Limits how many header fields a response has over HTTP/1.1, and how many trailers; `LimitExceeded` beyond it. Default: 256.
    pub fn max_fields(mut self, most: usize) -> Self {
        self.config.h1.fields = most;
        self
    }

    /// Limits the trailers of a chunked body, in bytes; `LimitExceeded` beyond it. Default: 16 KiB.
    pub fn max_trailer_bytes(mut self, most: usize) -> Self {
        self.config.h1.trailer_bytes = most;
        self
    }

    /// Limits the chunk extensions of a whole body, in bytes; `LimitExceeded` beyond it. Default: 16 KiB.
    pub fn max_chunk_extension_bytes(mut self, most: usize) -> Self {
        self.config.h1.chunk_extension_bytes = most;
        self
    }

    /// Limits how many informational (1xx) responses come before a final one; `LimitExceeded` beyond it. Default: 64.
    pub fn max_informational(mut self, most: usize) -> Self {
        self.config.h1.informational = most;
        self
    }

    /// Limits the decoded size of a body with a `content-encoding`, in bytes; `LimitExceeded` beyond it, while the body is read. Default: none.
    ///
    /// Memory is bounded all the same where a body is read piece by piece: each piece is decoded as it comes.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().max_decoded_size(100 * 1024 * 1024).build()?;"#
    )]
    pub fn max_decoded_size(mut self, most: impl Into<Option<u64>>) -> Self {
        self.config.max_decoded_size = most.into();
        self
    }
}
