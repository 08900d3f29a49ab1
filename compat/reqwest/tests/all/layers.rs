//! Connector layers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::Client;
use sync_tests::{Reply, Server};
use tower::timeout::TimeoutLayer;
use tower_layer::Layer;
use tower_service::Service;

/// Counts the connections that are asked for.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

#[derive(Clone)]
struct Counting<S>(S, Count);

impl<S> Layer<S> for Count {
    type Service = Counting<S>;
    fn layer(&self, inner: S) -> Counting<S> {
        Counting(inner, self.clone())
    }
}

impl<R, S: Service<R>> Service<R> for Counting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.1.0.fetch_add(1, Ordering::Relaxed);
        self.0.call(request)
    }
}

#[tokio::test]
async fn layers_see_each_connection_and_its_failure() {
    let server = Server::http(|_| Reply::ok("x"));
    let count = Count::default();
    let client = Client::builder()
        .connector_layer(TimeoutLayer::new(Duration::from_secs(5)))
        .connector_layer(count.clone())
        .connect_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    for _ in 0..3 {
        client
            .get(server.url("/"))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let error = client.get("http://127.0.0.1:1/").send().await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout());
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
}

#[test]
fn layers_serve_the_blocking_client_too() {
    let server = Server::http(|_| Reply::ok("x"));
    let count = Count::default();
    let client = reqwest::blocking::Client::builder()
        .connector_layer(TimeoutLayer::new(Duration::from_secs(5)))
        .connector_layer(count.clone())
        .build()
        .unwrap();
    let body = client.get(server.url("/")).send().unwrap().text().unwrap();
    assert_eq!((&*body, count.0.load(Ordering::Relaxed)), ("x", 1));
}

/// Panics when a connection is asked for.
#[derive(Clone)]
struct Panic;

impl<S> Layer<S> for Panic {
    type Service = Panicking<S>;
    fn layer(&self, inner: S) -> Panicking<S> {
        Panicking(inner)
    }
}

#[derive(Clone)]
struct Panicking<S>(S);

impl<R, S: Service<R>> Service<R> for Panicking<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, _: R) -> S::Future {
        panic!("a layer may")
    }
}

#[test]
fn the_panic_of_a_layer_reaches_who_called() {
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let calling = std::thread::spawn(move || {
        let _ended = ended;
        let client = reqwest::blocking::Client::builder().connector_layer(Panic);
        client.build().unwrap().get("http://127.0.0.1:1/").send()
    });
    let waited = end.recv_timeout(Duration::from_secs(20));
    assert_eq!(waited, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    let panic = calling.join().unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a layer may"));
}
