//! Bodies as text.

use http::header::HeaderMap;

/// Decodes a body by the charset of its `content-type`, else by the given one; a byte order mark decides before either.
#[cfg(feature = "charset")]
pub(crate) fn decode(headers: &HeaderMap, body: &[u8], default: &str) -> String {
    use encoding_rs::{Encoding, UTF_8};
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.parse::<mime::Mime>().ok());
    let label = content_type
        .as_ref()
        .and_then(|mime| mime.get_param("charset"))
        .map_or(default, |charset| charset.as_str());
    let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(UTF_8);
    encoding.decode(body).0.into_owned()
}

/// Decodes a body as UTF-8.
#[cfg(not(feature = "charset"))]
pub(crate) fn decode(_: &HeaderMap, body: &[u8], _: &str) -> String {
    String::from_utf8_lossy(body).into_owned()
}
