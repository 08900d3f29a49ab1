//! Every public type is shown while secrets are all around it: passwords, tokens, cookies, proxies' credentials, contents.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt::Debug;
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dimorph::auth::{self, Exchange};
use dimorph::multipart::Form;
use dimorph::{Auth, AuthFlow, Body, Cookies, DigestAuth, Error, Request, Timeout, auth_fn};
use sync_tests::certs::sniff;
use sync_tests::{DigestServer, Received, Reply, Server};

use super::super::common::{HOSTS, builder, refused};
use super::super::form::{Client, ClientBuilder, Response};
use super::super::{dual, form_test};
use super::proxies::proxies;
use super::transports::transports;
use super::values::plain_values;
use crate::plugs;

/// Every public type, to be compared with rustdoc's list by `tests/public_api.rs`. Those of one name are told apart.
const PUBLIC_TYPES: &[&str] = &[
    "Action",
    "App",
    "Attempt",
    "Attempts",
    "AuthFlow",
    "AuthFn",
    "BasicAuth",
    "BearerAuth",
    "Body",
    "Certificate",
    "CertificateRevocationList",
    "Chunks",
    "Client",
    "ClientBuilder",
    "ClientCert",
    "Cookie",
    "Cookies",
    "DigestAuth",
    "Error",
    "ErrorKind",
    "Event",
    "EventKind",
    "EventSource",
    "Events",
    "Exchange",
    "Fault",
    "Form",
    "FromFn",
    "FromService",
    "Handled",
    "HistoryEntry",
    "IntoService",
    "Iter",
    "Lines",
    "Link",
    "Links",
    "LogLine",
    "Logging",
    "MatchOn",
    "Mock",
    "MockCall",
    "MockGuard",
    "MockReply",
    "MockResponse",
    "MockRoute",
    "Mode",
    "MountPath",
    "NetrcAuth",
    "Next",
    "NoProxy",
    "Nothing",
    "Pages",
    "Part",
    "PathParams",
    "Phase",
    "PoolLimits",
    "PoolStats",
    "Progress",
    "Proxy",
    "ProxyMode",
    "RateLimit",
    "Recorded",
    "Recorder",
    "Recording",
    "RemoteAddr",
    "Replay",
    "Request",
    "RequestBuilder",
    "Response",
    "Retry",
    "Retrying",
    "Route",
    "StreamId",
    "Text",
    "Timeout",
    "Times",
    "TlsInfo",
    "TlsVersion",
    "Upgraded",
    "Ureq",
    "Verify",
    "auth::Response",
    "sse::Event",
    "transport::Response",
];

/// Those of which nobody holds a value: an `Iter` or an `App` has them inside.
const INSIDE: [&str; 4] = ["Events", "FromFn", "Lines", "Text"];

/// Whatever has one of these in it shows a secret: as it is, as Basic has it, percent-encoded.
const SECRETS: [&str; 4] = ["hush", "dG9tOmh1c2g", "hus%68", "cGVlazpodXNo"];

/// What was shown, by the type that showed it.
#[derive(Clone, Default)]
pub(super) struct Shown {
    texts: Arc<Mutex<Vec<(String, String)>>>,
    types: Arc<Mutex<BTreeSet<String>>>,
}

impl Shown {
    pub(super) fn text(&self, what: impl Into<String>, text: String) {
        self.texts.lock().unwrap().push((what.into(), text));
    }

    pub(super) fn debug<T: Debug + ?Sized>(&self, value: &T) {
        let whole = type_name::<T>();
        let path = whole.split('<').next().unwrap();
        let name = path.rsplit("::").next().unwrap();
        let namesakes = ["auth", "transport"];
        let name = match namesakes
            .into_iter()
            .find(|m| path.contains(&format!("::{m}::response::")))
        {
            Some(module) => format!("{module}::{name}"),
            None if path.contains("::sse::event::") => format!("sse::{name}"),
            None => name.to_owned(),
        };
        if path.starts_with("dimorph::") {
            self.types.lock().unwrap().insert(name.clone());
        }
        self.text(name, format!("{value:?} {value:#?}"));
    }

