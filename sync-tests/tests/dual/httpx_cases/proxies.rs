//! Areas about proxies: which one a request goes through, and what is said to it.
//!
//! A row's proxies are listeners on loopback that answer with the row's name for them. What the row says of HTTPX's mounts is asked
//! for here: with URLs on both sides of each pattern's edge.

use dimorph::{ErrorKind, Proxy, ProxyMode, Request, Url};
use serde_json::{Map, Value, json};
use sync_tests::cases::{pairs, text};
use sync_tests::socks::Stage;
use sync_tests::{Proxy as Relay, Server, Socks, Step, script};

use super::super::common::{builder, name};
use super::super::form::{Client, Response, Transport};
use super::super::form_util::Answering;
use super::super::recorders::{DIRECT, Field, builder_of, under, who};
use super::super::{dual, form_util};
use super::{AGENT, Verdict, area};

area!(a_key_chooses_its_proxy, "proxy_match", keys);
area!(a_key_of_the_seed_chooses_its_proxy, "seed_proxy_keys", keys);
area!(a_pattern_chooses_its_transport, "url_pattern", pattern);
area!(no_proxy_is_asked_directly, "no_proxy", environment);
area!(
    no_proxy_of_the_seed_is_asked_directly,
    "seed_no_proxy",
    environment
);
area!(the_environment_is_read, "env_proxies", variables);
area!(a_proxy_has_url_and_credentials, "proxy_config", config);
area!(proxies_are_spoken_to, "proxy_wire", wire);
area!(modes_forward_or_tunnel, "seed_proxy_mode", mode);
area!(socks_proxies_are_spoken_to, "socks5", socks);

/// The class that HTTPX raises.
fn class(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::Builder => "ValueError".to_owned(),
        ErrorKind::InvalidUrl => "InvalidURL".to_owned(),
        other => name(other),
    }
}

/// A proxy's URL as every row could write it.
fn canonical(label: &Value) -> Value {
    let Some(label) = label.as_str().filter(|label| *label != DIRECT) else {
        return Value::Null;
    };
    let label = match label.contains("://") {
        true => label.to_owned(),
        false => format!("http://{label}"),
    };
    json!(label.strip_suffix(":80").unwrap_or(&label))
}

/// The proxy of the answer: no proxy, or its name, or the error.
fn proxy_of(answer: &Value) -> Value {
    match answer {
        Value::String(_) => json!({ "proxy": canonical(answer) }),
        other => other.clone(),
    }
}

/// `proxies` and `mount_direct`, and one request.
#[dual]
async fn keys(row: Value) -> Verdict {
    let input = &row["input"];
    let mounts = if input["proxies"].is_null() {
        &input["mounts"]
    } else {
        &input["proxies"]
    };
    let mounts = mounts.as_object().unwrap();
    let field = Field::new(mounts.values().filter_map(Value::as_str));
    let mut builder = builder_of(&field.names(input["url"].as_str())).trust_env(false);
    for (pattern, label) in mounts {
        builder = match label.as_str() {
            Some(label) => builder.proxies([(pattern, field.url(label))]),
            None => builder.mount_direct(pattern),
        };
    }
    let actual = match (builder.build(), input["url"].as_str()) {
        (Err(e), _) => json!({ "error": class(e.kind()) }),
        (Ok(_), None) => json!({ "valid": true }),
        (Ok(client), Some(url)) => {
            let answer = who(&client, url).await;
            proxy_of(&answer)
        }
    };
    let mut expected = row["expected"].clone();
    if expected.get("proxy").is_some() {
        expected["proxy"] = canonical(&expected["proxy"]);
    }
    Verdict { expected, actual }
}

fn answering(name: &str) -> Box<dyn Transport> {
    let name = name.to_owned();
    Box::new(Answering(move |_: Request| {
        Ok(Response::from(http::Response::new(name.clone())))
    }))
}

/// Transports for patterns: which gets the request.
#[dual]
async fn pattern(row: Value) -> Verdict {
    let input = &row["input"];
    let field = Field::new([]);
    let expected = row["expected"].clone();
    let actual = match input["patterns"].as_array() {
        None => {
            let url = text(input, "url");
            let builder = builder_of(&field.names([url])).trust_env(false);
            let pattern = text(input, "pattern");
            let client = builder.mount(pattern, answering(pattern)).build().unwrap();
            let answer = who(&client, url).await;
            json!({ "matches": answer == pattern })
        }
        Some(patterns) => {
            // The first is asked; then it is left out.
            let mut left: Vec<&str> = patterns.iter().map(|p| p.as_str().unwrap()).collect();
            let (mut sorted, url) = (Vec::new(), "http://example.com:123/");
            while !left.is_empty() {
                let builder = Client::builder().trust_env(false);
                let mounted = left
                    .iter()
                    .fold(builder, |builder, p| builder.mount(p, answering(p)));
                let client = mounted.build().unwrap();
                let answer = who(&client, url).await;
                left.retain(|pattern| answer != **pattern);
                sorted.push(answer);
                assert!(sorted.len() <= patterns.len(), "{sorted:?}");
            }
            json!({ "sorted": sorted })
        }
    };
    Verdict { expected, actual }
}

