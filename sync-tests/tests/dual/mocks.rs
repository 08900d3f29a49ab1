//! Mocks: routes, counts and assertions.

mod faults;
mod over_the_client;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dimorph::transport::{Handler, Mock, MockResponse, PathParams, Route};
use dimorph::{Body, ErrorKind, Method, Request, StatusCode};
use sync_tests::{Reply, Server};

use super::form::{Client, Transport};
use super::{dual, form_test, form_util};

const BASE: &str = "http://mock.test";

fn with(transport: impl Transport + 'static) -> Client {
    let builder = Client::builder().trust_env(false).base_url(BASE);
    builder.transport(transport).build().unwrap()
}

/// What a panic says.
fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[dual]
async fn get(client: &Client, path: &str) -> String {
    let response = client.get(path).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    format!("{status} {text}")
}

#[dual]
#[form_test]
async fn a_closure_answers_every_request() {
    let mock = Mock::new(|request: &Request| (200, format!("hello {}", request.url().path())));
    let client = with(mock.clone());
    let answer = get(&client, "/x").await;
    assert_eq!(answer, "200 hello /x");
    let answer = get(&client, "https://other.test/y").await;
    assert_eq!(answer, "200 hello /y");
    mock.assert_count(2);
    let status = with(Mock::new(|_: &Request| StatusCode::IM_A_TEAPOT));
    let answer = get(&status, "/").await;
    assert_eq!(answer, "418 ");
    let either = with(Mock::new(|request: &Request| match request.url().path() {
        "/ok" => Ok((201, "made")),
        _ => Err(dimorph::Error::other("no such thing")),
    }));
    let answer = get(&either, "/ok").await;
    assert_eq!(answer, "201 made");
    let error = either.get("/no").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert_eq!(error.url().unwrap().path(), "/no");
    assert!(error.to_string().contains("no such thing"), "{error}");
}

#[dual]
#[form_test]
async fn routes_answer_by_method_path_and_conditions() {
    let mock = Mock::routes()
        .get("/users/{id}", |_: &Request, params: &PathParams| {
            format!("user {}", &params["id"])
        })
        .post("/users", |request: &Request| {
            (201, format!("made {}", request.content().unwrap().len()))
        })
        .on(
            Method::from_bytes(b"PURGE").unwrap(),
            "/cache/{*key}",
            |request: &Request| {
                let params = request.extensions().get::<PathParams>().unwrap();
                params["key"].to_owned()
            },
        )
        .route(Route::get("/list").query("page", "1").reply("one"))
        .route(Route::get("/list").has_header("x-all").reply("all"))
        .route(Route::get("/list").host("*.mock.test").reply("below"))
        .any("/any", 204);
    let client = with(mock.clone());
    let table = [
        ("/users/7", "200 user 7"),
        ("/users/a%20b", "200 user a b"),
        ("/list?page=1", "200 one"),
        ("http://a.mock.test/list", "200 below"),
        ("/any", "204 "),
    ];
    for (path, expected) in table {
        let answer = get(&client, path).await;
        assert_eq!(answer, expected, "{path}");
    }
    let response = client.post("/users").body("Tom").send().await.unwrap();
    assert_eq!(response.status(), 201);
    let text = response.text().await.unwrap();
    assert_eq!(text, "made 3");
    let purge = client.request(Method::from_bytes(b"PURGE").unwrap(), "/cache/a/b");
    let response = purge.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "a/b");
    let all = client.get("/list").header("x-all", "1");
    let response = all.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "all");
    mock.assert_all_called();
}