    /// An error, what it stems from, and what it carries.
    pub(super) fn error(&self, error: &Error) {
        self.debug(error);
        self.debug(&error.kind());
        if let Some(phase) = error.phase() {
            self.debug(&phase);
        }
        if let Some(request) = error.request() {
            self.debug(request);
        }
        self.text("Error", format!("{error} {error:#} {:?}", error.url()));
        let mut source = error.source();
        while let Some(inner) = source {
            self.text("source", format!("{inner} {inner:?} {inner:#?}"));
            source = inner.source();
        }
    }

    pub(super) fn response(&self, response: &Response) {
        self.debug(response);
        self.debug(response.request());
        for entry in response.history() {
            self.debug(entry);
            self.debug(entry.request());
        }
        self.debug(response.history());
        self.debug(&response.cookies());
        for cookie in response.cookies().iter() {
            self.debug(&cookie);
        }
        self.debug(&response.links());
        for link in &response.links() {
            self.debug(link);
        }
        if let Some(next) = response.next_request() {
            self.debug(&next);
        }
        if let Err(error) = response.raise_for_status() {
            self.error(&error);
        }
    }

    fn finish(self) {
        let texts = self.texts.lock().unwrap();
        let count = texts.iter().filter(|(_, text)| !text.trim().is_empty());
        assert!(count.count() > 200, "{} texts", texts.len());
        let open: Vec<_> = texts
            .iter()
            .filter(|(_, text)| SECRETS.iter().any(|secret| text.contains(secret)))
            .collect();
        assert!(open.is_empty(), "secrets are shown: {open:#?}");
        let types = self.types.lock().unwrap();
        let types: BTreeSet<&str> = types.iter().map(String::as_str).chain(INSIDE).collect();
        let mut listed: BTreeSet<&str> = PUBLIC_TYPES.iter().copied().collect();
        listed.retain(|name| !plugs::ABSENT.contains(name));
        assert_eq!(types, listed, "every public type was shown");
    }
}

fn answer(request: &Received) -> Reply {
    let reply = match request.target.split('?').next().unwrap() {
        "/redirect" => Reply::redirect(307, "/end?token=1"),
        "/away" => Reply::redirect(302, "http://peek:hush@b.test/end"),
        "/bad-away" => Reply::redirect(302, "http://peek:hush@[oops/"),
        "/ftp" => Reply::redirect(302, "ftp://peek:hush@b.test/"),
        "/loop" => Reply::redirect(302, "http://peek:hush@a.test/loop"),
        "/404" => Reply::status(404).body("hush"),
        "/json" => Reply::ok("{\"token\": hush"),
        "/cut" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhush").closing(),
        "/head" => Reply::raw("HTTP/1.1 200 OK\r\nset-cookie: s=hush\0\r\n\r\n").closing(),
        "/status" => Reply::raw("nonsense\r\n\r\n").closing(),
        "/gzip" => Reply::ok("hush").header("content-encoding", "gzip"),
        "/events" => Reply::chunked(["id: hush\ndata: hush\n\nhush\ndata: hush\n\n"])
            .header("content-type", "text/event-stream"),
        "/switch" => Reply::raw(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhush",
        ),
        "/hints" => Reply::raw(
            "HTTP/1.1 103 Early Hints\r\nset-cookie: e=hush\r\nauthorization: hush\r\n\r\n\
             HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ),
        _ => Reply::chunked(["hush\nhu", "sh"]),
    };
    reply
        .header("set-cookie", "s=hush; Path=/")
        .header("www-authenticate", "Basic realm=\"hush\"")
        .header("link", "<http://peek:hush@a.test/2>; rel=\"next\"")
}

/// A client with secrets of every kind, whose events are shown.
pub(super) fn secretive(shown: &Shown, server: &Server) -> ClientBuilder {
    let events = shown.clone();
    let jar = Cookies::new();
    jar.set("jar", "hush", "a.test").unwrap();
    shown.debug(&jar);
    HOSTS
        .iter()
        .fold(builder(), |b, host| b.resolve(host, [server.address()]))
        .header("proxy-authorization", "hush")
        .cookie("client", "hush")
        .cookie_jar(jar)
        .auth(("tom", "hush"))
        .on_event(move |event| {
            events.debug(event);
            events.debug(event.kind());
            events.text("event's url", event.url().to_string());
        })
}

/// Shows everything in it.
struct Showing(Shown);

impl Auth for Showing {
    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        let flow = AuthFlow::new(move |exchange: Exchange| async move {
            self.0.debug(&exchange);
            let value = "Bearer hush".parse().unwrap();
            request.headers_mut().insert("authorization", value);
            let response = exchange.send(request.try_clone()?).await?;
            self.0.debug(&exchange);
            self.0.debug(&response);
            self.0.debug::<auth::Response>(&response);
            self.0.debug(response.request());
            self.0.error(&response.json::<u32>().unwrap_err());
            exchange.send(request).await?;
            Ok(())
        });
        self.0.debug(&flow);
        flow
    }
}

