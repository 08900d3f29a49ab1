//! Retries: the same request once more, where that helps and is safe.
//!
//! `verdict.rs` decides whether, `after.rs` and `backoff.rs` when, `budget.rs` how often; this file asks them in turn.

mod after;
mod backoff;
mod budget;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;

use self::after::retry_after;
pub(crate) use self::after::retry_after_of;
use self::backoff::Backoff;
pub(crate) use self::backoff::fraction;
use self::budget::Budget;
use super::deadline::Deadline;
use super::{Handler, Handling, Next, Response};
use crate::error::{Error, Result};
use crate::request::Request;

/// The ceiling of the first wait.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// The ceiling of every wait.
const MAX_DELAY: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

type OnRetry = dyn Fn(&Retrying<'_>) + Send + Sync;
type When = dyn Fn(&Request, &Result<Response>) -> bool + Send + Sync;

/// A layer that sends a request again after a failure that may pass.
///
/// | what came | sent again |
/// |---|---|
/// | no connection could be made, or a proxy could not open the tunnel for the moment | always: the server saw nothing of it |
/// | the connection was lost, or timed out, before the head of a response | if the method is idempotent (RFC 9110 section 9.2.2), or the request has an `idempotency-key` |
/// | status 429, 502, 503 or 504, see [`statuses`](Retry::statuses) | the same; 429 and 503 with `Retry-After` for every method, since the server says that it did nothing |
/// | any other status, a total timeout, a malformed response | never |
///
/// Between attempts it waits as long as `Retry-After` says, in seconds or as a date; where nothing is said, a random time up
/// to a ceiling that doubles: half a second, a second, two, and so on up to [`max_delay`](Retry::max_delay). It never waits past the
/// request's total timeout, nor longer than [`max_retry_after`](Retry::max_retry_after): then, and when the retries are used up, what came last
/// is returned. Its extensions hold the number of [`Attempts`].
///
/// A body of bytes, a form or a file is sent again; a reader or stream can be sent once, so such a request is not retried at all.
/// What fails while the body of a response is read is not retried either: the caller has it already. Redirects, cookies and authentication happen above
/// this layer, so each request of theirs has retries of its own; cookies of a response that was thrown away are lost.
///
/// ```
/// use std::time::Duration;
/// use dimorph::transport::{Handler, Retry};
///
/// let retry = Retry::new(3)
///     .statuses([429, 500, 502, 503, 504])
///     .max_delay(Duration::from_secs(10))
///     .budget(0.2)
///     .on_retry(|attempt| eprintln!("attempt {} in {:?}", attempt.number() + 1, attempt.delay()));
///
/// // The client beneath is the engine: its pool, its TLS, its proxies.
/// let engine = dimorph::Client::new();
/// let client = dimorph::Client::builder().transport(retry.over(engine)).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct Retry {
    max_retries: u32,
    statuses: Vec<u16>,
    backoff: Backoff,
    max_retry_after: Duration,
    budget: Option<Arc<Budget>>,
    on_retry: Option<Arc<OnRetry>>,
    when: Option<Arc<When>>,
}

/// How often a request was sent, in the extensions of the response that [`Retry`] returned.
///
/// ```no_run
/// # fn example(response: dimorph::blocking::Response) {
/// use dimorph::transport::Attempts;
///
/// if let Some(Attempts(number)) = response.extensions().get() {
///     println!("answered at attempt {number}");
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts(
    /// How often: 1 where the first attempt was answered.
    pub u32,
);

/// An attempt that failed, and is followed by another one; given to [`Retry::on_retry`].
///
/// ```
/// use dimorph::transport::{Retry, Retrying};
///
/// fn log(attempt: &Retrying<'_>) {
///     let url = attempt.request().url();
///     match (attempt.status(), attempt.error()) {
///         (Some(status), _) => eprintln!("{url} answered {status}"),
///         (None, Some(error)) => eprintln!("{error}"),
///         (None, None) => {}
///     }
///     eprintln!("again in {:?}", attempt.delay());
/// }
///
/// let retry = Retry::new(3).on_retry(log);
/// ```
pub struct Retrying<'a> {
    request: &'a Request,
    answer: &'a Result<Response>,
    number: u32,
    delay: Duration,
}

