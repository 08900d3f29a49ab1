//! Areas about the request before it is sent: URLs, params, fields, bodies, configuration.

use std::io::Write;
use std::time::Duration;

use dimorph::{Body, ErrorKind, Method, PoolLimits, Timeout, Url};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use sync_tests::cases::{base64, pairs, text};
use sync_tests::certs::sniff;
use sync_tests::{Reply, Server};

use super::super::common::{HOSTS, builder, name};
use super::super::form::{Client, ClientBuilder, RequestBuilder};
use super::super::{dual, form_util};
use super::auth::user_and_password;
use super::{AGENT, Verdict, area};

area!(a_base_url_is_prepended, "base_url", base_url);
area!(
    a_base_url_of_the_seed_is_prepended,
    "seed_base_url",
    base_url
);
area!(params_merge_by_key, "params_merge", request);
area!(
    params_merge_with_the_query_of_the_url,
    "seed_params_merge",
    seed_params
);
area!(params_are_encoded, "query_params", query_params);
area!(headers_are_http_header_maps, "headers", headers);
area!(
    a_request_is_built_from_client_and_call,
    "request_build",
    request
);
area!(content_is_encoded, "content_encode", content);
area!(timeouts_are_configured, "timeout_config", timeout_config);
area!(
    timeouts_of_the_seed_are_configured,
    "seed_timeout",
    timeout_config
);
area!(limits_have_defaults, "seed_limits", limits);
area!(bad_urls_are_errors, "seed_errors", bad_url);

/// Compares URLs as WHATWG normalises them: `http://x.test` is `http://x.test/`.
pub(super) fn normal(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), String::from)
}

/// Turns HTTPX's class names into kinds.
pub(super) fn kind_name(class: &str) -> &str {
    match class {
        "InvalidURL" => "InvalidUrl",
        "JSONDecodeError" => "Json",
        other => other,
    }
}

#[dual]
async fn base_url(row: Value) -> Verdict {
    let input = &row["input"];
    let mut builder = builder();
    if !text(input, "base_url").is_empty() {
        builder = builder.base_url(text(input, "base_url"));
    }
    let client = builder.build().unwrap();
    let Some(url) = input["url"].as_str() else {
        let actual = json!(client.base_url().map(Url::as_str));
        return Verdict {
            expected: row["expected"]["base_url"].clone(),
            actual,
        };
    };
    let expected = &row["expected"]["url"];
    let actual = match client.build_request(Method::GET, url) {
        Ok(request) => json!(request.url().as_str()),
        Err(e) => json!({ "error": name(e.kind()) }),
    };
    Verdict {
        expected: json!(normal(expected.as_str().unwrap())),
        actual,
    }
}

/// Params given as text are HTTPX's shorthand for the pairs in them.
pub(super) fn params(value: &Value) -> Value {
    match value {
        Value::String(query) => {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            json!(pairs.collect::<Vec<_>>())
        }
        other => other.clone(),
    }
}

fn client_options(mut builder: ClientBuilder, options: &Value) -> ClientBuilder {
    if let Some(given) = options.get("params") {
        builder = builder.params(params(given));
    }
    if let Some(given) = options.get("headers") {
        builder = builder.headers(pairs(given));
    }
    for (name, value) in pairs(&options["cookies"]) {
        builder = builder.cookie(name, value);
    }
    builder
}

