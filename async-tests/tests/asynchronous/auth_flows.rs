//! Auth flows given up in their middle.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dimorph::asynchronous::Client;
use dimorph::{Auth, AuthFlow, Body, DigestAuth, ErrorKind, PoolLimits, Request, Timeout};
use sync_tests::certs::sniff;
use sync_tests::{DigestServer, Reply, Server};

use crate::form_util;
use crate::only::{MS, client, polled};

/// Sends the request three times, and notes how far it came.
struct Thrice(AtomicUsize);

impl Auth for Thrice {
    fn requires_request_body(&self) -> bool {
        true
    }

    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            for step in 1..=3 {
                self.0.fetch_max(step, Ordering::SeqCst);
                exchange.send(request.try_clone()?).await?;
            }
            Ok(())
        })
    }
}

async fn exchange(client: &Client, url: &str, auth: &std::sync::Arc<Thrice>) -> String {
    let reader = std::io::Cursor::new(vec![b'x'; 50_000]);
    let request = client.post(url).body(Body::from_reader(reader));
    let response = request.auth(auth.clone()).send().await.unwrap();
    assert_eq!(response.history().len(), 5);
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_flow_may_be_dropped_after_any_poll() {
    // Each step is redirected once, and answered in pieces.
    let server = Server::answering(sniff(), |request| match request.target.as_str() {
        "/" => Reply::redirect(307, "/end"),
        "/fine" => Reply::ok("fine"),
        _ => Reply::chunked(["ab", "cd", "ef", "gh"]).paced(MS),
    });
    for url in [server.url("/"), server.https("/")] {
        let client = client(PoolLimits::new().hard_limit(1));
        let auth = std::sync::Arc::new(Thrice(AtomicUsize::new(0)));
        let mut steps = [0; 4];
        let mut done = false;
        for n in 1..2000 {
            auth.0.store(0, Ordering::SeqCst);
            let ended = polled(n, exchange(&client, &url, &auth)).await;
            steps[auth.0.load(Ordering::SeqCst)] += 1;
            let stats = client.pool_stats();
            assert_eq!(
                (stats.active, stats.waiting),
                (0, 0),
                "{n} polls: {stats:?}"
            );
            if let Some(text) = ended {
                assert_eq!(text, "abcdefgh");
                done = true;
                break;
            }
            if n % 8 == 1 {
                let response = client.get(format!("{url}fine")).send().await.unwrap();
                let text = response.text().await.unwrap();
                assert_eq!(text, "fine", "after {n} polls");
            }
        }
        assert!(done, "2000 polls were not enough");
        // It was given up in each of the flow's steps; before the first, only where the body took its time.
        assert!(steps[1..].iter().all(|&times| times > 0), "{steps:?}");
    }
}

#[tokio::test]
async fn a_digest_given_up_in_its_middle_counts_on() {
    let server = DigestServer::builder("user", "pass")
        .answer(|_| Reply::ok("in").after(20 * MS))
        .start();
    let client = Client::builder()
        .trust_env(false)
        .auth(DigestAuth::new("user", "pass"))
        .build()
        .unwrap();
    for _ in 0..5 {
        let sent = client.get(server.url("/")).send();
        assert!(tokio::time::timeout(5 * MS, sent).await.is_err());
        assert_eq!(client.pool_stats().active, 0);
    }
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    // A count that was given out is used up, whether its request arrived or not.
    // A request that was given up may be read after one that came later.
    let mut counts = server.nc_values();
    counts.sort_unstable();
    assert!(counts.is_sorted_by(|a, b| a < b), "{counts:?}");
}

struct WantsBody;

impl Auth for WantsBody {
    fn requires_request_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::once(request)
    }
}

/// Neither gives a piece nor ends.
struct Silent;

impl futures_core::Stream for Silent {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_required_body_that_does_not_come_ends_with_the_total_timeout() {
    let server = Server::http(|_| Reply::ok("fine"));
    let client = client(PoolLimits::new().hard_limit(1));
    let request = client
        .post(server.url("/"))
        .body(Body::from_stream(Silent))
        .auth(WantsBody)
        .timeout(Timeout::new(None).total(100 * MS));
    let patience = tokio::time::timeout(Duration::from_secs(3), request.send());
    let error = patience.await.expect("it ends").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error}");
    assert_eq!(server.connections(), 0);
    let ended = form_util::until(|| client.pool_stats().active == 0).await;
    assert!(ended);
}
