//! A route: what it asks of a request, and how it answers.

use std::fmt::{self, Write};

use bytes::Bytes;
use http::Method;
use http::header::{HeaderName, HeaderValue};

use super::matcher::{Matcher, Pairs, Seen};
use super::path::{PathParams, PathPattern};
use super::reply::{IntoReply, MockReply};
use super::response::MockResponse;
use super::target;
use super::times::Times;
use crate::request::Request;

/// A route of a [`Mock`](super::Mock): conditions on a request, and the answers to it.
///
/// All conditions must hold. The path may have places: `{id}` stands for one segment or a part of one, `{*rest}` for all that is left, slashes
/// included, as does a last `*` without a name; `*` alone stands for every path. A query in it asks for those parameters, whatever others there are; a scheme and host ask for these:
/// `Route::get("https://api.example.org/users/{id}?full=1")`.
///
/// Without an answer the route gives an empty `200 OK`. What is wrong with a route is the error of every request to its mock.
///
/// ```
/// use dimorph::transport::{Mock, Route};
///
/// let mock = Mock::routes()
///     .route(Route::get("/users").query("page", "2").reply("page two").name("second page"))
///     .route(Route::post("/users").body_contains("Tom").replies([503, 201]).expect(2));
/// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
///
/// for status in [503, 201] {
///     let response = client.post("http://example.org/users").body("Tom").send()?;
///     assert_eq!(response.status(), status);
/// }
/// assert_eq!(mock.named("second page").count(), 0);
/// mock.assert_verified();
/// # Ok::<(), dimorph::Error>(())
/// ```
#[must_use]
pub struct Route {
    name: Option<String>,
    /// Method, path and what else was said, for messages.
    text: String,
    matchers: Vec<Matcher>,
    path: Option<PathPattern>,
    replies: Vec<MockReply>,
    repeats: bool,
    times: Option<usize>,
    expected: Option<Times>,
    problem: Option<String>,
}

macro_rules! by_method {
    ($($name:ident: $method:ident),+) => {$(
        #[doc = concat!("Makes a route for `", stringify!($method), "` and a path.")]
        pub fn $name(path: &str) -> Self {
            Route::new(Method::$method, path)
        }
    )+};
}

impl Route {
    /// Makes a route for a method and a path.
    pub fn new(method: Method, path: &str) -> Self {
        let mut route = Route::empty();
        let _ = write!(route.text, "{method} {}", target::shown(path));
        route.matchers.push(Matcher::Methods(vec![method]));
        route.at(path)
    }

    /// Makes a route for every method and a path.
    pub fn any(path: &str) -> Self {
        let mut route = Route::empty();
        let _ = write!(route.text, "any method {}", target::shown(path));
        route.at(path)
    }

    by_method!(
        get: GET, post: POST, put: PUT, patch: PATCH, delete: DELETE, head: HEAD, options: OPTIONS
    );

    fn empty() -> Self {
        Route {
            name: None,
            text: String::new(),
            matchers: Vec::new(),
            path: None,
            replies: Vec::new(),
            repeats: true,
            times: None,
            expected: None,
            problem: None,
        }
    }

    fn at(mut self, target: &str) -> Self {
        match target::conditions(target) {
            Ok((path, conditions)) => {
                self.path = Some(path);
                self.matchers.extend(conditions);
            }
            Err(problem) => self.problem = Some(problem),
        }
        self
    }

    fn with(mut self, matcher: Matcher) -> Self {
        self.matchers.push(matcher);
        self
    }

    /// Names the route, to be found by [`Mock::named`](super::Mock::named) and in messages.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Asks for a scheme: `http` or `https`.
    pub fn scheme(self, scheme: &str) -> Self {
        self.with(Matcher::Scheme(scheme.to_ascii_lowercase()))
    }

    /// Asks for a host; `*.example.org` stands for every host below.
    pub fn host(self, host: &str) -> Self {
        self.with(Matcher::Host(host.to_owned()))
    }

    /// Asks for a port, the scheme's own where the URL has none.
    pub fn port(self, port: u16) -> Self {
        self.with(Matcher::Port(port))
    }

