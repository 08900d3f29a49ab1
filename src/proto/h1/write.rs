//! Writes the head of a request (RFC 9112 sections 3, 5 and 6).

use http::header::{CONTENT_LENGTH, HOST, HeaderMap, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use http::{Method, Version};

use crate::headers::{RequestHeaders, has_token};

/// How the body of a request is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestFraming {
    /// No body, and none announced.
    Absent,
    Length(u64),
    Chunked,
}

/// What is wrong with a request before a byte of it is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the request sets both content-length and transfer-encoding")]
    LengthAndEncoding,
    #[error("the request's content-length `{0}` is not a number")]
    BadLength(String),
    #[error("the request's content-length is {announced}, its body has {actual} bytes")]
    LengthMismatch { announced: u64, actual: u64 },
    #[error("the request's transfer-encoding `{0}` is not supported, only `chunked` is")]
    BadEncoding(String),
    #[error("the value of the header `{0}` begins or ends with white space")]
    PaddedValue(String),
    #[error("HTTP/1.0 has no chunked bodies, and this one's length is unknown")]
    NoLengthInHttp10,
    #[error("{0:?} cannot be spoken on an HTTP/1.1 connection")]
    BadVersion(Version),
}

/// Decides how the body is delimited: by the user's fields where set, else by its length (RFC 9112 section 6).
pub(crate) fn request_framing(
    method: &Method,
    version: Version,
    headers: &RequestHeaders,
    length: Option<u64>,
) -> Result<RequestFraming, WriteError> {
    if !matches!(version, Version::HTTP_10 | Version::HTTP_11) {
        return Err(WriteError::BadVersion(version));
    }
    if let Some(name) = headers.padded_value() {
        return Err(WriteError::PaddedValue(name.as_str().to_owned()));
    }
    let framing = match (
        headers.contains(&TRANSFER_ENCODING),
        headers.contains(&CONTENT_LENGTH),
    ) {
        (true, true) => return Err(WriteError::LengthAndEncoding),
        (true, false) => chunked_as_told(headers.map())?,
        (false, true) => length_as_told(headers.map(), length)?,
        (false, false) => match length {
            Some(0) if announces_empty_body(method) && !headers.is_suppressed(&CONTENT_LENGTH) => {
                RequestFraming::Length(0)
            }
            Some(0) => RequestFraming::Absent,
            Some(length) => RequestFraming::Length(length),
            None => RequestFraming::Chunked,
        },
    };
    if framing == RequestFraming::Chunked && version == Version::HTTP_10 {
        return Err(WriteError::NoLengthInHttp10);
    }
    Ok(framing)
}

/// Methods whose empty body is announced, since a body is expected of them (RFC 9110 section 8.6).
fn announces_empty_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

fn chunked_as_told(headers: &HeaderMap) -> Result<RequestFraming, WriteError> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(RequestFraming::Chunked)
        }
        (value, _) => {
            let shown = value.map_or_else(String::new, |v| v.as_bytes().escape_ascii().to_string());
            Err(WriteError::BadEncoding(shown))
        }
    }
}

fn length_as_told(headers: &HeaderMap, actual: Option<u64>) -> Result<RequestFraming, WriteError> {
    let mut announced = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let bad = || WriteError::BadLength(value.as_bytes().escape_ascii().to_string());
        let digits = value
            .to_str()
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        let number = digits
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(bad)?;
        if announced.is_some_and(|previous| previous != number) {
            return Err(bad());
        }
        announced = Some(number);
    }
    match (announced, actual) {
        (Some(announced), Some(actual)) if announced != actual => {
            Err(WriteError::LengthMismatch { announced, actual })
        }
        (Some(announced), _) => Ok(RequestFraming::Length(announced)),
        (None, _) => Err(WriteError::BadLength(String::new())),
    }
}

