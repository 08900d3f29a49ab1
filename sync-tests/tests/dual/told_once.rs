//! What `on_event` hears of interim responses and of failures, wherever they come.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dimorph::{
    Auth, AuthFlow, Body, DigestAuth, Error, ErrorKind, EventKind, Method, Request, auth_fn,
};
use sync_tests::certs::sniff;
use sync_tests::{DigestServer, Reply, Server, Wire};

use super::common::{assert_at_rest, builder, builder_to};
use super::form::{Client, ClientBuilder, Response};
use super::{dual, form_test};

/// Names of events, with the status of interim responses and the kind of failures.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

impl Ear {
    fn of(&self, builder: ClientBuilder) -> Client {
        let heard = Arc::clone(&self.0);
        let builder = builder.on_event(move |event| {
            let what = match event.kind() {
                EventKind::Informational { status, .. } => status.as_u16().to_string(),
                EventKind::Failed { error, .. } => format!("failed {:?}", error.kind()),
                other => other.name().to_owned(),
            };
            heard.lock().unwrap().push(what);
        });
        builder.build().unwrap()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The statuses of interim responses since the last time.
    fn interim(&self) -> Vec<u16> {
        self.take()
            .iter()
            .filter_map(|what| what.parse().ok())
            .collect()
    }
}

/// Gives a byte, and two more one by one once it is let go on.
struct Halting(usize, Receiver<()>);

impl Read for Halting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 1 {
            let told = self.1.recv_timeout(Duration::from_secs(5));
            told.map_err(io::Error::other)?;
        }
        self.0 += 1;
        buffer[0] = b'x';
        Ok(usize::from(self.0 <= 3))
    }
}

#[dual]
#[form_test]
async fn interim_responses_during_an_upload_are_heard_of() {
    let next = Arc::new(Mutex::new(channel().0));
    let server = Server::wire_tls(sniff(), {
        let next = Arc::clone(&next);
        move |wire: &mut Wire| {
            while let Some(head) = wire.read_head()? {
                let chunked = head.header("transfer-encoding").is_some();
                wire.read_exactly(if chunked { "1\r\nx".len() } else { 1 })?;
                wire.send(
                    "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
                )?;
                let _ = next.lock().unwrap().send(());
                wire.read_exactly(if chunked {
                    "\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n".len()
                } else {
                    2
                })?;
                wire.send("HTTP/1.1 102 Processing\r\n\r\n")?;
                Reply::ok("had it").send(wire, false)?;
            }
            Ok(())
        }
    });
    let ear = Ear::default();
    let client = ear.of(builder());
    for url in [server.url("/"), server.https("/")] {
        for sized in [true, false] {
            let (go_on, held) = channel();
            *next.lock().unwrap() = go_on;
            let body = match sized {
                true => Body::sized(Halting(0, held), 3),
                false => Body::from_reader(Halting(0, held)),
            };
            let response = client.post(&url).body(body).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(ear.interim(), [102, 103, 102], "{url}, sized: {sized}");
        }
    }
}

#[dual]
#[form_test]
async fn interim_responses_around_100_continue_are_heard_of() {
    // All in one piece, but for what comes behind the body.
    let server = Server::wire_tls(sniff(), |wire| {
        while let Some(head) = wire.read_head()? {
            wire.send(
                "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                 HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
            )?;
            wire.read_body(&head)?;
            wire.send("HTTP/1.1 102 Processing\r\n\r\n")?;
            Reply::ok("had it").send(wire, false)?;
        }
        Ok(())
    });
    let ear = Ear::default();
    let client = ear.of(builder());
    for url in [server.url("/"), server.https("/")] {
        for size in [3, 300_000] {
            let bytes = || vec![b'x'; size];
            for body in [bytes().into(), Body::from_reader(Cursor::new(bytes()))] {
                let what = format!("{url}, {body:?}");
                let request = client.post(&url).header("expect", "100-continue");
                let response = request.body(body).send().await.unwrap();
                assert_eq!(response.status(), 200, "{what}");
                assert_eq!(ear.interim(), [102, 100, 103, 103, 102], "{what}");
            }
        }
    }
}

/// Checks that a call failed, and that this was heard once and last.
#[dual]
async fn assert_failed(ear: &Ear, sent: dimorph::Result<Response>, kind: ErrorKind, what: &str) {
    let error = match sent {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "{what}: {error:?}");
    let heard = ear.take();
    let failures = heard.iter().filter(|what| what.starts_with("failed"));
    assert_eq!(failures.count(), 1, "{what}: {heard:?}");
    assert_eq!(heard.last(), Some(&format!("failed {kind:?}")), "{what}");
}

