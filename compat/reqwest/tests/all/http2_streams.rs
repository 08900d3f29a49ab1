//! HTTP/2: bodies both ways, many requests on one connection, and its end.

use std::time::Duration;

use reqwest::StatusCode;
use sync_tests::h2_peer::{Frame, H2Peer, Link, flag, kind, setting};

/// Begins to answer as soon as the head of a request is there, and goes on when its body is.
fn answers_early(link: &mut Link<'_>) -> std::io::Result<()> {
    link.open(&[])?;
    while let Some(stream) = link.head()? {
        link.send(Frame::headers(stream, [(":status", "200")]))?;
        link.send(Frame::data(stream, "early"))?;
        link.until(|link| link.asked(stream).ended)?;
        let length = link.asked(stream).body.len();
        link.send(Frame::data(stream, format!(", late {length}")).end())?;
    }
    Ok(())
}

/// Refuses to see the body of a request.
fn refuses_early(link: &mut Link<'_>) -> std::io::Result<()> {
    link.open(&[])?;
    link.crediting = false;
    while let Some(stream) = link.head()? {
        link.send(Frame::headers(stream, [(":status", "413")]))?;
        link.send(Frame::data(stream, "too much").end())?;
    }
    Ok(())
}

both! {
    fn a_response_may_begin_before_the_request_has_ended() {
        let peer = H2Peer::new(answers_early);
        let client = builder().http2_prior_knowledge().build().unwrap();
        for body in [streamed(vec![7; 300_000]), Body::from(vec![7; 300_000])] {
            let response = wait!(client.post(peer.url("/")).body(body).send()).unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(wait!(response.text()).unwrap(), "early, late 300000");
        }
        assert_eq!((peer.connections(), peer.violations()), (1, Vec::<String>::new()));
    }

    fn an_early_refusal_ends_the_upload() {
        let peer = H2Peer::new(refuses_early);
        let client = builder().http2_prior_knowledge().build().unwrap();
        for body in [streamed(vec![7; 300_000]), Body::from(vec![7; 300_000])] {
            let response = wait!(client.post(peer.url("/")).body(body).send()).unwrap();
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(wait!(response.text()).unwrap(), "too much");
        }
        assert_eq!(peer.connections(), 1);
    }
}

#[tokio::test]
async fn pieces_go_to_and_fro_and_trailers_come_last() {
    use http_body_util::BodyExt as _;
    use tokio::io::AsyncWriteExt as _;

    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        let Some(stream) = link.head()? else {
            return Ok(());
        };
        link.send(Frame::headers(stream, [(":status", "200")]))?;
        while let Some(frame) = link.step()? {
            if frame.kind == kind::DATA && !frame.payload.is_empty() {
                link.send(Frame::data(stream, frame.payload.clone()))?;
            }
            if frame.kind == kind::DATA && frame.has(flag::END_STREAM) {
                link.send(Frame::headers(stream, [("x-after", "all")]).end())?;
            }
        }
        Ok(())
    });
    let (mut feed, body) = tokio::io::duplex(64);
    let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(body));
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy();
    let request = client.build().unwrap().post(peer.url("/")).body(body);
    let response = http::Response::<reqwest::Body>::from(request.send().await.unwrap());
    let mut received = response.into_body();
    for piece in ["one", "two", "three"] {
        feed.write_all(piece.as_bytes()).await.unwrap();
        let frame = received.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(feed);
    let frame = received.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap()["x-after"], "all");
    assert!(received.frame().await.is_none());
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_its_time_is_up() {
    let peer = H2Peer::carrying();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy();
    let client = client.pool_idle_timeout(Duration::from_millis(50)).build();
    let client = client.unwrap();
    client.get(peer.url("/")).send().await.unwrap();
    while peer.open() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(peer.goaway(0), Some(0));
    drop(client);
}

#[test]
fn a_client_outlives_the_runtime_of_its_connection() {
    let peer = H2Peer::carrying();
    let client = reqwest::Client::builder().http2_prior_knowledge();
    let client = client.no_proxy().build().unwrap();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        for body in ["one", "two"] {
            let request = client.post(peer.url("/")).body(body);
            let text = runtime.block_on(async { request.send().await.unwrap().text().await });
            assert_eq!(text.unwrap(), body);
        }
    }
    assert_eq!(peer.connections(), 2);
}

/// Many requests at once where the server allows one stream.
fn narrow() -> H2Peer {
    H2Peer::new(|link| {
        link.open(&[(setting::MAX_CONCURRENT_STREAMS, 1)])?;
        link.carry()
    })
}

#[tokio::test]
async fn requests_wait_their_turn_for_a_stream() {
    let peer = narrow();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy();
    let client = client.build().unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..50 {
        let request = client.post(peer.url("/")).body(number.to_string());
        calls.spawn(async move {
            let text = request.send().await.unwrap().text().await.unwrap();
            assert_eq!(text, number.to_string());
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    assert_eq!((peer.connections(), peer.violations()), (1, vec![]));
}

#[test]
fn requests_of_threads_wait_their_turn_for_a_stream() {
    let peer = narrow();
    let client = super::builder().http2_prior_knowledge().build().unwrap();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let request = client.post(peer.url("/")).body(number.to_string());
            scope.spawn(move || {
                let text = request.send().unwrap().text().unwrap();
                assert_eq!(text, number.to_string());
            });
        }
    });
    assert_eq!((peer.connections(), peer.violations()), (1, vec![]));
}
