//! hyper-util's legacy client: hyper with a pool and a connector.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use super::{NotOffered, Peer, Stage, check, current_thread};
use crate::Done;
use crate::workload::Setup;

pub(crate) struct HyperUtil {
    runtime: Runtime,
    client: Fetch,
    gzip: bool,
}

/// The client over either connector: plain HTTP does not pay for an idle TLS wrapper.
#[derive(Clone)]
enum Fetch {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Fetch {
    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Done<hyper::Response<hyper::body::Incoming>> {
        Ok(match self {
            Self::Plain(client) => client.request(request).await?,
            Self::Tls(client) => client.request(request).await?,
        })
    }
}

impl HyperUtil {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http2_only(setup.http2);
        let client = match &setup.tls {
            None => Fetch::Plain(builder.build(connector)),
            Some(config) => {
                connector.enforce_http(false);
                let mut config = rustls::ClientConfig::clone(config);
                // The builder sets it, and takes no configuration that has it.
                config.alpn_protocols.clear();
                let https = HttpsConnectorBuilder::new()
                    .with_tls_config(config)
                    .https_only();
                let connector = if setup.http2 {
                    https.enable_http2().wrap_connector(connector)
                } else {
                    https.enable_http1().wrap_connector(connector)
                };
                Fetch::Tls(builder.build(connector))
            }
        };
        Ok(Self {
            runtime: current_thread()?,
            client,
            gzip: setup.gzip,
        })
    }
}

async fn get(client: &Fetch, url: &Uri) -> Done {
    let request = Request::get(url.clone()).body(Full::default())?;
    client
        .send(request)
        .await?
        .into_body()
        .collect()
        .await?
        .to_bytes();
    Ok(())
}

impl Peer for HyperUtil {
    fn get(&mut self, url: &str, times: usize) -> Done {
        if self.gzip {
            return Err(NotOffered.into());
        }
        let (url, client) = (url.parse::<Uri>()?, &self.client);
        self.runtime.block_on(async {
            for _ in 0..times {
                get(client, &url).await?;
            }
            Ok(())
        })
    }

    fn get_tasks(&mut self, url: &str, times: usize, tasks: usize) -> Done {
        let (url, client) = (url.parse::<Uri>()?, &self.client);
        let task = || {
            let (url, client) = (url.clone(), client.clone());
            async move {
                for _ in 0..times / tasks {
                    get(&client, &url).await?;
                }
                Ok(())
            }
        };
        self.runtime
            .block_on(super::join((0..tasks).map(|_| task())))
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let (url, client) = (url.parse::<Uri>()?, &self.client);
        self.runtime.block_on(async {
            let mut body = client
                .send(Request::get(url).body(Full::default())?)
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
        let (url, client) = (url.parse::<Uri>()?, &self.client);
        self.runtime.block_on(async {
            let request = Request::post(url).body(Full::new(body.clone()))?;
            client.send(request).await?.into_body().collect().await?;
            Ok(())
        })
    }

    fn hold(&mut self, url: &str, count: usize, at: &mut dyn FnMut(Stage) -> Done) -> Done {
        let (url, client) = (url.parse::<Uri>()?, &self.client);
        self.runtime.block_on(async {
            let mut held = Vec::with_capacity(count);
            for _ in 0..count {
                let request = Request::get(url.clone()).body(Full::default())?;
                let mut body = client.send(request).await?.into_body();
                body.frame().await.ok_or("no body")??;
                held.push(body);
            }
            at(Stage::InFlight)?;
            for body in held {
                body.collect().await?;
            }
            super::settle().await;
            at(Stage::Idle)
        })
    }

    fn construct(&mut self) -> Done {
        drop(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
        Ok(())
    }
}
