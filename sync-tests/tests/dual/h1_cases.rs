//! Every response of the byte corpus, and the request after it.

use dimorph::{ErrorKind, Method, Timeout};
use serde_json::Value;
use sync_tests::cases::{base64, bytes_of, h1_responses, text};
use sync_tests::replay::Replay;
use sync_tests::wire::find;

use super::common::{builder, ms, name};
use super::form::Client;
use super::{dual, form_test, form_util};

/// Status and body, or the error.
type Outcome = Result<(u16, Vec<u8>), dimorph::Error>;

/// The rows whose bytes answer a request, or a CONNECT.
fn rows(via_proxy: bool) -> Vec<Value> {
    let mut rows = h1_responses();
    rows.retain(|row| row["via_connect_proxy"] == via_proxy);
    rows
}

fn assert_no_faults(count: usize, outcomes: Vec<Vec<String>>) {
    let failures: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(
        failures.is_empty(),
        "{} faults in {count} rows:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[dual]
#[form_test]
async fn every_response_of_the_corpus_gets_its_verdict() {
    let rows = rows(false);
    assert_eq!(rows.len(), 177);
    let outcomes = form_util::concurrently(24, rows, run).await;
    assert_no_faults(177, outcomes);
}

#[dual]
#[form_test]
async fn every_answer_of_the_corpus_to_connect_gets_its_verdict() {
    let rows = rows(true);
    assert_eq!(rows.len(), 9);
    let outcomes = form_util::concurrently(9, rows, run_connect).await;
    assert_no_faults(9, outcomes);
}

/// Runs one row whose bytes are a proxy's answer to CONNECT; returns its faults. There is no TLS server behind the proxy, so the
/// request always fails; the next one, which the proxy forwards, must not meet anything of it.
#[dual]
async fn run_connect(row: Value) -> Vec<String> {
    let replay = Replay::start(&row);
    let case = text(&row, "name");
    let limit = ms(row["client_timeout_ms"].as_u64().unwrap());
    let client = builder().proxy(replay.server.url("")).timeout(limit);
    let client = client.build().unwrap();
    let https = format!("https://{case}.test/");
    let first = exchange(&client, Method::GET, &https, Vec::new()).await;
    let stats = client.pool_stats();
    let gap = row["gap_ms_before_second"].as_u64().unwrap();
    if gap > 0 {
        form_util::sleep(ms(gap)).await;
    }
    let forwarded = format!("http://{case}.test/");
    let second = exchange(&client, Method::GET, &forwarded, Vec::new()).await;
    let third = exchange(&client, Method::GET, &https, Vec::new()).await;

    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{case}: {what}"));
    let sent = replay.server.received().remove(0);
    let end = find(&sent, b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, beyond) = sent.split_at(end);
    if !head.starts_with(format!("CONNECT {case}.test:443 HTTP/1.1\r\n").as_bytes()) {
        fault(format!("sent {:?}", String::from_utf8_lossy(head)));
    }
    // A ClientHello begins with a record of type 22, of version 3.1 or 3.3 (RFC 8446 section 5.1).
    let tunnel = beyond.starts_with(&[22, 3]);
    let expected = &row["expected"]["tunnel"];
    if *expected != tunnel && !expected.is_null() {
        fault(format!("tunnel: {tunnel}, expected {expected}"));
    }
    if !tunnel && !beyond.is_empty() {
        fault(format!("{} bytes behind CONNECT", beyond.len()));
    }
    let status = String::from_utf8_lossy(&bytes_of(&row))
        .get(9..12)
        .and_then(|s| s.parse().ok());
    match &first {
        Ok(_) => fault(format!("answered: {}", show(&first))),
        Err(e) if *expected == false && status.is_some_and(|status: u16| status >= 300) => {
            if e.kind() != ErrorKind::ProxyError || e.status().map(|s| s.as_u16()) != status {
                fault(format!("not the proxy's refusal: {}", show(&first)));
            }
        }
        Err(e) => {
            use ErrorKind::*;
            if !matches!(
                e.kind(),
                RemoteProtocolError | ConnectError | ConnectTimeout
            ) {
                fault(format!("the error is {}", show(&first)));
            }
        }
    }
    if stats.connections != 0 {
        fault(format!("a connection is kept: {stats:?}"));
    }
    if !matches!(&second, Ok((200, body)) if body == b"SECOND") {
        fault(format!("second request: {}", show(&second)));
    }
    if third.is_ok() {
        fault(format!("third request: {}", show(&third)));
    }
    if row["reuse_connection"] == false && replay.reused() && !tunnel {
        fault("the connection was used again".to_owned());
    }
    faults
}

/// Runs one row; returns its faults.
#[dual]
async fn run(row: Value) -> Vec<String> {
    let replay = Replay::start(&row);
    let url = replay.server.url("/");
    let limit = ms(row["client_timeout_ms"].as_u64().unwrap());
    let mut timeout = Timeout::new(limit);
    if text(&row, "name").contains("slowloris") {
        timeout = timeout.total(limit);
    }
    let client = builder().timeout(timeout).build().unwrap();

    let method: Method = text(&row, "request_method").parse().unwrap();
    let body = match row.get("request_body_len").and_then(Value::as_u64) {
        Some(length) => vec![text(&row, "request_body_fill").as_bytes()[0]; length as usize],
        None => Vec::new(),
    };
    let first = exchange(&client, method, &url, body).await;
    let gap = row["gap_ms_before_second"].as_u64().unwrap();
    if gap > 0 {
        form_util::sleep(ms(gap)).await;
    }
    let second = exchange(&client, Method::GET, &url, Vec::new()).await;
    let stats = client.pool_stats();

    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", text(&row, "name")));
    let allowed = row["also_allowed"].as_array().unwrap();
    if !std::iter::once(&row["expected"])
        .chain(allowed)
        .any(|verdict| agrees(verdict, &first))
    {
        fault(format!(
            "expected {}, also {allowed:?}, got {}",
            row["expected"],
            show(&first)
        ));
    }
    if !matches!(&second, Ok((200, body)) if body == b"SECOND") {
        fault(format!("second request: {}", show(&second)));
    }
    if stats.active != 0 {
        fault(format!("a slot is still taken: {stats:?}"));
    }
    // Where the server closes at once after a whole response, its FIN and the second request
    // race: reuse is no fault of the client then, and the retry covers it.
    let raced = row["after"] == "close" && gap == 0 && first.is_ok();
    if row["reuse_connection"] == false && row["reuse_level"] == "MUST" && !raced && replay.reused()
    {
        fault("the connection was used again".to_owned());
    }
    faults
}

#[dual]
async fn exchange(client: &Client, method: Method, url: &str, body: Vec<u8>) -> Outcome {
    let mut request = client.request(method, url);
    if !body.is_empty() {
        request = request.body(body);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body = response.bytes().await?;
    Ok((status, body.to_vec()))
}

fn agrees(verdict: &Value, outcome: &Outcome) -> bool {
    match outcome {
        Ok((status, body)) => {
            verdict["status"] == *status && base64(text(verdict, "body_b64")) == *body
        }
        Err(e) => verdict["error_classes"]
            .as_array()
            .is_some_and(|classes| classes.iter().any(|class| covers(class, e.kind()))),
    }
}

fn covers(class: &Value, kind: ErrorKind) -> bool {
    use ErrorKind::*;
    match class.as_str().unwrap() {
        "protocol" | "truncated" | "disconnected" => kind == RemoteProtocolError,
        "limit" => matches!(kind, LimitExceeded | RemoteProtocolError),
        "reset" => matches!(kind, ReadError | RemoteProtocolError),
        "write" => kind == WriteError,
        "timeout" => matches!(kind, ReadTimeout | TotalTimeout | ConnectTimeout),
        other => panic!("unknown class {other}"),
    }
}

fn show(outcome: &Outcome) -> String {
    match outcome {
        Ok((status, body)) => {
            let start = &body[..body.len().min(60)];
            format!(
                "{status} {:?} ({} bytes)",
                String::from_utf8_lossy(start),
                body.len()
            )
        }
        Err(e) => format!("{}: {e}", name(e.kind())),
    }
}
