//! HTTP/2: which servers are spoken to in it, and what is the same and what is not.

use std::time::Duration;

use reqwest::{Certificate, Method, Proxy, StatusCode, Version};
use sync_tests::certs::certs;
use sync_tests::h2_peer::{Answer, H2Peer, flag, in_pieces, kind, setting, tls_speaking};
use sync_tests::{Proxy as Relay, Reply, Server};

const HELLO_BY_GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0,
];

/// A peer behind TLS that speaks these protocols.
fn secured(protocols: &[&str]) -> H2Peer {
    H2Peer::over(tls_speaking(protocols), |link| {
        link.open(&[])?;
        link.carry()
    })
}

fn authority() -> Certificate {
    Certificate::from_pem(certs().ca_pem.as_bytes()).unwrap()
}

both! {
    fn requests_to_those_who_are_known_to_speak_it_share_a_connection() {
        let peer = H2Peer::carrying();
        let client = builder().http2_prior_knowledge().build().unwrap();
        let request = || client.post(peer.url("/a?b=c#d")).header("connection", "keep-alive");
        for (request, body) in [(request(), ""), (request().body("abc"), "abc")] {
            let response = wait!(request.send()).unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!(response.url().as_str(), peer.url("/a?b=c"));
            assert_eq!(response.remote_addr(), Some(peer.address()));
            assert_eq!(wait!(response.text()).unwrap(), body);
        }
        let authority = peer.address().to_string();
        let mut expected = vec![
            (":authority", &*authority),
            (":method", "POST"),
            (":path", "/a?b=c"),
            (":scheme", "http"),
            ("accept", "*/*"),
            ("accept-encoding", "zstd,gzip,deflate,br"),
        ];
        for asked in peer.asked() {
            let mut fields: Vec<(&str, &str)> = asked.fields.iter().map(|(n, v)| (&**n, &**v)).collect();
            fields.sort_unstable();
            assert_eq!(fields, expected);
            expected.push(("content-length", "3"));
        }
        assert_eq!((peer.connections(), peer.violations()), (1, Vec::<String>::new()));
    }

    fn servers_behind_tls_choose_the_version() {
        type Change = fn(ClientBuilder) -> ClientBuilder;
        const H1: Option<Version> = Some(Version::HTTP_11);
        const H2: Option<Version> = Some(Version::HTTP_2);
        let all: Change = |builder| builder;
        let only1: Change = ClientBuilder::http1_only;
        let only2: Change = ClientBuilder::http2_prior_knowledge;
        let (old, new, either) = (secured(&["http/1.1"]), secured(&["h2"]), secured(&["h2", "http/1.1"]));
        let cases = [
            ("by default", all, [H1, H2, H2]),
            ("HTTP/1 only", only1, [H1, None, H1]),
            ("HTTP/2 only", only2, [None, H2, H2]),
            ("the last word", |builder| builder.http2_prior_knowledge().http1_only(), [H1, None, H1]),
        ];
        for (what, change, expected) in cases {
            let client = change(builder().tls_certs_only([authority()])).build().unwrap();
            for (peer, expected) in [&old, &new, &either].into_iter().zip(expected) {
                match wait!(client.get(peer.https("/")).send()) {
                    Ok(response) => assert_eq!(Some(response.version()), expected, "{what}"),
                    Err(error) => {
                        assert_eq!(expected, None, "{what}: {error:?}");
                        assert!(error.is_connect() && error.is_request(), "{what}: {error:?}");
                    }
                }
            }
        }
    }

    fn a_request_may_insist_on_it_where_the_server_can_be_asked() {
        let client = builder().tls_certs_only([authority()]).build().unwrap();
        let (old, either) = (secured(&["http/1.1"]), secured(&["h2", "http/1.1"]));
        let request = client.get(either.https("/")).version(Version::HTTP_2);
        assert_eq!(wait!(request.send()).unwrap().version(), Version::HTTP_2);
        let request = client.get(old.https("/")).version(Version::HTTP_2);
        assert!(wait!(request.send()).unwrap_err().is_request());
        assert_eq!(old.count(), 0);

        let plain = H2Peer::carrying();
        let request = client.get(plain.url("/")).version(Version::HTTP_2);
        let error = wait!(request.send()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "client error (UserUnsupportedVersion)");
        assert!(error.is_request() && !error.is_connect());
        assert_eq!(plain.connections(), 0);
    }

    fn a_tls_configuration_of_ones_own_is_offered_as_it_is() {
        let either = secured(&["h2", "http/1.1"]);
        for (offered, expected) in [
            (&[][..], Version::HTTP_11),
            (&["http/1.1"], Version::HTTP_11),
            (&["h2", "http/1.1"], Version::HTTP_2),
        ] {
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(certs().roots())
                .with_no_client_auth();
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
            let client = builder().use_preconfigured_tls(config).build().unwrap();
            let response = wait!(client.get(either.https("/")).send()).unwrap();
            assert_eq!(response.version(), expected, "{offered:?}");
        }
    }

    fn tls_info_is_that_of_the_shared_connection() {
        let peer = secured(&["h2"]);
        let client = builder().tls_certs_only([authority()]).tls_info(true).build().unwrap();
        for _ in 0..2 {
            let response = wait!(client.get(peer.https("/")).send()).unwrap();
            let info = response.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
            assert!(info.peer_certificate().is_some());
            assert_eq!(info.version(), Some(reqwest::tls::Version::TLS_1_3));
        }
        assert_eq!(peer.connections(), 1);
    }

    fn options_are_what_the_server_is_told() {
        const MIB: u32 = 1024 * 1024;
        // The windows of a stream and of the connection, and the longest frame: 16 KiB need not be told.
        type Told = (u32, u32, u32);
        type Change = fn(ClientBuilder) -> ClientBuilder;
        let cases: [(Change, Told); 4] = [
            (|builder| builder, (2 * MIB, 16 * MIB, 16 * 1024)),
            (
                |builder| {
                    builder
                        .http2_initial_stream_window_size(70_000)
                        .http2_initial_connection_window_size(200_000)
                        .http2_max_frame_size(20_000)
                },
                (70_000, 200_000, 20_000),
            ),
            (
                |builder| {
                    builder
                        .http2_initial_stream_window_size(70_000)
                        .http2_initial_stream_window_size(None)
                        .http2_initial_connection_window_size(None)
                        .http2_max_frame_size(None)
                },
                (2 * MIB, 16 * MIB, 16 * 1024),
            ),
            (
                |builder| builder.http2_adaptive_window(true).http2_initial_stream_window_size(70_000),
                (65_535, 65_535, 16 * 1024),
            ),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            let peer = H2Peer::carrying();
            let client = change(builder().http2_prior_knowledge()).build().unwrap();
            wait!(client.get(peer.url("/")).send()).unwrap();
            let frames = peer.frames(0);
            let settings = frames.iter().find(|f| f.kind == kind::SETTINGS && !f.has(flag::ACK));
            let list = settings.unwrap().list();
            let told = |id| list.iter().find(|(told, _)| *told == id).map(|(_, value)| *value);
            let grown = frames.iter().filter(|f| f.kind == kind::WINDOW_UPDATE && f.stream == 0);
            let grown: u32 = grown.map(|f| f.number(0).unwrap()).sum();
            let found = (
                told(setting::INITIAL_WINDOW_SIZE).unwrap_or(65_535),
                65_535 + grown,
                told(setting::MAX_FRAME_SIZE).unwrap_or(16 * 1024),
            );
            assert_eq!(found, expected, "case {number}");
            assert_eq!(told(setting::ENABLE_PUSH), Some(0));
        }
    }

    fn a_header_list_has_a_limit() {
        let peer = H2Peer::new(|link| {
            link.open(&[])?;
            while let Some(stream) = link.whole()? {
                let length: usize = link.asked(stream).path()[1..].parse().unwrap();
                let long = "a".repeat(length);
                let mut frames = in_pieces(stream, &[(":status", "200"), ("x-long", &long)], 16_000);
                frames[0].flags |= flag::END_STREAM;
                link.send_all(&frames)?;
            }
            Ok(())
        });
        let client = builder().http2_prior_knowledge().build().unwrap();
        let limited = builder().http2_prior_knowledge().http2_max_header_list_size(20_000).build().unwrap();
        for (length, client, fits) in [
            (200_000, &client, true),
            (300_000, &client, false),
            (19_000, &limited, true),
            (21_000, &limited, false),
        ] {
            let sent = wait!(client.get(peer.url(&format!("/{length}"))).send());
            assert_eq!(sent.is_ok(), fits, "{length}: {sent:?}");
        }
    }

    fn options_that_no_connection_can_have_are_builder_errors() {
        for builder in [
            builder().http2_max_frame_size(16_383),
            builder().http2_max_frame_size(1 << 24),
            builder().http2_initial_stream_window_size(1 << 31),
            builder().http2_initial_connection_window_size(1 << 31),
            builder().http2_keep_alive_timeout(Duration::ZERO),
        ] {
            assert!(builder.build().unwrap_err().is_builder());
        }
    }

    fn what_is_done_about_answers_is_the_same() {
        let peer = H2Peer::answering(|asked| match asked.path() {
            "/moved" => Answer::status(302).header("location", "/there").header("set-cookie", "a=b"),
            "/there" => Answer::ok(asked.header("cookie").unwrap_or("none").to_owned()),
            "/gzip" => Answer::ok(HELLO_BY_GZIP).header("content-encoding", "gzip"),
            "/length" => Answer::ok("hello").header("content-length", "5"),
            "/nothing" => Answer::status(204),
            _ => Answer::status(404),
        });
        let client = builder().http2_prior_knowledge().cookie_store(true).build().unwrap();
        let response = wait!(client.get(peer.url("/moved")).send()).unwrap();
        assert_eq!(response.url().path(), "/there");
        assert_eq!(wait!(response.text()).unwrap(), "a=b");

        let response = wait!(client.get(peer.url("/gzip")).send()).unwrap();
        assert!(!response.headers().contains_key("content-encoding"));
        assert_eq!(response.content_length(), None);
        assert_eq!(wait!(response.text()).unwrap(), "hello");

        let response = wait!(client.get(peer.url("/none")).send()).unwrap();
        let error = response.error_for_status().unwrap_err();
        let text = format!("HTTP status client error (404 Not Found) for url ({})", peer.url("/none"));
        assert_eq!(error.to_string(), text);

        // On a stream a HEAD's answer has no body, and the length of the one that a GET would have got.
        for (method, path, length, body) in [
            (Method::GET, "/length", Some(5), "hello"),
            (Method::HEAD, "/length", Some(5), ""),
            (Method::GET, "/nothing", Some(0), ""),
            (Method::GET, "/there", None, "a=b"),
        ] {
            let response = wait!(client.request(method.clone(), peer.url(path)).send()).unwrap();
            assert_eq!(response.content_length(), length, "{method} {path}");
            assert_eq!(wait!(response.text()).unwrap(), body, "{method} {path}");
        }
        assert_eq!(peer.connections(), 1);
    }

    fn it_goes_through_tunnels_and_not_to_forwarding_proxies() {
        let (peer, plain) = (secured(&["h2"]), Server::http(|request| Reply::ok(request.method.clone())));
        let tunnel = Relay::builder().route_all(peer.address()).start();
        let client = builder()
            .tls_certs_only([authority()])
            .http2_prior_knowledge()
            .proxy(Proxy::all(tunnel.url()).unwrap())
            .build()
            .unwrap();
        for _ in 0..2 {
            let response = wait!(client.get("https://localhost/a").send()).unwrap();
            assert_eq!((response.version(), response.status()), (Version::HTTP_2, StatusCode::OK));
            assert_eq!(response.headers()["x-authority"], "localhost");
        }
        assert_eq!((tunnel.tunnels(), peer.connections()), (1, 1));

        let relay = Relay::builder().route_all(plain.address()).start();
        let client = builder()
            .http2_prior_knowledge()
            .proxy(Proxy::all(relay.url()).unwrap())
            .build()
            .unwrap();
        let response = wait!(client.get("http://localhost/a").send()).unwrap();
        assert_eq!(response.version(), Version::HTTP_11);
        assert_eq!(relay.requests()[0].target, "http://localhost/a");
    }
}
