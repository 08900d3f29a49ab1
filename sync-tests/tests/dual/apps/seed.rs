//! HTTPX's Flask example with axum, and its three options.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use axum::routing::get;
use dimorph::transport::{App, MountPath, RemoteAddr};
use dimorph::{Body, ErrorKind};

use super::form::{Client, Response};
use super::{client_of, client_to, dual, form_test, text_of};
use crate::dual_tests::common::builder;

fn hello() -> Router {
    Router::new().route("/", get(async || "Hello World!"))
}

#[dual]
#[form_test]
async fn the_flask_example_works_with_axum() {
    let client = Client::builder()
        .app(hello())
        .base_url("http://testserver")
        .build()
        .unwrap();
    let r = client.get("/").send().await.unwrap();
    assert_eq!(r.status(), 200);
    let text = r.text().await.unwrap();
    assert_eq!(text, "Hello World!");
}

#[dual]
#[form_test]
async fn the_name_of_an_application_is_not_looked_up() {
    let client = builder().app(hello()).build().unwrap();
    for url in [
        "http://testserver/",
        "https://testserver:4433/",
        "http://no-such-host.invalid/",
        "http://[::1]:1/",
    ] {
        let text = text_of(&client, url).await;
        assert_eq!(text, "Hello World!", "{url}");
    }
    assert_eq!(client.pool_stats().connections, 0);
}

async fn failing(_: http::Request<Body>) -> Result<http::Response<String>, std::io::Error> {
    Err(std::io::Error::other("the disk is full"))
}

#[dual]
#[form_test]
async fn errors_are_raised_or_become_a_500() {
    let app = || App::new(tower::service_fn(failing));
    let raised = client_of(app()).get("/x").send().await.unwrap_err();
    assert_eq!(raised.kind(), ErrorKind::App);
    assert!(raised.to_string().contains("the disk is full"), "{raised}");
    let source = std::error::Error::source(&raised).unwrap();
    assert!(source.downcast_ref::<std::io::Error>().is_some());
    assert_eq!(raised.url().unwrap().as_str(), "http://testserver/x");
    assert_eq!(raised.request().unwrap().method(), "GET");

    let client = client_of(app().raise_app_errors(false));
    let response = client.get("/x").send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.reason(), "Internal Server Error");
    let text = response.text().await.unwrap();
    assert_eq!(text, "Internal Server Error");
    // What the application answers itself is no error of it.
    let own = Router::new().route("/", get(async || http::StatusCode::INTERNAL_SERVER_ERROR));
    let response = client_to(own).get("/").send().await.unwrap();
    assert_eq!(response.status(), 500);
}

#[dual]
#[form_test]
async fn the_mount_path_is_taken_off_and_told() {
    let inner = async |Extension(mount): Extension<MountPath>, uri: http::Uri| {
        format!("{} {uri}", mount.as_str())
    };
    let router = Router::new()
        .route("/", get(inner))
        .route("/item/{id}", get(inner))
        .route("/elsewhere", get(inner));
    for mount in ["/sub", "sub", "/sub/", "/sub//"] {
        let client = client_of(App::new(router.clone()).mount_path(mount));
        for (path, seen) in [
            ("/sub", "/sub /"),
            ("/sub/", "/sub /"),
            ("/sub/item/7?q=1", "/sub /item/7?q=1"),
            ("/sub?q=1", "/sub /?q=1"),
            ("/elsewhere", "/sub /elsewhere"),
        ] {
            let text = text_of(&client, path).await;
            assert_eq!(text, seen, "{path} at {mount}");
        }
        let not_below = client.get("/subway").send().await.unwrap();
        assert_eq!(not_below.status(), 404);
    }
    let root = client_of(App::new(router).mount_path("/"));
    let response = root.get("/").send().await.unwrap();
    // Nothing is mounted, so nothing is told.
    assert_eq!(response.status(), 500);
}

#[dual]
#[form_test]
async fn the_application_sees_the_address_of_its_client() {
    let inner = async |Extension(RemoteAddr(address)): Extension<RemoteAddr>| address.to_string();
    let router = Router::new().route("/", get(inner));
    let text = text_of(&client_to(router.clone()), "/").await;
    assert_eq!(text, "127.0.0.1:0");
    let app = App::new(router).remote_addr(([1, 2, 3, 4], 5));
    let text = text_of(&client_of(app), "/").await;
    assert_eq!(text, "1.2.3.4:5");

    let address = SocketAddr::from(([5, 6, 7, 8], 9));
    let inner = async |ConnectInfo(address): ConnectInfo<SocketAddr>| address.to_string();
    let router = Router::new().route("/", get(inner));
    let app = App::new(router).extension(ConnectInfo(address));
    let client = client_of(app);
    for _ in 0..2 {
        let text = text_of(&client, "/").await;
        assert_eq!(text, "5.6.7.8:9");
    }
}

#[dual]
#[form_test]
async fn what_a_request_carries_is_stronger_than_what_the_application_was_given() {
    let inner = async |Extension(number): Extension<u32>| number.to_string();
    let app = App::new(Router::new().route("/", get(inner))).extension(1_u32);
    let client = client_of(app);
    let text = text_of(&client, "/").await;
    assert_eq!(text, "1");
    let mut request = client.get("/").build().unwrap();
    request.extensions_mut().insert(2_u32);
    let response = client.send(request).await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "2");
}

#[dual]
#[form_test]
async fn a_plain_function_is_an_application() {
    let client = client_of(App::from_fn(|request: http::Request<Body>| {
        http::Response::builder()
            .status(201)
            .header("x-method", request.method().as_str())
            .body(format!("Hello {}!", request.uri()))
            .unwrap()
    }));
    let response: Response = client.put("/a?b=c").send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-method"], "PUT");
    let text = response.text().await.unwrap();
    assert_eq!(text, "Hello /a?b=c!");
}

#[dual]
#[form_test]
async fn applications_stand_beside_the_network() {
    let server = sync_tests::Server::http(|_| sync_tests::Reply::ok("network"));
    let other = Router::new().fallback(async || "other");
    let client = builder()
        .mount("all://app.test", App::new(hello()))
        .mount("https://*.app.test", App::new(other))
        .build()
        .unwrap();
    let url = server.url("/");
    for (url, expected) in [
        ("http://app.test/", "Hello World!"),
        ("https://x.app.test/any", "other"),
        (url.as_str(), "network"),
    ] {
        let text = text_of(&client, url).await;
        assert_eq!(text, expected, "{url}");
    }
}
