//! The answers of routes: fixed ones, and those of closures.

use std::sync::{Mutex, PoisonError};

use super::path::PathParams;
use super::response::MockResponse;
use crate::error::Result;
use crate::request::Request;

/// How a route answers one of its calls; what [`IntoReply`] makes of what it was given.
///
/// It has no methods: a route takes what it is made of.
///
/// ```
/// use dimorph::transport::Route;
///
/// let route = Route::get("/health").reply((200, "fine"));
/// ```
pub struct MockReply(Kind);

enum Kind {
    Fixed(Box<Mutex<MockResponse>>),
    Called(Box<Answer>),
}

type Answer = dyn Fn(&Request, &PathParams) -> MockResponse + Send + Sync;

impl MockReply {
    pub(super) fn fixed(response: MockResponse) -> Self {
        MockReply(Kind::Fixed(Box::new(Mutex::new(response))))
    }

    pub(super) fn called<F>(answer: F) -> Self
    where
        F: Fn(&Request, &PathParams) -> MockResponse + Send + Sync + 'static,
    {
        MockReply(Kind::Called(Box::new(answer)))
    }

    /// The answer to one request.
    pub(super) fn to(&self, request: &Request, params: &PathParams) -> Result<MockResponse> {
        match &self.0 {
            Kind::Fixed(fixed) => {
                let mut fixed = fixed.lock().unwrap_or_else(PoisonError::into_inner);
                fixed.try_clone()
            }
            Kind::Called(answer) => Ok(answer(request, params)),
        }
    }
}

impl std::fmt::Debug for MockReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Kind::Fixed(_) => "MockReply(fixed)",
            Kind::Called(_) => "MockReply(closure)",
        })
    }
}

/// What a route answers with: anything that is `Into<MockResponse>`, or a closure `Fn(&Request) -> R` or
/// `Fn(&Request, &PathParams) -> R` that returns such a thing.
///
/// The type parameter tells the three apart, by the closure's signature or `()`; it is never written.
///
/// ```
/// use dimorph::Request;
/// use dimorph::transport::{Mock, PathParams};
///
/// let mock = Mock::routes()
///     .get("/fixed", (200, "always this"))
///     .get("/asked", |request: &Request| request.url().path().to_owned())
///     .get("/users/{id}", |_: &Request, params: &PathParams| format!("user {}", &params["id"]));
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// assert_eq!(client.get("http://example.org/users/7").send()?.text()?, "user 7");
/// # Ok::<(), dimorph::Error>(())
/// ```
pub trait IntoReply<M> {
    #[doc(hidden)]
    fn into_reply(self) -> MockReply;
}

impl<T: Into<MockResponse>> IntoReply<()> for T {
    fn into_reply(self) -> MockReply {
        MockReply::fixed(self.into())
    }
}

impl<F, R> IntoReply<fn(&Request) -> R> for F
where
    F: Fn(&Request) -> R + Send + Sync + 'static,
    R: Into<MockResponse>,
{
    fn into_reply(self) -> MockReply {
        MockReply::called(move |request, _| self(request).into())
    }
}

impl<F, R> IntoReply<fn(&Request, &PathParams) -> R> for F
where
    F: Fn(&Request, &PathParams) -> R + Send + Sync + 'static,
    R: Into<MockResponse>,
{
    fn into_reply(self) -> MockReply {
        MockReply::called(move |request, params| self(request, params).into())
    }
}
