//! What a source sends, what it begins and ends with.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use dimorph::{Body, ErrorKind, Timeout};
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client, ms, refused};
use super::{
    all, assert_ended, counting, dual, form_test, form_util, last_error, last_ids, next, playing,
    stream,
};

const FIRST: &str = "retry: 1\nid: 1\ndata: a\n\n";

#[dual]
#[form_test]
async fn it_asks_for_fresh_events_in_a_coding_that_lets_them_through() {
    let server = playing([]);
    let client = builder().header("accept", "*/*").build().unwrap();
    let mut source = client.get(server.url("/x?y=1")).event_source();
    assert_eq!(
        server.connections(),
        0,
        "nothing is sent before it is asked"
    );
    assert_ended(&mut source).await;
    let own = client
        .get(server.url("/"))
        .header("accept", "application/x-events, text/event-stream")
        .header("cache-control", "no-cache")
        .header("accept-encoding", "zstd");
    assert_ended(&mut own.event_source()).await;
    let fields = |number: usize| {
        let request = server.requests()[number].clone();
        let names = ["accept", "cache-control", "accept-encoding"];
        names.map(|name| request.header(name).unwrap_or_default().to_owned())
    };
    assert_eq!(
        fields(0),
        ["text/event-stream", "no-store", "gzip, deflate, br"]
    );
    assert_eq!(
        fields(1),
        [
            "application/x-events, text/event-stream",
            "no-cache",
            "zstd"
        ]
    );
    assert_eq!(server.requests()[0].target, "/x?y=1");
    assert_eq!(last_ids(&server), [None, None]);
}

#[dual]
#[form_test]
async fn what_is_bad_about_the_request_is_the_first_item() {
    let mut source = client().get("no url").event_source();
    let error = last_error(&mut source).await;
    assert!(error.is_builder(), "{error}");
    for bad in ["1\n2", "1\r2", "1\u{0}2"] {
        let source = client().get("http://x.test/").event_source();
        let mut source = source.initial_last_event_id(bad);
        let error = last_error(&mut source).await;
        assert_eq!(error.kind(), ErrorKind::Builder);
    }
}

#[dual]
#[form_test]
async fn it_goes_on_from_the_id_it_is_given() {
    let server = playing([stream("retry: 1\ndata: b\n\n")]);
    let source = client().get(server.url("/")).event_source();
    let mut source = source.initial_last_event_id(" ä☃ ");
    assert_eq!(source.last_event_id(), " ä☃ ");
    let event = next(&mut source).await;
    assert_eq!(event, ("b".to_owned(), " ä☃ ".to_owned()));
    assert_ended(&mut source).await;
    let sent = Some("ä☃".to_owned());
    assert_eq!(last_ids(&server), [sent.clone(), sent]);

    // What no field can carry stays away.
    let server = playing([]);
    let source = client().get(server.url("/")).event_source();
    assert_ended(&mut source.initial_last_event_id("\u{1}")).await;
    assert_eq!(last_ids(&server), [None]);
}

#[dual]
#[form_test]
async fn the_last_id_is_that_of_the_event_given_last() {
    let server = playing([stream("id: 1\ndata: a\n\nid: 2\ndata: b\n\n")]);
    let mut source = client().get(server.url("/")).event_source();
    assert_eq!(source.last_event_id(), "");
    next(&mut source).await;
    assert_eq!(source.last_event_id(), "1");
    let status = source.response().unwrap().status();
    assert_eq!(status, 200);
    next(&mut source).await;
    assert_eq!(source.last_event_id(), "2");
}

#[dual]
#[form_test]
async fn a_first_connection_that_fails_is_an_error_unless_it_is_to_be_retried() {
    let nobody = format!("http://{}/", refused());
    let mut source = client().get(nobody).event_source();
    let error = last_error(&mut source).await;
    assert_eq!(error.kind(), ErrorKind::ConnectError);

    let replies = || {
        let gone = Reply::raw("").closing();
        playing([gone, Reply::status(503), stream("data: a\n\n")])
    };
    let server = replies();
    let mut source = client().get(server.url("/")).event_source();
    let error = last_error(&mut source).await;
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
    let server = replies();
    let source = client().get(server.url("/")).event_source();
    let mut source = source.retry_initial(true).retry_delay(ms(1));
    let events = all(&mut source).await.unwrap();
    assert_eq!(events, ["a"]);
    assert_eq!(server.requests().len(), 4);
}

