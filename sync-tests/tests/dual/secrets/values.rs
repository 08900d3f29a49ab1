//! Values that need no request, and what is wrong with them.

use std::io::Cursor;

use dimorph::auth::BearerAuth;
use dimorph::multipart::{Form, Part};
use dimorph::{
    Auth, BasicAuth, Body, Certificate, CertificateRevocationList, ClientCert, Cookies, DigestAuth,
    Error, ErrorKind, Method, NetrcAuth, NoProxy, PoolLimits, ProxyMode, Request, Timeout,
    TlsVersion, Url, Verify,
};
use sync_tests::certs::certs;
use sync_tests::peers::Folder;

use super::super::common::builder;
use super::every_type::Shown;

/// What needs no request.
pub(super) fn plain_values(shown: &Shown) {
    let (basic, digest) = (
        BasicAuth::new("tom", "hush"),
        DigestAuth::new("tom", "hush"),
    );
    shown.debug(&basic);
    shown.debug(&digest);
    shown.debug(&BearerAuth::new("hush"));
    let request = Request::new(Method::GET, "http://tom:hush@a.test/").unwrap();
    shown.debug(&request);
    shown.debug(&basic.auth_flow(request));

    let folder = Folder::new();
    let text = "machine a.test login tom password hush\ndefault login tom password hush";
    let file = folder.write("netrc", text);
    shown.debug(&NetrcAuth::from_file(&file).unwrap());
    for bad in [
        "machine a.test login tom password hush machine",
        "machine a.test login tom password hush\nhush",
        "machine a.test login tom password \"hush",
        "password hush",
        "machine a.test login tom password hush\0",
        "machine a.test hush",
    ] {
        match NetrcAuth::from_text(bad) {
            Ok(auth) => shown.debug(&auth),
            Err(error) => shown.error(&error),
        }
    }
    let file = folder.write(
        "broken.json",
        "{\"version\":1,\"cookies\":[{\"value\":\"hush\"",
    );
    shown.error(&Cookies::load(&file).unwrap_err());
    for bad in [
        "{\"version\":1,\"cookies\":\"hush\"}",
        "hush",
        "[\"hush\"]",
        "{\"version\":\"hush\"}",
    ] {
        shown.error(&Cookies::from_json(bad).unwrap_err());
    }
    let jar = Cookies::new();
    for (name, value, domain) in [
        ("a", "hush\n", "a.test"),
        ("a", "hush;", "a.test"),
        ("a", "hush", ""),
        ("a", "hush", "co.uk"),
        ("__Host-a", "hush", ".a.test"),
        ("a", "hush", "http://tom:hush@/"),
    ] {
        if let Err(error) = jar.set(name, value, domain) {
            shown.error(&error);
        }
    }
    for (url, value) in [("http://a.test/x", "a=hush"), ("http://b.test/", "a=hush")] {
        jar.add(value, &Url::parse(url).unwrap());
    }
    shown.debug(&jar);
    let error = jar.get("a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CookieConflict);
    shown.error(&error);

    let part = || Part::text("hush").header("authorization", "hush").unwrap();
    shown.debug(&part());
    shown.debug(&Part::reader(Cursor::new("hush")));
    let form = Form::new().text("a", "hush").part("b", part());
    shown.debug(&form);
    shown.error(&Part::text("hush").header("x-a", "hush\n").unwrap_err());
    for body in [
        Body::from("hush"),
        Body::from_reader(Cursor::new("hush")),
        Body::sized(Cursor::new("hush"), 4),
        Body::from(super::super::httpx_cases::file_of("hush")),
    ] {
        shown.debug(&body);
    }

    let certs = certs();
    let key = std::fs::read_to_string(&certs.client_key_file).unwrap();
    let both = std::fs::read_to_string(&certs.client_file).unwrap();
    let (own, pair) = (
        ClientCert::from_pem(&both),
        ClientCert::from_pem_pair(&both, &key),
    );
    let line = key.lines().nth(1).unwrap();
    for cert in [own, pair, ClientCert::from(&certs.client_file)] {
        shown.debug(&cert);
        assert!(!format!("{cert:?}").contains(line), "{cert:?}");
        shown.debug(&builder().cert(cert));
    }
    shown.debug(&Certificate::from_pem(&certs.ca_pem));
    shown.debug(&CertificateRevocationList::from_pem("hush"));
    shown.debug(&Verify::from(certs.ca_file.as_path()));
    shown.debug(&TlsVersion::TLS_1_3);
    shown.debug(&Timeout::default());
    shown.debug(&PoolLimits::default());
    shown.debug(&ProxyMode::Default);
    let hush = Error::other("an application's own words");
    shown.error(&hush.with_url(&Url::parse("http://tom:hush@a.test/").unwrap()));
    for list in [
        "http://tom:hush@a.test",
        "tom:hush@a.test:80, *.tom:hush@b.test",
        "hush@[::1]",
    ] {
        shown.debug(&NoProxy::new(list));
    }
}
