//! The store of `upload_folder`: it lists what it got, with its own count and checksum.

use std::io;

use axum::extract::{DefaultBodyLimit, Multipart};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::support::Server;

#[derive(Serialize)]
struct Got {
    field: String,
    name: String,
    kind: String,
    bytes: usize,
    sha256: String,
}

pub(crate) fn start() -> io::Result<Server> {
    let router = Router::new()
        .route("/files", post(take))
        .layer(DefaultBodyLimit::disable());
    Server::start(router)
}

async fn take(mut form: Multipart) -> Result<Json<Vec<Got>>, (StatusCode, String)> {
    let bad = |error: axum::extract::multipart::MultipartError| {
        (StatusCode::BAD_REQUEST, error.to_string())
    };
    let mut all = Vec::new();
    while let Some(mut part) = form.next_field().await.map_err(bad)? {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (field, name, kind) = (
            text(part.name()),
            text(part.file_name()),
            text(part.content_type()),
        );
        let (mut bytes, mut digest) = (0, Sha256::new());
        while let Some(chunk) = part.chunk().await.map_err(bad)? {
            bytes += chunk.len();
            digest.update(&chunk);
        }
        let sha256 = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        all.push(Got {
            field,
            name,
            kind,
            bytes,
            sha256,
        });
    }
    Ok(Json(all))
}
