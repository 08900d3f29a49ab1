//! The four timeouts and the total one.

use std::time::{Duration, Instant};

use dimorph::{Body, ErrorKind, PoolLimits, Timeout};
use sync_tests::blackhole::BlackHole;
use sync_tests::certs::tls;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client, ms};
use super::{dual, form_test, form_util};

/// How much later than its limit a timeout may be: 100 ms, and a loaded machine's share.
const LATE: Duration = ms(250);

fn assert_took(begun: Instant, limit: Duration) {
    let took = begun.elapsed();
    assert!(
        took >= limit.saturating_sub(ms(5)) && took < limit + LATE,
        "{took:?} for {limit:?}"
    );
}

/// Reads heads and answers nothing.
fn silent() -> Server {
    Server::wire(|wire| {
        wire.drain(Duration::from_secs(10));
        Ok(())
    })
}

#[dual]
#[form_test]
async fn a_head_that_does_not_come_is_a_read_timeout() {
    let server = silent();
    let client = builder()
        .timeout(Timeout::new(None).read(ms(200)))
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.get(server.url("/slow")).send().await.unwrap_err();
    assert_took(begun, ms(200));
    assert_eq!(error.kind(), ErrorKind::ReadTimeout);
    assert!(error.is_timeout() && !error.is_connect());
    assert_eq!(error.url().unwrap().path(), "/slow");
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1") && text.contains(&server.port().to_string()),
        "{text}"
    );
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_body_that_stops_is_a_read_timeout() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")?;
        wire.drain(Duration::from_secs(10));
        Ok(())
    });
    let client = builder().timeout(ms(200)).build().unwrap();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    let piece = response.chunk().await.unwrap();
    assert_eq!(piece.unwrap(), "half");
    let begun = Instant::now();
    let error = response.chunk().await.unwrap_err();
    assert_took(begun, ms(200));
    assert_eq!(error.kind(), ErrorKind::ReadTimeout);
    drop(response);
    assert_at_rest(&client).await;
}

/// Drips 8 pieces, 0.2 s apart.
fn dripping() -> Server {
    Server::http(|_| Reply::chunked(["d"; 8]).paced(ms(200)))
}

#[dual]
#[form_test]
async fn a_drip_passes_the_read_timeout() {
    let server = dripping();
    let client = builder().timeout(ms(300)).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "dddddddd");
}

