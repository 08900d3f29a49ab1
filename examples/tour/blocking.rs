//! The blocking instance of the steps, and how it does many things at once: with threads.

pub(crate) use dimorph::blocking as form;
pub(crate) use maybe_async::must_be_sync as dual;

#[path = "comforts.rs"]
pub(crate) mod comforts;
#[path = "steps.rs"]
pub(crate) mod steps;

pub(crate) const FORM: &str = "blocking";

pub(crate) fn at_once(client: &form::Client, url: &str, count: usize) -> crate::Done {
    std::thread::scope(|scope| {
        let fetch = || client.get(url).send()?.bytes();
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(fetch)).collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}
