//! The body of a response as it comes on a stream, still encoded.

use std::fmt;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::super::dual;
use super::super::http11::Waits;
use super::super::pool::Lease;
use super::super::wire_body::closed;
use super::exchange::timed_out;
use super::sending::{Sending, Sent};
use super::{Held, Silence};
use crate::error::{Error, Phase, Result};
use crate::proto::h1::ResponseHead;
use crate::stream_id::StreamId;
use crate::tls_info::TlsInfo;

/// A body with the stream that it comes on. Dropped before its end, it resets the stream (CANCEL) and leaves the connection as it is.
pub(crate) struct StreamBody {
    /// `None` once all is over.
    open: Option<Open>,
    /// It was over before its end.
    failed: bool,
    left: Option<u64>,
    waits: Waits,
    trailers: Option<Box<HeaderMap>>,
    id: u32,
    remote_addr: Option<SocketAddr>,
    tls_info: Option<TlsInfo>,
}

/// The stream's handles, and behind them what is to be told and given back when they are gone.
struct Open {
    receiving: RecvStream,
    /// What is left of the request's body: it goes on beside the response's.
    sending: Option<Sending>,
    held: Held,
    _lease: Lease,
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBody")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a wait for the body brought.
enum Step {
    Data(Bytes),
    End(Option<HeaderMap>),
    Failed(h2::Error),
    Sent(Result<Sent>),
}

impl Open {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self.poll_data(cx) {
            Poll::Ready(step) => return Poll::Ready(step),
            Poll::Pending => {}
        }
        match &mut self.sending {
            Some(sending) => sending.poll(cx).map(Step::Sent),
            None => Poll::Pending,
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let receiving = &mut self.receiving;
        Poll::Ready(match ready!(receiving.poll_data(cx)) {
            Some(Ok(data)) => {
                // Taken is taken: the server may send as much again.
                match receiving.flow_control().release_capacity(data.len()) {
                    Ok(()) => Step::Data(data),
                    Err(error) => Step::Failed(error),
                }
            }
            Some(Err(error)) => Step::Failed(error),
            None => match ready!(receiving.poll_trailers(cx)) {
                Ok(trailers) => Step::End(trailers),
                Err(error) => Step::Failed(error),
            },
        })
    }
}

impl StreamBody {
    pub(super) fn new(
        held: Held,
        lease: Lease,
        receiving: RecvStream,
        sending: Option<Sending>,
        head: &ResponseHead,
        waits: Waits,
        id: u32,
    ) -> Self {
        let mut sending = sending;
        if let Some(sending) = &mut sending {
            sending.rest();
        }
        let announced = head.headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = StreamBody {
            remote_addr: held.connection.inner.remote_addr,
            tls_info: held.connection.inner.tls_info.clone(),
            left: match receiving.is_end_stream() {
                true => Some(0),
                false => announced,
            },
            open: Some(Open {
                receiving,
                sending,
                held,
                _lease: lease,
            }),
            failed: false,
            waits,
            trailers: None,
            id,
        };
        body.finish_if_over();
        body
    }

    pub(crate) fn stream_id(&self) -> StreamId {
        StreamId(self.id)
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote_addr
    }

    /// What the server showed of itself, if it was asked to be kept.
    pub(crate) fn tls_info(&mut self) -> Option<TlsInfo> {
        self.tls_info.take()
    }

    /// Nothing more is to come, and nothing to go out.
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_none()
    }

    /// From here on the limits are those of the body; returns the moment by which it must be over.
    pub(crate) fn begin_waiting(&mut self) -> Option<Instant> {
        self.waits = self.waits.of_body();
        self.waits.total
    }

    /// Ends by then, if not before.
    pub(crate) fn limit(&mut self, until: Option<Instant>) {
        self.waits.total = self.waits.total.into_iter().chain(until).min();
    }

