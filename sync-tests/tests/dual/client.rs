//! The client: verbs, merging, building, closing, and where it connects.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dimorph::{Body, ErrorKind, Method, Request, Timeout};
use http::HeaderMap;
use serde_json::Value;
use sync_tests::http::echo;
use sync_tests::{Reply, Server};

use super::common::{builder, client, ms};
use super::form::{self, Client};
use super::{dual, form_test, form_util};

#[dual]
#[form_test]
async fn every_verb_is_sent() {
    let server = Server::http(echo);
    let client = client();
    let url = server.url("/verb");
    let calls = [
        ("GET", client.get(&url)),
        ("POST", client.post(&url)),
        ("PUT", client.put(&url)),
        ("PATCH", client.patch(&url)),
        ("DELETE", client.delete(&url)),
        ("HEAD", client.head(&url)),
        ("OPTIONS", client.options(&url)),
        (
            "BREW",
            client.request(Method::from_bytes(b"BREW").unwrap(), &url),
        ),
    ];
    for (verb, request) in calls {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(server.requests().pop().unwrap().method, verb);
    }
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn every_verb_is_a_top_level_function() {
    let server = Server::http(echo);
    let url = server.url("/verb");
    let calls = [
        ("GET", form::get(&url)),
        ("POST", form::post(&url)),
        ("PUT", form::put(&url)),
        ("PATCH", form::patch(&url)),
        ("DELETE", form::delete(&url)),
        ("HEAD", form::head(&url)),
        ("OPTIONS", form::options(&url)),
        ("GET", form::request(Method::GET, &url)),
    ];
    for (verb, request) in calls {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(server.requests().pop().unwrap().method, verb);
    }
    // Each call has a client, and so a pool, of its own, which goes with the response.
    assert_eq!(server.connections(), 8);
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed);
}

#[dual]
#[form_test]
async fn a_request_merges_the_client_and_the_call() {
    let server = Server::http(echo);
    let client = builder()
        .base_url(server.url("/api/").as_str())
        .header("x-client", "1")
        .header("x-both", "client")
        .headers([("x-more", "2")])
        .params([("client", "1"), ("both", "client")])
        .build()
        .unwrap();
    let response = client
        .get("/path?own=0&both=url")
        .header("x-both", "a")
        .header("x-both", "b")
        .query([("both", "call")])
        .send()
        .await
        .unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["target"], "/api/path?own=0&both=call&client=1");
    let headers = seen["headers"].to_string().to_lowercase();
    assert!(headers.contains(r#"["x-client","1"]"#), "{headers}");
    assert!(headers.contains(r#"["x-more","2"]"#), "{headers}");
    assert!(
        headers.contains(r#"["x-both","a"],["x-both","b"]"#),
        "{headers}"
    );
    assert!(!headers.contains("client\"]"), "{headers}");
}

#[dual]
#[form_test]
async fn defaults_can_be_replaced_and_left_out() {
    let server = Server::http(echo);
    let client = client();
    let response = client.get(server.url("/")).send().await.unwrap();
    drop(response);
    let seen = server.requests().pop().unwrap();
    let names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Host",
            "Accept",
            "Accept-Encoding",
            "Connection",
            "User-Agent"
        ]
    );

    let response = client
        .get(server.url("/"))
        .without_header("user-agent")
        .without_header("accept")
        .without_header("accept-encoding")
        .send()
        .await
        .unwrap();
    drop(response);
    let seen = server.requests().pop().unwrap();
    let names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Host", "Connection"]);

    let response = client
        .get(server.url("/"))
        .header("range", "bytes=0-1")
        .send()
        .await
        .unwrap();
    drop(response);
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        seen.header("accept-encoding"),
        None,
        "a range of what, were it coded?"
    );
    assert_eq!(seen.header("range"), Some("bytes=0-1"));
}

#[dual]
#[form_test]
async fn headers_of_the_call_replace_by_name() {
    let server = Server::http(echo);
    let client = builder()
        .header("x-a", "1")
        .header("x-a", "2")
        .header("x-b", "3")
        .build()
        .unwrap();
    let mut own = HeaderMap::new();
    own.append("x-a", "4".parse().unwrap());
    own.append("x-a", "5".parse().unwrap());
    let response = client
        .get(server.url("/"))
        .header("x-a", "0")
        .headers(own)
        .send()
        .await
        .unwrap();
    drop(response);
    let seen = server.requests().pop().unwrap();
    let values: Vec<&str> = seen
        .headers
        .iter()
        .filter(|(n, _)| n == "X-A")
        .map(|(_, v)| v.as_str())
        .collect();
    assert_eq!(values, ["4", "5"]);
    assert_eq!(seen.header("x-b"), Some("3"));
}

#[dual]
#[form_test]
async fn a_request_of_its_own_is_sent_as_it_is() {
    let server = Server::http(echo);
    let client = builder()
        .header("x-client", "1")
        .params([("client", "1")])
        .base_url("http://elsewhere.test/")
        .build()
        .unwrap();
    let mut request = Request::new(Method::POST, server.url("/own?a=1")).unwrap();
    request.headers_mut().insert("x-own", "1".parse().unwrap());
    *request.body_mut() = Body::from("body");
    let response = client.send(request).await.unwrap();
    assert_eq!(response.request().method(), Method::POST);
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.target, "/own?a=1");
    assert_eq!(seen.header("x-own"), Some("1"));
    assert_eq!(seen.header("x-client"), None);
    assert_eq!(seen.text(), "body");

    let request = Request::new(Method::GET, server.url("/again")).unwrap();
    let response = client.execute(request).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[dual]
#[form_test]
async fn a_built_request_is_merged_and_then_yours_to_change() {
    let server = Server::http(echo);
    let client = builder()
        .header("x-api-key", "k")
        .params([("a", "1")])
        .build()
        .unwrap();
    let mut request = client.build_request(Method::GET, server.url("/")).unwrap();
    assert_eq!(request.headers()["x-api-key"], "k");
    assert_eq!(request.url().query(), Some("a=1"));
    request.headers_mut().remove("x-api-key");
    request.url_mut().set_path("/changed");
    *request.method_mut() = Method::DELETE;
    let response = client.send(request).await.unwrap();
    assert_eq!(response.url().path(), "/changed");
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("DELETE", "/changed?a=1")
    );
    assert_eq!(seen.header("x-api-key"), None);
}

