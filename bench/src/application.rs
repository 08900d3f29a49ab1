//! An axum application of fifty routes, asked in process and over loopback: wall time, since the server's work belongs to both.
//!
//! The server runs on a thread of this process, pinned to the same CPU as everything else. Each route is asked in its turn, over a
//! connection that is kept. A round asks both ways, in turns, and takes the ratio of the two.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use dimorph::{AsyncClient, Client};
use tokio::runtime::Runtime;

use crate::Done;
use crate::measure::{Spent, Spread};
use crate::options::Options;

/// The name of the row.
pub(crate) const APPLICATION: &str = "app";

const ROUTES: usize = 50;

/// What an application in process must be faster by, at least.
pub(crate) const AT_LEAST: f64 = 5.0;

/// Requests per second of one form, and their ratio.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) form: &'static str,
    pub(crate) in_process: Spread,
    pub(crate) over_loopback: Spread,
    pub(crate) ratio: Spread,
}

/// Measures both forms.
pub(crate) fn figures(options: &Options) -> Done<Vec<Figures>> {
    let times = if options.quick { 20 } else { 100 } * ROUTES;
    let address = serve()?;
    let blocking = Blocking::new(address)?;
    let asynchronous = Async::new(address)?;
    Ok(vec![
        blocking.figures("dimorph", options.rounds, times)?,
        asynchronous.figures("dimorph-async", options.rounds, times)?,
    ])
}

fn application() -> Router {
    (0..ROUTES).fold(Router::new(), |router, number| {
        let answer =
            async move |Path(id): Path<u32>| format!("{{\"route\": {number}, \"id\": {id}}}");
        router.route(&format!("/section{number}/items/{{id}}"), get(answer))
    })
}

/// Starts the application behind a socket; its thread ends with the process.
fn serve() -> Done<SocketAddr> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || -> Done {
        super::peers::current_thread()?.block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            tell.send(listener.local_addr()?)?;
            let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
                // Without it small answers may wait for an acknowledgement.
                let _ = socket.set_nodelay(true);
            });
            axum::serve(listener, application()).await?;
            Ok(())
        })
    });
    Ok(told.recv()?)
}

fn paths() -> Vec<String> {
    let path = |number| format!("/section{number}/items/{}", number * 7);
    (0..ROUTES).map(path).collect()
}

/// One form of the client, over both ways.
trait Form {
    /// So many requests, in process or over loopback.
    fn ask(&self, in_process: bool, times: usize) -> Done;

    fn figures(&self, form: &'static str, rounds: usize, times: usize) -> Done<Figures> {
        let rate = |in_process| -> Done<f64> {
            let spent = Spent::during(|| self.ask(in_process, times))?;
            Ok(times as f64 / spent.wall.as_secs_f64())
        };
        self.ask(true, ROUTES)?;
        self.ask(false, ROUTES)?;
        let mut rates = Vec::new();
        for _ in 0..rounds.max(1) {
            rates.push((rate(true)?, rate(false)?));
        }
        let spread = |of: fn(&(f64, f64)) -> f64| {
            Spread::of(rates.iter().map(of)).ok_or("there is at least one round")
        };
        Ok(Figures {
            form,
            in_process: spread(|rates| rates.0)?,
            over_loopback: spread(|rates| rates.1)?,
            ratio: spread(|rates| rates.0 / rates.1)?,
        })
    }
}

struct Blocking {
    ways: [Client; 2],
    paths: Vec<String>,
}

impl Blocking {
    fn new(address: SocketAddr) -> Done<Self> {
        let builder = |base: String| Client::builder().trust_env(false).base_url(base);
        let loopback = builder(format!("http://{address}")).build()?;
        let app = builder("http://testserver".to_owned()).app(application());
        Ok(Self {
            ways: [loopback, app.build()?],
            paths: paths(),
        })
    }
}

impl Form for Blocking {
    fn ask(&self, in_process: bool, times: usize) -> Done {
        let client = &self.ways[usize::from(in_process)];
        for path in self.paths.iter().cycle().take(times) {
            let response = client.get(path).send()?;
            check(response.status(), &response.bytes()?)?;
        }
        Ok(())
    }
}

struct Async {
    runtime: Runtime,
    ways: [AsyncClient; 2],
    paths: Vec<String>,
}

impl Async {
    fn new(address: SocketAddr) -> Done<Self> {
        let builder = |base: String| AsyncClient::builder().trust_env(false).base_url(base);
        let loopback = builder(format!("http://{address}")).build()?;
        let app = builder("http://testserver".to_owned()).app(application());
        Ok(Self {
            runtime: super::peers::current_thread()?,
            ways: [loopback, app.build()?],
            paths: paths(),
        })
    }
}

impl Form for Async {
    fn ask(&self, in_process: bool, times: usize) -> Done {
        let client = &self.ways[usize::from(in_process)];
        self.runtime.block_on(async {
            for path in self.paths.iter().cycle().take(times) {
                let response = client.get(path).send().await?;
                check(response.status(), &response.bytes().await?)?;
            }
            Ok(())
        })
    }
}

fn check(status: dimorph::StatusCode, body: &[u8]) -> Done {
    if status == 200 && body.starts_with(b"{\"route\"") {
        Ok(())
    } else {
        Err(format!("{status}, {} bytes", body.len()).into())
    }
}
