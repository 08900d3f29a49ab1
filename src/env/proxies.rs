//! The variables that name proxies.

use std::ffi::OsString;

use super::Env;
use crate::error::{Error, Result};
use crate::location::Origin;
use crate::no_proxy::NoProxy;
use crate::proxy::{Proxy, split_scheme};

/// The environment's proxies.
#[derive(Debug)]
pub(crate) struct EnvProxies {
    pub(crate) http: Option<Proxy>,
    pub(crate) https: Option<Proxy>,
    pub(crate) all: Option<Proxy>,
    pub(crate) no_proxy: NoProxy,
}

impl EnvProxies {
    /// Returns the proxy for an origin: its scheme's, else the one for all, unless `NO_PROXY` has it.
    pub(crate) fn find(&self, origin: &Origin<'_>) -> Option<&Proxy> {
        let own = if origin.secure {
            &self.https
        } else {
            &self.http
        };
        own.as_ref()
            .or(self.all.as_ref())
            .filter(|_| !self.no_proxy.bypasses(origin))
    }
}

/// Reads `NO_PROXY`, in either case.
pub(crate) fn no_proxy(env: Env<'_>) -> Option<NoProxy> {
    // What is no Unicode cannot be a host's name.
    variable(env, "no_proxy", "NO_PROXY").map(|(_, list)| NoProxy::parse(&list.to_string_lossy()))
}

/// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (S21). `None`: there is no proxy.
///
/// # Errors
/// A proxy's URL that cannot be used: going on without it would send past the proxy what was meant for it.
pub(crate) fn proxies(env: Env<'_>) -> Result<Option<EnvProxies>> {
    let no_proxy = no_proxy(env).unwrap_or_default();
    if no_proxy.bypasses_all() {
        return Ok(None);
    }
    let proxies = EnvProxies {
        http: http_variable(env).map(proxy).transpose()?,
        https: variable(env, "https_proxy", "HTTPS_PROXY")
            .map(proxy)
            .transpose()?,
        all: variable(env, "all_proxy", "ALL_PROXY")
            .map(proxy)
            .transpose()?,
        no_proxy,
    };
    let any = proxies.http.is_some() || proxies.https.is_some() || proxies.all.is_some();
    Ok(any.then_some(proxies))
}

/// Under CGI a request's `Proxy` header arrives as HTTP_PROXY (CVE-2016-5385, "httpoxy"); no header can make the
/// lower-case name, but where names have no case.
fn http_variable(env: Env<'_>) -> Option<(&'static str, OsString)> {
    let (lower, upper) = ("http_proxy", "HTTP_PROXY");
    match env("REQUEST_METHOD") {
        None => variable(env, lower, upper),
        Some(_) if cfg!(windows) => None,
        Some(_) => variable(env, lower, lower),
    }
}

/// Looks up a variable in either case. The lower-case one wins even if it is empty: as for Python's urllib, and so HTTPX,
/// `http_proxy=` switches `HTTP_PROXY` off.
fn variable(
    env: Env<'_>,
    lower: &'static str,
    upper: &'static str,
) -> Option<(&'static str, OsString)> {
    let (name, value) = match env(lower) {
        Some(value) => (lower, value),
        None => (upper, env(upper)?),
    };
    (!value.is_empty()).then_some((name, value))
}

