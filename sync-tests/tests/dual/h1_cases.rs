//! Every response of the byte corpus, and the request after it.

use dimorph::{ErrorKind, Method, Timeout};
use serde_json::Value;
use sync_tests::cases::{base64, h1_responses, text};
use sync_tests::replay::Replay;

use super::common::{builder, ms, name};
use super::form::Client;
use super::{dual, form_test, form_util};

/// Status and body, or the error.
type Outcome = Result<(u16, Vec<u8>), dimorph::Error>;

#[dual]
#[form_test]
async fn every_response_of_the_corpus_gets_its_verdict() {
    let (deferred, rows): (Vec<Value>, Vec<Value>) = h1_responses()
        .into_iter()
        .partition(|row| row["via_connect_proxy"] == true);
    let deferred: Vec<&str> = deferred.iter().map(|row| text(row, "name")).collect();
    report(&format!("deferred until there are proxies: {deferred:?}"));
    assert_eq!((rows.len(), deferred.len()), (177, 9));

    let count = rows.len();
    let outcomes = form_util::concurrently(24, rows, run).await;
    let failures: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(
        failures.is_empty(),
        "{} faults in {count} rows:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[allow(
    clippy::print_stdout,
    reason = "what is deferred is said, not skipped in silence"
)]
fn report(line: &str) {
    println!("{line}");
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
