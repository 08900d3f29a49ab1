//! Layers over an engine, and what both share: its life, the time of the call, heads and bodies.

use std::future::poll_fn;
use std::io::Cursor;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use dimorph::transport::{self, Handler, Handling, Logging, Mock, MockResponse, Next, Retry};
use dimorph::{Body, ErrorKind, Request, Result, Timeout};
use http::StatusCode;
use sync_tests::{Reply, Server};

use super::common::{builder, client, ms};
use super::form::{Client, Transport};
use super::{dual, form_test, form_util};

/// Long after every limit of these tests, and long before the patience of whoever runs them ends.
const FAR: Duration = Duration::from_secs(20);

fn over(transport: impl Transport + 'static) -> Client {
    builder().transport(transport).build().unwrap()
}

#[dual]
#[form_test]
async fn an_engine_that_others_share_outlives_a_client() {
    let server = Server::http(|_| Reply::ok("served"));
    let engine = client();
    let first = over(Retry::new(1).over(engine.clone()));
    let second = over(Retry::new(1).over(engine.clone()));
    for client in [&first, &second] {
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    drop(first);
    let response = second.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    second.close().await;
    let response = engine.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[dual]
#[form_test]
async fn a_closed_client_carries_nothing() {
    let inner = builder()
        .transport(Mock::new(|_: &Request| 200))
        .build()
        .unwrap();
    inner.close().await;
    let error = over(inner).get("http://h.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientClosed);
}

#[dual]
#[form_test]
async fn the_body_of_a_redirect_that_stalls_is_not_waited_for() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?;
        if head.is_some_and(|head| head.target == "/end") {
            wire.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nend")?;
        } else {
            wire.send("HTTP/1.1 302 Found\r\nlocation: /end\r\ncontent-length: 10\r\n\r\nhalf")?;
        }
        wire.drain(FAR);
        Ok(())
    });
    let mock = Mock::routes().get("/end", "end").fallback(|_: &Request| {
        MockResponse::new(302)
            .header("location", "/end")
            .body("0123456789")
            .pace(4, FAR)
    });
    for client in [builder().timeout(None).build().unwrap(), over(mock)] {
        let begun = Instant::now();
        let response = client
            .get(server.url("/start"))
            .timeout(None)
            .send()
            .await
            .unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "end");
        assert!(begun.elapsed() < FAR / 2);
        let limits = Timeout::none().head(ms(300));
        let sent = client
            .get(server.url("/start"))
            .timeout(limits)
            .send()
            .await;
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::TotalTimeout);
    }
}

/// Sends and sleeps at once.
async fn racing(request: Request, next: Next) -> Result<transport::Response> {
    let mut send = pin!(next.send(request));
    let mut sleep = pin!(next.sleep(FAR));
    let raced = poll_fn(|cx| {
        if let Poll::Ready(sent) = send.as_mut().poll(cx) {
            return Poll::Ready(Some(sent));
        }
        sleep.as_mut().poll(cx).map(|()| None)
    });
    match raced.await {
        Some(sent) => sent,
        None => Ok(transport::Response::new(StatusCode::GATEWAY_TIMEOUT)),
    }
}

#[dual]
#[form_test]
async fn waiting_for_two_things_at_once_ends_the_call() {
    let client = over(racing.over(Mock::new(|_: &Request| 200)));
    let error = client.get("http://h.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
    assert!(
        error.to_string().contains("one thing after the other"),
        "{error}"
    );
}

/// Sets a cookie that the server did not.
struct AddsCookie;

impl Handler for AddsCookie {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let mut response = next.send(request).await?;
            let headers = response.headers_mut();
            headers.insert("set-cookie", "added=1".parse().unwrap());
            Ok(response)
        })
    }
}

#[dual]
#[form_test]
async fn cookies_that_a_layer_sets_reach_the_jar() {
    let server = Server::http(|_| Reply::ok("served"));
    let client = over(AddsCookie.over(client()));
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(client.cookies().get("added").unwrap().as_deref(), Some("1"));
}

/// Reads the whole body.
struct Reads(u64);

