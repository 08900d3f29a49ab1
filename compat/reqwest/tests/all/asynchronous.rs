//! The async client.

use std::error::Error as _;
use std::time::Duration;

use reqwest::{Body, Client, Method, StatusCode, Url, Version};
use serde::{Deserialize, Serialize};
use sync_tests::{Received, Reply, Server};

fn mirror(request: &Received) -> Reply {
    Reply::ok(request.body.clone())
}

#[tokio::test]
async fn a_plain_request_carries_reqwests_headers_and_no_others() {
    let server = Server::http(|_| Reply::ok("hi"));
    let client = Client::builder().no_proxy().build().unwrap();
    client.get(server.url("/a?b=c#d")).send().await.unwrap();
    client.post(server.url("/")).send().await.unwrap();
    client
        .post(server.url("/"))
        .body("xyz")
        .send()
        .await
        .unwrap();
    let host = server.address().to_string();
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut accepted = vec![
        field("accept", "*/*"),
        field("accept-encoding", "zstd,gzip,deflate,br"),
    ];
    accepted.push(field("host", &host));
    let requests = server.requests();
    for (number, (method, length)) in [("GET", None), ("POST", None), ("POST", Some("3"))]
        .into_iter()
        .enumerate()
    {
        let request = &requests[number];
        assert_eq!(request.method, method);
        let mut got = request.headers.clone();
        let mut expected = accepted.clone();
        expected.extend(length.map(|length| field("content-length", length)));
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "request {number}");
    }
    assert_eq!(requests[0].target, "/a?b=c");
    assert_eq!(server.connections(), 1);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Pair {
    name: String,
    number: u32,
}

#[tokio::test]
async fn bodies_go_out_and_come_back() {
    let server = Server::http(mirror);
    let client = Client::new();
    let pair = Pair {
        name: "a b".into(),
        number: 3,
    };
    let json = client.post(server.url("/")).json(&pair);
    assert_eq!(
        json.send().await.unwrap().json::<Pair>().await.unwrap(),
        pair
    );
    let form = client
        .post(server.url("/"))
        .form(&pair)
        .send()
        .await
        .unwrap();
    assert_eq!(form.text().await.unwrap(), "name=a+b&number=3");
    let stream = Body::wrap(Body::from("in one piece"));
    let mut piped = client
        .post(server.url("/"))
        .body(stream)
        .send()
        .await
        .unwrap();
    assert_eq!(piped.chunk().await.unwrap().unwrap(), "in one piece");
    assert!(piped.chunk().await.unwrap().is_none());
    let types: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("content-type").map(str::to_owned))
        .collect();
    let expected = ["application/json", "application/x-www-form-urlencoded"];
    assert_eq!(
        types,
        [Some(expected[0].into()), Some(expected[1].into()), None]
    );
    let query = client
        .get(server.url("/?a=b"))
        .query(&pair)
        .build()
        .unwrap();
    assert_eq!(query.url().query(), Some("a=b&name=a+b&number=3"));
}

#[tokio::test]
async fn a_response_tells_what_it_is() {
    let server = Server::http(|request| match request.target.as_str() {
        "/teapot" => Reply::status(418).reason("Tea\ttime"),
        "/latin" => {
            Reply::ok(b"caf\xe9".to_vec()).header("content-type", "text/plain; charset=latin1")
        }
        _ => Reply::ok("12345"),
    });
    let client = Client::new();
    let ok = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(
        (ok.status(), ok.version()),
        (StatusCode::OK, Version::HTTP_11)
    );
    assert_eq!(ok.content_length(), Some(5));
    assert_eq!(ok.remote_addr(), Some(server.address()));
    assert_eq!(ok.url().as_str(), server.url("/"));
    let head = client.head(server.url("/")).send().await.unwrap();
    assert_eq!(head.content_length(), Some(0));
    assert_eq!(head.headers()["content-length"], "5");
    let latin = client.get(server.url("/latin")).send().await.unwrap();
    assert_eq!(latin.text().await.unwrap(), "caf\u{e9}");
    let teapot = client.get(server.url("/teapot")).send().await.unwrap();
    let error = teapot.error_for_status().unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::IM_A_TEAPOT));
    assert_eq!(
        error.to_string(),
        format!(
            "HTTP status client error (418 Tea\\ttime) for url ({})",
            server.url("/teapot")
        )
    );
}

#[tokio::test]
async fn errors_say_which_step_failed() {
    let client = Client::builder().no_proxy().build().unwrap();
    let unbuilt = client.get("nowhere").send().await.unwrap_err();
    assert!(unbuilt.is_builder());
    let refused = client.get("http://127.0.0.1:1/x").send().await.unwrap_err();
    assert!(refused.is_request() && refused.is_connect() && !refused.is_timeout());
    assert_eq!(refused.url().map(Url::as_str), Some("http://127.0.0.1:1/x"));
    let mut deepest = refused.source().unwrap();
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    assert!(deepest.is::<std::io::Error>());
    let unknown = client.get("http://a.invalid/").send().await.unwrap_err();
    assert!(unknown.is_dns() && unknown.is_connect());
    let server = Server::http(|_| Reply::ok("{"));
    let bad = client.get(server.url("/")).send().await.unwrap();
    let bad = bad.json::<Pair>().await.unwrap_err();
    assert!(bad.is_decode() && bad.source().unwrap().is::<serde_json::Error>());
    let two = Client::builder().http2_prior_knowledge().build().unwrap();
    let two = two.get(server.url("/")).send().await.unwrap_err();
    assert!(two.is_request(), "HTTP/2 is refused: {two:?}");
}

