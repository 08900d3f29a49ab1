//! The feature `tracing`: what a collector sees of requests, by OpenTelemetry's names, and that it sees no secret.

#![allow(clippy::unwrap_used, reason = "a failing test should be loud")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sync_tests::{Reply, Server};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Whatever has this in it is secret.
const SECRET: &str = "hush";

#[derive(Debug, Clone)]
struct Span {
    name: &'static str,
    level: Level,
    target: String,
    fields: BTreeMap<&'static str, String>,
    /// The messages of its events, in their order.
    events: Vec<String>,
    closed: bool,
}

#[derive(Default)]
struct Seen {
    spans: BTreeMap<u64, Span>,
    /// Everything that was ever shown.
    text: String,
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Collector {
    next: Arc<AtomicU64>,
    seen: Arc<Mutex<Seen>>,
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "dimorph"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let metadata = attributes.metadata();
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        let mut seen = self.seen.lock().unwrap();
        seen.text += &format!("{fields:?}");
        let span = Span {
            name: metadata.name(),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            fields,
            events: Vec::new(),
            closed: false,
        };
        seen.spans.insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut fields = BTreeMap::new();
        values.record(&mut Fields(&mut fields));
        let mut seen = self.seen.lock().unwrap();
        seen.text += &format!("{fields:?}");
        let span = seen.spans.get_mut(&id.into_u64()).unwrap();
        span.fields.extend(fields);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let mut seen = self.seen.lock().unwrap();
        seen.text += &format!("{fields:?}");
        assert!(fields.contains_key("elapsed") && fields.contains_key("detail"));
        let parent = event.parent().expect("an event names its span").into_u64();
        let span = seen.spans.get_mut(&parent).unwrap();
        span.events.push(fields["message"].clone());
    }

    fn enter(&self, _: &Id) {
        panic!("a request moves between threads: its span is never entered");
    }

    fn exit(&self, _: &Id) {}

    fn try_close(&self, id: Id) -> bool {
        if let Some(span) = self.seen.lock().unwrap().spans.get_mut(&id.into_u64()) {
            span.closed = true;
        }
        true
    }
}

/// What a run sends: one text for both forms.
macro_rules! send_all {
    ($client:ident, $server:ident, $nobody:ident $(, $await:tt)?) => {{
        let client = $client::builder()
            .trust_env(false)
            .header("x-api-key", "hush")
            .cookie("c", "hush")
            .build()
            .unwrap();
        let host = $server.address();
        let start = format!("http://tom:hush@{host}/start?sig=hush&page=2#frag");
        let response = client.post(start).body("hush").send()$(.$await)?.unwrap();
        assert_eq!(response.bytes()$(.$await)?.unwrap(), "hush");
        let request = client.get(format!("http://{host}/missing"));
        request.bearer_auth("hush").send()$(.$await)?.unwrap();
        let request = client.get($nobody).auth(("tom", "hush"));
        request.send()$(.$await)?.unwrap_err();
        let cut = client.get(format!("http://{host}/cut")).send()$(.$await)?.unwrap();
        cut.bytes()$(.$await)?.unwrap_err();
    }};
}

fn server() -> Server {
    Server::http(|request| match request.target.split('?').next() {
        Some("/start") => Reply::redirect(307, "/end?token=hush").header("set-cookie", "s=hush"),
        Some("/missing") => Reply::status(404),
        Some("/cut") => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhush").closing(),
        _ => Reply::chunked(["hu", "sh"]).trailer("x-secret", "hush"),
    })
}

fn refused() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

