//! What hostile peers and long bodies take of the process's memory.

use std::process::Command;

use sync_tests::h2_peer::{Frame, flag, literals, remembered};

use super::super::common::resident;
use super::*;

const TARGET: &str = "DIMORPH_TESTS_HTTP2_MEMORY_TARGET";
/// How much the process may grow.
const MOST: usize = 8 << 20;
const BODY: usize = 64 << 20;

/// Does to each connection what the path of its requests says.
fn attacking() -> H2Peer {
    H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            let path = link.asked(stream).path().to_owned();
            let ok = Frame::headers(stream, [(":status", "200")]);
            let endless = |link: &mut Link<'_>, frame: Frame| {
                let bytes = frame.bytes();
                link.flood(&bytes.repeat(65_536 / bytes.len() + 1), 1000);
            };
            match &*path {
                "/continuation" => {
                    link.send(ok.without(flag::END_HEADERS))?;
                    let block = literals([("x-a", vec![b'a'; 8000])]);
                    endless(link, Frame::continuation(stream, block));
                }
                "/empty-continuation" => {
                    link.send(ok.without(flag::END_HEADERS))?;
                    endless(link, Frame::continuation(stream, []));
                }
                "/ping" => endless(link, Frame::ping([7; 8])),
                "/settings" => endless(link, Frame::settings(&[(4, 100_000)])),
                "/reset" => endless(link, Frame::reset(stream, 8)),
                "/early-hints" => {
                    let hints = Frame::headers(stream, [(":status", "103")]);
                    endless(link, hints);
                }
                "/empty-data" => {
                    link.send(ok)?;
                    endless(link, Frame::data(stream, []));
                }
                "/bomb" => {
                    let mut block = vec![0x88];
                    block.extend(remembered("x-a", &[b'a'; 4000]));
                    block.resize(16_000, 0xbe);
                    link.send(Frame::block(stream, block).end())?;
                }
                "/given-up" => {
                    link.send(ok)?;
                    link.send(Frame::data(stream, "piece"))?;
                }
                "/crumbs" => {
                    // As many single bytes as the window takes: each costs more than it is.
                    link.send(ok)?;
                    let window = link.stream_window(stream).min(link.window());
                    link.flood(
                        &Frame::data(stream, "x").bytes().repeat(1000),
                        window as usize / 1000,
                    );
                }
                _ => link.answer(stream, Answer::carry(&link.asked(stream)))?,
            }
        }
        Ok(())
    })
}

#[dual]
async fn attacked_in_the_child(address: &str) {
    let client = client();
    let mut before = 0;
    // The first turn is the measure of the second and the rest.
    for turn in 0..6 {
        for path in [
            "continuation",
            "empty-continuation",
            "ping",
            "settings",
            "reset",
            "early-hints",
            "empty-data",
            "bomb",
        ] {
            let url = format!("http://{address}/{path}");
            let outcome = fetch((client.clone(), url)).await;
            assert!(outcome.is_err(), "{path}");
        }
        for _ in 0..500 {
            let url = format!("http://{address}/given-up");
            client.get(url).send().await.unwrap();
        }
        match turn {
            0 => before = resident(),
            _ => {
                let grown = resident().saturating_sub(before);
                assert!(grown <= MOST, "turn {turn}: grew by {grown}");
            }
        }
    }
    // What is not read is bounded, too.
    let before = resident();
    let url = format!("http://{address}/crumbs");
    let response = client.get(url).send().await.unwrap();
    form_util::sleep(ms(300)).await;
    let grown = resident().saturating_sub(before);
    drop(response);
    assert!(grown <= 2 * MOST, "crumbs: grew by {grown}");
}

#[dual]
async fn read_in_the_child(address: &str) {
    let client = client();
    let url = format!("http://{address}/size/{BODY}");
    let mut response = client.get(url).send().await.unwrap();
    let before = resident();
    let (mut total, mut looked, mut most) = (0, 0, 0);
    while let Some(piece) = response.chunk().await.unwrap() {
        total += piece.len();
        if total - looked >= 1 << 20 {
            looked = total;
            most = most.max(resident().saturating_sub(before));
        }
    }
    assert_eq!(total, BODY);
    assert!(most <= MOST, "grew by {most}");
}

/// Runs a test of this module once more, in a process of its own: there the peer and the other tests are not.
fn in_a_child(peer: &H2Peer, test: &str) {
    let module = module_path!().split_once("::").unwrap().1;
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}")])
        .args(["--nocapture", "--test-threads", "1"])
        .env(TARGET, peer.address().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert!(peer.connections() > 0, "the child ran the test");
}

#[dual]
#[form_test]
async fn floods_and_bombs_take_no_memory() {
    if let Ok(address) = std::env::var(TARGET) {
        attacked_in_the_child(&address).await;
        return;
    }
    let peer = attacking();
    in_a_child(&peer, "floods_and_bombs_take_no_memory");
}

#[dual]
#[form_test]
async fn a_long_body_is_read_in_small_memory() {
    if let Ok(address) = std::env::var(TARGET) {
        read_in_the_child(&address).await;
        return;
    }
    let peer = H2Peer::carrying();
    in_a_child(&peer, "a_long_body_is_read_in_small_memory");
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}
