//! Authentication as a generator without I/O: a flow gives out requests, and is resumed with their responses.
//!
//! ```text
//!   driver (core/authenticate.rs)                the flow (an async block)
//!     resume(None) ─────────────────────────────▶ runs to its first `exchange.send(request)`
//!     Step::Send(request) ◀──────────────────────
//!        sends it, follows its redirects
//!     resume(Some(response)) ───────────────────▶ runs on to the next `send`, or to its end
//!     Step::Done ◀───────────────────────────────
//! ```
//!
//! The block is polled by hand, with a waker that does nothing: it can wait for nothing but the exchange.
//!
//! | scheme | |
//! |---|---|
//! | Basic (RFC 7617) | a pair of user name and password, [`BasicAuth`] |
//! | a token (RFC 6750) | [`BearerAuth`], what `bearer_auth` makes |
//! | Digest (RFC 7616) | [`DigestAuth`] |
//! | the netrc file | by default, under `trust_env`; `NetrcAuth` names a file |
//! | one request, changed | a function, by [`auth_fn`] |
//! | several requests | an [`Auth`] of your own |
//!
//! Which credentials a request goes with: its own, else the client's (unless it has an `authorization` header of its own), else those of its
//! URL, else an `authorization` header, else the netrc file's. They never travel to another origin.
//!
//! ```
//! use dimorph::{DigestAuth, transport::Mock};
//!
//! let client = dimorph::Client::builder()
//!     .transport(Mock::routes().get("*", "hello"))
//!     .auth(("user", "password"))
//!     .build()?;
//! client.get("https://example.org/").send()?;
//! client.get("https://example.org/").auth(DigestAuth::new("user", "password")).send()?;
//! client.get("https://example.org/").no_auth().send()?;
//! # Ok::<(), dimorph::Error>(())
//! ```

#[cfg_attr(not(feature = "netrc"), path = "no_ambient.rs")]
pub(crate) mod ambient;
pub(crate) mod basic;
pub(crate) mod digest;
#[cfg(feature = "netrc")]
pub(crate) mod netrc;
mod response;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;

pub use self::basic::{BasicAuth, BearerAuth};
pub use self::digest::DigestAuth;
#[cfg(feature = "netrc")]
pub use self::netrc::NetrcAuth;
pub use self::response::Response;

/// Authenticates requests: HTTPX's `httpx.Auth`.
///
/// A scheme does no I/O of its own, so that one type serves both clients. It changes the request, or gives out
/// several and looks at what was answered.
///
/// ```
/// use dimorph::{Auth, AuthFlow, Request};
///
/// struct TokenAuth {
///     token: String,
/// }
///
/// impl Auth for TokenAuth {
///     fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
///         AuthFlow::new(move |exchange| async move {
///             let response = exchange.send(request.try_clone()?).await?;
///             if response.status() == 401 {
///                 // If the server asks, send the request again with the token.
///                 request.headers_mut().insert("x-authentication", self.token.parse().unwrap());
///                 exchange.send(request).await?;
///             }
///             Ok(())
///         })
///     }
/// }
/// # let _ = TokenAuth { token: "t".into() };
/// ```
pub trait Auth: Send + Sync {
    /// Tells whether [`Request::content`] must hold the body, whatever it is made of. Default: no.
    fn requires_request_body(&self) -> bool {
        false
    }

    /// Tells whether the bodies of responses are read before the flow goes on, for [`Response::content`], `text` and `json`. Default: no.
    fn requires_response_body(&self) -> bool {
        false
    }

    /// Begins the flow for a request. What was sent last is the caller's response; what was sent before joins its `history`.
    ///
    /// A flow that sends nothing is a `LocalProtocolError`.
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a>;
}

macro_rules! auth_by_pointer {
    ($($pointer:ident),+) => {$(
        impl<A: Auth + ?Sized> Auth for $pointer<A> {
            fn requires_request_body(&self) -> bool {
                (**self).requires_request_body()
            }

            fn requires_response_body(&self) -> bool {
                (**self).requires_response_body()
            }

            fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
                (**self).auth_flow(request)
            }
        }
    )+};
}

