//! Whole forms: exact bytes, lengths, replays.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body as _;

use super::*;
use crate::error::ErrorKind;

/// A form with the boundary of HTTPX's own tests.
fn form() -> Form {
    Form::new().with_boundary("BOUNDARY").unwrap()
}

/// Everything a body gives, or its error.
fn read(mut body: Body) -> Result<String> {
    let mut whole = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let piece = frame.into_data().unwrap();
                assert!(!piece.is_empty());
                whole.extend_from_slice(&piece);
                if let Some(length) = body.content_length() {
                    assert_eq!(body.size_hint().exact(), Some(length));
                }
            }
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(None) => return Ok(String::from_utf8(whole).unwrap()),
            Poll::Pending => panic!("a form waits for nobody"),
        }
    }
}

/// Renders, and checks what is said about the length.
fn render(form: Form) -> (Option<u64>, String) {
    let announced = form.content_length();
    let (body, _) = form.into_body().unwrap();
    assert_eq!(body.content_length(), announced);
    let text = read(body).unwrap();
    if let Some(length) = announced {
        assert_eq!(length, text.len() as u64);
    }
    (announced, text)
}

/// Reads in small steps, as a socket may bring it, and cannot tell its length.
struct Chunks(&'static [u8]);

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(5);
        self.0.read(&mut buffer[..most])
    }
}

struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> TempFile {
        let folder = std::env::temp_dir().join(format!("dimorph-form-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        File::create(&path).unwrap().write_all(content).unwrap();
        TempFile(path)
    }

    fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn forms_are_encoded_as_httpx_encodes_them() {
    let content = "<file content>";
    let guessed = |file_name| form().part("file", Part::text(content).file_name(file_name));
    let upload = |content| Part::bytes(content).file_name("upload");
    let cases: [(&str, Form, u64, &str); 17] = [
        (
            "SEED: report.xls",
            form().part(
                "upload-file",
                Part::text("<data>")
                    .file_name("report.xls")
                    .mime("application/vnd.ms-excel")
                    .unwrap(),
            ),
            151,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"upload-file\"; filename=\"report.xls\"\r\nContent-Type: application/vnd.ms-excel\r\n\r\n<data>\r\n--BOUNDARY--\r\n",
        ),
        (
            "SEED: no file name, a type",
            form().part(
                "upload-file",
                Part::text("text content")
                    .no_file_name()
                    .mime("text/plain")
                    .unwrap(),
            ),
            120,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"upload-file\"\r\nContent-Type: text/plain\r\n\r\ntext content\r\n--BOUNDARY--\r\n",
        ),
        (
            "guess type a.csv",
            guessed("a.csv"),
            131,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "type None -> guessed",
            form().part("f", Part::text("x").file_name("a.txt")),
            117,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--BOUNDARY--\r\n",
        ),
        (
            "guess type no-extension",
            guessed("no-extension"),
            154,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"no-extension\"\r\nContent-Type: application/octet-stream\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "guess type x.png",
            guessed("x.png"),
            132,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "guess type example.json",
            guessed("example.json"),
            146,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"example.json\"\r\nContent-Type: application/json\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "explicit boundary",
            Form::new()
                .with_boundary("+++")
                .unwrap()
                .part("file", upload(content)),
            138,
            "--+++\r\nContent-Disposition: form-data; name=\"file\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\n<file content>\r\n--+++--\r\n",
        ),
        (
            "full encode",
            form()
                .text("a", "1")
                .text("b", 'C')
                .text("c", "11")
                .text("c", "22")
                .text("c", "33")
                .text("d", "")
                .text("e", true.to_string())
                .text("f", String::new())
                .part("file", Part::text(content).file_name("name.txt")),
            612,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nC\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n11\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n22\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n33\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"d\"\r\n\r\n\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"e\"\r\n\r\ntrue\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"name.txt\"\r\nContent-Type: text/plain\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "4-tuple headers",
            form().part(
                "file",
                Part::text(content)
                    .file_name("test.txt")
                    .header("Expires", "0")
                    .unwrap()
                    .mime("text/plain")
                    .unwrap(),
            ),
            148,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"test.txt\"\r\nExpires: 0\r\nContent-Type: text/plain\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "headers and a guessed type",
            form().part(
                "file",
                Part::text(content)
                    .file_name("test.txt")
                    .header("Expires", "0")
                    .unwrap(),
            ),
            148,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"test.txt\"\r\nExpires: 0\r\nContent-Type: text/plain\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "a type, then headers",
            form().part(
                "file",
                Part::text(content)
                    .mime("text/html")
                    .and_then(|part| part.header("Expires", "0"))
                    .and_then(|part| part.mime("text/plain"))
                    .unwrap()
                    .file_name("test.txt"),
            ),
            148,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"test.txt\"\r\nContent-Type: text/plain\r\nExpires: 0\r\n\r\n<file content>\r\n--BOUNDARY--\r\n",
        ),
        (
            "empty filename",
            form().part("f", Part::text("x").file_name("")),
            73,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nx\r\n--BOUNDARY--\r\n",
        ),
        (
            "str value as file",
            form().part("f", upload("hello")),
            136,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\nhello\r\n--BOUNDARY--\r\n",
        ),
        (
            "no guess",
            form().part("f", upload("hello").no_guess()),
            96,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"; filename=\"upload\"\r\n\r\nhello\r\n--BOUNDARY--\r\n",
        ),
        (
            "list of files, repeated names",
            form()
                .part("file", upload("<file content 1>"))
                .part("file", upload("<file content 2>")),
            286,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\n<file content 1>\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\n<file content 2>\r\n--BOUNDARY--\r\n",
        ),
        ("no parts", form(), 14, "--BOUNDARY--\r\n"),
    ];
    for (name, form, length, expected) in cases {
        assert_eq!(render(form), (Some(length), expected.to_owned()), "{name}");
    }
}

#[test]
fn names_and_file_names_are_escaped_alike() {
    let form = form().part(
        "n\"\r\n\u{e4}",
        Part::text("x").file_name("f\"\r\n\u{e4}.txt"),
    );
    assert!(render(form).1.contains(
        "; name=\"n%22%0D%0A\u{e4}\"; filename=\"f%22%0D%0A\u{e4}.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    ));
    for form in [
        Form::new().text("a\0", "x"),
        Form::new().part("a", Part::text("x").file_name("\0.txt")),
    ] {
        assert_eq!(form.into_body().unwrap_err().kind(), ErrorKind::Builder);
    }
}

#[test]
fn the_content_type_names_the_boundary() {
    let form = Form::new();
    let expected = format!("multipart/form-data; boundary={}", form.boundary());
    assert_eq!(form.content_type(), expected);
    assert_eq!(form.into_body().unwrap().1, expected);
    assert!(Form::new().with_boundary("a b").is_err());
    assert!(Form::new().is_empty() && !Form::new().text("a", "b").is_empty());
}

#[test]
fn a_content_type_that_names_a_boundary_stays_as_it_is() {
    let cases = [
        "multipart/form-data; boundary=+++",
        "multipart/form-data; boundary=+++ ;",
        "multipart/form-data; boundary=\"+++\"",
        "multipart/form-data; boundary=\"+++\" ;",
        "multipart/form-data; charset=utf-8; boundary=+++",
        "multipart/form-data; charset=utf-8; boundary=\"+++\"",
    ];
    for given in cases {
        let field = HeaderValue::from_static(given);
        let part = Part::text("<file content>").file_name("upload");
        let form = Form::new().part("file", part);
        let (body, content_type) = form.into_body_as(Some(&field)).unwrap();
        assert_eq!(content_type, given);
        assert_eq!(body.content_length(), Some(138));
        assert!(read(body).unwrap().ends_with("\r\n--+++--\r\n"));
    }
    for (form, given, expected) in [
        (
            form(),
            "multipart/form-data; boundary=+++",
            "multipart/form-data; boundary=BOUNDARY",
        ),
        (
            form(),
            "text/plain",
            "multipart/form-data; boundary=BOUNDARY",
        ),
    ] {
        let field = HeaderValue::from_static(given);
        assert_eq!(form.into_body_as(Some(&field)).unwrap().1, expected);
    }
    let field = HeaderValue::from_static("multipart/form-data; boundary=\"a b\"");
    assert!(Form::new().into_body_as(Some(&field)).is_err());
}

#[test]
fn inj_07_a_part_never_holds_its_boundary() {
    let mut form = Form::new();
    let drawn = form.boundary().to_owned();
    form = form.text("a", format!("x{drawn}"));
    assert_ne!(form.boundary(), drawn);
    assert_eq!(form.boundary().len(), 32);
    // What the caller sets is not changed, but refused where it would end a part.
    for (text, fine) in [
        ("--BOUNDARY", false),
        ("x\r\n--BOUNDARY\r\n", false),
        ("BOUNDARY", true),
    ] {
        let form = self::form().text("a", text);
        assert_eq!(form.boundary(), "BOUNDARY");
        assert_eq!(form.into_body().is_ok(), fine, "{text:?}");
    }
}

#[test]
fn a_small_form_in_memory_is_one_piece_and_a_large_one_is_not_copied() {
    let (body, _) = form().text("a", "b").into_body().unwrap();
    assert!(body.as_bytes().is_some());
    let large = Bytes::from(vec![b'x'; 300 * 1024]);
    let address = large.as_ptr();
    let form = form().text("a", "b").part("l", Part::bytes(large));
    let length = form.content_length();
    let (mut body, _) = form.into_body().unwrap();
    assert!(body.as_bytes().is_none() && body.is_replayable());
    assert_eq!(body.content_length(), length);
    let mut cx = Context::from_waker(Waker::noop());
    let mut pieces = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
        pieces.push(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[1].as_ptr(), address);
}

#[test]
fn a_reader_of_unknown_length_makes_the_form_chunked() {
    let (length, text) = render(form().part(
        "file",
        Part::reader(Chunks(b"HelloWorld")).file_name("upload"),
    ));
    assert_eq!(length, None);
    assert_eq!(
        text,
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\nHelloWorld\r\n--BOUNDARY--\r\n"
    );
}

#[test]
fn a_reader_keeps_the_length_it_announced() {
    for (announced, why) in [
        (10, None),
        (11, Some("the part \"up\" ends 1 bytes early")),
        (9, Some("the part \"up\" is longer than announced")),
        (0, Some("the part \"up\" is longer than announced")),
        (u64::MAX, Some("the part \"up\" ends")),
    ] {
        for other in [Part::text("x"), Part::reader(Chunks(b"unknown"))] {
            let part = Part::reader_with_length(Chunks(b"HelloWorld"), announced);
            let (body, _) = form()
                .part("up", part)
                .part("other", other)
                .into_body()
                .unwrap();
            match (read(body), why) {
                (Ok(_), None) => {}
                (Err(error), Some(why)) => {
                    assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
                    assert!(error.to_string().contains(why), "{error}");
                }
                (result, _) => panic!("{announced}: {result:?}"),
            }
        }
    }
}

#[test]
fn a_file_is_named_by_its_path_and_sent_from_where_it_stands() {
    let temp = TempFile::new("a \"b\".txt", b"0123456789");
    let by_path = form().file("f", &temp.0).unwrap();
    assert_eq!(
        render(by_path).1,
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a %22b%22.txt\"\r\nContent-Type: text/plain\r\n\r\n0123456789\r\n--BOUNDARY--\r\n"
    );
    let mut file = temp.open();
    file.seek(io::SeekFrom::Start(7)).unwrap();
    let (length, text) = render(form().part("f", Part::reader(file)));
    assert!(length.is_some());
    assert!(text.contains("name=\"f\"\r\n\r\n789\r\n--"));
}

#[test]
fn a_file_that_is_missing_is_named() {
    let folder = std::env::temp_dir();
    for path in [folder.join("dimorph no such file"), folder] {
        let error = Part::file(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert!(
            error.to_string().contains(&*path.to_string_lossy()),
            "{error}"
        );
        assert!(Form::new().file("f", &path).is_err());
    }
}

#[test]
fn a_file_that_shrinks_is_an_error_that_names_the_part() {
    let temp = TempFile::new("shrinks", &[b'x'; 1000]);
    let (body, _) = form().file("f", &temp.0).unwrap().into_body().unwrap();
    File::create(&temp.0)
        .unwrap()
        .write_all(&[b'x'; 900])
        .unwrap();
    let error = read(body).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the part \"f\" ends 100 bytes early"),
        "{error}"
    );
}

#[test]
fn a_form_can_be_sent_again_unless_a_part_is_a_reader() {
    let temp = TempFile::new("again", b"0123456789");
    let cases = [
        (form().text("a", "b"), true),
        (
            form().part("f", Part::reader(temp.open())).text("a", "b"),
            true,
        ),
        (
            form().text("a", "b").part("r", Part::reader(Chunks(b"x"))),
            false,
        ),
        (
            form().part("r", Part::reader_with_length(Chunks(b"x"), 1)),
            false,
        ),
    ];
    for (form, replayable) in cases {
        let said = format!("{form:?}");
        let (mut body, _) = form.into_body().unwrap();
        assert_eq!(body.is_replayable(), replayable, "{said}");
        assert_eq!(body.try_clone().is_ok(), replayable, "{said}");
        assert!(body.take_for_sending().is_ok());
        let again = body
            .take_for_sending()
            .map(drop)
            .map_err(|error| error.kind());
        assert_eq!(again.is_ok(), replayable, "{said}");
        if replayable {
            let copy = body.try_clone().unwrap();
            assert_eq!(read(copy).unwrap(), read(body).unwrap());
        }
    }
}

#[test]
fn lengths_beyond_64_bits_are_unknown() {
    let endless = || Part::reader_with_length(io::repeat(0), u64::MAX - 200);
    let form = form().part("a", endless()).part("b", endless());
    assert_eq!(form.content_length(), None);
    assert_eq!(form.into_body().unwrap().0.content_length(), None);
}

#[test]
fn debug_shows_names_and_lengths_and_no_content() {
    let form = form()
        .text("user", "mot-de-passe")
        .part("r", Part::reader(Chunks(b"mot-de-passe")).file_name("n"));
    let part = Part::text("mot-de-passe")
        .header("x-key", "mot-de-passe")
        .unwrap();
    for said in [
        format!("{form:?}"),
        format!("{part:?}"),
        format!("{:?}", form.into_body().unwrap().0),
    ] {
        assert!(!said.contains("mot"), "{said}");
    }
}

#[test]
fn forms_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Form>();
    crosses::<Part>();
}
