//! Which way a request goes: transports for patterns, ways past every proxy, and the environment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dimorph::{ErrorKind, Request};
use serde_json::{Value, json};
use sync_tests::certs::sniff;
use sync_tests::peers::Folder;
use sync_tests::{Reply, Server};

use super::common::builder;
use super::form::{Client, ClientBuilder, Response, Transport};
use super::form_util::{Answering, Closing};
use super::recorders::{DIRECT, Field, Recorder, builder_of, under, who};
use super::{dual, form_test};

/// A transport that answers with its name.
fn named(name: &str) -> Box<dyn Transport> {
    let name = name.to_owned();
    Box::new(Answering(move |_: Request| {
        Ok(Response::from(http::Response::new(name.clone())))
    }))
}

fn mounted(patterns: &[&str]) -> Client {
    let begun = Client::builder().trust_env(false);
    let builder = patterns.iter().fold(begun, |builder, pattern| {
        builder.mount(pattern, named(pattern))
    });
    builder.build().unwrap()
}

#[dual]
#[form_test]
async fn the_most_special_pattern_decides_whatever_the_order() {
    let mut patterns = [
        "all://",
        "http",
        "https://",
        "all://*.example.org",
        "all://*.deep.example.org",
        "https://*.example.org",
        "all://*example.com",
        "http://example.com:81",
        "all://example.com:81",
        "all://www.example.com",
        "all://[::1]",
        "all://10.0.0.1",
        "all://bücher.de",
        "all://*:8080",
    ];
    let table = [
        ("http://other.test/", "http"),
        ("https://other.test/", "https://"),
        ("http://other.test:8080/", "all://*:8080"),
        ("http://example.org/", "http"),
        ("http://a.example.org/", "all://*.example.org"),
        ("http://a.example.org:8080/", "all://*.example.org"),
        ("https://a.example.org/", "https://*.example.org"),
        ("https://a.deep.example.org:99/", "all://*.deep.example.org"),
        ("http://notexample.org/", "http"),
        ("http://example.org.evil/", "http"),
        ("http://example.com/", "all://*example.com"),
        ("http://a.example.com/", "all://*example.com"),
        ("http://notexample.com/", "http"),
        ("http://EXAMPLE.com./", "all://*example.com"),
        ("http://example.com:81/", "http://example.com:81"),
        ("https://example.com:81/", "all://example.com:81"),
        ("https://www.example.com/", "all://www.example.com"),
        ("https://www.example.com:81/", "all://www.example.com"),
        ("http://[0:0::1]:81/", "all://[::1]"),
        ("http://10.1/", "all://10.0.0.1"),
        ("https://xn--bcher-kva.de/", "all://bücher.de"),
    ];
    for _ in 0..2 {
        let client = mounted(&patterns);
        for (url, expected) in table {
            let answer = who(&client, url).await;
            assert_eq!(answer, expected, "{url}");
        }
        patterns.reverse();
    }
}

#[dual]
#[form_test]
async fn the_last_of_two_transports_for_one_pattern_is_taken() {
    let client = Client::builder()
        .trust_env(false)
        .mount("http://a.test", named("first"))
        .mount("HTTP://A.test:", named("second"))
        .build()
        .unwrap();
    let answer = who(&client, "http://a.test/").await;
    assert_eq!(answer, "second");
}

