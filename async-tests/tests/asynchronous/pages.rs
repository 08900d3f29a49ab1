//! Pages as a stream, and waits for one that were given up.

use std::future::poll_fn;
use std::pin::Pin;

use dimorph::PoolLimits;
use dimorph::asynchronous::Pages;
use futures_core::Stream;
use sync_tests::{Reply, Server};

use crate::only::{client, polled};

/// Three pages, each in pieces.
fn listing() -> Server {
    Server::http(|request| {
        let number: u32 = request.target[1..].parse().unwrap();
        let reply = Reply::chunked([number.to_string()]);
        match number {
            3 => reply,
            _ => reply.header("link", &format!("</{}>; rel=next", number + 1)),
        }
    })
}

async fn next_of_the_stream(pages: &mut Pages) -> Option<dimorph::Result<String>> {
    let page = poll_fn(|cx| Pin::new(&mut *pages).poll_next(cx)).await?;
    Some(page.unwrap().text().await)
}

#[tokio::test]
async fn pages_are_a_stream() {
    let server = listing();
    let client = client(PoolLimits::default());
    let mut pages = client.get(server.url("/1")).pages();
    let mut all = Vec::new();
    while let Some(page) = next_of_the_stream(&mut pages).await {
        all.push(page.unwrap());
    }
    assert_eq!(all, ["1", "2", "3"]);
    assert!(next_of_the_stream(&mut pages).await.is_none());
}

#[tokio::test]
async fn a_page_whose_wait_was_given_up_is_not_lost() {
    let server = listing();
    let client = client(PoolLimits::default());
    for polls in 1..20 {
        // What was begun is gone on with.
        let mut pages = client.get(server.url("/1")).pages();
        let given_up = polled(polls, pages.next()).await;
        let first = match given_up {
            Some(page) => page,
            None => pages.next().await,
        };
        assert_eq!(first.unwrap().unwrap().text().await.unwrap(), "1");
        let begun = polled(1, poll_fn(|cx| Pin::new(&mut pages).poll_next(cx))).await;
        let second = match begun {
            Some(page) => page,
            None => pages.next().await,
        };
        assert_eq!(second.unwrap().unwrap().text().await.unwrap(), "2");
        let third = pages.next().await.unwrap().unwrap();
        assert_eq!(third.text().await.unwrap(), "3");
        assert!(pages.next().await.is_none());
        assert_eq!(
            server.requests().len(),
            3 * polls,
            "none is asked for twice"
        );
    }
}
