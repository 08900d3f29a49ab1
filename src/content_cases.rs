//! The recorded cases of HTTPX for everything between bytes and content: each row of these areas is
//! run here, or is named with the reason why it is not, or why dimorph answers otherwise.

#![cfg(all(
    feature = "gzip",
    feature = "deflate",
    feature = "brotli",
    feature = "zstd",
    feature = "charset",
    feature = "json"
))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::decode::Decoder;
use crate::lines::LineSplitter;
use crate::links::Links;
use crate::params::{Params, merge_query};
use crate::text::{TextDecoder, charset_param, decode_all};

/// The rows of an area. The file has one `NaN`, which is no JSON.
fn rows(area: &str) -> Vec<Value> {
    let text = include_str!("../sync-tests/tests/cases/httpx.json").replace(": NaN", ": \"NaN\"");
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let rows: Vec<Value> = rows.into_iter().filter(|row| row["area"] == area).collect();
    assert!(!rows.is_empty(), "{area}");
    rows
}

fn name(row: &Value) -> &str {
    row["name"].as_str().unwrap()
}

fn from_base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// A body: text, or `{"b64": …}`.
fn body(value: &Value) -> Vec<u8> {
    match value.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => from_base64(&value["b64"]),
    }
}

fn header(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_str(value).unwrap());
    headers
}

fn params(value: &Value) -> Params {
    Params::from_serialize(value).unwrap()
}

#[test]
fn decoders() {
    for row in rows("decoders") {
        let headers = header(
            "content-encoding",
            row["input"]["content_encoding"].as_str().unwrap(),
        );
        let input = from_base64(&row["input"]["body_b64"]);
        let content = match Decoder::from_headers(&headers).unwrap() {
            None => Ok(input),
            Some(mut decoder) => {
                decoder.feed(Bytes::from(input));
                decoder.finish();
                let mut content = Vec::new();
                loop {
                    match decoder.next() {
                        Ok(Some(piece)) => content.extend(piece),
                        Ok(None) => break Ok(content),
                        Err(error) => break Err(error),
                    }
                }
            }
        };
        match row["expected"]["content"].as_str() {
            Some(expected) => assert_eq!(content.unwrap(), expected.as_bytes(), "{}", name(&row)),
            None => assert!(content.is_err(), "{}", name(&row)),
        }
    }
}

#[test]
fn charset() {
    for row in rows("charset") {
        let content_type = row["input"]["headers"]["Content-Type"]
            .as_str()
            .map(|value| HeaderValue::from_str(value).unwrap());
        let label = charset_param(content_type.as_ref());
        let expected = &row["expected"];
        assert_eq!(json!(label), expected["charset_encoding"], "{}", name(&row));
        let bytes = body(&row["input"]["body"]);
        assert_eq!(
            decode_all(label.as_deref(), &bytes),
            expected["text"],
            "{}",
            name(&row)
        );
        let mut decoder = TextDecoder::new(label.as_deref());
        assert_eq!(
            decoder.encoding_name(),
            expected["encoding"],
            "{}",
            name(&row)
        );
        let mut text = String::new();
        for byte in bytes {
            decoder.decode(&[byte], false, &mut text);
        }
        decoder.decode(&[], true, &mut text);
        assert_eq!(text, expected["text"], "{}", name(&row));
    }
}

#[test]
fn lines() {
    // The rule: only \n, \r\n and \r end a line.
    const DIFFER: &[&str] = &["unicode line separators"];
    for row in rows("lines") {
        let mut splitter = LineSplitter::new();
        let mut lines = VecDeque::new();
        for chunk in row["input"]["chunks"].as_array().unwrap() {
            splitter.push(chunk.as_str().unwrap(), &mut lines);
        }
        lines.extend(splitter.finish());
        let same = json!(lines) == row["expected"]["lines"];
        assert_eq!(
            same,
            !DIFFER.contains(&name(&row)),
            "{}: {lines:?}",
            name(&row)
        );
    }
}

