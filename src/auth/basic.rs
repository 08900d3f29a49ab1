//! Basic (RFC 7617) and Bearer (RFC 6750): one header, known before the server is asked.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderValue};

use super::{Auth, AuthFlow};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;

/// The value of an `authorization` or `proxy-authorization` field: UTF-8 in base64.
///
/// # Errors
/// `LocalProtocolError` for what RFC 7617 section 2 excludes: a colon in the user name, control characters in either.
pub(crate) fn header(user: &str, password: &str) -> Result<HeaderValue> {
    let bad = |why| Err(Error::new(ErrorKind::LocalProtocolError, why).in_phase(Phase::Auth));
    if user.contains(':') {
        return bad("a user name with a colon cannot be sent by Basic authentication");
    }
    if user.chars().chain(password.chars()).any(char::is_control) {
        return bad("user name and password of Basic authentication may hold no control character");
    }
    let text = encode(user.as_bytes(), password.as_bytes());
    Ok(secret(&text).expect("base64 is made of visible characters"))
}

/// Scheme and credentials as the field's value has them.
pub(crate) fn encode(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode([user, b":", password].concat()))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends a user name and a password in clear (RFC 7617): HTTPX's `httpx.BasicAuth`. A pair given to `auth` means this.
///
/// ```
/// use dimorph::{BasicAuth, transport::Mock};
///
/// let client = dimorph::Client::builder()
///     .transport(Mock::routes().get("*", "hello"))
///     .build()?;
/// let response = client
///     .get("https://example.org/")
///     .auth(BasicAuth::new("user", "password"))
///     .send()?;
/// let sent = response.request().headers();
/// assert_eq!(sent["authorization"], "Basic dXNlcjpwYXNzd29yZA==");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct BasicAuth {
    user: Box<str>,
    password: Box<str>,
}

impl BasicAuth {
    /// Takes the credentials, which are sent as UTF-8. Control characters, and a colon in the user name, make the request fail with `LocalProtocolError`.
    pub fn new(user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        BasicAuth {
            user: user.as_ref().into(),
            password: password.as_ref().into(),
        }
    }
}

impl Auth for BasicAuth {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        authorized(request, header(&self.user, &self.password))
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Sends a token (RFC 6750); what `bearer_auth` makes.
///
/// ```
/// use dimorph::auth::BearerAuth;
/// use dimorph::transport::Mock;
///
/// let client = dimorph::Client::builder()
///     .transport(Mock::routes().get("*", "hello"))
///     .auth(BearerAuth::new("token"))
///     .build()?;
/// let response = client.get("https://example.org/").send()?;
/// assert_eq!(response.request().headers()["authorization"], "Bearer token");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct BearerAuth {
    token: Box<str>,
}

impl BearerAuth {
    /// Takes the token. Characters that no header value may hold make the request fail with `LocalProtocolError`.
    pub fn new(token: impl AsRef<str>) -> Self {
        BearerAuth {
            token: token.as_ref().into(),
        }
    }

    /// The value of the field.
    ///
    /// # Errors
    /// `LocalProtocolError` where there can be none.
    pub(crate) fn value(&self) -> Result<HeaderValue> {
        secret(&format!("Bearer {}", self.token)).ok_or_else(|| {
            Error::new(
                ErrorKind::LocalProtocolError,
                "the bearer token holds a character that no header may hold",
            )
            .in_phase(Phase::Auth)
        })
    }
}

impl Auth for BearerAuth {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        authorized(request, self.value())
    }
}

impl fmt::Debug for BearerAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerAuth")
    }
}

pub(super) fn authorized<'a>(mut request: Request, value: Result<HeaderValue>) -> AuthFlow<'a> {
    match value {
        Ok(value) => {
            request
                .request_headers_mut()
                .own_mut()
                .insert(AUTHORIZATION, value);
            AuthFlow::once(request)
        }
        Err(error) => AuthFlow::fail(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_utf8_in_base64() {
        let cases = [
            ("user", "password123", "Basic dXNlcjpwYXNzd29yZDEyMw=="),
            ("", "", "Basic Og=="),
            ("u", "p:q", "Basic dTpwOnE="),
            // RFC 7617 section 2.1
            ("test", "123\u{a3}", "Basic dGVzdDoxMjPCow=="),
        ];
        for (user, password, expected) in cases {
            let value = header(user, password).unwrap();
            assert_eq!(value, expected);
            assert!(value.is_sensitive());
        }
    }

    #[test]
    fn aut_04_what_rfc_7617_excludes_is_an_error() {
        for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "c\0"), ("a\u{85}", "c")] {
            let error = header(user, password).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
            assert!(!format!("{error} {error:?}").contains("a:b"));
        }
    }
}
