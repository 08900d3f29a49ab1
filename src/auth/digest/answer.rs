//! The answer to a challenge: the `authorization` field (RFC 7616 section 3.4).

use http::HeaderValue;

use super::algorithm::Hash;
use super::challenge::{Challenge, Qop};
use crate::error::{Error, ErrorKind, Phase, Result};

/// Who asks.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: Box<str>,
    pub(super) password: Box<str>,
}

/// What of the request is signed.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// The request target, as on the wire.
    pub(super) uri: &'a str,
    /// The body, where it is in memory.
    pub(super) content: Option<&'a [u8]>,
}

/// A challenge, with what the client adds to it for one request.
pub(super) struct Turn<'a> {
    pub(super) challenge: &'a Challenge,
    /// How many requests were signed with the nonce, this one included.
    pub(super) count: u32,
    pub(super) cnonce: &'a str,
}

impl Turn<'_> {
    /// Writes the field in the order of HTTPX.
    ///
    /// # Errors
    /// `LocalProtocolError` where a body has to be signed that is not in memory, or the user name cannot stand in a header.
    pub(super) fn authorization(
        &self,
        credentials: &Credentials,
        signed: Signed<'_>,
    ) -> Result<HeaderValue> {
        let challenge = self.challenge;
        let mut field = b"Digest ".to_vec();
        self.push_username(&mut field, &credentials.username);
        push_quoted(&mut field, ", realm=", &challenge.realm);
        push_quoted(&mut field, ", nonce=", &challenge.nonce);
        push_quoted(&mut field, ", uri=", signed.uri.as_bytes());
        let response = self.response(credentials, signed)?;
        push_quoted(&mut field, ", response=", response.as_bytes());
        field.extend(b", algorithm=");
        field.extend(challenge.algorithm_name.as_bytes());
        if let Some(opaque) = &challenge.opaque {
            push_quoted(&mut field, ", opaque=", opaque);
        }
        if let Some(qop) = challenge.qop {
            field.extend(format!(", qop={}, nc={:08x}", qop.name(), self.count).bytes());
            push_quoted(&mut field, ", cnonce=", self.cnonce.as_bytes());
        }
        if challenge.userhash {
            field.extend(b", userhash=true");
        }
        let mut value = HeaderValue::from_bytes(&field).map_err(|_| {
            local("the user name of digest authentication may hold no control character")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// RFC 7616 section 3.4.4. Names beyond ASCII go as `username*` where the server has said that it reads UTF-8.
    fn push_username(&self, field: &mut Vec<u8>, username: &str) {
        let challenge = self.challenge;
        if challenge.userhash {
            let hash = challenge.algorithm.hash;
            let hashed = hash.of(&[username.as_bytes(), &challenge.realm]);
            push_quoted(field, "username=", hashed.as_bytes());
        } else if challenge.utf8 && !username.is_ascii() {
            field.extend(b"username*=UTF-8''");
            push_percent_encoded(field, username);
        } else {
            push_quoted(field, "username=", username.as_bytes());
        }
    }

    /// RFC 7616 sections 3.4.1 to 3.4.3; without `qop` RFC 2069 section 2.1.2.
    fn response(&self, credentials: &Credentials, signed: Signed<'_>) -> Result<String> {
        let Turn {
            challenge, cnonce, ..
        } = *self;
        let hash = challenge.algorithm.hash;
        let nonce = &*challenge.nonce;
        let a1 = hash.of(&[
            credentials.username.as_bytes(),
            &challenge.realm,
            credentials.password.as_bytes(),
        ]);
        let a1 = match challenge.algorithm.session {
            true => hash.of(&[a1.as_bytes(), nonce, cnonce.as_bytes()]),
            false => a1,
        };
        let a2 = a2(hash, challenge.qop, signed)?;
        let Some(qop) = challenge.qop else {
            return Ok(hash.of(&[a1.as_bytes(), nonce, a2.as_bytes()]));
        };
        Ok(hash.of(&[
            a1.as_bytes(),
            nonce,
            format!("{:08x}", self.count).as_bytes(),
            cnonce.as_bytes(),
            qop.name().as_bytes(),
            a2.as_bytes(),
        ]))
    }
}

fn a2(hash: Hash, qop: Option<Qop>, signed: Signed<'_>) -> Result<String> {
    let (method, uri) = (signed.method.as_bytes(), signed.uri.as_bytes());
    if qop != Some(Qop::AuthInt) {
        return Ok(hash.of(&[method, uri]));
    }
    let content = signed.content.ok_or_else(|| {
        local("the server wants digest authentication to sign the body (qop auth-int), and the body is not in memory")
    })?;
    Ok(hash.of(&[method, uri, hash.of(&[content]).as_bytes()]))
}

impl Qop {
    fn name(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }
}

/// Appends a quoted string (RFC 9110 section 5.6.4).
fn push_quoted(field: &mut Vec<u8>, name: &str, value: &[u8]) {
    field.extend(name.as_bytes());
    field.push(b'"');
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            field.push(b'\\');
        }
        field.push(byte);
    }
    field.push(b'"');
}

/// Appends the value of a parameter with `*` (RFC 8187 section 3.2.1).
fn push_percent_encoded(field: &mut Vec<u8>, value: &str) {
    for &byte in value.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            field.push(byte);
        } else {
            field.extend(format!("%{byte:02X}").bytes());
        }
    }
}

fn local(why: &'static str) -> Error {
    Error::new(ErrorKind::LocalProtocolError, why).in_phase(Phase::Auth)
}
