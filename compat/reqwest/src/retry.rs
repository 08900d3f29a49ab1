//! Retries: which requests are sent once more, and how many.
//!
//! A [`Builder`] has a scope (usually one host), a classifier, which judges an answer or an error, and two limits: so many retries
//! for one request (default 2), and a budget for all of the scope (default: a fifth of the requests, and ten a second).
//!
//! ```
//! let retries = reqwest::retry::for_host("example.org").classify_fn(|answer| {
//!     if answer.status() == Some(reqwest::StatusCode::SERVICE_UNAVAILABLE) {
//!         answer.retryable()
//!     } else {
//!         answer.success()
//!     }
//! });
//! let client = reqwest::Client::builder().retry(retries).build()?;
//! # Ok::<(), reqwest::Error>(())
//! ```
//!
//! Without one, nothing is retried but what a kept connection lost before the server saw it, and, twice at the most, what an HTTP/2
//! server says that it has not processed (REFUSED_STREAM or GOAWAY). With one, the classifier decides about the latter as well.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, Uri};
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::Body;

use self::classify::{Action, ReqRep};

/// The settings of retries in the making.
#[derive(Debug)]
pub struct Builder {
    budget: Option<f32>,
    classifier: Classifier,
    max_retries_per_request: u32,
    scope: Scoped,
}

/// Retries what is asked of one host.
pub fn for_host<S>(host: S) -> Builder
where
    S: for<'a> PartialEq<&'a str> + Send + Sync + 'static,
{
    scoped(move |request| host == request.uri().host().unwrap_or(""))
}

/// Retries nothing, not even what a server says that it has not processed.
pub fn never() -> Builder {
    scoped(|_| false).no_budget()
}

fn scoped(applies: impl Fn(&Req) -> bool + Send + Sync + 'static) -> Builder {
    Builder::scoped(scope::ScopeFn(applies))
}

type Req = http::Request<Body>;

impl Builder {
    /// Retries within a scope; [`for_host`] makes the usual one.
    pub fn scoped(scope: impl scope::Scope) -> Self {
        Builder {
            budget: Some(0.2),
            classifier: Classifier::Never,
            max_retries_per_request: MAX_RETRIES,
            scope: Scoped::Dyn(Arc::new(scope)),
        }
    }

    /// Sets no limit for all requests together.
    #[must_use]
    pub fn no_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// Sets how many retries there may be for each successful request: 0.3 allows 30 for a hundred. Default: 0.2.
    ///
    /// # Panics
    /// Outside 0 to 1000.
    #[must_use]
    pub fn max_extra_load(mut self, extra_percent: f32) -> Self {
        assert!(
            (0.0..=1000.0).contains(&extra_percent),
            "the extra load lies between 0 and 1000"
        );
        self.budget = Some(extra_percent);
        self
    }

    /// Sets how often one request is retried. Default: 2.
    #[must_use]
    pub fn max_retries_per_request(mut self, max: u32) -> Self {
        self.max_retries_per_request = max;
        self
    }

    /// Judges each answer by a function.
    #[must_use]
    pub fn classify_fn<F>(self, func: F) -> Self
    where
        F: Fn(ReqRep<'_>) -> Action + Send + Sync + 'static,
    {
        self.classify(classify::ClassifyFn(func))
    }

    /// Judges each answer by a classifier.
    #[must_use]
    pub fn classify(mut self, classifier: impl classify::Classify) -> Self {
        self.classifier = Classifier::Dyn(Arc::new(classifier));
        self
    }

    pub(crate) fn into_policy(self) -> Policy {
        Policy {
            budget: self
                .budget
                .map(|share| TpsBudget::new(Duration::from_secs(10), 10, share)),
            classifier: self.classifier,
            max_retries_per_request: self.max_retries_per_request,
            scope: self.scope,
        }
    }
}

impl Builder {
    /// What a client does that was told nothing: only protocols refuse requests that may be repeated.
    pub(crate) fn untold() -> Self {
        Builder {
            budget: None,
            classifier: Classifier::ProtocolNacks,
            max_retries_per_request: MAX_RETRIES,
            scope: Scoped::Unscoped,
        }
    }
}

const MAX_RETRIES: u32 = 2;

/// The settings of a client.
pub(crate) struct Policy {
    budget: Option<TpsBudget>,
    classifier: Classifier,
    max_retries_per_request: u32,
    scope: Scoped,
}

impl Policy {
    /// Tells whether a classifier of the user's judges; it wants to see the request.
    pub(crate) fn has_judge(&self) -> bool {
        matches!(self.classifier, Classifier::Dyn(_))
    }

    /// Tells without one whether a request that was retried so often is sent once more: where the server said that it did nothing
    /// for it (RFC 9113 section 8.7).
    pub(crate) fn retries_refused(
        &self,
        answer: Result<StatusCode, &crate::Error>,
        retried: u32,
    ) -> bool {
        matches!(self.classifier, Classifier::ProtocolNacks)
            && retried < self.max_retries_per_request
            && answer.is_err_and(crate::Error::is_unprocessed)
    }

