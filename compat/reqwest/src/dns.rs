//! Name look-ups of one's own.

use std::fmt;
use std::future::Future;
#[cfg(feature = "blocking")]
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
#[cfg(feature = "blocking")]
use std::thread;

use crate::error::BoxError;
use crate::route::Route;

pub(crate) use sealed::IntoResolve;

/// The addresses that a look-up found.
pub type Addrs = Box<dyn Iterator<Item = SocketAddr> + Send>;

/// The future of a look-up.
pub type Resolving = Pin<Box<dyn Future<Output = Result<Addrs, BoxError>> + Send>>;

/// Looks up names for a client.
///
/// A port in the URL wins over an address's; without one, an address's port 0 stands for the scheme's. The blocking client runs
/// each look-up on a small tokio runtime of its own.
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

mod sealed {
    use std::fmt;
    use std::sync::Arc;

    use super::Resolve;

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

/// Makes a resolver into one that dimorph's async client takes.
pub(crate) fn adapter(resolver: Arc<dyn Resolve>, route: Route) -> impl dimorph::Resolve {
    Adapter(resolver, route)
}

struct Adapter(Arc<dyn Resolve>, Route);

impl dimorph::Resolve for Adapter {
    fn resolve(&self, host: &str) -> dimorph::Resolving {
        let resolving = self.0.resolve(Name(host.into()));
        let route = self.1.clone();
        Box::pin(async move {
            let found = resolving.await.map_err(io::Error::other)?;
            Ok(route.ports(found))
        })
    }
}

/// The same for the blocking client: a resolver may need tokio, so each look-up runs on a small runtime and a thread of its own. Both
/// end with the look-up, or when nobody waits for it any more.
#[cfg(feature = "blocking")]
pub(crate) fn blocking_adapter(resolver: Arc<dyn Resolve>, route: Route) -> impl dimorph::Resolve {
    Threaded(Arc::new(Adapter(resolver, route)))
}

#[cfg(feature = "blocking")]
struct Threaded(Arc<Adapter>);

#[cfg(feature = "blocking")]
impl dimorph::Resolve for Threaded {
    fn resolve(&self, host: &str) -> dimorph::Resolving {
        let (mut answer, answered) = tokio::sync::oneshot::channel();
        let (adapter, host) = (self.0.clone(), host.to_owned());
        let look_up = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let found = match &runtime {
                Ok(runtime) => runtime.block_on(async {
                    let mut resolving = adapter.resolve(&host);
                    poll_fn(|cx| match answer.poll_closed(cx) {
                        std::task::Poll::Ready(()) => {
                            std::task::Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
                        }
                        std::task::Poll::Pending => resolving.as_mut().poll(cx),
                    })
                    .await
                }),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            // Nobody may be waiting any more.
            let _ = answer.send(found);
            if let Ok(runtime) = runtime {
                runtime.shutdown_background();
            }
        };
        let thread = thread::Builder::new().name("look-up".to_owned());
        let started = thread.spawn(look_up);
        Box::pin(async move {
            started?;
            let panicked = |_| Err(io::Error::other("the resolver panicked"));
            answered.await.unwrap_or_else(panicked)
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
        let adapter = adapter(Fixed.into_resolve(), Route::DIRECT);
        let found = poll_once(dimorph::Resolve::resolve(&adapter, "known.test")).unwrap();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 0))]);
        let error = poll_once(dimorph::Resolve::resolve(&adapter, "x.test")).unwrap_err();
        assert_eq!(error.to_string(), "unheard of");
    }
}
