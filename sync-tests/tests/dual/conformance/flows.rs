//! What is done with several exchanges, and around one: cookies, redirects, authentication, hooks, events.

use std::sync::{Arc, Mutex};

use dimorph::{DigestAuth, Error, ErrorKind, EventKind, Method, Timeout};
use serde_json::Value;

use super::heads::{seen, values};
use super::{Ctx, dual, form};
use crate::dual_tests::common::ms;
use form::{ClientBuilder, Response};

#[dual]
pub(super) async fn cookies(ctx: Ctx) {
    let client = ctx.client();
    let before = seen(client.get("/echo")).await;
    assert!(values(&before, "cookie").is_empty());
    let response = client.get("/set-cookies").send().await.unwrap();
    assert_eq!(response.cookies().len(), 2);
    assert_eq!(client.cookies().len(), 2);
    let after = seen(client.get("/echo")).await;
    assert_eq!(values(&after, "cookie"), ["a=1"]);
    let deep = seen(client.get("/echo/deep/er")).await;
    assert_eq!(values(&deep, "cookie"), ["b=2; a=1"]);
    let own = seen(client.get("/echo").cookie("own", "3")).await;
    let sent = values(&own, "cookie").concat();
    assert!(sent.contains("own=3") && sent.contains("a=1"), "{sent}");
    let elsewhere = format!("http://localhost:{}/echo", ctx.port);
    let elsewhere = seen(client.get(elsewhere)).await;
    assert!(values(&elsewhere, "cookie").is_empty());
}

#[dual]
pub(super) async fn redirects(ctx: Ctx) {
    let client = ctx.client();
    for (status, method, becomes, body) in [
        (301, Method::POST, "GET", ""),
        (302, Method::POST, "GET", ""),
        (301, Method::PUT, "PUT", "again"),
        (303, Method::PUT, "GET", ""),
        (307, Method::POST, "POST", "again"),
        (308, Method::PATCH, "PATCH", "again"),
    ] {
        let url = format!("/redirect/{status}/echo?x=1");
        let request = client.request(method.clone(), &url).body("again");
        let response = request.send().await.unwrap();
        assert_eq!(response.url().as_str(), ctx.url("/echo?x=1"));
        let history = response.history();
        assert_eq!(history.len(), 1);
        assert_eq!(history[0].status(), status);
        assert_eq!(history[0].url().as_str(), ctx.url(&url));
        assert_eq!(history[0].content(), "elsewhere");
        let told: Value = response.json().await.unwrap();
        assert_eq!(told["method"], becomes, "{method} by {status}");
        assert_eq!(told["body"], body, "{method} by {status}");
    }
    let kept = client.get("/redirect/302/text").follow_redirects(false);
    let response = kept.send().await.unwrap();
    assert_eq!(response.status(), 302);
    let next = response.next_request().unwrap();
    assert_eq!(next.url().as_str(), ctx.url("/text"));
    let text = response.text().await.unwrap();
    assert_eq!(text, "elsewhere");
    let error = client
        .get("/loop")
        .max_redirects(3)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
}

#[dual]
pub(super) async fn redirects_away(ctx: Ctx) {
    let request = ctx
        .client()
        .get("/away")
        .header("authorization", "Bearer s");
    let response = request.header("x-kept", "1").send().await.unwrap();
    let elsewhere = format!("http://localhost:{}/echo", ctx.port);
    assert_eq!(response.url().as_str(), elsewhere);
    let told: Value = response.json().await.unwrap();
    assert!(values(&told, "authorization").is_empty());
    assert_eq!(values(&told, "x-kept"), ["1"]);
    assert_eq!(values(&told, "accept"), ["*/*"]);
}

#[dual]
pub(super) async fn basic(ctx: Ctx) {
    let client = ctx.client();
    let told = seen(client.get("/basic").auth(("user", "pass"))).await;
    assert_eq!(values(&told, "authorization").len(), 1);
    let response = client.get("/basic").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Basic realm=\"r\"");
    let text = response.text().await.unwrap();
    assert_eq!(text, "who are you?");
    let url = format!("http://user:pass@127.0.0.1:{}/basic", ctx.port);
    seen(client.get(url)).await;
}

