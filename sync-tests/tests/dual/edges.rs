//! Edges: limits by name, cookies of a call, resolvers, failures with others waiting.

use std::io::{Cursor, Read, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dimorph::{Body, ErrorKind, PoolLimits, Resolve, Resolving, Timeout};
use sync_tests::certs::certs;
use sync_tests::http::echo;
use sync_tests::{Reply, Server, Tls};

use super::common::{assert_at_rest, builder, builder_to, client, ms, name, refused};
use super::form::Client;
use super::{dual, form_test, form_util};

#[dual]
async fn outcome((client, url): (Client, String)) -> Result<String, ErrorKind> {
    let response = client.get(url).send().await.map_err(|e| e.kind())?;
    let text = response.text().await.map_err(|e| e.kind())?;
    Ok(text)
}

#[dual]
#[form_test]
async fn limits_are_set_by_name() {
    let server = Server::http(|request| match request.target.as_str() {
        "/head" => Reply::ok("ok").header("x-long", &"a".repeat(5000)),
        "/fields" => (0..50).fold(Reply::ok("ok"), |reply, _| reply.header("x-field", "1")),
        "/trailers" => Reply::chunked(["ok"]).trailer("x-long", &"a".repeat(5000)),
        "/extension" => Reply::raw(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;{}\r\nok\r\n0\r\n\r\n",
            "a".repeat(5000)
        )),
        _ => Reply::raw(
            "HTTP/1.1 102 Processing\r\n\r\n".repeat(10)
                + "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ),
    });
    let cases = [
        ("/head", builder().max_head_bytes(4000)),
        ("/fields", builder().max_fields(40)),
        ("/trailers", builder().max_trailer_bytes(4000)),
        ("/extension", builder().max_chunk_extension_bytes(4000)),
        ("/informational", builder().max_informational(5)),
    ];
    for (path, limited) in cases {
        let fine = outcome((client(), server.url(path))).await;
        assert_eq!(fine.unwrap(), "ok", "{path}");
        let client = limited.build().unwrap();
        let ended = outcome((client.clone(), server.url(path))).await;
        assert_eq!(ended.unwrap_err(), ErrorKind::LimitExceeded, "{path}");
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn res_08_endless_heads_and_interim_responses_end_in_a_limit() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        let endless: &[u8] = match head.target.as_str() {
            "/head" => b"HTTP/1.1 200 OK\r\n",
            "/line" => b"HTTP/1.1 200 OK\r\nx: ",
            _ => b"",
        };
        wire.send(endless)?;
        let more: &[u8] = match head.target.as_str() {
            "/head" => b"a: b\r\n",
            "/line" => b"aaaaaaaaaaaaaaaa",
            _ => b"HTTP/1.1 103 Early Hints\r\n\r\n",
        };
        let block = more.repeat(1000);
        while wire.send(&block).is_ok() {}
        Ok(())
    });
    let client = client();
    for path in ["/head", "/line", "/interim"] {
        let ended = outcome((client.clone(), server.url(path))).await;
        let kind = ended.unwrap_err();
        assert!(
            matches!(
                kind,
                ErrorKind::LimitExceeded | ErrorKind::RemoteProtocolError
            ),
            "{path}: {}",
            name(kind)
        );
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn cookies_of_client_and_call_stay_with_their_origin() {
    let server = Server::http(|request| match request.url().as_str() {
        "http://a.test/same" => Reply::redirect(302, "http://a.test/end"),
        "http://a.test/away" => Reply::redirect(302, "http://b.test/end"),
        _ => Reply::ok(request.header("cookie").unwrap_or("none")),
    });
    let client = builder_to(&server)
        .cookie("c", "client")
        .cookie("both", "client")
        .build()
        .unwrap();
    for (url, explicit, expected) in [
        ("http://a.test/", None, "c=client; both=call; r=1"),
        ("http://a.test/same", None, "c=client; both=call; r=1"),
        ("http://a.test/away", None, "none"),
        ("http://a.test/", Some("own=1"), "own=1"),
        ("http://a.test/away", Some("own=1"), "none"),
    ] {
        let mut request = client.get(url).cookie("both", "call").cookie("r", "1");
        if let Some(explicit) = explicit {
            request = request.header("cookie", explicit);
        }
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, expected, "{url}, {explicit:?}");
    }
    let bad = client
        .get("http://a.test/")
        .cookie("a", "b\r\nx: y")
        .send()
        .await;
    assert!(bad.is_err());
}

/// Counts, and answers by the host's name.
struct Names {
    asked: Arc<AtomicUsize>,
    answer: SocketAddr,
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match host {
            "none.test" => Ok(Vec::new()),
            "error.test" => Err(std::io::Error::other("the name server sulks")),
            "slow.test" => return Box::pin(std::future::pending()),
            // Port 0 stands for the URL's.
            "same-port.test" => Ok(vec![SocketAddr::new(self.answer.ip(), 0)]),
            _ => Ok(vec![self.answer]),
        };
        Box::pin(std::future::ready(answer))
    }
}

