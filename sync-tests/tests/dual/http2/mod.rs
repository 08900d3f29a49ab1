//! HTTP/2: against a peer that plays single frames.

use dimorph::Error;
use std::error::Error as _;
use std::io;
use sync_tests::H2Peer;
use sync_tests::h2_peer::{Answer, Link};

use super::common::{assert_at_rest, builder, ms};
use super::form::{Client, ClientBuilder};
use super::{dual, form_test, form_util};

mod faults;
mod memory;
mod options;
mod security;

/// Begins a client that speaks HTTP/2 without asking, even over plain TCP.
pub(crate) fn knowing() -> ClientBuilder {
    builder().http2_prior_knowledge()
}

/// Makes a client that speaks HTTP/2 without asking.
pub(crate) fn client() -> Client {
    knowing().build().unwrap()
}

/// A peer whose first connection goes by the script, and all others serve well.
pub(crate) fn at_first(
    script: impl Fn(&mut Link<'_>) -> io::Result<()> + Send + Sync + 'static,
) -> H2Peer {
    H2Peer::new(move |link| {
        link.open(&[])?;
        match link.number() {
            0 => script(link),
            _ => link.carry(),
        }
    })
}

/// Everything an error says, its sources too.
pub(crate) fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Asserts that the client works, and has nothing in use.
#[dual]
pub(crate) async fn assert_works(client: &Client, peer: &H2Peer, what: &str) {
    assert_at_rest(client).await;
    let response = client.get(peer.url("/next")).send().await;
    let response = response.unwrap_or_else(|error| panic!("{what}: {}", said(&error)));
    let status = response.status();
    assert_eq!(status, 200, "{what}");
    response.bytes().await.unwrap();
    assert_at_rest(client).await;
}

/// Sends a request, and reads its response; gives the status and the text, or the error.
#[dual]
pub(crate) async fn fetch((client, url): (Client, String)) -> Result<(u16, String), Error> {
    let response = client.get(url).send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, text))
}

/// The same with a body sent.
#[dual]
pub(crate) async fn post(
    (client, url, body): (Client, String, Vec<u8>),
) -> Result<(u16, String), Error> {
    let response = client.post(url).body(body).send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, text))
}
