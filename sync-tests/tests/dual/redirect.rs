//! Redirects, beyond the cases: limits, credentials, bodies, history.

use std::io::Cursor;

use dimorph::{Body, ErrorKind, Method};
use sync_tests::certs::sniff;
use sync_tests::{Received, Reply, Server};

use super::common::{assert_at_rest, builder_to, client, client_to};
use super::{dual, form_test};

/// `/n` leads to `/n-1`, `/0` answers; `/loop` leads to itself.
fn countdown(request: &Received) -> Reply {
    match request.target.trim_start_matches('/') {
        "loop" => Reply::redirect(302, "/loop").body("round and round"),
        "0" => Reply::ok("landed"),
        n => Reply::redirect(302, &format!("/{}", n.parse::<u32>().unwrap() - 1)).body("on"),
    }
}

#[dual]
#[form_test]
async fn red_16_twenty_redirects_are_followed_and_no_more() {
    let server = Server::http(countdown);
    let client = client();
    let response = client.get(server.url("/20")).send().await.unwrap();
    assert_eq!(response.history().len(), 20);
    assert_eq!(response.url().path(), "/0");
    let body = response.text().await.unwrap();
    assert_eq!(body, "landed");
    for path in ["/21", "/loop"] {
        let error = client.get(server.url(path)).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
        assert!(error.is_redirect());
        assert_eq!(error.url().unwrap().port(), Some(server.port()));
    }
    assert_eq!(
        server.connections(),
        1,
        "short bodies of redirects are read, to keep the connection"
    );
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn red_17_redirects_are_limited_or_off_for_a_client_or_a_call() {
    let server = Server::http(countdown);
    let url = server.url("/3");
    let limited = builder_to(&server).max_redirects(2).build().unwrap();
    let error = limited.get(&url).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyRedirects);

    let off = builder_to(&server).follow_redirects(false).build().unwrap();
    let response = off.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert!(response.is_redirect());
    let next = response.next_request().unwrap();
    assert_eq!(next.url().path(), "/2");
    let response = off.get(&url).follow_redirects(true).send().await.unwrap();
    assert_eq!(response.status(), 200);

    let on = client_to(&server);
    let response = on.get(&url).follow_redirects(false).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.history().len()),
        (302, 0)
    );
}

#[dual]
#[form_test]
async fn history_keeps_what_was_on_the_way() {
    let server = Server::http(|request| match request.target.as_str() {
        "/a" => Reply::redirect(301, "/b")
            .header("x-step", "one")
            .body("moved"),
        "/b" => Reply::redirect(303, "/c").header("x-step", "two"),
        _ => Reply::ok("there"),
    });
    let response = client()
        .post(server.url("/a"))
        .body("x")
        .send()
        .await
        .unwrap();
    let history = response.history();
    let facts: Vec<_> = history
        .iter()
        .map(|entry| {
            let step = entry.headers()["x-step"].to_str().unwrap().to_owned();
            (
                entry.status().as_u16(),
                entry.url().path().to_owned(),
                entry.request().method().clone(),
                step,
            )
        })
        .collect();
    let fact =
        |status, path: &str, method, step: &str| (status, path.to_owned(), method, step.to_owned());
    assert_eq!(
        facts,
        [
            fact(301, "/a", Method::POST, "one"),
            fact(303, "/b", Method::GET, "two")
        ]
    );
    assert_eq!(response.request().method(), Method::GET);
    assert_eq!(response.url().path(), "/c");
}

