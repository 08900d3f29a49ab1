//! Runs applications on the calling thread, without a runtime.

use std::any::Any;
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use http_body::Frame;

use super::poll_until;
use crate::body::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::AppBody;

/// What drives an application: the thread that waits for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runner;

impl Runner {
    pub(crate) fn of(_slot: &OnceLock<Box<dyn Any + Send + Sync>>) -> Result<Runner> {
        Ok(Runner)
    }

    /// Leaves a body as it is: whoever polls it may wait for it.
    pub(crate) fn feed(body: Body) -> Body {
        body
    }

    /// Runs a future to its end, or `TotalTimeout`.
    pub(crate) fn run<T>(
        &self,
        future: impl Future<Output = Result<T>>,
        deadline: Option<Instant>,
    ) -> Result<T> {
        let mut future = pin!(future);
        poll_until(|cx| future.as_mut().poll(cx), deadline)
            .unwrap_or_else(|| Err(Error::timeout(ErrorKind::TotalTimeout, None)))
    }

    /// Waits for the next frame of a body.
    pub(crate) fn frame(
        &self,
        body: &mut AppBody,
        deadline: Option<Instant>,
    ) -> Result<Option<Frame<Bytes>>> {
        poll_until(|cx| body.as_mut().poll_frame(cx), deadline)
            .unwrap_or_else(|| Some(Err(Error::timeout(ErrorKind::TotalTimeout, None))))
            .transpose()
    }
}
