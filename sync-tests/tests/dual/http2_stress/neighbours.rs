//! What one request does, or fails to do, keeps no other of its connection waiting.

use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use dimorph::{Body, ErrorKind, Timeout};

use super::common::{assert_at_rest, ms};
use super::form::Client;
use super::http2_real::content::{large, of_nonce};
use super::http2_real::hyper_server::Hyper;
use super::http2_real::tap::Frame;
use super::http2_real::{client, download, get, joined, text};
use super::{dual, form_test, form_util};
use super::{exchange, fetch};

fn both() -> [Hyper; 2] {
    [Hyper::plain(), Hyper::secure()]
}

/// Asserts that a request goes through, on the connection that is there.
#[dual]
async fn assert_usable(client: &Client, server: &Hyper, nonce: u64) {
    let right = exchange((client.clone(), server.url(""), nonce)).await;
    assert!(right.unwrap());
    assert_eq!(client.pool_stats().opened, 1);
}

#[dual]
#[form_test]
async fn a_request_begins_and_ends_while_another_sleeps_in_a_long_read() {
    for server in both() {
        let client = client();
        let mut nonce = 0;
        for _ in 0..20 {
            for path in ["/wait", "/hold"] {
                let call = (client.clone(), server.url(path));
                let sleeper = form_util::spawn(fetch, call);
                let asleep = form_util::until(|| server.held() == 1).await;
                assert!(asleep);
                for _ in 0..3 {
                    nonce += 1;
                    assert_usable(&client, &server, nonce).await;
                }
                assert!(!sleeper.is_finished());
                server.let_go(1);
                let text = joined(sleeper).await;
                assert!(text == "waited" || text == "begun,ended", "{text}");
            }
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn sleepers_wake_one_by_one_whoever_of_them_reads_for_the_others() {
    for server in both() {
        let client = client();
        let mut sleepers = Vec::new();
        for n in 0..10 {
            let path = if n % 2 == 0 { "/wait" } else { "/hold" };
            let call = (client.clone(), server.url(path));
            sleepers.push(form_util::spawn(fetch, call));
        }
        let asleep = form_util::until(|| server.held() == 10).await;
        assert!(asleep);
        for ended in 1..=10 {
            server.let_go(1);
            let count = || sleepers.iter().filter(|s| s.is_finished()).count();
            let one = form_util::until(|| count() == ended).await;
            assert!(one, "{} of {ended} woke", count());
        }
        for sleeper in sleepers {
            joined(sleeper).await;
        }
        assert_usable(&client, &server, 1).await;
        assert_at_rest(&client).await;
    }
}

#[dual]
async fn times_out((client, url): (Client, String)) -> ErrorKind {
    let request = client.get(url).timeout(Timeout::none().read(ms(60)));
    match request.send().await {
        Ok(response) => response.text().await.unwrap_err().kind(),
        Err(error) => error.kind(),
    }
}

#[dual]
#[form_test]
async fn whoever_leaves_by_a_timeout_leaves_the_others_to_read_on() {
    for server in both() {
        let client = client();
        for (endless, path) in [("/silent", "/wait"), ("/stall", "/hold")] {
            let before = server.requests().len();
            let hasty = form_util::spawn(times_out, (client.clone(), server.url(endless)));
            let came = form_util::until(|| server.requests().len() > before).await;
            assert!(came);
            let patient: Vec<_> = (0..3)
                .map(|_| form_util::spawn(fetch, (client.clone(), server.url(path))))
                .collect();
            let kind = joined(hasty).await;
            assert_eq!(kind, ErrorKind::ReadTimeout);
            let asleep = form_util::until(|| server.held() == 3).await;
            assert!(asleep);
            let gone = form_util::until(|| server.streams() == 3).await;
            assert!(gone, "the server hears that it need not answer");
            server.let_go(3);
            for task in patient {
                joined(task).await;
            }
            assert_usable(&client, &server, 1).await;
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
async fn dies_in_a_body((client, url): (Client, String)) {
    let mut response = get(&client, url).await;
    response.chunk().await.unwrap();
    resume_unwind(Box::new("it dies with its response"));
}

#[dual]
async fn dies_in_a_hook((client, url): (Client, String)) {
    let request = client
        .get(url)
        .on_download(|_| resume_unwind(Box::new("it dies as it reads")));
    let response = request.send().await.unwrap();
    let _ = response.bytes().await;
}

#[dual]
async fn dies_in_an_upload((client, url): (Client, String)) {
    struct Dying(u8);
    impl Read for Dying {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 == 3 {
                resume_unwind(Box::new("it dies as it writes"));
            }
            Ok(buffer.len())
        }
    }
    let request = client.post(url).body(Body::from_reader(Dying(0)));
    let _ = request.send().await;
}

#[dual]
#[form_test]
async fn whoever_dies_leaves_the_others_to_read_on() {
    for server in both() {
        let client = client();
        let mut sleepers = Vec::new();
        for _ in 0..5 {
            for _ in 0..2 {
                let call = (client.clone(), server.url("/hold"));
                sleepers.push(form_util::spawn(fetch, call));
            }
            let call = |path: &str| (client.clone(), server.url(path));
            let in_a_body = form_util::spawn(dies_in_a_body, call("/large/64"));
            let in_a_hook = form_util::spawn(dies_in_a_hook, call("/large/64"));
            let in_an_upload = form_util::spawn(dies_in_an_upload, call("/count"));
            let dead =
                || in_a_body.is_finished() && in_a_hook.is_finished() && in_an_upload.is_finished();
            let ended = form_util::until(dead).await;
            assert!(ended, "who dies is dead");
        }
        let freed = form_util::until(|| server.streams() == 10).await;
        assert!(freed, "{} streams are open", server.streams());
        assert!(
            server.frames(Frame::Reset) >= 10,
            "{}",
            server.frames(Frame::Reset)
        );
        assert_usable(&client, &server, 3).await;
        server.let_go(10);
        for sleeper in sleepers {
            let text = joined(sleeper).await;
            assert_eq!(text, "begun,ended");
        }
        download(&client, server.url("/large/16"), 16 << 20).await;
        assert_usable(&client, &server, 4).await;
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn responses_dropped_early_free_their_streams_and_windows() {
    for server in both() {
        let client = client();
        let sleeper = form_util::spawn(fetch, (client.clone(), server.url("/hold")));
        let asleep = form_util::until(|| server.held() == 1).await;
        assert!(asleep);
        for n in 0..40 {
            // Together these would fill the connection's window several times.
            let mut response = get(&client, server.url("/large/64")).await;
            for _ in 0..n % 4 {
                response.chunk().await.unwrap().unwrap();
            }
            drop(response);
        }
        let stats = client.pool_stats();
        assert_eq!((stats.connections, stats.active, stats.opened), (1, 1, 1));
        // What says so is written with the next request, or by whoever reads.
        assert_usable(&client, &server, 1).await;
        let freed = form_util::until(|| server.streams() == 1).await;
        assert!(freed, "{} streams are open", server.streams());
        assert_eq!(server.frames(Frame::Reset), 40);
        download(&client, server.url("/large/16"), 16 << 20).await;
        server.let_go(1);
        joined(sleeper).await;
        assert_at_rest(&client).await;
        assert_eq!(
            (client.pool_stats().idle, client.pool_stats().opened),
            (1, 1)
        );
    }
}

#[dual]
#[form_test]
async fn a_response_that_nobody_reads_holds_up_nobody() {
    for server in both() {
        let client = client();
        let unread = get(&client, server.url("/large/64")).await;
        for nonce in 0..50 {
            assert_usable(&client, &server, nonce).await;
        }
        download(&client, server.url("/large/16"), 16 << 20).await;
        let mut uploads = client
            .post(server.url("/echo"))
            .body(large()[..8 << 20].to_vec());
        uploads = uploads.header("x-what", "while it is unread");
        let bytes = uploads.send().await.unwrap().bytes().await.unwrap();
        assert!(bytes == large()[..8 << 20]);
        let bytes = unread.bytes().await.unwrap();
        assert!(bytes == large());
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn an_answer_before_the_body_is_sent_leaves_the_windows_whole() {
    for server in both() {
        let client = client();
        for n in 0..20 {
            let body = Body::from_reader(&large()[..(1 << 20) + n]);
            let request = client.post(server.url("/status/404")).body(body);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 404);
            drop(response);
        }
        let request = client.post(server.url("/echo")).body(&large()[..8 << 20]);
        let bytes = request.send().await.unwrap().bytes().await.unwrap();
        assert!(bytes == large()[..8 << 20]);
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

/// Bytes of a body that come when the other end of the channel says so.
struct Slow(Mutex<Receiver<Vec<u8>>>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(piece) = self.0.lock().unwrap().recv() else {
            return Ok(0);
        };
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[dual]
async fn echoed((client, url, body): (Client, String, Body)) -> Vec<u8> {
    let response = client.post(url).body(body).send().await.unwrap();
    let bytes = response.bytes().await.unwrap();
    bytes.to_vec()
}

#[dual]
#[form_test]
async fn a_body_whose_reader_sleeps_holds_up_nobody() {
    for server in both() {
        let client = client();
        let (feed, fed) = channel();
        let body = Body::from_reader(Slow(Mutex::new(fed)));
        let call = (client.clone(), server.url("/echo"), body);
        let slow = form_util::spawn(echoed, call);
        let mut expected = Vec::new();
        for nonce in 1..=10 {
            // A long read beside it, which may be the one that reads for all.
            let sleeper = form_util::spawn(fetch, (client.clone(), server.url("/hold")));
            let asleep = form_util::until(|| server.held() == 1).await;
            assert!(asleep);
            feed.send(of_nonce(nonce)).unwrap();
            expected.extend(of_nonce(nonce));
            assert_usable(&client, &server, nonce).await;
            assert!(!slow.is_finished());
            server.let_go(1);
            joined(sleeper).await;
        }
        drop(feed);
        let bytes = joined(slow).await;
        assert!(bytes == expected);
        let text = text(&client, server.url("/")).await;
        assert_eq!(text, "hello");
        assert_at_rest(&client).await;
    }
}
