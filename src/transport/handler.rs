//! Transports written once for both clients: a handler is a generator without I/O, as an auth flow is.
//!
//! ```text
//!   driver (core/handled.rs)                 the handler (an async block)
//!     resume(None) ─────────────────────────▶ runs to its first `next.…().await`
//!     Step::Send | Read | Sleep ◀─────────────
//!        does it, in its own form
//!     resume(Some(reply)) ──────────────────▶ runs on, to the next step or to its end
//!     Progress::Done(response) ◀─────────────
//! ```

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::response::Response;
use crate::body::larger_than;
use crate::error::{Error, ErrorKind, Result};
use crate::request::Request;

/// The future that a [`Handler`] returns: a boxed `async` block, which waits for nothing but what [`Next`] offers.
///
/// ```
/// use dimorph::Request;
/// use dimorph::transport::{Handling, Next};
///
/// fn pass_on<'a>(request: Request, next: Next) -> Handling<'a> {
///     Box::pin(async move { next.send(request).await })
/// }
/// ```
pub type Handling<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

/// A transport, or a layer over one, written once for both clients.
///
/// It does no I/O of its own: it sends through [`Next`], and waits for nothing but what `Next` offers. The blocking client
/// runs it without a runtime. Closures `Fn(Request, Next) -> impl Future` are handlers too.
///
/// ```
/// use dimorph::Request;
/// use dimorph::transport::{Handler, Handling, Next};
///
/// /// Names every request.
/// struct RequestId;
///
/// impl Handler for RequestId {
///     fn handle<'a>(&'a self, mut request: Request, next: Next) -> Handling<'a> {
///         Box::pin(async move {
///             request.headers_mut().insert("x-request-id", "1".parse().unwrap());
///             let mut response = next.send(request).await?;
///             response.headers_mut().remove("server");
///             Ok(response)
///         })
///     }
/// }
///
/// // The client beneath is the engine: its pool, its TLS, its proxies.
/// let engine = dimorph::Client::new();
/// let client = dimorph::Client::builder().transport(RequestId.over(engine)).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
pub trait Handler: Send + Sync {
    /// Answers a request, by [`Next`] or out of itself.
    ///
    /// An error of the future is the call's; [`Error::other`](crate::Error::other) makes one of any error.
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a>;

    /// Ends the transport with its client. What stands beneath is closed after it.
    fn close(&self) {}

    /// Puts this over another transport, whose form it takes.
    fn over<T>(self, inner: T) -> Handled<Self, T>
    where
        Self: Sized,
    {
        Handled {
            handler: self,
            inner,
        }
    }

    /// Makes a transport of this alone, which answers out of itself.
    ///
    /// ```
    /// use dimorph::Request;
    /// use dimorph::transport::{Handler, Handling, Next, Response};
    ///
    /// /// Answers every request alike.
    /// struct Teapot;
    ///
    /// impl Handler for Teapot {
    ///     fn handle<'a>(&'a self, _request: Request, _next: Next) -> Handling<'a> {
    ///         Box::pin(async { Ok(Response::new(dimorph::StatusCode::IM_A_TEAPOT)) })
    ///     }
    /// }
    ///
    /// let client = dimorph::Client::builder().transport(Teapot.alone()).build()?;
    /// assert_eq!(client.get("http://example.org/").send()?.status(), 418);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    fn alone(self) -> Handled<Self, Nothing>
    where
        Self: Sized,
    {
        self.over(Nothing)
    }
}

impl<F, B> Handler for F
where
    F: Fn(Request, Next) -> B + Send + Sync,
    B: Future<Output = Result<Response>> + Send + 'static,
{
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(self(request, next))
    }
}

/// A [`Handler`] over another transport, made by [`over`](Handler::over): a transport for each client that the inner one serves.
///
/// ```
/// use dimorph::transport::{Handler, Logging, Mock, Retry};
///
/// let mock = Mock::routes().get("*", "hello");
/// let layers = Logging::new(|line| println!("{line}")).over(Retry::new(2).over(mock));
/// assert_eq!(layers.inner().inner().count(), 0);
/// let client = dimorph::Client::builder().transport(layers).build()?;
/// assert_eq!(client.get("http://example.org/").send()?.text()?, "hello");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Handled<H, T> {
    pub(crate) handler: H,
    pub(crate) inner: T,
}

impl<H, T> Handled<H, T> {
    /// Returns the handler.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// Returns what stands beneath it.
    pub fn inner(&self) -> &T {
        &self.inner
    }
}

