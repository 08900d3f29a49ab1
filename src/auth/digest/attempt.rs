//! One call's requests: whether the first is signed, and whether a 401 is answered.

use http::StatusCode;
use http::header::AUTHORIZATION;
use url::{Position, Url};

use super::DigestAuth;
use super::answer::{Signed, Turn};
use super::challenge::{Challenge, Qop};
use super::sessions::Ticket;
use crate::auth::Response;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;

/// How often a 401 is answered in one place.
const MAX_ANSWERS: usize = 2;
/// To how many other places of its origin a call's redirects are followed with new signatures.
const MAX_MOVES: usize = 20;

/// The state of a call between its requests.
pub(super) struct Attempt<'a> {
    auth: &'a DigestAuth,
    /// The URL that the credentials were given for.
    given: Url,
    /// The request that was sent last.
    sent: Identity,
    /// The nonces that this call has signed with; the last one's signature is on the request sent last.
    used: Vec<Box<[u8]>>,
    answers: usize,
    moves: usize,
}

/// What tells one request from another that took its place by a redirect.
#[derive(PartialEq, Eq)]
struct Identity {
    method: http::Method,
    url: Box<str>,
}

impl Identity {
    fn of(request: &Request) -> Self {
        let url = request.url();
        let mut text = url.origin().ascii_serialization();
        text.push_str(target(url));
        Identity {
            method: request.method().clone(),
            url: text.into(),
        }
    }
}

impl<'a> Attempt<'a> {
    /// Signs the first request if the origin's challenge is known.
    pub(super) fn begin(auth: &'a DigestAuth, request: &mut Request) -> Result<Self> {
        let mut attempt = Attempt {
            auth,
            given: request.url().clone(),
            sent: Identity::of(request),
            used: Vec::new(),
            answers: 0,
            moves: 0,
        };
        // These credentials take the place of others (S12).
        if request.headers().contains_key(AUTHORIZATION) {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let cnonce = auth.fresh_cnonce()?;
        let in_memory = request.content().is_some();
        let usable = |challenge: &Challenge| in_memory || challenge.qop != Some(Qop::AuthInt);
        let known = auth
            .sessions()
            .resume(&attempt.given.origin(), &cnonce, usable);
        if let Some(ticket) = known {
            attempt.sign(request, &ticket)?;
        }
        Ok(attempt)
    }

    /// Decides what comes after a response: the same request, signed, or nothing. `spare` is a clone of the request that was sent.
    ///
    /// # Errors
    /// `RemoteProtocolError` for a malformed challenge, `BodyNotReplayable` and `LocalProtocolError` where it cannot be answered.
    pub(super) fn next(
        &mut self,
        response: &Response,
        spare: Result<Request>,
    ) -> Result<Option<Request>> {
        let answered = response.request();
        if response.status() != StatusCode::UNAUTHORIZED || !self.may_answer(response.url()) {
            return Ok(None);
        }
        let in_context = |error: Error| error.with_url(response.url());
        let Some(challenge) = Challenge::strongest(response.headers()).map_err(in_context)? else {
            return Ok(None);
        };
        // A redirect takes the signature off, even one that leads back to the same place.
        let bare = !self.used.is_empty() && !answered.headers().contains_key(AUTHORIZATION);
        let moved = bare || self.sent != Identity::of(answered);
        if moved {
            self.answers = 0;
            self.moves += 1;
        }
        if !self.is_worth_an_answer(&challenge, moved) {
            if let Some(refused) = self.used.last() {
                let origin = response.url().origin();
                self.auth.sessions().end(&origin, refused);
            }
            return Ok(None);
        }
        let again = if moved { answered.try_clone() } else { spare };
        let mut again = again.map_err(|error| in_context(not_replayable(error)))?;
        let cnonce = self.auth.fresh_cnonce()?;
        let origin = again.url().origin();
        let ticket = self.auth.sessions().begin(&origin, challenge, &cnonce);
        self.sign(&mut again, &ticket).map_err(in_context)?;
        self.answers += 1;
        Ok(Some(again))
    }

    /// Credentials stay with their origin (S12).
    fn may_answer(&self, url: &Url) -> bool {
        let default_port = |url: &Url, scheme| url.scheme() == scheme && url.port().is_none();
        url.origin() == self.given.origin()
            || (url.host_str() == self.given.host_str()
                && default_port(&self.given, "http")
                && default_port(url, "https"))
    }

    /// Tells a 401 that asks for credentials from one that refuses them: that one is the caller's.
    ///
    /// `moved`: a redirect led to another request than the one sent.
    fn is_worth_an_answer(&self, challenge: &Challenge, moved: bool) -> bool {
        if self.answers >= MAX_ANSWERS || self.moves > MAX_MOVES {
            return false;
        }
        // Not signed at all, or for another request: whether the credentials are right is not said yet.
        if self.used.is_empty() || moved {
            return true;
        }
        // Nor is it where the nonce may have met its end.
        let too_old = self.answers == 0 || challenge.stale;
        too_old && !self.used.contains(&challenge.nonce)
    }

    fn sign(&mut self, request: &mut Request, ticket: &Ticket) -> Result<()> {
        let turn = Turn {
            challenge: &ticket.challenge,
            count: ticket.count,
            cnonce: &ticket.cnonce,
        };
        let signed = Signed {
            method: request.method().as_str(),
            uri: target(request.url()),
            content: request.content(),
        };
        let value = turn.authorization(&self.auth.credentials, signed)?;
        request.headers_mut().insert(AUTHORIZATION, value);
        self.used.push(ticket.challenge.nonce.clone());
        self.sent = Identity::of(request);
        Ok(())
    }
}

/// The request target in origin-form (RFC 9112 section 3.2.1), as it goes over the wire.
fn target(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

fn not_replayable(error: Error) -> Error {
    Error::new(
        ErrorKind::BodyNotReplayable,
        "digest authentication has to send the request again, and its body is a reader or stream, which can be sent once",
    )
    .with_source(error)
    .in_phase(Phase::Auth)
}
