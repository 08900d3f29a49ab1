//! The ways from a client to the origin.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dimorph::Request;
use dimorph::transport::{
    App, Handler, Handling, Logging, Mock, MockResponse, Next, RateLimit, Recorder, Replay, Retry,
};

use super::form::{Client, ClientBuilder, Transport};
use super::{Ctx, check, dual, stages};
use crate::plugs;

/// What stands for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The network itself.
    Engine,
    Client,
    ClientTwice,
    App,
    Mock,
    PassThrough,
    Handled,
    HandledApp,
    /// A handler that reads every body before it gives it on.
    Reading,
    Retry,
    Logging,
    RateLimit,
    Recorder,
    Replay,
    /// The blocking client's own.
    Ureq,
    /// The async client's own: a tower service.
    Tower,
}

/// A recording of its own for each check.
pub(super) struct Tape(PathBuf);

impl Tape {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("dimorph-conformance-{}-{number}.har", std::process::id());
        Tape(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs one check by one way; a replay is recorded first.
#[dual]
pub(super) async fn run(way: Way, name: &'static str) -> Result<(), String> {
    let mut ctx = Ctx {
        way,
        port: 1,
        recording: Arc::new(Tape::new()),
        closed: None,
    };
    if matches!(way, Way::App | Way::Mock | Way::HandledApp) {
        return plugs::attempt(check, (name, ctx)).await;
    }
    let server = stages::server();
    ctx.port = server.port();
    if way == Way::Replay {
        ctx.way = Way::Recorder;
        let recorded = plugs::attempt(check, (name, ctx.clone())).await;
        recorded.map_err(|failure| format!("while it was recorded: {failure}"))?;
        drop(server);
        ctx.way = Way::Replay;
        return plugs::attempt(check, (name, ctx)).await;
    }
    plugs::attempt(check, (name, ctx)).await
}

impl Ctx {
    /// A URL of the origin.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A client of the way, whose URLs are relative to the origin.
    pub(super) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// The same, with transports that count how often they are closed.
    pub(super) fn counting(&self) -> (Client, Arc<AtomicUsize>) {
        let closed = Arc::new(AtomicUsize::new(0));
        let ctx = Ctx {
            closed: Some(closed.clone()),
            ..self.clone()
        };
        (ctx.client(), closed)
    }

    /// Begins such a client.
    pub(super) fn builder(&self) -> ClientBuilder {
        let builder = Client::builder().trust_env(false).base_url(self.url("/"));
        let engine = || builder_of_engine().build().unwrap();
        let app = || App::new(tower::service_fn(stages::application));
        match self.way {
            Way::Engine => builder,
            Way::Client => builder.transport(self.counted(engine())),
            Way::ClientTwice => {
                let inner = builder_of_engine().transport(self.counted(engine()));
                builder.transport(inner.build().unwrap())
            }
            Way::App => builder.transport(self.counted(app())),
            Way::Mock => builder.transport(self.counted(stages::mock())),
            Way::PassThrough => {
                let mock = Mock::new(|_: &Request| MockResponse::pass_through());
                builder.transport(mock.pass_through(self.counted(engine())))
            }
            Way::Handled => builder.transport(Through.over(self.counted(engine()))),
            Way::HandledApp => builder.transport(Through.over(self.counted(app()))),
            Way::Reading => builder.transport(Reading.over(self.counted(engine()))),
            Way::Retry => {
                let retry = Retry::new(2).first_delay(Duration::from_millis(1));
                builder.transport(retry.over(self.counted(engine())))
            }
            Way::Logging => builder.transport(Logging::new(|_| {}).over(self.counted(engine()))),
            Way::RateLimit => {
                let limit = RateLimit::new(10_000, Duration::from_secs(1));
                builder.transport(limit.over(self.counted(engine())))
            }
            Way::Recorder => {
                let recorder = Recorder::new(self.recording.path())
                    .keep_header("authorization")
                    .keep_header("cookie")
                    .keep_header("set-cookie")
                    .record_errors(true);
                builder.transport(recorder.over(self.counted(engine())))
            }
            Way::Replay => {
                let replay = Replay::from_file(self.recording.path()).unwrap();
                builder.transport(self.counted(replay))
            }
            Way::Ureq | Way::Tower => builder
                .transport(plugs::own(self.counted(engine()), |transport| {
                    self.counted(transport)
                })),
        }
    }

    /// Counts the closing of a transport, where that was asked for.
    fn counted<T: Transport + 'static>(&self, transport: T) -> Box<dyn Transport> {
        match &self.closed {
            None => Box::new(transport),
            Some(closed) => Box::new(Counted(closed.clone()).over(transport)),
        }
    }
}

/// An engine that gives its outer client everything raw.
fn builder_of_engine() -> ClientBuilder {
    Client::builder().trust_env(false)
}

/// Counts how often it is closed.
struct Counted(Arc<AtomicUsize>);

impl Handler for Counted {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move { next.send(request).await })
    }

    fn close(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Sends on.
struct Through;

impl Handler for Through {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move { next.send(request).await })
    }
}

/// Reads the body of each response before it gives it on.
struct Reading;

impl Handler for Reading {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let mut response = next.send(request).await?;
            let body = next.read(&mut response).await?;
            assert_eq!(response.content().as_ref(), Some(&body));
            Ok(response)
        })
    }
}