impl Handler for Reads {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let mut response = next.send(request).await?;
            next.read_up_to(&mut response, self.0).await?;
            Ok(response)
        })
    }
}

#[dual]
#[form_test]
async fn what_a_layer_has_read_comes_once() {
    let server = Server::http(|_| {
        let coded = sync_tests_gzip(b"hi");
        Reply::ok(coded).header("content-encoding", "gzip")
    });
    let buffered = form_util::forwarding(client());
    for client in [
        over(Reads(u64::MAX).over(client())),
        over(Reads(u64::MAX).over(buffered)),
    ] {
        let mut response = client.get(server.url("/")).send().await.unwrap();
        let mut copied = Vec::new();
        response.copy_to(&mut copied).await.unwrap();
        assert_eq!(copied, b"hi");
    }
}

fn sync_tests_gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[dual]
#[form_test]
async fn a_limit_of_reading_holds_for_what_is_in_memory() {
    let made = Mock::new(|_: &Request| "0123456789");
    for (most, fails) in [(10, false), (9, true)] {
        let client = over(Reads(most).over(made.clone()));
        let sent = client.get("http://h.test/").send().await;
        let kind = sent.err().map(|error| {
            let url = error.url().map(|url| url.host_str().unwrap().to_owned());
            (error.kind(), url)
        });
        let expected = (ErrorKind::LimitExceeded, Some("h.test".to_owned()));
        assert_eq!(kind, fails.then_some(expected));
    }
}

/// Sends twice.
struct Twice;

impl Handler for Twice {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            next.send(request.try_clone()?).await?;
            next.send(request).await
        })
    }
}

#[dual]
#[form_test]
async fn the_total_timeout_spans_all_that_a_layer_does() {
    let slow = Mock::new(|_: &Request| MockResponse::new(200).delay(ms(600)));
    let client = over(Twice.over(slow));
    let limits = Timeout::none().total(ms(900));
    let sent = client.get("http://h.test/").timeout(limits).send().await;
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert!(error.to_string().contains("900ms"), "{error}");
}

#[dual]
#[form_test]
async fn a_total_timeout_of_zero_asks_no_transport() {
    let mock = Mock::new(|_: &Request| 200);
    let client = over(mock.clone());
    let limits = Timeout::none().total(Duration::ZERO);
    let sent = client.get("http://h.test/").timeout(limits).send().await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::TotalTimeout);
    assert_eq!(mock.count(), 0);
}

#[dual]
#[form_test]
async fn errors_of_a_layer_name_the_request() {
    // More codings than are taken.
    let coded = Mock::new(|_: &Request| {
        MockResponse::new(200)
            .header("content-encoding", "a, b, c, d, e, f, g")
            .body("x")
    });
    let client = over(Logging::new(|_| {}).over(coded));
    let error = client.get("http://h.test/x").send().await.unwrap_err();
    assert_eq!(error.url().unwrap().as_str(), "http://h.test/x");
    assert!(error.request().is_some());
}

#[dual]
#[form_test]
async fn a_timeout_of_the_body_names_its_own_limit() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")?;
        wire.drain(FAR);
        Ok(())
    });
    let limits = Timeout::none().head(ms(5000)).total(ms(600));
    let client = client();
    let response = client.get(server.url("/")).timeout(limits).send().await;
    let error = response.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert!(error.to_string().contains("600ms"), "{error}");
}

#[dual]
#[form_test]
async fn the_length_of_a_body_is_unknown_once_it_was_read() {
    let server = Server::http(|_| Reply::chunked(["abc"]));
    let client = client();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    response.buffer().await.unwrap();
    assert_eq!(response.content_length(), None);
}

#[dual]
#[form_test]
async fn a_reader_reaches_the_engine_through_layers() {
    let server = Server::http(|request| Reply::ok(request.body.clone()));
    let client = over(Logging::new(|_| {}).over(Retry::new(2).over(client())));
    let body = Body::from_reader(Cursor::new("once"));
    let response = client
        .post(server.url("/"))
        .body(body)
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "once");
}
