//! Areas about authentication.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dimorph::{Auth, AuthFlow, DigestAuth, Method, NetrcAuth, Request, Url, auth_fn};
use http::HeaderValue;
use serde_json::{Value, json};
use sync_tests::cases::{pairs, text};
use sync_tests::certs::{certs, sniff};
use sync_tests::http::echo;
use sync_tests::peers::Folder;
use sync_tests::{Received, Reply, Server};

use super::super::common::{builder, builder_to, client};
use super::super::form::Client;
use super::super::{dual, form_test};
use super::building::normal;
use super::{Verdict, area};

area!(flows_send_one_request_or_several, "auth_flow", flow);
area!(
    credentials_have_an_order,
    "auth_precedence",
    auth_precedence
);
area!(digest_challenges_are_answered, "digest", digest);
area!(netrc_entries_are_found, "netrc", netrc);
area!(
    credentials_of_the_seed_have_an_order,
    "seed_auth_precedence",
    in_a_child
);
area!(hooks_see_each_hop, "event_hooks", hooks);

/// A pair of user name and password, as the rows have it.
pub(super) fn user_and_password(value: &Value) -> Option<(String, String)> {
    let pair = value.as_array()?;
    let own = |n: usize| pair[n].as_str().unwrap().to_owned();
    Some((own(0), own(1)))
}

/// Takes userinfo out of the URLs of requests that HTTPX sent: no server sees any. The URLs become WHATWG's.
pub(super) fn hide_userinfo(sent: &mut Value) {
    for sent in sent.as_array_mut().into_iter().flatten() {
        let mut url = Url::parse(text(sent, "url")).unwrap();
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        sent["url"] = json!(url.as_str());
    }
}

fn authorization(seen: &Received) -> Value {
    json!(seen.header("authorization"))
}

/// HTTPX's own test of flows: so many requests that count, and one made of what they brought.
struct Repeat(usize);

impl Auth for Repeat {
    fn requires_request_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, mut request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let mut nonces = Vec::new();
            for n in 0..self.0 {
                put(&mut request, &format!("Repeat {n}"));
                let response = exchange.send(request.try_clone()?).await?;
                let nonce = &response.headers()["www-authenticate"];
                nonces.push(nonce.to_str().unwrap().to_owned());
            }
            put(&mut request, &format!("Repeat {}", nonces.join(".")));
            exchange.send(request).await?;
            Ok(())
        })
    }
}

fn put(request: &mut Request, value: &str) {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert("authorization", value);
}

/// The rows say in words what the auth is and what the server does.
#[dual]
async fn flow(row: Value) -> Verdict {
    let server = Server::http(|request| echo(request).header("www-authenticate", "abc"));
    let request = client().get(server.url("/"));
    let shown = |content: &[u8]| {
        let seen: Value = serde_json::from_slice(content).unwrap();
        let fields = pairs(&seen["headers"]).into_iter();
        let mut found = fields.filter(|(name, _)| name == "Authorization");
        found.next().unwrap().1
    };
    let repeats = text(&row, "name").starts_with("RepeatAuth(2)");
    let request = match repeats {
        true => request.auth(Repeat(2)),
        false => request.auth(auth_fn(|mut request: Request| {
            put(&mut request, "Token 123");
            request
        })),
    };
    let mut response = request.send().await.unwrap();
    let last = response.buffer().await.unwrap().clone();
    let history = response.history();
    let entries = history.iter().map(|entry| shown(entry.content()));
    let actual = match repeats {
        true => json!({
            "final": shown(&last),
            "history": entries.collect::<Vec<_>>(),
            "history_of_history": history.iter().map(|entry| entry.history().len()).collect::<Vec<_>>(),
        }),
        false => json!({ "authorization": shown(&last) }),
    };
    Verdict {
        expected: row["expected"].clone(),
        actual,
    }
}

