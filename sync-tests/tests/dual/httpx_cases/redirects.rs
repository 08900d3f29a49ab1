//! Areas about redirects.

use std::sync::Mutex;

use dimorph::{Method, Url};
use serde_json::{Value, json};
use sync_tests::cases::{pairs, text};
use sync_tests::certs::sniff;
use sync_tests::{Received, Reply, Server};

use super::super::common::{builder_to, name};
use super::super::dual;
use super::super::form::Response;
use super::auth::hide_userinfo;
use super::building::{normal, request_options};
use super::{Verdict, area};

area!(redirects_change_the_method, "redirect_method", follow);
area!(redirects_lose_credentials, "redirect_headers", follow);
area!(redirects_drop_or_keep_the_body, "redirect_body", follow);
area!(redirects_are_followed_or_not, "redirect_follow", follow);
area!(locations_are_joined, "redirect_url", location);
area!(redirects_of_the_seed, "seed_redirects", seed);

/// Answers with each reply in turn, whatever the host and port asked for.
fn in_turn(replies: Vec<Value>) -> Server {
    let replies = Mutex::new(replies.into_iter());
    Server::answering(sniff(), move |_| {
        let Some(reply) = replies.lock().unwrap().next() else {
            return Reply::status(200);
        };
        let status = reply["status"].as_u64().unwrap() as u16;
        let answer = Reply::status(status);
        pairs(&reply["headers"])
            .iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
    })
}

/// The fields that HTTPX's rows show: those that the client does not add to every request.
fn sent(seen: &Received) -> Value {
    let mut headers = json!({});
    for (name, value) in &seen.headers {
        let name = name.to_lowercase();
        if !["accept", "accept-encoding", "connection", "user-agent"].contains(&&*name) {
            headers[name] = json!(value);
        }
    }
    json!({ "method": seen.method, "url": seen.url(), "headers": headers, "body": seen.text() })
}

fn result(response: &Response) -> Value {
    let history: Vec<Value> = response
        .history()
        .iter()
        .map(|entry| json!([entry.status().as_u16(), entry.url().as_str()]))
        .collect();
    json!({ "status": response.status().as_u16(), "url": response.url().as_str(), "history": history })
}

#[dual]
pub(super) async fn follow(row: Value) -> Verdict {
    let input = &row["input"];
    let server = in_turn(input["responses"].as_array().unwrap().clone());
    let mut builder = builder_to(&server);
    match input["client"].get("follow_redirects") {
        Some(follow) => builder = builder.follow_redirects(follow == true),
        None if text(&row, "name").starts_with("not followed by default") => {}
        None => builder = builder.follow_redirects(false),
    }
    if let Some(most) = input["client"].get("max_redirects") {
        builder = builder.max_redirects(most.as_u64().unwrap() as usize);
    }
    let client = builder.build().unwrap();
    let mut results = Vec::new();
    for call in input["requests"].as_array().unwrap() {
        let method: Method = call["method"].as_str().unwrap_or("GET").parse().unwrap();
        let request = request_options(client.request(method, text(call, "url")), call);
        let outcome = request.send().await;
        results.push(match outcome {
            Ok(response) => {
                let mut shown = result(&response);
                if let Some(next) = response.next_request() {
                    shown["next_request"] = json!([next.method().as_str(), next.url().as_str()]);
                }
                shown
            }
            Err(e) => json!({ "error": name(e.kind()) }),
        });
    }
    let seen: Vec<Value> = server.requests().iter().map(sent).collect();
    let mut expected = row["expected"].clone();
    hide_userinfo(&mut expected["sent"]);
    Verdict {
        expected,
        actual: json!({ "results": results, "sent": seen }),
    }
}

#[dual]
async fn location(row: Value) -> Verdict {
    let input = &row["input"];
    let first = json!({ "status": input["status"], "headers": { "location": input["location"] } });
    let server = in_turn(vec![first, json!({ "status": 200, "headers": {} })]);
    let client = builder_to(&server).build().unwrap();
    let outcome = request_options(client.get(text(input, "url")), input)
        .send()
        .await;
    let actual = match outcome {
        Ok(response) => {
            let seen = server.requests().pop().unwrap();
            json!({
                "url": response.url().as_str(),
                "target": seen.target,
                "host": seen.header("host"),
                "authorization": seen.header("authorization"),
            })
        }
        Err(e) => json!({ "error": name(e.kind()) }),
    };
    let mut expected = row["expected"].clone();
    expected.as_object_mut().unwrap().remove("message");
    Verdict { expected, actual }
}

#[dual]
async fn seed(row: Value) -> Verdict {
    let input = &row["input"];
    let first = json!({ "status": input["status"], "headers": { "location": input["location"] } });
    let server = in_turn(vec![first, json!({ "status": 200, "headers": {} })]);
    let client = builder_to(&server).build().unwrap();
    let method: Method = text(input, "method").parse().unwrap();
    let request = request_options(
        client.request(method, text(input, "url")),
        &input["request"],
    );
    let response = request.send().await.unwrap();
    let mut last = sent(&server.requests().pop().unwrap());
    last.as_object_mut().unwrap().remove("url");
    let actual = json!({
        "status": response.status().as_u16(),
        "url": response.url().as_str(),
        "history": response.history().len(),
        "last_request": last,
    });
    assert_eq!(normal(response.url().as_str()), Url::as_str(response.url()));
    Verdict {
        expected: row["expected"].clone(),
        actual,
    }
}
