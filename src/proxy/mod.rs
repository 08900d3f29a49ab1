//! A proxy: where it is, who asks, and which requests it forwards or tunnels.

use std::fmt;
use std::sync::Arc;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use url::Url;

use crate::auth::basic;
use crate::error::{Error, Result};
use crate::headers::{padded_value, write_name};
use crate::location::Origin;
use crate::request::Request;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
mod url_parts;

use url_parts::ProxyUrl;
pub(crate) use url_parts::split_scheme;

/// A proxy for some or all of a client's requests.
///
/// Its URL has the scheme `http`, `https` (TLS to the proxy itself), `socks5` (names are looked up here) or `socks5h`
/// (names are looked up by the proxy), and by default the port 80, 443 or 1080. User and password in the URL are
/// percent-decoded and sent to the proxy alone. A path means nothing.
///
/// An HTTP proxy gets `http` requests to forward and a CONNECT tunnel for `https` ones, whatever its own scheme;
/// [`mode`](Proxy::mode) changes that. Everything goes through a SOCKS proxy as through a tunnel.
///
/// This is HTTPX's `Proxy(url, mode=…, auth=…, headers=…)`.
///
/// ```
/// use dimorph::{Proxy, ProxyMode};
///
/// # fn main() -> dimorph::Result<()> {
/// let proxy = Proxy::new("https://tom:mot123@127.0.0.1")?.mode(ProxyMode::TunnelOnly);
/// assert_eq!(proxy.url().as_str(), "https://127.0.0.1/");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
}

/// Which requests an HTTP proxy forwards, and which go through a tunnel.
///
/// ```
/// use dimorph::{Proxy, ProxyMode};
///
/// let proxy = Proxy::new("http://127.0.0.1:3128")?.mode(ProxyMode::TunnelOnly);
/// let client = dimorph::Client::builder().proxy(proxy).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum ProxyMode {
    /// `http` requests are forwarded, `https` requests go through a tunnel.
    #[default]
    Default,
    /// Everything is forwarded: the proxy sees, and may change, `https` requests too.
    ForwardOnly,
    /// Everything goes through a tunnel: the proxy is told host and port. (What is plain http can be read there all the same.)
    TunnelOnly,
}

/// What is spoken with a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ProxyKind {
    Http { secure: bool },
    Socks { remote_dns: bool },
}

