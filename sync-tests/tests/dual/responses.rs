//! What a response knows besides its body.

use std::io::{Read, Write};
use std::time::Duration;

use dimorph::{ErrorKind, Method, Version};
use http::Extensions;
use serde::Deserialize;
use sync_tests::http::echo;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client, ms};
use super::form::Response;
use super::{dual, form_test, form_util};

#[dual]
#[form_test]
async fn a_response_knows_its_head_and_its_request() {
    let server = Server::http(|_| {
        Reply::ok("hello")
            .reason("Fine Indeed")
            .header("x-a", "1")
            .header("x-a", "2")
    });
    let client = client();
    let response = client
        .post(server.url("/p?q#f"))
        .header("x-own", "1")
        .body("b")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.is_success() && !response.is_redirect() && !response.is_informational());
    assert_eq!(response.reason(), "Fine Indeed");
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(response.url().as_str(), server.url("/p?q#f"));
    assert_eq!(response.remote_addr(), Some(server.address()));
    assert_eq!(response.request().method(), Method::POST);
    assert_eq!(response.request().headers()["x-own"], "1");
    assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(response.content_length(), Some(5));
    assert!(response.history().is_empty());
    assert!(response.next_request().is_none());
    let _: &Extensions = response.extensions();
    let shown = format!("{response:?}");
    assert_eq!(shown, "<Response [200 Fine Indeed]>");
}

#[dual]
#[form_test]
async fn elapsed_runs_to_the_end_of_the_body() {
    let server = Server::http(|_| Reply::chunked(["a", "b", "c"]).paced(ms(60)).after(ms(60)));
    let client = client();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    let head = response.elapsed();
    response.buffer().await.unwrap();
    let whole = response.elapsed();
    assert!(whole >= ms(180) && whole < ms(1000), "{whole:?}");
    assert!(head <= whole);
    form_util::sleep(ms(50)).await;
    assert_eq!(response.elapsed(), whole, "it stops at the end of the body");
}

#[dual]
#[form_test]
async fn heads_and_bodyless_statuses_have_no_body() {
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            let status = &head.target[1..];
            wire.send(format!("HTTP/1.1 {status} X\r\ncontent-length: 5\r\n\r\n"))?;
        }
        Ok(())
    });
    let client = client();
    for (method, path) in [
        (Method::HEAD, "/200"),
        (Method::GET, "/204"),
        (Method::GET, "/304"),
    ] {
        let response = client
            .request(method, server.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["content-length"], "5");
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.is_empty());
    }
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn trailers_are_there_after_the_body() {
    let server = Server::http(|_| {
        Reply::chunked(["body"])
            .trailer("x-sum", "42")
            .header("trailer", "x-sum")
    });
    let mut response = client().get(server.url("/")).send().await.unwrap();
    assert!(
        response
            .trailers()
            .is_none_or(|trailers| trailers.is_empty())
    );
    response.buffer().await.unwrap();
    assert_eq!(response.trailers().unwrap()["x-sum"], "42");
    assert!(response.headers().get("x-sum").is_none());
}

