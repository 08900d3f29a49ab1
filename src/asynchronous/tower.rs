//! Between the async client and tower's services, both ways.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use tower_service::Service;

use super::{BoxFuture, Client, Response, Transport, rt};
use crate::body::Body;
use crate::error::{BoxError, Error, Phase, Result};
use crate::request::Request;
use crate::transport::{Deadline, FromService, IntoService};

/// Through a service: ready first, then called, on the same clone.
impl<S> Transport for FromService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    fn send(&self, mut request: Request) -> BoxFuture<'_, Result<Response>> {
        let mut service = self.service();
        Box::pin(async move {
            let deadline = Deadline::of(&request, Instant::now());
            let ready = poll_fn(|cx| service.poll_ready(cx));
            match rt::drive(Box::pin(ready), deadline.end()).await {
                Some(ready) => ready.map_err(Error::other)?,
                None => return Err(deadline.passed(Phase::Pool)),
            }
            deadline.shorten(&mut request, Instant::now());
            service.call(request).await.map_err(Error::other)
        })
    }
}

impl<T: Transport + 'static> Service<Request> for IntoService<T> {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let transport = self.transport.clone();
        Box::pin(async move { transport.send(request).await })
    }
}

/// A client is a service of requests: of dimorph's own, and of the `http` crate's, which are answered in kind.
macro_rules! client_as_service {
    ($($client:ty),+) => {$(
        /// Sends a request as [`send`](Client::send) does; always ready.
        impl Service<Request> for $client {
            type Response = Response;
            type Error = Error;
            type Future = BoxFuture<'static, Result<Response>>;

            fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request) -> Self::Future {
                let client = self.clone();
                Box::pin(async move { client.send(request).await })
            }
        }

        /// Sends a request as [`send`](Client::send) does; always ready. Where a content coding was taken off the body, the fields that
        /// describe it are gone too.
        impl<B: Into<Body>> Service<http::Request<B>> for $client {
            type Response = http::Response<Body>;
            type Error = Error;
            type Future = BoxFuture<'static, Result<http::Response<Body>>>;

            fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<B>) -> Self::Future {
                let client = self.clone();
                let request = Request::try_from(request);
                Box::pin(async move {
                    let response = client.send(request?).await?;
                    Ok(response.into())
                })
            }
        }
    )+};
}

client_as_service!(Client, &Client);
