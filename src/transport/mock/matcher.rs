//! What a route asks of a request, and in which point one falls short.

use std::cell::OnceCell;

use bytes::Bytes;
use http::Method;
use http::header::{COOKIE, HeaderName, HeaderValue};
use url::form_urlencoded;

use super::calls::snapshot;
use super::path::{PathParams, PathPattern};
use crate::headers::{is_secret, shown_value};
use crate::request::Request;

/// One condition.
pub(super) enum Matcher {
    Methods(Vec<Method>),
    Scheme(String),
    /// Exact, or `*.` before what it ends in.
    Host(String),
    Port(u16),
    Path(PathPattern),
    Query(String, String),
    HasQuery(String),
    NoQuery(String),
    /// All of the query, in any order.
    WholeQuery(Pairs),
    Header(HeaderName, HeaderValue),
    HasHeader(HeaderName),
    NoHeader(HeaderName),
    Cookie(String, String),
    Body(Bytes),
    BodyContains(Bytes),
    Form(Pairs),
    #[cfg(feature = "json")]
    Json(serde_json::Value),
    #[cfg(feature = "json")]
    JsonContains(serde_json::Value),
    When(Box<dyn Fn(&Request) -> bool + Send + Sync>),
}

pub(super) type Pairs = Vec<(String, String)>;

/// A request under inspection: what several routes want to know is found out once.
pub(super) struct Seen<'a> {
    request: &'a Request,
    query: OnceCell<Pairs>,
    body: OnceCell<Option<Bytes>>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Seen {
            request,
            query: OnceCell::new(),
            body: OnceCell::new(),
        }
    }

    fn query(&self) -> &[(String, String)] {
        self.query.get_or_init(|| {
            let pairs = self.request.url().query_pairs();
            pairs.map(|(k, v)| (k.into(), v.into())).collect()
        })
    }

    /// The body, where it can be seen without being used up.
    pub(super) fn body(&self) -> Option<&Bytes> {
        let body = self.body.get_or_init(|| snapshot(self.request.body()));
        body.as_ref()
    }

    /// Returns the path's parameters where it matches.
    pub(super) fn params(&self, pattern: &PathPattern) -> Option<PathParams> {
        pattern.matches(self.request.url().path())
    }
}

impl Matcher {
    /// Says why the request is not the one; `None`: it is.
    pub(super) fn mismatch(&self, seen: &Seen<'_>) -> Option<String> {
        let request = seen.request;
        let url = request.url();
        match self {
            Matcher::Methods(methods) => no(methods.contains(request.method()), || {
                format!("the method is {}", request.method())
            }),
            Matcher::Scheme(scheme) => no(url.scheme() == scheme, || {
                format!("the scheme is {}", url.scheme())
            }),
            Matcher::Host(wanted) => {
                let host = url.host_str().unwrap_or("");
                no(is_host(host, wanted), || format!("the host is {host}"))
            }
            Matcher::Port(port) => {
                let own = url.port_or_known_default();
                no(own == Some(*port), || {
                    format!("the port is {}", own.unwrap_or(0))
                })
            }
            Matcher::Path(pattern) => no(seen.params(pattern).is_some(), || {
                format!("the path is {}", url.path())
            }),
            Matcher::Query(name, value) => {
                let mut values = values(seen.query(), name).peekable();
                if values.peek().is_none() {
                    return Some(format!("there is no query parameter {name:?}"));
                }
                no(values.any(|own| own == value), || {
                    format!("the query parameter {name:?} is not {value:?}")
                })
            }
            Matcher::HasQuery(name) => {
                let found = values(seen.query(), name).next().is_some();
                no(found, || format!("there is no query parameter {name:?}"))
            }
            Matcher::NoQuery(name) => {
                let found = values(seen.query(), name).next().is_some();
                no(!found, || format!("there is a query parameter {name:?}"))
            }
            Matcher::WholeQuery(pairs) => no(same_pairs(seen.query(), pairs), || {
                "the query is another one".to_owned()
            }),
            Matcher::Header(name, value) => {
                if !request.headers().contains_key(name) {
                    return Some(format!("there is no header `{name}`"));
                }
                let mut own = request.headers().get_all(name).iter();
                no(own.any(|own| own == value), || {
                    match is_secret(name) || value.is_sensitive() {
                        true => format!("the header `{name}` has another value"),
                        false => format!("the header `{name}` is not {:?}", shown_value(value)),
                    }
                })
            }
            Matcher::HasHeader(name) => no(request.headers().contains_key(name), || {
                format!("there is no header `{name}`")
            }),
            Matcher::NoHeader(name) => no(!request.headers().contains_key(name), || {
                format!("there is a header `{name}`")
            }),
            Matcher::Cookie(name, value) => no(has_cookie(request, name, value), || {
                format!("there is no cookie {name:?} of that value")
            }),
            Matcher::Body(wanted) => {
                in_body(seen, |body| no(body == wanted, || differs(body, wanted)))
            }
            Matcher::BodyContains(part) => in_body(seen, |body| {
                let found = memchr::memmem::find(body, part).is_some();
                no(found, || "the body does not contain the text".to_owned())
            }),
            Matcher::Form(wanted) => in_body(seen, |body| {
                let own: Pairs = form_urlencoded::parse(body).into_owned().collect();
                no(same_pairs(&own, wanted), || {
                    "the form is another one".to_owned()
                })
            }),
            #[cfg(feature = "json")]
            Matcher::Json(wanted) => super::json::mismatch(seen, wanted, true),
            #[cfg(feature = "json")]
            Matcher::JsonContains(wanted) => super::json::mismatch(seen, wanted, false),
            Matcher::When(is_so) => no(is_so(request), || "the condition does not hold".to_owned()),
        }
    }
}

