//! Server-sent events over as many connections as it takes (WHATWG HTML section 9.2.3).
//!
//! ```text
//!            ┌────────────────────────────────────────────┐
//!            ▼                                            │
//!   Connect ── send ──▶ Open ── end, or network error ──▶ Wait ── time ──┐
//!      ▲                 │ events                                        │
//!      └─────────────────┼───────────────────────────────────────────────┘
//!                        └─ 204, another status or type, too many: Ended
//! ```
//!
//! `step` says what to wait for next, and nothing changes until that has come: a wait that is given up is begun again, but for a connection
//! being made, which is gone on with.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::HeaderName;
use http::header::HeaderValue;

use super::client::Client;
use super::response::Response;
use super::{dual, rt};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::merge;
use crate::request::Request;
use crate::shapes::Shape;
use crate::sse::{self, Event, Events, Reconnects, Verdict};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// The events of a URL, connection after connection; made by [`RequestBuilder::event_source`](super::request_builder::RequestBuilder::event_source).
///
/// It connects when the first event is asked for. When the stream ends or the connection is lost, it waits as long as the server's last
/// `retry` field said, three seconds if it said nothing, and connects again, with the ID of the last event in `Last-Event-ID`. The wait is up to a
/// quarter longer at random; while no event comes it grows, up to a minute. What is asked for is the first URL each time, with the cookies
/// of that moment; redirects are followed as the client does.
///
/// | what came | what follows |
/// |---|---|
/// | the end of the stream; a timeout, a network or proxy error, a stream cut off | another connection |
/// | the same before the first stream was open | an error; another connection with [`retry_initial`](EventSource::retry_initial) |
/// | 204 | the end |
/// | 429, 502, 503 or 504, see [`retry_statuses`](EventSource::retry_statuses) | as a network error; `Retry-After` counts where it is longer, up to an hour |
/// | another status that is not 2xx | `HttpStatus` |
/// | another `content-type` than `text/event-stream` | `RemoteProtocolError` |
/// | an event larger than [`max_event_size`](EventSource::max_event_size) | `LimitExceeded` |
///
/// After an error it has ended. Dropping it closes the connection, or over HTTP/2 resets the stream.
///
/// There is no read timeout, for streams are silent at times, unless the request sets timeouts of its own; then silence of that length is a
/// lost connection. The other timeouts are the client's, but for `total`: a request's own limits everything together, waits included.
///
/// # Example
///
#[doc = example!(
    answering r#".get("*", (200, [("content-type", "text/event-stream")], "id: 1\ndata: one\n\ndata: two\n\n"))"#: r#"let mut events = client.get("https://example.org/events").event_source().max_reconnects(0);
while let Some(event) = events.next()"#,
    r#" {
    println!("{}", event?.data());
}
assert_eq!(events.last_event_id(), "1");"#
)]
#[must_use = "an event source does nothing until an event is asked for"]
pub struct EventSource {
    pub(crate) client: Client,
    /// What is asked, each time as a copy.
    request: Request,
    /// The body that could be sent once is gone.
    sent: bool,
    events: Events,
    reconnects: Reconnects,
    state: State,
    /// How long all of it may take, and when that is over, once it has begun.
    total: Option<Duration>,
    ends: Option<Instant>,
    /// What a poll began and nobody has finished.
    pub(crate) pending: rt::Pending<Came>,
}

/// Where it stands.
#[derive(Debug)]
enum State {
    Connect,
    Open(Response),
    Wait(Instant),
    /// The error is still to be given.
    Failed(Error),
    Ended,
}

/// What is to be done next.
pub(crate) enum Step {
    Give(Option<Result<Event>>),
    Read,
    Sleep(Instant),
    Send(Request),
}

/// What came of a step.
pub(crate) enum Came {
    Answer(Result<Response>),
    Time,
}

impl EventSource {
    pub(crate) fn new(client: Client, request: Result<Request>) -> Self {
        let (mut request, state) = match request {
            Ok(request) => (request, State::Connect),
            Err(error) => (Request::placeholder(), State::Failed(error)),
        };
        sse::ask_for_events(&mut request);
        let own = request.timeout().copied();
        let timeout = own.unwrap_or_else(|| client.config().timeout.read(None).total(None));
        *request.timeout_mut() = Some(timeout);
        EventSource {
            client,
            request,
            sent: false,
            events: Events::new(),
            reconnects: Reconnects::new(),
            state,
            total: timeout.total_timeout(),
            ends: None,
            pending: rt::Pending::default(),
        }
    }

