//! One exchange: what was asked and what was answered, in memory.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use percent_encoding::percent_decode_str;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::failure::Failure;
use super::json::Json;
use super::redact::media_type;
use crate::error::{Error, ErrorKind, Result};
use crate::headers::Redacted;
use crate::request::{RedactedUrl, Request};
use crate::transport::Response;

/// An exchange as it is written to a file, or was read from one.
///
/// Bodies are decoded: without their content coding, where it is known. A redaction hook changes it before it is written; a
/// matching closure looks at it.
///
/// ```
/// use dimorph::transport::{Recorded, Recorder};
///
/// fn take_names_out(exchange: &mut Recorded) {
///     exchange.replace("Ada Lovelace", "Jane Doe");
///     exchange.response_headers_mut().remove("server");
/// }
///
/// let recorder = Recorder::new("tests/tapes/users.har").redact(take_names_out);
/// ```
#[derive(Clone)]
pub struct Recorded {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) answer: Answer,
}

#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The content coding that was taken off.
    pub(super) coding: Option<String>,
    /// How many bytes came over the wire, where that is known.
    pub(super) received: Option<usize>,
    /// The exporter left the body out.
    pub(super) missing: bool,
    /// There was no response.
    pub(super) failure: Option<Failure>,
}

impl Answer {
    pub(super) fn new(status: StatusCode) -> Answer {
        Answer {
            status,
            version: Version::HTTP_11,
            reason: status.canonical_reason().unwrap_or_default().to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            coding: None,
            received: None,
            missing: false,
            failure: None,
        }
    }

