//! Proxies: which requests go through which, and what the proxy is told.

use std::error::Error as _;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dimorph::NoProxy as Bypass;
use http::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use percent_encoding::percent_decode_str;
use url::{ParseError, Position, Url};

use crate::error::{self, BadScheme};
use crate::into_url::{IntoUrl, IntoUrlSealed as _};
use crate::request_head::basic;

/// A proxy, and which requests it is for.
///
/// Of several in one client the first that is for a request gets it.
///
/// ```
/// let client = reqwest::Client::builder()
///     .proxy(reqwest::Proxy::https("http://127.0.0.1:3128")?.basic_auth("tom", "mot123"))
///     .build()?;
/// # Ok::<(), reqwest::Error>(())
/// ```
///
/// The URL has the scheme `http`, `https` or, with the feature `socks`, `socks5` or `socks5h`; one without a scheme is
/// taken for `http`. (SOCKS 4 is not spoken: requests through such a proxy fail.)
#[derive(Clone)]
pub struct Proxy {
    intercept: Scope,
    auth: Option<HeaderValue>,
    headers: Option<HeaderMap>,
    no_proxy: Option<NoProxy>,
}

/// The hosts that a proxy is not for.
#[derive(Clone, Debug, Default)]
pub struct NoProxy {
    list: String,
}

#[derive(Clone)]
enum Scope {
    All(Url),
    Http(Url),
    Https(Url),
    Custom(Custom),
}

type Custom = Arc<dyn Fn(&Url) -> Option<crate::Result<Url>> + Send + Sync>;

/// What a proxy's address can be given as: whatever a URL can.
pub trait IntoProxy {
    #[doc(hidden)]
    fn into_proxy(self) -> crate::Result<Url>;
}

impl<U: IntoUrl> IntoProxy for U {
    fn into_proxy(self) -> crate::Result<Url> {
        let mut url = match self.as_str().into_url() {
            Ok(url) => url,
            // `host:port` parses with the host as its scheme, or does not parse: what was meant has the scheme http.
            Err(error) if lacks_scheme(&error) => {
                let text = format!("http://{}", self.as_str());
                text.into_url().map_err(|_| error::builder(error))?
            }
            Err(error) => return Err(error::builder(error)),
        };
        if url.port().is_none() && url.scheme().starts_with("socks") {
            // Of no interest where it fails: such a URL names no host, and is refused later.
            let _ = url.set_port(Some(1080));
        }
        Ok(url)
    }
}

fn lacks_scheme(error: &crate::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<BadScheme>()
            || error.downcast_ref() == Some(&ParseError::RelativeUrlWithoutBase)
        {
            return true;
        }
        source = error.source();
    }
    false
}

impl Proxy {
    /// Takes a proxy for `http` URLs.
    ///
    /// # Errors
    /// A builder error for what is no URL.
    pub fn http<U: IntoProxy>(proxy_scheme: U) -> crate::Result<Proxy> {
        Ok(Proxy::new(Scope::Http(proxy_scheme.into_proxy()?)))
    }

    /// Takes a proxy for `https` URLs.
    ///
    /// # Errors
    /// A builder error for what is no URL.
    pub fn https<U: IntoProxy>(proxy_scheme: U) -> crate::Result<Proxy> {
        Ok(Proxy::new(Scope::Https(proxy_scheme.into_proxy()?)))
    }

    /// Takes a proxy for all URLs.
    ///
    /// # Errors
    /// A builder error for what is no URL.
    pub fn all<U: IntoProxy>(proxy_scheme: U) -> crate::Result<Proxy> {
        Ok(Proxy::new(Scope::All(proxy_scheme.into_proxy()?)))
    }

    /// Takes a function that names the proxy for a URL, of which it sees scheme, host and port; `None` goes direct.
    pub fn custom<F, U: IntoProxy>(fun: F) -> Proxy
    where
        F: Fn(&Url) -> Option<U> + Send + Sync + 'static,
    {
        Proxy::new(Scope::Custom(Arc::new(move |url| {
            fun(url).map(IntoProxy::into_proxy)
        })))
    }

    fn new(intercept: Scope) -> Proxy {
        Proxy {
            intercept,
            auth: None,
            headers: None,
            no_proxy: None,
        }
    }

