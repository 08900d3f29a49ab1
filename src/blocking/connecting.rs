//! What runs around the step that connects, in the blocking form.

use std::time::Instant;

use super::core::dial::{Dialed, Limits, dial};
use super::core::send::Trip;
use super::{Client, ClientBuilder};
use crate::dial::not_connected;
use crate::error::Result;

/// Runs around the step that connects.
pub(crate) type AroundConnect = dyn Fn(&mut dyn FnMut() -> Result<()>) -> Result<()> + Send + Sync;

impl ClientBuilder {
    /// Calls a function for each new connection, which calls the step given to it: name, TCP, proxy, TLS. Several wrap one
    /// another, the last given outermost. An error that it returns ends the request;
    /// that the connect timeout has passed is noticed when it returns.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::blocking::Client;
    /// use std::time::Instant;
    ///
    /// let client = Client::builder()
    ///     .around_connect(|connect| {
    ///         let started = Instant::now();
    ///         let connected = connect();
    ///         println!("connected within {:?}", started.elapsed());
    ///         connected
    ///     })
    ///     .build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn around_connect(
        mut self,
        around: impl Fn(&mut dyn FnMut() -> Result<()>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.plugs.around_connect.push(Box::new(around));
        self
    }
}

impl Client {
    /// Opens a connection.
    pub(crate) fn dial(&self, trip: &Trip<'_>) -> Result<Dialed> {
        let around = self.around_connect();
        if around.is_empty() {
            return dial(self.config(), trip);
        }
        let limits = Limits::of(self.config(), trip);
        let mut made = None;
        wrapped(around, &mut || {
            made = Some(dial(self.config(), trip)?);
            Ok(())
        })?;
        match limits.deadline() {
            Some(deadline) if Instant::now() >= deadline => Err(limits.passed(trip)),
            _ => made.ok_or_else(not_connected),
        }
    }
}

fn wrapped(around: &[Box<AroundConnect>], step: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    match around.split_last() {
        None => step(),
        Some((outermost, inner)) => outermost(&mut || wrapped(inner, step)),
    }
}
