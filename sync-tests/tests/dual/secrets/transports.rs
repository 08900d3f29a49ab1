//! Transports: what they keep of requests and responses with secrets in them, and what they say of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use dimorph::transport::{
    App, Attempts, FromService, Handler, Handling, IntoService, Logging, MountPath, Next,
    RateLimit, RemoteAddr, Retry,
};
use dimorph::{Body, Request, StreamId, TlsInfo};
use sync_tests::{H2Peer, Proxy as ProxyServer, Server};

use super::super::common::{builder, refused};
use super::super::dual;
use super::super::form::{Client, RequestBuilder, Transport};
use super::every_type::{Shown, secretive};
use super::mocks::mocks;
use super::tapes::tapes;
use crate::plugs;

/// Shows every type of a transport.
#[dual]
pub(super) async fn transports(shown: &Shown, server: &Server) {
    mocks(shown, server).await;
    tapes(shown, server).await;
    layers(shown, server).await;
    apps(shown, server).await;
    own(shown, server).await;
    tls(shown, server).await;
    streams(shown, server).await;
}

/// Makes a client with secrets of every kind over a transport.
pub(super) fn over(shown: &Shown, server: &Server, transport: impl Transport + 'static) -> Client {
    let builder = secretive(shown, server).transport(transport);
    shown.debug(&builder);
    let client = builder.build().unwrap();
    shown.debug(&client);
    client
}

/// Makes a request with secrets of every kind.
pub(super) fn asked(client: &Client, path: &str) -> RequestBuilder {
    client
        .post(format!("http://tom:hus%68@a.test{path}"))
        .header("authorization", "Basic dG9tOmh1c2g")
        .header("referer", "http://tom:hush@a.test/")
        .cookie("r", "hush")
        .body("{\"password\": \"hush\"}")
}

/// Sends a request, and shows what comes of it.
#[dual]
pub(super) async fn show_outcome(shown: &Shown, request: RequestBuilder) {
    shown.debug(&request);
    match request.send().await {
        Ok(response) => {
            shown.response(&response);
            if let Some(attempts) = response.extensions().get::<Attempts>() {
                shown.debug(attempts);
            }
            if let Err(error) = response.bytes().await {
                shown.error(&error);
            }
        }
        Err(error) => shown.error(&error),
    }
}

/// Shows what something says that panics.
pub(super) fn show_panic(shown: &Shown, act: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(act)).unwrap_err();
    shown.text("panic", *panic.downcast::<String>().unwrap());
}

/// Shows everything that goes through it.
#[derive(Clone)]
struct Watching(Shown);

impl Handler for Watching {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            self.0.debug(&next);
            self.0.debug(&request);
            let mut response = next.send(request).await?;
            self.0.debug(&response);
            next.read(&mut response).await?;
            self.0.debug(&response);
            response.set_body("hush");
            let value = "s=hush".parse().unwrap();
            response.headers_mut().append("set-cookie", value);
            self.0.debug(&response);
            Ok(response)
        })
    }
}

