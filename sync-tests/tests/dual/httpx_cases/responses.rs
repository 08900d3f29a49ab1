//! Areas about the response after it came: JSON, charsets, codings, lines, pieces, links, status.

use dimorph::StatusCode;
use serde_json::{Value, json};
use sync_tests::cases::{base64, body_of, pairs, text};
use sync_tests::{Reply, Server};

use super::super::common::{builder, name};
use super::super::dual;
use super::super::form::Response;
use super::{Verdict, area};

area!(json_is_decoded, "json_decode", decode_json);
area!(text_is_decoded_by_charset, "charset", charset);
area!(codings_are_decoded, "decoders", decode);
area!(lines_are_split, "lines", lines);
area!(bodies_come_in_pieces, "chunking", pieces);
area!(links_are_parsed, "links", links);
area!(statuses_are_classified, "status", status);

/// A response of this body and these fields, over a real connection.
#[dual]
async fn answered(
    body: Vec<u8>,
    headers: Vec<(String, String)>,
    whole: bool,
) -> (Server, Response) {
    chunked(vec![body], headers, whole).await
}

/// A response of these chunks, over a real connection; `whole` is a body of known length.
#[dual]
async fn chunked(
    chunks: Vec<Vec<u8>>,
    headers: Vec<(String, String)>,
    whole: bool,
) -> (Server, Response) {
    let server = Server::http(move |_| {
        let reply = match whole {
            true => Reply::ok(chunks.concat()),
            // A pause keeps each chunk a read of its own.
            false => Reply::chunked(chunks.iter().filter(|c| !c.is_empty()).cloned())
                .paced(std::time::Duration::from_millis(15)),
        };
        headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.header(name, value))
    });
    let client = builder().build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    (server, response)
}

#[dual]
async fn decode_json(row: Value) -> Verdict {
    let input = &row["input"];
    let (_server, response) =
        answered(body_of(&input["body"]), pairs(&input["headers"]), true).await;
    let decoded = response.json::<Value>().await;
    let actual = match decoded {
        Ok(value) => value,
        Err(e) => json!({ "error": name(e.kind()) }),
    };
    let mut expected = row["expected"]["json"].clone();
    if expected.get("error").is_some() {
        expected = json!({ "error": "Json" });
    }
    Verdict { expected, actual }
}

#[dual]
async fn charset(row: Value) -> Verdict {
    let input = &row["input"];
    let (_server, response) =
        answered(body_of(&input["body"]), pairs(&input["headers"]), true).await;
    let text = response.text().await.unwrap();
    Verdict {
        expected: row["expected"]["text"].clone(),
        actual: json!(text),
    }
}

#[dual]
async fn decode(row: Value) -> Verdict {
    let input = &row["input"];
    let coding = (
        "content-encoding".to_owned(),
        text(input, "content_encoding").to_owned(),
    );
    let (_server, response) = answered(base64(text(input, "body_b64")), vec![coding], true).await;
    let content = response.bytes().await;
    let actual = match content {
        Ok(bytes) => json!({ "content": String::from_utf8_lossy(&bytes) }),
        Err(e) => json!({ "error": name(e.kind()) }),
    };
    let mut expected = row["expected"].clone();
    expected.as_object_mut().unwrap().remove("message");
    Verdict { expected, actual }
}

#[dual]
async fn lines(row: Value) -> Verdict {
    let chunks = row["input"]["chunks"].as_array().unwrap();
    let chunks = chunks
        .iter()
        .map(|c| c.as_str().unwrap().as_bytes().to_vec())
        .collect();
    let (_server, mut response) = chunked(chunks, Vec::new(), false).await;
    let mut lines = response.iter_lines();
    let mut actual = Vec::new();
    while let Some(line) = lines.next().await {
        actual.push(line.unwrap());
    }
    Verdict {
        expected: row["expected"]["lines"].clone(),
        actual: json!(actual),
    }
}

