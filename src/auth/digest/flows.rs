//! Whole flows against scripted servers.

use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};

use super::DigestAuth;
use crate::auth::{Auth, Response, Step};
use crate::body::Body;
use crate::error::{ErrorKind, Result};
use crate::request::Request;

/// What the server does with a request: where a redirect took it, and what was answered there.
struct Reply {
    redirected: Option<(Method, &'static str)>,
    status: u16,
    challenge: Option<String>,
}

fn ok() -> Reply {
    Reply {
        redirected: None,
        status: 200,
        challenge: None,
    }
}

fn refuse(challenge: impl Into<String>) -> Reply {
    Reply {
        status: 401,
        challenge: Some(challenge.into()),
        ..ok()
    }
}

fn digest(nonce: &str, more: &str) -> Reply {
    refuse(format!(
        "Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{more}"
    ))
}

impl Reply {
    fn after_redirect(self, method: Method, url: &'static str) -> Self {
        Reply {
            redirected: Some((method, url)),
            ..self
        }
    }
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, url).unwrap()
}

/// Runs a flow to its end; gives a summary of each request and the last status.
fn run(
    auth: &dyn Auth,
    request: Request,
    server: impl IntoIterator<Item = Reply>,
) -> Result<(Vec<String>, u16)> {
    let mut server = server.into_iter();
    let mut flow = auth.auth_flow(request);
    let mut step = flow.resume(None)?;
    let (mut seen, mut status) = (Vec::new(), 0);
    while let Step::Send(mut request) = step {
        seen.push(summary(&request));
        let reply = server.next().expect("a request too many");
        // A reader goes out with its first sending.
        let _ = request.body_mut().take_for_sending()?;
        if let Some((method, url)) = reply.redirected {
            let body = (method == *request.method()).then(|| request.try_clone());
            let mut next = get(url);
            *next.method_mut() = method;
            *next.headers_mut() = request.headers().clone();
            if let Some(Ok(same)) = body {
                next.set_body(same.body().try_clone()?);
            }
            request = next;
        }
        let mut headers = HeaderMap::new();
        if let Some(challenge) = reply.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_str(&challenge).unwrap());
        }
        status = reply.status;
        let code = StatusCode::from_u16(status).unwrap();
        step = flow.resume(Some(Response::new(request, code, headers, None)))?;
    }
    assert!(server.next().is_none(), "a request too few");
    Ok((seen, status))
}

/// `METHOD url nonce/count`, without the latter for a request that is not signed.
fn summary(request: &Request) -> String {
    let mut text = format!("{} {}", request.method(), request.url().path());
    if let Some(field) = request.headers().get(AUTHORIZATION) {
        let field = field.to_str().unwrap();
        let uri = format!("uri=\"{}\"", request.url().path());
        assert!(field.contains(&uri), "{field}");
        let value = |name: &str| {
            let (_, rest) = field.split_once(name).unwrap();
            rest.trim_start_matches('"')
                .split(['"', ','])
                .next()
                .unwrap()
        };
        let count = u32::from_str_radix(value(", nc="), 16).unwrap();
        text.push_str(&format!(" {}/{count}", value(", nonce=")));
    }
    text
}

fn auth() -> DigestAuth {
    DigestAuth::new("user", "p4ssw0rd")
}

#[test]
fn a_challenge_is_answered_once_and_reused() {
    let auth = auth();
    let first = run(&auth, get("http://h.test/a"), [digest("n", ""), ok()]).unwrap();
    assert_eq!(first, (vec!["GET /a".into(), "GET /a n/1".into()], 200));
    let second = run(&auth, get("http://h.test/b"), [ok()]).unwrap();
    assert_eq!(second.0, ["GET /b n/2"]);
    // A new nonce starts afresh, though the server does not call the old one stale.
    let third = run(&auth, get("http://h.test/c"), [digest("m", ""), ok()]).unwrap();
    assert_eq!(third, (vec!["GET /c n/3".into(), "GET /c m/1".into()], 200));
    // No other origin knows of it.
    for url in ["http://h.test:81/", "https://h.test/", "http://i.test/"] {
        assert_eq!(run(&auth, get(url), [ok()]).unwrap().0, ["GET /"]);
    }
    let clone = run(&auth.clone(), get("http://h.test/d"), [ok()]).unwrap();
    assert_eq!(clone.0, ["GET /d m/2"]);
}

