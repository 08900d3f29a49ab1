//! What one exchange on one connection is doing, and whether the connection may be used again.
//!
//! Two small machines, one for each side, as in the graph of [the module](super). Each is one table
//! of (state, event) to state; what is not in the table is a mistake and ends in `Failed`.

use std::fmt;

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, Method, StatusCode, Version};

use super::framing::{framing, trim_ows};
use super::head::Noticed;
use super::{BodyReader, Framing, H1Error, H1Limits, HeadReader, ResponseHead};

/// One request and its response, and then the next ones on the same connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    limits: H1Limits,
    reader: HeadReader,
    request: RequestState,
    response: ResponseState,
    /// The method, as far as framing depends on it: HEAD, CONNECT, or GET for all others.
    method: Method,
    upgrade: bool,
    /// Why the connection has to be closed after this exchange, if a message has said so.
    close: Option<CloseReason>,
    received_any: bool,
    informational: usize,
    informational_bytes: usize,
}

/// What [`Exchange::receive`] found.
#[derive(Debug)]
pub(crate) enum Received {
    /// A 1xx response; the final one is still to come.
    Informational(
        #[allow(dead_code, reason = "skipped for now; only tests look inside")] ResponseHead,
    ),
    /// The response, and the reader for its body. Status 101, and 2xx to CONNECT, come with a body
    /// that is done: the bytes after the head belong to the new protocol.
    Final(ResponseHead, BodyReader),
}

impl Exchange {
    /// An exchange on a new connection; [`start`](Self::start) begins it.
    pub(crate) fn new(limits: H1Limits) -> Self {
        Self {
            limits,
            reader: HeadReader::new(),
            request: RequestState::Idle,
            response: ResponseState::Idle,
            method: Method::GET,
            upgrade: false,
            close: None,
            received_any: false,
            informational: 0,
            informational_bytes: 0,
        }
    }

    /// Begins the next exchange. Nothing is allocated.
    pub(crate) fn start(
        &mut self,
        method: &Method,
        request_says_close: bool,
        upgrade: bool,
        expect_continue: bool,
        has_body: bool,
    ) {
        self.reader = HeadReader::new();
        self.request = match expect_continue && has_body {
            true => RequestState::AwaitingContinue,
            false => RequestState::Sending,
        };
        self.response = ResponseState::Awaiting;
        self.method = match *method {
            Method::HEAD => Method::HEAD,
            Method::CONNECT => Method::CONNECT,
            _ => Method::GET,
        };
        self.upgrade = upgrade;
        self.close = request_says_close.then_some(CloseReason::RequestSaidClose);
        self.received_any = false;
        self.informational = 0;
        self.informational_bytes = 0;
    }

    /// Whether body bytes may be sent now: not while waiting for 100 Continue, and not after a
    /// final response came instead of it. An early response does not forbid the rest of a body
    /// that has begun; the driver may stop there.
    pub(crate) fn may_send_body(&self) -> bool {
        self.request == RequestState::Sending
    }

    /// Ends the wait for 100 Continue, which a server need not answer (RFC 9110 section 10.1.1).
    pub(crate) fn continue_anyway(&mut self) {
        if self.request == RequestState::AwaitingContinue {
            self.request(RequestEvent::Continue);
        }
    }

    /// Says that the whole request, head and body, has been written.
    pub(crate) fn body_sent(&mut self) {
        self.request(RequestEvent::Sent);
    }

    /// Splits the next head off `buf`; `Ok(None)`: more bytes are needed.
    ///
    /// # Errors
    ///
    /// The bytes are no response, or not one to this request. Each later call then fails too.
    pub(crate) fn receive(&mut self, buf: &mut BytesMut) -> Result<Option<Received>, H1Error> {
        if buf.is_empty() {
            return Ok(None);
        }
        self.received_any = true;
        let received = match self.response {
            ResponseState::Awaiting => self.receive_head(buf),
            ResponseState::Failed => Err(H1Error::AlreadyFailed),
            _ => Err(H1Error::UnsolicitedResponse),
        };
        if received.is_err() {
            self.response(ResponseEvent::Failure);
        }
        received
    }

