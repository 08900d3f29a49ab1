//! What a listener hears, step by step.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dimorph::{DigestAuth, Event, EventKind, Timeout};
use sync_tests::certs::tls;
use sync_tests::{DigestServer, Proxy, Reply, Server, Socks};

use super::super::common::{builder, ms, refused};
use super::super::form::{Client, ClientBuilder};
use super::super::{dual, form_test};

/// One event, as it was heard.
#[derive(Debug, Clone)]
struct Heard {
    call: u64,
    name: &'static str,
    what: String,
    elapsed: Duration,
    took: Option<Duration>,
}

#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<Heard>>>);

impl Ear {
    fn listen(&self, builder: ClientBuilder) -> ClientBuilder {
        let ear = self.clone();
        builder.on_event(move |event| ear.hear(event))
    }

    fn hear(&self, event: &Event<'_>) {
        let (took, detail) = match event.kind() {
            EventKind::ConnectionAcquired { reused, took, .. } => {
                (Some(*took), format!("{reused}"))
            }
            EventKind::Resolved {
                addresses, took, ..
            } => (Some(*took), format!("{addresses}")),
            EventKind::Connected {
                remote_addr, took, ..
            } => (Some(*took), format!("{}", remote_addr.unwrap())),
            EventKind::TunnelOpened { proxy, took, .. } => (Some(*took), format!("{proxy}")),
            EventKind::TlsEstablished {
                server_name, took, ..
            } => (Some(*took), (*server_name).to_owned()),
            EventKind::ResponseStarted {
                status,
                version,
                took,
                ..
            } => (Some(*took), format!("{} {version:?}", status.as_u16())),
            EventKind::Informational {
                status, headers, ..
            } => (
                None,
                format!("{} {:?}", status.as_u16(), headers.get("link")),
            ),
            EventKind::ResponseCompleted { bytes, took, .. } => (Some(*took), format!("{bytes}")),
            EventKind::Failed { error, .. } => (None, format!("{:?}", error.kind())),
            _ => (None, format!("{} {}", event.method(), event.url())),
        };
        self.0.lock().unwrap().push(Heard {
            call: event.call(),
            name: event.kind().name(),
            what: detail,
            elapsed: event.elapsed(),
            took,
        });
    }

    /// What was heard of one call that began at `begun`: checked, and emptied.
    fn take(&self, begun: Instant) -> Vec<Heard> {
        let whole = begun.elapsed();
        let heard = std::mem::take(&mut *self.0.lock().unwrap());
        let first = heard.first().expect("a call is heard of");
        for event in &heard {
            assert_eq!(event.call, first.call);
            assert!(event.elapsed <= whole, "{event:?} of {whole:?}");
            // A step ends when it is told of, and began after the call did.
            assert!(
                event.took.is_none_or(|took| took <= event.elapsed),
                "{event:?}"
            );
        }
        for pair in heard.windows(2) {
            assert!(pair[0].elapsed <= pair[1].elapsed, "{pair:?}");
        }
        // Steps follow each other: together they took no longer than the call. The head's wait lies beside its interim responses only.
        let sum: Duration = heard.iter().filter_map(|event| event.took).sum();
        assert!(sum <= whole, "{sum:?} of {whole:?}: {heard:?}");
        heard
    }

    fn names(&self, begun: Instant) -> Vec<&'static str> {
        self.take(begun).iter().map(|event| event.name).collect()
    }
}

fn client(ear: &Ear) -> Client {
    ear.listen(builder()).build().unwrap()
}

/// Sends, reads the body where there is one, and names what was heard.
#[dual]
async fn names(ear: &Ear, client: &Client, url: &str) -> Vec<&'static str> {
    let begun = Instant::now();
    if let Ok(response) = client.get(url).send().await {
        let _ = response.bytes().await;
    }
    ear.names(begun)
}

const DIALLED: [&str; 4] = [
    "request.started",
    "pool.acquired",
    "connection.resolved",
    "connection.connected",
];
const ANSWERED: [&str; 2] = ["response.started", "response.completed"];
const REUSED: [&str; 4] = [
    "request.started",
    "pool.acquired",
    "response.started",
    "response.completed",
];

