//! One request on a stream, until the head of its response is there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::header::SET_COOKIE;
use http::{Method, StatusCode};

use super::super::dual;
use super::super::failure::{Again, Failure};
use super::super::http11::{Waits, heard};
use super::super::pool::Lease;
use super::super::send::Trip;
use super::super::upload::Upload;
use super::body::StreamBody;
use super::sending::{Sending, Sent};
use super::{Held, Http2, Silence};
use crate::config::{CONTINUE_TIMEOUT, Wait};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::EventKind;
use crate::proto::h1::{RequestFraming, ResponseHead, expects_continue};
use crate::proto::h2::{provably_unprocessed, request_head, wants_http11};
use crate::request::Request;

/// How long a server may take to answer the PING of a doubt.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a wait for the response brought.
enum Step {
    Informational(http::Response<()>),
    Head(http::Response<RecvStream>),
    Failed(h2::Error),
    Sent(Result<Sent>),
}

/// Looks at all that can happen before the head is there.
fn poll_step(
    response: &mut ResponseFuture,
    sending: &mut Option<Sending>,
    holds: bool,
    cx: &mut Context<'_>,
) -> Poll<Step> {
    match response.poll_informational(cx) {
        Poll::Ready(Some(Ok(head))) => return Poll::Ready(Step::Informational(head)),
        Poll::Ready(Some(Err(error))) => return Poll::Ready(Step::Failed(error)),
        Poll::Ready(None) | Poll::Pending => {}
    }
    match Pin::new(response).poll(cx) {
        Poll::Ready(Ok(head)) => return Poll::Ready(Step::Head(head)),
        Poll::Ready(Err(error)) => return Poll::Ready(Step::Failed(error)),
        Poll::Pending => {}
    }
    match sending {
        Some(sending) if !holds => sending.poll(cx).map(Step::Sent),
        _ => Poll::Pending,
    }
}

#[dual]
impl Http2 {
    /// Sends a request and receives the head of its final response. `lease` is that of the stream.
    pub(crate) async fn exchange(
        &self,
        lease: Lease,
        request: &Request,
        upload: Upload,
        framing: RequestFraming,
        trip: &Trip<'_>,
    ) -> Result<(ResponseHead, Box<StreamBody>), Failure> {
        let waits = trip.waits;
        let begun = Instant::now();
        let expects =
            !matches!(upload, Upload::Empty) && expects_continue(request.request_headers());
        let head = request_head(request, framing, trip.has_proxies, &|text| {
            self.authority(text)
        })?;
        // Dropped behind the stream's own handles, and before the lease.
        let held = Held::new(self.clone());
        if let Some(doubted) = self.facts().doubted() {
            let patience = begun + PATIENCE;
            let patience = waits.total.map_or(patience, |total| total.min(patience));
            self.hear(doubted, Some(patience)).await;
            if self.facts().heard() == doubted {
                // Whoever comes next goes elsewhere, too.
                self.facts().retire();
                let error = waits.read_failed(timed_out()).in_phase(Phase::Send);
                return Err(Failure::unsent(error, Some(upload)));
            }
        }
        let mut sender = self.sender();
        let whole = matches!(upload, Upload::Empty);
        let (mut response, stream) = match sender.send_request(head, whole) {
            Ok(opened) => opened,
            Err(error) => return Err(self.not_sent(error, upload)),
        };
        let mut sending =
            (!whole).then(|| Sending::new(self.clone(), upload, stream, framing, request));
        let id = response.stream_id().as_u32();
        if self.facts().is_crowded() {
            self.open_stream(&mut sender, waits, trip.pool_deadline())
                .await?;
        }
        let mut holds = expects.then(|| begun + CONTINUE_TIMEOUT);
        let mut informational = 0;
        let mut silence = Silence::begin(self.facts());
        let mut looked = false;
        let head = loop {
            let wait = match (&sending, holds) {
                (Some(_), Some(until)) => Wait {
                    each: None,
                    until: Some(waits.total.map_or(until, |total| total.min(until))),
                },
                (Some(sending), None) => sending.wait(waits),
                (None, _) => waits.read(),
            };
            let deadline = wait.deadline(Instant::now());
            let step = self
                .driver()
                .wait(
                    |cx| poll_step(&mut response, &mut sending, holds.is_some(), cx),
                    deadline,
                )
                .await;
            match step {
                None if holds.is_some() && !waits.is_over() => holds = None,
                None if sending.is_some() => {
                    return Err(waits.write_failed(timed_out()).into());
                }
                None if silence.is_drip(self.facts(), id) && !waits.is_over() => {}
                None => {
                    // The next request waits for a sign of life.
                    self.facts().doubt();
                    return Err(waits
                        .read_failed(timed_out())
                        .in_phase(Phase::ReceiveHead)
                        .into());
                }
                Some(Step::Informational(head)) => {
                    informational += 1;
                    let most = self.inner.limits.informational;
                    if informational > most {
                        return Err(Error::new(
                            ErrorKind::LimitExceeded,
                            format!("more than {most} informational responses"),
                        )
                        .in_phase(Phase::ReceiveHead)
                        .into());
                    }
                    if head.status() == StatusCode::CONTINUE {
                        holds = None;
                    }
                    self.check_list(head.headers(), Phase::ReceiveHead)?;
                    heard(trip, &of_parts(head.into_parts().0));
                }
                Some(Step::Head(head)) => break head,
                Some(Step::Failed(error)) => return Err(self.unanswered(error, id, sending)),
                Some(Step::Sent(Err(error))) => return Err(waits.source_failed(error).into()),
                Some(Step::Sent(Ok(sent))) => match (sent, &mut sending) {
                    (Sent::Some, Some(sending)) => {
                        sending.count();
                        looked = false;
                    }
                    (Sent::Whole | Sent::Stopped, Some(done)) => {
                        done.count();
                        // From here on only the response counts; the stream stays as it is.
                        sending = None;
                    }
                    (Sent::Wants, _) => {
                        let Some(sending) = &mut sending else {
                            continue;
                        };
                        // A reader may take its time: what the server says first is heard first.
                        if sending.reads_slowly() && !looked {
                            // Others may wait for what its first words allow.
                            self.hear(0, deadline).await;
                            self.driver().catch_up();
                            looked = true;
                            continue;
                        }
                        sending.fill(waits).await?;
                        looked = false;
                        if waits.is_over() {
                            return Err(waits.total_timeout().in_phase(Phase::Send).into());
                        }
                    }
                    (_, None) => {}
                },
            }
        };
        self.check_list(head.headers(), Phase::ReceiveHead)?;
        trip.tell(|now| EventKind::ResponseStarted {
            status: head.status(),
            version: head.version(),
            took: if trip.trace.is_some() {
                now - begun
            } else {
                Duration::ZERO
            },
        });
        let (parts, receiving) = head.into_parts();
        if parts.status.as_u16() >= 400 {
            // The server does not want the rest of the body.
            sending = None;
        }
        let head = of_parts(parts);
        // What is over with the body's handles is over then.
        drop((response, sender));
        let mut body = StreamBody::new(held, lease, receiving, sending, &head, *waits, id);
        if has_no_body(request.method(), head.status) {
            if body.is_sending() {
                body.send_rest().await?;
            }
            // What a server sends all the same is not listened to.
            body.close();
        }
        Ok((head, Box::new(body)))
    }

