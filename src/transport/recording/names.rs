//! Which names of headers and parameters stand for secrets.

use http::HeaderName;

use crate::headers;

/// What a word of a secret's name ends with, in the singular: `client_secret`, `newpassword`, `X-Amz-Signature`.
const ENDINGS: [&str; 14] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pincode",
    "signature",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "sharedkey",
    "userpass",
    "credential",
];

/// Words that say it alone, in the singular.
const WORDS: [&str; 15] = [
    "pwd",
    "pass",
    "pin",
    "otp",
    "totp",
    "cvv",
    "cvc",
    "sig",
    "jwt",
    "bearer",
    "auth",
    "authorization",
    "sessionid",
    "jsessionid",
    "phpsessid",
];

/// Every token is a secret but one that is a mark, by what stands before it: `page_token`, `nextToken`.
const TOKEN_MARKS: [&str; 7] = [
    "page",
    "next",
    "prev",
    "previous",
    "continuation",
    "sync",
    "idempotency",
];

/// Every key is a secret but one that is a name: `Idempotency-Key`, `Sec-WebSocket-Key`.
const KEY_MARKS: [&str; 9] = [
    "page",
    "idempotency",
    "surrogate",
    "cache",
    "websocket",
    "socket",
    "public",
    "partition",
    "sort",
];

/// Several keys or tokens are anything (`max_tokens` is a number), but with these before them: `refresh_tokens`, `apiKeys`.
const OF_SEVERAL: [&str; 14] = [
    "access", "refresh", "api", "auth", "bearer", "csrf", "device", "id", "login", "private",
    "secret", "security", "session", "signing",
];

/// Tells whether a header's value is a secret by its name.
pub(super) fn is_secret_header(name: &str) -> bool {
    if name.eq_ignore_ascii_case("access-control-allow-credentials") {
        // `true` is all that it says.
        return false;
    }
    HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| headers::is_secret(&name))
        || is_secret_name(name)
}

/// Tells whether a parameter of a query or form, or a member of a JSON object, is a secret by its name.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    (0..words.len()).any(|at| {
        let before = at
            .checked_sub(1)
            .map_or("", |before| words[before].as_str());
        is_secret_word(&words[at], before)
    })
}

fn is_secret_word(word: &str, before: &str) -> bool {
    // `password2` is the second one.
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let (one, several) = match word.strip_suffix('s') {
        Some(one) if word != "pass" => (one, true),
        _ => (word, false),
    };
    if one == "key" {
        return match several {
            true => OF_SEVERAL.contains(&before),
            false => !KEY_MARKS.contains(&before),
        };
    }
    if let Some(glued) = one.strip_suffix("token") {
        // One word of two: `nexttoken`, `accesstokens`.
        let before = if glued.is_empty() { before } else { glued };
        return match several {
            true => OF_SEVERAL.contains(&before),
            false => !TOKEN_MARKS.contains(&before),
        };
    }
    WORDS.contains(&one) || ENDINGS.iter().any(|ending| one.ends_with(ending))
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
            // Only a token or a key is a mark after such a word.
            "next_secret",
            "previous_password",
            "nextpassword",
            "public_secret",
            "public_signature",
            "page_auth",
            "next_access_token",
            "public_token",
            "sync_apikey",
            "routing_key",
            // Several.
            "passwords",
            "newPasswords",
            "secrets",
            "credential",
            "credentials",
            "aws-credentials",
            "access_tokens",
            "refreshTokens",
            "accesstokens",
            "api_keys",
            "apiKeys",
            "apikeys",
            "private-keys",
            "otps",
            // Near names.
            "passcode",
            "passphrase",
            "pin",
            "PIN",
            "pin_code",
            "user[pin]",
            "otp",
            "otp_code",
            "totp",
            "cvv",
            "pass",
            "jwt",
            "privatekey",
            "PHPSESSID",
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
            "maxTokens",
            "maxtokens",
            "public_key",
            "cache_keys",
            "s",
            "access",
            "spin",
            "ping",
            "pinned",
            "bypass",
            "compass",
            "hotspot",
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
            "access-control-allow-credentials",
            "x-request-id",
            "content-type",
            "keep-alive",
        ] {
            assert!(!is_secret_header(name), "{name}");
        }
    }
}
