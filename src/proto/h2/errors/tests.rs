//! What real errors of h2 become: a server's bytes come in, and the request fails.

use std::cell::Cell;
use std::error::Error as _;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

/// A server that sends its script once the request is out, and then nothing more, closes or breaks.
struct Server {
    script: Vec<u8>,
    sent: usize,
    end: End,
    is_asked: Rc<Cell<bool>>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Open,
    Closed,
    Broken(io::ErrorKind),
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_asked.get() {
            return Poll::Pending;
        }
        let rest = &self.script[self.sent..];
        if rest.is_empty() {
            return match self.end {
                End::Open => Poll::Pending,
                End::Closed => Poll::Ready(Ok(())),
                End::Broken(kind) => Poll::Ready(Err(kind.into())),
            };
        }
        let part = &rest[..rest.len().min(into.remaining())];
        into.put_slice(part);
        self.sent += part.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn frame(type_: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([type_, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn reset(code: u32) -> Vec<u8> {
    frame(3, 0, 1, &code.to_be_bytes())
}

fn go_away(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    let payload = [&last.to_be_bytes(), &code.to_be_bytes(), debug].concat();
    frame(7, 0, 0, &payload)
}

/// How a request on stream 1 fails: before the head of the response, or in its body.
fn failure(script: &[u8], end: End) -> ::h2::Error {
    let is_asked = Rc::new(Cell::new(false));
    let server = Server {
        script: [&frame(4, 0, 0, &[])[..], script].concat(),
        sent: 0,
        end,
        is_asked: is_asked.clone(),
    };
    let mut builder = ::h2::client::Builder::new();
    builder.max_header_list_size(1_000);
    let (sender, mut connection) = ready(builder.handshake::<_, bytes::Bytes>(server)).unwrap();
    let mut sender = ready(sender.ready()).unwrap();
    let request = http::Request::get("http://h.test/").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();

    let mut context = Context::from_waker(Waker::noop());
    let mut turn = || {
        for _ in 0..4 {
            let _ = Pin::new(&mut connection).poll(&mut context);
        }
    };
    turn();
    is_asked.set(true);
    turn();
    match ready(response) {
        Err(error) => error,
        Ok(response) => ready(response.into_body().data())
            .expect("an end is no failure")
            .unwrap_err(),
    }
}

/// A head without an end, so that what follows concerns the body.
fn head() -> Vec<u8> {
    frame(1, 4, 1, b"\x88")
}

#[test]
fn each_failure_is_named_in_the_words_of_the_protocol() {
    use ErrorKind::*;
    use Phase::{ReceiveBody, ReceiveHead};
    let long = [b'x'; SHOWN + 1];
    // A literal field without indexing, of 900 bytes, twice: longer than the limit, and far longer.
    let field = [&b"\x00\x01x\x7f\x85\x06"[..], &[b'v'; 900]].concat();
    let block = |fields| [&b"\x88"[..], &field.repeat(fields)].concat();
    let calm = "the server closed the connection: GOAWAY, ENHANCE_YOUR_CALM";
    let malformed = "malformed HTTP/2 from the server: PROTOCOL_ERROR";
    let unanswered = "the connection was closed before the response came";
    for (script, end, phase, kind, message) in [
        (
            reset(7),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "the server reset the stream: REFUSED_STREAM",
        ),
        (
            reset(13),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "the server reset the stream: HTTP_1_1_REQUIRED",
        ),
        (
            reset(0xbeef),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "the server reset the stream: 0xbeef",
        ),
        (
            [head(), reset(2)].concat(),
            End::Open,
            ReceiveBody,
            RemoteProtocolError,
            "the server reset the stream: INTERNAL_ERROR",
        ),
        (
            go_away(0, 0, b""),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "the server closed the connection: GOAWAY, NO_ERROR",
        ),
        (
            go_away(0, 11, b""),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            calm,
        ),
        (
            go_away(0, 11, b"say \"too_many_pings\" \\o/"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "the server closed the connection: GOAWAY, ENHANCE_YOUR_CALM (say \"too_many_pings\" \\o/)",
        ),
        // What is not shown.
        (
            go_away(0, 11, b"line\nline"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            calm,
        ),
        (
            go_away(0, 11, b"\xff\0"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            calm,
        ),
        (
            go_away(0, 11, &long),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            calm,
        ),
        (
            go_away(0, 11, &[0; 16_000]),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            calm,
        ),
        (
            go_away(0, 11, b"unknown Authorization: Basic bW90MTIz"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            calm,
        ),
        // What h2 finds.
        (
            frame(0, 0, 0, b"x"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            malformed,
        ),
        (
            frame(1, 4, 1, b"\x00\x01X\x01v"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            malformed,
        ),
        (
            frame(0, 0, 1, b"x"),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            malformed,
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "malformed HTTP/2 from the server: FRAME_SIZE_ERROR",
        ),
        (
            frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "malformed HTTP/2 from the server: FLOW_CONTROL_ERROR",
        ),
        (
            frame(1, 4, 1, &block(10)),
            End::Open,
            ReceiveHead,
            LimitExceeded,
            "the header list is longer than the limit",
        ),
        (
            [frame(1, 0, 1, &block(1)), frame(9, 0, 1, b"").repeat(100)].concat(),
            End::Open,
            ReceiveHead,
            RemoteProtocolError,
            "the server sent too many CONTINUATION frames without need (ENHANCE_YOUR_CALM)",
        ),
        (
            [head(), frame(0, 0, 1, b"").repeat(200)].concat(),
            End::Open,
            ReceiveBody,
            RemoteProtocolError,
            "the server sent too many small DATA frames without need (ENHANCE_YOUR_CALM)",
        ),
        // The connection.
        (
            vec![],
            End::Closed,
            ReceiveHead,
            RemoteProtocolError,
            unanswered,
        ),
        (
            reset(7)[..5].to_vec(),
            End::Closed,
            ReceiveHead,
            RemoteProtocolError,
            unanswered,
        ),
        (
            go_away(1, 0, b""),
            End::Closed,
            ReceiveHead,
            RemoteProtocolError,
            unanswered,
        ),
        (
            head(),
            End::Closed,
            ReceiveBody,
            RemoteProtocolError,
            "the connection was closed before the end of the response",
        ),
        (
            vec![],
            End::Broken(io::ErrorKind::UnexpectedEof),
            ReceiveHead,
            RemoteProtocolError,
            unanswered,
        ),
        (
            vec![],
            End::Broken(io::ErrorKind::ConnectionReset),
            ReceiveHead,
            ReadError,
            "connection reset",
        ),
    ] {
        let error = failed(failure(&script, end), None, phase);
        let context = format!("{script:?} {end:?}");
        assert_eq!(
            (error.kind(), error.message()),
            (kind, message),
            "{context}"
        );
        assert_eq!(error.phase(), Some(phase), "{context}");
        let source = error.source().expect(&context);
        assert!(source.is::<::h2::Error>(), "{context}");
        let all = format!("{error} {error:?} {source}");
        for hidden in ["bW90MTIz", "\\n", "\\xff", "\\0", "xxxxxxxx"] {
            assert!(!all.contains(hidden), "{all}");
        }
    }
}

#[test]
fn what_we_did_ourselves_is_told_as_such() {
    let error = failed(Reason::CANCEL.into(), None, Phase::Send);
    assert_eq!(error.message(), "HTTP/2 failed: CANCEL");
    for (text, kind, message) in [
        (
            "user error: malformed headers",
            ErrorKind::LocalProtocolError,
            "HTTP/2 cannot do this: malformed headers",
        ),
        (
            "user error: inactive stream",
            ErrorKind::RemoteProtocolError,
            "the connection was closed before the response came",
        ),
    ] {
        assert_eq!(refused_here(text, Phase::Send), (kind, message.to_owned()));
    }
}

#[test]
fn what_the_meter_refused_comes_first() {
    let flood = Refusal::Flood {
        frames: "PING",
        limit: 7,
    };
    let error = failed(failure(&[], End::Closed), Some(flood), Phase::ReceiveHead);
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
    assert_eq!(error.message(), flood.to_string());
    assert!(error.source().unwrap().is::<Refusal>());
}

#[test]
fn only_what_the_server_disowns_is_unprocessed() {
    for (script, end, last, unprocessed, http11) in [
        (reset(7), End::Open, None, true, false),
        (reset(8), End::Open, None, false, false),
        (reset(13), End::Open, None, false, true),
        // A reset of this stream is a later word than the GOAWAY.
        (reset(8), End::Open, Some(0), false, false),
        (go_away(0, 0, b""), End::Open, Some(0), true, false),
        (go_away(0, 11, b"x"), End::Open, Some(0), true, false),
        (go_away(0, 13, b""), End::Open, Some(0), true, true),
        (go_away(1, 0, b""), End::Closed, Some(1), false, false),
        (vec![], End::Closed, None, false, false),
        (vec![], End::Closed, Some(1), false, false),
        (vec![], End::Closed, Some(0), true, false),
        // What we found wrong says nothing about what the server did.
        (frame(0, 0, 0, b"x"), End::Open, Some(0), false, false),
    ] {
        let error = failure(&script, end);
        let context = format!("{script:?} {end:?} {last:?}: {error:?}");
        assert_eq!(
            provably_unprocessed(&error, 1, last),
            unprocessed,
            "{context}"
        );
        assert_eq!(wants_http11(&error), http11, "{context}");
    }
    let error = ::h2::Error::from(Reason::REFUSED_STREAM);
    assert!(!provably_unprocessed(&error, 1, None) && !wants_http11(&error));
}

#[test]
fn a_remark_is_shown_unless_it_may_be_a_part_of_the_request() {
    for (text, harmless) in [
        ("too_many_pings", true),
        ("session_timed_out", true),
        (
            "max connection age reached (3600 s), HTTP_1_1_REQUIRED",
            true,
        ),
        ("", true),
        ("tab\t", false),
        ("Ünicode", false),
        ("cookie: a", false),
        ("bad Authorization", false),
        ("sid=mot123", false),
        ("/search?q", false),
        ("tom@h.test", false),
        ("bad value 0123456789abcdef", false),
        ("eyJhbGciOiJIUzI1NiJ9.e30", false),
    ] {
        assert_eq!(is_harmless(text), harmless, "{text}");
    }
}