fn is_list(variable: &str) -> bool {
    variable.eq_ignore_ascii_case("NO_PROXY")
}

/// The row's variables with listeners in place of its proxies. A list of hosts shows only beside a proxy: it is given one.
fn set_for(env: &Value) -> (Field, Vec<(String, String)>) {
    let mut env = pairs(env);
    if env.iter().all(|(name, _)| is_list(name)) && !env.is_empty() {
        env.push(("ALL_PROXY".to_owned(), "http://added:1".to_owned()));
    }
    let proxies = env.iter().filter(|(name, _)| !is_list(name));
    let field = Field::new(proxies.map(|(_, label)| label.as_str()));
    for (name, value) in &mut env {
        if !is_list(name) {
            *value = field.url(value);
        }
    }
    (field, env)
}

/// One request under the row's environment.
#[dual]
async fn environment(row: Value) -> Verdict {
    let url = text(&row["input"], "url");
    let (field, env) = set_for(&row["input"]["env"]);
    let answers = under(&env, "builder", &field.names([url]), &[url]);
    let answer = &answers[url];
    let (mut expected, mut actual) = (row["expected"].clone(), proxy_of(answer));
    if expected.get("bypass_proxy").is_some() {
        actual = json!({ "bypass_proxy": answer == DIRECT });
    } else {
        expected["proxy"] = canonical(&expected["proxy"]);
    }
    Verdict { expected, actual }
}

/// The URLs that tell one set of mounts from others.
fn samples(mounts: &Map<String, Value>) -> Vec<String> {
    let mut hosts = vec!["other.test".to_owned()];
    for key in mounts.keys() {
        let host = key.split_once("://").unwrap().1;
        let host = host.trim_start_matches(['*', '.']);
        if !host.is_empty() {
            let bare = host.split(':').next().unwrap();
            hosts.push(host.to_owned());
            hosts.extend([
                format!("a.{host}"),
                format!("a{host}"),
                format!("{bare}:81"),
            ]);
        }
    }
    let both = hosts
        .iter()
        .flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}/")));
    both.collect()
}

/// What HTTPX 0.28 does with a URL under these mounts: with a port before without, longer hosts first, a scheme before `all`.
fn picked(mounts: &Map<String, Value>, url: &Url) -> Value {
    let mut best: Option<((bool, usize, usize), &Value)> = None;
    for (key, value) in mounts {
        let (scheme, rest) = key.split_once("://").unwrap();
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().unwrap())),
            None => (rest, None),
        };
        let asked = url.host_str().unwrap();
        let below = |domain: &str| asked.ends_with(&format!(".{domain}"));
        let fits = match (host.strip_prefix("*."), host.strip_prefix('*')) {
            (Some(domain), _) => below(domain),
            (None, Some(domain)) => asked == domain || below(domain),
            _ => host.is_empty() || asked == host,
        };
        let fits = fits
            && (scheme == "all" || scheme == url.scheme())
            && port.is_none_or(|port| url.port_or_known_default() == Some(port));
        let rank = (
            port.is_some(),
            host.len(),
            if scheme == "all" { 0 } else { scheme.len() },
        );
        if fits && best.is_none_or(|(other, _)| rank > other) {
            best = Some((rank, value));
        }
    }
    best.map_or(Value::Null, |(_, value)| canonical(value))
}

/// Requests under the row's environment, for which its mounts say what is expected.
#[dual]
async fn variables(row: Value) -> Verdict {
    let (field, env) = set_for(&row["input"]["env"]);
    let mut mounts = row["expected"]["mounts"].as_object().unwrap().clone();
    let given = pairs(&row["input"]["env"]);
    if env.len() > given.len() {
        mounts.insert("all://".to_owned(), json!("http://added:1"));
    }
    let urls = samples(&mounts);
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let answers = under(&env, "builder", &field.names(urls.clone()), &urls);
    let (mut expected, mut actual) = (json!({}), json!({}));
    for url in urls {
        expected[url] = picked(&mounts, &Url::parse(url).unwrap());
        actual[url] = proxy_of(&answers[url])["proxy"].clone();
    }
    Verdict { expected, actual }
}

