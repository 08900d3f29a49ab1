//! hyper's bare HTTP/1 connection on tokio: no pool and no URL, one task per connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;

use super::{NotOffered, Peer, Stage, check, connect, current_thread};
use crate::Done;
use crate::workload::Setup;

pub(crate) struct Hyper {
    runtime: Runtime,
    connections: Connections,
}

/// What opens connections, and the one that is open.
struct Connections {
    setup: Setup,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Hyper {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        let connections = Connections {
            setup: setup.clone(),
            open: None,
        };
        Ok(Self {
            runtime: current_thread()?,
            connections,
        })
    }
}

impl Connections {
    async fn connect(&self) -> Done<SendRequest<Full<Bytes>>> {
        match &self.setup.tls {
            None => {
                let stream = connect::plain(&self.setup).await?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                Ok(sender)
            }
            Some(config) => {
                let stream = connect::tls(&self.setup, config).await?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                Ok(sender)
            }
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Done<Response<Incoming>> {
        // `ready` fails where the peer has closed the connection.
        let mut sender = match self.open.take() {
            Some(mut sender) => match sender.ready().await {
                Ok(()) => sender,
                Err(_) => self.connect().await?,
            },
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await?;
        self.open = Some(sender);
        Ok(response)
    }
}

/// A request in origin form, for the path of the URL.
fn request(method: &str, url: &str, body: Bytes) -> Done<Request<Full<Bytes>>> {
    let path = url.parse::<Uri>()?.path().to_owned();
    Ok(Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "127.0.0.1")
        .body(Full::new(body))?)
}

impl Peer for Hyper {
    fn get(&mut self, url: &str, times: usize) -> Done {
        let path = url.parse::<Uri>()?.path().to_owned();
        let connections = &mut self.connections;
        if connections.setup.gzip {
            return Err(NotOffered.into());
        }
        self.runtime.block_on(async {
            for _ in 0..times {
                let request = Request::get(path.as_str())
                    .header(HOST, "127.0.0.1")
                    .body(Full::default())?;
                connections
                    .send(request)
                    .await?
                    .into_body()
                    .collect()
                    .await?
                    .to_bytes();
            }
            Ok(())
        })
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let connections = &mut self.connections;
        self.runtime.block_on(async {
            let mut body = connections
                .send(request("GET", url, Bytes::new())?)
                .await?
                .into_body();
            let mut received = 0;
            while let Some(frame) = body.frame().await {
                received += frame?.data_ref().map_or(0, Bytes::len) as u64;
            }
            check(received, size)
        })
    }

    fn upload(&mut self, url: &str, body: &Bytes) -> Done {
        let connections = &mut self.connections;
        self.runtime.block_on(async {
            connections
                .send(request("POST", url, body.clone())?)
                .await?
                .into_body()
                .collect()
                .await?;
            Ok(())
        })
    }

    fn hold(&mut self, url: &str, count: usize, at: &mut dyn FnMut(Stage) -> Done) -> Done {
        let connections = &mut self.connections;
        self.runtime.block_on(async {
            let mut held = Vec::with_capacity(count);
            for _ in 0..count {
                let mut sender = connections.connect().await?;
                let mut body = sender
                    .send_request(request("GET", url, Bytes::new())?)
                    .await?
                    .into_body();
                body.frame().await.ok_or("no body")??;
                held.push((sender, body));
            }
            at(Stage::InFlight)?;
            let mut idle = Vec::with_capacity(count);
            for (sender, body) in held {
                body.collect().await?;
                idle.push(sender);
            }
            super::settle().await;
            at(Stage::Idle)
        })
    }
}
