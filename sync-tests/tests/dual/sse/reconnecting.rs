//! Connections that follow one another.

use dimorph::ErrorKind;
use sync_tests::{Reply, Server};

use super::common::{builder_to, client, client_to, ms};
use super::{
    all, assert_ended, counting, cut, dual, form_test, last_error, last_ids, next, playing, stream,
};

fn ids(expected: &[&str]) -> Vec<Option<String>> {
    let each = expected.iter();
    each.map(|id| (!id.is_empty()).then(|| (*id).to_owned()))
        .collect()
}

#[dual]
#[form_test]
async fn the_next_connection_names_the_last_event() {
    let server = playing([
        stream("retry: 1\nid: 1\ndata: a\n\n"),
        // An event without an ID keeps the last one, and so does the next stream.
        stream("data: b\n\n"),
        // What was not dispatched does not count.
        stream("id: 2\ndata: c\n\nid: 3\ndata: lost\n"),
        // An empty ID takes it back; one of a block without data counts.
        stream("id\ndata: d\n\n"),
        stream("id: 4\n\n"),
        stream("data: e\n\n"),
    ]);
    let mut source = client().get(server.url("/")).event_source();
    let mut events = Vec::new();
    while let Some(event) = source.next().await {
        let event = event.unwrap();
        events.push(format!("{} {}", event.data(), event.id()));
    }
    assert_eq!(events, ["a 1", "b 1", "c 2", "d ", "e 4"]);
    assert_eq!(last_ids(&server), ids(&["", "1", "1", "2", "", "4", "4"]));
    assert_eq!(source.last_event_id(), "4");
}

#[dual]
#[form_test]
async fn a_204_ends_it_for_good() {
    let server = playing([stream("retry: 1\ndata: a\n\n"), Reply::status(204)]);
    let mut source = client().get(server.url("/")).event_source();
    next(&mut source).await;
    assert_ended(&mut source).await;
    assert_eq!(server.requests().len(), 2);
}

#[dual]
#[form_test]
async fn a_lost_connection_is_followed_by_another() {
    let short = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000\r\n\r\ndata: c\n\n";
    let server = playing([
        stream("retry: 1\nid: 1\ndata: a\n\n"),
        cut("data: b\n\ndata: lost\n"),
        Reply::raw(short).closing(),
        // A gzip stream without its end.
        stream(&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..]).header("content-encoding", "gzip"),
        // No answer at all.
        Reply::raw("").closing(),
        stream("data: d\n\n"),
    ]);
    let mut source = client().get(server.url("/")).event_source();
    let events = all(&mut source).await.unwrap();
    assert_eq!(events, ["a", "b", "c", "d"]);
    let sent = last_ids(&server);
    assert!(sent[1..].iter().all(|id| id.as_deref() == Some("1")));
}

#[dual]
#[form_test]
async fn a_reset_connection_is_followed_by_another() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        wire.send(format!("{head}retry: 1\nid: {}\ndata\n\n", wire.number))?;
        wire.reset();
        Ok(())
    });
    let source = client().get(server.url("/")).event_source();
    // A reset may take the event with it.
    let mut source = source.retry_initial(true).retry_delay(ms(1));
    for _ in 0..3 {
        next(&mut source).await;
    }
    assert!(server.connections() >= 3);
}

#[dual]
#[form_test]
async fn a_server_in_trouble_is_asked_again() {
    let server = || {
        playing([
            stream("retry: 1\ndata: a\n\n"),
            Reply::status(503).header("retry-after", "0"),
            Reply::status(429),
            Reply::status(502),
            stream("data: b\n\n"),
        ])
    };
    let first = server();
    let mut source = client().get(first.url("/")).event_source();
    let events = all(&mut source).await.unwrap();
    assert_eq!(events, ["a", "b"]);

    let first = server();
    let source = client().get(first.url("/")).event_source();
    let mut source = source.retry_statuses([503]);
    next(&mut source).await;
    let error = last_error(&mut source).await;
    assert_eq!(error.status().unwrap(), 429);

    let first = server();
    let source = client().get(first.url("/")).event_source();
    let mut source = source.retry_statuses([]);
    next(&mut source).await;
    let error = last_error(&mut source).await;
    assert_eq!(error.status().unwrap(), 503);
}

#[dual]
#[form_test]
async fn connections_without_an_event_may_have_a_limit() {
    // The first one is the only one.
    let server = counting(|_, _| stream("retry: 1\ndata: a\n\n"));
    let source = client().get(server.url("/")).event_source();
    let mut source = source.max_reconnects(0);
    let events = all(&mut source).await.unwrap();
    assert_eq!(events, ["a"]);
    assert_eq!(server.requests().len(), 1);

    // Each event begins the count anew; what ended the last one is told.
    let server = counting(|number, _| match number {
        0 | 2 => stream("retry: 1\ndata: a\n\n"),
        1 | 3 => stream(": nothing\n\n"),
        _ => cut(": nothing\n\n"),
    });
    let source = client().get(server.url("/")).event_source();
    let mut source = source.max_reconnects(2);
    next(&mut source).await;
    next(&mut source).await;
    let error = last_error(&mut source).await;
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
    assert_eq!(server.requests().len(), 5);

    let server = counting(|number, _| match number {
        0 => stream("retry: 1\ndata: a\n\n"),
        _ => stream(": nothing\n\n"),
    });
    let source = client().get(server.url("/")).event_source();
    let mut source = source.max_reconnects(1);
    next(&mut source).await;
    assert_ended(&mut source).await;
    assert_eq!(server.requests().len(), 2);
}

#[dual]
#[form_test]
async fn each_connection_begins_at_the_first_url_with_the_cookies_of_the_moment() {
    let server = counting(|number, request| match request.target.as_str() {
        "/start" => {
            let reply = Reply::redirect(301, "/events");
            reply.header("set-cookie", &format!("at={number}"))
        }
        _ => stream("retry: 1\ndata: a\n\n"),
    });
    let client = client_to(&server);
    let request = client.get("http://a.test/start").cookie("own", "1");
    let mut source = request.event_source();
    for _ in 0..3 {
        next(&mut source).await;
    }
    let seen: Vec<String> = server
        .requests()
        .iter()
        .map(|r| format!("{} {}", r.target, r.header("cookie").unwrap_or_default()))
        .collect();
    assert_eq!(
        seen,
        [
            "/start own=1",
            "/events at=0; own=1",
            "/start at=0; own=1",
            "/events at=2; own=1",
            "/start at=2; own=1",
            "/events at=4; own=1",
        ]
    );
}

#[dual]
#[form_test]
async fn each_connection_is_authenticated() {
    let server = counting(|_, request| match request.header("authorization") {
        Some(_) => stream("retry: 1\ndata: a\n\n"),
        None => Reply::status(401),
    });
    let client = builder_to(&server).auth(("tom", "mot123")).build();
    let mut source = client.unwrap().get("http://a.test/").event_source();
    for _ in 0..3 {
        next(&mut source).await;
    }
    assert_eq!(server.requests().len(), 3);
}
