//! How many streams there are at once, and what becomes of those that are given up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dimorph::ErrorKind::PoolTimeout;
use dimorph::{ErrorKind, Timeout};
use sync_tests::h2_peer::{Frame, code, kind, pattern, setting};

use super::*;
use crate::dual_tests::common::{assert_at_rest, ms};
use crate::dual_tests::form::{Client, Response};

/// Answers the first request after the client knows of this limit.
fn open_with_limit(link: &mut Link<'_>, limit: u32) -> std::io::Result<()> {
    link.open(&[])?;
    let first = link.whole()?.unwrap();
    link.send(Frame::settings(&[(setting::MAX_CONCURRENT_STREAMS, limit)]))?;
    link.until(|link| link.is_settled())?;
    link.answer(first, Answer::ok("first"))
}

#[dual]
async fn text_of((client, url): (Client, String)) -> String {
    let outcome = fetch((client, url)).await;
    outcome.map_or_else(|error| said(&error), |(_, text)| text)
}

#[dual]
#[form_test]
async fn h2_12_no_stream_at_all_is_waited_for() {
    let raise = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&raise);
    let peer = H2Peer::new(move |link| {
        open_with_limit(link, 0)?;
        link.until(|_| raised.load(Ordering::SeqCst))?;
        link.send(Frame::settings(&[(setting::MAX_CONCURRENT_STREAMS, 1)]))?;
        link.carry()
    });
    let client = client();
    text_of((client.clone(), peer.url("/"))).await;
    let hasty = client
        .get(peer.url("/hasty"))
        .timeout(Timeout::none().pool(ms(100)));
    let error = hasty.send().await.unwrap_err();
    assert_eq!(error.kind(), PoolTimeout, "{}", said(&error));
    assert_eq!(peer.count(), 1, "it was not sent");
    // Who waits longer is served as soon as there is room.
    let patient = form_util::spawn(text_of, (client.clone(), peer.url("/size/5")));
    form_util::until_briefly(|| client.pool_stats().waiting == 1).await;
    raise.store(true, Ordering::SeqCst);
    let text = patient.join().await;
    assert_eq!(text.as_bytes(), pattern(5), "{text}");
    assert_works(&client, &peer, "raised").await;
    assert_eq!((peer.connections(), peer.most_open()), (1, 1));
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn h2_12_a_first_request_does_not_stay_where_no_stream_is_allowed() {
    // The client may have sent it before it knew; then it is refused.
    let peer = H2Peer::new(|link| {
        link.open(&[(setting::MAX_CONCURRENT_STREAMS, 0)])?;
        while let Some(stream) = link.head()? {
            link.send(Frame::reset(stream, code::REFUSED_STREAM))?;
        }
        Ok(())
    });
    let client = client();
    let request = client.get(peer.url("/"));
    let request = request.timeout(Timeout::none().pool(ms(100)).total(ms(5000)));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), PoolTimeout, "{}", said(&error));
    assert_eq!(peer.connections(), 1, "no second connection");
    assert_at_rest(&client).await;
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn h2_12_one_stream_at_a_time_serves_everybody_in_turn() {
    for limit in [1, 3] {
        let peer = H2Peer::new(move |link| {
            open_with_limit(link, limit)?;
            link.carry()
        });
        let client = client();
        text_of((client.clone(), peer.url("/"))).await;
        let calls: Vec<_> = (0..60)
            .map(|i| (client.clone(), peer.url(&format!("/size/{}", 1000 + i))))
            .collect();
        let texts = form_util::concurrently(20, calls, text_of).await;
        for (i, text) in texts.into_iter().enumerate() {
            assert_eq!(
                text.len(),
                String::from_utf8_lossy(&pattern(1000 + i)).len()
            );
        }
        assert_works(&client, &peer, "all").await;
        assert_eq!(peer.connections(), 1);
        assert!(peer.most_open() <= limit as usize, "{}", peer.most_open());
        assert_eq!(peer.violations(), [""; 0]);
    }
}

