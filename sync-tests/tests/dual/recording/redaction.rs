//! What never reaches the file.

use dimorph::ErrorKind;
use dimorph::multipart::{Form, Part};
use dimorph::transport::Replay;
use sync_tests::{Reply, Server};

use super::form::Client;
use super::{Folder, dual, form_test, over, with};

#[dual]
#[form_test]
async fn nothing_secret_reaches_the_file() {
    let folder = Folder::new();
    let server = Server::http(|request| {
        Reply::ok(r#"{"profile": {"email": "s3cret-mail"}, "id": "s3cret-text"}"#)
            .header("set-cookie", "a=s3cret-a; Path=/; Secure")
            .header("set-cookie", "b=\"s3cret-b;s3cret-rest\"")
            .header("x-csrf-token", "s3cret-csrf")
            .header("x-mine", "s3cret-mine")
            .header(
                "location",
                "http://u:s3cret-user@h.test/?sig=s3cret-sig#access_token=s3cret-fragment",
            )
            .header("x-echo", request.header("x-hook").unwrap_or_default())
    });
    let recorder = folder
        .recorder()
        .redact_header("x-mine")
        .redact_param("pin")
        .redact_json("/profile/email")
        .redact_text("s3cret-text")
        .redact(|exchange| {
            exchange.request_headers_mut().remove("x-hook");
            exchange.response_headers_mut().remove("x-echo");
        });
    let address = server.address();
    let ask = |client: &Client, secret: &str, json: bool| {
        let url = format!(
            "http://s3cret-name:{secret}pw@{address}/?access_token={secret}q&pin={secret}&page=1#{secret}"
        );
        let request = client
            .post(url)
            .header("authorization", format!("Bearer {secret}bearer"))
            .header("proxy-authorization", format!("Basic {secret}"))
            .header("cookie", format!("sid={secret}sid; {secret}"))
            .header("x-api-key", format!("{secret}key"))
            .header("x-mine", secret)
            .header("x-hook", secret)
            .header("referer", format!("http://h.test/?password={secret}"));
        match json {
            true => {
                request.json(serde_json::json!({"user": "u", "deep": [{"client_secret": secret}]}))
            }
            false => request.form([("user", "u"), ("password", secret), ("pin", secret)]),
        }
    };
    let client = over(recorder.clone());
    for json in [true, false] {
        let sent = ask(&client, "s3cret-", json).send().await;
        let text = sent.unwrap().text().await.unwrap();
        assert!(
            text.contains("s3cret-mail"),
            "the caller's response is whole: {text}"
        );
    }
    let text = folder.text();
    assert!(!text.contains("s3cret"), "{text}");
    for kept in [
        "page=1",
        "\\\"user\\\":\\\"u\\\"",
        "user=u&password=REDACTED",
        "Basic REDACTED",
        "a=REDACTED; Path=/; Secure",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert!(!format!("{recorder:?}").contains("s3cret"));
    // Whatever was redacted fits anything.
    let client = with(folder.replay().match_header("x-api-key"));
    for json in [true, false] {
        let sent = ask(&client, "another-", json).send().await;
        let text = sent.unwrap().text().await.unwrap();
        assert_eq!(text, r#"{"profile":{"email":"REDACTED"},"id":"REDACTED"}"#);
    }
    let error = ask(&client, "another-", true).send().await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(
        !told.contains("another-bearer") && !told.contains("another-pw"),
        "{told}"
    );
}

#[dual]
#[form_test]
async fn what_is_to_be_kept_is_kept() {
    let folder = Folder::new();
    let server = Server::http(|_| Reply::ok("x").header("x-auth-token", "public"));
    let recorder = folder
        .recorder()
        .keep_header("X-Auth-Token")
        .keep_param("key");
    let client = over(recorder);
    let sent = client.get(server.url("/?key=shown")).send().await;
    assert_eq!(sent.unwrap().status(), 200);
    let text = folder.text();
    assert!(
        text.contains("?key=shown") && text.contains("\"public\""),
        "{text}"
    );
}

#[dual]
#[form_test]
async fn secrets_in_parts_and_of_any_kind_are_redacted_and_fit_anything() {
    let folder = Folder::new();
    let server = Server::http(|_| Reply::ok("answer"));
    let recorder = over(folder.recorder());
    let replay = folder.tape();
    let form = |secret: &str| {
        let file = Part::bytes(format!("{secret}\0"))
            .file_name("c.bin")
            .mime("application/octet-stream");
        Form::new()
            .text("user", "tom")
            .text("password", format!("{secret}pw"))
            .part("credentials", file.unwrap())
            .text("last", "one")
    };
    let json = |secret: &str, pin: u32| {
        serde_json::json!({
            "pin": pin, "passwords": [secret], "credentials": {"user": secret},
            "public_secret": secret, "passcode": secret, "max_tokens": 777,
        })
    };
    let url = |secret: &str| {
        server.url(&format!(
            "/?next_secret={secret}&previous_password={secret}&otp={secret}&next_token=shown"
        ))
    };
    let send = |client: &Client, secret: &str, pin: u32| {
        [
            client.post(url(secret)).multipart(form(secret)),
            client.post(url(secret)).json(json(secret, pin)),
        ]
    };
    for request in send(&recorder, "s3cret-", 918_273) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let text = folder.text();
    for secret in ["s3cret-", "918273"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for kept in ["tom", "one", "777", "next_token=shown", "c.bin"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let client = with(Replay::from_file(replay).unwrap());
    for request in send(&client, "another", 1) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let other = client
        .post(url("another"))
        .multipart(form("x").text("more", "1"));
    let error = other.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
}
