//! Listings that are walked page by page: which request comes next, and what it carries.

use dimorph::{Auth, AuthFlow, ErrorKind, Request};
use sync_tests::certs::sniff;
use sync_tests::{Received, Reply, Server};

use super::common::{assert_at_rest, builder_to, client_to};
use super::form::{Client, Pages};
use super::{dual, form_test};

/// The bodies of all pages.
#[dual]
async fn bodies(mut pages: Pages) -> dimorph::Result<Vec<String>> {
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.push(page?.text().await?);
    }
    let after = pages.next().await;
    assert!(after.is_none(), "it has ended");
    Ok(all)
}

/// Answers with the target, and the link that the table has for it.
fn linked(table: &'static [(&'static str, &'static str)]) -> Server {
    Server::answering(sniff(), move |request: &Received| {
        let url = request.url();
        let reply = Reply::ok(url.clone());
        match table.iter().find(|(from, _)| *from == url) {
            Some((_, link)) => reply.header("link", link),
            None => reply,
        }
    })
}

#[dual]
#[form_test]
async fn pages_follow_the_links_to_the_next_one_until_there_is_none() {
    let server = linked(&[
        (
            "http://a.test/items?key=k&limit=2",
            "</items?page=1>; rel=first, </items?limit=2&page=2>; rel=\"next\"",
        ),
        (
            "http://a.test/items?limit=2&page=2",
            "<http://a.test/items?page=3>; rel=\"last next\"",
        ),
        (
            "http://a.test/items?page=3",
            "</items?page=4>; rel=next, </appendix?page=2>; rel=next; anchor=\"/appendix\"",
        ),
        ("http://a.test/items?page=4", "</items?page=3>; rel=prev"),
    ]);
    let client = builder_to(&server)
        .header("x-client", "1")
        .params([("key", "k")])
        .build()
        .unwrap();
    let pages = client
        .get("http://a.test/items")
        .params([("limit", "2")])
        .header("x-own", "2")
        .header("cookie", "own=3")
        .basic_auth("tom", Some("mot123"))
        .pages();
    let pages = bodies(pages).await.unwrap();
    assert_eq!(
        pages,
        [
            "http://a.test/items?key=k&limit=2",
            "http://a.test/items?limit=2&page=2",
            "http://a.test/items?page=3",
            "http://a.test/items?page=4"
        ]
    );
    for request in server.requests() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("x-client"), Some("1"));
        assert_eq!(request.header("x-own"), Some("2"));
        assert_eq!(request.header("cookie"), Some("own=3"));
        assert_eq!(
            request.header("authorization"),
            Some("Basic dG9tOm1vdDEyMw==")
        );
    }
    assert_eq!(server.connections(), 1);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn what_was_posted_is_sent_once() {
    let server = linked(&[("http://a.test/search", "<?page=2>; rel=next")]);
    let client = client_to(&server);
    let pages = client.post("http://a.test/search").json(["q"]).pages();
    bodies(pages).await.unwrap();
    let requests = server.requests();
    let shown: Vec<_> = requests
        .iter()
        .map(|r| (&r.method[..], &r.target[..], r.header("content-type")))
        .collect();
    assert_eq!(
        shown,
        [
            ("POST", "/search", Some("application/json")),
            ("GET", "/search?page=2", None)
        ]
    );
    // A page that was asked for by another method is another page.
    let server = linked(&[("http://a.test/search", "<>; rel=next")]);
    let client = client_to(&server);
    let mut pages = client.post("http://a.test/search").body("q").pages();
    pages.next().await.unwrap().unwrap();
    pages.next().await.unwrap().unwrap();
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
}

#[dual]
#[form_test]
async fn heads_stay_heads() {
    let server = linked(&[("http://a.test/", "</2>; rel=next")]);
    let client = client_to(&server);
    bodies(client.head("http://a.test/").pages()).await.unwrap();
    let requests = server.requests();
    assert!(requests.len() == 2 && requests.iter().all(|r| r.method == "HEAD"));
}

