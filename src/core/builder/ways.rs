//! Options of a client: where requests go, by transports, mounts and proxies.

use super::super::Transport;
use super::ClientBuilder;
use crate::mounts::Pattern;
use crate::proxy::IntoProxy;
use crate::routes::Target;

impl ClientBuilder {
    /// Sends every request through this transport instead of the network: a mock, an application in process, a recording, one of your own.
    ///
    /// The environment's proxies are ignored then. What happens above the exchange stays the client's: merging, redirects, cookies,
    /// authentication, decoding, hooks. What is [mounted](ClientBuilder::mount) goes before it, and so do proxies given here.
    ///
    /// Options about connections, such as `verify`, `cert`, `pool_limits` and `retries`, do nothing beside a transport. If that is a layer over
    /// a client, they belong to the client beneath.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Request;
use dimorph::transport::Mock;

let mock = Mock::new(|request: &Request| format!("you asked for {}", request.url().path()));
let client = Client::builder().transport(mock).build()?;
assert_eq!(client.get("https://example.org/x").send()"#,
        r#"?.text()"#,
        r#"?, "you asked for /x");"#
    )]
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.plugs.transport = Some(Box::new(transport));
        self
    }

    /// Calls an application in place of the network: any tower `Service`, such as an axum `Router`
    /// (HTTPX's `app`). The same as `transport(App::new(service))`; see [`App`](crate::transport::App) for more options.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use axum::{Router, routing::get};

let app = Router::new().route("/", get(async || "hello"));
let client = Client::builder().app(app).base_url("http://testserver").build()?;
assert_eq!(client.get("/").send()"#,
        r#"?.text()"#,
        r#"?, "hello");"#
    )]
    #[cfg(feature = "tower")]
    pub fn app<S>(self, service: S) -> Self
    where
        crate::transport::App<S>: Transport + 'static,
    {
        self.transport(crate::transport::App::new(service))
    }

    /// Sends requests whose URL fits a pattern through this transport (HTTPX's `mounts`).
    ///
    /// A pattern is `all`, a scheme, or one of both with a host: `https://example.org`, `all://*.example.org` (subdomains),
    /// `all://*example.org` (both), each with `:port` if wanted. The most special one that fits decides, whatever the order: an exact host
    /// before a pattern of hosts before none, then one with a port, then one with a scheme. Without a port it fits every port.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let client = Client::builder()
    .mount("all://*.internal.test", Mock::routes().get("*", "from the mock"))
    .build()?;
let response = client.get("https://users.internal.test/").send()"#,
        r#"?;
assert_eq!(response.text()"#,
        r#"?, "from the mock");"#
    )]
    pub fn mount(mut self, pattern: impl AsRef<str>, transport: impl Transport + 'static) -> Self {
        let number = self.plugs.mounted.len();
        self.plugs.mounted.push(Box::new(transport));
        self.route(pattern.as_ref(), Target::Transport(number));
        self
    }

    /// Sends requests whose URL fits a pattern through no proxy and no mounted transport.
    ///
    /// Patterns as for [`mount`](ClientBuilder::mount).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .proxy("http://127.0.0.1:3128")
    .mount_direct("all://intranet.example")
    .build()?;"#
    )]
    pub fn mount_direct(mut self, pattern: impl AsRef<str>) -> Self {
        self.route(pattern.as_ref(), Target::Direct);
        self
    }

    /// Sends every request through this proxy: a URL, or a [`Proxy`](crate::Proxy). The environment's proxies are ignored then.
    ///
    /// Default: those of the environment, under [`trust_env`](ClientBuilder::trust_env). What is wrong with the URL is an error of
    /// [`build`](ClientBuilder::build), never a silent way past the proxy.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().proxy("http://user:password@127.0.0.1:3128").build()?;
let client = Client::builder().proxy("socks5h://127.0.0.1:1080").build()?;
assert!(Client::builder().proxy("127.0.0.1").build().is_err());"#
    )]
    pub fn proxy(self, proxy: impl IntoProxy) -> Self {
        self.proxies([("all", proxy)])
    }

    /// Sends requests through the proxy whose pattern fits, patterns as for [`mount`](ClientBuilder::mount).
    /// The environment's proxies are ignored then.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .proxies([
        ("http", "http://127.0.0.1:3128"),
        ("https", "http://127.0.0.1:3129"),
        ("all://*.onion", "socks5h://127.0.0.1:9050"),
    ])
    .build()?;"#
    )]
    pub fn proxies<I, K, P>(mut self, proxies: I) -> Self
    where
        I: IntoIterator<Item = (K, P)>,
        K: AsRef<str>,
        P: IntoProxy,
    {
        self.own_proxies = true;
        for (pattern, proxy) in proxies {
            let proxy = proxy
                .into_proxy()
                .and_then(|proxy| proxy.check().map(|()| proxy));
            match proxy {
                Ok(proxy) => {
                    let number = self.config.routes.number(proxy);
                    self.route(pattern.as_ref(), Target::Proxy(number));
                }
                Err(error) => self.fail(error),
            }
        }
        self
    }

    /// Sends requests through no proxy, not even the environment's.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().no_proxy().build()?;"#
    )]
    pub fn no_proxy(mut self) -> Self {
        self.own_proxies = true;
        self.config.routes.remove_proxies();
        self
    }

    fn route(&mut self, pattern: &str, target: Target) {
        match Pattern::parse(pattern) {
            Ok(pattern) => self.config.routes.mount(pattern, target),
            Err(error) => self.fail(error),
        }
    }
}
