//! Flows that go well: requests given out, responses looked at, history kept.

use std::io::Cursor;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dimorph::auth::Exchange;
use dimorph::{Auth, AuthFlow, Body, ErrorKind, Method, Request, Result, auth_fn};
use http::HeaderValue;
use serde::Deserialize;
use sync_tests::{Received, Reply, Server};

use super::common::{assert_at_rest, builder, builder_to, client, client_to};
use super::form::Response;
use super::{authorizations, basic, dual, form_test, form_util};

/// The seed page's example.
struct RefreshingAuth {
    token: Mutex<String>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

impl RefreshingAuth {
    fn new(token: &str) -> Self {
        RefreshingAuth {
            token: Mutex::new(token.to_owned()),
        }
    }

    fn header(&self) -> HeaderValue {
        self.token.lock().unwrap().parse().unwrap()
    }

    fn build_refresh_request(&self) -> Result<Request> {
        let mut request = Request::new(Method::POST, "http://b.test/refresh-token")?;
        *request.body_mut() = Body::from("refresh, please");
        Ok(request)
    }

    fn update_tokens(&self, tokens: Tokens) {
        *self.token.lock().unwrap() = tokens.access_token;
    }
}

impl Auth for RefreshingAuth {
    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            request
                .headers_mut()
                .insert("x-authentication", self.header());
            let response = exchange.send(request.try_clone()?).await?;
            if response.status() == 401 {
                let refreshed = exchange.send(self.build_refresh_request()?).await?;
                self.update_tokens(refreshed.json()?);
                request
                    .headers_mut()
                    .insert("x-authentication", self.header());
                exchange.send(request).await?;
            }
            Ok(())
        })
    }
}

/// Takes the token `fresh`, and gives it out at `/refresh-token`.
fn with_tokens() -> Server {
    Server::http(|request| match request.target.as_str() {
        "/refresh-token" => Reply::ok(r#"{"access_token":"fresh"}"#),
        _ if request.header("x-authentication") == Some("fresh") => {
            Reply::ok([b"welcome ", &request.body[..]].concat())
        }
        _ => Reply::status(401).body("who are you?"),
    })
}

#[dual]
#[form_test]
async fn the_refreshing_auth_of_the_seed_gets_a_token_and_keeps_it() {
    let server = with_tokens();
    let client = builder_to(&server)
        .auth(RefreshingAuth::new("stale"))
        .build()
        .unwrap();
    for expected in [
        vec!["POST /data", "POST /refresh-token", "POST /data"],
        vec!["POST /data"],
    ] {
        let before = server.requests().len();
        let request = client.post("http://a.test/data").body("body");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.history().len(), expected.len() - 1);
        let text = response.text().await.unwrap();
        assert_eq!(text, "welcome body");
        let requests = &server.requests()[before..];
        let seen = requests
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.target));
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }
    assert_at_rest(&client).await;
}

/// FNV-1a: something that depends on every byte.
fn checksum(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Signs the body, where it can see it.
struct Signing {
    wants_body: bool,
}

impl Auth for Signing {
    fn requires_request_body(&self) -> bool {
        self.wants_body
    }

    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        let signature = request.content().map_or("none".to_owned(), checksum);
        let field = signature.parse().unwrap();
        request.headers_mut().insert("x-signature", field);
        AuthFlow::once(request)
    }
}

/// One body of every kind, each of which says the same.
fn bodies(content: &[u8]) -> Vec<(&'static str, Body)> {
    let file = tempfile(content);
    let reader = || Cursor::new(content.to_vec());
    vec![
        ("bytes", Body::from(content.to_vec())),
        ("file", Body::from(file)),
        ("reader", Body::from_reader(reader())),
        ("sized", Body::sized(reader(), content.len() as u64)),
        (
            "pieces",
            form_util::pieces_body(content.chunks(1000).map(<[u8]>::to_vec).collect()),
        ),
    ]
}