#[dual]
pub(super) async fn digest(ctx: Ctx) {
    let client = ctx.client();
    let request = client.post("/digest").auth(DigestAuth::new("user", "pass"));
    let response = request.body("sent twice").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.history().len(), 1);
    assert_eq!(response.history()[0].status(), 401);
    let told: Value = response.json().await.unwrap();
    assert_eq!(told["body"], "sent twice");
    let wrong = client.get("/digest").auth(DigestAuth::new("other", "pass"));
    let response = wrong.send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[dual]
pub(super) async fn error_statuses(ctx: Ctx) {
    let client = ctx.client();
    for status in [404, 500] {
        let url = format!("/status/{status}");
        let response = client.get(&url).send().await.unwrap();
        let error = response.error_for_status().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HttpStatus);
        assert_eq!(error.status().unwrap(), status);
        assert_eq!(error.url().unwrap().as_str(), ctx.url(&url));
    }
}

type Notes = Arc<Mutex<Vec<String>>>;

#[dual]
pub(super) async fn hooks(ctx: Ctx) {
    let notes = Notes::default();
    let (before, after) = (notes.clone(), notes.clone());
    let client = ctx
        .builder()
        .on_request(move |request: &mut dimorph::Request| {
            let path = request.url().path().to_owned();
            before.lock().unwrap().push(format!("request {path}"));
            request.headers_mut().insert("x-hook", "1".parse().unwrap());
        })
        .on_response(move |response: &mut Response| {
            let note = format!("response {}", response.status().as_u16());
            after.lock().unwrap().push(note);
            match response.status().as_u16() {
                418 => Err(Error::other("no tea")),
                _ => Ok(()),
            }
        })
        .build()
        .unwrap();
    let told = seen(client.get("/redirect/302/echo")).await;
    assert_eq!(values(&told, "x-hook"), ["1"]);
    let error = client.get("/status/418").send().await.unwrap_err();
    assert!(error.to_string().contains("no tea"), "{error}");
    assert_eq!(
        *notes.lock().unwrap(),
        [
            "request /redirect/302/echo",
            "response 302",
            "request /echo",
            "response 200",
            "request /status/418",
            "response 418",
        ]
    );
}

/// Notes what is told of requests and responses; of connections every way tells something else.
fn listening(builder: ClientBuilder, notes: &Notes) -> ClientBuilder {
    let notes = notes.clone();
    builder.on_event(move |event| {
        let note = match event.kind() {
            EventKind::ResponseStarted { status, .. } => {
                format!("{} {}", event.kind().name(), status.as_u16())
            }
            EventKind::ResponseCompleted { bytes, .. } => {
                format!("{} {bytes}", event.kind().name())
            }
            EventKind::Failed { error, .. } => format!("failed {:?}", error.kind()),
            EventKind::RequestStarted => event.kind().name().to_owned(),
            _ => return,
        };
        notes.lock().unwrap().push(note);
    })
}

#[dual]
pub(super) async fn events(ctx: Ctx) {
    let notes = Notes::default();
    let client = listening(ctx.builder(), &notes).build().unwrap();
    let response = client.get("/redirect/302/text").send().await.unwrap();
    response.bytes().await.unwrap();
    let heard = std::mem::take(&mut *notes.lock().unwrap());
    assert_eq!(
        heard,
        [
            "request.started",
            "response.started 302",
            "response.completed 9",
            "request.started",
            "response.started 200",
            "response.completed 5",
        ]
    );
}

/// The bytes are those of the wire.
#[dual]
pub(super) async fn events_of_coded_bodies(ctx: Ctx) {
    let notes = Notes::default();
    let client = listening(ctx.builder(), &notes).build().unwrap();
    let response = client.get("/gzip").send().await.unwrap();
    response.bytes().await.unwrap();
    let heard = notes.lock().unwrap().pop().unwrap();
    let bytes = heard.strip_prefix("response.completed ").unwrap();
    assert!(bytes.parse::<u64>().unwrap() < 1000, "{heard}");
}

#[dual]
pub(super) async fn events_of_failures(ctx: Ctx) {
    let notes = Notes::default();
    let client = listening(ctx.builder(), &notes).build().unwrap();
    let request = client.get("/slow").timeout(Timeout::none().total(ms(80)));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    let heard = std::mem::take(&mut *notes.lock().unwrap());
    assert_eq!(heard, ["request.started", "failed TotalTimeout"]);
}