fn check(collector: &Collector, server: &Server) {
    let seen = collector.seen.lock().unwrap();
    assert!(!seen.text.contains(SECRET), "{}", seen.text);
    let spans: Vec<Span> = seen.spans.values().cloned().collect();
    assert_eq!(spans.len(), 5, "{spans:#?}");
    let port = server.port().to_string();
    for span in &spans {
        assert_eq!((span.name, span.level), ("HTTP request", Level::INFO));
        assert_eq!(span.target, "dimorph");
        assert!(span.closed, "{span:?}");
        for (name, value) in [
            ("otel.kind", "client"),
            ("network.protocol.name", "http"),
            ("server.address", "127.0.0.1"),
        ] {
            assert_eq!(
                span.fields.get(name).map(String::as_str),
                Some(value),
                "{span:?}"
            );
        }
        let method = &span.fields["http.request.method"];
        assert_eq!(span.fields["otel.name"], *method);
    }
    let get = |at: usize, name: &str| spans[at].fields.get(name).map(String::as_str);

    let full =
        format!("http://REDACTED:REDACTED@127.0.0.1:{port}/start?sig=REDACTED&page=REDACTED");
    let end = format!("http://REDACTED:REDACTED@127.0.0.1:{port}/end?token=REDACTED");
    for (name, first, second, third) in [
        ("url.full", Some(full.as_str()), Some(end.as_str()), None),
        (
            "http.request.method",
            Some("POST"),
            Some("POST"),
            Some("GET"),
        ),
        (
            "http.response.status_code",
            Some("307"),
            Some("200"),
            Some("404"),
        ),
        ("http.request.resend_count", None, Some("1"), None),
        (
            "network.protocol.version",
            Some("1.1"),
            Some("1.1"),
            Some("1.1"),
        ),
        (
            "server.port",
            Some(port.as_str()),
            Some(port.as_str()),
            Some(port.as_str()),
        ),
        ("error.type", None, None, Some("404")),
        ("otel.status_code", None, None, Some("ERROR")),
    ] {
        assert_eq!(get(0, name), first, "{name}");
        assert_eq!(get(1, name), second, "{name}");
        if name != "url.full" {
            assert_eq!(get(2, name), third, "{name}");
        }
    }
    assert_eq!(get(0, "network.peer.address"), Some("127.0.0.1"));
    assert_eq!(get(0, "network.peer.port"), Some(port.as_str()));
    assert_eq!(get(3, "error.type"), Some("ConnectError"));
    assert_eq!(get(3, "otel.status_code"), Some("ERROR"));
    assert_eq!(get(3, "http.response.status_code"), None);
    assert_eq!(get(4, "error.type"), Some("RemoteProtocolError"));
    assert_eq!(get(4, "http.response.status_code"), Some("200"));

    let dialled = [
        "request.started",
        "pool.acquired",
        "connection.resolved",
        "connection.connected",
    ];
    let answered = ["response.started", "response.completed"];
    let reused = [&dialled[..2], &answered].concat();
    assert_eq!(spans[0].events, [&dialled[..], &answered].concat());
    assert_eq!(spans[1].events, reused);
    assert_eq!(spans[2].events, reused);
    assert_eq!(
        spans[3].events,
        [&dialled[..3], &["request.failed"]].concat()
    );
    let cut = spans[4].events.last().unwrap();
    assert_eq!(cut, "request.failed", "{:?}", spans[4].events);
}

#[test]
fn a_blocking_request_is_a_span_by_opentelemetrys_names_without_secrets() {
    use dimorph::Client;
    let collector = Collector::default();
    let (server, nobody) = (server(), refused());
    tracing::subscriber::with_default(collector.clone(), || {
        send_all!(Client, server, nobody);
    });
    check(&collector, &server);
}

#[test]
fn an_async_request_is_a_span_by_opentelemetrys_names_without_secrets() {
    use dimorph::AsyncClient;
    let collector = Collector::default();
    let (server, nobody) = (server(), refused());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::with_default(collector.clone(), || {
        runtime.block_on(async {
            send_all!(AsyncClient, server, nobody, await);
        });
    });
    check(&collector, &server);
}

#[test]
fn without_a_collector_nothing_is_told() {
    assert!(!tracing::enabled!(target: "dimorph", Level::INFO));
}
