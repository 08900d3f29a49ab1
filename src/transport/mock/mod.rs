//! Mocks: answers without a network, for tests, in both clients.
//!
//! ```text
//!   request ─ table.rs: the first route whose conditions hold ─ reply.rs: its next answer ─┐
//!              │ none                                                                      │
//!              └─ the fallback; without one, an error that tells what nearly matched       │
//!                                                                                          │
//!   play.rs: delay, fault, head, body ◀────────────────────────────────────────────────────┘
//! ```

mod calls;
mod convert;
mod fault;
#[cfg(feature = "json")]
mod json;
mod matcher;
mod named;
mod path;
mod play;
mod reply;
mod response;
mod route;
mod table;
mod target;
mod times;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;

pub use self::calls::MockCall;
pub use self::convert::{MockBody, MockHeaders};
pub use self::fault::Fault;
pub use self::named::{MockGuard, MockRoute};
pub use self::path::PathParams;
pub use self::reply::{IntoReply, MockReply};
pub use self::response::MockResponse;
pub use self::route::Route;
pub use self::times::Times;

use self::calls::Log;
use self::matcher::Seen;
use self::play::Asked;
use self::table::Entry;
use super::{Handled, Handler, Handling, Next};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;

/// A transport that answers by a closure or a table of routes, and keeps what it was asked: httpx's `MockTransport`, with routes.
///
/// It serves both clients. Clones share routes, calls and counts, so that a test keeps one and gives the other away. Cookies, redirects,
/// authentication and content codings work as over the network, since they are the client's.
///
/// ```
/// use dimorph::transport::{Mock, PathParams};
/// use dimorph::{Client, Request};
///
/// let client = Client::builder().transport(Mock::new(|request: &Request| {
///     (200, format!("hello from {}", request.url().path()))
/// })).build()?;
/// assert_eq!(client.get("http://example.org/x").send()?.text()?, "hello from /x");
///
/// let mock = Mock::routes()
///     .get("/users/{id}", |_: &Request, params: &PathParams| format!("user {}", &params["id"]))
///     .post("/users", (201, [("location", "/users/7")], "made"));
/// let client = Client::builder()
///     .transport(mock.clone())
///     .base_url("http://example.org")
///     .build()?;
/// client.post("/users").body("Tom").send()?;
/// assert_eq!(client.get("/users/7").send()?.text()?, "user 7");
/// assert_eq!(mock.calls()[0].text().as_deref(), Some("Tom"));
/// mock.assert_all_called();
/// # Ok::<(), dimorph::Error>(())
/// ```
///
#[cfg_attr(
    feature = "async",
    doc = "The async client takes it just so:

```
# #[tokio::main(flavor = \"current_thread\")]
# async fn main() -> dimorph::Result<()> {
use dimorph::AsyncClient;
use dimorph::transport::{Fault, Mock, Route};

let mock = Mock::routes().route(Route::get(\"/flaky\").reply(Fault::ConnectTimeout).then(\"well\"));
let client = AsyncClient::builder().transport(mock.clone()).base_url(\"http://example.org\").build()?;
assert!(client.get(\"/flaky\").send().await.unwrap_err().is_timeout());
assert_eq!(client.get(\"/flaky\").send().await?.text().await?, \"well\");
mock.assert_count(2);
# Ok(())
# }
```"
)]
///
/// A request that no route takes is answered by the [fallback](Mock::fallback); without one it is an error of kind `App` that names the routes
/// which came near, and in what the request fell short of each.
#[derive(Clone)]
pub struct Mock {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Mutex<Vec<Arc<Entry>>>,
    fallback: Mutex<Option<Arc<MockReply>>>,
    log: Mutex<Log>,
}

macro_rules! by_method {
    ($($name:ident: $method:ident),+) => {$(
        #[doc = concat!("Answers `", stringify!($method), "` of a path; see [`Route`] for what a path may say.")]
        #[must_use]
        pub fn $name<M>(self, path: &str, reply: impl IntoReply<M>) -> Self {
            self.on(Method::$method, path, reply)
        }
    )+};
}