/// No transport: what stands beneath a handler that answers out of itself. A request that is sent to it is a `LocalProtocolError`.
///
/// ```
/// use dimorph::transport::Nothing;
///
/// let client = dimorph::Client::builder().transport(Nothing).build()?;
/// assert!(client.get("http://example.org/").send().is_err());
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Nothing {
    pub(crate) fn refuse() -> Error {
        Error::new(
            ErrorKind::LocalProtocolError,
            "the handler sent a request on, and no transport stands beneath it",
        )
    }
}

/// What a handler wants done.
pub(crate) enum Step {
    Send(Request),
    /// Up to so many bytes.
    Read(Native, u64),
    Sleep(Duration),
}

/// What came of it.
pub(crate) enum Reply {
    Sent(Result<Response>),
    Read(Native, Result<Bytes>),
    Slept,
}

/// A response of the form that the driver has; only the driver looks inside.
pub(crate) type Native = Box<dyn Any + Send + Sync>;

/// How far a handler came.
pub(crate) enum Progress {
    Wants(Step),
    Done(Response),
}

/// The clocks of the form that drives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) now: fn() -> Instant,
    pub(crate) date: fn() -> SystemTime,
}

/// A handler at work on one request.
pub(crate) struct Run<'a> {
    next: Next,
    block: Handling<'a>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(handler: &'a dyn Handler, request: Request, clocks: Clocks) -> Self {
        let next = Next {
            slot: Arc::default(),
            clocks,
        };
        Run {
            block: handler.handle(request, next.clone()),
            next,
        }
    }

    /// Runs the handler on to the next thing that it wants done.
    pub(crate) fn resume(&mut self, reply: Option<Reply>) -> Result<Progress> {
        self.next.with(|slot| {
            slot.reply = reply;
            slot.running = true;
        });
        let polled = self
            .block
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let broken = self.next.with(|slot| {
            slot.running = false;
            slot.broken
        });
        if let Some(how) = broken {
            return Err(misused(how));
        }
        match polled {
            Poll::Ready(done) => done.map(Progress::Done),
            Poll::Pending => match self.next.with(|slot| slot.step.take()) {
                Some(step) => Ok(Progress::Wants(step)),
                None => Err(Error::new(
                    ErrorKind::LocalProtocolError,
                    "the handler waits for something else than its Next",
                )),
            },
        }
    }
}

/// What a handler may wait for: the transport beneath, a body, and time.
///
/// ```
/// use std::time::Duration;
/// use dimorph::Request;
/// use dimorph::transport::{Handler, Mock, Next};
///
/// // A layer may be a closure: this one tries a second time after 503.
/// let layer = |request: Request, next: Next| async move {
///     let response = next.send(request.try_clone()?).await?;
///     if response.status() != 503 {
///         return Ok(response);
///     }
///     next.sleep(Duration::from_millis(1)).await;
///     next.send(request).await
/// };
/// let mock = Mock::routes().route(dimorph::transport::Route::get("*").replies([503, 200]));
/// let client = dimorph::Client::builder().transport(layer.over(mock)).build()?;
/// assert_eq!(client.get("http://example.org/").send()?.status(), 200);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct Next {
    slot: Arc<Mutex<Slot>>,
    clocks: Clocks,
}

#[derive(Default)]
struct Slot {
    step: Option<Step>,
    reply: Option<Reply>,
    /// The driver runs the handler at this moment.
    running: bool,
    /// Two things were waited for at once, or one from elsewhere.
    broken: Option<&'static str>,
}

const AT_ONCE: &str = "a handler waits for one thing after the other";
const ELSEWHERE: &str = "a handler's Next serves its own call, while that lasts";

fn misused(how: &'static str) -> Error {
    Error::new(ErrorKind::LocalProtocolError, how)
}