    /// Waits for more bytes than were heard `before`, of whatever stream.
    async fn hear(&self, before: u64, deadline: Option<Instant>) {
        let facts = self.facts();
        let heard = self
            .driver()
            .wait(|cx| facts.poll_heard(before, cx), deadline)
            .await;
        // What is not heard in time is missed elsewhere.
        let _ = heard;
    }

    /// A stream that the server has no room for yet waits in its turn. Where the connection ends meanwhile, the response says how.
    async fn open_stream(
        &self,
        sender: &mut SendRequest<Bytes>,
        waits: &Waits,
        deadline: Option<Instant>,
    ) -> Result<()> {
        match self
            .driver()
            .wait(|cx| sender.poll_ready(cx), deadline)
            .await
        {
            Some(_) => Ok(()),
            None if waits.is_over() => Err(waits.total_timeout().in_phase(Phase::Pool)),
            None => Err(
                Error::timeout(ErrorKind::PoolTimeout, waits.timeout.pool_timeout())
                    .in_phase(Phase::Pool),
            ),
        }
    }
}

impl Http2 {
    /// The connection took no request.
    fn not_sent(&self, error: h2::Error, upload: Upload) -> Failure {
        self.facts().retire();
        Failure::unsent(self.error(error, Phase::Send), Some(upload))
    }

    fn unanswered(&self, error: h2::Error, id: u32, sending: Option<Sending>) -> Failure {
        let again = match () {
            () if wants_http11(&error) => Again::Http11,
            () if provably_unprocessed(&error, id, self.facts().last_processed()) => {
                match error.is_reset() {
                    true => Again::Refused,
                    false => Again::Passed,
                }
            }
            () if !self.facts().has_written(id) => Again::Unsent,
            // Who breaks the protocol is not asked again.
            () if self.facts().end().is_some() => Again::No,
            () if error.is_io() => Again::IfIdempotent,
            () => Again::No,
        };
        let error = self.error(error, Phase::ReceiveHead);
        Failure {
            error: match again {
                Again::Refused | Again::Passed | Again::Unsent => error.unprocessed(),
                _ => error,
            },
            again,
            upload: sending.and_then(Sending::into_untouched),
        }
    }
}

/// RFC 9110 section 6.4.1.
fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

fn of_parts(parts: http::response::Parts) -> ResponseHead {
    ResponseHead {
        status: parts.status,
        version: parts.version,
        reason: None,
        sets_cookies: parts.headers.contains_key(SET_COOKIE),
        headers: parts.headers,
    }
}

pub(super) fn timed_out() -> std::io::Error {
    std::io::ErrorKind::TimedOut.into()
}
