//! Proxies that fail at any byte, stand still, or come late: the promised error, no hang, and the slot free.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use dimorph::{ErrorKind, Phase, PoolLimits, Proxy, ProxyMode, Timeout};
use socket2::{Domain, Socket, Type};
use sync_tests::blackhole::BlackHole;
use sync_tests::certs::{sniff, tls};
use sync_tests::socks::Stage;
use sync_tests::{Proxy as Relay, Reply, Server, Socks, Step, Tls};

use super::common::{assert_at_rest, builder, ms, name};
use super::form::Client;
use super::{dual, form_test, form_util};

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nserver: x\r\n\r\n";

/// How much later than its limit a timeout may be: 100 ms, and a loaded machine's share.
const LATE: Duration = ms(300);

fn assert_took(what: &str, begun: Instant, limit: Duration) {
    let took = begun.elapsed();
    assert!(
        took >= limit.saturating_sub(ms(5)) && took < limit + LATE,
        "{what}: {took:?} for {limit:?}"
    );
}

#[dual]
async fn fetch((client, url): (Client, String)) -> Result<String, dimorph::Error> {
    let response = client.get(url).send().await?;
    response.text().await
}

/// `https://<end>-<offset>.test` gets so many bytes of the answer, and its end.
fn cutting(over: Tls, answer: &'static str, trickle: bool) -> Relay {
    Relay::builder()
        .tls(over)
        .on_connect(move |request, _| {
            let host = request.target.split('.').next().unwrap();
            let (end, offset) = host.split_once('-').unwrap();
            let bytes = answer.as_bytes()[..offset.parse().unwrap()].to_vec();
            let send = match trickle {
                true => Step::Trickle(bytes),
                false => Step::Send(bytes),
            };
            let end = if end == "fin" {
                Step::Close
            } else {
                Step::Reset
            };
            Some(vec![send, end])
        })
        .start()
}

#[dual]
#[form_test]
async fn an_answer_to_connect_that_ends_at_any_byte_is_an_error() {
    use ErrorKind::{ConnectError, ProxyError, RemoteProtocolError};
    const REFUSED: &str = "HTTP/1.1 407 Auth\r\ncontent-length: 4\r\n\r\n<p/>";
    let limits = PoolLimits::new().soft_limit(0).hard_limit(8);
    let mut faults = Vec::new();
    for (over, answer, trickle) in [
        (Tls::Off, ESTABLISHED, false),
        (Tls::Off, ESTABLISHED, true),
        (Tls::Off, REFUSED, false),
        (tls(), ESTABLISHED, false),
    ] {
        let head = answer.find("\r\n\r\n").unwrap() + 4;
        let relay = cutting(over, answer, trickle);
        let client = builder()
            .pool_limits(limits)
            .proxy(relay.url())
            .build()
            .unwrap();
        let mut cases = Vec::new();
        for end in ["fin", "rst"] {
            cases.extend((0..=answer.len()).map(|offset| (end, offset)));
        }
        let calls = cases
            .iter()
            .map(|(end, offset)| (client.clone(), format!("https://{end}-{offset}.test/")));
        let outcomes = form_util::concurrently(8, calls.collect(), fetch).await;
        for ((end, offset), outcome) in cases.into_iter().zip(outcomes) {
            let kind = outcome.map_err(|e| e.kind());
            let whole = offset >= head;
            let good = match kind {
                Err(ProxyError) => whole && answer == REFUSED,
                Err(ConnectError) => end == "rst" || whole && answer == ESTABLISHED,
                Err(RemoteProtocolError) => !whole,
                _ => false,
            };
            if !good {
                faults.push(format!("{end} at {offset} of {head}, {answer:?}: {kind:?}"));
            }
        }
        let stats = client.pool_stats();
        assert_eq!((stats.active, stats.waiting, stats.connections), (0, 0, 0));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[dual]
#[form_test]
async fn a_tunnel_that_is_cut_anywhere_is_an_error_or_whole() {
    let origin = Server::answering(tls(), |_| Reply::ok("Hello, world!").closing());
    for over in [Tls::Off, tls()] {
        let relay = Relay::builder()
            .tls(over)
            .route_all(origin.address())
            .on_connect(|_, before| {
                let bytes = before as u64 * 61;
                Some(vec![Step::send(ESTABLISHED), Step::TunnelUntil(bytes)])
            })
            .start();
        // Sessions are not resumed, so that each connection has the same bytes.
        let (mut errors, mut whole) = (0, 0);
        for at in 0..100 {
            let client = builder().proxy(relay.url()).build().unwrap();
            let outcome = fetch((client.clone(), "https://a.test/".to_owned())).await;
            match outcome {
                Ok(text) => {
                    assert_eq!(text, "Hello, world!");
                    whole += 1;
                    if whole == 3 {
                        break;
                    }
                }
                Err(e) => {
                    use ErrorKind::*;
                    let typed = matches!(
                        e.kind(),
                        ConnectError | ReadError | WriteError | RemoteProtocolError
                    );
                    assert!(typed, "cut {at}: {e}");
                    errors += 1;
                }
            }
            let stats = client.pool_stats();
            assert_eq!((stats.active, stats.connections), (0, 0));
        }
        assert!(errors > 5 && whole > 0, "{errors} errors, {whole} whole");
    }
}

/// Accepts, and says nothing.
fn silent() -> Server {
    Server::wire(|wire| {
        wire.drain(Duration::from_secs(10));
        Ok(())
    })
}

/// A client with 200 ms to connect, one connection, and a server that it asks directly.
fn hasty(proxy: impl dimorph::IntoProxy, direct: &Server) -> Client {
    builder()
        .pool_limits(PoolLimits::new().hard_limit(1))
        .timeout(Timeout::new(ms(5000)).connect(ms(200)))
        .resolve("direct.test", direct.address())
        .proxy(proxy)
        .mount_direct("all://direct.test")
        .build()
        .unwrap()
}

#[dual]
async fn assert_connect_timeout(what: &str, client: &Client, url: &str) {
    let begun = Instant::now();
    let error = client.get(url).send().await.unwrap_err();
    assert_took(what, begun, ms(200));
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{what}: {error}");
    assert!(error.is_timeout() && error.is_connect());
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.connections), (0, 0), "{what}");
    // The one slot is free.
    let text = fetch((client.clone(), "http://direct.test/".to_owned())).await;
    assert_eq!(text.unwrap(), "direct", "{what}");
}

