//! Whose credentials a request goes with, and where they never go.

use std::sync::Arc;

use dimorph::auth::BearerAuth;
use dimorph::{
    Auth, AuthFlow, BasicAuth, DigestAuth, ErrorKind, Method, NetrcAuth, Request, auth_fn,
};
use http::HeaderValue;
use sync_tests::certs::sniff;
use sync_tests::{Received, Reply, Server};

use super::common::{builder, builder_to, client_to};
use super::form::{ClientBuilder, RequestBuilder};
use super::{authorizations, basic, dual, form_test};

/// What stands in every secret of these tests.
const SECRET: &str = "hush";

#[dual]
#[form_test]
async fn request_auth_beats_the_header_which_beats_the_clients_auth_which_beats_the_urls() {
    let server = Server::http(|_| Reply::ok("ok"));
    let plain = || builder_to(&server);
    let with_auth = || plain().auth(("client", "pw"));
    let with_header = || plain().header("authorization", "of the client");
    let with_both = || with_header().auth(("client", "pw"));
    let bare = "http://a.test/";
    let url = "http://url:pw@a.test/";
    type Say = fn(RequestBuilder) -> RequestBuilder;
    let nothing: Say = |request| request;
    let auth: Say = |request| request.auth(("request", "pw"));
    let header: Say = |request| request.header("authorization", "of the request");
    let both: Say = |request| {
        request
            .header("authorization", "of the request")
            .auth(("request", "pw"))
    };
    let none: Say = RequestBuilder::no_auth;
    let header_and_none: Say =
        |request| request.header("authorization", "of the request").no_auth();
    let without: Say = |request| request.without_header("authorization");
    let of = |who: &str| basic(who, "pw");
    let (own, clients) = ("of the request".to_owned(), "of the client".to_owned());
    let no = || "-".to_owned();
    let table: Vec<(ClientBuilder, &str, Say, String)> = vec![
        (plain(), bare, nothing, no()),
        (plain(), bare, auth, of("request")),
        (plain(), bare, header, own.clone()),
        (plain(), bare, both, of("request")),
        (plain(), bare, none, no()),
        (plain(), url, nothing, of("url")),
        (plain(), url, auth, of("request")),
        // As in HTTPX: what stands in the URL is the most special that was said but for `auth`.
        (plain(), url, header, of("url")),
        (plain(), url, none, of("url")),
        (with_auth(), bare, nothing, of("client")),
        (with_auth(), bare, auth, of("request")),
        (with_auth(), bare, header, own.clone()),
        (with_auth(), bare, both, of("request")),
        (with_auth(), bare, none, no()),
        (with_auth(), bare, header_and_none, own.clone()),
        (with_auth(), url, nothing, of("client")),
        (with_auth(), url, none, of("url")),
        (with_header(), bare, nothing, clients.clone()),
        (with_header(), bare, none, clients.clone()),
        (with_header(), bare, auth, of("request")),
        (with_header(), bare, header, own.clone()),
        (with_header(), bare, without, no()),
        (with_header(), url, nothing, of("url")),
        // Of one level, auth is the more special.
        (with_both(), bare, nothing, of("client")),
        (with_both(), bare, header, own),
        (with_both(), bare, none, clients),
    ];
    for (row, (builder, url, say, expected)) in table.into_iter().enumerate() {
        let client = builder.build().unwrap();
        say(client.get(url)).send().await.unwrap();
        let sent = authorizations(&server).pop().unwrap();
        assert_eq!(sent, expected, "row {row}");
        // What was built and is sent later goes with the same.
        let built = say(client.get(url)).build().unwrap();
        assert!(!format!("{built:?}").contains("pw"), "row {row}");
        client.send(built.try_clone().unwrap()).await.unwrap();
        let sent = authorizations(&server).pop().unwrap();
        assert_eq!(sent, expected, "row {row}, built");
    }
}

#[dual]
#[form_test]
async fn a_request_made_by_hand_goes_with_the_clients_auth_unless_it_has_a_header() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder_to(&server).auth(("client", "pw")).build().unwrap();
    let mut request = Request::new(Method::GET, "http://a.test/").unwrap();
    client.send(request.try_clone().unwrap()).await.unwrap();
    let own = HeaderValue::from_static("own");
    request.headers_mut().insert("authorization", own);
    client.send(request).await.unwrap();
    assert_eq!(
        authorizations(&server),
        [basic("client", "pw"), "own".into()]
    );
}