    /// The bytes still to come, where they are announced.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.open {
            Some(_) => self.left,
            None => Some(0),
        }
    }

    pub(crate) fn trailers(&mut self) -> Option<Box<HeaderMap>> {
        self.trailers.take()
    }

    /// Listens to nothing more.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Tells whether a part of the request's body is still to go out.
    pub(super) fn is_sending(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.sending.is_some())
    }

    /// Gives the stream back where both sides are done.
    fn finish_if_over(&mut self) {
        if let Some(open) = &self.open
            && open.sending.is_none()
            && open.receiving.is_end_stream()
        {
            self.open = None;
        }
    }

    fn give_up(&mut self) {
        self.open = None;
        self.failed = true;
    }

    fn failed(&mut self, error: h2::Error) -> Error {
        self.failed = true;
        match self.open.take() {
            Some(open) => open.held.connection.error(error, Phase::ReceiveBody),
            None => closed(),
        }
    }
}

#[dual]
impl StreamBody {
    /// The next piece; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        let mut silence = None;
        loop {
            let Some(open) = &mut self.open else {
                return match self.failed {
                    true => Err(closed()),
                    false => Ok(None),
                };
            };
            let deadline = self.waits.read().deadline(Instant::now());
            let connection = open.held.connection.clone();
            let facts = connection.facts();
            let silence = silence.get_or_insert_with(|| Silence::begin(facts));
            let step = connection
                .driver()
                .wait(|cx| open.poll_step(cx), deadline)
                .await;
            match step {
                Some(Step::Data(data)) => {
                    if let Some(left) = &mut self.left {
                        *left = left.saturating_sub(data.len() as u64);
                    }
                    if let Some(sending) = &mut open.sending {
                        sending.rest();
                    }
                    self.finish_if_over();
                    if !data.is_empty() {
                        return Ok(Some(data));
                    }
                }
                Some(Step::End(trailers)) => {
                    if let Some(trailers) = &trailers {
                        let checked = connection.check_list(trailers, Phase::ReceiveBody);
                        checked.inspect_err(|_| self.give_up())?;
                    }
                    self.trailers = trailers.map(Box::new);
                    self.send_rest().await?;
                    self.open = None;
                    return Ok(None);
                }
                Some(Step::Failed(error)) => return Err(self.failed(error)),
                Some(Step::Sent(sent)) => self.sent(sent).await?,
                None if silence.is_drip(facts, self.id) && !self.waits.is_over() => {}
                None => {
                    facts.doubt();
                    self.give_up();
                    return Err(self
                        .waits
                        .read_failed(timed_out())
                        .in_phase(Phase::ReceiveBody));
                }
            }
        }
    }

    /// Sends what is left of the request's body, where the response is complete: an early success is no refusal. A server that takes no more
    /// of it has said all the same what it had to say.
    pub(crate) async fn send_rest(&mut self) -> Result<()> {
        while let Some(open) = &mut self.open {
            let Some(sending) = &mut open.sending else {
                break;
            };
            let deadline = sending.wait_briefly(&self.waits).deadline(Instant::now());
            let connection = open.held.connection.clone();
            let sent = connection
                .driver()
                .wait(|cx| sending.poll(cx), deadline)
                .await;
            match sent {
                Some(sent) => self.sent(sent).await?,
                None if self.waits.is_over() => {
                    self.give_up();
                    return Err(self.waits.total_timeout().in_phase(Phase::Send));
                }
                None => self.open = None,
            }
        }
        self.finish_if_over();
        Ok(())
    }

    async fn sent(&mut self, sent: Result<Sent>) -> Result<()> {
        let waits = self.waits;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if let (Ok(Sent::Some | Sent::Whole), Some(sending)) = (&sent, &mut open.sending) {
            sending.count();
        }
        match (sent, &mut open.sending) {
            (Ok(Sent::Some), _) => Ok(()),
            (Ok(Sent::Wants), Some(sending)) => match sending.fill(&waits).await {
                Ok(()) => Ok(()),
                Err(error) => {
                    self.give_up();
                    Err(error)
                }
            },
            (Ok(_), sending) => {
                *sending = None;
                Ok(())
            }
            (Err(error), _) => {
                self.give_up();
                Err(waits.source_failed(error))
            }
        }
    }
}