#[dual]
#[form_test]
async fn patterns_that_say_nothing_clear_are_errors_of_build() {
    let bad: [fn(ClientBuilder, &str) -> ClientBuilder; 3] = [
        |builder, pattern| builder.mount(pattern, named("x")),
        |builder, pattern| builder.mount_direct(pattern),
        |builder, pattern| builder.proxies([(pattern, "http://p.test")]),
    ];
    for pattern in [
        "example.com",
        "ftp://example.com",
        "http://example.com/path",
        "http://example.com?q",
        "http://user:hush@example.com",
        "http://example.com:x",
        "http://example.com:99999",
        "http://a.*.com",
        "http://::1",
        "http://exa mple.com",
    ] {
        for add in bad {
            let error = add(builder(), pattern).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Builder, "{pattern}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }
}

#[dual]
#[form_test]
async fn transports_proxies_and_ways_past_them_go_together() {
    let url = "http://direct.test/";
    let field = Field::new(["http://p:1", "http://q:2"]);
    let names = field.names([url]);
    let begin = || builder_of(&names).trust_env(false);
    let table = [
        ("http://direct.test/", DIRECT),
        ("https://direct.test/", DIRECT),
        ("http://own.test/", "own"),
        ("https://own.test/", "own"),
        ("http://a.test/", "http://p:1"),
        ("https://a.test/", "http://p:1"),
        ("http://a.q.test/", "http://q:2"),
    ];
    let client = begin()
        .proxy(field.url("http://p:1"))
        .proxies([("all://*.q.test", field.url("http://q:2"))])
        .mount_direct("all://direct.test")
        .mount("all://own.test", named("own"))
        .build()
        .unwrap();
    for (url, expected) in table {
        let answer = who(&client, url).await;
        assert_eq!(answer, expected, "{url}");
    }
    // A transport for everything takes the network's place, not that of patterns.
    let client = begin()
        .transport(named("everything"))
        .proxies([("all://a.test", field.url("http://p:1"))])
        .mount("all://own.test", named("own"))
        .mount_direct("all://direct.test")
        .build()
        .unwrap();
    for (url, expected) in [
        ("http://other.test/", "everything"),
        ("http://own.test/", "own"),
        ("http://a.test/", "http://p:1"),
        ("http://direct.test/", "everything"),
    ] {
        let answer = who(&client, url).await;
        assert_eq!(answer, expected, "{url}");
    }
    // `no_proxy` takes the proxies away, and nothing else.
    let client = begin()
        .proxy(field.url("http://p:1"))
        .mount("all://own.test", named("own"))
        .no_proxy()
        .build()
        .unwrap();
    for (url, expected) in [("http://direct.test/", DIRECT), ("http://own.test/", "own")] {
        let answer = who(&client, url).await;
        assert_eq!(answer, expected, "{url}");
    }
    let client = begin().no_proxy().proxy(field.url("http://q:2"));
    let answer = who(&client.build().unwrap(), url).await;
    assert_eq!(answer, "http://q:2");
}

#[dual]
#[form_test]
async fn a_redirect_leads_from_a_transport_through_a_proxy_to_the_network() {
    let server = Server::http(|_| Reply::ok("end"));
    let recorder = Recorder::start("http://p:1");
    let end = server.url("/end");
    let redirecting = Answering(move |request: Request| {
        let mut made = http::Response::new("");
        *made.status_mut() = dimorph::StatusCode::FOUND;
        let to = match request.url().path() {
            "/direct" => &*end,
            _ => "http://proxied.test/",
        };
        let headers = made.headers_mut();
        headers.insert("location", to.parse().unwrap());
        Ok(Response::from(made))
    });
    let client = builder()
        .mount("all://own.test", redirecting)
        .proxies([("all://proxied.test", recorder.url("127.0.0.1"))])
        .build()
        .unwrap();
    let answer = who(&client, "http://own.test/direct").await;
    assert_eq!(answer, "end");
    let answer = who(&client, "http://own.test/proxied").await;
    assert_eq!(answer, "http://p:1");
}

#[dual]
#[form_test]
async fn transports_are_closed_with_their_client_once() {
    for drops in [false, true] {
        let closed = Arc::new(AtomicUsize::new(0));
        let transport = || {
            let answer = |_: Request| Ok(Response::from(http::Response::new("own")));
            Closing(answer, Arc::clone(&closed))
        };
        let client = Client::builder()
            .trust_env(false)
            .transport(transport())
            .mount("all://a.test", transport())
            .mount("all://b.test", transport())
            .build()
            .unwrap();
        let clone = client.clone();
        drop(clone);
        let answer = who(&client, "http://a.test/").await;
        assert_eq!((answer, closed.load(Ordering::SeqCst)), (json!("own"), 0));
        if !drops {
            client.close().await;
            assert_eq!(closed.load(Ordering::SeqCst), 3);
            client.close().await;
            for url in ["http://a.test/", "http://other.test/"] {
                let error = client.get(url).send().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ClientClosed);
            }
        }
        drop(client);
        assert_eq!(closed.load(Ordering::SeqCst), 3);
    }
}

fn set(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |text: &str| text.to_owned();
    pairs.iter().map(|(n, v)| (own(n), own(v))).collect()
}

#[test]
fn the_environment_is_believed_unless_the_client_is_told_otherwise() {
    let field = Field::new(["http://env:1"]);
    let urls = ["http://a.test/", "https://a.test/", "http://direct.test/"];
    let env = set(&[("ALL_PROXY", &field.url("http://env:1"))]);
    let names = field.names(urls);
    for (client, expected) in [
        ("builder", ["http://env:1", "http://env:1", "http://env:1"]),
        ("trust_env(false)", [DIRECT, DIRECT, DIRECT]),
        ("no_proxy()", [DIRECT, DIRECT, DIRECT]),
        ("mount_direct", ["http://env:1", "http://env:1", DIRECT]),
    ] {
        let answers = under(&env, client, &names, &urls);
        for (url, expected) in urls.iter().zip(expected) {
            assert_eq!(answers[*url], expected, "{client} {url}");
        }
    }
    // A proxy of the client's own replaces those of the environment, for every URL and past NO_PROXY.
    let own = Recorder::start("http://own:1");
    let mut names = vec![["own.test".to_owned(), own.address().to_string()]];
    names.extend(field.names(urls));
    let mut env = env;
    env.push(("NO_PROXY".to_owned(), "direct.test".to_owned()));
    let answers = under(&env, "proxy", &names, &urls);
    for url in urls {
        assert_eq!(answers[url], "http://own:1", "{url}");
    }
}

#[test]
fn client_new_believes_the_environment() {
    let server = Server::http(|_| Reply::ok(DIRECT));
    let recorder = Recorder::start("http://env:1");
    let url = &*server.url("/");
    let proxy = recorder.url("127.0.0.1");
    let answers = under(&set(&[("HTTP_PROXY", &proxy)]), "new", &[], &[url]);
    assert_eq!(answers[url], "http://env:1");
    let past = [("HTTP_PROXY", &*proxy), ("NO_PROXY", "127.0.0.0/8")];
    let answers = under(&set(&past), "new", &[], &[url]);
    assert_eq!(answers[url], DIRECT);
}

#[test]
fn under_cgi_the_variable_that_a_request_can_set_is_ignored() {
    let field = Field::new(["http://env:1"]);
    let proxy = field.url("http://env:1");
    let urls = ["http://a.test/", "https://a.test/"];
    let cgi = ("REQUEST_METHOD", "GET");
    for (variable, expected) in [
        (("HTTP_PROXY", &*proxy), [DIRECT, DIRECT]),
        // No header of a request becomes these.
        (("http_proxy", &*proxy), ["http://env:1", DIRECT]),
        (("HTTPS_PROXY", &*proxy), [DIRECT, "http://env:1"]),
        (("ALL_PROXY", &*proxy), ["http://env:1", "http://env:1"]),
    ] {
        let env = set(&[cgi, variable]);
        let answers = under(&env, "builder", &field.names(urls), &urls);
        for (url, expected) in urls.iter().zip(expected) {
            assert_eq!(answers[*url], expected, "{variable:?} {url}");
        }
    }
}

#[test]
fn a_unix_socket_goes_past_the_proxies_of_the_environment() {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let server = Server::unix(&path, |_| Reply::ok("unix"));
    let recorder = Recorder::start("http://env:1");
    let env = set(&[("ALL_PROXY", &recorder.url("127.0.0.1"))]);
    let names = [["unused".to_owned(), path.to_str().unwrap().to_owned()]];
    let url = "http://a.test/";
    let answers = under(&env, "unix_socket", &names, &[url]);
    assert_eq!(answers[url], "unix");
    assert_eq!(server.requests()[0].target, "/");
}

#[test]
fn a_malformed_proxy_of_the_environment_is_an_error_and_never_a_direct_connection() {
    let server = Server::answering(sniff(), |_| Reply::ok(DIRECT));
    let urls = [server.url("/"), server.https("/")];
    let urls = urls.each_ref().map(String::as_str);
    for value in [
        "http://[oops",
        "http://",
        "http:///path",
        "http://user:hush@",
        "http://user:hush@p:99999",
        "http://user:hu sh@p:x",
        "http://user:hush/@p",
        "user:hush@[oops",
        "ftp://user:hush@p",
        "socks4://user:hush@p",
        "socks5://user@p",
    ] {
        for variable in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
            let env = set(&[(variable, value)]);
            let refused = |answer: &Value, what: &str| {
                assert_eq!(answer[what], "Builder", "{variable}={value}: {answer}");
                let shown = answer["shown"].as_str().unwrap();
                assert!(shown.contains(variable), "{value}: {shown}");
                assert!(
                    !shown.contains("hush") && !shown.contains("hu sh"),
                    "{shown}"
                );
            };
            refused(&under(&env, "builder", &[], &urls), "build");
            let answers = under(&env, "new", &[], &urls);
            for url in urls {
                refused(&answers[url], "error");
            }
            let answers = under(&env, "trust_env(false)", &[], &urls);
            assert_eq!(answers[urls[0]], DIRECT);
        }
    }
    assert_eq!(server.requests().len(), 11 * 3 * 2);
}

