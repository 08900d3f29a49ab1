//! Forms with files on their way: framing, replays, readers that do not keep their word, and what others read in them.

mod memory;
mod peer;

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek};
use std::path::PathBuf;

use dimorph::multipart::{Form, Part};
use dimorph::{DigestAuth, ErrorKind};
use sync_tests::wire::find;
use sync_tests::{DigestServer, Received, Reply, Server};

use super::common::{assert_at_rest, builder, client};
use super::httpx_cases::file_of;
use super::{dual, form_test, form_util};

/// Answers with the body.
fn mirror(request: &Received) -> Reply {
    Reply::ok(request.body.clone())
}

/// A file by a path, gone with this value.
struct Named(PathBuf);

impl Named {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let form = if form_util::IS_ASYNC { "async" } else { "sync" };
        let folder = std::env::temp_dir().join(format!("dimorph-{form}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        Named(path)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The form that most tests send, as the wire has it.
const RENDERED: &str = "--B\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n\
    --B\r\nContent-Disposition: form-data; name=\"bytes\"; filename=\"b.bin\"\r\nX-Part: 1\r\nContent-Type: application/octet-stream\r\n\r\n\0\r\n--\r\n\
    --B\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"report.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n\
    --B--\r\n";

/// Text, bytes and a file.
fn three(file: &Named) -> Form {
    let bytes = Part::bytes(b"\0\r\n--".as_slice()).file_name("b.bin");
    Form::new()
        .with_boundary("B")
        .unwrap()
        .text("field", "value")
        .part("bytes", bytes.header("X-Part", "1").unwrap())
        .file("upload", &file.0)
        .unwrap()
}

#[dual]
#[form_test]
async fn a_form_whose_parts_know_their_lengths_has_one() {
    let server = Server::http(mirror);
    let file = Named::new("report.csv", "a,b");
    let response = client()
        .post(server.url("/"))
        .multipart(three(&file))
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, RENDERED);
    let seen = server.requests().remove(0);
    let length = RENDERED.len().to_string();
    assert_eq!(seen.header("content-length"), Some(length.as_str()));
    assert_eq!(seen.header("transfer-encoding"), None);
    assert_eq!(
        seen.header("content-type"),
        Some("multipart/form-data; boundary=B")
    );
}

#[dual]
#[form_test]
async fn a_form_with_a_reader_is_chunked_unless_its_length_is_told() {
    let server = Server::http(mirror);
    let content = "r".repeat(100_000);
    for known in [false, true] {
        let reader = Cursor::new(content.clone());
        let part = match known {
            true => Part::reader_with_length(reader, 100_000),
            false => Part::reader(reader),
        };
        let form = Form::new().text("a", "1").part("r", part).text("b", "2");
        let (boundary, length) = (form.boundary().to_owned(), form.content_length());
        let response = client()
            .post(server.url("/"))
            .multipart(form)
            .send()
            .await
            .unwrap();
        let text = response.text().await.unwrap();
        let expected = format!(
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
             --B\r\nContent-Disposition: form-data; name=\"r\"\r\n\r\n{content}\r\n\
             --B\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--B--\r\n"
        );
        assert_eq!(text, expected.replace("--B", &format!("--{boundary}")));
        let seen = server.requests().pop().unwrap();
        let length = length.map(|length| length.to_string());
        assert_eq!(length.is_some(), known);
        assert_eq!(seen.header("content-length"), length.as_deref());
        let coding = (!known).then_some("chunked");
        assert_eq!(seen.header("transfer-encoding"), coding);
    }
}

#[dual]
#[form_test]
async fn an_open_file_is_sent_from_where_it_stands() {
    let server = Server::http(mirror);
    let mut file = file_of("skipped, sent");
    file.seek(io::SeekFrom::Start(9)).unwrap();
    let form = Form::new().part("f", Part::reader(file));
    assert!(form.content_length().is_some());
    let response = client()
        .post(server.url("/"))
        .multipart(form)
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("\r\n\r\nsent\r\n--"), "{text}");
}

#[dual]
#[form_test]
async fn an_empty_form_and_empty_parts_are_forms() {
    let server = Server::http(mirror);
    let boundary = |form: Form| form.with_boundary("B").unwrap();
    for (form, expected) in [
        (Form::new(), "--B--\r\n"),
        (
            Form::new().text("", ""),
            "--B\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--B--\r\n",
        ),
    ] {
        let request = client().post(server.url("/")).multipart(boundary(form));
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, expected);
    }
}

