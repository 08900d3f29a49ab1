//! The services behind `shared_service`: prices, stock, and reviews that never come.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::support::Server;

/// What the services were asked: the path, the request's id, and how many milliseconds they were given.
pub(crate) type Log = Arc<Mutex<Vec<(String, String, u64)>>>;

pub(crate) fn start() -> io::Result<(Server, Log)> {
    let log = Log::default();
    let router = Router::new()
        .route("/prices/{id}", get(price))
        .route("/stock/{id}", get(stock))
        .route("/reviews/{id}", get(reviews))
        .with_state(log.clone());
    Ok((Server::start(router)?, log))
}

fn note(log: &Log, path: String, headers: &HeaderMap) {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let given = text("x-timeout-ms").parse().unwrap_or_default();
    let line = (path, text("x-request-id").to_owned(), given);
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

async fn price(State(log): State<Log>, Path(id): Path<u32>, headers: HeaderMap) -> Json<Value> {
    note(&log, format!("/prices/{id}"), &headers);
    Json(json!(id * 100 + 99))
}

async fn stock(State(log): State<Log>, Path(id): Path<u32>, headers: HeaderMap) -> Json<Value> {
    note(&log, format!("/stock/{id}"), &headers);
    Json(json!(id % 3))
}

async fn reviews(State(log): State<Log>, Path(id): Path<u32>, headers: HeaderMap) -> Json<Value> {
    note(&log, format!("/reviews/{id}"), &headers);
    std::future::pending().await
}
