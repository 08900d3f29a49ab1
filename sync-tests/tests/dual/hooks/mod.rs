//! What is called on a request's way: hooks, listeners and counters.

mod events;
mod panics;
mod progress;

use std::sync::{Arc, Mutex};

use dimorph::{Auth, AuthFlow, DigestAuth, Error, ErrorKind, PoolLimits, Request};
use http::HeaderValue;
use sync_tests::http::echo;
use sync_tests::{DigestServer, Reply, Server};

use super::common::{assert_at_rest, builder, builder_to};
use super::form::{Client, ClientBuilder};
use super::{dual, form_test};

/// Lines, in the order in which they were written.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Hooks that write down what passes them.
fn logging(builder: ClientBuilder, log: &Log) -> ClientBuilder {
    let (to, from) = (log.clone(), log.clone());
    builder
        .on_request(move |request| {
            let signed = match request.headers().get("authorization") {
                Some(value) if value.as_bytes().starts_with(b"Digest") => " digest",
                Some(_) => " signed",
                None => "",
            };
            to.write(format!(
                "{} {}{signed}",
                request.method(),
                request.url().path()
            ));
        })
        .on_response(move |response| {
            from.write(format!(
                "{} {}",
                response.status().as_u16(),
                response.url().path()
            ));
        })
}

/// Sends a request, and once more what came back in its header.
struct Twice;

impl Auth for Twice {
    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(|exchange| async move {
            let response = exchange.send(request.try_clone()?).await?;
            let token = response.headers()["x-token"].clone();
            request.headers_mut().insert("authorization", token);
            exchange.send(request).await?;
            Ok(())
        })
    }
}

