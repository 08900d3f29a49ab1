//! Areas about the bytes on the connection, timeouts and the pool.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use dimorph::{Method, PoolLimits, Timeout};
use serde_json::{Value, json};
use sync_tests::cases::text;
use sync_tests::script;

use super::super::common::{builder, name, refused};
use super::super::form::{Client, Response};
use super::super::{dual, form_util};
use super::building::request_options;
use super::{AGENT, Verdict, area};

area!(requests_are_written, "wire_request", play);
area!(responses_are_read, "wire_response", play);
area!(faults_are_errors, "wire_errors", play);
area!(timeouts_run_out, "timeouts", play);
area!(connections_are_pooled, "pool", play);
area!(connecting_is_retried, "retries", retries);

#[dual]
async fn play(row: Value) -> Verdict {
    let (input, expected) = (&row["input"], &row["expected"]);
    let server = script::serve(&input["server_connections"]);
    let options = &input["client"];
    let mut builder = builder();
    if let Some(limit) = options.get("timeout") {
        builder = builder.timeout(Duration::from_secs_f64(limit["timeout"].as_f64().unwrap()));
    }
    if let Some(limits) = options.get("limits") {
        let limit = |name: &str| limits.get(name).and_then(Value::as_u64).map(|n| n as usize);
        let mut pool = PoolLimits::new();
        if let Some(n) = limit("max_keepalive_connections") {
            pool = pool.soft_limit(n);
        }
        if let Some(n) = limit("max_connections") {
            pool = pool.hard_limit(n);
        }
        builder = builder.pool_limits(pool);
    }
    let client = builder.build().unwrap();

    let mut results = Vec::new();
    for op in input["ops"].as_array().unwrap() {
        match op["op"].as_str() {
            Some("sleep") => {
                form_util::sleep(Duration::from_secs_f64(op["s"].as_f64().unwrap())).await;
            }
            Some("parallel") => {
                let n = op["n"].as_u64().unwrap() as usize;
                let calls: Vec<_> = (0..n)
                    .map(|_| (client.clone(), server.url("/"), op.clone()))
                    .collect();
                let shown = form_util::concurrently(n, calls, call).await;
                let statuses: Vec<String> = shown.iter().map(|r| r["status"].to_string()).collect();
                results.push(json!({ "statuses": statuses }));
            }
            _ => {
                let path = op["path"].as_str().unwrap_or("/");
                let url = match op["url"].as_str() {
                    Some(url) => url.replace("{PORT}", &server.port().to_string()),
                    None => server.url(path),
                };
                let shown = call((client.clone(), url, op.clone())).await;
                results.push(shown);
            }
        }
    }

    let count = expected["connections"].as_u64().unwrap() as usize;
    form_util::until_briefly(|| server.connections() == count).await;
    let mut actual = json!({ "results": results, "connections": server.connections() });
    let mut expected = expected.clone();
    for result in expected["results"].as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("message");
    }
    if let Some(received) = expected.get_mut("received") {
        for bytes in received.as_array_mut().unwrap() {
            let port = server.port().to_string();
            *bytes = json!(
                bytes
                    .as_str()
                    .unwrap()
                    .replace("{UA}", AGENT)
                    .replace("{PORT}", &port)
            );
        }
        let port = server.port().to_string();
        let received: Vec<String> = server
            .received()
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        actual["received"] = json!(received);
        // The port is the system's choice: the tables cannot name it.
        for side in [&mut actual, &mut expected] {
            for bytes in side["received"].as_array_mut().unwrap() {
                *bytes = json!(
                    bytes
                        .as_str()
                        .unwrap()
                        .replace(&format!(":{port}"), ":PORT")
                );
            }
        }
    }
    Verdict { expected, actual }
}

#[dual]
async fn call((client, url, op): (Client, String, Value)) -> Value {
    let method: Method = op["method"].as_str().unwrap_or("GET").parse().unwrap();
    let sent = request_options(client.request(method, &url), &op)
        .send()
        .await;
    let error = |e: dimorph::Error| json!({ "error": name(e.kind()) });
    let response = match sent {
        Ok(response) => response,
        Err(e) => return error(e),
    };
    let mut shown = facts(&response);
    if let Some(show) = op.get("show") {
        for field in show.as_array().unwrap() {
            let field = field.as_str().unwrap();
            shown["headers"][field] = json!(response.headers()[field].to_str().unwrap());
        }
    }
    let body = response.bytes().await;
    match body {
        Ok(body) => shown["body"] = json!(String::from_utf8_lossy(&body)),
        Err(e) => return error(e),
    }
    shown
}

fn facts(response: &Response) -> Value {
    json!({
        "status": response.status().as_u16(),
        "reason": response.reason(),
        "http_version": format!("{:?}", response.version()),
    })
}

/// A port that refuses until its listener opens; or one that refuses for good.
#[dual]
async fn retries(row: Value) -> Verdict {
    let client = |n: u32| {
        let timeout = Timeout::new(Duration::from_secs(4));
        builder().retries(n).timeout(timeout).build().unwrap()
    };
    if text(&row, "name") == "backoff schedule" {
        // The schedule up to its third pause; the rest is only longer.
        let delays: Vec<f64> = row["expected"]["delays_s"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d.as_f64().unwrap())
            .collect();
        let address = refused();
        let (mut actual, mut expected) = (Vec::new(), Vec::new());
        for n in 0..4u32 {
            let begun = Instant::now();
            let sent = client(n).get(format!("http://{address}/")).send().await;
            let kind = name(sent.unwrap_err().kind());
            let halves = (begun.elapsed().as_secs_f64() * 2.0).floor() / 2.0;
            actual.push(json!([n, kind, halves]));
            expected.push(json!([
                n,
                "ConnectError",
                delays[..n as usize].iter().sum::<f64>()
            ]));
        }
        return Verdict {
            expected: json!(expected),
            actual: json!(actual),
        };
    }
    // Two attempts are made at once, the third after half a second: the port opens in between.
    let socket = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let opener = thread::spawn(move || {
        thread::sleep(Duration::from_millis(250));
        socket.listen(8).unwrap();
        let (mut tcp, _) = std::net::TcpListener::from(socket).accept().unwrap();
        let mut head = [0; 1024];
        let _ = std::io::Read::read(&mut tcp, &mut head);
        let _ =
            std::io::Write::write_all(&mut tcp, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    let retries = row["input"]["retries"].as_u64().unwrap() as u32;
    let sent = client(retries)
        .get(format!("http://{address}/"))
        .send()
        .await;
    let actual = match sent {
        Ok(response) => json!({ "status": response.status().as_u16() }),
        Err(e) => json!({ "error": name(e.kind()) }),
    };
    opener.join().unwrap();
    Verdict {
        expected: row["expected"].clone(),
        actual,
    }
}

fn socket(address: SocketAddr) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}