#[dual]
#[form_test]
async fn a_resolver_of_ones_own_is_asked() {
    let server = Server::http(echo);
    let asked = Arc::new(AtomicUsize::new(0));
    let names = Names {
        asked: Arc::clone(&asked),
        answer: server.address(),
    };
    let timeout = Timeout::new(Duration::from_secs(5)).connect(ms(200));
    let client = builder().resolver(names).timeout(timeout).build().unwrap();
    let fine = client.get("http://any.test/").send().await.unwrap();
    assert_eq!(fine.remote_addr(), Some(server.address()));
    drop(fine);
    let url = format!("http://same-port.test:{}/", server.port());
    let fine = client.get(url).send().await.unwrap();
    assert_eq!(fine.remote_addr(), Some(server.address()));
    drop(fine);
    for (host, kind) in [
        ("none.test", ErrorKind::ConnectError),
        ("error.test", ErrorKind::ConnectError),
        ("slow.test", ErrorKind::ConnectTimeout),
    ] {
        let begun = Instant::now();
        let error = client
            .get(format!("http://{host}/"))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{host}: {error:?}");
        assert!(error.to_string().contains(host), "{error}");
        assert!(begun.elapsed() < ms(600), "{host}: {:?}", begun.elapsed());
        assert_at_rest(&client).await;
    }
    let before = asked.load(Ordering::SeqCst);
    let fine = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(fine.status(), 200);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        before,
        "an address is not asked for"
    );
}

#[dual]
#[form_test]
async fn a_failing_origin_fails_every_waiter_and_hangs_none() {
    let stranger = Server::answering(Tls::On(certs().wrong_host()), echo);
    let urls = [format!("http://{}/", refused()), stranger.https("/")];
    for url in urls {
        let client = builder()
            .pool_limits(PoolLimits::new().hard_limit(1))
            .build()
            .unwrap();
        let calls: Vec<_> = (0..12).map(|_| (client.clone(), url.clone())).collect();
        let ended = form_util::concurrently(12, calls, outcome).await;
        for end in ended {
            assert_eq!(end.unwrap_err(), ErrorKind::ConnectError, "{url}");
        }
        let stats = client.pool_stats();
        assert_eq!((stats.connections, stats.waiting), (0, 0));
    }
}

#[dual]
#[form_test]
async fn closing_a_client_wakes_those_who_wait() {
    let server = super::pool::holding();
    let limits = PoolLimits::new().hard_limit(1);
    let client = builder().pool_limits(limits).build().unwrap();
    let held = client.get(server.url("/held")).send().await.unwrap();
    let mut waiters = Vec::new();
    for i in 1..=3 {
        waiters.push(form_util::spawn(outcome, (client.clone(), server.url("/"))));
        let waits = form_util::until(|| client.pool_stats().waiting == i).await;
        assert!(waits);
    }
    let begun = Instant::now();
    client.close().await;
    for waiter in waiters {
        let end = waiter.join().await;
        assert_eq!(end.unwrap_err(), ErrorKind::ClientClosed);
    }
    assert!(begun.elapsed() < ms(1000), "{:?}", begun.elapsed());
    drop(held);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_limit_of_none_at_all_is_a_pool_timeout() {
    let server = Server::http(echo);
    let limits = PoolLimits::new().hard_limit(0);
    let timeout = Timeout::new(Duration::from_secs(5)).pool(ms(100));
    let client = builder()
        .pool_limits(limits)
        .timeout(timeout)
        .build()
        .unwrap();
    let ended = outcome((client, server.url("/"))).await;
    assert_eq!(ended.unwrap_err(), ErrorKind::PoolTimeout);
}

#[dual]
#[form_test]
async fn without_a_hard_limit_everybody_has_a_connection() {
    let server = Server::http(|_| Reply::ok("ok").after(ms(100)));
    let limits = PoolLimits::new()
        .hard_limit(None)
        .soft_limit(None)
        .keepalive_expiry(None);
    let client = builder().pool_limits(limits).build().unwrap();
    let calls: Vec<_> = (0..30).map(|_| (client.clone(), server.url("/"))).collect();
    let ended = form_util::concurrently(30, calls, outcome).await;
    assert!(ended.iter().all(Result::is_ok));
    let stats = client.pool_stats();
    assert_eq!(stats.idle, stats.connections);
    assert_eq!(stats.connections, server.connections());
}

/// A server that takes a request of 8 MiB in small sips.
#[dual]
#[form_test]
async fn a_slow_reader_of_an_upload_passes_the_write_timeout() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        let length: usize = head.header("content-length").unwrap().parse().unwrap();
        let mut taken = 0;
        while taken < length {
            taken += wire.read_exactly((length - taken).min(1 << 20))?.len();
            std::thread::sleep(ms(60));
        }
        Reply::ok("taken").send(wire, false)?;
        Ok(())
    });
    let timeout = Timeout::new(Duration::from_secs(5)).write(ms(300));
    let client = builder().timeout(timeout).build().unwrap();
    let response = client
        .post(server.url("/"))
        .body(vec![0; 16 << 20])
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "taken");
}

