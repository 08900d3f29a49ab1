//! Applications in process, driven by this form: axum routers, tower services, plain functions.

use std::convert::Infallible;
use std::future::Future;

use axum::Router;
use dimorph::Body;
use dimorph::transport::App;

use super::common::builder;
use super::form::{Client, Transport};
use super::{dual, form, form_test, form_util};

mod answers;
mod failures;
mod many;
mod requests;
mod seed;
mod waiting;

/// Makes a client of an application and nothing else.
fn client_of<S>(app: App<S>) -> Client
where
    App<S>: Transport + 'static,
{
    builder()
        .base_url("http://testserver")
        .transport(app)
        .build()
        .unwrap()
}

/// Makes a client of an axum application.
fn client_to(router: Router) -> Client {
    client_of(App::new(router))
}

/// Makes a client of a function that waits.
fn client_of_fn<F, W, B>(function: F) -> Client
where
    F: FnMut(http::Request<Body>) -> W + Clone + Send + 'static,
    W: Future<Output = Result<http::Response<B>, Infallible>> + Send + 'static,
    App<tower::util::ServiceFn<F>>: Transport + 'static,
{
    client_of(App::new(tower::service_fn(function)))
}

/// Asks, and gives the body's text.
#[dual]
async fn text_of(client: &Client, url: &str) -> String {
    let response = client.get(url).send().await.unwrap();
    response.text().await.unwrap()
}
