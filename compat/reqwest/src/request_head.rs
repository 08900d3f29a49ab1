//! All of a request but its body: what both forms of a request share.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Method, Version};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{self, Result};

/// Method, URL, headers, version and timeout.
#[derive(Clone)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) version: Version,
    pub(crate) extensions: Extensions,
}

/// The request's own timeout; among the extensions, so that it survives the way through `http::Request`.
#[derive(Clone, Copy, Default)]
struct RequestTimeout(Option<Duration>);

impl RequestHead {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        RequestHead {
            method,
            url,
            headers: HeaderMap::new(),
            version: Version::default(),
            extensions: Extensions::new(),
        }
    }

    pub(crate) fn timeout(&self) -> Option<&Duration> {
        self.extensions.get::<RequestTimeout>()?.0.as_ref()
    }

    pub(crate) fn timeout_mut(&mut self) -> &mut Option<Duration> {
        &mut self.extensions.get_or_insert_default::<RequestTimeout>().0
    }

    /// Adds a header beside others of its name.
    pub(crate) fn append<K, V>(&mut self, name: K, value: V, sensitive: bool) -> Result<()>
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        let name = HeaderName::try_from(name).map_err(|error| error::builder(error.into()))?;
        let mut value =
            HeaderValue::try_from(value).map_err(|error| error::builder(error.into()))?;
        if sensitive {
            value.set_sensitive(true);
        }
        self.headers.append(name, value);
        Ok(())
    }

    /// Sets headers, each replacing all of its name.
    pub(crate) fn replace_headers(&mut self, headers: HeaderMap) {
        let mut last = None;
        for (name, value) in headers {
            // A name comes with its first value only.
            match name {
                Some(name) => {
                    self.headers.insert(&name, value);
                    last = Some(name);
                }
                None => {
                    if let Some(name) = &last {
                        self.headers.append(name, value);
                    }
                }
            }
        }
    }

    pub(crate) fn basic_auth(
        &mut self,
        user: impl fmt::Display,
        password: Option<impl fmt::Display>,
    ) -> Result<()> {
        let value = basic(user, password);
        self.append(AUTHORIZATION, value, true)
    }

    pub(crate) fn bearer_auth(&mut self, token: impl fmt::Display) -> Result<()> {
        self.append(AUTHORIZATION, format!("Bearer {token}"), true)
    }

    /// Turns the URL's userinfo into an `authorization` header.
    pub(crate) fn take_userinfo(&mut self) -> Result<()> {
        match take_userinfo(&mut self.url) {
            Some((user, password)) => self.basic_auth(user, password),
            None => Ok(()),
        }
    }

    /// Sets a header where there is none of its name.
    #[cfg(any(feature = "json", feature = "form"))]
    fn set_default(&mut self, name: HeaderName, value: &'static str) {
        self.headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }

    /// Appends pairs to the query.
    #[cfg(feature = "query")]
    pub(crate) fn query<T: serde::Serialize + ?Sized>(&mut self, query: &T) -> Result<()> {
        let mut pairs = self.url.query_pairs_mut();
        let done = query
            .serialize(serde_urlencoded::Serializer::new(&mut pairs))
            .map(|_| ());
        drop(pairs);
        if self.url.query() == Some("") {
            self.url.set_query(None);
        }
        done.map_err(error::builder)
    }

    /// Gives the body of a form, and the header for it.
    #[cfg(feature = "form")]
    pub(crate) fn form<T: serde::Serialize + ?Sized>(&mut self, form: &T) -> Result<String> {
        let body = serde_urlencoded::to_string(form).map_err(error::builder)?;
        self.set_default(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded",
        );
        Ok(body)
    }

    /// Gives the body of a value as JSON, and the header for it.
    #[cfg(feature = "json")]
    pub(crate) fn json<T: serde::Serialize + ?Sized>(&mut self, json: &T) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(json).map_err(error::builder)?;
        self.set_default(http::header::CONTENT_TYPE, "application/json");
        Ok(body)
    }

    /// Sets headers that the request does not name.
    pub(crate) fn default_headers(&mut self, defaults: &HeaderMap) {
        // Judged by the request alone: several defaults of one name all count.
        let missing: Vec<&HeaderName> = defaults
            .keys()
            .filter(|name| !self.headers.contains_key(*name))
            .collect();
        for name in missing {
            for value in defaults.get_all(name) {
                self.headers.append(name, value.clone());
            }
        }
    }

    /// The head as reqwest's `Debug` shows it.
    pub(crate) fn fmt_fields(&self, fields: &mut fmt::DebugStruct<'_, '_>) {
        fields
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers);
    }

    pub(crate) fn from_parts(parts: http::request::Parts) -> Result<Self> {
        Ok(RequestHead {
            method: parts.method,
            url: Url::parse(&parts.uri.to_string()).map_err(error::builder)?,
            headers: parts.headers,
            version: parts.version,
            extensions: parts.extensions,
        })
    }

    pub(crate) fn into_http<B>(self, body: B) -> Result<http::Request<B>> {
        let mut request = http::Request::builder()
            .version(self.version)
            .method(self.method)
            .uri(self.url.as_str())
            .body(body)
            .map_err(error::builder)?;
        *request.headers_mut() = self.headers;
        *request.extensions_mut() = self.extensions;
        Ok(request)
    }
}

