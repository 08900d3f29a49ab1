//! The cookie jar at work: over requests, redirects, authentication, clients, threads and files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dimorph::{Cookies, ErrorKind, Method, Request, Url};
use sync_tests::certs::sniff;
use sync_tests::digest_server::Challenge;
use sync_tests::{DigestServer, Received, Reply, Server};

use super::common::{assert_at_rest, builder_to, client, client_to};
use super::form::{Client, RequestBuilder, Response};
use super::{dual, form_test, form_util};

/// Sets the cookies that the query names, each field after a `&`; answers with the `cookie` field that came.
fn setter(request: &Received) -> Reply {
    let cookie = request.header("cookie").unwrap_or("none").to_owned();
    let url = Url::parse(&request.url()).unwrap();
    let reply = match url.path().strip_prefix("/to/") {
        Some(place) => Reply::redirect(302, &place.replacen(':', "://", 1)),
        None => Reply::ok(cookie),
    };
    let fields = url.query().unwrap_or("").split('&');
    fields
        .filter(|field| !field.is_empty())
        .map(|field| field.replace("%20", " ").replace("%22", "\""))
        .fold(reply, |reply, field| reply.header("set-cookie", &field))
}

/// The `cookie` field that the server saw.
#[dual]
async fn sent_by(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    response.text().await.unwrap()
}

#[dual]
async fn sent(client: &Client, url: &str) -> String {
    sent_by(client.get(url)).await
}

#[dual]
#[form_test]
async fn a_jar_lasts_from_request_to_request_and_over_redirects() {
    let server = Server::http(setter);
    let client = client_to(&server);
    for (url, expected) in [
        ("http://a.test/", "none"),
        ("http://a.test/?s=1;Path=/", "none"),
        ("http://a.test/deep/er", "s=1"),
        // What the first hop sets, the second sends.
        ("http://a.test/to/http:a.test/end?t=2;Path=/", "s=1; t=2"),
        ("http://b.test/", "none"),
        ("http://a.test/?s=3;Path=/", "s=1; t=2"),
        ("http://a.test/", "s=3; t=2"),
        ("http://a.test/?s=;Path=/;Max-Age=0", "s=3; t=2"),
        ("http://a.test/", "t=2"),
    ] {
        let cookie = sent(&client, url).await;
        assert_eq!(cookie, expected, "{url}");
    }
    assert_eq!(format!("{:?}", client.cookies()), "Cookies[t for a.test/]");
    let clone = client.clone();
    assert_eq!(clone.cookies().get("t").unwrap().as_deref(), Some("2"));
}

#[dual]
#[form_test]
async fn the_jar_the_client_and_the_call_merge_and_the_call_wins() {
    let server = Server::http(setter);
    let client = builder_to(&server)
        .cookie("a", "client")
        .cookie("c", "client")
        .build()
        .unwrap();
    for name in ["a", "b", "j"] {
        client.cookies().set(name, "jar", "a.test").unwrap();
    }
    let request = client.get("http://a.test/").cookie("b", "call");
    let cookie = sent_by(request).await;
    assert_eq!(cookie, "j=jar; a=client; c=client; b=call");
    let cookie = sent(&client, "http://a.test/").await;
    assert_eq!(cookie, "b=jar; j=jar; a=client; c=client");
    // Client and call belong to the origin that the call asks first; the jar to hosts.
    client.cookies().set("j", "theirs", "b.test").unwrap();
    let request = client
        .get("http://a.test/to/http:b.test/")
        .cookie("b", "call");
    let cookie = sent_by(request).await;
    assert_eq!(cookie, "j=theirs");
    let request = client
        .get("http://a.test/to/http:a.test:81/")
        .cookie("b", "call");
    let cookie = sent_by(request).await;
    assert_eq!(cookie, "a=jar; b=jar; j=jar", "another port");
    assert_eq!(client.cookies().len(), 4, "nothing of it was stored");

    let based = builder_to(&server)
        .base_url("http://a.test/api")
        .cookie("c", "client")
        .build()
        .unwrap();
    for (url, expected) in [
        ("here", "c=client"),
        ("http://a.test/elsewhere", "c=client"),
        ("http://b.test/", "none"),
        ("http://a.test:81/", "none"),
    ] {
        let cookie = sent(&based, url).await;
        assert_eq!(cookie, expected, "{url}");
    }
}

