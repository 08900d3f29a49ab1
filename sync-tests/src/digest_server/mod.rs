//! An origin that wants Digest credentials (RFC 7616), and checks them by code of its own.
//!
//! ```no_run
//! use sync_tests::DigestServer;
//! use sync_tests::digest_server::{Challenge, Verdict};
//!
//! let server = DigestServer::builder("Mufasa", "Circle of Life")
//!     .challenge(Challenge::new("SHA-256").qop("auth, auth-int").opaque("FQhe"))
//!     .challenge(Challenge::new("MD5"))
//!     .stale_after(2)
//!     .start();
//! // …
//! assert_eq!(server.ledger()[1].verdict, Verdict::Accepted);
//! assert_eq!(server.nc_values(), [1]);
//! ```

mod check;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

pub(crate) use self::check::hex;
use self::check::parse;
use crate::{Received, Reply, Server, Tls};

/// One Digest challenge.
#[derive(Debug, Clone)]
pub struct Challenge {
    algorithm: Option<String>,
    qop: Option<String>,
    opaque: Option<String>,
    userhash: bool,
    utf8: bool,
}

impl Challenge {
    /// Makes one that names this algorithm, with qop `auth`.
    pub fn new(algorithm: &str) -> Self {
        Challenge {
            algorithm: Some(algorithm.to_owned()),
            qop: Some("auth".to_owned()),
            opaque: None,
            userhash: false,
            utf8: false,
        }
    }

    /// Makes one as of RFC 2069: no algorithm, and no qop.
    pub fn rfc2069() -> Self {
        Challenge {
            algorithm: None,
            ..Challenge::new("").no_qop()
        }
    }

    /// Offers these qualities of protection, in one list.
    #[must_use]
    pub fn qop(mut self, list: &str) -> Self {
        self.qop = Some(list.to_owned());
        self
    }

    /// Offers no qop.
    #[must_use]
    pub fn no_qop(mut self) -> Self {
        self.qop = None;
        self
    }

    /// Wants this text back.
    #[must_use]
    pub fn opaque(mut self, opaque: &str) -> Self {
        self.opaque = Some(opaque.to_owned());
        self
    }

    /// Says that it knows hashed user names, and wants them.
    #[must_use]
    pub fn userhash(mut self) -> Self {
        self.userhash = true;
        self
    }

    /// Says that it wants UTF-8.
    #[must_use]
    pub fn utf8(mut self) -> Self {
        self.utf8 = true;
        self
    }

    fn name(&self) -> &str {
        self.algorithm.as_deref().unwrap_or("MD5")
    }

    fn text(&self, realm: &str, nonce: &str, stale: bool) -> String {
        let mut text = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"");
        if let Some(qop) = &self.qop {
            text += &format!(", qop=\"{qop}\"");
        }
        if let Some(algorithm) = &self.algorithm {
            text += &format!(", algorithm={algorithm}");
        }
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque=\"{opaque}\"");
        }
        if self.userhash {
            text += ", userhash=true";
        }
        if self.utf8 {
            text += ", charset=UTF-8";
        }
        if stale {
            text += ", stale=true";
        }
        text
    }
}

/// What was thought of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It had no credentials.
    Missing,
    /// The credentials were right.
    Accepted,
    /// The credentials were right, for a nonce that is used up.
    Stale,
    /// The credentials were wrong, for this reason.
    Refused(String),
}

/// One request of the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The request.
    pub request: Received,
    /// The parameters of its Digest credentials, without their quotes.
    pub fields: HashMap<String, String>,
    /// What was thought of them.
    pub verdict: Verdict,
}

impl Entry {
    /// Returns the count of uses that the client gave for its nonce.
    pub fn nc(&self) -> Option<u32> {
        u32::from_str_radix(self.fields.get("nc")?, 16).ok()
    }
}

type Answer = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// What a [`DigestServer`] is to do; made by [`DigestServer::builder`].
pub struct DigestBuilder {
    user: String,
    password: String,
    realm: String,
    challenges: Vec<Challenge>,
    others: Vec<String>,
    one_field: bool,
    nonces: Vec<String>,
    stale_after: Option<u32>,
    never: bool,
    always_stale: bool,
    cookies: Vec<String>,
    tls: Tls,
    answer: Answer,
}

