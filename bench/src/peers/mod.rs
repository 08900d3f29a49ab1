//! The clients under measure behind one trait, each by the fastest reasonable way through its public API.

use std::path::Path;

use bytes::Bytes;

mod connect;
mod dimorph_async;
mod dimorph_blocking;
mod h2_crate;
mod hyper_connection;
mod hyper_http2;
mod hyper_util;
mod reqwest_async;
mod reqwest_blocking;
mod ureq_agent;

use crate::Done;
use crate::floor::Floor;
use crate::floor_http2::FloorHttp2;
use crate::workload::Setup;

pub(crate) const FLOOR: &str = "floor";

/// Every peer in the order of the table.
pub(crate) const NAMES: &[&str] = &[
    FLOOR,
    "dimorph",
    "dimorph-async",
    "ureq",
    "h2",
    "hyper",
    "hyper-util",
    "reqwest",
    "reqwest-blocking",
];

/// Where the heap is looked at while many connections are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Each has a response whose head and half a body have been read.
    InFlight,
    /// Each has been given back whole.
    Idle,
}

/// A client. What it cannot do, by its nature or its API, is [`NotOffered`].
pub(crate) trait Peer {
    /// Requests one after the other, each body collected whole.
    fn get(&mut self, url: &str, times: usize) -> Done;

    /// The same from so many tasks of one thread.
    fn get_tasks(&mut self, _url: &str, _times: usize, _tasks: usize) -> Done {
        Err(NotOffered.into())
    }

    /// The same from so many threads on one client.
    fn get_threads(&mut self, _url: &str, _times: usize, _threads: usize) -> Done {
        Err(NotOffered.into())
    }

    /// One response read piece by piece, which must have that many bytes.
    fn download(&mut self, url: &str, size: u64) -> Done;

    /// One POST of bytes in memory.
    fn upload(&mut self, _url: &str, _body: &Bytes) -> Done {
        Err(NotOffered.into())
    }

    /// One POST of a file, with its length announced.
    fn upload_file(&mut self, _url: &str, _file: &Path) -> Done {
        Err(NotOffered.into())
    }

    /// Opens so many connections, each with a response half read; calls back, reads the rest, calls back.
    fn hold(&mut self, _url: &str, _count: usize, _at: &mut dyn FnMut(Stage) -> Done) -> Done {
        Err(NotOffered.into())
    }

    /// Makes one client with default settings and drops it.
    fn construct(&mut self) -> Done {
        Err(NotOffered.into())
    }
}

/// The peer has nothing of the kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotOffered;

impl std::fmt::Display for NotOffered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("not offered")
    }
}

impl std::error::Error for NotOffered {}

pub(crate) fn make(name: &str, setup: &Setup) -> Done<Box<dyn Peer>> {
    Ok(match name {
        FLOOR if setup.http2 => Box::new(FloorHttp2::new(setup)),
        FLOOR => Box::new(Floor::new(setup)),
        "dimorph" => Box::new(dimorph_blocking::Blocking::new(setup)?),
        "dimorph-async" => Box::new(dimorph_async::Async::new(setup)?),
        "ureq" if setup.http2 => return Err(NotOffered.into()),
        "ureq" => Box::new(ureq_agent::Ureq::new(setup)?),
        "h2" if !setup.http2 => return Err(NotOffered.into()),
        "h2" => Box::new(h2_crate::H2::new(setup)?),
        "hyper" if setup.http2 => Box::new(hyper_http2::HyperHttp2::new(setup)?),
        "hyper" => Box::new(hyper_connection::Hyper::new(setup)?),
        "hyper-util" => Box::new(hyper_util::HyperUtil::new(setup)?),
        "reqwest" => Box::new(reqwest_async::Reqwest::new(setup)?),
        "reqwest-blocking" => Box::new(reqwest_blocking::ReqwestBlocking::new(setup)?),
        _ => return Err(format!("no peer {name}; there are {}", NAMES.join(", ")).into()),
    })
}

/// The buffer of those that read into the caller's.
const PIECE: usize = 256 << 10;

/// The runtime of every async peer.
pub(crate) fn current_thread() -> Done<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Says that a body has not the length it should have.
fn check(received: u64, size: u64) -> Done {
    if received == size {
        Ok(())
    } else {
        Err(format!("{received} bytes of {size}").into())
    }
}

/// How long connections may take to find back to their pool.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(50);

async fn settle() {
    tokio::time::sleep(SETTLE).await;
}

/// Runs tasks side by side on this thread's runtime.
async fn join<F>(tasks: impl Iterator<Item = F>) -> Done
where
    F: Future<Output = Done> + Send + 'static,
{
    let running: Vec<_> = tasks.map(tokio::spawn).collect();
    for task in running {
        task.await??;
    }
    Ok(())
}
