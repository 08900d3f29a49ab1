//! HTTP/2 against servers that others wrote: hyper, nghttpd, nginx and Apache httpd.

mod apache;
pub(crate) mod content;
mod hyper;
mod hyper_ends;
pub(crate) mod hyper_server;
mod hyper_tls;
mod nghttpd;
mod nginx;
mod peers;
pub(crate) mod tap;

use dimorph::{Body, StreamId, Timeout};

pub(super) use super::{common, dual, form, form_test, form_util};
use content::{Check, large};
use form::{Client, ClientBuilder, Response};
use form_util::Task;

/// Begins a client that speaks HTTP/2 to `http` URLs too.
pub(crate) fn knowing() -> ClientBuilder {
    // A machine with more to do than these tests is no fault.
    let patience = Timeout::new(common::ms(60_000));
    common::builder().http2_prior_knowledge().timeout(patience)
}

/// Makes a client that speaks HTTP/2 to `http` URLs too.
pub(crate) fn client() -> Client {
    knowing().build().unwrap()
}

#[dual]
pub(crate) async fn get(client: &Client, url: String) -> Response {
    client.get(url).send().await.unwrap()
}

#[dual]
pub(crate) async fn text(client: &Client, url: String) -> String {
    let response = get(client, url).await;
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

/// Downloads so many bytes of the large content piece by piece, and compares each.
#[dual]
pub(crate) async fn download(client: &Client, url: String, size: usize) {
    let mut response = get(client, url).await;
    let mut check = Check::default();
    while let Some(piece) = response.chunk().await.unwrap() {
        check.piece(&piece);
    }
    assert_eq!(check.total(), size);
    assert_eq!(response.num_bytes_downloaded(), size as u64);
}

/// Waits for what has all it needs to end; a task that was not woken is found, though a timeout would end it in the end.
#[dual]
pub(crate) async fn joined<T: Send + 'static>(task: Task<T>) -> T {
    let mut ended = false;
    for _ in 0..4 {
        ended = ended || form_util::until(|| task.is_finished()).await;
    }
    assert!(ended, "it sleeps though it has what it waits for");
    task.join().await
}

/// Bodies of so many bytes of the large content, of each kind.
fn bodies(size: usize) -> [(&'static str, Body); 4] {
    let content = &large()[..size];
    [
        ("static", Body::from(content)),
        ("bytes", Body::from(content.to_vec())),
        ("sized", Body::sized(content, size as u64)),
        ("reader", Body::from_reader(content)),
    ]
}

/// Returns the number of the stream that a response came on.
fn stream(response: &Response) -> u32 {
    response.extensions().get::<StreamId>().unwrap().get()
}