/// URLs are compared as WHATWG normalises them. What the server saw has no userinfo.
#[dual]
async fn auth_precedence(row: Value) -> Verdict {
    let (input, mut expected) = (&row["input"], row["expected"].clone());
    if let Some(url) = input["url"].as_str() {
        let request = Request::new(Method::GET, url).unwrap();
        let debug = format!("{request:?}");
        let (_, shown) = debug.split_once("url: ").unwrap();
        let (shown, _) = shown.split_once(',').unwrap();
        return Verdict {
            expected,
            actual: json!({ "repr": format!("URL('{shown}')"), "str": request.url().as_str() }),
        };
    }
    for result in expected["results"].as_array_mut().unwrap() {
        result["url"] = json!(normal(text(result, "url")));
    }
    hide_userinfo(&mut expected["sent"]);
    let server = Server::answering(sniff(), |_| Reply::status(200));
    let mut builder = builder_to(&server);
    if let Some(auth) = user_and_password(&input["client"]["auth"]) {
        builder = builder.auth(auth);
    }
    let client = builder.build().unwrap();
    let mut results = Vec::new();
    for call in input["requests"].as_array().unwrap() {
        let mut request = client.get(text(call, "url"));
        for (name, value) in pairs(&call["headers"]) {
            request = request.header(name, value);
        }
        match call.get("auth") {
            Some(Value::Null) => request = request.no_auth(),
            Some(auth) => request = request.auth(user_and_password(auth).unwrap()),
            None => {}
        }
        let response = request.send().await.unwrap();
        let history = response.history().iter();
        let history = history.map(|entry| json!([entry.status().as_u16(), entry.url().as_str()]));
        results.push(json!({
            "status": response.status().as_u16(),
            "url": response.url().as_str(),
            "history": history.collect::<Vec<_>>(),
        }));
    }
    let seen: Vec<Value> = server
        .requests()
        .iter()
        .map(|seen| {
            json!({
                "method": seen.method,
                "url": seen.url(),
                "headers": { "host": seen.header("host"), "authorization": authorization(seen) },
                "body": seen.text(),
            })
        })
        .collect();
    Verdict {
        expected,
        actual: json!({ "results": results, "sent": seen }),
    }
}

