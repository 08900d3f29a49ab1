//! What each row of the table does, and how often.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::Done;
use crate::peers::Peer;

/// Requests in flight in W2, threads in W2b.
pub(crate) const TASKS: usize = 64;
pub(crate) const THREADS: usize = 32;

/// HTTP/2 streams open at once in W7.
pub(crate) const STREAMS: usize = 100;

/// The bytes of the decoded W10 body.
pub(crate) const GZIP_BODY: usize = 1 << 20;

/// Bodies sent from memory are at most this long; a larger `--size` sends several.
const UPLOAD_PIECE: u64 = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Small,
    SmallTls,
    Tasks,
    Threads,
    Download,
    DownloadChunked,
    DownloadTls,
    Upload,
    UploadFile,
    UploadTls,
    Connect,
    ConnectTls,
    Gzip,
    Streams,
    StreamsTls,
    StreamThreads,
    StreamDownload,
    StreamDownloadTls,
    New,
}

impl Workload {
    pub(crate) const ALL: [Self; 19] = [
        Self::Small,
        Self::SmallTls,
        Self::Tasks,
        Self::Threads,
        Self::Download,
        Self::DownloadChunked,
        Self::DownloadTls,
        Self::Upload,
        Self::UploadFile,
        Self::UploadTls,
        Self::Connect,
        Self::ConnectTls,
        Self::Gzip,
        Self::Streams,
        Self::StreamsTls,
        Self::StreamThreads,
        Self::StreamDownload,
        Self::StreamDownloadTls,
        Self::New,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "W1",
            Self::SmallTls => "W1-tls",
            Self::Tasks => "W2",
            Self::Threads => "W2b",
            Self::Download => "W3",
            Self::DownloadChunked => "W3-chunked",
            Self::DownloadTls => "W3-tls",
            Self::Upload => "W4",
            Self::UploadFile => "W4-file",
            Self::UploadTls => "W4-tls",
            Self::Connect => "W5",
            Self::ConnectTls => "W5-tls",
            Self::Gzip => "W10",
            Self::Streams => "W7",
            Self::StreamsTls => "W7-tls",
            Self::StreamThreads => "W7b",
            Self::StreamDownload => "W7-bulk",
            Self::StreamDownloadTls => "W7-bulk-tls",
            Self::New => "new",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Small => "small GET, keep-alive",
            Self::SmallTls => "small GET, keep-alive, TLS",
            Self::Tasks => "small GET, 64 in flight",
            Self::Threads => "small GET, 32 threads on one client",
            Self::Download => "download, content-length",
            Self::DownloadChunked => "download, chunked",
            Self::DownloadTls => "download, TLS",
            Self::Upload => "upload from memory",
            Self::UploadFile => "upload from a file",
            Self::UploadTls => "upload from memory, TLS",
            Self::Connect => "new connection per request",
            Self::ConnectTls => "new connection per request, TLS resumed",
            Self::Gzip => "1 MiB body, gzip",
            Self::Streams => "small GET, 100 HTTP/2 streams",
            Self::StreamsTls => "small GET, 100 HTTP/2 streams, TLS",
            Self::StreamThreads => "small GET, 32 threads on one HTTP/2 connection",
            Self::StreamDownload => "download over one HTTP/2 stream",
            Self::StreamDownloadTls => "download over one HTTP/2 stream, TLS",
            Self::New => "`Client::new()` after the first",
        }
    }

    pub(crate) fn parse(name: &str) -> Done<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|workload| workload.name() == name);
        found.ok_or_else(|| format!("no workload {name}").into())
    }

    pub(crate) fn is_tls(self) -> bool {
        matches!(
            self,
            Self::SmallTls
                | Self::DownloadTls
                | Self::UploadTls
                | Self::ConnectTls
                | Self::StreamsTls
                | Self::StreamDownloadTls
        )
    }

    /// Whether the client is to speak HTTP/2: by prior knowledge, or over TLS by ALPN.
    pub(crate) fn is_http2(self) -> bool {
        matches!(
            self,
            Self::Streams
                | Self::StreamsTls
                | Self::StreamThreads
                | Self::StreamDownload
                | Self::StreamDownloadTls
        )
    }

    /// Whether one operation moves `--size` bytes and takes long.
    pub(crate) fn is_large(self) -> bool {
        matches!(
            self,
            Self::Download
                | Self::DownloadChunked
                | Self::DownloadTls
                | Self::Upload
                | Self::UploadFile
                | Self::UploadTls
                | Self::StreamDownload
                | Self::StreamDownloadTls
        )
    }

    /// Operations in one round, so that a round takes some tenths of a second.
    pub(crate) fn operations(self, quick: bool) -> usize {
        let operations = match self {
            Self::Small | Self::SmallTls => 4000,
            Self::Tasks => 100 * TASKS,
            Self::Threads => 100 * THREADS,
            Self::Streams | Self::StreamsTls => 400 * STREAMS,
            Self::StreamThreads => 400 * THREADS,
            Self::Connect => 600,
            Self::ConnectTls => 200,
            Self::Gzip => 60,
            Self::New => 40,
            // A ratio is asked of it: small bodies alone would be too little for one.
            Self::StreamDownload | Self::StreamDownloadTls if quick => return 4,
            _ => return 1,
        };
        if quick { operations / 10 } else { operations }
    }

    /// Operations before the measured ones: connections opened, buffers grown, tickets received.
    fn warm_up(self) -> usize {
        match self {
            Self::Tasks => TASKS * 2,
            Self::Threads | Self::StreamThreads => THREADS * 2,
            Self::Streams | Self::StreamsTls => STREAMS * 2,
            Self::New => 1,
            _ => 20,
        }
    }
}

