//! Signs in by OAuth 2, and renews the token: ahead of its end, once for all requests, and where it was refused.
//!
//! The scheme is one type. It does no I/O of its own, so the same value serves the blocking and the async client.
//!
//! `cargo run --example oauth_refresh --features async`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/oauth_refresh.rs"]
mod provider;
mod support;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dimorph::auth::Exchange;
use dimorph::header::{AUTHORIZATION, CONTENT_TYPE};
use dimorph::url::form_urlencoded::Serializer;
use dimorph::{AsyncClient, Auth, AuthFlow, Client, Error, HeaderValue, Method, Request, Result};
use serde::Deserialize;
use tokio::task::JoinSet;

/// A token with less than this left is renewed.
const MARGIN: Duration = Duration::from_secs(30);

struct OAuth {
    token_url: String,
    id: String,
    secret: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    renewing: bool,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    refresh: Option<String>,
    ends: Instant,
}

/// What a token endpoint answers (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: u64,
}

impl Auth for OAuth {
    // The answers of the token endpoint are looked into. (It makes the client read every response of the flow to its end.)
    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let token = self.token(&exchange, None).await?;
            request
                .headers_mut()
                .insert(AUTHORIZATION, token.header.clone());
            let response = exchange.send(request.try_clone()?).await?;
            if response.status() == 401 {
                let token = self.token(&exchange, Some(&token)).await?;
                request.headers_mut().insert(AUTHORIZATION, token.header);
                exchange.send(request).await?;
            }
            Ok(())
        })
    }
}

impl OAuth {
    /// The token to go with; `refused` is one that the server did not take.
    async fn token(&self, exchange: &Exchange, refused: Option<&Token>) -> Result<Token> {
        if let Some(token) = self.usable(refused) {
            return Ok(token);
        }
        let _renewing = Renewing(self);
        let refresh = self
            .state()
            .token
            .as_ref()
            .and_then(|token| token.refresh.clone());
        let mut answer = exchange
            .send(self.token_request(refresh.as_deref())?)
            .await?;
        if refresh.is_some() && answer.status() == 400 {
            // The refresh token has ended too: sign in anew.
            answer = exchange.send(self.token_request(None)?).await?;
        }
        if !answer.status().is_success() {
            return Err(Error::other(format!(
                "no token: the provider says {}",
                answer.status()
            )));
        }
        let granted: Granted = answer.json()?;
        let mut header: HeaderValue = format!("Bearer {}", granted.access_token)
            .parse()
            .map_err(Error::other)?;
        header.set_sensitive(true);
        let ends = Instant::now() + Duration::from_secs(granted.expires_in);
        let token = Token {
            header,
            refresh: granted.refresh_token,
            ends,
        };
        self.state().token = Some(token.clone());
        Ok(token)
    }

    /// The token that is there, unless this request is to renew it. A flow cannot wait for another one: where a token has ended,
    /// or was revoked, in the middle of many requests, several of them ask for a new one. `MARGIN` is there so that none ends.
    fn usable(&self, refused: Option<&Token>) -> Option<Token> {
        let mut state = self.state();
        let now = Instant::now();
        let renewing = state.renewing;
        let usable = state.token.clone().filter(|token| match refused {
            // Another request may have renewed it meanwhile.
            Some(refused) => refused.header != token.header,
            // One request renews ahead of the end; those that come meanwhile go with what still holds.
            None => token.ends > now + MARGIN || (renewing && token.ends > now),
        });
        state.renewing |= usable.is_none();
        usable
    }

    /// Asks by the refresh token if there is one, else by the client's own credentials alone.
    fn token_request(&self, refresh: Option<&str>) -> Result<Request> {
        let mut form = Serializer::new(String::new());
        form.append_pair("client_id", &self.id)
            .append_pair("client_secret", &self.secret);
        match refresh {
            Some(token) => form
                .append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", token),
            None => form.append_pair("grant_type", "client_credentials"),
        };
        let mut request = Request::new(Method::POST, &self.token_url)?;
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form_type);
        *request.body_mut() = form.finish().into();
        Ok(request)
    }

    /// Never held across an `await`: what another thread waits for must not depend on the network.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However a renewal ends, by an error or because its caller has given up, it is over when this is dropped.
struct Renewing<'a>(&'a OAuth);

impl Drop for Renewing<'_> {
    fn drop(&mut self) {
        self.0.state().renewing = false;
    }
}

/// How many orders are asked for at once.
const ORDERS: u32 = 16;

fn blocking(client: &Client) -> support::Done<()> {
    // The first request signs in; then come sixteen at once.
    client.get("/orders/0").send()?.error_for_status()?;
    thread::scope(|scope| {
        let get = |id| {
            client
                .get(format!("/orders/{id}"))
                .send()?
                .error_for_status()?
                .bytes()
        };
        let threads: Vec<_> = (1..=ORDERS)
            .map(|id| scope.spawn(move || get(id)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .map_err(|_| "a thread panicked")?
                .map(drop)
                .map_err(Into::into)
        })
    })
}

async fn asynchronous(client: &AsyncClient) -> support::Done {
    client.get("/orders/0").send().await?.error_for_status()?;
    let mut tasks = JoinSet::new();
    for id in 1..=ORDERS {
        let request = client.get(format!("/orders/{id}"));
        tasks.spawn(async move { request.send().await?.error_for_status()?.bytes().await });
    }
    while let Some(order) = tasks.join_next().await {
        order??;
    }
    Ok(())
}

fn main() -> support::Done {
    let (server, provider) = provider::start()?;
    let oauth = Arc::new(OAuth {
        token_url: "http://login.example/token".to_owned(),
        id: "shop".to_owned(),
        secret: "s3cret".to_owned(),
        state: Mutex::default(),
    });

    let client = Client::builder()
        .base_url("http://api.example")
        .resolve("api.example", server.address())
        .resolve("login.example", server.address())
        .auth(Arc::clone(&oauth))
        .build()?;
    blocking(&client)?;
    let grants = provider.take_grants();
    println!(
        "blocking: {ORDERS} orders at once, after a sign-in; the token soon ended: {grants:?}"
    );
    assert_eq!(grants, ["client_credentials", "refresh_token"]);

    // The same value on the other client, which finds the token that is there.
    let client = AsyncClient::builder()
        .base_url("http://api.example")
        .resolve("api.example", server.address())
        .resolve("login.example", server.address())
        .auth(oauth)
        .build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(asynchronous(&client))?;
    assert_eq!(
        provider.take_grants(),
        Vec::<String>::new(),
        "the token holds for an hour"
    );

    provider.revoke();
    let response = runtime
        .block_on(client.get("/orders/7").send())?
        .error_for_status()?;
    println!("async: the token was revoked");
    for step in response.history() {
        println!(
            "  {} {}: {}",
            step.request().method(),
            step.url(),
            step.status()
        );
    }
    println!(
        "  {} {}: {}",
        response.request().method(),
        response.url(),
        response.status()
    );
    assert_eq!(
        provider.take_grants(),
        ["refresh_token", "client_credentials"]
    );
    Ok(())
}
