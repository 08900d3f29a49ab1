//! The curl command of a request.

use dimorph::{Method, Request};

use crate::args::Args;
use crate::failure::Result;
use crate::head::authority;
use crate::offline::{Caught, catch};
use crate::plan::{Credentials, Field, Payload};
use crate::setup::Setup;
use crate::terminal::field_text;

/// curl asks leave for larger bodies (`expect: 100-continue`), which this client does not.
const ASKS: usize = 1 << 20;

/// The command, in one line for a POSIX shell.
pub(crate) fn command(args: &Args, setup: &mut Setup) -> Result<String> {
    let digest = match &setup.plan.auth {
        Some(Credentials::Digest(user, password)) => Some(format!("{user}:{password}")),
        _ => None,
    };
    let Caught {
        request,
        head,
        mut body,
    } = catch(args, setup)?;
    let mut words: Vec<String> = Vec::new();
    let mut before = String::new();
    options(args, &mut words);
    let payload = &setup.plan.payload;
    let mut own = Vec::new();
    match payload {
        Payload::None => {}
        Payload::Bytes(..) => {
            let content = body.buffer()?.to_vec();
            match String::from_utf8(content) {
                Ok(text) if !text.contains('\0') => push(&mut words, ["--data-raw", &text]),
                Ok(text) => before = piped(text.as_bytes(), &mut words),
                Err(error) => before = piped(error.as_bytes(), &mut words),
            }
        }
        Payload::File(path, _) => push(&mut words, ["--data-binary", &format!("@{path}")]),
        Payload::Stdin(..) => push(&mut words, ["--data-binary", "@-"]),
        Payload::Parts(fields) => {
            // The boundary is curl's.
            own.push("content-type");
            for field in fields {
                part(field, &mut words);
            }
        }
    }
    method(&request, matches!(payload, Payload::None), &mut words);
    if let Some(pair) = &digest {
        push(&mut words, ["--digest", "--user", pair]);
    }
    // The host that the URL says already is curl's to write.
    if head
        .fields
        .first()
        .is_some_and(|(_, host)| *host == authority(request.url()).as_bytes())
    {
        own.push("host");
    }
    fields(&head.fields, &own, payload, &mut words);
    let mut url = request.url().clone();
    url.set_fragment(None);
    // Neither fails for a URL that has userinfo; what it said is in a header already.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.as_str().contains(['[', ']', '{', '}']) {
        push(&mut words, ["--globoff"]);
    }
    push(&mut words, [url.as_str()]);
    Ok(format!("{before}curl {}\n", words.join(" ")))
}

fn push<const N: usize>(words: &mut Vec<String>, more: [&str; N]) {
    words.extend(more.map(quoted));
}

/// What is said to the client rather than in the request.
fn options(args: &Args, words: &mut Vec<String>) {
    if args.follow_redirects || args.download.is_some() {
        push(words, ["--location", "--max-redirs", "20"]);
    }
    // curl speaks HTTP/2 by itself where a server offers it.
    push(words, [if args.http2 { "--http2" } else { "--http1.1" }]);
    if args.no_verify {
        push(words, ["--insecure"]);
    }
    let path = |path: &std::path::Path| path.display().to_string();
    if let Some(file) = &args.verify {
        let option = if file.is_dir() {
            "--capath"
        } else {
            "--cacert"
        };
        push(words, [option, &path(file)]);
    }
    if let Some(file) = &args.cert {
        push(words, ["--cert", &path(file)]);
    }
    if let Some(proxy) = &args.proxy {
        push(words, ["--proxy", proxy]);
    }
    // 5 s is what nobody asked for.
    if args.timeout > 0.0 && args.timeout != 5.0 {
        push(words, ["--connect-timeout", &args.timeout.to_string()]);
    }
    if let Some(file) = args.download.as_ref().or(args.output.as_ref()) {
        push(words, ["--output", &path(file)]);
    }
    if args.resume {
        push(words, ["--continue-at", "-"]);
    }
}

/// The method, where curl would choose another.
fn method(request: &Request, bodyless: bool, words: &mut Vec<String>) {
    let method = request.method();
    match (method, bodyless) {
        (&Method::GET, true) | (&Method::POST, false) => {}
        (&Method::HEAD, true) => push(words, ["--head"]),
        _ => push(words, ["--request", method.as_str()]),
    }
}

/// The fields that curl does not write by itself, and the removal of those that it would write.
fn fields(fields: &[(String, Vec<u8>)], own: &[&str], payload: &Payload, words: &mut Vec<String>) {
    let framing = ["content-length", "transfer-encoding"];
    let bodyless = matches!(payload, Payload::None);
    for (name, value) in fields {
        let lower = name.to_ascii_lowercase();
        // A body whose length is known goes in chunks only where that was asked for.
        let asked = lower == "transfer-encoding" && !matches!(payload, Payload::Stdin(..));
        if own.contains(&&*lower) || (framing.contains(&&*lower) && !bodyless && !asked) {
            continue;
        }
        match value.is_empty() {
            true => push(words, ["--header", &format!("{name};")]),
            false => push(
                words,
                ["--header", &format!("{name}: {}", field_text(value))],
            ),
        }
        if lower == "accept-encoding" && value != b"identity" {
            // The field stands as it is; curl decodes what comes.
            push(words, ["--compressed"]);
        }
    }
    let has = |name: &str| {
        fields
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let mut removed = vec!["Accept", "User-Agent"];
    if !bodyless && !own.contains(&"content-type") {
        removed.push("Content-Type");
    }
    let large = match payload {
        Payload::Bytes(bytes, _) => bytes.len() > ASKS,
        Payload::None => false,
        _ => true,
    };
    if large {
        removed.push("Expect");
    }
    for name in removed {
        if !has(name) {
            push(words, ["--header", &format!("{name}:")]);
        }
    }
}

/// A part of a multipart form.
fn part(field: &Field, words: &mut Vec<String>) {
    match field {
        Field::Text(name, value) => push(words, ["--form-string", &format!("{name}={value}")]),
        Field::File(upload) => {
            let inner =
                |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let mut value = format!("{}=@{}", upload.name, inner(&upload.path));
            let guessed = crate::plan::media_type(&upload.path);
            value += &format!(";type={}", upload.media_type.as_ref().unwrap_or(&guessed));
            if let Some(name) = &upload.file_name {
                value += &format!(";filename={}", inner(name));
            }
            push(words, ["--form", &value]);
        }
    }
}

/// Bytes that no argument can hold come through a pipe.
fn piped(bytes: &[u8], words: &mut Vec<String>) -> String {
    push(words, ["--data-binary", "@-"]);
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'%' => text += "%%",
            b'\\' => text += "\\\\",
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text += &format!("\\{byte:03o}"),
        }
    }
    format!("printf {} | ", quoted(&text))
}

/// A word of a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
