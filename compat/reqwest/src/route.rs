//! The ways to a server: each has a client of dimorph's.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use url::Url;

use crate::config::Channel;
use crate::proxy::Intercepted;

/// What a client beneath is for.
#[derive(Clone, PartialEq)]
pub(crate) struct Route {
    pub(crate) proxy: Option<Intercepted>,
    /// The URL connected to, the proxy's where there is one, names a port: it wins over that of an address.
    names_port: bool,
}

impl Route {
    pub(crate) const DIRECT: Route = Route {
        proxy: None,
        names_port: false,
    };

    pub(crate) fn new(proxy: Option<Intercepted>, url: &Url) -> Self {
        let names_port = match &proxy {
            Some(proxy) => proxy.names_port(),
            None => url.port().is_some(),
        };
        Route { proxy, names_port }
    }

    /// The addresses as dimorph takes them: with the port 0 the URL's counts.
    pub(crate) fn ports(&self, addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
        let port = |mut address: SocketAddr| {
            if self.names_port {
                address.set_port(0);
            }
            address
        };
        addresses.map(port).collect()
    }
}

impl Channel {
    /// A port in the URL makes no other route where no address has one.
    fn narrowed<'a>(&self, route: &'a Route) -> Cow<'a, Route> {
        let mut given = self.wire.dns_overrides.values().flatten();
        if !route.names_port
            || self.wire.dns_resolver.is_some()
            || given.any(|address| address.port() != 0)
        {
            return Cow::Borrowed(route);
        }
        Cow::Owned(Route {
            proxy: route.proxy.clone(),
            names_port: false,
        })
    }
}

/// One of dimorph's clients for each route that was taken, and the direct one.
pub(crate) struct Inners<C> {
    direct: C,
    others: Mutex<Vec<(Route, C)>>,
}

/// A function may name ever new proxies: only so many clients are kept.
const MOST_OTHERS: usize = 32;

impl<C: Clone> Inners<C> {
    pub(crate) fn new(direct: C) -> Self {
        Inners {
            direct,
            others: Mutex::new(Vec::new()),
        }
    }

    /// The client for a route, made at first need.
    pub(crate) fn client(
        &self,
        channel: &Channel,
        route: &Route,
        make: impl FnOnce(&Route) -> dimorph::Result<C>,
    ) -> dimorph::Result<C> {
        let route = channel.narrowed(route);
        if *route == Route::DIRECT {
            return Ok(self.direct.clone());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = others.iter().find(|(other, _)| *other == *route) {
            return Ok(client.clone());
        }
        let client = make(&route)?;
        if others.len() == MOST_OTHERS {
            others.remove(0);
        }
        others.push((route.into_owned(), client.clone()));
        Ok(client)
    }

    /// All clients so far.
    pub(crate) fn all(&self) -> Vec<C> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let others = others.iter().map(|(_, client)| client.clone());
        std::iter::once(self.direct.clone()).chain(others).collect()
    }
}