pub(super) fn request_options(mut request: RequestBuilder, options: &Value) -> RequestBuilder {
    if let Some(given) = options.get("headers") {
        for (name, value) in pairs(given) {
            request = request.header(name, value);
        }
    }
    if let Some(auth) = user_and_password(&options["auth"]) {
        request = request.auth(auth);
    }
    if let Some(given) = options.get("params") {
        request = request.params(params(given));
    }
    for (name, value) in pairs(&options["cookies"]) {
        request = request.cookie(name, value);
    }
    match options.get("content") {
        Some(Value::String(text)) => request = request.body(text.clone()),
        Some(Value::Object(content)) => {
            let size = content["size"].as_u64().unwrap() as usize;
            request = request.body(vec![b'x'; size]);
        }
        _ => {}
    }
    if let Some(chunks) = options.get("chunks") {
        let pieces = chunks.as_array().unwrap();
        let pieces = pieces
            .iter()
            .map(|p| p.as_str().unwrap().as_bytes().to_vec());
        request = request.body(form_util::pieces_body(pieces.collect()));
    }
    match options.get("data") {
        Some(Value::String(text)) => request = request.body(text.clone()),
        Some(form) => request = request.form(form),
        None => {}
    }
    if let Some(value) = options.get("json") {
        request = request.json(value);
    }
    if let Some(seconds) = options.get("timeout").and_then(Value::as_f64) {
        request = request.timeout(Duration::from_secs_f64(seconds));
    }
    request
}

/// Builds and sends; the verdict is on the built URL and on the head that the server saw.
#[dual]
pub(super) async fn request(row: Value) -> Verdict {
    let input = &row["input"];
    let server = Server::answering(sniff(), |_| Reply::ok("ok"));
    let mut builder = client_options(builder(), &input["client"]);
    let given = Url::parse(text(input, "url")).unwrap();
    let socket =
        std::env::temp_dir().join(format!("dimorph-{}-{}", std::process::id(), server.port()));
    // An address in the URL cannot be resolved to the server; a Unix socket takes it as it is.
    let by_address = !matches!(given.host(), Some(url::Host::Domain(_)));
    let local = by_address.then(|| Server::unix(&socket, |_| Reply::ok("ok")));
    builder = match by_address {
        true => builder.unix_socket(&socket),
        false => HOSTS
            .iter()
            .fold(builder, |b, host| b.resolve(host, [server.address()])),
    };
    let client = builder.build().unwrap();
    let method: Method = text(input, "method").parse().unwrap();
    let built = request_options(client.request(method, text(input, "url")), input)
        .build()
        .unwrap();
    let url = built.url().to_string();
    let sent = client.send(built).await;
    let sent = sent.map(drop);

    let mut expected = row["expected"].clone();
    expected["url"] = json!(normal(text(&expected, "url")));
    expected["headers"] = fields(&pairs(&expected["headers"]));
    let server = local.as_ref().unwrap_or(&server);
    let actual = match (sent, server.requests().first()) {
        (Ok(()), Some(seen)) => json!({
            "method": seen.method,
            "url": url,
            "headers": fields(&seen.headers),
            "body": seen.text(),
        }),
        (Ok(()), None) => json!("the server saw nothing"),
        (Err(e), _) => json!({ "error": name(e.kind()), "message": e.to_string() }),
    };
    Verdict { expected, actual }
}

/// Fields in their order. HTTPX keeps the case of names as given, dimorph writes Title-Case: the
/// names are compared without case. HTTPX puts userinfo into a field later than it builds.
fn fields(headers: &[(String, String)]) -> Value {
    headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
        .map(|(name, value)| json!([name.to_lowercase(), value.replace("{UA}", AGENT)]))
        .collect()
}

#[dual]
async fn seed_params(row: Value) -> Verdict {
    let input = &row["input"];
    let mut builder = builder();
    if !input["client_params"].is_null() {
        builder = builder.params(params(&input["client_params"]));
    }
    let client = builder.build().unwrap();
    let mut request = client.get(text(input, "url"));
    if !input["params"].is_null() {
        request = request.params(params(&input["params"]));
    }
    let url = request.build().unwrap().url().to_string();
    Verdict {
        expected: row["expected"].clone(),
        actual: json!({ "url": url }),
    }
}