    /// Asks for a parameter of the query, among others.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Matcher::Query(name.into(), value.into()))
    }

    /// Asks for a parameter of the query, whatever its value.
    pub fn has_query(self, name: impl Into<String>) -> Self {
        self.with(Matcher::HasQuery(name.into()))
    }

    /// Asks that a parameter of the query is not there.
    pub fn no_query(self, name: impl Into<String>) -> Self {
        self.with(Matcher::NoQuery(name.into()))
    }

    /// Asks for these parameters of the query and no others, in any order.
    ///
    /// ```
    /// use dimorph::transport::{Mock, Route};
    ///
    /// let route = Route::get("/search").whole_query([("q", "a b"), ("page", "2")]);
    /// let mock = Mock::routes().route(route);
    /// let client = dimorph::Client::builder().transport(mock).build()?;
    /// assert!(client.get("http://example.org/search?page=2&q=a+b").send().is_ok());
    /// assert!(client.get("http://example.org/search?q=a+b").send().is_err());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn whole_query<K, V>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.with(Matcher::WholeQuery(owned(pairs)))
    }

    /// Asks for a header of this value, among others of its name.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        match Request::parse_header(name, value) {
            Ok((name, value)) => self.with(Matcher::Header(name, value)),
            Err(error) => {
                self.problem = Some(error.message().to_owned());
                self
            }
        }
    }

    /// Asks for a header, whatever its value.
    pub fn has_header(self, name: &str) -> Self {
        self.named_header(name, Matcher::HasHeader)
    }

    /// Asks that a header is not there.
    pub fn no_header(self, name: &str) -> Self {
        self.named_header(name, Matcher::NoHeader)
    }

    fn named_header(mut self, name: &str, matcher: fn(HeaderName) -> Matcher) -> Self {
        match name.parse() {
            Ok(name) => self.with(matcher(name)),
            Err(_) => {
                self.problem = Some(format!("the header name {name:?} is not a token"));
                self
            }
        }
    }

    /// Asks for a cookie.
    pub fn cookie(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Matcher::Cookie(name.into(), value.into()))
    }

    /// Asks for a body of just these bytes. Of the body [`MockCall::content`](super::MockCall::content) can be seen.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.with(Matcher::Body(body.into()))
    }

    /// Asks for a body with this text in it.
    pub fn body_contains(self, text: impl Into<Bytes>) -> Self {
        self.with(Matcher::BodyContains(text.into()))
    }

    /// Asks for a form (`application/x-www-form-urlencoded`) of these fields and no others, in any order.
    pub fn form<K, V>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.with(Matcher::Form(owned(pairs)))
    }

    /// Asks for a body that is this JSON, however it is written.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.of_json(value, Matcher::Json)
    }

    /// Asks for a body of JSON that has at least this in it: objects may have more members, arrays not more items.
    ///
    /// ```
    /// use dimorph::transport::{Mock, Route};
    /// use serde_json::json;
    ///
    /// let route = Route::post("/users").json_contains(&json!({ "name": "Ada" }));
    /// let mock = Mock::routes().route(route);
    /// let client = dimorph::Client::builder().transport(mock).build()?;
    /// let user = json!({ "name": "Ada", "born": 1815 });
    /// assert!(client.post("http://example.org/users").json(user).send().is_ok());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[cfg(feature = "json")]
    pub fn json_contains<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.of_json(value, Matcher::JsonContains)
    }

    #[cfg(feature = "json")]
    fn of_json<T: serde::Serialize + ?Sized>(
        mut self,
        value: &T,
        matcher: fn(serde_json::Value) -> Matcher,
    ) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.with(matcher(value)),
            Err(error) => {
                self.problem = Some(format!("a condition does not serialize: {error}"));
                self
            }
        }
    }

    /// Asks whatever a closure asks.
    ///
    /// ```
    /// use dimorph::Request;
    /// use dimorph::transport::{Mock, Route};
    ///
    /// let long = |request: &Request| request.url().as_str().len() > 100;
    /// let mock = Mock::routes().route(Route::get("*").when(long).reply(414)).get("*", 200);
    /// let client = dimorph::Client::builder().transport(mock).build()?;
    /// let url = format!("http://example.org/{}", "a".repeat(100));
    /// assert_eq!(client.get(url).send()?.status(), 414);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn when(self, is_so: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.with(Matcher::When(Box::new(is_so)))
    }

    /// Sets the answer: anything that is `Into<MockResponse>`, or a closure `Fn(&Request) -> R` or `Fn(&Request, &PathParams) -> R`.
    pub fn reply<M>(mut self, reply: impl IntoReply<M>) -> Self {
        self.replies = vec![reply.into_reply()];
        self
    }

    /// Adds an answer behind those there are: each call gets the next one, and the last one goes on.
    ///
    /// ```
    /// use dimorph::transport::{Fault, Mock, Route};
    ///
    /// let route = Route::get("/job").reply(202).then(Fault::Disconnect).then((200, "done"));
    /// let client = dimorph::Client::builder().transport(Mock::routes().route(route)).build()?;
    /// assert_eq!(client.get("http://example.org/job").send()?.status(), 202);
    /// assert!(client.get("http://example.org/job").send().is_err());
    /// assert_eq!(client.get("http://example.org/job").send()?.text()?, "done");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn then<M>(mut self, reply: impl IntoReply<M>) -> Self {
        self.replies.push(reply.into_reply());
        self
    }

    /// Sets the answers of the first calls, one each; the last one goes on, unless [`then_unmatched`](Route::then_unmatched).
    pub fn replies<T: Into<MockResponse>>(mut self, replies: impl IntoIterator<Item = T>) -> Self {
        let replies = replies.into_iter();
        self.replies = replies
            .map(|reply| MockReply::fixed(reply.into()))
            .collect();
        self
    }

    /// Ends with the last answer: the calls after it do not match.
    pub fn then_unmatched(mut self) -> Self {
        self.repeats = false;
        self
    }

    /// Sends what matches on to the transport beneath the mock; see [`Mock::pass_through`](super::Mock::pass_through).
    pub fn pass_through(mut self) -> Self {
        let passing = |_: &Request, _: &PathParams| MockResponse::pass_through();
        self.replies = vec![MockReply::called(passing)];
        self
    }

    /// Matches so often, and then no more.
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Notes how often it is to be called, for [`Mock::verify`](super::Mock::verify): a number or a range.
    pub fn expect(mut self, times: impl Into<Times>) -> Self {
        self.expected = Some(times.into());
        self
    }

    /// Notes how often it is to be called at least.
    pub fn expect_at_least(self, times: usize) -> Self {
        self.expect(times..)
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(super) fn known_as(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its name, or what it asks of method and path.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.text)
    }

    pub(super) fn expected(&self) -> Option<Times> {
        self.expected
    }

    /// How many calls it takes.
    pub(super) fn most(&self) -> usize {
        let answers = match self.repeats || self.replies.is_empty() {
            true => usize::MAX,
            false => self.replies.len(),
        };
        self.times.unwrap_or(usize::MAX).min(answers)
    }

    /// In what the request falls short.
    pub(super) fn mismatches(&self, seen: &Seen<'_>) -> Vec<String> {
        let all = self.matchers.iter();
        all.filter_map(|matcher| matcher.mismatch(seen)).collect()
    }

    /// Tells whether the request is this route's.
    pub(super) fn matches(&self, seen: &Seen<'_>) -> bool {
        let mut all = self.matchers.iter();
        all.all(|matcher| matcher.mismatch(seen).is_none())
    }

    pub(super) fn params(&self, seen: &Seen<'_>) -> PathParams {
        let path = self.path.as_ref();
        path.and_then(|path| seen.params(path)).unwrap_or_default()
    }

    /// The answer to the call of that number, counted from 0.
    pub(super) fn answer_to(&self, call: usize) -> Option<&MockReply> {
        self.replies.get(call).or_else(|| self.replies.last())
    }
}