#[dual]
#[form_test]
async fn another_status_or_type_ends_it_with_an_error() {
    let bad = || {
        [
            (Reply::status(500), ErrorKind::HttpStatus),
            (Reply::status(401), ErrorKind::HttpStatus),
            (Reply::status(304), ErrorKind::HttpStatus),
            (
                Reply::ok("{}").header("content-type", "application/json"),
                ErrorKind::RemoteProtocolError,
            ),
            (Reply::ok("data: a\n\n"), ErrorKind::RemoteProtocolError),
            (
                stream(format!("data: {}\n\n", "x".repeat(100))),
                ErrorKind::LimitExceeded,
            ),
        ]
    };
    for (reply, kind) in bad() {
        let server = playing([reply, stream("data: b\n\n")]);
        let source = client().get(server.url("/")).event_source();
        let error = last_error(&mut source.max_event_size(50)).await;
        assert_eq!(error.kind(), kind);
        assert_eq!(error.url().unwrap().path(), "/");
    }
    // The same after events have come.
    for (reply, kind) in bad() {
        let server = playing([stream(FIRST), reply, stream("data: b\n\n")]);
        let source = client().get(server.url("/")).event_source();
        let mut source = source.max_event_size(50);
        next(&mut source).await;
        let error = last_error(&mut source).await;
        assert_eq!(error.kind(), kind);
        assert_eq!(server.requests().len(), 2);
    }
}

#[dual]
#[form_test]
async fn a_silent_stream_meets_no_read_timeout_of_the_client() {
    let server = counting(|number, _| match number {
        // The head comes late too.
        0 => stream("data: a\n\n").after(ms(60)),
        1 => Reply::chunked(["id: 1\n", "data: b\n\n"])
            .paced(ms(60))
            .header("content-type", "text/event-stream"),
        _ => Reply::status(204),
    });
    let timeout = Timeout::default().read(ms(1));
    let client = builder().timeout(timeout).build().unwrap();
    let source = client.get(server.url("/")).event_source();
    let mut source = source.retry_delay(ms(1)).max_reconnects(1);
    let events = all(&mut source).await.unwrap();
    assert_eq!(events, ["a", "b"]);
}

#[dual]
#[form_test]
async fn a_read_timeout_of_the_request_is_a_lost_connection() {
    let server = Server::wire(|wire| {
        while let Some(_head) = wire.read_head()? {
            let event = format!("retry: 1\nid: {}\ndata\n\n", wire.number);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            wire.send(format!("{head}{event}"))?;
        }
        Ok(())
    });
    let request = client().get(server.url("/"));
    let request = request.timeout(Timeout::default().read(ms(300)));
    let mut source = request.event_source();
    for _ in 0..2 {
        next(&mut source).await;
    }
    assert_eq!(server.connections(), 2);
}

#[dual]
#[form_test]
async fn a_total_timeout_of_the_request_limits_everything() {
    let server = counting(|_, _| stream("retry: 1\ndata: a\n\n"));
    let client = builder().timeout(Timeout::default().total(ms(1))).build();
    let client = client.unwrap();
    // The client's own, for single requests, does not.
    let mut source = client.get(server.url("/")).event_source();
    for _ in 0..5 {
        next(&mut source).await;
    }
    let request = client.get(server.url("/"));
    let request = request.timeout(Timeout::default().total(ms(150)));
    let mut source = request.event_source();
    let error = all(&mut source).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert_ended(&mut source).await;
    // Nor does it wait longer than that.
    let request = client.get(server.url("/"));
    let request = request.timeout(Timeout::default().total(ms(300)));
    let mut source = request.event_source().retry_delay(Duration::MAX);
    let error = all(&mut source).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
}

#[dual]
#[form_test]
async fn a_body_is_sent_each_time_if_it_can_be() {
    let server = counting(|_, _| stream(FIRST));
    let client = client();
    let mut source = client.post(server.url("/")).body("ask").event_source();
    for _ in 0..3 {
        next(&mut source).await;
    }
    let bodies: Vec<String> = server.requests().iter().map(|r| r.text()).collect();
    assert_eq!(bodies, ["ask", "ask", "ask"]);

    let once = Body::from_reader(std::io::Cursor::new("once"));
    let mut source = client.post(server.url("/")).body(once).event_source();
    next(&mut source).await;
    let error = last_error(&mut source).await;
    assert_eq!(error.kind(), ErrorKind::BodyNotReplayable);
    assert_eq!(server.requests()[3].text(), "once");
}

#[dual]
#[form_test]
async fn a_dropped_source_closes_its_connection() {
    let (opened, waiting) = channel::<()>();
    let opened = Mutex::new(opened);
    let server = Server::wire(move |wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: a\n\n")?;
        wire.drain(Duration::from_secs(10));
        let _ = opened.lock().unwrap().send(());
        Ok(())
    });
    let client = client();
    let mut source = client.get(server.url("/")).event_source();
    next(&mut source).await;
    assert_eq!(client.pool_stats().active, 1);
    drop(source);
    assert_at_rest(&client).await;
    assert!(waiting.recv_timeout(Duration::from_secs(5)).is_ok());
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed);
}

#[dual]
#[form_test]
async fn a_closed_client_ends_it() {
    let server = counting(|_, _| stream(FIRST));
    let client = client();
    let mut source = client.get(server.url("/")).event_source();
    next(&mut source).await;
    client.close().await;
    let error = last_error(&mut source).await;
    assert_eq!(error.kind(), ErrorKind::ClientClosed);
}
