//! The pool: limits, turns, staleness, and slots that always come back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dimorph::{Body, ErrorKind, Method, PoolLimits, Timeout};
use sync_tests::{Reply, Server, Wire};

use super::common::{assert_at_rest, builder, builder_to, client, ms};
use super::form::Client;
use super::{dual, form_test, form_util};

fn with(limits: PoolLimits) -> Client {
    builder().pool_limits(limits).build().unwrap()
}

/// A body that does not come with its head, so that whoever does not read it holds a connection.
static LARGE: [u8; 4 << 20] = [b'h'; 4 << 20];

/// Answers `/held` with a body that holds the connection, all else at once.
pub(crate) fn holding() -> Server {
    Server::http(|request| match request.target.as_str() {
        "/held" => Reply::ok(LARGE.to_vec()),
        _ => Reply::ok("ok"),
    })
}

#[dual]
async fn fetch((client, url): (Client, String)) -> String {
    let response = client.get(url).send().await.unwrap();
    response.text().await.unwrap()
}

#[dual]
#[form_test]
async fn a_connection_is_used_again_once_its_body_is_read() {
    let server = Server::http(|_| Reply::ok(LARGE.to_vec()));
    let client = client();
    for _ in 0..5 {
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(
            client.pool_stats().active,
            1,
            "a body that nobody read yet holds its connection"
        );
        response.bytes().await.unwrap();
    }
    let stats = client.pool_stats();
    assert_eq!((stats.connections, stats.active, stats.idle), (1, 0, 1));
    assert_eq!((stats.opened, stats.reused), (1, 4));
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn the_hard_limit_holds_and_everybody_gets_a_turn() {
    let server = Server::http(|_| Reply::ok("ok").after(ms(5)));
    let client = with(PoolLimits::new().hard_limit(3));
    let calls: Vec<_> = (0..60).map(|_| (client.clone(), server.url("/"))).collect();
    let bodies = form_util::concurrently(20, calls, fetch).await;
    assert!(bodies.iter().all(|body| body == "ok"));
    assert!(server.connections() <= 3, "{}", server.connections());
    assert_at_rest(&client).await;
    assert!(client.pool_stats().connections <= 3);
}

#[dual]
#[form_test]
async fn the_soft_limit_closes_what_is_too_many() {
    let server = Server::http(|_| Reply::ok("ok").after(ms(30)));
    let client = with(PoolLimits::new().soft_limit(2));
    let calls: Vec<_> = (0..8).map(|_| (client.clone(), server.url("/"))).collect();
    form_util::concurrently(8, calls, fetch).await;
    assert_eq!(client.pool_stats().idle, 2);
    let closed = form_util::until(|| server.open() == 2).await;
    assert!(closed, "{}", server.open());

    let none = with(PoolLimits::new().soft_limit(0));
    for _ in 0..2 {
        fetch((none.clone(), server.url("/"))).await;
        assert_eq!(none.pool_stats().connections, 0);
    }
}

#[dual]
#[form_test]
async fn waiters_are_served_in_their_order() {
    let server = holding();
    let client = with(PoolLimits::new().hard_limit(1));
    let held = client.get(server.url("/held")).send().await.unwrap();
    let mut waiters = Vec::new();
    for i in 0..12 {
        waiters.push(form_util::spawn(
            fetch,
            (client.clone(), server.url(&format!("/{i}"))),
        ));
        let waits = form_util::until(|| client.pool_stats().waiting == i + 1).await;
        assert!(waits, "{:?}", client.pool_stats());
    }
    held.bytes().await.unwrap();
    for waiter in waiters {
        waiter.join().await;
    }
    let order: Vec<String> = server
        .requests()
        .iter()
        .skip(1)
        .map(|r| r.target.clone())
        .collect();
    let expected: Vec<String> = (0..12).map(|i| format!("/{i}")).collect();
    assert_eq!(order, expected);
    assert_eq!(server.connections(), 1);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn waiters_of_other_origins_get_the_slot_too() {
    let servers: Vec<Server> = (0..3).map(|_| Server::http(|_| Reply::ok("ok"))).collect();
    let client = with(PoolLimits::new().hard_limit(1));
    let calls: Vec<_> = (0..30)
        .map(|i| (client.clone(), servers[i % 3].url("/")))
        .collect();
    let bodies = form_util::concurrently(10, calls, fetch).await;
    assert_eq!(bodies.len(), 30);
    assert_eq!(client.pool_stats().connections, 1);
}

#[dual]
async fn times_out((client, url): (Client, String)) -> ErrorKind {
    let sent = client
        .get(url)
        .timeout(Timeout::new(None).pool(ms(80)))
        .send()
        .await;
    sent.unwrap_err().kind()
}

#[dual]
#[form_test]
async fn a_waiter_that_gives_up_passes_its_turn_on() {
    let server = holding();
    let client = with(PoolLimits::new().hard_limit(1));
    let held = client.get(server.url("/held")).send().await.unwrap();
    let hasty = form_util::spawn(times_out, (client.clone(), server.url("/")));
    form_util::until(|| client.pool_stats().waiting == 1).await;
    let patient = form_util::spawn(fetch, (client.clone(), server.url("/")));
    let kind = hasty.join().await;
    assert_eq!(kind, ErrorKind::PoolTimeout);
    assert_eq!(client.pool_stats().waiting, 1);
    drop(held);
    let body = patient.join().await;
    assert_eq!(body, "ok");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn poo_08_a_half_read_response_gives_its_slot_back_when_dropped() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nbegin")?;
        wire.drain(Duration::from_secs(10));
        Ok(())
    });
    let client = with(PoolLimits::new().hard_limit(1));
    for i in 1..=4 {
        let mut response = client.get(server.url("/")).send().await.unwrap();
        let piece = response.chunk().await.unwrap();
        assert_eq!(piece.unwrap(), "begin");
        drop(response);
        assert_eq!(
            client.pool_stats().active,
            0,
            "at once, not some time later"
        );
        assert_eq!(server.connections(), i);
    }
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed);
}

