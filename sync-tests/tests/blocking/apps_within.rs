//! The blocking client inside a wait of its own: which thread does what, and applications that wait for themselves.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{get, post};
use bytes::Bytes;
use dimorph::{Client, ErrorKind, Timeout};
use http_body::Frame;

const MS: Duration = Duration::from_millis(1);

fn client_to(app: Router) -> Client {
    let builder = Client::builder().trust_env(false).app(app);
    builder.base_url("http://testserver").build().unwrap()
}

/// A body of some frames; between two of them, a thread wakes it after a while, or nobody ever.
struct Frames {
    left: usize,
    pause: Pause,
    /// A frame may come.
    woken: Arc<Mutex<bool>>,
    threads: Threads,
}

#[derive(Clone, Copy)]
enum Pause {
    None,
    Of(Duration),
    ForEver,
}

/// Which threads polled something.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<HashSet<ThreadId>>>);

impl Threads {
    fn are_only_this_one(&self) -> bool {
        *self.0.lock().unwrap() == HashSet::from([thread::current().id()])
    }
}

impl Frames {
    fn body(left: usize, pause: Pause, threads: &Threads) -> Body {
        Body::new(Frames {
            left,
            pause,
            woken: Arc::default(),
            threads: threads.clone(),
        })
    }

    fn poll_pause(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.pause {
            Pause::None => return Poll::Ready(()),
            _ if std::mem::take(&mut *self.woken.lock().unwrap()) => return Poll::Ready(()),
            Pause::ForEver => {}
            Pause::Of(time) => {
                let (woken, waker) = (self.woken.clone(), cx.waker().clone());
                thread::spawn(move || {
                    thread::sleep(time);
                    *woken.lock().unwrap() = true;
                    waker.wake();
                });
            }
        }
        Poll::Pending
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.threads
            .0
            .lock()
            .unwrap()
            .insert(thread::current().id());
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.poll_pause(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
    }
}

/// Reads such a body, and gives the threads that polled it.
fn read(left: usize, pause: Pause) -> Threads {
    let threads = Threads::default();
    let noted = threads.clone();
    let body = async move || Frames::body(left, pause, &noted);
    let client = client_to(Router::new().route("/", get(body)));
    let response = client.get("/").send().unwrap();
    assert_eq!(response.bytes().unwrap().len(), left * 5);
    threads
}

fn polls_by_itself() {
    assert!(read(100, Pause::None).are_only_this_one());
    assert!(read(3, Pause::Of(5 * MS)).are_only_this_one());
}

#[test]
fn a_plain_thread_polls_the_application_by_itself() {
    polls_by_itself();
}

#[tokio::test]
async fn a_thread_of_spawn_blocking_polls_the_application_by_itself() {
    tokio::task::spawn_blocking(polls_by_itself).await.unwrap();
}

#[tokio::test]
async fn frames_that_are_there_start_no_thread_on_a_runtime_s_thread() {
    assert!(read(1000, Pause::None).are_only_this_one());
    read(3, Pause::Of(5 * MS));
}

async fn length(request: axum::extract::Request) -> String {
    let body = to_bytes(request.into_body(), usize::MAX).await;
    body.map_or_else(|error| error.to_string(), |body| body.len().to_string())
}

/// The outer wait's deadline ends the inner one, which has none.
fn upload_what_never_comes() {
    let down = async || Frames::body(1, Pause::ForEver, &Threads::default());
    let client = client_to(
        Router::new()
            .route("/down", get(down))
            .route("/up", post(length)),
    );
    let down = client.get("/down").send().unwrap();
    let begun = Instant::now();
    let up = client
        .post("/up")
        .body(dimorph::Body::from_reader(down))
        .timeout(Timeout::none().total(100 * MS));
    let error = up.send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error}");
    assert!(begun.elapsed() < 10_000 * MS, "{:?}", begun.elapsed());
}

#[test]
fn the_total_timeout_holds_where_the_upload_is_a_body_that_never_comes() {
    upload_what_never_comes();
}

#[tokio::test]
async fn the_total_timeout_holds_for_such_an_upload_on_a_runtime_s_thread() {
    upload_what_never_comes();
    let elsewhere = tokio::task::spawn_blocking(upload_what_never_comes);
    elsewhere.await.unwrap();
}

/// An application with a runtime of its own, that waits for itself.
#[cfg(feature = "tower-tokio")]
mod on_a_runtime {
    use std::sync::OnceLock;

    use tokio::time::sleep;

    use super::*;

    type Slot = Arc<OnceLock<Client>>;

    fn ask(slot: &Slot, path: &str) -> String {
        let sent = slot.get().unwrap().get(path).send();
        sent.and_then(dimorph::blocking::Response::text)
            .unwrap_or_else(|error| format!("{:?}", error.kind()))
    }