    /// Tells by the judge whether a request that was retried so often is sent once more.
    pub(crate) fn retries(
        &self,
        request: &Req,
        answer: Result<StatusCode, &crate::Error>,
        retried: u32,
    ) -> bool {
        let Classifier::Dyn(classifier) = &self.classifier else {
            return false;
        };
        match classifier.classify(ReqRep::new(request, answer)) {
            Action::Success => {
                if let Some(budget) = &self.budget {
                    budget.deposit();
                }
                false
            }
            Action::Retryable => {
                retried < self.max_retries_per_request
                    && self.scope.applies_to(request)
                    && self.budget.as_ref().is_none_or(|budget| budget.withdraw())
            }
        }
    }
}

#[derive(Clone)]
enum Scoped {
    Unscoped,
    Dyn(Arc<dyn scope::Scope>),
}

impl Scoped {
    fn applies_to(&self, request: &Req) -> bool {
        match self {
            Scoped::Unscoped => true,
            Scoped::Dyn(scope) => scope.applies_to(request),
        }
    }
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scoped::Unscoped => "Unscoped",
            Scoped::Dyn(_) => "Scoped",
        })
    }
}

#[derive(Clone)]
enum Classifier {
    Never,
    ProtocolNacks,
    Dyn(Arc<dyn classify::Classify>),
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Classifier::Never => "Never",
            Classifier::ProtocolNacks => "ProtocolNacks",
            Classifier::Dyn(_) => "Classifier",
        })
    }
}

mod scope {
    use super::Req;

    /// Says which requests a policy is for. Only [`super::for_host`] and its like make one.
    pub trait Scope: Send + Sync + 'static {
        /// Tells whether a request is one of them.
        fn applies_to(&self, request: &Req) -> bool;
    }

    #[allow(missing_debug_implementations, reason = "it holds a function")]
    pub(super) struct ScopeFn<F>(pub(super) F);

    impl<F: Fn(&Req) -> bool + Send + Sync + 'static> Scope for ScopeFn<F> {
        fn applies_to(&self, request: &Req) -> bool {
            (self.0)(request)
        }
    }
}

mod classify {
    use super::{Method, Req, StatusCode, Uri};

    /// Judges answers. Only [`super::Builder::classify_fn`] makes one.
    pub trait Classify: Send + Sync + 'static {
        /// Judges one answer.
        fn classify(&self, answer: ReqRep<'_>) -> Action;
    }

    pub(super) struct ClassifyFn<F>(pub(super) F);

    impl<F: Fn(ReqRep<'_>) -> Action + Send + Sync + 'static> Classify for ClassifyFn<F> {
        fn classify(&self, answer: ReqRep<'_>) -> Action {
            (self.0)(answer)
        }
    }

    /// A request, and the answer or error that it got.
    #[derive(Debug)]
    pub struct ReqRep<'a> {
        request: &'a Req,
        answer: Result<StatusCode, &'a crate::Error>,
    }

    impl<'a> ReqRep<'a> {
        pub(super) fn new(request: &'a Req, answer: Result<StatusCode, &'a crate::Error>) -> Self {
            ReqRep { request, answer }
        }

        /// Returns the request's method.
        pub fn method(&self) -> &Method {
            self.request.method()
        }

        /// Returns the request's URL.
        pub fn uri(&self) -> &Uri {
            self.request.uri()
        }

        /// Returns the status of the answer, where there is one.
        pub fn status(&self) -> Option<StatusCode> {
            self.answer.ok()
        }

        /// Returns the error, where there is no answer.
        pub fn error(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.answer
                .err()
                .map(|error| error as &(dyn std::error::Error + 'static))
        }

        /// Says that the request may be sent once more.
        pub fn retryable(self) -> Action {
            Action::Retryable
        }

        /// Says that the answer stands.
        pub fn success(self) -> Action {
            Action::Success
        }
    }

    /// A classifier's judgement.
    #[must_use]
    #[derive(Debug)]
    pub enum Action {
        /// The answer stands.
        Success,
        /// The request may be sent once more.
        Retryable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Req {
        http::Request::get(url).body(Body::default()).unwrap()
    }

    #[test]
    fn retries_stay_in_their_scope_and_limits() {
        let policy = for_host("a")
            .classify_fn(|answer| match answer.status() {
                Some(StatusCode::OK) => answer.success(),
                _ => answer.retryable(),
            })
            .max_retries_per_request(1)
            .into_policy();
        let busy = Ok(StatusCode::SERVICE_UNAVAILABLE);
        let cases = [
            ("http://a/", busy, 0, true),
            ("http://a/", busy, 1, false),
            ("http://b/", busy, 0, false),
            ("http://a/", Ok(StatusCode::OK), 0, false),
        ];
        for (url, answer, retried, expected) in cases {
            assert_eq!(policy.retries(&request(url), answer, retried), expected);
        }
    }

    #[test]
    fn the_budget_of_a_silent_client_is_ten_a_second() {
        let policy = for_host("a")
            .classify_fn(|answer| answer.retryable())
            .into_policy();
        let busy = Ok(StatusCode::SERVICE_UNAVAILABLE);
        let sent = (0..1000)
            .filter(|_| policy.retries(&request("http://a/"), busy, 0))
            .count();
        assert_eq!(sent, 100, "the reserve of ten seconds");
        assert!(
            !never()
                .into_policy()
                .retries(&request("http://a/"), busy, 0)
        );
    }
}
