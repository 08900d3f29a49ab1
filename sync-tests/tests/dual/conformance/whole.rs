//! The life of a client: closing, giving up, failing and going on, limits in time, many at once.

use std::sync::atomic::Ordering;
use std::time::Instant;

use dimorph::{ErrorKind, Timeout};

use super::origin::large;
use super::{Ctx, dual, form, form_util};
use crate::dual_tests::common::{assert_at_rest, ms};
use form::Client;

/// Asks for something easy.
#[dual]
async fn assert_serves(client: &Client) {
    let response = client.get("/text").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "hello");
}

#[dual]
pub(super) async fn closed_once(ctx: Ctx) {
    let (client, closed) = ctx.counting();
    assert_serves(&client).await;
    let clone = client.clone();
    drop(client);
    assert_serves(&clone).await;
    assert_eq!(closed.load(Ordering::SeqCst), 0);
    clone.close().await;
    assert_eq!(closed.load(Ordering::SeqCst), 1);
    let error = clone.get("/text").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientClosed);
    clone.close().await;
    drop(clone);
    assert_eq!(closed.load(Ordering::SeqCst), 1);

    let (client, closed) = ctx.counting();
    drop(client);
    assert_eq!(closed.load(Ordering::SeqCst), 1);
}

#[dual]
pub(super) async fn dropped_half_read(ctx: Ctx) {
    let client = ctx.client();
    for _ in 0..3 {
        let mut response = client.get("/large").send().await.unwrap();
        let piece = response.chunk().await.unwrap().unwrap();
        assert!(large().starts_with(&piece));
        drop(response);
        let response = client.get("/large").send().await.unwrap();
        drop(response);
        let mut response = client.get("/large").send().await.unwrap();
        response.close().await;
        let error = response.chunk().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamClosed);
    }
    assert_at_rest(&client).await;
    assert_serves(&client).await;
}

#[dual]
pub(super) async fn again_after_an_error(ctx: Ctx) {
    let client = ctx.client();
    for _ in 0..2 {
        let error = client.get("/broken").send().await.unwrap_err();
        assert!(error.is_request(), "{error}");
        assert_eq!(error.url().unwrap().as_str(), ctx.url("/broken"));
        assert_eq!(error.request().unwrap().method(), "GET");
        assert_serves(&client).await;
    }
    assert_at_rest(&client).await;
}

/// Never a short body as a success.
#[dual]
pub(super) async fn cut_short(ctx: Ctx) {
    let client = ctx.client();
    let error = match client.get("/short").send().await {
        Ok(response) => response.bytes().await.unwrap_err(),
        // It was read on the way.
        Err(error) => error,
    };
    let kinds = [ErrorKind::RemoteProtocolError, ErrorKind::App];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert_eq!(error.url().unwrap().as_str(), ctx.url("/short"));
    assert_serves(&client).await;
}

#[dual]
pub(super) async fn total_timeout(ctx: Ctx) {
    let client = ctx.client();
    let begun = Instant::now();
    let limit = Timeout::none().total(ms(120));
    let error = client.get("/slow").timeout(limit).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert!(begun.elapsed() < ms(10_000), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let error = match client.get("/drip").timeout(limit).send().await {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert!(begun.elapsed() < ms(10_000), "{:?}", begun.elapsed());
    assert_serves(&client).await;
}

#[dual]
pub(super) async fn head_timeout(ctx: Ctx) {
    let client = ctx.client();
    let begun = Instant::now();
    let limit = Timeout::none().head(ms(200));
    let error = client.get("/slow").timeout(limit).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert!(begun.elapsed() < ms(10_000), "{:?}", begun.elapsed());
    // The body takes longer.
    let limit = Timeout::none().head(ms(900));
    let response = client.get("/drip").timeout(limit).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "abcdef");
}

#[dual]
pub(super) async fn read_timeout(ctx: Ctx) {
    let client = ctx.client();
    let limit = Timeout::none().read(ms(100));
    let begun = Instant::now();
    let error = client.get("/slow").timeout(limit).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadTimeout);
    assert!(begun.elapsed() < ms(10_000), "{:?}", begun.elapsed());
    // It is a limit of inactivity: the whole may take longer.
    let limit = Timeout::none().read(ms(800));
    let response = client.get("/drip").timeout(limit).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "abcdef");
}

#[dual]
async fn ask((client, number): (Client, usize)) -> bool {
    let body = vec![b'x'; number * 1000];
    let request = client.post(format!("/echo/{number}")).body(body);
    let told = super::heads::seen(request).await;
    told["length"] == number * 1000 && told["target"] == format!("/echo/{number}")
}

#[dual]
pub(super) async fn many_at_once(ctx: Ctx) {
    let client = ctx.client();
    let calls: Vec<_> = (0..60).map(|number| (client.clone(), number)).collect();
    let right = form_util::concurrently(8, calls, ask).await;
    assert!(right.iter().all(|right| *right));
    assert_at_rest(&client).await;
}

#[dual]
pub(super) async fn elapsed_time(ctx: Ctx) {
    let client = ctx.client();
    let begun = Instant::now();
    let mut response = client.get("/pieces").send().await.unwrap();
    response.buffer().await.unwrap();
    let first = response.elapsed();
    assert!(first <= begun.elapsed());
    assert!(!first.is_zero());
    form_util::sleep(ms(10)).await;
    // It ended with the body.
    assert_eq!(response.elapsed(), first);
}
