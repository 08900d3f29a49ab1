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
        let value = cookie_header(client, cookies)?;
        request.options_mut().cookies = Some(value.clone());
        // An explicit `cookie` header wins over every cookie.
        if !request.request_headers().contains(&COOKIE) {
            request
                .request_headers_mut()
                .own_mut()
                .insert(COOKIE, value);
        }
    }
    Ok(request)
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