#[dual]
#[form_test]
async fn a_plain_request_and_one_on_a_kept_connection_are_heard_of() {
    let server = Server::http(|request| match request.target.as_str() {
        "/chunked" => Reply::chunked(["a", "b"]),
        _ => Reply::ok("ok"),
    });
    let ear = Ear::default();
    let client = client(&ear);
    let begun = Instant::now();
    let response = client.get(server.url("/")).send().await.unwrap();
    response.bytes().await.unwrap();
    let heard = ear.take(begun);
    let names: Vec<_> = heard.iter().map(|event| event.name).collect();
    assert_eq!(names, [&DIALLED[..], &ANSWERED].concat());
    let what: Vec<_> = heard.iter().map(|event| event.what.as_str()).collect();
    let (url, address) = (server.url("/"), server.address().to_string());
    let get = format!("GET {url}");
    assert_eq!(what, [&get, "false", "1", &address, "200 HTTP/1.1", "2"]);

    let begun = Instant::now();
    let response = client.get(server.url("/chunked")).send().await.unwrap();
    response.bytes().await.unwrap();
    let heard = ear.take(begun);
    let names: Vec<_> = heard.iter().map(|event| event.name).collect();
    assert_eq!(names, REUSED);
    assert_eq!((&*heard[1].what, &*heard[3].what), ("true", "2"));
}

#[dual]
#[form_test]
async fn each_call_has_a_number_and_no_url_shows_userinfo() {
    let server = Server::http(|_| Reply::ok("ok"));
    let ear = Ear::default();
    let client = client(&ear);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let url = format!("http://tom:mot123@{}/", server.address());
        let begun = Instant::now();
        client.get(url).send().await.unwrap();
        let heard = ear.take(begun);
        assert_eq!(heard[0].what, format!("GET {}", server.url("/")));
        calls.push(heard[0].call);
    }
    assert!(calls.windows(2).all(|pair| pair[0] < pair[1]), "{calls:?}");
}

#[dual]
#[form_test]
async fn a_handshake_is_heard_of() {
    let server = Server::answering(tls(), |_| Reply::ok("ok"));
    let ear = Ear::default();
    let client = ear
        .listen(builder())
        .resolve("example.org", [server.address()])
        .build()
        .unwrap();
    let begun = Instant::now();
    let response = client.get("https://example.org/").send().await.unwrap();
    response.bytes().await.unwrap();
    let heard = ear.take(begun);
    let names: Vec<_> = heard.iter().map(|event| event.name).collect();
    let expected = [&DIALLED[..], &["connection.tls_established"], &ANSWERED].concat();
    assert_eq!(names, expected);
    assert_eq!(heard[4].what, "example.org");
}

#[dual]
#[form_test]
async fn a_retry_on_a_fresh_connection_is_heard_of() {
    // Each connection answers once, and closes when it is asked again.
    let server = Server::wire(|wire| {
        wire.read_head()?;
        Reply::ok("ok").send(wire, false)?;
        wire.read_head()?;
        Ok(())
    });
    let ear = Ear::default();
    let client = client(&ear);
    names(&ear, &client, &server.url("/")).await;
    let heard = names(&ear, &client, &server.url("/")).await;
    let expected = [
        "request.started",
        "pool.acquired",
        "request.retried",
        "connection.resolved",
        "connection.connected",
        "response.started",
        "response.completed",
    ];
    assert_eq!(heard, expected);
}

#[dual]
#[form_test]
async fn redirects_and_steps_of_an_authentication_are_heard_of_one_by_one() {
    let server = Server::http(|request| match request.target.as_str() {
        "/start" => Reply::redirect(302, "/end"),
        _ => Reply::ok("ok"),
    });
    let ear = Ear::default();
    let client = client(&ear);
    let begun = Instant::now();
    client.get(server.url("/start")).send().await.unwrap();
    let heard = ear.take(begun);
    let names: Vec<_> = heard.iter().map(|event| event.name).collect();
    assert_eq!(names, [&DIALLED[..], &ANSWERED, &REUSED].concat());
    assert_eq!(heard[6].what, format!("GET {}", server.url("/end")));

    let digest = DigestServer::builder("tom", "mot123").start();
    let request = client.get(digest.url("/"));
    let begun = Instant::now();
    let auth = DigestAuth::new("tom", "mot123");
    request.auth(auth).send().await.unwrap();
    let heard = ear.names(begun);
    assert_eq!(heard, [&DIALLED[..], &ANSWERED, &REUSED].concat());
}

#[dual]
#[form_test]
async fn interim_responses_are_seen_with_their_fields() {
    let server = Server::wire(|wire| {
        while wire.read_head()?.is_some() {
            wire.send(
                "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n\
                 HTTP/1.1 102 Processing\r\n\r\n",
            )?;
            Reply::ok("final").send(wire, false)?;
        }
        Ok(())
    });
    let ear = Ear::default();
    let client = client(&ear);
    let begun = Instant::now();
    client.get(server.url("/")).send().await.unwrap();
    let heard = ear.take(begun);
    let interim: Vec<_> = heard
        .iter()
        .filter(|event| event.name == "response.informational")
        .map(|event| event.what.as_str())
        .collect();
    assert_eq!(
        interim,
        ["103 Some(\"</style.css>; rel=preload\")", "102 None"]
    );
    let names: Vec<_> = heard[4..].iter().map(|event| event.name).collect();
    assert_eq!(
        names,
        [
            "response.informational",
            "response.informational",
            "response.started",
            "response.completed"
        ]
    );
}

