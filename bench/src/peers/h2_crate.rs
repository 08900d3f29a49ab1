//! The crate h2 alone: no pool, no URL and no body type, one task for the connection.

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use hyper::{Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;

use super::{Peer, check, connect, current_thread};
use crate::Done;
use crate::workload::Setup;

pub(crate) struct H2 {
    runtime: Runtime,
    setup: Setup,
    open: Option<SendRequest<Bytes>>,
}

impl H2 {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        Ok(Self {
            runtime: current_thread()?,
            setup: setup.clone(),
            open: None,
        })
    }

    fn sender(&mut self) -> Done<SendRequest<Bytes>> {
        if let Some(sender) = &self.open {
            return Ok(sender.clone());
        }
        let setup = &self.setup;
        let sender = self.runtime.block_on(async {
            match &setup.tls {
                None => handshake(connect::plain(setup).await?).await,
                Some(config) => handshake(connect::tls(setup, config).await?).await,
            }
        })?;
        self.open = Some(sender.clone());
        Ok(sender)
    }
}

async fn handshake<S>(stream: S) -> Done<SendRequest<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // hyper's windows; its own are 64 KiB.
    let (sender, connection): (_, Connection<_>) = Builder::new()
        .enable_push(false)
        .initial_window_size(2 << 20)
        .initial_connection_window_size(5 << 20)
        .handshake(stream)
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One request, its body read piece by piece; the bytes that came.
async fn get(sender: &SendRequest<Bytes>, url: &Uri) -> Done<u64> {
    let mut sender = sender.clone().ready().await?;
    let request = Request::get(url.clone()).body(())?;
    let (response, _) = sender.send_request(request, true)?;
    let mut body = response.await?.into_body();
    let mut received = 0;
    while let Some(chunk) = body.data().await {
        let length = chunk?.len();
        body.flow_control().release_capacity(length)?;
        received += length as u64;
    }
    Ok(received)
}

impl Peer for H2 {
    fn get(&mut self, url: &str, times: usize) -> Done {
        let (sender, url) = (self.sender()?, url.parse()?);
        self.runtime.block_on(async {
            for _ in 0..times {
                get(&sender, &url).await?;
            }
            Ok(())
        })
    }

    fn get_tasks(&mut self, url: &str, times: usize, tasks: usize) -> Done {
        let (sender, url) = (self.sender()?, url.parse::<Uri>()?);
        let task = || {
            let (sender, url) = (sender.clone(), url.clone());
            async move {
                for _ in 0..times / tasks {
                    get(&sender, &url).await?;
                }
                Ok(())
            }
        };
        self.runtime
            .block_on(super::join((0..tasks).map(|_| task())))
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let (sender, url) = (self.sender()?, url.parse()?);
        let received = self.runtime.block_on(get(&sender, &url))?;
        check(received, size)
    }
}