fn no(holds: bool, why: impl FnOnce() -> String) -> Option<String> {
    (!holds).then(why)
}

/// Asks something of the body, where it can be seen.
pub(super) fn in_body(
    seen: &Seen<'_>,
    mismatch: impl FnOnce(&Bytes) -> Option<String>,
) -> Option<String> {
    match seen.body() {
        Some(body) => mismatch(body),
        None => Some("the body is a reader or stream, or too large to look at".to_owned()),
    }
}

/// The first place in which two bodies differ; what they say is not shown.
fn differs(body: &[u8], wanted: &[u8]) -> String {
    let same = body.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let (length, expected) = (body.len(), wanted.len());
    format!("the body ({length} bytes, not {expected}) differs from byte {same} on")
}

fn is_host(host: &str, wanted: &str) -> bool {
    match wanted.strip_prefix("*.") {
        Some(domain) => {
            let split = host.len().checked_sub(domain.len() + 1);
            split.is_some_and(|at| {
                at > 0
                    && host.as_bytes()[at] == b'.'
                    && host.as_bytes()[at + 1..].eq_ignore_ascii_case(domain.as_bytes())
            })
        }
        None => host.eq_ignore_ascii_case(wanted),
    }
}

fn values<'a>(pairs: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a String> {
    pairs
        .iter()
        .filter(move |(key, _)| key == name)
        .map(|(_, value)| value)
}

fn same_pairs(own: &[(String, String)], wanted: &[(String, String)]) -> bool {
    let sorted = |pairs: &[(String, String)]| {
        let mut pairs = pairs.to_vec();
        pairs.sort_unstable();
        pairs
    };
    own.len() == wanted.len() && sorted(own) == sorted(wanted)
}

