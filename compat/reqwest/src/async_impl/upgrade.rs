//! Connections that were taken over from HTTP.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::response::Response;
use crate::error::{self, Result};

/// A connection after `101 Switching Protocols` or a CONNECT: bytes both ways.
pub struct Upgraded {
    inner: dimorph::asynchronous::Upgraded,
}

/// The response that can be upgraded, among the extensions of the one that is given out.
#[derive(Clone)]
pub(crate) struct OnUpgrade(Arc<Mutex<Option<dimorph::asynchronous::Response>>>);

impl OnUpgrade {
    pub(crate) fn new(response: dimorph::asynchronous::Response) -> Self {
        OnUpgrade(Arc::new(Mutex::new(Some(response))))
    }

    fn take(&self) -> Option<dimorph::asynchronous::Response> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Response {
    /// Takes the connection over, after the server agreed to change the protocol.
    ///
    /// # Errors
    /// An upgrade error where it did not.
    pub async fn upgrade(mut self) -> Result<Upgraded> {
        let response = self
            .extensions_mut()
            .remove::<OnUpgrade>()
            .and_then(|upgrade| upgrade.take())
            .ok_or_else(|| error::upgrade("the server did not switch protocols"))?;
        let inner = response.upgrade().await;
        let inner = inner.map_err(|error| error::upgrade(error.without_url()))?;
        Ok(Upgraded { inner })
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").finish()
    }
}
