//! Forms with files, as they come over the wire, from both clients.

use reqwest::{blocking, multipart};
use sync_tests::{Received, Reply, Server};

fn body(parts: &[&str], boundary: &str) -> String {
    let mut text = String::new();
    for part in parts {
        text += &format!("--{boundary}\r\nContent-Disposition: form-data; {part}\r\n");
    }
    text + &format!("--{boundary}--\r\n")
}

fn check(request: &Received, boundary: &str, expected: &str, has_length: bool) {
    let media_type = format!("multipart/form-data; boundary={boundary}");
    assert_eq!(request.header("content-type"), Some(media_type.as_str()));
    assert_eq!(request.text(), expected);
    let length = expected.len().to_string();
    match has_length {
        true => assert_eq!(request.header("content-length"), Some(length.as_str())),
        false => assert_eq!(request.header("transfer-encoding"), Some("chunked")),
    }
}

const FIELDS: [&str; 2] = [
    "name=\"a\"\r\n\r\n1",
    "name=\"b\"; filename=\"b.png\"\r\nContent-Type: image/png\r\nx-own: 7\r\n\r\n22",
];
const STREAM: &str = "name*=utf-8''%C3%A4\r\n\r\n333";

fn own() -> reqwest::header::HeaderMap {
    let mut own = reqwest::header::HeaderMap::new();
    own.insert("x-own", "7".parse().unwrap());
    own
}

#[test]
fn a_blocking_form_is_sized_or_chunked() {
    use blocking::multipart::{Form, Part};

    let server = Server::http(|_| Reply::ok(""));
    let form = || {
        let file = Part::bytes(&b"22"[..]).file_name("b.png").headers(own());
        let file = file.mime_str("image/png").unwrap();
        Form::new().text("a", "1").part("b", file)
    };
    let sized = form();
    let chunked = form().part("\u{e4}", Part::reader(&b"333"[..]));
    let boundaries = [sized.boundary().to_owned(), chunked.boundary().to_owned()];
    for form in [sized, chunked] {
        let request = super::client().post(server.url("/")).multipart(form);
        request.send().unwrap();
    }
    let requests = server.requests();
    let expected = body(&FIELDS, &boundaries[0]);
    check(&requests[0], &boundaries[0], &expected, true);
    let expected = body(&[FIELDS[0], FIELDS[1], STREAM], &boundaries[1]);
    check(&requests[1], &boundaries[1], &expected, false);
}

#[tokio::test]
async fn an_async_form_is_sized_or_chunked() {
    use multipart::{Form, Part};

    struct Once(Option<&'static str>);
    impl futures_core::Stream for Once {
        type Item = Result<&'static str, std::io::Error>;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Ready(self.0.take().map(Ok))
        }
    }

    let server = Server::http(|_| Reply::ok(""));
    let form = || {
        let file = Part::bytes(&b"22"[..]).file_name("b.png").headers(own());
        let file = file.mime_str("image/png").unwrap();
        Form::new().text("a", "1").part("b", file)
    };
    let stream = || reqwest::Body::wrap_stream(Once(Some("333")));
    let forms = [
        form().part("\u{e4}", Part::stream_with_length(stream(), 3)),
        form().part("\u{e4}", Part::stream(stream())),
    ];
    let boundaries: Vec<String> = forms.iter().map(|f| f.boundary().to_owned()).collect();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for form in forms {
        let request = client.post(server.url("/")).multipart(form);
        request.send().await.unwrap();
    }
    let requests = server.requests();
    for (number, boundary) in boundaries.iter().enumerate() {
        let expected = body(&[FIELDS[0], FIELDS[1], STREAM], boundary);
        check(&requests[number], boundary, &expected, number == 0);
    }
}
