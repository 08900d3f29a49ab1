//! An entry of a HAR file as an exchange, whoever wrote it.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use url::Url;

use crate::transport::recording::content;
use crate::transport::recording::failure::{self, Failure};
use crate::transport::recording::json::Json;
use crate::transport::recording::recorded::{Answer, Recorded, measure};
use crate::transport::recording::redact::media_type;

/// Reads an entry; `None` for one that has nothing to replay: blocked, aborted, upgraded to another protocol.
///
/// # Errors
/// Where it stands, and what is wrong there.
pub(crate) fn entry(entry: &Json) -> Result<Option<Recorded>, String> {
    let request = entry.get("request").ok_or("it has no `request`")?;
    let response = entry.get("response").ok_or("it has no `response`")?;
    let url = text(request, "request", "url")?;
    // Browsers list what never went over HTTP: `data:`, `blob:`, `chrome-extension:`, `wss:`.
    let Some(url) = http_url(url)? else {
        return Ok(None);
    };
    let method = text(request, "request", "method")?;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| "request.method: is not a method".to_owned())?;
    let headers = headers(request, "request")?;
    let body = match request.get("postData") {
        None | Some(Json::Null) => Bytes::new(),
        Some(data) => post_data(data, &headers)?,
    };
    let Some(answer) = answer(response, &method)? else {
        return Ok(None);
    };
    Ok(Some(Recorded {
        method,
        url,
        version: version(request),
        headers,
        body,
        answer,
    }))
}

fn http_url(url: &str) -> Result<Option<Url>, String> {
    let mut url = Url::parse(url).map_err(|error| format!("request.url: {error}"))?;
    url.set_fragment(None);
    Ok(matches!(url.scheme(), "http" | "https").then_some(url))
}

fn answer(response: &Json, method: &Method) -> Result<Option<Answer>, String> {
    let status = response
        .get("status")
        .and_then(Json::as_i64)
        .ok_or("response.status: is not a number")?;
    if status == 0 {
        // Chrome's `_error` is a text, such as `net::ERR_BLOCKED_BY_CLIENT`.
        return match response.get("_error") {
            Some(error @ Json::Object(_)) => failed(error).map(Some),
            _ => Ok(None),
        };
    }
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or("response.status: is not a status")?;
    // RFC 9110 15.2: what is informational is no answer; after 101 another protocol is spoken.
    if status.is_informational() {
        return Ok(None);
    }
    let mut answer = Answer::new(status);
    answer.version = version(response);
    if let Some(reason) = response.get("statusText").and_then(Json::as_str) {
        // HTTP/2 has no reason phrase.
        if !reason.is_empty() || answer.version <= Version::HTTP_11 {
            answer.reason = reason.to_owned();
        }
    }
    answer.headers = headers(response, "response")?;
    let content = response.get("content").unwrap_or(&Json::Null);
    match content.get("text") {
        None | Some(Json::Null) => {
            let size = content.get("size").and_then(Json::as_i64).unwrap_or(0);
            let bodyless = *method == Method::HEAD
                || status.is_redirection()
                || status == StatusCode::NO_CONTENT;
            answer.missing = size > 0 && !bodyless;
        }
        Some(Json::Text(text)) => {
            answer.body = bytes(text, content.get("encoding"), &answer.headers)
                .map_err(|what| format!("response.content.text: {what}"))?;
        }
        Some(_) => return Err("response.content.text: is not a text".to_owned()),
    }
    let raw = matches!(content.get("_raw"), Some(Json::Bool(true)));
    if !answer.body.is_empty() && !raw {
        answer.headers.remove(CONTENT_ENCODING);
        measure(&mut answer.headers, answer.body.len());
    }
    Ok(Some(answer))
}

fn failed(error: &Json) -> Result<Answer, String> {
    let said = |name| error.get(name).and_then(Json::as_str).unwrap_or_default();
    let kind = failure::kind(said("kind")).ok_or("response._error.kind: is not an error kind")?;
    Ok(Answer::failed(Failure {
        kind,
        phase: failure::phase(said("phase")),
        message: said("message").to_owned(),
    }))
}

