//! The head of a request as HTTP/2 has it (RFC 9113 section 8.3.1).

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Uri, Version};

use crate::error::{Error, ErrorKind, Phase, Result};
use crate::headers::{has_token, is_secret};
use crate::proto::h1::RequestFraming;
use crate::request::Request;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Makes the head: `host` becomes `:authority`, and what belongs to a connection stays out (section 8.2.2). Credentials for
/// proxies stay out where the client has any. `authority` parses one, or knows it.
///
/// # Errors
/// `LocalProtocolError` for what cannot be said in HTTP/2.
pub(crate) fn request_head(
    request: &Request,
    framing: RequestFraming,
    has_proxies: bool,
    authority: &dyn Fn(&str) -> Result<Authority>,
) -> Result<http::Request<()>> {
    let location = request.location();
    let headers = request.request_headers();
    let nominated: Vec<HeaderValue> = match headers.contains(&CONNECTION) {
        true => headers.map().get_all(CONNECTION).iter().cloned().collect(),
        false => Vec::new(),
    };
    let stays_out = |name: &HeaderName| {
        name == HOST
            || name == CONTENT_LENGTH
            || is_of_connection(name)
            || (has_proxies && name == PROXY_AUTHORIZATION)
            || nominated
                .iter()
                .any(|value| has_token(value.as_bytes(), name.as_str().as_bytes()))
    };
    let mut fields = headers.merged_without(&stays_out);
    keep_trailers(&mut fields);
    for (name, value) in &mut fields {
        if is_secret(name) {
            // Never put into a table that others' requests could probe (RFC 7541 section 7.1.3).
            value.set_sensitive(true);
        }
    }
    if let RequestFraming::Length(length) = framing {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let authority = match headers.get(&HOST) {
        Some(host) => {
            let host = host.to_str().map_err(|error| unsayable("the host", error));
            authority(host?)
        }
        None => authority(location.authority()),
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(match location.origin().secure {
        true => Scheme::HTTPS,
        false => Scheme::HTTP,
    });
    parts.authority = Some(authority?);
    let path = Bytes::copy_from_slice(location.path_and_query().as_bytes());
    let path = PathAndQuery::from_maybe_shared(path);
    parts.path_and_query = Some(path.map_err(|error| unsayable("the path", error))?);
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = Uri::from_parts(parts).map_err(|error| unsayable("the URL", error))?;
    *head.version_mut() = Version::HTTP_2;
    *head.headers_mut() = fields;
    Ok(head)
}

/// Parses what is to be `:authority`.
pub(crate) fn parse_authority(text: &str) -> Result<Authority> {
    match text.contains('@') {
        true => Err(unsayable("the host", "it has user information")),
        false => Authority::try_from(text).map_err(|error| unsayable("the host", error)),
    }
}

fn is_of_connection(name: &HeaderName) -> bool {
    name == CONNECTION
        || name == TRANSFER_ENCODING
        || name == UPGRADE
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
        || *name == HTTP2_SETTINGS
}

/// Of `te` only `trailers` may be said.
fn keep_trailers(fields: &mut HeaderMap) {
    if !fields.contains_key(TE) {
        return;
    }
    let trailers = fields
        .get_all(TE)
        .iter()
        .any(|value| has_token(value.as_bytes(), b"trailers"));
    fields.remove(TE);
    if trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn unsayable(what: &str, why: impl std::fmt::Display) -> Error {
    let message = format!("{what} cannot be said in HTTP/2: {why}");
    Error::new(ErrorKind::LocalProtocolError, message).in_phase(Phase::Send)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn head(url: &str, fields: &[(&str, &str)], framing: RequestFraming) -> http::Request<()> {
        let mut request = Request::new(Method::POST, url).unwrap();
        for (name, value) in fields {
            request.headers_mut().append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        request_head(&request, framing, true, &parse_authority).unwrap()
    }

    #[test]
    fn the_url_becomes_pseudo_headers() {
        for (url, fields, expected) in [
            ("http://h.test", &[][..], "http://h.test/"),
            (
                "https://h.test:444/a?b=c#d",
                &[],
                "https://h.test:444/a?b=c",
            ),
            ("http://[::1]:80/ü", &[], "http://[::1]/%C3%BC"),
            (
                "http://h.test/",
                &[("host", "other.test:1")],
                "http://other.test:1/",
            ),
        ] {
            let head = head(url, fields, RequestFraming::Absent);
            assert_eq!(head.uri().to_string(), expected);
            assert!(!head.headers().contains_key(HOST), "{url}");
        }
    }

    #[test]
    fn what_belongs_to_a_connection_stays_out() {
        let fields = [
            ("connection", "x-one, close"),
            ("connection", "X-Two"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("te", "gzip, trailers;q=1"),
            ("te", "trailers"),
            ("proxy-authorization", "Basic eA=="),
            ("content-length", "7"),
        ];
        let head = head("http://h.test", &fields, RequestFraming::Length(5));
        let left: Vec<_> = head
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(
            left,
            [
                ("x-three", "3"),
                ("te", "trailers"),
                ("content-length", "5")
            ]
        );
        let head = self::head("http://h.test", &[("te", "gzip")], RequestFraming::Chunked);
        assert!(head.headers().is_empty());
    }

    #[test]
    fn credentials_are_never_indexed() {
        let fields = [("authorization", "Bearer x"), ("cookie", "a=b"), ("x", "y")];
        let head = head("http://h.test", &fields, RequestFraming::Absent);
        let sensitive = |name: &str| head.headers()[name].is_sensitive();
        assert!(sensitive("authorization") && sensitive("cookie") && !sensitive("x"));
    }

    #[test]
    fn hosts_that_no_authority_can_be_are_refused() {
        let mut request = Request::new(Method::GET, "http://h.test").unwrap();
        for host in ["a b", "tom@h.test", "h.test/x"] {
            let value = HeaderValue::from_static(host);
            request.headers_mut().insert(HOST, value);
            let error = request_head(&request, RequestFraming::Absent, false, &parse_authority)
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{host}");
        }
    }
}