#[dual]
#[form_test]
async fn an_explicit_cookie_header_beats_the_jar() {
    let server = Server::http(setter);
    let client = builder_to(&server).cookie("c", "client").build().unwrap();
    client.cookies().set("j", "jar", "a.test").unwrap();
    let own = |url: &str| client.get(url).header("cookie", "own=1");
    let cookie = sent_by(own("http://a.test/").cookie("r", "call")).await;
    assert_eq!(cookie, "own=1");
    // A redirect rebuilds the field from the jar, client and call.
    let cookie = sent_by(own("http://a.test/to/http:a.test/").cookie("r", "call")).await;
    assert_eq!(cookie, "j=jar; c=client; r=call");
    let cookie = sent_by(own("http://b.test/to/http:a.test/")).await;
    assert_eq!(cookie, "j=jar");

    let headed = builder_to(&server)
        .header("cookie", "always=1")
        .build()
        .unwrap();
    headed.cookies().set("j", "jar", "a.test").unwrap();
    let cookie = sent(&headed, "http://a.test/").await;
    assert_eq!(cookie, "always=1");
    let without = client.get("http://a.test/").without_header("cookie");
    let cookie = sent_by(without).await;
    assert_ne!(cookie, "own=1");
}

#[dual]
#[form_test]
async fn a_request_made_by_hand_is_sent_as_it_is_and_its_redirects_have_cookies() {
    let server = Server::http(setter);
    let client = client_to(&server);
    client.cookies().set("j", "jar", "a.test").unwrap();
    let request = |url| Request::new(Method::GET, url).unwrap();
    let response = client.send(request("http://a.test/")).await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "none");
    let response = client
        .send(request("http://a.test/to/http:a.test/"))
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "j=jar");
    // What was built before a cookie came goes without it.
    let built = client.get("http://a.test/").build().unwrap();
    client.cookies().set("late", "1", "a.test").unwrap();
    let response = client.send(built).await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "j=jar");
}

#[dual]
#[form_test]
async fn coo_17_cookies_of_a_call_are_not_stored_and_two_clients_share_nothing() {
    let server = Server::http(setter);
    let (one, other) = (client_to(&server), client_to(&server));
    let request = one.get("http://a.test/?s=1;Path=/").cookie("r", "call");
    let cookie = sent_by(request).await;
    assert_eq!(cookie, "r=call");
    let cookie = sent(&one, "http://a.test/").await;
    assert_eq!(cookie, "s=1");
    let cookie = sent(&other, "http://a.test/").await;
    assert_eq!(cookie, "none");
    assert!(other.cookies().is_empty());

    // A jar given to two clients is one.
    let jar = Cookies::new();
    let sharing = || {
        let builder = builder_to(&server).cookie_jar(jar.clone());
        builder.build().unwrap()
    };
    let (third, fourth) = (sharing(), sharing());
    let cookie = sent(&third, "http://a.test/?shared=1;Path=/").await;
    assert_eq!(cookie, "none");
    let cookie = sent(&fourth, "http://a.test/").await;
    assert_eq!(cookie, "shared=1");
    assert_eq!(jar.len(), 1);
    fourth.cookies().clear();
    let cookie = sent(&third, "http://a.test/").await;
    assert_eq!(cookie, "none");
}

#[dual]
#[form_test]
async fn coo_13_scope_follows_the_host_of_the_url_and_never_the_host_field() {
    let server = Server::http(setter);
    let client = client_to(&server);
    client.cookies().set("victim", "1", "b.test").unwrap();
    let disguised = |url: &str| client.get(url).header("host", "b.test");
    let cookie = sent_by(disguised("http://a.test/?s=1;Path=/")).await;
    assert_eq!(cookie, "none", "the cookies of the host field's host");
    let cookie = sent_by(disguised("http://a.test/?d=1;Domain=b.test")).await;
    assert_eq!(cookie, "s=1");
    let cookie = sent(&client, "http://a.test/").await;
    assert_eq!(cookie, "s=1");
    let cookie = sent(&client, "http://b.test/").await;
    assert_eq!(cookie, "victim=1");
    // The field does not outlive its request.
    let hosts: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.header("host").unwrap().to_owned())
        .collect();
    assert_eq!(hosts, ["b.test", "b.test", "a.test", "b.test"]);
}

