//! Runs applications on the calling thread, without a runtime.

use std::any::Any;
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use http_body::Frame;

use super::poll_until;
use crate::error::Result;
use crate::transport::AppBody;

/// What drives an application: the thread that waits for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runner;

impl Runner {
    pub(crate) fn of(_slot: &OnceLock<Box<dyn Any + Send + Sync>>) -> Runner {
        Runner
    }

    /// Runs a future to its end; `None`: the deadline came first.
    pub(crate) fn run<T>(
        &self,
        future: impl Future<Output = T>,
        deadline: Option<Instant>,
    ) -> Option<T> {
        let mut future = pin!(future);
        poll_until(|cx| future.as_mut().poll(cx), deadline)
    }

    /// Waits for the next frame of a body.
    pub(crate) fn frame(
        &self,
        body: &mut AppBody,
        deadline: Option<Instant>,
    ) -> Option<Option<Result<Frame<Bytes>>>> {
        poll_until(|cx| body.as_mut().poll_frame(cx), deadline)
    }
}