/// A file with this content, which has no name any more.
pub(super) fn tempfile(content: &[u8]) -> std::fs::File {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("dimorph-auth-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, content).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

#[dual]
#[form_test]
async fn a_body_that_is_required_is_there_to_be_signed_and_arrives_whole() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = client();
    for content in [vec![], b"x".to_vec(), vec![b'y'; 300_000]] {
        for (what, body) in bodies(&content) {
            let request = client.put(server.url("/")).body(body);
            let request = request.auth(Signing { wants_body: true });
            request.send().await.unwrap();
            let seen = server.requests().pop().unwrap();
            assert!(seen.body == content, "{what} of {}", content.len());
            let signature = checksum(&content);
            assert_eq!(seen.header("x-signature"), Some(&*signature), "{what}");
            // What is in memory has a length.
            let length = seen.header("content-length").map(str::to_owned);
            assert_eq!(length, Some(content.len().to_string()), "{what}");
        }
    }
}

#[dual]
#[form_test]
async fn a_body_that_nobody_requires_is_streamed() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = client();
    for (what, body) in bodies(b"content") {
        let in_memory = what == "bytes";
        let request = client.put(server.url("/")).body(body);
        let request = request.auth(Signing { wants_body: false });
        request.send().await.unwrap();
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.body, b"content");
        let signed = seen.header("x-signature") != Some("none");
        assert_eq!(signed, in_memory, "{what}");
    }
}

/// Keeps what it was told of each response, at `urls` one after the other.
struct Looking {
    urls: Vec<String>,
    wants_bodies: bool,
    seen: Mutex<Vec<String>>,
}

impl Looking {
    fn at(urls: &[String], wants_bodies: bool) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Looking {
            urls: urls.to_vec(),
            wants_bodies,
            seen: Mutex::default(),
        })
    }

    async fn look(&self, exchange: Exchange) -> Result<()> {
        for url in &self.urls {
            let response = exchange.send(Request::new(Method::GET, url)?).await?;
            let content = response.content().map(|content| content.len());
            let text = response.text().map_err(|error| error.kind());
            let mut seen = self.seen.lock().unwrap();
            seen.push(format!(
                "{} {} {content:?} {text:?}",
                response.status().as_u16(),
                response.url().path()
            ));
        }
        Ok(())
    }
}

impl Auth for Looking {
    fn requires_response_body(&self) -> bool {
        self.wants_bodies
    }

    fn auth_flow<'a>(&'a self, _: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| self.look(exchange))
    }
}

#[dual]
#[form_test]
async fn a_flow_sees_bodies_where_it_requires_them_and_the_caller_always() {
    let server = Server::http(|request| match request.target.as_str() {
        "/latin1" => Reply::ok(b"caf\xe9").header("content-type", "text/plain; charset=latin1"),
        "/chunked" => Reply::chunked(["in ", "pieces"]).header("x-a", "1"),
        "/large" => Reply::ok(vec![b'z'; 200_000]),
        _ => Reply::status(204),
    });
    let urls = ["/latin1", "/chunked", "/none", "/chunked"].map(|path| server.url(path));
    for (wants_bodies, expected) in [
        (
            true,
            [
                r#"200 /latin1 Some(4) Ok("café")"#,
                r#"200 /chunked Some(9) Ok("in pieces")"#,
                r#"204 /none Some(0) Ok("")"#,
                r#"200 /chunked Some(9) Ok("in pieces")"#,
            ],
        ),
        (
            false,
            [
                "200 /latin1 None Err(ResponseNotRead)",
                "200 /chunked None Err(ResponseNotRead)",
                "204 /none None Err(ResponseNotRead)",
                "200 /chunked None Err(ResponseNotRead)",
            ],
        ),
    ] {
        let client = client();
        let auth = Looking::at(&urls, wants_bodies);
        let request = client.get(server.url("/asked")).auth(auth.clone());
        let response = request.send().await.unwrap();
        assert_eq!(*auth.seen.lock().unwrap(), expected);
        let entries = response.history().iter();
        let contents: Vec<_> = entries.map(|entry| entry.content().clone()).collect();
        assert_eq!(contents, [&b"caf\xe9"[..], b"in pieces", b""]);
        let text = response.text().await.unwrap();
        assert_eq!(text, "in pieces");
        assert_eq!(client.pool_stats().opened, 1, "each body was read");
    }
    // In pieces too, though the flow has read it before.
    let auth = Looking::at(&[server.url("/large")], true);
    let request = client().get(server.url("/asked")).auth(auth);
    let mut response = request.send().await.unwrap();
    let bytes = form_util::read_all(&mut response).await.unwrap();
    assert_eq!(bytes.len(), 200_000);
}

