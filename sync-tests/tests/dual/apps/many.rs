//! One application asked from many sides at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use dimorph::transport::App;

use super::{client_of, client_to, dual, form_test, form_util};
use crate::form::Client;

async fn count(
    State(count): State<Arc<AtomicUsize>>,
    Path(id): Path<usize>,
    body: String,
) -> String {
    count.fetch_add(1, Ordering::SeqCst);
    format!("{id} {}", body.len())
}

#[dual]
async fn ask((client, id): (Client, usize)) -> bool {
    let body = "x".repeat(id * 100);
    let sent = client.post(format!("/{id}")).body(body).send().await;
    let text = sent.unwrap().text().await.unwrap();
    text == format!("{id} {}", id * 100)
}

#[dual]
#[form_test]
async fn eight_at_once_share_one_application() {
    let counted = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route("/{id}", post(count))
        .with_state(counted.clone());
    let client = client_to(router);
    let calls: Vec<_> = (0..400).map(|id| (client.clone(), id)).collect();
    let right = form_util::concurrently(8, calls, ask).await;
    assert!(right.iter().all(|right| *right));
    assert_eq!(counted.load(Ordering::SeqCst), 400);
}

#[dual]
#[form_test]
async fn clones_of_an_app_share_the_application() {
    let counted = Arc::new(AtomicUsize::new(0));
    let app = App::new(
        Router::new()
            .route("/{id}", post(count))
            .with_state(counted.clone()),
    )
    .mount_path("/sub");
    for client in [client_of(app.clone()), client_of(app)] {
        let response = client.post("/sub/1").send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "1 0");
    }
    assert_eq!(counted.load(Ordering::SeqCst), 2);
}
