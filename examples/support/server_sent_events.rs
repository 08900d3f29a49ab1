//! The feed of `server_sent_events`: prices, a few to a connection, the first of which is cut in the middle of an event.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::mpsc;

use crate::support::{Pieces, Server};

/// The number of the last event.
pub(crate) const LAST: u32 = 9;

/// The `Last-Event-ID` of each connection.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<Vec<String>>>);

impl Connections {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

pub(crate) fn start() -> io::Result<(Server, Connections)> {
    let connections = Connections::default();
    let router = Router::new()
        .route("/prices", get(prices))
        .with_state(connections.clone());
    Ok((Server::start(router)?, connections))
}

async fn prices(State(connections): State<Connections>, headers: HeaderMap) -> Response {
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or("none")
        .to_owned();
    let is_first = {
        let mut all = connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(last.clone());
        all.len() == 1
    };
    let next = last.parse().unwrap_or(0) + 1;
    if next > LAST {
        // There will be no more: browsers, and event sources, do not come back after this.
        return StatusCode::NO_CONTENT.into_response();
    }
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut texts = vec!["retry: 100\n: welcome\n\n".to_owned()];
        for id in next..=LAST.min(next + 2) {
            texts.push(format!(
                "event: price\nid: {id}\ndata: {{\"tea\": {}}}\n\n",
                300 + id * 7
            ));
        }
        for text in texts {
            if sender.send(Ok(Bytes::from(text))).await.is_err() {
                return;
            }
        }
        if is_first {
            let half = Bytes::from("event: price\nid: 4\ndata: {\"tea\":");
            let _ = sender.send(Ok(half)).await;
            let _ = sender
                .send(Err(io::ErrorKind::ConnectionReset.into()))
                .await;
        }
    });
    let body = Body::from_stream(Pieces(pieces));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}
