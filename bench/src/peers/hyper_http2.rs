//! hyper's bare HTTP/2 connection on tokio: no pool, one task for the connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;

use super::{Peer, check, connect, current_thread};
use crate::Done;
use crate::workload::Setup;

pub(crate) struct HyperHttp2 {
    runtime: Runtime,
    setup: Setup,
    open: Option<SendRequest<Empty<Bytes>>>,
}

impl HyperHttp2 {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        Ok(Self {
            runtime: current_thread()?,
            setup: setup.clone(),
            open: None,
        })
    }

    fn sender(&mut self) -> Done<SendRequest<Empty<Bytes>>> {
        if let Some(sender) = &self.open {
            return Ok(sender.clone());
        }
        let setup = &self.setup;
        let sender = self.runtime.block_on(async {
            match &setup.tls {
                None => open(connect::plain(setup).await?).await,
                Some(config) => open(connect::tls(setup, config).await?).await,
            }
        })?;
        self.open = Some(sender.clone());
        Ok(sender)
    }
}

async fn open<S>(stream: S) -> Done<SendRequest<Empty<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn get(sender: &mut SendRequest<Empty<Bytes>>, url: &Uri) -> Done {
    sender.ready().await?;
    let request = Request::get(url.clone()).body(Empty::new())?;
    let response = sender.send_request(request).await?;
    response.into_body().collect().await?.to_bytes();
    Ok(())
}

impl Peer for HyperHttp2 {
    fn get(&mut self, url: &str, times: usize) -> Done {
        let (mut sender, url) = (self.sender()?, url.parse()?);
        self.runtime.block_on(async {
            for _ in 0..times {
                get(&mut sender, &url).await?;
            }
            Ok(())
        })
    }

    fn get_tasks(&mut self, url: &str, times: usize, tasks: usize) -> Done {
        let (sender, url) = (self.sender()?, url.parse::<Uri>()?);
        let task = || {
            let (mut sender, url) = (sender.clone(), url.clone());
            async move {
                for _ in 0..times / tasks {
                    get(&mut sender, &url).await?;
                }
                Ok(())
            }
        };
        self.runtime
            .block_on(super::join((0..tasks).map(|_| task())))
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let (mut sender, url) = (self.sender()?, url.parse::<Uri>()?);
        self.runtime.block_on(async {
            let request = Request::get(url).body(Empty::new())?;
            let mut body = sender.send_request(request).await?.into_body();
            let mut received = 0;
            while let Some(frame) = body.frame().await {
                received += frame?.data_ref().map_or(0, Bytes::len) as u64;
            }
            check(received, size)
        })
    }
}