#[dual]
#[form_test]
async fn a_bad_url_is_heard_of_once_whoever_made_it() {
    let server = Server::http(|_| Reply::ok("ok"));
    let ear = Ear::default();
    let hooked = ear.of(builder_to(&server).on_request(|request| {
        *request.url_mut() = "ftp://b.test/".parse().unwrap();
    }));
    let kind = ErrorKind::UnsupportedProtocol;
    let sent = hooked.get("http://a.test/").send().await;
    assert_failed(&ear, sent, kind, "a hook's").await;
    let auth = auth_fn(|mut request: Request| {
        *request.url_mut() = "ftp://b.test/".parse().unwrap();
        request
    });
    let plain = ear.of(builder_to(&server));
    let sent = plain.get("http://a.test/").auth(auth).send().await;
    assert_failed(&ear, sent, kind, "an auth's").await;
    let mut request = Request::new(Method::GET, "http://a.test/").unwrap();
    *request.url_mut() = "ftp://b.test/".parse().unwrap();
    let sent = plain.send(request).await;
    assert_failed(&ear, sent, kind, "the caller's").await;
    assert_eq!(server.connections(), 0);
}

/// Wants the whole body before it begins.
struct Wanting;

impl Auth for Wanting {
    fn requires_request_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::once(request)
    }
}

/// Fails at once.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

#[dual]
#[form_test]
async fn an_error_of_authentication_is_heard_of_once() {
    let server = DigestServer::builder("user", "hush").start();
    let ear = Ear::default();
    let client = ear.of(builder_to(&server));
    let url = "http://a.test/";
    let body = || Body::from_reader(Cursor::new("x"));
    let refusing = auth_fn(|_: Request| Err::<Request, _>(Error::other("no token")));
    let digest = || DigestAuth::new("user", "hush");
    use ErrorKind::{App, BodyNotReplayable, InvalidUrl, LocalProtocolError};
    for (what, request, kind) in [
        ("userinfo", client.get("http://%ff@a.test/"), InvalidUrl),
        (
            "colon",
            client.get("http://a%3Ab:c@a.test/"),
            LocalProtocolError,
        ),
        ("function", client.get(url).auth(refusing), App),
        (
            "body that is gone",
            client.post(url).body(body()).auth(digest()),
            BodyNotReplayable,
        ),
        (
            "body that is wanted",
            client
                .post(url)
                .body(Body::from_reader(Broken))
                .auth(Wanting),
            LocalProtocolError,
        ),
    ] {
        let sent = request.send().await;
        assert_failed(&ear, sent, kind, what).await;
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_redirect_that_is_not_followed_and_a_body_that_is_cut_off_are_heard_of_once() {
    let server = Server::wire_tls(sniff(), |wire| {
        while let Some(head) = wire.read_head()? {
            wire.read_body(&head)?;
            let answer = match head.target.as_str() {
                "/ftp" => {
                    "HTTP/1.1 302 Found\r\nlocation: ftp://a.test/\r\ncontent-length: 2\r\n\r\nno"
                }
                "/again" => "HTTP/1.1 307 Again\r\nlocation: /end\r\ncontent-length: 2\r\n\r\nno",
                "/sized" => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
                "/chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort",
                _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            };
            wire.send(answer)?;
            if matches!(head.target.as_str(), "/sized" | "/chunked") {
                return Ok(());
            }
        }
        Ok(())
    });
    let ear = Ear::default();
    let client = ear.of(builder());
    let strict = ear.of(builder().redirect_policy(|attempt| attempt.error("not there")));
    use ErrorKind::*;
    for (path, client, kind) in [
        ("/ftp", &client, UnsupportedProtocol),
        ("/again", &client, BodyNotReplayable),
        ("/again", &strict, TooManyRedirects),
        ("/sized", &client, RemoteProtocolError),
        ("/chunked", &client, RemoteProtocolError),
    ] {
        for url in [server.url(path), server.https(path)] {
            let body: Body = match kind {
                BodyNotReplayable => Body::from_reader(Cursor::new("x")),
                _ => "x".into(),
            };
            let sent = client.post(&url).body(body).send().await;
            assert_failed(&ear, sent, kind, &url).await;
            assert_at_rest(client).await;
        }
    }
}
