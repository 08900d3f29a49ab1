//! What a call sends next, for both forms: the pure half of the loop that their clients drive.
//!
//! ```text
//! Call::begin ── hop ──► (the driver sends it) ──┬─► received ──► Deliver: the response is the caller's
//!                 ▲                              └─► failed   ──► the error is the caller's
//!                 └────────────── Again ◄────────────── (a retry, or a redirect)
//! ```

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
    LOCATION, REFERER, TRANSFER_ENCODING,
};
use http::{Method, StatusCode, Version};
use url::Url;

use crate::config::{Accepts, HttpVersion};
use crate::error::{self, Error, Result};
use crate::proxy::{self, Intercepted, Matcher};
use crate::redirect::{self, ActionKind};
use crate::request_head::RequestHead;
use crate::route::Route;
use crate::{Body, retry};

/// What a client decides by.
pub(crate) struct Rules {
    pub(crate) headers: HeaderMap,
    pub(crate) accepts: Accepts,
    #[cfg(feature = "cookies")]
    pub(crate) cookie_store: Option<Arc<dyn crate::cookie::CookieStore>>,
    pub(crate) redirect: redirect::Policy,
    pub(crate) referer: bool,
    pub(crate) https_only: bool,
    pub(crate) http_version: HttpVersion,
    pub(crate) retry: retry::Policy,
    pub(crate) proxies: Vec<Matcher>,
}

/// The body of a call, as far as it is known here.
#[derive(Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    /// The driver holds it, and it can be sent once.
    Stream,
    /// It was sent, and cannot be again.
    Gone,
}

/// A call in progress.
pub(crate) struct Call {
    rules: Arc<Rules>,
    head: RequestHead,
    content: Content,
    /// The URLs that were left by redirects.
    previous: Vec<Url>,
    asked: Url,
    /// How often the current request was retried.
    retried: u32,
}

/// One request to send.
pub(crate) struct Hop {
    /// Its body is in place unless `takes_stream`.
    pub(crate) request: dimorph::Request,
    /// The body is the driver's stream.
    pub(crate) takes_stream: bool,
    pub(crate) route: Route,
}

/// What a response means.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    Deliver,
    Again,
}

impl Call {
    /// Checks a request, and completes it with the client's headers.
    pub(crate) fn begin(
        rules: &Arc<Rules>,
        mut head: RequestHead,
        content: Content,
    ) -> Result<Self> {
        let allowed = match head.url.scheme() {
            "https" => true,
            "http" => !rules.https_only,
            _ => false,
        };
        if !allowed {
            return Err(error::url_bad_scheme(head.url));
        }
        if head.url.as_str().parse::<http::Uri>().is_err() {
            return Err(error::url_invalid_uri(head.url));
        }
        head.default_headers(&rules.headers);
        if !head.headers.contains_key(ACCEPT_ENCODING)
            && let Some(value) = rules.accepts.header()
        {
            head.headers.insert(ACCEPT_ENCODING, value);
        }
        let asked = head.url.clone();
        head.url.set_fragment(None);
        Ok(Call {
            rules: rules.clone(),
            head,
            content,
            previous: Vec::new(),
            asked,
            retried: 0,
        })
    }

    /// The URL of the current request.
    pub(crate) fn url(&self) -> &Url {
        &self.head.url
    }

    /// Makes the next request.
    pub(crate) fn hop(&mut self) -> Result<Hop> {
        let url = &self.head.url;
        self.check_version()?;
        let proxy = proxy::choose(&self.rules.proxies, url);
        let mut headers = self.head.headers.clone();
        if let Some(previous) = self.previous.last()
            && self.rules.referer
            && let Some(value) = redirect::referer(url, previous)
        {
            headers.insert(REFERER, value);
        }
        #[cfg(feature = "cookies")]
        if let Some(store) = &self.rules.cookie_store
            && !headers.contains_key(http::header::COOKIE)
            && let Some(value) = store.cookies(url)
        {
            headers.insert(http::header::COOKIE, value);
        }
        for (name, value) in proxy
            .iter()
            .filter_map(Intercepted::forward_headers)
            .flatten()
        {
            headers.insert(name, value.clone());
        }
        let route = Route::new(proxy, url);
        let mut request = self.request(headers).map_err(|error| self.wrap(error))?;
        let takes_stream = matches!(self.content, Content::Stream);
        match &self.content {
            Content::Bytes(bytes) if bytes.is_empty() => {
                // An empty body is not announced, whatever the method.
                if !self.head.headers.contains_key(CONTENT_LENGTH) {
                    request.without_header(CONTENT_LENGTH);
                }
            }
            Content::Bytes(bytes) => *request.body_mut() = bytes.clone().into(),
            Content::Stream | Content::Gone => self.content = Content::Gone,
        }
        Ok(Hop {
            request,
            takes_stream,
            route,
        })
    }

    fn request(&self, headers: HeaderMap) -> dimorph::Result<dimorph::Request> {
        let mut url = self.head.url.clone();
        // These fail for URLs without a host, which are refused before. Userinfo in a redirect is not sent.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let mut request = dimorph::Request::new(self.head.method.clone(), url.as_str())?;
        *request.headers_mut() = headers;
        *request.version_mut() = match (self.head.version, self.rules.http_version) {
            // There is one version for all requests then.
            (Version::HTTP_10, HttpVersion::Http2) => Version::HTTP_11,
            (version, _) => version,
        };
        Ok(request)
    }

