//! What was recorded is answered again.

use std::io::{Cursor, Write};

use dimorph::multipart::{Form, Part};
use dimorph::transport::{Handler, Mode};
use dimorph::{Body, DigestAuth, ErrorKind, Method, Result};
use sync_tests::{DigestServer, Received, Reply, Server};

use super::common::{builder, client, refused};
use super::form::{Client, Response};
use super::{Folder, dual, form_test, form_util, over, text_of, with};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// What a caller sees of a response, but for what only a coded body has.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    reason: String,
    version: String,
    headers: Vec<(String, Vec<u8>)>,
    history: usize,
    body: std::result::Result<Vec<u8>, ErrorKind>,
}

#[dual]
async fn seen(sent: Result<Response>) -> Seen {
    let response = sent.unwrap();
    let headers = response.headers().iter();
    let headers = headers
        .filter(|(name, _)| *name != "content-encoding" && *name != "content-length")
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let (status, reason) = (response.status().as_u16(), response.reason().to_owned());
    let (headers, history) = (headers.collect(), response.history().len());
    let version = format!("{:?}", response.version());
    let body = response.bytes().await;
    Seen {
        status,
        reason,
        version,
        headers,
        history,
        body: body.map(|body| body.to_vec()).map_err(|error| error.kind()),
    }
}

fn various(request: &Received) -> Reply {
    match request.target.as_str() {
        "/text" => Reply::ok("grüße\n").header("x-a", "1").header("x-a", "2"),
        "/binary" => Reply::ok(vec![0, 159, 146, 150]).reason("Fine So Far"),
        "/latin1" => {
            Reply::ok(b"caf\xe9".to_vec()).header("content-type", "text/plain; charset=latin1")
        }
        "/chunked" => Reply::chunked(["one", "two"]),
        "/gzip" => Reply::ok(gzip(b"a readable text")).header("content-encoding", "gzip"),
        "/corrupt" => Reply::ok("no gzip").header("content-encoding", "gzip"),
        "/unknown" => Reply::ok("coded").header("content-encoding", "rot13"),
        "/empty" => Reply::status(204),
        "/old" => Reply::raw("HTTP/1.0 200 Aged\r\n\r\nold").closing(),
        "/latin-header" => {
            Reply::raw(&b"HTTP/1.1 200 OK\r\nx-a: caf\xe9\r\ncontent-length: 0\r\n\r\n"[..])
        }
        _ => Reply::status(404).body(request.body.clone()),
    }
}

const PATHS: [&str; 11] = [
    "/text",
    "/binary",
    "/latin1",
    "/chunked",
    "/gzip",
    "/corrupt",
    "/unknown",
    "/empty",
    "/old",
    "/latin-header",
    "/nowhere",
];

#[dual]
async fn ask_for_all(client: &Client, server: &str) -> Vec<Seen> {
    let mut all = Vec::new();
    for path in PATHS {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let request = client.request(method.clone(), format!("{server}{path}"));
            let sent = match method {
                Method::POST => request.body(format!("of {path}")).send().await,
                _ => request.send().await,
            };
            let seen = seen(sent).await;
            all.push(seen);
        }
    }
    all
}

#[dual]
#[form_test]
async fn what_was_recorded_is_answered_alike_when_the_server_is_gone() {
    let folder = Folder::new();
    let server = Server::http(various);
    let url = server.url("");
    let live = ask_for_all(&client(), &url).await;
    let recorded = ask_for_all(&over(folder.recorder()), &url).await;
    assert_eq!(live, recorded);
    assert_eq!(server.requests().len(), 2 * 3 * PATHS.len());
    drop(server);
    let replay = folder.replay();
    let replayed = ask_for_all(&with(replay.clone()), &url).await;
    assert_eq!(live, replayed);
    replay.assert_all_used();
    let text = folder.text();
    for readable in [
        "a readable text",
        "grüße",
        "\"_encoding\": \"gzip\"",
        "Fine So Far",
        "\"_raw\": true",
    ] {
        assert!(text.contains(readable), "{readable}");
    }
}

