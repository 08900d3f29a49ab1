//! Flows that go wrong: what the caller is told, and that nothing is left behind.

use std::error::Error as _;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use dimorph::{Auth, AuthFlow, Body, Error, ErrorKind, PoolLimits, Request, Result, Timeout};
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, ms};
use super::form::Client;
use super::{dual, form_test, form_util};

/// How much later than its limit a timeout may be: 100 ms, and a loaded machine's share.
const LATE: Duration = ms(250);

/// A client of one connection, which whatever is not given back would block.
fn narrow() -> Client {
    builder()
        .pool_limits(PoolLimits::new().hard_limit(1))
        .build()
        .unwrap()
}

/// Answers 401 with a body that nobody waits for, and `/fine` with `fine`.
fn unread() -> Server {
    Server::http(|request| match request.target.as_str() {
        "/fine" => Reply::ok("fine"),
        _ => Reply::status(401).body(vec![b'x'; 1 << 20]),
    })
}

#[dual]
async fn assert_still_works(client: &Client, server: &Server) {
    assert_at_rest(client).await;
    let response = client.get(server.url("/fine")).no_auth().send().await;
    let text = response.unwrap().text().await.unwrap();
    assert_eq!(text, "fine");
}

/// What a flow does that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mishap {
    FailsAtOnce,
    FailsFirst,
    FailsLater,
    WantsNoBody,
    SendsNothing,
    DropsItsSend,
    WaitsFirst,
    WaitsLater,
    SendsTwoAtOnce,
    PanicsAtOnce,
    PanicsFirst,
    PanicsLater,
}

impl Auth for Mishap {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        match self {
            Mishap::PanicsAtOnce => panic!("the flow panics before it begins"),
            Mishap::FailsAtOnce => return AuthFlow::fail(locked()),
            _ => {}
        }
        AuthFlow::new(move |exchange| async move {
            match self {
                Mishap::FailsFirst => return Err(locked()),
                Mishap::SendsNothing => return Ok(()),
                Mishap::DropsItsSend => {
                    drop(exchange.send(request));
                    return Ok(());
                }
                Mishap::WaitsFirst => std::future::pending().await,
                Mishap::PanicsFirst => panic!("the flow panics before it sends"),
                Mishap::SendsTwoAtOnce => {
                    let mut first = Box::pin(exchange.send(request.try_clone()?));
                    assert!(is_pending(first.as_mut()));
                    exchange.send(request).await?;
                    return Ok(());
                }
                _ => {}
            }
            let response = exchange.send(request).await?;
            match self {
                Mishap::FailsLater => return Err(locked()),
                Mishap::WantsNoBody => drop(response.text()?),
                Mishap::WaitsLater => std::future::pending().await,
                Mishap::PanicsLater => panic!("the flow panics over a response"),
                _ => unreachable!("the others ended before"),
            }
            Ok(())
        })
    }
}

fn is_pending(future: Pin<&mut impl Future>) -> bool {
    future
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

fn locked() -> Error {
    Error::other(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "the vault is locked",
    ))
}

#[dual]
#[form_test]
async fn an_error_of_a_flow_is_the_callers_with_its_kind_its_source_and_the_url() {
    let server = unread();
    let client = narrow();
    let other = ErrorKind::LocalProtocolError;
    for (mishap, kind, says, sent) in [
        (
            Mishap::FailsAtOnce,
            ErrorKind::App,
            "the vault is locked",
            0,
        ),
        (Mishap::FailsFirst, ErrorKind::App, "the vault is locked", 0),
        (Mishap::FailsLater, ErrorKind::App, "the vault is locked", 1),
        (
            Mishap::WantsNoBody,
            ErrorKind::ResponseNotRead,
            "requires_response_body",
            1,
        ),
        (Mishap::SendsNothing, other, "without sending a request", 0),
        (Mishap::DropsItsSend, other, "without sending a request", 0),
        (Mishap::WaitsFirst, other, "exchange.send", 0),
        (Mishap::WaitsLater, other, "exchange.send", 1),
        (
            Mishap::SendsTwoAtOnce,
            other,
            "one request after the other",
            0,
        ),
    ] {
        let before = server.requests().len();
        let request = client.get(server.url("/")).auth(mishap);
        let error = request.send().await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{mishap:?}: {text}");
        assert!(text.contains(says), "{mishap:?}: {text}");
        // Where it happened: the phase, the host and the port.
        let place = format!("while authenticating with {}", server.address());
        assert!(text.ends_with(&place), "{mishap:?}: {text}");
        assert_eq!(error.url().unwrap().as_str(), server.url("/"), "{mishap:?}");
        let source = error.source().and_then(|s| s.downcast_ref::<io::Error>());
        assert_eq!(source.is_some(), kind == ErrorKind::App, "{mishap:?}");
        assert_eq!(server.requests().len() - before, sent, "{mishap:?}");
        assert_still_works(&client, &server).await;
    }
}

/// Fails or panics by turns, and lets every second request through.
struct EverySecond(AtomicUsize, Mishap);

