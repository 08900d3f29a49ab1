//! The mirror that `downloads` reads from: files with checksums, one of whose connections is lost on the way.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::support::{Pieces, Server};

/// The files and their sizes.
pub(crate) const FILES: [(&str, usize); 4] = [
    ("alpha.img", 2 << 20),
    ("beta.img", 1 << 20),
    ("gamma.tar", 1 << 19),
    ("delta.txt", 1000),
];

/// The first connection for this file is lost half-way.
pub(crate) const TORN: &str = "beta.img";

const PIECE: usize = 64 << 10;

#[derive(Clone)]
struct Mirror {
    files: Arc<HashMap<&'static str, Bytes>>,
    sums: String,
    torn: Arc<AtomicBool>,
}

pub(crate) fn start() -> io::Result<Server> {
    let mut mirror = Mirror {
        files: Arc::default(),
        sums: String::new(),
        torn: Arc::default(),
    };
    let mut files = HashMap::new();
    for (name, content) in FILES
        .iter()
        .filter_map(|(name, _)| Some((*name, content(name)?)))
    {
        let hex: String = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        mirror.sums += &format!("{hex}  {name}\n");
        files.insert(name, Bytes::from(content));
    }
    mirror.files = Arc::new(files);
    let router = Router::new()
        .route("/SHA256SUMS", get(sums))
        .route("/{name}", get(file))
        .with_state(mirror);
    Server::start(router)
}

/// The content of a file, of bytes that never repeat in step with the pieces.
pub(crate) fn content(name: &str) -> Option<Vec<u8>> {
    let (_, size) = FILES.iter().find(|(file, _)| *file == name)?;
    let seed = name.bytes().map(usize::from).sum::<usize>();
    Some(
        (0..*size)
            .map(|at| ((at * at + seed) % 251) as u8)
            .collect(),
    )
}

async fn sums(State(mirror): State<Mirror>) -> String {
    mirror.sums
}

async fn file(
    State(mirror): State<Mirror>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(content) = mirror.files.get(&*name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{name}-1\"");
    let text = |key| headers.get(key).and_then(|value| value.to_str().ok());
    // RFC 9110 section 13.1.5: with another version there, the range is not what is wanted.
    let same = text(IF_RANGE).is_none_or(|wanted| wanted == etag);
    let from = text(RANGE)
        .filter(|_| same)
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let total = content.len();
    if from >= total {
        return (
            StatusCode::RANGE_NOT_SATISFIABLE,
            [(CONTENT_RANGE, format!("bytes */{total}"))],
        )
            .into_response();
    }
    let cut = (name == TORN && !mirror.torn.swap(true, Ordering::Relaxed)).then_some(total / 2);
    let response = Response::builder()
        .header(ETAG, etag)
        .header(ACCEPT_RANGES, "bytes")
        .header(CONTENT_LENGTH, total - from);
    let response = match from {
        0 => response,
        _ => response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_RANGE, format!("bytes {from}-{}/{total}", total - 1)),
    };
    let body = Body::from_stream(pieces(content.slice(from..), cut));
    response.body(body).unwrap_or_default()
}

/// Sends a body piece by piece, slowly enough for somebody to look on; it breaks off where it is cut.
fn pieces(content: Bytes, cut: Option<usize>) -> Pieces {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for at in (0..content.len()).step_by(PIECE) {
            if cut.is_some_and(|cut| at >= cut) {
                let _ = sender
                    .send(Err(io::ErrorKind::ConnectionReset.into()))
                    .await;
                return;
            }
            let piece = content.slice(at..content.len().min(at + PIECE));
            if sender.send(Ok(piece)).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    Pieces(receiver)
}