fn post_data(data: &Json, headers: &HeaderMap) -> Result<Bytes, String> {
    // A multipart form is exported without the boundary that its header would need.
    match (data.get("text"), data.get("params")) {
        (Some(Json::Text(text)), _) if !text.is_empty() => {
            let encoding = data.get("_encoding").or_else(|| data.get("encoding"));
            bytes(text, encoding, headers).map_err(|what| format!("request.postData.text: {what}"))
        }
        (Some(Json::Text(_) | Json::Null) | None, Some(Json::List(params))) => {
            let form = media_type(headers)
                .is_none_or(|media_type| media_type == "application/x-www-form-urlencoded");
            Ok(if form { form_of(params) } else { Bytes::new() })
        }
        (Some(Json::Text(_) | Json::Null) | None, _) => Ok(Bytes::new()),
        (Some(_), _) => Err("request.postData.text: is not a text".to_owned()),
    }
}

fn form_of(params: &[Json]) -> Bytes {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for param in params {
        let said = |name| param.get(name).and_then(Json::as_str).unwrap_or_default();
        form.append_pair(said("name"), said("value"));
    }
    form.finish().into()
}

fn bytes(text: &str, encoding: Option<&Json>, headers: &HeaderMap) -> Result<Bytes, String> {
    match encoding {
        None | Some(Json::Null) => Ok(content::read_text(text, headers)),
        Some(Json::Text(name)) if name.is_empty() => Ok(content::read_text(text, headers)),
        Some(Json::Text(name)) if name.eq_ignore_ascii_case("base64") => {
            content::read_base64(text).map_err(str::to_owned)
        }
        Some(_) => Err("its encoding is another one than base64".to_owned()),
    }
}

fn text<'j>(side: &'j Json, name: &str, member: &str) -> Result<&'j str, String> {
    side.get(member)
        .and_then(Json::as_str)
        .ok_or_else(|| format!("{name}.{member}: is not a text"))
}

fn headers(side: &Json, name: &str) -> Result<HeaderMap, String> {
    let fields = match side.get("headers") {
        None | Some(Json::Null) => &[][..],
        Some(fields) => fields
            .as_list()
            .ok_or_else(|| format!("{name}.headers: is not a list"))?,
    };
    let mut headers = HeaderMap::new();
    for (at, field) in fields.iter().enumerate() {
        let place = |what: &str| format!("{name}.headers[{at}]: {what}");
        let said = |member| field.get(member).and_then(Json::as_str);
        let (Some(key), Some(value)) = (said("name"), said("value")) else {
            return Err(place("has no `name` and `value`"));
        };
        // HTTP/2's pseudo headers, which Chrome lists.
        if key.starts_with(':') {
            continue;
        }
        let key =
            HeaderName::from_bytes(key.as_bytes()).map_err(|_| place("its name is not a token"))?;
        // Chrome joins what a server sent in several lines.
        for line in value.split('\n') {
            let latin1 = match said("_encoding") {
                Some("latin1") => line
                    .chars()
                    .map(u8::try_from)
                    .collect::<Result<_, _>>()
                    .ok(),
                _ => Some(line.as_bytes().to_vec()),
            };
            let value = latin1
                .and_then(|bytes: Vec<u8>| HeaderValue::from_bytes(bytes.trim_ascii()).ok())
                .ok_or_else(|| place("its value has a forbidden character"))?;
            headers
                .try_append(key.clone(), value)
                .map_err(|_| place("is one too many"))?;
        }
    }
    if !headers.contains_key(CONTENT_TYPE)
        && let Some(data) = side.get("postData")
        && let Some(media_type) = data.get("mimeType").and_then(Json::as_str)
        && !media_type.is_empty()
        && let Ok(value) = HeaderValue::from_str(media_type)
    {
        // Only a map that is full beyond reason refuses.
        let _ = headers.try_insert(CONTENT_TYPE, value);
    }
    Ok(headers)
}

/// `HTTP/1.1` as it is meant to be; Chrome also writes `h2`, `h3` and `http/2.0`.
fn version(side: &Json) -> Version {
    let version = side.get("httpVersion").and_then(Json::as_str);
    match version.unwrap_or_default().to_ascii_lowercase().as_str() {
        "http/0.9" => Version::HTTP_09,
        "http/1.0" => Version::HTTP_10,
        "http/2" | "http/2.0" | "h2" => Version::HTTP_2,
        "http/3" | "http/3.0" | "h3" => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}
