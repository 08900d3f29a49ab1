//! Mocks: routes that ask for secrets, calls that hold them, and what is said where nothing fits.

use dimorph::transport::{Fault, IntoReply, Mock, MockResponse, Route, Times};
use dimorph::{Error, Request};
use http::HeaderValue;
use serde_json::json;
use sync_tests::Server;

use super::super::dual;
use super::every_type::Shown;
use super::transports::{asked, over, show_outcome, show_panic};

/// Routes that want other secrets than there are.
fn routes() -> [Route; 10] {
    let mut token = HeaderValue::from_static("hush");
    token.set_sensitive(true);
    let at = || Route::post("http://a.test/users/{id}");
    [
        at().header("authorization", "Basic hush").name("users"),
        at().header("cookie", "r=hush-other"),
        at().header("proxy-authorization", "Basic hush"),
        at().header("content-type", "x").header("x-token", token),
        at().header("referer", "http://tom:hush@b.test/"),
        at().cookie("r", "hush-other"),
        at().body("hush"),
        at().body_contains("hush-other"),
        at().form([("password", "hush")]),
        at().json(&json!({"password": "hush-other"})),
    ]
}

#[dual]
pub(super) async fn mocks(shown: &Shown, server: &Server) {
    // Each alone, so that each has its say.
    for route in routes() {
        let mock = Mock::routes().route(route.expect(2));
        let client = over(shown, server, mock.clone());
        show_outcome(shown, asked(&client, "/users/7")).await;
        show_state(shown, &mock);
    }
    let mock = routes().into_iter().fold(Mock::routes(), Mock::route);
    show_outcome(shown, asked(&over(shown, server, mock.clone()), "/users/7")).await;
    show_state(shown, &mock);

    let route = Route::any("/users/{id}").cookie("r", "hush").name("users");
    shown.debug(&route);
    shown.text("Route", route.to_string());
    let mock = Mock::routes().route(route.reply(answer()).expect(5));
    let client = over(shown, server, mock.clone());
    show_outcome(shown, asked(&client, "/users/7")).await;
    show_state(shown, &mock);
    let named = mock.named("users");
    shown.debug(&named);
    let call = named.last_call().unwrap();
    shown.debug(&call);
    shown.debug(call.params());
    show_panic(shown, || named.assert_count(9));
    shown.error(&call.json::<u32>().unwrap_err());
    show_panic(shown, || drop(mock.named("nobody")));

    values(shown);
    for fault in [Fault::ProxyError, Fault::Tls, Fault::BodyReset(1)] {
        shown.debug(&fault);
        let mock = Mock::new(move |_: &Request| answer().fault(fault));
        show_outcome(shown, asked(&over(shown, server, mock), "/")).await;
    }
    // Credentials are no part of a route's target, but people try.
    for target in [
        "http://tom:hush@a.test/x",
        "http://tom:hush@a.test:81/x",
        "http://hush@a.test?x",
        "http://tom:hush@a.test:x/",
    ] {
        let route = Route::any(target);
        shown.debug(&route);
        shown.text("Route", route.to_string());
        let mock = Mock::routes().route(route.expect(2));
        show_outcome(shown, asked(&over(shown, server, mock.clone()), "/x")).await;
        show_state(shown, &mock);
    }
    let wrong = Route::any("/").header("authorization", "hush\n");
    let mock = Mock::routes().route(wrong);
    show_outcome(shown, asked(&over(shown, server, mock), "/")).await;
}

fn answer() -> MockResponse {
    let body = "{\"token\": hush";
    MockResponse::new(404)
        .header("set-cookie", "s=hush")
        .header("location", "http://tom:hush@a.test/b")
        .trailer("set-cookie", "t=hush")
        .extension("hush")
        .body(body)
}

/// What needs no request.
fn values(shown: &Shown) {
    let failed = Error::other("an application's own words");
    for response in [
        answer(),
        answer().fault(Fault::ReadError),
        answer().header("authorization", "hush\n"),
        answer().trailer("authorization", "hush\n"),
        answer().headers([("cookie", "hush\n")]),
        MockResponse::new(200).json(&json!({"password": "hush"})),
        MockResponse::error(failed),
    ] {
        shown.debug(&response);
        shown.debug(&response.into_reply());
    }
    shown.debug(&Times::from(1..));
}

/// What a mock says of itself and of its calls.
fn show_state(shown: &Shown, mock: &Mock) {
    shown.debug(mock);
    for call in mock.calls() {
        shown.debug(&call);
        shown.text("route", format!("{:?}", call.route()));
    }
    shown.text("verify", mock.verify().unwrap_err());
    show_panic(shown, || mock.assert_count(99));
    show_panic(shown, || mock.assert_all_called());
    let guard = mock.verify_on_drop();
    shown.debug(&guard);
    show_panic(shown, || drop(guard));
}
