//! An exchange as an entry of a HAR file.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Version};

use crate::transport::recording::content::{self, Written};
use crate::transport::recording::date::rfc3339;
use crate::transport::recording::json::Json;
use crate::transport::recording::recorded::{Answer, Recorded};

/// When an exchange began, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) started: SystemTime,
    /// To the head of the response.
    pub(crate) wait: Duration,
    /// From there to the end of its body.
    pub(crate) receive: Duration,
}

/// The members of `log` beside the entries.
pub(crate) fn log() -> Vec<(String, Json)> {
    let creator = Json::object([
        ("name", Json::text("dimorph")),
        ("version", Json::text(env!("CARGO_PKG_VERSION"))),
    ]);
    vec![
        ("version".to_owned(), Json::text("1.2")),
        ("creator".to_owned(), creator),
    ]
}

pub(crate) fn entry(recorded: &Recorded, timing: &Timing) -> Json {
    Json::object([
        ("startedDateTime", Json::text(rfc3339(timing.started))),
        ("time", Json::millis(timing.wait + timing.receive)),
        ("request", request(recorded)),
        ("response", response(&recorded.answer)),
        ("cache", Json::object([])),
        (
            "timings",
            Json::object([
                ("send", Json::from(0_i64)),
                ("wait", Json::millis(timing.wait)),
                ("receive", Json::millis(timing.receive)),
            ]),
        ),
    ])
}

fn request(recorded: &Recorded) -> Json {
    let query = recorded.url.query_pairs().map(|(name, value)| {
        Json::object([("name", Json::text(name)), ("value", Json::text(value))])
    });
    let mut request = Json::object([
        ("method", Json::text(recorded.method.as_str())),
        ("url", Json::text(recorded.url.as_str())),
        ("httpVersion", version(recorded.version)),
        ("cookies", Json::List(Vec::new())),
        ("headers", headers(&recorded.headers)),
        ("queryString", Json::List(query.collect())),
    ]);
    if !recorded.body.is_empty() {
        request.push("postData", post_data(recorded));
    }
    request.push("headersSize", Json::from(-1_i64));
    request.push("bodySize", Json::from(recorded.body.len()));
    request
}

fn post_data(recorded: &Recorded) -> Json {
    let mut data = Json::object([("mimeType", mime_type(&recorded.headers))]);
    match content::write(&recorded.body, &recorded.headers) {
        Written::Text(text) => data.push("text", Json::text(text)),
        Written::Base64(text) => {
            data.push("text", Json::Text(text));
            // HAR knows an encoding for responses only.
            data.push("_encoding", Json::text("base64"));
        }
    }
    data
}

fn response(answer: &Answer) -> Json {
    if let Some(failure) = &answer.failure {
        return failed(Json::object([
            ("kind", Json::Text(format!("{:?}", failure.kind))),
            (
                "phase",
                match failure.phase {
                    Some(phase) => Json::Text(format!("{phase:?}")),
                    None => Json::Null,
                },
            ),
            ("message", Json::text(&failure.message)),
        ]));
    }
    let location = answer.headers.get(LOCATION);
    let mut response = Json::object([
        ("status", Json::from(i64::from(answer.status.as_u16()))),
        ("statusText", Json::text(&answer.reason)),
        ("httpVersion", version(answer.version)),
        ("cookies", Json::List(Vec::new())),
        ("headers", headers(&answer.headers)),
        ("content", content(answer)),
        (
            "redirectURL",
            Json::text(location.and_then(|value| value.to_str().ok()).unwrap_or("")),
        ),
        ("headersSize", Json::from(-1_i64)),
        (
            "bodySize",
            answer.received.map_or(Json::from(-1_i64), Json::from),
        ),
    ]);
    if let Some(coding) = &answer.coding {
        response.push("_encoding", Json::text(coding));
    }
    response
}

/// No response, in the form that browsers give to one that never came.
fn failed(error: Json) -> Json {
    let content = Json::object([("size", Json::from(0_i64)), ("mimeType", Json::text(""))]);
    Json::object([
        ("status", Json::from(0_i64)),
        ("statusText", Json::text("")),
        ("httpVersion", Json::text("")),
        ("cookies", Json::List(Vec::new())),
        ("headers", Json::List(Vec::new())),
        ("content", content),
        ("redirectURL", Json::text("")),
        ("headersSize", Json::from(-1_i64)),
        ("bodySize", Json::from(-1_i64)),
        ("_error", error),
    ])
}

fn content(answer: &Answer) -> Json {
    let mut content = Json::object([
        ("size", Json::from(answer.body.len())),
        ("mimeType", mime_type(&answer.headers)),
    ]);
    match content::write(&answer.body, &answer.headers) {
        Written::Text(text) => content.push("text", Json::text(text)),
        Written::Base64(text) => {
            content.push("text", Json::Text(text));
            content.push("encoding", Json::text("base64"));
        }
    }
    if answer.headers.contains_key(http::header::CONTENT_ENCODING) && !answer.body.is_empty() {
        // Elsewhere a content coding in the headers of a HAR file is one that was taken off.
        content.push("_raw", Json::Bool(true));
    }
    content
}

fn mime_type(headers: &HeaderMap) -> Json {
    let value = headers.get(CONTENT_TYPE);
    Json::text(value.map_or_else(String::new, |value| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    }))
}

fn headers(headers: &HeaderMap) -> Json {
    let fields = headers.iter().map(|(name, value)| {
        let name = ("name", Json::text(name.as_str()));
        match std::str::from_utf8(value.as_bytes()) {
            Ok(value) => Json::object([name, ("value", Json::text(value))]),
            Err(_) => {
                let latin1: String = value.as_bytes().iter().map(|&b| char::from(b)).collect();
                let value = ("value", Json::Text(latin1));
                Json::object([name, value, ("_encoding", Json::text("latin1"))])
            }
        }
    });
    Json::List(fields.collect())
}

fn version(version: Version) -> Json {
    Json::Text(format!("{version:?}"))
}