#[test]
fn chunking() {
    // The iterators of a response take no piece size.
    let unsized_rows = |name: &str| name.contains("chunk_size");
    for row in rows("chunking")
        .iter()
        .filter(|row| !unsized_rows(name(row)))
    {
        let mut decoder = TextDecoder::new(None);
        let mut text = String::new();
        for chunk in row["input"]["chunks_b64"].as_array().unwrap() {
            decoder.decode(&from_base64(chunk), false, &mut text);
        }
        decoder.decode(&[], true, &mut text);
        assert_eq!(text, row["expected"]["text"], "{}", name(row));
    }
}

#[test]
fn links() {
    for row in rows("links") {
        let headers = header("link", row["input"]["headers"]["link"].as_str().unwrap());
        let links = Links::from_headers(&headers);
        let expected = row["expected"]["links"].as_object().unwrap();
        assert_eq!(links.len(), expected.len(), "{}", name(&row));
        for (key, fields) in expected {
            let link = links.get(key).unwrap();
            for (field, value) in fields.as_object().unwrap() {
                let found = match field.as_str() {
                    "url" => Some(link.url()),
                    param => link.param(param),
                };
                assert_eq!(json!(found), *value, "{} {field}", name(&row));
            }
        }
    }
}

#[test]
fn query_params() {
    for row in rows("query_params") {
        let mut pairs = params(&row["input"]["params"]);
        let args = &row["input"]["args"];
        match row["input"]["op"].as_str() {
            None => {}
            Some("add") => pairs.extend(params(&json!([args]))),
            Some("set") => pairs.merge(&params(&json!([args]))),
            Some("merge") => pairs.merge(&params(&args[0])),
            // Parameters are given to a request, never taken away again.
            Some("remove") => continue,
            Some(other) => panic!("{other}"),
        }
        assert_eq!(pairs.encode(), row["expected"]["str"], "{}", name(&row));
        if let items @ Value::Array(_) = &row["expected"]["multi_items"] {
            assert_eq!(
                json!(pairs.iter().collect::<Vec<_>>()),
                *items,
                "{}",
                name(&row)
            );
        }
    }
}

#[test]
fn params_merge() {
    for row in rows("params_merge")
        .iter()
        .chain(&rows("seed_params_merge"))
    {
        let input = &row["input"];
        let client = match &input["client"] {
            Value::Null => params(&input["client_params"]),
            client => params(&client["params"]),
        };
        let url = input["url"].as_str().unwrap();
        let (base, own) = match url.split_once('?') {
            Some((base, own)) => (base, Some(own)),
            None => (url, None),
        };
        let query = merge_query(own, &client, &params(&input["params"]));
        let merged = match query {
            Some(query) => format!("{base}?{query}"),
            None => base.to_owned(),
        };
        assert_eq!(merged, row["expected"]["url"], "{}", name(row));
    }
}

#[test]
fn json_decode() {
    // Python's parser knows NaN; JSON (RFC 8259 section 6) does not.
    const DIFFER: &[&str] = &["NaN literal"];
    for row in rows("json_decode") {
        let bytes = body(&row["input"]["body"]);
        let value = crate::json::from_slice::<Value>(&bytes);
        let expected = &row["expected"]["json"];
        if expected["error"].is_string() || DIFFER.contains(&name(&row)) {
            assert!(value.is_err(), "{}", name(&row));
        } else {
            assert_eq!(value.unwrap(), *expected, "{}", name(&row));
        }
    }
}

#[test]
fn content_encode() {
    let mut left = Vec::new();
    for row in rows("content_encode") {
        let (input, expected) = (&row["input"], &row["expected"]["body"]);
        let written = if !input["json"].is_null() {
            crate::json::to_vec(&input["json"]).unwrap()
        } else if !input["data"].is_null() {
            params(&input["data"]).encode_form().into_bytes()
        } else {
            left.push(name(&row).to_owned());
            continue;
        };
        assert_eq!(
            written,
            expected.as_str().unwrap().as_bytes(),
            "{}",
            name(&row)
        );
    }
    // Bodies that nothing is encoded for: the request's own tests have them.
    assert_eq!(
        left,
        [
            "content bytes",
            "streaming body not read",
            "content utf8 text",
            "seekable file -> Content-Length",
            "content empty content",
            "iterator -> chunked",
        ]
    );
}