    fn receive_head(&mut self, buf: &mut BytesMut) -> Result<Option<Received>, H1Error> {
        let available = buf.len();
        let Some(head) = self.reader.read(buf, &self.limits)? else {
            return Ok(None);
        };
        if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            self.count_informational(available - buf.len())?;
            if head.status == StatusCode::CONTINUE {
                self.continue_anyway();
            }
            if connection_options(&head.headers).close {
                self.close.get_or_insert(CloseReason::ResponseSaidClose);
            }
            self.response(ResponseEvent::Informational);
            return Ok(Some(Received::Informational(head)));
        }

        let noticed = self.reader.noticed();
        let framing = framing(&self.method, self.upgrade, &head, noticed.transfer_encoding)?;
        if self.close.is_none() {
            self.close = close_reason(&head, framing, noticed);
        }
        self.request(RequestEvent::FinalResponse);
        self.response(match framing {
            Framing::Tunnel => ResponseEvent::Switch,
            _ => ResponseEvent::Final,
        });
        let body = BodyReader::new(framing, &self.limits);
        if body.is_done() {
            self.response_done();
        }
        Ok(Some(Received::Final(head, body)))
    }

    fn count_informational(&mut self, bytes: usize) -> Result<(), H1Error> {
        self.informational += 1;
        self.informational_bytes = self.informational_bytes.saturating_add(bytes);
        if self.informational > self.limits.informational {
            return Err(H1Error::TooManyInformational {
                limit: self.limits.informational,
            });
        }
        if self.informational_bytes > self.limits.informational_bytes {
            let limit = self.limits.informational_bytes;
            return Err(H1Error::InformationalTooLong { limit });
        }
        Ok(())
    }

    /// Whether any byte of a response to this exchange has been seen.
    pub(crate) fn received_any(&self) -> bool {
        self.received_any
    }

    /// Says what an end of stream before the final head means, when `buf` holds the unread bytes.
    pub(crate) fn eof(&self, buf: &[u8]) -> H1Error {
        if self.informational > 0 && buf.is_empty() {
            return H1Error::NoFinalResponse;
        }
        self.reader.eof(buf)
    }

    /// Says that the body reader is done.
    pub(crate) fn response_done(&mut self) {
        self.response(ResponseEvent::Done);
    }

    /// Says whether the connection may serve another exchange, with `leftover` unread bytes.
    ///
    /// # Errors
    ///
    /// The first reason why it may not.
    pub(crate) fn verdict(&self, leftover: usize) -> Result<(), CloseReason> {
        match self.response {
            ResponseState::Idle | ResponseState::Done => {}
            ResponseState::Awaiting => return Err(CloseReason::NoResponse),
            ResponseState::Body => return Err(CloseReason::BodyUnread),
            ResponseState::Switched => return Err(CloseReason::Upgraded),
            ResponseState::Failed => return Err(CloseReason::Failed),
        }
        match self.request {
            RequestState::Idle | RequestState::Sent => {}
            RequestState::Failed => return Err(CloseReason::Failed),
            RequestState::AwaitingContinue | RequestState::Sending | RequestState::Abandoned => {
                return Err(CloseReason::UploadUnfinished);
            }
        }
        match self.close {
            Some(reason) => Err(reason),
            // RFC 9112 section 6.3: what follows a complete response is never another one.
            None if leftover > 0 => Err(CloseReason::BytesAfterResponse),
            None => Ok(()),
        }
    }

    fn request(&mut self, event: RequestEvent) {
        self.request = self.request.after(event);
    }

    fn response(&mut self, event: ResponseEvent) {
        self.response = self.response.after(event);
    }
}

/// Why a connection may not serve another exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    RequestSaidClose,
    ResponseSaidClose,
    Http10WithoutKeepAlive,
    CloseDelimited,
    TransferEncodingWithContentLength,
    TransferEncodingInHttp10,
    BytesAfterResponse,
    UploadUnfinished,
    NoResponse,
    BodyUnread,
    Upgraded,
    Failed,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestSaidClose => "the request said `connection: close`",
            Self::ResponseSaidClose => "the response said `connection: close`",
            Self::Http10WithoutKeepAlive => "the HTTP/1.0 response did not say keep-alive",
            Self::CloseDelimited => "the body ended with the connection",
            Self::TransferEncodingWithContentLength => {
                "the response had both transfer-encoding and content-length"
            }
            Self::TransferEncodingInHttp10 => "the HTTP/1.0 response had a transfer-encoding",
            Self::BytesAfterResponse => "bytes followed the complete response",
            Self::UploadUnfinished => "the response came before the whole request was sent",
            Self::NoResponse => "the response had not come",
            Self::BodyUnread => "the body was not read to its end",
            Self::Upgraded => "the connection speaks another protocol now",
            Self::Failed => "the exchange failed",
        })
    }
}

