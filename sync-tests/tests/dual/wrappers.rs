//! Layers over transports: retries, logging, rate limits.

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dimorph::transport::{Attempts, Handler, LogLine, Logging, RateLimit, Retry};
use dimorph::{Body, ErrorKind, Method, Request, Timeout};
use sync_tests::http::Received;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, client, ms, refused};
use super::form::{Client, Response};
use super::{dual, form_test, form_util};

/// A client with the layer between it and the engine.
fn with(layer: impl Handler + 'static) -> Client {
    Client::builder()
        .trust_env(false)
        .transport(layer.over(client()))
        .build()
        .unwrap()
}

/// Retries without waiting.
fn at_once(retries: u32) -> Retry {
    Retry::new(retries).jitter(|_| Duration::ZERO)
}

/// Answers 503, `failures` times, and then what it got.
fn flaky(failures: usize) -> Server {
    answering(failures, || Reply::status(503))
}

fn answering(failures: usize, failure: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    let seen = AtomicUsize::new(0);
    Server::http(
        move |request: &Received| match seen.fetch_add(1, Ordering::SeqCst) < failures {
            true => failure(),
            false => Reply::ok(request.body.clone()),
        },
    )
}

fn attempts(response: &Response) -> Option<u32> {
    let found = response.extensions().get::<Attempts>();
    found.map(|attempts| attempts.0)
}

#[dual]
#[form_test]
async fn a_request_is_sent_again_until_it_is_answered() {
    for (failures, retries, status, sent) in [
        (0, 3, 200, 1),
        (2, 3, 200, 3),
        (3, 3, 200, 4),
        (4, 3, 503, 4),
        (1, 0, 503, 1),
    ] {
        let server = flaky(failures);
        let client = with(at_once(retries));
        let response = client.get(server.url("/")).send().await.unwrap();
        let what = format!("{failures} failures, {retries} retries");
        assert_eq!(response.status(), status, "{what}");
        assert_eq!(attempts(&response), Some(sent), "{what}");
        assert_eq!(server.requests().len(), sent as usize, "{what}");
    }
}

#[dual]
#[form_test]
async fn the_whole_request_is_sent_again() {
    let path = std::env::temp_dir().join(format!("dimorph-retry-{}", std::process::id()));
    let path = path.with_extension(if form_util::IS_ASYNC { "a" } else { "b" });
    std::fs::write(&path, "from a file").unwrap();
    let file = || Body::from(std::fs::File::open(&path).unwrap());
    for (body, expected) in [
        (Body::from("from memory"), "from memory"),
        (file(), "from a file"),
    ] {
        let server = flaky(2);
        let request = with(at_once(2)).put(server.url("/x?q=1"));
        let request = request.header("x-a", "1").body(body);
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, expected);
        for request in server.requests() {
            assert_eq!(request.target, "/x?q=1");
            assert_eq!(request.header("x-a"), Some("1"));
            assert_eq!(request.body, expected.as_bytes());
        }
    }
    std::fs::remove_file(path).unwrap();
}

#[dual]
#[form_test]
async fn what_can_be_sent_once_is_sent_once() {
    for body in [
        Body::from_reader(Cursor::new("once")),
        Body::sized(Cursor::new("once"), 4),
        form_util::pieces_body(vec![b"once".to_vec()]),
    ] {
        let what = format!("{body:?}");
        let server = flaky(9);
        let request = with(at_once(3)).put(server.url("/")).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 503, "{what}");
        assert_eq!(attempts(&response), Some(1), "{what}");
        assert_eq!(server.requests()[0].body, b"once", "{what}");
    }
}

#[dual]
#[form_test]
async fn what_is_not_idempotent_is_repeated_only_if_the_request_or_the_server_says_so() {
    type Make = fn() -> Reply;
    let plain: Make = || Reply::status(503);
    let asking: Make = || Reply::status(429).header("retry-after", "0");
    let failed: Make = || Reply::status(500);
    for (method, key, failure, sent) in [
        (Method::PUT, false, plain, 2),
        (Method::DELETE, false, plain, 2),
        (Method::POST, false, plain, 1),
        (Method::PATCH, false, plain, 1),
        (Method::POST, true, plain, 2),
        (Method::POST, false, asking, 2),
        (Method::POST, false, failed, 1),
    ] {
        let server = answering(1, failure);
        let mut request = with(at_once(1)).request(method.clone(), server.url("/"));
        if key {
            request = request.header("idempotency-key", "8e03978e");
        }
        let response = request.body("x").send().await.unwrap();
        assert_eq!(attempts(&response), Some(sent), "{method}, key: {key}");
    }
}