/// The server asks whoever comes without credentials, and takes any. The client nonce is the row's.
#[dual]
async fn digest(row: Value) -> Verdict {
    let (input, mut expected) = (&row["input"], row["expected"].clone());
    let challenges: Vec<String> = match &input["www_authenticate"] {
        Value::Array(all) => all
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let server = Server::answering(sniff(), move |request| {
        match request.header("authorization") {
            Some(_) => Reply::status(200),
            None => challenges.iter().fold(Reply::status(401), |reply, one| {
                reply.header("www-authenticate", one)
            }),
        }
    });
    let auth = DigestAuth::new(text(input, "username"), text(input, "password"));
    let client = builder_to(&server)
        .auth(auth.with_cnonce(text(input, "cnonce")))
        .build()
        .unwrap();
    let method: Method = text(input, "method").parse().unwrap();
    for part in ["message", "note"] {
        expected.as_object_mut().unwrap().remove(part);
    }
    for _ in 0..input["requests"].as_u64().unwrap() {
        let sent = client.request(method.clone(), text(input, "url")).send();
        let outcome = sent.await;
        match outcome {
            Ok(response) => {
                let signed = server
                    .requests()
                    .last()
                    .unwrap()
                    .header("authorization")
                    .is_some();
                assert_eq!(response.status(), if signed { 200 } else { 401 });
            }
            Err(error) => {
                // HTTPX raises the parent class.
                assert!(error.is_protocol(), "{error}");
                return Verdict {
                    expected,
                    actual: json!({ "error": "ProtocolError" }),
                };
            }
        }
    }
    let requests = server.requests();
    let signed = requests
        .iter()
        .filter_map(|seen| seen.header("authorization"));
    Verdict {
        expected,
        actual: json!({ "authorization": signed.collect::<Vec<_>>() }),
    }
}

#[dual]
async fn netrc(row: Value) -> Verdict {
    let input = &row["input"];
    let server = Server::http(|_| Reply::status(200));
    let url = Url::parse(text(input, "url")).unwrap();
    let client = builder()
        .resolve(url.host_str().unwrap(), [server.address()])
        .build()
        .unwrap();
    let auth = NetrcAuth::from_text(text(input, "netrc")).unwrap();
    client.get(url.as_str()).auth(auth).send().await.unwrap();
    Verdict {
        expected: row["expected"].clone(),
        actual: json!({ "authorization": authorization(&server.requests()[0]) }),
    }
}

#[dual]
async fn hooks(row: Value) -> Verdict {
    let server = Server::http(|request| match request.target.as_str() {
        "/redirect" => Reply::redirect(303, "/"),
        _ => Reply::status(200),
    });
    let events = Arc::new(Mutex::new(Vec::new()));
    let authorized = Arc::new(Mutex::new(Vec::new()));
    let (of_requests, of_responses) = (events.clone(), events.clone());
    let had = authorized.clone();
    let client = builder()
        .on_request(move |request| {
            of_requests.lock().unwrap().push("request");
            let has = request.headers().contains_key("authorization");
            had.lock().unwrap().push(has);
        })
        .on_response(move |_| of_responses.lock().unwrap().push("response"))
        .build()
        .unwrap();
    let (user, password) = user_and_password(&row["input"]["auth"]).unwrap();
    let request = client.get(server.url("/redirect")).auth((user, password));
    request.send().await.unwrap();
    let on_both = *authorized.lock().unwrap() == [true, true];
    let events = events.lock().unwrap().clone();
    Verdict {
        expected: row["expected"].clone(),
        actual: json!({ "events": events, "authorization_on_both": on_both }),
    }
}

const ROW: &str = "DIMORPH_TESTS_ROW";
const FOLDER: &str = "DIMORPH_TESTS_FOLDER";
const CHILD: &str = "dual_tests::httpx_cases::auth::a_child_sends_what_its_environment_says";

/// Runs a row in a process whose environment it names.
#[dual]
async fn in_a_child(row: Value) -> Verdict {
    let input = &row["input"];
    let folder = Folder::new();
    for (name, content) in pairs(&input["home_files"]) {
        folder.write(&name, content);
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", CHILD, "--test-threads", "1"])
        .env(ROW, row.to_string())
        .env(FOLDER, folder.path())
        .env("HOME", folder.path())
        .env_remove("NETRC");
    if let Some(content) = input["NETRC"]["file"].as_str() {
        child.env("NETRC", folder.write("named", content));
    }
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let credentials = fs::read_to_string(folder.path().join("credentials"));
    Verdict {
        expected: row["expected"].clone(),
        actual: serde_json::from_str(&credentials.unwrap()).unwrap(),
    }
}

/// Hidden: does nothing but in the process that `in_a_child` starts.
#[dual]
#[form_test]
async fn a_child_sends_what_its_environment_says() {
    let Ok(row) = std::env::var(ROW) else { return };
    let row: Value = serde_json::from_str(&row).unwrap();
    let input = &row["input"];
    let server = Server::answering(sniff(), |_| Reply::status(200));
    let url = Url::parse(text(input, "url")).unwrap();
    let mut builder = Client::builder()
        .verify(certs().ca_file.to_str().unwrap())
        .resolve(url.host_str().unwrap(), [server.address()])
        .headers(pairs(&input["client"]["headers"]));
    if let Some(auth) = user_and_password(&input["client"]["auth"]) {
        builder = builder.auth(auth);
    }
    if let Some(trust) = input["client"].get("trust_env") {
        builder = builder.trust_env(trust == true);
    }
    let request = builder.build().unwrap().get(url.as_str());
    let request = request.headers(pairs(&input["request"]["headers"]));
    request.send().await.unwrap();
    let seen = server.requests();
    let credentials = seen[0].header("authorization").map(|field| {
        let basic = field.strip_prefix("Basic ");
        basic.map_or(field.to_owned(), |encoded| {
            String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
        })
    });
    let folder = std::env::var_os(FOLDER).unwrap();
    let answer = json!({ "credentials": credentials }).to_string();
    fs::write(std::path::Path::new(&folder).join("credentials"), answer).unwrap();
}