#[dual]
async fn layers(shown: &Shown, server: &Server) {
    let proxy = ProxyServer::builder()
        .route_all(server.address())
        .credentials("tom", "hush")
        .start();
    for proxy in [
        proxy.url_as("tom:hush"),
        proxy.url_as("tom:hush-wrong"),
        format!("http://tom:hush@{}", refused()),
    ] {
        let engine = secretive(shown, server).proxy(proxy).build().unwrap();
        let watching = Watching(shown.clone());
        let hear = shown.clone();
        let judge = shown.clone();
        let retry = Retry::new(1)
            .jitter(|_| Duration::ZERO)
            .when(move |request, answer| {
                judge.debug(request);
                match answer {
                    Ok(response) => judge.debug(response),
                    Err(error) => judge.error(error),
                }
                true
            })
            .on_retry(move |attempt| {
                hear.debug(attempt);
                hear.debug(attempt.request());
                if let Some(error) = attempt.error() {
                    hear.error(error);
                }
            });
        let log = shown.clone();
        let logging = Logging::new(move |line| {
            log.debug(line);
            log.text("LogLine", format!("{line} {}", line.url()));
        });
        let limit = RateLimit::new(1000, Duration::from_secs(1)).per_host();
        shown.debug(&retry);
        shown.debug(&logging);
        shown.debug(&limit);
        // A layer of one's own need not be shown, so it stands apart.
        let shown_one = logging.clone().over(engine.clone());
        shown.debug(&shown_one);
        shown.debug(shown_one.handler());
        shown.debug(shown_one.inner());
        let stack = retry.over(limit.over(logging.over(watching.over(engine))));
        let client = over(shown, server, stack);
        for path in ["/", "/404", "/status", "/cut", "/redirect"] {
            show_outcome(shown, asked(&client, path)).await;
        }
    }
    // A query is shown, but not in a log.
    let log = shown.clone();
    let logging = Logging::new(move |line| log.text("LogLine", format!("{line} {line:?}")));
    let client = builder().transport(logging.over(builder().build().unwrap()));
    let url = server
        .url("/?token=hush#hush")
        .replace("://", "://tom:hush@");
    let response = client.build().unwrap().get(url).send().await.unwrap();
    response.bytes().await.unwrap();

    let nothing = RateLimit::new(1, Duration::ZERO).alone();
    shown.debug(&nothing);
    shown.debug(nothing.inner());
    show_outcome(shown, asked(&over(shown, server, nothing), "/")).await;
}

/// An application with secrets of its own.
#[dual]
async fn apps(shown: &Shown, server: &Server) {
    let inside = shown.clone();
    let app = App::from_fn(move |request: http::Request<Body>| {
        inside.debug(request.body());
        inside.debug(request.extensions().get::<RemoteAddr>().unwrap());
        inside.debug(request.extensions().get::<MountPath>().unwrap());
        http::Response::builder()
            .header("set-cookie", "s=hush")
            .header("authorization", "hush")
            .body("hush")
            .unwrap()
    });
    let app = app.extension("hush".to_owned()).mount_path("/sub");
    shown.debug(&app);
    show_outcome(shown, asked(&over(shown, server, app), "/sub/x")).await;
}

/// The form's own transports.
#[dual]
async fn own(shown: &Shown, server: &Server) {
    let client = secretive(shown, server).build().unwrap();
    shown.debug(&FromService::new("hush"));
    shown.debug(&IntoService::new(client));
    let proxy = ProxyServer::builder()
        .route_all(server.address())
        .credentials("tom", "hush")
        .start();
    for proxy in [
        proxy.url_as("tom:hush"),
        proxy.url_as("tom:hush-wrong"),
        format!("http://tom:hush@{}", refused()),
    ] {
        let transport = plugs::own_through(&proxy);
        shown.debug(&transport);
        shown.debug(&Retry::new(1).over(transport.clone()));
        let client = over(shown, server, transport);
        for path in ["/", "/404", "/head", "/status", "/cut"] {
            show_outcome(shown, asked(&client, path)).await;
        }
        let secure = client.get("https://tom:hush@a.test/").bearer_auth("hush");
        show_outcome(shown, secure).await;
    }
}

#[dual]
async fn tls(shown: &Shown, server: &Server) {
    let client = secretive(shown, server).tls_info(true).build().unwrap();
    let request = client.get("https://tom:hush@a.test/").bearer_auth("hush");
    let response = request.send().await.unwrap();
    shown.debug(response.extensions().get::<TlsInfo>().unwrap());
    shown.response(&response);
}

#[dual]
async fn streams(shown: &Shown, server: &Server) {
    let peer = H2Peer::carrying();
    let client = secretive(shown, server).http2_prior_knowledge();
    let client = client.build().unwrap();
    let url = peer.url("/").replace("http://", "http://tom:hush@");
    let request = client.get(url).bearer_auth("hush");
    let response = request.send().await.unwrap();
    shown.debug(response.extensions().get::<StreamId>().unwrap());
    shown.response(&response);
}