auth_by_pointer!(Arc, Box);

/// What `auth` takes: an [`Auth`], or a pair of user name and password for Basic.
///
/// ```
/// use dimorph::{DigestAuth, auth_fn};
///
/// let client = dimorph::Client::new();
/// client.get("https://example.org/").auth(("user", "password"));
/// client.get("https://example.org/").auth(DigestAuth::new("user", "password"));
/// client.get("https://example.org/").auth(auth_fn(|request| request));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no authentication scheme",
    note = "a pair `(user, password)`, `DigestAuth::new`, `BearerAuth::new` or `bearer_auth`, `auth_fn`, `NetrcAuth` and types of your own that are `Auth` are"
)]
pub trait IntoAuth {
    #[doc(hidden)]
    fn into_auth(self) -> Arc<dyn Auth>;
}

impl<A: Auth + 'static> IntoAuth for A {
    fn into_auth(self) -> Arc<dyn Auth> {
        Arc::new(self)
    }
}

impl<U: AsRef<str>, P: AsRef<str>> IntoAuth for (U, P) {
    fn into_auth(self) -> Arc<dyn Auth> {
        Arc::new(BasicAuth::new(self.0, self.1))
    }
}

/// A flow of requests in the making: an `async` block that is resumed with each response.
///
/// ```
/// use dimorph::{Auth, AuthFlow, Error, Request};
///
/// /// Sends a token, if there is one.
/// struct Token(Option<String>);
///
/// impl Auth for Token {
///     fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
///         let Some(token) = &self.0 else {
///             return AuthFlow::fail(Error::other("there is no token"));
///         };
///         match token.parse() {
///             Ok(token) => request.headers_mut().insert("x-token", token),
///             Err(error) => return AuthFlow::fail(Error::other(error)),
///         };
///         AuthFlow::once(request)
///     }
/// }
///
/// let client = dimorph::Client::new();
/// let error = client.get("https://example.org/").auth(Token(None)).send().unwrap_err();
/// assert!(error.to_string().contains("there is no token"));
/// ```
pub struct AuthFlow<'a>(Flow<'a>);

enum Flow<'a> {
    /// One request, and nothing is done with its response.
    Once(Option<Result<Request>>),
    Many {
        exchange: Exchange,
        block: Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>,
    },
}

/// What a flow wants next.
#[derive(Debug)]
pub(crate) enum Step {
    Send(Request),
    Done,
}

impl<'a> AuthFlow<'a> {
    /// Makes a flow from a function that gets the [`Exchange`] and returns an `async` block.
    ///
    /// The block may await nothing but [`Exchange::send`]: no runtime runs it. An error that it returns ends the call.
    ///
    /// ```
    /// use dimorph::{Auth, AuthFlow, Request};
    ///
    /// /// Answers a 401 by a second request with the token.
    /// struct OnDemand;
    ///
    /// impl Auth for OnDemand {
    ///     fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
    ///         AuthFlow::new(move |exchange| async move {
    ///             let response = exchange.send(request.try_clone()?).await?;
    ///             if response.status() == 401 {
    ///                 request.headers_mut().insert("x-token", "t".parse().unwrap());
    ///                 exchange.send(request).await?;
    ///             }
    ///             Ok(())
    ///         })
    ///     }
    /// }
    ///
    /// # let mock = dimorph::transport::Mock::routes().route(dimorph::transport::Route::get("*").replies([401, 200]));
    /// # let client = dimorph::Client::builder().transport(mock).build()?;
    /// assert_eq!(client.get("https://example.org/").auth(OnDemand).send()?.status(), 200);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new<F, B>(flow: F) -> Self
    where
        F: FnOnce(Exchange) -> B,
        B: Future<Output = Result<()>> + Send + 'a,
    {
        let exchange = Exchange::default();
        let block = Box::pin(flow(exchange.clone()));
        AuthFlow(Flow::Many { exchange, block })
    }

    /// Makes the flow of one request.
    pub fn once(request: Request) -> Self {
        AuthFlow(Flow::Once(Some(Ok(request))))
    }

    /// Makes a flow that fails at once.
    pub fn fail(error: Error) -> Self {
        AuthFlow(Flow::Once(Some(Err(error))))
    }

