//! Which recorded exchange answers a request.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use url::Url;

use super::compare::{in_any_order, in_order, same_body, wild};
use super::recorded::Recorded;
use super::redact::Rules;
use crate::request::Request;

/// What a request and a recorded exchange are compared by.
///
/// Where the recorded side says `REDACTED`, anything fits.
///
/// ```
/// use dimorph::transport::{MatchOn, Replay};
///
/// let replay = Replay::parse(r#"{"log": {"entries": []}}"#)?
///     .match_on([MatchOn::Method, MatchOn::Path, MatchOn::QueryInAnyOrder]);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatchOn {
    /// The method.
    Method,
    /// `http` or `https`.
    Scheme,
    /// Host and port.
    Host,
    /// The path.
    Path,
    /// The parameters of the query, in order.
    Query,
    /// The parameters of the query, in any order and however they are encoded.
    QueryInAnyOrder,
    /// The body: its bytes, but for a multipart form's boundary.
    Body,
    /// All values of a header; one that neither side has is the same.
    Header(HeaderName),
}

type Predicate = Arc<dyn Fn(&Request, &Recorded) -> bool + Send + Sync>;

/// How requests are matched.
#[derive(Clone)]
pub(super) struct Matching {
    pub(super) on: Vec<MatchOn>,
    pub(super) predicates: Vec<Predicate>,
    /// An exchange answers again once all that match were used.
    pub(super) repeats: bool,
}

impl Matching {
    pub(super) fn strict() -> Matching {
        use MatchOn::{Body, Host, Method, Path, Query, Scheme};
        Matching {
            on: vec![Method, Scheme, Host, Path, Query, Body],
            predicates: Vec::new(),
            repeats: false,
        }
    }

    pub(super) fn lenient() -> Matching {
        use MatchOn::{Method, Path, QueryInAnyOrder};
        Matching {
            on: vec![Method, Path, QueryInAnyOrder],
            predicates: Vec::new(),
            repeats: true,
        }
    }

    /// Tells whether bodies are looked at.
    pub(super) fn wants_body(&self) -> bool {
        self.on.contains(&MatchOn::Body)
    }

    pub(super) fn fits(&self, recorded: &Recorded, request: &Request) -> bool {
        self.on.iter().all(|on| on.fits(recorded, request))
            && self.predicates.iter().all(|fits| fits(request, recorded))
    }

    /// What differs, in words; nothing secret by the rules. Empty: nothing does.
    pub(super) fn differences(
        &self,
        recorded: &Recorded,
        request: &Request,
        rules: &Rules,
    ) -> Vec<String> {
        let differing = self.on.iter().filter(|on| !on.fits(recorded, request));
        let mut found: Vec<_> = differing
            .map(|on| on.explain(recorded, request, rules))
            .collect();
        let refused = self
            .predicates
            .iter()
            .filter(|fits| !fits(request, recorded));
        found.extend(refused.map(|_| "a closure of `match_with` refuses it".to_owned()));
        found
    }
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matching")
            .field("on", &self.on)
            .field("predicates", &self.predicates.len())
            .field("repeats", &self.repeats)
            .finish()
    }
}

impl MatchOn {
    fn fits(&self, recorded: &Recorded, request: &Request) -> bool {
        let (old, new) = (&recorded.url, request.url());
        match self {
            MatchOn::Method => recorded.method == request.method(),
            MatchOn::Scheme => old.scheme() == new.scheme(),
            MatchOn::Host => {
                old.host() == new.host()
                    && old.port_or_known_default() == new.port_or_known_default()
            }
            MatchOn::Path => wild(old.path().as_bytes(), new.path().as_bytes()),
            MatchOn::Query => in_order(query(old), query(new)),
            MatchOn::QueryInAnyOrder => in_any_order(query(old), query(new)),
            MatchOn::Body => same_body(recorded, request),
            MatchOn::Header(name) => {
                let old = recorded.headers.get_all(name).iter();
                let mut new = request.headers().get_all(name).iter();
                old.into_iter().all(|value| {
                    new.next()
                        .is_some_and(|new| wild(value.as_bytes(), new.as_bytes()))
                }) && new.next().is_none()
            }
        }
    }