#[dual]
#[form_test]
async fn an_idle_connection_of_another_origin_makes_room() {
    let (a, b) = (
        Server::http(|_| Reply::ok("a")),
        Server::http(|_| Reply::ok("b")),
    );
    let client = with(PoolLimits::new().hard_limit(1));
    for _ in 0..2 {
        let body = fetch((client.clone(), a.url("/"))).await;
        assert_eq!(body, "a");
        let body = fetch((client.clone(), b.url("/"))).await;
        assert_eq!(body, "b");
    }
    assert_eq!((a.connections(), b.connections()), (2, 2));
    let closed = form_util::until(|| a.open() == 0).await;
    assert!(closed);
}

#[dual]
#[form_test]
async fn idle_connections_expire() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = with(PoolLimits::new().keepalive_expiry(ms(100)));
    fetch((client.clone(), server.url("/"))).await;
    fetch((client.clone(), server.url("/"))).await;
    assert_eq!(server.connections(), 1);
    form_util::sleep(ms(250)).await;
    fetch((client.clone(), server.url("/"))).await;
    assert_eq!(server.connections(), 2);

    let forever = with(PoolLimits::new().keepalive_expiry(None));
    fetch((forever.clone(), server.url("/"))).await;
    form_util::sleep(ms(250)).await;
    fetch((forever, server.url("/"))).await;
    assert_eq!(server.connections(), 3);
}

#[dual]
#[form_test]
async fn hosts_do_not_share_connections() {
    let server = Server::http(|request| Reply::ok(request.header("host").unwrap()));
    let client = builder_to(&server).build().unwrap();
    for host in [
        "a.test",
        "b.test",
        "a.test",
        "b.test",
        "A.TEST",
        "a.test:80",
        "a.test:81",
    ] {
        let response = client.get(format!("http://{host}/")).send().await.unwrap();
        let seen = response.text().await.unwrap();
        assert_eq!(seen, host.to_lowercase().replace(":80", ""));
        if !host.ends_with('1') {
            assert!(server.connections() <= 2);
        }
    }
    assert_eq!(server.connections(), 3);
}

#[dual]
#[form_test]
async fn poo_01_bytes_after_a_response_never_answer_the_next_request() {
    let server = Server::wire(|wire| {
        while wire.read_head()?.is_some() {
            wire.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")?;
        }
        Ok(())
    });
    let client = client();
    for i in 1..=5 {
        let body = fetch((client.clone(), server.url("/"))).await;
        assert_eq!(body, "good");
        assert_eq!(server.connections(), i);
    }
}

/// How often each request id was processed.
type Ledger = Arc<Mutex<HashMap<String, usize>>>;

