//! The first words: the method, if one is there, and the URL with its shorthands.

use crate::failure::{Failure, Result};
use crate::items::is_item;

/// The names of HTTP and WebDAV that are methods in small letters too.
const METHODS: [&str; 16] = [
    "get",
    "head",
    "post",
    "put",
    "patch",
    "delete",
    "options",
    "trace",
    "connect",
    "query",
    "propfind",
    "proppatch",
    "mkcol",
    "copy",
    "move",
    "purge",
];

/// Splits the words into method, URL and items.
pub(crate) fn split<'a>(
    words: &'a [String],
    method: Option<&'a str>,
) -> Result<(Option<String>, &'a str, &'a [String])> {
    match (method, words) {
        (_, []) => Err(Failure::usage("no URL is given\nTry: dimorph --help")),
        (Some(method), [url, items @ ..]) => Ok((Some(known(method)), url, items)),
        (None, [first, url, items @ ..]) if is_method(first, url) => {
            Ok((Some(first.to_ascii_uppercase()), url, items))
        }
        (None, [url, items @ ..]) => Ok((None, url, items)),
    }
}

/// A method of HTTP in capitals, as HTTPX has it; any other stays as it stands, since methods are case-sensitive.
fn known(method: &str) -> String {
    let lower = method.to_ascii_lowercase();
    match METHODS.contains(&&*lower) {
        true => method.to_ascii_uppercase(),
        false => method.to_owned(),
    }
}

/// `localhost x=1` is a URL and an item, though `localhost` could be a method.
fn is_method(word: &str, next: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (METHODS.contains(&&*word.to_ascii_lowercase())
            || word.bytes().all(|byte| byte.is_ascii_uppercase())
            || !is_item(next))
}

/// The whole URL: `:8000/x` and `:/x` are on localhost, and what has no scheme is http.
pub(crate) fn whole(url: &str) -> String {
    if let Some(rest) = url.strip_prefix("://") {
        return format!("http://{rest}");
    }
    if let Some(rest) = url.strip_prefix(':').filter(|rest| !rest.starts_with(':')) {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        return match digits {
            0 => format!("http://localhost{rest}"),
            _ => format!("http://localhost:{rest}"),
        };
    }
    // A host called `http` is a slip of the pen; the library says what is wrong with it.
    let slipped = ["http:/", "https:/"]
        .iter()
        .any(|start| url.starts_with(start));
    match has_scheme(url) || slipped {
        true => url.to_owned(),
        false => format!("http://{}", url.trim_start_matches('/')),
    }
}

/// Tells `scheme://…` from `host:port/…?to=http://…`.
fn has_scheme(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}
