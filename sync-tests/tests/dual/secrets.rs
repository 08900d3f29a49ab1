//! What no `Debug` and no error shows.

mod every_type;
mod mocks;
mod proxies;
mod tapes;
mod transports;
mod values;

use std::error::Error as _;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use dimorph::{Error, ErrorKind, Method, Request};
use http::HeaderMap;
use sync_tests::{Reply, Server};

use super::common::{builder, client, refused};
use super::form::Client;
use super::{dual, form_test};

/// Whatever has this in it is secret.
const SECRET: &str = "hush";

/// Userinfo of every form.
const USERINFO: [&str; 4] = ["user:hush", "hush", ":hush", "hush:"];

fn assert_hidden(what: &str, shown: &impl Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(!text.contains(SECRET), "{what}: {text}");
    }
}

fn assert_error_hides(what: &str, error: &Error) {
    assert_hidden(what, error);
    assert!(!error.to_string().contains(SECRET), "{what}: {error}");
    let mut source = error.source();
    while let Some(inner) = source {
        let text = format!("{inner} {inner:?}");
        assert!(!text.contains(SECRET), "{what}: {text}");
        source = inner.source();
    }
    if let Some(request) = error.request() {
        assert_hidden(what, request);
    }
}

fn secretive() -> Client {
    builder()
        .header("authorization", "Bearer hush")
        .header("cookie", "a=hush")
        .header("proxy-authorization", "hush")
        .cookie("c", "hush")
        .build()
        .unwrap()
}

#[dual]
#[form_test]
async fn builders_clients_and_requests_show_no_secret() {
    for userinfo in USERINFO {
        let base = format!("http://{userinfo}@h.test/");
        let started = builder()
            .base_url(&base)
            .header("authorization", "Bearer hush")
            .headers([("cookie", "a=hush")])
            .cookie("c", "hush");
        assert_hidden("ClientBuilder", &started);
        let client = started.build().unwrap();
        assert_hidden("Client", &client);
        let mut own = HeaderMap::new();
        own.insert("authorization", "Bearer hush".parse().unwrap());
        own.insert("proxy-authorization", "hush".parse().unwrap());
        for started in [
            client.get("/path"),
            client.get(&base),
            client.get("/").headers(own),
            client.post("/").cookie("c", "hush").body("hush"),
            client.get("/").header("cookie", "a=hush"),
            client.get("/").params([("token", "1")]),
        ] {
            assert_hidden("RequestBuilder", &started);
            assert_hidden("Request", &started.build().unwrap());
        }
        let mut request = Request::new(Method::GET, &base).unwrap();
        for name in ["authorization", "cookie", "proxy-authorization"] {
            let headers = request.headers_mut();
            headers.insert(name, "hush".parse().unwrap());
        }
        assert_hidden("Request", &request);
        request.url_mut().set_path("/changed");
        assert_hidden("changed Request", &request);
    }
}

#[dual]
#[form_test]
async fn responses_and_what_they_lead_to_show_no_secret() {
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            let reply = match head.target.as_str() {
                "/switch" => {
                    wire.send(
                        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhush",
                    )?;
                    continue;
                }
                "/redirect" => Reply::redirect(302, "/end"),
                _ => Reply::chunked(["ok\n", "hush"]),
            };
            let reply = reply.header("set-cookie", "s=hush");
            reply.send(wire, false)?;
        }
        Ok(())
    });
    let client = secretive();
    for userinfo in USERINFO {
        let url = |path: &str| format!("http://{userinfo}@{}{path}", server.address());
        let attempt = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&attempt);
        let request = client.get(url("/redirect")).redirect_policy(move |asked| {
            *seen.lock().unwrap() = format!("{asked:?} {asked:#?}");
            let action = asked.follow();
            seen.lock().unwrap().push_str(&format!("{action:?}"));
            action
        });
        let mut response = request.send().await.unwrap();
        let attempt = attempt.lock().unwrap().clone();
        assert!(
            !attempt.is_empty() && !attempt.contains(SECRET),
            "{attempt}"
        );
        assert_hidden("Response", &response);
        assert_hidden("history", &response.history());
        assert_hidden("its request", response.request());
        let mut lines = response.iter_lines();
        lines.next().await.unwrap().unwrap();
        assert_hidden("Iter", &lines);
        drop(lines);
        drop(response);

        let request = client
            .get(url("/switch"))
            .header("connection", "upgrade")
            .header("upgrade", "x");
        let response = request.send().await.unwrap();
        let upgraded = response.upgrade().await.unwrap();
        assert_hidden("Upgraded", &upgraded);
    }
    assert_hidden("Client", &client);
}

