//! What to try: the common mistakes behind errors that look like the peer's.

use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use url::Url;

use crate::proto::h1::H1Error;
use crate::text;
#[cfg(feature = "rustls")]
use crate::tls::is_authority;

/// TLS was asked of a port that speaks plain text.
pub(crate) const PLAIN_SERVER: &str = "is the URL meant to be http://?";

/// The same of a proxy's.
pub(crate) const PLAIN_PROXY: &str = "is the proxy's URL meant to be http://?";

/// TLS was begun in a tunnel, and plain text came back.
pub(crate) const PLAIN_TUNNEL: &str = "the proxy may have answered with a page of its own instead of connecting, or the URL is meant to be http://";

/// HTTP/2 was spoken to a server of HTTP/1.1.
#[cfg(feature = "http2")]
pub(crate) const HTTP1_SERVER: &str =
    "leave `http2_prior_knowledge()` out, or `http1(false)`, or the request's version";

/// Nobody gave a connection back.
pub(crate) const POOL_IS_TAKEN: &str = "a response that is neither read to its end nor dropped keeps its connection; `pool_limits` allows more";

/// Says what to try with a URL that does not parse.
pub(crate) fn of_url(url: &str) -> Option<&'static str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    (host.matches(':').count() > 1 && !host.starts_with('['))
        .then_some("an IPv6 address stands in brackets: `http://[::1]:8080/`")
}

/// Says what to try after an answer that is none of HTTP/1.1.
pub(crate) fn of_answer(error: &H1Error) -> Option<&'static str> {
    match error {
        H1Error::TlsRecord => Some("is the URL, or the proxy's, meant to be https://?"),
        H1Error::Http2 => Some("`http2_prior_knowledge()` speaks HTTP/2 without TLS"),
        H1Error::NotHttp { start } if start.begins_markup() => {
            Some("this is a page without a head: is it the right port, or a proxy's own?")
        }
        _ => None,
    }
}

/// Says what to try after a failed handshake.
#[cfg(feature = "rustls")]
pub(crate) fn of_handshake(error: &rustls::Error) -> Option<&'static str> {
    use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => Some(PLAIN_SERVER),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("`verify(\"authorities.pem\")` trusts authorities of your own")
        }
        Error::InvalidCertificate(fault) if is_authority(fault) => Some(
            "`openssl req -x509` makes authorities; with `-addext basicConstraints=critical,CA:FALSE` it makes a server's certificate",
        ),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some("`cert(\"client.pem\")` shows it")
        }
        _ => None,
    }
}

/// Says what to try after a proxy's refusal of a tunnel; `identified`: it was sent credentials.
pub(crate) fn of_refusal(
    status: StatusCode,
    headers: &HeaderMap,
    identified: bool,
) -> Option<&'static str> {
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Some(match identified {
            true => "it does not accept these credentials, or not by this scheme",
            false => "credentials for it go into its URL, or into `Proxy::basic_auth`",
        });
    }
    if status.is_server_error() {
        return Some("the proxy could not reach the server");
    }
    let page = headers.get(CONTENT_TYPE).and_then(text::page);
    page.map(|_| "it answered with an HTML page: is this a proxy, or does it want a log-in first?")
}

/// Says what to try after a 400 that a server of TLS gives to plain text, or a status that only proxies give.
pub(crate) fn of_status(status: StatusCode, url: &Url) -> Option<&'static str> {
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Some(
            "the proxy says so: credentials for it go into its URL, or into `Proxy::basic_auth`",
        );
    }
    let asks_tls = matches!(url.port(), Some(443 | 8443)) && url.scheme() == "http";
    (asks_tls && status == StatusCode::BAD_REQUEST)
        .then_some("this port usually speaks TLS: is the URL meant to be https://?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_without_brackets_is_seen() {
        let cases = [
            ("http://::1/", true),
            ("http://::1:8080/x", true),
            ("https://user:pass@fe80::1/", true),
            ("http://[::1/", false),
            ("http://h:99999/", false),
            ("http://user:pass@h:x/", false),
            ("http:///x::y", false),
        ];
        for (url, expected) in cases {
            assert_eq!(of_url(url).is_some(), expected, "{url}");
        }
    }

    #[test]
    fn a_proxys_refusal_is_read_by_status_and_type() {
        let page = HeaderMap::from_iter([(CONTENT_TYPE, "text/html".parse().unwrap())]);
        let none = HeaderMap::new();
        let cases = [
            (407, &page, false, Some("credentials for it")),
            (407, &none, true, Some("does not accept")),
            (403, &page, true, Some("HTML page")),
            (302, &page, false, Some("HTML page")),
            (502, &none, false, Some("could not reach")),
            (500, &page, false, Some("could not reach")),
            (403, &none, false, None),
        ];
        for (status, headers, identified, words) in cases {
            let hint = of_refusal(StatusCode::from_u16(status).unwrap(), headers, identified);
            assert_eq!(hint.is_some(), words.is_some(), "{status}");
            assert!(
                hint.unwrap_or("").contains(words.unwrap_or("")),
                "{status}: {hint:?}"
            );
        }
    }

    #[test]
    fn a_400_to_plain_text_on_a_port_of_tls_points_to_https_and_407_to_the_proxy() {
        let cases = [
            (400, "http://h:443/", true),
            (400, "http://h:8443/x", true),
            (400, "https://h/", false),
            (400, "https://h:8443/", false),
            (400, "http://h/", false),
            (404, "http://h:443/", false),
            (407, "http://h/", true),
        ];
        for (status, url, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let hint = of_status(status, &Url::parse(url).unwrap());
            assert_eq!(hint.is_some(), expected, "{status} {url}");
        }
    }
}