#[dual]
#[form_test]
async fn mis_04_a_stall_on_the_way_through_a_proxy_is_a_connect_timeout() {
    let direct = Server::http(|_| Reply::ok("direct"));
    let still = silent();
    let hole = BlackHole::open()
        .unwrap()
        .expect("this system has no black holes");
    let to_hole = format!("http://{}", hole.address());
    assert_connect_timeout("TCP", &hasty(&to_hole, &direct), "http://a.test/").await;
    assert_connect_timeout("TCP", &hasty(&to_hole, &direct), "https://a.test/").await;
    let to_hole = format!("socks5h://{}", hole.address());
    assert_connect_timeout("TCP", &hasty(&to_hole, &direct), "https://a.test/").await;

    let over_tls = still.https("");
    assert_connect_timeout("proxy TLS", &hasty(&over_tls, &direct), "http://a.test/").await;
    assert_connect_timeout("proxy TLS", &hasty(&over_tls, &direct), "https://a.test/").await;
    let connect = still.url("");
    assert_connect_timeout("CONNECT", &hasty(&connect, &direct), "https://a.test/").await;

    for over in [Tls::Off, tls()] {
        for (what, steps) in [
            ("CONNECT", vec![Step::Stall]),
            (
                "half an answer",
                vec![Step::send("HTTP/1.1 200 OK\r\nx"), Step::Stall],
            ),
            (
                "interim answers",
                vec![Step::send("HTTP/1.1 100 C\r\n\r\n"), Step::Stall],
            ),
            (
                "TLS in the tunnel",
                vec![Step::send(ESTABLISHED), Step::Stall],
            ),
            (
                "bytes that drip",
                vec![Step::Trickle(
                    format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(5000)).into(),
                )],
            ),
        ] {
            let relay = Relay::builder()
                .tls(over.clone())
                .connect_steps(steps)
                .start();
            let client = hasty(relay.url(), &direct);
            assert_connect_timeout(what, &client, "https://a.test/").await;
        }
        let relay = Relay::builder()
            .tls(over)
            .route_all(still.address())
            .start();
        let client = hasty(relay.url(), &direct);
        assert_connect_timeout("a silent origin", &client, "https://a.test/").await;
    }
    for stage in [Stage::Method, Stage::Credentials, Stage::Connect] {
        for steps in [vec![Step::Stall], vec![Step::send([5]), Step::Stall]] {
            let socks = Socks::builder()
                .credentials("u", "p")
                .at(stage, steps)
                .start();
            let client = hasty(socks.url_h_as("u:p"), &direct);
            let what = format!("SOCKS {stage:?}");
            assert_connect_timeout(&what, &client, "http://a.test/").await;
        }
    }
    let socks = Socks::builder().route_all(still.address()).start();
    let client = hasty(socks.url_h(), &direct);
    assert_connect_timeout("TLS through SOCKS", &client, "https://a.test/").await;
}

