//! Drives a handler: sends, reads and waits for it, in this form.

use std::time::{Duration, Instant, SystemTime};

use super::body::Incoming;
use super::response::Response;
use super::{Transport, dual, rt};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;
use crate::transport::{Clocks, Deadline, Handler, Native, Progress, Reply, Run, Script, Step};

const CLOCKS: Clocks = Clocks {
    now: Instant::now,
    date: SystemTime::now,
};

/// The longest wait: what does not fit the clock ends with it.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Runs a handler over the transport beneath it.
#[dual]
pub(crate) async fn drive(
    handler: &dyn Handler,
    beneath: &dyn Transport,
    request: Request,
) -> Result<Response> {
    let deadline = Deadline::of(&request, Instant::now());
    let timeout = request.timeout().copied();
    let mut run = Run::new(handler, request, CLOCKS);
    let mut reply = None;
    loop {
        let step = match run.resume(reply.take())? {
            Progress::Done(response) => return Response::from_shared(response),
            Progress::Wants(step) => step,
        };
        reply = Some(match step {
            Step::Send(mut request) => {
                if request.timeout().is_none() {
                    *request.timeout_mut() = timeout;
                }
                deadline.shorten(&mut request, Instant::now());
                let kept = request.shadow();
                let sent = beneath.send(request).await;
                Reply::Sent(sent.map(|response| response.answering(kept).into_shared()))
            }
            Step::Read(native, most) => {
                let (native, read) = read(native, most, deadline.end()).await;
                Reply::Read(native, read)
            }
            Step::Sleep(time) => {
                let end = Instant::now() + time.min(LONGEST_SLEEP);
                let over = deadline.end().filter(|over| *over < end);
                rt::sleep_until(over.unwrap_or(end)).await;
                if over.is_some() {
                    return Err(deadline.passed(Phase::ReceiveHead));
                }
                Reply::Slept
            }
        });
    }
}

/// A body that the handler made, to be read.
fn made(native: Native, until: Option<Instant>) -> std::result::Result<Incoming, Native> {
    let now = Instant::now();
    match native.downcast::<Body>() {
        Ok(body) => Ok(Incoming::custom(*body, now).until(until)),
        Err(native) => native
            .downcast::<Script>()
            .map(|script| Incoming::script(script, now)),
    }
}

/// Reads the whole body of a response of this form, or of one that the handler made, up to a length.
#[dual]
async fn read(native: Native, most: u64, until: Option<Instant>) -> (Native, Result<bytes::Bytes>) {
    match native.downcast::<Response>() {
        Ok(mut response) => {
            let read = response.read_raw(most).await;
            (response, read)
        }
        Err(native) => match made(native, until) {
            Ok(mut body) => {
                let read = body.collect_within(most).await;
                (Box::new(Body::consumed()), read)
            }
            Err(native) => (
                native,
                Err(Error::new(
                    ErrorKind::LocalProtocolError,
                    "the response belongs to the other client",
                )),
            ),
        },
    }
}
