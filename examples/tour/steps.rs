//! The steps of the tour. This file is compiled twice, as dimorph itself is: once over each client.
//! Read it as the async form; the blocking form is the same without `async` and `.await`.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dimorph::{Body, PoolLimits, Timeout};
use serde::{Deserialize, Serialize};

use super::form::Client;
use super::{FORM, at_once, dual};
use crate::Done;
use crate::server::{DOWNLOAD_SIZE, Server};
use crate::show::{Bar, line, time};

#[dual]
pub(crate) async fn merge(server: &Server) -> Done {
    let client = Client::builder()
        .base_url(format!("http://{}/api", server.plain))
        .header("x-auth", "from-client")
        .params([("client_id", "client1")])
        .build()?;
    let request = client
        .get("/things")
        .params([("request_id", "request1")])
        .build()?;
    assert_eq!(request.headers()["x-auth"], "from-client");

    let response = client.send(request).await?;
    let status = response.status();
    let seen = response.text().await?;
    line(FORM, format_args!("{status}  the server saw: {seen}"));
    Ok(())
}

#[derive(Serialize)]
struct Order {
    item: &'static str,
    count: u32,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "shown by Debug")]
struct Receipt {
    item: String,
    total: u32,
    paid: bool,
}

#[dual]
pub(crate) async fn json(server: &Server) -> Done {
    let client = Client::new();
    let order = Order {
        item: "tea",
        count: 3,
    };
    let url = format!("http://{}/order", server.plain);
    let response = client
        .post(url)
        .json(&order)
        .send()
        .await?
        .error_for_status()?;
    let receipt: Receipt = response.json().await?;
    line(FORM, format_args!("{receipt:?}"));
    Ok(())
}

/// A reader that makes up its bytes, and tells a bar how many were taken.
struct Counted {
    left: u64,
    total: u64,
    bar: Arc<Mutex<Option<Bar>>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..wanted].fill(b'.');
        self.left -= wanted as u64;
        if let Ok(mut bar) = self.bar.lock() {
            bar.iter_mut()
                .for_each(|bar| bar.show(self.total - self.left));
        }
        Ok(wanted)
    }
}

#[dual]
pub(crate) async fn upload(server: &Server) -> Done {
    let client = Client::new();
    let total = 256 << 20;
    let bar = Arc::new(Mutex::new(Some(Bar::new(FORM, total))));
    let reader = Counted {
        left: total,
        total,
        bar: Arc::clone(&bar),
    };

    let url = format!("http://{}/upload", server.plain);
    let response = client
        .put(url)
        .body(Body::sized(reader, total))
        .send()
        .await?;
    assert_eq!(response.status(), 201);
    let bar = bar.lock().ok().and_then(|mut bar| bar.take());
    bar.into_iter()
        .for_each(|bar| line(FORM, bar.finish(total)));
    Ok(())
}

#[dual]
pub(crate) async fn download(server: &Server) -> Done {
    let client = Client::builder()
        .verify(server.certificate.as_path())
        .build()?;
    let url = format!("https://localhost:{}/download", server.tls.port());
    let mut response = client.get(url).send().await?.error_for_status()?;

    let mut bar = Bar::new(FORM, response.content_length().unwrap_or_default());
    while let Some(_chunk) = response.chunk().await? {
        bar.show(response.num_bytes_downloaded());
    }
    assert_eq!(response.num_bytes_downloaded(), DOWNLOAD_SIZE as u64);
    line(FORM, bar.finish(response.num_bytes_downloaded()));
    Ok(())
}

#[dual]
pub(crate) async fn timeout(server: &Server) -> Done {
    let timeout = Timeout::new(Duration::from_secs(5)).read(Duration::from_millis(150));
    let client = Client::builder().timeout(timeout).build()?;
    let started = Instant::now();
    let result = client
        .get(format!("http://{}/silent", server.plain))
        .send()
        .await;
    let taken = time(started.elapsed());
    match result {
        Err(error) if error.is_timeout() => line(FORM, format_args!("after {taken}: {error}")),
        other => return Err(format!("no timeout: {other:?}").into()),
    }
    Ok(())
}

#[dual]
pub(crate) async fn redirect(server: &Server) -> Done {
    let client = Client::new();
    let response = client
        .get(format!("http://{}/old", server.plain))
        .send()
        .await?;
    let steps = response
        .history()
        .iter()
        .map(|step| format!("{} {}", step.status().as_u16(), step.url().path()));
    let mut steps: Vec<_> = steps.collect();
    steps.push(format!(
        "{} {}",
        response.status().as_u16(),
        response.url().path()
    ));
    line(FORM, steps.join("  →  "));
    Ok(())
}

#[dual]
pub(crate) async fn pool(server: &Server) -> Done {
    let client = Client::builder()
        .pool_limits(PoolLimits::new().hard_limit(4))
        .build()?;
    let url = format!("http://{}/", server.plain);
    let started = Instant::now();
    for _ in 0..500 {
        let response = client.get(&url).send().await?;
        response.bytes().await?;
    }
    let each = time(started.elapsed() / 500);
    let stats = client.pool_stats();
    line(
        FORM,
        format_args!(
            "500 in a row: {} connection opened, used again {} times, {each} each",
            stats.opened, stats.reused
        ),
    );

    let started = Instant::now();
    at_once(&client, &format!("{url}work"), 32).await?;
    let taken = time(started.elapsed());
    let stats = client.pool_stats();
    line(
        FORM,
        format_args!(
            "32 at once, 20 ms of work each: {} connections, the others waited, {taken}",
            stats.opened
        ),
    );
    Ok(())
}

#[dual]
pub(crate) async fn many(server: &Server, count: usize) -> Done {
    let client = Client::new();
    let started = Instant::now();
    at_once(&client, &format!("http://{}/work", server.plain), count).await?;
    let taken = time(started.elapsed());
    let opened = client.pool_stats().opened;
    line(
        FORM,
        format_args!("{count} requests of 20 ms each over {opened} connections: {taken}"),
    );
    Ok(())
}
