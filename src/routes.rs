//! Which way a request goes: directly, through which proxy, or to which transport (S18, S20, S21).

use std::borrow::Cow;

use http::header::HeaderValue;

use crate::env::EnvProxies;
use crate::error::{Error, Phase, Result};
use crate::location::{Location, Origin};
use crate::mounts::{Mounts, Pattern};
use crate::pool_state::{Destination, Protocol};
use crate::proxy::{Proxy, ProxyKind};

/// Where a URL pattern leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the server itself, whatever other patterns say.
    Direct,
    /// Through the proxy of this number.
    Proxy(usize),
    /// To the mounted transport of this number.
    Transport(usize),
}

/// The client's patterns, and what the environment adds to them.
#[derive(Default)]
pub(crate) struct Routes {
    mounts: Mounts<Target>,
    proxies: Vec<Proxy>,
    env: Option<EnvRoutes>,
    /// What was wrong with the environment: told to the first request, since nothing may go past a proxy in silence.
    env_error: Option<String>,
}

/// The environment's proxies by their numbers.
struct EnvRoutes {
    given: EnvProxies,
    first: usize,
}

impl Routes {
    pub(crate) fn mount(&mut self, pattern: Pattern, target: Target) {
        self.mounts.insert(pattern, target);
    }

    /// Numbers a proxy; equal ones share a number, and so their connections.
    pub(crate) fn number(&mut self, proxy: Proxy) -> usize {
        if let Some(known) = self.proxies.iter().position(|known| *known == proxy) {
            return known;
        }
        self.proxies.push(proxy);
        self.proxies.len() - 1
    }

    /// Forgets the proxies; mounted transports stay, and what goes directly.
    pub(crate) fn remove_proxies(&mut self) {
        self.mounts
            .retain(|target| !matches!(target, Target::Proxy(_)));
        self.proxies.clear();
    }

    pub(crate) fn proxy(&self, number: usize) -> &Proxy {
        &self.proxies[number]
    }

    pub(crate) fn has_proxies(&self) -> bool {
        !self.proxies.is_empty() || self.env_error.is_some()
    }

    /// Takes the environment's proxies over, beneath every pattern of the client's own.
    pub(crate) fn add_env(&mut self, env: Result<Option<EnvProxies>>) {
        match env {
            Ok(None) => {}
            Ok(Some(given)) => {
                let first = self.proxies.len();
                // In the order that `EnvRoutes::find` counts them.
                let all = [&given.http, &given.https, &given.all];
                self.proxies.extend(all.into_iter().flatten().cloned());
                self.env = Some(EnvRoutes { given, first });
            }
            Err(error) => self.env_error = Some(error.message().to_owned()),
        }
    }

    /// Returns what was wrong with the environment.
    pub(crate) fn check_env(&self) -> Result<()> {
        match &self.env_error {
            Some(message) => Err(Error::builder(message.clone()).in_phase(Phase::Build)),
            None => Ok(()),
        }
    }

    /// Finds the way to a URL; `None`: nothing was said about it.
    #[inline]
    pub(crate) fn find(&self, to: &Location) -> Result<Option<Target>> {
        if self.mounts.is_empty() && self.env.is_none() && self.env_error.is_none() {
            return Ok(None);
        }
        self.find_any(&to.origin())
    }

    fn find_any(&self, origin: &Origin<'_>) -> Result<Option<Target>> {
        if let Some(target) = self.mounts.find(origin) {
            return Ok(Some(*target));
        }
        self.check_env()?;
        let Some(env) = &self.env else {
            return Ok(None);
        };
        Ok(env.find(origin).map(Target::Proxy))
    }
}

impl EnvRoutes {
    fn find(&self, origin: &Origin<'_>) -> Option<usize> {
        let found = self.given.find(origin)?;
        let all = [&self.given.http, &self.given.https, &self.given.all];
        all.into_iter()
            .flatten()
            .position(|proxy| proxy == found)
            .map(|place| self.first + place)
    }
}

/// How a connection is made: its way's number in the pool, and the proxy on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) via: Option<Via<'a>>,
}

/// A proxy on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Via<'a> {
    pub(crate) proxy: &'a Proxy,
    pub(crate) number: usize,
    /// The origin is reached through a tunnel; otherwise the proxy forwards requests.
    pub(crate) tunnels: bool,
}

impl Via<'_> {
    /// Tells whether a tunnel is asked for with header fields: by CONNECT.
    pub(crate) fn asks_with_headers(&self) -> bool {
        self.tunnels && matches!(self.proxy.kind(), ProxyKind::Http { .. })
    }
}

/// The ways through proxies with credentials that requests bring along. A number is never given to two of them.
#[derive(Default)]
pub(crate) struct OwnWays {
    known: Vec<(u32, usize, HeaderValue)>,
    made: u32,
}

impl OwnWays {
    pub(crate) fn number(&mut self, proxy: usize, authorization: &HeaderValue) -> u32 {
        let same = |(_, number, value): &&(u32, usize, HeaderValue)| {
            *number == proxy && value == authorization
        };
        if let Some((number, ..)) = self.known.iter().find(same) {
            return *number;
        }
        if self.known.len() == MOST_OWN_WAYS {
            // The connections of the one that is forgotten are asked for no more, and expire.
            self.known.remove(0);
        }
        let number = FIRST_OWN_WAY | (self.made & (FIRST_OWN_WAY - 1));
        self.made = self.made.wrapping_add(1);
        self.known.push((number, proxy, authorization.clone()));
        number
    }
}

/// Where such numbers begin: above all proxies', below those that forward.
const FIRST_OWN_WAY: u32 = 1 << 30;
/// How many credentials are remembered.
const MOST_OWN_WAYS: usize = 64;

/// Set in a way's number where the connection ends at the proxy and serves every origin.
const FORWARDS: u32 = 1 << 31;

impl<'a> Way<'a> {
    pub(crate) fn direct(origin: Origin<'a>) -> Self {
        Way { origin, via: None }
    }

    pub(crate) fn through(origin: Origin<'a>, proxy: &'a Proxy, number: usize) -> Self {
        let tunnels = proxy.tunnels(origin.secure);
        let via = Via {
            proxy,
            number,
            tunnels,
        };
        Way {
            origin,
            via: Some(via),
        }
    }

    /// The proxy that is to forward the request, if one is.
    pub(crate) fn forwards(&self) -> Option<&'a Proxy> {
        self.via.filter(|via| !via.tunnels).map(|via| via.proxy)
    }

    /// The pool's key. Connections to a forwarding proxy are shared between origins (S20).
    pub(crate) fn destination(&self, protocol: Protocol) -> Destination<'a> {
        let (origin, way) = match self.via {
            None => (self.origin, 0),
            Some(via) if via.tunnels => (self.origin, 1 + via.number as u32),
            Some(via) => (via.proxy.origin(), FORWARDS | (1 + via.number as u32)),
        };
        Destination {
            origin,
            way,
            protocol,
        }
    }
}

/// The field lines for a proxy, without its own credentials where the request brings `explicit` ones (S19).
pub(crate) fn lines_for(proxy: &Proxy, explicit: bool) -> Cow<'_, [u8]> {
    let block = proxy.header_block();
    if !explicit {
        return Cow::Borrowed(block);
    }
    let kept = block
        .split_inclusive(|&b| b == b'\n')
        .filter(|line| !line.starts_with(b"Proxy-Authorization:"));
    Cow::Owned(kept.flatten().copied().collect())
}