impl Next {
    /// Sends a request through the transport beneath, as it is: no redirects, no cookies, no authentication.
    ///
    /// # Errors
    /// What failed on the way; `LocalProtocolError` where no transport stands beneath, or two things are waited for at once.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::Request;
    /// use dimorph::transport::{Handler, Mock, Next};
    ///
    /// let layer = |mut request: Request, next: Next| async move {
    ///     request.headers_mut().insert("x-request-id", "42".parse().unwrap());
    ///     next.send(request).await
    /// };
    /// let mock = Mock::routes().get("*", "hello");
    /// let client = dimorph::Client::builder().transport(layer.over(mock.clone())).build()?;
    /// client.get("http://example.org/").send()?;
    /// assert_eq!(mock.last_call().unwrap().headers()["x-request-id"], "42");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn send(&self, request: Request) -> impl Future<Output = Result<Response>> + Send + use<> {
        self.ask(Step::Send(request), |reply| match reply {
            Reply::Sent(sent) => Some(sent),
            _ => None,
        })
    }

    /// Reads the whole body of a response, as it came, with its content coding; it stays in the response.
    ///
    /// # Errors
    /// What failed on the way; `StreamConsumed` for a body of one's own that was read before.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::{Error, Request};
    /// use dimorph::transport::{Handler, Mock, Next};
    ///
    /// let layer = |request: Request, next: Next| async move {
    ///     let mut response = next.send(request).await?;
    ///     match next.read(&mut response).await?.is_empty() {
    ///         true => Err(Error::other("there is no body")),
    ///         false => Ok(response),
    ///     }
    /// };
    /// let mock = Mock::routes().get("*", "hello");
    /// let client = dimorph::Client::builder().transport(layer.over(mock)).build()?;
    /// assert_eq!(client.get("http://example.org/").send()?.text()?, "hello");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn read<'r>(
        &self,
        response: &'r mut Response,
    ) -> impl Future<Output = Result<Bytes>> + Send + use<'r> {
        self.read_up_to(response, u64::MAX)
    }

    /// Reads the whole body of a response, as [`read`](Next::read) does, if it has no more than `most` bytes.
    ///
    /// # Errors
    /// As `read`; `LimitExceeded` for a larger one, which is closed.
    pub fn read_up_to<'r>(
        &self,
        response: &'r mut Response,
        most: u64,
    ) -> impl Future<Output = Result<Bytes>> + Send + use<'r> {
        let next = self.clone();
        let mut asked = None;
        poll_fn(move |cx| {
            if let Some(content) = response.content() {
                return Poll::Ready(match content.len() as u64 {
                    length if length > most => Err(larger_than(most)),
                    _ => Ok(content),
                });
            }
            let pending = asked.get_or_insert_with(|| {
                let wanted = Step::Read(response.take_native(), most);
                Box::pin(next.ask(wanted, |reply| match reply {
                    Reply::Read(native, read) => Some(Ok((native, read))),
                    _ => None,
                }))
            });
            let (native, read) = std::task::ready!(pending.as_mut().poll(cx))?;
            response.put_native(native, read.as_ref().ok().cloned());
            Poll::Ready(read)
        })
    }

    /// Waits. Within the call's total timeout, which ends it; outside of the handler's own call it does not wait.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + use<> {
        let slept = self.ask(Step::Sleep(time), |reply| match reply {
            Reply::Slept => Some(Ok(())),
            _ => None,
        });
        let mut slept = Box::pin(slept);
        // What is wrong with two things at once ends the call.
        poll_fn(move |cx| slept.as_mut().poll(cx).map(|_| ()))
    }

    /// Returns the time now, for measuring.
    ///
    /// ```
    /// use dimorph::Request;
    /// use dimorph::transport::{Handler, Mock, Next};
    ///
    /// let layer = |request: Request, next: Next| async move {
    ///     let started = next.now();
    ///     let response = next.send(request).await?;
    ///     println!("took {:?}", next.now() - started);
    ///     Ok(response)
    /// };
    /// # let client = dimorph::Client::builder().transport(layer.over(Mock::routes().get("*", "hello"))).build()?;
    /// # client.get("http://example.org/").send()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn now(&self) -> Instant {
        (self.clocks.now)()
    }

    /// Returns the date now.
    pub fn date(&self) -> SystemTime {
        (self.clocks.date)()
    }

    /// Hands a step over at the first poll, and takes its reply at the second.
    fn ask<T>(
        &self,
        step: Step,
        pick: fn(Reply) -> Option<Result<T>>,
    ) -> impl Future<Output = Result<T>> + Send + use<T> {
        let next = self.clone();
        let mut step = Some(step);
        poll_fn(move |_| {
            next.with(|slot| match step.take() {
                _ if !slot.running => Poll::Ready(Err(misused(ELSEWHERE))),
                Some(_) if slot.step.is_some() => {
                    slot.broken = Some(AT_ONCE);
                    Poll::Ready(Err(misused(AT_ONCE)))
                }
                Some(step) => {
                    slot.step = Some(step);
                    slot.reply = None;
                    Poll::Pending
                }
                None => match slot.reply.take().and_then(pick) {
                    Some(answer) => Poll::Ready(answer),
                    None => Poll::Pending,
                },
            })
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        act(&mut self.slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}
