//! What the server answers: httpbin's addresses as far as the book asks for them, the same for every host.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use sync_tests::h2_peer::{Answer, Frame, Link};
use sync_tests::{Proxy, Received, Reply};

/// Where the snippet's process learns what the proxies were asked.
pub(crate) const PROXY_LOG: &str = "/stage/proxies";

/// `busy` is set when the listing of reports has refused a request.
pub(crate) fn answer(request: &Received, proxies: &[Proxy], busy: &AtomicBool) -> Reply {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments[..] {
        ["stage", "proxies"] => json_reply(&asked(proxies)).closing(),
        ["headers"] => json_reply(&json!({ "headers": headers(request) })),
        ["get" | "post" | "put" | "anything", ..] => json_reply(&echo(request, query)),
        ["cookies"] => json_reply(&json!({ "cookies": cookies(request) })),
        ["cookies", "set"] => pairs(query)
            .fold(Reply::redirect(302, "/cookies"), |reply, (name, value)| {
                reply.header("set-cookie", &format!("{name}={value}; Path=/"))
            }),
        ["basic-auth", ..] => match user(request) {
            Some(user) => json_reply(&json!({ "authenticated": true, "user": user })),
            None => Reply::status(401).header("www-authenticate", "Basic realm=\"stage\""),
        },
        ["status", code] => Reply::status(code.parse().unwrap_or(400)),
        ["redirect-to"] => {
            let to = pairs(query).find(|(name, _)| *name == "url");
            Reply::redirect(302, to.map_or("/", |(_, url)| url))
        }
        ["delay"] => Reply::ok("at last").after(Duration::from_millis(400)),
        ["json"] => json_reply(&json!({ "slideshow": { "title": "Sample Slide Show" } })),
        ["japanese"] => Reply::ok(JAPANESE).header("content-type", &text_type(query)),
        ["old-page"] => Reply::ok([&b"<html><meta charset=\"Shift_JIS\">"[..], JAPANESE].concat())
            .header("content-type", "text/html"),
        ["echo"] => Reply::raw(ECHO),
        ["log"] => Reply::chunked(["one\ntwo\n", "three"]).header("content-type", "text/plain"),
        ["prices"] => prices(request.header("last-event-id")),
        ["chat"] => events(
            "data: {\"text\": \"Pieces \"}\n\ndata: {\"text\": \"of eight!\"}\n\ndata: [DONE]\n\n",
        ),
        // Flows: a token to be shown, a signature to be made, a token to be made anew.
        ["token"] => allowed(request.header("x-authentication").is_some()),
        ["signed"] => {
            let signed = format!("{} bytes", request.body.len());
            allowed(request.header("x-signature") == Some(&signed))
        }
        ["fresh"] => allowed(request.header("x-authentication") == Some("fresh")),
        ["refresh"] => json_reply(&json!({ "access_token": "fresh", "refresh_token": "next" })),
        ["items"] => items(query),
        ["reports"] => reports(request, query, busy),
        ["large.iso"] => image(request),
        ["orders"] => json_reply(&json!({ "id": 7 })),
        _ => Reply::ok("Hello, world!").header("content-type", "text/html; charset=utf-8"),
    }
}

/// "こんにちは" in Shift_JIS.
const JAPANESE: &[u8] = b"\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd";

/// A server that switches protocols, and sends back the "hello" that it gets.
const ECHO: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello";

/// Plain text, with the charset that was asked for.
fn text_type(query: &str) -> String {
    match query {
        "" => "text/plain".to_owned(),
        query => format!("text/plain; {query}"),
    }
}

/// Two prices, a connection each.
fn prices(last: Option<&str>) -> Reply {
    match last {
        None => events("retry: 5\nid: 1\nevent: price\ndata: {\"eur\": 12}\n\n"),
        Some("1") => events("retry: 5\nid: 2\nevent: price\ndata: {\"eur\": 11}\n\n"),
        Some(_) => Reply::status(204),
    }
}

fn events(text: &str) -> Reply {
    Reply::chunked([text]).header("content-type", "text/event-stream")
}

