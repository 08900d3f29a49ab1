//! A service that asks others, by one `AsyncClient` for all its requests: with deadlines and request ids passed on, several
//! questions at once, and an end in good order.
//!
//! `cargo run --example shared_service --features async` starts it, calls it, and stops it.
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/shared_service.rs"]
mod backends;
mod support;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use dimorph::asynchronous::RequestBuilder;
use dimorph::{AsyncClient, PoolLimits, Timeout};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const REQUEST_ID: &str = "x-request-id";
/// How many milliseconds the caller waits.
const TIMEOUT: &str = "x-timeout-ms";
/// What is kept for work of our own when everything has answered.
const MARGIN: Duration = Duration::from_millis(20);

/// The client is cheap to clone, and all clones share one pool. It is made once, not for each request.
#[derive(Clone)]
struct Shop {
    backends: AsyncClient,
}

/// What a request says of itself, to be passed on with everything that is asked on its behalf.
struct Context {
    id: String,
    deadline: Instant,
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let id = text(REQUEST_ID).map_or_else(
            || format!("shop-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            str::to_owned,
        );
        let given = text(TIMEOUT)
            .and_then(|ms| ms.parse().ok())
            .map_or(Duration::from_secs(5), Duration::from_millis);
        // Nobody is waited for for longer than a minute, whatever he says.
        Ok(Self {
            id,
            deadline: Instant::now() + given.min(Duration::from_secs(60)),
        })
    }
}

impl Context {
    /// Gives a request this one's id, and as much time as is left: by a header to the service, by `total` to the client.
    fn ask(&self, request: RequestBuilder, share: f64) -> RequestBuilder {
        let left = self
            .deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(MARGIN);
        let left = left.mul_f64(share);
        request
            .header(REQUEST_ID, self.id.as_str())
            .header(TIMEOUT, left.as_millis().to_string())
            .timeout(Timeout::new(left).total(left))
    }
}

async fn json_of(request: RequestBuilder) -> dimorph::Result<Value> {
    request.send().await?.error_for_status()?.json().await
}

async fn product(
    State(shop): State<Shop>,
    context: Context,
    Path(id): Path<u32>,
) -> Result<Response, Failure> {
    let client = &shop.backends;
    let price = json_of(context.ask(client.get(format!("/prices/{id}")), 1.0));
    let stock = json_of(context.ask(client.get(format!("/stock/{id}")), 1.0));
    // The reviews are a nicety: they get half of the time, and the page goes without where they do not come.
    let reviews = json_of(context.ask(client.get(format!("/reviews/{id}")), 0.5));
    let reviews = async {
        Ok(reviews
            .await
            .inspect_err(|error| println!("[{}] no reviews: {error}", context.id))
            .ok())
    };
    // All three at once. If one that is needed fails, the others are dropped, and so are their connections.
    let (price, stock, reviews) = tokio::try_join!(price, stock, reviews)?;
    let product = json!({ "id": id, "price": price, "stock": stock, "reviews": reviews });
    Ok(([(REQUEST_ID, context.id)], Json(product)).into_response())
}

/// What went wrong behind us, told to those before us: no time left, or a service that failed.
struct Failure(dimorph::Error);

impl From<dimorph::Error> for Failure {
    fn from(error: dimorph::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self.0.is_timeout() {
            true => StatusCode::GATEWAY_TIMEOUT.into_response(),
            // The message names hosts and phases, and no secret; it is for the log all the same.
            false => {
                println!("a service failed: {}", self.0);
                StatusCode::BAD_GATEWAY.into_response()
            }
        }
    }
}

/// Serves until it is told to stop, and then until the last request is answered.
async fn serve(
    listener: tokio::net::TcpListener,
    backends: AsyncClient,
    stop: oneshot::Receiver<()>,
) -> support::Done {
    let shop = Shop {
        backends: backends.clone(),
    };
    let router = Router::new()
        .route("/products/{id}", get(product))
        .with_state(shop);
    // In a service this is the signal to end: `tokio::signal::ctrl_c()`.
    let stopped = async { drop(stop.await) };
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await?;
    // Nobody asks any more: the connections that are idle are closed.
    backends.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> support::Done {
    let (server, log) = backends::start()?;
    let backends = AsyncClient::builder()
        .base_url(server.url("/"))
        .pool_limits(PoolLimits::new().soft_limit(20).hard_limit(50))
        .build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel();
    let service = tokio::spawn(serve(listener, backends.clone(), stopped));

    // Its caller gives it two seconds, and a request id.
    let caller = AsyncClient::builder().base_url(url).build()?;
    let request = caller
        .get("/products/7")
        .header(REQUEST_ID, "order-4711")
        .header(TIMEOUT, "2000");
    let response = request.send().await?.error_for_status()?;
    assert_eq!(response.headers()[REQUEST_ID], "order-4711");
    let product: Value = response.json().await?;
    println!("{product}");
    assert_eq!(
        product,
        json!({ "id": 7, "price": 799, "stock": 1, "reviews": null })
    );
    for (path, id, given) in log.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        println!("  {path} was asked for {id}, with {given} ms");
        assert_eq!(id, "order-4711");
        assert!(given <= 1980, "no more than its caller has");
    }

    // A caller without time gets no product, and at once.
    let response = caller
        .get("/products/7")
        .header(TIMEOUT, "0")
        .send()
        .await?;
    println!("without time: {}", response.status());
    assert_eq!(response.status(), 504);

    let _ = stop.send(());
    caller.close().await;
    service.await??;
    let refused = backends.get("/prices/7").send().await.map(drop);
    println!("closed: {refused:?}");
    assert_eq!(backends.pool_stats().connections, 0);
    Ok(())
}