#[dual]
#[form_test]
async fn credentials_stay_with_their_origin() {
    let server = Server::answering(sniff(), |request| match request.url().as_str() {
        "http://a.test/start" => Reply::redirect(302, "http://b.test/away"),
        "http://b.test/away" => Reply::redirect(302, "http://a.test/back"),
        "http://a.test/same" => Reply::redirect(302, "http://a.test/end"),
        "https://a.test/down" => Reply::redirect(302, "http://a.test/end"),
        "http://a.test/port" => Reply::redirect(302, "http://a.test:81/end"),
        _ => Reply::ok("end"),
    });
    let secrets = ["authorization", "cookie", "proxy-authorization", "x-secret"];
    // Start, and what the last hop may carry.
    let cases = [
        ("http://a.test/start", false),
        ("https://a.test/down", false),
        ("http://a.test/port", false),
        ("http://a.test/same", true),
    ];
    for (start, kept) in cases {
        let client = builder_to(&server)
            .sensitive_headers(["x-secret"])
            .build()
            .unwrap();
        let mut request = client.get(start).header("x-open", "1");
        for name in secrets {
            request = request.header(name, "hush");
        }
        let before = server.requests().len();
        request.send().await.unwrap();
        let seen = server.requests();
        for name in secrets {
            assert_eq!(seen[before].header(name), Some("hush"), "{start}: {name}");
        }
        for hop in &seen[before + 1..] {
            assert_eq!(hop.header("x-open"), Some("1"), "{}", hop.url());
            for name in ["authorization", "proxy-authorization", "x-secret"] {
                assert_eq!(hop.header(name).is_some(), kept, "{}: {name}", hop.url());
            }
        }
    }
}

#[dual]
#[form_test]
async fn credentials_may_go_from_http_to_https_of_one_host() {
    let server = Server::answering(sniff(), |request| match request.url().as_str() {
        "http://a.test/up" => Reply::redirect(301, "https://a.test/end"),
        "http://a.test/elsewhere" => Reply::redirect(301, "https://b.test/end"),
        "http://a.test:81/port" => Reply::redirect(301, "https://a.test/end"),
        _ => Reply::ok(request.header("authorization").unwrap_or("none")),
    });
    let client = client_to(&server);
    let cases = [
        ("http://a.test/up", "hush"),
        ("http://a.test/elsewhere", "none"),
        ("http://a.test:81/port", "none"),
    ];
    for (url, expected) in cases {
        let response = client
            .get(url)
            .header("authorization", "hush")
            .send()
            .await
            .unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, expected, "{url}");
    }
}

#[dual]
#[form_test]
async fn a_client_header_with_credentials_does_not_come_back_after_a_detour() {
    let server = Server::http(|request| match request.url().as_str() {
        "http://a.test/" => Reply::redirect(302, "http://b.test/"),
        "http://b.test/" => Reply::redirect(302, "http://a.test/end"),
        _ => Reply::ok("end"),
    });
    let client = builder_to(&server)
        .header("authorization", "Bearer hush")
        .build()
        .unwrap();
    client.get("http://a.test/").send().await.unwrap();
    let seen: Vec<bool> = server
        .requests()
        .iter()
        .map(|r| r.header("authorization").is_some())
        .collect();
    assert_eq!(seen, [true, false, false]);
}

