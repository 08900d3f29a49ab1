//! What the tables for those who come from elsewhere promise: each call in them is here, so that it compiles.
//!
//! Nothing of this is run; the chapters' snippets are.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use dimorph::blocking::{ClientBuilder, RequestBuilder, Response};
use dimorph::multipart::{Form, Part};
use dimorph::transport::{App, Handler, Mock, Recording, Retry, Ureq};
use dimorph::{
    AsyncClient, Auth, AuthFlow, BasicAuth, Body, Certificate, Client, Cookies, DigestAuth,
    Extensions, Method, NetrcAuth, NoProxy, Phase, PoolLimits, Proxy, ProxyMode, Request,
    StatusCode, StreamId, Timeout, TlsVersion, Version, auth_fn,
};
use serde_json::Value;

use super::read;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

struct Scheme;

impl Auth for Scheme {
    fn requires_request_body(&self) -> bool {
        true
    }

    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move { exchange.send(request).await.map(|_| ()) })
    }
}

fn requests(client: &Client, url: &str, file: File) -> Outcome {
    dimorph::get(url).send()?;
    dimorph::post(url).body("text").send()?;
    dimorph::request(Method::from_bytes(b"PURGE")?, url).send()?;
    client
        .get(url)
        .params([("a", 1)])
        .query([("a", 1)])
        .headers([("a", "b")])
        .header("a", "b")
        .send()?;
    client
        .post(url)
        .json(&Value::Null)
        .form([("a", "b")])
        .body(Body::from_reader(file))
        .send()?;
    let form = Form::new().file("f", "report.xls")?.text("a", "b");
    client
        .post(url)
        .multipart(form.part("g", Part::file("report.xls")?.mime("text/csv")?))
        .send()?;
    let reader = Part::reader(std::io::empty())
        .file_name("report.xls")
        .mime("text/csv")?;
    let _ = Form::new().part("f", reader);
    let _ = Body::sized(std::io::empty(), 0);
    let builder: RequestBuilder = client
        .get(url)
        .cookie("a", "b")
        .timeout(None)
        .follow_redirects(false)
        .max_redirects(1);
    let builder = builder
        .extensions(Extensions::new())
        .version(Version::HTTP_2);
    let builder = builder
        .basic_auth("user", Some("password"))
        .bearer_auth("token")
        .no_auth();
    let request: Request = builder.on_upload(|_| {}).on_download(|_| {}).build()?;
    let _ = (
        request.url(),
        request.method(),
        request.headers(),
        request.content(),
        request.try_clone()?,
    );
    client.send(request)?;
    client.execute(Request::new(Method::GET, url)?)?;
    client.send(client.build_request(Method::GET, url)?)?;
    client.send(http::Request::get(url).body("")?.try_into()?)?;
    for page in client.get(url).pages() {
        page?;
    }
    let _ = client.get(url).event_source();
    client.close();
    Ok(())
}

async fn asynchronous(client: &AsyncClient, url: &str) -> Outcome {
    let response = dimorph::asynchronous::get(url).send().await?;
    client
        .post(url)
        .body(Body::from_stream(response))
        .send()
        .await?;
    Ok(())
}

fn responses(response: fn() -> Response) -> Outcome {
    let mut r = response();
    let _ = (
        r.status(),
        r.reason(),
        r.headers(),
        r.url(),
        r.version(),
        r.remote_addr(),
        r.request(),
    );
    let _ = (
        r.is_success(),
        r.is_redirect(),
        r.is_client_error(),
        r.is_server_error(),
        r.is_error(),
        r.is_decoded(),
    );
    let _ = (
        r.history(),
        r.next_request(),
        r.cookies(),
        r.elapsed(),
        r.links(),
        r.encoding(),
        r.content_length(),
    );
    let _ = (
        r.extensions().get::<StreamId>(),
        r.num_bytes_downloaded(),
        r.raise_for_status()?,
        r.error_for_status_ref()?,
    );
    let _ = (
        r.status() == 404,
        r.status() == StatusCode::NOT_FOUND,
        r.version() == Version::HTTP_2,
    );
    r.buffer()?;
    let _ = r.content();
    let _ = (r.iter_bytes().chunk_size(8192).next(), r.chunk()?);
    let _ = (
        response().iter_raw().next(),
        response().iter_text().next(),
        response().iter_lines().next(),
    );
    let _ = (
        response().text()?,
        response().bytes()?,
        response().json::<Value>()?,
        response().upgrade()?,
    );
    let _ = (
        response().text_with_charset("latin-1")?,
        response().copy_to(&mut std::io::sink())?,
    );
    let _ = http::Response::<Body>::from(response());
    r.close();
    response().error_for_status()?.save_to("large.iso")?;
    let _ = (response().retry_after(), response().iter_sse().next());
    Ok(())
}