/// What `Proxy` knows, and what it says to a proxy.
#[dual]
async fn config(row: Value) -> Verdict {
    let (input, mut expected) = (&row["input"], row["expected"].clone());
    if let Some(url) = input["proxy"].as_str() {
        return refused(url, expected);
    }
    let given = text(input, "url");
    let proxy = Proxy::new(given).unwrap();
    let shown = json!({
        "url": proxy.url().as_str().trim_end_matches('/'),
        "repr": format!("{proxy:?}"),
    });
    // The credentials show only to the proxy itself.
    let relay = Relay::builder().start();
    let host = Url::parse(given).unwrap().host_str().unwrap().to_owned();
    let client = builder().resolve(host, [relay.address()]).proxy(proxy);
    let client = client.build().unwrap();
    client.get("http://a.test/").send().await.unwrap();
    let seen = relay.requests().remove(0);
    let basic = seen.header("proxy-authorization").unwrap();
    let pair = sync_tests::cases::base64(basic.strip_prefix("Basic ").unwrap());
    let pair = String::from_utf8(pair).unwrap();
    let (user, password) = pair.split_once(':').unwrap();
    let mut actual = shown;
    actual["auth"] = json!([user, password]);
    expected["auth"] = row["expected"]["auth"].clone();
    Verdict { expected, actual }
}

/// A URL that no proxy can have.
fn refused(url: &str, mut expected: Value) -> Verdict {
    let actual = match Proxy::new(url) {
        Ok(_) => json!({ "valid": true }),
        Err(e) => {
            let scheme = url.split(':').next().unwrap();
            let named = e.kind() != ErrorKind::Builder || e.to_string().contains(scheme);
            assert!(named, "{e}");
            json!({ "error": class(e.kind()) })
        }
    };
    expected.as_object_mut().unwrap().remove("message");
    Verdict { expected, actual }
}

/// What went over the wire.
fn received(server: &Server) -> Vec<String> {
    let logs = server.received();
    logs.iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect()
}

/// The row's expectation, with what the client calls itself.
fn expected_of(row: &Value) -> Value {
    let text = row["expected"].to_string().replace("{UA}", AGENT);
    serde_json::from_str(&text).unwrap()
}

/// Adds an answer behind each connection's last, for a client that stays on one where HTTPX opens the next.
fn with_room(connections: &Value) -> Value {
    let lists: Vec<Vec<Value>> = serde_json::from_value(connections.clone()).unwrap();
    let mut first: Vec<Value> = lists.concat();
    let waits = |op: &Value| op["op"] == "wait_eof";
    let last = first.iter().rev().find(|op| waits(op)).cloned();
    first.retain(|op| !waits(op));
    first.extend(last);
    let mut all = vec![first];
    all.extend(lists.into_iter().skip(1));
    json!(all)
}

/// A scripted proxy, and every byte that it gets.
#[dual]
async fn wire(row: Value) -> Verdict {
    let (input, mut expected) = (&row["input"], expected_of(&row));
    let server = script::serve(&with_room(&input["server_connections"]));
    let proxy = text(&input["client"], "proxy").replace("{PORT}", &server.port().to_string());
    let client = builder().proxy(proxy).build().unwrap();
    let mut results = Vec::new();
    for (at, op) in input["ops"].as_array().unwrap().iter().enumerate() {
        let sent = client.get(text(op, "url")).send().await;
        let result = match sent {
            Err(e) => {
                let said = &mut expected["results"][at];
                let message = said["message"].take();
                said.as_object_mut().unwrap().remove("message");
                // A refusal is told in the proxy's own words.
                let told = e.to_string().contains(message.as_str().unwrap_or_default());
                assert!(told || e.kind() != ErrorKind::ProxyError, "{e}");
                json!({ "error": name(e.kind()) })
            }
            Ok(response) => {
                let mut facts = json!({
                    "status": response.status().as_u16(),
                    "reason": response.reason(),
                    "http_version": format!("{:?}", response.version()),
                });
                let body = response.text().await.unwrap();
                facts["body"] = json!(body);
                facts
            }
        };
        results.push(result);
    }
    let count = expected["connections"].as_u64().unwrap() as usize;
    form_util::until_briefly(|| server.connections() == count).await;
    let actual = json!({
        "results": results,
        "connections": server.connections(),
        "received": received(&server),
    });
    Verdict { expected, actual }
}