#[dual]
#[form_test]
async fn options_of_a_call_survive_build_and_send() {
    let server = Server::http(|request| match request.target.as_str() {
        "/slow" => Reply::ok("late").after(ms(600)),
        _ => Reply::redirect(302, "/elsewhere"),
    });
    let client = client();
    let request = client
        .get(server.url("/slow"))
        .timeout(ms(100))
        .build()
        .unwrap();
    assert_eq!(request.timeout(), Some(&Timeout::new(ms(100))));
    let sent = client.send(request).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::ReadTimeout);

    let request = client
        .get(server.url("/"))
        .follow_redirects(false)
        .build()
        .unwrap();
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 302);
}

#[dual]
#[form_test]
async fn http_requests_convert_both_ways() {
    let server = Server::http(echo);
    let made = http::Request::builder()
        .method("PUT")
        .uri(server.url("/converted?q=1"))
        .header("x-a", "1")
        .body("text")
        .unwrap();
    let request = Request::try_from(made).unwrap();
    assert_eq!(request.content(), Some(&b"text"[..]));
    let back: http::Request<Body> = http::Request::try_from(request.try_clone().unwrap()).unwrap();
    assert_eq!(back.uri().path_and_query().unwrap(), "/converted?q=1");
    assert_eq!(back.headers()["x-a"], "1");
    let response = client().send(request).await.unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(
        (&seen["method"], &seen["body"]),
        (&"PUT".into(), &"text".into())
    );
}

#[dual]
#[form_test]
async fn bad_input_is_kept_and_reported_by_build_or_send() {
    let refused = |e: &dimorph::Error| e.is_builder() || e.kind() == ErrorKind::LocalProtocolError;
    let bad = builder().base_url("no url at all").build();
    assert!(bad.is_err_and(|e| refused(&e)));
    let bad = builder().header("x-a", "a\r\nx-b: b").build();
    assert!(bad.is_err_and(|e| refused(&e)));

    let server = Server::http(echo);
    let client = client();
    let url = server.url("/");
    let bad = [
        client.get(&url).header("x-a", "a\r\nx-b: b"),
        client.get(&url).header("x-a", "a\0b"),
        client.get(&url).header("x\r\na", "b"),
        client.get(&url).header("", "b"),
        client.get("http://exa mple.org/"),
        client.get("ftp://example.org/"),
        client.get("relative"),
    ];
    for request in bad {
        let shown = format!("{request:?}");
        let error = request.send().await.unwrap_err();
        assert!(refused(&error), "{shown}: {error:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[dual]
#[form_test]
async fn framing_fields_must_agree_with_the_body() {
    let server = Server::http(echo);
    let client = client();
    let url = server.url("/");
    let bad = [
        client.post(&url).header("content-length", "3").body("four"),
        client.post(&url).header("content-length", "5").body("four"),
        client
            .post(&url)
            .header("content-length", "4")
            .header("transfer-encoding", "chunked")
            .body("four"),
        client
            .post(&url)
            .header("content-length", "4")
            .header("content-length", "5")
            .body("four"),
        client.post(&url).header("content-length", "x").body("four"),
    ];
    for (i, request) in bad.into_iter().enumerate() {
        let error = request.send().await.map(|r| r.status()).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::LocalProtocolError,
            "{i}: {error:?}"
        );
    }
    assert_eq!(server.requests().len(), 0);
    let response = client
        .post(&url)
        .header("content-length", "4")
        .body("four")
        .send()
        .await
        .unwrap();
    drop(response);
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        seen.headers
            .iter()
            .filter(|(n, _)| n == "Content-Length")
            .count(),
        1
    );
}

#[dual]
#[form_test]
async fn a_closed_client_refuses_requests_and_its_clones_too() {
    let server = Server::http(echo);
    let client = client();
    let clone = client.clone();
    let response = client.get(server.url("/")).send().await.unwrap();
    response.bytes().await.unwrap();
    assert_eq!(client.pool_stats().idle, 1);
    client.close().await;
    assert_eq!(client.pool_stats().idle, 0);
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed, "the idle connection is still open");
    for client in [client, clone] {
        let sent = client.get(server.url("/")).send().await;
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::ClientClosed);
    }
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn a_response_outlives_the_close_of_its_client() {
    let server = Server::http(|_| Reply::chunked(["one", "two"]).paced(ms(100)));
    let client = client();
    let response = client.get(server.url("/")).send().await.unwrap();
    client.close().await;
    let body = response.text().await.unwrap();
    assert_eq!(body, "onetwo");
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed, "a connection given back to a closed pool is closed");
}

