//! One source of checks for every transport: whatever stands for the network, a request arrives as it was sent, and a response as it was given.
//!
//! ```text
//!   a check ── ctx.client() ── a way: the engine, a client over a client, an application, a mock, a wrapper, a recording …
//!                                └── the origin, which answers the same in all of them
//! ```
//!
//! What a way cannot do stands in [`CANNOT`] with the reason; a check that fails without being there fails, and so does one that is there and passes.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::{dual, form, form_test, form_util};

mod bodies;
mod flows;
mod heads;
mod origin;
mod stages;
mod ways;
mod whole;

use ways::Way;

/// What one check is given.
#[derive(Clone)]
struct Ctx {
    way: Way,
    /// Where the origin is: its port, for both of its names.
    port: u16,
    recording: Arc<ways::Tape>,
    /// How often the transport was closed, where it is asked to count.
    closed: Option<Arc<AtomicUsize>>,
}

const NO_PEER: &str = "there is no socket, and so no address at its other end";
const NO_SOCKET: &str = "there is no socket that could be silent; `total` and `head` end the wait";
const NO_PHRASE: &str = "an http::Response has no reason phrase";
const NOT_COUNTED: &str = "nobody takes the body piece by piece, which is what is counted";
const NOT_CONSUMED: &str = "a mock consumes no body that can be read once; it sees those in memory";
const READS_FIRST: &str =
    "the body is read before the head is given on, so that the limit of the head spans both";
const DECODED: &str = "recordings hold bodies with their coding taken off";

/// What a way cannot do: the way, the check, the reason.
const CANNOT: &[(Way, &str, &str)] = &[
    (
        Way::Engine,
        "closed_once",
        "it is no transport, and there is none to count",
    ),
    (Way::App, "peer_address", NO_PEER),
    (Way::App, "reason_phrases", NO_PHRASE),
    (Way::App, "read_timeout", NO_SOCKET),
    (Way::HandledApp, "peer_address", NO_PEER),
    (Way::HandledApp, "reason_phrases", NO_PHRASE),
    (Way::HandledApp, "read_timeout", NO_SOCKET),
    (Way::Mock, "peer_address", NO_PEER),
    (Way::Mock, "progress_up", NOT_COUNTED),
    (
        Way::Mock,
        "framing",
        "a mock sees the request as the client made it, before a connection adds host and length",
    ),
    (Way::Mock, "framing_of_unknown_length", NOT_CONSUMED),
    (Way::Mock, "sized_readers", NOT_CONSUMED),
    (Way::Mock, "readers", NOT_CONSUMED),
    (Way::Mock, "pieces_up", NOT_CONSUMED),
    (Way::Reading, "head_timeout", READS_FIRST),
    (Way::Recorder, "head_timeout", READS_FIRST),
    (Way::Replay, "head_timeout", READS_FIRST),
    (
        Way::Recorder,
        "framing_of_unknown_length",
        "a recorder reads the body into memory first, so that its length is known and announced",
    ),
    (
        Way::Replay,
        "framing_of_unknown_length",
        "it cannot be recorded, see above",
    ),
    (Way::Replay, "peer_address", NO_PEER),
    (Way::Replay, "progress_up", NOT_COUNTED),
    (Way::Replay, "trailers", "a HAR file has no place for them"),
    (Way::Replay, "coded_bodies_as_they_came", DECODED),
    (Way::Replay, "events_of_coded_bodies", DECODED),
    (Way::Ureq, "reason_phrases", "ureq drops them"),
    (Way::Ureq, "peer_address", "ureq does not tell it"),
    (Way::Ureq, "trailers", "ureq drops them"),
    (
        Way::Tower,
        "closed_once",
        "a tower service is dropped, and knows no closing",
    ),
];

macro_rules! checks {
    ($($file:ident: $($name:ident),+;)+) => {
        /// The checks by name.
        const CHECKS: &[&str] = &[$($(stringify!($name)),+),+];

        #[dual]
        async fn check((name, ctx): (&'static str, Ctx)) {
            match name {
                $($(stringify!($name) => $file::$name(ctx).await,)+)+
                _ => unreachable!("the names are those above"),
            }
        }
    };
}

checks! {
    heads: the_request_line, header_fields, framing, framing_of_unknown_length, statuses, reason_phrases, response_fields, heads_without_bodies,
        what_the_client_fills_in, peer_address, trailers;
    bodies: bodies_in_memory, sized_readers, readers, pieces_up, bodies_down, pieces_down, text_and_json, codings, coded_bodies_as_they_came, progress_down, progress_up;
    flows: cookies, redirects, redirects_away, basic, digest, error_statuses, hooks, events, events_of_coded_bodies, events_of_failures;
    whole: closed_once, dropped_half_read, again_after_an_error, cut_short, total_timeout, head_timeout, read_timeout,
        many_at_once, elapsed_time;
}

/// Runs every check by one way, and says which did not end as they should.
#[dual]
async fn conforms(way: Way) {
    let mut wrong = Vec::new();
    for name in CHECKS {
        let outcome = ways::run(way, name).await;
        let excuse = CANNOT
            .iter()
            .find(|(who, what, _)| *who == way && what == name);
        match (outcome, excuse) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some((_, _, reason))) => {
                wrong.push(format!("{name} passes now, though: {reason}"));
            }
            (Err(failure), None) => wrong.push(format!("{name}: {failure}")),
        }
    }
    for (_, name, reason) in CANNOT {
        assert!(CHECKS.contains(name), "there is no check {name} ({reason})");
    }
    assert!(wrong.is_empty(), "{way:?}:\n  {}", wrong.join("\n  "));
}

macro_rules! ways_conform {
    ($($test:ident: $way:ident),+ $(,)?) => {$(
        #[dual]
        #[form_test]
        async fn $test() {
            conforms(Way::$way).await;
        }
    )+};
}

ways_conform! {
    the_engine_conforms: Engine,
    a_client_over_a_client_conforms: Client,
    a_client_over_a_client_over_a_client_conforms: ClientTwice,
    an_application_conforms: App,
    a_mock_conforms: Mock,
    a_mock_that_passes_on_conforms: PassThrough,
    a_handler_over_the_engine_conforms: Handled,
    a_handler_over_an_application_conforms: HandledApp,
    a_reading_handler_over_the_engine_conforms: Reading,
    a_retry_over_the_engine_conforms: Retry,
    a_log_over_the_engine_conforms: Logging,
    a_rate_limit_over_the_engine_conforms: RateLimit,
    a_recorder_over_the_engine_conforms: Recorder,
    a_replay_conforms: Replay,

}

/// The transport that only this form has.
#[dual]
#[form_test]
async fn the_form_s_own_transport_conforms() {
    let way = if form_util::IS_ASYNC {
        Way::Tower
    } else {
        Way::Ureq
    };
    conforms(way).await;
}

#[test]
fn no_excuse_stands_twice() {
    for (place, (way, name, _)) in CANNOT.iter().enumerate() {
        let later = &CANNOT[place + 1..];
        let again = later
            .iter()
            .any(|(other, what, _)| other == way && what == name);
        assert!(!again, "{way:?} {name}");
    }
}