#[dual]
#[form_test]
async fn mis_04_a_silent_answer_to_a_forwarded_request_is_a_read_timeout() {
    let still = silent();
    let relay = Relay::builder().forward_steps([Step::Stall]).start();
    let tunnel = Relay::builder().route_all(still.address()).start();
    let tunnelled = Proxy::new(tunnel.url())
        .unwrap()
        .mode(ProxyMode::TunnelOnly);
    for proxy in [Proxy::new(relay.url()).unwrap(), tunnelled] {
        let timeout = Timeout::new(ms(5000)).read(ms(200));
        let client = builder().timeout(timeout).proxy(proxy).build().unwrap();
        let begun = Instant::now();
        let error = client.get("http://a.test/").send().await.unwrap_err();
        assert_took("read", begun, ms(200));
        assert_eq!(name(error.kind()), "ReadTimeout");
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn the_total_timeout_covers_the_way_through_a_proxy() {
    let relay = Relay::builder().connect_steps([Step::Stall]).start();
    let client = builder()
        .timeout(Timeout::new(ms(5000)).total(ms(200)))
        .retries(3)
        .proxy(relay.url())
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.get("https://a.test/").send().await.unwrap_err();
    assert_took("total", begun, ms(200));
    assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error}");
    assert_at_rest(&client).await;
}

/// A port that refuses until something listens on it.
fn unopened() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[dual]
#[form_test]
async fn connecting_is_tried_again_until_the_proxy_is_there() {
    for (url, answer) in [
        (
            "http://a.test/",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ),
        (
            "https://a.test/",
            "HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n",
        ),
    ] {
        let (socket, address) = unopened();
        let opener = thread::spawn(move || {
            thread::sleep(ms(200));
            socket.listen(8).unwrap();
            let (mut tcp, _) = std::net::TcpListener::from(socket).accept().unwrap();
            let mut head = [0; 1024];
            let _ = std::io::Read::read(&mut tcp, &mut head);
            let _ = std::io::Write::write_all(&mut tcp, answer.as_bytes());
        });
        let client = builder()
            .retries(3)
            .proxy(format!("http://{address}"))
            .build()
            .unwrap();
        let sent = client.get(url).send().await;
        match sent {
            Ok(response) => {
                let text = response.text().await.unwrap();
                assert_eq!(text, "ok");
            }
            // A proxy that is there and refuses is not asked again.
            Err(e) => assert_eq!(
                (e.kind(), e.status().map(|s| s.as_u16())),
                (ErrorKind::ProxyError, Some(403))
            ),
        }
        opener.join().unwrap();
    }
}

#[dual]
#[form_test]
async fn each_try_has_its_own_deadline_and_the_proxy_may_be_better_next_time() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let relay = Relay::builder()
        .route_all(origin.address())
        .on_connect(|_, before| (before < 2).then(|| vec![Step::Stall]))
        .start();
    let client = |retries| {
        let timeout = Timeout::new(ms(5000)).connect(ms(150));
        let builder = builder().timeout(timeout).retries(retries);
        builder.proxy(relay.url()).build().unwrap()
    };
    let error = client(0).get("https://a.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
    assert_eq!(error.phase(), Some(Phase::Proxy));
    let response = client(1).get("https://a.test/").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "in");
    assert_eq!(relay.connections(), 3);
}

#[dual]
#[form_test]
async fn an_idle_connection_that_the_proxy_closed_is_replaced() {
    let origin = Server::answering(sniff(), |request| Reply::ok(request.body.clone()));
    for over in [Tls::Off, tls()] {
        let relay = Relay::builder()
            .tls(over)
            .route_all(origin.address())
            .start();
        let client = builder().proxy(relay.url()).build().unwrap();
        for url in ["http://a.test/", "https://a.test/"] {
            for body in ["one", "two"] {
                let response = client.post(url).body(body).send().await.unwrap();
                let text = response.text().await.unwrap();
                assert_eq!(text, body);
                relay.close_connections();
                assert!(relay.settle(|relay| relay.in_use() == 0));
            }
        }
        assert_eq!(relay.connections(), 4);
        assert_eq!(
            origin
                .requests()
                .iter()
                .filter(|r| r.body == b"two")
                .count()
                % 2,
            0
        );
    }
}
