//! One connection of the hyper server, from its handshake to its end.

use std::convert::Infallible;
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use socket2::SockRef;
use sync_tests::certs::certs;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};
use tokio_rustls::TlsAcceptor;

use super::super::tap::Tap;
use super::answers::{self, Content};
use super::{Order, Plan, Seen};

/// A connection, as its requests see it.
pub(super) struct Link {
    pub(super) number: usize,
    pub(super) cut: Notify,
    pub(super) shut: Notify,
    /// It is cut by a reset.
    resets: AtomicBool,
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// Serves a client until it or the server ends the connection.
pub(super) async fn serve(
    socket: TcpStream,
    plan: Arc<Plan>,
    seen: Arc<Seen>,
    mut orders: broadcast::Receiver<Order>,
) {
    let number = seen.connections.fetch_add(1, Ordering::SeqCst);
    let _open = seen.open.one();
    let _ = socket.set_nodelay(true);
    // A second handle, by which the end can become a reset; the socket is open as long as one of them.
    let socket = socket.into_std().unwrap();
    let handle = socket.try_clone().unwrap();
    let socket = TcpStream::from_std(socket).unwrap();
    let socket: Box<dyn Both> = match &plan.tls {
        None => Box::new(socket),
        Some(alpn) => match TlsAcceptor::from(tls(alpn)).accept(socket).await {
            Ok(socket) => Box::new(socket),
            Err(_) => return,
        },
    };
    let socket = TokioIo::new(Tap::new(
        socket,
        Arc::clone(&seen.frames),
        Arc::clone(&seen.frames_sent),
    ));
    let link = Arc::new(Link {
        number,
        cut: Notify::new(),
        shut: Notify::new(),
        resets: AtomicBool::new(false),
    });
    let service = service_fn({
        let (plan, seen, link) = (Arc::clone(&plan), Arc::clone(&seen), Arc::clone(&link));
        move |request| {
            let answer = answers::answer(
                request,
                Arc::clone(&plan),
                Arc::clone(&seen),
                Arc::clone(&link),
            );
            async move { Ok::<_, Infallible>(answer.await) }
        }
    });
    if served(socket, service, &plan, &link, &mut orders).await {
        linger(handle).await;
    } else if link.resets.load(Ordering::SeqCst) {
        let _ = SockRef::from(&handle).set_linger(Some(Duration::ZERO));
    }
}

/// Serves a connection to its end; tells whether that was an orderly one.
async fn served<S, F>(
    socket: TokioIo<Tap<Box<dyn Both>>>,
    service: S,
    plan: &Plan,
    link: &Link,
    orders: &mut broadcast::Receiver<Order>,
) -> bool
where
    S: Service<Request<Incoming>, Response = Response<Content>, Error = Infallible, Future = F>,
    F: Future<Output = Result<Response<Content>, Infallible>> + Send + 'static,
{
    let builder = builder(plan);
    let mut serving = pin!(builder.serve_connection(socket, service));
    loop {
        let order = tokio::select! {
            ended = serving.as_mut() => return ended.is_ok(),
            () = link.cut.notified() => {
                let resets = link.number.is_multiple_of(2);
                link.resets.store(resets, Ordering::SeqCst);
                return false;
            }
            () = link.shut.notified() => Ok(Order::Shut),
            order = orders.recv() => order,
        };
        match order {
            Ok(Order::Shut) => serving.as_mut().graceful_shutdown(),
            Ok(Order::Cut | Order::Stop) | Err(RecvError::Closed) => return false,
            Err(RecvError::Lagged(_)) => {}
        }
    }
}

/// Takes what the client says after the end, as nginx does: a socket closed with that unread would be reset, and what was sent lost.
async fn linger(handle: std::net::TcpStream) {
    let _ = handle.shutdown(Shutdown::Write);
    let mut socket = TcpStream::from_std(handle).unwrap();
    let mut nowhere = tokio::io::sink();
    let rest = tokio::io::copy(&mut socket, &mut nowhere);
    let _ = tokio::time::timeout(Duration::from_secs(2), rest).await;
}

fn builder(plan: &Plan) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).adaptive_window(false);
    // As many as the tests drop at once, and no defence against them.
    http2.max_pending_accept_reset_streams(Some(100_000));
    http2.max_concurrent_streams(plan.streams.unwrap_or(300));
    builder
}

fn tls(alpn: &[&str]) -> Arc<ServerConfig> {
    let mut config = (*certs().good()).clone();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}