#[dual]
#[form_test]
async fn the_total_timeout_ends_a_drip() {
    let server = dripping();
    let client = builder()
        .timeout(Timeout::new(ms(300)).total(ms(700)))
        .build()
        .unwrap();
    let begun = Instant::now();
    let response = client.get(server.url("/")).send().await.unwrap();
    let error = response.text().await.unwrap_err();
    assert_took(begun, ms(700));
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert!(error.is_timeout());
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn the_total_timeout_covers_redirects_and_silence() {
    let hops = Server::http(|_| Reply::redirect(302, "/again").after(ms(60)));
    let silence = silent();
    for url in [hops.url("/"), silence.url("/")] {
        let client = builder()
            .timeout(Timeout::new(None).total(ms(300)))
            .build()
            .unwrap();
        let begun = Instant::now();
        let error = client.get(&url).send().await.unwrap_err();
        assert_took(begun, ms(300));
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{url}");
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_black_hole_is_a_connect_timeout() {
    let Some(hole) = BlackHole::open().unwrap() else {
        panic!("this system has no black holes")
    };
    let client = builder()
        .timeout(Timeout::new(None).connect(ms(300)))
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.get(hole.url("/")).send().await.unwrap_err();
    assert_took(begun, ms(300));
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
    assert!(error.is_timeout() && error.is_connect());
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn the_second_address_answers_for_a_black_hole() {
    let Some(hole) = BlackHole::open().unwrap() else {
        panic!("this system has no black holes")
    };
    let server = Server::http(|_| Reply::ok("second"));
    let client = builder()
        .resolve("two.test", [hole.address(), server.address()])
        .build()
        .unwrap();
    let begun = Instant::now();
    let response = client.get("http://two.test/").send().await.unwrap();
    let took = begun.elapsed();
    assert!(took < ms(500), "{took:?}");
    assert_eq!(response.remote_addr(), Some(server.address()));
}

#[dual]
#[form_test]
async fn the_second_address_answers_for_one_that_refuses() {
    let server = Server::http(|_| Reply::ok("second"));
    let refused = super::common::refused();
    let client = builder()
        .resolve("two.test", [refused, server.address()])
        .build()
        .unwrap();
    let begun = Instant::now();
    let response = client.get("http://two.test/").send().await.unwrap();
    let took = begun.elapsed();
    assert!(took < ms(200), "a refusal is not waited for: {took:?}");
    assert_eq!(response.status(), 200);
}

#[dual]
#[form_test]
async fn a_stalled_handshake_is_a_connect_timeout() {
    let server = silent();
    let client = builder()
        .timeout(Timeout::new(None).connect(ms(250)))
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.get(server.https("/")).send().await.unwrap_err();
    assert_took(begun, ms(250));
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_body_that_nobody_takes_is_a_write_timeout() {
    for secure in [false, true] {
        let handler = |wire: &mut sync_tests::Wire| {
            wire.read_head()?;
            std::thread::sleep(ms(1500));
            Ok(())
        };
        let server = match secure {
            true => Server::wire_tls(tls(), handler),
            false => Server::wire(handler),
        };
        let url = if secure {
            server.https("/")
        } else {
            server.url("/")
        };
        let client = builder()
            .timeout(Timeout::new(None).write(ms(200)))
            .build()
            .unwrap();
        let begun = Instant::now();
        let sent = client.post(&url).body(vec![0; 64 << 20]).send().await;
        assert!(begun.elapsed() < ms(1400), "{:?}", begun.elapsed());
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::WriteTimeout);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn waiting_for_the_pool_has_its_own_timeout() {
    let server = super::pool::holding();
    let limits = PoolLimits::new().hard_limit(1);
    let timeout = Timeout::new(None).pool(ms(200));
    let client = builder()
        .pool_limits(limits)
        .timeout(timeout)
        .build()
        .unwrap();
    let held = client.get(server.url("/held")).send().await.unwrap();
    let begun = Instant::now();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert_took(begun, ms(200));
    assert_eq!(error.kind(), ErrorKind::PoolTimeout);
    assert!(error.is_timeout());
    held.bytes().await.unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    drop(response);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn zero_is_at_once_and_not_for_ever() {
    let server = silent();
    let cases = [
        (
            Timeout::new(None).connect(Duration::ZERO),
            vec![ErrorKind::ConnectTimeout],
        ),
        (
            Timeout::new(None).read(Duration::ZERO),
            vec![ErrorKind::ReadTimeout],
        ),
        (
            Timeout::new(None).total(Duration::ZERO),
            vec![ErrorKind::TotalTimeout],
        ),
        (
            Timeout::new(Duration::ZERO),
            vec![
                ErrorKind::ConnectTimeout,
                ErrorKind::PoolTimeout,
                ErrorKind::ReadTimeout,
            ],
        ),
    ];
    for (timeout, kinds) in cases {
        let client = client();
        let begun = Instant::now();
        let error = client
            .get(server.url("/"))
            .timeout(timeout)
            .send()
            .await
            .unwrap_err();
        assert!(begun.elapsed() < LATE, "{timeout:?}: {:?}", begun.elapsed());
        assert!(kinds.contains(&error.kind()), "{timeout:?}: {error:?}");
    }
}

#[dual]
#[form_test]
async fn a_total_of_zero_is_at_once_on_a_kept_connection_too() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = client();
    for _ in 0..20 {
        let response = client.get(server.url("/")).send().await.unwrap();
        response.bytes().await.unwrap();
        let late = client
            .get(server.url("/"))
            .timeout(Timeout::new(None).total(Duration::ZERO));
        let error = late.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    }
    assert_eq!(server.requests().len(), 20, "nothing of them was sent");
}

#[dual]
#[form_test]
async fn a_request_replaces_the_timeout_of_its_client_and_none_means_none() {
    let server = Server::http(|_| Reply::ok("late").after(ms(300)));
    let url = server.url("/");
    let impatient = builder().timeout(ms(100)).build().unwrap();
    for timeout in [
        Timeout::new(None),
        Timeout::new(Duration::MAX),
        Timeout::new(ms(2000)),
    ] {
        let response = impatient.get(&url).timeout(timeout).send().await.unwrap();
        assert_eq!(response.status(), 200);
        drop(response);
    }
    let response = impatient.get(&url).timeout(None).send().await.unwrap();
    drop(response);
    let patient = builder().timeout(None).build().unwrap();
    let error = patient.get(&url).timeout(ms(100)).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadTimeout);
}

/// Sends a body without an end as fast as it is taken; takes a body without an end as well.
fn endless() -> Server {
    Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        let piece = match head.target.as_str() {
            "/upload" => {
                wire.drain(Duration::from_secs(10));
                return Ok(());
            }
            "/sized" => {
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n")?;
                vec![b'e'; 1 << 16]
            }
            "/chunked" => {
                wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                [b"10000\r\n".as_slice(), &[b'e'; 1 << 16], b"\r\n"].concat()
            }
            _ => {
                wire.send("HTTP/1.1 200 OK\r\n\r\n")?;
                vec![b'e'; 1 << 16]
            }
        };
        while wire.send(&piece).is_ok() {}
        Ok(())
    })
}

/// How late a transfer may be noticed that never waits.
const SOON: Duration = ms(3000);

#[dual]
#[form_test]
async fn the_total_timeout_ends_a_transfer_that_never_waits() {
    let server = endless();
    let timeout = Timeout::new(Duration::from_secs(5)).total(ms(400));
    let client = builder().timeout(timeout).build().unwrap();
    for path in ["/sized", "/chunked", "/until-close"] {
        let begun = Instant::now();
        let response = client.get(server.url(path)).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{path}: {error:?}");
        assert!(begun.elapsed() < SOON, "{path}: {:?}", begun.elapsed());

        let begun = Instant::now();
        let mut response = client.get(server.url(path)).send().await.unwrap();
        let copied = form_util::copy_to(&mut response, std::io::sink()).await;
        let error = copied.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{path}: {error:?}");
        assert!(begun.elapsed() < SOON, "{path}: {:?}", begun.elapsed());
    }
    for body in [
        Body::from_reader(std::io::repeat(0)),
        Body::sized(std::io::repeat(0), 1 << 40),
    ] {
        let begun = Instant::now();
        let request = client.post(server.url("/upload")).body(body);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error:?}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    assert_at_rest(&client).await;
}