    /// Looks whether the version that the request asks for can be spoken with its server.
    fn check_version(&self) -> Result<()> {
        let spoken = match self.head.version {
            Version::HTTP_10 | Version::HTTP_11 => true,
            Version::HTTP_2 => match self.rules.http_version {
                // Without TLS a server is not asked what it speaks.
                HttpVersion::All => cfg!(feature = "http2") && self.head.url.scheme() == "https",
                HttpVersion::Http1 => false,
                HttpVersion::Http2 => true,
            },
            _ => false,
        };
        match spoken {
            true => Ok(()),
            false => Err(error::request(error::UnsupportedVersion).with_url(self.asked.clone())),
        }
    }

    /// Judges a response.
    pub(crate) fn received(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<Next> {
        if self.is_retried(Ok(status)) {
            return Ok(Next::Again);
        }
        #[cfg(feature = "cookies")]
        if let Some(store) = &self.rules.cookie_store {
            crate::cookie::store(&**store, headers, &self.head.url);
        }
        self.redirected(status, headers)
    }

    /// Judges an error: `Ok` sends the request once more.
    pub(crate) fn failed(&mut self, error: dimorph::Error) -> Result<()> {
        let error = self.wrap(error);
        match self.is_retried(Err(&error)) {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// The error of sending, with the URL that the caller asked for.
    pub(crate) fn wrap(&self, error: dimorph::Error) -> Error {
        use std::error::Error as _;
        // The URL is ours to tell, and to remove.
        let error = error.without_url();
        let wrapped = match error.kind() {
            dimorph::ErrorKind::InvalidUrl | dimorph::ErrorKind::UnsupportedProtocol => {
                error::builder(error)
            }
            dimorph::ErrorKind::ProxyError if error.source().is_none() => {
                error::request(error::TunnelFailed(error))
            }
            _ => error::sending(error),
        };
        wrapped.with_url(self.asked.clone())
    }

    /// The error of a way to a connection that cannot be gone, such as a proxy that is not spoken to.
    pub(crate) fn unreachable(&self, error: dimorph::Error) -> Error {
        let refused = error::ConnectFailed(error.without_url().into());
        error::request(refused).with_url(self.asked.clone())
    }

    /// The time is up.
    pub(crate) fn timed_out(asked: &Url) -> Error {
        error::request(error::TimedOut).with_url(asked.clone())
    }

    fn is_retried(&mut self, answer: std::result::Result<StatusCode, &Error>) -> bool {
        let Content::Bytes(bytes) = &self.content else {
            return false;
        };
        let policy = &self.rules.retry;
        let again = if policy.has_judge() {
            let request = self.head.clone().into_http(Body::from(bytes.clone()));
            request.is_ok_and(|request| policy.retries(&request, answer, self.retried))
        } else {
            policy.retries_refused(answer, self.retried)
        };
        self.retried += u32::from(again);
        again
    }

    /// Turns the request into the one that a redirect asks for, where it is followed (RFC 9110 section 15.4).
    fn redirected(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<Next> {
        let method = &self.head.method;
        let becomes_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
            StatusCode::SEE_OTHER => true,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return Ok(Next::Deliver),
        };
        if !becomes_get && matches!(self.content, Content::Gone) {
            return Ok(Next::Deliver);
        }
        let Some(next) = headers
            .get(LOCATION)
            .and_then(|to| locate(&self.head.url, to))
        else {
            return Ok(Next::Deliver);
        };
        self.previous.push(self.head.url.clone());
        match self.rules.redirect.check(status, &next, &self.previous) {
            ActionKind::Follow => {}
            ActionKind::Stop => {
                self.previous.pop();
                return Ok(Next::Deliver);
            }
            ActionKind::Error(error) => {
                return Err(error::redirect(error, self.head.url.clone()));
            }
        }
        if next.scheme() != "http" && next.scheme() != "https" {
            return Err(error::url_bad_scheme(next));
        }
        if self.rules.https_only && next.scheme() != "https" {
            return Err(error::redirect(error::url_bad_scheme(next.clone()), next));
        }
        if becomes_get {
            if self.head.method != Method::HEAD {
                self.head.method = Method::GET;
            }
            self.content = Content::Bytes(Bytes::new());
            for name in [
                CONTENT_TYPE,
                CONTENT_LENGTH,
                CONTENT_ENCODING,
                TRANSFER_ENCODING,
            ] {
                self.head.headers.remove(name);
            }
        }
        redirect::remove_sensitive_headers(&mut self.head.headers, &next, &self.head.url);
        self.head.url = next;
        self.retried = 0;
        Ok(Next::Again)
    }
}

/// Where a `location` leads; `None` where that is no URL, so that the redirect is the caller's to read.
fn locate(base: &Url, location: &HeaderValue) -> Option<Url> {
    let text = std::str::from_utf8(location.as_bytes()).ok()?;
    let mut next = base.join(text).ok()?;
    next.as_str().parse::<http::Uri>().ok()?;
    next.set_fragment(None);
    Some(next)
}

#[cfg(test)]
#[path = "hops_tests.rs"]
mod tests;
