//! Every public type is shown while secrets are all around it: passwords, tokens, cookies, proxies' credentials, contents.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt::Debug;
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dimorph::auth::{self, BearerAuth, Exchange};
use dimorph::multipart::{Form, Part};
use dimorph::{
    Auth, AuthFlow, BasicAuth, Body, Certificate, CertificateRevocationList, ClientCert, Cookies,
    DigestAuth, Error, ErrorKind, Method, NetrcAuth, PoolLimits, Proxy, ProxyMode, Request,
    Timeout, TlsVersion, Url, Verify, auth_fn,
};
use sync_tests::certs::{certs, sniff};
use sync_tests::peers::Folder;
use sync_tests::{DigestServer, Proxy as ProxyServer, Received, Reply, Server, Socks};

use super::super::common::{HOSTS, builder, refused};
use super::super::form::{Client, ClientBuilder, Response};
use super::super::{dual, form_test};

/// Every public type, to be compared with rustdoc's list by `tests/public_api.rs`. The two of one name are told apart.
const PUBLIC_TYPES: &[&str] = &[
    "Action",
    "Attempt",
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
    "Exchange",
    "Form",
    "HistoryEntry",
    "Iter",
    "Lines",
    "Link",
    "Links",
    "NetrcAuth",
    "Part",
    "Phase",
    "PoolLimits",
    "PoolStats",
    "Progress",
    "Proxy",
    "ProxyMode",
    "Request",
    "RequestBuilder",
    "Response",
    "Text",
    "Timeout",
    "TlsVersion",
    "Upgraded",
    "Verify",
    "auth::Response",
];

/// Those of which nobody holds a value: an `Iter` has them inside.
const INSIDE: [&str; 2] = ["Lines", "Text"];

/// Whatever has one of these in it shows a secret: as it is, as Basic has it, percent-encoded.
const SECRETS: [&str; 4] = ["hush", "dG9tOmh1c2g", "hus%68", "cGVlazpodXNo"];

/// What was shown, by the type that showed it.
#[derive(Clone, Default)]
struct Shown {
    texts: Arc<Mutex<Vec<(String, String)>>>,
    types: Arc<Mutex<BTreeSet<String>>>,
}

impl Shown {
    fn text(&self, what: impl Into<String>, text: String) {
        self.texts.lock().unwrap().push((what.into(), text));
    }

    fn debug<T: Debug + ?Sized>(&self, value: &T) {
        let whole = type_name::<T>();
        let path = whole.split('<').next().unwrap();
        let name = path.rsplit("::").next().unwrap();
        let name = match path.contains("::auth::response::") {
            true => format!("auth::{name}"),
            false => name.to_owned(),
        };
        if path.starts_with("dimorph::") {
            self.types.lock().unwrap().insert(name.clone());
        }
        self.text(name, format!("{value:?} {value:#?}"));
    }

