//! More steps of the tour, compiled twice like `steps.rs`: authentication, cookies, forms, proxies, hooks, tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use dimorph::multipart::{Form, Part};
use dimorph::transport::{Attempts, Handler, Mock, Retry, Route};
use dimorph::{EventKind, Proxy, ProxyMode, Request};

use super::form::Client;
use super::{FORM, dual};
use crate::Done;
use crate::flow::Refreshing;
use crate::server::Server;
use crate::show::{line, time};

#[dual]
pub(crate) async fn auth(server: &Server) -> Done {
    let base = format!("http://{}", server.plain);
    let client = Client::builder()
        .base_url(&base)
        .auth(Refreshing::new(format!("{base}/refresh")))
        .build()?;
    for _ in 0..2 {
        let response = client.get("/private").send().await?;
        let steps = response.history().iter().map(|step| {
            let (method, path) = (step.request().method(), step.url().path());
            format!("{method} {path} {}", step.status().as_u16())
        });
        let mut steps: Vec<_> = steps.collect();
        steps.push(format!("GET /private {}", response.status().as_u16()));
        line(FORM, steps.join("  →  "));
    }
    Ok(())
}

#[dual]
pub(crate) async fn cookies(server: &Server) -> Done {
    let client = Client::builder()
        .base_url(format!("http://{}", server.plain))
        .build()?;
    client.get("/login").send().await?;
    let seen = client.get("/basket").send().await?.text().await?;
    let jar = client.cookies();
    line(
        FORM,
        format_args!("the server saw: {seen}; the jar shows: {jar:?}"),
    );
    Ok(())
}

#[dual]
pub(crate) async fn form(server: &Server) -> Done {
    let report = Part::reader_with_length(&b"cells of a report"[..], 17)
        .file_name("report.xls")
        .mime("application/vnd.ms-excel")?;
    let form = Form::new()
        .text("title", "a report")
        .part("upload-file", report);
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let response = Client::new()
        .post(format!("http://{}/form", server.plain))
        .multipart(form)
        .on_upload(move |progress| counter.store(progress.bytes, Ordering::Relaxed))
        .send()
        .await?;
    let parts = response.text().await?;
    let sent = sent.load(Ordering::Relaxed);
    line(FORM, format_args!("{sent} bytes: {parts}"));
    Ok(())
}

#[dual]
pub(crate) async fn proxy(server: &Server) -> Done {
    let proxy = Proxy::new(format!("http://tom:mot123@{}", server.plain))?;
    for mode in [ProxyMode::Default, ProxyMode::TunnelOnly] {
        let proxy = proxy.clone().mode(mode);
        let shown = format!("{proxy:?}");
        let client = Client::builder().proxy(proxy).build()?;
        let response = client.get("http://shop.example/things").send().await?;
        let seen = response.text().await?;
        line(FORM, format_args!("{shown}: {seen}"));
    }
    Ok(())
}

#[dual]
pub(crate) async fn hooks(server: &Server) -> Done {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&steps);
    let client = Client::builder()
        .verify(server.certificate.as_path())
        .on_request(|request: &mut Request| {
            let id = dimorph::HeaderValue::from_static("42");
            request.headers_mut().insert("x-request-id", id);
        })
        .on_event(move |event| {
            let took = match event.kind() {
                EventKind::Connected { took, .. }
                | EventKind::TlsEstablished { took, .. }
                | EventKind::ResponseStarted { took, .. }
                | EventKind::ResponseCompleted { took, .. } => *took,
                _ => return,
            };
            if let Ok(mut steps) = told.lock() {
                steps.push(format!("{} {}", event.kind().name(), time(took)));
            }
        })
        .build()?;
    let url = format!("https://localhost:{}/things", server.tls.port());
    client.get(url).send().await?.bytes().await?;
    let steps = steps.lock().map_err(|_| "a listener panicked")?.join(", ");
    line(FORM, steps);
    Ok(())
}

#[dual]
pub(crate) async fn in_process() -> Done {
    async fn item(Path(id): Path<u32>) -> String {
        format!("item {id}, by axum")
    }

    let router = Router::new().route("/items/{id}", get(item));
    let client = Client::builder()
        .app(router)
        .base_url("http://testserver")
        .build()?;
    let answer = client.get("/items/7").send().await?.text().await?;

    let mock = Mock::routes().route(Route::get("/stock").replies([503, 200]));
    let retry = Retry::new(3).first_delay(Duration::from_millis(1));
    let client = Client::builder()
        .transport(retry.over(mock.clone()))
        .build()?;
    let response = client.get("http://shop.example/stock").send().await?;
    let attempts = response.extensions().get().map_or(1, |Attempts(n)| *n);
    let (status, calls) = (response.status().as_u16(), mock.count());
    line(
        FORM,
        format_args!("{answer}; the mock: {status} at attempt {attempts}, {calls} calls"),
    );
    Ok(())
}