/// The value of Basic credentials (RFC 7617), marked as a secret.
pub(crate) fn basic(user: impl fmt::Display, password: Option<impl fmt::Display>) -> HeaderValue {
    let pair = match password {
        Some(password) => format!("{user}:{password}"),
        None => format!("{user}:"),
    };
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).expect("Base64 is a header value");
    value.set_sensitive(true);
    value
}

/// Removes user name and password from a URL, and returns them decoded; they stay where they are not UTF-8.
fn take_userinfo(url: &mut Url) -> Option<(String, Option<String>)> {
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .ok()
            .map(String::from)
    };
    if !url.has_authority() {
        return None;
    }
    let user = decoded(url.username())?;
    let password = url.password().and_then(decoded);
    if user.is_empty() && password.is_none() {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some((user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(url: &str) -> RequestHead {
        RequestHead::new(Method::GET, url.parse().unwrap())
    }

    #[test]
    fn userinfo_becomes_basic_credentials() {
        let cases = [
            ("http://a/", "http://a/", None),
            ("http://u:p@a/", "http://a/", Some("Basic dTpw")),
            ("http://u@a/", "http://a/", Some("Basic dTo=")),
            ("http://:p@a/", "http://a/", Some("Basic OnA=")),
            ("http://%75:%70@a/", "http://a/", Some("Basic dTpw")),
        ];
        for (given, url, value) in cases {
            let mut head = head(given);
            head.take_userinfo().unwrap();
            assert_eq!(head.url.as_str(), url);
            let got = head.headers.get(AUTHORIZATION);
            assert_eq!(got.map(|value| value.to_str().unwrap()), value);
            assert!(got.is_none_or(HeaderValue::is_sensitive));
        }
    }

    #[test]
    fn given_headers_replace_and_defaults_do_not() {
        let map = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(*name, HeaderValue::from_static(value));
            }
            map
        };
        let mut head = head("http://a/");
        head.append("a", "1", false).unwrap();
        head.append("b", "1", false).unwrap();
        head.replace_headers(map(&[("a", "2"), ("a", "3")]));
        head.default_headers(&map(&[("b", "9"), ("c", "8"), ("c", "7")]));
        let expected = [("a", "2"), ("a", "3"), ("b", "1"), ("c", "8"), ("c", "7")];
        assert_eq!(head.headers, map(&expected));
        assert!(
            head.append("bad name", "1", false)
                .unwrap_err()
                .is_builder()
        );
    }

    #[test]
    fn the_timeout_survives_the_way_through_http() {
        let mut head = head("http://a/");
        *head.timeout_mut() = Some(Duration::from_secs(3));
        let (parts, ()) = head.into_http(()).unwrap().into_parts();
        let back = RequestHead::from_parts(parts).unwrap();
        assert_eq!(back.timeout(), Some(&Duration::from_secs(3)));
    }
}