    /// Sets user and password, for the proxy alone.
    #[must_use]
    pub fn basic_auth(mut self, username: &str, password: &str) -> Proxy {
        match &mut self.intercept {
            Scope::All(url) | Scope::Http(url) | Scope::Https(url) => {
                // These fail for URLs without a host, which no proxy has.
                let _ = url.set_username(username);
                let _ = url.set_password(Some(password));
            }
            Scope::Custom(_) => self.auth = Some(basic(username, Some(password))),
        }
        self
    }

    /// Sets the `proxy-authorization` header; it wins over user and password.
    #[must_use]
    pub fn custom_http_auth(mut self, header_value: HeaderValue) -> Proxy {
        self.auth = Some(header_value);
        self
    }

    /// Sets headers for the proxy: they go with CONNECT, and with requests that the proxy forwards.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Proxy {
        self.headers = Some(headers);
        self
    }

    /// Sets the hosts that this proxy is not for.
    #[must_use]
    pub fn no_proxy(mut self, no_proxy: Option<NoProxy>) -> Proxy {
        self.no_proxy = no_proxy;
        self
    }

    pub(crate) fn into_matcher(self) -> Matcher {
        let bypass = self.no_proxy.map(|no_proxy| Bypass::new(&no_proxy.list));
        let (http, https) = match self.intercept {
            Scope::All(url) => (Target::new(&url), Target::new(&url)),
            Scope::Http(url) => (Target::new(&url), None),
            Scope::Https(url) => (None, Target::new(&url)),
            Scope::Custom(custom) => {
                return Matcher {
                    rule: Rule::Custom(custom),
                    auth: self.auth,
                    headers: self.headers,
                    bypass,
                };
            }
        };
        Matcher {
            rule: Rule::Fixed { http, https },
            auth: self.auth,
            headers: self.headers,
            bypass,
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy")
            .field(&self.intercept)
            .field(&self.no_proxy)
            .finish()
    }
}

/// Shows no user and no password.
impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, url) = match self {
            Scope::All(url) => ("All", url),
            Scope::Http(url) => ("Http", url),
            Scope::Https(url) => ("Https", url),
            Scope::Custom(_) => return f.write_str("Custom(_)"),
        };
        write!(f, "{name}({}://{})", url.scheme(), address(url))
    }
}

impl NoProxy {
    /// Reads the environment's `NO_PROXY`, else `no_proxy`; `None` where neither is set.
    pub fn from_env() -> Option<NoProxy> {
        let list = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy"));
        NoProxy::from_string(&list.ok()?)
    }

    /// Takes a list, separated by commas. An entry is `*` for every host, an address, a network as `10.0.0.0/8`, or a
    /// domain, for itself and all below it, with or without a leading dot.
    pub fn from_string(no_proxy_list: &str) -> Option<Self> {
        Some(NoProxy {
            list: no_proxy_list.to_owned(),
        })
    }
}

/// A proxy in a client: for any URL, whether it is for it.
pub(crate) struct Matcher {
    rule: Rule,
    auth: Option<HeaderValue>,
    headers: Option<HeaderMap>,
    bypass: Option<Bypass>,
}

enum Rule {
    Fixed {
        http: Option<Target>,
        https: Option<Target>,
    },
    Custom(Custom),
}

/// A proxy's address, and who asks there.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Target {
    /// Without userinfo, path and query.
    url: String,
    socks: bool,
    credentials: Option<Credentials>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Credentials {
    user: String,
    password: String,
}

impl Target {
    /// `None` for a scheme that is no proxy's: such a proxy is for nothing.
    fn new(url: &Url) -> Option<Target> {
        let socks = match url.scheme() {
            "http" | "https" => false,
            "socks4" | "socks4a" | "socks5" | "socks5h" => true,
            _ => return None,
        };
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials =
            (!url.username().is_empty() || url.password().is_some()).then(|| Credentials {
                user: decoded(url.username()),
                password: url.password().map(decoded).unwrap_or_default(),
            });
        Some(Target {
            url: format!("{}://{}", url.scheme(), address(url)),
            socks,
            credentials,
        })
    }
}