#[dual]
#[form_test]
async fn history_has_every_response_in_order_redirects_beneath_included() {
    let server = Server::http(|request| match request.target.as_str() {
        "/a" => Reply::redirect(302, "/a2"),
        "/c" => Reply::redirect(307, "/c2"),
        "/c2" => Reply::redirect(303, "/c3"),
        path => Reply::ok(path.as_bytes()),
    });
    let urls = ["/a", "/b", "/c"].map(|path| server.url(path));
    let client = client();
    let auth = Looking::at(&urls, false);
    let request = client.get(server.url("/")).auth(auth.clone());
    let response = request.send().await.unwrap();
    assert_eq!(
        *auth.seen.lock().unwrap(),
        [
            "200 /a2 None Err(ResponseNotRead)",
            "200 /b None Err(ResponseNotRead)",
            "200 /c3 None Err(ResponseNotRead)"
        ]
    );
    let facts = |entry: &dimorph::HistoryEntry| {
        let path = entry.url().path().to_owned();
        (entry.status().as_u16(), path, entry.history().len())
    };
    let history: Vec<_> = response.history().iter().map(facts).collect();
    let fact = |status, path: &str, before| (status, path.to_owned(), before);
    assert_eq!(
        history,
        [
            fact(302, "/a", 0),
            fact(200, "/a2", 1),
            fact(200, "/b", 2),
            fact(307, "/c", 3),
            fact(303, "/c2", 4)
        ]
    );
    assert_eq!(response.url().path(), "/c3");
    let text = response.text().await.unwrap();
    assert_eq!(text, "/c3");
    let asked = server.requests();
    let asked: Vec<_> = asked.iter().map(|seen| &*seen.target).collect();
    assert_eq!(asked, ["/a", "/a2", "/b", "/c", "/c2", "/c3"]);
}

