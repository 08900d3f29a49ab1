//! Streams whose next piece waits until the server has the one before.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use dimorph::Body;
use futures_core::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::dual_tests::uploads_over_tls::{acknowledging, sizes, to};

/// Gives each piece once the one before has been acknowledged.
struct Patient {
    given: usize,
    acks: UnboundedReceiver<()>,
}

impl Stream for Patient {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.given > 0 {
            ready!(self.acks.poll_recv(cx)).expect("the server lives");
        }
        let size = sizes().get(self.given).copied();
        self.given += 1;
        Poll::Ready(size.map(|size| Ok(vec![b'x'; size])))
    }
}

async fn each_piece_arrives_while_the_stream_waits(proxied: bool) {
    let (ack, acks) = unbounded_channel();
    let server = acknowledging(move || {
        let _ = ack.send(());
    });
    let (builder, _relay) = to(&server, proxied);
    let client = builder.build().unwrap();
    let body = Body::from_stream(Patient { given: 0, acks });
    let sent = client.post("https://a.test/").body(body).send().await;
    assert_eq!(sent.unwrap().text().await.unwrap(), "whole");
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.idle), (0, 1));
}

#[tokio::test]
async fn a_stream_that_waits_for_the_server_is_not_kept_waiting_by_tls() {
    each_piece_arrives_while_the_stream_waits(false).await;
}

#[tokio::test]
async fn a_stream_that_waits_for_the_server_is_not_kept_waiting_by_tls_in_tls() {
    each_piece_arrives_while_the_stream_waits(true).await;
}
