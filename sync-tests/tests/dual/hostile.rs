//! Peers, and words of the caller's, that would break a connection, a line or a memory.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dimorph::{ErrorKind, Method, PoolLimits, Request};
use flate2::Compression;
use http::{HeaderName, HeaderValue};
use sync_tests::certs::tls;
use sync_tests::http::echo;
use sync_tests::server::Tls;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client, client_to};
use super::form::{Client, Response};
use super::{dual, form_test, form_util};

#[dual]
async fn text(client: &Client, url: String) -> String {
    let response = client.get(url).send().await.unwrap();
    response.text().await.unwrap()
}

#[dual]
#[form_test]
async fn inj_02_a_method_is_a_token_by_its_type() {
    for bad in [
        "GET / HTTP/1.1\r\nX: y",
        "GET /x",
        "",
        " ",
        "GET\r\n",
        "G\u{c4}T",
        "GET\0",
        "GET:",
        "(GET)",
        "GE\tT",
    ] {
        assert!(bad.parse::<Method>().is_err(), "{bad:?}");
        assert!(Method::from_bytes(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let server = Server::http(echo);
    let client = client();
    for method in ["get", "PURGE", "M-SEARCH", "!#$%&'*+-.^_`|~9"] {
        let request = client.request(method.parse().unwrap(), server.url("/"));
        let response = request.send().await.unwrap();
        response.bytes().await.unwrap();
        assert_eq!(server.requests().pop().unwrap().method, method);
    }
}

#[dual]
#[form_test]
async fn inj_03_a_header_cannot_break_its_line() {
    let server = Server::http(echo);
    let client = client();
    for (name, value) in [
        ("x-a", "b\r\nx-evil: 1"),
        ("x-a", "b\n"),
        ("x-a", "b\r"),
        ("x-a", "b\0"),
        ("x-a", "\r\n\r\nGET / HTTP/1.1"),
        ("x-a", "b\u{1}"),
        ("x-a", "b\u{7f}"),
        ("x-a\r\nx-evil", "1"),
        ("x-a\n", "1"),
        ("x a", "1"),
        ("x-a:", "1"),
        (" x-a", "1"),
        ("", "1"),
        ("x\0", "1"),
        ("x\u{e4}", "1"),
    ] {
        let what = format!("{name:?}: {value:?}");
        let request = client.get(server.url("/")).header(name, value);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        let request = client.get(server.url("/")).headers([(name, value)]);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        let error = builder().header(name, value).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        assert!(
            HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err(),
            "{what}"
        );
    }
    for bad in ["a\r\nb", "a\0"] {
        let error = builder().user_agent(bad).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
    }
    // Bytes beyond ASCII are no control characters.
    let value = HeaderValue::from_bytes(b"caf\xe9").unwrap();
    let request = client.get(server.url("/")).header("x-a", value);
    request.send().await.unwrap();
    assert_eq!(server.connections(), 1, "nothing else was even connected");
}

#[dual]
#[form_test]
async fn inj_10_a_body_is_framed_whatever_the_method() {
    let server = Server::http(echo);
    let client = client();
    for method in [
        Method::GET,
        Method::HEAD,
        Method::DELETE,
        Method::TRACE,
        Method::OPTIONS,
        Method::PATCH,
    ] {
        for chunked in [false, true] {
            let mut request = client.request(method.clone(), server.url("/"));
            let content = "GET /evil HTTP/1.1\r\nhost: x\r\n\r\n";
            request = match chunked {
                true => request.body(form_util::pieces_body(vec![content.into()])),
                false => request.body(content),
            };
            let response = request.send().await.unwrap();
            response.bytes().await.unwrap();
            let seen = server.requests().pop().unwrap();
            assert_eq!(
                (&*seen.method, seen.text()),
                (method.as_str(), content.to_owned())
            );
            let length = seen.header("content-length").map(str::to_owned);
            let expected = (!chunked).then(|| content.len().to_string());
            assert_eq!(length, expected, "{method}");
            assert_eq!(
                seen.header("transfer-encoding").is_some(),
                chunked,
                "{method}"
            );
        }
    }
    let targets: Vec<_> = server.requests().iter().map(|r| r.target.clone()).collect();
    assert_eq!(targets, ["/"; 12], "no body was read as a request");
    assert_eq!(server.connections(), 1);
    // The request target of CONNECT has no place for a path; its body is framed, too.
    let raw = Server::wire(|wire| {
        wire.read_head()?;
        wire.drain(Duration::from_millis(200));
        Reply::status(405).send(wire, false)?;
        Ok(())
    });
    let request = client.request(Method::CONNECT, raw.url("/")).body("body");
    if request.send().await.is_ok() {
        let received = String::from_utf8(raw.received()[0].clone()).unwrap();
        assert!(received.contains("Content-Length: 4\r\n"), "{received}");
    }
}

#[dual]
#[form_test]
async fn res_06_deflate_is_read_with_and_without_its_wrapper() {
    let content = b"deflate, deflate, deflate".repeat(100);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&content).unwrap();
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    raw.write_all(&content).unwrap();
    for packed in [zlib.finish().unwrap(), raw.finish().unwrap()] {
        let server = Server::http(move |_| {
            Reply::chunked(packed.chunks(7).map(<[u8]>::to_vec))
                .header("content-encoding", "deflate")
        });
        let response = client().get(server.url("/")).send().await.unwrap();
        let body = response.bytes().await.unwrap();
        assert_eq!(body, content);
    }
}

#[dual]
#[form_test]
async fn res_11_hostile_text_is_replaced_and_hostile_json_refused() {
    let nested = |open: &str| open.repeat(1_000_000).into_bytes();
    let server = Server::http(move |request| match request.target.as_str() {
        "/invalid" => Reply::ok(b"a\xff\xfe\xc0\x80\xed\xa0\x80z".as_slice()),
        "/utf-7" => {
            Reply::ok("+ADw-script+AD4-").header("content-type", "text/html; charset=utf-7")
        }
        "/bom" => Reply::ok(b"\xef\xbb\xbfa\xef\xbb\xbf".as_slice()),
        "/utf-16" => Reply::ok(b"\xff\xfea\0\x00\xd8b\0".as_slice()),
        "/charset" => {
            let charset = format!("text/plain; charset={}", "x".repeat(100_000));
            Reply::ok("a").header("content-type", &charset)
        }
        "/arrays" => Reply::ok(nested("[")),
        "/objects" => Reply::ok(nested("{\"a\":")),
        "/numbers" => Reply::ok("9".repeat(1_000_000)),
        "/surrogates" => Reply::ok("\"\\ud800\""),
        _ => Reply::status(404),
    });
    let client = client();
    for (path, expected) in [
        (
            "/invalid",
            "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}z",
        ),
        ("/utf-7", "+ADw-script+AD4-"),
        ("/bom", "a\u{feff}"),
        ("/utf-16", "a\u{fffd}b"),
        ("/charset", "a"),
    ] {
        let text = text(&client, server.url(path)).await;
        assert_eq!(text, expected, "{path}");
    }
    for path in ["/arrays", "/objects", "/numbers", "/surrogates"] {
        let response = client.get(server.url(path)).send().await.unwrap();
        let parsed = response.json::<serde_json::Value>().await;
        match parsed {
            Ok(value) => assert!(path == "/numbers" && value.is_number(), "{path}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Json, "{path}"),
        }
    }
}

#[dual]
#[form_test]
async fn res_13_hostile_fields_are_read_in_linear_time() {
    let fields = [
        ("link", "<".repeat(200_000)),
        ("link", "<a>;".repeat(50_000)),
        ("link", "<a>; rel=\"\\\\".repeat(15_000)),
        ("link", ",".repeat(200_000)),
        ("content-type", "text/plain;".repeat(18_000)),
        (
            "content-type",
            format!("text/plain; charset=\"{}", "\\".repeat(200_000)),
        ),
        ("content-type", ";=\"".repeat(60_000)),
        ("set-cookie", "a=b;".repeat(50_000)),
        ("set-cookie", format!("a={}", ";".repeat(200_000))),
        ("set-cookie", "=".repeat(200_000)),
        ("www-authenticate", "Digest a=\"".repeat(20_000)),
        ("www-authenticate", "Digest ,".repeat(25_000)),
        ("content-encoding", "gzip,".repeat(40_000)),
        ("content-encoding", ",".repeat(200_000)),
        ("location", "../".repeat(60_000)),
        ("location", "a@".repeat(100_000)),
        ("connection", "a,".repeat(100_000)),
    ];
    let server = Server::http({
        let fields = fields.clone();
        move |request| {
            let number: usize = request.target[1..].parse().unwrap();
            let (name, value) = &fields[number];
            let status = if *name == "www-authenticate" {
                401
            } else {
                200
            };
            Reply::status(status).body("ok").header(name, value)
        }
    });
    let client = client();
    for (number, (what, _)) in fields.iter().enumerate() {
        let begun = Instant::now();
        let request = client.get(server.url(&format!("/{number}")));
        let sent = request
            .auth(dimorph::DigestAuth::new("tom", "mot123"))
            .send()
            .await;
        if let Ok(response) = sent {
            drop((
                response.links(),
                response.cookies(),
                response.encoding().into_owned(),
            ));
            drop(response.next_request());
            // A body with forty thousand codings has no text.
            drop(response.text().await);
        }
        // Of a debug build on a busy machine; what is not linear takes minutes.
        let took = begun.elapsed();
        assert!(
            took < Duration::from_secs(2),
            "{what}, number {number}: {took:?}"
        );
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn mis_03_a_retry_after_makes_nobody_wait() {
    let values = [
        "999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "-1",
        "soon",
        "",
    ];
    let server = Server::http(move |request| {
        let number: usize = request.target[1..].parse().unwrap();
        Reply::status(503).header("retry-after", values[number])
    });
    let client = builder().retries(3).build().unwrap();
    for (number, value) in values.iter().enumerate() {
        let begun = Instant::now();
        let request = client.get(server.url(&format!("/{number}")));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 503);
        // Retries are of connecting alone: a response is a response.
        assert_eq!(response.headers()["retry-after"], *value);
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    assert_eq!(server.requests().len(), values.len());
}

/// Answers the first request of each connection, then says something that nobody asked for.
fn talkative(tls: Tls, words: &'static [u8], leaves: bool, said: &Arc<AtomicUsize>) -> Server {
    let said = Arc::clone(said);
    Server::wire_tls(tls, move |wire| {
        let Some(_) = wire.read_head()? else {
            return Ok(());
        };
        Reply::ok("good").send(wire, false)?;
        // Meanwhile the client reads the answer, and is idle.
        std::thread::sleep(Duration::from_millis(20));
        wire.send(words)?;
        if leaves {
            wire.finish();
        }
        said.fetch_add(1, Ordering::SeqCst);
        wire.drain(Duration::from_secs(5));
        Ok(())
    })
}

#[dual]
#[form_test]
async fn poo_02_what_comes_while_a_connection_is_idle_is_never_an_answer() {
    for (words, leaves) in [
        (
            &b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nHACKED"[..],
            false,
        ),
        (
            b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            true,
        ),
        (b"H", false),
        (b"\r\n", false),
        (b"", true),
    ] {
        for secure in [false, true] {
            let said = Arc::new(AtomicUsize::new(0));
            let tls = if secure { tls() } else { Tls::Off };
            let server = talkative(tls, words, leaves, &said);
            let client = client();
            for turn in 1..=3 {
                let url = if secure {
                    server.https("/")
                } else {
                    server.url("/")
                };
                let answer = text(&client, url).await;
                assert_eq!(answer, "good", "{words:?}");
                let heard = form_util::until(|| said.load(Ordering::SeqCst) == turn).await;
                assert!(heard);
            }
            let expected = 3;
            assert_eq!(server.connections(), expected, "{words:?}, TLS {secure}");
            let requests: usize = server
                .received()
                .iter()
                .map(|bytes| bytes.windows(4).filter(|w| w == b"GET ").count())
                .sum();
            assert_eq!(
                requests, 3,
                "no request went to a connection that had spoken"
            );
        }
    }
}

#[dual]
async fn fetch_and_forget((client, url, number): (Client, String, usize)) -> u16 {
    // Clones come and go while others are in use; some responses are dropped half read.
    let own = client.clone();
    drop(client);
    let mut last = 0;
    for turn in 0..4 {
        let mut response: Response = own.get(&url).send().await.unwrap();
        last = response.status().as_u16();
        match (number + turn) % 3 {
            0 => drop(response),
            1 => {
                response.chunk().await.unwrap();
            }
            _ => {
                response.bytes().await.unwrap();
            }
        }
    }
    last
}

#[dual]
#[form_test]
async fn poo_10_sixty_four_at_once_share_clone_and_drop_a_client() {
    let server = Server::http(|_| Reply::chunked(["a", "b"]));
    let client = builder()
        .pool_limits(PoolLimits::new().hard_limit(8).soft_limit(4))
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let calls: Vec<_> = (0..64)
        .map(|number| (client.clone(), server.url("/"), number))
        .collect();
    let statuses = form_util::concurrently(64, calls, fetch_and_forget).await;
    assert_eq!(statuses, vec![200; 64]);
    assert_at_rest(&client).await;
    let stats = client.pool_stats();
    assert!(stats.idle <= 4, "{stats:?}");
    let response = client.get(server.url("/")).send().await.unwrap();
    drop(client);
    let answer = response.text().await.unwrap();
    assert_eq!(answer, "ab", "a response outlives the last clone");
}

#[dual]
#[form_test]
async fn red_18_a_location_cannot_break_the_next_request_line() {
    let locations: [&[u8]; 12] = [
        b"/x%0d%0aSet-Cookie:a=b",
        b"/caf\xc3\xa9",
        b"/caf\xe9",
        b"/\x80\xff",
        b"/a b  c",
        b"  /trimmed  ",
        b"/q?a b\"<>",
        b"/a\tb",
        b"/a\0b",
        b"/a\x01b",
        b"/a\x7fb",
        b"http://a.test/\\..\\x y",
    ];
    let server = Server::http(
        move |request| match request.target.strip_prefix("/start/") {
            Some(number) => {
                let number: usize = number.parse().unwrap();
                let field = [b"location: ", locations[number], b"\r\n"].concat();
                let head = b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n";
                Reply::raw([head, &field[..], b"\r\n"].concat())
            }
            None => Reply::ok("end"),
        },
    );
    let client = client_to(&server);
    for (number, expected) in [
        Some("/x%0d%0aSet-Cookie:a=b"),
        Some("/caf%C3%A9"),
        Some("/caf%C3%A9"),
        Some("/%C2%80%C3%BF"),
        Some("/a%20b%20%20c"),
        Some("/trimmed"),
        Some("/q?a%20b%22%3C%3E"),
        None,
        None,
        None,
        None,
        Some("/x%20y"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = server.requests().len();
        let sent = client
            .get(format!("http://a.test/start/{number}"))
            .send()
            .await;
        let seen = server.requests().split_off(before);
        match expected {
            Some(target) => {
                let response = sent.unwrap();
                response.bytes().await.unwrap();
                assert_eq!(seen[1].target, target);
                let line = seen[1].head.split(|&b| b == b'\r').next().unwrap();
                assert_eq!(line, format!("GET {target} HTTP/1.1").as_bytes());
                assert!(seen[1].header("set-cookie").is_none());
            }
            None => {
                let error = sent.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{number}");
                assert_eq!(seen.len(), 1);
            }
        }
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn red_19_the_body_of_a_redirect_is_neither_decoded_nor_waited_for() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![0; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap().repeat(48);
    assert!(bomb.len() < 64 * 1024);
    let length = bomb.len();
    let server = Server::wire(move |wire| {
        while let Some(head) = wire.read_head()? {
            let found = "HTTP/1.1 302 Found\r\nlocation: /end\r\n";
            match head.target.as_str() {
                "/bomb" => {
                    let length = bomb.len();
                    let rest =
                        format!("content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
                    wire.send([found.as_bytes(), rest.as_bytes(), &bomb].concat())?;
                }
                "/broken" => {
                    let rest = "content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope";
                    wire.send([found, rest].concat())?;
                }
                "/endless" => {
                    wire.send([found, "transfer-encoding: chunked\r\n\r\n"].concat())?;
                    let chunk = [b"10000\r\n", &[b'x'; 65536][..], b"\r\n"].concat();
                    while wire.send(&chunk).is_ok() {}
                    return Ok(());
                }
                _ => {
                    Reply::ok("end").send(wire, false)?;
                }
            }
        }
        Ok(())
    });
    let client = client();
    for (path, content) in [("/bomb", length), ("/broken", 4), ("/endless", 0)] {
        let begun = Instant::now();
        let response = client.get(server.url(path)).send().await.unwrap();
        assert!(response.history()[0].content().len() <= content.max(64 * 1024));
        if content > 0 {
            let entry = &response.history()[0];
            assert_eq!(entry.content().len(), content, "{path}: as it was sent");
        }
        let text = response.text().await.unwrap();
        assert_eq!(text, "end");
        assert!(begun.elapsed() < Duration::from_secs(3), "{path}");
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn poo_05_an_early_answer_to_expect_leaves_the_connection_usable_or_closed() {
    for answer in ["417 Expectation Failed", "401 Unauthorized", "200 OK"] {
        let server = Server::wire(move |wire| {
            while let Some(head) = wire.read_head()? {
                if head.header("expect").is_some() {
                    wire.send(format!(
                        "HTTP/1.1 {answer}\r\ncontent-length: 5\r\n\r\nearly"
                    ))?;
                } else {
                    assert_eq!(head.target, "/next");
                    Reply::ok("next").send(wire, false)?;
                }
            }
            Ok(())
        });
        let client = client();
        let mut request = Request::new(Method::POST, server.url("/")).unwrap();
        *request.body_mut() = "GET /evil HTTP/1.1\r\nhost: x\r\n\r\n".into();
        let value = HeaderValue::from_static("100-continue");
        request.headers_mut().insert("expect", value);
        let response = client.send(request).await.unwrap();
        assert_eq!(response.status().as_str(), &answer[..3]);
        let body = response.text().await.unwrap();
        assert_eq!(body, "early");
        let next = text(&client, server.url("/next")).await;
        assert_eq!(next, "next", "{answer}");
        let received = server.received().concat();
        let evil = received.windows(5).any(|window| window == b"/evil");
        assert!(!evil, "{answer}: the body was not sent");
        assert_at_rest(&client).await;
    }
}