#[dual]
#[form_test]
async fn a_request_without_a_route_is_told_what_nearly_matched() {
    let mock = Mock::routes()
        .route(
            Route::post("/login")
                .header("authorization", "Bearer s3cret-a")
                .reply(200),
        )
        .route(Route::get("/users").query("page", "1").name("first page"));
    let client = with(mock.clone());
    let request = client.get("http://tom:mot123@mock.test/users?page=2");
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    let text = error.to_string();
    assert!(
        text.contains("no route of the mock matches `GET http://")
            && text.contains("/users?page=2`"),
        "{text}"
    );
    assert!(
        text.contains("\n  GET /users (first page): the query parameter \"page\" is not \"1\""),
        "{text}"
    );
    assert!(text.contains("POST /login: "), "{text}");
    let request = client.post("/login").bearer_auth("s3cret-b");
    let error = request.send().await.unwrap_err();
    let other = format!("{error} {error:?}");
    let problems = mock.verify().unwrap_err();
    assert!(
        problems.contains("2 requests matched no route, the first was `GET "),
        "{problems}"
    );
    let all = format!("{text} {other} {problems} {mock:?} {:?}", mock.calls());
    for secret in ["mot123", "s3cret"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[dual]
#[form_test]
async fn answers_come_in_sequence_and_routes_are_used_up() {
    let mock = Mock::routes()
        .route(Route::get("/job").replies([202, 202, 200]))
        .route(
            Route::get("/twice")
                .reply("once")
                .then(|_: &Request| "again")
                .then_unmatched(),
        )
        .route(Route::get("/limited").times(1).reply("first"))
        .route(Route::any("/limited").reply((429, "no more")))
        .fallback((404, "no such page"));
    let client = with(mock.clone());
    let table = [
        ("/job", "202 "),
        ("/job", "202 "),
        ("/job", "200 "),
        ("/job", "200 "),
        ("/twice", "200 once"),
        ("/twice", "200 again"),
        ("/twice", "404 no such page"),
        ("/limited", "200 first"),
        ("/limited", "429 no more"),
        ("/limited", "429 no more"),
    ];
    for (path, expected) in table {
        let answer = get(&client, path).await;
        assert_eq!(answer, expected, "{path}");
    }
    mock.assert_verified();
    mock.reset();
    mock.assert_count(0);
    let answer = get(&client, "/job").await;
    assert_eq!(answer, "202 ", "a reset mock begins again");
}

#[dual]
#[form_test]
async fn calls_are_kept_with_url_headers_and_body() {
    let mock = Mock::routes()
        .route(Route::post("/users/{id}").name("users"))
        .fallback(404);
    let client = with(mock.clone());
    let request = client
        .post("/users/7?a=b%20c")
        .header("x-a", "1")
        .body("Tom");
    request.send().await.unwrap();
    client.get("/other").send().await.unwrap();
    let reader = Body::from_reader(&b"once"[..]);
    client.post("/users/8").body(reader).send().await.unwrap();
    let form = dimorph::multipart::Form::new().text("name", "Tom");
    client
        .post("/users/9")
        .multipart(form)
        .send()
        .await
        .unwrap();

    let calls = mock.calls();
    assert_eq!(calls.len(), 4);
    assert_eq!(*calls[0].method(), Method::POST);
    assert_eq!(calls[0].url().as_str(), "http://mock.test/users/7?a=b%20c");
    assert_eq!(calls[0].query("a").as_deref(), Some("b c"));
    assert_eq!(calls[0].headers()["x-a"], "1");
    assert_eq!(calls[0].content().unwrap(), "Tom");
    assert_eq!(&calls[0].params()["id"], "7");
    assert_eq!(calls[0].route(), Some("users"));
    assert_eq!(
        (calls[1].route(), calls[1].content().unwrap().len()),
        (None, 0)
    );
    assert!(calls[2].content().is_none(), "a reader is left alone");
    assert!(calls[3].text().unwrap().contains("\r\n\r\nTom\r\n"));
    let users = mock.named("users");
    assert_eq!((users.count(), users.calls().len()), (3, 3));
    users.assert_count(3);
    users.assert_called();
    assert_eq!(users.last_call().unwrap().url().path(), "/users/9");
    assert_eq!(mock.last_call().unwrap().url().path(), "/users/9");
}

#[dual]
#[form_test]
async fn json_goes_both_ways() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct User {
        name: String,
    }
    let tom = || User { name: "Tom".into() };
    let value = serde_json::json!({"name": "Tom"});
    let mock = Mock::routes()
        .route(Route::post("/is").json(&tom()).reply((201, value.clone())))
        .route(
            Route::post("/has")
                .json_contains(&value)
                .reply(MockResponse::new(200).json(&tom())),
        );
    let client = with(mock.clone());
    let response = client.post("/is").json(tom()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let user: User = response.json().await.unwrap();
    assert_eq!(user, tom());
    let more = serde_json::json!({"name": "Tom", "age": 7});
    let response = client.post("/has").json(&more).send().await.unwrap();
    let user: User = response.json().await.unwrap();
    assert_eq!(user, tom());
    let error = client.post("/is").json(&more).send().await.unwrap_err();
    assert!(
        error.to_string().contains("the JSON differs at `/age`"),
        "{error}"
    );
    let user: User = mock.calls()[0].json().unwrap();
    assert_eq!(user, tom());
    let error = mock.calls()[0].json::<u8>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Json);
}

#[dual]
#[form_test]
async fn what_was_expected_is_checked() {
    let mock = Mock::routes()
        .route(Route::get("/a").expect(2).name("a"))
        .route(Route::get("/b").expect_at_least(1))
        .route(Route::get("/c").expect(..=1))
        .get("/d", 200);
    let client = with(mock.clone());
    for path in ["/a", "/c", "/c"] {
        client.get(path).send().await.unwrap();
    }
    let expected = "the mock was not called as expected:\
        \n  GET /a (a) was called once, expected: 2 times\
        \n  GET /b was never called, expected: at least once\
        \n  GET /c was called 2 times, expected: at most once";
    assert_eq!(mock.verify().unwrap_err(), expected);
    assert_eq!(panics(|| mock.assert_verified()), expected);
    let all = format!("{expected}\n  GET /d was never called, expected: at least once");
    assert_eq!(panics(|| mock.assert_all_called()), all);
    let text = panics(|| mock.named("a").assert_count(2));
    assert_eq!(
        text,
        "GET /a (a) was called once, expected: 2 times; the last requests were:\
         \n  GET http://mock.test/a\n  GET http://mock.test/c\n  GET http://mock.test/c"
    );
    let text = panics(|| mock.assert_count(1..3));
    assert!(
        text.starts_with("the mock was called 3 times, expected: 1 to 2 times"),
        "{text}"
    );
    let text = panics(|| drop(mock.named("e")));
    assert_eq!(text, r#"the mock has no route named "e", only ["a"]"#);
    assert_eq!(panics(|| drop(mock.verify_on_drop())), expected);
    mock.reset();
    for path in ["/a", "/a", "/b"] {
        client.get(path).send().await.unwrap();
    }
    assert_eq!(mock.verify(), Ok(()));
    drop(mock.verify_on_drop());
}

#[dual]
#[form_test]
async fn routes_come_and_go_while_the_mock_is_in_use() {
    let mock = Mock::routes();
    let client = with(mock.clone());
    let error = client.get("/a").send().await.unwrap_err();
    assert!(error.to_string().contains("which has none"), "{error}");
    mock.add(Route::get("/a").reply("one").name("one"));
    mock.add(Route::get("/a").reply("two"));
    let answer = get(&client, "/a").await;
    assert_eq!(answer, "200 one");
    assert!(mock.remove("one") && !mock.remove("one"));
    let answer = get(&client, "/a").await;
    assert_eq!(answer, "200 two");
    mock.add(Route::get("/{broken"));
    let error = client.get("/a").send().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the route GET /{broken is broken"),
        "{error}"
    );
}

#[dual]
#[form_test]
async fn calls_at_once_are_counted_exactly() {
    let mock = Mock::routes()
        .route(Route::get("/{n}").times(25).name("some"))
        .route(Route::get("/{n}").reply(204).name("rest"));
    let client = Arc::new(with(mock.clone()));
    let items: Vec<usize> = (0..100).collect();
    let statuses = form_util::concurrently(8, items, |n| {
        let client = Arc::clone(&client);
        send_one(client, n)
    })
    .await;
    let ok = statuses.iter().filter(|&&status| status == 200).count();
    assert_eq!((ok, statuses.len()), (25, 100));
    assert_eq!(
        (mock.named("some").count(), mock.named("rest").count()),
        (25, 75)
    );
    mock.assert_count(100);
}

#[dual]
async fn send_one(client: Arc<Client>, n: usize) -> u16 {
    let response = client.get(format!("/{n}")).send().await.unwrap();
    response.status().as_u16()
}

#[dual]
#[form_test]
async fn what_no_route_takes_passes_through() {
    let server = Server::http(|request| Reply::ok(format!("server {}", request.target)));
    let engine = || Client::builder().trust_env(false).build().unwrap();
    let mock = Mock::routes().get("/mocked", "mock");
    let client = with(mock.clone().pass_through(engine()));
    let answer = get(&client, &server.url("/mocked")).await;
    assert_eq!(answer, "200 mock");
    let answer = get(&client, &server.url("/real")).await;
    assert_eq!(answer, "200 server /real");
    mock.assert_count(2);
    assert_eq!(server.requests().len(), 1);

    let mock = Mock::routes().route(Route::get("/real").pass_through());
    let client = with(mock.clone().over(engine()));
    let answer = get(&client, &server.url("/real")).await;
    assert_eq!(answer, "200 server /real");
    let error = client.get(server.url("/other")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);

    let error = with(mock)
        .get(server.url("/real"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::LocalProtocolError,
        "nothing stands beneath"
    );
}

#[dual]
#[form_test]
async fn a_mock_is_mounted_for_a_part_of_the_urls() {
    let mock = Mock::new(|_: &Request| "mounted");
    let client = Client::builder()
        .trust_env(false)
        .mount("all://api.test", mock.clone())
        .transport(Mock::new(|_: &Request| "default"))
        .build()
        .unwrap();
    let answer = get(&client, "http://api.test/").await;
    assert_eq!(answer, "200 mounted");
    let answer = get(&client, "http://other.test/").await;
    assert_eq!(answer, "200 default");
    mock.assert_count(1);
}

#[dual]
#[form_test]
async fn a_closure_that_panics_does_not_break_the_mock() {
    let mock = Mock::routes().get("/panic", |request: &Request| -> u16 {
        panic!("at {}", request.url().path())
    });
    let client = with(mock.clone().get("/fine", 200));
    let task = form_util::spawn(panicking, client);
    let panicked = join_panicking(task).await;
    assert!(panicked);
    let client = with(mock.clone());
    client.get("/fine").send().await.unwrap();
    mock.assert_count(2);
}

#[dual]
async fn panicking(client: Client) {
    let _ = client.get("/panic").send().await;
}

#[dual]
async fn join_panicking(task: form_util::Task<()>) -> bool {
    // Joining passes the panic on; it has ended before that.
    form_util::until(|| task.is_finished()).await
}
