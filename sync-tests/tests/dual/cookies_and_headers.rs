//! Fields that the library makes beside fields that the user gives: one of each, and whose it is.

use std::collections::BTreeMap;

use dimorph::Method;
use dimorph::multipart::Form;
use sync_tests::{Received, Reply, Server};

use super::common::{builder_to, client_to};
use super::form::RequestBuilder;
use super::{dual, form_test};

/// `/set/…` sets the cookie `j=1` and leads to the rest, with 307 for `/set/keep/…`; anything else is an end.
fn setter() -> Server {
    Server::http(|request| match request.target.strip_prefix("/set/") {
        Some(rest) => {
            let status = if rest.starts_with("keep/") { 307 } else { 302 };
            Reply::redirect(status, &format!("/{rest}")).header("set-cookie", "j=1; Path=/")
        }
        None => Reply::ok("end"),
    })
}

/// The values of a field of this request.
fn values<'a>(request: &'a Received, name: &str) -> Vec<&'a str> {
    let fields = request.headers.iter();
    let fields = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    fields.map(|(_, value)| value.as_str()).collect()
}

#[dual]
#[form_test]
async fn cookies_beyond_ascii_stand_beside_those_of_the_jar() {
    let server = setter();
    let client = builder_to(&server)
        .cookie("a", "ü")
        .cookie("plain", "1")
        .build()
        .unwrap();
    for (name, value) in [("j", "1"), ("b", "jar"), ("plain", "jar")] {
        client.cookies().set(name, value, "a.test").unwrap();
    }
    let request = client.get("http://a.test/").cookie("b", "日本");
    request.send().await.unwrap();
    client.get("http://a.test/set/x").send().await.unwrap();
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|request| values(request, "cookie").join(" | "))
        .collect();
    let without = "j=1; b=jar; a=ü; plain=1";
    assert_eq!(seen, ["j=1; a=ü; plain=1; b=日本", without, without]);
}

#[dual]
#[form_test]
async fn without_header_cookie_there_is_none_of_the_jar_the_client_or_the_call() {
    let server = setter();
    let client = builder_to(&server)
        .cookie("client", "1")
        .header("x-default", "1")
        .build()
        .unwrap();
    client.cookies().set("jar", "1", "a.test").unwrap();
    for path in ["/", "/set/x", "/set/keep/x"] {
        for method in [Method::GET, Method::POST] {
            let before = server.requests().len();
            let request = client.request(method.clone(), format!("http://a.test{path}"));
            let request = request.cookie("call", "1").without_header("cookie");
            request.body("x").send().await.unwrap();
            for hop in &server.requests()[before..] {
                assert_eq!(
                    hop.header("cookie"),
                    None,
                    "{method} {path}: {}",
                    hop.target
                );
                assert_eq!(hop.header("x-default"), Some("1"));
            }
        }
    }
    // What was set on the way is in the jar all the same.
    assert_eq!(client.cookies().get("j").unwrap().as_deref(), Some("1"));
    // Each name for itself: the jar does not stop for others.
    let request = client.get("http://a.test/").without_header("x-default");
    request.send().await.unwrap();
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("x-default"), None);
    assert!(last.header("cookie").is_some_and(|c| c.contains("jar=1")));
}

/// What `content-type` was sent, and how the body begins.
#[dual]
async fn sent(server: &Server, request: RequestBuilder) -> (String, String) {
    request.send().await.unwrap();
    let request = server.requests().pop().unwrap();
    let types = values(&request, "content-type").join(" | ");
    (types, request.text().chars().take(4).collect())
}

#[dual]
#[form_test]
async fn a_body_has_one_type_and_the_one_given_by_hand_wins() {
    let server = Server::http(|_| Reply::ok(""));
    let client = client_to(&server);
    let post = || client.post("http://a.test/");
    let own = |builder: RequestBuilder| builder.header("content-type", "application/own");
    let fields = BTreeMap::from([("k", "v")]);
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    for (what, request, content_type, begins) in [
        ("json", post().json(&fields), json, "{\"k\""),
        ("form", post().form(&fields), form, "k=v"),
        (
            "json, by hand",
            own(post().json(&fields)),
            "application/own",
            "{\"k\"",
        ),
        (
            "by hand, json",
            own(post()).json(&fields),
            "application/own",
            "{\"k\"",
        ),
        (
            "form, by hand",
            own(post().form(&fields)),
            "application/own",
            "k=v",
        ),
        (
            "json, form",
            post().json(&fields).form(&fields),
            form,
            "k=v",
        ),
        (
            "form, json",
            post().form(&fields).json(&fields),
            json,
            "{\"k\"",
        ),
        (
            "json, by hand, form",
            own(post().json(&fields)).form(&fields),
            "application/own",
            "k=v",
        ),
        (
            "json, by hand in pairs, form",
            post()
                .json(&fields)
                .headers([("content-type", "application/own")])
                .form(&fields),
            "application/own",
            "k=v",
        ),
        (
            "json, by hand twice",
            own(own(post().json(&fields))),
            "application/own | application/own",
            "{\"k\"",
        ),
    ] {
        let (types, body) = sent(&server, request).await;
        assert_eq!(
            (types.as_str(), body.as_str()),
            (content_type, begins),
            "{what}"
        );
    }
}

#[dual]
#[form_test]
async fn a_multipart_body_has_one_type_too() {
    let server = Server::http(|_| Reply::ok(""));
    let client = client_to(&server);
    let post = || client.post("http://a.test/");
    let form = || Form::new().text("k", "v");
    let given = "multipart/mixed; boundary=ours";
    for (what, request, content_type, begins) in [
        (
            "multipart",
            post().multipart(form()),
            "multipart/form-data; ",
            "--",
        ),
        (
            "multipart, by hand",
            post().multipart(form()).header("content-type", given),
            given,
            "--",
        ),
        (
            "multipart twice, by hand",
            post()
                .multipart(form())
                .multipart(form())
                .header("content-type", given),
            given,
            "--",
        ),
        (
            "by hand, multipart",
            post().header("content-type", given).multipart(form()),
            given,
            "--ou",
        ),
        (
            "json, multipart",
            post().json("x").multipart(form()),
            "multipart/form-data; ",
            "--",
        ),
        (
            "multipart, json",
            post().multipart(form()).json("x"),
            "application/json",
            "\"x\"",
        ),
    ] {
        let (types, body) = sent(&server, request).await;
        assert!(types.starts_with(content_type), "{what}: {types}");
        assert!(
            !types.contains(" | ") && body.starts_with(begins),
            "{what}: {types} {body}"
        );
    }
}
