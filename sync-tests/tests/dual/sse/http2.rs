//! Events on a stream of HTTP/2.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use sync_tests::H2Peer;
use sync_tests::h2_peer::{Frame, kind};

use super::common::{assert_at_rest, builder};
use super::{dual, form_test, form_util, next};

#[dual]
#[form_test]
async fn each_event_comes_with_its_frame_and_the_next_stream_shares_the_connection() {
    let (seen, go_on) = channel::<()>();
    let go_on = Mutex::new(go_on);
    let peer = H2Peer::new(move |link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            let head = [(":status", "200"), ("content-type", "text/event-stream")];
            link.send(Frame::headers(stream, head))?;
            for number in 0..2 {
                let event = format!("retry: 1\nid: {stream}-{number}\ndata\n\n");
                link.send(Frame::data(stream, event))?;
                let waited = go_on.lock().unwrap().recv_timeout(Duration::from_secs(10));
                assert!(waited.is_ok());
            }
            link.send(Frame::data(stream, "data: lost").end())?;
        }
        Ok(())
    });
    let client = builder().http2_prior_knowledge().build().unwrap();
    let mut source = client.get(peer.url("/")).event_source();
    for expected in ["1-0", "1-1", "3-0", "3-1"] {
        let (_, id) = next(&mut source).await;
        assert_eq!(id, expected);
        seen.send(()).unwrap();
    }
    let ids: Vec<_> = peer
        .asked()
        .iter()
        .map(|asked| asked.header("last-event-id").map(str::to_owned))
        .collect();
    assert_eq!(ids[..2], [None, Some("1-1".to_owned())]);
    assert_eq!(client.pool_stats().opened, 1);
}

#[dual]
#[form_test]
async fn a_dropped_source_resets_its_stream() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            let head = [(":status", "200"), ("content-type", "text/event-stream")];
            link.send(Frame::headers(stream, head))?;
            link.send(Frame::data(stream, "data: a\n\n"))?;
        }
        Ok(())
    });
    let client = builder().http2_prior_knowledge().build().unwrap();
    let mut source = client.get(peer.url("/")).event_source();
    next(&mut source).await;
    drop(source);
    let reset = form_util::until(|| peer.frames_of(0, kind::RST_STREAM) == 1).await;
    assert!(reset);
    assert_at_rest(&client).await;
    // The connection serves on.
    let mut source = client.get(peer.url("/")).event_source();
    next(&mut source).await;
    assert_eq!(client.pool_stats().opened, 1);
}