impl Mock {
    /// Makes a mock that answers every request by a closure, which returns anything that is `Into<MockResponse>`.
    ///
    /// ```
    /// use dimorph::transport::Mock;
    /// use dimorph::{Client, Request};
    ///
    /// let client = Client::builder().transport(Mock::new(|request: &Request| {
    ///     match request.url().path() {
    ///         "/" => (200, "hello".to_owned()),
    ///         path => (404, format!("no {path} here")),
    ///     }
    /// })).build()?;
    /// assert_eq!(client.get("http://example.org/x").send()?.status(), 404);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new<R: Into<MockResponse>>(
        answer: impl Fn(&Request) -> R + Send + Sync + 'static,
    ) -> Self {
        Mock::routes().fallback(answer)
    }

    /// Makes a mock with an empty table of routes. A request that none takes is an error of kind `App`, which names those that came near.
    ///
    /// ```
    /// use dimorph::transport::Mock;
    ///
    /// let mock = Mock::routes().get("/users", "[]").post("/users", 201);
    /// let client = dimorph::Client::builder()
    ///     .transport(mock)
    ///     .base_url("http://example.org")
    ///     .build()?;
    /// assert_eq!(client.post("/users").send()?.status(), 201);
    /// assert!(client.delete("/users").send().is_err());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn routes() -> Self {
        Mock {
            inner: Arc::new(Inner {
                entries: Mutex::default(),
                fallback: Mutex::default(),
                log: Mutex::new(Log::new()),
            }),
        }
    }

    /// Answers a method of a path; see [`Route`] for what a path may say.
    ///
    /// The answer is anything that is `Into<MockResponse>`, or a closure `Fn(&Request) -> R` or `Fn(&Request, &PathParams) -> R`.
    #[must_use]
    pub fn on<M>(self, method: Method, path: &str, reply: impl IntoReply<M>) -> Self {
        self.route(Route::new(method, path).reply(reply))
    }

    /// Answers every method of a path.
    #[must_use]
    pub fn any<M>(self, path: &str, reply: impl IntoReply<M>) -> Self {
        self.route(Route::any(path).reply(reply))
    }

    by_method!(
        get: GET, post: POST, put: PUT, patch: PATCH, delete: DELETE, head: HEAD, options: OPTIONS
    );

    /// Adds a route behind those there are; the first that matches answers.
    #[must_use]
    pub fn route(self, route: Route) -> Self {
        self.add(route);
        self
    }

    /// Adds a route to a mock that is in use already.
    ///
    /// ```
    /// use dimorph::transport::{Mock, Route};
    ///
    /// let mock = Mock::routes();
    /// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
    /// mock.add(Route::get("/health").reply(503).name("down"));
    /// assert_eq!(client.get("http://example.org/health").send()?.status(), 503);
    /// assert!(mock.remove("down"));
    /// mock.add(Route::get("/health"));
    /// assert_eq!(client.get("http://example.org/health").send()?.status(), 200);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn add(&self, route: Route) {
        lock(&self.inner.entries).push(Arc::new(Entry::new(route)));
    }

    /// Removes the routes of a name; tells whether there were any.
    pub fn remove(&self, name: &str) -> bool {
        let mut entries = lock(&self.inner.entries);
        let before = entries.len();
        entries.retain(|entry| entry.route.known_as() != Some(name));
        entries.len() < before
    }

    /// Answers what no route takes.
    ///
    /// ```
    /// use dimorph::transport::Mock;
    ///
    /// let mock = Mock::routes().get("/", "hello").fallback((404, "nothing here"));
    /// let client = dimorph::Client::builder().transport(mock).build()?;
    /// assert_eq!(client.get("http://example.org/missing").send()?.status(), 404);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[must_use]
    pub fn fallback<M>(self, reply: impl IntoReply<M>) -> Self {
        *lock(&self.inner.fallback) = Some(Arc::new(reply.into_reply()));
        self
    }

    /// Sends what no route takes on to another transport: a client, for one, whose engine goes over the network.
    ///
    /// Single routes pass through by [`Route::pass_through`] or [`MockResponse::pass_through`]; a mock of which only those do is put
    /// over the other transport by [`Handler::over`].
    ///
    /// ```
    /// use dimorph::Client;
    /// use dimorph::transport::Mock;
    ///
    /// let mock = Mock::routes().get("http://payments.test/*", 503);
    /// let client = Client::builder().transport(mock.clone().pass_through(Client::new())).build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[must_use]
    pub fn pass_through<T>(self, beneath: T) -> Handled<Mock, T> {
        self.fallback(|_: &Request| MockResponse::pass_through())
            .over(beneath)
    }

    /// Sets how many calls are kept, the last ones. Default: 1,000. Of their bodies 64 MiB are kept. All are counted.
    #[must_use]
    pub fn keep_calls(self, most: usize) -> Self {
        {
            let mut log = lock(&self.inner.log);
            log.most = most;
            log.trim();
        }
        self
    }

    /// Returns how many requests there were.
    pub fn count(&self) -> usize {
        lock(&self.inner.log).count
    }

    /// Returns the requests, the first one first, as far as they are [kept](Mock::keep_calls).
    ///
    /// ```
    /// use dimorph::transport::Mock;
    ///
    /// let mock = Mock::routes().any("*", 204);
    /// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
    /// client.put("http://example.org/a").send()?;
    /// client.delete("http://example.org/b").send()?;
    /// let calls = mock.calls();
    /// let paths: Vec<&str> = calls.iter().map(|call| call.url().path()).collect();
    /// assert_eq!(paths, ["/a", "/b"]);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn calls(&self) -> Vec<MockCall> {
        lock(&self.inner.log).calls().cloned().collect()
    }

    /// Returns the last request.
    pub fn last_call(&self) -> Option<MockCall> {
        lock(&self.inner.log).calls().next_back().cloned()
    }

    /// Returns the route of a name, for its calls and counts.
    ///
    /// # Panics
    /// Where there is none of that name.
    #[track_caller]
    pub fn named(&self, name: &str) -> MockRoute {
        let entries = lock(&self.inner.entries).clone();
        let mut known = entries.iter();
        match known.find(|entry| entry.route.known_as() == Some(name)) {
            Some(entry) => MockRoute::new(self.clone(), Arc::clone(entry)),
            None => {
                let names = entries.iter().filter_map(|entry| entry.route.known_as());
                let names: Vec<_> = names.collect();
                panic!("the mock has no route named {name:?}, only {names:?}")
            }
        }
    }

    /// Forgets all calls and counts. Routes begin again with their first answer.
    pub fn reset(&self) {
        lock(&self.inner.log).forget();
        for entry in lock(&self.inner.entries).iter() {
            entry.forget();
        }
    }

    /// Checks that every route was called as often as [expected](Route::expect), and that no request was left without a route.
    ///
    /// # Errors
    /// A text with a line for each thing that is not so.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::transport::{Mock, Route};
    ///
    /// let mock = Mock::routes().route(Route::get("/health").expect(1..=2));
    /// assert!(mock.verify().is_err());
    /// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
    /// client.get("http://example.org/health").send()?;
    /// mock.verify().unwrap();
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn verify(&self) -> Result<(), String> {
        self.check(false)
    }

    /// As [`verify`](Mock::verify).
    ///
    /// # Panics
    /// Where something is not as expected.
    #[track_caller]
    pub fn assert_verified(&self) {
        if let Err(problems) = self.check(false) {
            panic!("{problems}");
        }
    }

    /// Checks what [`verify`](Mock::verify) does, and that routes without an expectation were called at least once.
    ///
    /// # Panics
    /// Where something is not so.
    #[track_caller]
    pub fn assert_all_called(&self) {
        if let Err(problems) = self.check(true) {
            panic!("{problems}");
        }
    }

    /// Checks how many requests there were: a number or a range.
    ///
    /// # Panics
    /// Where it is another number; the message lists the last requests.
    ///
    /// ```
    /// use dimorph::transport::Mock;
    ///
    /// let mock = Mock::routes().get("*", "hello");
    /// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
    /// client.get("http://example.org/").send()?;
    /// mock.assert_count(1);
    /// mock.assert_count(1..=3);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[track_caller]
    pub fn assert_count(&self, times: impl Into<Times>) {
        let (count, expected) = (self.count(), times.into());
        if !expected.contains(count) {
            panic!(
                "{}",
                named::wrong_count("the mock", count, expected, &self.calls())
            );
        }
    }

    /// Makes a guard that checks what [`assert_verified`](Mock::assert_verified) does when it is dropped, unless the test has failed already.
    #[must_use = "it checks when it is dropped"]
    pub fn verify_on_drop(&self) -> MockGuard {
        MockGuard::new(self.clone())
    }

    fn check(&self, each: bool) -> Result<(), String> {
        let entries = lock(&self.inner.entries).clone();
        let mut problems: Vec<String> = entries
            .iter()
            .filter_map(|entry| entry.check(each))
            .collect();
        let unmatched = lock(&self.inner.log).unmatched.clone();
        if let (Some(first), count) = unmatched {
            let requests = match count {
                1 => "1 request".to_owned(),
                n => format!("{n} requests"),
            };
            problems.push(format!(
                "{requests} matched no route, the first was `{first}`"
            ));
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "the mock was not called as expected:\n  {}",
                problems.join("\n  ")
            )),
        }
    }

    /// Finds the answer, and notes the call.
    fn answer(&self, request: &mut Request) -> Result<MockResponse> {
        let entries = lock(&self.inner.entries).clone();
        let broken = entries.iter().find_map(|entry| {
            let problem = entry.route.problem()?;
            Some(format!("the route {} is broken: {problem}", entry.route))
        });
        if let Some(message) = broken {
            return Err(Error::new(ErrorKind::App, message).in_phase(Phase::Build));
        }
        let seen = Seen::new(request);
        let body = seen.body().cloned();
        if let Some(taken) = table::take(&entries, &seen) {
            let params = taken.params;
            let entry = taken.entry;
            if !params.is_empty() {
                request.extensions_mut().insert(params.clone());
            }
            let call = MockCall::new(request, body, params.clone(), Some(Arc::clone(&entry)));
            lock(&self.inner.log).note(call);
            return match entry.route.answer_to(taken.number) {
                Some(reply) => reply.to(request, &params),
                None => Ok(MockResponse::default()),
            };
        }
        let fallback = lock(&self.inner.fallback).clone();
        let unmatched = fallback.is_none().then(|| {
            let line = table::line(request);
            let message = table::unmatched(&entries, &seen, &line);
            (line, message)
        });
        let params = PathParams::default();
        let call = MockCall::new(request, body, params.clone(), None);
        let mut log = lock(&self.inner.log);
        log.note(call);
        match (fallback, unmatched) {
            (Some(reply), _) => {
                drop(log);
                reply.to(request, &params)
            }
            (None, unmatched) => {
                let (line, message) = unmatched.unwrap_or_default();
                log.unmatched.0.get_or_insert(line);
                log.unmatched.1 += 1;
                Err(Error::new(ErrorKind::App, message))
            }
        }
    }
}

impl Handler for Mock {
    fn handle<'a>(&'a self, mut request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let asked = Asked::new(&request, next.now());
            let answer = self.answer(&mut request)?;
            let delay = answer.waits();
            let limit = asked.timeout.and_then(|timeout| timeout.read_timeout());
            match limit {
                _ if delay.is_zero() => {}
                Some(limit) if delay > limit => {
                    next.sleep(limit).await;
                    return Err(asked.read_timeout().in_phase(Phase::ReceiveHead));
                }
                _ => next.sleep(delay).await,
            }
            match answer.passes() {
                true => next.send(request).await,
                false => answer.answer(&asked),
            }
        })
    }
}

/// A lock that a panic in a closure of the user's does not break.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows the routes, and how often each was called.
impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = lock(&self.inner.entries).clone();
        let routes = entries
            .iter()
            .map(|entry| (entry.route.to_string(), entry.count()));
        f.write_str("Mock ")?;
        f.debug_map().entries(routes).finish()
    }
}
