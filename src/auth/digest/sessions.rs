//! Challenges that were answered, for signing the next request before it is asked for (RFC 7616 section 3.6).

use std::sync::Arc;

use url::Origin;

use super::challenge::Challenge;

/// The sessions with each origin, the one used last at the end.
#[derive(Default)]
pub(super) struct Sessions(Vec<(Origin, Session)>);

struct Session {
    challenge: Arc<Challenge>,
    /// How many requests were signed with this nonce.
    count: u32,
    cnonce: Box<str>,
}

/// What one request is signed with.
pub(super) struct Ticket {
    pub(super) challenge: Arc<Challenge>,
    pub(super) count: u32,
    pub(super) cnonce: Box<str>,
}

impl Sessions {
    /// Takes up a new challenge. A nonce that is in use goes on counting: it may be known from a request that
    /// runs beside this one, and a count is used once.
    pub(super) fn begin(&mut self, origin: &Origin, challenge: Challenge, cnonce: &str) -> Ticket {
        let challenge = Arc::new(challenge);
        let session = match self.remove(origin) {
            Some(known) if known.challenge.nonce == challenge.nonce && known.count < u32::MAX => {
                Session { challenge, ..known }
            }
            _ => Session {
                challenge,
                count: 0,
                cnonce: cnonce.into(),
            },
        };
        if self.0.len() >= MAX_ORIGINS {
            self.0.remove(0);
        }
        self.sign(origin, session, cnonce)
    }

    /// Goes on with the origin's session, where there is one that `usable` accepts.
    pub(super) fn resume(
        &mut self,
        origin: &Origin,
        cnonce: &str,
        usable: impl FnOnce(&Challenge) -> bool,
    ) -> Option<Ticket> {
        let (_, session) = self.0.iter().find(|(known, _)| known == origin)?;
        // The count has eight digits; after them the server is asked for another nonce.
        if session.count == u32::MAX || !usable(&session.challenge) {
            return None;
        }
        let session = self.remove(origin)?;
        Some(self.sign(origin, session, cnonce))
    }

    /// Ends the session whose nonce was refused, unless a newer one has taken its place.
    pub(super) fn end(&mut self, origin: &Origin, nonce: &[u8]) {
        self.0
            .retain(|(known, session)| known != origin || *session.challenge.nonce != *nonce);
    }

    fn remove(&mut self, origin: &Origin) -> Option<Session> {
        let place = self.0.iter().position(|(known, _)| known == origin)?;
        Some(self.0.remove(place).1)
    }

    fn sign(&mut self, origin: &Origin, mut session: Session, cnonce: &str) -> Ticket {
        session.count += 1;
        // With `-sess`, the first client nonce is part of the key of the whole session (RFC 7616 section 3.4.2). Some
        // servers take the one of each request instead: they agree while it does not change.
        if !session.challenge.algorithm.session {
            session.cnonce = cnonce.into();
        }
        let ticket = Ticket {
            challenge: Arc::clone(&session.challenge),
            count: session.count,
            cnonce: session.cnonce.clone(),
        };
        self.0.push((origin.clone(), session));
        ticket
    }
}

/// How many origins are remembered.
pub(super) const MAX_ORIGINS: usize = 64;

#[cfg(test)]
mod tests {
    use http::header::WWW_AUTHENTICATE;
    use http::{HeaderMap, HeaderValue};
    use url::Url;

    use super::*;

    fn origin(n: usize) -> Origin {
        Url::parse(&format!("http://h.test:{}/", 8000 + n))
            .unwrap()
            .origin()
    }

    fn challenge(nonce: &str, algorithm: &str) -> Challenge {
        let field = format!("Digest realm=r, nonce={nonce}, algorithm={algorithm}, qop=auth");
        let field = HeaderValue::from_str(&field).unwrap();
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, field)]);
        Challenge::strongest(&headers).unwrap().unwrap()
    }

    fn count_of(ticket: Option<Ticket>) -> Option<u32> {
        ticket.map(|ticket| ticket.count)
    }

    #[test]
    fn a_nonce_is_counted_until_another_takes_its_place() {
        let mut sessions = Sessions::default();
        let here = origin(0);
        assert_eq!(count_of(sessions.resume(&here, "c", |_| true)), None);
        assert_eq!(sessions.begin(&here, challenge("n", "MD5"), "c").count, 1);
        assert_eq!(count_of(sessions.resume(&here, "c", |_| true)), Some(2));
        assert_eq!(count_of(sessions.resume(&here, "c", |_| false)), None);
        assert_eq!(sessions.begin(&here, challenge("n", "MD5"), "c").count, 3);
        assert_eq!(count_of(sessions.resume(&origin(1), "c", |_| true)), None);
        assert_eq!(sessions.begin(&here, challenge("m", "MD5"), "c").count, 1);
        sessions.end(&here, b"n");
        assert_eq!(count_of(sessions.resume(&here, "c", |_| true)), Some(2));
        sessions.end(&here, b"m");
        assert_eq!(count_of(sessions.resume(&here, "c", |_| true)), None);
    }

    #[test]
    fn a_session_keeps_its_client_nonce_with_sess_only() {
        for (algorithm, expected) in [("MD5", "second"), ("MD5-sess", "first")] {
            let mut sessions = Sessions::default();
            sessions.begin(&origin(0), challenge("n", algorithm), "first");
            let ticket = sessions.resume(&origin(0), "second", |_| true).unwrap();
            assert_eq!(&*ticket.cnonce, expected, "{algorithm}");
        }
    }

    #[test]
    fn the_origin_used_longest_ago_is_forgotten() {
        let mut sessions = Sessions::default();
        for n in 0..MAX_ORIGINS {
            sessions.begin(&origin(n), challenge("n", "MD5"), "c");
        }
        sessions.resume(&origin(0), "c", |_| true).unwrap();
        sessions.begin(&origin(MAX_ORIGINS), challenge("n", "MD5"), "c");
        assert_eq!(sessions.0.len(), MAX_ORIGINS);
        assert_eq!(
            count_of(sessions.resume(&origin(0), "c", |_| true)),
            Some(3)
        );
        assert_eq!(count_of(sessions.resume(&origin(1), "c", |_| true)), None);
    }

    #[test]
    fn a_count_is_never_used_twice() {
        let mut sessions = Sessions::default();
        sessions.begin(&origin(0), challenge("n", "MD5"), "c");
        sessions.0[0].1.count = u32::MAX - 1;
        let last = sessions.resume(&origin(0), "c", |_| true);
        assert_eq!(count_of(last), Some(u32::MAX));
        assert_eq!(count_of(sessions.resume(&origin(0), "c", |_| true)), None);
    }
}
