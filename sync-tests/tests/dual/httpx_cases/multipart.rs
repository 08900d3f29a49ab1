//! The area about forms with files, byte by byte as the server sees them.
//!
//! HTTPX takes `files=` and `data=` in the shapes of Python's literals; each is turned into the builder calls nearest to it:
//! a value that is no tuple is a file named `upload`, a tuple's name, content, type and headers are `file_name`, the kind
//! of part, `mime` and `header`, `data` is `text`. What Rust's types exclude does not compile, and is said so.

use std::io::{Cursor, Read};

use dimorph::multipart::{Form, Part};
use serde_json::{Map, Value, json};
use sync_tests::{Received, Reply, Server};

use super::super::common::builder;
use super::super::dual;
use super::building::file_of;
use super::{Verdict, area};

area!(forms_are_sent_as_httpx_sends_them, "multipart", multipart);

#[dual]
async fn multipart(row: Value) -> Verdict {
    let input = &row["input"];
    let expected = row["expected"].clone();
    if expected.get("error").is_some() {
        // A part has a name and a text or content, each of its type.
        return Verdict {
            expected,
            actual: json!("does not compile"),
        };
    }
    let form = match (input.get("filename"), input.get("files")) {
        (Some(name), _) => {
            let part = Part::text("x").file_name(name.as_str().unwrap());
            Form::new().part("upload", part)
        }
        (None, files) => form_of(input.get("data"), files.unwrap()),
    };
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder().build().unwrap();
    let mut request = client.post(server.url("/"));
    if let Some(content_type) = input.get("content_type") {
        request = request.header("content-type", content_type.as_str().unwrap());
    }
    let sent = request.multipart(form).send().await;
    sent.unwrap();
    let seen = server.requests().remove(0);
    let actual = shown(&seen, &expected);
    Verdict { expected, actual }
}

/// What the row asks for. Where it names no boundary, the random one is called `BOUNDARY`.
fn shown(seen: &Received, expected: &Value) -> Value {
    let content_type = seen.header("content-type").unwrap();
    let body = seen.text();
    let mut actual = Map::new();
    for key in expected.as_object().unwrap().keys() {
        let value = match key.as_str() {
            "content_type" => json!(content_type),
            "content_length" => json!(seen.header("content-length")),
            "transfer_encoding" => json!(seen.header("transfer-encoding")),
            "body" => match content_type.split_once("boundary=") {
                Some((_, random)) if expected.get("content_type").is_none() => {
                    json!(body.replace(random, "BOUNDARY"))
                }
                _ => json!(body),
            },
            "content_type_regex" => {
                let boundary = content_type.strip_prefix("multipart/form-data; boundary=");
                let hex = |digit: u8| b"0123456789abcdef".contains(&digit);
                match boundary.filter(|b| b.len() == 32 && b.bytes().all(hex)) {
                    Some(_) => expected[key].clone(),
                    None => json!(content_type),
                }
            }
            "disposition" => json!(
                body.lines()
                    .find(|line| line.starts_with("Content-Disposition"))
            ),
            other => panic!("unknown fact {other}"),
        };
        actual.insert(key.clone(), value);
    }
    actual.into()
}

fn form_of(data: Option<&Value>, files: &Value) -> Form {
    let mut form = Form::new();
    if let Some(Value::Object(data)) = data {
        for (name, value) in data {
            for value in value.as_array().unwrap_or(&vec![value.clone()]) {
                let text = value.as_str().map_or(value.to_string(), str::to_owned);
                form = form.text(name, text);
            }
        }
    }
    let pairs: Vec<(&str, &Value)> = match files {
        Value::Object(files) => files.iter().map(|(k, v)| (k.as_str(), v)).collect(),
        _ => files
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), &pair[1]))
            .collect(),
    };
    for (name, value) in pairs {
        form = form.part(name, part_of(value));
    }
    form
}

fn part_of(value: &Value) -> Part {
    let Some(tuple) = value.as_array() else {
        return content(value).file_name("upload");
    };
    let mut part = content(&tuple[1]).file_name(tuple[0].as_str().unwrap());
    let headers = tuple.get(3).and_then(Value::as_object);
    // HTTPX puts the type behind the tuple's headers where those do not name it.
    let mut media_type = tuple.get(2).and_then(Value::as_str);
    for (name, value) in headers.into_iter().flatten() {
        let value = value.as_str().unwrap();
        if name.eq_ignore_ascii_case("content-type") {
            media_type = Some(value);
        } else {
            part = part.header(name, value).unwrap();
        }
    }
    match media_type {
        Some(media_type) => part.mime(media_type).unwrap(),
        None => part,
    }
}

fn content(value: &Value) -> Part {
    if let Some(bytes) = value.get("file_bytes") {
        return Part::reader(file_of(bytes.as_str().unwrap()));
    }
    if let Some(chunks) = value.get("unseekable_chunks") {
        let chunks = chunks.as_array().unwrap().iter();
        return Part::reader(chunks.fold(
            Box::new(std::io::empty()) as Box<dyn Read + Send>,
            |reader, chunk| {
                let chunk = chunk.as_str().unwrap().to_owned();
                Box::new(reader.chain(Cursor::new(chunk)))
            },
        ));
    }
    Part::text(value.as_str().unwrap())
}
