//! Settings of client and call that meet: which of them is sent.

use dimorph::Method;
use sync_tests::http::echo;
use sync_tests::{Reply, Server};

use super::common::{builder, builder_to, client_to};
use super::{dual, form_test, form_util};

#[dual]
#[form_test]
async fn no_dot_segment_climbs_above_the_base() {
    let server = Server::http(echo);
    let client = builder().base_url(server.url("/api/v1")).build().unwrap();
    let climbing = [
        "..",
        "../",
        ".. ",
        "../ ",
        "..\t",
        " ..",
        "/.. ",
        "..?",
        "..#",
        "%2e%2e ",
        ".%2E",
        "..\\",
        "a/../.. ",
        "../..",
        "../../ ",
        "..\r\n",
        ".\t.",
        "%2e\n.",
        ".\r.",
        "\u{1}..",
        "..\u{1f}",
        "..\u{a0}",
        "..;",
        "../api/v2/..",
        "./.. ",
        "%2E./ ",
        "..%2f..",
        "..//..",
        "/\t/..",
    ];
    for path in climbing {
        match client.get(path).build() {
            Ok(request) => {
                let url = request.url().as_str();
                assert!(
                    url.starts_with(&server.url("/api/v1")),
                    "{path:?} became {url}"
                );
            }
            Err(error) => assert!(error.is_builder(), "{path:?}: {error:?}"),
        }
        if let Ok(response) = client.get(path).send().await {
            drop(response);
            let seen = server.requests().pop().unwrap().target;
            assert!(seen.starts_with("/api/v1"), "{path:?} became {seen}");
        }
    }
}

#[dual]
#[form_test]
async fn a_header_set_after_it_was_left_out_is_sent() {
    let server = Server::http(echo);
    let again = [
        builder().without_header("accept").header("accept", "a/b"),
        builder()
            .without_header("accept")
            .headers([("accept", "a/b")]),
        builder()
            .header("accept", "c/d")
            .without_header("accept")
            .header("accept", "a/b"),
    ];
    for (i, builder) in again.into_iter().enumerate() {
        let client = builder.build().unwrap();
        let url = server.url("/");
        for request in [
            client.get(&url),
            client
                .get(&url)
                .without_header("accept")
                .header("accept", "a/b"),
        ] {
            request.send().await.unwrap();
            let seen = server.requests().pop().unwrap();
            let accepts: Vec<_> = seen.headers.iter().filter(|(n, _)| n == "Accept").collect();
            assert_eq!(accepts.len(), 1, "{i}: {accepts:?}");
            assert_eq!(accepts[0].1, "a/b", "{i}");
        }
        client
            .get(&url)
            .without_header("accept")
            .send()
            .await
            .unwrap();
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("accept"), None, "{i}");
    }
    let client = builder()
        .without_header("user-agent")
        .user_agent("me")
        .build();
    client.unwrap().get(server.url("/")).send().await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.header("user-agent"), Some("me"));
}

#[dual]
#[form_test]
async fn a_client_that_asks_for_a_range_asks_for_no_coding() {
    let server = Server::http(echo);
    let client = builder().header("range", "bytes=0-1").build().unwrap();
    client.get(server.url("/")).send().await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.header("range"), Some("bytes=0-1"));
    assert_eq!(seen.header("accept-encoding"), None);
    let request = client
        .get(server.url("/"))
        .header("accept-encoding", "gzip");
    request.send().await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.header("accept-encoding"), Some("gzip"));
    let request = client.get(server.url("/")).without_header("range");
    request.send().await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.header("range"), None);
}

#[dual]
#[form_test]
async fn connect_names_an_authority_and_opens_a_tunnel() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        // The tunnel's first bytes come in one packet with the head.
        wire.send(format!("HTTP/1.1 200 OK\r\n\r\n{};", head.target))?;
        loop {
            let bytes = wire.read_some()?;
            if bytes.is_empty() {
                return Ok(());
            }
            wire.send(bytes)?;
        }
    });
    let client = client_to(&server);
    for (url, authority) in [
        ("http://a.test/", "a.test:80"),
        ("http://a.test:8080/path?q=1", "a.test:8080"),
        ("http://user:pass@b.test/", "b.test:80"),
    ] {
        let request = client.request(Method::CONNECT, url);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        let mut tunnel = response.upgrade().await.unwrap();
        let first = form_util::read_exactly(&mut tunnel, authority.len() + 1).await;
        assert_eq!(first, format!("{authority};").as_bytes(), "{url}");
        form_util::write_all(&mut tunnel, b"through").await;
        let back = form_util::read_exactly(&mut tunnel, 7).await;
        assert_eq!(back, b"through", "{url}");
    }
    let received = server.received();
    for (bytes, authority) in received.iter().zip(["a.test:80", "a.test:8080"]) {
        let head = String::from_utf8_lossy(bytes);
        let line = format!("CONNECT {authority} HTTP/1.1\r\n");
        assert!(head.starts_with(&line), "{head}");
        assert!(!head.contains("Content-Length") && !head.contains("Transfer-Encoding"));
    }
}

#[dual]
#[form_test]
async fn a_policy_of_a_call_takes_the_place_of_its_client_s() {
    let server = Server::http(|request| match request.target.as_str() {
        "/end" => Reply::ok("end"),
        _ => Reply::redirect(302, "/end"),
    });
    let stops = builder_to(&server)
        .redirect_policy(|attempt| attempt.stop())
        .build()
        .unwrap();
    let follows = builder_to(&server)
        .redirect_policy(|attempt| attempt.follow())
        .build()
        .unwrap();
    let plain = client_to(&server);
    let url = server.url("/");
    for (what, request, status) in [
        ("the client's", stops.get(&url), 302),
        (
            "follow for stop",
            stops.get(&url).redirect_policy(|attempt| attempt.follow()),
            200,
        ),
        (
            "stop for follow",
            follows.get(&url).redirect_policy(|attempt| attempt.stop()),
            302,
        ),
        (
            "stop for none",
            plain.get(&url).redirect_policy(|attempt| attempt.stop()),
            302,
        ),
    ] {
        // Building first keeps it.
        let response = stops.send(request.build().unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{what}");
    }
}