#[dual]
#[form_test]
async fn coo_14_a_redirect_sets_cookies_of_its_own_host_only() {
    let server = Server::http(setter);
    let client = client_to(&server);
    let start =
        "http://a.test/to/http:b.test/end?own=1;Path=/&their=1;Domain=b.test&all=1;Domain=test";
    let cookie = sent(&client, start).await;
    assert_eq!(cookie, "none");
    for (url, expected) in [("http://a.test/", "own=1"), ("http://b.test/", "none")] {
        let cookie = sent(&client, url).await;
        assert_eq!(cookie, expected, "{url}");
    }
    // A redirect that is not followed sets its cookies, too.
    let unfollowed = client
        .get("http://b.test/to/http:a.test/?late=1;Path=/")
        .follow_redirects(false);
    let response = unfollowed.send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(client.cookies().get("late").unwrap().as_deref(), Some("1"));
    drop(response);
    // So does one that fails, and one that is too many.
    let lost = client.get("http://b.test/to/ftp:a.test/?lost=1");
    let error = lost.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedProtocol);
    assert_eq!(client.cookies().get("lost").unwrap().as_deref(), Some("1"));
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn coo_06_secure_cookies_come_and_go_over_https_only() {
    let server = Server::answering(sniff(), setter);
    let client = client_to(&server);
    for (url, expected) in [
        ("http://example.org/?refused=1;Secure;Path=/", "none"),
        ("https://example.org/", "none"),
        ("https://example.org/?s=1;Secure;Path=/", "none"),
        ("https://example.org/", "s=1"),
        ("http://example.org/", "none"),
        // Over a redirect, the scheme of each hop decides.
        ("https://example.org/to/http:example.org/", "none"),
        ("http://example.org/to/https:example.org/", "s=1"),
        ("http://example.org/?p=1;Path=/", "none"),
        ("https://example.org/", "s=1; p=1"),
        ("https://example.org:8443/", "s=1; p=1"),
    ] {
        let cookie = sent(&client, url).await;
        assert_eq!(cookie, expected, "{url}");
    }
}

#[dual]
#[form_test]
async fn coo_07_http_does_not_touch_a_secure_cookie() {
    let server = Server::answering(sniff(), setter);
    let client = client_to(&server);
    for url in [
        "https://example.org/?s=good;Secure;Path=/",
        "http://example.org/?s=evil;Path=/",
        "http://example.org/?s=evil;Path=/;Domain=example.org",
        "http://example.org/?s=;Path=/;Max-Age=0",
    ] {
        sent(&client, url).await;
    }
    let cookie = sent(&client, "https://example.org/").await;
    assert_eq!(cookie, "s=good");
}

#[dual]
#[form_test]
async fn hosts_and_paths_decide_who_gets_a_cookie() {
    let server = Server::http(setter);
    let client = client_to(&server);
    for (url, expected) in [
        ("http://www.example.org/?d=1;Domain=example.org", "none"),
        ("http://www.example.org/x/y?h=1", "d=1"),
        ("http://www.example.org/x/z", "h=1; d=1"),
        ("http://www.example.org/", "d=1"),
        ("http://api.example.org/x/", "d=1"),
        ("http://example.org/x/", "d=1"),
        ("http://example.com/x/", "none"),
    ] {
        let cookie = sent(&client, url).await;
        assert_eq!(cookie, expected, "{url}");
    }
    assert_eq!(client.cookies().delete("d", Some("example.org"), None), 1);
    let cookie = sent(&client, "http://www.example.org/x/").await;
    assert_eq!(cookie, "h=1");
    client.cookies().clear();
    let cookie = sent(&client, "http://www.example.org/x/").await;
    assert_eq!(cookie, "none");
}

#[dual]
#[form_test]
async fn coo_09_a_cookie_with_a_control_character_is_refused() {
    let server = Server::http(|request| match request.target.strip_prefix("/byte/") {
        Some(byte) => {
            let byte: u8 = byte.parse().unwrap();
            let field = [b"set-cookie: a=1", &[byte][..], b"b; Path=/\r\n"].concat();
            let start = b"HTTP/1.1 200 OK\r\nset-cookie: good=1; Path=/\r\n";
            Reply::raw([start, &field[..], b"content-length: 0\r\n\r\n"].concat())
        }
        None => setter(request),
    });
    for byte in (0..0x20).chain([0x7f]).filter(|&byte| byte != b'\n') {
        let client = client_to(&server);
        let url = format!("http://a.test/byte/{byte}");
        let answered = client.get(url).send().await.is_ok();
        // The whole head is refused; a tab may stand in a field (RFC 6265bis section 5.6 allows it in a value, too).
        assert_eq!(answered, byte == b'\t', "{byte:#x}");
        let cookie = sent(&client, "http://a.test/").await;
        let expected = match byte {
            b'\t' => "good=1; a=1\tb",
            _ => "none",
        };
        assert_eq!(cookie, expected, "{byte:#x}");
    }
}