    pub(super) fn failed(failure: Failure) -> Answer {
        Answer {
            failure: Some(failure),
            ..Answer::new(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

impl Recorded {
    /// What is asked, before there is an answer.
    pub(super) fn asked(request: &Request, body: Bytes) -> Recorded {
        let mut url = request.url().clone();
        url.set_fragment(None);
        Recorded {
            method: request.method().clone(),
            url,
            version: request.version(),
            headers: request.headers().clone(),
            body,
            answer: Answer::new(StatusCode::OK),
        }
    }

    /// Returns the request's method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the request's URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the request's URL, to change.
    pub fn url_mut(&mut self) -> &mut Url {
        &mut self.url
    }

    /// Returns the request's headers.
    pub fn request_headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the request's headers, to change.
    pub fn request_headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Returns the request's body.
    pub fn request_body(&self) -> &[u8] {
        &self.body
    }

    /// Replaces the request's body.
    pub fn set_request_body(&mut self, body: impl Into<Bytes>) {
        self.body = body.into();
    }

    /// Returns the response's status; `None` where the exchange failed.
    pub fn status(&self) -> Option<StatusCode> {
        match self.answer.failure {
            Some(_) => None,
            None => Some(self.answer.status),
        }
    }

    /// Returns how the exchange failed, where it did.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        self.answer.failure.as_ref().map(|failure| failure.kind)
    }

    /// Returns the response's headers.
    pub fn response_headers(&self) -> &HeaderMap {
        &self.answer.headers
    }

    /// Returns the response's headers, to change.
    pub fn response_headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.answer.headers
    }

    /// Returns the response's body.
    pub fn response_body(&self) -> &[u8] {
        &self.answer.body
    }

    /// Replaces the response's body, and its `content-length`.
    pub fn set_response_body(&mut self, body: impl Into<Bytes>) {
        self.answer.body = body.into();
        measure(&mut self.answer.headers, self.answer.body.len());
    }

    /// Replaces a text wherever it stands: in the URL, in headers, in both bodies; encoded as URLs, forms and JSON encode it, too.
    pub fn replace(&mut self, text: &str, with: &str) {
        if text.is_empty() {
            return;
        }
        replace_in_url(&mut self.url, text, with);
        for headers in [&mut self.headers, &mut self.answer.headers] {
            for value in headers.values_mut() {
                if let Some(changed) = replaced(value.as_bytes(), text, with)
                    && let Ok(changed) = HeaderValue::from_bytes(&changed)
                {
                    *value = changed;
                }
            }
        }
        let quoted = Json::text(text).compact();
        for form in [text, &quoted[1..quoted.len() - 1]] {
            if let Some(changed) = replaced(&self.body, form, with) {
                self.body = changed.into();
            }
            if let Some(changed) = replaced(&self.answer.body, form, with) {
                self.set_response_body(changed);
            }
        }
        if media_type(&self.headers).as_deref() == Some("application/x-www-form-urlencoded")
            && let Ok(form) = std::str::from_utf8(&self.body)
            && let Some(changed) = replaced_in_pairs(form, text, with)
        {
            self.body = changed.into();
        }
        self.answer.reason = self.answer.reason.replace(text, with);
        if let Some(failure) = &mut self.answer.failure {
            failure.message = failure.message.replace(text, with);
        }
    }

    /// Gives the answer once more.
    pub(super) fn answer(&self) -> Result<Response> {
        let answer = &self.answer;
        if let Some(failure) = &answer.failure {
            return Err(failure.raise());
        }
        if answer.missing {
            return Err(Error::new(
                ErrorKind::App,
                "the recorded response has no body: it was exported without its content",
            ));
        }
        let mut response = Response::new(answer.status);
        if answer.reason != response.reason() {
            response.set_reason(answer.reason.clone());
        }
        *response.version_mut() = answer.version;
        *response.headers_mut() = answer.headers.clone();
        response.set_body(answer.body.clone());
        Ok(response)
    }
}

/// Says another length where one is said.
pub(super) fn measure(headers: &mut HeaderMap, length: usize) {
    if headers.contains_key(CONTENT_LENGTH) {
        // Only a map that is full beyond reason refuses.
        let _ = headers.try_insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn replace_in_url(url: &mut Url, text: &str, with: &str) {
    if url.as_str().contains(text)
        && let Ok(changed) = Url::parse(&url.as_str().replace(text, with))
    {
        *url = changed;
    }
    let path = url.path().split('/');
    let segments: Vec<_> = path
        .map(|segment| {
            let plain = percent_decode_str(segment).decode_utf8_lossy();
            match plain.contains(text) {
                true => byte_serialize(plain.replace(text, with).as_bytes())
                    .collect::<String>()
                    .replace('+', "%20"),
                false => segment.to_owned(),
            }
        })
        .collect();
    let path = segments.join("/");
    if path != url.path() {
        url.set_path(&path);
    }
    if let Some(query) = url.query()
        && let Some(changed) = replaced_in_pairs(query, text, with)
    {
        url.set_query(Some(&changed));
    }
}

/// The pairs with another text in place of one; `None` where it does not stand there.
fn replaced_in_pairs(pairs: &str, text: &str, with: &str) -> Option<String> {
    let mut any = false;
    let mut change = |encoded: &str| {
        let spaced = encoded.replace('+', " ");
        let plain = percent_decode_str(&spaced).decode_utf8_lossy();
        if !plain.contains(text) {
            return encoded.to_owned();
        }
        any = true;
        byte_serialize(plain.replace(text, with).as_bytes()).collect()
    };
    let changed: Vec<String> = pairs
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{}={}", change(name), change(value)),
            None => change(pair),
        })
        .collect();
    any.then(|| changed.join("&"))
}

/// The bytes with another text in place of one; `None` where it does not stand there.
fn replaced(bytes: &[u8], text: &str, with: &str) -> Option<Vec<u8>> {
    let finder = memchr::memmem::Finder::new(text);
    let mut found = finder.find_iter(bytes).peekable();
    found.peek()?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in found {
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(with.as_bytes());
        from = at + text.len();
    }
    out.extend_from_slice(&bytes[from..]);
    Some(out)
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("method", &self.method)
            .field("url", &RedactedUrl(&self.url))
            .field("request_headers", &Redacted(&self.headers))
            .field("status", &self.status())
            .field("response_headers", &Redacted(&self.answer.headers))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_replaced_wherever_it_stands_and_however_it_is_encoded() {
        let url = "http://h.test/s3%20%22cret!/x?q=s3+%22cret!&s3%20%22cret%21=1&r=1";
        let mut request = Request::new(Method::GET, url).unwrap();
        let headers = request.headers_mut();
        headers.insert("x-a", "is s3 \"cret!.".parse().unwrap());
        headers.insert(
            "content-type",
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        let body = Bytes::from_static(b"a=s3+%22cret!&b=1");
        let mut recorded = Recorded::asked(&request, body);
        recorded.answer.headers = headers_of("16");
        recorded.answer.body = Bytes::from_static(br#"{"a":"s3 \"cret!"}"#);
        recorded.answer.failure = Some(Failure {
            kind: ErrorKind::App,
            phase: None,
            message: "no s3 \"cret!".to_owned(),
        });
        recorded.replace("s3 \"cret!", "X");
        assert_eq!(recorded.url.as_str(), "http://h.test/X/x?q=X&X=1&r=1");
        assert_eq!(recorded.headers["x-a"], "is X.");
        assert_eq!(recorded.request_body(), b"a=X&b=1");
        assert_eq!(recorded.response_body(), br#"{"a":"X"}"#);
        assert_eq!(recorded.answer.headers["content-length"], "9");
        let failure = recorded.answer.failure.unwrap();
        assert_eq!(failure.message, "no X");
    }

    fn headers_of(length: &'static str) -> HeaderMap {
        let value = HeaderValue::from_static(length);
        [(CONTENT_LENGTH, value)].into_iter().collect()
    }
}