    /// Tells whether the flow looks at no response.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.0, Flow::Once(_))
    }

    /// Runs the flow on to its next request.
    pub(crate) fn resume(&mut self, response: Option<Response>) -> Result<Step> {
        match &mut self.0 {
            Flow::Once(request) => match request.take() {
                Some(request) => request.map(Step::Send),
                None => Ok(Step::Done),
            },
            Flow::Many { exchange, block } => {
                exchange.with(|slot| slot.response = response);
                match block.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(result) => result.map(|()| Step::Done),
                    Poll::Pending => match exchange.with(|slot| slot.request.take()) {
                        Some(request) => Ok(Step::Send(request)),
                        None => Err(Error::new(
                            ErrorKind::LocalProtocolError,
                            "the auth flow waits for something else than exchange.send",
                        )),
                    },
                }
            }
        }
        .map_err(|error| error.in_phase(Phase::Auth))
    }
}

impl fmt::Debug for AuthFlow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthFlow")
    }
}

/// Where a flow sends its requests to; [`AuthFlow::new`] hands it over.
///
/// ```
/// use dimorph::{Auth, AuthFlow, Request};
///
/// /// Sends each request twice.
/// struct Twice;
///
/// impl Auth for Twice {
///     fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
///         AuthFlow::new(move |exchange| async move {
///             exchange.send(request.try_clone()?).await?;
///             exchange.send(request).await?;
///             Ok(())
///         })
///     }
/// }
///
/// let mock = dimorph::transport::Mock::routes().get("*", "hello");
/// let client = dimorph::Client::builder().transport(mock.clone()).auth(Twice).build()?;
/// let response = client.get("https://example.org/").send()?;
/// assert_eq!(mock.count(), 2);
/// assert_eq!(response.history().len(), 1);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Exchange(Arc<Mutex<Slot>>);

#[derive(Default)]
struct Slot {
    request: Option<Request>,
    response: Option<Response>,
}

impl Exchange {
    /// Sends a request, follows its redirects, and returns the response: Python's `response = yield request`.
    ///
    /// # Errors
    /// `LocalProtocolError` where a second request is sent before the first was answered. What fails on the
    /// network ends the call, and the flow with it.
    pub fn send(&self, request: Request) -> impl Future<Output = Result<Response>> + Send + use<> {
        let exchange = self.clone();
        let mut request = Some(request);
        poll_fn(move |_| exchange.poll(&mut request))
    }