/// Makes a proxy of a variable's value. Without a scheme it is an `http` proxy's.
fn proxy((name, value): (&'static str, OsString)) -> Result<Proxy> {
    let Some(text) = value.to_str().map(str::trim) else {
        return Err(Error::builder(format!("{name}: the value is no Unicode")));
    };
    let made = match split_scheme(text) {
        Some(_) => Proxy::new(text),
        // A scheme with a slash too few is no host.
        None if text.contains(":/") => Proxy::new(text),
        None => Proxy::new(format!("http://{text}")),
    };
    made.map_err(|error| Error::builder(format!("{name}: {}", error.message())).with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    fn table(set: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            let found = set.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.into())
        }
    }

    /// The proxy of each field, as `http https all`.
    fn read(set: &[(&str, &str)]) -> Result<Option<[Option<String>; 3]>> {
        let url = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| proxy.url().to_string());
        Ok(proxies(&table(set))?.map(|p| [url(&p.http), url(&p.https), url(&p.all)]))
    }

    #[test]
    fn either_case_is_read_and_lower_wins() {
        type Fields<'a> = [Option<&'a str>; 3];
        type Set<'a> = &'a [(&'a str, &'a str)];
        let table: [(Set<'_>, Option<Fields<'_>>); 13] = [
            (&[], None),
            (&[("NO_PROXY", "a.com")], None),
            (&[("FTP_PROXY", "http://p")], None),
            (&[("HTTP_PROXY", "")], None),
            (
                &[("HTTP_PROXY", "http://p")],
                Some([Some("http://p/"), None, None]),
            ),
            (
                &[("HTTP_PROXY", " p:81 ")],
                Some([Some("http://p:81/"), None, None]),
            ),
            (
                &[("http_proxy", "[::1]:81")],
                Some([Some("http://[::1]:81/"), None, None]),
            ),
            (
                &[
                    ("https_proxy", "HTTP://P:81"),
                    ("ALL_PROXY", "tom:mot123@q"),
                ],
                Some([None, Some("http://p:81/"), Some("http://q/")]),
            ),
            (
                &[("http_proxy", "http://l"), ("HTTP_PROXY", "http://u")],
                Some([Some("http://l/"), None, None]),
            ),
            (&[("http_proxy", ""), ("HTTP_PROXY", "http://u")], None),
            (
                &[("no_proxy", ""), ("NO_PROXY", "*"), ("ALL_PROXY", "p")],
                Some([None, None, Some("http://p/")]),
            ),
            (&[("NO_PROXY", "a.com, *"), ("ALL_PROXY", "http://p")], None),
            // With `*` no proxy is used, so none can be malformed.
            (&[("NO_PROXY", "*"), ("ALL_PROXY", "ftp://p")], None),
        ];
        for (set, expected) in table {
            let expected = expected.map(|fields| fields.map(|url| url.map(str::to_owned)));
            assert_eq!(read(set).unwrap(), expected, "{set:?}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn under_cgi_only_the_lower_case_name_counts_for_http() {
        let upper = ("HTTP_PROXY", "http://evil");
        let lower = ("http_proxy", "http://l");
        let https = ("HTTPS_PROXY", "http://s");
        for cgi in [("REQUEST_METHOD", "GET"), ("REQUEST_METHOD", "")] {
            assert_eq!(read(&[cgi, upper]).unwrap(), None);
            let both = read(&[cgi, upper, lower, https]).unwrap().unwrap();
            assert_eq!(both[0].as_deref(), Some("http://l/"));
            assert_eq!(both[1].as_deref(), Some("http://s/"));
        }
    }

    #[test]
    fn a_bad_url_is_an_error_that_names_the_variable_and_no_password() {
        let table = [
            "ftp://tom:mot123@p",
            "socks://tom:mot123@p",
            "http://",
            "http://tom:mot123@",
            "tom:mot123@",
            "http://tom:mot123@p:x",
            "http://tom:mot123@p:65536",
            "tom:mot123/4@p",
            "http://tom:1/mot123@p",
            "http://tom:1#mot123@p",
            "http://tom:mot123\n@p",
            "http:\\\\tom:mot123@p",
            "//tom:mot123@p",
            "tom:mot123://@p",
            "http://tom:mot123@[::1%25eth0]",
            "http://tom:mot123@p p",
            "http:/tom:mot123@p",
        ];
        for value in table {
            for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
                let error = read(&[(name, value)]).unwrap_err();
                assert_eq!(error.kind(), crate::ErrorKind::Builder, "{value}");
                let shown = format!("{error} {error:?}");
                assert!(shown.contains(name), "{shown}");
                assert!(!shown.contains("mot123"), "{shown}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_unicode_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let env = |name: &str| {
            (name == "HTTP_PROXY").then(|| OsString::from_vec(b"http://\xff".to_vec()))
        };
        let error = proxies(&env).unwrap_err();
        assert!(error.to_string().contains("HTTP_PROXY"), "{error}");
    }

    #[test]
    fn an_origin_gets_its_schemes_proxy_else_the_one_for_all_else_none() {
        let set = [
            ("HTTPS_PROXY", "http://s"),
            ("ALL_PROXY", "http://a"),
            ("NO_PROXY", "direct.test"),
        ];
        let proxies = proxies(&table(&set)).unwrap().unwrap();
        let table = [
            ("https://x.test/", Some("http://s/")),
            ("http://x.test/", Some("http://a/")),
            ("http://direct.test/", None),
            ("https://a.direct.test/", None),
        ];
        for (url, expected) in table {
            let found = proxies.find(&Location::parse(url).unwrap().origin());
            assert_eq!(found.map(|proxy| proxy.url().as_str()), expected, "{url}");
        }
    }
}
