//! Bodies left in the middle: closed, cut short, taken up again in another shape.

use dimorph::{Error, ErrorKind};
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client};
use super::form::{Client, Response};
use super::{dual, form_test, form_util};

/// Two pieces, the second of which comes only when the test ends.
fn halves() -> Server {
    Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")?;
        wire.drain(std::time::Duration::from_secs(10));
        Ok(())
    })
}

#[dual]
async fn get(client: &Client, url: &str) -> Response {
    client.get(url).send().await.unwrap()
}

/// The error inside one of std's.
fn inner(error: &std::io::Error) -> &Error {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

#[dual]
#[form_test]
async fn a_body_closed_in_the_middle_has_no_clean_end() {
    let server = halves();
    let client = client();
    for pieces in [0, 1] {
        let mut response = get(&client, &server.url("/")).await;
        for _ in 0..pieces {
            let piece = response.chunk().await.unwrap();
            assert_eq!(piece.unwrap(), "first");
        }
        response.close().await;
        assert_at_rest(&client).await;
        let error = response.chunk().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamClosed);
        let error = form_util::read_all(&mut response).await.unwrap_err();
        assert_eq!(inner(&error).kind(), ErrorKind::StreamClosed);
        let error = form_util::collect(&mut response).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamClosed);
        let error = form_util::copy_to(&mut response, Vec::new()).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::StreamClosed);
        let error = response.buffer().await.cloned().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamClosed);
        let mut lines = response.iter_lines();
        let error = lines.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamClosed);
        drop(lines);
        let error = response.bytes().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamClosed);
    }
}

#[dual]
#[form_test]
async fn a_buffered_body_is_read_by_every_trait_and_survives_a_close() {
    let server = Server::http(|_| Reply::chunked(["one", "two"]));
    let client = client();
    let mut response = get(&client, &server.url("/")).await;
    response.buffer().await.unwrap();
    let all = form_util::read_all(&mut response).await.unwrap();
    assert_eq!(all, b"onetwo");
    let mut response = get(&client, &server.url("/")).await;
    response.buffer().await.unwrap();
    let pieces = form_util::collect(&mut response).await.unwrap();
    assert_eq!(pieces.concat(), b"onetwo");
    let mut response = get(&client, &server.url("/")).await;
    response.buffer().await.unwrap();
    let mut copy = Vec::new();
    let copied = form_util::copy_to(&mut response, &mut copy).await;
    assert_eq!((copied.unwrap(), copy.as_slice()), (6, &b"onetwo"[..]));
    response.close().await;
    assert_eq!(response.content().unwrap(), "onetwo");
    let text = response.text().await.unwrap();
    assert_eq!(text, "onetwo");
}

#[dual]
#[form_test]
async fn lines_begun_twice_are_an_error_and_never_a_gap() {
    let server = Server::http(|_| Reply::ok("one\ntwo\nthree\n"));
    let client = client();
    let mut response = get(&client, &server.url("/")).await;
    let mut lines = response.iter_lines();
    let first = lines.next().await.unwrap();
    assert_eq!(first.unwrap(), "one");
    drop(lines);
    let mut again = response.iter_lines();
    let error = again.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
    let end = again.next().await;
    assert!(end.is_none());
    drop(again);
    let error = response.chunk().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
    let error = response.buffer().await.cloned().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
    // The traits take what the iterator held for read no more than the methods do.
    let error = form_util::read_all(&mut response).await.unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::StreamConsumed);
    let error = response.text().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
}

#[dual]
#[form_test]
async fn pieces_of_a_size_are_gathered_from_smaller_ones() {
    let server = Server::http(|_| Reply::chunked(["äbc"; 9]));
    let client = client();
    let mut response = get(&client, &server.url("/")).await;
    let mut parts = response.iter_text().chunk_size(10);
    let mut sizes = Vec::new();
    let mut all = String::new();
    while let Some(part) = parts.next().await {
        let part = part.unwrap();
        sizes.push(part.chars().count());
        all += &part;
    }
    assert_eq!((sizes, all), (vec![10, 10, 7], "äbc".repeat(9)));

    let mut response = get(&client, &server.url("/")).await;
    let mut parts = response.iter_bytes().chunk_size(10);
    let mut sizes = Vec::new();
    while let Some(part) = parts.next().await {
        sizes.push(part.unwrap().len());
    }
    assert_eq!(sizes, [10, 10, 10, 6]);

    // Larger than the whole.
    let mut response = get(&client, &server.url("/")).await;
    let mut parts = response.iter_text().chunk_size(1000);
    let part = parts.next().await.unwrap().unwrap();
    assert_eq!(part, "äbc".repeat(9));
    let end = parts.next().await;
    assert!(end.is_none());
}

/// Bodies that end in an error, by path.
fn broken() -> Server {
    Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        wire.send(match head.target.as_str() {
            "/cut?q=1" => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "/chunk?q=1" => {
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nno size\r\n"
            }
            _ => "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\nnot gzip",
        })?;
        wire.finish();
        wire.drain(std::time::Duration::from_secs(5));
        Ok(())
    })
}

fn assert_located(error: &Error, url: &str, how: &str) {
    assert_eq!(error.url().unwrap().as_str(), url, "{how}: {error:?}");
    let request = error.request().unwrap();
    assert_eq!(
        (request.method().as_str(), request.url().as_str()),
        ("GET", url),
        "{how}"
    );
}

#[dual]
#[form_test]
async fn errors_of_a_body_carry_their_request() {
    let server = broken();
    let client = builder().build().unwrap();
    for path in ["/cut?q=1", "/chunk?q=1", "/gzip?q=1"] {
        let url = server.url(path);
        let response = get(&client, &url).await;
        assert_located(&response.bytes().await.unwrap_err(), &url, "bytes");
        let response = get(&client, &url).await;
        assert_located(&response.text().await.unwrap_err(), &url, "text");
        let mut response = get(&client, &url).await;
        let error = response.buffer().await.cloned().unwrap_err();
        assert_located(&error, &url, "buffer");
        let mut response = get(&client, &url).await;
        let error = loop {
            match response.chunk().await {
                Ok(piece) => assert!(piece.is_some(), "{url}"),
                Err(error) => break error,
            }
        };
        assert_located(&error, &url, "chunk");
        let mut response = get(&client, &url).await;
        let error = form_util::collect(&mut response).await.unwrap_err();
        assert_located(&error, &url, "the form's iterator");
        let mut response = get(&client, &url).await;
        let error = form_util::read_all(&mut response).await.unwrap_err();
        assert_located(inner(&error), &url, "the form's reader");
        let mut response = get(&client, &url).await;
        let error = form_util::copy_to(&mut response, Vec::new()).await;
        assert_located(&error.unwrap_err(), &url, "copy_to");
        let mut response = get(&client, &url).await;
        let mut lines = response.iter_lines();
        let mut last = lines.next().await.unwrap();
        while let Ok(line) = last {
            assert!(line.len() < 10);
            last = lines.next().await.unwrap();
        }
        assert_located(&last.unwrap_err(), &url, "lines");
    }
    assert_at_rest(&client).await;
}
