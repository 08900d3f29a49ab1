//! Applications that fail: errors and panics, wherever they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use dimorph::transport::App;
use dimorph::{Body, Error, ErrorKind, Phase};
use http_body::Frame;
use tower::Service;

use super::{client_of, client_of_fn, dual, form, form_test};
use form::Client;

/// Sends a GET that fails.
#[dual]
async fn failure(client: &Client) -> Error {
    client.get("/").send().await.unwrap_err()
}

/// Checks that the client serves on after a failure.
#[dual]
async fn assert_unharmed(client: &Client) {
    let response = client.get("/well").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "well");
}

#[dual]
#[form_test]
async fn a_panic_of_a_handler_is_an_error_or_a_500() {
    let router = || {
        Router::new()
            .route(
                "/",
                get(async || -> String { panic!("the handler is broken") }),
            )
            .route("/well", get(async || "well"))
    };
    let client = client_of(App::new(router()));
    for _ in 0..2 {
        let error = failure(&client).await;
        assert_eq!(error.kind(), ErrorKind::App);
        let said = error.to_string();
        assert!(
            said.contains("the application panicked: the handler is broken"),
            "{said}"
        );
        assert_unharmed(&client).await;
    }
    let client = client_of(App::new(router()).raise_app_errors(false));
    let response = client.get("/").send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert_unharmed(&client).await;
}

#[dual]
#[form_test]
async fn a_panic_of_a_plain_function_is_an_error() {
    let client = client_of(App::from_fn(|request: http::Request<Body>| {
        assert_eq!(request.uri().path(), "/well", "made up by {}", "the test");
        http::Response::new("well")
    }));
    let error = failure(&client).await;
    assert_eq!(error.kind(), ErrorKind::App);
    assert!(error.to_string().contains("made up by the test"), "{error}");
    assert_unharmed(&client).await;
}

/// Fails when it is asked whether it is ready, or when it is called, as told.
#[derive(Clone)]
struct Unready(fn() -> Result<(), std::io::Error>, fn());

impl Service<http::Request<Body>> for Unready {
    type Response = http::Response<String>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready((self.0)())
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        (self.1)();
        std::future::ready(Ok(http::Response::new(String::new())))
    }
}

#[dual]
#[form_test]
async fn a_service_that_fails_before_its_future_does_is_an_error_or_a_500() {
    let table: [(Unready, &str); 3] = [
        (Unready(|| panic!("not today"), || ()), "not today"),
        (
            Unready(|| Err(std::io::Error::other("closed")), || ()),
            "closed",
        ),
        (Unready(|| Ok(()), || panic!("at the call")), "at the call"),
    ];
    for (service, what) in table {
        let error = failure(&client_of(App::new(service.clone()))).await;
        assert_eq!(error.kind(), ErrorKind::App, "{what}");
        assert!(error.to_string().contains(what), "{error}");
        let client = client_of(App::new(service).raise_app_errors(false));
        let response = client.get("/").send().await.unwrap();
        assert_eq!(response.status(), 500, "{what}");
    }
}

type Failure = fn() -> std::io::Error;

/// Gives a piece, and breaks off as told.
struct Breaking(Option<Bytes>, Failure);

impl http_body::Body for Breaking {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(match self.0.take() {
            Some(piece) => Ok(Frame::data(piece)),
            None => Err((self.1)()),
        }))
    }
}

#[dual]
#[form_test]
async fn a_body_that_breaks_off_is_an_error_of_reading_it() {
    let table: [(Failure, &str); 2] = [
        (
            || std::io::Error::other("the disk is gone"),
            "the disk is gone",
        ),
        (
            || panic!("in the body"),
            "the application panicked: in the body",
        ),
    ];
    for (how, what) in table {
        for raises in [true, false] {
            let service = tower::service_fn(move |_: http::Request<Body>| {
                let body = Breaking(Some(Bytes::from_static(b"begun")), how);
                std::future::ready(Ok::<_, Infallible>(http::Response::new(body)))
            });
            let client = client_of(App::new(service).raise_app_errors(raises));
            let mut response = client.get("/").send().await.unwrap();
            let first = response.chunk().await.unwrap();
            assert_eq!(first.unwrap(), "begun");
            let error = response.chunk().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::App);
            assert_eq!(error.phase(), Some(Phase::ReceiveBody));
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(error.url().unwrap().as_str(), "http://testserver/");
            // It is not polled again: that would panic anew.
            let again = response.chunk().await;
            assert!(!matches!(again, Ok(Some(_))), "{again:?}");
        }
    }
}

/// Says how reading the body ended.
async fn reading(request: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    let read = axum::body::to_bytes(axum::body::Body::new(request.into_body()), usize::MAX);
    let said = match read.await {
        Ok(_) => "whole".to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(http::Response::new(said.into()))
}

#[dual]
#[form_test]
async fn errors_of_the_request_s_body_reach_the_application() {
    let client = client_of_fn(reading);
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the source broke"))
        }
    }
    let request = client.post("/").body(Body::from_reader(Broken));
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("the source broke"), "{text}");
}

#[dual]
#[form_test]
async fn requests_that_no_server_would_get_do_not_reach_the_application() {
    let client = client_of(App::from_fn(|_| http::Response::new("reached")));
    let both = client
        .post("/")
        .header("content-length", "1")
        .header("transfer-encoding", "chunked")
        .body("x");
    let wrong = client.post("/").header("content-length", "4").body("hello");
    for request in [both, wrong] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{error}");
    }
    let error = client.get("ftp://h.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedProtocol);
    client.close().await;
    let error = failure(&client).await;
    assert_eq!(error.kind(), ErrorKind::ClientClosed);
}

async fn length_or_error(body: axum::body::Body) -> String {
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(error) => {
            let source = std::error::Error::source(&error);
            source.map_or_else(String::new, ToString::to_string)
        }
    }
}

#[dual]
#[form_test]
async fn a_body_of_another_length_than_announced_fails_in_the_application() {
    let app = Router::new().fallback(length_or_error);
    let client = client_of(App::new(app));
    for (announced, expected) in [
        (5, "5 bytes"),
        (6, "has 5 bytes, 6 were announced"),
        (4, "longer than the 4 bytes announced"),
    ] {
        let body = Body::sized(&b"sized"[..], announced);
        let response = client.post("/").body(body).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(text.contains(expected), "{announced}: {text}");
    }
}
