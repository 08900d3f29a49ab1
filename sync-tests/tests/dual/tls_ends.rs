//! How TLS connections end, on either side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dimorph::PoolLimits;
use sync_tests::certs::tls;
use sync_tests::{Reply, Server};

use super::common::{builder, client};
use super::form::Client;
use super::{dual, form_test};

/// Closes its first connection once it is told to, in the way asked for; `ended` counts that.
fn leaves_once(ended: &Arc<AtomicUsize>, told: Receiver<()>, with_notice: bool) -> Server {
    let (ended, told) = (Arc::clone(ended), Mutex::new(told));
    Server::wire_tls(tls(), move |wire| {
        while let Some(head) = wire.read_head()? {
            wire.read_body(&head)?;
            Reply::ok(wire.number.to_string()).send(wire, false)?;
            if wire.number == 0 {
                let _ = told.lock().unwrap().recv_timeout(Duration::from_secs(5));
                if with_notice {
                    wire.finish();
                } else {
                    wire.cut();
                }
                ended.fetch_add(1, Ordering::SeqCst);
                wire.drain(Duration::from_secs(5));
                return Ok(());
            }
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn a_post_does_not_go_to_a_connection_that_the_server_has_left() {
    for with_notice in [true, false] {
        let ended = Arc::new(AtomicUsize::new(0));
        let (leave, told) = channel();
        let server = leaves_once(&ended, told, with_notice);
        let client = client();
        let response = client.get(server.https("/")).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "0");
        leave.send(()).unwrap();
        // This blocks the thread: an event loop on it sees nothing of the end.
        let left = server.settle(|_| ended.load(Ordering::SeqCst) == 1);
        assert!(left);
        let post = client.post(server.https("/")).body("once");
        let response = post.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "1", "with notice: {with_notice}");
        assert_eq!(server.connections(), 2);
    }
}

/// Answers; tells of each connection whether its end was announced.
fn listens_for_the_end(clean: Sender<bool>) -> Server {
    let clean = Mutex::new(clean);
    Server::wire_tls(tls(), move |wire| {
        loop {
            let next = wire.read_head();
            let Ok(Some(_)) = next else {
                let sender = clean.lock().unwrap();
                let _ = sender.send(next.is_ok());
                return Ok(());
            };
            Reply::ok("ok").send(wire, false)?;
        }
    })
}

#[dual]
async fn warm(client: &Client, server: &Server) {
    let response = client.get(server.https("/")).send().await.unwrap();
    response.bytes().await.unwrap();
    assert_eq!(client.pool_stats().idle, 1);
}

#[dual]
#[form_test]
async fn a_client_takes_leave_of_the_servers_it_is_connected_to() {
    let (sender, clean) = channel();
    let server = listens_for_the_end(sender);
    let patience = Duration::from_secs(5);

    let dropped = client();
    warm(&dropped, &server).await;
    drop(dropped);
    assert_eq!(clean.recv_timeout(patience), Ok(true), "dropped");

    let closed = client();
    warm(&closed, &server).await;
    closed.close().await;
    assert_eq!(clean.recv_timeout(patience), Ok(true), "closed");

    // A connection that makes room for another one.
    let elsewhere = Server::http(|_| Reply::ok("ok"));
    let small = builder()
        .pool_limits(PoolLimits::new().hard_limit(1))
        .build()
        .unwrap();
    warm(&small, &server).await;
    small.get(elsewhere.url("/")).send().await.unwrap();
    assert_eq!(clean.recv_timeout(patience), Ok(true), "made room");
}