#[derive(Clone)]
struct Inner {
    url: Url,
    kind: ProxyKind,
    /// Lower case; an IPv6 address keeps its brackets.
    host: Box<str>,
    port: u16,
    mode: ProxyMode,
    credentials: Option<Credentials>,
    own: HeaderMap,
    /// The field made of the credentials, and `own`, as HTTP/1.1 has them.
    block: Box<[u8]>,
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// A message to an HTTP proxy is framed by the client; a proxy's own header may not say otherwise.
const FRAMING: [HeaderName; 8] = [
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

impl Proxy {
    /// Takes a proxy's URL.
    ///
    /// # Errors
    /// `InvalidUrl` for what has no scheme or no host, or does not parse; `Builder` for another scheme than those above,
    /// for one whose feature (`socks`, `rustls`) is off, and for user names and passwords that SOCKS5 cannot carry
    /// (each must have 1 to 255 bytes). No message shows user or password.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::{ErrorKind, Proxy};
    ///
    /// let proxy = Proxy::new("socks5h://user:password@127.0.0.1")?;
    /// assert_eq!(proxy.url().as_str(), "socks5h://127.0.0.1:1080/");
    /// assert_eq!(Proxy::new("ftp://127.0.0.1").unwrap_err().kind(), ErrorKind::Builder);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new(url: impl AsRef<str>) -> Result<Proxy> {
        let ProxyUrl {
            url,
            kind,
            host,
            port,
            credentials,
        } = ProxyUrl::parse(url.as_ref())?;
        let mut inner = Inner {
            url,
            kind,
            host,
            port,
            mode: ProxyMode::Default,
            credentials,
            own: HeaderMap::new(),
            block: Box::default(),
        };
        inner.write_headers();
        let proxy = Proxy {
            inner: Arc::new(inner),
        };
        proxy.check()?;
        Ok(proxy)
    }

    /// Sets which requests are forwarded and which are tunnelled. Default: [`ProxyMode::Default`].
    ///
    /// A SOCKS proxy can only tunnel: a client with one in [`ProxyMode::ForwardOnly`] is not built.
    #[must_use]
    pub fn mode(mut self, mode: ProxyMode) -> Self {
        Arc::make_mut(&mut self.inner).mode = mode;
        self
    }

    /// Sets user and password, in place of those in the URL. They are sent as `proxy-authorization: Basic …`, or as
    /// RFC 1929 has it to a SOCKS proxy, where each must have 1 to 255 bytes: else no client is built.
    ///
    /// ```
    /// use dimorph::Proxy;
    ///
    /// let proxy = Proxy::new("http://127.0.0.1:3128")?.basic_auth("user", "password");
    /// assert!(!format!("{proxy:?}").contains("password"));
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[must_use]
    pub fn basic_auth(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let inner = Arc::make_mut(&mut self.inner);
        inner.credentials = Some(Credentials {
            user: user.as_ref().into(),
            password: password.as_ref().into(),
        });
        inner.write_headers();
        self
    }

    /// Adds a header for the proxy alone: it is sent with CONNECT and with forwarded requests, and never through a
    /// tunnel. A `proxy-authorization` given here wins over user and password.
    ///
    /// # Errors
    /// `LocalProtocolError` if name or value cannot be a header's; `Builder` for a header that frames the message
    /// (`host`, `content-length` …), for a value with white space around it, and for any header to a SOCKS proxy.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::Proxy;
    ///
    /// let proxy = Proxy::new("http://127.0.0.1:3128")?.header("x-tenant", "a")?;
    /// assert!(Proxy::new("http://127.0.0.1:3128")?.header("host", "example.org").is_err());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn header<K, V>(mut self, name: K, value: V) -> Result<Self>
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        let (name, value) = Request::parse_header(name, value)?;
        if matches!(self.kind(), ProxyKind::Socks { .. }) {
            return Err(Error::builder(format!(
                "a SOCKS proxy takes no headers, `{name}` was given"
            )));
        }
        if FRAMING.contains(&name) {
            return Err(Error::builder(format!(
                "the header `{name}` to a proxy is the client's own"
            )));
        }
        let inner = Arc::make_mut(&mut self.inner);
        if name == PROXY_AUTHORIZATION {
            inner.own.insert(name, value);
        } else {
            inner.own.append(name, value);
        }
        if let Some(name) = padded_value(&inner.own) {
            return Err(Error::builder(format!(
                "the value of the header `{name}` begins or ends with white space"
            )));
        }
        inner.write_headers();
        Ok(self)
    }

    /// Returns the proxy's URL: scheme, host and port.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// Finds what only shows when all is set.
    pub(crate) fn check(&self) -> Result<()> {
        let inner = &*self.inner;
        if !matches!(inner.kind, ProxyKind::Socks { .. }) {
            // RFC 7617 section 2.
            return match &inner.credentials {
                Some(Credentials { user, password })
                    if user.contains(&b':')
                        || user.iter().chain(password).any(u8::is_ascii_control) =>
                {
                    Err(Error::builder(
                        "a proxy's user may hold no colon, and neither user nor password a control character",
                    ))
                }
                _ => Ok(()),
            };
        }
        if inner.mode == ProxyMode::ForwardOnly {
            return Err(Error::builder(
                "a SOCKS proxy tunnels everything: ProxyMode::ForwardOnly is not for it",
            ));
        }
        // RFC 1929 section 2: one byte of length each. An over-long one must not be cut (CVE-2023-38545 was such a cut).
        let sendable = |bytes: &[u8]| (1..=255).contains(&bytes.len());
        match &inner.credentials {
            Some(Credentials { user, password }) if !sendable(user) || !sendable(password) => Err(
                Error::builder("a SOCKS proxy's user and password must have 1 to 255 bytes each"),
            ),
            _ => Ok(()),
        }
    }

    pub(crate) fn kind(&self) -> ProxyKind {
        self.inner.kind
    }