/// Our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestState {
    Idle,
    /// The head is sent, the body waits for 100 Continue.
    AwaitingContinue,
    Sending,
    Sent,
    /// A final response came instead of 100 Continue: the body is not sent.
    Abandoned,
    Failed,
}

#[derive(Debug, Clone, Copy)]
enum RequestEvent {
    Continue,
    Sent,
    FinalResponse,
}

impl RequestState {
    fn after(self, event: RequestEvent) -> Self {
        use RequestEvent as On;
        match (self, event) {
            (Self::AwaitingContinue, On::Continue) => Self::Sending,
            (Self::AwaitingContinue, On::FinalResponse) => Self::Abandoned,
            (Self::AwaitingContinue, On::Sent) => Self::Sent,
            (Self::Sending, On::Sent) => Self::Sent,
            // An early response; the rest may follow.
            (Self::Sending, On::FinalResponse) => Self::Sending,
            (Self::Sent, On::FinalResponse | On::Sent) => Self::Sent,
            (Self::Abandoned, On::Sent) => Self::Sent,
            _ => Self::Failed,
        }
    }
}

/// The peer's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseState {
    Idle,
    /// No head, or only heads of 1xx.
    Awaiting,
    Body,
    Done,
    /// The connection is no longer HTTP.
    Switched,
    Failed,
}

#[derive(Debug, Clone, Copy)]
enum ResponseEvent {
    Informational,
    Final,
    Switch,
    Done,
    Failure,
}

impl ResponseState {
    fn after(self, event: ResponseEvent) -> Self {
        use ResponseEvent as On;
        match (self, event) {
            (Self::Awaiting, On::Informational) => Self::Awaiting,
            (Self::Awaiting, On::Final) => Self::Body,
            (Self::Awaiting, On::Switch) => Self::Switched,
            (Self::Body | Self::Done, On::Done) => Self::Done,
            (Self::Switched, On::Done) => Self::Switched,
            _ => Self::Failed,
        }
    }
}

/// What a final head says against keeping the connection (RFC 9112 section 9.3).
fn close_reason(head: &ResponseHead, framing: Framing, noticed: Noticed) -> Option<CloseReason> {
    let http10 = head.version == Version::HTTP_10;
    let options = match noticed.connection {
        true => connection_options(&head.headers),
        false => ConnectionOptions::default(),
    };
    if options.close {
        return Some(CloseReason::ResponseSaidClose);
    }
    if http10 && !options.keep_alive {
        return Some(CloseReason::Http10WithoutKeepAlive);
    }
    if framing == Framing::CloseDelimited {
        return Some(CloseReason::CloseDelimited);
    }
    if noticed.transfer_encoding {
        // Section 6.1: in both cases the connection is to be closed after the message.
        if http10 {
            return Some(CloseReason::TransferEncodingInHttp10);
        }
        if head.headers.contains_key(CONTENT_LENGTH) {
            return Some(CloseReason::TransferEncodingWithContentLength);
        }
    }
    None
}

#[derive(Default)]
struct ConnectionOptions {
    close: bool,
    keep_alive: bool,
}

