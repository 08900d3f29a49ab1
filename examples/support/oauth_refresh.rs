//! The provider and the API of `oauth_refresh`: tokens that end, and orders that want one.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dimorph::url::form_urlencoded;
use serde_json::json;

use crate::support::Server;

/// What the provider knows.
#[derive(Clone, Default)]
pub(crate) struct Provider(Arc<Mutex<Tokens>>);

#[derive(Default)]
struct Tokens {
    /// How many were given out; the last one is the one that counts.
    given: u32,
    /// How many of these were ended before their time.
    revoked: u32,
    grants: Vec<String>,
}

impl Provider {
    /// The grants by which tokens were asked for since the last call.
    pub(crate) fn take_grants(&self) -> Vec<String> {
        std::mem::take(&mut self.tokens().grants)
    }

    /// Ends the token that is out before its time.
    pub(crate) fn revoke(&self) {
        let mut tokens = self.tokens();
        tokens.revoked = tokens.given;
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts one server for `login.example` and `api.example`.
pub(crate) fn start() -> io::Result<(Server, Provider)> {
    let provider = Provider::default();
    let router = Router::new()
        .route("/token", post(token))
        .route("/orders/{id}", get(order))
        .with_state(provider.clone());
    Ok((Server::start(router)?, provider))
}

/// RFC 6749 sections 4.4 and 6. The first token soon ends, later ones live for an hour; a refresh token is good once.
async fn token(State(provider): State<Provider>, body: Bytes) -> Response {
    let refused =
        |error| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    let field = |name| {
        let mut fields = form_urlencoded::parse(&body);
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if field("client_id").as_deref() != Some("shop")
        || field("client_secret").as_deref() != Some("s3cret")
    {
        return refused("invalid_client");
    }
    let mut tokens = provider.tokens();
    let grant = field("grant_type").unwrap_or_default();
    tokens.grants.push(grant.clone());
    match grant.as_str() {
        "client_credentials" => {}
        "refresh_token" => {
            let current = format!("refresh-{}", tokens.given);
            if tokens.revoked == tokens.given || field("refresh_token") != Some(current) {
                return refused("invalid_grant");
            }
        }
        _ => return refused("unsupported_grant_type"),
    }
    tokens.given += 1;
    let given = tokens.given;
    Json(json!({
        "access_token": format!("access-{given}"),
        "refresh_token": format!("refresh-{given}"),
        "token_type": "Bearer",
        "expires_in": if given == 1 { 20 } else { 3600 },
    }))
    .into_response()
}

async fn order(
    State(provider): State<Provider>,
    Path(id): Path<u32>,
    headers: HeaderMap,
) -> Response {
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let tokens = provider.tokens();
    // A token that was replaced lives on to its end.
    let mut valid = tokens.revoked + 1..=tokens.given;
    if valid.any(|token| shown == format!("Bearer access-{token}")) {
        return Json(json!({ "id": id, "paid": id % 2 == 0 })).into_response();
    }
    (
        StatusCode::UNAUTHORIZED,
        [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")],
    )
        .into_response()
}
