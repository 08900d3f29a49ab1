//! dimorph's blocking form.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread;

use bytes::Bytes;
use dimorph::{Client, PoolLimits};

use super::{Peer, Stage, check};
use crate::Done;
use crate::workload::Setup;

pub(crate) struct Blocking {
    client: Client,
    buffer: Vec<u8>,
}

impl Blocking {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        let limits = PoolLimits::new().soft_limit(None).hard_limit(None);
        let mut builder = Client::builder().trust_env(false).pool_limits(limits);
        if let Some(config) = &setup.tls {
            builder = builder.verify(config.clone());
        }
        if setup.http2 && setup.tls.is_none() {
            // Over TLS it is found by ALPN.
            builder = builder.http2_prior_knowledge();
        }
        Ok(Self {
            client: builder.build()?,
            buffer: vec![0; super::PIECE],
        })
    }
}

fn get(client: &Client, url: &str) -> Done {
    client.get(url).send()?.bytes()?;
    Ok(())
}

impl Peer for Blocking {
    fn get(&mut self, url: &str, times: usize) -> Done {
        (0..times).try_for_each(|_| get(&self.client, url))
    }

    fn get_threads(&mut self, url: &str, times: usize, threads: usize) -> Done {
        let work = || (0..times / threads).try_for_each(|_| get(&self.client, url));
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running
                .into_iter()
                .try_for_each(|thread| thread.join().expect("no worker panics"))
        })
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let mut response = self.client.get(url).send()?;
        let mut received = 0;
        while let Some(chunk) = response.chunk()? {
            received += chunk.len() as u64;
        }
        check(received, size)
    }

    fn upload(&mut self, url: &str, body: &Bytes) -> Done {
        self.client.post(url).body(body.clone()).send()?.bytes()?;
        Ok(())
    }

    fn upload_file(&mut self, url: &str, file: &Path) -> Done {
        self.client
            .post(url)
            .body(File::open(file)?)
            .send()?
            .bytes()?;
        Ok(())
    }

    fn hold(&mut self, url: &str, count: usize, at: &mut dyn FnMut(Stage) -> Done) -> Done {
        let mut held = Vec::with_capacity(count);
        for _ in 0..count {
            let mut response = self.client.get(url).send()?;
            let length = response.read(&mut self.buffer)?;
            check(length as u64, crate::server::HELD_HALF as u64)?;
            held.push(response);
        }
        at(Stage::InFlight)?;
        for response in held {
            response.bytes()?;
        }
        at(Stage::Idle)
    }

    fn construct(&mut self) -> Done {
        drop(Client::new());
        Ok(())
    }
}
