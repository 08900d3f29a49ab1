//! User and password in URLs: decoded once, sent to their host, and seen nowhere else.

use std::sync::{Arc, Mutex};

use dimorph::{ErrorKind, Resolve, Resolving};
use sync_tests::certs::{sniff, tls};
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, builder_to, client_to, refused};
use super::form::Client;
use super::{authorizations, basic, dual, form_test};

/// What stands in every secret of these tests.
const SECRET: &str = "hush";

#[dual]
#[form_test]
async fn userinfo_of_a_base_url_is_that_of_its_requests_alone() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder_to(&server)
        .base_url("http://user:p%40ss@a.test/api/")
        .build()
        .unwrap();
    for url in ["path", "http://a.test/", "http://b.test/"] {
        client.get(url).send().await.unwrap();
    }
    let user = basic("user", "p@ss");
    assert_eq!(authorizations(&server), [&*user, "-", "-"]);
}

#[dual]
#[form_test]
async fn red_15_userinfo_of_a_location_is_nobodys_credentials() {
    for location in [
        "http://user:hush@b.test/x",
        "http://user:hush@a.test/x",
        "//user:hush@b.test/x",
        "http://hush@b.test/x",
        "http://:hush@b.test/x",
    ] {
        let server = Server::http(move |request| match request.target.as_str() {
            "/" => Reply::redirect(302, location),
            _ => Reply::ok("end"),
        });
        let client = client_to(&server);
        let response = client.get("http://a.test/").send().await.unwrap();
        assert_eq!(response.url().username(), "", "{location}");
        assert_eq!(response.url().password(), None, "{location}");
        assert_eq!(authorizations(&server), ["-", "-"], "{location}");
        let last = server.requests().pop().unwrap();
        let head = String::from_utf8(last.head).unwrap();
        assert!(!head.contains(SECRET), "{head}");
    }
}

/// Notes the names that are looked up.
struct Names(LookedUp, std::net::SocketAddr);

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        self.0.lock().unwrap().push(host.to_owned());
        Box::pin(std::future::ready(Ok(vec![self.1])))
    }
}

/// The names that were looked up.
type LookedUp = Arc<Mutex<Vec<String>>>;

/// A client that notes looked-up names and events.
fn noting(to: std::net::SocketAddr) -> (Client, LookedUp, Arc<Mutex<String>>) {
    let (names, events) = (Arc::default(), Arc::new(Mutex::new(String::new())));
    let told = Arc::clone(&events);
    let client = builder()
        .resolver(Names(Arc::clone(&names), to))
        .on_event(move |event| {
            let text = format!("{event:?} {event:#?} {}\n", event.url());
            told.lock().unwrap().push_str(&text);
        })
        .build()
        .unwrap();
    (client, names, events)
}

#[dual]
#[form_test]
async fn aut_06_userinfo_is_decoded_once_and_is_no_part_of_the_host() {
    let server = Server::answering(sniff(), |_| Reply::ok("ok"));
    for (userinfo, user, password) in [
        ("user:p%40ss%3Ahush", "user", "p@ss:hush"),
        ("user:hush%2540", "user", "hush%40"),
        ("us%40er:hush%2Fhush", "us@er", "hush/hush"),
        ("b.test:hush", "b.test", "hush"),
        ("user:hush@b.test", "user", "hush@b.test"),
        ("user:h%C3%BCsh-hush", "user", "hüsh-hush"),
        ("user:hush+%2B", "user", "hush++"),
        ("hush", "hush", ""),
        (":hush", "", "hush"),
        ("hush:", "hush", ""),
    ] {
        for scheme in ["http", "https"] {
            let (client, names, events) = noting(server.address());
            let url = format!("{scheme}://{userinfo}@a.test/path");
            let request = client.get(&url);
            assert!(!format!("{request:?}").contains(SECRET), "{url}");
            let response = request.send().await.unwrap();
            let seen = server.requests().pop().unwrap();
            let sent = seen.header("authorization").map(str::to_owned);
            assert_eq!(sent, Some(basic(user, password)), "{url}");
            assert_eq!(seen.header("host"), Some("a.test"), "{url}");
            assert_eq!(seen.target, "/path", "{url}");
            assert_eq!(*names.lock().unwrap(), ["a.test"], "{url}");
            let sni = seen.server_name.as_deref();
            assert_eq!(sni, (scheme == "https").then_some("a.test"), "{url}");
            let text = format!("{response:?} {:?} {client:?}", response.request());
            assert!(!text.contains(SECRET), "{text}");
            let told = events.lock().unwrap().clone();
            assert!(told.contains("a.test") && !told.contains(SECRET), "{told}");
        }
    }
}

#[dual]
#[form_test]
async fn aut_06_errors_say_nothing_of_userinfo() {
    let wrong_host = Server::answering(tls(), |_| Reply::ok("ok"));
    let cut = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-le")
    });
    for (url, to, kind) in [
        (
            "http://user:hush@a.test/",
            refused(),
            ErrorKind::ConnectError,
        ),
        (
            "https://user:hush@not-in-the-certificate.test/",
            wrong_host.address(),
            ErrorKind::ConnectError,
        ),
        (
            "http://user:hush@a.test/",
            cut.address(),
            ErrorKind::RemoteProtocolError,
        ),
        (
            "http://user:hush%FF@a.test/",
            refused(),
            ErrorKind::InvalidUrl,
        ),
    ] {
        let (client, names, events) = noting(to);
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let mut text = format!("{error} {error:?} {error:#?} {:?}", error.request());
        text += error.url().unwrap().as_str();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            text += &format!("{inner} {inner:?}");
            source = inner.source();
        }
        text += &format!("{:?} {}", names.lock().unwrap(), events.lock().unwrap());
        assert!(!text.contains(SECRET), "{text}");
        assert_at_rest(&client).await;
    }
}