#[test]
fn prx_10_no_proxy_is_compared_by_labels_addresses_and_ports() {
    let list = ".example.test, 10.0.0.0/8,[::1],localhost,*.x,host.test:8080,2001:db8::/32";
    let table = [
        ("http://notexample.test/", false),
        ("http://example.test.evil/", false),
        ("http://EXAMPLE.test./", true),
        ("https://a.EXAMPLE.test./", true),
        ("http://10.20.30.40/", true),
        ("http://11.0.0.1/", false),
        ("http://10.example.org/", false),
        ("http://[::1]/", true),
        ("http://[::2]/", false),
        ("http://[2001:db8::5]:81/", true),
        ("http://LOCALHOST/", true),
        ("http://notlocalhost/", false),
        ("http://a.x/", true),
        ("http://x/", false),
        ("http://host.test:8080/", true),
        ("http://host.test/", false),
    ];
    let field = Field::new(["http://env:1"]);
    let urls = table.map(|(url, _)| url);
    let env = [
        ("ALL_PROXY", &*field.url("http://env:1")),
        ("NO_PROXY", list),
    ];
    let answers = under(&set(&env), "builder", &field.names(urls), &urls);
    for (url, direct) in table {
        let expected = if direct { DIRECT } else { "http://env:1" };
        assert_eq!(answers[url], expected, "{url}");
    }
    let zones = ["http://[::1%25.example.test]/", "http://[fe80::1%25eth0]/"];
    let answers = under(&set(&env), "builder", &field.names([]), &zones);
    for url in zones {
        assert_eq!(answers[url]["error"], "InvalidUrl", "{url}");
    }
}