#[dual]
#[form_test]
async fn proxies_are_heard_of_as_what_they_do() {
    let origin = Server::answering(sync_tests::certs::sniff(), |_| Reply::ok("ok"));
    let proxy = Proxy::builder()
        .route_all(origin.address())
        .credentials("tom", "mot123")
        .start();
    let ear = Ear::default();
    let through = |url: String| ear.listen(builder()).proxy(url).build().unwrap();
    let client = through(proxy.url_as("tom:mot123"));

    // Forwarded: the connection is the proxy's.
    let begun = Instant::now();
    client.get("http://example.org/").send().await.unwrap();
    let heard = ear.take(begun);
    let names: Vec<_> = heard.iter().map(|event| event.name).collect();
    assert_eq!(names, [&DIALLED[..], &ANSWERED].concat());
    assert_eq!(heard[3].what, proxy.address().to_string());

    let begun = Instant::now();
    client.get("https://example.org/").send().await.unwrap();
    let heard = ear.take(begun);
    let tunnelled = [
        &DIALLED[..],
        &["proxy.tunnel_opened", "connection.tls_established"],
        &ANSWERED,
    ]
    .concat();
    let names: Vec<_> = heard.iter().map(|event| event.name).collect();
    assert_eq!(names, tunnelled);
    // Without the proxy's credentials.
    assert_eq!(heard[4].what, format!("{}/", proxy.url()));
    assert_eq!(heard[5].what, "example.org");

    let secure = Proxy::builder()
        .tls(tls())
        .route_all(origin.address())
        .start();
    let client = through(format!("https://127.0.0.1:{}", secure.address().port()));
    let begun = Instant::now();
    client.get("https://example.org/").send().await.unwrap();
    let heard = ear.take(begun);
    let handshakes: Vec<_> = heard
        .iter()
        .filter(|event| event.name == "connection.tls_established")
        .map(|event| event.what.as_str())
        .collect();
    assert_eq!(handshakes, ["127.0.0.1", "example.org"]);
    let at = |name: &str| heard.iter().position(|event| event.name == name).unwrap();
    assert!(at("connection.tls_established") < at("proxy.tunnel_opened"));

    let socks = Socks::builder().route_all(origin.address()).start();
    let client = through(socks.url_h());
    let heard = self::names(&ear, &client, "http://example.org/").await;
    assert_eq!(
        heard,
        [&DIALLED[..], &["proxy.tunnel_opened"], &ANSWERED].concat()
    );

    let refusing = Proxy::builder()
        .answer_connect("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        .start();
    let client = through(refusing.url());
    let heard = self::names(&ear, &client, "https://example.org/").await;
    assert_eq!(heard, [&DIALLED[..], &["request.failed"]].concat());
}

#[dual]
#[form_test]
async fn a_failure_is_heard_of_once_and_last() {
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            match head.target.as_str() {
                "/silent" => {
                    wire.drain(Duration::from_secs(5));
                }
                "/bad" => wire.send("nonsense\r\n\r\n")?,
                "/cut" => {
                    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort")?;
                    return Ok(());
                }
                "/loop" => {
                    Reply::redirect(302, "/loop").send(wire, false)?;
                }
                "/ftp" => {
                    Reply::redirect(302, "ftp://a.test/").send(wire, false)?;
                }
                _ => {}
            }
        }
        Ok(())
    });
    let ear = Ear::default();
    let timeout = Timeout::new(Duration::from_secs(5)).read(ms(100));
    let client = ear
        .listen(builder())
        .timeout(timeout)
        .max_redirects(2)
        .build()
        .unwrap();
    let nobody = format!("http://{}/", refused());
    for (url, kind) in [
        (nobody, "ConnectError"),
        (server.url("/silent"), "ReadTimeout"),
        (server.url("/bad"), "RemoteProtocolError"),
        (server.url("/cut"), "RemoteProtocolError"),
        (server.url("/loop"), "TooManyRedirects"),
        (server.url("/ftp"), "UnsupportedProtocol"),
    ] {
        let begun = Instant::now();
        if let Ok(response) = client.get(&url).send().await {
            response.bytes().await.unwrap_err();
        }
        let heard = ear.take(begun);
        let failures: Vec<_> = heard
            .iter()
            .filter(|event| event.name == "request.failed")
            .map(|event| event.what.as_str())
            .collect();
        assert_eq!(failures, [kind], "{url}");
        assert_eq!(heard.last().unwrap().name, "request.failed", "{url}");
    }
}