#[dual]
#[form_test]
async fn inj_11_cookies_that_would_break_the_header_are_errors() {
    let server = Server::http(setter);
    let client = client_to(&server);
    for (name, value) in [
        ("a", "b\r\nx: y"),
        ("a", "b\n"),
        ("a", "b; c=d"),
        ("a", "b\0"),
        ("a\r\nx", "b"),
        ("a=b", "c"),
        ("a;b", "c"),
        ("a\0", "b"),
    ] {
        let what = format!("{name:?}={value:?}");
        let request = client.get("http://a.test/").cookie(name, value);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        let error = builder_to(&server).cookie(name, value).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        let error = client.cookies().set(name, value, "a.test").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
    }
    assert_eq!(server.connections(), 0);
}

/// The names of what a response set, with their values.
fn set_by(response: &Response) -> Vec<(String, String)> {
    response
        .cookies()
        .iter()
        .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
        .collect()
}

#[dual]
#[form_test]
async fn a_response_tells_what_it_set_itself() {
    let server = Server::http(setter);
    let client = client_to(&server);
    client.cookies().set("before", "1", "a.test").unwrap();
    let url = "http://a.test/to/http:a.test/end?first=1";
    let response = client.get(url).send().await.unwrap();
    assert!(
        response.cookies().is_empty(),
        "the redirect's are not its own"
    );
    // Those of what led here are in its entry's headers.
    let entry = &response.history()[0];
    assert_eq!(entry.headers()["set-cookie"], "first=1");
    let request = entry.request().headers();
    assert_eq!(request["cookie"], "before=1");
    drop(response);

    let url = "http://a.test/?a=1;Path=/x;HttpOnly&b=2;Domain=com";
    let response = client.get(url).send().await.unwrap();
    assert_eq!(set_by(&response), [("a".to_owned(), "1".to_owned())]);
    let cookie = response.cookies().iter().next().unwrap();
    assert_eq!((cookie.path(), cookie.domain()), ("/x", "a.test"));
    assert!(cookie.http_only() && cookie.host_only() && !cookie.secure());
    // A copy: what is done to it is not done to the client.
    response.cookies().clear();
    assert_eq!(client.cookies().get("a").unwrap().as_deref(), Some("1"));
}

#[dual]
#[form_test]
async fn only_the_final_head_of_a_response_sets_cookies() {
    let server = Server::http(|request| match request.target.as_str() {
        "/hints" => Reply::raw(
            "HTTP/1.1 103 Early Hints\r\nset-cookie: early=1\r\n\r\n\
             HTTP/1.1 200 OK\r\nset-cookie: final=1\r\ncontent-length: 2\r\n\r\nok",
        ),
        "/trailers" => Reply::chunked(["ok"])
            .header("trailer", "set-cookie")
            .trailer("set-cookie", "late=1"),
        _ => setter(request),
    });
    let client = client_to(&server);
    for path in ["hints", "trailers"] {
        sent(&client, &format!("http://a.test/{path}")).await;
    }
    let cookie = sent(&client, "http://a.test/").await;
    assert_eq!(cookie, "final=1");
}

#[dual]
#[form_test]
async fn statuses_and_methods_do_not_matter_to_a_jar() {
    let server = Server::http(|request| {
        let status = request.target[1..].parse().unwrap();
        Reply::status(status).header("set-cookie", &format!("s{status}=1"))
    });
    let client = client_to(&server);
    for status in [200, 204, 304, 404, 500] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            client.cookies().clear();
            let url = format!("http://a.test/{status}");
            let response = client.request(method, url).send().await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(client.cookies().len(), 1, "{status}");
        }
    }
}

#[dual]
#[form_test]
async fn a_401s_cookies_go_with_the_answer_to_it() {
    let server = DigestServer::builder("tom", "mot123")
        .challenge(Challenge::new("SHA-256"))
        .set_cookie("session=abc; Path=/")
        .start();
    let client = client();
    let request = client
        .get(server.url("/"))
        .auth(dimorph::DigestAuth::new("tom", "mot123"))
        .cookie("r", "call");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let entry = &response.history()[0];
    assert_eq!(entry.status(), 401);
    let seen = server.requests();
    assert_eq!(seen[0].header("cookie"), Some("r=call"));
    assert_eq!(seen[1].header("cookie"), Some("session=abc; r=call"));
    assert_eq!(
        client.cookies().get("session").unwrap().as_deref(),
        Some("abc")
    );
}