    /// Where the proxy itself listens; `secure`: TLS is spoken with it.
    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            secure: self.inner.kind == ProxyKind::Http { secure: true },
            host: &self.inner.host,
            port: self.inner.port,
        }
    }

    /// Tells whether a request goes through a tunnel (S20).
    pub(crate) fn tunnels(&self, secure_target: bool) -> bool {
        match (self.inner.kind, self.inner.mode) {
            (ProxyKind::Socks { .. }, _) | (_, ProxyMode::TunnelOnly) => true,
            (_, ProxyMode::ForwardOnly) => false,
            (_, ProxyMode::Default) => secure_target,
        }
    }

    /// The field lines for the proxy, `Proxy-Authorization` first.
    pub(crate) fn header_block(&self) -> &[u8] {
        &self.inner.block
    }

    /// User and password for a SOCKS proxy; [`check`](Proxy::check) has seen to their lengths.
    pub(crate) fn socks_credentials(&self) -> Option<(&[u8], &[u8])> {
        match (self.inner.kind, &self.inner.credentials) {
            (ProxyKind::Socks { .. }, Some(Credentials { user, password })) => {
                Some((user, password))
            }
            _ => None,
        }
    }
}

impl Inner {
    fn write_headers(&mut self) {
        let mut block = Vec::new();
        if let (ProxyKind::Http { .. }, Some(Credentials { user, password })) =
            (self.kind, &self.credentials)
            && !self.own.contains_key(PROXY_AUTHORIZATION)
        {
            let value = basic::encode(user, password);
            block.extend_from_slice(format!("Proxy-Authorization: {value}\r\n").as_bytes());
        }
        for (name, value) in &self.own {
            write_name(&mut block, name);
            block.extend_from_slice(b": ");
            block.extend_from_slice(value.as_bytes());
            block.extend_from_slice(b"\r\n");
        }
        self.block = block.into();
    }
}

/// Two proxies are equal if a connection through one may serve the other: URL, credentials, headers and mode are.
impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.inner, &*other.inner);
        Arc::ptr_eq(&self.inner, &other.inner)
            || a.kind == b.kind
                && a.host == b.host
                && a.port == b.port
                && a.mode == b.mode
                && a.credentials == b.credentials
                && a.own == b.own
    }
}

impl Eq for Proxy {}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        write!(f, "Proxy({}", inner.url.as_str().trim_end_matches('/'))?;
        match &inner.credentials {
            // Where there is no password, the user name is a token.
            Some(Credentials { password, .. }) if password.is_empty() => {
                write!(f, ", user [secure]")?;
            }
            Some(Credentials { user, .. }) => {
                write!(f, ", user {:?}", String::from_utf8_lossy(user))?;
            }
            None => {}
        }
        if inner.mode != ProxyMode::Default {
            write!(f, ", {:?}", inner.mode)?;
        }
        for name in inner.own.keys() {
            write!(f, ", header {name}")?;
        }
        f.write_str(")")
    }
}

/// What a proxy can be given as: a URL as text or as a [`Url`], or a [`Proxy`].
///
/// ```
/// use dimorph::{Client, Proxy, ProxyMode, Url};
///
/// let client = Client::builder().proxy("http://127.0.0.1:3128").build()?;
/// let client = Client::builder().proxy(Url::parse("socks5h://127.0.0.1:1080")?).build()?;
/// let proxy = Proxy::new("http://127.0.0.1:3128")?.mode(ProxyMode::TunnelOnly);
/// let client = Client::builder().proxy(proxy).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no proxy",
    note = "a URL, as text or `Url`, and a `Proxy` are"
)]
pub trait IntoProxy {
    #[doc(hidden)]
    fn into_proxy(self) -> Result<Proxy>;
}

macro_rules! url_of_proxy {
    ($($url:ty),+) => {$(
        impl IntoProxy for $url {
            fn into_proxy(self) -> Result<Proxy> {
                Proxy::new(self)
            }
        }
    )+};
}

url_of_proxy!(&str, String, &String, Url, &Url);

impl IntoProxy for Proxy {
    fn into_proxy(self) -> Result<Proxy> {
        Ok(self)
    }
}

impl IntoProxy for &Proxy {
    fn into_proxy(self) -> Result<Proxy> {
        Ok(self.clone())
    }
}