#[dual]
#[form_test]
async fn a_redirect_repeats_a_form_or_drops_it() {
    let server = Server::http(|request| match request.target.as_str() {
        "/307" => Reply::redirect(307, "/end"),
        "/308" => Reply::redirect(308, "/end"),
        "/303" => Reply::redirect(303, "/end"),
        _ => Reply::ok(request.body.clone()),
    });
    let client = client();
    let file = Named::new("again.csv", "a,b");
    for (path, repeated) in [("/307", true), ("/308", true), ("/303", false)] {
        let request = client.post(server.url(path)).multipart(three(&file));
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        let expected = RENDERED.replace("report.csv", "again.csv");
        assert_eq!(text, if repeated { expected } else { String::new() });
        let last = server.requests().pop().unwrap();
        assert_eq!(last.header("content-type").is_some(), repeated);
    }
    let connections = server.connections();
    for part in [
        Part::reader(Cursor::new("once")),
        Part::reader_with_length(Cursor::new("once"), 4),
    ] {
        let form = Form::new().text("a", "1").part("r", part);
        let request = client.post(server.url("/307")).multipart(form);
        let before = server.requests().len();
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BodyNotReplayable, "{error}");
        assert_eq!(server.requests().len(), before + 1);
    }
    assert!(server.connections() <= connections + 2);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_digest_challenge_repeats_a_form_or_is_an_error() {
    let server = DigestServer::builder("tom", "mot123")
        .answer(mirror)
        .start();
    let client = builder()
        .auth(DigestAuth::new("tom", "mot123"))
        .build()
        .unwrap();
    // First the reader: no challenge is known yet, so it would have to be sent twice.
    let once = Form::new().part("r", Part::reader(Cursor::new("once")));
    let request = client.post(server.url("/")).multipart(once);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BodyNotReplayable, "{error}");
    assert_eq!(server.requests().len(), 1);

    let file = Named::new("digest.csv", "a,b");
    let request = client.post(server.url("/")).multipart(three(&file));
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, RENDERED.replace("report.csv", "digest.csv"));
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_form_is_sent_again_where_a_kept_connection_was_stale() {
    // The first connection takes one request, and closes when the second comes.
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            if wire.number == 0 && head.target == "/second" {
                return Ok(());
            }
            let body = wire.read_body(&head)?;
            Reply::ok(body).send(wire, false)?;
        }
        Ok(())
    });
    let client = client();
    let first = client.get(server.url("/")).send().await.unwrap();
    first.bytes().await.unwrap();
    let file = Named::new("stale.csv", "a,b");
    let request = client.put(server.url("/second")).multipart(three(&file));
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, RENDERED.replace("report.csv", "stale.csv"));
    assert_eq!(server.connections(), 2);
}

/// Gives some bytes, then an error.
struct Breaking(usize);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("the tape is torn"));
        }
        let n = buffer.len().min(self.0);
        buffer[..n].fill(b'x');
        self.0 -= n;
        Ok(n)
    }
}

#[dual]
#[form_test]
async fn a_reader_that_does_not_keep_its_word_ends_the_request() {
    let server = Server::http(|_| Reply::ok("complete"));
    let client = client();
    let large = 300_000;
    let reader = |n: usize| Cursor::new(vec![b'x'; n]);
    for (what, part, said) in [
        ("shorter", Part::reader_with_length(reader(5), 6), "report"),
        ("longer", Part::reader_with_length(reader(7), 6), "report"),
        ("none", Part::reader_with_length(io::empty(), 1), "report"),
        (
            "more than none",
            Part::reader_with_length(reader(1), 0),
            "report",
        ),
        (
            "much shorter",
            Part::reader_with_length(reader(large), 2 * large as u64),
            "report",
        ),
        (
            "much longer",
            Part::reader_with_length(reader(2 * large), large as u64),
            "report",
        ),
        ("torn", Part::reader(Breaking(large)), "the tape is torn"),
        (
            "torn at its length",
            Part::reader_with_length(Breaking(10), 11),
            "the tape is torn",
        ),
    ] {
        let form = Form::new()
            .text("a", "1")
            .part("report", part)
            .text("z", "9");
        let request = client.post(server.url("/")).multipart(form);
        let error = request.send().await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(said), "{what}: {text}");
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
        assert_at_rest(&client).await;
    }
    assert!(server.requests().is_empty(), "no request was complete");
    let form = Form::new().text("a", "1");
    let response = client
        .post(server.url("/"))
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[dual]
#[form_test]
async fn a_boundary_of_the_callers_is_used_and_checked() {
    let server = Server::http(mirror);
    for boundary in [
        "B",
        "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "a:b",
        &"x".repeat(70),
    ] {
        let form = Form::new().text("a", "1").with_boundary(boundary).unwrap();
        let request = client().post(server.url("/")).multipart(form);
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(text.starts_with(&format!("--{boundary}\r\n")), "{text}");
        assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")), "{text}");
        let seen = server.requests().pop().unwrap();
        let named = seen.header("content-type").unwrap();
        let quoted = format!("boundary=\"{boundary}\"");
        let plain = format!("boundary={boundary}");
        assert!(
            named.ends_with(&quoted) || named.ends_with(&plain),
            "{named}"
        );
    }
    // A boundary that a content-type of the request's names, and one that is refused.
    let request = client()
        .post(server.url("/"))
        .header("content-type", "multipart/form-data; boundary=\"own\"")
        .multipart(Form::new().text("a", "1"));
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.starts_with("--own\r\n"), "{text}");
    let connections = server.connections();
    let occurs = Form::new()
        .with_boundary("B")
        .unwrap()
        .text("a", "one\r\n--B\r\ntwo");
    let error = client()
        .post(server.url("/"))
        .multipart(occurs)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder, "{error}");
    for bad in ["", "a b ", "a\r\nb", "a\"b", &"x".repeat(71)] {
        let error = Form::new().with_boundary(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{bad:?}");
    }
    assert_eq!(server.connections(), connections);
}

