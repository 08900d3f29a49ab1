//! The cases: facts as data.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Returns the rows of `h1_responses.json`.
pub fn h1_responses() -> Vec<Value> {
    let file: Value = parse(include_str!("../tests/cases/h1_responses.json"));
    file["cases"].as_array().unwrap().clone()
}

/// Returns the rows of `httpx.json` in one area.
pub fn httpx(area: &str) -> Vec<Value> {
    let file: Value = parse(include_str!("../tests/cases/httpx.json"));
    let rows: Vec<Value> = file
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["area"] == area)
        .cloned()
        .collect();
    assert!(!rows.is_empty(), "no rows in area {area}");
    rows
}

/// Parses the file; Python's `NaN`, which is not JSON, becomes a string.
fn parse(text: &str) -> Value {
    serde_json::from_str(&text.replace(": NaN", ": \"NaN\"")).unwrap()
}

/// Returns a text field.
pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} is no text in {row}"))
}

/// Returns a row's response bytes.
pub fn bytes_of(row: &Value) -> Vec<u8> {
    if let Some(packed) = row.get("bytes_zlib_b64").and_then(Value::as_str) {
        let mut bytes = Vec::new();
        let packed = STANDARD.decode(packed).unwrap();
        flate2::read::ZlibDecoder::new(&packed[..])
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(bytes.len() as u64, row["bytes_len"].as_u64().unwrap());
        return bytes;
    }
    base64(text(row, "bytes_b64"))
}

/// Decodes base64.
pub fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// Returns a body given as text or as `{"b64": …}`.
pub fn body_of(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        _ => base64(text(value, "b64")),
    }
}

/// Returns name and value pairs given as an object or as a list of pairs.
pub fn pairs(value: &Value) -> Vec<(String, String)> {
    let own = |v: &Value| match v {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), own(v))).collect(),
        Value::Array(list) => list.iter().map(|p| (own(&p[0]), own(&p[1]))).collect(),
        _ => Vec::new(),
    }
}