/// Counts the redirects of each step of its own: HTTPX counts those of the whole call.
#[dual]
#[form_test]
async fn each_request_of_a_flow_has_the_redirects_of_a_call() {
    let server = Server::http(|request| {
        let left: u32 = request.target.trim_start_matches('/').parse().unwrap();
        match left {
            0 => Reply::ok("there"),
            _ => Reply::redirect(302, &format!("/{}", left - 1)),
        }
    });
    let client = builder().max_redirects(3).build().unwrap();
    let auth = Looking::at(
        &[server.url("/3"), server.url("/2"), server.url("/3")],
        false,
    );
    let request = client.get(server.url("/0")).auth(auth);
    let response = request.send().await.unwrap();
    assert_eq!(response.history().len(), 3 + 1 + 2 + 1 + 3);
    let auth = Looking::at(&[server.url("/3"), server.url("/4")], false);
    let request = client.get(server.url("/0")).auth(auth);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_thousand_requests_are_a_flow_too() {
    let server = Server::http(|_| Reply::ok("ok"));
    let urls = vec![server.url("/"); 1000];
    let client = client();
    let request = client.get(server.url("/")).auth(Looking::at(&urls, true));
    let response = request.send().await.unwrap();
    assert_eq!(response.history().len(), 999);
    assert_eq!((server.connections(), server.requests().len()), (1, 1000));
}

#[dual]
#[form_test]
async fn functions_pairs_and_schemes_are_given_to_clients_and_requests() {
    let server = Server::http(|_| Reply::ok("ok"));
    let url = || server.url("/");
    let token = || {
        auth_fn(|mut request: Request| {
            let field = HeaderValue::from_static("Token 1");
            request.headers_mut().insert("authorization", field);
            request
        })
    };
    let of_client = [
        builder().auth(token()),
        builder().auth(("user", "pass")),
        builder().basic_auth("user", Some("pass")),
        builder().basic_auth("user", None::<&str>),
        builder().bearer_auth("t0ken"),
    ];
    for builder in of_client {
        let client = builder.build().unwrap();
        client.get(url()).send().await.unwrap();
    }
    let client = client();
    for request in [
        client.get(url()).auth(token()),
        client.get(url()).auth((String::from("user"), "pass")),
        client.get(url()).basic_auth("user", Some("pass")),
        client.get(url()).basic_auth("user", None::<&str>),
        client.get(url()).bearer_auth("t0ken"),
    ] {
        request.send().await.unwrap();
    }
    let expected = [
        "Token 1".to_owned(),
        basic("user", "pass"),
        basic("user", "pass"),
        basic("user", ""),
        "Bearer t0ken".to_owned(),
    ];
    let twice = [expected.clone(), expected].concat();
    assert_eq!(authorizations(&server), twice);
}

#[dual]
#[form_test]
async fn a_transport_of_ones_own_is_authenticated_the_same_way() {
    let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
    let asked = seen.clone();
    let transport = form_util::Answering(move |request: Request| {
        let field = request.headers().get("x-authentication").cloned();
        let path = request.url().path().to_owned();
        asked.lock().unwrap().push((path.clone(), field.clone()));
        let mut made = http::Response::new(r#"{"access_token":"fresh"}"#);
        if path != "/refresh-token" && field.is_none_or(|field| field != "fresh") {
            *made.status_mut() = dimorph::StatusCode::UNAUTHORIZED;
        }
        Ok(Response::from(made))
    });
    let client = builder()
        .transport(transport)
        .auth(RefreshingAuth::new("stale"))
        .build()
        .unwrap();
    let response = client.get("http://made-up.test/").send().await.unwrap();
    let history = response.history().iter();
    let statuses: Vec<_> = history.map(|entry| entry.status().as_u16()).collect();
    assert_eq!(
        (response.status().as_u16(), statuses),
        (200, vec![401, 200])
    );
    let paths = seen.lock().unwrap().clone();
    let paths: Vec<_> = paths.into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/", "/refresh-token", "/"]);
}

/// The last response sent for is the caller's, whatever the flow thinks of it.
#[dual]
#[form_test]
async fn what_a_401_sets_goes_with_the_next_request_of_the_flow() {
    let server = Server::http(
        |request: &Received| match request.header("x-authentication") {
            _ if request.target == "/refresh-token" => Reply::ok(r#"{"access_token":"fresh"}"#),
            Some("fresh") => Reply::ok("in"),
            _ => Reply::status(401).header("set-cookie", "session=1"),
        },
    );
    let client = client_to(&server);
    for cookie in [None, Some("own=1")] {
        let mut request = client.get("http://a.test/");
        if let Some(cookie) = cookie {
            client.cookies().clear();
            request = request.header("cookie", cookie);
        }
        let request = request.auth(RefreshingAuth::new("stale"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let requests = server.requests();
        let cookies: Vec<_> = requests[requests.len() - 3..]
            .iter()
            .map(|seen| seen.header("cookie").map(str::to_owned))
            .collect();
        // Another origin's request gets none; a field of the user's own stays as it is.
        let own = cookie.map(str::to_owned);
        let last = own.clone().or(Some("session=1".to_owned()));
        assert_eq!(cookies, [own, None, last]);
    }
}