/// The same in one of the seed's modes.
#[dual]
async fn mode(row: Value) -> Verdict {
    let (input, expected) = (&row["input"], expected_of(&row));
    match input["op"].as_str() {
        Some("ftp scheme") => return refused("ftp://127.0.0.1", expected),
        Some("no scheme") => return refused("127.0.0.1", expected),
        Some("socks scheme") => return refused("socks5://x", expected),
        Some(other) => panic!("{other}"),
        None => {}
    }
    let server = script::serve(&input["server"]);
    let url = text(input, "proxy").replace("{PORT}", &server.port().to_string());
    let mode = match text(input, "mode") {
        "DEFAULT" => ProxyMode::Default,
        "FORWARD_ONLY" => ProxyMode::ForwardOnly,
        "TUNNEL_ONLY" => ProxyMode::TunnelOnly,
        other => panic!("{other}"),
    };
    let mut proxy = Proxy::new(url).unwrap().mode(mode);
    for (name, value) in pairs(&input["proxy_headers"]) {
        proxy = proxy.header(name.as_str(), value.as_str()).unwrap();
    }
    let client = builder().proxy(proxy).build().unwrap();
    let mut results = Vec::new();
    for url in input["urls"].as_array().unwrap() {
        let sent = client.get(url.as_str().unwrap()).send().await;
        results.push(match sent {
            Err(e) => json!({ "error": name(e.kind()) }),
            Ok(response) => {
                let text = response.text().await.unwrap();
                json!({ "text": text })
            }
        });
    }
    let actual = json!({
        "results": results,
        "connections": server.connections(),
        "received": received(&server),
    });
    Verdict { expected, actual }
}

/// A SOCKS proxy that refuses, and every byte that it gets.
#[dual]
async fn socks(row: Value) -> Verdict {
    let (input, expected) = (&row["input"], &row["expected"]);
    let builder_of_socks = Socks::builder();
    let (socks, at) = if input["server"].is_null() {
        let code = match input["reply"].as_u64() {
            Some(code) => code as u8,
            // `05 05 00 01 ...`
            None => u8::from_str_radix(&text(input, "server_reply")[3..5], 16).unwrap(),
        };
        let reply = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let steps = [Step::send(reply), Step::Close];
        let socks = builder_of_socks.at(Stage::Connect, steps).start();
        let url = socks.url();
        (socks, url)
    } else {
        let socks = builder_of_socks.credentials("user", "right").start();
        let url = socks.url().replace("//", "//user:wrong@");
        (socks, url)
    };
    let client = builder().proxy(at).build().unwrap();
    let url = input["url"].as_str().unwrap_or("http://10.0.0.1/");
    let error = client.get(url).send().await.unwrap_err();
    let mut actual = json!({ "error": name(error.kind()) });
    // The words after the colon are RFC 1928's; what stands before them is each client's own.
    let message = text(expected, "message");
    let words = message.rsplit(": ").next().unwrap().trim_end_matches('.');
    let shown = error.to_string();
    let told = shown.to_lowercase().contains(&words.to_lowercase());
    actual["message"] = if told { json!(message) } else { json!(shown) };
    if expected.get("client_hex").is_some() {
        let mut sent = socks.received().concat().into_iter();
        let messages = expected["client_hex"].as_array().unwrap().iter();
        let parts: Vec<String> = messages
            .map(|part| part.as_str().unwrap().len() / 2)
            .map(|n| sent.by_ref().take(n).map(|b| format!("{b:02x}")).collect())
            .collect();
        assert_eq!(sent.next(), None);
        actual["client_hex"] = json!(parts);
    }
    Verdict {
        expected: expected.clone(),
        actual,
    }
}

/// What the tables of patterns are compared with follows HTTPX's own order.
#[test]
fn the_oracle_of_mounts_follows_httpx() {
    let mounts = json!({
        "all://": "http://all", "http://": "http://h", "all://*example.com": "http://both",
        "all://*.example.com": "http://below", "https://bexample.com": null, "all://example.com:81": "http://port",
    });
    for (url, expected) in [
        ("http://x.test/", json!("http://h")),
        ("https://x.test/", json!("http://all")),
        ("http://example.com/", json!("http://both")),
        ("http://a.example.com/", json!("http://below")),
        // A star is a character too.
        ("https://example.com/", json!("http://both")),
        ("https://example.com:81/", json!("http://port")),
        ("https://aexample.com/", json!("http://all")),
        ("https://bexample.com/", Value::Null),
    ] {
        let picked = picked(mounts.as_object().unwrap(), &Url::parse(url).unwrap());
        assert_eq!(picked, expected, "{url}");
    }
}