#[dual]
async fn pieces(row: Value) -> Verdict {
    let input = &row["input"];
    if let Some(chunks) = input.get("chunks_b64") {
        let chunks = chunks
            .as_array()
            .unwrap()
            .iter()
            .map(|c| base64(c.as_str().unwrap()));
        let (_server, mut response) = chunked(chunks.collect(), Vec::new(), false).await;
        let mut parts = response.iter_text();
        let mut text = String::new();
        while let Some(part) = parts.next().await {
            text += &part.unwrap();
        }
        return Verdict {
            expected: row["expected"]["text"].clone(),
            actual: json!(text),
        };
    }
    let raw = text(&row, "name").starts_with("iter_raw");
    let chunks: Vec<Vec<u8>> = match input.get("chunks") {
        Some(chunks) => chunks
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_str().unwrap().as_bytes().to_vec())
            .collect(),
        None => vec![text(input, "body").as_bytes().to_vec()],
    };
    let (_server, mut response) = chunked(chunks, Vec::new(), !raw).await;
    let mut actual: Vec<String> = Vec::new();
    let size = input["chunk_size"].as_u64().map(|size| size as usize);
    if raw {
        let mut parts = response.iter_raw();
        if let Some(size) = size {
            parts = parts.chunk_size(size);
        }
        while let Some(part) = parts.next().await {
            actual.push(String::from_utf8_lossy(&part.unwrap()).into_owned());
        }
    } else if text(&row, "name").starts_with("iter_text") {
        let mut parts = response.iter_text().chunk_size(size.unwrap());
        while let Some(part) = parts.next().await {
            actual.push(part.unwrap());
        }
    } else {
        response.buffer().await.unwrap();
        let mut parts = response.iter_bytes();
        if let Some(size) = size {
            parts = parts.chunk_size(size);
        }
        while let Some(part) = parts.next().await {
            actual.push(String::from_utf8_lossy(&part.unwrap()).into_owned());
        }
    }
    Verdict {
        expected: row["expected"]["parts"].clone(),
        actual: json!(actual),
    }
}

#[dual]
async fn links(row: Value) -> Verdict {
    let input = &row["input"];
    let (_server, response) = answered(Vec::new(), pairs(&input["headers"]), true).await;
    let mut actual = json!({});
    let links = response.links();
    for link in &links {
        let mut shown = json!({ "url": link.url() });
        for name in ["rel", "type"] {
            if let Some(value) = link.param(name) {
                shown[name] = json!(value);
            }
        }
        actual[link.rel().unwrap_or(link.url())] = shown;
    }
    Verdict {
        expected: row["expected"]["links"].clone(),
        actual,
    }
}

/// Made from `http::Response`: 1xx cannot come over a connection as the last word.
#[dual]
async fn status(row: Value) -> Verdict {
    let code = row["input"]["status"].as_u64().unwrap() as u16;
    let made = http::Response::builder().status(code).body("").unwrap();
    let response = Response::from(made);
    assert_eq!(response.status(), StatusCode::from_u16(code).unwrap());
    // The words of HTTPX up to the URL, which this response does not have.
    let raised = response
        .raise_for_status()
        .map(drop)
        .map_err(|e| e.to_string());
    let raises = raised.err().map(|said| {
        said.trim_start_matches("HttpStatus: ")
            .split(" for url")
            .next()
            .unwrap()
            .to_owned()
    });
    let actual = json!({
        "reason": response.reason(),
        "is_informational": response.is_informational(),
        "is_success": response.is_success(),
        "is_redirect": response.is_redirect(),
        "is_client_error": response.is_client_error(),
        "is_server_error": response.is_server_error(),
        "is_error": response.is_client_error() || response.is_server_error(),
        "raises": raises,
    });
    let mut expected = row["expected"].clone();
    let message = expected
        .as_object_mut()
        .unwrap()
        .remove("raise_for_status")
        .unwrap();
    expected["raises"] = json!(
        message
            .as_str()
            .map(|said| said.split(" for url").next().unwrap())
    );
    Verdict { expected, actual }
}
