//! Upgraded connections, read and written in odd measures.

use sync_tests::Server;
use sync_tests::certs::sniff;

use super::common::client;
use super::{dual, form_test, form_util};

/// Switches with a greeting in the head's packet; then sends everything back.
fn echoing() -> Server {
    Server::wire_tls(sniff(), |wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nready;")?;
        loop {
            let bytes = wire.read_some()?;
            if bytes.is_empty() {
                return Ok(());
            }
            wire.send(bytes)?;
        }
    })
}

#[dual]
#[form_test]
async fn empty_reads_and_writes_of_an_upgraded_connection_lose_nothing() {
    let server = echoing();
    for url in [server.url("/"), server.https("/")] {
        let request = client()
            .get(&url)
            .header("connection", "upgrade")
            .header("upgrade", "echo");
        let response = request.send().await.unwrap();
        let mut stream = response.upgrade().await.unwrap();
        // With bytes at hand, with none, and with some on their way.
        for expected in ["ready;", "first", "second"] {
            if expected != "ready;" {
                let none = form_util::read_once(&mut stream, &mut []).await;
                assert_eq!(none.unwrap(), 0, "{url}");
                let none = form_util::write_once(&mut stream, &[]).await;
                assert_eq!(none.unwrap(), 0, "{url}");
                form_util::write_all(&mut stream, expected.as_bytes()).await;
            }
            let none = form_util::read_once(&mut stream, &mut []).await;
            assert_eq!(none.unwrap(), 0, "{url}");
            let none = form_util::write_once(&mut stream, &[]).await;
            assert_eq!(none.unwrap(), 0, "{url}");
            let begin = form_util::read_exactly(&mut stream, 2).await;
            let none = form_util::read_once(&mut stream, &mut []).await;
            assert_eq!(none.unwrap(), 0, "{url}");
            let rest = form_util::read_exactly(&mut stream, expected.len() - 2).await;
            assert_eq!([begin, rest].concat(), expected.as_bytes(), "{url}");
        }
        // Far more than fits one record or one read.
        let long: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        for part in long.chunks(50_000) {
            form_util::write_all(&mut stream, part).await;
            let back = form_util::read_exactly(&mut stream, part.len()).await;
            assert!(back == part, "{url}");
        }
    }
}
