//! The API that `paged_api` reads: projects, a few to a page, in the manner of GitHub's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{LINK, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::support::Server;

/// How many projects there are.
pub(crate) const PROJECTS: usize = 43;

#[derive(Deserialize)]
struct Page {
    #[serde(default = "first")]
    page: usize,
    #[serde(default = "ten")]
    per_page: usize,
}

fn first() -> usize {
    1
}

fn ten() -> usize {
    10
}

pub(crate) fn start() -> io::Result<Server> {
    let refused = Arc::new(AtomicBool::new(false));
    Server::start(
        Router::new()
            .route("/projects", get(projects))
            .with_state(refused),
    )
}

/// One page. The third is refused when it is first asked for: come back in a second.
async fn projects(State(refused): State<Arc<AtomicBool>>, Query(asked): Query<Page>) -> Response {
    if asked.page == 3 && !refused.swap(true, Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    }
    let skipped = asked.page.saturating_sub(1) * asked.per_page;
    let found: Vec<_> = (1..=PROJECTS)
        .skip(skipped)
        .take(asked.per_page)
        .map(|id| json!({ "id": id, "full_name": format!("example/project-{id}") }))
        .collect();
    let mut links = vec!["</projects?page=1>; rel=\"first\"".to_owned()];
    if skipped + found.len() < PROJECTS {
        let next = asked.page + 1;
        let per_page = asked.per_page;
        // Relative to the page that says it, as RFC 8288 allows.
        links.push(format!("<?per_page={per_page}&page={next}>; rel=\"next\""));
    }
    ([(LINK, links.join(", "))], Json(found)).into_response()
}
