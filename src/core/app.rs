//! An application in process, in this form: it is run by the caller, and so is its body.

use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use tower_service::Service;

use super::body::Incoming;
use super::response::Response;
use super::{dual, rt};
use crate::body::{Body, unlocked};
use crate::error::{BoxError, Error, ErrorKind, Phase, Result};
use crate::request::Request;
use crate::transport::{App, AppBody, Deadline};

/// The body of an application's response.
pub(crate) struct AppSource {
    /// Never locked: it makes what is only `Send` also `Sync`.
    body: Mutex<AppBody>,
    runner: rt::Runner,
    trailers: Option<Box<HeaderMap>>,
}

impl AppSource {
    pub(crate) fn trailers(&mut self) -> Option<Box<HeaderMap>> {
        self.trailers.take()
    }

    /// How much is left, where the application says so.
    pub(crate) fn remaining(&self) -> Option<u64> {
        // Nobody else holds it.
        let body = self.body.try_lock().ok()?;
        body.size_hint().exact()
    }
}

impl fmt::Debug for AppSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSource")
    }
}

#[dual]
impl AppSource {
    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self, total: Option<Instant>) -> Result<Option<Bytes>> {
        loop {
            let body = unlocked(&mut self.body);
            let frame = match self.runner.frame(body, total).await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                // What is given up for the deadline may fail of it.
                Err(_) if is_over(total) => return Err(total_over()),
                Err(error) => return Err(error.in_phase(Phase::ReceiveBody)),
            };
            match frame.into_data() {
                Ok(piece) => return Ok(Some(piece)),
                Err(other) => {
                    if let Ok(trailers) = other.into_trailers() {
                        self.trailers.get_or_insert_default().extend(trailers);
                    }
                    // Frames that are always there never wait for the deadline.
                    if is_over(total) {
                        return Err(total_over());
                    }
                }
            }
        }
    }
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn total_over() -> Error {
    Error::timeout(ErrorKind::TotalTimeout, None).in_phase(Phase::ReceiveBody)
}

/// Asks the application, within the request's `head` and `total` timeouts.
#[dual]
pub(crate) async fn answer<S, R>(app: &App<S>, request: Request) -> Result<Response>
where
    S: Service<http::Request<Body>, Response = http::Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: http_body::Body + Send + 'static,
    R::Data: Into<Bytes>,
    R::Error: Into<BoxError>,
{
    let started = Instant::now();
    let deadline = Deadline::of(&request, started);
    let runner = rt::Runner::of(&app.runner)?;
    let calling = app.call(request, rt::Runner::feed)?;
    let answered = runner.run(calling, deadline.end()).await;
    // One that cannot be interrupted comes late, and what is given up for the deadline may fail of it.
    if is_over(deadline.end()) {
        return Err(deadline.passed(Phase::ReceiveHead));
    }
    let answered = answered.map_err(|error| error.in_phase(Phase::ReceiveHead))?;
    let (parts, body) = answered.into_parts();
    let source = AppSource {
        body: Mutex::new(body),
        runner,
        trailers: None,
    };
    let body = Incoming::app(Box::new(source), started).until(deadline.total());
    Ok(Response::from_app(parts, body))
}