fn owned<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Pairs {
    let pairs = pairs.into_iter();
    pairs.map(|(k, v)| (k.into(), v.into())).collect()
}

/// Method, path and name.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_route_is_kept() {
        let cases = [
            (Route::get("/{a"), "braces"),
            (Route::get("http://h.test:x/"), "port"),
            (Route::get("/").header("a b", "c"), "token"),
            (Route::get("/").header("a", "b\n"), "forbidden"),
            (Route::get("/").has_header(""), "token"),
        ];
        for (route, expected) in cases {
            let problem = route.problem().unwrap();
            assert!(problem.contains(expected), "{route}: {problem}");
        }
    }

    #[test]
    fn limits_of_times_and_answers_add_up() {
        let cases = [
            (Route::get("/"), usize::MAX),
            (Route::get("/").replies([1, 2]), usize::MAX),
            (Route::get("/").replies([1, 2]).then_unmatched(), 2),
            (Route::get("/").then_unmatched(), usize::MAX),
            (Route::get("/").times(3), 3),
            (Route::get("/").replies([1, 2]).then_unmatched().times(1), 1),
            (Route::get("/").reply(1).then(2).then(3).then_unmatched(), 3),
        ];
        for (number, (route, expected)) in cases.into_iter().enumerate() {
            assert_eq!(route.most(), expected, "case {number}");
        }
    }
}
