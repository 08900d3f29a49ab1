//! Records what a service answers, and replays it when the service is gone: tests without a network, against real answers.
//!
//! `cargo run --example record_replay`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

mod support;
#[path = "support/record_replay.rs"]
mod weather;

use std::fs;

use dimorph::transport::{Handler, MatchOn, Recorder, Replay};
use dimorph::{Client, ErrorKind, Result};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
struct Forecast {
    city: String,
    days: Vec<Day>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Day {
    day: u32,
    degrees: i32,
}

/// The code that is to be tested. It gets a client, and need not know what stands behind it.
fn warmest(client: &Client, city: &str) -> Result<Option<i32>> {
    let request = client
        .get(format!("/forecast/{city}"))
        .params([("days", 5)]);
    let forecast: Forecast = request.send()?.error_for_status()?.json()?;
    Ok(forecast.days.iter().map(|day| day.degrees).max())
}

fn main() -> support::Done {
    let folder = support::Scratch::new("recording")?;
    let tape = folder.path().join("weather.har");

    // Once, against the service itself. The recorder stands over a client that really sends.
    let server = weather::start()?;
    let recorder = Recorder::new(&tape);
    let client = Client::builder()
        .base_url(server.url("/"))
        .header("x-api-key", "k3y-of-tom")
        .transport(recorder.clone().over(Client::new()))
        .build()?;
    let recorded = [warmest(&client, "Oslo")?, warmest(&client, "Lima")?];
    recorder.save()?;
    println!("recorded: {recorded:?}");

    let text = fs::read_to_string(&tape)?;
    println!(
        "the file is HAR, of {} lines; {} values in it are REDACTED",
        text.lines().count(),
        text.matches("REDACTED").count()
    );
    assert!(!text.contains("k3y-of-tom"), "the key is not in the file");

    // In the tests, ever after: no service, no key, another address.
    drop(server);
    let replay =
        Replay::from_file(&tape)?.match_on([MatchOn::Method, MatchOn::Path, MatchOn::Query]);
    let client = Client::builder()
        .base_url("http://weather.test")
        .transport(replay.clone())
        .build()?;
    let replayed = [warmest(&client, "Oslo")?, warmest(&client, "Lima")?];
    println!("replayed: {replayed:?}");
    assert_eq!(replayed, recorded);
    replay.assert_all_used();

    // What is not on the tape is an error that says what came nearest.
    match warmest(&client, "Rome") {
        Err(error) if error.kind() == ErrorKind::App => println!("not recorded: {error}"),
        other => return Err(format!("Rome was never recorded, and yet: {other:?}").into()),
    }
    Ok(())
}
