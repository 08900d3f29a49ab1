//! What converts into an answer.

use std::borrow::Cow;
use std::fs::File;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;
use super::response::MockResponse;
use crate::body::Body;
use crate::error::{Error, Result};
use crate::pairs::{HeaderKey, header_map};

/// The body of a [`MockResponse`]: text, bytes, a file, a [`Body`], `()` for none, JSON (feature `json`).
///
/// ```
/// use dimorph::transport::MockResponse;
/// use serde_json::json;
///
/// let text = MockResponse::new(200).body("hello");
/// let bytes = MockResponse::new(200).body(vec![0_u8; 4]);
/// let json = MockResponse::new(200).body(json!({ "name": "Ada" }));
/// ```
pub trait MockBody {
    #[doc(hidden)]
    fn put(self, response: &mut MockResponse);
}

macro_rules! bodies {
    ($($body:ty),+ $(,)?) => {$(
        impl MockBody for $body {
            fn put(self, response: &mut MockResponse) {
                response.set_body(self.into());
            }
        }

        impl From<$body> for MockResponse {
            /// Answers `200 OK` with this body.
            fn from(body: $body) -> Self {
                MockResponse::default().body(body)
            }
        }
    )+};
}

bodies!(
    (),
    &'static str,
    String,
    Cow<'static, str>,
    &'static [u8],
    Vec<u8>,
    Box<[u8]>,
    Bytes,
    BytesMut,
    File,
    Body,
);

impl<const N: usize> MockBody for &'static [u8; N] {
    fn put(self, response: &mut MockResponse) {
        response.set_body(self.into());
    }
}

impl<const N: usize> From<&'static [u8; N]> for MockResponse {
    /// Answers `200 OK` with this body.
    fn from(body: &'static [u8; N]) -> Self {
        MockResponse::default().body(body)
    }
}

/// Sets `content-type: application/json`, unless there is a `content-type`.
#[cfg(feature = "json")]
impl MockBody for serde_json::Value {
    fn put(self, response: &mut MockResponse) {
        response.set_body(self.to_string().into());
        response.set_type("application/json");
    }
}

#[cfg(feature = "json")]
impl From<serde_json::Value> for MockResponse {
    /// Answers `200 OK` with JSON.
    fn from(json: serde_json::Value) -> Self {
        MockResponse::default().body(json)
    }
}

/// The headers of a [`MockResponse`]: a `HeaderMap`, or pairs of name and value in an array or `Vec`.
///
/// ```
/// use dimorph::transport::MockResponse;
///
/// let response = MockResponse::new(200).headers([("etag", "1"), ("age", "5")]);
/// let as_a_tuple: MockResponse = (200, [("etag", "1")], "hello").into();
/// ```
pub trait MockHeaders {
    #[doc(hidden)]
    fn into_map(self) -> Result<HeaderMap>;
}

impl MockHeaders for HeaderMap {
    fn into_map(self) -> Result<HeaderMap> {
        Ok(self)
    }
}

macro_rules! pairs {
    ($([$($generics:tt)*] $pairs:ty),+ $(,)?) => {$(
        impl<K: HeaderKey, V, $($generics)*> MockHeaders for $pairs
        where
            HeaderValue: TryFrom<V>,
            <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
        {
            fn into_map(self) -> Result<HeaderMap> {
                header_map(self)
            }
        }
    )+};
}

pairs!([const N: usize] [(K, V); N], [] Vec<(K, V)>);

impl MockHeaders for &[(HeaderName, HeaderValue)] {
    fn into_map(self) -> Result<HeaderMap> {
        header_map(self.iter().map(|(name, value)| (name, value)))
    }
}

macro_rules! statuses {
    ($($status:ty),+) => {$(
        impl From<$status> for MockResponse {
            /// Answers with this status and no body.
            fn from(status: $status) -> Self {
                MockResponse::new(status)
            }
        }

        impl<B: MockBody> From<($status, B)> for MockResponse {
            /// Answers with this status and body.
            fn from((status, body): ($status, B)) -> Self {
                MockResponse::new(status).body(body)
            }
        }

        impl<H: MockHeaders, B: MockBody> From<($status, H, B)> for MockResponse {
            /// Answers with this status, these headers and this body.
            fn from((status, headers, body): ($status, H, B)) -> Self {
                MockResponse::new(status).headers(headers).body(body)
            }
        }
    )+};
}

