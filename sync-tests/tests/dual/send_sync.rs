//! What may cross threads. All of it is checked by the compiler.

use dimorph::{Body, Error, Request};

use super::dual;
use super::form::{Client, ClientBuilder, EventSource, Pages, RequestBuilder, Response};

const fn send<T: Send>() {}
const fn send_and_sync<T: Send + Sync>() {}

const _: () = {
    send_and_sync::<Client>();
    send_and_sync::<ClientBuilder>();
    send_and_sync::<Request>();
    send_and_sync::<Body>();
    send_and_sync::<Error>();
    send::<RequestBuilder>();
    send::<Response>();
    send::<EventSource>();
    send::<Pages>();
};

/// Every call of a response, in one function whose future a task must be able to take.
#[dual]
async fn everything(client: Client) -> dimorph::Result<()> {
    let request = client.get("http://x.test/").build()?;
    let mut response = client.send(request).await?;
    response.chunk().await?;
    response.buffer().await?;
    let mut lines = response.iter_lines();
    lines.next().await;
    let mut text = response.iter_text();
    text.next().await;
    let mut bytes = response.iter_bytes();
    bytes.next().await;
    let mut events = response.iter_sse();
    events.next().await;
    let mut source = client.get("http://x.test/").event_source();
    source.next().await;
    let mut raw = response.iter_raw();
    raw.next().await;
    response.copy_to(&mut Vec::new()).await?;
    client.get("http://x.test/").send().await?.bytes().await?;
    client.get("http://x.test/").send().await?.text().await?;
    client
        .get("http://x.test/")
        .send()
        .await?
        .json::<()>()
        .await?;
    client.get("http://x.test/").send().await?.upgrade().await?;
    let response = client.get("http://x.test/").send().await?;
    response.save_to_with("x", |_| {}).await?;
    let mut pages = client.get("http://x.test/").pages();
    pages.next().await;
    client.close().await;
    Ok(())
}

/// Never called: that it compiles is the test.
#[allow(dead_code, reason = "the compiler is the test")]
fn a_task_takes_everything(client: Client) {
    drop(super::form_util::spawn(everything, client));
}