    /// An error, what it stems from, and what it carries.
    fn error(&self, error: &Error) {
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

    fn response(&self, response: &Response) {
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
        let listed: BTreeSet<&str> = PUBLIC_TYPES.iter().copied().collect();
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
fn secretive(shown: &Shown, server: &Server) -> ClientBuilder {
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
    for path in ["/bad-away", "/ftp", "/loop", "/head", "/status"] {
        let error = client.get(url(path)).send().await.unwrap_err();
        shown.error(&error);
    }
    for path in ["/cut", "/gzip"] {
        let response = client.get(url(path)).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        shown.error(&error);
    }
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

#[dual]
async fn proxies(shown: &Shown, server: &Server) {
    let proxy = ProxyServer::builder()
        .route_all(server.address())
        .credentials("tom", "hush")
        .start();
    let refusing = ProxyServer::builder()
        .answer_connect(
            "HTTP/1.1 403 No\r\nset-cookie: p=hush\r\nproxy-authenticate: hush\r\ncontent-length: 4\r\n\r\nhush",
        )
        .start();
    let socks = Socks::builder()
        .route_all(server.address())
        .credentials(b"tom".escape_ascii().to_string().as_str(), "hush")
        .start();
    for url in [
        proxy.url_as("tom:hush"),
        proxy.url_as("tom:hus%68"),
        proxy.url_as("tom:hush-wrong"),
        refusing.url_as("tom:hush"),
        socks.url_h_as("tom:hush"),
        socks.url_h_as("tom:hush-wrong"),
        format!("http://tom:hush@{}", refused()),
        format!("socks5://tom:hush@{}", refused()),
    ] {
        let proxy = Proxy::new(&url).unwrap();
        let proxy = match proxy.url().scheme() {
            "http" => proxy.header("x-secret", "hush").unwrap(),
            _ => proxy,
        };
        shown.debug(&proxy);
        let builder = secretive(shown, server).proxy(proxy);
        shown.debug(&builder);
        let client = builder.build().unwrap();
        shown.debug(&client);
        for target in ["http://a.test/", "https://a.test/"] {
            let outcome = client.get(target).send().await;
            match outcome {
                Ok(response) => shown.response(&response),
                Err(error) => shown.error(&error),
            }
        }
    }
    for bad in [
        "http://tom:hush@",
        "http://tom:hush@h:99999",
        "ftp://tom:hush@h.test",
        "socks4://tom:hush@h.test",
        "http://tom:hush@h.test:x",
        "//tom:hush@h.test",
        "tom:hush@h.test",
        "http://tom:hush\n@[h",
    ] {
        if let Err(error) = Proxy::new(bad) {
            shown.error(&error);
        }
        if let Err(error) = builder().proxy(bad).build() {
            shown.error(&error);
        }
        if let Err(error) = builder().proxies([(bad, "http://h.test")]).build() {
            shown.error(&error);
        }
    }
    let header = Proxy::new("http://h.test").unwrap().header("x-a", "hush\n");
    shown.error(&header.unwrap_err());
}

/// What needs no request.
fn plain_values(shown: &Shown) {
    let (basic, digest) = (
        BasicAuth::new("tom", "hush"),
        DigestAuth::new("tom", "hush"),
    );
    shown.debug(&basic);
    shown.debug(&digest);
    shown.debug(&BearerAuth::new("hush"));
    let request = Request::new(Method::GET, "http://tom:hush@a.test/").unwrap();
    shown.debug(&request);
    shown.debug(&basic.auth_flow(request));

    let folder = Folder::new();
    let text = "machine a.test login tom password hush\ndefault login tom password hush";
    let file = folder.write("netrc", text);
    shown.debug(&NetrcAuth::from_file(&file).unwrap());
    for bad in [
        "machine a.test login tom password hush machine",
        "machine a.test login tom password hush\nhush",
        "machine a.test login tom password \"hush",
        "password hush",
        "machine a.test login tom password hush\0",
        "machine a.test hush",
    ] {
        match NetrcAuth::from_text(bad) {
            Ok(auth) => shown.debug(&auth),
            Err(error) => shown.error(&error),
        }
    }
    let file = folder.write(
        "broken.json",
        "{\"version\":1,\"cookies\":[{\"value\":\"hush\"",
    );
    shown.error(&Cookies::load(&file).unwrap_err());
    for bad in [
        "{\"version\":1,\"cookies\":\"hush\"}",
        "hush",
        "[\"hush\"]",
        "{\"version\":\"hush\"}",
    ] {
        shown.error(&Cookies::from_json(bad).unwrap_err());
    }
    let jar = Cookies::new();
    for (name, value, domain) in [
        ("a", "hush\n", "a.test"),
        ("a", "hush;", "a.test"),
        ("a", "hush", ""),
        ("a", "hush", "co.uk"),
        ("__Host-a", "hush", ".a.test"),
        ("a", "hush", "http://tom:hush@/"),
    ] {
        if let Err(error) = jar.set(name, value, domain) {
            shown.error(&error);
        }
    }
    for (url, value) in [("http://a.test/x", "a=hush"), ("http://b.test/", "a=hush")] {
        jar.add(value, &Url::parse(url).unwrap());
    }
    shown.debug(&jar);
    let error = jar.get("a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CookieConflict);
    shown.error(&error);

    let part = || Part::text("hush").header("authorization", "hush").unwrap();
    shown.debug(&part());
    shown.debug(&Part::reader(Cursor::new("hush")));
    let form = Form::new().text("a", "hush").part("b", part());
    shown.debug(&form);
    shown.error(&Part::text("hush").header("x-a", "hush\n").unwrap_err());
    for body in [
        Body::from("hush"),
        Body::from_reader(Cursor::new("hush")),
        Body::sized(Cursor::new("hush"), 4),
        Body::from(super::super::httpx_cases::file_of("hush")),
    ] {
        shown.debug(&body);
    }

    let certs = certs();
    let key = std::fs::read_to_string(&certs.client_key_file).unwrap();
    let both = std::fs::read_to_string(&certs.client_file).unwrap();
    let (own, pair) = (
        ClientCert::from_pem(&both),
        ClientCert::from_pem_pair(&both, &key),
    );
    let line = key.lines().nth(1).unwrap();
    for cert in [own, pair, ClientCert::from(&certs.client_file)] {
        shown.debug(&cert);
        assert!(!format!("{cert:?}").contains(line), "{cert:?}");
        shown.debug(&builder().cert(cert));
    }
    shown.debug(&Certificate::from_pem(&certs.ca_pem));
    shown.debug(&CertificateRevocationList::from_pem("hush"));
    shown.debug(&Verify::from(certs.ca_file.as_path()));
    shown.debug(&TlsVersion::TLS_1_3);
    shown.debug(&Timeout::default());
    shown.debug(&PoolLimits::default());
    shown.debug(&ProxyMode::Default);
    let hush = Error::other("an application's own words");
    shown.error(&hush.with_url(&Url::parse("http://tom:hush@a.test/").unwrap()));
}