#[dual]
#[form_test]
async fn a_transports_responses_set_cookies() {
    let transport = form_util::Answering(|request: Request| {
        let cookie = request.headers().get("cookie").cloned();
        let response = http::Response::builder().header("set-cookie", "s=1; Path=/");
        let body = cookie.map_or(String::new(), |c| c.to_str().unwrap().to_owned());
        Ok(response.body(body).unwrap().into())
    });
    let client = Client::builder().transport(transport).build().unwrap();
    let cookie = sent(&client, "http://a.test/").await;
    assert_eq!(cookie, "");
    let cookie = sent(&client, "http://a.test/").await;
    assert_eq!(cookie, "s=1");
}

struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let form = if form_util::IS_ASYNC { "async" } else { "sync" };
        let name = format!("dimorph-jar-{form}-{name}-{}", std::process::id());
        File(std::env::temp_dir().join(name))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[dual]
#[form_test]
async fn a_jar_is_saved_for_its_owner_alone_and_goes_on_in_another_client() {
    let server = Server::http(setter);
    let file = File::new("saved");
    let first = client_to(&server);
    sent(
        &first,
        "http://a.test/?kept=1;Path=/;Max-Age=60&session=1;Path=/",
    )
    .await;
    first.cookies().save(&file.0).unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file.0).unwrap().permissions());
    assert_eq!(mode & 0o7777, 0o600);
    for (save_all, expected) in [(false, "kept=1"), (true, "kept=1; session=1")] {
        if save_all {
            first.cookies().save_all(&file.0).unwrap();
        }
        let jar = Cookies::load(&file.0).unwrap();
        let second = builder_to(&server).cookie_jar(jar).build().unwrap();
        let cookie = sent(&second, "http://a.test/").await;
        assert_eq!(cookie, expected);
    }
}

#[dual]
#[form_test]
async fn whoever_reads_a_file_that_is_being_saved_reads_a_whole_jar() {
    let file = File::new("atomic");
    let jar = Cookies::new();
    for n in 0..40 {
        jar.set(format!("c{n}"), "x".repeat(2000), "a.test")
            .unwrap();
    }
    jar.save_all(&file.0).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let saver = thread::spawn({
        let (stop, path) = (Arc::clone(&stop), file.0.clone());
        move || {
            let mut saved = 0;
            while !stop.load(Ordering::Relaxed) {
                jar.save_all(&path).unwrap();
                saved += 1;
            }
            saved
        }
    });
    for _ in 0..200 {
        assert_eq!(Cookies::load(&file.0).unwrap().len(), 40);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(saver.join().unwrap() > 0);
    let folder = file.0.parent().unwrap();
    let name = file.0.file_name().unwrap().to_str().unwrap();
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|other| other.contains(name) && other != name)
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[dual]
async fn set_and_send((client, n): (Client, usize)) -> usize {
    let host = ["a.test", "b.test"][n % 2];
    let mut seen = 0;
    for round in 0..25usize {
        let set = format!("http://{host}/?c{n}={round};Path=/");
        let before = sent(&client, &set).await;
        let own = |cookies: &str| {
            let prefix = format!("c{n}=");
            let mine = cookies
                .split("; ")
                .find_map(|pair| pair.strip_prefix(&prefix));
            mine.map(|value| value.parse::<usize>().unwrap())
        };
        assert_eq!(own(&before), round.checked_sub(1), "{before}");
        let after = sent(&client, &format!("http://{host}/")).await;
        assert_eq!(own(&after), Some(round), "{after}");
        // Nothing of the other host, no name twice.
        let mut names: Vec<&str> = after
            .split("; ")
            .filter_map(|p| p.split('=').next())
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{after}");
        for name in names {
            assert_eq!(name[1..].parse::<usize>().unwrap() % 2, n % 2, "{after}");
        }
        seen += 1;
    }
    seen
}

#[dual]
#[form_test]
async fn eight_at_once_set_and_send_and_lose_nothing() {
    let server = Server::http(setter);
    let client = client_to(&server);
    let calls: Vec<_> = (0..8).map(|n| (client.clone(), n)).collect();
    let rounds = form_util::concurrently(8, calls, set_and_send).await;
    assert_eq!(rounds, [25; 8]);
    assert_eq!(client.cookies().len(), 8);
    assert_at_rest(&client).await;
}
