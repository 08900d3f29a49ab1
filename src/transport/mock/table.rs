//! The routes of a mock: which one takes a request, and what is said where none does.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use url::Url;

use super::matcher::Seen;
use super::path::PathParams;
use super::route::Route;
use super::times::{Times, times};
use crate::request::{RedactedUrl, Request};

/// How many of the routes that nearly matched are told.
const NEAREST: usize = 5;

/// A route at its place in the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) route: Route,
    count: AtomicUsize,
}

impl Entry {
    pub(super) fn new(route: Route) -> Self {
        Entry {
            route,
            count: AtomicUsize::new(0),
        }
    }

    pub(super) fn label(&self) -> &str {
        self.route.label()
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(super) fn forget(&self) {
        self.count.store(0, Ordering::SeqCst);
    }

    /// Takes a call, and returns its number; `None`: it takes no more.
    fn claim(&self) -> Option<usize> {
        let most = self.route.most();
        self.count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
                (count < most).then(|| count + 1)
            })
            .ok()
    }

    /// What is wrong with how often it was called. `each`: a route of which nothing was said is to be called too.
    pub(super) fn check(&self, each: bool) -> Option<String> {
        let expected = match self.route.expected() {
            Some(expected) => expected,
            None if each => Times::from(1..),
            None => return None,
        };
        let count = self.count();
        (!expected.contains(count)).then(|| {
            let called = match count {
                0 => "never called".to_owned(),
                n => format!("called {}", times(n)),
            };
            format!("{} was {called}, expected: {expected}", self.route)
        })
    }
}

/// A route that has taken a request.
pub(super) struct Taken {
    pub(super) entry: Arc<Entry>,
    pub(super) number: usize,
    pub(super) params: PathParams,
}

/// Finds the first route whose conditions all hold, and counts the call.
pub(super) fn take(entries: &[Arc<Entry>], seen: &Seen<'_>) -> Option<Taken> {
    entries.iter().find_map(|entry| {
        if entry.count() >= entry.route.most() || !entry.route.matches(seen) {
            return None;
        }
        Some(Taken {
            number: entry.claim()?,
            params: entry.route.params(seen),
            entry: Arc::clone(entry),
        })
    })
}

/// The first line of a request, without credentials.
pub(super) fn line(request: &Request) -> String {
    line_of(request.method(), request.url())
}

/// Method and URL, without credentials.
pub(super) fn line_of(method: &Method, url: &Url) -> String {
    format!("{method} {:?}", RedactedUrl(url))
}

/// Says that no route took a request, and which ones came near, those first that fell short in the least.
pub(super) fn unmatched(entries: &[Arc<Entry>], seen: &Seen<'_>, line: &str) -> String {
    let mut message = format!("no route of the mock matches `{line}`");
    if entries.is_empty() {
        message.push_str(", which has none");
        return message;
    }
    let mut near: Vec<(Vec<String>, &Entry)> = entries
        .iter()
        .map(|entry| {
            let mut why = entry.route.mismatches(seen);
            if why.is_empty() {
                why.push(format!(
                    "it takes no more calls (so far: {})",
                    entry.count()
                ));
            }
            (why, &**entry)
        })
        .collect();
    near.sort_by_key(|(why, _)| why.len());
    message.push_str("; the nearest are:");
    for (why, entry) in near.iter().take(NEAREST) {
        // Writing to a String cannot fail.
        let _ = write!(message, "\n  {}: {}", entry.route, why.join("; "));
    }
    let all = near.len();
    // The error adds the URL to this line.
    let _ = write!(message, "\nnone of {all} took the request");
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: Vec<Route>) -> Vec<Arc<Entry>> {
        let entries = routes.into_iter().map(|route| Arc::new(Entry::new(route)));
        entries.collect()
    }

    #[test]
    fn the_first_route_that_matches_and_is_not_used_up_takes_the_request() {
        let table = table(vec![
            Route::get("/a").times(1).name("first"),
            Route::any("/{x}").name("second"),
            Route::get("/a").name("third"),
        ]);
        let taken = |url: &str| {
            let request = Request::new(Method::GET, url).unwrap();
            let taken = take(&table, &Seen::new(&request));
            taken.map(|taken| (taken.entry.label().to_owned(), taken.number))
        };
        let expected = |name: &str, number| Some((name.to_owned(), number));
        assert_eq!(taken("http://h.test/a"), expected("first", 0));
        assert_eq!(taken("http://h.test/a"), expected("second", 0));
        assert_eq!(taken("http://h.test/b"), expected("second", 1));
        assert_eq!(taken("http://h.test/b/c"), None);
        let counts: Vec<_> = table.iter().map(|entry| entry.count()).collect();
        assert_eq!(counts, [1, 2, 0]);
    }

    #[test]
    fn what_nearly_matched_is_told_nearest_first() {
        let table = table(vec![
            Route::post("/other"),
            Route::get("/users").query("page", "1").name("list"),
            Route::get("/users").times(0),
        ]);
        let request = Request::new(Method::GET, "http://tom:mot123@h.test/users?page=2").unwrap();
        let seen = Seen::new(&request);
        let message = unmatched(&table, &seen, &line(&request));
        assert_eq!(
            message,
            "no route of the mock matches `GET http://tom:[secure]@h.test/users?page=2`; the nearest are:\
             \n  GET /users (list): the query parameter \"page\" is not \"1\"\
             \n  GET /users: it takes no more calls (so far: 0)\
             \n  POST /other: the method is GET; the path is /users\
             \nnone of 3 took the request"
        );
        let message = unmatched(&[], &seen, "GET /");
        assert!(message.ends_with("which has none"), "{message}");
    }

    #[test]
    fn counts_are_checked_against_what_was_expected() {
        let cases = [
            (Route::get("/"), 0, false, None),
            (Route::get("/"), 1, true, None),
            (
                Route::get("/"),
                0,
                true,
                Some("GET / was never called, expected: at least once"),
            ),
            (
                Route::get("/").expect(2),
                1,
                false,
                Some("GET / was called once, expected: 2 times"),
            ),
            (Route::get("/").expect(0..), 0, true, None),
            (
                Route::get("/").expect(0).name("n"),
                3,
                true,
                Some("GET / (n) was called 3 times, expected: never"),
            ),
        ];
        for (route, calls, each, expected) in cases {
            let entry = Entry::new(route);
            for _ in 0..calls {
                entry.claim();
            }
            assert_eq!(entry.check(each).as_deref(), expected);
        }
    }
}