/// Shows no user and no password.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Matcher {
    /// The proxies of the environment: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, each also in lower case.
    pub(crate) fn system() -> Matcher {
        Matcher::from_env(&|name| std::env::var(name).ok())
    }

    fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Matcher {
        // In a CGI program HTTP_PROXY is the client's `proxy` header (httpoxy, CVE-2016-5385).
        let cgi = env("REQUEST_METHOD").is_some();
        let read = |upper: &str, lower: &str| env(upper).or_else(|| env(lower));
        let target = |upper, lower| {
            let url = read(upper, lower).filter(|text| !cgi && !text.is_empty())?;
            Target::new(&url.into_proxy().ok()?)
        };
        let all = target("ALL_PROXY", "all_proxy");
        Matcher {
            rule: Rule::Fixed {
                http: target("HTTP_PROXY", "http_proxy").or_else(|| all.clone()),
                https: target("HTTPS_PROXY", "https_proxy").or(all),
            },
            auth: None,
            headers: None,
            bypass: read("NO_PROXY", "no_proxy").map(|list| Bypass::new(&list)),
        }
    }

    /// The proxy for a URL, where this is one for it.
    pub(crate) fn intercept(&self, url: &Url) -> Option<Intercepted> {
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        if self
            .bypass
            .as_ref()
            .is_some_and(|bypass| bypass.matches(url))
        {
            return None;
        }
        let target = match &self.rule {
            Rule::Fixed { https, .. } if secure => https.clone()?,
            Rule::Fixed { http, .. } => http.clone()?,
            Rule::Custom(custom) => {
                let seen = format!("{}://{}", url.scheme(), address(url));
                Target::new(&custom(&seen.parse().ok()?)?.ok()?)?
            }
        };
        Some(Intercepted {
            tunnels: secure || target.socks,
            target,
            auth: self.auth.clone(),
            headers: self.headers.clone(),
        })
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule::Fixed { http, https } = &self.rule else {
            return f.write_str("_");
        };
        let mut shown = f.debug_struct("Matcher");
        if let Some(http) = http {
            shown.field("http", http);
        }
        if let Some(https) = https {
            shown.field("https", https);
        }
        if let Some(bypass) = &self.bypass {
            shown.field("no", bypass);
        }
        shown.finish()
    }
}

/// The first of several proxies that is for a URL.
pub(crate) fn choose(matchers: &[Matcher], url: &Url) -> Option<Intercepted> {
    matchers.iter().find_map(|matcher| matcher.intercept(url))
}

/// A proxy as it was chosen for a URL. Equal ones can share connections.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Intercepted {
    target: Target,
    tunnels: bool,
    auth: Option<HeaderValue>,
    headers: Option<HeaderMap>,
}

impl Intercepted {
    /// The proxy's own headers where it forwards the request: they stand in the request.
    pub(crate) fn forward_headers(&self) -> Option<&HeaderMap> {
        self.headers.as_ref().filter(|_| !self.tunnels)
    }

    /// Tells whether the proxy's URL names a port.
    pub(crate) fn names_port(&self) -> bool {
        Url::parse(&self.target.url).is_ok_and(|url| url.port().is_some())
    }

    /// The proxy as dimorph has it. The user agent is told with CONNECT.
    pub(crate) fn to_dimorph(
        &self,
        user_agent: Option<&HeaderValue>,
    ) -> dimorph::Result<dimorph::Proxy> {
        let mut proxy = dimorph::Proxy::new(&self.target.url)?;
        if self.target.socks {
            if let Some(Credentials { user, password }) = &self.target.credentials {
                proxy = proxy.basic_auth(user, password);
            }
            return Ok(proxy);
        }
        let mut own = HeaderMap::new();
        if self.tunnels {
            own.extend(self.headers.clone().unwrap_or_default());
            if let Some(agent) = user_agent {
                own.insert(USER_AGENT, agent.clone());
            }
        }
        let auth = match (&self.auth, &self.target.credentials) {
            (Some(auth), _) => Some(auth.clone()),
            (None, Some(Credentials { user, password })) => Some(basic(user, Some(password))),
            (None, None) => None,
        };
        if let Some(auth) = auth {
            own.insert(PROXY_AUTHORIZATION, auth);
        }
        for (name, value) in &own {
            proxy = proxy.header(name, value)?;
        }
        Ok(proxy)
    }
}

impl Hash for Intercepted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.target, self.tunnels, &self.auth).hash(state);
    }
}

impl fmt::Debug for Intercepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

fn address(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
