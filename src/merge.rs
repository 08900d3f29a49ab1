//! Client defaults and per-request options become one request, when it is built (S3 to S8).

use http::Method;
use http::header::{COOKIE, HeaderValue};

use crate::client_config::ClientConfig;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::headers::RequestHeaders;
use crate::location::{Location, has_scheme};
use crate::params::{Params, merge_query};
use crate::request::Request;

/// Begins a request: its URL made absolute, the client's headers beneath.
pub(crate) fn begin(config: &ClientConfig, method: Method, url: &str) -> Result<Request> {
    let location = match &config.base_url {
        Some(base) if !has_scheme(url) => base.join(url)?,
        _ => Location::parse(url)?,
    };
    Ok(Request::from_parts(
        method,
        location,
        RequestHeaders::with_defaults(config.headers.clone()),
    ))
}

/// Finishes a request: parameters into the query, cookies into their header.
pub(crate) fn finish(
    config: &ClientConfig,
    mut request: Request,
    params: &Params,
    cookies: &[(String, String)],
) -> Result<Request> {
    if !params.is_empty() || !config.params.is_empty() {
        let query = merge_query(request.url().query(), &config.params, params);
        request.url_mut().set_query(query.as_deref());
        request.prepare()?;
    }
    let client = client_cookies(config, &request);
    if !client.is_empty() || !cookies.is_empty() {
        request.options_mut().cookies = Some(cookie_header(client, cookies)?);
    }
    let any = request.options().cookies.is_some() || !config.has_empty_jar();
    // An explicit `cookie` header wins over every cookie.
    if any && !request.request_headers().contains(&COOKIE) {
        put_cookies(config, &mut request);
    }
    Ok(request)
}

/// Puts the cookies for the request's URL into their header, in place of those that were put in before: the jar's, then
/// the client's and the request's, which win.
pub(crate) fn put_cookies(config: &ClientConfig, request: &mut Request) {
    if request.request_headers().is_suppressed(&COOKIE) {
        return;
    }
    let jar = config.jar_pairs(|| request.url().clone());
    let all = with_jar(jar, request.options().cookies.as_ref());
    if all.is_none() && request.options().cookies_put.is_none() {
        return;
    }
    let headers = request.request_headers_mut().own_mut();
    match &all {
        Some(value) => headers.insert(COOKIE, value.clone()),
        None => headers.remove(COOKIE),
    };
    request.options_mut().cookies_put = all;
}

/// Tells whether the request's `cookie` field is none of the user's own.
pub(crate) fn cookies_are_ours(request: &Request) -> bool {
    match request.request_headers().get(&COOKIE) {
        None => true,
        Some(value) => request.options().cookies_put.as_ref() == Some(value),
    }
}

/// The jar's cookies, with those of `own` replacing them by name, as one field.
pub(crate) fn with_jar(
    jar: Vec<(String, String)>,
    own: Option<&HeaderValue>,
) -> Option<HeaderValue> {
    if jar.is_empty() {
        return own.cloned();
    }
    let own_text = own.map_or("", |own| std::str::from_utf8(own.as_bytes()).unwrap_or(""));
    let name_of = |pair: &str| {
        pair.split_once('=')
            .map_or(pair, |(name, _)| name)
            .to_owned()
    };
    let own_names: Vec<String> = own_text.split("; ").map(name_of).collect();
    let kept = jar
        .into_iter()
        .filter(|(name, _)| !own_names.contains(name))
        .map(|(name, value)| format!("{name}={value}"));
    let own_pair = (!own_text.is_empty()).then(|| own_text.to_owned());
    let text = kept.chain(own_pair).collect::<Vec<_>>().join("; ");
    // What the jar holds was checked when it was stored.
    let mut value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The client's cookies belong to the origin of its base_url; without one, to the origin asked first in each call.
fn client_cookies<'a>(config: &'a ClientConfig, request: &Request) -> &'a [(String, String)] {
    match &config.base_url {
        Some(base)
            if !config.cookies.is_empty() && base.url().origin() != request.url().origin() =>
        {
            &[]
        }
        _ => &config.cookies,
    }
}

/// `a=1; b=2`, a later cookie replacing an earlier one of its name.
fn cookie_header(client: &[(String, String)], request: &[(String, String)]) -> Result<HeaderValue> {
    let mut merged: Vec<(&str, &str)> = Vec::with_capacity(client.len() + request.len());
    for (name, value) in client.iter().chain(request) {
        match merged.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => merged.push((name, value)),
        }
    }
    let text = merged
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("; ");
    let mut value = HeaderValue::from_str(&text).map_err(|error| {
        Error::new(
            ErrorKind::LocalProtocolError,
            "a cookie contains a forbidden character",
        )
        .in_phase(Phase::Build)
        .with_source(error)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Checks a cookie's name and value (RFC 6265 section 4.1.1, with the leniency of browsers).
pub(crate) fn check_cookie(name: &str, value: &str) -> Result<()> {
    let bad = |b: u8| b == b';' || b.is_ascii_control();
    if name.is_empty() || name.bytes().any(|b| bad(b) || b == b'=') || value.bytes().any(bad) {
        return Err(Error::new(
            ErrorKind::LocalProtocolError,
            format!(
                "the cookie `{}` has a forbidden character in its name or value",
                name.escape_debug()
            ),
        )
        .in_phase(Phase::Build));
    }
    Ok(())
}