#[dual]
#[form_test]
async fn the_length_of_a_coded_body_is_that_of_the_text_in_the_file() {
    let folder = Folder::new();
    let server = Server::http(various);
    let recorder = over(folder.recorder());
    let sent = recorder.get(server.url("/gzip")).send().await;
    let live = sent.unwrap();
    assert_eq!(live.headers()["content-encoding"], "gzip");
    let sent = with(folder.replay()).get(server.url("/gzip")).send().await;
    let replayed = sent.unwrap();
    assert_eq!(replayed.headers().get("content-encoding"), None);
    assert_eq!(replayed.headers()["content-length"], "15");
    assert_eq!(replayed.content_length(), Some(15));
}

/// Sets a cookie, redirects, and wants the cookie.
fn guarded() -> Server {
    Server::http(|request| match request.target.as_str() {
        "/login" => Reply::redirect(303, "/home?token=s3cret-param")
            .header("set-cookie", "sid=s3cret-cookie; Path=/; HttpOnly"),
        _ if request
            .header("cookie")
            .is_some_and(|cookie| cookie.starts_with("sid=")) =>
        {
            Reply::ok("welcome")
        }
        _ => Reply::status(403),
    })
}

#[dual]
#[form_test]
async fn redirects_and_cookies_happen_as_over_the_network() {
    let folder = Folder::new();
    let server = guarded();
    let url = server.url("/login");
    let mut all = Vec::new();
    for turn in 0..2 {
        let client = match turn {
            0 => builder()
                .follow_redirects(true)
                .transport(folder.recorder().over(client())),
            _ => builder().follow_redirects(true).transport(folder.replay()),
        };
        let client = client.build().unwrap();
        let sent = client.post(url.as_str()).form([("user", "u")]).send().await;
        let seen = seen(sent).await;
        assert_eq!((seen.status, seen.history), (200, 1), "{seen:?}");
        all.push(seen);
        let cookie = client.cookies().get("sid").unwrap();
        assert_eq!(cookie.as_deref(), Some(["s3cret-cookie", "REDACTED"][turn]));
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(folder.entries(), 2);
    assert!(!folder.text().contains("s3cret"), "{}", folder.text());
}

#[dual]
#[form_test]
async fn an_auth_flow_is_replayed_with_its_challenge() {
    let folder = Folder::new();
    let server = DigestServer::builder("Mufasa", "Circle of Life").start();
    let url = server.url("/");
    let auth = || DigestAuth::new("Mufasa", "Circle of Life");
    for transport in [0, 1] {
        let client = match transport {
            0 => over(folder.recorder()),
            _ => with(folder.replay()),
        };
        let sent = client.get(url.as_str()).auth(auth()).send().await;
        assert_eq!(sent.unwrap().status(), 200);
    }
    assert_eq!(folder.entries(), 2);
    assert!(folder.text().contains("Digest REDACTED"));
    assert!(!folder.text().contains("Mufasa"));
}

#[dual]
#[form_test]
async fn bodies_of_readers_and_streams_are_recorded_and_sent() {
    let folder = Folder::new();
    let server = Server::http(|request| Reply::ok(request.body.clone()));
    let bodies = || {
        [
            Body::from_reader(Cursor::new("from a reader")),
            Body::sized(Cursor::new("sized"), 5),
            form_util::pieces_body(vec![b"in ".to_vec(), b"pieces".to_vec()]),
        ]
    };
    let recorder = over(folder.recorder());
    for (body, expected) in bodies()
        .into_iter()
        .zip(["from a reader", "sized", "in pieces"])
    {
        let sent = recorder.post(server.url("/")).body(body).send().await;
        let text = sent.unwrap().text().await.unwrap();
        assert_eq!(text, expected);
        assert!(folder.text().contains(&format!("\"text\": \"{expected}\"")));
    }
    let replay = with(folder.replay());
    for (body, expected) in bodies()
        .into_iter()
        .zip(["from a reader", "sized", "in pieces"])
    {
        let sent = replay.post(server.url("/")).body(body).send().await;
        let text = sent.unwrap().text().await.unwrap();
        assert_eq!(text, expected);
    }
    let long = Body::sized(Cursor::new("sized"), 6);
    let error = recorder.post(server.url("/")).body(long).send().await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::LocalProtocolError);
    let small = over(folder.recorder().max_body(4));
    for body in bodies() {
        let error = small.post(server.url("/")).body(body).send().await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
    assert_eq!(server.requests().len(), 3);
}

#[dual]
#[form_test]
async fn a_body_in_memory_is_held_to_the_limit_as_well() {
    let folder = Folder::new();
    let server = Server::http(|_| Reply::ok("kept"));
    let recorder = over(folder.recorder().max_body(4));
    let post = |client: &Client, body: &'static str| client.post(server.url("/")).body(body);
    let response = post(&recorder, "1234").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let recording = folder.recording(Mode::NewEpisodes).max_body(4);
    let replay = with(folder.replay().max_body(4));
    for client in [&recorder, &over(recording), &replay] {
        let error = post(client, "12345").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    }
    let response = post(&replay, "1234").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(folder.entries(), 1);
}

#[dual]
#[form_test]
async fn a_response_larger_than_is_kept_is_an_error() {
    let folder = Folder::new();
    let server = Server::http(|request| match request.target.as_str() {
        "/sized" => Reply::ok("12345"),
        _ => Reply::chunked(["123", "45"]),
    });
    let client = over(folder.recorder().max_body(4));
    for path in ["/sized", "/chunked"] {
        let error = text_of(&client, server.url(path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{path}");
    }
    let client = over(folder.recorder().max_body(5));
    for path in ["/sized", "/chunked"] {
        let text = text_of(&client, server.url(path)).await.unwrap();
        assert_eq!(text, "12345", "{path}");
    }
}

#[dual]
#[form_test]
async fn errors_are_recorded_where_that_is_asked_for() {
    let folder = Folder::new();
    let cut =
        Server::http(|_| Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut").closing());
    let urls = [format!("http://{}/", refused()), cut.url("/")];
    let plain = over(folder.recorder());
    let recorder = over(folder.recorder().record_errors(true));
    for url in &urls {
        let live = text_of(&client(), url.clone()).await.unwrap_err();
        text_of(&plain, url.clone()).await.unwrap_err();
        let error = text_of(&recorder, url.clone()).await.unwrap_err();
        assert_eq!(error.kind(), live.kind());
        let replayed = text_of(&with(folder.replay().repeats(true)), url.clone()).await;
        let replayed = replayed.unwrap_err();
        assert_eq!(
            (replayed.kind(), replayed.phase()),
            (live.kind(), live.phase())
        );
        assert_eq!(replayed.to_string(), live.to_string());
    }
    assert_eq!(folder.entries(), 2);
}

#[dual]
#[form_test]
async fn a_form_fits_whatever_its_boundary_is() {
    let folder = Folder::new();
    let server = Server::http(|request| Reply::ok(request.body.len().to_string()));
    let form = |text: &str| {
        let reader = Part::reader(Cursor::new(text.to_owned()));
        Form::new().text("a", "1").part("file", reader)
    };
    let url = server.url("/");
    let recorder = over(folder.recorder());
    let request = recorder.post(url.as_str()).multipart(form("content"));
    let live = request.send().await.unwrap().text().await.unwrap();
    let replay = with(folder.replay());
    let request = replay.post(url.as_str()).multipart(form("another"));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    let request = replay.post(url.as_str()).multipart(form("content"));
    let replayed = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(live, replayed);
}

#[dual]
#[form_test]
async fn an_upgrade_goes_through_and_is_not_recorded() {
    let folder = Folder::new();
    let server = Server::wire(|wire| {
        while wire.read_head()?.is_some() {
            wire.send(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nready",
            )?;
        }
        Ok(())
    });
    let request = over(folder.recorder())
        .get(server.url("/"))
        .header("connection", "upgrade")
        .header("upgrade", "x");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 101);
    let mut stream = response.upgrade().await.unwrap();
    let ready = form_util::read_exactly(&mut stream, 5).await;
    assert_eq!(ready, b"ready");
    assert!(!folder.tape().exists());
}
