//! Delays and faults of a mock, as the network would give them.

use std::time::{Duration, Instant};

use dimorph::transport::{Fault, Handler, Handling, Mock, MockResponse, Next, Route};
use dimorph::{Error, ErrorKind, Phase, Request, StatusCode, Timeout};
use sync_tests::certs::tls;
use sync_tests::{Reply, Server};

use super::super::common::{ms, refused};
use super::super::form::Client;
use super::super::{dual, form_test};
use super::{get, with};

#[dual]
#[form_test]
async fn faults_before_the_head_have_their_kind_and_phase() {
    use ErrorKind as K;
    let table = [
        (Fault::PoolTimeout, K::PoolTimeout, Phase::Pool),
        (Fault::UnknownHost, K::ConnectError, Phase::Resolve),
        (Fault::ConnectError, K::ConnectError, Phase::Connect),
        (Fault::ConnectTimeout, K::ConnectTimeout, Phase::Connect),
        (Fault::Tls, K::ConnectError, Phase::Tls),
        (Fault::ProxyError, K::ProxyError, Phase::Proxy),
        (Fault::WriteError, K::WriteError, Phase::Send),
        (Fault::WriteTimeout, K::WriteTimeout, Phase::Send),
        (Fault::ReadError, K::ReadError, Phase::ReceiveHead),
        (Fault::ReadTimeout, K::ReadTimeout, Phase::ReceiveHead),
        (Fault::TotalTimeout, K::TotalTimeout, Phase::ReceiveHead),
        (
            Fault::Disconnect,
            K::RemoteProtocolError,
            Phase::ReceiveHead,
        ),
        (
            Fault::RemoteProtocolError,
            K::RemoteProtocolError,
            Phase::ReceiveHead,
        ),
    ];
    for (fault, kind, phase) in table {
        let client = with(Mock::new(move |_: &Request| fault));
        let begun = Instant::now();
        let error = client.get("/x").send().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (kind, Some(phase)),
            "{fault:?}"
        );
        assert!(begun.elapsed() < ms(10_000), "{fault:?} comes at once");
        assert!(error.to_string().contains("mock.test:80"), "{error}");
        assert_eq!(error.request().unwrap().url().path(), "/x", "{fault:?}");
    }
    let limited = with(Mock::routes().get("/x", Fault::ReadTimeout));
    let request = limited.get("/x").timeout(ms(70));
    let error = request.send().await.unwrap_err();
    assert!(
        error.to_string().contains("nothing received within 70ms"),
        "{error}"
    );
}

#[dual]
#[form_test]
async fn faults_of_the_body_come_when_it_is_read() {
    use ErrorKind as K;
    let table = [
        (Fault::BodyCutShort(3), K::RemoteProtocolError, "abc"),
        (Fault::BodyReset(1), K::ReadError, "a"),
        (Fault::BodyStalls(4), K::ReadTimeout, "abcd"),
        (Fault::BodyReset(9), K::ReadError, "abcdef"),
    ];
    for (fault, kind, before) in table {
        let answer = move |_: &Request| MockResponse::new(200).body("abcdef").fault(fault);
        let client = with(Mock::new(answer));
        let mut response = client.get("/").send().await.unwrap();
        assert_eq!(response.content_length(), Some(6), "{fault:?}");
        let piece = response.chunk().await.unwrap();
        assert_eq!(piece.unwrap(), before, "{fault:?}");
        for _ in 0..2 {
            let error = response.chunk().await.unwrap_err();
            assert_eq!(error.kind(), kind, "{fault:?}");
            assert_eq!(error.phase(), Some(Phase::ReceiveBody), "{fault:?}");
        }
        let whole = client.get("/").send().await.unwrap();
        let error = whole.bytes().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}");
    }
    let bare = with(Mock::routes().get("/", Fault::BodyStalls(0)));
    let response = bare.get("/").send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadTimeout);
}

fn delayed(delay: Duration) -> Mock {
    Mock::new(move |_: &Request| MockResponse::new(200).text("late").delay(delay))
}

#[dual]
#[form_test]
async fn a_delay_stays_under_the_timeouts() {
    let none = Timeout::none();
    let table = [
        (ms(30), none, None, ms(30)),
        (ms(30), none.read(ms(900)), None, ms(30)),
        (
            Duration::MAX,
            none.read(ms(40)),
            Some(ErrorKind::ReadTimeout),
            ms(40),
        ),
        (
            ms(900),
            none.total(ms(50)),
            Some(ErrorKind::TotalTimeout),
            ms(50),
        ),
        (
            Duration::MAX,
            none.read(ms(900)).total(ms(30)),
            Some(ErrorKind::TotalTimeout),
            ms(30),
        ),
        (
            ms(900),
            none.read(ms(30)).total(ms(600)),
            Some(ErrorKind::ReadTimeout),
            ms(30),
        ),
        (
            ms(30),
            none.connect(ms(1)).write(ms(1)).pool(ms(1)),
            None,
            ms(30),
        ),
    ];
    for (delay, timeout, expected, waited) in table {
        let client = with(delayed(delay));
        let begun = Instant::now();
        let sent = client.get("/").timeout(timeout).send().await;
        let took = begun.elapsed();
        let error = sent
            .as_ref()
            .err()
            .map(|error| (error.kind(), error.phase()));
        let expected = expected.map(|kind| (kind, Some(Phase::ReceiveHead)));
        assert_eq!(error, expected, "{delay:?} {timeout:?}");
        assert!(
            took >= waited && took < waited + ms(450),
            "{delay:?} {timeout:?}: {took:?}"
        );
    }
}