#[dual]
#[form_test]
async fn dropping_the_last_clone_closes_idle_connections() {
    let server = Server::http(echo);
    let client = client();
    let clone = client.clone();
    let response = client.get(server.url("/")).send().await.unwrap();
    response.bytes().await.unwrap();
    drop(client);
    assert_eq!(clone.pool_stats().idle, 1);
    drop(clone);
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed);
}

#[dual]
#[form_test]
async fn a_host_can_be_resolved_by_hand() {
    let server = Server::http(echo);
    let client = builder()
        .resolve("made-up.test", [server.address()])
        .build()
        .unwrap();
    let response = client.get("http://made-up.test/x").send().await.unwrap();
    assert_eq!(response.remote_addr(), Some(server.address()));
    assert_eq!(response.url().as_str(), "http://made-up.test/x");
    drop(response);
    assert_eq!(server.requests()[0].header("host"), Some("made-up.test"));
}

#[dual]
#[form_test]
async fn a_local_address_is_bound() {
    let server = Server::http(echo);
    let local: IpAddr = Ipv4Addr::new(127, 0, 0, 7).into();
    let client = builder().local_address(local).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    drop(response);
    assert_eq!(server.requests()[0].peer.unwrap().ip(), local);
}

#[dual]
#[form_test]
async fn a_unix_socket_takes_every_request() {
    let path = std::env::temp_dir().join(format!(
        "dimorph-unix-{}-{}",
        form_util::IS_ASYNC,
        std::process::id()
    ));
    let server = Server::unix(&path, echo);
    let client = builder().unix_socket(&path).build().unwrap();
    for i in 0..3 {
        let response = client
            .post("http://daemon.test/do?it=1")
            .body("now")
            .send()
            .await
            .unwrap();
        assert_eq!(response.remote_addr(), None);
        let seen: Value = response.json().await.unwrap();
        assert_eq!(seen["target"], "/do?it=1");
        assert_eq!(seen["body"], "now");
        assert_eq!(server.requests().len(), i + 1);
    }
    assert_eq!(server.requests()[0].header("host"), Some("daemon.test"));
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn localhost_is_looked_up() {
    let server = Server::http(echo);
    let response = client()
        .get(format!("http://localhost:{}/", server.port()))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.remote_addr(), Some(server.address()));
}

#[dual]
#[form_test]
async fn debug_shows_no_credential() {
    let server = Server::http(|_| Reply::ok("ok").header("set-cookie", "s=hush-cookie"));
    let client = builder()
        .header("authorization", "Bearer hush-client")
        .header("cookie", "a=hush-jar")
        .build()
        .unwrap();
    let url = format!("http://user:hush-url@{}/", server.address());
    let request = client.get(&url).header("proxy-authorization", "hush-proxy");
    let mut shown = format!("{client:?} {request:?}");
    let response = request.send().await.unwrap();
    shown += &format!("{response:?} {:?}", response.request());
    let refused = format!("http://user:hush-error@{}/", super::common::refused());
    let error = client.get(&refused).send().await.unwrap_err();
    shown += &format!("{error} {error:?} {:?}", error.request());
    assert!(!shown.contains("hush"), "{shown}");
}

#[dual]
#[form_test]
async fn many_clones_share_one_pool() {
    let server = Server::http(echo);
    let client = Client::clone(&client());
    let calls: Vec<_> = (0..40).map(|_| (client.clone(), server.url("/"))).collect();
    let statuses = form_util::concurrently(4, calls, fetch).await;
    assert_eq!(statuses, vec![200; 40]);
    assert!(server.connections() <= 4, "{}", server.connections());
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.idle), (0, server.connections()));
    assert_eq!(stats.opened + stats.reused, 40);
}

#[dual]
async fn fetch((client, url): (Client, String)) -> u16 {
    let response = client
        .get(url)
        .timeout(Duration::from_secs(10))
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    response.bytes().await.unwrap();
    status
}