/// Serves one request of each connection and closes on the second, having read and counted it.
fn closes_on_the_second(ledger: &Ledger) -> Server {
    let ledger = Arc::clone(ledger);
    Server::wire(move |wire: &mut Wire| {
        for turn in 0.. {
            let Some(head) = wire.read_head()? else {
                return Ok(());
            };
            wire.read_body(&head)?;
            *ledger
                .lock()
                .unwrap()
                .entry(head.target.clone())
                .or_default() += 1;
            if turn == 1 {
                return Ok(());
            }
            Reply::ok("ok").send(wire, false)?;
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn poo_04_a_stale_connection_costs_one_retry_of_what_may_be_repeated() {
    use ErrorKind::{ReadError, RemoteProtocolError, WriteError};

    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let ledger = Ledger::default();
        let server = closes_on_the_second(&ledger);
        let client = client();
        let first = client.get(server.url("/first")).send().await.unwrap();
        first.bytes().await.unwrap();
        let second = client
            .request(method.clone(), server.url("/second"))
            .send()
            .await
            .unwrap();
        assert_eq!(second.status(), 200, "{method}");
        assert_eq!(ledger.lock().unwrap()["/second"], 2, "{method}");
        assert_eq!(server.connections(), 2);
    }
    for method in [Method::POST, Method::PATCH] {
        let ledger = Ledger::default();
        let server = closes_on_the_second(&ledger);
        let client = client();
        let first = client.get(server.url("/first")).send().await.unwrap();
        first.bytes().await.unwrap();
        let second = client
            .request(method.clone(), server.url("/second"))
            .body("pay")
            .send()
            .await;
        let kind = second.unwrap_err().kind();
        assert!(
            matches!(kind, RemoteProtocolError | ReadError | WriteError),
            "{method}: {kind:?}"
        );
        assert_eq!(
            ledger.lock().unwrap()["/second"],
            1,
            "{method}: processed twice"
        );
        assert_eq!(server.connections(), 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_response_that_began_is_not_asked_for_again() {
    let beginnings = [
        "H",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ];
    for begin in beginnings {
        let ledger = Ledger::default();
        let counted = Arc::clone(&ledger);
        let server = Server::wire(move |wire: &mut Wire| {
            while let Some(head) = wire.read_head()? {
                *counted
                    .lock()
                    .unwrap()
                    .entry(head.target.clone())
                    .or_default() += 1;
                if head.target == "/second" {
                    wire.send(begin)?;
                    return Ok(());
                }
                Reply::ok("ok").send(wire, false)?;
            }
            Ok(())
        });
        let client = client();
        fetch((client.clone(), server.url("/first"))).await;
        let sent = client.get(server.url("/second")).send().await;
        let kind = match sent {
            Ok(response) => {
                let body = response.bytes().await;
                body.unwrap_err().kind()
            }
            Err(e) => e.kind(),
        };
        assert_eq!(kind, ErrorKind::RemoteProtocolError, "{begin:?}");
        assert_eq!(ledger.lock().unwrap()["/second"], 1, "{begin:?}");
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_timeout_on_a_reused_connection_is_not_retried() {
    let server = Server::http(|request| match request.target.as_str() {
        "/second" => Reply::ok("late").after(ms(500)),
        _ => Reply::ok("ok"),
    });
    let client = client();
    fetch((client.clone(), server.url("/first"))).await;
    let error = client
        .get(server.url("/second"))
        .timeout(ms(100))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadTimeout);
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
    assert_eq!(
        client.pool_stats().connections,
        0,
        "what timed out is not kept"
    );
}

#[dual]
#[form_test]
async fn a_body_that_cannot_be_repeated_is_not() {
    let ledger = Ledger::default();
    let server = closes_on_the_second(&ledger);
    let client = client();
    fetch((client.clone(), server.url("/first"))).await;
    let body = Body::from_reader(std::io::Cursor::new("once"));
    let second = client.put(server.url("/second")).body(body).send().await;
    assert!(second.is_err());
    assert_eq!(ledger.lock().unwrap()["/second"], 1);
}

#[dual]
#[form_test]
async fn a_fresh_connection_that_fails_is_not_retried() {
    let ledger = Ledger::default();
    let counted = Arc::clone(&ledger);
    let server = Server::wire(move |wire| {
        let Some(head) = wire.read_head()? else {
            return Ok(());
        };
        *counted.lock().unwrap().entry(head.target).or_default() += 1;
        Ok(())
    });
    let client = client();
    let error = client.get(server.url("/x")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
    assert_eq!(ledger.lock().unwrap()["/x"], 1);
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn an_idle_connection_closed_by_the_server_is_noticed_before_a_post() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = client();
    fetch((client.clone(), server.url("/"))).await;
    server.close_connections();
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed);
    form_util::sleep(ms(30)).await;
    let response = client
        .post(server.url("/"))
        .body("once")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(server.connections(), 2);
    assert_eq!(server.requests().len(), 2);
}

#[dual]
async fn panics((client, url): (Client, String)) -> u16 {
    let mut response = client.get(url).send().await.unwrap();
    let piece = response.chunk().await.unwrap();
    assert!(
        piece.is_none(),
        "on purpose: this task dies with a connection in hand"
    );
    0
}

#[dual]
#[form_test]
async fn a_task_that_dies_with_a_connection_loses_no_slot() {
    let server = Server::http(|_| Reply::chunked(["a", "b"]).paced(ms(20)));
    let client = with(PoolLimits::new().hard_limit(1));
    let doomed = form_util::spawn(panics, (client.clone(), server.url("/")));
    let ended = form_util::until(|| doomed.is_finished()).await;
    assert!(ended);
    assert_at_rest(&client).await;
    let body = fetch((client, server.url("/"))).await;
    assert_eq!(body, "ab");
}