/// One way to give credentials, and what the first server must see of them.
struct Kind {
    name: &'static str,
    userinfo: &'static str,
    of_client: fn(ClientBuilder) -> ClientBuilder,
    of_request: fn(RequestBuilder) -> RequestBuilder,
    seen: String,
}

fn kinds() -> Vec<Kind> {
    let kind = |name, seen: String| Kind {
        name,
        userinfo: "",
        of_client: |builder| builder,
        of_request: |request| request,
        seen,
    };
    let user_hush = || basic("user", SECRET);
    vec![
        Kind {
            of_request: |request| request.header("authorization", "Bearer hush"),
            ..kind("header of the request", "Bearer hush".into())
        },
        Kind {
            of_client: |builder| builder.header("authorization", "Bearer hush"),
            ..kind("header of the client", "Bearer hush".into())
        },
        Kind {
            of_client: |builder| builder.auth(("user", SECRET)),
            ..kind("pair of the client", user_hush())
        },
        Kind {
            of_request: |request| request.auth(("user", SECRET)),
            ..kind("pair of the request", user_hush())
        },
        Kind {
            of_client: |builder| builder.bearer_auth(SECRET),
            ..kind("token of the client", "Bearer hush".into())
        },
        Kind {
            of_request: |request| {
                request.auth(auth_fn(|mut request: Request| {
                    let field = HeaderValue::from_static("hush");
                    request.headers_mut().insert("authorization", field);
                    request
                }))
            },
            ..kind("function", "hush".into())
        },
        Kind {
            userinfo: "user:hush@",
            ..kind("userinfo", user_hush())
        },
        Kind {
            of_request: |request| {
                let text = "machine a.test login user password hush\ndefault login d password hush";
                request.auth(NetrcAuth::from_text(text).unwrap())
            },
            ..kind("netrc", user_hush())
        },
        Kind {
            of_client: |builder| builder.auth(DigestAuth::new("user", SECRET)),
            ..kind("digest", "Digest".into())
        },
    ]
}

/// Which URL is redirected where.
type Map = &'static [(&'static str, &'static str)];

/// Sends a request at `from`, which the map may redirect; gives `URL authorization` of each request seen.
///
/// Whoever comes to `/in` without credentials is asked for them, by Digest; the rest are not.
#[dual]
async fn journey(kind: &Kind, from: &str, map: Map) -> Vec<String> {
    let server = Server::answering(sniff(), move |request: &Received| {
        let url = request.url();
        let asks = request.target == "/in" && request.header("authorization").is_none();
        if asks {
            let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
            return Reply::status(401).header("www-authenticate", challenge);
        }
        match map.iter().find(|(at, _)| *at == url) {
            Some((_, to)) => Reply::redirect(307, to),
            None => Reply::ok("end"),
        }
    });
    let client = (kind.of_client)(builder_to(&server))
        .resolve("sub.a.test", [server.address()])
        .resolve("a.test.evil.test", [server.address()])
        .build()
        .unwrap();
    let url = from.replace("://", &format!("://{}", kind.userinfo));
    let request = (kind.of_request)(client.post(url).body("body"));
    let response = request.send().await.unwrap();
    drop(response);
    for request in server.requests() {
        let head = String::from_utf8(request.head.clone()).unwrap();
        let upgraded =
            from.starts_with("http://a.test/") && request.url().starts_with("https://a.test/");
        let elsewhere = origin(&request.url()) != origin(from) && !upgraded;
        let hushed = !head.to_lowercase().contains(SECRET);
        // No server is told where the client came from either (RED-14).
        assert!(request.header("referer").is_none(), "{}: {head}", kind.name);
        assert!(hushed || !elsewhere, "{}: {head}", kind.name);
    }
    let requests = server.requests();
    let urls = requests.iter().map(Received::url);
    let sent = urls.zip(authorizations(&server));
    sent.map(|(url, sent)| format!("{url} {sent}")).collect()
}

fn origin(url: &str) -> dimorph::Url {
    dimorph::Url::parse(url).unwrap().join("/").unwrap()
}

/// What a journey must show: a Digest's first request is asked before.
fn shown(kind: &Kind, stops: &[(&str, bool)]) -> Vec<String> {
    let mut all = Vec::new();
    for (number, (url, has)) in stops.iter().enumerate() {
        if number == 0 && kind.name == "digest" {
            all.push(format!("{url} -"));
        }
        let sent = if *has { &kind.seen } else { "-" };
        all.push(format!("{url} {sent}"));
    }
    all
}