#[test]
fn aut_02_a_server_that_refuses_for_ever_gets_its_401_through() {
    let stale = ", stale=true";
    // The replies to requests that are not signed ahead, and the requests they get.
    let cases: [(Vec<Reply>, &[&str]); 5] = [
        (
            vec![digest("1", ""), digest("2", "")],
            &["GET /", "GET / 1/1"],
        ),
        (
            vec![digest("1", ""), digest("1", stale)],
            &["GET /", "GET / 1/1"],
        ),
        (
            vec![digest("1", stale), digest("2", stale), digest("3", stale)],
            &["GET /", "GET / 1/1", "GET / 2/1"],
        ),
        (
            vec![digest("1", ""), digest("2", stale), digest("1", stale)],
            &["GET /", "GET / 1/1", "GET / 2/1"],
        ),
        (
            vec![digest("1", ""), refuse("Basic realm=\"r\"")],
            &["GET /", "GET / 1/1"],
        ),
    ];
    for (server, expected) in cases {
        let (seen, status) = run(&auth(), get("http://h.test/"), server).unwrap();
        assert_eq!(
            (seen, status),
            (expected.iter().map(|s| s.to_string()).collect(), 401)
        );
    }
}

#[test]
fn what_is_signed_ahead_is_answered_by_the_same_rules() {
    let stale = ", stale=true";
    let cases: [(Vec<Reply>, &[&str]); 4] = [
        // The nonce is still good, so the credentials are not.
        (vec![digest("old", "")], &["GET / old/2"]),
        (vec![digest("old", stale)], &["GET / old/2"]),
        (
            vec![digest("1", ""), digest("2", "")],
            &["GET / old/2", "GET / 1/1"],
        ),
        (
            vec![digest("1", stale), digest("2", stale), digest("3", stale)],
            &["GET / old/2", "GET / 1/1", "GET / 2/1"],
        ),
    ];
    for (server, expected) in cases {
        let auth = auth();
        run(&auth, get("http://h.test/"), [digest("old", ""), ok()]).unwrap();
        let (seen, status) = run(&auth, get("http://h.test/"), server).unwrap();
        assert_eq!(
            (seen, status),
            (expected.iter().map(|s| s.to_string()).collect(), 401)
        );
        // What was refused is not tried again.
        assert_eq!(
            run(&auth, get("http://h.test/"), [ok()]).unwrap().0,
            ["GET /"]
        );
    }
}

#[test]
fn redirects_and_challenges_without_end_are_no_loop() {
    let auth = DigestAuth::new("u", "p");
    let mut flow = auth.auth_flow(get("http://h.test/0"));
    let mut step = flow.resume(None).unwrap();
    for n in 1..100 {
        let Step::Send(request) = step else {
            assert!(n < 30, "{n}");
            return;
        };
        let mut answered = get(&format!("http://h.test/{n}"));
        *answered.headers_mut() = request.headers().clone();
        let mut headers = HeaderMap::new();
        let challenge = format!("Digest realm=\"r\", nonce=\"{n}\", qop=\"auth\"");
        headers.insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
        let response = Response::new(answered, StatusCode::UNAUTHORIZED, headers, None);
        step = flow.resume(Some(response)).unwrap();
    }
    panic!("it goes on and on");
}

#[test]
fn a_redirected_request_is_signed_as_what_it_became() {
    let to = |reply: Reply, url| reply.after_redirect(Method::GET, url);
    let cases: [(&str, Vec<Reply>, &[&str], u16); 6] = [
        (
            "http://h.test/a",
            vec![to(digest("n", ""), "http://h.test/b"), ok()],
            &["GET /a", "GET /b n/1"],
            200,
        ),
        // The field went along to where it does not fit.
        (
            "http://h.test/a",
            vec![
                digest("n", ""),
                to(digest("n", ""), "http://h.test/b"),
                ok(),
            ],
            &["GET /a", "GET /a n/1", "GET /b n/2"],
            200,
        ),
        // Each place may ask anew.
        (
            "http://h.test/a",
            vec![
                to(digest("1", ""), "http://h.test/b"),
                to(digest("2", ""), "http://h.test/c"),
                to(digest("3", ""), "http://h.test/d"),
                ok(),
            ],
            &["GET /a", "GET /b 1/1", "GET /c 2/1", "GET /d 3/1"],
            200,
        ),
        // Credentials stay with their origin,
        (
            "http://h.test/a",
            vec![to(digest("n", ""), "http://h.test:81/a")],
            &["GET /a"],
            401,
        ),
        (
            "https://h.test/a",
            vec![to(digest("n", ""), "http://h.test/a")],
            &["GET /a"],
            401,
        ),
        // but for the upgrade to https.
        (
            "http://h.test/a",
            vec![to(digest("n", ""), "https://h.test/a"), ok()],
            &["GET /a", "GET /a n/1"],
            200,
        ),
    ];
    for (url, server, expected, status) in cases {
        let seen = run(&auth(), get(url), server).unwrap();
        assert_eq!(
            seen,
            (expected.iter().map(|s| s.to_string()).collect(), status)
        );
    }
}

