//! `around_connect`: what stands around the step that connects.

use dimorph::{ErrorKind, PoolLimits};
use sync_tests::certs::sniff;
use sync_tests::{Proxy, Reply, Server};

use super::{dual, form_test};
use crate::dual_tests::common::{builder, refused};
use crate::plugs::{Around, Notes, around};

fn take(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut notes.lock().unwrap())
}

#[dual]
#[form_test]
async fn functions_wrap_one_another_the_last_outermost_once_for_each_connection() {
    let server = Server::answering(sniff(), |_| Reply::ok("ok"));
    let notes = Notes::default();
    let builder = around(builder(), "inner", Around::Runs, &notes);
    let client = around(builder, "outer", Around::Runs, &notes)
        .build()
        .unwrap();
    let wrapped = ["outer in", "inner in", "inner out", "outer out"];
    for url in [server.url("/"), server.https("/")] {
        let response = client.get(&url).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "ok");
        assert_eq!(take(&notes), wrapped);
        // A kept connection is not made again.
        let response = client.get(&url).send().await.unwrap();
        response.bytes().await.unwrap();
        assert!(take(&notes).is_empty());
    }
    assert_eq!(server.connections(), 2);
}

#[dual]
#[form_test]
async fn the_step_covers_proxy_and_tls() {
    let server = Server::answering(sniff(), |_| Reply::ok("ok"));
    let proxy = Proxy::builder().start();
    let notes = Notes::default();
    let client = around(builder().proxy(proxy.url()), "it", Around::Runs, &notes)
        .build()
        .unwrap();
    let response = client.get(server.https("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(take(&notes), ["it in", "it out"]);
}

#[dual]
#[form_test]
async fn an_error_around_the_step_ends_the_request() {
    let server = Server::http(|_| Reply::ok("ok"));
    for how in [Around::Refuses, Around::Skips] {
        let notes = Notes::default();
        let limits = PoolLimits::new().hard_limit(1);
        let builder = around(builder().pool_limits(limits), "it", how, &notes);
        let client = builder.build().unwrap();
        // Twice: the slot of the pool came back.
        for _ in 0..2 {
            let error = client.get(server.url("/")).send().await.unwrap_err();
            let (kind, said) = match how {
                Around::Refuses => (ErrorKind::App, "refused by the gate"),
                _ => (ErrorKind::ConnectError, "did not run the step"),
            };
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(error.url().unwrap().as_str(), server.url("/"));
        }
        assert_eq!(client.pool_stats().connections, 0);
    }
    assert_eq!(server.connections(), 0);
}

#[dual]
#[form_test]
async fn what_fails_in_the_step_is_seen_around_it() {
    let notes = Notes::default();
    let client = around(builder(), "it", Around::Runs, &notes)
        .build()
        .unwrap();
    let sent = client.get(format!("http://{}/", refused())).send().await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::ConnectError);
    assert_eq!(take(&notes), ["it in", "it failed"]);
}
