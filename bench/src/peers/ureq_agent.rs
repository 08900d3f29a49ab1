//! ureq 3: one agent, its pool as large as the workload needs.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Peer, Stage, check};
use crate::workload::Setup;
use crate::{Done, tls};

pub(crate) struct Ureq {
    agent: Agent,
    buffer: Vec<u8>,
}

impl Ureq {
    pub(crate) fn new(setup: &Setup) -> Done<Self> {
        let roots = vec![Certificate::from_der(&setup.ca).to_owned()];
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(tls::provider())
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_idle_connections(1000)
            .max_idle_connections_per_host(1000)
            .build()
            .new_agent();
        Ok(Self {
            agent,
            buffer: vec![0; super::PIECE],
        })
    }
}

fn get(agent: &Agent, url: &str) -> Done {
    agent.get(url).call()?.body_mut().read_to_vec()?;
    Ok(())
}

impl Peer for Ureq {
    fn get(&mut self, url: &str, times: usize) -> Done {
        (0..times).try_for_each(|_| get(&self.agent, url))
    }

    fn get_threads(&mut self, url: &str, times: usize, threads: usize) -> Done {
        let work = || (0..times / threads).try_for_each(|_| get(&self.agent, url));
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running
                .into_iter()
                .try_for_each(|thread| thread.join().expect("no worker panics"))
        })
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let mut reader = self.agent.get(url).call()?.into_body().into_reader();
        let mut received = 0;
        loop {
            match reader.read(&mut self.buffer)? {
                0 => return check(received, size),
                length => received += length as u64,
            }
        }
    }

    fn upload(&mut self, url: &str, body: &Bytes) -> Done {
        self.agent
            .post(url)
            .send(&body[..])?
            .body_mut()
            .read_to_vec()?;
        Ok(())
    }

    fn upload_file(&mut self, url: &str, file: &Path) -> Done {
        self.agent
            .post(url)
            .send(&File::open(file)?)?
            .body_mut()
            .read_to_vec()?;
        Ok(())
    }

    fn hold(&mut self, url: &str, count: usize, at: &mut dyn FnMut(Stage) -> Done) -> Done {
        let mut held = Vec::with_capacity(count);
        for _ in 0..count {
            let mut body = self.agent.get(url).call()?.into_body().into_reader();
            let length = body.read(&mut self.buffer)?;
            check(length as u64, crate::server::HELD_HALF as u64)?;
            held.push(body);
        }
        at(Stage::InFlight)?;
        for mut body in held {
            while body.read(&mut self.buffer)? > 0 {}
        }
        at(Stage::Idle)
    }

    fn construct(&mut self) -> Done {
        drop(Agent::new_with_defaults());
        Ok(())
    }
}