/// The form of the request target (RFC 9112 section 3.2); the caller chooses it by what stands at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TargetForm<'a> {
    /// To an origin server.
    Origin(&'a str),
    /// To a forwarding proxy.
    Absolute(&'a str),
    /// `CONNECT host:port`.
    Authority(&'a str),
}

/// What a request is addressed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addressee<'a> {
    pub(crate) form: TargetForm<'a>,
    /// For the `host` field, where the request has none of its own.
    pub(crate) authority: &'a str,
    pub(crate) proxy: ProxyLines<'a>,
}

/// What a head says to proxies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ProxyLines<'a> {
    /// It goes to a proxy, with these field lines of the client's.
    Added(&'a [u8]),
    /// It goes to its server, and the client has proxies: what is meant for them is kept back (S19).
    KeptBack,
    /// It goes to its server, and the client knows no proxy: the fields are as the user gave them.
    AsGiven,
}

/// Writes a whole head, Host first, then the field lines for a proxy, then the request's fields in their order, with the framing field before `content-type`, or at the end.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    method: &Method,
    to: &Addressee<'_>,
    version: Version,
    headers: &RequestHeaders,
    framing: RequestFraming,
) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    let (TargetForm::Origin(text) | TargetForm::Absolute(text) | TargetForm::Authority(text)) =
        to.form;
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(if version == Version::HTTP_10 {
        b" HTTP/1.0\r\nHost: "
    } else {
        b" HTTP/1.1\r\nHost: "
    });
    match headers.get(&HOST) {
        Some(host) => out.extend_from_slice(host.as_bytes()),
        None => out.extend_from_slice(to.authority.as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
    let hidden = match to.proxy {
        ProxyLines::Added(lines) => {
            out.extend_from_slice(lines);
            None
        }
        ProxyLines::KeptBack => headers
            .contains(&PROXY_AUTHORIZATION)
            .then_some(&PROXY_AUTHORIZATION),
        ProxyLines::AsGiven => None,
    };
    if framing == RequestFraming::Length(0) {
        out.extend_from_slice(b"Content-Length: 0\r\n");
    }
    headers.write(out, hidden, &mut |out| match framing {
        RequestFraming::Absent | RequestFraming::Length(0) => {}
        RequestFraming::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        RequestFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    });
    out.extend_from_slice(b"\r\n");
}

fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes the line that precedes `size` bytes of chunk data (RFC 9112 section 7.1).
pub(crate) fn write_chunk_size(out: &mut Vec<u8>, size: usize) {
    let mut digits = [0u8; 16];
    let mut at = digits.len();
    let mut rest = size;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Tells whether the request asks to change the protocol of its connection (RFC 9110 section 7.8).
pub(crate) fn asks_for_upgrade(headers: &RequestHeaders) -> bool {
    headers.own_contains(&http::header::UPGRADE)
        && headers
            .map()
            .get_all(http::header::CONNECTION)
            .iter()
            .any(|value| has_token(value.as_bytes(), b"upgrade"))
}

/// Tells whether the request wants to hear `100 Continue` before it sends its body (RFC 9110 section 10.1.1).
pub(crate) fn expects_continue(headers: &RequestHeaders) -> bool {
    headers
        .get(&http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;

    fn headers(fields: &[(&'static str, &'static str)]) -> RequestHeaders {
        let mut headers = RequestHeaders::default();
        for (name, value) in fields {
            headers
                .own_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn framing_follows_the_user_then_the_body() {
        use RequestFraming::*;
        type Row = (
            Method,
            &'static [(&'static str, &'static str)],
            Option<u64>,
            Result<RequestFraming, &'static str>,
        );
        let cases: &[Row] = &[
            (Method::GET, &[], Some(0), Ok(Absent)),
            (Method::POST, &[], Some(0), Ok(Length(0))),
            (Method::POST, &[], Some(5), Ok(Length(5))),
            (Method::POST, &[], None, Ok(Chunked)),
            (
                Method::POST,
                &[("transfer-encoding", "Chunked")],
                Some(5),
                Ok(Chunked),
            ),
            (
                Method::POST,
                &[("content-length", "5")],
                None,
                Ok(Length(5)),
            ),
            (
                Method::POST,
                &[("content-length", "4")],
                Some(5),
                Err("has 5 bytes"),
            ),
            (
                Method::POST,
                &[("content-length", "+5")],
                Some(5),
                Err("not a number"),
            ),
            (
                Method::POST,
                &[("content-length", "5"), ("transfer-encoding", "chunked")],
                Some(5),
                Err("both"),
            ),
            (
                Method::POST,
                &[("transfer-encoding", "gzip, chunked")],
                Some(5),
                Err("gzip"),
            ),
            (Method::GET, &[("x-a", " a ")], Some(0), Err("white space")),
        ];
        for (method, fields, length, expected) in cases {
            let actual = request_framing(method, Version::HTTP_11, &headers(fields), *length);
            match (actual, expected) {
                (Ok(actual), Ok(expected)) => assert_eq!(actual, *expected),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (actual, expected) => panic!("{fields:?}: {actual:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn heads_are_written_for_each_kind_of_peer() {
        let cases = [
            (
                TargetForm::Origin("/p?q"),
                "GET /p?q HTTP/1.1\r\nHost: h.test:81\r\nX-A: b\r\nContent-Length: 12\r\n\r\n",
            ),
            (
                TargetForm::Absolute("http://h.test:81/p?q"),
                "GET http://h.test:81/p?q HTTP/1.1\r\nHost: h.test:81\r\nX-A: b\r\nContent-Length: 12\r\n\r\n",
            ),
            (
                TargetForm::Authority("[::1]:443"),
                "GET [::1]:443 HTTP/1.1\r\nHost: h.test:81\r\nX-A: b\r\nContent-Length: 12\r\n\r\n",
            ),
        ];
        for (target, expected) in cases {
            let mut out = Vec::new();
            write_head(
                &mut out,
                &Method::GET,
                &Addressee {
                    form: target,
                    authority: "h.test:81",
                    proxy: ProxyLines::AsGiven,
                },
                Version::HTTP_11,
                &headers(&[("x-a", "b")]),
                RequestFraming::Length(12),
            );
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn numbers_are_written_in_their_base() {
        let mut out = Vec::new();
        write_chunk_size(&mut out, 0);
        write_chunk_size(&mut out, 0x1f40);
        push_decimal(&mut out, u64::MAX);
        assert_eq!(out, b"0\r\n1f40\r\n18446744073709551615");
    }
}