#[dual]
#[form_test]
async fn a_connection_that_cannot_be_made_is_tried_again_for_every_method() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let retry = at_once(2).on_retry({
        let heard = Arc::clone(&heard);
        move |attempt| {
            let kind = attempt.error().map(|error| error.kind());
            let path = attempt.request().url().path().to_owned();
            heard.lock().unwrap().push((attempt.number(), kind, path));
        }
    });
    let url = format!("http://{}/x", refused());
    let sent = with(retry).post(&url).body("x").send().await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::ConnectError);
    let refused = Some(ErrorKind::ConnectError);
    let path = "/x".to_owned();
    assert_eq!(
        *heard.lock().unwrap(),
        [(1, refused, path.clone()), (2, refused, path)]
    );
}

/// Closes the first connection when it has read a request.
fn closing() -> Server {
    let connections = AtomicUsize::new(0);
    Server::wire(move |wire| {
        let first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        while let Some(head) = wire.read_head()? {
            wire.read_body(&head)?;
            if first {
                return Ok(());
            }
            Reply::ok("answer").send(wire, false)?;
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn a_connection_that_is_lost_is_made_again_where_that_is_safe() {
    for (method, safe) in [(Method::GET, true), (Method::POST, false)] {
        let server = closing();
        let request = with(at_once(1)).request(method.clone(), server.url("/"));
        match request.body("x").send().await {
            Ok(response) => assert!(safe && attempts(&response) == Some(2), "{method}"),
            Err(error) => {
                assert!(!safe, "{method}: {error}");
                assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
            }
        }
    }
}

#[dual]
#[form_test]
async fn the_server_says_how_long_to_wait() {
    let second = Some(Duration::from_secs(1));
    let at_once = Some(Duration::ZERO);
    for (value, expected) in [
        ("1", second),
        ("0", at_once),
        ("Sun, 06 Nov 1994 08:49:37 GMT", at_once),
        // Longer than anybody waits: the answer is returned.
        ("3600", None),
        ("99999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        // What cannot be read is as if it were not there.
        ("soon", Some(ms(7))),
    ] {
        let server = answering(1, move || Reply::status(503).header("retry-after", value));
        let delays = Arc::new(Mutex::new(Vec::new()));
        let retry = Retry::new(1).jitter(|_| ms(7)).on_retry({
            let delays = Arc::clone(&delays);
            move |attempt| delays.lock().unwrap().push(attempt.delay())
        });
        let begun = Instant::now();
        let response = with(retry).get(server.url("/")).send().await.unwrap();
        let waited = begun.elapsed();
        let status = if expected.is_some() { 200 } else { 503 };
        assert_eq!(response.status(), status, "{value}");
        let expected: Vec<Duration> = expected.into_iter().collect();
        assert_eq!(*delays.lock().unwrap(), expected, "{value}");
        assert!(expected.iter().all(|delay| waited >= *delay), "{value}");
    }
}

#[dual]
#[form_test]
async fn no_wait_goes_past_the_total_timeout() {
    let server = answering(1, || Reply::status(503).header("retry-after", "5"));
    let begun = Instant::now();
    let request = with(Retry::new(3)).get(server.url("/"));
    let limit = Timeout::default().total(Duration::from_secs(2));
    let response = request.timeout(limit).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), attempts(&response)),
        (503, Some(1))
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[dual]
#[form_test]
async fn all_attempts_share_the_total_timeout() {
    let server = Server::http(|_| Reply::ok("late").after(Duration::from_secs(3)));
    let begun = Instant::now();
    let limit = Timeout::default().read(ms(100)).total(ms(350));
    let request = with(at_once(99)).get(server.url("/")).timeout(limit);
    let error = request.send().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    let sent = server.connections();
    assert!((2..=5).contains(&sent), "{sent} attempts");
}

#[dual]
#[form_test]
async fn retries_are_a_part_of_the_load_where_there_is_a_budget() {
    let server = Server::http(|_| Reply::status(503));
    let client = with(at_once(5).budget(0.1));
    for _ in 0..100 {
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.status(), 503);
    }
    // A hundred requests, ten for a hundred, ten in reserve, and what time brings back.
    let sent = server.requests().len();
    assert!((120..=140).contains(&sent), "{sent} requests");
}

#[dual]
#[form_test]
async fn a_function_decides_in_place_of_the_rules() {
    let server = answering(1, || Reply::ok("not yet"));
    let retry = at_once(3).when(|request: &Request, answer| {
        let known = request.method() == Method::POST;
        known && answer.as_ref().is_ok_and(|answer| answer.status() == 200)
    });
    let client = with(retry);
    let response = client.post(server.url("/")).body("x").send().await.unwrap();
    // It says so until the retries are used up.
    assert_eq!(attempts(&response), Some(4));
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(attempts(&response), Some(1));
    let server = answering(1, || Reply::status(418));
    let response = with(at_once(1).statuses([418])).get(server.url("/"));
    let response = response.send().await.unwrap();
    assert_eq!(attempts(&response), Some(2));
}

#[dual]
#[form_test]
async fn a_response_that_is_thrown_away_gives_its_connection_back() {
    for (size, connections) in [(10, 1), (1 << 20, 2)] {
        let server = answering(1, move || Reply::status(503).body(vec![b'x'; size]));
        let engine = client();
        let outer = Client::builder().transport(at_once(1).over(engine.clone()));
        let response = outer.build().unwrap().get(server.url("/"));
        let text = response.send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "");
        assert_at_rest(&engine).await;
        assert_eq!(server.connections(), connections);
    }
}

#[dual]
#[form_test]
async fn redirects_and_cookies_work_above_retries() {
    let seen = AtomicUsize::new(0);
    let server = Server::http(move |request: &Received| {
        let number = seen.fetch_add(1, Ordering::SeqCst);
        match request.target.as_str() {
            _ if number.is_multiple_of(2) => Reply::status(502),
            "/a" => Reply::redirect(302, "/b").header("set-cookie", "id=7"),
            _ => Reply::ok(request.header("cookie").unwrap_or("none").to_owned()),
        }
    });
    let response = with(at_once(1)).get(server.url("/a")).send().await.unwrap();
    assert_eq!(response.history().len(), 1);
    assert_eq!(attempts(&response), Some(2));
    let text = response.text().await.unwrap();
    assert_eq!(text, "id=7");
}

#[dual]
#[form_test]
async fn each_exchange_has_a_line_without_secrets() {
    let server = Server::http(|request: &Received| match request.target.as_str() {
        "/a?token=s3cret" => Reply::redirect(302, "/b"),
        _ => Reply::status(404).header("set-cookie", "id=s3cret"),
    });
    let lines = Arc::new(Mutex::new(Vec::new()));
    let logging = Logging::new({
        let lines = Arc::clone(&lines);
        move |line: &LogLine| lines.lock().unwrap().push(line.clone())
    });
    let client = with(logging);
    let url = server.url("/a?token=s3cret#frag");
    let request = client.get(url.replace("//", "//tom:s3cret@"));
    let response = request.header("x-api-key", "s3cret").send().await.unwrap();
    assert_eq!(response.status(), 404);
    let nobody = format!("http://{}/", refused());
    let error = client.put(&nobody).send().await.unwrap_err();
    let lines = lines.lock().unwrap().clone();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line.method().as_str(), line.status().map(|s| s.as_u16())))
        .collect();
    assert_eq!(
        seen,
        [("GET", Some(302)), ("GET", Some(404)), ("PUT", None)]
    );
    assert_eq!(lines[2].error(), Some(error.kind()));
    assert!(lines[0].url().ends_with("/a?token=REDACTED"));
    assert!(lines[1].to_string().contains(" 404 "));
    let all = format!("{lines:?} {}", lines[0]);
    assert!(!all.contains("s3cret") && !all.contains("frag"), "{all}");
}