#[dual]
#[form_test]
async fn errors_before_sending_show_no_secret() {
    let client = client();
    for userinfo in USERINFO {
        for rest in ["exa mple/", "[::1", "h:99999/", ":80/", "", "h%zz/"] {
            for scheme in ["http://", "ftp://", "//", "", "http:/", "http:\\\\"] {
                let url = format!("{scheme}{userinfo}@{rest}");
                if let Err(error) = client.get(&url).build() {
                    assert_error_hides(&url, &error);
                }
                if let Err(error) = builder().base_url(&url).build() {
                    assert_error_hides(&url, &error);
                }
                if let Err(error) = Request::new(Method::GET, &url) {
                    assert_error_hides(&url, &error);
                }
            }
        }
    }
    let get = || client.get("http://h.test/");
    for (what, request) in [
        ("authorization", get().header("authorization", "hush\n")),
        ("padded", get().header("authorization", " hush ")),
        ("cookie field", get().header("cookie", "a=hush\0")),
        ("cookie", get().cookie("c", "hush\r\n")),
        ("cookie's name", get().cookie("c;\n", "hush")),
    ] {
        assert_hidden(what, &request);
        let error = request.send().await.unwrap_err();
        assert_error_hides(what, &error);
    }
    for (what, builder) in [
        ("header", builder().header("authorization", "hush\n")),
        ("padded", builder().header("authorization", " hush ")),
        ("cookie", builder().cookie("c", "hush\n")),
    ] {
        assert_hidden(what, &builder);
        assert_error_hides(what, &builder.build().unwrap_err());
    }
}

#[dual]
#[form_test]
async fn errors_of_sending_and_redirects_show_no_secret() {
    let server = Server::http(|request| {
        let to = |location: &str| Reply::redirect(302, location);
        match request.target.as_str() {
            "/oops" => to("http://user:hush@[oops/"),
            "/port" => to("http://hush@h.test:99999/"),
            "/ftp" => to("ftp://user:hush@h.test/"),
            "/slashes" => to("//hush@[oops/"),
            "/control" => to("http://user:hush@h.test/\u{1}"),
            "/loop" => to("/loop"),
            "/404" => Reply::status(404).header("set-cookie", "s=hush"),
            _ => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhush").closing(),
        }
    });
    let client = secretive();
    for userinfo in USERINFO {
        let url = |path: &str| format!("http://{userinfo}@{}{path}", server.address());
        for path in ["/oops", "/port", "/ftp", "/slashes", "/control", "/loop"] {
            let error = client.get(url(path)).send().await.unwrap_err();
            assert_error_hides(path, &error);
        }
        let strict = client
            .get(url("/loop"))
            .redirect_policy(|attempt| attempt.error("not there"));
        assert_error_hides("policy", &strict.send().await.unwrap_err());
        let response = client.get(url("/404")).send().await.unwrap();
        assert_error_hides("raise", &response.raise_for_status().map(drop).unwrap_err());
        let error = response.error_for_status().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HttpStatus);
        assert_error_hides("status", &error);
        let response = client.get(url("/cut")).send().await.unwrap();
        assert_error_hides("body", &response.bytes().await.unwrap_err());
        let nobody = format!("http://{userinfo}@{}/", refused());
        let request = client.post(nobody).cookie("c", "hush").body("hush");
        assert_error_hides("refused", &request.send().await.unwrap_err());
    }
}