#[dual]
#[form_test]
async fn h2_12_a_limit_lowered_beneath_what_runs_is_kept_by_what_follows() {
    let go_on = Arc::new(AtomicBool::new(false));
    let gone_on = Arc::clone(&go_on);
    let peer = H2Peer::new(move |link| {
        link.open(&[])?;
        let first = link.whole()?.unwrap();
        link.answer(first, Answer::ok("first"))?;
        let mut running = Vec::new();
        while running.len() < 10 {
            running.push(link.whole()?.unwrap());
        }
        link.send(Frame::settings(&[(setting::MAX_CONCURRENT_STREAMS, 1)]))?;
        link.until(|link| link.is_settled() && gone_on.load(Ordering::SeqCst))?;
        for stream in running {
            link.answer(stream, Answer::ok("ran"))?;
        }
        link.serve(|_| Answer::ok("after"))
    });
    let client = client();
    text_of((client.clone(), peer.url("/"))).await;
    let mut running = Vec::new();
    for _ in 0..10 {
        running.push(form_util::spawn(text_of, (client.clone(), peer.url("/"))));
    }
    form_util::until(|| peer.count() == 11).await;
    // Ten run, and the limit comes; then ten more wait.
    let acks = || {
        let frames = peer.frames(0);
        let acks = frames.iter().filter(|f| f.kind == kind::SETTINGS);
        acks.filter(|f| f.has(1)).count()
    };
    let told = form_util::until(|| acks() == 2).await;
    assert!(told, "SETTINGS are acknowledged while requests run");
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(form_util::spawn(text_of, (client.clone(), peer.url("/"))));
    }
    form_util::until(|| client.pool_stats().waiting == 10).await;
    assert_eq!(peer.count(), 11, "nothing was sent beyond the limit");
    let request = client.get(peer.url("/"));
    let request = request.timeout(Timeout::none().pool(ms(50)));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), PoolTimeout);
    go_on.store(true, Ordering::SeqCst);
    for call in running {
        let text = call.join().await;
        assert_eq!(text, "ran");
    }
    for call in waiting {
        let text = call.join().await;
        assert_eq!(text, "after");
    }
    assert_works(&client, &peer, "all").await;
    assert_eq!((peer.connections(), peer.most_open()), (1, 10));
    assert_eq!(peer.violations(), [""; 0]);
}

/// How many requests come before a piece of an answer does: what is on its way when the client gives up.
const LATE: usize = 100;

/// Opens an answer to each request, gives a piece of it late, and never ends it; `/size/n` is answered whole.
fn unending(link: &mut Link<'_>) -> std::io::Result<()> {
    link.open(&[])?;
    let mut late = VecDeque::new();
    while let Some(stream) = link.head()? {
        if link.asked(stream).path().starts_with("/size/") {
            let answer = Answer::carry(&link.asked(stream));
            link.answer(stream, answer)?;
            link.deliver()?;
            continue;
        }
        link.send(Frame::headers(stream, [(":status", "200")]))?;
        if !link.until(|link| link.window() >= 2500)? {
            break;
        }
        late.push_back(stream);
        if late.len() > LATE {
            let stream = late.pop_front().unwrap();
            link.send(Frame::data(stream, vec![b'x'; 2500]))?;
        }
    }
    Ok(())
}

#[dual]
async fn give_up((client, url): (Client, String)) -> Option<ErrorKind> {
    let response: Result<Response, _> = client.get(url).send().await;
    response.err().map(|error| error.kind())
}

#[dual]
#[form_test]
async fn h2_15_streams_given_up_cost_nothing() {
    // Without optimization a tenth of it takes long enough.
    const COUNT: usize = if cfg!(debug_assertions) {
        10_000
    } else {
        100_000
    };
    let peer = H2Peer::new(unending);
    let client = client();
    let calls: Vec<_> = (0..COUNT)
        .map(|_| (client.clone(), peer.url("/")))
        .collect();
    let failed = form_util::concurrently(16, calls, give_up).await;
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    assert_eq!(failed, []);
    assert_at_rest(&client).await;
    let cancelled = || {
        let asked = peer.asked();
        asked
            .iter()
            .filter(|a| a.reset == Some(code::CANCEL))
            .count()
    };
    let resets = || peer.frames_of(0, kind::RST_STREAM);
    let all = form_util::until(|| resets() >= COUNT && cancelled() == COUNT).await;
    assert!(all, "{} of {COUNT}", cancelled());
    // More than any window: what the streams took was given back.
    let size = 20_000_000;
    let url = peer.url(&format!("/size/{size}"));
    let response = client.get(url).send().await.unwrap();
    let body = response.bytes().await.unwrap();
    assert!(body == pattern(size));
    assert_at_rest(&client).await;
    assert_eq!((peer.connections(), peer.count()), (1, COUNT + 1));
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn h2_15_a_response_dropped_in_its_body_gives_its_stream_back() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let peer = H2Peer::new(move |link| {
        link.open(&[(setting::MAX_CONCURRENT_STREAMS, 1)])?;
        while let Some(stream) = link.whole()? {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = Answer::carry(&link.asked(stream));
            link.answer(stream, answer)?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..20 {
        let url = peer.url("/size/10000000");
        let mut response = client.get(url).send().await.unwrap();
        let piece = response.chunk().await.unwrap().unwrap();
        assert_eq!(piece[..3], [0, 1, 2]);
        drop(response);
    }
    assert_works(&client, &peer, "dropped").await;
    assert_eq!((peer.connections(), served.load(Ordering::SeqCst)), (1, 21));
    let asked = peer.asked();
    let reset = asked.iter().filter(|a| a.reset == Some(code::CANCEL));
    assert_eq!(reset.count(), 20);
    assert_eq!(peer.violations(), [""; 0]);
}