#[dual]
#[form_test]
async fn hooks_are_called_in_order_for_each_hop_and_each_step_of_an_authentication() {
    let server = Server::http(|request| match request.target.as_str() {
        "/redirect" => Reply::redirect(303, "/").header("x-token", "t"),
        _ => Reply::ok("ok").header("x-token", "t"),
    });
    let log = Log::default();
    let client = logging(builder(), &log).build().unwrap();
    let get = |path: &str| client.get(server.url(path));

    get("/").send().await.unwrap();
    assert_eq!(log.take(), ["GET /", "200 /"]);
    client
        .post(server.url("/redirect"))
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(
        log.take(),
        ["POST /redirect", "303 /redirect", "GET /", "200 /"]
    );
    get("/redirect")
        .follow_redirects(false)
        .send()
        .await
        .unwrap();
    assert_eq!(log.take(), ["GET /redirect", "303 /redirect"]);
    // Authentication comes before the hooks: they see what is sent.
    get("/redirect")
        .auth(("tom", "mot123"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        log.take(),
        [
            "GET /redirect signed",
            "303 /redirect",
            "GET / signed",
            "200 /"
        ]
    );
    get("/").auth(Twice).send().await.unwrap();
    assert_eq!(log.take(), ["GET /", "200 /", "GET / signed", "200 /"]);
    get("/redirect").auth(Twice).send().await.unwrap();
    let lines = log.take();
    assert_eq!(lines.len(), 8, "{lines:?}");

    let digest = DigestServer::builder("tom", "mot123").start();
    let auth = DigestAuth::new("tom", "mot123");
    client.get(digest.url("/")).auth(auth).send().await.unwrap();
    assert_eq!(log.take(), ["GET /", "401 /", "GET / digest", "200 /"]);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn several_hooks_are_called_in_the_order_they_were_given_in() {
    let server = Server::http(|_| Reply::ok("ok"));
    let log = Log::default();
    let line = |text: &'static str| {
        let log = log.clone();
        move || log.write(text)
    };
    let (a, b, c, d) = (
        line("request 1"),
        line("request 2"),
        line("response 1"),
        line("response 2"),
    );
    let client = builder()
        .on_request(move |_| a())
        .on_response(move |_| c())
        .on_request(move |_| b())
        .on_response(move |_| d())
        .build()
        .unwrap();
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(
        log.take(),
        ["request 1", "request 2", "response 1", "response 2"]
    );
}

#[dual]
#[form_test]
async fn a_hook_changes_the_request_and_the_response() {
    let server = Server::http(echo);
    let client = builder_to(&server)
        .on_request(|request| {
            request
                .headers_mut()
                .insert("x-hook", HeaderValue::from_static("yes"));
            request.url_mut().set_path("/changed");
            *request.body_mut() = "other".into();
            *request.method_mut() = dimorph::Method::PUT;
        })
        .on_response(|response| {
            let value = response.headers()["content-length"].clone();
            response.headers_mut().insert("x-seen", value);
        })
        .build()
        .unwrap();
    let response = client
        .post("http://a.test/")
        .body("first")
        .send()
        .await
        .unwrap();
    assert_eq!(response.url().path(), "/changed");
    assert!(response.headers().contains_key("x-seen"));
    let echoed: serde_json::Value = response.json().await.unwrap();
    assert_eq!(echoed["method"], "PUT");
    assert_eq!(echoed["target"], "/changed");
    assert_eq!(echoed["body"], "other");
    let seen = server.requests().remove(0);
    assert_eq!(seen.header("x-hook"), Some("yes"));
    assert_eq!(seen.header("content-length"), Some("5"));

    // Even to another host; what would not be a request is refused there, too.
    let moved = builder_to(&server)
        .on_request(|request| {
            let to = request.headers()["x-to"].to_str().unwrap().to_owned();
            *request.url_mut() = to.parse().unwrap();
        })
        .build()
        .unwrap();
    let ask = |to: &str| moved.get("http://a.test/").header("x-to", to);
    let response = ask("http://b.test/there").send().await.unwrap();
    assert_eq!(response.url().as_str(), "http://b.test/there");
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("host"), Some("b.test"));
    let error = ask("ftp://b.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedProtocol);
    assert_at_rest(&moved).await;
}

#[dual]
#[form_test]
async fn an_error_of_a_hook_ends_the_call_and_frees_the_slot() {
    let server = Server::http(|request| match request.target.as_str() {
        "/redirect" => Reply::redirect(302, "/refused"),
        "/large" => Reply::ok(vec![b'x'; 4 << 20]),
        _ => Reply::ok("ok"),
    });
    let refuse = |path: &str| match path {
        "/refused" | "/large" => Err("not today"),
        _ => Ok(()),
    };
    let limits = PoolLimits::new().hard_limit(1);
    let before = builder()
        .pool_limits(limits)
        .on_request(move |request: &mut Request| refuse(request.url().path()))
        .build()
        .unwrap();
    let after = builder()
        .pool_limits(limits)
        .on_response(move |response| refuse(response.url().path()))
        .build()
        .unwrap();
    for (client, sends) in [(&before, false), (&after, true)] {
        for path in ["/refused", "/large", "/redirect"] {
            let requests = server.requests().len();
            let error = client.get(server.url(path)).send().await.unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("not today") || error.to_string().contains("not today"));
            assert_eq!(
                error.url().map(|url| url.path()),
                Some(if path == "/redirect" {
                    "/refused"
                } else {
                    path
                })
            );
            let sent = server.requests().len() - requests;
            let expected = usize::from(path == "/redirect") + usize::from(sends);
            assert_eq!(sent, expected, "{path}");
            assert_at_rest(client).await;
        }
        // The only slot is free.
        let response = client.get(server.url("/fine")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        drop(response);
        assert_at_rest(client).await;
    }
    // An error of the library's own passes as it is.
    let own = builder()
        .on_response(|response| response.raise_for_status().map(drop))
        .build()
        .unwrap();
    let missing = Server::http(|_| Reply::status(404));
    let error = own.get(missing.url("/")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HttpStatus);
}

#[dual]
#[form_test]
async fn a_hooks_error_in_an_auth_flow_ends_the_flow() {
    let server = Server::http(|_| Reply::ok("ok").header("x-token", "t"));
    let client = builder()
        .pool_limits(PoolLimits::new().hard_limit(1))
        .on_request(
            |request| match request.headers().contains_key("authorization") {
                true => Err(Error::other("no second one")),
                false => Ok(()),
            },
        )
        .build()
        .unwrap();
    let error = client
        .get(server.url("/"))
        .auth(Twice)
        .send()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no second one")
            || format!("{error:?}").contains("no second one")
    );
    assert_eq!(server.requests().len(), 1);
    assert_at_rest(&client).await;
}

/// What hooks and listeners are: shared by clones, called from several threads at once.
#[dual]
async fn ask((client, url): (Client, String)) {
    client.get(url).send().await.unwrap();
}

#[dual]
#[form_test]
async fn clones_share_their_hooks() {
    let server = Server::http(|_| Reply::ok("ok"));
    let log = Log::default();
    let client = logging(builder(), &log).build().unwrap();
    let calls: Vec<_> = (0..16).map(|_| (client.clone(), server.url("/"))).collect();
    super::form_util::concurrently(8, calls, ask).await;
    let lines = log.take();
    let count = |line: &str| lines.iter().filter(|l| *l == line).count();
    assert_eq!((count("GET /"), count("200 /")), (16, 16));
}
