//! What a client was told, in the form its requests need it.

use std::ffi::OsString;
use std::sync::{Arc, OnceLock};

use http::header::{HeaderMap, HeaderName};
use url::Url;

use crate::auth::Auth;
use crate::config::{DEFAULT_MAX_REDIRECTS, PoolLimits, Timeout};
use crate::decode::Codings;
use crate::dial::DialOptions;
use crate::error::Result;
#[cfg(feature = "rustls")]
use crate::error::{Error, ErrorKind, Phase};
use crate::events::Listener;
use crate::headers::DefaultHeaders;
#[cfg(feature = "http2")]
use crate::http2_options::Http2Options;
use crate::location::BaseUrl;
use crate::params::Params;
use crate::proto::h1::H1Limits;
use crate::redirect::Policy;
use crate::request::Request;
use crate::routes::Routes;

mod versions;

pub(crate) use versions::{Asked, HAS_HTTP2};

/// A hook given to `on_request`.
pub(crate) type OnRequest = dyn Fn(&mut Request) -> Result<()> + Send + Sync;

pub(crate) struct ClientConfig {
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) headers: Arc<DefaultHeaders>,
    pub(crate) params: Params,
    pub(crate) cookies: Vec<(String, String)>,
    pub(crate) jar: crate::cookies::Cookies,
    pub(crate) auth: Option<Arc<dyn Auth>>,
    pub(crate) netrc: crate::auth::ambient::Source,
    pub(crate) routes: Routes,
    pub(crate) on_request: Vec<Arc<OnRequest>>,
    pub(crate) on_event: Vec<Arc<Listener>>,
    pub(crate) timeout: Timeout,
    pub(crate) pool_limits: PoolLimits,
    pub(crate) follow_redirects: bool,
    pub(crate) max_redirects: usize,
    pub(crate) redirect_policy: Option<Arc<Policy>>,
    pub(crate) sensitive_headers: Vec<HeaderName>,
    pub(crate) default_encoding: Option<Box<str>>,
    pub(crate) dial: DialOptions,
    pub(crate) retries: u32,
    pub(crate) retries_unprocessed: bool,
    /// HTTP/1.1 may be spoken.
    pub(crate) http1: bool,
    /// HTTP/2 may be spoken.
    pub(crate) http2: bool,
    /// All servers speak HTTP/2, those of `http` URLs too.
    pub(crate) prior_knowledge: bool,
    pub(crate) h1: H1Limits,
    #[cfg(feature = "http2")]
    pub(crate) h2: Http2Options,
    /// `None`: all that are compiled in.
    pub(crate) codings: Option<Codings>,
    pub(crate) refuses_trailing_data: bool,
    pub(crate) keeps_cookies: bool,
    pub(crate) lower_names: bool,
    pub(crate) tls_info: bool,
    pub(crate) max_decoded_size: Option<u64>,
    #[cfg(feature = "rustls")]
    pub(crate) tls: crate::tls::TlsSource,
}

impl ClientConfig {
    /// The configuration of `Client::new()`.
    pub(crate) fn plain() -> Self {
        static HEADERS: OnceLock<Arc<DefaultHeaders>> = OnceLock::new();
        let headers =
            HEADERS.get_or_init(|| Arc::new(DefaultHeaders::new(&HeaderMap::new(), &[], None)));
        ClientConfig {
            base_url: None,
            headers: headers.clone(),
            params: Params::default(),
            cookies: Vec::new(),
            jar: crate::cookies::Cookies::new(),
            auth: None,
            netrc: crate::auth::ambient::Source::none(),
            routes: Routes::default(),
            on_request: Vec::new(),
            on_event: Vec::new(),
            timeout: Timeout::default(),
            pool_limits: PoolLimits::default(),
            follow_redirects: true,
            max_redirects: DEFAULT_MAX_REDIRECTS,
            redirect_policy: None,
            sensitive_headers: Vec::new(),
            default_encoding: None,
            dial: DialOptions::default(),
            retries: 0,
            retries_unprocessed: true,
            http1: true,
            http2: HAS_HTTP2,
            prior_knowledge: false,
            h1: H1Limits::default(),
            #[cfg(feature = "http2")]
            h2: Http2Options::default(),
            codings: None,
            refuses_trailing_data: false,
            keeps_cookies: true,
            lower_names: false,
            tls_info: false,
            max_decoded_size: None,
            #[cfg(feature = "rustls")]
            tls: crate::tls::TlsOptions::default()
                .prepare()
                .expect("nothing explicit is given, so nothing is read"),
        }
    }

    /// Tells whether the jar can be passed by.
    pub(crate) fn has_empty_jar(&self) -> bool {
        !self.keeps_cookies || self.jar.is_certainly_empty()
    }

    /// Tells whether a body of these headers is decoded.
    pub(crate) fn decodes(&self, headers: &HeaderMap) -> bool {
        self.codings
            .as_ref()
            .is_none_or(|codings| codings.take(headers))
    }

    /// The jar's cookies for a URL, which is asked for only if the jar holds any.
    pub(crate) fn jar_pairs(&self, url: impl FnOnce() -> Url) -> Vec<(String, String)> {
        match self.has_empty_jar() {
            true => Vec::new(),
            false => self.jar.pairs_for(&url()),
        }
    }

    /// Takes over what the environment says of proxies and netrc.
    ///
    /// # Errors
    /// What is wrong with the environment; requests get the same.
    pub(crate) fn trust_env(
        &mut self,
        proxies: bool,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<()> {
        if proxies && self.dial.unix_socket.is_none() {
            self.routes.add_env(crate::env::proxies(env));
        }
        self.netrc = crate::auth::ambient::Source::of(crate::env::netrc_paths(env));
        self.routes.check_env()
    }

    /// Parses the TLS configuration that requests would parse at first need.
    #[cfg(feature = "rustls")]
    pub(crate) fn check_tls(&self) -> Result<()> {
        let wanted = self.protocol_for(true, false, Asked::Anything)?;
        let parsed = self.tls.config(&|name| std::env::var_os(name), wanted);
        parsed.map(|_| ()).map_err(bad_tls)
    }
}

#[cfg(feature = "rustls")]
pub(crate) fn bad_tls(error: crate::tls::TlsError) -> Error {
    Error::new(ErrorKind::Builder, error.to_string())
        .in_phase(Phase::Build)
        .with_source(error)
}