#[dual]
async fn get_once(client: Client, url: String) -> Duration {
    let begun = Instant::now();
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    begun.elapsed()
}

#[dual]
#[form_test]
async fn a_rate_holds_for_all_that_share_it() {
    let server = Server::http(|_| Reply::ok("x"));
    let limit = RateLimit::new(20, Duration::from_secs(1)).burst(1);
    let clients = [with(limit.clone()), with(limit)];
    let begun = Instant::now();
    let jobs = (0..8).map(|n| (clients[n % 2].clone(), server.url("/")));
    let run = |(client, url)| get_once(client, url);
    let waits = form_util::concurrently(8, jobs.collect(), run).await;
    // The first at once, and the last after seven times 50 ms.
    assert!(begun.elapsed() >= ms(350));
    assert!(waits.iter().any(|wait| *wait >= ms(340)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < ms(300)), "{waits:?}");
}

#[dual]
#[form_test]
async fn a_turn_that_comes_too_late_is_the_total_timeout() {
    let server = Server::http(|_| Reply::ok("x"));
    let client = with(RateLimit::new(1, Duration::from_secs(60)));
    let limit = Timeout::default().total(ms(200));
    let first = client.get(server.url("/")).timeout(limit).send().await;
    assert_eq!(first.unwrap().status(), 200);
    let begun = Instant::now();
    let error = client.get(server.url("/")).timeout(limit).send().await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TotalTimeout);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(server.requests().len(), 1);
}

#[dual]
#[form_test]
async fn layers_stand_over_layers() {
    let server = flaky(2);
    let lines = Arc::new(AtomicUsize::new(0));
    let logging = Logging::new({
        let lines = Arc::clone(&lines);
        move |_: &LogLine| {
            lines.fetch_add(1, Ordering::SeqCst);
        }
    });
    let limit = RateLimit::new(100, Duration::from_secs(1));
    let transport = at_once(3).over(limit.over(logging.over(client())));
    let client = Client::builder().transport(transport).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(attempts(&response), Some(3));
    assert_eq!(lines.load(Ordering::SeqCst), 3);
}
