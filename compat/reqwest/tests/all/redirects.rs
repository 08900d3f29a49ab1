//! Redirects, cookies and retries over the network.

use std::sync::Arc;

use reqwest::cookie::Jar;
use reqwest::{Client, StatusCode, redirect, retry};
use sync_tests::{Reply, Server};

#[tokio::test]
async fn a_redirect_takes_cookies_along_and_leaves_credentials_behind() {
    let other = Server::http(|_| Reply::ok("there"));
    let there = other.url("/there");
    let server = Server::http(move |request| match request.target.as_str() {
        "/" => Reply::redirect(302, "/next").header("set-cookie", "k=v; path=/"),
        _ => Reply::redirect(307, &there),
    });
    let client = Client::builder().cookie_store(true).build().unwrap();
    let response = client
        .post(server.url("/"))
        .bearer_auth("token")
        .body("form")
        .send()
        .await
        .unwrap();
    assert_eq!(response.url().as_str(), other.url("/there"));
    let (requests, last) = (server.requests(), &other.requests()[0]);
    assert_eq!((&*requests[1].method, requests[1].body.len()), ("GET", 0));
    assert_eq!(requests[1].header("cookie"), Some("k=v"));
    assert_eq!(requests[1].header("authorization"), Some("Bearer token"));
    assert_eq!(requests[1].header("referer"), Some(&*server.url("/")));
    assert_eq!(last.header("authorization"), None);
}

#[tokio::test]
async fn a_jar_can_be_filled_by_hand() {
    let server = Server::http(|_| Reply::ok(""));
    let jar = Arc::new(Jar::default());
    jar.add_cookie_str("a=b", &server.url("/").parse().unwrap());
    let client = Client::builder().cookie_provider(jar).build().unwrap();
    client.get(server.url("/")).send().await.unwrap();
    client
        .get(server.url("/"))
        .header("cookie", "own=1")
        .send()
        .await
        .unwrap();
    let cookies: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("cookie").map(str::to_owned))
        .collect();
    assert_eq!(cookies, [Some("a=b".into()), Some("own=1".into())]);
}

#[tokio::test]
async fn policies_decide_about_redirects() {
    let server = Server::http(|_| Reply::redirect(302, "/again"));
    let get = |policy| {
        let client = Client::builder().redirect(policy).build().unwrap();
        client.get(server.url("/")).send()
    };
    let none = get(redirect::Policy::none()).await.unwrap();
    assert_eq!(none.status(), StatusCode::FOUND);
    let error = get(redirect::Policy::limited(2)).await.unwrap_err();
    assert!(error.is_redirect());
    assert_eq!(
        error.to_string(),
        format!(
            "error following redirect for url ({})",
            server.url("/again")
        )
    );
    assert_eq!(server.requests().len(), 1 + 3);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = Server::http({
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 | 1 => Reply::status(503),
            _ => Reply::ok("at last"),
        }
    });
    let retries = retry::for_host("127.0.0.1").classify_fn(|answer| {
        match answer.status() == Some(StatusCode::SERVICE_UNAVAILABLE) {
            true => answer.retryable(),
            false => answer.success(),
        }
    });
    let client = Client::builder().retry(retries).build().unwrap();
    let response = client
        .post(server.url("/"))
        .body("again")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let bodies: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.text())
        .collect();
    assert_eq!(bodies, ["again"; 3]);
}
