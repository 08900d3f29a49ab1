//! Bodies, up and down.

use std::sync::{Arc, Mutex};

use dimorph::{Body, ErrorKind};
use serde_json::json;

use super::heads::seen;
use super::origin::{large, sum};
use super::{Ctx, dual, form_util};

#[dual]
pub(super) async fn bodies_in_memory(ctx: Ctx) {
    let client = ctx.client();
    let large = large();
    for body in [&b""[..], b"x", b"\x00\xff\r\n\r\n", &large] {
        let told = seen(client.post("/echo").body(body.to_vec())).await;
        assert_eq!(told["length"], body.len());
        assert_eq!(told["sum"], sum(body));
    }
    let told = seen(client.put("/echo").json(json!({"a": [1, "ü"]}))).await;
    assert_eq!(told["body"], r#"{"a":[1,"ü"]}"#);
    let told = seen(client.post("/echo").form([("a", "1 2"), ("b", "&")])).await;
    assert_eq!(told["body"], "a=1+2&b=%26");
    let told = seen(client.get("/echo").body("of a GET")).await;
    assert_eq!(told["body"], "of a GET");
}

#[dual]
pub(super) async fn sized_readers(ctx: Ctx) {
    let client = ctx.client();
    let large = large();
    for body in [b"sized".to_vec(), large] {
        let (length, expected) = (body.len(), sum(&body));
        let reader = Body::sized(std::io::Cursor::new(body), length as u64);
        let told = seen(client.post("/echo").body(reader)).await;
        assert_eq!(told["length"], length);
        assert_eq!(told["sum"], expected);
    }
}

#[dual]
pub(super) async fn readers(ctx: Ctx) {
    let client = ctx.client();
    let large = large();
    for body in [Vec::new(), b"read".to_vec(), large] {
        let (length, expected) = (body.len(), sum(&body));
        let reader = Body::from_reader(std::io::Cursor::new(body));
        let told = seen(client.post("/echo").body(reader)).await;
        assert_eq!(told["read"], true);
        assert_eq!(told["length"], length);
        assert_eq!(told["sum"], expected);
    }
}

#[dual]
pub(super) async fn pieces_up(ctx: Ctx) {
    let client = ctx.client();
    let pieces: Vec<Vec<u8>> = (1..40_u8).map(|n| vec![n; usize::from(n) * 10]).collect();
    let whole = pieces.concat();
    let body = form_util::pieces_body(pieces);
    let told = seen(client.post("/echo").body(body)).await;
    assert_eq!(told["length"], whole.len());
    assert_eq!(told["sum"], sum(&whole));
}

#[dual]
pub(super) async fn bodies_down(ctx: Ctx) {
    let client = ctx.client();
    let large = large();
    for (path, expected) in [
        ("/empty", &b""[..]),
        ("/text", b"hello"),
        ("/large", &large),
    ] {
        let response = client.get(path).send().await.unwrap();
        assert_eq!(
            response.content_length(),
            Some(expected.len() as u64),
            "{path}"
        );
        let bytes = response.bytes().await.unwrap();
        assert!(bytes == expected, "{path}: {} bytes", bytes.len());

        let mut response = client.get(path).send().await.unwrap();
        let all = form_util::read_all(&mut response).await.unwrap();
        assert!(all == expected, "{path}, by the form's reader");
        let received = response.num_bytes_downloaded();
        assert_eq!(received, expected.len() as u64);

        let mut response = client.get(path).send().await.unwrap();
        let mut whole = Vec::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            assert!(!piece.is_empty());
            whole.extend_from_slice(&piece);
        }
        assert!(whole == expected, "{path}, in chunks");

        let mut response = client.get(path).send().await.unwrap();
        response.buffer().await.unwrap();
        response.buffer().await.unwrap();
        assert!(response.content().unwrap() == expected, "{path}, buffered");

        let mut response = client.get(path).send().await.unwrap();
        let mut copy = Vec::new();
        let copied = form_util::copy_to(&mut response, &mut copy).await.unwrap();
        assert_eq!(copied, expected.len() as u64);
        assert!(copy == expected, "{path}, copied");
    }
}

#[dual]
pub(super) async fn pieces_down(ctx: Ctx) {
    let client = ctx.client();
    let response = client.get("/pieces").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "onetwothree");

    let mut response = client.get("/pieces").send().await.unwrap();
    let pieces = form_util::collect(&mut response).await.unwrap();
    assert_eq!(pieces.concat(), b"onetwothree");
    let end = response.chunk().await.unwrap();
    assert!(end.is_none());

    let mut response = client.get("/lines").send().await.unwrap();
    let mut lines = response.iter_lines();
    let mut all = Vec::new();
    while let Some(line) = lines.next().await {
        all.push(line.unwrap());
    }
    assert_eq!(all, ["one", "two", "three", "four"]);
}

#[dual]
pub(super) async fn text_and_json(ctx: Ctx) {
    let client = ctx.client();
    let response = client.get("/latin1").send().await.unwrap();
    assert_eq!(response.encoding(), "latin-1");
    let text = response.text().await.unwrap();
    assert_eq!(text, "grüße");
    let response = client.get("/text").send().await.unwrap();
    let error = response.json::<serde_json::Value>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Json);
    assert_eq!(error.url().unwrap().as_str(), ctx.url("/text"));
}

#[dual]
pub(super) async fn codings(ctx: Ctx) {
    let client = ctx.client();
    let response = client.get("/gzip").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "squeezed ".repeat(1000));
    let response = client.get("/unknown-coding").send().await.unwrap();
    assert!(!response.is_decoded());
    assert_eq!(response.headers()["content-encoding"], "x-made-up");
    let text = response.text().await.unwrap();
    assert_eq!(text, "raw");
    let response = client.get("/torn-gzip").send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DecodingError);
    assert_eq!(error.url().unwrap().as_str(), ctx.url("/torn-gzip"));
}

#[dual]
pub(super) async fn coded_bodies_as_they_came(ctx: Ctx) {
    let response = ctx.client().get("/gzip").send().await.unwrap();
    assert!(response.is_decoded());
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let none: [&str; 0] = [];
    let plain = ctx.builder().content_codings(none).build().unwrap();
    let mut response = plain.get("/gzip").send().await.unwrap();
    assert!(!response.is_decoded());
    let raw = form_util::read_all(&mut response).await.unwrap();
    assert_eq!(raw[..2], [0x1f, 0x8b]);
}

type Counts = Arc<Mutex<Vec<(u64, Option<u64>)>>>;

#[dual]
pub(super) async fn progress_down(ctx: Ctx) {
    let counts = Counts::default();
    let noted = counts.clone();
    let request = ctx.client().get("/large").on_download(move |progress| {
        noted.lock().unwrap().push((progress.bytes, progress.total));
    });
    let response = request.send().await.unwrap();
    response.bytes().await.unwrap();
    let length = large().len() as u64;
    let counts = counts.lock().unwrap();
    assert_eq!(counts.last(), Some(&(length, Some(length))));
    assert!(counts.is_sorted());
}

#[dual]
pub(super) async fn progress_up(ctx: Ctx) {
    let counts = Counts::default();
    let noted = counts.clone();
    let body = large();
    let length = body.len() as u64;
    let request = ctx.client().post("/echo").body(body);
    let told = seen(request.on_upload(move |progress| {
        noted.lock().unwrap().push((progress.bytes, progress.total));
    }))
    .await;
    assert_eq!(told["length"], length);
    let counts = counts.lock().unwrap();
    assert_eq!(counts.last(), Some(&(length, Some(length))));
    assert!(counts.is_sorted());
}