struct Panicking;

impl Read for Panicking {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        panic!("on purpose: the reader of a body panics");
    }
}

#[dual]
async fn send_panicking((client, url): (Client, String)) -> bool {
    let sent = client
        .post(url)
        .body(Body::from_reader(Panicking))
        .send()
        .await;
    sent.is_ok()
}

#[dual]
#[form_test]
async fn a_reader_that_panics_loses_no_slot() {
    let server = Server::http(echo);
    let limits = PoolLimits::new().hard_limit(1);
    let client = builder().pool_limits(limits).build().unwrap();
    let doomed = form_util::spawn(send_panicking, (client.clone(), server.url("/")));
    let ended = form_util::until(|| doomed.is_finished()).await;
    assert!(ended, "a panic is not a hang");
    assert_at_rest(&client).await;
    let fine = outcome((client, server.url("/"))).await;
    assert!(fine.is_ok());
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is full"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[dual]
#[form_test]
async fn a_writer_that_fails_is_a_write_error() {
    let server = super::pool::holding();
    let client = client();
    let mut response = client.get(server.url("/held")).send().await.unwrap();
    let copied = form_util::copy_to(&mut response, Full).await;
    let error = copied.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteError);
    assert!(error.to_string().contains("the disk is full"), "{error}");
    drop(response);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn long_urls_and_heads_go_through() {
    let server = Server::http(|request| {
        Reply::ok(format!(
            "{} {}",
            request.target.len(),
            request.headers.len()
        ))
    });
    let client = client();
    let mut request = client.get(server.url(&format!("/{}", "a".repeat(30_000))));
    for i in 0..300 {
        request = request.header(format!("x-field-{i}"), "v".repeat(300));
    }
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "30001 305");
}

#[dual]
#[form_test]
async fn names_of_fields_are_written_in_title_case() {
    let server = Server::http(echo);
    let client = client();
    let request = client
        .get(server.url("/"))
        .header("x-b3-trace", "1")
        .header("ETAG", "2")
        .header("te", "3");
    request.send().await.unwrap();
    let seen = server.requests().remove(0);
    let names: Vec<&str> = seen
        .headers
        .iter()
        .skip(5)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["X-B3-Trace", "Etag", "Te"]);
}

#[dual]
#[form_test]
async fn ipv6_is_spoken() {
    let Ok(listener) = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let n = tcp.read(&mut head).unwrap();
        tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .unwrap();
        String::from_utf8_lossy(&head[..n]).into_owned()
    });
    let text = outcome((client(), format!("http://[::1]:{port}/"))).await;
    assert_eq!(text.unwrap(), "ok");
    let head = server.join().unwrap();
    assert!(head.contains(&format!("Host: [::1]:{port}\r\n")), "{head}");
}

#[dual]
#[form_test]
async fn text_of_many_charsets_survives_any_cut() {
    // "テスト" in Shift JIS, byte by byte.
    let server = Server::http(|_| {
        let bytes = [0x83, 0x65, 0x83, 0x58, 0x83, 0x67];
        Reply::chunked(bytes.map(|b| vec![b]))
            .header("content-type", "text/plain; charset=shift_jis")
    });
    let mut response = client().get(server.url("/")).send().await.unwrap();
    let mut parts = response.iter_text();
    let mut text = String::new();
    while let Some(part) = parts.next().await {
        text += &part.unwrap();
    }
    assert_eq!(text, "テスト");
}

#[dual]
#[form_test]
async fn a_file_is_sent_from_where_it_stands() {
    let server = Server::http(|request| Reply::ok(request.body.clone()));
    let mut file = super::httpx_cases::file_of("0123456789");
    let mut skipped = [0; 4];
    file.read_exact(&mut skipped).unwrap();
    let response = client()
        .post(server.url("/"))
        .body(file)
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "456789");
    assert_eq!(server.requests()[0].header("content-length"), Some("6"));
}

#[dual]
#[form_test]
async fn a_request_builder_can_be_cloned_and_asked_again() {
    let server = Server::http(|request| Reply::ok(request.body.clone()));
    let request = client()
        .post(server.url("/"))
        .header("x-a", "1")
        .body("again");
    for _ in 0..2 {
        let response = request.try_clone().unwrap().send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "again");
    }
    let once = client()
        .post(server.url("/"))
        .body(Body::from_reader(Cursor::new("once")));
    assert!(once.try_clone().is_none());
}

#[dual]
#[form_test]
async fn http_1_0_servers_are_understood() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nold but whole")?;
        wire.finish();
        Ok(())
    });
    let client = client();
    for i in 1..=2 {
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.version(), dimorph::Version::HTTP_10);
        let text = response.text().await.unwrap();
        assert_eq!(text, "old but whole");
        assert_eq!(server.connections(), i);
    }
}
