//! What an error tells of the URL.

use std::error::Error as _;

use sync_tests::{Reply, Server};

/// All that can be printed of an error and of those beneath.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut told = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told += &format!(" {error} {error:?}");
        cause = error.source();
    }
    told
}

fn server() -> Server {
    Server::http(|request| match request.target.split('?').next() {
        Some("/cut") => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx").closing(),
        Some("/coding") => Reply::ok("no gzip").header("content-encoding", "gzip"),
        _ => Reply::raw("what?\r\n\r\n").closing(),
    })
}

const PATHS: [&str; 3] = ["/cut", "/coding", "/head"];

#[tokio::test]
async fn without_its_url_an_error_of_the_async_client_keeps_no_secret() {
    let server = server();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut urls = PATHS.map(|path| server.url(path)).to_vec();
    urls.push("http://127.0.0.1:1/x".to_owned());
    for url in urls {
        let secret = format!("{url}?token=SECRET");
        let error = match client.get(secret).send().await {
            Ok(response) => response.bytes().await.unwrap_err(),
            Err(error) => error,
        };
        let told = told(error);
        assert!(!told.contains("SECRET"), "{url}: {told}");
    }
}

#[test]
fn without_its_url_an_error_of_the_blocking_client_keeps_no_secret() {
    let server = server();
    let client = super::client();
    let mut urls = PATHS.map(|path| server.url(path)).to_vec();
    urls.push("http://127.0.0.1:1/x".to_owned());
    for url in urls {
        for whole in [true, false] {
            let error = match client.get(format!("{url}?token=SECRET")).send() {
                Ok(response) if whole => response.bytes().unwrap_err(),
                Ok(mut response) => response.copy_to(&mut Vec::new()).unwrap_err(),
                Err(error) => error,
            };
            let told = told(error);
            assert!(!told.contains("SECRET"), "{url}: {told}");
        }
    }
}
