//! Follows a feed of server-sent events over lost connections, with each event once; in both forms.
//!
//! `cargo run --example server_sent_events --features async`, or with a feed of yours, without end:
//! `cargo run --example server_sent_events --features async -- https://stream.wikimedia.org/v2/stream/recentchange`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/server_sent_events.rs"]
mod feed;
mod support;

use std::env;
use std::time::Duration;

use dimorph::sse::Event;
use dimorph::{AsyncClient, Client, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Prices {
    tea: u32,
}

/// Reads a feed until enough is known; returns the ID of the last event, to go on from there.
async fn until(client: &AsyncClient, url: &str, enough: u32) -> Result<String> {
    let mut events = client.get(url).event_source();
    let give_up = tokio::time::sleep(Duration::from_secs(60));
    tokio::pin!(give_up);
    loop {
        // `next` may be given up at any point: no event gets lost by that.
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut give_up => None,
        };
        let Some(event) = event.transpose()? else {
            break;
        };
        let prices = price("async", &event)?;
        if prices.is_some_and(|prices| prices.tea >= enough) {
            break;
        }
    }
    // When `events` is dropped the connection is closed. Until then a lost one is replaced: after the time that the server has
    // named, with the ID of the last event, so that it goes on where it was.
    Ok(events.last_event_id().to_owned())
}

/// Reads a feed from an event on, until the server says that there is no more; returns the prices.
fn from(client: &Client, url: &str, id: &str) -> Result<Vec<u32>> {
    let mut all = Vec::new();
    for event in client.get(url).event_source().initial_last_event_id(id) {
        all.extend(price("blocking", &event?)?.map(|prices| prices.tea));
    }
    Ok(all)
}

/// A feed may hold events of several types; the others are none of ours.
fn price(form: &str, event: &Event) -> Result<Option<Prices>> {
    println!(
        "{form:>8}  {}, {}: {:?}",
        event.id(),
        event.event(),
        event.data()
    );
    match event.event() {
        "price" => event.json().map(Some),
        _ => Ok(None),
    }
}

fn main() -> support::Done {
    if let Some(url) = env::args().nth(1) {
        // Whether it answers at all is to be known at once; later it may be away for as long as it likes.
        for event in Client::new().get(url).event_source() {
            let event = event?;
            println!("{}  {}  {}", event.id(), event.event(), event.data());
        }
        return Ok(());
    }

    let (server, connections) = feed::start()?;
    let url = server.url("/prices");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let id = runtime.block_on(until(&AsyncClient::new(), &url, 328))?;
    println!("          enough for now, after event {id}");
    assert_eq!(
        id, "4",
        "which came over the second connection: the first was cut in the middle of it"
    );

    let prices = from(&Client::new(), &url, &id)?;
    assert_eq!(prices, [335, 342, 349, 356, 363], "each of the others once");
    println!("the connections began after {:?}", connections.all());
    assert_eq!(connections.all(), ["none", "3", "4", "7", "9"]);
    Ok(())
}