impl Auth for EverySecond {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        match self.0.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => self.1.auth_flow(request),
            _ => AuthFlow::once(request),
        }
    }
}

#[dual]
async fn send((client, url, came_back): (Client, String, Arc<AtomicUsize>)) {
    let outcome = client.get(url).send().await;
    came_back.fetch_add(1, Ordering::SeqCst);
    drop(outcome);
}

#[dual]
#[form_test]
async fn a_panic_in_a_flow_leaks_no_slot_and_poisons_nothing() {
    let server = unread();
    for mishap in [
        Mishap::PanicsAtOnce,
        Mishap::PanicsFirst,
        Mishap::PanicsLater,
    ] {
        let client = builder()
            .pool_limits(PoolLimits::new().hard_limit(1))
            .auth(EverySecond(AtomicUsize::new(0), mishap))
            .build()
            .unwrap();
        let came_back = Arc::new(AtomicUsize::new(0));
        for turn in 0..4_usize {
            let argument = (client.clone(), server.url("/"), came_back.clone());
            let task = form_util::spawn(send, argument);
            let ended = form_util::until(|| task.is_finished()).await;
            assert!(ended, "{mishap:?}");
            // The first and third panicked.
            let came_back = came_back.load(Ordering::SeqCst);
            assert_eq!(came_back, turn.div_ceil(2), "{mishap:?}");
            assert_still_works(&client, &server).await;
        }
    }
}

/// Reads some, then fails.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        let read = buffer.len().min(self.0);
        buffer[..read].fill(b'b');
        self.0 -= read;
        Ok(read)
    }
}

struct WantsBody;

impl Auth for WantsBody {
    fn requires_request_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        assert!(request.content().is_some(), "that is what was required");
        AuthFlow::once(request)
    }
}

#[dual]
#[form_test]
async fn a_required_body_that_cannot_be_read_is_an_error_before_anything_is_sent() {
    let server = unread();
    let client = narrow();
    for left in [0, 1, 100_000] {
        let body = Body::from_reader(Broken(left));
        let request = client.post(server.url("/")).body(body).auth(WantsBody);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
        assert!(error.to_string().contains("the disk is gone"), "{error}");
        assert_eq!(error.url().unwrap().as_str(), server.url("/"));
    }
    assert_eq!(server.connections(), 0);
    assert_still_works(&client, &server).await;
}

/// Asks for ever.
struct Endless;

impl Auth for Endless {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            loop {
                exchange.send(request.try_clone()?).await?;
            }
        })
    }
}

fn assert_took(begun: Instant, limit: Duration) {
    let took = begun.elapsed();
    let least = limit.saturating_sub(ms(5));
    assert!(took >= least && took < limit + LATE, "{took:?}");
}

#[dual]
#[form_test]
async fn the_total_timeout_is_that_of_the_whole_flow() {
    // Each answer, and each piece of one, comes long before any timeout of its own.
    let slow = || {
        Server::http(|request| match request.target.as_str() {
            "/fine" => Reply::ok("fine"),
            "/head" => Reply::ok("ok").after(ms(60)),
            _ => Reply::chunked(["drip"; 8]).paced(ms(20)),
        })
    };
    for path in ["/head", "/body"] {
        let server = slow();
        let client = narrow();
        let request = client
            .get(server.url(path))
            .auth(Endless)
            .timeout(Timeout::new(ms(1000)).total(ms(400)));
        let begun = Instant::now();
        let error = request.send().await.unwrap_err();
        assert_took(begun, ms(400));
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{path}: {error}");
        assert!(server.requests().len() > 1, "{path}");
        assert_still_works(&client, &server).await;
    }
}

/// Gives a byte now and then, for a second.
struct Slow(u32);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Ok(0);
        }
        self.0 -= 1;
        std::thread::sleep(ms(20));
        buffer[0] = b's';
        Ok(1)
    }
}

#[dual]
#[form_test]
async fn the_total_timeout_is_that_of_reading_a_required_body_too() {
    let server = unread();
    let client = narrow();
    let request = client
        .post(server.url("/"))
        .body(Body::from_reader(Slow(50)))
        .auth(WantsBody)
        .timeout(Timeout::new(ms(1000)).total(ms(200)));
    let begun = Instant::now();
    let error = request.send().await.unwrap_err();
    assert_took(begun, ms(200));
    assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error}");
    assert_eq!(server.connections(), 0);
    assert_still_works(&client, &server).await;
}

#[dual]
#[form_test]
async fn what_fails_on_the_network_ends_the_flow() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")?;
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut")?;
        wire.finish();
        Ok(())
    });
    let client = narrow();
    // The second body is cut short: told where it is read, in the flow.
    let request = client.get(server.url("/")).auth(ReadsAll);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{error}");
    assert_eq!(error.url().unwrap().as_str(), server.url("/"));
    assert_at_rest(&client).await;
}

struct ReadsAll;

impl Auth for ReadsAll {
    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let first = exchange.send(request.try_clone()?).await?;
            assert_eq!(first.status(), 401);
            let _: Result<_> = exchange.send(request).await;
            unreachable!("the call has ended")
        })
    }
}