statuses!(u16, StatusCode);

impl<B: MockBody> From<http::Response<B>> for MockResponse {
    fn from(response: http::Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let mut made = MockResponse::default();
        made.take_head(head);
        made.body(body)
    }
}

impl From<Error> for MockResponse {
    /// Raises the error.
    fn from(error: Error) -> Self {
        MockResponse::error(error)
    }
}

impl<T: Into<MockResponse>> From<Result<T, Error>> for MockResponse {
    /// Answers, or raises the error.
    fn from(result: Result<T, Error>) -> Self {
        match result {
            Ok(response) => response.into(),
            Err(error) => MockResponse::error(error),
        }
    }
}

impl From<Fault> for MockResponse {
    /// Lets this go wrong; a fault of the body, in one that is empty.
    fn from(fault: Fault) -> Self {
        MockResponse::default().fault(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::play::Asked;
    use super::*;
    use crate::request::Request;

    fn shown(response: impl Into<MockResponse>) -> String {
        let request = Request::new(http::Method::GET, "http://h.test/").unwrap();
        let asked = Asked::new(&request, Instant::now());
        match response.into().answer(&asked) {
            Ok(response) => {
                let mut headers = response.headers().clone();
                headers.remove("content-length");
                let content = response.content().unwrap();
                let content = String::from_utf8_lossy(&content).into_owned();
                format!("{} {headers:?} {content}", response.status().as_u16())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn statuses_bodies_headers_and_errors_are_answers() {
        let map = HeaderMap::from_iter([(
            HeaderName::from_static("x-a"),
            HeaderValue::from_static("1"),
        )]);
        let http = || http::Response::builder().status(201).header("x-a", "1");
        let x = r#"{"x-a": "1"}"#;
        let cases = [
            (shown(404), "404 {} ".to_owned()),
            (shown(StatusCode::NOT_FOUND), "404 {} ".to_owned()),
            (shown(()), "200 {} ".to_owned()),
            (shown("text"), "200 {} text".to_owned()),
            (shown("text".to_owned()), "200 {} text".to_owned()),
            (shown(Cow::Borrowed("text")), "200 {} text".to_owned()),
            (shown(b"bytes"), "200 {} bytes".to_owned()),
            (shown(b"bytes".to_vec()), "200 {} bytes".to_owned()),
            (
                shown(Bytes::from_static(b"bytes")),
                "200 {} bytes".to_owned(),
            ),
            (shown(Body::from("body")), "200 {} body".to_owned()),
            (shown((201, "made")), "201 {} made".to_owned()),
            (shown((201, ())), "201 {} ".to_owned()),
            (
                shown((StatusCode::CREATED, "made")),
                "201 {} made".to_owned(),
            ),
            (
                shown((201, [("x-a", "1")], "made")),
                format!("201 {x} made"),
            ),
            (
                shown((201, vec![("x-a", "1")], "made")),
                format!("201 {x} made"),
            ),
            (shown((201, map, "made")), format!("201 {x} made")),
            (shown(http().body("made").unwrap()), format!("201 {x} made")),
            (
                shown(Ok::<_, Error>((201, "made"))),
                "201 {} made".to_owned(),
            ),
            (
                shown(Err::<u16, _>(Error::other("no"))),
                "App: no".to_owned(),
            ),
            (shown(Error::other("no")), "App: no".to_owned()),
            (shown((999, "x")), "999 {} x".to_owned()),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_names_its_type() {
        let value = serde_json::json!({"a": 1});
        let typed = r#"{"content-type": "application/json"} {"a":1}"#;
        assert_eq!(shown(value.clone()), format!("200 {typed}"));
        assert_eq!(shown((201, value.clone())), format!("201 {typed}"));
        assert_eq!(
            shown((
                201,
                [("content-type", "application/problem+json")],
                value.clone()
            )),
            r#"201 {"content-type": "application/problem+json"} {"a":1}"#
        );
        assert_eq!(
            shown(MockResponse::new(200).json(&value)),
            format!("200 {typed}")
        );
    }
}