    fn explain(&self, recorded: &Recorded, request: &Request, rules: &Rules) -> String {
        let (old, new) = (&rules.url(&recorded.url), &rules.url(request.url()));
        let differ = |what: &str, old: &str, new: &str| {
            format!(
                "{what} is `{}`, recorded `{}`",
                shortened(new),
                shortened(old)
            )
        };
        match self {
            MatchOn::Method => differ(
                "the method",
                recorded.method.as_str(),
                request.method().as_str(),
            ),
            MatchOn::Scheme => differ("the scheme", old.scheme(), new.scheme()),
            MatchOn::Host => differ("the host", &authority(old), &authority(new)),
            MatchOn::Path => differ("the path", old.path(), new.path()),
            MatchOn::Query => differ("the query", query(old), query(new)),
            MatchOn::QueryInAnyOrder => differ("the query, in any order,", query(old), query(new)),
            MatchOn::Body => {
                let (old, new) = (&recorded.body[..], request.content().unwrap_or_default());
                let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
                format!(
                    "the body differs from byte {same} on ({} bytes, recorded {})",
                    new.len(),
                    old.len()
                )
            }
            MatchOn::Header(name) => format!("the header `{name}` differs"),
        }
    }
}

/// Cuts a text for a message.
fn shortened(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn query(url: &Url) -> &str {
    url.query().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Method;

    use super::*;

    fn request(url: &str, headers: &[(&'static str, &str)], body: &str) -> Request {
        let mut request = Request::new(Method::GET, url).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        *request.body_mut() = body.to_owned().into();
        request
    }

    fn recorded(url: &str, headers: &[(&'static str, &str)], body: &str) -> Recorded {
        Recorded::asked(&request(url, headers, body), Bytes::from(body.to_owned()))
    }

    #[test]
    fn strict_and_lenient_tell_urls_apart() {
        let cases = [
            (
                "http://h.test/p?a=1&b=2",
                "http://h.test/p?a=1&b=2",
                true,
                true,
            ),
            (
                "http://h.test/p?a=1&b=2",
                "http://h.test/p?b=2&a=1",
                false,
                true,
            ),
            (
                "http://h.test/p?a=1&a=1",
                "http://h.test/p?a=1",
                false,
                false,
            ),
            (
                "http://h.test/p?a=1",
                "http://h.test/p?a=1&a=1",
                false,
                false,
            ),
            ("http://h.test/p?a=1", "http://h.test/p?a=2", false, false),
            ("http://h.test/p", "http://h.test/p?", true, true),
            ("http://h.test/p", "http://h.test:80/p#f", true, true),
            ("http://h.test/p", "http://u:p@h.test/p", true, true),
            ("http://h.test/p", "http://h.test:81/p", false, true),
            ("http://h.test/p", "https://h.test/p", false, true),
            ("http://h.test/p", "http://g.test/p", false, true),
            ("http://h.test/p", "http://h.test/q", false, false),
            (
                "http://h.test/p?key=REDACTED&a=1&key=REDACTED",
                "http://h.test/p?key=1&a=1&key=1",
                true,
                true,
            ),
            (
                "http://h.test/p?a=1&key=REDACTED",
                "http://h.test/p?key=5&a=1",
                false,
                true,
            ),
            (
                "http://h.test/p?key=REDACTED&key=1",
                "http://h.test/p?key=1&key=2",
                false,
                true,
            ),
            (
                "http://h.test/p?a=b%20c",
                "http://h.test/p?a=b+c",
                false,
                true,
            ),
            (
                "http://h.test/p?a=1&key=REDACTED",
                "http://h.test/p?a=1",
                false,
                false,
            ),
        ];
        for (old, new, strict, lenient) in cases {
            let (old, new) = (recorded(old, &[], ""), request(new, &[], ""));
            for (matching, fits) in [(Matching::strict(), strict), (Matching::lenient(), lenient)] {
                assert_eq!(
                    matching.fits(&old, &new),
                    fits,
                    "{old:?} {new:?} {matching:?}"
                );
                let differences = matching.differences(&old, &new, &Rules::default());
                assert_eq!(differences.is_empty(), fits, "{differences:?}");
            }
        }
    }

    #[test]
    fn bodies_are_compared_by_bytes_but_for_secrets_and_boundaries() {
        let json = "application/json";
        let form = |boundary: &str| format!("multipart/form-data; boundary={boundary}");
        let (one, two) = (form("11"), form("\"22\""));
        for (was, old, is, new, fits) in [
            ("text/plain", "a", "text/plain", "a", true),
            ("text/plain", "a", "text/plain", "b", false),
            (json, r#"{"a":1}"#, json, r#"{"a": 1}"#, false),
            (
                json,
                r#"{"password":"REDACTED","l":[1,"REDACTED"]}"#,
                json,
                r#"{"l": [1, {"x": 2}], "password": "p"}"#,
                true,
            ),
            (
                json,
                r#"{"password":"REDACTED","a":1}"#,
                json,
                r#"{"password": "p", "a": 2}"#,
                false,
            ),
            (
                "text/plain",
                "a=1&password=REDACTED",
                "text/plain",
                "a=1&password=p",
                true,
            ),
            (
                &one,
                "--11\r\nx\r\n--11--",
                &two,
                "--22\r\nx\r\n--22--",
                true,
            ),
            (
                &one,
                "--11\r\nx\r\n--11--",
                &two,
                "--22\r\ny\r\n--22--",
                false,
            ),
        ] {
            let old = recorded("http://h.test/", &[("content-type", was)], old);
            let new = request("http://h.test/", &[("content-type", is)], new);
            assert_eq!(Matching::strict().fits(&old, &new), fits, "{was} {old:?}");
        }
    }

    #[test]
    fn chosen_headers_are_compared_with_all_their_values() {
        let mut matching = Matching::strict();
        matching
            .on
            .push(MatchOn::Header(HeaderName::from_static("x-a")));
        for (old, new, fits) in [
            (&[][..], &[][..], true),
            (&[("x-a", "1")], &[("x-a", "1"), ("x-b", "2")], true),
            (&[("x-a", "1")], &[], false),
            (&[], &[("x-a", "1")], false),
            (
                &[("x-a", "1"), ("x-a", "2")],
                &[("x-a", "1"), ("x-a", "2")],
                true,
            ),
            (
                &[("x-a", "1"), ("x-a", "2")],
                &[("x-a", "2"), ("x-a", "1")],
                false,
            ),
            (&[("x-a", "REDACTED")], &[("x-a", "s")], true),
        ] {
            let (old, new) = (
                recorded("http://h.test/", old, ""),
                request("http://h.test/", new, ""),
            );
            assert_eq!(matching.fits(&old, &new), fits, "{old:?} {new:?}");
        }
    }

    #[test]
    fn differences_are_told_without_secrets() {
        let old = recorded("http://h.test/p?a=1", &[], "abc");
        let new = request("https://u:pw@g.test/q?a=2&token=t0ken", &[], "abd");
        let told = Matching::strict().differences(&old, &new, &Rules::default());
        assert_eq!(
            told,
            [
                "the scheme is `https`, recorded `http`",
                "the host is `g.test:443`, recorded `h.test:80`",
                "the path is `/q`, recorded `/p`",
                "the query is `a=2&token=REDACTED`, recorded `a=1`",
                "the body differs from byte 2 on (3 bytes, recorded 3)",
            ]
        );
    }
}