#[dual]
#[form_test]
async fn red_03_red_07_red_08_red_14_credentials_leave_with_no_redirect_to_another_origin() {
    let maps: [(&str, Map); 7] = [
        // Another host, another port, another scheme.
        (
            "http://a.test/in",
            &[("http://a.test/in", "http://b.test/x")],
        ),
        (
            "http://a.test/in",
            &[("http://a.test/in", "http://a.test:81/x")],
        ),
        (
            "https://a.test/in",
            &[("https://a.test/in", "http://a.test/x")],
        ),
        (
            "http://a.test:81/in",
            &[("http://a.test:81/in", "https://a.test/x")],
        ),
        // RED-08: names that look alike.
        (
            "http://a.test/in",
            &[("http://a.test/in", "http://sub.a.test/x")],
        ),
        (
            "http://a.test/in",
            &[("http://a.test/in", "http://a.test.evil.test/x")],
        ),
        ("https://a.test/in", &[("https://a.test/in", "//b.test/x")]),
    ];
    for kind in kinds() {
        for (from, map) in maps {
            let to = match map[0].1 {
                "//b.test/x" => "https://b.test/x",
                to => to,
            };
            let seen = journey(&kind, from, map).await;
            let expected = shown(&kind, &[(from, true), (to, false)]);
            assert_eq!(seen, expected, "{}", kind.name);
        }
    }
}

#[dual]
#[form_test]
async fn red_07_credentials_do_not_come_back_on_the_way_home() {
    for kind in kinds() {
        let from = "http://a.test/in";
        let seen = journey(
            &kind,
            from,
            &[
                ("http://a.test/in", "http://b.test/1"),
                ("http://b.test/1", "http://b.test/2"),
                ("http://b.test/2", "http://a.test/home"),
            ],
        )
        .await;
        let expected = shown(
            &kind,
            &[
                (from, true),
                ("http://b.test/1", false),
                ("http://b.test/2", false),
                ("http://a.test/home", false),
            ],
        );
        assert_eq!(seen, expected, "{}", kind.name);
    }
}

#[dual]
#[form_test]
async fn credentials_stay_where_the_origin_does_and_go_from_http_to_https() {
    for kind in kinds() {
        // The field of a Digest is made for one URL: the next one is asked for its own, or open to all.
        let stays = kind.name != "digest";
        let (from, same) = ("http://a.test/in", "http://a.test/same");
        let seen = journey(&kind, from, &[("http://a.test/in", "/same")]).await;
        let expected = shown(&kind, &[(from, true), (same, stays)]);
        assert_eq!(seen, expected, "{}", kind.name);

        let secure = "https://a.test/up";
        let seen = journey(&kind, from, &[("http://a.test/in", "https://a.test/up")]).await;
        let expected = shown(&kind, &[(from, true), (secure, stays)]);
        assert_eq!(seen, expected, "{}", kind.name);
    }
}

/// Another origin asks in vain, for a flow too that would answer.
#[dual]
#[form_test]
async fn a_challenge_from_another_origin_is_not_answered() {
    for status in [302, 307] {
        let server = Server::answering(sniff(), move |request| match request.url().as_str() {
            "http://a.test/" => Reply::redirect(status, "http://b.test/in"),
            _ => Reply::status(401)
                .header(
                    "www-authenticate",
                    "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
                )
                .header("www-authenticate", "Basic realm=\"r\""),
        });
        let client = builder_to(&server)
            .auth(DigestAuth::new("user", SECRET))
            .build()
            .unwrap();
        for _ in 0..2 {
            let response = client.get("http://a.test/").send().await.unwrap();
            assert_eq!(response.status(), 401);
            assert_eq!(response.url().as_str(), "http://b.test/in");
        }
        assert_eq!(authorizations(&server), ["-"; 4]);
    }
}

/// Answers a 401, wherever it came from, by its own request once more.
struct Answering;

impl Auth for Answering {
    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let response = exchange.send(request.try_clone()?).await?;
            if response.status() == 401 {
                let field = HeaderValue::from_static("Bearer hush");
                request.headers_mut().insert("authorization", field);
                exchange.send(request).await?;
            }
            Ok(())
        })
    }
}

#[dual]
#[form_test]
async fn what_a_flow_sends_again_loses_its_credentials_on_the_same_way() {
    let server = Server::http(|request| match request.url().as_str() {
        "http://a.test/" => Reply::redirect(302, "http://b.test/"),
        _ => Reply::status(401),
    });
    let client = builder_to(&server).auth(Answering).build().unwrap();
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.status(), 401);
    let requests = server.requests();
    let urls = requests.iter().map(Received::url);
    let sent: Vec<_> = urls.zip(authorizations(&server)).collect();
    let step = |url: &str, sent: &str| (url.to_owned(), sent.to_owned());
    assert_eq!(
        sent,
        [
            step("http://a.test/", "-"),
            step("http://b.test/", "-"),
            step("http://a.test/", "Bearer hush"),
            step("http://b.test/", "-")
        ]
    );
}

