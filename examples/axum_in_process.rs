//! Tests an axum application in process: no port, no server, no waiting; with the blocking and with the async client.
//!
//! The tests are at the end: `cargo test --example axum_in_process --features async,tower`. As a program it asks the application
//! a few things: `cargo run --example axum_in_process --features async,tower`.
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dimorph::{Client, Result};
use serde::{Deserialize, Serialize};

/// The application: notes, for those who are signed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

type Notes = Arc<Mutex<BTreeMap<u32, Note>>>;

fn application() -> Router {
    Router::new()
        .route("/login", post(login))
        .route("/notes", get(all).post(add))
        .route("/notes/{id}", get(one))
        .with_state(Notes::default())
}

async fn login() -> impl IntoResponse {
    (
        [(SET_COOKIE, "user=tom; Path=/; HttpOnly")],
        Redirect::to("/notes"),
    )
}

fn is_signed_in(headers: &HeaderMap) -> bool {
    headers
        .get("cookie")
        .is_some_and(|cookie| cookie == "user=tom")
}

async fn all(State(notes): State<Notes>) -> Json<BTreeMap<u32, Note>> {
    Json(notes.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn add(State(notes): State<Notes>, headers: HeaderMap, Json(note): Json<Note>) -> Response {
    if !is_signed_in(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let id = notes.len() as u32 + 1;
    notes.insert(id, note);
    (StatusCode::CREATED, [(LOCATION, format!("/notes/{id}"))]).into_response()
}

async fn one(State(notes): State<Notes>, Path(id): Path<u32>) -> Response {
    match notes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&id)
    {
        Some(note) => Json(note).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A client for the application. All that a client does it does here too: cookies, redirects, JSON, authentication.
fn client() -> Result<Client> {
    Client::builder()
        .app(application())
        .base_url("http://notes.test")
        .build()
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let client = client()?;
    let response = client.post("/login").send()?.error_for_status()?;
    println!(
        "POST /login  {}, then {}  {}",
        response.history()[0].status(),
        response.url().path(),
        response.status()
    );

    let note = Note {
        text: "buy tea".to_owned(),
    };
    let response = client
        .post("/notes")
        .json(&note)
        .send()?
        .error_for_status()?;
    let place = response.headers()["location"].to_str()?.to_owned();
    println!("POST /notes  {}, at {place}", response.status());

    let found: Note = client.get(&place).send()?.error_for_status()?.json()?;
    println!("GET {place}  {found:?}");
    assert_eq!(found, note);
    Ok(())
}

#[cfg(test)]
mod tests {
    use dimorph::transport::App;
    use dimorph::{AsyncClient, ErrorKind};

    use super::*;

    #[test]
    fn a_note_can_be_added_and_read() -> Result<()> {
        let client = client()?;
        client.post("/login").send()?;
        let note = Note {
            text: "buy tea".to_owned(),
        };
        let response = client.post("/notes").json(&note).send()?;
        assert_eq!(response.status(), 201);
        let found = client.get("/notes/1").send()?.json::<Note>()?;
        assert_eq!(found, note);
        Ok(())
    }

    #[test]
    fn strangers_add_nothing() -> Result<()> {
        let client = client()?;
        let note = Note {
            text: "spam".to_owned(),
        };
        let response = client.post("/notes").json(&note).send()?;
        assert_eq!(response.status(), 403);
        assert_eq!(client.get("/notes").send()?.text()?, "{}");
        Ok(())
    }

    #[tokio::test]
    async fn notes_of_many_tasks_are_all_kept() -> Result<()> {
        let client = AsyncClient::builder()
            .app(application())
            .base_url("http://notes.test")
            .cookie("user", "tom")
            .build()?;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..50 {
            let request = client.post("/notes").json(&Note {
                text: format!("note {n}"),
            });
            tasks.spawn(async move { request.send().await.map(|response| response.status()) });
        }
        for status in tasks.join_all().await {
            assert_eq!(status?, 201);
        }
        let notes: BTreeMap<u32, Note> = client.get("/notes").send().await?.json().await?;
        assert_eq!(notes.len(), 50);
        Ok(())
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_the_call_or_a_500() -> Result<()> {
        async fn broken() {
            panic!("out of paper");
        }
        let app = application().route("/print", get(broken));

        let client = AsyncClient::builder()
            .app(app.clone())
            .base_url("http://notes.test")
            .build()?;
        let error = client.get("/print").send().await.expect_err("a panic");
        assert_eq!(error.kind(), ErrorKind::App);
        assert!(error.to_string().contains("out of paper"));

        // As those see it who are no developers.
        let app = App::new(app).raise_app_errors(false);
        let client = AsyncClient::builder()
            .transport(app)
            .base_url("http://notes.test")
            .build()?;
        assert_eq!(client.get("/print").send().await?.status(), 500);
        Ok(())
    }
}
