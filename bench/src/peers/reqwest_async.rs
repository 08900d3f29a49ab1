//! reqwest on tokio's current-thread runtime.

use std::path::Path;

use bytes::Bytes;
use reqwest::{Body, Client};
use tokio::fs::File;
use tokio::runtime::Runtime;
use tokio_util::io::ReaderStream;

use super::{Peer, Stage, check, current_thread};
use crate::Done;
use crate::workload::Setup;

pub(crate) struct Reqwest {
    runtime: Runtime,
    client: Client,
}

impl Reqwest {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        let mut builder = Client::builder().no_proxy().gzip(setup.gzip);
        if let Some(config) = &setup.tls {
            builder = builder.tls_backend_preconfigured(rustls::ClientConfig::clone(config));
        }
        if setup.http2 {
            builder = builder.http2_prior_knowledge();
        }
        Ok(Self {
            runtime: current_thread()?,
            client: builder.build()?,
        })
    }
}

async fn get(client: &Client, url: &str) -> Done {
    client.get(url).send().await?.bytes().await?;
    Ok(())
}

impl Peer for Reqwest {
    fn get(&mut self, url: &str, times: usize) -> Done {
        let client = &self.client;
        self.runtime.block_on(async {
            for _ in 0..times {
                get(client, url).await?;
            }
            Ok(())
        })
    }

    fn get_tasks(&mut self, url: &str, times: usize, tasks: usize) -> Done {
        let task = || {
            let (client, url) = (self.client.clone(), url.to_owned());
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
        let client = &self.client;
        self.runtime.block_on(async {
            let mut response = client.get(url).send().await?;
            let mut received = 0;
            while let Some(chunk) = response.chunk().await? {
                received += chunk.len() as u64;
            }
            check(received, size)
        })
    }

    fn upload(&mut self, url: &str, body: &Bytes) -> Done {
        let client = &self.client;
        self.runtime.block_on(async {
            client
                .post(url)
                .body(body.clone())
                .send()
                .await?
                .bytes()
                .await?;
            Ok(())
        })
    }

    fn upload_file(&mut self, url: &str, file: &Path) -> Done {
        let client = &self.client;
        self.runtime.block_on(async {
            let file = File::open(file).await?;
            let size = file.metadata().await?.len();
            // `Body::from(file)` would read 4 KiB at a time, each through the thread pool.
            let body = Body::wrap_stream(ReaderStream::with_capacity(file, 256 << 10));
            let request = client.post(url).header("content-length", size).body(body);
            request.send().await?.bytes().await?;
            Ok(())
        })
    }

    fn hold(&mut self, url: &str, count: usize, at: &mut dyn FnMut(Stage) -> Done) -> Done {
        let client = &self.client;
        self.runtime.block_on(async {
            let mut held = Vec::with_capacity(count);
            for _ in 0..count {
                let mut response = client.get(url).send().await?;
                response.chunk().await?.ok_or("no body")?;
                held.push(response);
            }
            at(Stage::InFlight)?;
            for response in held {
                response.bytes().await?;
            }
            super::settle().await;
            at(Stage::Idle)
        })
    }

    fn construct(&mut self) -> Done {
        drop(Client::new());
        Ok(())
    }
}