#[dual]
#[form_test]
async fn a_page_that_is_an_error_is_given_and_is_the_last_one() {
    let server = Server::http(|request| {
        let reply = match request.target.as_str() {
            "/2" => Reply::status(503),
            _ => Reply::ok(""),
        };
        reply.header("link", "</2>; rel=next")
    });
    let client = client_to(&server);
    let mut pages = client.get("http://a.test/1").pages();
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!(page.status(), 200);
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!(page.status(), 503);
    let page = pages.next().await;
    assert!(page.is_none());
}

#[dual]
#[form_test]
async fn pages_that_go_in_a_circle_end_with_an_error() {
    let server = linked(&[
        ("http://a.test/1", "</2>; rel=next"),
        ("http://a.test/2", "</3>; rel=next"),
        ("http://a.test/3", "</2#again>; rel=next"),
    ]);
    let client = client_to(&server);
    let mut pages = client.get("http://a.test/1").pages();
    for _ in 0..3 {
        pages.next().await.unwrap().unwrap();
    }
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
    assert!(error.to_string().contains("in a circle"), "{error}");
    assert_eq!(error.url().unwrap().as_str(), "http://a.test/3");
    let after = pages.next().await;
    assert!(after.is_none());
    assert_eq!(server.requests().len(), 3);
}

#[dual]
#[form_test]
async fn no_more_pages_are_asked_for_than_wanted() {
    let server = linked(&[
        ("http://a.test/1", "</2>; rel=next"),
        ("http://a.test/2", "</1>; rel=next"),
    ]);
    let client = client_to(&server);
    for most in 0..3 {
        let pages = client.get("http://a.test/1").pages().max_pages(most);
        let pages = bodies(pages).await.unwrap();
        assert_eq!(pages.len(), most);
    }
    assert_eq!(server.requests().len(), 3);
}

/// What a request for page 2 carries of what the first one had, walking from `url`.
#[dual]
async fn carried(client: &Client, server: &Server, url: &str) -> Vec<String> {
    let pages = client
        .get(url)
        .header("x-other", "1")
        .header("x-key", "secret")
        .cookie("own", "1")
        .bearer_auth("mot123")
        .pages();
    let before = server.requests().len();
    bodies(pages).await.unwrap();
    let requests = &server.requests()[before..];
    let last = requests.last().unwrap();
    let names = ["authorization", "cookie", "x-key", "x-other"];
    names
        .into_iter()
        .filter(|name| last.header(name).is_some())
        .map(str::to_owned)
        .collect()
}

#[dual]
#[form_test]
async fn credentials_stay_with_their_origin() {
    let server = linked(&[
        ("http://a.test/same", "</2>; rel=next"),
        ("http://a.test/away", "<http://b.test/2>; rel=next"),
        ("https://a.test/down", "<http://a.test/2>; rel=next"),
        ("http://a.test/up", "<https://a.test/2>; rel=next"),
        // Back at home they are not taken up again.
        ("http://a.test/round", "<http://b.test/back>; rel=next"),
        ("http://b.test/back", "<http://a.test/2>; rel=next"),
    ]);
    let client = builder_to(&server)
        .sensitive_headers(["x-key"])
        .build()
        .unwrap();
    let all = ["authorization", "cookie", "x-key", "x-other"];
    let cases: [(&str, &[&str]); 5] = [
        ("http://a.test/same", &all),
        ("http://a.test/away", &["x-other"]),
        ("https://a.test/down", &["x-other"]),
        ("http://a.test/up", &["authorization", "x-other"]),
        ("http://a.test/round", &["x-other"]),
    ];
    for (url, expected) in cases {
        let carried = carried(&client, &server, url).await;
        assert_eq!(carried, expected, "{url}");
    }
}

