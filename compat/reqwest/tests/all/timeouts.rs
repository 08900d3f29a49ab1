//! How long a blocking client waits, and for what.

use std::io::Read as _;
use std::time::{Duration, Instant};

use sync_tests::blackhole::BlackHole;
use sync_tests::{Reply, Server};
use tower::timeout::TimeoutLayer;

use super::builder;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_late_head_is_a_request_timeout() {
    let server = Server::http(|request| match request.target.as_str() {
        "/hop" => Reply::redirect(302, "/late"),
        _ => Reply::ok("").after(Duration::from_secs(3)),
    });
    let client = builder().timeout(SHORT).build().unwrap();
    for path in ["/late", "/hop"] {
        let error = client.get(server.url(path)).send().unwrap_err();
        assert!(error.is_timeout() && error.is_request(), "{error:?}");
        assert_eq!(error.url().unwrap().path(), path);
    }
    let client = builder().timeout(LONG).build().unwrap();
    let request = client.get(server.url("/late")).timeout(SHORT);
    assert!(request.send().unwrap_err().is_timeout());
}

#[test]
fn a_late_body_is_a_decode_timeout() {
    let server = Server::http(|_| Reply::chunked(["a", "b"]).paced(Duration::from_secs(3)));
    let client = builder().timeout(SHORT).build().unwrap();
    let send = || client.get(server.url("/")).send().unwrap();
    let error = send().text().unwrap_err();
    assert!(error.is_timeout() && error.is_decode(), "{error:?}");
    let error = send().read_to_end(&mut Vec::new()).unwrap_err();
    let error = error.into_inner().unwrap().downcast::<reqwest::Error>();
    assert!(error.unwrap().is_timeout());
}

#[test]
fn a_body_that_drips_ends_with_the_timeout() {
    let server = Server::http(|_| Reply::chunked(["x"; 200]).paced(Duration::from_millis(50)));
    let client = builder().timeout(SHORT).build().unwrap();
    let started = Instant::now();
    let response = client.get(server.url("/")).send().unwrap();
    let error = response.bytes().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // Each read has its own time.
    let mut response = client.get(server.url("/")).send().unwrap();
    let mut ten = [0; 10];
    response.read_exact(&mut ten).unwrap();
    // A request's own timeout is for its response's body as well.
    let request = client.get(server.url("/")).timeout(SHORT);
    let error = request.send().unwrap().read_exact(&mut ten).unwrap_err();
    let error = error.into_inner().unwrap().downcast::<reqwest::Error>();
    assert!(error.unwrap().is_timeout());
}

#[test]
fn a_connection_that_does_not_come_is_a_connect_timeout() {
    let Some(hole) = BlackHole::open().unwrap() else {
        return;
    };
    let plain = builder().connect_timeout(SHORT);
    let layered = builder()
        .connector_layer(TimeoutLayer::new(LONG))
        .connect_timeout(SHORT);
    for client in [plain, layered] {
        let error = client.build().unwrap().get(hole.url("/")).send();
        let error = error.unwrap_err();
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
    }
}

#[test]
fn layers_wrap_what_connects() {
    let server = Server::http(|_| Reply::ok("hello"));
    let client = builder()
        .connector_layer(TimeoutLayer::new(LONG))
        .connector_layer(TimeoutLayer::new(LONG))
        .build()
        .unwrap();
    for _ in 0..2 {
        let response = client.get(server.url("/")).send().unwrap();
        assert_eq!(response.text().unwrap(), "hello");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_async_builders_timeouts_stay_when_it_becomes_a_blocking_one() {
    let server = Server::http(|request| match request.target.as_str() {
        "/drip" => Reply::chunked(["x"; 200]).paced(Duration::from_millis(50)),
        "/pause" => Reply::chunked(["a", "b"]).paced(Duration::from_secs(3)),
        _ => Reply::ok("").after(Duration::from_secs(3)),
    });
    let plain = || reqwest::Client::builder().no_proxy();
    let cases = [
        (
            plain().timeout(SHORT),
            ["/late", "/drip", "/pause"].as_slice(),
        ),
        (plain().read_timeout(SHORT), &["/late", "/pause"]),
    ];
    for (asynchronous, paths) in cases {
        let client = reqwest::blocking::ClientBuilder::from(asynchronous);
        let client = client.timeout(None).build().unwrap();
        for path in paths {
            let mut body = String::new();
            let response = client.get(server.url(path)).send();
            let late = match response {
                Ok(mut response) => response.read_to_string(&mut body).is_err(),
                Err(error) => error.is_timeout(),
            };
            assert!(late, "{path} {body:?}");
        }
    }
}

#[test]
fn a_redirect_whose_body_stalls_is_followed_at_once() {
    let server = Server::http(|_| Reply::ok("there"));
    let stalling = Server::wire(move |wire| {
        wire.read_head()?;
        let to = server.url("/to");
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 9\r\n\r\nx");
        wire.send(head)?;
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    });
    let began = Instant::now();
    let response = super::client().get(stalling.url("/")).send().unwrap();
    assert_eq!(response.text().unwrap(), "there");
    assert!(began.elapsed() < Duration::from_secs(3));
}
