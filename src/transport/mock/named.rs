//! What a test holds on to: a route by its name, a guard.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::Mock;
use super::calls::MockCall;
use super::table::{Entry, line_of};
use super::times::{Times, times};

/// How many requests a message lists.
const LISTED: usize = 10;

/// A route of a [`Mock`], found by its [name](Mock::named): its calls and how many they were.
///
/// ```
/// use dimorph::transport::{Mock, Route};
///
/// let mock = Mock::routes().route(Route::post("/users").reply(201).name("create"));
/// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
/// client.post("http://example.org/users").body("Ada").send()?;
///
/// let create = mock.named("create");
/// create.assert_count(1);
/// assert_eq!(create.last_call().unwrap().text().as_deref(), Some("Ada"));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct MockRoute {
    mock: Mock,
    entry: Arc<Entry>,
}

impl MockRoute {
    pub(super) fn new(mock: Mock, entry: Arc<Entry>) -> Self {
        MockRoute { mock, entry }
    }

    /// Returns how many requests the route has taken.
    pub fn count(&self) -> usize {
        self.entry.count()
    }

    /// Returns the requests that the route has taken, the first one first, as far as the mock keeps them.
    pub fn calls(&self) -> Vec<MockCall> {
        let mut calls = self.mock.calls();
        calls.retain(|call| call.went_to(&self.entry));
        calls
    }

    /// Returns the last request that the route has taken.
    pub fn last_call(&self) -> Option<MockCall> {
        self.calls().pop()
    }

    /// Checks how many requests the route has taken: a number or a range.
    ///
    /// # Panics
    /// Where it is another number; the message lists the last requests to the mock.
    #[track_caller]
    pub fn assert_count(&self, times: impl Into<Times>) {
        let (count, expected) = (self.count(), times.into());
        if !expected.contains(count) {
            let who = self.entry.route.to_string();
            panic!("{}", wrong_count(&who, count, expected, &self.mock.calls()));
        }
    }

    /// Checks that the route was called.
    ///
    /// # Panics
    /// Where it was not.
    #[track_caller]
    pub fn assert_called(&self) {
        self.assert_count(1..);
    }
}

impl fmt::Debug for MockRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MockRoute({}, {} calls)", self.entry.route, self.count())
    }
}

/// Says that something was called another number of times, and what the mock was asked.
pub(super) fn wrong_count(who: &str, count: usize, expected: Times, calls: &[MockCall]) -> String {
    let mut message = match count {
        0 => format!("{who} was never called, expected: {expected}"),
        n => format!("{who} was called {}, expected: {expected}", times(n)),
    };
    if !calls.is_empty() {
        message.push_str("; the last requests were:");
    }
    for call in &calls[calls.len().saturating_sub(LISTED)..] {
        // Writing to a String cannot fail.
        let _ = write!(message, "\n  {}", line_of(call.method(), call.url()));
    }
    message
}

/// Checks a [`Mock`] when it is dropped: see [`Mock::verify_on_drop`].
///
/// ```
/// use dimorph::transport::{Mock, Route};
///
/// let mock = Mock::routes().route(Route::get("/health").expect(1));
/// let _guard = mock.verify_on_drop();
/// let client = dimorph::Client::builder().transport(mock.clone()).build()?;
/// client.get("http://example.org/health").send()?;
/// // Without the call, the end of the scope would panic.
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug)]
pub struct MockGuard {
    mock: Mock,
}

impl MockGuard {
    pub(super) fn new(mock: Mock) -> Self {
        MockGuard { mock }
    }
}

impl Drop for MockGuard {
    fn drop(&mut self) {
        // A second panic while the first unwinds would abort the process.
        if !std::thread::panicking() {
            self.mock.assert_verified();
        }
    }
}