    /// An application whose handlers ask it again, with a blocking client of it.
    fn asking_itself() -> Client {
        let slot = Slot::default();
        let (here, deep, spawned, elsewhere) =
            (slot.clone(), slot.clone(), slot.clone(), slot.clone());
        let slow = async || {
            sleep(10 * MS).await;
            "slow"
        };
        let in_a_task = async move || {
            let task = tokio::spawn(async move { ask(&spawned, "/slow") });
            task.await.unwrap()
        };
        let in_spawn_blocking = async move || {
            let task = tokio::task::spawn_blocking(move || ask(&elsewhere, "/slow"));
            task.await.unwrap()
        };
        let app = Router::new()
            .route("/slow", get(slow))
            .route("/up", post(length))
            .route("/here", get(async move || ask(&here, "/slow")))
            .route("/deep", get(async move || ask(&deep, "/here")))
            .route("/in-a-task", get(in_a_task))
            .route("/in-spawn-blocking", get(in_spawn_blocking))
            .route(
                "/down",
                get(async || {
                    let late = tokio::spawn(sleep(10 * MS));
                    late.await.unwrap();
                    Frames::body(3, Pause::Of(5 * MS), &Threads::default())
                }),
            );
        let client = client_to(app);
        slot.set(client.clone()).unwrap();
        client
    }

    /// The body of one response as the upload of the next request, and handlers that ask their own application.
    fn use_it_within() {
        let client = asking_itself();
        let total = || Timeout::none().total(Duration::from_secs(20));
        let down = client.get("/down").send().unwrap();
        let up = client.post("/up").timeout(total());
        let up = up.body(dimorph::Body::from_reader(down)).send().unwrap();
        assert_eq!(up.text().unwrap(), "15");
        for (path, expected) in [
            ("/here", "slow"),
            ("/deep", "slow"),
            ("/in-spawn-blocking", "slow"),
            // The task holds up the clock that it waits for: that is said, and not waited for.
            ("/in-a-task", "LocalProtocolError"),
            ("/slow", "slow"),
        ] {
            let response = client.get(path).timeout(total()).send().unwrap();
            assert_eq!(response.text().unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn an_application_asks_itself_from_a_plain_thread() {
        use_it_within();
    }

    #[tokio::test]
    async fn an_application_asks_itself_from_a_runtime_s_thread() {
        use_it_within();
        tokio::task::spawn_blocking(use_it_within).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_application_asks_itself_from_a_worker_thread() {
        tokio::spawn(async { use_it_within() }).await.unwrap();
    }

    /// On a runtime's thread a task has a budget, and what yields waits for the scheduler: neither holds up the application.
    #[tokio::test]
    async fn an_application_yields_and_receives_much_on_a_runtime_s_thread() {
        let much = async || {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for number in 0..1000 {
                sender.send(number).unwrap();
            }
            drop(sender);
            let mut sum = 0;
            while let Some(number) = receiver.recv().await {
                sum += number;
            }
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            sum.to_string()
        };
        let client = client_to(Router::new().route("/", get(much)));
        let timeout = Timeout::none().total(Duration::from_secs(20));
        let response = client.get("/").timeout(timeout).send().unwrap();
        assert_eq!(response.text().unwrap(), "499500");
    }

    #[test]
    fn what_an_application_spawned_goes_on_between_calls() {
        let done = Arc::new(Mutex::new(false));
        let tell = done.clone();
        let spawning = async move || {
            tokio::spawn(async move {
                sleep(10 * MS).await;
                *tell.lock().unwrap() = true;
            });
        };
        let client = client_to(Router::new().route("/", get(spawning)));
        client.get("/").send().unwrap();
        let begun = Instant::now();
        while !*done.lock().unwrap() {
            assert!(begun.elapsed() < 10_000 * MS, "the task does not go on");
            thread::sleep(MS);
        }
    }

    const CHILD: &str = "DIMORPH_TEST_FEW_DESCRIPTORS";

    /// In a process of its own, whose limit is changed.
    #[cfg(unix)]
    #[test]
    fn an_application_that_gets_no_runtime_gets_one_later() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        if std::env::var_os(CHILD).is_none() {
            let (_, module) = module_path!().split_once("::").unwrap();
            let name = format!("{module}::an_application_that_gets_no_runtime_gets_one_later");
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &name, "--test-threads", "1", "--nocapture"])
                .env(CHILD, "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{output:?}");
            assert!(said.contains("1 passed"), "{said}");
            return;
        }
        let client = asking_itself();
        let before = getrlimit(Resource::Nofile);
        let few = Rlimit {
            current: Some(3),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, few).unwrap();
        let failures: Vec<_> = (0..2)
            .map(|_| client.get("/slow").send().unwrap_err())
            .collect();
        setrlimit(Resource::Nofile, before).unwrap();
        for error in failures {
            assert_eq!(error.kind(), ErrorKind::ConnectError, "{error}");
            let source = std::error::Error::source(&error).unwrap();
            assert!(source.is::<std::io::Error>(), "{error:?}");
        }
        let response = client.get("/slow").send().unwrap();
        assert_eq!(response.text().unwrap(), "slow");
    }
}