#[dual]
#[form_test]
async fn a_redirect_on_the_way_takes_the_credentials_off_too() {
    let server = Server::http(|request| match &request.url()[..] {
        "http://a.test/away" => Reply::redirect(302, "http://b.test/1"),
        "http://b.test/1" => Reply::ok("").header("link", "<http://a.test/2>; rel=next"),
        "http://a.test/near" => Reply::redirect(302, "/1"),
        "http://a.test/1" => Reply::ok("").header("link", "</2>; rel=next"),
        _ => Reply::ok(""),
    });
    let client = builder_to(&server)
        .sensitive_headers(["x-key"])
        .build()
        .unwrap();
    let away = carried(&client, &server, "http://a.test/away").await;
    assert_eq!(away, ["x-other"]);
    let near = carried(&client, &server, "http://a.test/near").await;
    assert_eq!(near, ["authorization", "cookie", "x-key", "x-other"]);
}

#[dual]
#[form_test]
async fn user_and_password_of_the_url_are_those_of_its_pages() {
    let server = linked(&[
        ("http://a.test/1", "<http://a.test/2>; rel=next"),
        ("http://a.test/2", "<http://evil:own@a.test/3>; rel=next"),
        ("http://a.test/3", "<http://evil:own@b.test/4>; rel=next"),
    ]);
    let client = client_to(&server);
    let pages = client.get("http://tom:mot123@a.test/1").pages();
    bodies(pages).await.unwrap();
    let basic = Some("Basic dG9tOm1vdDEyMw==");
    let requests = server.requests();
    let seen: Vec<_> = requests.iter().map(|r| r.header("authorization")).collect();
    assert_eq!(seen, [basic, basic, basic, None]);
}

/// Asks for a ticket elsewhere, and goes on with that.
struct Ticket;

impl Auth for Ticket {
    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let response = exchange.send(request.try_clone()?).await?;
            if response.status() == 401 {
                let office = Request::new(dimorph::Method::GET, "http://b.test/moved")?;
                exchange.send(office).await?;
                request
                    .headers_mut()
                    .insert("x-ticket", "1".parse().unwrap());
                exchange.send(request).await?;
            }
            Ok(())
        })
    }
}

#[dual]
#[form_test]
async fn what_an_auth_flow_asks_for_on_the_way_is_no_redirect() {
    let server = Server::http(
        |request| match (&request.url()[..], request.header("x-ticket")) {
            ("http://b.test/moved", _) => Reply::redirect(302, "/office"),
            ("http://b.test/office", _) => Reply::ok(""),
            (_, None) => Reply::status(401),
            ("http://a.test/1", _) => Reply::ok("1").header("link", "</2>; rel=next"),
            _ => Reply::ok("2"),
        },
    );
    let client = client_to(&server);
    let pages = client.get("http://a.test/1").auth(Ticket).pages();
    let pages = bodies(pages).await.unwrap();
    assert_eq!(pages, ["1", "2"]);
}

#[dual]
#[form_test]
async fn a_link_that_leads_nowhere_is_an_error_and_one_of_another_document_is_none() {
    for (link, kind) in [
        (
            "<market://x>; rel=next",
            Some(ErrorKind::UnsupportedProtocol),
        ),
        (
            "<https://:443/>; rel=next",
            Some(ErrorKind::RemoteProtocolError),
        ),
        ("</2>; rel=next; anchor=\"/other\"", None),
        ("</2>; rel=prev", None),
        ("next", None),
    ] {
        let server = Server::http(move |_| Reply::ok("").header("link", link));
        let client = client_to(&server);
        let mut pages = client.get("http://a.test/1").pages();
        pages.next().await.unwrap().unwrap();
        let error = pages.next().await.map(|page| page.unwrap_err());
        assert_eq!(error.as_ref().map(|e| e.kind()), kind, "{link}");
        if let Some(error) = error {
            let text = error.to_string();
            assert!(text.contains("the link to the next page"), "{text}");
        }
    }
}

#[dual]
#[form_test]
async fn what_was_bad_about_the_first_request_comes_first() {
    let client = Client::new();
    let mut pages = client.get("no url").pages();
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    let after = pages.next().await;
    assert!(after.is_none());
}