#[dual]
#[form_test]
async fn aut_06_no_type_shows_a_secret_and_none_is_forgotten() {
    let shown = Shown::default();
    plain_values(&shown);
    let server = Server::answering(sniff(), answer);
    let builder = secretive(&shown, &server);
    shown.debug(&builder);
    let client = builder.build().unwrap();
    shown.debug(&client);

    let url = |path: &str| format!("http://tom:hus%68@a.test{path}");
    for path in ["/", "/redirect", "/away", "/404", "/hints"] {
        for secure in [false, true] {
            let url = match secure {
                true => url(path).replace("http:", "https:"),
                false => url(path),
            };
            let request = client
                .post(url)
                .bearer_auth("hush")
                .cookie("r", "hush")
                .multipart(Form::new().text("password", "hush"));
            shown.debug(&request);
            let response = request.send().await.unwrap();
            shown.response(&response);
            drop(response);
        }
    }
    walk(&shown, &client, url("/")).await;
    events(&shown, &client, url("/events")).await;
    for path in ["/bad-away", "/ftp", "/loop", "/head", "/status"] {
        let error = client.get(url(path)).send().await.unwrap_err();
        shown.error(&error);
    }
    for path in ["/cut", "/gzip"] {
        let response = client.get(url(path)).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        shown.error(&error);
    }
    let mut pages = client.get(url("/")).bearer_auth("hush").pages();
    shown.debug(&pages);
    let page = pages.next().await.unwrap();
    shown.response(&page.unwrap());
    shown.debug(&pages);
    let page = pages.next().await.unwrap();
    shown.response(&page.unwrap());
    shown.debug(&pages);
    let page = pages.next().await.unwrap();
    shown.error(&page.unwrap_err());
    let response = client.get(url("/json")).send().await.unwrap();
    let error = response.json::<Vec<u8>>().await.unwrap_err();
    shown.error(&error);
    let request = client
        .get(url("/switch"))
        .header("connection", "upgrade")
        .header("upgrade", "x");
    let response = request.send().await.unwrap();
    let upgraded = response.upgrade().await.unwrap();
    shown.debug(&upgraded);

    // A policy of its own, which shows what it is asked and what it says.
    let policy = shown.clone();
    let request = client
        .get(url("/redirect"))
        .redirect_policy(move |attempt| {
            policy.debug(&attempt);
            let action = attempt.follow();
            policy.debug(&action);
            action
        });
    request.send().await.unwrap();
    let counter = shown.clone();
    let request = client.post(url("/")).body("hush");
    let request = request.on_upload(move |progress| counter.debug(&progress));
    request.send().await.unwrap();
    shown.debug(&client.pool_stats());
    for cookie in client.cookies().iter() {
        shown.debug(&cookie);
    }

    flows(&shown, &client, &server).await;
    proxies(&shown, &server).await;
    transports(&shown, &server).await;
    shown.finish();
}

