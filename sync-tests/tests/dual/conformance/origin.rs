//! What the origin answers, said once for every way to be it.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

/// A request as the origin sees it.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// `None`: it was not read.
    pub(super) body: Option<Vec<u8>>,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Everything about the request.
    fn told(&self) -> Answer {
        let body = self.body.as_deref().unwrap_or_default();
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let told = json!({
            "method": self.method,
            "target": self.target,
            "headers": self.headers,
            "read": self.body.is_some(),
            "length": body.len(),
            "sum": sum(body),
            "body": shown,
        });
        Answer::ok(told.to_string()).header("content-type", "application/json")
    }
}

/// A number that depends on every byte and its place.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
    bytes.iter().fold(7, step) >> 11
}

/// Many bytes that are not all the same.
pub(super) fn large() -> Vec<u8> {
    let row: Vec<u8> = (0..=250).collect();
    row.repeat(3000)
}

pub(super) enum Content {
    None,
    Whole(Vec<u8>),
    Pieces(Vec<Vec<u8>>),
    /// Fewer bytes than announced.
    Short(Vec<u8>, usize),
    /// No answer at all.
    Broken,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: Option<&'static str>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content,
    pub(super) trailers: Vec<(&'static str, &'static str)>,
    pub(super) delay: Duration,
    pub(super) pause: Duration,
}

impl Answer {
    fn new(status: u16, content: Content) -> Self {
        Answer {
            status,
            reason: None,
            headers: Vec::new(),
            content,
            trailers: Vec::new(),
            delay: Duration::ZERO,
            pause: Duration::ZERO,
        }
    }

    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Answer::new(200, Content::Whole(body.into()))
    }

    fn pieces(pieces: &[&str]) -> Self {
        let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec());
        Answer::new(200, Content::Pieces(pieces.collect()))
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(super) fn answer(asked: &Asked) -> Answer {
    let path = asked.path().trim_start_matches('/');
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match first {
        "echo" => asked.told(),
        "status" => {
            let status: u16 = rest.parse().unwrap();
            match status {
                204 | 304 => Answer::new(status, Content::None),
                _ => Answer::new(status, Content::Whole(format!("status {rest}").into())),
            }
        }
        "reason" => Answer {
            reason: Some("Fine By Me"),
            ..Answer::ok("ok")
        },
        "headers" => Answer::ok("ok")
            .header("x-many", "1")
            .header("x-between", "")
            .header("x-many", "2, 3")
            .header("x-umlaut", "größe")
            .header("link", "</next>; rel=\"next\""),
        "empty" => Answer::ok(""),
        "text" => Answer::ok("hello"),
        "latin1" => {
            Answer::ok(*b"gr\xfc\xdfe").header("content-type", "text/plain; charset=latin-1")
        }
        "lines" => Answer::pieces(&["one\ntw", "o\r", "\nthree\r", "four"]),
        "large" => Answer::ok(large()),
        "pieces" => Answer::pieces(&["one", "two", "three"]),
        "drip" => Answer {
            pause: Duration::from_millis(200),
            ..Answer::pieces(&["a", "b", "c", "d", "e", "f"])
        },
        "trailers" => Answer {
            trailers: vec![("x-sum", "abc"), ("x-more", "1")],
            ..Answer::pieces(&["one", "two"])
        },
        "gzip" => Answer::ok(gzip()).header("content-encoding", "gzip"),
        "torn-gzip" => {
            let half = gzip()[..20].to_vec();
            Answer::ok(half).header("content-encoding", "gzip")
        }
        "unknown-coding" => Answer::ok("raw").header("content-encoding", "x-made-up"),
        "set-cookies" => Answer::ok("set")
            .header("set-cookie", "a=1; Path=/")
            .header("set-cookie", "b=2; Path=/echo/deep"),
        "redirect" => {
            let status = rest[..3].parse().unwrap();
            let query = asked.target.split_once('?').map(|(_, query)| query);
            let to = match query {
                Some(query) => format!("{}?{query}", &rest[3..]),
                None => rest[3..].to_owned(),
            };
            let body = Content::Whole(b"elsewhere".to_vec());
            Answer::new(status, body).header("location", &to)
        }
        "away" => {
            // The other name of the same origin.
            let host = asked.header("host").unwrap_or("127.0.0.1:1");
            let port = host.rsplit(':').next().unwrap();
            let to = format!("http://localhost:{port}/echo");
            Answer::new(302, Content::Whole(Vec::new())).header("location", &to)
        }
        "loop" => Answer::new(302, Content::Whole(Vec::new())).header("location", "/loop"),
        "basic" | "digest" => protected(first, asked),
        "slow" => Answer {
            delay: Duration::from_millis(1500),
            ..Answer::ok("late")
        },
        "short" => Answer::new(200, Content::Short(b"hello".to_vec(), 10)),
        "broken" => Answer::new(200, Content::Broken),
        _ => Answer::new(404, Content::Whole(b"not found".to_vec())),
    }
}

fn protected(scheme: &str, asked: &Asked) -> Answer {
    let sent = asked.header("authorization").unwrap_or_default();
    let known = match scheme {
        "basic" => sent == "Basic dXNlcjpwYXNz",
        _ => sent.starts_with("Digest ") && sent.contains("username=\"user\""),
    };
    if known {
        return asked.told();
    }
    let challenge = match scheme {
        "basic" => "Basic realm=\"r\"",
        _ => "Digest realm=\"r\", nonce=\"n0\", qop=\"auth\", algorithm=SHA-256",
    };
    Answer::new(401, Content::Whole(b"who are you?".to_vec())).header("www-authenticate", challenge)
}

fn gzip() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let text = "squeezed ".repeat(1000);
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
