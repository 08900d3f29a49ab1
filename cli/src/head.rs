//! Heads of requests and responses, as lines.

use dimorph::blocking::Response;
use dimorph::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING, USER_AGENT,
};
use dimorph::{HeaderMap, Method, Request, StatusCode, Url, Version};

use crate::terminal::{BOLD, NAME, Paint, escaped, field_text, status_style};

/// What -v does not show, and -vv does.
const SECRET: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// The head of a request: its first line, and its fields in the order of the wire.
pub(crate) struct Head {
    line: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// The head that the client writes for a request which goes to its server directly.
    pub(crate) fn of(request: &Request, version: Version, keep_alive: bool) -> Head {
        let (method, url, headers) = (request.method(), request.url(), request.headers());
        let title = version < Version::HTTP_2;
        let spelled = |name: &str| match title {
            true => title_case(name),
            false => name.to_owned(),
        };
        let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
        let host = headers.get(HOST).map(|value| value.as_bytes().to_vec());
        fields.push((
            spelled("host"),
            host.unwrap_or_else(|| authority(url).into()),
        ));
        let mut framing = framing(method, headers, request.body().content_length(), title);
        if let Some((name, _)) = framing.take_if(|(_, value)| value == "0") {
            fields.push((spelled(name), b"0".to_vec()));
        }
        let mut keep_alive = keep_alive && title && !headers.contains_key(CONNECTION);
        for (name, value) in headers {
            if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
                continue;
            }
            if name == USER_AGENT && std::mem::take(&mut keep_alive) {
                fields.push(("Connection".into(), b"keep-alive".to_vec()));
            }
            if name == CONTENT_TYPE
                && let Some((name, value)) = framing.take()
            {
                fields.push((spelled(name), value.into_bytes()));
            }
            fields.push((spelled(name.as_str()), value.as_bytes().to_vec()));
        }
        if keep_alive {
            fields.push(("Connection".into(), b"keep-alive".to_vec()));
        }
        if let Some((name, value)) = framing {
            fields.push((spelled(name), value.into_bytes()));
        }
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Head {
            line: format!("{method} {target} {}", version_name(version)),
            fields,
        }
    }

    /// The lines for a terminal; credentials are hidden unless wanted.
    pub(crate) fn shown(&self, paint: Paint, secrets: bool) -> String {
        let mut text = paint.text(BOLD, &escaped(&self.line));
        text.push('\n');
        for (name, value) in &self.fields {
            let secret = !secrets && SECRET.contains(&&*name.to_ascii_lowercase());
            let value = field_text(value);
            let value = match (secret, value.split_once(' ')) {
                // The scheme is no secret, and often what one looks for.
                (true, Some((scheme, _))) if !name.eq_ignore_ascii_case("cookie") => {
                    format!("{scheme} [hidden]")
                }
                (true, _) => "[hidden]".into(),
                (false, _) => value,
            };
            push_field(&mut text, paint, name, &value);
        }
        text
    }

    /// The bytes of the wire, the empty line included.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut bytes = self.line.clone().into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    }
}

/// The head of a response as text.
pub(crate) fn response_head(response: &Response, paint: Paint) -> String {
    let mut text = status_line(
        response.version(),
        response.status(),
        response.reason(),
        paint,
    );
    text.push('\n');
    for (name, value) in response.headers() {
        let name = match response.version() < Version::HTTP_2 {
            true => title_case(name.as_str()),
            false => name.as_str().to_owned(),
        };
        push_field(&mut text, paint, &name, &field_text(value.as_bytes()));
    }
    text
}

fn status_line(version: Version, status: StatusCode, reason: &str, paint: Paint) -> String {
    let words = format!("{} {reason}", status.as_u16());
    let words = paint.text(
        status_style(status.as_u16()),
        escaped(words.trim_end()).as_ref(),
    );
    format!("{} {words}", paint.text(BOLD, version_name(version)))
}

fn push_field(text: &mut String, paint: Paint, name: &str, value: &str) {
    text.push_str(&paint.text(NAME, &escaped(name)));
    text.push_str(": ");
    text.push_str(&escaped(value));
    text.push('\n');
}

/// The field that says where the body ends (RFC 9112 section 6); HTTP/2 has frames instead, and a length where it is known.
fn framing(
    method: &Method,
    headers: &HeaderMap,
    length: Option<u64>,
    http1: bool,
) -> Option<(&'static str, String)> {
    let given = |name| Some(field_text(headers.get(name)?.as_bytes()));
    if let Some(value) = given(TRANSFER_ENCODING) {
        return Some(("transfer-encoding", value));
    }
    match (given(CONTENT_LENGTH), length) {
        (Some(value), _) => Some(("content-length", value)),
        (None, Some(0)) => [Method::POST, Method::PUT, Method::PATCH]
            .contains(method)
            .then(|| ("content-length", "0".to_owned())),
        (None, Some(length)) => Some(("content-length", length.to_string())),
        (None, None) => http1.then(|| ("transfer-encoding", "chunked".to_owned())),
    }
}

pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn title_case(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|c| match std::mem::replace(&mut start, c == '-') {
            true => c.to_ascii_uppercase(),
            false => c,
        })
        .collect()
}

pub(crate) fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}