impl Retry {
    /// Makes a layer that sends a request at most this many times more.
    ///
    /// ```
    /// use dimorph::transport::{Attempts, Handler, Mock, Retry, Route};
    ///
    /// let mock = Mock::routes().route(Route::get("*").replies([503, 200]));
    /// let retry = Retry::new(2).jitter(|_| std::time::Duration::ZERO);
    /// let client = dimorph::Client::builder().transport(retry.over(mock)).build()?;
    /// let response = client.get("http://example.org/").send()?;
    /// assert_eq!(response.status(), 200);
    /// assert_eq!(response.extensions().get::<Attempts>().unwrap().0, 2);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new(max_retries: u32) -> Self {
        Retry {
            max_retries,
            statuses: verdict::STATUSES.to_vec(),
            backoff: Backoff {
                first: FIRST_DELAY,
                most: MAX_DELAY,
                jitter: None,
            },
            max_retry_after: MAX_RETRY_AFTER,
            budget: None,
            on_retry: None,
            when: None,
        }
    }

    /// Sets which statuses are retried; default: 429, 502, 503 and 504. Nothing: none is.
    #[must_use]
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// Sets the ceiling of the first wait, which doubles with each attempt; default: half a second.
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.backoff.first = delay;
        self
    }

    /// Sets the ceiling of every wait for which the server gave no time; default: 30 seconds.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.backoff.most = delay;
        self
    }

    /// Sets the longest `Retry-After` that is waited for; default: 60 seconds.
    ///
    /// A server that asks for more time gets it: the response is returned, not retried early.
    #[must_use]
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Chooses each wait from its ceiling, in place of a random time up to it: for tests, or another kind of jitter.
    ///
    /// It is not asked where the server said how long to wait.
    #[must_use]
    pub fn jitter(mut self, choose: impl Fn(Duration) -> Duration + Send + Sync + 'static) -> Self {
        self.backoff.jitter = Some(Arc::new(choose));
        self
    }

    /// Limits the extra load: `0.2` allows one retry for five requests. Default: no limit.
    ///
    /// Beyond that there are ten retries in reserve, of which one comes back each second, and up to a hundred can be saved up. All clones of this layer
    /// share the budget. What is no positive number leaves the reserve alone.
    #[must_use]
    pub fn budget(mut self, extra: f64) -> Self {
        self.budget = Some(Arc::new(Budget::new(extra)));
        self
    }

    /// Calls a function before each wait for another attempt.
    #[must_use]
    pub fn on_retry(mut self, hear: impl Fn(&Retrying<'_>) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Arc::new(hear));
        self
    }

    /// Decides what is retried in place of the rules above: they are not asked, idempotency included.
    ///
    /// The limits stay: the number of retries, bodies that can be sent once, the budget and the timeouts.
    ///
    /// ```
    /// use dimorph::transport::Retry;
    ///
    /// let retry = Retry::new(3).when(|_, answer| answer.is_err());
    /// ```
    #[must_use]
    pub fn when(
        mut self,
        decide: impl Fn(&Request, &Result<Response>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.when = Some(Arc::new(decide));
        self
    }

    /// How long to wait before the next attempt; `None`: there is none.
    fn delay(
        &self,
        request: &Request,
        answer: &Result<Response>,
        number: u32,
        date: impl FnOnce() -> SystemTime,
    ) -> Option<Duration> {
        let retried = match &self.when {
            Some(decide) => decide(request, answer),
            None => verdict::is_retried(request, answer, &self.statuses),
        };
        if !retried {
            return None;
        }
        let asked = answer
            .as_ref()
            .ok()
            .and_then(|response| retry_after(response.headers(), date()));
        match asked {
            Some(asked) => (asked <= self.max_retry_after).then_some(asked),
            None => Some(self.backoff.wait(number)),
        }
    }

    /// Takes a retry off the budget.
    fn can_afford(&self, now: Instant) -> bool {
        self.budget
            .as_ref()
            .is_none_or(|budget| budget.withdraw(now))
    }
}

impl Handler for Retry {
    fn handle<'a>(&'a self, mut request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let deadline = Deadline::of(&request, next.now());
            if let Some(budget) = &self.budget {
                budget.deposit();
            }
            let mut number = 1;
            loop {
                // What can be sent once is not there any more when it has failed.
                let again = match number <= self.max_retries {
                    true => request.try_clone().ok(),
                    false => None,
                };
                let answer = next.send(request).await;
                let Some(again) = again else {
                    return counted(answer, number);
                };
                let delay = self
                    .delay(&again, &answer, number, || next.date())
                    .filter(|delay| {
                        let now = next.now();
                        deadline.allows(*delay, now) && self.can_afford(now)
                    });
                let Some(delay) = delay else {
                    return counted(answer, number);
                };
                if let Some(hear) = &self.on_retry {
                    hear(&Retrying {
                        request: &again,
                        answer: &answer,
                        number,
                        delay,
                    });
                }
                // A body that is still on its way is not waited for: its connection is closed.
                drop(answer);
                next.sleep(delay).await;
                request = again;
                number += 1;
            }
        })
    }
}

/// Notes how many attempts it took.
fn counted(answer: Result<Response>, number: u32) -> Result<Response> {
    answer.map(|mut response| {
        response.extensions_mut().insert(Attempts(number));
        response
    })
}

impl Retrying<'_> {
    /// Returns the number of the attempt that failed; the first one is 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the time until the next attempt.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Returns the request that is sent again.
    pub fn request(&self) -> &Request {
        self.request
    }

    /// Returns the status, where there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.answer.as_ref().ok().map(Response::status)
    }

    /// Returns the error, where there was none.
    pub fn error(&self) -> Option<&Error> {
        self.answer.as_ref().err()
    }
}

impl fmt::Debug for Retrying<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying")
            .field("number", &self.number)
            .field("delay", &self.delay)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("max_retries", &self.max_retries)
            .field("statuses", &self.statuses)
            .field("first_delay", &self.backoff.first)
            .field("max_delay", &self.backoff.most)
            .field("max_retry_after", &self.max_retry_after)
            .finish_non_exhaustive()
    }
}
