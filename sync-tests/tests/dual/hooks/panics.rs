//! Whoever is called may panic: no slot is lost, no lock poisoned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dimorph::{Auth, AuthFlow, PoolLimits, Request};
use sync_tests::{Reply, Server};

use super::super::common::{assert_at_rest, builder};
use super::super::form::{Client, RequestBuilder};
use super::super::{dual, form_test, form_util};

/// Panics while it is armed.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicBool>);

impl Trap {
    fn arm(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Once.
    fn spring(&self) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the trap");
    }

    fn is_armed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Auth for Trap {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            exchange.send(request.try_clone()?).await?;
            self.spring();
            exchange.send(request).await?;
            Ok(())
        })
    }
}

/// A builder that is set up, and where the trap is in it.
type Setting = (&'static str, Client, Trap);

fn settings() -> Vec<Setting> {
    let builder = || builder().pool_limits(PoolLimits::new().hard_limit(1));
    let mut all: Vec<Setting> = Vec::new();
    let trap = Trap::default();
    let inner = trap.clone();
    let client = builder()
        .on_request(move |_| inner.spring())
        .build()
        .unwrap();
    all.push(("on_request", client, trap));
    let trap = Trap::default();
    let inner = trap.clone();
    let client = builder()
        .on_response(move |_| inner.spring())
        .build()
        .unwrap();
    all.push(("on_response", client, trap));
    for name in [
        "request.started",
        "pool.acquired",
        "connection.resolved",
        "connection.connected",
        "response.informational",
        "response.started",
        "response.completed",
    ] {
        let trap = Trap::default();
        let inner = trap.clone();
        let listener = move |event: &dimorph::Event<'_>| {
            if event.kind().name() == name {
                inner.spring();
            }
        };
        let client = builder().on_event(listener).build().unwrap();
        all.push((name, client, trap));
    }
    let trap = Trap::default();
    let inner = trap.clone();
    let policy = move |attempt: dimorph::Attempt<'_>| {
        inner.spring();
        attempt.follow()
    };
    let client = builder().redirect_policy(policy).build().unwrap();
    all.push(("redirect_policy", client, trap));
    for name in ["on_upload", "on_download"] {
        all.push((name, builder().build().unwrap(), Trap::default()));
    }
    let trap = Trap::default();
    let client = builder().auth(trap.clone()).build().unwrap();
    all.push(("auth", client, trap));
    all
}

fn server() -> Server {
    Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            wire.read_body(&head)?;
            wire.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")?;
            match head.target.as_str() {
                "/redirect" => Reply::redirect(307, "/end"),
                _ => Reply::chunked([vec![b'x'; 100_000], vec![b'y'; 100_000]]),
            }
            .send(wire, false)?;
        }
        Ok(())
    })
}

fn request((name, client, trap): &Setting, url: &str) -> RequestBuilder {
    let request = client.post(url).body(vec![b'u'; 100_000]);
    let trap = trap.clone();
    match *name {
        "on_upload" => request.on_upload(move |_| trap.spring()),
        "on_download" => request.on_download(move |_| trap.spring()),
        _ => request,
    }
}

#[dual]
async fn fetch(request: RequestBuilder) -> usize {
    let response = request.send().await.unwrap();
    let body = response.bytes().await;
    body.unwrap().len()
}

#[dual]
#[form_test]
async fn poo_07_a_panic_in_a_hook_leaks_no_slot_and_poisons_no_lock() {
    let server = server();
    for setting in settings() {
        let (name, client, trap) = &setting;
        let url = server.url("/redirect");
        // On a fresh connection, and on a kept one where the step comes again.
        for fresh in [true, false] {
            if !fresh && name.starts_with("connection.") {
                continue;
            }
            trap.arm();
            let doomed = form_util::spawn(fetch, request(&setting, &url));
            let ended = form_util::until(|| doomed.is_finished()).await;
            assert!(ended, "{name}");
            assert!(!trap.is_armed(), "{name}: the trap was not reached");
            assert_at_rest(client).await;
            let length = fetch(request(&setting, &url)).await;
            assert_eq!(length, 200_000, "{name}");
            assert_at_rest(client).await;
        }
    }
}
