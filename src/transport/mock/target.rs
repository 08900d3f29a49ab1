//! What the target of a route says: a path, and perhaps a scheme, host, port and query.

use std::borrow::Cow;

use super::matcher::Matcher;
use super::path::PathPattern;

/// Reads `[scheme://host[:port]]path[?query]` into conditions.
pub(super) fn conditions(target: &str) -> Result<(PathPattern, Vec<Matcher>), String> {
    let mut all = Vec::new();
    let mut path = target;
    if let Some((scheme, rest)) = target.split_once("://")
        && !scheme.contains(['/', '?'])
    {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        path = rest;
        let scheme = scheme.to_ascii_lowercase();
        if authority.contains('@') {
            return Err("credentials are no part of a target: they come as a header".to_owned());
        }
        // The last colon, but for those within an IPv6 address.
        let named = authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'));
        let (host, port) = match named {
            Some((host, port)) => (host, port.parse().map_err(|_| "the port is none")?),
            None if scheme == "https" => (authority, 443),
            None => (authority, 80),
        };
        all.push(Matcher::Scheme(scheme));
        all.push(Matcher::Host(host.to_owned()));
        all.push(Matcher::Port(port));
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = PathPattern::parse(path)?;
    all.push(Matcher::Path(path.clone()));
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        all.push(Matcher::Query(name.into_owned(), value.into_owned()));
    }
    Ok((path, all))
}

/// The target for messages, without the userinfo that should not be there.
pub(super) fn shown(target: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = target.split_once("://") else {
        return target.into();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://[secure]{}", &rest[at..]).into(),
        None => target.into(),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::matcher::Seen;
    use super::super::route::Route;
    use crate::request::Request;

    fn takes(route: &Route, url: &str) -> bool {
        let request = Request::new(Method::GET, url).unwrap();
        route.matches(&Seen::new(&request))
    }

    #[test]
    fn a_target_may_name_scheme_host_port_and_query() {
        let cases = [
            ("/a", "http://x.test/a?b=1", true),
            ("/a?b=1", "http://x.test/a?b=1&c=2", true),
            ("/a?b=1", "http://x.test/a", false),
            ("/a?b=%20c", "http://x.test/a?b=+c", true),
            ("https://x.test/a", "https://x.test/a", true),
            ("https://x.test/a", "https://x.test:443/a", true),
            ("https://x.test/a", "https://x.test:8443/a", false),
            ("https://x.test/a", "http://x.test/a", false),
            ("https://x.test/a", "https://y.test/a", false),
            ("http://x.test:81/a", "http://x.test:81/a", true),
            ("http://x.test:81/a", "http://x.test/a", false),
            ("http://x.test", "http://x.test/", true),
            ("http://x.test?a=1", "http://x.test/?a=1", true),
            ("http://*.x.test/*", "http://a.x.test/q/w", true),
            ("http://[::1]:81/a", "http://[::1]:81/a", true),
            ("http://[::1]/a", "http://[::1]/a", true),
            (
                "/a?to=http://y.test/",
                "http://x.test/a?to=http://y.test/",
                true,
            ),
        ];
        for (target, url, expected) in cases {
            let route = Route::get(target);
            assert_eq!(route.problem(), None, "{target}");
            assert_eq!(takes(&route, url), expected, "{target} on {url}");
        }
    }

    #[test]
    fn userinfo_is_refused_and_not_shown() {
        for (target, expected) in [
            ("http://tom:s3cret@x.test/a", "GET http://[secure]@x.test/a"),
            ("http://s3cret@x.test:81", "GET http://[secure]@x.test:81"),
            (
                "http://tom:s3@cret@x.test?a",
                "GET http://[secure]@x.test?a",
            ),
        ] {
            let route = Route::get(target);
            assert!(route.problem().is_some(), "{target}");
            assert_eq!(route.to_string(), expected);
        }
        for target in ["/a@b", "http://x.test/a@b", "http://x.test?a=@"] {
            let route = Route::get(target);
            assert_eq!(route.problem(), None, "{target}");
            assert_eq!(route.to_string(), format!("GET {target}"));
        }
    }
}
