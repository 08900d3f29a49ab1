//! The server of the HTTP/2 workloads: hyper on one thread of the server process, the same for every peer.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue, SERVER};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::{Done, tls};

/// Connections accepted so far: what the children look at to know that their requests shared one.
pub(crate) static ACCEPTED: AtomicU64 = AtomicU64::new(0);

const SMALL: &[u8] = b"Hello, World!";
const PIECE: usize = 256 << 10;

/// Starts the thread, which ends with the process; returns the plain port and that of TLS.
pub(crate) fn start(directory: &Path) -> Done<(u16, u16)> {
    let acceptor = TlsAcceptor::from(tls::server_config(directory, true)?);
    let (plain, secure) = (listener()?, listener()?);
    let ports = (plain.local_addr()?.port(), secure.local_addr()?.port());
    let piece = Bytes::from(vec![b'x'; PIECE]);
    thread::spawn(move || -> Done {
        crate::peers::current_thread()?.block_on(async move {
            tokio::spawn(accept(plain, None, piece.clone()));
            accept(secure, Some(acceptor), piece).await
        })
    });
    Ok(ports)
}

fn listener() -> Done<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, piece: Bytes) -> Done {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        ACCEPTED.fetch_add(1, Ordering::Relaxed);
        let (acceptor, piece) = (acceptor.clone(), piece.clone());
        // A client that goes away ends its task; that is no fault of the server.
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            match acceptor {
                None => connection(stream, piece).await,
                Some(acceptor) => connection(acceptor.accept(stream).await?, piece).await,
            }
        });
    }
}

async fn connection<S>(stream: S, piece: Bytes) -> Done
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let response = answer(&request, &piece);
        async { Ok::<_, Infallible>(response) }
    });
    Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

fn answer(request: &Request<Incoming>, piece: &Bytes) -> Response<Repeated> {
    let path = request.uri().path();
    let size = path.strip_prefix("/bytes/").map(str::parse);
    let body = match (path, size) {
        ("/small", _) => Some(Repeated::new(Bytes::from_static(SMALL), SMALL.len() as u64)),
        (_, Some(Ok(size))) => Some(Repeated::new(piece.clone(), size)),
        _ => None,
    };
    let found = body.is_some();
    let mut response = Response::new(body.unwrap_or_default());
    if !found {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    // As many fields as the raw server sends; hyper adds the content-length.
    let fields = response.headers_mut();
    fields.insert(SERVER, HeaderValue::from_static("bench"));
    fields.insert(
        DATE,
        HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"),
    );
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A body that repeats one piece up to its length.
#[derive(Debug, Default)]
struct Repeated {
    piece: Bytes,
    left: u64,
}

impl Repeated {
    fn new(piece: Bytes, length: u64) -> Self {
        Self {
            piece,
            left: length,
        }
    }
}

impl Body for Repeated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(self.piece.len() as u64);
        self.left -= length;
        Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
