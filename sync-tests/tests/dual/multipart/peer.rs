//! What another reader of forms finds in ours: Python's email package, in a server of its own.

use std::fs;
use std::io::Cursor;

use dimorph::multipart::{Form, Part};
use serde_json::{Value, json};
use sync_tests::peers::{Folder, Process, program};

use super::super::common::client;
use super::super::form::Client;
use super::super::{dual, form_test};

#[dual]
async fn read(client: &Client, url: &str, form: Form) -> Value {
    let response = client.post(url).multipart(form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// A character for each byte.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[dual]
#[form_test]
async fn python_finds_the_parts_that_were_put_in() {
    let Some(python) = program("python3") else {
        return;
    };
    let folder = Folder::new();
    let script = folder.write("reader.py", include_str!("reader.py"));
    let (_process, [address]) = Process::start(&folder, |[address]| {
        let mut command = std::process::Command::new(&python);
        command.arg(&script).arg(address.to_string());
        command
    });
    let url = format!("http://{address}/");
    let client = client();

    let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let upload = folder.write("r\u{e9}sum\u{e9}.pdf", &all);
    let form = |chunked: bool| {
        let reader = Cursor::new("streamed");
        let streamed = match chunked {
            true => Part::reader(reader),
            false => Part::reader_with_length(reader, 8),
        };
        Form::new()
            .text("field", "value\r\n\r\nof lines\r\n")
            .text("empty", "")
            .text("n\u{e4}me \\ %", "--\r\n--not-the-boundary\r\n")
            .part(
                "all",
                Part::bytes(all.clone()).header("X-Kind", "all").unwrap(),
            )
            .file("upload", &upload)
            .unwrap()
            .part(
                "note",
                Part::text("n\u{f6}te")
                    .mime("text/plain; charset=utf-8")
                    .unwrap(),
            )
            .part("streamed", streamed.file_name("s.json"))
    };
    let part = |name: &str, file_name: Option<&str>, fields: Value, content: &[u8]| json!({ "name": name, "file_name": file_name, "fields": fields, "content": latin_1(content) });
    let expected = json!([
        part("field", None, json!([]), b"value\r\n\r\nof lines\r\n"),
        part("empty", None, json!([]), b""),
        part(
            "n\u{e4}me \\ %",
            None,
            json!([]),
            b"--\r\n--not-the-boundary\r\n"
        ),
        part("all", None, json!([["x-kind", "all"]]), &all),
        part(
            "upload",
            Some("r\u{e9}sum\u{e9}.pdf"),
            json!([["content-type", "application/pdf"]]),
            &all
        ),
        part(
            "note",
            None,
            json!([["content-type", "text/plain; charset=utf-8"]]),
            "n\u{f6}te".as_bytes()
        ),
        part(
            "streamed",
            Some("s.json"),
            json!([["content-type", "application/json"]]),
            b"streamed"
        ),
    ]);
    for chunked in [false, true] {
        let answer = read(&client, &url, form(chunked)).await;
        assert_eq!(answer["defects"], json!([]));
        assert_eq!(answer["chunked"], chunked);
        let (found, wanted) = (
            answer["parts"].as_array().unwrap(),
            expected.as_array().unwrap(),
        );
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found == wanted, "{}: {}", wanted["name"], found["fields"]);
        }
    }
    // Names that would break out: one part each, with no field but its own.
    for name in [
        "a\"; filename=\"x",
        "a\r\nX-Evil: 1",
        "a\r\n\r\n--B\r\n",
        "\\\"",
        "a\\",
    ] {
        let form = Form::new()
            .with_boundary("B")
            .unwrap()
            .part(name, Part::text("x"));
        let answer = read(&client, &url, form).await;
        let parts = answer["parts"].as_array().unwrap();
        assert_eq!(
            (parts.len(), &answer["defects"]),
            (1, &json!([])),
            "{name:?}"
        );
        let shown = name
            .replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A");
        assert_eq!(parts[0]["name"], shown);
        assert_eq!(
            (&parts[0]["fields"], &parts[0]["file_name"]),
            (&json!([]), &Value::Null)
        );
        assert_eq!(parts[0]["content"], "x");
    }
    fs::remove_file(&upload).unwrap();
}