#[dual]
#[form_test]
async fn retry_after_is_told_in_seconds_or_from_the_response_s_own_date() {
    let server = Server::http(|request| {
        let reply = Reply::status(429).header("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        match &request.target[1..] {
            "none" => reply,
            value => reply.header("retry-after", &value.replace('_', " ")),
        }
    });
    let client = client();
    for (path, expected) in [
        ("120", Some(120)),
        ("Sun,_06_Nov_1994_08:49:47_GMT", Some(10)),
        ("Sun,_06_Nov_1994_08:49:27_GMT", Some(0)),
        ("soon", None),
        ("none", None),
    ] {
        let url = format!("{}{path}", server.url("/"));
        let response = client.get(url).send().await.unwrap();
        let expected = expected.map(Duration::from_secs);
        assert_eq!(response.retry_after(), expected, "{path}");
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Seen {
    method: String,
    target: String,
}

#[dual]
#[form_test]
async fn json_comes_back_as_a_type() {
    let server = Server::http(echo);
    let response = client().get(server.url("/typed")).send().await.unwrap();
    let seen: Seen = response.json().await.unwrap();
    assert_eq!(
        seen,
        Seen {
            method: "GET".into(),
            target: "/typed".into()
        }
    );
}

#[dual]
#[form_test]
async fn text_is_read_by_charset_and_default() {
    let server = Server::http(|request| {
        let reply = Reply::ok(b"Gr\xfc\xdfe".to_vec());
        match request.target.as_str() {
            "/named" => reply.header("content-type", "text/plain; charset=iso-8859-1"),
            "/quoted" => reply.header("content-type", "text/plain; a=b; charset=\"ISO-8859-1\""),
            _ => reply,
        }
    });
    let client = client();
    for path in ["/named", "/quoted"] {
        let response = client.get(server.url(path)).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "Grüße", "{path}");
    }
    let response = client.get(server.url("/")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "Gr\u{fffd}\u{fffd}e");
    let response = client.get(server.url("/")).send().await.unwrap();
    let text = response.text_with_charset("iso-8859-1").await.unwrap();
    assert_eq!(text, "Grüße");
    let told = builder().default_encoding("iso-8859-1").build().unwrap();
    let response = told.get(server.url("/")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "Grüße");
}

#[dual]
#[form_test]
async fn links_are_found_by_relation() {
    let server = Server::http(|_| {
        Reply::ok("").header(
            "link",
            "</items?page=2>; rel=\"next\", </items?page=9>; rel=last",
        )
    });
    let response = client().get(server.url("/items")).send().await.unwrap();
    assert_eq!(response.links().get("next").unwrap().url(), "/items?page=2");
    assert_eq!(response.links().get("last").unwrap().url(), "/items?page=9");
    assert!(response.links().get("prev").is_none());
}

#[dual]
#[form_test]
async fn a_response_is_made_from_an_http_response() {
    let made = http::Response::builder()
        .status(404)
        .header("x-a", "1")
        .body("made up")
        .unwrap();
    let mut response = Response::from(made);
    assert_eq!(
        (response.status().as_u16(), response.reason()),
        (404, "Not Found")
    );
    assert_eq!(response.headers()["x-a"], "1");
    assert!(response.is_client_error());
    let content = response.buffer().await.unwrap().clone();
    assert_eq!(content, "made up");
    let text = response.text().await.unwrap();
    assert_eq!(text, "made up");
}

#[dual]
#[form_test]
async fn informational_responses_are_passed_over() {
    let server = Server::wire(|wire| {
        while wire.read_head()?.is_some() {
            wire.send("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")?;
            Reply::ok("final").send(wire, false)?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..2 {
        let response = client.get(server.url("/")).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "final");
    }
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn an_upgrade_gives_the_connection() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        assert_eq!(head.header("upgrade"), Some("echo"));
        // The first bytes of the new protocol come in one packet with the head.
        wire.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nready;")?;
        loop {
            let bytes = wire.read_some()?;
            if bytes.is_empty() {
                return Ok(());
            }
            wire.send(bytes)?;
        }
    });
    let client = client();
    let request = client
        .get(server.url("/"))
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 101);
    let mut stream = response.upgrade().await.unwrap();
    let greeting = form_util::read_exactly(&mut stream, 6).await;
    assert_eq!(greeting, b"ready;");
    for word in ["ping", "pong"] {
        form_util::write_all(&mut stream, word.as_bytes()).await;
        let back = form_util::read_exactly(&mut stream, 4).await;
        assert_eq!(back, word.as_bytes());
    }
    drop(stream);
    assert_at_rest(&client).await;
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(
        closed,
        "an upgraded connection does not go back to the pool"
    );
}

#[dual]
#[form_test]
async fn an_upgrade_that_was_not_asked_for_is_an_error() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
        )?;
        wire.drain(Duration::from_secs(5));
        Ok(())
    });
    let client = client();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
    assert_at_rest(&client).await;
}

/// The traits by which each form reads and writes are in `form_util`; std's are used here only so
/// that their names cannot hide an inherent method.
#[test]
fn std_traits_are_in_scope() {
    fn has_both<T: Read + Write>() {}
    has_both::<std::net::TcpStream>();
}