#[dual]
#[form_test]
async fn schemes_and_flows_show_no_secret() {
    let text = "machine a.test login user password hush";
    let digest = DigestAuth::new("user", SECRET);
    let request = || Request::new(Method::GET, "http://user:hush@a.test/").unwrap();
    let basic = BasicAuth::new("user", SECRET);
    let flow = format!("{:?}", basic.auth_flow(request()));
    let shown = [
        format!("{basic:?} {basic:#?}"),
        format!("{digest:?} {digest:#?}"),
        format!("{:?}", NetrcAuth::from_text(text).unwrap()),
        format!("{:?}", BearerAuth::new(SECRET)),
        format!("{:?}", auth_fn(|request: Request| request)),
        format!("{:?}", Arc::new(digest.clone())),
        flow,
        format!("{:?}", builder().auth(("user", SECRET))),
        format!("{:?}", builder().bearer_auth(SECRET)),
        format!("{:?}", client_to(&Server::http(|_| Reply::ok("")))),
    ];
    for text in shown {
        assert!(!text.contains(SECRET), "{text}");
    }
    // Neither does what was sent, looked at from the response or its history.
    let server = Server::http(|request| match request.target.as_str() {
        "/" => Reply::redirect(302, "/end"),
        _ => Reply::ok("ok"),
    });
    let client = builder_to(&server).auth(basic).build().unwrap();
    let response = client.get("http://a.test/").send().await.unwrap();
    let earlier = response.history()[0].request();
    let text = format!("{:?} {earlier:?} {response:?}", response.request());
    let encoded = super::basic("user", SECRET);
    assert!(text.contains("authorization"), "{text}");
    assert!(
        !text.contains(encoded.trim_start_matches("Basic ")),
        "{text}"
    );
    let field = &response.request().headers()["authorization"];
    assert!(field.is_sensitive() && field == &*encoded);
}

#[dual]
#[form_test]
async fn red_05_a_cookie_field_of_ones_own_stays_and_the_jars_goes_by_its_rules() {
    let server = Server::http(|request| match request.url().as_str() {
        "http://b.test/set" => Reply::ok("").header("set-cookie", "own=b"),
        "http://a.test/" => Reply::redirect(302, "http://b.test/"),
        _ => Reply::ok("end"),
    });
    let client = client_to(&server);
    client.get("http://b.test/set").send().await.unwrap();
    let request = client.get("http://a.test/").auth(("user", SECRET));
    let request = request.header("cookie", "sid=1");
    request.send().await.unwrap();
    let requests = server.requests();
    let cookies = requests[1..].iter().map(|seen| seen.header("cookie"));
    assert_eq!(cookies.collect::<Vec<_>>(), [Some("sid=1"), Some("own=b")]);
}

#[dual]
#[form_test]
async fn aut_04_what_basic_cannot_carry_is_an_error_and_nothing_is_sent() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = client_to(&server);
    let get = || client.get("http://a.test/");
    for (what, request) in [
        ("colon", get().auth(("us:er", SECRET))),
        (
            "colon of a scheme",
            get().auth(BasicAuth::new("us:er", SECRET)),
        ),
        ("line", get().auth(("user\r\nx: y", SECRET))),
        ("NUL", get().auth(("user", "hush\0"))),
        ("escape", get().auth(("user", "hush\u{1b}"))),
        ("C1", get().auth(("user", "hush\u{85}"))),
        (
            "colon in userinfo",
            client.get("http://us%3Aer:hush@a.test/"),
        ),
        (
            "line in userinfo",
            client.get("http://user:hush%0D%0A@a.test/"),
        ),
        ("token", get().bearer_auth("hush\n")),
    ] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        let text = format!("{error} {error:?} {:?}", error.request());
        assert!(!text.contains(SECRET), "{what}: {text}");
        assert!(text.contains("a.test"), "{what}: {text}");
    }
    assert_eq!(server.connections(), 0);
    // RFC 7617 section 2.1.
    for (user, password) in [
        ("test", "123£"),
        ("Müller", "пароль"),
        ("", ""),
        ("u", "a:b"),
    ] {
        get().auth((user, password)).send().await.unwrap();
        let sent = authorizations(&server).pop().unwrap();
        assert_eq!(sent, basic(user, password));
    }
}