fn clients(builder: fn() -> ClientBuilder, tls: Arc<rustls::ClientConfig>) -> Outcome {
    let (ten, five) = (Duration::from_secs(10), Duration::from_secs(5));
    let timeouts = Timeout::new(ten)
        .connect(five)
        .read(five)
        .write(five)
        .pool(five)
        .head(five)
        .total(ten);
    let limits = PoolLimits::new()
        .hard_limit(100)
        .soft_limit(20)
        .keepalive_expiry(five);
    let client = builder()
        .base_url("https://example.org")
        .params([("a", 1)])
        .headers([("a", "b")])
        .user_agent("my-app")
        .without_header("a")
        .cookie("a", "b")
        .timeout(Timeout::none())
        .timeout(timeouts)
        .pool_limits(limits)
        .follow_redirects(true)
        .max_redirects(5)
        .redirect_policy(|attempt| attempt.follow())
        .default_encoding("shift-jis")
        .verify(false)
        .verify("authorities.pem")
        .verify(tls)
        .cert("client.pem")
        .cert(("cert.pem", "key.pem"))
        .add_root_certificate(Certificate::from_pem(b""))
        .min_tls_version(TlsVersion::TLS_1_2)
        .tls_sni(true)
        .tls_info(true)
        .trust_env(false)
        .http1(true)
        .http2(true)
        .http2_prior_knowledge()
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(five)
        .http1_title_case_headers(false)
        .on_request(|_: &mut Request| {})
        .on_response(|_: &mut Response| {})
        .on_event(|_| {})
        .around_connect(|connect| connect())
        .retries(3)
        .content_codings(["deflate"])
        .max_decoded_size(1 << 20)
        .cookie_store(false)
        .cookie_jar(Cookies::new())
        .build()?;
    let _ = (client.cookies(), client.pool_stats());
    let proxy = Proxy::new("http://proxy.example")?
        .basic_auth("user", "password")
        .header("a", "b")?;
    let _ = builder()
        .proxy(proxy.mode(ProxyMode::TunnelOnly))
        .proxies([("https", "http://proxy.example")])
        .no_proxy();
    let _ = (
        NoProxy::new("localhost"),
        builder().mount("https://example.org", Mock::new(|_: &Request| 200)),
    );
    let _ = builder()
        .mount_direct("all://*.example.org")
        .local_address(Ipv4Addr::LOCALHOST)
        .interface("eth0");
    let _ = builder()
        .unix_socket("/run/s")
        .tcp_nodelay(true)
        .tcp_keepalive(five)
        .resolve("a.test", Ipv4Addr::LOCALHOST);
    let _ = builder().resolver(Arc::new(Nowhere));
    let _ = builder()
        .auth(("user", "password"))
        .auth(BasicAuth::new("user", "password"));
    let _ = builder()
        .auth(DigestAuth::new("user", "password"))
        .auth(NetrcAuth::from_file("netrc")?);
    let _ = builder()
        .auth(auth_fn(|request: Request| request))
        .auth(Scheme);
    Ok(())
}

struct Nowhere;

impl dimorph::Resolve for Nowhere {
    fn resolve(&self, _: &str) -> dimorph::Resolving {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn transports(service: axum::Router) -> Outcome {
    let app = App::new(service.clone())
        .raise_app_errors(false)
        .mount_path("/sub")
        .remote_addr(([1, 2, 3, 4], 0));
    let _ = (
        Client::builder().app(service),
        Client::builder().transport(app),
    );
    let _ = Client::builder()
        .transport(Mock::new(|_: &Request| 200))
        .transport(Mock::routes())
        .transport(Ureq::new());
    let _ = Client::builder().transport(Recording::open("tape.har")?.over(Client::new()));
    let _ = Client::builder().transport(Retry::new(3).over(Client::new()));
    Ok(())
}

fn errors(error: dimorph::Error) -> bool {
    let _ = (
        error.kind(),
        error.url(),
        error.status(),
        error.phase() == Some(Phase::Tls),
    );
    let _ = (
        error.is_timeout(),
        error.is_connect(),
        error.is_network(),
        error.is_status(),
        error.is_request(),
        error.is_redirect(),
    );
    let _ = (
        error.is_decode(),
        error.is_body(),
        error.is_builder(),
        error.is_proxy(),
    );
    error.without_url().is_protocol()
}

/// The names that are called in the code spans of a table's last column.
fn called(page: &str) -> BTreeSet<String> {
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") || line.starts_with("|-"));
    let mut names = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        for code in cells.last().unwrap().split('`').skip(1).step_by(2) {
            let mut word = String::new();
            for c in code.chars() {
                match c {
                    '(' if !word.is_empty() => drop(names.insert(std::mem::take(&mut word))),
                    c if c.is_ascii_alphanumeric() || c == '_' => word.push(c),
                    _ => word.clear(),
                }
            }
        }
    }
    names
}

#[test]
fn every_call_in_the_tables_for_newcomers_compiles() {
    // The functions above are what compiles.
    let _ = (
        requests,
        asynchronous,
        responses,
        clients,
        transports,
        errors,
    );
    let code = include_str!("rows.rs");
    let mut count = 0;
    for page in ["httpx", "requests", "reqwest", "ureq"] {
        let page = read(format!("docs/src/coming-from-{page}.md"));
        for name in called(&page) {
            let here = code.contains(&format!("{name}(")) || code.contains(&format!("{name}::<"));
            assert!(
                here || ["Some", "Err"].contains(&name.as_str()),
                "`{name}(…)` is in a table and not here"
            );
            count += 1;
        }
    }
    assert!(count > 150, "only {count} calls were found");
}
