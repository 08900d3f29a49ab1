//! HTTP/2 that does not go well: what is sent again, and what errors say.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use sync_tests::h2_peer::{Answer, Frame, H2Peer, code, kind, setting};
use sync_tests::{Reply, Server};

const SHORT: Duration = Duration::from_millis(150);

/// Refuses the first `times` requests of all, and carries the others.
fn refusing(times: usize) -> H2Peer {
    let refused = Arc::new(AtomicUsize::new(0));
    H2Peer::new(move |link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            if refused.fetch_add(1, Ordering::SeqCst) < times {
                link.send(Frame::reset(stream, code::REFUSED_STREAM))?;
            } else {
                let answer = Answer::carry(&link.asked(stream));
                link.answer(stream, answer)?;
            }
        }
        Ok(())
    })
}

/// The texts of an error and those beneath.
fn chain(error: &reqwest::Error) -> Vec<String> {
    std::iter::successors(error.source(), |error| (*error).source())
        .map(ToString::to_string)
        .collect()
}

both! {
    fn what_the_server_has_not_processed_is_sent_twice_more_at_the_most() {
        let client = builder().http2_prior_knowledge().build().unwrap();
        for (refused, came, answered) in [(1, 2, true), (2, 3, true), (3, 3, false)] {
            let peer = refusing(refused);
            match wait!(client.post(peer.url("/")).body("once").send()) {
                Ok(response) => assert_eq!(wait!(response.text()).unwrap(), "once"),
                Err(error) => assert!(!answered && chain(&error)[0] == "client error (SendRequest)", "{error:?}"),
            }
            assert_eq!((peer.count(), peer.connections()), (came, 1));
        }
        // A stream is not there any more.
        let peer = refusing(1);
        let request = client.post(peer.url("/")).body(streamed(b"once".to_vec()));
        let error = wait!(request.send()).unwrap_err();
        assert!(error.is_request() && !error.is_connect() && !error.is_timeout());
        assert_eq!(peer.count(), 1);
    }

    fn a_retry_policy_decides_about_refused_requests_too() {
        let host = || reqwest::retry::for_host("127.0.0.1");
        let refused = |error: &(dyn Error + 'static)| {
            std::iter::successors(Some(error), |error| (*error).source())
                .any(|error| error.to_string().contains("refused stream"))
        };
        let cases = [
            ("nothing", reqwest::retry::never(), 1),
            ("no judgement", host(), 1),
            ("all is well", host().classify_fn(|answer| answer.success()), 1),
            (
                "four times",
                host()
                    .max_retries_per_request(4)
                    .classify_fn(move |answer| match answer.error().is_some_and(refused) {
                        true => answer.retryable(),
                        false => answer.success(),
                    }),
                5,
            ),
        ];
        for (what, policy, came) in cases {
            let peer = refusing(9);
            let client = builder().http2_prior_knowledge().retry(policy).build().unwrap();
            wait!(client.get(peer.url("/")).send()).unwrap_err();
            assert_eq!((peer.count(), peer.connections()), (came, 1), "{what}");
        }
    }

    fn a_server_that_goes_away_is_asked_again_on_a_new_connection() {
        let peer = H2Peer::new(|link| {
            link.open(&[])?;
            if link.number() == 0 {
                link.whole()?;
                link.send(Frame::goaway(0, code::NO_ERROR))?;
                return link.drain();
            }
            link.carry()
        });
        let client = builder().http2_prior_knowledge().build().unwrap();
        let response = wait!(client.post(peer.url("/")).body("once").send()).unwrap();
        assert_eq!(wait!(response.text()).unwrap(), "once");
        assert_eq!(peer.connections(), 2);
    }

    fn a_classifier_judges_answers_on_streams_too() {
        let asked = AtomicUsize::new(0);
        let peer = H2Peer::answering(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::status(503),
            _ => Answer::ok("now"),
        });
        let retries = reqwest::retry::for_host("127.0.0.1").classify_fn(|answer| match answer.status() {
            Some(StatusCode::SERVICE_UNAVAILABLE) => answer.retryable(),
            _ => answer.success(),
        });
        let client = builder().http2_prior_knowledge().retry(retries).build().unwrap();
        let response = wait!(client.get(peer.url("/")).send()).unwrap();
        assert_eq!(wait!(response.text()).unwrap(), "now");
        assert_eq!(peer.connections(), 1);
    }

    fn a_reset_is_an_error_of_the_request_or_of_the_body() {
        let peer = H2Peer::new(|link| {
            link.open(&[])?;
            while let Some(stream) = link.whole()? {
                if link.asked(stream).path() == "/body" {
                    link.send(Frame::headers(stream, [(":status", "200")]))?;
                    link.send(Frame::data(stream, "some"))?;
                }
                link.send(Frame::reset(stream, code::INTERNAL_ERROR))?;
            }
            Ok(())
        });
        let client = builder().http2_prior_knowledge().build().unwrap();
        let error = wait!(client.get(peer.url("/head")).send()).unwrap_err();
        assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{error:?}");
        let texts = chain(&error);
        assert_eq!(texts[0], "client error (SendRequest)");
        let last = "stream error received: unexpected internal error encountered";
        assert_eq!(texts.last().unwrap(), last);

        let response = wait!(client.get(peer.url("/body")).send()).unwrap();
        let error = wait!(response.bytes()).unwrap_err();
        assert!(error.is_decode() && !error.is_timeout(), "{error:?}");
        // Streams come and go, the connection stays.
        assert_eq!(peer.connections(), 1);
    }

    fn a_server_that_speaks_only_http1_is_an_error_of_the_request() {
        let server = Server::http(|_| Reply::ok("hello"));
        let client = builder().http2_prior_knowledge().build().unwrap();
        let error = wait!(client.get(server.url("/")).send()).unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    }

    fn a_timeout_ends_the_stream_and_not_the_connection() {
        let peer = H2Peer::new(|link| {
            link.open(&[])?;
            while let Some(stream) = link.whole()? {
                match link.asked(stream).path() {
                    "/never" => {}
                    "/begun" => link.send(Frame::headers(stream, [(":status", "200")]))?,
                    _ => link.answer(stream, Answer::ok("hello"))?,
                }
            }
            Ok(())
        });
        let client = builder().http2_prior_knowledge().build().unwrap();
        let hello = wait!(client.get(peer.url("/")).send()).unwrap();
        assert_eq!(wait!(hello.text()).unwrap(), "hello");
        let error = wait!(client.get(peer.url("/never")).timeout(SHORT).send()).unwrap_err();
        assert!(error.is_timeout() && error.is_request(), "{error:?}");
        let begun = wait!(client.get(peer.url("/begun")).timeout(SHORT).send()).unwrap();
        let error = wait!(begun.text()).unwrap_err();
        assert!(error.is_timeout() && error.is_decode(), "{error:?}");
        let hello = wait!(client.get(peer.url("/")).send()).unwrap();
        assert_eq!(wait!(hello.text()).unwrap(), "hello");
        assert_eq!(peer.connections(), 1);
        let resets: Vec<_> = peer.asked().iter().map(|asked| asked.reset).collect();
        assert_eq!(resets, [None, Some(code::CANCEL), Some(code::CANCEL), None]);
    }

    fn the_wait_for_a_stream_is_part_of_a_timeout() {
        let peer = H2Peer::new(|link| {
            link.open(&[(setting::MAX_CONCURRENT_STREAMS, 1)])?;
            while let Some(stream) = link.head()? {
                link.send(Frame::headers(stream, [(":status", "200")]))?;
            }
            Ok(())
        });
        let client = builder().http2_prior_knowledge().build().unwrap();
        let held = wait!(client.get(peer.url("/held")).send()).unwrap();
        let error = wait!(client.get(peer.url("/")).timeout(SHORT).send()).unwrap_err();
        assert!(error.is_timeout() && error.is_request(), "{error:?}");
        assert_eq!((peer.count(), peer.connections()), (1, 1));
        drop(held);
    }

    fn a_server_that_answers_no_ping_is_a_timeout() {
        let peer = H2Peer::new(|link| {
            link.open(&[])?;
            link.whole()?;
            link.replying = false;
            link.drain()
        });
        let client = builder()
            .http2_prior_knowledge()
            .http2_keep_alive_interval(SHORT)
            .http2_keep_alive_timeout(SHORT)
            .build()
            .unwrap();
        let error = wait!(client.post(peer.url("/")).send()).unwrap_err();
        assert!(error.is_timeout() && error.is_request(), "{error:?}");
        assert!(peer.frames_of(0, kind::PING) > 0);
    }
}