    /// Connects again at most this often without an event in between; default: without end.
    ///
    /// Then the last error is returned; where there was none, for the stream just ended, there is no more event. With 0 the first connection is the only one.
    pub fn max_reconnects(mut self, most: impl Into<Option<u32>>) -> Self {
        self.reconnects.most = most.into();
        self
    }

    /// Also connects again while no stream has been open yet; default: no, so that a mistake in the URL is seen.
    pub fn retry_initial(mut self, retry: bool) -> Self {
        self.reconnects.initial = retry;
        self
    }

    /// Sets which statuses count as trouble that passes; default: 429, 502, 503 and 504. Browsers give up at all of them.
    pub fn retry_statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.reconnects.statuses = statuses.into_iter().collect();
        self
    }

    /// Sets the time between two connections for servers that send no `retry`; default: three seconds.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.reconnects.delay = delay;
        self
    }

    /// Begins after this event: its ID goes out as `Last-Event-ID`, as if it had come last.
    ///
    /// The first event asked for is an error of the kind `Builder` where the ID has a line break or a NUL in it.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/event-stream")], "data: next\n\n"))"#: r#"let source = client.get("https://example.org/events").event_source();
let mut events = source.initial_last_event_id("41").max_reconnects(0);
assert_eq!(events.next()"#,
        r#".unwrap()?.data(), "next");
assert_eq!(mock.last_call().unwrap().headers()["last-event-id"], "41");"#
    )]
    pub fn initial_last_event_id(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        if id.contains(['\0', '\r', '\n']) {
            self.state = State::Failed(Error::builder(
                "a last event ID holds neither line breaks nor NUL",
            ));
        }
        self.events.resume_from(id.into());
        self
    }

    /// Limits a line, and the data of an event, in bytes; default: 8 MiB.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.events.set_max_event_size(bytes);
        self
    }

    /// Returns the ID that the next connection would send: that of the event given last, or of the last one before it that had one; empty
    /// where none had.
    ///
    /// White space around it does not go into the header, and an ID with control characters, for which it has no room, is not sent at all.
    /// Kept somewhere, it lets another run go on from here, by [`initial_last_event_id`](EventSource::initial_last_event_id).
    pub fn last_event_id(&self) -> &str {
        self.events.last_event_id()
    }

    /// Returns the response whose events are being read; `None` while there is no connection.
    pub fn response(&self) -> Option<&Response> {
        match &self.state {
            State::Open(response) => Some(response),
            _ => None,
        }
    }

    pub(crate) fn response_mut(&mut self) -> Option<&mut Response> {
        match &mut self.state {
            State::Open(response) => Some(response),
            _ => None,
        }
    }

    /// Says what is to be done next.
    pub(crate) fn step(&mut self) -> Step {
        match &mut self.state {
            State::Open(response) => {
                if let Some(event) = self.events.pop() {
                    self.reconnects.succeed();
                    return Step::Give(Some(Ok(event)));
                }
                match self.events.failure() {
                    Some(error) => {
                        let error = response.failed(error);
                        self.state = State::Ended;
                        Step::Give(Some(Err(error)))
                    }
                    None => Step::Read,
                }
            }
            State::Wait(until) => Step::Sleep(*until),
            State::Connect => match self.next_request(Instant::now()) {
                Ok(request) => Step::Send(request),
                Err(error) => {
                    self.state = State::Ended;
                    Step::Give(Some(Err(error)))
                }
            },
            State::Failed(_) | State::Ended => {
                let error = match std::mem::replace(&mut self.state, State::Ended) {
                    State::Failed(error) => Some(Err(error)),
                    _ => None,
                };
                Step::Give(error)
            }
        }
    }

    /// Takes what came of sleeping or sending.
    pub(crate) fn came(&mut self, came: Came) {
        match came {
            Came::Time => self.state = State::Connect,
            Came::Answer(Err(error)) => self.lost(Some(error), None),
            Came::Answer(Ok(response)) => {
                let (status, headers) = (response.status(), response.headers());
                let passing = &self.reconnects.statuses;
                match sse::judge(status, headers, passing, SystemTime::now) {
                    Verdict::Events => {
                        self.reconnects.opened = true;
                        self.events.restart();
                        self.state = State::Open(response);
                    }
                    Verdict::NoMore => self.state = State::Ended,
                    Verdict::Later(asked) => {
                        let error = response.status_error();
                        drop(response);
                        self.again(Some(error), asked);
                    }
                    Verdict::BadStatus => self.state = State::Failed(response.status_error()),
                    Verdict::Other(error) => self.state = State::Failed(response.locate(error)),
                }
            }
        }
    }

    /// Takes a piece of the body, its end, or an error.
    pub(crate) fn read(&mut self, piece: Result<Option<Bytes>>) {
        match piece {
            Ok(Some(piece)) => self.events.push(piece),
            Ok(None) => self.lost(None, None),
            Err(error) => self.lost(Some(error), None),
        }
    }

    fn lost(&mut self, error: Option<Error>, asked: Option<Duration>) {
        match error {
            Some(error) if !sse::may_pass(&error) => self.state = State::Failed(error),
            error => self.again(error, asked),
        }
    }

    /// Waits for the next connection, or ends where there is none.
    fn again(&mut self, error: Option<Error>, asked: Option<Duration>) {
        self.state = match self.reconnects.next(self.events.retry(), asked) {
            Some(wait) => {
                let until = Instant::now() + wait.min(LONGEST_WAIT);
                State::Wait(self.ends.map_or(until, |ends| ends.min(until)))
            }
            None => error.map_or(State::Ended, State::Failed),
        };
    }

    /// The request of the next connection.
    fn next_request(&mut self, now: Instant) -> Result<Request> {
        if let Some(total) = self.total {
            let ends = match self.ends {
                Some(ends) => Some(ends),
                None => now.checked_add(total),
            };
            self.ends = ends;
            if ends.is_some_and(|ends| now >= ends) {
                return Err(self.is_over());
            }
        }
        let mut request = match self.request.try_clone() {
            Ok(request) => request,
            Err(_) if !std::mem::replace(&mut self.sent, true) => {
                let sent = self.request.shadow();
                std::mem::replace(&mut self.request, sent)
            }
            Err(error) => return Err(error.with_request(self.request.without_body())),
        };
        if let (Some(ends), Some(timeout)) = (self.ends, request.timeout_mut()) {
            *timeout = timeout.total(ends.saturating_duration_since(now));
        }
        // The jar may have changed since.
        if merge::cookies_are_ours(&request) {
            merge::put_cookies(self.client.config(), &mut request);
        }
        // The peer would not read white space around it, and a field has no room for control characters.
        let id = self.events.last_event_id().trim_matches([' ', '\t']);
        if !id.is_empty()
            && let Ok(mut id) = HeaderValue::from_bytes(id.as_bytes())
        {
            id.set_sensitive(true);
            let own = request.request_headers_mut().own_mut();
            own.insert(LAST_EVENT_ID, id);
        }
        Ok(request)
    }

    fn is_over(&self) -> Error {
        Error::timeout(ErrorKind::TotalTimeout, self.total)
            .in_phase(Phase::ReceiveBody)
            .with_request(self.request.without_body())
    }
}

