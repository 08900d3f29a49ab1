//! Transports of one's own, and bodies that change hands.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use dimorph::{Body, ErrorKind, Request, Result};
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, client};
use super::form::{Client, Response, Transport};
use super::form_util::Answering;
use super::{dual, form_test, form_util};

fn with(transport: impl Transport + 'static) -> Client {
    Client::builder()
        .trust_env(false)
        .transport(transport)
        .build()
        .unwrap()
}

type Seen = Arc<Mutex<Vec<(String, Option<Vec<u8>>)>>>;

/// Redirects with 307 until `/end`; notes the path and the body of each request.
fn redirecting(seen: &Seen) -> Client {
    let seen = Arc::clone(seen);
    with(Answering(move |request: Request| {
        let path = request.url().path().to_owned();
        let content = request.content().map(<[u8]>::to_vec);
        seen.lock().unwrap().push((path.clone(), content));
        let mut made = http::Response::new("answer");
        if path != "/end" {
            *made.status_mut() = dimorph::StatusCode::TEMPORARY_REDIRECT;
            let headers = made.headers_mut();
            headers.insert("location", "/end".parse().unwrap());
        }
        Ok(Response::from(made))
    }))
}

#[dual]
#[form_test]
async fn a_redirect_of_a_transport_repeats_a_body_or_fails() {
    let url = "http://made-up.test/start";
    let once = [
        Body::from_reader(Cursor::new("once")),
        Body::sized(Cursor::new("once"), 4),
        form_util::pieces_body(vec![b"once".to_vec()]),
    ];
    for body in once {
        let what = format!("{body:?}");
        let seen = Seen::default();
        let sent = redirecting(&seen).post(url).body(body).send().await;
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BodyNotReplayable, "{what}");
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen, [("/start".to_owned(), None)], "{what}");
    }
    let seen = Seen::default();
    let request = redirecting(&seen).post(url).body("again");
    let response = request.send().await.unwrap();
    assert_eq!(response.url().path(), "/end");
    let again = Some(b"again".to_vec());
    assert_eq!(
        *seen.lock().unwrap(),
        [
            ("/start".to_owned(), again.clone()),
            ("/end".to_owned(), again)
        ]
    );
}

/// Answers with a body in pieces, one of them empty.
fn in_pieces() -> Client {
    with(Answering(|_| {
        let pieces = vec![b"a".to_vec(), Vec::new(), b"b".to_vec()];
        let body = form_util::pieces_body(pieces);
        Ok(Response::from(http::Response::new(body)))
    }))
}

#[dual]
#[form_test]
async fn an_empty_piece_is_not_the_end_of_a_transport_s_body() {
    let client = in_pieces();
    let url = "http://made-up.test/";
    let mut response = client.get(url).send().await.unwrap();
    let all = form_util::read_all(&mut response).await.unwrap();
    assert_eq!(all, b"ab");
    let mut response = client.get(url).send().await.unwrap();
    let mut copy = Vec::new();
    let copied = form_util::copy_to(&mut response, &mut copy).await;
    assert_eq!((copied.unwrap(), copy.as_slice()), (2, &b"ab"[..]));
    let mut response = client.get(url).send().await.unwrap();
    let pieces = form_util::collect(&mut response).await.unwrap();
    assert_eq!(pieces, ["a", "b"]);
    let mut response = client.get(url).send().await.unwrap();
    let first = response.chunk().await.unwrap();
    let second = response.chunk().await.unwrap();
    let end = response.chunk().await.unwrap();
    assert_eq!((first.unwrap(), second.unwrap()), ("a".into(), "b".into()));
    assert!(end.is_none());
    let response = client.get(url).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "ab");
}

fn answer(request: Request) -> Result<Response> {
    Ok(Response::from(http::Response::new(
        request.url().to_string(),
    )))
}

#[dual]
#[form_test]
async fn shared_and_boxed_transports_are_transports() {
    let boxed: Box<dyn Transport> = Box::new(Answering(answer));
    let shared: Arc<dyn Transport> = Arc::new(Answering(answer));
    let known = Arc::new(Answering(answer));
    for client in [
        with(boxed),
        with(Arc::clone(&shared)),
        with(shared),
        with(Arc::clone(&known)),
        with(Box::new(known)),
    ] {
        let response = client.get("http://made-up.test/x").send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "http://made-up.test/x");
    }
}

fn source() -> Server {
    Server::http(|request| match request.target.as_str() {
        "/sized" => Reply::ok("onetwothree").header("x-a", "1"),
        _ => Reply::chunked(["one", "two", "three"]).header("x-a", "1"),
    })
}

#[dual]
#[form_test]
async fn a_response_becomes_an_http_response_that_reads_on() {
    let source = source();
    let client = client();
    for path in ["/sized", "/chunked"] {
        for already in [0, 1] {
            let mut response = client.get(source.url(path)).send().await.unwrap();
            let mut all = Vec::new();
            for _ in 0..already {
                let piece = response.chunk().await.unwrap();
                all.extend_from_slice(&piece.unwrap());
            }
            let changed: http::Response<Body> = response.into();
            assert_eq!(changed.status(), 200);
            assert_eq!(changed.version(), dimorph::Version::HTTP_11);
            assert_eq!(changed.headers()["x-a"], "1");
            let back = Response::from(changed);
            assert_eq!(back.headers()["x-a"], "1");
            let rest = back.bytes().await.unwrap();
            all.extend_from_slice(&rest);
            assert_eq!(all, b"onetwothree", "{path}, {already} pieces before");
        }
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_response_becomes_the_body_of_a_request() {
    let source = source();
    let sink = Server::http(|request| Reply::ok(request.body.clone()));
    let client = client();
    for path in ["/sized", "/chunked"] {
        let response = client.get(source.url(path)).send().await.unwrap();
        let request = client.post(sink.url("/")).body(Body::from(response));
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "onetwothree", "{path}");
        let mut response = client.get(source.url(path)).send().await.unwrap();
        response.buffer().await.unwrap();
        let request = client.post(sink.url("/")).body(response);
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "onetwothree", "{path}, buffered");
    }
    assert_at_rest(&client).await;
}