fn post(body: Body) -> Request {
    let mut request = get("http://h.test/");
    *request.method_mut() = Method::POST;
    *request.body_mut() = body;
    request
}

#[test]
fn aut_05_a_body_is_sent_again_whole_or_not_at_all() {
    let reader = || Body::from_reader(&b"a reader"[..]);
    let seen = run(&auth(), post("bytes".into()), [digest("n", ""), ok()]).unwrap();
    assert_eq!(seen.0, ["POST /", "POST / n/1"]);
    // No second request, no error.
    assert_eq!(run(&auth(), post(reader()), [ok()]).unwrap().1, 200);
    let error = run(&auth(), post(reader()), [digest("n", "")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BodyNotReplayable);
    assert!(error.to_string().contains("digest"), "{error}");
    // A redirect that drops the body leaves nothing to send again.
    let dropped = digest("n", "").after_redirect(Method::GET, "http://h.test/b");
    let seen = run(&auth(), post(reader()), [dropped, ok()]).unwrap();
    assert_eq!(seen.0, ["POST /", "GET /b n/1"]);
}

#[test]
fn auth_int_signs_bodies_in_memory() {
    let int = || refuse("Digest realm=r, nonce=n, qop=\"auth-int\"");
    let auth = auth();
    let seen = run(&auth, post("bytes".into()), [int(), ok()]).unwrap();
    assert_eq!(seen.0, ["POST /", "POST / n/1"]);
    // What cannot be signed ahead goes unsigned: the server may not ask for it.
    let reader = || Body::from_reader(&b"a reader"[..]);
    assert_eq!(run(&auth, post(reader()), [ok()]).unwrap().0, ["POST /"]);
    let file = || Body::from(std::fs::File::open("Cargo.toml").unwrap());
    if let Err(error) = run(&auth, post(file()), [int()]) {
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
        assert!(error.to_string().contains("auth-int"), "{error}");
    } else {
        panic!("a file is not in memory");
    }
}

#[test]
fn challenges_that_are_not_for_digest_end_the_flow() {
    for challenge in [
        "Basic realm=\"r\"",
        "Token ...",
        "Digest realm=r, nonce=n, algorithm=X",
    ] {
        let seen = run(&auth(), get("http://h.test/"), [refuse(challenge)]).unwrap();
        assert_eq!(seen, (vec!["GET /".into()], 401), "{challenge}");
    }
    let error = run(&auth(), get("http://h.test/"), [refuse("Digest realm=r")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
}

#[test]
fn prx_04_a_proxy_is_never_answered() {
    let proxy = || {
        let mut reply = digest("n", "");
        reply.status = 407;
        reply
    };
    let auth = auth();
    for _ in 0..2 {
        let seen = run(&auth, get("http://h.test/"), [proxy()]).unwrap();
        assert_eq!(seen, (vec!["GET /".into()], 407));
    }
}

#[test]
fn other_credentials_make_room() {
    let mut request = get("http://h.test/");
    let field = HeaderValue::from_static("Bearer t0ken");
    request.headers_mut().insert(AUTHORIZATION, field);
    let seen = run(&auth(), request, [digest("n", ""), ok()]).unwrap();
    assert_eq!(seen.0, ["GET /", "GET / n/1"]);
}

#[test]
fn client_nonces_are_random_and_the_password_is_never_shown() {
    let auth = auth();
    let [one, two] = [auth.fresh_cnonce().unwrap(), auth.fresh_cnonce().unwrap()];
    assert_ne!(one, two);
    assert_eq!(one.len(), 32);
    let fixed = auth.clone().with_cnonce("0a4f113b");
    assert_eq!(&*fixed.clone().fresh_cnonce().unwrap(), "0a4f113b");
    let text = format!("{auth:?}");
    assert!(
        text.contains("user") && !text.contains("p4ssw0rd"),
        "{text}"
    );
}
