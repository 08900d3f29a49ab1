//! Digest (RFC 7616, and the older RFC 2617 and 2069): the password is proved, and never sent.
//!
//! `grammar` and `challenge` read what the server asks, `answer` writes the field, `sessions` remembers challenges, `attempt`
//! decides whether a 401 is answered.

mod algorithm;
mod answer;
mod attempt;
mod challenge;
mod grammar;
mod sessions;

#[cfg(test)]
mod flows;
#[cfg(test)]
mod vectors;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::answer::Credentials;
use self::attempt::Attempt;
use self::sessions::Sessions;
use super::{Auth, AuthFlow};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;

/// Proves a password without sending it (RFC 7616): HTTPX's `httpx.DigestAuth`.
///
/// The first request goes without credentials. Its 401 is answered by the same request, signed; later requests to the
/// same origin are signed at once, until the server wants another nonce. The strongest algorithm offered is taken, of SHA-512,
/// SHA-512-256, SHA-256, SHA and MD5, each with or without `-sess`. The `qop` is `auth`, else `auth-int` (which needs the body
/// in memory), or none where the server speaks RFC 2069. A 401 to a signed request is the response, unless it says
/// that no more than the nonce was too old; so a request is sent three times at most.
///
/// A challenge from another origin, behind a redirect, is not answered, but for that of `https` behind `http` on one
/// host and the default ports. Challenges are remembered for 64 origins, by all clones together.
///
/// # Errors
/// The request fails with `BodyNotReplayable` where a 401 is to be answered and the body is a reader or stream, with
/// `RemoteProtocolError` where the server's challenge is malformed, and with `LocalProtocolError` where the server wants the body
/// signed and it is not in memory, or the user name holds a control character.
///
/// ```
/// use dimorph::DigestAuth;
///
/// let auth = DigestAuth::new("user", "pass");
/// assert!(!format!("{auth:?}").contains("pass"));
/// ```
#[derive(Clone)]
pub struct DigestAuth {
    credentials: Credentials,
    cnonce: Option<Box<str>>,
    sessions: Arc<Mutex<Sessions>>,
}

impl DigestAuth {
    /// Takes the credentials, which are hashed and sent as UTF-8.
    ///
    /// A clone shares the challenges that were met; one value for a client, or for all requests, saves a round trip on each.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        DigestAuth {
            credentials: Credentials {
                username: username.into().into(),
                password: password.into().into(),
            },
            cnonce: None,
            sessions: Arc::default(),
        }
    }

    /// Fixes the client nonce, for test vectors: what is signed with it can be foretold.
    #[doc(hidden)]
    #[must_use]
    pub fn with_cnonce(self, cnonce: impl Into<String>) -> Self {
        DigestAuth {
            cnonce: Some(cnonce.into().into()),
            ..self
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's part of the hashed text, which no server can choose: 128 random bits.
    fn fresh_cnonce(&self) -> Result<Box<str>> {
        if let Some(fixed) = &self.cnonce {
            return Ok(fixed.clone());
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(
                ErrorKind::LocalProtocolError,
                format!("no random bytes for digest authentication: {error}"),
            )
            .in_phase(Phase::Auth)
        })?;
        Ok(algorithm::hex(&bytes).into())
    }
}

impl Auth for DigestAuth {
    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let mut attempt = Attempt::begin(self, &mut request)?;
            loop {
                let spare = request.try_clone();
                let response = exchange.send(request).await?;
                match attempt.next(&response, spare)? {
                    Some(again) => request = again,
                    None => return Ok(()),
                }
            }
        })
    }
}

impl fmt::Debug for DigestAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestAuth")
            .field("username", &self.credentials.username)
            .finish_non_exhaustive()
    }
}