#[dual]
impl EventSource {
    /// Gives the next event, however many connections it takes; `None` at the end.
    ///
    /// The async form can be given up at any point, in `select!` for one: no event is lost, and no request is made twice.
    ///
    /// # Errors
    /// Those that the [table](EventSource) names, and what [`RequestBuilder::build`](super::request_builder::RequestBuilder::build) says of the request.
    /// After one comes the end.
    #[allow(
        clippy::should_implement_trait,
        reason = "the blocking form implements it too; the inherent method is one text for both"
    )]
    pub async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            if let Some(came) = self.pending.settle().await {
                self.came(came);
            }
            match self.step() {
                Step::Give(item) => return item,
                Step::Read => {
                    let piece = match self.response_mut() {
                        Some(response) => response.piece(false).await,
                        None => Ok(None),
                    };
                    self.read(piece);
                }
                Step::Sleep(until) => {
                    rt::sleep_until(until).await;
                    self.came(Came::Time);
                }
                Step::Send(request) => {
                    let asking = ask(self.client.clone(), request);
                    if let Some(came) = self.pending.run(asking).await {
                        self.came(came);
                    }
                }
            }
        }
    }
}

/// Connects, apart from the source: whoever gives up waiting for it has not sent the request for nothing.
#[dual]
pub(crate) async fn ask(client: Client, request: Request) -> Came {
    Came::Answer(client.start(request).await)
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("request", &self.request)
            .field("response", &self.response())
            .finish_non_exhaustive()
    }
}
