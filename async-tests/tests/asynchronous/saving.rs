//! Saving that is given up leaves nothing behind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::{env, fs, process};

use dimorph::PoolLimits;
use sync_tests::{Reply, Server};

use crate::form_util;
use crate::only::client;

#[tokio::test]
async fn a_future_that_is_dropped_removes_its_file_wherever_it_stands() {
    let folder = env::temp_dir().join(format!("dimorph-saving-given-up-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("file.bin");
    let names = || fs::read_dir(&folder).unwrap().count();
    let whole = vec![b'x'; 700_000];
    let server = Server::http({
        let whole = whole.clone();
        move |_| Reply::chunked(whole.chunks(9000))
    });
    let client = client(PoolLimits::default());
    let mut finished = 0;
    for polls in 1..200 {
        fs::write(&file, "old").unwrap();
        let response = client.get(server.url("/")).send().await.unwrap();
        let mut saving = Box::pin(response.save_to(&file));
        let mut left = polls;
        let done = poll_fn(|cx| {
            left -= 1;
            match pin!(&mut saving).poll(cx) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        let done = done.await;
        drop(saving);
        // A thread that was writing when the future went removes the file when it is done with that.
        assert!(form_util::until(|| names() == 1).await, "{polls}");
        let content = fs::read(&file).unwrap();
        match done {
            Some(result) => {
                assert_eq!(result.unwrap(), 700_000);
                assert!(content == whole);
                finished += 1;
            }
            // It may have been in its place already: then it is whole.
            None => assert!(content == b"old" || content == whole, "{polls}"),
        }
        if finished > 3 {
            break;
        }
    }
    assert!(finished > 0, "it was never polled to its end");
    fs::remove_dir_all(&folder).unwrap();
}
