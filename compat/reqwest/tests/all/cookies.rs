//! Cookies between requests, and on redirects.

use std::sync::Arc;

use reqwest::cookie::{CookieStore as _, Jar};
use sync_tests::{Received, Reply, Server};

use super::{builder, client};

fn told(request: &Received) -> Reply {
    Reply::ok(request.header("cookie").unwrap_or("none").to_owned())
}

#[test]
fn a_store_gives_back_what_was_set_on_the_way_too() {
    let server = Server::http(|request| match request.target.as_str() {
        "/set" => Reply::redirect(302, "/told").header("set-cookie", "a=1; Path=/"),
        _ => told(request),
    });
    let get = |client: &reqwest::blocking::Client, path: &str| {
        client.get(server.url(path)).send().unwrap().text().unwrap()
    };
    let keeping = builder().cookie_store(true).build().unwrap();
    assert_eq!(get(&keeping, "/set"), "a=1");
    assert_eq!(get(&keeping, "/told"), "a=1");
    let own = keeping.get(server.url("/told")).header("cookie", "b=2");
    assert_eq!(own.send().unwrap().text().unwrap(), "b=2");
    assert_eq!(get(&client(), "/set"), "none");

    let jar = Arc::new(Jar::default());
    let url: reqwest::Url = server.url("/").parse().unwrap();
    jar.add_cookie_str("c=3", &url);
    let sharing = builder().cookie_provider(jar.clone()).build().unwrap();
    assert_eq!(get(&sharing, "/told"), "c=3");
    get(&sharing, "/set");
    let kept = jar.cookies(&url).unwrap();
    let mut kept: Vec<&str> = kept.to_str().unwrap().split("; ").collect();
    kept.sort_unstable();
    assert_eq!(kept, ["a=1", "c=3"]);
}

#[test]
fn a_response_tells_its_cookies() {
    let server = Server::http(|_| {
        Reply::ok("")
            .header("set-cookie", "a=1; HttpOnly")
            .header("set-cookie", "b=2")
    });
    let response = client().get(server.url("/")).send().unwrap();
    let cookies: Vec<_> = response
        .cookies()
        .map(|cookie| (cookie.name().to_owned(), cookie.http_only()))
        .collect();
    assert_eq!(cookies, [("a".to_owned(), true), ("b".to_owned(), false)]);
}
