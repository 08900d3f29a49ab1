//! Redirects that are more than one hop's business: to themselves after a login, or with a body that does not end.

use std::time::{Duration, Instant};

use dimorph::{DigestAuth, Timeout};
use sync_tests::certs::sniff;
use sync_tests::digest_server::Verdict;
use sync_tests::{DigestServer, Reply, Server};

use super::common::{assert_at_rest, builder, client, ms};
use super::{dual, form_test};

#[dual]
#[form_test]
async fn a_page_behind_digest_that_leads_to_itself_with_a_cookie_is_reached() {
    // The nonce stays: a second challenge with it looks like a refusal, but the request that it answers was not signed.
    let login = |status: u16| {
        let server = DigestServer::builder("user", "hush").nonces(&["n"; 8]);
        let server = server.answer(move |request| match request.header("cookie") {
            Some("seen=1") => Reply::ok("page"),
            _ => Reply::redirect(status, &request.target).header("set-cookie", "seen=1"),
        });
        server.start()
    };
    for status in [302, 307] {
        let server = login(status);
        let client = client();
        let auth = DigestAuth::new("user", "hush");
        let request = client.get(server.url("/page?q=1")).auth(auth.clone());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{status}");
        let text = response.text().await.unwrap();
        assert_eq!(text, "page");
        use Verdict::{Accepted, Missing};
        assert_eq!(server.verdicts(), [Missing, Accepted, Missing, Accepted]);
        // What was learnt is not forgotten: the next request is signed at once.
        let request = client.get(server.url("/other")).auth(auth);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(server.verdicts().last(), Some(&Accepted));
        assert_eq!(server.verdicts().len(), 5, "{:?}", server.verdicts());
    }
}

/// Redirects to `/end`, with a body of 30 KiB that comes byte by byte.
fn dripping() -> Server {
    Server::wire_tls(sniff(), |wire| {
        while let Some(head) = wire.read_head()? {
            if head.target == "/end" {
                Reply::ok("end").send(wire, false)?;
                continue;
            }
            wire.send("HTTP/1.1 302 Found\r\nlocation: /end\r\ncontent-length: 30720\r\n\r\n")?;
            for _ in 0..30720 {
                wire.send("x")?;
                std::thread::sleep(ms(100));
            }
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn a_redirect_whose_body_drips_is_followed_within_seconds() {
    let server = dripping();
    let total = Duration::from_secs(10);
    let timeout = Timeout::new(Duration::from_secs(5)).total(total);
    for url in [server.url("/"), server.https("/")] {
        let client = builder().timeout(timeout).build().unwrap();
        let begun = Instant::now();
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.history().len(), 1, "{url}");
        let text = response.text().await.unwrap();
        assert_eq!(text, "end", "{url}");
        assert!(begun.elapsed() < total / 2, "{:?}", begun.elapsed());
        assert_at_rest(&client).await;
    }
}
