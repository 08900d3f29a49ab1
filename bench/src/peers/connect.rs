//! Opening a connection for those peers that are given one.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Done;
use crate::workload::Setup;

pub(super) async fn plain(setup: &Setup) -> Done<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", setup.port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(super) async fn tls(setup: &Setup, config: &Arc<ClientConfig>) -> Done<TlsStream<TcpStream>> {
    let name = ServerName::try_from("127.0.0.1")?;
    let stream = plain(setup).await?;
    Ok(TlsConnector::from(config.clone())
        .connect(name, stream)
        .await?)
}