#[tokio::test]
async fn timeouts_cover_the_head_and_the_body() {
    let late = Duration::from_secs(5);
    let server = Server::http(move |request| match request.target.as_str() {
        "/head" => Reply::ok("").after(late),
        _ => Reply::chunked(["a", "b"]).paced(late),
    });
    let soon = Duration::from_millis(60);
    let total = Client::builder().timeout(soon).build().unwrap();
    let read = Client::builder().read_timeout(soon).build().unwrap();
    for client in [&total, &read] {
        let error = client.get(server.url("/head")).send().await.unwrap_err();
        assert!(error.is_timeout() && error.is_request() && !error.is_connect());
        let error = match client.get(server.url("/body")).send().await {
            Ok(response) => response.bytes().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.is_timeout(), "{error:?}");
    }
    let own = Client::new()
        .get(server.url("/head"))
        .timeout(soon)
        .send()
        .await;
    assert!(own.unwrap_err().is_timeout());
}

#[tokio::test]
async fn userinfo_becomes_a_header() {
    let server = Server::http(|_| Reply::ok(""));
    let url = server.url("/").replace("http://", "http://tom:t%20t@");
    let request = Client::new().get(&url).build().unwrap();
    assert_eq!(request.url().as_str(), server.url("/"));
    assert!(request.headers()["authorization"].is_sensitive());
    Client::new().execute(request).await.unwrap();
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Basic dG9tOnQgdA==")
    );
}

#[tokio::test]
async fn idle_connections_are_closed_in_time_and_none_are_kept_if_so_told() {
    let server = Server::http(|_| Reply::ok("x"));
    let client = Client::builder()
        .pool_idle_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    client
        .get(server.url("/"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(server.settle(|server| server.open() == 0));
    let none = Client::builder().pool_max_idle_per_host(0).build().unwrap();
    for _ in 0..2 {
        none.get(server.url("/"))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn clients_are_services_and_requests_go_through_http() {
    use tower_service::Service;
    let server = Server::http(mirror);
    let request = http::Request::builder()
        .method(Method::PUT)
        .uri(server.url("/x"))
        .body("as is")
        .unwrap();
    let request = reqwest::Request::try_from(request).unwrap();
    let mut client = Client::new();
    std::future::poll_fn(|cx| client.poll_ready(cx))
        .await
        .unwrap();
    let response = client.call(request).await.unwrap();
    let response: http::Response<Body> = response.into();
    let response = reqwest::Response::from(response);
    assert_eq!(response.text().await.unwrap(), "as is");
}

#[test]
fn debug_shows_no_more_than_reqwests() {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(1));
    let text = format!("{:?}", client.build().unwrap());
    assert!(text.starts_with("Client { accepts: Accepts {"), "{text}");
    assert!(text.ends_with(
        "referer: true, default_headers: {\"accept\": \"*/*\"}, reqwest::config::TotalTimeout: 1s }"
    ));
    let request = Client::new()
        .get("http://a/")
        .bearer_auth("hunter2")
        .build()
        .unwrap();
    assert!(!format!("{request:?}").contains("hunter2"));
}

#[test]
fn a_response_to_come_is_small() {
    let sending = Client::new().get("nowhere").send();
    assert!(size_of_val(&sending) <= 32, "{}", size_of_val(&sending));
}

#[tokio::test]
async fn the_chain_of_a_failed_exchange_reads_as_reqwests() {
    let chain = |error: reqwest::Error| -> Vec<String> {
        std::iter::successors(error.source(), |cause| (*cause).source())
            .map(ToString::to_string)
            .collect()
    };
    let client = Client::builder().no_proxy().build().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let closing = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0; 1024]).unwrap();
    });
    let closed = client.get(&url).send().await.unwrap_err();
    assert!(closed.is_request() && !closed.is_connect());
    assert_eq!(
        chain(closed),
        [
            "client error (SendRequest)",
            "connection closed before message completed"
        ]
    );
    closing.join().unwrap();
    let refused = client.get(&url).send().await.unwrap_err();
    assert!(refused.is_request() && refused.is_connect());
    assert_eq!(chain(refused)[0], "client error (Connect)");
}

#[tokio::test]
async fn a_call_outlives_its_client_and_may_be_shared() {
    fn task<F: Future + Send + Sync + 'static>(call: F) -> F {
        call
    }
    let server = Server::http(|_| Reply::ok("x"));
    let begin = || {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.get(server.url("/")).build().unwrap();
        (client.execute(request), client.get(server.url("/")).send())
    };
    let (executed, sent) = begin();
    let executed = tokio::spawn(task(executed)).await.unwrap();
    assert_eq!(executed.unwrap().text().await.unwrap(), "x");
    assert_eq!(task(sent).await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_empty_body_loses_its_coding_too() {
    let server = Server::http(|request| match request.method.as_str() {
        "HEAD" => {
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\n")
        }
        _ => Reply::ok("").header("content-encoding", "gzip"),
    });
    let client = Client::builder().no_proxy();
    let blocking = super::client();
    let client = client.build().unwrap();
    for method in [Method::HEAD, Method::GET] {
        let response = client.request(method.clone(), server.url("/")).send();
        let response = response.await.unwrap();
        assert!(!response.headers().contains_key("content-encoding"));
        assert!(!response.headers().contains_key("content-length"));
        assert_eq!(response.text().await.unwrap(), "");
        let response = blocking.request(method, server.url("/")).send().unwrap();
        assert!(!response.headers().contains_key("content-encoding"));
        assert!(!response.headers().contains_key("content-length"));
    }
    let plain = Client::builder().no_proxy().no_gzip().build().unwrap();
    let response = plain.head(server.url("/")).send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
}
