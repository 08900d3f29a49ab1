//! The server of the book's examples: example.org, which a proxy of the environment leads to.

use serde_json::{Value, json};
use sync_tests::certs::{certs, sniff};
use sync_tests::http::Reply;
use sync_tests::{Proxy, Received, Server};

/// The server, and the proxy that leads every name to it.
pub(crate) struct ExampleOrg {
    _server: Server,
    proxy: Proxy,
}

impl ExampleOrg {
    /// Starts both.
    pub(crate) fn start() -> ExampleOrg {
        let server = Server::answering(sniff(), answer);
        let proxy = Proxy::builder().route_all(server.address()).start();
        ExampleOrg {
            _server: server,
            proxy,
        }
    }

    /// The variables by which the program finds it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let authority = certs().ca_file.canonicalize().unwrap();
        vec![
            ("http_proxy", self.proxy.url()),
            ("https_proxy", self.proxy.url()),
            ("SSL_CERT_FILE", authority.display().to_string()),
        ]
    }
}

pub(crate) fn answer(request: &Received) -> Reply {
    let path = request.target.split('?').next().unwrap();
    let ada = json!({
        "id": 1, "name": "Ada Lovelace", "born": 1815, "languages": ["en", "fr"], "admin": true,
    });
    match (&*request.method, path) {
        (_, "/people/1") => made_json(200, &ada),
        ("POST", "/people") => {
            let mut person = json!({ "id": 2 });
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            person
                .as_object_mut()
                .unwrap()
                .extend(body.as_object().unwrap().clone());
            made_json(201, &person)
        }
        (_, "/echo") => made_json(200, &echoed(request)),
        (_, "/events") => {
            Reply::ok("{\"n\": 1, \"kind\": \"start\"}\n{\"n\": 2,\n \"kind\": \"stop\"}\n")
                .header("content-type", "application/x-ndjson")
        }
        (_, "/report.csv") => ranges(request),
        ("POST", "/login") => {
            Reply::status(204).header("set-cookie", "session=5e55; Path=/; HttpOnly")
        }
        (_, "/me") => match request.header("cookie") {
            Some("session=5e55") => made_json(200, &json!({ "name": "ada" })),
            _ => made_json(401, &json!({ "error": "log in first" })),
        },
        _ => made_json(404, &json!({ "error": "nothing is here" })),
    }
}

fn made_json(status: u16, value: &Value) -> Reply {
    let reply = Reply::status(status).body(value.to_string());
    let reply = match status {
        201 => reply.reason("Created"),
        401 => reply.reason("Unauthorized"),
        _ => reply,
    };
    reply.header("content-type", "application/json")
}

fn echoed(request: &Received) -> Value {
    let body: Value =
        serde_json::from_slice(&request.body).unwrap_or_else(|_| request.text().into());
    json!({ "method": request.method, "target": request.target, "body": body })
}

fn ranges(request: &Received) -> Reply {
    const REPORT: &str = "year,visitors\n2024,1815\n2025,1843\n";
    let first = request.header("range").map(|range| {
        let range = range.strip_prefix("bytes=").unwrap();
        range.strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    match first {
        Some(first) => Reply::status(206).body(&REPORT[first..]).header(
            "content-range",
            &format!("bytes {first}-{}/{}", REPORT.len() - 1, REPORT.len()),
        ),
        None => Reply::ok(REPORT),
    }
    .header("content-type", "text/csv")
    .header("etag", "\"r1\"")
}
