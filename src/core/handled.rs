//! Drives a handler: sends, reads and waits for it, in this form.

use std::time::{Duration, Instant, SystemTime};

use super::body::Incoming;
use super::response::Response;
use super::{Transport, dual, rt};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;
use crate::transport::{Clocks, Handler, Native, Progress, Reply, Run, Script, Step};

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
    let total = request
        .timeout()
        .and_then(|timeout| Instant::now().checked_add(timeout.until_head()?));
    let mut run = Run::new(handler, request, CLOCKS);
    let mut reply = None;
    loop {
        let step = match run.resume(reply.take())? {
            Progress::Done(response) => return Response::from_shared(response),
            Progress::Wants(step) => step,
        };
        reply = Some(match step {
            Step::Send(request) => {
                let sent = beneath.send(request).await;
                Reply::Sent(sent.map(Response::into_shared))
            }
            Step::Read(native, most) => {
                let (native, read) = read(native, most).await;
                Reply::Read(native, read)
            }
            Step::Sleep(time) => {
                let end = Instant::now() + time.min(LONGEST_SLEEP);
                rt::sleep_until(total.map_or(end, |total| total.min(end))).await;
                if total.is_some_and(|total| total < end) {
                    return Err(
                        Error::timeout(ErrorKind::TotalTimeout, None).in_phase(Phase::ReceiveHead)
                    );
                }
                Reply::Slept
            }
        });
    }
}

/// A body that the handler made, to be read.
fn made(native: Native) -> std::result::Result<Incoming, Native> {
    let now = Instant::now();
    match native.downcast::<Body>() {
        Ok(body) => Ok(Incoming::custom(*body, now)),
        Err(native) => native
            .downcast::<Script>()
            .map(|script| Incoming::script(script, now)),
    }
}

/// Reads the whole body of a response of this form, or of one that the handler made, up to a length.
#[dual]
async fn read(native: Native, most: u64) -> (Native, Result<bytes::Bytes>) {
    match native.downcast::<Response>() {
        Ok(mut response) => {
            let read = response.read_raw(most).await;
            (response, read)
        }
        Err(native) => match made(native) {
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
