//! What a server does wrong, what it does rarely, and what comes too late.

use super::{Answer, H2Peer, Link, assert_works, client, fetch, knowing, post, said};
use super::{dual, form_test, form_util};
use sync_tests::h2_peer::Frame;

mod bodies;
mod bytes;
mod heads;
mod idle;
mod lengths;
mod malformed;
mod timeouts;
mod uploads;
mod windows;

/// What is played, and its frames on a stream.
type Row = (&'static str, fn(u32) -> Vec<Frame>);

/// Plays one row for each request, by the row's number in the path.
fn playing(rows: &'static [Row]) -> H2Peer {
    H2Peer::new(move |link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            match link.asked(stream).path()[1..].parse::<usize>() {
                Ok(row) => link.send_all(&rows[row].1(stream))?,
                Err(_) => link.answer(stream, Answer::ok("next"))?,
            }
        }
        Ok(())
    })
}
