//! The service of `record_replay`: the weather, for those who have a key.

use std::io;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::support::Server;

#[derive(Deserialize)]
struct Wanted {
    days: u32,
}

pub(crate) fn start() -> io::Result<Server> {
    Server::start(Router::new().route("/forecast/{city}", get(forecast)))
}

async fn forecast(
    Path(city): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    if headers
        .get("x-api-key")
        .is_none_or(|key| key != "k3y-of-tom")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let morning = city.bytes().map(u32::from).sum::<u32>() % 20;
    let days: Vec<_> = (0..wanted.days)
        .map(|day| json!({ "day": day, "degrees": morning + day * 2 }))
        .collect();
    Json(json!({ "city": city, "days": days })).into_response()
}