/// Reads the connection field; `close` anywhere in it wins (RFC 9112 section 9.3).
///
/// `proxy-connection` is not looked at (section C.2.2).
fn connection_options(headers: &HeaderMap) -> ConnectionOptions {
    let mut options = ConnectionOptions::default();
    for value in headers.get_all(CONNECTION) {
        if value == "keep-alive" {
            options.keep_alive = true;
            continue;
        }
        for option in value.as_bytes().split(|&byte| byte == b',').map(trim_ows) {
            options.close |= option.eq_ignore_ascii_case(b"close");
            options.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::super::H1ErrorClass;
    use super::*;

    struct Scenario {
        exchange: Exchange,
        buf: BytesMut,
    }

    impl Scenario {
        fn started(method: Method) -> Self {
            let mut scenario = Self {
                exchange: Exchange::new(H1Limits::default()),
                buf: BytesMut::new(),
            };
            scenario.exchange.start(&method, false, false, false, false);
            scenario
        }

        fn sent(method: Method) -> Self {
            let mut scenario = Self::started(method);
            scenario.exchange.body_sent();
            scenario
        }

        fn uploading(expect_continue: bool) -> Self {
            let mut scenario = Self::started(Method::POST);
            scenario
                .exchange
                .start(&Method::POST, false, false, expect_continue, true);
            scenario
        }

        fn peer(&mut self, bytes: &str) -> Result<Option<Received>, H1Error> {
            self.buf
                .extend_from_slice(bytes.replace('|', "\r\n").as_bytes());
            self.exchange.receive(&mut self.buf)
        }

        fn verdict(&self) -> Result<(), CloseReason> {
            self.exchange.verdict(self.buf.len())
        }
    }

    #[test]
    fn the_verdict_names_the_first_reason_to_close() {
        for (head, expected) in [
            ("HTTP/1.1 204 No Content", Ok(())),
            ("HTTP/1.1 204 No Content|Connection: keep-alive", Ok(())),
            ("HTTP/1.1 204 No Content|Proxy-Connection: close", Ok(())),
            ("HTTP/1.1 204 No Content|Connection: closed", Ok(())),
            (
                "HTTP/1.1 204 No Content|Connection: Close",
                Err(CloseReason::ResponseSaidClose),
            ),
            (
                "HTTP/1.1 204 No Content|Connection: x,\tclose , y",
                Err(CloseReason::ResponseSaidClose),
            ),
            (
                "HTTP/1.1 204 No Content|Connection: x|Connection: close",
                Err(CloseReason::ResponseSaidClose),
            ),
            (
                "HTTP/1.1 204 No Content|Connection: keep-alive, close",
                Err(CloseReason::ResponseSaidClose),
            ),
            (
                "HTTP/1.0 204 No Content",
                Err(CloseReason::Http10WithoutKeepAlive),
            ),
            ("HTTP/1.0 204 No Content|Connection: Keep-Alive", Ok(())),
            (
                "HTTP/1.0 204 No Content|Connection: close, keep-alive",
                Err(CloseReason::ResponseSaidClose),
            ),
            (
                "HTTP/1.0 304 Not Modified|Connection: keep-alive|Transfer-Encoding: chunked",
                Err(CloseReason::TransferEncodingInHttp10),
            ),
            (
                "HTTP/1.1 304 Not Modified|Content-Length: 3|Transfer-Encoding: chunked",
                Err(CloseReason::TransferEncodingWithContentLength),
            ),
            (
                "HTTP/1.1 200 OK|Content-Length: 0|Transfer-Encoding:",
                Err(CloseReason::TransferEncodingWithContentLength),
            ),
            ("HTTP/1.1 200 OK|Content-Length: 0", Ok(())),
            (
                "HTTP/1.1 200 OK|Content-Length: 1",
                Err(CloseReason::BodyUnread),
            ),
        ] {
            let mut scenario = Scenario::sent(Method::GET);
            let received = scenario.peer(&format!("{head}||"));
            assert!(
                matches!(received, Ok(Some(Received::Final(..)))),
                "{head}: {received:?}"
            );
            assert_eq!(scenario.verdict(), expected, "{head}");
        }
    }

    #[test]
    fn bytes_after_a_complete_response_close_the_connection() {
        let mut scenario = Scenario::sent(Method::HEAD);
        assert!(
            scenario
                .peer("HTTP/1.1 200 OK|Content-Length: 5||hello")
                .is_ok()
        );
        assert_eq!(scenario.verdict(), Err(CloseReason::BytesAfterResponse));
        assert_eq!(
            scenario.exchange.receive(&mut scenario.buf).map(|_| ()),
            Err(H1Error::UnsolicitedResponse)
        );
    }

    #[test]
    fn bytes_before_a_request_forbid_it() {
        let exchange = Exchange::new(H1Limits::default());
        assert_eq!(exchange.verdict(0), Ok(()));
        assert_eq!(exchange.verdict(1), Err(CloseReason::BytesAfterResponse));
    }

    #[test]
    fn a_close_delimited_body_is_read_and_then_the_connection_is_gone() {
        let mut scenario = Scenario::sent(Method::GET);
        let Ok(Some(Received::Final(_, mut body))) = scenario.peer("HTTP/1.1 200 OK||") else {
            panic!("a final head");
        };
        assert_eq!(scenario.verdict(), Err(CloseReason::BodyUnread));
        assert_eq!(body.eof(), Ok(()));
        scenario.exchange.response_done();
        assert_eq!(scenario.verdict(), Err(CloseReason::CloseDelimited));
    }

    #[test]
    fn what_the_request_said_counts_too() {
        let mut scenario = Scenario::started(Method::GET);
        scenario
            .exchange
            .start(&Method::GET, true, false, false, false);
        scenario.exchange.body_sent();
        assert_eq!(scenario.verdict(), Err(CloseReason::NoResponse));
        assert!(scenario.peer("HTTP/1.1 204 No Content||").is_ok());
        assert_eq!(scenario.verdict(), Err(CloseReason::RequestSaidClose));
    }

    #[test]
    fn a_100_starts_the_body_and_other_1xx_do_not() {
        let mut scenario = Scenario::uploading(true);
        assert!(!scenario.exchange.may_send_body());
        assert!(matches!(
            scenario.peer("HTTP/1.1 103 Early Hints||"),
            Ok(Some(Received::Informational(_)))
        ));
        assert!(!scenario.exchange.may_send_body());
        assert!(matches!(
            scenario.peer("HTTP/1.1 100 Continue||"),
            Ok(Some(Received::Informational(_)))
        ));
        assert!(scenario.exchange.may_send_body());
        scenario.exchange.body_sent();
        assert!(!scenario.exchange.may_send_body());
        assert!(scenario.peer("HTTP/1.1 204 No Content||").is_ok());
        assert_eq!(scenario.verdict(), Ok(()));
    }

    #[test]
    fn a_final_response_instead_of_a_100_keeps_the_body_back() {
        let mut scenario = Scenario::uploading(true);
        assert!(
            scenario
                .peer("HTTP/1.1 417 Expectation Failed|Content-Length: 0||")
                .is_ok()
        );
        assert!(!scenario.exchange.may_send_body());
        // The wait may time out at the same moment.
        scenario.exchange.continue_anyway();
        assert!(!scenario.exchange.may_send_body());
        assert_eq!(scenario.verdict(), Err(CloseReason::UploadUnfinished));
    }

    #[test]
    fn a_wait_for_100_that_timed_out_starts_the_body() {
        let mut scenario = Scenario::uploading(true);
        scenario.exchange.continue_anyway();
        assert!(scenario.exchange.may_send_body());
        // Late, and of no consequence.
        assert!(scenario.peer("HTTP/1.1 100 Continue||").is_ok());
        assert!(scenario.exchange.may_send_body());
    }

    #[test]
    fn a_request_without_a_body_waits_for_nothing() {
        let mut scenario = Scenario::started(Method::GET);
        scenario
            .exchange
            .start(&Method::GET, false, false, true, false);
        assert!(scenario.exchange.may_send_body());
    }

    #[test]
    fn an_early_response_leaves_the_upload_to_the_driver() {
        for (finishes, expected) in [(false, Err(CloseReason::UploadUnfinished)), (true, Ok(()))] {
            let mut scenario = Scenario::uploading(false);
            assert!(
                scenario
                    .peer("HTTP/1.1 413 Content Too Large|Content-Length: 0||")
                    .is_ok()
            );
            assert!(scenario.exchange.may_send_body());
            if finishes {
                scenario.exchange.body_sent();
            }
            assert_eq!(scenario.verdict(), expected);
        }
    }

    #[test]
    fn an_upgrade_ends_http_and_only_when_asked_for() {
        let switch = "HTTP/1.1 101 Switching Protocols|Upgrade: x||\u{1}";
        let mut scenario = Scenario::started(Method::GET);
        scenario
            .exchange
            .start(&Method::GET, false, true, false, false);
        scenario.exchange.body_sent();
        let received = scenario.peer(switch);
        assert!(matches!(&received, Ok(Some(Received::Final(_, body))) if body.is_done()));
        assert_eq!(&scenario.buf[..], b"\x01");
        scenario.exchange.response_done();
        assert_eq!(scenario.verdict(), Err(CloseReason::Upgraded));

        let mut scenario = Scenario::sent(Method::GET);
        assert_eq!(
            scenario.peer(switch).map(|_| ()),
            Err(H1Error::UnsolicitedUpgrade)
        );
        assert_eq!(scenario.verdict(), Err(CloseReason::Failed));
        assert_eq!(scenario.peer("x").map(|_| ()), Err(H1Error::AlreadyFailed));

        let mut scenario = Scenario::sent(Method::CONNECT);
        assert!(matches!(
            scenario.peer("HTTP/1.1 100 Continue||"),
            Ok(Some(Received::Informational(_)))
        ));
        assert!(matches!(
            scenario.peer("HTTP/1.1 200 OK||"),
            Ok(Some(Received::Final(..)))
        ));
        assert_eq!(scenario.verdict(), Err(CloseReason::Upgraded));
    }

    #[test]
    fn informational_responses_are_limited_in_number_and_in_bytes() {
        for (count, filler, expected) in [
            (64, 0, None),
            (65, 0, Some(H1Error::TooManyInformational { limit: 64 })),
            (60, 900, None),
            (
                60,
                2000,
                Some(H1Error::InformationalTooLong { limit: 64 * 1024 }),
            ),
        ] {
            let mut scenario = Scenario::sent(Method::GET);
            let one = format!("HTTP/1.1 103 Early Hints|Link: {}||", "x".repeat(filler));
            let failed = (0..count).find_map(|_| scenario.peer(&one).err());
            assert_eq!(failed, expected);
            if failed.is_none() {
                assert!(matches!(
                    scenario.peer("HTTP/1.1 204 No Content||"),
                    Ok(Some(Received::Final(..)))
                ));
                // The next exchange counts anew.
                scenario
                    .exchange
                    .start(&Method::GET, false, false, false, false);
                assert!(scenario.peer(&one).is_ok());
            }
        }
    }

    #[test]
    fn a_1xx_that_says_close_is_believed() {
        let mut scenario = Scenario::sent(Method::GET);
        assert!(
            scenario
                .peer("HTTP/1.1 100 Continue|Connection: close||")
                .is_ok()
        );
        assert!(scenario.peer("HTTP/1.1 204 No Content||").is_ok());
        assert_eq!(scenario.verdict(), Err(CloseReason::ResponseSaidClose));
    }

    #[test]
    fn an_end_of_stream_tells_a_disconnect_from_a_truncation() {
        for (bytes, any, class) in [
            ("", false, H1ErrorClass::Disconnected),
            ("H", true, H1ErrorClass::Truncated),
            ("||", true, H1ErrorClass::Truncated),
            ("HTTP/1.1 100 Continue||", true, H1ErrorClass::Truncated),
            ("HTTP/1.1 100 Continue||HT", true, H1ErrorClass::Truncated),
        ] {
            let mut scenario = Scenario::sent(Method::GET);
            assert!(scenario.peer(bytes).is_ok());
            if !scenario.buf.is_empty() {
                assert!(scenario.peer("").is_ok());
            }
            assert_eq!(scenario.exchange.received_any(), any, "{bytes:?}");
            assert_eq!(
                scenario.exchange.eof(&scenario.buf).class(),
                class,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_connection_serves_one_exchange_after_another() {
        let mut scenario = Scenario::sent(Method::GET);
        for _ in 0..3 {
            let Ok(Some(Received::Final(_, mut body))) =
                scenario.peer("HTTP/1.1 200 OK|Content-Length: 2||ok")
            else {
                panic!("a final head");
            };
            assert!(body.step(&scenario.buf).is_ok());
            scenario.buf.clear();
            assert!(body.is_done());
            scenario.exchange.response_done();
            assert_eq!(scenario.verdict(), Ok(()));
            scenario
                .exchange
                .start(&Method::GET, false, false, false, false);
            assert!(!scenario.exchange.received_any());
            scenario.exchange.body_sent();
        }
    }
}