/// HTTPX's `QueryParams` is a type of its own. Here `set` and `merge` are what two levels of
/// params do, and `add` is two pairs of one level.
#[dual]
async fn query_params(row: Value) -> Verdict {
    let input = &row["input"];
    let client = builder().build().unwrap();
    let first = params(&input["params"]);
    let args = &input["args"];
    let second = match input["op"].as_str() {
        Some("set") => json!([[args[0], args[1]]]),
        Some("merge") => args[0].clone(),
        _ => Value::Null,
    };
    let request = match input["op"].as_str() {
        None => client.get("http://x.test/").params(first).build(),
        Some("add") => {
            let mut list = first.as_array().unwrap().clone();
            list.push(args.clone());
            client.get("http://x.test/").params(list).build()
        }
        Some("remove") => Err(client.get("relative").build().unwrap_err()),
        _ => {
            let client = builder().params(first).build().unwrap();
            client.get("http://x.test/").params(second).build()
        }
    };
    let mut expected = json!({ "str": row["expected"]["str"] });
    let actual = match request {
        Ok(request) => {
            let url = request.url();
            let mut actual = json!({ "str": url.query().unwrap_or_default() });
            if let Some(items) = row["expected"].get("multi_items") {
                expected["multi_items"] = items.clone();
                actual["multi_items"] = json!(url.query_pairs().collect::<Vec<_>>());
            }
            actual
        }
        Err(_) => json!("no such operation"),
    };
    Verdict { expected, actual }
}

/// dimorph's fields are `http::HeaderMap`: the verdict is what that type does with the input.
#[dual]
async fn headers(row: Value) -> Verdict {
    let input = &row["input"];
    let mut expected = row["expected"].clone();
    if let Some(value) = input.get("value_b64") {
        let answer = base64(value.as_str().unwrap());
        let raw = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-a: ",
            &answer[..],
            b"\r\n\r\n",
        ]
        .concat();
        let server = Server::http(move |_| Reply::raw(raw.clone()));
        let client = builder().build().unwrap();
        let response = client.get(server.url("/")).send().await.unwrap();
        let latin1: String = response.headers()["x-a"]
            .as_bytes()
            .iter()
            .map(|&b| b as char)
            .collect();
        return Verdict {
            expected: expected["value"].take(),
            actual: json!(latin1),
        };
    }
    if input["headers"]["foo"].is_null()
        && input["headers"].is_object()
        && input.get("set").is_none()
    {
        // `None` is no value of a type that a field takes: it does not compile.
        return Verdict {
            expected,
            actual: json!("does not compile"),
        };
    }
    let mut map = HeaderMap::new();
    let parse = |name: &str, value: &str| {
        (
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        )
    };
    for (name, value) in pairs(&input["headers"]) {
        let (name, value) = parse(&name, &value);
        map.append(name, value);
    }
    for change in ["set", "update"] {
        for (name, value) in pairs(&input[change]) {
            let (name, value) = parse(&name, &value);
            map.insert(name, value);
        }
    }
    let own = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut actual = Map::new();
    for key in expected.as_object().unwrap().keys() {
        let items: Vec<(String, String)> =
            map.iter().map(|(k, v)| (k.to_string(), own(v))).collect();
        let value = match key.as_str() {
            "get" => {
                let get = |name: &str| map.get(name).map(own);
                json!({ "a": get("a"), "A": get("A"), "b": get("b"), "nope": get("nope") })
            }
            "get_list_a" => json!(map.get_all("a").iter().map(own).collect::<Vec<_>>()),
            "keys" => json!(map.keys().map(HeaderName::as_str).collect::<Vec<_>>()),
            "values" => json!(map.values().map(own).collect::<Vec<_>>()),
            "items" | "multi_items" | "raw" => json!(items),
            _ => continue,
        };
        actual.insert(key.clone(), value);
    }
    expected.as_object_mut().unwrap().remove("repr");
    Verdict {
        expected,
        actual: actual.into(),
    }
}

