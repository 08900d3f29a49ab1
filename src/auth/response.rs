//! A response as an auth flow sees it: one type for both clients.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use url::Url;

use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;
use crate::text;

/// A response that a flow is resumed with. Cheap to clone, one type for both clients.
///
/// Status and headers are always there; the body is if the scheme [requires it](super::Auth::requires_response_body).
///
/// ```
/// use dimorph::{Auth, AuthFlow, Method, Request};
///
/// /// Asks for a token first.
/// struct TokenAuth;
///
/// impl Auth for TokenAuth {
///     fn requires_response_body(&self) -> bool {
///         true
///     }
///
///     fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
///         AuthFlow::new(move |exchange| async move {
///             let ask = Request::new(Method::POST, "https://example.org/token")?;
///             let answer = exchange.send(ask).await?;
///             if answer.status() == 200 {
///                 let token = answer.text()?.parse().map_err(dimorph::Error::other)?;
///                 request.headers_mut().insert("x-token", token);
///             }
///             exchange.send(request).await?;
///             Ok(())
///         })
///     }
/// }
///
/// let mock = dimorph::transport::Mock::routes().post("/token", "t").get("*", "hello");
/// let client = dimorph::Client::builder().transport(mock).auth(TokenAuth).build()?;
/// let response = client.get("https://example.org/").send()?;
/// assert_eq!(response.request().headers()["x-token"], "t");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct Response(Arc<Inner>);

struct Inner {
    request: Request,
    status: StatusCode,
    headers: HeaderMap,
    content: Option<Bytes>,
}

impl Response {
    pub(crate) fn new(
        request: Request,
        status: StatusCode,
        headers: HeaderMap,
        content: Option<Bytes>,
    ) -> Self {
        Response(Arc::new(Inner {
            request,
            status,
            headers,
            content,
        }))
    }

    /// A response of no more than a status.
    #[cfg(test)]
    pub(crate) fn made(request: Request, status: StatusCode) -> Self {
        Response::new(request, status, HeaderMap::new(), None)
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Returns the URL that answered, after redirects.
    pub fn url(&self) -> &Url {
        self.0.request.url()
    }

    /// Returns the request that was answered, after redirects.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// Returns the body, decoded, where the scheme [requires it](super::Auth::requires_response_body).
    pub fn content(&self) -> Option<&Bytes> {
        self.0.content.as_ref()
    }

    /// Returns the body as text, by the charset of its `content-type`, else as UTF-8.
    ///
    /// # Errors
    /// `ResponseNotRead` where the scheme does not [require the body](super::Auth::requires_response_body).
    pub fn text(&self) -> Result<String> {
        let charset = text::charset_param(self.0.headers.get(CONTENT_TYPE));
        Ok(text::decode_all(charset.as_deref(), self.read()?))
    }

    /// Returns the body as JSON.
    ///
    /// # Errors
    /// `Json` where the body is not what `T` takes: the message has line, column and path, and repeats no value; `ResponseNotRead` where the scheme does not
    /// [require the body](super::Auth::requires_response_body).
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        let content_type = self.0.headers.get(CONTENT_TYPE);
        crate::json::read("the body", self.read()?, content_type)
            .map_err(|error| error.in_phase(Phase::Auth).with_url(self.url()))
    }

    fn read(&self) -> Result<&Bytes> {
        self.content().ok_or_else(|| {
            Error::new(
                ErrorKind::ResponseNotRead,
                "the body was not read: the Auth's requires_response_body says no",
            )
            .in_phase(Phase::Auth)
            .with_url(self.url())
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Response [{}]>", self.0.status)
    }
}