#[dual]
#[form_test]
async fn inj_05_types_and_fields_of_parts_cannot_break_a_line() {
    let server = Server::http(mirror);
    let client = client();
    for bad in [
        "text/plain\r\nx: y",
        "text/plain\n",
        "text/plain\0",
        "text/plain; a=\"\r\n\r\n--B--\"",
        "\r\n",
        "",
    ] {
        assert!(Part::text("x").mime(bad).is_err(), "{bad:?}");
        assert!(
            bad.is_empty() || Part::text("x").header("x-a", bad).is_err(),
            "{bad:?}"
        );
        assert!(
            bad.is_empty() || Part::text("x").header(bad, "x").is_err(),
            "{bad:?}"
        );
        if bad.is_empty() {
            continue;
        }
        let request = client
            .post(server.url("/"))
            .header("content-type", bad)
            .multipart(Form::new().text("a", "1"));
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{bad:?}");
    }
    let request = client
        .post(server.url("/"))
        .header("content-type", "multipart/form-data; boundary=a b\tc")
        .multipart(Form::new().text("a", "1"));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert_eq!(server.connections(), 0);
}

#[dual]
#[form_test]
async fn inj_06_no_name_breaks_out_of_its_quotes() {
    let server = Server::http(mirror);
    let client = client();
    for (name, sent) in [
        ("a\"; x=\"b", "a%22; x=%22b"),
        (
            "a\r\nX-Evil: 1\r\n\r\n--B--",
            "a%0D%0AX-Evil: 1%0D%0A%0D%0A--B--",
        ),
        ("a\nb\rc", "a%0Ab%0Dc"),
        ("a\\\"b\\", "a\\\\%22b\\\\"),
        ("n\u{e4}me \u{1f980}", "n\u{e4}me \u{1f980}"),
        ("a\u{2028}b\u{85}c", "a\u{2028}b\u{85}c"),
        ("%22", "%22"),
    ] {
        let form = Form::new()
            .with_boundary("B")
            .unwrap()
            .part(name, Part::text("x").file_name(name));
        let request = client.post(server.url("/")).multipart(form);
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        let expected = format!(
            "--B\r\nContent-Disposition: form-data; name=\"{sent}\"; filename=\"{sent}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\nx\r\n--B--\r\n"
        );
        assert_eq!(text, expected, "{name:?}");
    }
    let before = server.requests().len();
    for form in [
        Form::new().text("a\0b", "x"),
        Form::new().part("a", Part::text("x").file_name("a\0")),
    ] {
        let request = client.post(server.url("/")).multipart(form);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
    }
    assert_eq!(server.requests().len(), before);
}

#[dual]
#[form_test]
async fn inj_07_each_form_has_a_boundary_of_128_random_bits_that_no_part_holds() {
    let server = Server::http(mirror);
    let client = client();
    let mut known: Vec<String> = Vec::new();
    for _ in 0..20 {
        // Somebody who has seen all boundaries so far puts them into the parts.
        let form = known.iter().fold(Form::new(), |form, boundary| {
            form.text("a", format!("\r\n--{boundary}--\r\n"))
        });
        let count = known.len() + 1;
        let form = form.text("last", "x");
        let announced = form.content_type();
        let request = client.post(server.url("/")).multipart(form);
        let response = request.send().await.unwrap();
        let body = response.bytes().await.unwrap();
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("content-type"), Some(announced.as_str()));
        let boundary = announced.split_once("boundary=").unwrap().1.to_owned();
        assert_eq!(boundary.len(), 32);
        assert!(boundary.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(!known.contains(&boundary));
        let mut rest = &body[..];
        let mut lines = 0;
        while let Some(at) = find(rest, boundary.as_bytes()) {
            rest = &rest[at + boundary.len()..];
            lines += 1;
        }
        assert_eq!(lines, count + 1, "one line before each part, and the last");
        known.push(boundary);
    }
}

#[dual]
#[form_test]
async fn a_file_that_cannot_be_opened_is_an_error_that_names_it() {
    let folder = std::env::temp_dir();
    for path in [folder.join("dimorph-no-such-file"), folder.clone()] {
        let error = Form::new().file("f", &path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    // What is no regular file is read like any reader.
    let server = Server::http(mirror);
    let form = Form::new().file("f", "/dev/null").unwrap();
    assert_eq!(form.content_length(), None);
    let request = client().post(server.url("/")).multipart(form);
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("filename=\"null\""), "{text}");
    drop(File::open("/dev/null").unwrap());
}