/// Whatever is walked in the middle holds a part of a body.
#[dual]
async fn walk(shown: &Shown, client: &Client, url: String) {
    let mut response = client.get(&url).send().await.unwrap();
    let mut lines = response.iter_lines();
    lines.next().await.unwrap().unwrap();
    shown.debug(&lines);
    drop(lines);
    let mut response = client.get(&url).send().await.unwrap();
    let mut text = response.iter_text().chunk_size(2);
    text.next().await.unwrap().unwrap();
    shown.debug(&text);
    drop(text);
    let mut response = client.get(&url).send().await.unwrap();
    let mut chunks = response.iter_bytes().chunk_size(2);
    chunks.next().await.unwrap().unwrap();
    shown.debug(&chunks);
    drop(chunks);
    response.close().await;
    shown.debug(&dimorph::Chunks::default());
    let mut response = client.get(&url).send().await.unwrap();
    response.buffer().await.unwrap();
    shown.debug(&response);
    let response: http::Response<Body> = response.into();
    shown.debug(response.body());
    let late = client
        .get(url)
        .timeout(Timeout::new(Duration::from_secs(5)).total(Duration::ZERO));
    let error = late.send().await.unwrap_err();
    shown.error(&error);
    let nobody = format!("http://tom:hush@{}/?token=1", refused());
    let error = client.get(nobody).send().await.unwrap_err();
    shown.error(&error);
}

/// Events hold content, and a source the request, with the last event's ID.
#[dual]
async fn events(shown: &Shown, client: &Client, url: String) {
    let mut response = client.get(&url).send().await.unwrap();
    let mut events = response.iter_sse();
    let event = events.next().await.unwrap().unwrap();
    shown.debug(&event);
    shown.debug(&events);
    shown.error(&event.json::<u32>().unwrap_err());
    drop(events);
    let source = client.get(&url).bearer_auth("hush").event_source();
    let mut source = source.max_reconnects(1).retry_delay(Duration::ZERO);
    shown.debug(&source);
    for _ in 0..3 {
        let event = source.next().await.unwrap().unwrap();
        shown.debug(&event);
        shown.debug(&source);
    }
    shown.debug(source.response().unwrap().request());
    let mut source = source.max_event_size(3);
    while let Some(event) = source.next().await {
        if let Err(error) = event {
            shown.error(&error);
        }
    }
    let other = client.get(url.replace("events", "404")).event_source();
    let error = other.initial_last_event_id("hush").next().await;
    shown.error(&error.unwrap().unwrap_err());
}

#[dual]
async fn flows(shown: &Shown, client: &Client, server: &Server) {
    let request = client
        .get("http://a.test/")
        .auth(Showing(shown.clone()))
        .timeout(Duration::from_secs(5));
    let response = request.send().await.unwrap();
    shown.response(&response);
    drop(response);

    let digest = DigestServer::builder("tom", "hush")
        .set_cookie("d=hush; Path=/")
        .start();
    let auth = DigestAuth::new("tom", "hush");
    let response = client.get(digest.url("/")).auth(auth).send().await.unwrap();
    assert_eq!(response.status(), 200);
    shown.response(&response);
    // The answer to a challenge is no secret of the user's, but it opens the door.
    let answered = response.request().headers()["authorization"].clone();
    let answered = answered.to_str().unwrap();
    {
        let texts = shown.texts.lock().unwrap();
        assert!(texts.iter().all(|(_, text)| !text.contains(answered)));
    }
    drop(response);
    for auth in [
        DigestAuth::new("tom", "hush wrong"),
        DigestAuth::new("to:m", "hush"),
    ] {
        let outcome = client.get(digest.url("/")).auth(auth).send().await;
        match outcome {
            Ok(response) => shown.response(&response),
            Err(error) => shown.error(&error),
        }
    }
    let once = Body::from_reader(Cursor::new("hush"));
    let fresh = DigestServer::builder("tom", "hush").start();
    let request = client.post(fresh.url("/")).body(once);
    let error = request.auth(DigestAuth::new("tom", "hush")).send().await;
    shown.error(&error.unwrap_err());
    let colon = client.get(server.url("/")).auth(("to:m", "hush"));
    let error = colon.send().await.unwrap_err();
    shown.error(&error);
    let failing = auth_fn(|request: Request| {
        let mut request = request;
        request
            .headers_mut()
            .insert("authorization", "hush".parse().unwrap());
        request
    });
    shown.debug(&failing);
    let response = client
        .get("http://a.test/404")
        .auth(failing)
        .send()
        .await
        .unwrap();
    shown.response(&response);
}