impl DigestBuilder {
    /// Sets the realm. It is `users@test` by default.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm = realm.to_owned();
        self
    }

    /// Adds a challenge. Without any there is one: MD5 with qop `auth`.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// Adds a challenge of another scheme, in these words, before the Digest ones.
    #[must_use]
    pub fn other_scheme(mut self, challenge: &str) -> Self {
        self.others.push(challenge.to_owned());
        self
    }

    /// Puts all challenges into one field, with commas between.
    #[must_use]
    pub fn in_one_field(mut self) -> Self {
        self.one_field = true;
        self
    }

    /// Uses these nonces before it makes its own.
    #[must_use]
    pub fn nonces(mut self, nonces: &[&str]) -> Self {
        self.nonces = nonces.iter().rev().map(|&n| n.to_owned()).collect();
        self
    }

    /// Takes each nonce this many times; then it is stale, and another one is offered.
    #[must_use]
    pub fn stale_after(mut self, uses: u32) -> Self {
        self.stale_after = Some(uses);
        self
    }

    /// Answers 401 for ever, each time with another realm and nonce.
    #[must_use]
    pub fn never(mut self) -> Self {
        self.never = true;
        self
    }

    /// Answers 401 for ever, each time with another nonce, and calls the last one stale.
    #[must_use]
    pub fn always_stale(mut self) -> Self {
        self.always_stale = true;
        self
    }

    /// Sets a cookie with each 401.
    #[must_use]
    pub fn set_cookie(mut self, cookie: &str) -> Self {
        self.cookies.push(cookie.to_owned());
        self
    }

    /// Sets which connections are TLS. None, by default.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Answers so once the credentials are right. It is 200 with `welcome` by default.
    #[must_use]
    pub fn answer(mut self, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        self.answer = Box::new(answer);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> DigestServer {
        if self.challenges.is_empty() {
            self.challenges.push(Challenge::new("MD5"));
        }
        let state = Arc::new(Mutex::new(State {
            nonces: std::mem::take(&mut self.nonces),
            ..State::default()
        }));
        let server = Server::answering(self.tls.clone(), {
            let state = Arc::clone(&state);
            move |request| self.respond(request, &mut state.lock().unwrap())
        });
        DigestServer { server, state }
    }
}

#[derive(Default)]
struct State {
    ledger: Vec<Entry>,
    /// Those to be used first, last one first.
    nonces: Vec<String>,
    /// The values of nc seen, by nonce.
    seen: HashMap<String, Vec<u32>>,
    offers: usize,
}

/// The running server: a [`Server`] with a ledger.
pub struct DigestServer {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Deref for DigestServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DigestServer {
    /// Begins one that knows this user.
    pub fn builder(user: &str, password: &str) -> DigestBuilder {
        DigestBuilder {
            user: user.to_owned(),
            password: password.to_owned(),
            realm: "users@test".to_owned(),
            challenges: Vec::new(),
            others: Vec::new(),
            one_field: false,
            nonces: Vec::new(),
            stale_after: None,
            never: false,
            always_stale: false,
            cookies: Vec::new(),
            tls: Tls::Off,
            answer: Box::new(|_| Reply::ok("welcome")),
        }
    }

    /// Returns all requests, and what was thought of them.
    pub fn ledger(&self) -> Vec<Entry> {
        self.state.lock().unwrap().ledger.clone()
    }

    /// Returns what was thought of each request.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let state = self.state.lock().unwrap();
        state.ledger.iter().map(|e| e.verdict.clone()).collect()
    }

    /// Returns the counts that the requests gave, in their order; those without are left out.
    pub fn nc_values(&self) -> Vec<u32> {
        let state = self.state.lock().unwrap();
        state.ledger.iter().filter_map(Entry::nc).collect()
    }
}

impl DigestBuilder {
    fn respond(&self, request: &Received, state: &mut State) -> Reply {
        let parsed = request.header("authorization").map(parse);
        let (fields, verdict) = match parsed {
            None => (HashMap::new(), Verdict::Missing),
            Some(Err(reason)) => (HashMap::new(), Verdict::Refused(reason)),
            Some(Ok(fields)) => {
                let verdict = match self.check(request, &fields, state) {
                    Ok(verdict) => verdict,
                    Err(reason) => Verdict::Refused(reason),
                };
                (fields, verdict)
            }
        };
        state.ledger.push(Entry {
            request: request.clone(),
            fields,
            verdict: verdict.clone(),
        });
        match verdict {
            Verdict::Accepted if !self.never && !self.always_stale => (self.answer)(request),
            verdict => self.refuse(verdict, state),
        }
    }

    /// The realm of the latest offer.
    fn realm_now(&self, state: &State) -> String {
        match self.never {
            true => format!("{} {}", self.realm, state.offers),
            false => self.realm.clone(),
        }
    }

    fn refuse(&self, verdict: Verdict, state: &mut State) -> Reply {
        state.offers += 1;
        let nonce = state.nonces.pop().unwrap_or_else(|| {
            hex(&Sha256::digest(format!("nonce {}", state.offers)))[..32].into()
        });
        state.seen.insert(nonce.clone(), Vec::new());
        let stale =
            verdict == Verdict::Stale || (self.always_stale && verdict == Verdict::Accepted);
        let realm = self.realm_now(state);
        let digests = self
            .challenges
            .iter()
            .map(|challenge| challenge.text(&realm, &nonce, stale));
        let mut all: Vec<String> = self.others.iter().cloned().chain(digests).collect();
        if self.one_field {
            all = vec![all.join(", ")];
        }
        let reply = Reply::status(401).body("who are you?");
        let reply = all.iter().fold(reply, |reply, challenge| {
            reply.header("www-authenticate", challenge)
        });
        self.cookies
            .iter()
            .fold(reply, |reply, cookie| reply.header("set-cookie", cookie))
    }
}
