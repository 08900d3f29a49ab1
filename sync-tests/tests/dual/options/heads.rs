//! What is written into heads and what is taken off bodies, as told: codings, cookies, the case of names, lengths.

use dimorph::{ErrorKind, Method, NoProxy, Request, Url};
use http::header::CONTENT_LENGTH;
use sync_tests::http::Received;
use sync_tests::{Reply, Server};

use super::{dual, form_test};
use crate::dual_tests::common::builder;

/// "hello" as gzip.
const HELLO: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0x86, 0xa6, 0x10,
    0x36, 5, 0, 0, 0,
];
/// "hello" as zlib.
const DEFLATED: &[u8] = &[
    0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 6, 0x2c, 2, 0x15,
];

fn coded() -> Server {
    Server::http(|request: &Received| match request.target.as_str() {
        "/gzip" => Reply::ok(HELLO).header("content-encoding", "gzip"),
        "/deflate" => Reply::ok(DEFLATED).header("content-encoding", "deflate"),
        _ => Reply::ok("hello"),
    })
}

#[dual]
#[form_test]
async fn only_the_codings_that_were_named_are_asked_for_and_taken_off() {
    let table = [
        (None, Some("gzip, deflate, br, zstd"), true, true),
        (Some(&[][..]), None, false, false),
        (Some(&["gzip"]), Some("gzip"), true, false),
        (
            Some(&["deflate", "GZIP"]),
            Some("deflate, gzip"),
            true,
            true,
        ),
        (Some(&["br"]), Some("br"), false, false),
    ];
    for (names, asked, gzip, deflate) in table {
        let server = coded();
        let builder = match names {
            Some(names) => builder().content_codings(names),
            None => builder(),
        };
        let client = builder.build().unwrap();
        for (path, decoded, raw) in [
            ("/gzip", gzip, HELLO),
            ("/deflate", deflate, DEFLATED),
            ("/plain", false, b"hello"),
        ] {
            let response = client.get(server.url(path)).send().await.unwrap();
            assert_eq!(response.is_decoded(), decoded, "{path} {names:?}");
            let bytes = response.bytes().await.unwrap();
            let expected = if decoded { b"hello" } else { raw };
            assert_eq!(bytes, expected, "{path} {names:?}");
        }
        for request in server.requests() {
            assert_eq!(request.header("accept-encoding"), asked, "{names:?}");
        }
    }
    let error = builder()
        .content_codings(["gzip", "lzma"])
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert!(error.to_string().contains("lzma"), "{error}");
}

#[dual]
#[form_test]
async fn accept_encoding_of_one_s_own_beats_the_codings() {
    let server = coded();
    let client = builder().content_codings(["gzip"]).build().unwrap();
    let request = client
        .get(server.url("/gzip"))
        .header("accept-encoding", "br");
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "hello");
    assert_eq!(server.requests()[0].header("accept-encoding"), Some("br"));
}

#[dual]
#[form_test]
async fn without_a_store_cookies_are_neither_kept_nor_sent() {
    let server = Server::http(|request: &Received| match request.target.as_str() {
        "/set" => Reply::redirect(302, "/").header("set-cookie", "a=b"),
        _ => Reply::ok("ok"),
    });
    for keeps in [true, false] {
        let client = builder().cookie_store(keeps).build().unwrap();
        let url: Url = server.url("/").parse().unwrap();
        assert!(client.cookies().add("by=hand", &url));
        for path in ["/set", "/"] {
            let response = client.get(server.url(path)).send().await.unwrap();
            assert_eq!(response.status(), 200);
        }
        let jar = client.cookies().len();
        assert_eq!(jar, if keeps { 2 } else { 1 });
        // What the response says can still be read of it.
        let response = client.get(server.url("/set")).follow_redirects(false);
        let response = response.send().await.unwrap();
        assert_eq!(response.cookies().get("a").unwrap().as_deref(), Some("b"));
        let own = client.get(server.url("/")).cookie("own", "1").send().await;
        own.unwrap();
    }
    let sent: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.header("cookie").unwrap_or("-").to_owned())
        .collect();
    let (kept, forgotten) = sent.split_at(5);
    assert_eq!(kept[0], "by=hand");
    assert!(
        kept[1].contains("a=b") && kept[1].contains("by=hand"),
        "{kept:?}"
    );
    assert!(
        kept[4].contains("own=1") && kept[4].contains("a=b"),
        "{kept:?}"
    );
    assert_eq!(forgotten, ["-", "-", "-", "-", "own=1"]);
}

#[dual]
#[form_test]
async fn names_are_written_in_title_case_or_in_lower_case() {
    let server = Server::http(|_| Reply::ok("ok"));
    for (title, lines) in [
        (
            true,
            ["Host: ", "Accept: ", "X-Own-Name: 1", "Content-Length: 4"],
        ),
        (
            false,
            ["host: ", "accept: ", "x-own-name: 1", "content-length: 4"],
        ),
    ] {
        let client = builder().http1_title_case_headers(title).build().unwrap();
        let request = client.post(server.url("/")).header("X-Own-NAME", "1");
        request.body("body").send().await.unwrap();
        let sent = server.requests().pop().unwrap();
        let head = String::from_utf8(sent.head).unwrap();
        for line in lines {
            assert!(head.contains(&format!("\r\n{line}")), "{line} in {head}");
        }
    }
}

#[dual]
#[form_test]
async fn an_empty_post_need_not_announce_its_length() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder().build().unwrap();
    for (body, announced) in [("", None), ("body", Some("4"))] {
        let mut request = Request::new(Method::POST, server.url("/")).unwrap();
        *request.body_mut() = body.into();
        request.without_header(CONTENT_LENGTH);
        client.send(request).await.unwrap();
        let sent = server.requests().pop().unwrap();
        assert_eq!(sent.header("content-length"), announced);
        assert_eq!(sent.body, body.as_bytes());
    }
    let request = Request::new(Method::POST, server.url("/")).unwrap();
    client.send(request).await.unwrap();
    let sent = server.requests().pop().unwrap();
    assert_eq!(sent.header("content-length"), Some("0"));

    let mut request = client.get(server.url("/")).build().unwrap();
    request.without_header(http::header::ACCEPT);
    client.send(request).await.unwrap();
    assert_eq!(server.requests().pop().unwrap().header("accept"), None);
}

#[test]
fn a_list_of_hosts_that_need_no_proxy_tells_which_they_are() {
    let list = NoProxy::new("localhost, .example.org,10.0.0.0/8,h.test:8080,,");
    for (url, direct) in [
        ("http://localhost/", true),
        ("https://www.example.org/x", true),
        ("http://notexample.org/", false),
        ("http://10.1.2.3:99/", true),
        ("http://11.1.2.3/", false),
        ("http://h.test:8080/", true),
        ("http://h.test/", false),
        ("data:text/plain,x", false),
    ] {
        let url: Url = url.parse().unwrap();
        assert_eq!(list.matches(&url), direct, "{url}");
    }
    let every: Url = "http://any.test/".parse().unwrap();
    assert!(NoProxy::new("*").matches(&every));
    assert!(!NoProxy::new("").matches(&every));
}