/// What a peer is built from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) port: u16,
    /// Trusts the server's certificate; shared by those peers that take one, so resumption works alike.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    /// The authority's certificate, for those that take no configuration.
    pub(crate) ca: Vec<u8>,
    pub(crate) gzip: bool,
    pub(crate) http2: bool,
}

impl Setup {
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }
}

/// One workload ready to run on any peer.
#[derive(Debug)]
pub(crate) struct Job {
    workload: Workload,
    path: String,
    body: Bytes,
    file: PathBuf,
    size: u64,
}

impl Job {
    pub(crate) fn new(workload: Workload, size: u64, file: PathBuf) -> Self {
        let path = match workload {
            Workload::Download
            | Workload::DownloadTls
            | Workload::StreamDownload
            | Workload::StreamDownloadTls => format!("/bytes/{size}"),
            Workload::DownloadChunked => format!("/chunked/{size}"),
            Workload::Upload | Workload::UploadFile | Workload::UploadTls => "/upload".to_owned(),
            Workload::Connect | Workload::ConnectTls => "/once".to_owned(),
            Workload::Gzip => "/gzip".to_owned(),
            _ => "/small".to_owned(),
        };
        let body = match workload {
            // Touched here, so that no peer pays for the first use of the pages.
            Workload::Upload | Workload::UploadTls => {
                vec![b'x'; size.min(UPLOAD_PIECE) as usize].into()
            }
            _ => Bytes::new(),
        };
        Self {
            workload,
            path,
            body,
            file,
            size,
        }
    }

    pub(crate) fn warm_up(&self, peer: &mut dyn Peer, setup: &Setup) -> Done {
        match self.workload {
            Workload::Download
            | Workload::DownloadTls
            | Workload::StreamDownload
            | Workload::StreamDownloadTls => {
                peer.download(&setup.url(&format!("/bytes/{}", 8 << 20)), 8 << 20)
            }
            Workload::DownloadChunked => {
                peer.download(&setup.url(&format!("/chunked/{}", 8 << 20)), 8 << 20)
            }
            Workload::Upload | Workload::UploadTls => {
                let piece = self.body.len().min(8 << 20);
                peer.upload(&setup.url(&self.path), &self.body.slice(..piece))
            }
            Workload::UploadFile => peer.upload(&setup.url(&self.path), &Bytes::from_static(b"x")),
            _ => self.run(peer, setup, self.workload.warm_up()),
        }
    }

    pub(crate) fn run(&self, peer: &mut dyn Peer, setup: &Setup, times: usize) -> Done {
        let url = setup.url(&self.path);
        match self.workload {
            Workload::Small
            | Workload::SmallTls
            | Workload::Connect
            | Workload::ConnectTls
            | Workload::Gzip => peer.get(&url, times),
            Workload::Tasks => peer.get_tasks(&url, times, TASKS),
            Workload::Streams | Workload::StreamsTls => peer.get_tasks(&url, times, STREAMS),
            Workload::Threads | Workload::StreamThreads => peer.get_threads(&url, times, THREADS),
            Workload::Download
            | Workload::DownloadChunked
            | Workload::DownloadTls
            | Workload::StreamDownload
            | Workload::StreamDownloadTls => {
                (0..times).try_for_each(|_| peer.download(&url, self.size))
            }
            Workload::Upload | Workload::UploadTls => {
                let pieces = self.size.div_ceil(UPLOAD_PIECE);
                (0..times as u64 * pieces).try_for_each(|_| peer.upload(&url, &self.body))
            }
            Workload::UploadFile => (0..times).try_for_each(|_| peer.upload_file(&url, &self.file)),
            Workload::New => (0..times).try_for_each(|_| peer.construct()),
        }
    }
}
