//! The area about cookies: what responses set, what clients and calls are given, and how a jar shows itself.

use dimorph::Cookies;
use serde_json::{Value, json};

use super::super::dual;
use super::building::request;
use super::redirects::follow;
use super::{Verdict, area};

area!(cookies_go_back_and_forth, "cookies", cookies);

#[dual]
async fn cookies(row: Value) -> Verdict {
    let input = &row["input"];
    if input.get("requests").is_some() {
        return follow(row.clone()).await;
    }
    if input.get("url").is_some() {
        return request(row.clone()).await;
    }
    let jar = Cookies::new();
    for cookie in input["set"].as_array().unwrap() {
        let text = |at: usize| cookie[at].as_str().unwrap();
        jar.set(text(0), text(1), text(2)).unwrap();
    }
    Verdict {
        expected: row["expected"].clone(),
        actual: json!({ "repr": format!("{jar:?}") }),
    }
}
