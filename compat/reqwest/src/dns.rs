//! Name look-ups of one's own.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::BoxError;

/// The addresses that a look-up found.
pub type Addrs = Box<dyn Iterator<Item = SocketAddr> + Send>;

/// The future of a look-up.
pub type Resolving = Pin<Box<dyn Future<Output = Result<Addrs, BoxError>> + Send>>;

/// Looks up names for a client.
///
/// A port of 0 in an address stands for the URL's port. The blocking client polls the future on the calling thread,
/// where there is no tokio runtime: a resolver for both clients makes its own.
pub trait Resolve: Send + Sync {
    /// Looks up the addresses of a name.
    fn resolve(&self, name: Name) -> Resolving;
}

/// A host name to look up.
pub struct Name(Box<str>);

impl Name {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Name").field(&self.0).finish()
    }
}

impl FromStr for Name {
    type Err = sealed::InvalidName;

    /// Takes any text: what is no name is not found.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(Name(name.into()))
    }
}

/// What `dns_resolver` takes: a resolver, or an [`Arc`] of one.
pub trait IntoResolve {
    #[doc(hidden)]
    fn into_resolve(self) -> Arc<dyn Resolve>;
}

impl IntoResolve for Arc<dyn Resolve> {
    fn into_resolve(self) -> Arc<dyn Resolve> {
        self
    }
}

impl<R: Resolve + 'static> IntoResolve for Arc<R> {
    fn into_resolve(self) -> Arc<dyn Resolve> {
        self
    }
}

impl<R: Resolve + 'static> IntoResolve for R {
    fn into_resolve(self) -> Arc<dyn Resolve> {
        Arc::new(self)
    }
}

mod sealed {
    use std::fmt;

    /// What a text that is no name would be refused with.
    #[derive(Debug)]
    pub struct InvalidName(());

    impl fmt::Display for InvalidName {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not a host name")
        }
    }

    impl std::error::Error for InvalidName {}
}

/// Makes a resolver into one that dimorph takes.
pub(crate) fn adapter(resolver: Arc<dyn Resolve>) -> impl dimorph::Resolve {
    Adapter(resolver)
}

struct Adapter(Arc<dyn Resolve>);

impl dimorph::Resolve for Adapter {
    fn resolve(&self, host: &str) -> dimorph::Resolving {
        let resolving = self.0.resolve(Name(host.into()));
        Box::pin(async move {
            match resolving.await {
                Ok(addresses) => Ok(addresses.collect()),
                Err(error) => Err(io::Error::other(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll_once<F: Future>(future: F) -> F::Output {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => panic!("nothing here waits"),
        }
    }

    struct Fixed;
    impl Resolve for Fixed {
        fn resolve(&self, name: Name) -> Resolving {
            let found = match name.as_str() {
                "known.test" => {
                    Ok(Box::new([SocketAddr::from(([127, 0, 0, 1], 0))].into_iter()) as Addrs)
                }
                _ => Err("unheard of".into()),
            };
            Box::pin(std::future::ready(found))
        }
    }

    #[test]
    fn a_resolver_serves_dimorph_and_its_error_stays_in_the_chain() {
        let adapter = adapter(Fixed.into_resolve());
        let found = poll_once(dimorph::Resolve::resolve(&adapter, "known.test")).unwrap();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 0))]);
        let error = poll_once(dimorph::Resolve::resolve(&adapter, "x.test")).unwrap_err();
        assert_eq!(error.to_string(), "unheard of");
    }
}