    /// Hands the request over at the first poll, and the response back at the second.
    fn poll(&self, request: &mut Option<Request>) -> Poll<Result<Response>> {
        self.with(|slot| match request.take() {
            Some(_) if slot.request.is_some() => Poll::Ready(Err(Error::new(
                ErrorKind::LocalProtocolError,
                "an auth flow sends one request after the other",
            ))),
            Some(request) => {
                slot.request = Some(request);
                slot.response = None;
                Poll::Pending
            }
            None => slot
                .response
                .take()
                .map_or(Poll::Pending, |r| Poll::Ready(Ok(r))),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

/// Makes an [`Auth`] of a function that takes a request and returns it authenticated, or an error.
///
/// ```
/// use dimorph::{Request, auth_fn};
///
/// let auth = auth_fn(|mut request: Request| {
///     request.headers_mut().insert("x-token", "t".parse().unwrap());
///     request
/// });
/// # let _ = auth;
/// ```
pub fn auth_fn<F, R>(authenticate: F) -> AuthFn<F>
where
    F: Fn(Request) -> R + Send + Sync,
    R: IntoAuthenticated,
{
    AuthFn(authenticate)
}

/// An [`Auth`] made by [`auth_fn`].
///
/// ```
/// use dimorph::auth::AuthFn;
/// use dimorph::{Request, auth_fn};
///
/// let auth: AuthFn<fn(Request) -> Request> = auth_fn(|request| request);
/// let client = dimorph::Client::builder().auth(auth).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct AuthFn<F>(F);

impl<F, R> Auth for AuthFn<F>
where
    F: Fn(Request) -> R + Send + Sync,
    R: IntoAuthenticated,
{
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        match (self.0)(request).into_authenticated() {
            Ok(request) => AuthFlow::once(request),
            Err(error) => AuthFlow::fail(error),
        }
    }
}

impl<F> fmt::Debug for AuthFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthFn")
    }
}

/// What the function given to [`auth_fn`] may return: a request, or a result of one.
///
/// ```
/// use dimorph::{Error, Request, auth_fn};
///
/// let auth = auth_fn(|mut request: Request| -> dimorph::Result<Request> {
///     let token = std::env::var("NO_SUCH_TOKEN").map_err(Error::other)?;
///     request.headers_mut().insert("x-token", token.parse().map_err(Error::other)?);
///     Ok(request)
/// });
/// let error = dimorph::Client::new()
///     .get("https://example.org/")
///     .auth(auth)
///     .send()
///     .unwrap_err();
/// assert_eq!(error.kind(), dimorph::ErrorKind::App);
/// ```
pub trait IntoAuthenticated {
    #[doc(hidden)]
    fn into_authenticated(self) -> Result<Request>;
}

impl IntoAuthenticated for Request {
    fn into_authenticated(self) -> Result<Request> {
        Ok(self)
    }
}

impl IntoAuthenticated for Result<Request> {
    fn into_authenticated(self) -> Result<Request> {
        self
    }
}

/// Which credentials a request goes with (S12).
#[derive(Clone, Default)]
pub(crate) enum Choice {
    /// Nothing was said: the client's, the URL's, or netrc's.
    #[default]
    Client,
    /// None of the client's.
    Off,
    Set(Arc<dyn Auth>),
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::*;

    fn request(url: &str) -> Request {
        Request::new(Method::GET, url).unwrap()
    }

    fn answer(status: u16) -> Option<Response> {
        Some(Response::made(
            request("http://h.test/"),
            StatusCode::from_u16(status).unwrap(),
        ))
    }

    fn sent(step: Step) -> Request {
        match step {
            Step::Send(request) => request,
            Step::Done => panic!("the flow is over"),
        }
    }

    struct Retry;

    impl Auth for Retry {
        fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
            AuthFlow::new(move |exchange| async move {
                let response = exchange.send(request.try_clone()?).await?;
                if response.status() == 401 {
                    request
                        .headers_mut()
                        .insert("x-token", "t".parse().unwrap());
                    exchange.send(request).await?;
                }
                Ok(())
            })
        }
    }

    #[test]
    fn a_flow_runs_from_request_to_request() {
        let mut flow = Retry.auth_flow(request("http://h.test/"));
        assert!(sent(flow.resume(None).unwrap()).headers().is_empty());
        let again = sent(flow.resume(answer(401)).unwrap());
        assert_eq!(again.headers()["x-token"], "t");
        assert!(matches!(flow.resume(answer(200)).unwrap(), Step::Done));
        let mut flow = Retry.auth_flow(request("http://h.test/"));
        sent(flow.resume(None).unwrap());
        assert!(matches!(flow.resume(answer(200)).unwrap(), Step::Done));
    }

    #[test]
    fn a_flow_that_waits_for_something_else_is_an_error() {
        let mut flow = AuthFlow::new(|_| async {
            std::future::pending::<()>().await;
            Ok(())
        });
        let error = flow.resume(None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
        assert!(error.to_string().contains("exchange.send"), "{error}");
    }

    #[test]
    fn pairs_functions_and_schemes_are_all_auth() {
        fn takes(auth: impl IntoAuth) -> Arc<dyn Auth> {
            auth.into_auth()
        }
        let user = String::from("user");
        let all = [
            takes(("user", "pass")),
            takes((user.as_str(), user.clone())),
            takes(BasicAuth::new("user", "pass")),
            takes(auth_fn(|request: Request| request)),
            takes(auth_fn(|request: Request| Ok::<_, Error>(request))),
            takes(Arc::new(Retry)),
        ];
        for auth in all {
            let mut flow = auth.auth_flow(request("http://h.test/"));
            assert!(matches!(flow.resume(None), Ok(Step::Send(_))));
        }
    }
}