#[dual]
#[form_test]
async fn bodies_are_repeated_where_they_can_be() {
    let server = Server::http(|request| match request.target.as_str() {
        "/307" => Reply::redirect(307, "/end"),
        "/308" => Reply::redirect(308, "/end"),
        _ => Reply::ok(request.body.clone()),
    });
    let client = client();
    for path in ["/307", "/308"] {
        let bodies = [
            Body::from("again"),
            super::httpx_cases::file_of("again").into(),
        ];
        for body in bodies {
            let response = client
                .post(server.url(path))
                .body(body)
                .send()
                .await
                .unwrap();
            let text = response.text().await.unwrap();
            assert_eq!(text, "again");
        }
        let once = Body::from_reader(Cursor::new("once"));
        let error = client
            .post(server.url(path))
            .body(once)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BodyNotReplayable);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn red_12_a_changed_method_drops_the_body_and_its_fields() {
    let server = Server::http(|request| match request.target.as_str() {
        "/end" => Reply::ok("end"),
        status => Reply::redirect(status[1..].parse().unwrap(), "/end"),
    });
    let client = client();
    for (status, sent, then) in [
        (301, Method::POST, "GET"),
        (302, Method::POST, "GET"),
        (303, Method::PUT, "GET"),
        (303, Method::HEAD, "HEAD"),
        (301, Method::HEAD, "HEAD"),
        (308, Method::POST, "POST"),
    ] {
        let mut request = client.request(sent.clone(), server.url(&format!("/{status}")));
        if sent != Method::HEAD {
            request = request
                .body("body")
                .header("content-type", "text/plain")
                .header("content-language", "de");
        }
        request.send().await.unwrap();
        let last = server.requests().pop().unwrap();
        assert_eq!(
            (last.target.as_str(), last.method.as_str()),
            ("/end", then),
            "{status} {sent}"
        );
        if then == "GET" {
            for name in [
                "content-type",
                "content-language",
                "content-length",
                "transfer-encoding",
            ] {
                assert_eq!(last.header(name), None, "{status} {sent}: {name}");
            }
        }
    }
}

#[dual]
#[form_test]
async fn a_fragment_is_inherited() {
    let server = Server::http(|request| match request.target.as_str() {
        "/own" => Reply::redirect(302, "/end#theirs"),
        "/none" => Reply::redirect(302, "/end"),
        _ => Reply::ok("end"),
    });
    let client = client();
    for (start, end) in [("/own#mine", "theirs"), ("/none#mine", "mine")] {
        let response = client.get(server.url(start)).send().await.unwrap();
        assert_eq!(response.url().fragment(), Some(end));
    }
}

#[dual]
#[form_test]
async fn red_13_a_location_that_cannot_be_followed_is_an_error_and_none_is_no_redirect() {
    let server = Server::http(|request| match request.target.as_str() {
        "/mail" => Reply::redirect(302, "mailto:someone@example.org"),
        "/file" => Reply::redirect(302, "file:///etc/passwd"),
        "/bad" => Reply::redirect(302, "http://[oops/"),
        "/two" => Reply::redirect(302, "/end").header("location", "/other"),
        "/end" => Reply::ok("end"),
        _ => Reply::status(302).body("nowhere"),
    });
    let client = client();
    for path in ["/mail", "/file", "/bad"] {
        let error = client.get(server.url(path)).send().await.unwrap_err();
        use ErrorKind::*;
        assert!(
            matches!(error.kind(), UnsupportedProtocol | RemoteProtocolError),
            "{path}: {error:?}"
        );
        assert_at_rest(&client).await;
    }
    let response = client.get(server.url("/none")).send().await.unwrap();
    assert_eq!(response.status(), 302);
    let text = response.text().await.unwrap();
    assert_eq!(text, "nowhere");
}

#[dual]
#[form_test]
async fn a_redirect_may_change_to_https_and_back_on_one_client() {
    let server = Server::answering(sniff(), |request| match request.url().as_str() {
        "http://example.org/" => Reply::redirect(302, "https://example.org/tls"),
        "https://example.org/tls" => Reply::redirect(302, "http://example.com/plain"),
        _ => Reply::ok("end"),
    });
    let response = client_to(&server)
        .get("http://example.org/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.url().as_str(), "http://example.com/plain");
    assert_eq!(server.connections(), 3);
}

#[dual]
#[form_test]
async fn red_19_a_large_body_of_a_redirect_is_not_waited_for() {
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            if head.target == "/end" {
                Reply::ok("end").send(wire, false)?;
                continue;
            }
            wire.send(
                "HTTP/1.1 302 Found\r\nlocation: /end\r\ncontent-length: 100000000000\r\n\r\n",
            )?;
            while wire.send([b'x'; 65536]).is_ok() {}
            return Ok(());
        }
        Ok(())
    });
    let client = client();
    let response = client.get(server.url("/start")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "end");
    assert_eq!(server.connections(), 2);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_policy_decides_about_each_redirect() {
    let server = Server::http(countdown);
    let policy = |attempt: dimorph::Attempt<'_>| match attempt.url().path() {
        "/7" => attempt.stop(),
        "/3" => attempt.error("three is too near"),
        _ => {
            assert_eq!(attempt.status(), 302);
            assert!(!attempt.previous().is_empty());
            attempt.follow()
        }
    };
    let client = builder_to(&server).redirect_policy(policy).build().unwrap();
    let response = client.get(server.url("/9")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.url().path()),
        (302, "/8")
    );
    assert_eq!(response.history().len(), 1);
    drop(response);
    let error = client.get(server.url("/5")).send().await.unwrap_err();
    assert!(error.is_redirect(), "{error:?}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("three is too near"), "{source}");
    assert_at_rest(&client).await;
    let response = client.get(server.url("/2")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}