#[dual]
async fn content(row: Value) -> Verdict {
    let input = &row["input"];
    let special = &input["content"];
    if input.get("op").is_none() && !special.is_object() {
        return request(row.clone()).await;
    }
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder()
        .resolve("www.example.com", [server.address()])
        .build()
        .unwrap();
    let url = "http://www.example.com/";
    let chunks = || form_util::pieces_body(vec![b"Hello, ".to_vec(), b"world!".to_vec()]);
    if input.get("op").is_some() {
        let request = client.post(url).body(chunks()).build().unwrap();
        let actual = json!({ "content": request.content() });
        return Verdict {
            expected: row["expected"].clone(),
            actual,
        };
    }
    let is_file = special.get("file_bytes").is_some();
    let body = match is_file {
        true => Body::from(file_of(text(special, "file_bytes"))),
        false => chunks(),
    };
    let request = client.post(url).body(body).build().unwrap();
    let again = request.try_clone().map(drop).map_err(|e| name(e.kind()));
    let sent = client.send(request).await;
    sent.unwrap();
    let seen = server.requests().remove(0);
    let mut actual = json!({ "headers": {} });
    for (name, value) in &seen.headers {
        if ["host", "content-length", "transfer-encoding"].contains(&&*name.to_lowercase()) {
            actual["headers"][name] = json!(value);
        }
    }
    if !is_file {
        actual["second_iteration"] = json!(again.unwrap_err());
    }
    Verdict {
        expected: row["expected"].clone(),
        actual,
    }
}

/// Makes an open file with this content, read from its start.
pub(crate) fn file_of(content: &str) -> std::fs::File {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("dimorph-file-{}-{number}", std::process::id()));
    std::fs::File::create(&path)
        .unwrap()
        .write_all(content.as_bytes())
        .unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

#[dual]
async fn timeout_config(row: Value) -> Verdict {
    let input = &row["input"];
    let seconds = |value: &Value| value.as_f64().map(Duration::from_secs_f64);
    let timeout = match input.get("timeout") {
        None => Timeout::default(),
        Some(given) => {
            let each = &given["timeout"];
            let mut timeout = match each.as_array() {
                Some(list) => {
                    let at = |i: usize| list.get(i).and_then(seconds);
                    Timeout::new(None)
                        .connect(at(0))
                        .read(at(1))
                        .write(at(2))
                        .pool(at(3))
                }
                None => Timeout::new(seconds(each)),
            };
            for (key, value) in given.as_object().unwrap() {
                timeout = match key.trim_end_matches("_timeout") {
                    "connect" => timeout.connect(seconds(value)),
                    "read" => timeout.read(seconds(value)),
                    "write" => timeout.write(seconds(value)),
                    "pool" => timeout.pool(seconds(value)),
                    _ => timeout,
                };
            }
            timeout
        }
    };
    let show = |limit: Option<Duration>| json!(limit.map(|limit| limit.as_secs_f64()));
    let actual = json!({
        "connect": show(timeout.connect_timeout()),
        "read": show(timeout.read_timeout()),
        "write": show(timeout.write_timeout()),
        "pool": show(timeout.pool_timeout()),
    });
    let mut expected = row["expected"].clone();
    if let Some(expected) = expected.as_object_mut() {
        expected.remove("repr");
        expected.remove("message");
        for value in expected.values_mut() {
            if let Some(number) = value.as_f64() {
                *value = json!(number);
            }
        }
    }
    Verdict { expected, actual }
}

#[dual]
async fn limits(row: Value) -> Verdict {
    let limits = PoolLimits::default();
    let actual = json!({
        "soft_limit": limits.soft(),
        "hard_limit": limits.hard(),
        "keepalive_expiry": limits.expiry().map(|expiry| expiry.as_secs()),
    });
    Verdict {
        expected: row["expected"].clone(),
        actual,
    }
}

#[dual]
async fn bad_url(row: Value) -> Verdict {
    let client: Client = builder().build().unwrap();
    let sent = client.get(text(&row["input"], "url")).send().await;
    let kind = sent.map_or_else(|e| e.kind(), |r| panic!("{r:?}"));
    let expected = json!({ "error": kind_name(text(&row["expected"], "error")) });
    assert_ne!(kind, ErrorKind::ConnectError);
    Verdict {
        expected,
        actual: json!({ "error": name(kind) }),
    }
}
