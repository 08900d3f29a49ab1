//! Which names of headers and parameters stand for secrets.

use http::HeaderName;

use crate::headers;

/// What a secret's name ends a word with: `token`, `accesstoken`, `client_secret`, `X-Amz-Signature`.
const ENDINGS: [&str; 8] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "signature",
    "apikey",
    "accesskey",
];

/// Words that say it alone.
const WORDS: [&str; 8] = [
    "key",
    "pwd",
    "pass",
    "sig",
    "jwt",
    "auth",
    "authorization",
    "credential",
];

/// What makes a token or key a mark, and no secret: `page_token`, `nextToken`, `Idempotency-Key`, `Sec-WebSocket-Key`.
const MARKS: [&str; 15] = [
    "page",
    "next",
    "prev",
    "previous",
    "continuation",
    "sync",
    "idempotency",
    "surrogate",
    "cache",
    "websocket",
    "socket",
    "public",
    "partition",
    "routing",
    "sort",
];

/// Tells whether a header's value is a secret by its name.
pub(super) fn is_secret_header(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| headers::is_secret(&name))
        || is_secret_name(name)
}

/// Tells whether a parameter of a query or form, or a member of a JSON object, is a secret by its name.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    words.iter().enumerate().any(|(at, word)| {
        let marked = at > 0 && MARKS.contains(&words[at - 1].as_str());
        // `password2` is the second one.
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let before = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending));
        !marked && (WORDS.contains(&word) || before.is_some_and(|mark| !MARKS.contains(&mark)))
    })
}

/// The words of a name, in lower case: `apiKey`, `api-key` and `API_KEY` have two, `apikey` has one.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before_lower = false;
    for char in name.chars() {
        let parts = !char.is_alphanumeric();
        if (parts || (before_lower && char.is_uppercase())) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !parts {
            word.extend(char.to_lowercase());
        }
        before_lower = char.is_lowercase() || char.is_ascii_digit();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_by_their_words() {
        for name in [
            "token",
            "access_token",
            "accessToken",
            "ACCESS-TOKEN",
            "accesstoken",
            "id_token_hint",
            "key",
            "api_key",
            "apikey",
            "apiKey",
            "AWSAccessKeyId",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "sig",
            "client_secret",
            "password",
            "user[password]",
            "newPassword2",
            "pwd",
            "subscription-key",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "",
            "q",
            "page",
            "page_token",
            "pageToken",
            "nexttoken",
            "next_token",
            "keyword",
            "keys",
            "monkey",
            "max_tokens",
            "author",
            "sort_key",
            "design",
            "passenger",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn names_of_secret_headers_are_known() {
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "api-key",
            "apikey",
            "x-goog-api-key",
            "ocp-apim-subscription-key",
            "x-auth-token",
            "private-token",
            "x-csrf-token",
            "x-amz-security-token",
            "x-auth",
            "x-hub-signature-256",
        ] {
            assert!(is_secret_header(name), "{name}");
        }
        for name in [
            "accept",
            "idempotency-key",
            "sec-websocket-key",
            "surrogate-key",
            "x-cache-key",
            "www-authenticate",
            "x-request-id",
            "content-type",
            "keep-alive",
        ] {
            assert!(!is_secret_header(name), "{name}");
        }
    }
}
