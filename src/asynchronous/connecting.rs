//! What runs around the step that connects, in the async form.

use super::core::dial::{Dialed, Limits, dial};
use super::core::send::Trip;
use super::{BoxFuture, Client, ClientBuilder, rt};
use crate::dial::not_connected;
use crate::error::Result;

/// Runs around the step that connects.
pub(crate) type AroundConnect =
    dyn for<'a> Fn(BoxFuture<'a, Result<()>>) -> BoxFuture<'a, Result<()>> + Send + Sync;

impl ClientBuilder {
    /// Wraps the future of each new connection: the one given in is the whole step (name, TCP, proxy, TLS), the one returned
    /// runs in its place, within the connect timeout. Several wrap one another, the last given outermost. An error that it gives ends the request.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::asynchronous::Client;
    /// use std::time::Instant;
    ///
    /// let client = Client::builder()
    ///     .around_connect(|connect| {
    ///         Box::pin(async move {
    ///             let started = Instant::now();
    ///             let connected = connect.await;
    ///             println!("connected within {:?}", started.elapsed());
    ///             connected
    ///         })
    ///     })
    ///     .build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn around_connect(
        mut self,
        around: impl for<'a> Fn(BoxFuture<'a, Result<()>>) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.plugs.around_connect.push(Box::new(around));
        self
    }
}

impl Client {
    /// Opens a connection.
    pub(crate) async fn dial(&self, trip: &Trip<'_>) -> Result<Dialed> {
        let around = self.around_connect();
        if around.is_empty() {
            return dial(self.config(), trip).await;
        }
        let mut made = None;
        let slot = &mut made;
        let mut step: BoxFuture<'_, Result<()>> = Box::pin(async move {
            *slot = Some(dial(self.config(), trip).await?);
            Ok(())
        });
        for wrap in around {
            step = wrap(step);
        }
        let limits = Limits::of(self.config(), trip);
        match rt::drive(step, limits.deadline()).await {
            Some(connected) => connected?,
            None => return Err(limits.passed(trip)),
        }
        made.ok_or_else(not_connected)
    }
}