#[dual]
#[form_test]
async fn a_body_comes_at_its_pace() {
    let answer = |_: &Request| MockResponse::new(200).body("abcdef").pace(2, ms(20));
    let client = with(Mock::new(answer));
    let begun = Instant::now();
    let mut response = client.get("/").send().await.unwrap();
    for expected in ["ab", "cd", "ef"] {
        let piece = response.chunk().await.unwrap();
        assert_eq!(piece.unwrap(), expected);
    }
    let end = response.chunk().await.unwrap();
    assert!(end.is_none());
    assert!(begun.elapsed() >= ms(60));
    let answer = get(&client, "/").await;
    assert_eq!(answer, "200 abcdef");

    let none = Timeout::none();
    for (timeout, kind) in [
        (none.read(ms(10)), ErrorKind::ReadTimeout),
        (none.total(ms(30)), ErrorKind::TotalTimeout),
    ] {
        let begun = Instant::now();
        let response = client.get("/").timeout(timeout).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (kind, Some(Phase::ReceiveBody))
        );
        assert!(begun.elapsed() < ms(10_000));
    }
}

#[dual]
#[form_test]
async fn trailers_come_behind_the_body() {
    let answer = |_: &Request| MockResponse::new(200).body("text").trailer("x-sum", "7");
    let client = with(Mock::new(answer));
    let mut response = client.get("/").send().await.unwrap();
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert!(response.trailers().is_none());
    let text = response.buffer().await.unwrap().clone();
    assert_eq!(text, "text");
    assert_eq!(response.trailers().unwrap()["x-sum"], "7");
}

/// Sends once more what failed.
struct Again;

impl Handler for Again {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            match next.send(request.try_clone()?).await {
                Ok(mut response) => {
                    let read = next.read(&mut response).await;
                    match read {
                        Ok(_) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                            Ok(response)
                        }
                        _ => next.send(request).await,
                    }
                }
                Err(_) => next.send(request).await,
            }
        })
    }
}

#[dual]
#[form_test]
async fn layers_see_the_faults_of_the_mock_beneath() {
    let torn = MockResponse::new(200)
        .body("torn")
        .fault(Fault::BodyCutShort(2));
    let slow = || MockResponse::new(200).body("slow").pace(2, ms(1));
    let mock = Mock::routes()
        .route(
            Route::get("/refused")
                .reply(Fault::ConnectError)
                .then("well"),
        )
        .route(Route::get("/busy").replies([503, 200]))
        .route(Route::get("/torn").reply(torn).then("whole"))
        .route(Route::get("/slow").reply(slow()));
    let client = with(Again.over(mock.clone()));
    let table = [
        ("/refused", "200 well", 2),
        ("/busy", "200 ", 2),
        ("/torn", "200 whole", 2),
        ("/slow", "200 slow", 1),
    ];
    for (path, expected, calls) in table {
        let answer = get(&client, path).await;
        assert_eq!(answer, expected, "{path}");
        mock.assert_count(calls);
        mock.reset();
    }
}

/// Does on the network what the target names.
fn faulty() -> Server {
    Server::wire(|wire| {
        let Some(head) = wire.read_head()? else {
            return Ok(());
        };
        let body = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nab";
        if head.target.contains("body") {
            wire.send(body)?;
        }
        match head.target.split(['/', '-']).next_back() {
            Some("reset") => wire.reset(),
            Some("ends") => wire.finish(),
            Some("garbage") => wire.send([0x15, 3, 3, 0, 2, 2, 70])?,
            _ => drop(wire.drain(ms(2000))),
        }
        Ok(())
    })
}

#[dual]
async fn failure(client: &Client, url: &str) -> Error {
    match client.get(url).timeout(ms(150)).send().await {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    }
}

#[dual]
#[form_test]
async fn faults_are_told_as_the_network_s_own() {
    let server = faulty();
    let secure = Server::answering(tls(), |_| Reply::ok(""));
    // It does not trust the tests' authority.
    let real = Client::builder().trust_env(false).build().unwrap();
    let refused = format!("http://{}/refused", refused());
    let table = [
        (server.url("/ends"), Fault::Disconnect, true),
        (server.url("/reset"), Fault::ReadError, false),
        (server.url("/stalls"), Fault::ReadTimeout, true),
        (server.url("/garbage"), Fault::RemoteProtocolError, true),
        (server.url("/body-ends"), Fault::BodyCutShort(2), true),
        (server.url("/body-reset"), Fault::BodyReset(2), false),
        (server.url("/body-stalls"), Fault::BodyStalls(2), true),
        (secure.https("/"), Fault::Tls, false),
        (refused, Fault::ConnectError, false),
    ];
    for (url, fault, same_words) in table {
        let answer = move |_: &Request| MockResponse::new(200).body("abcdef").fault(fault);
        let mocked = with(Mock::new(answer));
        let expected = failure(&real, &url).await;
        let error = failure(&mocked, &url).await;
        let facts = |error: &Error| (error.kind(), error.phase());
        assert_eq!(facts(&error), facts(&expected), "{fault:?}: {expected}");
        if same_words {
            assert_eq!(error.to_string(), expected.to_string(), "{fault:?}");
        }
    }
}
