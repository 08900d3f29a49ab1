//! The async instance of the steps: with tasks.

pub(crate) use dimorph::asynchronous as form;
pub(crate) use maybe_async::must_be_async as dual;

#[path = "comforts.rs"]
pub(crate) mod comforts;
#[path = "steps.rs"]
pub(crate) mod steps;

pub(crate) const FORM: &str = "async";

pub(crate) async fn at_once(client: &form::Client, url: &str, count: usize) -> crate::Done {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let request = client.get(url);
        tasks.spawn(async move { request.send().await?.bytes().await });
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    Ok(())
}