/// What the server of HTTP/2 does with a connection: it greets, has a page with a hint and a log with a trailer, and sends back
/// whatever it is sent elsewhere.
pub(crate) fn serve_http2(link: &mut Link<'_>) -> io::Result<()> {
    link.open(&[])?;
    while let Some(stream) = link.whole()? {
        let asked = link.asked(stream);
        let answer = match asked.path() {
            "/" => Answer::ok("Hello, world!"),
            "/log" => Answer::ok("one\ntwo\nthree").trailer("x-lines", "3"),
            "/page" => {
                let hint = [(":status", "103"), ("link", "</style.css>; rel=preload")];
                link.send(Frame::headers(stream, hint))?;
                Answer::ok("a page")
            }
            _ => Answer::carry(&asked),
        };
        link.answer(stream, answer)?;
    }
    Ok(())
}

/// A listing of five, two to a page.
fn items(query: &str) -> Reply {
    let page = page(query);
    let all: Vec<Value> = (1..=5).map(|id| json!({ "id": id })).collect();
    let items: Vec<_> = all.chunks(2).nth(page - 1).unwrap_or_default().into();
    let reply = json_reply(&items.into());
    match page {
        ..3 => reply.header("link", &format!("</items?page={}>; rel=\"next\"", page + 1)),
        _ => reply,
    }
}

/// A listing of two pages, the second of which is refused at first.
fn reports(request: &Received, query: &str, busy: &AtomicBool) -> Reply {
    if page(query) == 1 {
        let link = format!("<{}?page=2>; rel=\"next\"", request.url());
        return json_reply(&json!(["a report"])).header("link", &link);
    }
    match busy.swap(true, Ordering::SeqCst) {
        false => Reply::status(429).header("retry-after", "0"),
        true => json_reply(&json!(["another"])),
    }
}

fn page(query: &str) -> usize {
    let page = pairs(query).find(|(name, _)| *name == "page");
    page.and_then(|(_, page)| page.parse().ok()).unwrap_or(1)
}

/// A large file, or what is left of it from where a range begins.
fn image(request: &Received) -> Reply {
    let whole: Vec<u8> = (0..250_000_u32).map(|n| (n % 251) as u8).collect();
    let known = request.header("if-range") == Some("\"v1\"");
    let from = request.header("range").filter(|_| known);
    let from = from.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    let reply = match from {
        Some(from) => Reply::status(206)
            .header("content-range", &format!("bytes {from}-249999/250000"))
            .body(&whole[from..]),
        None => Reply::ok(whole),
    };
    reply
        .header("etag", "\"v1\"")
        .header("accept-ranges", "bytes")
}

fn allowed(yes: bool) -> Reply {
    match yes {
        true => Reply::ok("welcome"),
        false => Reply::status(401).body("who are you?"),
    }
}

fn json_reply(value: &Value) -> Reply {
    Reply::ok(value.to_string()).header("content-type", "application/json")
}

fn asked(proxies: &[Proxy]) -> Value {
    let asked = proxies.iter().flat_map(Proxy::requests);
    asked
        .map(|request| format!("{} {}", request.method, request.target))
        .collect()
}

fn headers(request: &Received) -> Value {
    let mut all = Map::new();
    for (name, value) in &request.headers {
        all.insert(name.clone(), value.as_str().into());
    }
    all.into()
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter_map(|pair| pair.split_once('='))
}

fn cookies(request: &Received) -> Value {
    let field = request.header("cookie").unwrap_or_default();
    let pairs = field.split("; ").filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect::<Map<_, _>>()
        .into()
}

fn user(request: &Received) -> Option<String> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    pair.split_once(':').map(|(user, _)| user.to_owned())
}

fn echo(request: &Received, query: &str) -> Value {
    let args: Map<_, _> = pairs(query)
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let text = String::from_utf8_lossy(&request.body);
    let content_type = request.header("content-type").unwrap_or_default();
    let (mut files, mut form) = (Map::new(), Map::new());
    if let Some((_, boundary)) = content_type.split_once("boundary=") {
        for part in text.split(&format!("--{boundary}")) {
            let Some((head, content)) = part.split_once("\r\n\r\n") else {
                continue;
            };
            let content = content.strip_suffix("\r\n").unwrap_or(content);
            let name = quoted(head, "; name=\"").unwrap_or_default();
            let into = match quoted(head, "; filename=\"") {
                Some(_) => &mut files,
                None => &mut form,
            };
            into.insert(name.to_owned(), content.into());
        }
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        form = pairs(&text)
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
    }
    json!({
        "method": request.method,
        "url": request.url(),
        "args": args,
        "headers": headers(request),
        "data": text,
        "json": serde_json::from_str::<Value>(&text).ok(),
        "files": files,
        "form": form,
    })
}

/// The text between a mark and the next quote.
fn quoted<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(mark)?;
    rest.split('"').next()
}