fn has_cookie(request: &Request, name: &str, value: &str) -> bool {
    let fields = request.headers().get_all(COOKIE).iter();
    let mut pairs = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|pair| pair == (name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;

    fn request() -> Request {
        let url = "https://api.example.org:8443/users/7?page=2&tag=a&tag=b%20c";
        let mut request = Request::new(Method::POST, url).unwrap();
        let headers = request.headers_mut();
        headers.insert("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        headers.insert("authorization", "Bearer s3cret".parse().unwrap());
        headers.insert("cookie", "sid=s3cret; theme=dark".parse().unwrap());
        request.set_body(Body::from("name=Tom+J&age=7"));
        request
    }

    fn header(name: &'static str, value: &'static str) -> Matcher {
        Matcher::Header(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    }

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        let owned = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        owned.collect()
    }

    #[test]
    fn each_condition_holds_or_says_why_not() {
        use Matcher::*;
        let text = str::to_owned;
        let x_a = || HeaderName::from_static("x-a");
        let cases = [
            (Methods(vec![Method::GET, Method::POST]), None),
            (Methods(vec![Method::GET]), Some("the method is POST")),
            (Scheme(text("https")), None),
            (Scheme(text("http")), Some("the scheme is https")),
            (Host(text("API.example.org")), None),
            (Host(text("*.example.org")), None),
            (
                Host(text("*.api.example.org")),
                Some("the host is api.example.org"),
            ),
            (
                Host(text("*.xample.org")),
                Some("the host is api.example.org"),
            ),
            (
                Host(text("example.org")),
                Some("the host is api.example.org"),
            ),
            (Port(8443), None),
            (Port(443), Some("the port is 8443")),
            (Path(PathPattern::parse("/users/{id}").unwrap()), None),
            (
                Path(PathPattern::parse("/users").unwrap()),
                Some("the path is /users/7"),
            ),
            (Query(text("page"), text("2")), None),
            (Query(text("tag"), text("b c")), None),
            (
                Query(text("page"), text("3")),
                Some(r#"the query parameter "page" is not "3""#),
            ),
            (
                Query(text("no"), text("3")),
                Some(r#"there is no query parameter "no""#),
            ),
            (HasQuery(text("tag")), None),
            (
                HasQuery(text("no")),
                Some(r#"there is no query parameter "no""#),
            ),
            (NoQuery(text("no")), None),
            (
                NoQuery(text("tag")),
                Some(r#"there is a query parameter "tag""#),
            ),
            (
                WholeQuery(pairs(&[("tag", "b c"), ("page", "2"), ("tag", "a")])),
                None,
            ),
            (
                WholeQuery(pairs(&[("page", "2")])),
                Some("the query is another one"),
            ),
            (header("x-a", "2"), None),
            (header("x-a", "3"), Some(r#"the header `x-a` is not "3""#)),
            (header("x-b", "3"), Some("there is no header `x-b`")),
            (
                header("authorization", "Bearer 0ther"),
                Some("the header `authorization` has another value"),
            ),
            (HasHeader(x_a()), None),
            (NoHeader(x_a()), Some("there is a header `x-a`")),
            (Cookie(text("sid"), text("s3cret")), None),
            (
                Cookie(text("theme"), text("light")),
                Some(r#"there is no cookie "theme" of that value"#),
            ),
            (Body("name=Tom+J&age=7".into()), None),
            (
                Body("name=Tim".into()),
                Some("the body (16 bytes, not 8) differs from byte 6 on"),
            ),
            (BodyContains("Tom".into()), None),
            (
                BodyContains("Tim".into()),
                Some("the body does not contain the text"),
            ),
            (Form(pairs(&[("age", "7"), ("name", "Tom J")])), None),
            (
                Form(pairs(&[("age", "7")])),
                Some("the form is another one"),
            ),
            (
                When(Box::new(|request| request.url().path().len() == 8)),
                None,
            ),
            (
                When(Box::new(|_| false)),
                Some("the condition does not hold"),
            ),
        ];
        let request = request();
        let seen = Seen::new(&request);
        for (number, (matcher, expected)) in cases.iter().enumerate() {
            let found = matcher.mismatch(&seen);
            assert_eq!(found.as_deref(), *expected, "case {number}");
        }
    }

    #[test]
    fn readers_are_left_alone() {
        let mut request = request();
        request.set_body(Body::from_reader(&b"text"[..]));
        let seen = Seen::new(&request);
        let why = Matcher::BodyContains("text".into())
            .mismatch(&seen)
            .unwrap();
        assert!(why.contains("reader"), "{why}");
        assert!(format!("{:?}", request.body()).contains("reader"));
    }
}
